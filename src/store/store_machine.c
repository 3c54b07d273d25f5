/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and changing machines. `seen` of a machine that is online is the time of asking: nothing is written
 * while it stays so. Every list is a keyset page: its cost does not grow with how far one has read. */
#include "store/store_machine.h"
#include "base/id.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MACHINE_SELECT "SELECT 0" MACHINE_FIELDS(ROW_COLUMN_OF_T) " FROM machines t "

static void machine_read(struct stmt *s, int64_t now_ms, struct arena *a, struct machine *m)
{
	row_read(&model_records[MODEL_machine], s, 1, a, m);
	if (m->state && strcmp(m->state, "online") == 0)
		m->seen = now_ms;
}

static bool is_number(const struct model_field *f)
{
	return f->type == MODEL_INT || f->type == MODEL_TIME || f->type == MODEL_BOOL;
}

/* What rows are ordered by. NULL sorts first, as in SQLite; who is online was seen later than all who are not. The text for
 * `name` is that of an index. */
static const char *sort_sql(const struct model_field *f, const char *table, struct arena *a)
{
	if (strcmp(f->column, "seen") == 0)
		return arena_printf(a, "CASE WHEN %s.state = 'online' THEN %lld ELSE %s.seen END",
			table, (long long)MACHINE_SEEN_NOW, table);
	return arena_printf(a, "COALESCE(%s.%s, %s)", table, f->column, is_number(f) ? "0" : "''");
}

static const char *page_sql(
	const struct machine_page *p, const struct model_field *sort, int next, struct arena *a)
{
	const char *inner = sort_sql(sort, "m", a), *outer = sort_sql(sort, "t", a),
		   *down = p->descending ? " DESC" : "";
	const char *than = p->descending ? "<" : ">", *after = "";

	if (p->after_id) /* the first half is there for the index */
		after = arena_printf(a, " AND %s %s= ?%d AND (%s, m.id) %s (?%d, ?%d)", inner, than,
			next + 1, inner, than, next + 1, next + 2);
	return arena_printf(a,
		"SELECT 0" MACHINE_FIELDS(ROW_COLUMN_OF_T) " FROM machines t JOIN (SELECT m.id AS "
							   "k FROM machines m WHERE (%s)%s"
							   " ORDER BY %s%s, m.id%s LIMIT ?%d) p ON "
							   "p.k = t.id ORDER BY %s%s, t.id%s",
		p->where, after, inner, down, down, next, outer, down, down);
}

int machine_list(struct db *db, const struct machine_page *p, int64_t now_ms, struct arena *a,
	struct machine **out, size_t *n, struct err *e)
{
	const struct model_field *sort =
		p->sort ? p->sort : model_field(&model_records[MODEL_machine], "name");
	int next = (int)p->n_params + 1, got;
	struct rows list = {0};
	struct stmt *s = db_prepare_once(db, page_sql(p, sort, next, a), e);

	if (!s)
		return -1;
	params_bind(s, p->params, p->n_params);
	bind_int(s, next, p->limit);
	if (p->after_id && is_number(sort))
		bind_int(s, next + 1, strtoll(p->after_value, NULL, 10));
	else if (p->after_id)
		bind_text(s, next + 1, p->after_value);
	if (p->after_id)
		bind_text(s, next + 2, p->after_id);
	while ((got = db_step(s, e)) > 0)
		machine_read(s, now_ms, a, rows_add(&list, a, sizeof(struct machine)));
	db_done(s);
	*out = list.data;
	*n = list.n;
	return got;
}

int machine_count(struct db *db, const char *where, const struct param *params, size_t n_params,
	int64_t *count, struct err *e)
{
	struct arena *a = arena_new();
	struct stmt *s = db_prepare_once(
		db, arena_printf(a, "SELECT COUNT(*) FROM machines m WHERE (%s)", where), e);
	int got = -1;

	if (s) {
		params_bind(s, params, n_params);
		got = db_step(s, e);
		if (got > 0)
			*count = col_int(s, 0);
		db_done(s);
	}
	arena_free(a);
	return got > 0 ? 0 : -1;
}

int machine_facets(struct db *db, const char *where, const struct param *params, size_t n_params,
	const struct model_field *field, int limit, struct arena *a, struct facet **out, size_t *n,
	struct err *e)
{
	struct rows list = {0};
	int got;
	struct stmt *s = db_prepare_once(db,
		arena_printf(a,
			"SELECT m.%s, COUNT(*) FROM machines m WHERE (%s) GROUP BY m.%s ORDER BY "
			"COUNT(*) DESC, m.%s LIMIT %d",
			field->column, where, field->column, field->column, limit),
		e);

	if (!s)
		return -1;
	params_bind(s, params, n_params);
	while ((got = db_step(s, e)) > 0) {
		struct facet *f = rows_add(&list, a, sizeof *f);
		f->value = arena_strdup(a, col_text(s, 0));
		f->count = col_int(s, 1);
	}
	db_done(s);
	*out = list.data;
	*n = list.n;
	return got;
}

/* ---- one ---- */

static int find_by(struct db *db, const char *condition, const char *x, const char *y,
	const struct scope *scope, int64_t now_ms, struct arena *a, struct rows *list,
	struct err *e)
{
	int next = 3, got;
	const char *in = scope_sql(scope, "t.site", &next, a);
	struct stmt *s = db_prepare_once(db,
		arena_printf(
			a, MACHINE_SELECT "WHERE %s AND %s ORDER BY t.id LIMIT 11", condition, in),
		e);

