/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay's one struct. relay.c wires it, keep.c is its disk (spool up, mail down), down.c takes what the
 * server sends, serve.c is what its children reach besides the exchange.
 */
#ifndef HIM_RELAY_RELAY_H
#define HIM_RELAY_RELAY_H

#include "base/http.h"
#include "store/jobs.h"
#include "wire/hub.h"
#include "wire/identity.h"
#include "wire/uplink.h"
#include <uthash.h>

struct relay_conf {
	char *home, *parents, *listen, *addresses, *log_level, *server, *ca_fingerprint,
		*token_file, *name;
	int64_t port, spool_max_bytes, mail_max_bytes, hold_ms, retry_max_ms, late_ms, offline_ms,
		clock_offset_ms;
	bool udp;
};

struct revoked { /* an id that may not speak any more */
	char id[ID_SIZE];
	UT_hash_handle hh;
};

struct relay {
	const struct relay_conf *conf;
	char dir[1024]; /* HOME/relay */
	struct event_base *base;
	struct evdns_base *dns;
	struct identity id;
	struct http_server *http;
	int port;
	struct json *addresses; /* where children reach it */
	struct hub *hub;
	struct uplink *uplink;
	struct httpc *enrol; /* passes enrolments on */
	struct event *timer;
	bool tls_stale, parents_stale;
	uint64_t forged;

	/* keep.c */
	struct store *store;
	char spool[ID_SIZE]; /* random id of the disk that mail and spool stand on */
	int64_t spool_bytes, spool_rows;
	bool disk_full; /* what the store says of it */
	struct up *ups; /* what waits to go up, oldest first */
	int64_t next_ticket;
	struct buf volatiles; /* envelopes that need no disk */
	struct buf renewal;   /* a request for its own next certificate */

	/* down.c */
	struct revoked *revoked;
	int64_t revoked_version, providers_version;
	int64_t signed_ms, signed_mono; /* what time the server signed last, and when that came */
	struct buf lists[2];            /* the newest "revoked" and "time" frames */

	/* relay.c */
	char stream[STREAM_LEN + 1];  /* of its own, volatile, envelopes */
	struct json *presence, *told; /* gathered until the next exchange */
	bool presence_whole;          /* what was said of it may be lost: say all of it again */
};

/* keep.c: the disk */
int keep_open(struct relay *r, struct err *e);
void keep_close(struct relay *r);
/* Envelopes of a child: durable ones to the disk, volatile ones to memory; hub_taken(ticket) follows. */
void keep_up(struct relay *r, const char *frames, size_t len, uint64_t ticket);
int64_t keep_collect(struct relay *r, struct buf *out);
void keep_accepted(struct relay *r, int64_t ticket);
void keep_lost(struct relay *r, int64_t ticket); /* 0: everything */
/* Mail that came down: to the disk, then into the hub, then uplink_ack(cursor). */
void keep_down(struct relay *r, const char *frames, size_t len, uint64_t cursor);
void keep_mail_done(struct relay *r, const char *child, const char *key);
void keep_list(struct relay *r, const char *name, const void *data, size_t len);

/* down.c: what the server sends */
/* One frame: lists are taken here. 1: it is mail for `child` with `key` and `record` (buffers of that
 * size; record "" when none), `lazy` or not; 2: a signed record that mail may refer to; 0: done with. */
struct down {
	char child[ID_SIZE], key[96], record[ID_SIZE];
	bool lazy;
	struct buf frame; /* as it is to travel on: our own hop taken off its route */
	int64_t deadline; /* of a record */
};
int down_frame(struct relay *r, const struct frame *f, struct down *out, struct err *e);
int down_list(struct relay *r, const char *name, const void *data, size_t len, struct err *e);

/* What time it is by the server's signature, for judging certificates; the own clock while there was none. */
int64_t down_now(const struct relay *r);

/* serve.c: what children ask */
void serve(void *ctx, struct http_req *req);

/* relay.c */
int relay_run(const struct relay_conf *conf, struct err *e);

#endif
