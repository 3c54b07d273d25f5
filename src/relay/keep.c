/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay's disk: one SQLite file with the spool (envelopes on their way up), the mail (frames on their way
 * down, with the signed records they refer to) and the newest lists. Group commit makes many small writes one sync.
 *
 * Invariants: an envelope is acknowledged to a child after its commit, and leaves when the parent has
 * it on its own disk; mail is acknowledged upward after its commit, and leaves when the child acknowledged it; what is lazy
 * is in memory only, for the child asks again for what it misses. The spool's
 * random id stands in the same file: when the disk is lost, the id changes, and the server gives everything again.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "relay/relay.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

static const struct migration migrations[] = {
	{1, "spool, mail, lists",
		"CREATE TABLE up (number INTEGER PRIMARY KEY, frame BLOB NOT NULL);"
		"CREATE TABLE record (id TEXT NOT NULL PRIMARY KEY, deadline BIGINT NOT NULL, "
		"frame BLOB NOT NULL);"
		"CREATE TABLE mail (child TEXT NOT NULL, key TEXT NOT NULL, record TEXT, lazy "
		"BIGINT NOT NULL,"
		" frame BLOB NOT NULL, PRIMARY KEY (child, key));"
		"CREATE INDEX mail_record ON mail (record);"
		"CREATE TABLE list (name TEXT NOT NULL PRIMARY KEY, data BLOB NOT NULL)"},
	{2, "lazy mail is kept in memory",
		"DELETE FROM mail WHERE lazy <> 0;"
		"ALTER TABLE mail DROP COLUMN lazy"},
	{0, NULL, NULL},
};

struct up {                     /* an envelope in the spool */
	int64_t number, ticket; /* ticket 0: not sent */
	char *frame;
	size_t len;
	struct up *prev, *next;
};

/* ---- jobs: each carries what it writes ---- */

struct keep_job {
	struct store_job job;
	struct relay *r;
	uint64_t n; /* ticket, cursor or number */
	struct up *ups;
	size_t job_bytes;
	struct arena *arena;
	struct mail_item {
		struct mail_item *next;
		int kind; /* 1 mail, 2 record */
		const char *child, *key, *record;
		bool lazy;
		int64_t deadline;
		const char *frame;
		size_t len;
	} * items;
	const char *a, *b;
};

static struct keep_job *job_new(struct relay *r, int (*work)(struct store_job *, struct db *),
	void (*done)(struct store_job *))
{
	struct keep_job *k = xcalloc(1, sizeof *k);

	k->job.work = work;
	k->job.done = done;
	k->r = r;
	k->arena = arena_new();
	return k;
}

static void job_free(struct keep_job *k)
{
	struct up *u, *tmp;

	DL_FOREACH_SAFE (k->ups, u, tmp) {
		free(u->frame);
		free(u);
	}
	arena_free(k->arena);
	free(k);
}

static void job_plain_done(struct store_job *job)
{
	struct keep_job *k = (struct keep_job *)job;

	if (job->err.code)
		log_limited(LOG_WARN_, "keep", 60000, "the relay's disk: %s", job->err.text);
	job_free(k);
}

/* ---- up ---- */

static int up_work(struct store_job *job, struct db *db)
{
	struct keep_job *k = (struct keep_job *)job;
	struct up *u;

	DL_FOREACH (k->ups, u) {
		struct stmt *s = db_prepare(
			db, "INSERT INTO up (frame) VALUES (?1) RETURNING number", &job->err);
		if (!s)
			return -1;
		bind_blob(s, 1, u->frame, u->len);
		int got = db_step(s, &job->err);
		u->number = got > 0 ? col_int(s, 0) : 0;
		db_done(s);
		if (got <= 0)
			return -1;
	}
	return 0;
}

static void up_done(struct store_job *job)
{
	struct keep_job *k = (struct keep_job *)job;
	struct relay *r = k->r;
	struct up *u, *tmp;

	if (job->err.code) {
		log_limited(LOG_WARN_, "spool", 60000, "reports are not taken: %s", job->err.text);
		r->spool_bytes -= (int64_t)k->job_bytes;
	} else {
		DL_FOREACH_SAFE (k->ups, u, tmp) {
			DL_DELETE(k->ups, u);
			DL_APPEND(r->ups, u);
			r->spool_rows++;
		}
		uplink_wake(r->uplink);
	}
	hub_taken(r->hub, k->n, &job->err);
	job_free(k);
}

