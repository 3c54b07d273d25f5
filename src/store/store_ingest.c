/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams: what of an agent's durable envelopes is committed.
 *
 * Per agent and stream the last committed number and the digest of that body are kept. A stream that begins
 * ends the one before; if the ended one speaks again with something new, two installations share an identity.
 * What a report says is store_report.c's.
 */
#include "store/store_ingest.h"
#include <stdio.h>
#include <string.h>

struct known {
	bool there;
	int64_t seq, ended;
	char digest[65];
};

static int stream_get(
	struct db *db, const struct ingest_envelope *v, struct known *k, struct err *e)
{
	struct stmt *s = db_prepare(
		db, "SELECT seq, ended, digest FROM streams WHERE agent = ?1 AND stream = ?2", e);
	int got;

	memset(k, 0, sizeof *k);
	if (!s)
		return -1;
	bind_text(s, 1, v->agent);
	bind_text(s, 2, v->stream);
	got = db_step(s, e);
	if (got > 0) {
		k->there = true;
		k->seq = col_int(s, 0);
		k->ended = col_int(s, 1);
		snprintf(k->digest, sizeof k->digest, "%s", col_text(s, 2) ? col_text(s, 2) : "");
	}
	db_done(s);
	return got < 0 ? -1 : 0;
}

/* Runs one statement about the stream of an envelope. Rows changed, or -1. */
static int64_t stream_run(
	struct db *db, const char *sql, const struct ingest_envelope *v, struct err *e)
{
	struct stmt *s = db_prepare(db, sql, e);

	if (!s)
		return -1;
	bind_text(s, 1, v->agent);
	bind_text(s, 2, v->stream);
	bind_int(s, 3, v->seq);
	bind_text(s, 4, v->digest);
	return db_run(s, e);
}

static int stream_set(struct db *db, const struct ingest_envelope *v, struct err *e)
{
	return stream_run(db,
		       "INSERT INTO streams (agent, stream, seq, digest, ended) VALUES (?1, ?2, "
		       "?3, ?4, 0)"
		       " ON CONFLICT (agent, stream) DO UPDATE SET seq = excluded.seq, digest = "
		       "excluded.digest",
		       v, e) < 0
		? -1
		: 0;
}

/* The others of this agent have ended; those that ended a month ago are forgotten. */
static int stream_begin(
	struct db *db, const struct ingest_envelope *v, int64_t now_ms, struct err *e)
{
	static const char *const texts[] = {
		"UPDATE streams SET ended = ?3 WHERE agent = ?1 AND stream <> ?2 AND ended = 0",
		"DELETE FROM streams WHERE agent = ?1 AND stream <> ?2 AND ended > 0 AND ended < "
		"?3 - 2592000000"};

	for (size_t i = 0; i < 2; i++) {
		struct stmt *s = db_prepare(db, texts[i], e);
		if (!s)
			return -1;
		bind_text(s, 1, v->agent);
		bind_text(s, 2, v->stream);
		bind_int(s, 3, now_ms);
		if (db_run(s, e) < 0)
			return -1;
	}
	return 0;
}

static int last_digest(struct db *db, const char *agent, char out[65], struct err *e)
{
	struct stmt *s =
		db_prepare(db, "SELECT digest FROM streams WHERE agent = ?1 AND ended = 0", e);
	int got;

	out[0] = '\0';
	if (!s)
		return -1;
	bind_text(s, 1, agent);
	got = db_step(s, e);
	if (got > 0 && col_text(s, 0))
		snprintf(out, 65, "%s", col_text(s, 0));
	db_done(s);
	return got < 0 ? -1 : 0;
}

static int advance(
	struct db *db, const struct ingest_envelope *v, bool begin, int64_t now_ms, struct err *e)
{
	if (begin && stream_begin(db, v, now_ms, e) < 0)
		return -1;
	return stream_set(db, v, e);
}

int ingest_ended(struct db *db, const char *agent, const char *stream, bool *ended, struct err *e)
{
	struct ingest_envelope v = {.agent = agent, .stream = stream};
	struct known k;

	if (stream_get(db, &v, &k, e) < 0)
		return -1;
	*ended = k.there && k.ended;
	return 0;
}

int ingest_skip(struct db *db, const struct ingest_envelope *v, int64_t now_ms, struct err *e)
{
	struct ingest_envelope upto = *v;
	struct known k;

	upto.digest = ""; /* no body stands for it */
	if (stream_get(db, v, &k, e) < 0)
		return -1;
	if (k.there && (k.ended || v->seq <= k.seq))
		return 0;
	return advance(db, &upto, !k.there, now_ms, e);
}

/* The most frequent case, in one statement: the next of the stream that speaks. 1; 0: it is another case. */
static int64_t goes_on(struct db *db, const struct ingest_envelope *v, struct err *e)
{
	return stream_run(db,
		"UPDATE streams SET seq = ?3, digest = ?4"
		" WHERE agent = ?1 AND stream = ?2 AND seq = ?3 - 1 AND ended = 0",
		v, e);
}

int ingest_advance(struct db *db, const struct ingest_envelope *v, int64_t now_ms,
	enum ingest_verdict *verdict, int64_t *committed, struct err *e)
{
	struct known k;
	bool follows = false; /* what we had, in a stream of which we had nothing */
	char last[65];
	int64_t next = goes_on(db, v, e);

	if (next < 0 || (next == 0 && stream_get(db, v, &k, e) < 0))
		return -1;
	*verdict = INGEST_TAKE;
	*committed = next ? v->seq : k.seq;
	if (next)
		return 0;
	if (k.there && v->seq <= k.seq) {
		*verdict = v->seq == k.seq && k.digest[0] && strcmp(k.digest, v->digest) != 0
			? INGEST_CLONE
			: INGEST_DUPLICATE;
		return 0;
	}
	if (k.there && k.ended) {
		*verdict = INGEST_CLONE;
		return 0;
	}
	if (!k.there && v->seq > 1) {
		if (last_digest(db, v->agent, last, e) < 0)
			return -1;
		follows = last[0] && strcmp(last, v->prev) == 0;
	}
	if (v->seq > k.seq + 1 && !follows) {
		*verdict = INGEST_GAP;
		return 0;
	}
	*committed = v->seq;
	return advance(db, v, !k.there, now_ms, e);
}
