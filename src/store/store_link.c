/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links, moves, decisions. A link is an interval that is only ever ended, so "where was it then" is a look at rows; the
 * columns of a machine (him.host, him.guests, him.power) say again what the open links say, for lists and queries.
 */
#include "store/store_link.h"
#include "base/buf.h"
#include "store/store_action.h"
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* ---- reading links ---- */

static int read_all(
	struct stmt *s, enum model_id record, struct arena *a, void **out, size_t *n, struct err *e)
{
	struct rows list = {0};
	int got;

	while ((got = db_step(s, e)) > 0)
		row_read(&model_records[record], s, 1, a,
			rows_add(&list, a, model_records[record].size));
	db_done(s);
	*out = list.data;
	*n = list.n;
	return got;
}

static int links_of(struct db *db, const char *sql, const char *machine, int limit, struct arena *a,
	struct link **out, size_t *n, struct err *e)
{
	struct stmt *s = db_prepare(db, sql, e);

	if (!s)
		return -1;
	bind_text(s, 1, machine);
	bind_int(s, 2, limit);
	return read_all(s, MODEL_link, a, (void **)out, n, e);
}

int link_hosts(struct db *db, const char *guest, struct arena *a, struct link **out, size_t *n,
	struct err *e)
{
	return links_of(db,
		"SELECT 0" LINK_FIELDS(ROW_COLUMN) " FROM links WHERE guest = ?1 AND until = 0 "
						   "ORDER BY certain DESC, id LIMIT ?2",
		guest, 1000, a, out, n, e);
}

int link_guests(struct db *db, const char *host, int limit, struct arena *a, struct link **out,
	size_t *n, struct err *e)
{
	return links_of(db,
		"SELECT 0" LINK_FIELDS(ROW_COLUMN) " FROM links WHERE host = ?1 AND until = 0 "
						   "ORDER BY id LIMIT ?2",
		host, limit, a, out, n, e);
}

int link_history(struct db *db, const char *guest, int limit, struct arena *a, struct link **out,
	size_t *n, struct err *e)
{
	return links_of(db,
		"SELECT 0" LINK_FIELDS(
			ROW_COLUMN) " FROM links WHERE guest = ?1 ORDER BY id DESC LIMIT ?2",
		guest, limit, a, out, n, e);
}

/* ---- writing links ---- */

static void bind_said(struct stmt *s, const struct link *x)
{
	bind_int(s, 1, x->certain);
	bind_text(s, 2, x->source);
	bind_text(s, 3, x->ref);
	bind_text(s, 4, x->evidence);
}

int link_begin(struct db *db, const struct link *x, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"INSERT INTO links (certain, source, ref, evidence, guest, host, began, until)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)",
		e);

	if (!s)
		return -1;
	bind_said(s, x);
	bind_text(s, 5, x->guest);
	bind_text(s, 6, x->host);
	bind_int(s, 7, x->began);
	return db_run(s, e) < 0 ? -1 : 0;
}

int link_change(struct db *db, const struct link *x, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"UPDATE links SET certain = ?1, source = ?2, ref = ?3, evidence = ?4 WHERE id = ?5",
		e);

	if (!s)
		return -1;
	bind_said(s, x);
	bind_int(s, 5, x->id);
	return db_run(s, e) < 0 ? -1 : 0;
}

int link_end(struct db *db, int64_t id, int64_t now_ms, struct err *e)
{
	struct stmt *s =
		db_prepare(db, "UPDATE links SET until = ?2 WHERE id = ?1 AND until = 0", e);

	if (!s)
		return -1;
	bind_int(s, 1, id);
	bind_int(s, 2, now_ms);
	return db_run(s, e) < 0 ? -1 : 0;
}

/* The first column of the first row, "" when there is none. */
static int text_of(struct stmt *s, char out[64], struct err *e)
{
	int got = db_step(s, e);

	out[0] = '\0';
	if (got > 0 && col_text(s, 0))
		snprintf(out, 64, "%s", col_text(s, 0));
	db_done(s);
	return got;
}

int link_came_from(struct db *db, const char *guest, const char *host, char from[64], struct err *e)
{
	char to[64];
	struct stmt *s = db_prepare(db,
		"SELECT host FROM links WHERE guest = ?1 AND until > 0 AND certain = 1 ORDER BY "
		"until DESC, id DESC LIMIT 1",
		e);

	from[0] = '\0';
	if (!s)
		return -1;
	bind_text(s, 1, guest);
	if (text_of(s, from, e) < 0)
		return -1;
	s = db_prepare(
		db, "SELECT to_host FROM moves WHERE machine = ?1 ORDER BY id DESC LIMIT 1", e);
	if (!s)
		return -1;
	bind_text(s, 1, guest);
	if (text_of(s, to, e) < 0)
		return -1;
	if (strcmp(from, host) == 0 || strcmp(to, host) == 0)
		from[0] = '\0';
	return 0;
}

