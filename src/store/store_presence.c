/* SPDX-License-Identifier: Apache-2.0 */
/* Who is there: a row is written when a state, a relay or a way down changes, never for a heartbeat. */
#include "store/store_machine.h"
#include <stdio.h>
#include <string.h>

struct was {
	bool there;
	char state[12], relay[32];
};

static int was_get(struct db *db, const char *sql, const char *id, struct was *w, struct err *e)
{
	struct stmt *s = db_prepare(db, sql, e);
	int got;

	memset(w, 0, sizeof *w);
	if (!s)
		return -1;
	bind_text(s, 1, id);
	got = db_step(s, e);
	if (got > 0) {
		w->there = true;
		snprintf(
			w->state, sizeof w->state, "%s", col_text(s, 0) ? col_text(s, 0) : "never");
		snprintf(w->relay, sizeof w->relay, "%s", col_text(s, 1) ? col_text(s, 1) : "");
	}
	db_done(s);
	return got < 0 ? -1 : 0;
}

int presence_machine(
	struct db *db, const struct presence *p, bool *moved, bool *changed, struct err *e)
{
	bool online = strcmp(p->state, "online") == 0;
	struct was w;
	struct stmt *s;

	*moved = *changed = false;
	if (was_get(db, "SELECT state, relay FROM machines WHERE agent = ?1", p->agent, &w, e) < 0)
		return -1;
	if (!w.there || (!online && strcmp(w.relay, p->relay) != 0))
		return 0;
	*moved = strcmp(w.relay, p->relay) != 0 || strcmp(w.state, "never") == 0;
	*changed = strcmp(w.state, p->state) != 0;
	s = db_prepare(db,
		"UPDATE machines SET state = ?2, state_since = CASE WHEN state = ?2 THEN "
		"state_since ELSE ?3 END,"
		" seen = ?4, relay = ?5, route = ?6, channel = COALESCE(?7, channel),"
		" channel_reason = COALESCE(?8, channel_reason) WHERE agent = ?1",
		e);
	if (!s)
		return -1;
	bind_text(s, 1, p->agent);
	bind_text(s, 2, p->state);
	bind_int(s, 3, p->since_ms);
	bind_int(s, 4, p->seen_ms);
	bind_text(s, 5, p->relay);
	bind_text(s, 6, p->relay);
	bind_text(s, 7, p->mode);
	bind_text(s, 8, p->reason);
	return db_run(s, e) < 0 ? -1 : 0;
}

int presence_relay(struct db *db, const struct presence *p, bool *changed, struct err *e)
{
	struct was w;
	struct stmt *s;

	*changed = false;
	if (was_get(db, "SELECT state, route FROM relays WHERE id = ?1", p->agent, &w, e) < 0)
		return -1;
	if (!w.there || (strcmp(p->state, "online") != 0 && strcmp(w.relay, p->relay) != 0))
		return 0;
	*changed = strcmp(w.state, p->state) != 0;
	s = db_prepare(db,
		"UPDATE relays SET state = ?2, state_since = CASE WHEN state = ?2 THEN state_since "
		"ELSE ?3 END,"
		" seen = ?4, route = COALESCE(?5, route) WHERE id = ?1",
		e);
	if (!s)
		return -1;
	bind_text(s, 1, p->agent);
	bind_text(s, 2, p->state);
	bind_int(s, 3, p->since_ms);
	bind_int(s, 4, p->seen_ms);
	bind_text(s, 5, p->relay);
	return db_run(s, e) < 0 ? -1 : 0;
}

/* What these say of themselves and others is due to be looked at again: one row each, the look itself comes later. */
#define DUE_SELECT                                                                                 \
	"UPDATE sightings SET again = ?1 WHERE ref = '' AND gone = 0 AND source IN (SELECT agent " \
	"FROM machines WHERE state IN ('online', 'late') AND "

static const char *cut_sql(const struct scope *below, struct arena *a)
{
	int next = 3;

	return arena_printf(a,
		"UPDATE machines SET state = 'offline', state_since = ?1, seen = CASE WHEN state = "
		"'online' THEN ?1 ELSE seen END,"
		" channel_reason = ?2 WHERE state IN ('online', 'late') AND %s",
		scope_sql(below, "relay", &next, a));
}

