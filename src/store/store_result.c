/* SPDX-License-Identifier: Apache-2.0 */
/* Reading actions and results: for the dispatcher (what is open, for whom) and for people (lists, inside a scope). */
#include "base/id.h"
#include "store/store_action.h"
#include <stdio.h>
#include <string.h>

int action_get(struct db *db, const char *id, struct arena *a, struct action *out, struct err *e)
{
	struct stmt *s = db_prepare(
		db, "SELECT 0" ACTION_FIELDS(ROW_COLUMN) " FROM actions WHERE id = ?1", e);
	int got;

	if (!s)
		return -1;
	bind_text(s, 1, id);
	got = db_step(s, e);
	if (got > 0)
		row_read(&model_records[MODEL_action], s, 1, a, out);
	db_done(s);
	return got;
}

#define OPEN_SELECT                                                                                \
	"SELECT r.action, r.agent, m.relay, r.leaf, r.path FROM results r JOIN machines m ON "     \
	"m.agent = r.agent "
#define OPEN_WHERE                                                                                 \
	"WHERE r.state IN ('waiting', 'notified') AND (r.action > ?1 OR (r.action = ?1 AND "       \
	"r.agent > ?2)) "
#define OPEN_ORDER " ORDER BY r.action, r.agent LIMIT ?3"

int action_open(struct db *db, const char *action, const char *agent, const char *const *relays,
	size_t n_relays, int limit, const char *after_action, const char *after_agent,
	struct arena *a, struct open_item **out, size_t *n, struct err *e)
{
	struct scope below = {.sites = relays, .n = n_relays};
	struct rows list = {0};
	struct stmt *s;
	int got, next = 4;

	if (action)
		s = db_prepare(db, OPEN_SELECT OPEN_WHERE "AND r.action = ?4" OPEN_ORDER, e);
	else if (agent)
		s = db_prepare(db, OPEN_SELECT OPEN_WHERE "AND r.agent = ?4" OPEN_ORDER, e);
	else
		s = db_prepare_once(db,
			arena_printf(a, OPEN_SELECT OPEN_WHERE "AND %s" OPEN_ORDER,
				scope_sql(&below, "m.relay", &next, a)),
			e);
	if (!s)
		return -1;
	bind_text(s, 1, after_action ? after_action : "");
	bind_text(s, 2, after_agent ? after_agent : "");
	bind_int(s, 3, limit);
	next = 4;
	if (action || agent)
		bind_text(s, 4, action ? action : agent);
	else
		scope_bind(&below, s, &next);
	while ((got = db_step(s, e)) > 0) {
		struct open_item *x = rows_add(&list, a, sizeof *x);
		x->action = arena_strdup(a, col_text(s, 0));
		x->agent = arena_strdup(a, col_text(s, 1));
		x->relay = arena_strdup(a, col_text(s, 2));
		x->leaf = col_int(s, 3);
		x->path.data = col_blob(s, 4, &x->path.len);
		x->path.data = arena_memdup(a, x->path.data, x->path.len);
	}
	db_done(s);
	*out = list.data;
	*n = list.n;
	return got;
}

int action_unended(struct db *db, const char *id, struct arena *a, const char ***agents, size_t *n,
	struct err *e)
{
	struct stmt *s = db_prepare(db,
		"SELECT agent FROM results WHERE action = ?1 AND (state IN ('notified', 'fetched', "
		"'running') OR (state = 'cancelled' AND reason = '" CANCELLED_EARLY "'))",
		e);
	struct rows list = {0};
	int got;

	if (!s)
		return -1;
	bind_text(s, 1, id);
	while ((got = db_step(s, e)) > 0)
		*(const char **)rows_add(&list, a, sizeof(const char *)) =
			arena_strdup(a, col_text(s, 0));
	db_done(s);
	*agents = list.data;
	*n = list.n;
	return got;
}

/* ---- for people ---- */

