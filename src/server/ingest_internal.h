/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of ingest share: one envelope under judgement (ingest.c), and what it says (ingest_kinds.c). */
#ifndef HIM_SERVER_INGEST_INTERNAL_H
#define HIM_SERVER_INGEST_INTERNAL_H

#include "base/json.h"
#include "server/effect.h"
#include "server/ingest.h"
#include "store/row.h"
#include "wire/reply.h"
#include <uthash.h>

struct mac_key {
	char agent[ID_SIZE];
	char box[65];
	uint8_t key[MAC_KEY_BYTES];
	char cloned[STREAM_LEN + 1]; /* the stream by which a copy was last noticed */
	UT_hash_handle hh;
};

struct batch {
	struct store_job job;
	struct server *s;
	struct arena *arena;
	struct effects effects;
	struct server_counts counts;
	char child[ID_SIZE];
	char *frames;
	size_t len;
	uint64_t ticket;
	int64_t now_ms;
	char forked[STREAM_LEN +
		1]; /* the stream that was last told to fork: once a batch is enough */
};

struct said { /* one envelope, and what is known of who says it */
	struct batch *b;
	struct db *db;
	struct envelope env;
	struct agent agent;
	struct mac_key *key;
	const char *relay; /* its machine hangs on; NULL unknown */
	char digest[DIGEST_LEN + 1];
	struct json *body; /* parsed where the kind needs it */
	struct err *e;
};

/* What is said is not taken: counted, logged and an event once an hour, and nothing else of it is kept. 0, or -1: the database. */
int ingest_refuse(struct said *x, const char *why);

/* An answer that only the server can make and only this agent believes. */
void ingest_reply(struct said *x, enum effect_kind kind, const char *word, int64_t seq);

/* Takes what an envelope says that is its sender's and new: a table by kind. 0, or -1: the database failed. */
int ingest_kind(struct said *x);

#endif
