/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of ingest share: one envelope under judgement (ingest.c), what it says (ingest_kinds.c), and what is said in
 * a rush (ingest_inbox.c). */
#ifndef HIM_SERVER_INGEST_INTERNAL_H
#define HIM_SERVER_INGEST_INTERNAL_H

#include "base/json.h"
#include "server/effect.h"
#include "server/ingest.h"
#include "store/store_inbox.h"
#include "wire/reply.h"
#include <uthash.h>

struct mac_key {
	char agent[ID_SIZE];
	char box[65];
	uint8_t key[MAC_KEY_BYTES];
	char cloned[STREAM_LEN + 1]; /* the stream by which a copy was last noticed */
	UT_hash_handle hh;
};

struct ingest {
	struct mac_key *keys; /* the writer thread's, as is what is refused */
	struct refused *refused;
	int64_t inbox_max_bytes;
	/* The loop's: a job that reads the inbox is queued; it is to be tried again, or was never tried. */
	bool reading, again;
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
	struct inbox_span inbox;
	bool notes, noted; /* its reports are noted down, to be read later; some are */
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

/* Who says it, by its row and its key: 1; 0: there is no such agent, or it may not speak; -1: the database failed. */
int ingest_speaker(struct said *x);

/* Runs work in a savepoint of its own. 1: done; 0: undone, for a reason of ours, which stands in e; -1: the database failed. */
int ingest_attempt(struct db *db, int (*work)(void *ctx, struct err *e), void *ctx, struct err *e);

/* In the loop, after the commit: what was counted, and what follows. */
void ingest_settle(struct batch *b);

/* Begins a batch: will its reports be noted, and is there room for them? */
int ingest_begin(struct batch *b, struct db *db, struct err *e);
/* Notes a report of the batch down. */
int ingest_note(struct said *x);

/* Takes what an envelope says that is its sender's and new: a table by kind. 0, or -1: the database failed. */
int ingest_kind(struct said *x);

#endif
