/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Actions: making them, moving their results forward, ending them.
 *
 * Invariants: the counters of an action are the counts of its results by state, changed in the same
 * transaction; a result never moves back; when no result is open the action is "ended", and stays so.
 * Reading them for people is in store_result.c.
 */
#include "store/store_action.h"
#include "base/clock.h"
#include "store/store_event.h"
#include <stdio.h>
#include <string.h>

/* In the order in which a result moves; the first four are open. */
static const char *const states[] = {"waiting", "notified", "fetched", "running", "done", "failed",
	"timed_out", "refused", "expired", "cancelled"};
#define STATES (sizeof states / sizeof *states)
#define OPEN 4
#define PATH_BYTES 1024 /* 32 steps of 32 bytes: a tree of 2^32 leaves */

static int state_rank(const char *state)
{
	for (size_t i = 0; i < STATES; i++)
		if (strcmp(states[i], state) == 0)
			return (int)i;
	return -1;
}

/* ---- making ---- */

void params_bind(struct stmt *s, const struct param *params, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (params[i].is_int)
			bind_int(s, (int)i + 1, params[i].i);
		else
			bind_text(s, (int)i + 1, params[i].text);
}

int action_targets(struct db *db, const char *where, const struct param *params, size_t n_params,
	size_t max, struct arena *a, struct target **out, size_t *n, struct err *e)
{
	const char *sql = arena_printf(a,
		"SELECT m.agent, m.id, m.name, m.site FROM machines m WHERE m.agent IS NOT NULL "
		"AND m.revoked = 0 AND (%s)"
		" ORDER BY m.agent LIMIT %zu",
		where, max + 1);
	struct stmt *s = db_prepare_once(db, sql, e);
	struct rows list = {0};
	int got;

	if (!s)
		return -1;
	params_bind(s, params, n_params);
	while ((got = db_step(s, e)) > 0) {
		struct target *t = rows_add(&list, a, sizeof *t);
		t->agent = arena_strdup(a, col_text(s, 0));
		t->machine = arena_strdup(a, col_text(s, 1));
		t->name = arena_strdup(a, col_text(s, 2));
		t->site = arena_strdup(a, col_text(s, 3));
	}
	db_done(s);
	*out = list.data;
	*n = list.n;
	if (got == 0 && list.n > max)
		return err_field(
			e, ERR_TOO_LARGE, "query", "the query fits more than %zu machines", max);
	return got;
}

static int action_insert(struct db *db, const struct action *x, size_t n, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"INSERT INTO actions (id, kind, \"by\", query, command, script, timeout_ms, "
		"cpu_percent, memory_bytes, run_as,"
		" env, attach, made, deadline, state, targets, waiting, frame) VALUES (?1, ?2, ?3, "
		"?4, ?5, ?6, ?7, ?8, ?9, ?10,"
		" ?11, ?12, ?13, ?14, 'open', ?15, ?15, ?16)",
		e);

	if (!s)
		return -1;
	bind_text(s, 1, x->id);
	bind_text(s, 2, x->kind);
	bind_text(s, 3, x->by);
	bind_text(s, 4, x->query);
	bind_text(s, 5, x->command);
	bind_text(s, 6, x->script);
	bind_int(s, 7, x->timeout_ms);
	bind_int(s, 8, x->cpu_percent);
	bind_int(s, 9, x->memory_bytes);
	bind_text(s, 10, x->run_as);
	bind_text(s, 11, x->env);
	bind_int(s, 12, x->attach);
	bind_int(s, 13, x->made);
	bind_int(s, 14, x->deadline);
	bind_int(s, 15, (int64_t)n);
	bind_blob(s, 16, x->frame.data, x->frame.len);
	return db_run(s, e) < 0 ? -1 : 0;
}

int action_create(struct db *db, const struct action *x, const struct target *targets, size_t n,
	action_path *path, void *ctx, struct err *e)
{
	uint8_t steps[PATH_BYTES];

	if (action_insert(db, x, n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct stmt *s = db_prepare(db,
			"INSERT INTO results (action, agent, machine, name, site, leaf, state, "
			"updated, path)"
			" VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'waiting', ?7, ?8)",
			e);
		if (!s)
			return -1;
		bind_text(s, 1, x->id);
		bind_text(s, 2, targets[i].agent);
		bind_text(s, 3, targets[i].machine);
		bind_text(s, 4, targets[i].name);
		bind_text(s, 5, targets[i].site);
		bind_int(s, 6, (int64_t)i);
		bind_int(s, 7, x->made);
		bind_blob(s, 8, steps, path(ctx, i, steps));
		if (db_run(s, e) < 0)
			return -1;
	}
	return 0;
}

/* ---- moving ---- */

/* One statement whatever the two states are: the column of rank ?2 loses one, that of rank ?3 gains one. */
#define MOVE(column, rank)                                                                         \
	column " = " column " - CASE ?2 WHEN " rank " THEN 1 ELSE 0 END + CASE ?3 WHEN " rank      \
	       " THEN 1 ELSE 0 END"

static int counters_move(struct db *db, const char *action, int from, int to, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"UPDATE actions SET " MOVE("waiting", "0") ", " MOVE("notified", "1") ", " MOVE(
			"fetched", "2") ", " MOVE("running", "3") ", " MOVE("done",
			"4") ", " MOVE("failed", "5") ", " MOVE("timed_out",
			"6") ", " MOVE("refused", "7") ", " MOVE("expired",
			"8") ", " MOVE("cancelled", "9") " WHERE id = ?1",
		e);

	if (!s)
		return -1;
	bind_text(s, 1, action);
	bind_int(s, 2, from);
	bind_int(s, 3, to);
	return db_run(s, e) < 0 ? -1 : 0;
}

