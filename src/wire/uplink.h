/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child's half of the protocol, shared by agents and relays: one loop that sends what waits, fetches
 * what is there, and finds out by itself how it is best reached (ping, held request, poll). The owner
 * brings the envelopes and takes the frames.
 */
#ifndef HIM_WIRE_UPLINK_H
#define HIM_WIRE_UPLINK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/tls.h"
#include "wire/envelope.h"
#include <event2/event.h>

struct uplink;
struct evdns_base;

#define UPLINK_VOLATILE INT64_MAX /* a ticket for what nobody commits */

enum uplink_mode { UPLINK_PING, UPLINK_HELD, UPLINK_POLL };

struct uplink_ops {
	/* Adds to the hello what the owner has to say (spool, versions of lists, notice). */
	void (*hello)(void *ctx, struct json *hello);
	/* Appends envelopes to send, oldest first, as many as fit; returns a ticket > 0, or 0: nothing. What
	 * was collected is not collected again until accepted or lost. Of volatile ones alone: UPLINK_VOLATILE. */
	int64_t (*collect)(void *ctx, struct buf *out);
	void (*accepted)(void *ctx, int64_t ticket); /* the parent has them on its disk */
	void (*lost)(void *ctx, int64_t ticket); /* not accepted: they are to be collected again */
	/* Frames came down. Once they are on the owner's disk it calls uplink_ack(cursor), maybe at once. */
	void (*down)(void *ctx, const char *frames, size_t len, uint64_t cursor);
	/* May this be our parent? Judged after each handshake. */
	int (*judge)(void *ctx, const char *uri, struct err *e);
	/* Another parent than the last one answered: what is not committed must be collected again. */
	void (*parent)(void *ctx, const char *uri);
	/* Whether a commit is awaited. */
	bool (*waiting)(void *ctx);
	/* Once when contact is made and once when it is lost (then why says how). */
	void (*contact)(void *ctx, bool made, const char *parent, const struct err *why);
	/* The parent says, with every answer for a while, that two of us hang on it. May be NULL. */
	void (*copies)(void *ctx);
};

struct uplink_conf {
	struct event_base *base;
	struct evdns_base *dns;
	const struct uplink_ops *ops;
	void *ctx;
	const char *version, *stream; /* borrowed for its life */
	bool always_held;             /* relays */
	int64_t hold_ms, poll_ms, keepalive_ms, retry_max_ms,
		better_ms; /* better_ms: between tries of a better mode */
};

struct uplink *uplink_new(const struct uplink_conf *conf);
void uplink_free(struct uplink *u);
/* A reference is taken; the next connection uses it. */
void uplink_set_tls(struct uplink *u, SSL_CTX *tls);
/* "host:port" each, "[v6]:port" too; tried in this order, the last good one first. Copied. */
int uplink_set_parents(struct uplink *u, const char *const *addresses, size_t n, struct err *e);
void uplink_start(struct uplink *u);
void uplink_stream(struct uplink *u, const char *stream); /* a new stream; borrowed */

void uplink_wake(struct uplink *u); /* there is something to collect */
/* Something to send is expected within ms: do not start holding before. */
void uplink_linger(struct uplink *u, int64_t ms);
void uplink_ack(struct uplink *u, uint64_t cursor);
/* The same for what the parent may keep a while: it is told with the next exchange, which need not be made for that. */
void uplink_ack_later(struct uplink *u, uint64_t cursor);

enum uplink_mode uplink_mode(const struct uplink *u);
const char *uplink_mode_word(enum uplink_mode m);
const char *uplink_reason(const struct uplink *u);
const char *uplink_parent(const struct uplink *u); /* address in use */
/* The server's or relay's clock minus ours, at the last answer. */
int64_t uplink_skew_ms(const struct uplink *u);

struct uplink_counts {
	uint64_t exchanges, failed, resumed, pings, datagrams_bad;
};
void uplink_counts(const struct uplink *u, struct uplink_counts *out);

#endif