static const struct {
	const char *word;
	size_t offset;
} state_counts[] = {
	{"waiting", offsetof(struct action_counts, waiting)},
	{"notified", offsetof(struct action_counts, notified)},
	{"fetched", offsetof(struct action_counts, fetched)},
	{"running", offsetof(struct action_counts, running)},
	{"done", offsetof(struct action_counts, done)},
	{"failed", offsetof(struct action_counts, failed)},
	{"timed_out", offsetof(struct action_counts, timed_out)},
	{"refused", offsetof(struct action_counts, refused)},
	{"expired", offsetof(struct action_counts, expired)},
	{"cancelled", offsetof(struct action_counts, cancelled)},
};
#define STATES (sizeof state_counts / sizeof *state_counts)

bool result_state(const char *word)
{
	for (size_t i = 0; i < STATES; i++)
		if (strcmp(state_counts[i].word, word) == 0)
			return true;
	return false;
}

static void count_add(struct action_counts *out, const char *state, int64_t n)
{
	out->targets += n;
	for (size_t i = 0; i < STATES; i++)
		if (strcmp(state_counts[i].word, state) == 0)
			*(int64_t *)((char *)out + state_counts[i].offset) += n;
}

int action_counts(struct db *db, const char *id, const struct scope *scope, struct arena *a,
	struct action_counts *out, struct err *e)
{
	int next = 2, got;
	struct stmt *s = db_prepare_once(db,
		arena_printf(a,
			"SELECT state, COUNT(*) FROM results WHERE action = ?1 AND %s GROUP BY "
			"state",
			scope_sql(scope, "site", &next, a)),
		e);

	memset(out, 0, sizeof *out);
	if (!s)
		return -1;
	bind_text(s, 1, id);
	next = 2;
	scope_bind(scope, s, &next);
	while ((got = db_step(s, e)) > 0)
		count_add(out, col_text(s, 0), col_int(s, 1));
	db_done(s);
	return got;
}

/* A person sees an action when one of its targets is in their scope. */
int action_list(struct db *db, const char *before, const char *state, int limit,
	const struct scope *scope, struct arena *a, struct action **out, size_t *n, struct err *e)
{
	struct rows list = {0};
	int got, next = 4;
	const char *in = scope_sql(scope, "r.site", &next, a);
	const char *sql = arena_printf(a,
		"SELECT 0" ACTION_FIELDS(
			ROW_COLUMN_OF_T) " FROM actions t WHERE (?1 IS NULL OR t.id < ?1) AND (?2 "
					 "IS NULL OR t.state = ?2)%s%s%s"
					 " ORDER BY t.id DESC LIMIT ?3",
		scope->all ? "" : " AND EXISTS (SELECT 1 FROM results r WHERE r.action = t.id AND ",
		scope->all ? "" : in, scope->all ? "" : ")");
	struct stmt *s = db_prepare_once(db, sql, e);

	if (!s)
		return -1;
	bind_text(s, 1, before);
	bind_text(s, 2, state);
	bind_int(s, 3, limit);
	next = 4;
	scope_bind(scope, s, &next);
	while ((got = db_step(s, e)) > 0)
		row_read(&model_records[MODEL_action], s, 1, a,
			rows_add(&list, a, sizeof(struct action)));
	db_done(s);
	*out = list.data;
	*n = list.n;
	return got;
}

int result_list(struct db *db, const char *action, const char *state, const char *after_agent,
	int limit, const struct scope *scope, struct arena *a, struct result **out, size_t *n,
	struct err *e)
{
	struct rows list = {0};
	int got, next = 5;
	const char *sql = arena_printf(a,
		"SELECT 0" RESULT_FIELDS(ROW_COLUMN) " FROM results WHERE action = ?1 AND (?2 IS "
						     "NULL OR state = ?2) AND agent > ?3"
						     " AND %s ORDER BY agent LIMIT ?4",
		scope_sql(scope, "site", &next, a));
	struct stmt *s = db_prepare_once(db, sql, e);

