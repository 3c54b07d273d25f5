/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inbox: what reports say is read behind what people wait for. When the writer has more to do than the batch in its
 * hands, the batch's reports are noted down (a row at the end of a table, the least that a database can be asked for) and
 * acknowledged; they are read, into sections, columns and topology, when nothing else waits to be written. So a fleet
 * that comes back at once is acknowledged soon, and does not stand before the result of a command. A quiet server notes
 * nothing: it reads a report in the transaction that takes it.
 *
 * Invariants: reports are read in the order in which they were taken, so while one is noted all that follow are; what is
 * read is dropped in the same transaction; and what waits has a cap: a batch that finds the inbox full reads as much as it
 * brings before it is taken.
 */
#include "base/clock.h"
#include "base/log.h"
#include "server/ingest_internal.h"
#include "store/store_ingest.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READ_BYTES (4 << 20) /* in one job, as they came: what is being written waits for it */
#define READ_US 20000

/* A report that came some time ago; its agent may have been cut off or forgotten since. */
static int read_report(struct batch *b, struct db *db, const struct noted *v, struct err *e)
{
	struct said x = {.b = b, .db = db, .e = e, .env = {.kind = "report"}};
	int got;

	snprintf(x.env.agent, sizeof x.env.agent, "%s", v->agent);
	snprintf(x.digest, sizeof x.digest, "%s", v->digest);
	x.env.body = v->body.data;
	x.env.len = v->body.len;
	b->now_ms = v->taken;
	got = ingest_speaker(&x);
	return got > 0 ? ingest_kind(&x) : got;
}

/* One that cannot be read for a reason of ours must not stand before all others: its agent is asked for everything. */
static int read_alone(struct batch *b, struct db *db, const struct noted *v, struct err *e)
{
	if (db_savepoint(db, e) < 0)
		return -1;
	if (read_report(b, db, v, e) == 0)
		return db_release(db, e);
	if (ingest_world(e->code) || !db_in_transaction(db))
		return -1;
	db_rollback_to(db);
	log_limited(LOG_ERROR_, "inbox", 60000, "a report of agent %s is not read: %s", v->agent,
		e->text);
	return ingest_forget_base(db, v->agent, e);
}

/* What is read in one go, and how. */
struct reading {
	struct noted *rows;
	size_t n;
	int64_t us; /* for so long */
	int (*read)(struct batch *b, struct db *db, const struct noted *v, struct err *e);
};

static int read_rows(struct batch *b, struct db *db, const struct reading *r, struct err *e)
{
	int64_t began = clock_mono_us();
	size_t i = 0;

	while (i < r->n && (i == 0 || clock_mono_us() - began < r->us))
		if (r->read(b, db, &r->rows[i++], e) < 0)
			return -1;
	return i ? inbox_drop(db, r->rows[i - 1].id, e) : 0;
}

/* All in one, and if one of them fails each by itself, so that the others need not pay for it. */
static int read_safely(struct batch *b, struct db *db, struct reading *r, struct err *e)
{
	struct server_counts counts = b->counts;

	if (db_savepoint(db, e) < 0)
		return -1;
	if (read_rows(b, db, r, e) == 0)
		return db_release(db, e);
	if (ingest_world(e->code) || !db_in_transaction(db))
		return -1;
	db_rollback_to(db);
	b->counts = counts;
	effects_init(&b->effects, b->arena);
	r->read = read_alone;
	return read_rows(b, db, r, e);
}

/* The oldest, as many bytes or for so long. *any: there were some, and more may be left. */
static int read_oldest(
	struct batch *b, struct db *db, int64_t bytes, int64_t us, bool *any, struct err *e)
{
	struct reading r = {.us = us, .read = read_report};
	int64_t now_ms = b->now_ms;
	int rc = inbox_oldest(db, bytes, b->arena, &r.rows, &r.n, e);

	effects_init(&b->effects, b->arena);
	if (rc == 0 && r.n > 0)
		rc = read_safely(b, db, &r, e);
	b->now_ms = now_ms;
	*any = r.n > 0;
	return rc;
}

/* ---- a batch that is being taken ---- */

int inbox_open(struct batch *b, struct db *db, struct err *e)
{
	bool any;

	effects_init(&b->effects, b->arena);
	if (inbox_span(db, &b->inbox, e) < 0)
		return -1;
	if (b->inbox.end - b->inbox.begin > b->s->ingest->inbox_max_bytes &&
		(read_oldest(b, db, (int64_t)b->len, INT64_MAX, &any, e) < 0 ||
			inbox_span(db, &b->inbox, e) < 0))
		return -1;
	b->notes = b->inbox.end > b->inbox.begin || store_busy(b->s->store);
	return 0;
}

int inbox_note(struct said *x)
{
	struct noted v = {.agent = x->env.agent,
		.digest = x->digest,
		.taken = x->b->now_ms,
		.body = {x->env.body, x->env.len}};

	x->b->noted = true;
	return inbox_put(x->db, &x->b->inbox, &v, x->e);
}

/* ---- the job that reads ---- */

static int read_work(struct store_job *job, struct db *db)
{
	struct batch *b = (struct batch *)job;

	return read_oldest(b, db, READ_BYTES, READ_US, &b->noted, &job->err);
}

static void read_done(struct store_job *job)
{
	struct batch *b = (struct batch *)job;
	struct server *s = b->s;
	bool failed = job->err.code != ERR_NONE, more = b->noted && !failed;

	if (failed)
		log_limited(LOG_ERROR_, "inbox", 60000, "what was reported is not read: %s",
			job->err.text);
	else
		ingest_settle(b);
	arena_free(b->arena);
	free(b);
	s->ingest->reading = false;
	s->ingest->again = failed;
	if (more)
		ingest_read(s);
}

void ingest_read_again(struct server *s)
{
	if (s->ingest->again)
		ingest_read(s);
}

void ingest_read(struct server *s)
{
	struct batch *b;

	if (s->ingest->reading)
		return;
	s->ingest->reading = true;
	b = xcalloc(1, sizeof *b);
	b->job.work = read_work;
	b->job.done = read_done;
	b->s = s;
	b->arena = arena_new();
	store_write_idle(s->store, &b->job);
}
