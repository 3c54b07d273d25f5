/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parent's half of the protocol, shared by server and relay: who hangs here, what waits for them, how
 * they are woken (a held answer, one UDP ping, or their own poll), who is online. The owner brings what
 * differs: who is admitted, where envelopes are kept, what an acknowledgement means.
 */
#ifndef HIM_WIRE_HUB_H
#define HIM_WIRE_HUB_H

#include "base/err.h"
#include "base/http.h"
#include "base/json.h"
#include "wire/pki.h"
#include "wire/sign.h"
#include <event2/event.h>

struct hub;

enum hub_state { HUB_ONLINE, HUB_LATE, HUB_OFFLINE };
const char *hub_state_word(enum hub_state s);

/* What a child says of itself at each exchange. Strings live during the callback. */
struct hub_hello {
	const char *child; /* id */
	enum pki_role role;
	const char *stream, *mode, *reason, *version, *spool;
	int64_t spool_bytes, spool_max_bytes; /* relays; 0 unknown */
	const char *notice;                   /* what a person should know of it, or NULL */
	int64_t revoked_version;
	const struct json *json; /* all that it said */
};

struct hub_presence {
	const char *child;
	enum pki_role role;
	enum hub_state state;
	int64_t since_ms, seen_ms; /* wall clock */
	const char *mode, *reason;
};

struct hub_ops {
	/* Judges a child at every request: dates and revocation. `renew_only` is set when nothing but
	 * renewals may be taken from it, and nothing but the answer (mail whose key begins with "cert:") be given. -1 refuses
	 * with e. */
	int (*admit)(void *ctx, const struct tls_peer *peer, const char *id, enum pki_role role,
		bool *renew_only, struct err *e);
	/* A child spoke: called at its first exchange here, and when what it says of itself changed. */
	void (*hello)(void *ctx, const struct hub_hello *h);
	/* Envelopes (a run of whole `up` frames, form checked) to be put on the disk. The owner copies them and
	 * answers later, in the loop, with hub_taken(). Volatile ones may be dropped. */
	void (*take)(void *ctx, const char *child, const char *frames, size_t len, uint64_t ticket);
	/* The child has this mail on its disk; the mail is gone after the call. tag as posted. */
	void (*acked)(void *ctx, const char *child, const char *key, int64_t tag);
	/* The child was pinged or handed this mail for the first time. May be NULL. */
	void (*told)(void *ctx, const char *child, const char *key, int64_t tag);
	void (*presence)(void *ctx, const struct hub_presence *p);
	/* An exchange was refused, with that sentence. May be NULL. */
	void (*refused)(void *ctx, const struct err *e);
};

struct hub_conf {
	struct event_base *base;
	struct http_server *http; /* not owned; for dropping peers. May be NULL in tests */
	const struct hub_ops *ops;
	void *ctx;
	int64_t late_ms, offline_ms; /* silence after which a child is late, offline */
	int64_t hold_max_ms;         /* longest held answer */
	size_t mail_max_bytes;       /* of all mail in memory */
};

struct hub *hub_new(const struct hub_conf *conf);
void hub_free(struct hub *h); /* held requests are answered empty. Accepts NULL */

/* Binds the UDP port of the ping channel (the wanted one, else any) and returns it; -1: none, and
 * children hold instead. */
int hub_listen_udp(struct hub *h, const char *host, int port, struct err *e);

/* The handler of POST /him/v1/exchange. The request came from a peer with a certificate. */
void hub_exchange(struct hub *h, struct http_req *req);
void hub_taken(
	struct hub *h, uint64_t ticket, const struct err *e); /* e NULL or code 0: on the disk */

/*
 * Mail: a frame for a child (or for somebody below it), kept until the child acknowledges it. `key`
 * names it: posting the same key again replaces the bytes. A lazy one waits for the child to come by
 * itself. `record` is the id of a signed record that must travel before it (given with hub_record), or
 * NULL. -1: over mail_max_bytes (ERR_NO_SPACE) or the record is not known.
 */
struct hub_post {
	const char *child, *key, *record;
	const void *frame;
	size_t len;
	bool lazy;
	int64_t tag;
};
int hub_post(struct hub *h, const struct hub_post *p, struct err *e);
bool hub_unpost(struct hub *h, const char *child, const char *key);

/* A signed record that mail refers to; kept while any mail does, and until the loop is idle again. */
void hub_record(struct hub *h, const char *id, const void *frame, size_t len);
bool hub_has_record(const struct hub *h, const char *id);

/* A signed list of which every child wants the newest: types "revoked" (relays only), "relays", "time",
 * "providers".
 * Urgent ones wake the children that hold; one of "providers" pings the others, as an action for all would. */
void hub_broadcast(struct hub *h, const char *type, int64_t version, const void *frame, size_t len,
	bool urgent);

/* Ends everything with this child now (revoked): mail, held requests, connections. */
void hub_drop(struct hub *h, const char *child, enum pki_role role);

/* Calls fn for every child known here (presence for those who ask all). */
void hub_each(struct hub *h, void (*fn)(void *ctx, const struct hub_presence *p), void *ctx);

/* The owner could not keep what it was told: presence() for every child now, hello() with each one's next exchange. */
void hub_again(struct hub *h);

struct hub_counts {
	int64_t children, online, held, mail, mail_bytes;
	uint64_t exchanges, refused, pings, keepalives, bad_datagrams;
};
void hub_counts(const struct hub *h, struct hub_counts *out);

#endif