	if (!s)
		return -1;
	bind_text(s, 1, action);
	bind_text(s, 2, state);
	bind_text(s, 3, after_agent ? after_agent : "");
	bind_int(s, 4, limit);
	next = 5;
	scope_bind(scope, s, &next);
	while ((got = db_step(s, e)) > 0)
		row_read(&model_records[MODEL_result], s, 1, a,
			rows_add(&list, a, sizeof(struct result)));
	db_done(s);
	*out = list.data;
	*n = list.n;
	return got;
}

int result_get(struct db *db, const char *action, const char *who, const struct scope *scope,
	struct arena *a, struct result *out, struct err *e)
{
	int got, next = 3;
	const char *sql = arena_printf(a,
		"SELECT 0" RESULT_FIELDS(ROW_COLUMN) " FROM results WHERE action = ?1 AND (agent = "
						     "?2 OR machine = ?2) AND %s",
		scope_sql(scope, "site", &next, a));
	struct stmt *s = db_prepare_once(db, sql, e);

	if (!s)
		return -1;
	bind_text(s, 1, action);
	bind_text(s, 2, who);
	next = 3;
	scope_bind(scope, s, &next);
	got = db_step(s, e);
	if (got > 0)
		row_read(&model_records[MODEL_result], s, 1, a, out);
	db_done(s);
	return got;
}

int result_list_of_machine(struct db *db, const char *machine, int limit, struct arena *a,
	struct result **out, size_t *n, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"SELECT 0" RESULT_FIELDS(ROW_COLUMN) " FROM results WHERE machine = ?1"
						     " ORDER BY action DESC LIMIT ?2",
		e);
	struct rows list = {0};
	int got;

	if (!s)
		return -1;
	bind_text(s, 1, machine);
	bind_int(s, 2, limit);
	while ((got = db_step(s, e)) > 0)
		row_read(&model_records[MODEL_result], s, 1, a,
			rows_add(&list, a, sizeof(struct result)));
	db_done(s);
	*out = list.data;
	*n = list.n;
	return got;
}

/* ---- whole outputs ---- */

int attachment_add(struct db *db, const struct attachment *x, struct err *e)
{
	struct stmt *s;

	if (x->offset < 0 || x->total < 0 || x->total > ATTACHMENT_MAX || x->data.len == 0 ||
		x->offset > x->total - (int64_t)x->data.len)
		return 0;
	s = db_prepare(db,
		"INSERT INTO attachments (action, agent, name, \"offset\", total, data)"
		" SELECT r.action, r.agent, ?3, ?4, ?5, ?6 FROM results r JOIN actions t ON t.id ="
		" r.action WHERE r.action = ?1 AND r.agent = ?2 AND t.attach <> 0"
		" ON CONFLICT (action, agent, name, \"offset\") DO NOTHING",
		e);
	if (!s)
		return -1;
	bind_text(s, 1, x->action);
	bind_text(s, 2, x->agent);
	bind_text(s, 3, x->name);
	bind_int(s, 4, x->offset);
	bind_int(s, 5, x->total);
	bind_blob(s, 6, x->data.data, x->data.len);
	return db_run(s, e) < 0 ? -1 : 0;
}

int attachment_get(struct db *db, const char *action, const char *agent, const char *name,
	int64_t offset, struct arena *a, struct attachment *out, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"SELECT 0" ATTACHMENT_FIELDS(
			ROW_COLUMN) " FROM attachments WHERE action = ?1 AND"
				    " agent = ?2 AND name = ?3 AND \"offset\" = ?4",
		e);
	int got;

	if (!s)
		return -1;
	bind_text(s, 1, action);
	bind_text(s, 2, agent);
	bind_text(s, 3, name);
	bind_int(s, 4, offset);
	got = db_step(s, e);
	if (got > 0)
		row_read(&model_records[MODEL_attachment], s, 1, a, out);
	db_done(s);
	return got;
}