void keep_up(struct relay *r, const char *frames, size_t len, uint64_t ticket)
{
	struct keep_job *k = job_new(r, up_work, up_done);
	struct err e = ERR_INIT;
	struct envelope env;
	struct frame f;
	size_t pos = 0;

	k->n = ticket;
	while (frame_next(frames, len, &pos, &f, &e) > 0) {
		if (envelope_parse(&f, &env, &e) == 0 && env.seq == 0) {
			buf_add(&r->volatiles, f.raw, f.raw_len);
			continue;
		}
		struct up *u = xcalloc(1, sizeof *u);
		u->frame = memcpy(xmalloc(f.raw_len), f.raw, f.raw_len);
		u->len = f.raw_len;
		k->job_bytes += f.raw_len;
		DL_APPEND(k->ups, u);
	}
	if (k->ups && r->spool_bytes + (int64_t)k->job_bytes > r->conf->spool_max_bytes) {
		err_set(&e, ERR_NO_SPACE, "the relay's spool holds its limit of %lld bytes",
			(long long)r->conf->spool_max_bytes);
		hub_taken(r->hub, ticket, &e);
		job_free(k);
		return;
	}
	if (!k->ups) { /* only what needs no disk */
		uplink_wake(r->uplink);
		hub_taken(r->hub, ticket, NULL);
		job_free(k);
		return;
	}
	r->spool_bytes += (int64_t)k->job_bytes;
	store_write(r->store, &k->job);
}

int64_t keep_collect(struct relay *r, struct buf *out)
{
	int64_t ticket = 0;
	struct up *u;

	DL_FOREACH (r->ups, u) {
		if (u->ticket)
			continue;
		if (buf_add(out, u->frame, u->len) < 0) {
			out->full = false; /* it goes with the next exchange */
			break;
		}
		if (!ticket)
			ticket = ++r->next_ticket;
		u->ticket = ticket;
	}
	return ticket;
}

static int sent_work(struct store_job *job, struct db *db)
{
	struct keep_job *k = (struct keep_job *)job;
	struct up *u;

	DL_FOREACH (k->ups, u) {
		struct stmt *s = db_prepare(db, "DELETE FROM up WHERE number = ?1", &job->err);
		if (!s)
			return -1;
		bind_int(s, 1, u->number);
		if (db_run(s, &job->err) < 0)
			return -1;
	}
	return 0;
}

void keep_accepted(struct relay *r, int64_t ticket)
{
	struct keep_job *k = job_new(r, sent_work, job_plain_done);
	struct up *u, *tmp;

	DL_FOREACH_SAFE (r->ups, u, tmp) {
		if (u->ticket != ticket)
			continue;
		DL_DELETE(r->ups, u);
		DL_APPEND(k->ups, u);
		r->spool_bytes -= (int64_t)u->len;
		r->spool_rows--;
	}
	if (k->ups)
		store_write(r->store, &k->job);
	else
		job_free(k);
}

void keep_lost(struct relay *r, int64_t ticket)
{
	struct up *u;

	DL_FOREACH (r->ups, u)
		if (ticket == 0 || u->ticket == ticket)
			u->ticket = 0;
}

/* ---- down ---- */

static int mail_work(struct store_job *job, struct db *db)
{
	struct keep_job *k = (struct keep_job *)job;

	for (struct mail_item *m = k->items; m; m = m->next) {
		struct stmt *s = m->kind == 2
			? db_prepare(db,
				  "INSERT INTO record (id, deadline, frame) VALUES (?1, ?2, ?3)"
				  " ON CONFLICT (id) DO NOTHING",
				  &job->err)
			: db_prepare(db,
				  "INSERT INTO mail (child, key, record, frame) VALUES (?1, ?2, "
				  "?3, ?4)"
				  " ON CONFLICT (child, key) DO UPDATE SET record = "
				  "excluded.record,"
				  " frame = excluded.frame",
				  &job->err);
		if (!s)
			return -1;
		if (m->kind == 2) {
			bind_text(s, 1, m->record);
			bind_int(s, 2, m->deadline);
			bind_blob(s, 3, m->frame, m->len);
		} else {
			bind_text(s, 1, m->child);
			bind_text(s, 2, m->key);
			bind_text(s, 3, m->record);
			bind_blob(s, 4, m->frame, m->len);
		}
		if (db_run(s, &job->err) < 0)
			return -1;
	}
	return 0;
}