/* Marks the action ended when nothing of it is open. 1: just now. */
static int end_if_done(struct db *db, const char *action, int64_t now_ms, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"UPDATE actions SET state = 'ended', ended = ?2 WHERE id = ?1 AND state = 'open'"
		" AND waiting + notified + fetched + running = 0",
		e);
	struct event_row v = {.time = now_ms,
		.kind = "action.ended",
		.action = action,
		.text = "every target has ended"};
	int64_t n;

	if (!s)
		return -1;
	bind_text(s, 1, action);
	bind_int(s, 2, now_ms);
	n = db_run(s, e);
	if (n > 0 && event_put(db, &v, e) < 0)
		return -1;
	return (int)n;
}

struct now_state {
	int rank; /* -1: no such target */
	bool assumed;
};

static bool begins(const char *reason, const char *with)
{
	return reason && strncmp(reason, with, strlen(with)) == 0;
}

/* Said by the server itself, for want of an outcome. */
static bool is_assumed(const char *state, const char *reason)
{
	return strcmp(state, "expired") == 0 ||
		(strcmp(state, "failed") == 0 && begins(reason, OUTCOME_UNKNOWN)) ||
		(strcmp(state, "cancelled") == 0 && begins(reason, CANCELLED_EARLY));
}

static int state_get(
	struct db *db, const char *action, const char *agent, struct now_state *out, struct err *e)
{
	struct stmt *s = db_prepare(
		db, "SELECT state, reason FROM results WHERE action = ?1 AND agent = ?2", e);
	int got;

	*out = (struct now_state){-1, false};
	if (!s)
		return -1;
	bind_text(s, 1, action);
	bind_text(s, 2, agent);
	got = db_step(s, e);
	if (got > 0) {
		out->rank = state_rank(col_text(s, 0));
		out->assumed = is_assumed(col_text(s, 0), col_text(s, 1));
	}
	db_done(s);
	return got < 0 ? -1 : 0;
}

int action_progress(struct db *db, const char *action, const char *agent, const char *state,
	int64_t started, int64_t now_ms, struct err *e)
{
	int to = state_rank(state);
	struct now_state now;
	struct stmt *s;

	if (to < 1 || to >= OPEN)
		return err_field(
			e, ERR_INVALID, "state", "'%.20s' is not a state on the way", state);
	if (state_get(db, action, agent, &now, e) < 0)
		return -1;
	if (now.rank < 0 || now.rank >= to)
		return 0;
	s = db_prepare(db,
		"UPDATE results SET state = ?3, updated = ?4, started = CASE WHEN ?5 > 0 THEN ?5 "
		"ELSE started END"
		" WHERE action = ?1 AND agent = ?2",
		e);
	if (!s)
		return -1;
	bind_text(s, 1, action);
	bind_text(s, 2, agent);
	bind_text(s, 3, state);
	bind_int(s, 4, now_ms);
	bind_int(s, 5, started);
	if (db_run(s, e) < 0)
		return -1;
	return counters_move(db, action, now.rank, to, e) < 0 ? -1 : 1;
}

static void bind_output(struct stmt *s, int i, const struct bytes *b)
{
	if (b->data)
		bind_blob(s, i, b->data, b->len);
	else
		bind_null(s, i);
}

static int result_write(struct db *db, const struct result *r, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"UPDATE results SET state = ?3, exit_code = ?4, signal = ?5, reason = ?6,"
		" started = CASE WHEN ?7 > 0 THEN ?7 ELSE started END, ended = ?8, updated = ?9, "
		"limits = ?10, stdout_ = ?11,"
		" stdout_bytes = ?12, stdout_dropped = ?13, stderr_ = ?14, stderr_bytes = ?15, "
		"stderr_dropped = ?16, path = NULL"
		" WHERE action = ?1 AND agent = ?2",
		e);

	if (!s)
		return -1;
	bind_text(s, 1, r->action);
	bind_text(s, 2, r->agent);
	bind_text(s, 3, r->state);
	if (r->exit_code == MODEL_ABSENT)
		bind_null(s, 4);
	else
		bind_int(s, 4, r->exit_code);
	bind_text(s, 5, r->signal);
	bind_text(s, 6, r->reason);
	bind_int(s, 7, r->started);
	bind_int(s, 8, r->ended);
	bind_int(s, 9, r->updated);
	bind_text(s, 10, r->limits);
	bind_output(s, 11, &r->stdout_);
	bind_int(s, 12, r->stdout_bytes);
	bind_int(s, 13, r->stdout_dropped);
	bind_output(s, 14, &r->stderr_);
	bind_int(s, 15, r->stderr_bytes);
	bind_int(s, 16, r->stderr_dropped);
	return db_run(s, e) < 0 ? -1 : 0;
}