	if (!s)
		return -1;
	bind_text(s, 1, x);
	bind_text(s, 2, y);
	next = 3;
	scope_bind(scope, s, &next);
	while ((got = db_step(s, e)) > 0)
		machine_read(s, now_ms, a, rows_add(list, a, sizeof(struct machine)));
	db_done(s);
	return got;
}

static int ambiguous(const char *who, const struct rows *list, struct err *e)
{
	const struct machine *m = list->data;
	char ids[400] = "";
	size_t len = 0;

	for (size_t i = 0; i < list->n && i < 10; i++)
		len += (size_t)snprintf(
			ids + len, sizeof ids - len, "%s%s", i ? ", " : "", m[i].id);
	return err_field(e, ERR_AMBIGUOUS, "machine", "'%.60s' fits several machines: %s%s", who,
		ids, list->n > 10 ? " …" : "");
}

int machine_find(struct db *db, const char *who, const struct scope *scope, int64_t now_ms,
	struct arena *a, struct machine *out, struct err *e)
{
	struct rows list = {0};
	char end[64];
	size_t len = strlen(who);

	if (find_by(db, "(t.id = ?1 OR t.agent = ?2)", who, who, scope, now_ms, a, &list, e) < 0)
		return -1;
	if (list.n == 0 &&
		find_by(db, "t.name = ?1 AND ?2 <> ''", who, who, scope, now_ms, a, &list, e) < 0)
		return -1;
	if (list.n == 0 && len >= 6 && len < ID_LEN) {
		snprintf(end, sizeof end, "%s~", who); /* after every character an id can hold */
		if (find_by(db, "t.id >= ?1 AND t.id < ?2", who, end, scope, now_ms, a, &list, e) <
			0)
			return -1;
	}
	if (list.n == 0)
		return err_field(e, ERR_NOT_FOUND, "machine", "there is no machine '%.60s'", who);
	if (list.n > 1)
		return ambiguous(who, &list, e);
	memcpy(out, list.data, sizeof *out);
	return 0;
}

int machine_by_agent(
	struct db *db, const char *agent, struct arena *a, struct machine *out, struct err *e)
{
	struct stmt *s = db_prepare(db, MACHINE_SELECT "WHERE t.agent = ?1", e);
	int got;

	if (!s)
		return -1;
	bind_text(s, 1, agent);
	got = db_step(s, e);
	if (got > 0)
		machine_read(s, 0, a, out);
	db_done(s);
	return got;
}

int machine_sections(struct db *db, const char *agent, struct arena *a, struct section **out,
	size_t *n, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"SELECT 0" SECTION_FIELDS(
			ROW_COLUMN) " FROM sections WHERE agent = ?1 ORDER BY section",
		e);
	struct rows list = {0};
	int got;

	if (!s)
		return -1;
	bind_text(s, 1, agent);
	while ((got = db_step(s, e)) > 0)
		row_read(&model_records[MODEL_section], s, 1, a,
			rows_add(&list, a, sizeof(struct section)));
	db_done(s);
	*out = list.data;
	*n = list.n;
	return got;
}

/* ---- changing ---- */

static int64_t run_text(struct db *db, const char *sql, const char *x, const char *y, struct err *e)
{
	struct stmt *s = db_prepare(db, sql, e);

	if (!s)
		return -1;
	bind_text(s, 1, x);
	if (y)
		bind_text(s, 2, y);
	return db_run(s, e);
}

int machine_rename(struct db *db, const char *id, const char *name, struct err *e)
{
	return run_text(db, "UPDATE machines SET name = ?2 WHERE id = ?1", id, name, e) < 0 ? -1
											    : 0;
}

int machine_notice(struct db *db, const char *agent, const char *notice, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"UPDATE machines SET notice = ?2 WHERE agent = ?1 AND COALESCE(notice, '') <>"
		" COALESCE(?2, '')",
		e);

	if (!s)
		return -1;
	bind_text(s, 1, agent);
	bind_text(s, 2, notice);
	return db_run(s, e) < 0 ? -1 : 0;
}

int machine_may_forget(const struct machine *m, struct err *e)
{
	if (!m->revoked && m->state &&
		(strcmp(m->state, "online") == 0 || strcmp(m->state, "late") == 0))
		return err_field(e, ERR_CONFLICT, "machine",
			"%s is %s and trusted: revoke it first", m->name ? m->name : m->id,
			m->state);
	return 0;
}

int machine_forget(struct db *db, const char *id, int64_t now_ms, struct err *e)
{
	static const char *const texts[] = {
		"DELETE FROM sections WHERE agent = (SELECT agent FROM machines WHERE id = ?1)",
		"DELETE FROM addresses WHERE machine = ?1",
		"DELETE FROM streams WHERE agent = (SELECT agent FROM machines WHERE id = ?1)",
		"DELETE FROM links WHERE guest = ?1",
		"DELETE FROM sighting_keys WHERE EXISTS (SELECT 1 FROM sightings s WHERE s.source "
		"= "
		"sighting_keys.source AND s.ref = sighting_keys.ref AND s.machine = ?1)",
		"DELETE FROM sightings WHERE machine = ?1",
		"DELETE FROM machines WHERE id = ?1",
	};
	struct arena *a = arena_new();
	struct scope all = {.all = true};
	struct machine m;
	int rc = machine_find(db, id, &all, now_ms, a, &m, e);

	if (rc == 0)
		rc = machine_may_forget(&m, e);
	for (size_t i = 0; rc == 0 && i < sizeof texts / sizeof *texts; i++)
		rc = run_text(db, texts[i], m.id, NULL, e) < 0 ? -1 : 0;
	arena_free(a);
	return rc;
}
