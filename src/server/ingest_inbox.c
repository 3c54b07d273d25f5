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

/* What is read in one go, and how. */
struct reading {
	struct batch *b;
	struct db *db;
	struct noted *rows;
	size_t n, at;
	int64_t us; /* for so long */
	bool alone; /* each for itself */
};

/* A report that came some time ago; its agent may have been cut off or forgotten since. */
static int read_report(void *ctx, struct err *e)
{
	struct reading *r = ctx;
	const struct noted *v = &r->rows[r->at];
	struct said x = {.b = r->b, .db = r->db, .e = e, .env = {.kind = "report"}};
	int got;

	snprintf(x.env.agent, sizeof x.env.agent, "%s", v->agent);
	snprintf(x.digest, sizeof x.digest, "%s", v->digest);
	x.env.body = v->body.data;
	x.env.len = v->body.len;
	r->b->now_ms = v->taken;
	got = ingest_speaker(&x);
	return got > 0 ? ingest_kind(&x) : got;
}

/* One that cannot be read for a reason of ours must not stand before all others: its agent is asked for everything. */
static int read_alone(struct reading *r, struct err *e)
{
	const char *agent = r->rows[r->at].agent;
	int got = ingest_attempt(r->db, read_report, r, e);

	if (got != 0)
		return got < 0 ? -1 : 0;
	log_limited(
		LOG_ERROR_, "inbox", 60000, "a report of agent %s is not read: %s", agent, e->text);
	return ingest_forget_base(r->db, agent, e);
}

static int read_rows(void *ctx, struct err *e)
{
	struct reading *r = ctx;
	int64_t began = clock_mono_us();

	for (r->at = 0; r->at < r->n && (r->at == 0 || clock_mono_us() - began < r->us); r->at++)
		if ((r->alone ? read_alone(r, e) : read_report(r, e)) < 0)
			return -1;
	return inbox_drop(r->db, r->rows[r->at - 1].id, e);
}

/* All in one, and if one of them fails each by itself, so that the others need not pay for it. */
static int read_safely(struct reading *r, struct err *e)
{
	struct server_counts counts = r->b->counts;
	int got = ingest_attempt(r->db, read_rows, r, e);

	if (got != 0)
		return got < 0 ? -1 : 0;
	r->b->counts = counts;
	effects_init(&r->b->effects, r->b->arena);
	r->alone = true;
	return read_rows(r, e);
}

/* The oldest, as many bytes or for so long. 1: there were some, and more may be left; 0: none. */
static int read_oldest(struct batch *b, struct db *db, int64_t bytes, int64_t us, struct err *e)
{
	struct reading r = {.b = b, .db = db, .us = us};
	int64_t now_ms = b->now_ms;
	int rc = inbox_oldest(db, bytes, b->arena, &r.rows, &r.n, e);

	if (rc == 0 && r.n > 0)
		rc = read_safely(&r, e);
	b->now_ms = now_ms;
	return rc < 0 ? -1 : r.n > 0;
}

/* ---- a batch that is being taken ---- */

int ingest_begin(struct batch *b, struct db *db, struct err *e)
{
	effects_init(&b->effects, b->arena);
	if (inbox_span(db, &b->inbox, e) < 0)
		return -1;
	if (b->inbox.end - b->inbox.begin > b->s->ingest->inbox_max_bytes &&
		(read_oldest(b, db, (int64_t)b->len, INT64_MAX, e) < 0 ||
			inbox_span(db, &b->inbox, e) < 0))
		return -1;
	b->notes = b->inbox.end > b->inbox.begin || store_busy(b->s->store);
	return 0;
}

int ingest_note(struct said *x)
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
	int got;

	effects_init(&b->effects, b->arena);
	got = read_oldest(b, db, READ_BYTES, READ_US, &job->err);
	b->noted = got > 0;
	return got < 0 ? -1 : 0;
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
