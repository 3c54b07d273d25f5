/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inbox of reports: rows only ever added after the last and taken from the first on, so that SQLite does the least
 * it can. How much waits is never counted: each row says where it ends, and the two outermost tell.
 */
#include "store/store_inbox.h"

#define ROWS_MAX 1000

int inbox_span(struct db *db, struct inbox_span *out, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"SELECT (SELECT upto - LENGTH(body) - 1 FROM inbox ORDER BY id LIMIT 1),"
		" (SELECT upto FROM inbox ORDER BY id DESC LIMIT 1)",
		e);
	int got;

	if (!s)
		return -1;
	got = db_step(s, e);
	if (got > 0) {
		out->begin = col_int(s, 0); /* 0 where there is none */
		out->end = col_int(s, 1);
	}
	db_done(s);
	return got < 0 ? -1 : 0;
}

int inbox_put(struct db *db, struct inbox_span *span, const struct noted *v, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"INSERT INTO inbox (agent, digest, taken, upto, body) VALUES (?1, ?2, ?3, ?4, ?5)",
		e);

	if (!s)
		return -1;
	bind_text(s, 1, v->agent);
	bind_text(s, 2, v->digest);
	bind_int(s, 3, v->taken);
	bind_int(s, 4, span->end + (int64_t)v->body.len + 1);
	bind_blob(s, 5, v->body.data, v->body.len);
	if (db_run(s, e) < 0)
		return -1;
	span->end += (int64_t)v->body.len + 1;
	return 0;
}

int inbox_oldest(
	struct db *db, int64_t bytes, struct arena *a, struct noted **out, size_t *n, struct err *e)
{
	struct stmt *s = db_prepare(
		db, "SELECT 0" NOTED_FIELDS(ROW_COLUMN) " FROM inbox ORDER BY id LIMIT ?1", e);
	struct rows list = {0};
	int got = 1;

	if (!s)
		return -1;
	bind_int(s, 1, ROWS_MAX);
	while (bytes > 0 && (got = db_step(s, e)) > 0) {
		struct noted *v = rows_add(&list, a, sizeof *v);
		row_read(&model_records[MODEL_noted], s, 1, a, v);
		bytes -= (int64_t)v->body.len + 1;
	}
	db_done(s);
	*out = list.data;
	*n = list.n;
	return got < 0 ? -1 : 0;
}

int inbox_drop(struct db *db, int64_t upto, struct err *e)
{
	struct stmt *s = db_prepare(db, "DELETE FROM inbox WHERE id <= ?1", e);

	if (!s)
		return -1;
	bind_int(s, 1, upto);
	return db_run(s, e) < 0 ? -1 : 0;
}
