/* SPDX-License-Identifier: Apache-2.0 */
/* What uplink.c (exchanges) and uplink_ping.c (datagrams) share. Nobody else includes it. */
#ifndef HIM_WIRE_UPLINK_INTERNAL_H
#define HIM_WIRE_UPLINK_INTERNAL_H

#include "base/httpc.h"
#include "wire/ping.h"
#include "wire/uplink.h"

struct uplink_parent {
	char *host;
	int port;
	char *address;
};

struct uplink_channel {
	int fd; /* -1: none */
	struct event *readable, *timer;
	uint64_t id, in_seq, out_seq;
	uint8_t key[PING_KEY_BYTES];
	int unanswered; /* keepalives since the last answer */
	bool proven;    /* an answer came */
};

struct uplink_line { /* one connection and the exchange under way on it */
	struct uplink *u;
	struct httpc *http;
	int64_t ticket; /* of the envelopes it carries, 0 none */
	int64_t hold_ms, begun_mono;
	uint64_t sent_ack;
	bool side, asked_ping;
};

struct uplink {
	struct uplink_conf conf;
	SSL_CTX *tls;
	struct uplink_parent *parents;
	size_t parents_n, at;
	struct httpc_sessions *sessions;
	struct uplink_line line, side;
	struct uplink_channel channel;
	struct event *step;
	enum uplink_mode mode;
	char reason[160];
	char parent_uri[TLS_URI_MAX], judged_uri[TLS_URI_MAX];
	bool contact, come, started;
	bool ack_now; /* what is acknowledged is worth an exchange */
	bool reopen;  /* close the lines at the next step: TLS context or parent changed */
	int64_t step_at_mono, second_mono;
	uint64_t second_exchanges;
	int fails, short_holds;
	int64_t not_before_mono;     /* backoff */
	int64_t ups_not_before_mono; /* the parent's disk was full */
	int64_t linger_until_mono, due_mono, better_mono, idle_since_mono, ack_by_mono;
	uint64_t cursor, acked, sent_ack; /* given, durable here, told to the parent */
	bool cursor_known;
	int64_t skew_ms;
	struct uplink_counts counts;
};

/* uplink.c */
void uplink_step_in(struct uplink *u, int64_t ms);
void uplink_set_mode(struct uplink *u, enum uplink_mode m, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int64_t uplink_jitter(int64_t ms); /* ms times 0.75 … 1.25 */

/* uplink_ping.c */
int uplink_channel_open(struct uplink *u, const struct json *ping);
void uplink_channel_close(struct uplink *u);

#endif