int action_final(struct db *db, const struct result *r, bool *ended, struct err *e)
{
	int to = state_rank(r->state), done;
	struct now_state now;

	*ended = false;
	if (to < OPEN)
		return err_field(e, ERR_INVALID, "state", "'%.20s' is not a final state", r->state);
	if (state_get(db, r->action, r->agent, &now, e) < 0)
		return -1;
	if (now.rank < 0)
		return 0;
	/* A real outcome that came late is worth more than what was assumed in its place. */
	if (now.rank >= OPEN && (!now.assumed || is_assumed(r->state, r->reason)))
		return 0;
	if (result_write(db, r, e) < 0 || counters_move(db, r->action, now.rank, to, e) < 0)
		return -1;
	done = end_if_done(db, r->action, r->updated, e);
	*ended = done > 0;
	return done < 0 ? -1 : 1;
}

/* ---- ending what did not end by itself ---- */

struct late {
	const char *action, *agent;
	int rank;
};

static int end_all(struct db *db, const struct rows *list, const char *early,
	const char *reason_early, const char *late_state, const char *reason_late, int64_t now_ms,
	struct err *e)
{
	const struct late *x = list->data;
	bool ended;

	for (size_t i = 0; i < list->n; i++) {
		bool not_fetched = x[i].rank < 2;
		struct result r = {.action = x[i].action,
			.agent = x[i].agent,
			.state = not_fetched ? early : late_state,
			.reason = not_fetched ? reason_early : reason_late,
			.exit_code = MODEL_ABSENT,
			.updated = now_ms};
		if (action_final(db, &r, &ended, e) < 0)
			return -1;
	}
	return 0;
}

static int collect_late(struct stmt *s, struct arena *a, struct rows *list, struct err *e)
{
	int got;

	if (!s)
		return -1;
	while ((got = db_step(s, e)) > 0) {
		struct late *x = rows_add(list, a, sizeof *x);
		x->action = arena_strdup(a, col_text(s, 0));
		x->agent = arena_strdup(a, col_text(s, 1));
		x->rank = state_rank(col_text(s, 2));
	}
	db_done(s);
	return got;
}

int action_overdue(
	struct db *db, int64_t now_ms, int64_t grace_ms, int limit, size_t *n, struct err *e)
{
	struct arena *a = arena_new();
	struct rows list = {0};
	struct stmt *s = db_prepare(db,
		"SELECT r.action, r.agent, r.state FROM actions t JOIN results r ON r.action = "
		"t.id WHERE t.state = 'open' AND"
		" t.deadline < ?1 AND (r.state IN ('waiting', 'notified') OR (r.state IN "
		"('fetched', 'running') AND"
		" t.deadline + t.timeout_ms + ?2 < ?1)) LIMIT ?3",
		e);
	int rc = -1;

	if (s) {
		bind_int(s, 1, now_ms);
		bind_int(s, 2, grace_ms);
		bind_int(s, 3, limit);
		rc = collect_late(s, a, &list, e);
	}
	if (rc == 0)
		rc = end_all(db, &list, "expired", "it was not fetched before the deadline",
			"failed", OUTCOME_UNKNOWN ": it was fetched, and nothing was heard of it",
			now_ms, e);
	*n = list.n;
	arena_free(a);
	return rc;
}

int action_cancel(struct db *db, const char *id, const char *by, int64_t now_ms, struct err *e)
{
	struct arena *a = arena_new();
	struct rows list = {0};
	struct stmt *s = db_prepare(db,
		"UPDATE actions SET cancelled_by = ?2 WHERE id = ?1 AND state = 'open'"
		" AND cancelled_by IS NULL",
		e);
	int64_t n = -1;
	int rc = -1;

	if (s) {
		bind_text(s, 1, id);
		bind_text(s, 2, by);
		n = db_run(s, e);
	}
	if (n == 0)
		err_field(e, ERR_CONFLICT, "id", "action %s has ended or is cancelled already", id);
	if (n > 0 &&
		(s = db_prepare(db,
			 "SELECT action, agent, state FROM results WHERE action = ?1 AND state = "
			 "'waiting'",
			 e))) {
		bind_text(s, 1, id);
		rc = collect_late(s, a, &list, e);
	}
	if (rc == 0)
		rc = end_all(db, &list, "cancelled", CANCELLED_EARLY, "cancelled", NULL, now_ms, e);
	arena_free(a);
	return rc;
}