/* ---- moves ---- */

int move_put(struct db *db, const struct move *x, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"INSERT INTO moves (time, machine, from_host, to_host) VALUES (?1, ?2, ?3, ?4)", e);

	if (!s)
		return -1;
	bind_int(s, 1, x->time);
	bind_text(s, 2, x->machine);
	bind_text(s, 3, x->from_host);
	bind_text(s, 4, x->to_host);
	return db_run(s, e) < 0 ? -1 : 0;
}

int move_list(struct db *db, const struct move_page *p, struct arena *a, struct move **out,
	size_t *n, struct err *e)
{
	int next = (int)p->n_params + 1;
	struct stmt *s = db_prepare_once(db,
		arena_printf(a,
			"SELECT 0" MOVE_FIELDS(ROW_COLUMN_OF_T) " FROM moves t JOIN machines m ON "
								"m.id = t.machine WHERE (%s) AND "
								"t.id < ?%d AND t.time >= ?%d "
								"ORDER BY t.id DESC LIMIT ?%d",
			p->where, next, next + 1, next + 2),
		e);

	if (!s)
		return -1;
	params_bind(s, p->params, p->n_params);
	bind_int(s, next, p->before ? p->before : INT64_MAX);
	bind_int(s, next + 1, p->since_ms);
	bind_int(s, next + 2, p->limit);
	return read_all(s, MODEL_move, a, (void **)out, n, e);
}

/* ---- machines ---- */

int machine_listed(struct db *db, const char *id, const char *name, const char *site,
	int64_t now_ms, struct err *e)
{
	struct stmt *s = db_prepare(
		db, "INSERT INTO machines (id, name, site, created) VALUES (?1, ?2, ?3, ?4)", e);

	if (!s)
		return -1;
	bind_text(s, 1, id);
	bind_text(s, 2, name);
	bind_text(s, 3, site);
	bind_int(s, 4, now_ms);
	return db_run(s, e) < 0 ? -1 : 0;
}

static void bind_known(struct stmt *s, int i, int64_t v)
{
	if (v == MODEL_ABSENT)
		bind_null(s, i);
	else
		bind_int(s, i, v);
}

int machine_tell(struct db *db, const struct machine_told *x, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"UPDATE machines SET kind = ?2, cpu_threads = ?3, memory = ?4, name = CASE WHEN "
		"COALESCE(name, '') = COALESCE(?6, ?5, '') THEN ?5 ELSE name END WHERE id = ?1 AND "
		"agent IS NULL",
		e);
	int64_t n;

	if (!s)
		return -1;
	bind_text(s, 1, x->id);
	bind_text(s, 2, x->kind);
	bind_known(s, 3, x->vcpus);
	bind_known(s, 4, x->memory_bytes);
	bind_text(s, 5, x->name);
	bind_text(s, 6, x->was);
	n = db_run(s, e);
	if (n <= 0)
		return n < 0 ? -1 : 0;
	s = db_prepare(db, "DELETE FROM addresses WHERE machine = ?1", e);
	if (!s)
		return -1;
	bind_text(s, 1, x->id);
	if (db_run(s, e) < 0)
		return -1;
	for (size_t i = 0; i < x->n_macs; i++) {
		s = db_prepare(db,
			"INSERT INTO addresses (machine, kind, value) VALUES (?1, 'mac', ?2) ON "
			"CONFLICT (machine, kind, value) DO NOTHING",
			e);
		if (!s)
			return -1;
		bind_text(s, 1, x->id);
		bind_text(s, 2, x->macs[i]);
		if (db_run(s, e) < 0)
			return -1;
	}
	return 0;
}

int machine_agent(struct db *db, const char *id, char agent[64], struct err *e)
{
	struct stmt *s = db_prepare(db, "SELECT agent FROM machines WHERE id = ?1", e);

	if (!s)
		return -1;
	bind_text(s, 1, id);
	return text_of(s, agent, e);
}

