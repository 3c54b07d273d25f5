/* SPDX-License-Identifier: Apache-2.0 */
/* Reading machines and links for trees: few columns, literal statements, everything by an index. */
#include "store/store_tree.h"
#include "store/row.h"

#define COLUMNS                                                                                    \
	"m.id, m.name, m.agent, m.site, m.state, m.power, m.kind, m.hypervisor, m.container, "     \
	"m.os_description, m.network, m.gateway_ip, m.gateway_mac, m.cloud_provider, "             \
	"m.cloud_account, m.cloud_region, m.cloud_zone, m.seen, m.created, m.marked, m.revoked"
#define COLUMNS_N 21

static void read_machine(struct stmt *s, struct arena *a, struct tree_machine *m)
{
	const char **texts[] = {&m->id, &m->name, &m->agent, &m->site, &m->state, &m->power,
		&m->kind, &m->hypervisor, &m->container, &m->os, &m->network, &m->gateway_ip,
		&m->gateway_mac, &m->provider, &m->account, &m->region, &m->zone};
	int n = sizeof texts / sizeof *texts;

	for (int i = 0; i < n; i++)
		*texts[i] = arena_strdup(a, col_text(s, i));
	m->seen = col_int(s, n);
	m->created = col_int(s, n + 1);
	m->marked = col_int(s, n + 2);
	m->revoked = col_int(s, n + 3);
}

int tree_machines(struct db *db, const char *where, const struct param *params, size_t n_params,
	size_t max, struct arena *a, struct tree_machine **out, size_t *n, struct err *e)
{
	struct rows list = {0};
	int got;
	struct stmt *s = db_prepare_once(db,
		arena_printf(a,
			"SELECT " COLUMNS " FROM machines m WHERE (%s) ORDER BY COALESCE(m.name, "
			"''), m.id LIMIT ?%zu",
			where, n_params + 1),
		e);

	if (!s)
		return -1;
	params_bind(s, params, n_params);
	bind_int(s, (int)n_params + 1, (int64_t)max + 1);
	while ((got = db_step(s, e)) > 0)
		read_machine(s, a, rows_add(&list, a, sizeof(struct tree_machine)));
	db_done(s);
	*out = list.data;
	*n = list.n;
	if (got == 0 && list.n > max)
		return err_field(e, ERR_TOO_LARGE, "query",
			"more than %zu machines fit: ask for fewer at a time", max);
	return got;
}

int tree_machine(
	struct db *db, const char *id, struct arena *a, struct tree_machine *out, struct err *e)
{
	struct stmt *s = db_prepare(db, "SELECT " COLUMNS " FROM machines m WHERE m.id = ?1", e);
	int got;

	if (!s)
		return -1;
	bind_text(s, 1, id);
	got = db_step(s, e);
	if (got > 0)
		read_machine(s, a, out);
	db_done(s);
	return got;
}

/* ---- links ---- */

#define LINK_SELECT "SELECT id, guest, host, began, until, certain, source, ref FROM links WHERE "

static int read_links(
	struct stmt *s, size_t max, struct arena *a, struct link **out, size_t *n, struct err *e)
{
	struct rows list = {0};
	int got;

	while ((got = db_step(s, e)) > 0)
		*(struct link *)rows_add(&list, a, sizeof(struct link)) =
			(struct link){.id = col_int(s, 0),
				.guest = arena_strdup(a, col_text(s, 1)),
				.host = arena_strdup(a, col_text(s, 2)),
				.began = col_int(s, 3),
				.until = col_int(s, 4),
				.certain = col_int(s, 5) != 0,
				.source = arena_strdup(a, col_text(s, 6)),
				.ref = arena_strdup(a, col_text(s, 7))};
	db_done(s);
	*out = list.data;
	*n = list.n;
	if (got == 0 && list.n > max)
		return err_field(e, ERR_TOO_LARGE, "query",
			"more than %zu links: ask for fewer machines at a time", max);
	return got;
}