static void post(struct relay *r, const struct mail_item *m)
{
	struct hub_post p = {.child = m->child,
		.key = m->key,
		.record = m->record,
		.frame = m->frame,
		.len = m->len,
		.lazy = m->lazy,
		.tag = !m->lazy};
	struct err e = ERR_INIT;

	if (m->kind == 2)
		hub_record(r->hub, m->record, m->frame, m->len);
	else if (hub_post(r->hub, &p, &e) < 0)
		log_limited(LOG_WARN_, "mail", 60000, "mail for %s %s: %s", m->child,
			m->lazy ? "is dropped" : "is kept on disk only", e.text);
}

static void mail_done(struct store_job *job)
{
	struct keep_job *k = (struct keep_job *)job;
	struct relay *r = k->r;

	if (job->err.code)
		log_limited(LOG_WARN_, "mail", 60000, "orders are not taken: %s", job->err.text);
	else {
		for (struct mail_item *m = k->items; m; m = m->next)
			post(r, m);
		uplink_ack(r->uplink, k->n);
	}
	job_free(k);
}

static void post_lazy(struct relay *r, const struct down *d)
{
	struct mail_item m = {.kind = 1,
		.child = d->child,
		.key = d->key,
		.lazy = true,
		.frame = d->frame.data,
		.len = d->frame.len};

	post(r, &m);
}

static void item_add(struct keep_job *k, struct mail_item ***at, int kind, const struct down *d)
{
	struct mail_item *m = arena_alloc(k->arena, sizeof *m);

	m->kind = kind;
	m->child = arena_strdup(k->arena, d->child);
	m->key = arena_strdup(k->arena, d->key);
	m->record = d->record[0] ? arena_strdup(k->arena, d->record) : NULL;
	m->deadline = d->deadline;
	m->frame = arena_memdup(k->arena, d->frame.data, d->frame.len);
	m->len = d->frame.len;
	**at = m;
	*at = &m->next;
}

void keep_down(struct relay *r, const char *frames, size_t len, uint64_t cursor)
{
	struct keep_job *k = job_new(r, mail_work, mail_done);
	struct mail_item **at = &k->items;
	struct err e = ERR_INIT;
	struct frame f;
	size_t pos = 0;

	k->n = cursor;
	while (frame_next(frames, len, &pos, &f, &e) > 0) {
		struct down d = {0};
		buf_init(&d.frame, FRAME_BODY_MAX + 2 * FRAME_LINE_MAX);
		int kind = down_frame(r, &f, &d, &e);
		if (kind < 0) {
			r->forged += e.code == ERR_FORBIDDEN;
			log_limited(LOG_ERROR_, "down", 3600000, "refused from above: %s", e.text);
		} else if (kind == 1 && d.lazy) {
			post_lazy(r, &d);
		} else if (kind > 0) {
			item_add(k, &at, kind, &d);
		}
		buf_release(&d.frame);
	}
	if (k->items)
		store_write(r->store, &k->job);
	else {
		uplink_ack(r->uplink, cursor);
		job_free(k);
	}
}

static int mail_gone_work(struct store_job *job, struct db *db)
{
	struct keep_job *k = (struct keep_job *)job;
	struct stmt *s =
		db_prepare(db, "DELETE FROM mail WHERE child = ?1 AND key = ?2", &job->err);

	if (!s)
		return -1;
	bind_text(s, 1, k->a);
	bind_text(s, 2, k->b);
	return db_run(s, &job->err) < 0 ? -1 : 0;
}

void keep_mail_done(struct relay *r, const char *child, const char *key)
{
	struct keep_job *k = job_new(r, mail_gone_work, job_plain_done);

	k->a = arena_strdup(k->arena, child);
	k->b = arena_strdup(k->arena, key);
	store_write(r->store, &k->job);
}

/* ---- lists ---- */

static int list_work(struct store_job *job, struct db *db)
{
	struct keep_job *k = (struct keep_job *)job;
	struct stmt *s = db_prepare(db,
		"INSERT INTO list (name, data) VALUES (?1, ?2)"
		" ON CONFLICT (name) DO UPDATE SET data = excluded.data",
		&job->err);

	if (!s)
		return -1;
	bind_text(s, 1, k->a);
	bind_blob(s, 2, k->b, k->n);
	return db_run(s, &job->err) < 0 ? -1 : 0;
}

void keep_list(struct relay *r, const char *name, const void *data, size_t len)
{
	struct keep_job *k = job_new(r, list_work, job_plain_done);

	k->a = arena_strdup(k->arena, name);
	k->b = arena_memdup(k->arena, data, len);
	k->n = len;
	store_write(r->store, &k->job);
}