int machine_give(struct db *db, const char *id, const char *agent, const char *name,
	const char *site, int64_t now_ms, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"INSERT INTO machines (id, name, agent, site, state, state_since, seen, created) "
		"VALUES (?1, ?2, ?3, ?4, 'online', ?5, ?5, ?5) ON CONFLICT (id) DO UPDATE SET "
		"agent "
		"= excluded.agent, site = excluded.site, state = 'online', state_since = "
		"excluded.state_since, seen = excluded.seen",
		e);

	if (!s)
		return -1;
	bind_text(s, 1, id);
	bind_text(s, 2, name);
	bind_text(s, 3, agent);
	bind_text(s, 4, site);
	bind_int(s, 5, now_ms);
	if (db_run(s, e) < 0)
		return -1;
	s = db_prepare(db, "UPDATE agents SET machine = ?2, report_digest = NULL WHERE id = ?1", e);
	if (!s)
		return -1;
	bind_text(s, 1, agent);
	bind_text(s, 2, id);
	return db_run(s, e) < 0 ? -1 : 0;
}

int machine_placed(struct db *db, const char *id, const char *power, const char *host,
	const char *host_site, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"UPDATE machines SET power = ?2, runs_on = ?3, runs_on_site = ?4 WHERE id = ?1 AND "
		"(COALESCE(power, '') <> COALESCE(?2, '') OR COALESCE(runs_on, '') <> COALESCE(?3, "
		"'') OR COALESCE(runs_on_site, '') <> COALESCE(?4, ''))",
		e);

	if (!s)
		return -1;
	bind_text(s, 1, id);
	bind_text(s, 2, power);
	bind_text(s, 3, host);
	bind_text(s, 4, host_site);
	return (int)db_run(s, e);
}

int machine_recount(struct db *db, const char *host, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"UPDATE machines SET guests = (SELECT CASE WHEN COUNT(*) > 0 OR machines.marked > 0"
		" THEN COUNT(*) END FROM links WHERE host = ?1 AND until = 0 AND certain = 1) "
		"WHERE "
		"id = ?1",
		e);

	if (!s)
		return -1;
	bind_text(s, 1, host);
	return db_run(s, e) < 0 ? -1 : 0;
}

int machine_mark(struct db *db, const char *id, int64_t marked_ms, const char *by, struct err *e)
{
	struct stmt *s =
		db_prepare(db, "UPDATE machines SET marked = ?2, marked_by = ?3 WHERE id = ?1", e);

	if (!s)
		return -1;
	bind_text(s, 1, id);
	bind_int(s, 2, marked_ms);
	bind_text(s, 3, marked_ms ? by : NULL);
	return db_run(s, e) < 0 ? -1 : 0;
}

int machine_marked(struct db *db, const char *id, bool *by_site, struct err *e)
{
	char by[64];
	struct stmt *s =
		db_prepare(db, "SELECT marked_by FROM machines WHERE id = ?1 AND marked > 0", e);
	int got;

	if (!s)
		return -1;
	bind_text(s, 1, id);
	got = text_of(s, by, e);
	*by_site = strcmp(by, MARKED_BY_SITE) == 0;
	return got;
}

/* What a machine has from its agent; the rest belongs to the machine itself. */
static char agent_text[8192];

static void agent_make(void)
{
	static const char *const own[] = {"agent", "site", "state", "state_since", "seen", "relay",
		"route", "channel", "channel_reason", "reported", "revoked", "clock_skew_ms",
		"notice"};
	const struct model_record *r = &model_records[MODEL_machine];
	struct buf columns, b;

	buf_init(&columns, 4000);
	buf_init(&b, sizeof agent_text - 1);
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		buf_printf(&columns, "%s%s", i ? ", " : "", own[i]);
	for (size_t i = 0; i < r->n; i++)
		if (r->fields[i].flags & AGENT)
			buf_printf(&columns, ", %s", r->fields[i].column);
	buf_printf(&b,
		"UPDATE machines SET (%s) = (SELECT %s FROM machines o WHERE o.id = ?2) "
		"WHERE id = ?1",
		buf_str(&columns), buf_str(&columns));
	assert(!columns.full && !b.full);
	memcpy(agent_text, buf_str(&b), b.len + 1);
	buf_release(&b);
	buf_release(&columns);
}

static const char *agent_sql(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, agent_make);
	return agent_text;
}

static int both(struct db *db, const char *sql, const char *keep, const char *gone, struct err *e)
{
	struct stmt *s = db_prepare(db, sql, e);

	if (!s)
		return -1;
	bind_text(s, 1, keep);
	bind_text(s, 2, gone);
	return db_run(s, e) < 0 ? -1 : 0;
}

