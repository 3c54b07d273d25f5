/* SPDX-License-Identifier: Apache-2.0 */
/* Events. The writer is one, so ids rise in the order of commits and a reader that resumes after an id misses none. */
#include "store/store_event.h"
#include "base/buf.h"
#include "base/clock.h"
#include <string.h>

int event_put(struct db *db, const struct event_row *v, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"INSERT INTO events (time, kind, severity, site, machine, action, text)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
		e);

	if (!s)
		return -1;
	bind_int(s, 1, v->time ? v->time : clock_now_ms());
	bind_text(s, 2, v->kind);
	bind_text(s, 3, v->severity ? v->severity : "info");
	bind_text(s, 4, v->site);
	bind_text(s, 5, v->machine);
	bind_text(s, 6, v->action);
	bind_text(s, 7, v->text);
	return db_run(s, e) < 0 ? -1 : 0;
}

/* An event of no site is about the installation, or about an action: whoever sees one of its targets sees that. */
static const char *seen_sql(const struct scope *scope, struct arena *a, int *next)
{
	const char *in;

	if (scope->all)
		return "1 = 1";
	in = scope_sql(scope, "site", next, a);
	return arena_printf(a,
		"(%s OR (site IS NULL AND action IS NOT NULL AND EXISTS (SELECT 1 FROM results r "
		"WHERE"
		" r.action = events.action AND %s)))",
		in, scope_sql(scope, "r.site", next, a));
}

static const char *list_sql(
	const struct event_filter *f, const struct scope *scope, struct arena *a, int *next)
{
	const char *own =
		f->kind && strlen(f->kind) > 2 && strcmp(f->kind + strlen(f->kind) - 2, ".*") == 0
		? " AND kind LIKE ?3"
		: f->kind ? " AND kind = ?3"
			  : "";

	*next = 6;
	return arena_printf(a,
		"SELECT 0" EVENT_FIELDS(ROW_COLUMN) " FROM events WHERE id > ?1%s%s%s AND %s ORDER "
						    "BY id%s LIMIT ?2",
		own, f->machine ? " AND machine = ?4" : "", f->action ? " AND action = ?5" : "",
		seen_sql(scope, a, next), f->newest ? " DESC" : "");
}

static void reverse(struct event_row *list, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		struct event_row x = list[i];
		list[i] = list[n - 1 - i];
		list[n - 1 - i] = x;
	}
}

int event_list(struct db *db, const struct event_filter *f, const struct scope *scope,
	struct arena *a, struct event_row **out, size_t *n, struct err *e)
{
	struct rows list = {0};
	int next, got = -1;
	struct stmt *s = db_prepare_once(db, list_sql(f, scope, a, &next), e);

	if (!s)
		return -1;
	bind_int(s, 1, f->after);
	bind_int(s, 2, f->limit);
	if (f->kind) {
		char *kind = arena_strdup(a, f->kind);
		size_t len = strlen(kind);
		if (len > 2 && strcmp(kind + len - 2, ".*") == 0)
			kind[len - 1] = '%';
		bind_text(s, 3, kind);
	}
	if (f->machine)
		bind_text(s, 4, f->machine);
	if (f->action)
		bind_text(s, 5, f->action);
	next = 6;
	scope_bind(scope, s, &next);
	if (!scope->all)
		scope_bind(scope, s, &next);
	while ((got = db_step(s, e)) > 0)
		row_read(&model_records[MODEL_event_row], s, 1, a,
			rows_add(&list, a, sizeof(struct event_row)));
	db_done(s);
	*out = list.data;
	*n = list.n;
	if (f->newest)
		reverse(*out, *n);
	return got;
}

int event_last(struct db *db, int64_t *id, struct err *e)
{
	struct stmt *s = db_prepare(db, "SELECT COALESCE(MAX(id), 0) FROM events", e);
	int got = s ? db_step(s, e) : -1;

	if (got > 0)
		*id = col_int(s, 0);
	db_done(s);
	return got > 0 ? 0 : -1;
}

int event_prune(struct db *db, int64_t before_ms, struct err *e)
{
	/* The newest one stays, so that ids go on rising after everything else was removed. */
	struct stmt *s = db_prepare(db,
		"DELETE FROM events WHERE id < (SELECT MAX(id) FROM events) AND"
		" (time < ?1 OR id <= (SELECT MAX(id) FROM events) - ?2)",
		e);

	if (!s)
		return -1;
	bind_int(s, 1, before_ms);
	bind_int(s, 2, EVENTS_MAX);
	return db_run(s, e) < 0 ? -1 : 0;
}