/* ---- opening: everything that was kept comes back ---- */

static int load_ups(struct relay *r, struct db *db, struct err *e)
{
	struct stmt *s = db_prepare_once(db, "SELECT number, frame FROM up ORDER BY number", e);
	const void *data;
	int got = -1;

	while (s && (got = db_step(s, e)) > 0) {
		struct up *u = xcalloc(1, sizeof *u);
		u->number = col_int(s, 0);
		data = col_blob(s, 1, &u->len);
		u->frame = memcpy(xmalloc(u->len + 1), data, u->len);
		DL_APPEND(r->ups, u);
		r->spool_bytes += (int64_t)u->len;
		r->spool_rows++;
	}
	db_done(s);
	return got;
}

static int load_mail(struct relay *r, struct db *db, struct err *e)
{
	struct stmt *s = db_prepare_once(db, "SELECT id, frame FROM record", e);
	struct mail_item m = {0};
	int got = -1;

	while (s && (got = db_step(s, e)) > 0) {
		m.frame = col_blob(s, 1, &m.len);
		hub_record(r->hub, col_text(s, 0), m.frame, m.len);
	}
	db_done(s);
	if (got < 0)
		return -1;
	m.kind = 1;
	s = db_prepare_once(db, "SELECT child, key, record, frame FROM mail ORDER BY rowid", e);
	got = -1;
	while (s && (got = db_step(s, e)) > 0) {
		m.child = col_text(s, 0);
		m.key = col_text(s, 1);
		m.record = col_text(s, 2);
		m.frame = col_blob(s, 3, &m.len);
		post(r, &m);
	}
	db_done(s);
	return got;
}

static int load_lists(struct relay *r, struct db *db, struct err *e)
{
	struct stmt *s =
		db_prepare_once(db, "SELECT name, data FROM list WHERE name <> 'spool'", e);
	struct err bad = ERR_INIT;
	const void *data;
	size_t len;
	int got = -1;

	while (s && (got = db_step(s, e)) > 0) {
		data = col_blob(s, 1, &len);
		if (down_list(r, col_text(s, 0), data, len, &bad) < 0)
			log_warn("the kept list %s is not used: %s", col_text(s, 0), bad.text);
	}
	db_done(s);
	return got;
}

static int load_spool_id(struct relay *r, struct db *db, struct err *e)
{
	struct stmt *s;
	int got;

	id_new(r->spool);
	s = db_prepare_once(db,
		"INSERT INTO list (name, data) VALUES ('spool', ?1) ON CONFLICT (name) DO NOTHING",
		e);
	if (!s)
		return -1;
	bind_text(s, 1, r->spool);
	if (db_run(s, e) < 0)
		return -1;
	s = db_prepare_once(db, "SELECT data FROM list WHERE name = 'spool'", e);
	got = s ? db_step(s, e) : -1;
	if (got > 0)
		snprintf(r->spool, sizeof r->spool, "%s", col_text(s, 0));
	db_done(s);
	return got > 0 ? 0 : -1;
}

static int load(void *ctx, struct db *db, struct err *e)
{
	struct relay *r = ctx;
	struct stmt *s = db_prepare_once(db,
		"DELETE FROM mail WHERE record IN (SELECT id FROM record WHERE deadline > 0"
		" AND deadline < ?1)",
		e);

	if (!s)
		return -1;
	bind_int(s, 1, clock_now_ms() - 86400000);
	if (db_run(s, e) < 0 ||
		db_exec(db,
			"DELETE FROM record WHERE id NOT IN (SELECT record FROM mail WHERE record "
			"IS NOT NULL)",
			e) < 0)
		return -1;
	return load_spool_id(r, db, e) < 0 || load_ups(r, db, e) < 0 || load_mail(r, db, e) < 0 ||
			load_lists(r, db, e) < 0
		? -1
		: 0;
}

int keep_open(struct relay *r, struct err *e)
{
	char path[1200];

	snprintf(path, sizeof path, "%s/spool.db", r->dir);
	r->store = store_open(path, r->base, migrations, e);
	return r->store ? store_now(r->store, load, r, e) : -1;
}

void keep_close(struct relay *r)
{
	struct up *u, *tmp;

	store_close(r->store);
	r->store = NULL;
	DL_FOREACH_SAFE (r->ups, u, tmp) {
		DL_DELETE(r->ups, u);
		free(u->frame);
		free(u);
	}
}