int machine_absorb(
	struct db *db, const char *keep, const char *gone, bool take_agent, struct err *e)
{
	static const char *const texts[] = {
		"DELETE FROM links WHERE until = 0 AND guest = ?2 AND host IN (SELECT host FROM "
		"links WHERE guest = ?1 AND until = 0)",
		"DELETE FROM links WHERE until = 0 AND host = ?2 AND guest IN (SELECT guest FROM "
		"links WHERE host = ?1 AND until = 0)",
		"DELETE FROM links WHERE (guest = ?1 AND host = ?2) OR (guest = ?2 AND host = ?1)",
		"UPDATE links SET guest = ?1 WHERE guest = ?2",
		"UPDATE links SET host = ?1 WHERE host = ?2",
		"UPDATE moves SET machine = ?1 WHERE machine = ?2",
		"UPDATE moves SET from_host = ?1 WHERE from_host = ?2",
		"UPDATE moves SET to_host = ?1 WHERE to_host = ?2",
		"UPDATE decisions SET machine = ?1 WHERE machine = ?2",
		"UPDATE sightings SET machine = ?1 WHERE machine = ?2",
		"UPDATE events SET machine = ?1 WHERE machine = ?2",
		"UPDATE results SET machine = ?1 WHERE machine = ?2",
		"UPDATE agents SET machine = ?1 WHERE machine = ?2",
		"UPDATE machines SET runs_on = ?1 WHERE runs_on = ?2",
		"DELETE FROM addresses WHERE machine = ?2 AND ?1 <> ''",
		"DELETE FROM machines WHERE id = ?2 AND ?1 <> ''",
	};

	if (take_agent &&
		(both(db, agent_sql(), keep, gone, e) < 0 ||
			both(db, "DELETE FROM addresses WHERE machine = ?1 AND ?2 <> ''", keep,
				gone, e) < 0 ||
			both(db, "UPDATE addresses SET machine = ?1 WHERE machine = ?2", keep, gone,
				e) < 0))
		return -1;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (both(db, texts[i], keep, gone, e) < 0)
			return -1;
	return 0;
}

/* ---- decisions ---- */

int decision_put(struct db *db, const struct decision *x, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"INSERT INTO decisions (id, kind, one, other, machine, with_machine, text, \"by\", "
		"made) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
		e);

	if (!s)
		return -1;
	bind_text(s, 1, x->id);
	bind_text(s, 2, x->kind);
	bind_text(s, 3, x->one);
	bind_text(s, 4, x->other);
	bind_text(s, 5, x->machine);
	bind_text(s, 6, x->with_machine);
	bind_text(s, 7, x->text);
	bind_text(s, 8, x->by);
	bind_int(s, 9, x->made);
	return db_run(s, e) < 0 ? -1 : 0;
}

#define DECISION_SELECT "SELECT 0" DECISION_FIELDS(ROW_COLUMN) " FROM decisions "

static int decisions(struct db *db, const char *sql, const char *x, struct arena *a,
	struct decision **out, size_t *n, struct err *e)
{
	struct stmt *s = db_prepare(db, sql, e);

	if (!s)
		return -1;
	bind_text(s, 1, x);
	return read_all(s, MODEL_decision, a, (void **)out, n, e);
}

int decision_of(struct db *db, const char *word, struct arena *a, struct decision **out, size_t *n,
	struct err *e)
{
	return decisions(db,
		DECISION_SELECT "WHERE (one = ?1 OR other = ?1) AND undone = 0 ORDER BY id LIMIT "
				"1000",
		word, a, out, n, e);
}

int decision_of_machine(struct db *db, const char *machine, struct arena *a, struct decision **out,
	size_t *n, struct err *e)
{
	return decisions(db, DECISION_SELECT "WHERE machine = ?1 ORDER BY id DESC LIMIT 100",
		machine, a, out, n, e);
}

int decision_get(
	struct db *db, const char *id, struct arena *a, struct decision *out, struct err *e)
{
	struct decision *rows;
	size_t n;

	if (decisions(db, DECISION_SELECT "WHERE id = ?1", id, a, &rows, &n, e) < 0)
		return -1;
	if (n)
		*out = rows[0];
	return n > 0;
}

int decision_undo(struct db *db, const char *id, const char *by, int64_t now_ms, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"UPDATE decisions SET undone = ?2, undone_by = ?3 WHERE id = ?1 AND undone = 0", e);
	int64_t n;

	if (!s)
		return -1;
	bind_text(s, 1, id);
	bind_int(s, 2, now_ms);
	bind_text(s, 3, by);
	n = db_run(s, e);
	return n < 0    ? -1
		: n > 0 ? 0
			: err_field(e, ERR_CONFLICT, "id", "decision %.60s is undone already", id);
}
