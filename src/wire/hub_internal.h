/* SPDX-License-Identifier: Apache-2.0 */
/* What hub.c (exchanges), hub_mail.c (mailboxes) and hub_ping.c (datagrams) share. Nobody else includes it. */
#ifndef HIM_WIRE_HUB_INTERNAL_H
#define HIM_WIRE_HUB_INTERNAL_H

#include "wire/hub.h"
#include "wire/ping.h"
#include <sys/socket.h>
#include <uthash.h>

#define HUB_BROADCASTS 4
#define HUB_HELD_MAX 4      /* held requests a child: clones share an id, but not without end */
#define HUB_STREAMS 4       /* streams of a child that are remembered, to see one come back */
#define HUB_COPIES_MS 60000 /* how long a child is told that it is not the only one */
#define HUB_ANSWER_BYTES (2u << 20) /* mail in one answer; `more` asks for the rest */

/* A signed record that several mails refer to. */
struct hub_rec {
	char id[ID_SIZE];
	void *frame;
	size_t len;
	int refs;
	uint64_t mark; /* number of the answer it was last put into */
	UT_hash_handle hh;
};

struct hub_mail {
	char *key;
	uint64_t cursor;
	struct hub_rec *rec;
	void *frame;
	size_t len;
	bool lazy, told;
	int64_t tag;
	UT_hash_handle hh; /* of one child; walks in the order of cursors */
};

struct hub_held {
	struct http_req *req;
	struct hub *hub;
	char child[ID_SIZE];
	int64_t until_mono;
	struct hub_held *next;
};

struct hub_channel {
	uint64_t id; /* 0: none */
	uint8_t key[PING_KEY_BYTES];
	struct sockaddr_storage addr;
	socklen_t addr_len; /* 0: no keepalive came yet */
	uint64_t in_seq, out_seq;
};

struct hub_child {
	struct hub *hub;
	struct event *alarm;
	int64_t due_mono; /* when the alarm rings; 0: it is not set */
	char id[ID_SIZE];
	enum pki_role role;
	uint64_t acked, delivered, next; /* cursors: next is the one the next mail gets */
	struct hub_mail *mails;
	struct hub_held *held;
	struct hub_channel channel;
	int ping_tries; /* pings of this burst; 0: no burst under way */
	int64_t ping_next_mono;
	int64_t given[HUB_BROADCASTS];
	enum hub_state state;
	bool heard;      /* presence was told at least once */
	bool dirty;      /* in the list to be woken */
	bool renew_only; /* its certificate is not in force: it gets nothing but a new one */
	int64_t since_ms, seen_ms, seen_mono;
	char mode[8], reason[160], stream[STREAM_LEN + 1], version[32], spool[ID_SIZE], notice[256];
	char before[HUB_STREAMS][STREAM_LEN + 1]; /* streams that another one followed */
	int before_at;
	int64_t copies_mono; /* until then there are two of it */
	struct hub_child *dirty_next;
	UT_hash_handle hh, hh_channel;
};

struct hub_pending { /* an exchange whose envelopes are on their way to the disk */
	uint64_t ticket;
	struct http_req *req; /* NULL: gone */
	struct hub *hub;
	char child[ID_SIZE];
	bool side;
	int64_t hold_ms; /* it wants to wait so long for what the server says to them */
	UT_hash_handle hh;
};

struct hub_list { /* a broadcast */
	int64_t version;
	void *frame;
	size_t len;
};

struct hub {
	struct hub_conf conf;
	struct hub_child *children, *channels; /* by id, by channel */
	struct hub_rec *recs;
	struct hub_pending *pending;
	struct hub_list lists[HUB_BROADCASTS];
	struct hub_child *dirty;
	struct event *sweep, *flush, *udp;
	int udp_fd, udp_port;
	uint64_t last_ticket, answers;
	struct hub_counts counts;
};

/* hub.c */
struct hub_child *hub_find(struct hub *h, const char *id);
void hub_seen(struct hub *h, struct hub_child *c);
void hub_alarm(struct hub_child *c); /* after what it waits for has changed */
void hub_answer(struct hub *h, struct hub_child *c, struct http_req *req, bool side);
void hub_wake(
	struct hub *h, struct hub_child *c); /* deferred to the end of this turn of the loop */

/* hub_mail.c */
void hub_ack(struct hub *h, struct hub_child *c, uint64_t cursor);
/* Worth a ping: mail that is not lazy and was not delivered yet, or a list that it lacks and that pings. */
bool hub_mail_urgent(const struct hub *h, const struct hub_child *c);
bool hub_mail_any(const struct hub *h, const struct hub_child *c); /* anything at all to deliver */
/* Appends mail and lists; *more when it did not all fit. Returns the last cursor put in. A child that may only renew gets its
 * certificate, and the cursor does not move: an acknowledgement must not free what it was not given. */
uint64_t hub_mail_collect(struct hub *h, struct hub_child *c, struct buf *out, bool *more);
void hub_mail_told(struct hub *h, struct hub_child *c);
void hub_mail_clear(struct hub *h, struct hub_child *c);
int hub_list_slot(const char *type);
void hub_records_sweep(struct hub *h); /* records that no mail refers to: a second after one came */

/* hub_ping.c */
void hub_channel_new(struct hub *h, struct hub_child *c);
void hub_channel_end(struct hub *h, struct hub_child *c);
bool hub_ping_send(struct hub *h, struct hub_child *c); /* false: no way to reach it so */
void hub_ping_again(struct hub *h, struct hub_child *c, int64_t mono);
int64_t hub_ping_due(
	const struct hub_child *c); /* when that has something to do; INT64_MAX: never */
void hub_udp_close(struct hub *h);

#endif