int presence_cut(struct db *db, const char *const *relays, size_t n, int64_t now_ms,
	const char *reason, int64_t *cut, struct err *e)
{
	struct scope below = {.sites = relays, .n = n};
	struct arena *a = arena_new();
	int next = 2;
	const char *due = arena_printf(a, DUE_SELECT "%s)", scope_sql(&below, "relay", &next, a));
	struct stmt *s = db_prepare_once(db, due, e);

	*cut = -1;
	if (s) {
		bind_int(s, 1, now_ms);
		next = 2;
		scope_bind(&below, s, &next);
		s = db_run(s, e) < 0 ? NULL : db_prepare_once(db, cut_sql(&below, a), e);
	}
	if (s) {
		bind_int(s, 1, now_ms);
		bind_text(s, 2, reason);
		next = 3;
		scope_bind(&below, s, &next);
		*cut = db_run(s, e);
	}
	arena_free(a);
	return *cut < 0 ? -1 : 0;
}

int presence_stale(struct db *db, const char *relay, int64_t since_ms, int64_t now_ms, int64_t *cut,
	struct err *e)
{
	static const char *const texts[] = {
		DUE_SELECT "relay = ?2 AND seen < ?3)",
		"UPDATE machines SET state = 'offline', state_since = ?1, channel_reason ="
		" 'its relay was restarted and has not heard of it since' WHERE state IN ('online',"
		" 'late') AND relay = ?2 AND seen < ?3",
	};

	*cut = 0;
	for (size_t i = 0; *cut >= 0 && i < sizeof texts / sizeof *texts; i++) {
		struct stmt *s = db_prepare(db, texts[i], e);
		if (!s)
			return -1;
		bind_int(s, 1, now_ms);
		bind_text(s, 2, relay);
		bind_int(s, 3, since_ms);
		*cut = db_run(s, e);
	}
	return *cut < 0 ? -1 : 0;
}

int relay_facts(struct db *db, const char *id, const char *addresses, const char *version,
	const char *spool, int64_t spool_bytes, int64_t spool_max_bytes, const char *notice,
	struct err *e)
{
	struct stmt *s = db_prepare(db,
		"UPDATE relays SET addresses = COALESCE(?2, addresses), version = COALESCE(?3, "
		"version),"
		" spool = COALESCE(?4, spool), spool_bytes = ?5, spool_max_bytes = ?6, notice = ?7 "
		"WHERE id = ?1",
		e);

	if (!s)
		return -1;
	bind_text(s, 1, id);
	bind_text(s, 2, addresses);
	bind_text(s, 3, version);
	bind_text(s, 4, spool);
	bind_int(s, 5, spool_bytes);
	bind_int(s, 6, spool_max_bytes);
	bind_text(s, 7, notice);
	return db_run(s, e) < 0 ? -1 : 0;
}

/* %s: which of the machines that hang on it are counted; none outside a scope may be. */
#define RELAY_SELECT                                                                               \
	"SELECT 0" RELAY_FIELDS(ROW_COLUMN_OF_T) ", (SELECT COUNT(*) FROM machines m WHERE "       \
						 "m.relay = t.id AND %s) FROM relays t "

static void relay_read(struct stmt *s, struct arena *a, struct relay *out)
{
	row_read(&model_records[MODEL_relay], s, 1, a, out);
	out->children = col_int(s, 1 + (int)model_records[MODEL_relay].n);
}

int relay_list(struct db *db, const struct scope *scope, struct arena *a, struct relay **out,
	size_t *n, struct err *e)
{
	struct rows list = {0};
	int next = 1, got;
	const char *counted = scope_sql(scope, "m.site", &next, a),
		   *listed = scope_sql(scope, "t.site", &next, a);
	struct stmt *s = db_prepare_once(db,
		arena_printf(a, RELAY_SELECT "WHERE %s ORDER BY t.name, t.id", counted, listed), e);

	if (!s)
		return -1;
	next = 1;
	scope_bind(scope, s, &next);
	scope_bind(scope, s, &next);
	while ((got = db_step(s, e)) > 0)
		relay_read(s, a, rows_add(&list, a, sizeof(struct relay)));
	db_done(s);
	*out = list.data;
	*n = list.n;
	return got;
}

int relay_get(struct db *db, const char *id, struct arena *a, struct relay *out, struct err *e)
{
	struct stmt *s =
		db_prepare_once(db, arena_printf(a, RELAY_SELECT "WHERE t.id = ?1", "1 = 1"), e);
	int got;

	if (!s)
		return -1;
	bind_text(s, 1, id);
	got = db_step(s, e);
	if (got > 0)
		relay_read(s, a, out);
	db_done(s);
	return got;
}