int tree_links(struct db *db, const char *machine, enum tree_way way, int64_t at_ms, size_t max,
	struct arena *a, struct link **out, size_t *n, struct err *e)
{
	static const char *const texts[2][2] = {
		{LINK_SELECT "guest = ?1 AND until = ?2 ORDER BY id LIMIT ?3",
			LINK_SELECT
			"guest = ?1 AND began <= ?2 AND (until = 0 OR until > ?2) ORDER "
			"BY id LIMIT ?3"},
		{LINK_SELECT "host = ?1 AND until = ?2 ORDER BY id LIMIT ?3",
			LINK_SELECT "host = ?1 AND began <= ?2 AND (until = 0 OR until > ?2) ORDER "
				    "BY id LIMIT ?3"}};
	struct stmt *s = db_prepare(db, texts[way][at_ms > 0], e);

	if (!s)
		return -1;
	bind_text(s, 1, machine);
	bind_int(s, 2, at_ms);
	bind_int(s, 3, (int64_t)max + 1);
	return read_links(s, max, a, out, n, e);
}

int tree_all_links(struct db *db, int64_t at_ms, size_t max, struct arena *a, struct link **out,
	size_t *n, struct err *e)
{
	/* At a time: two halves, each by the index on `until`. */
	struct stmt *s = db_prepare(db,
		at_ms ? LINK_SELECT "until = 0 AND began <= ?1 UNION ALL " LINK_SELECT
				    "until > ?1 AND began <= ?1 LIMIT ?2"
		      : LINK_SELECT "until = ?1 LIMIT ?2",
		e);

	if (!s)
		return -1;
	bind_int(s, 1, at_ms);
	bind_int(s, 2, (int64_t)max + 1);
	return read_links(s, max, a, out, n, e);
}

/* ---- what runs on one ---- */

static int count_guests(struct db *db, const char *host, const struct scope *scope, struct arena *a,
	struct tree_guests *out, struct err *e)
{
	int next = 2, got;
	struct stmt *s = db_prepare_once(db,
		arena_printf(a,
			"SELECT COUNT(*), COALESCE(SUM(CASE WHEN %s THEN 1 ELSE 0 END), 0) FROM "
			"links l JOIN machines m ON m.id = l.guest WHERE l.host = ?1 AND l.until = "
			"0",
			scope_sql(scope, "m.site", &next, a)),
		e);

	if (!s)
		return -1;
	bind_text(s, 1, host);
	next = 2;
	scope_bind(scope, s, &next);
	got = db_step(s, e);
	if (got > 0) {
		out->all = col_int(s, 0);
		out->within = col_int(s, 1);
	}
	db_done(s);
	return got < 0 ? -1 : 0;
}

int tree_guests(struct db *db, const char *host, const struct scope *scope, size_t max,
	struct arena *a, struct tree_guests *out, struct err *e)
{
	struct rows list = {0};
	int next = 3, got;
	struct stmt *s;

	*out = (struct tree_guests){0};
	if (count_guests(db, host, scope, a, out, e) < 0)
		return -1;
	s = db_prepare_once(db,
		arena_printf(a,
			"SELECT " COLUMNS ", l.certain FROM links l JOIN machines m ON m.id = "
			"l.guest WHERE l.host = ?1 AND l.until = 0 AND %s ORDER BY "
			"COALESCE(m.name, ''), m.id LIMIT ?2",
			scope_sql(scope, "m.site", &next, a)),
		e);
	if (!s)
		return -1;
	bind_text(s, 1, host);
	bind_int(s, 2, (int64_t)max);
	next = 3;
	scope_bind(scope, s, &next);
	while ((got = db_step(s, e)) > 0) {
		struct tree_guest *g = rows_add(&list, a, sizeof *g);
		read_machine(s, a, &g->m);
		g->certain = col_int(s, COLUMNS_N) != 0;
	}
	db_done(s);
	out->list = list.data;
	out->n = list.n;
	return got;
}
