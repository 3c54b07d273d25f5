/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A restart has two ends: the machine says that it goes (its outcome, told a few seconds before), and it is back (a boot time
 * later than that outcome, both by its own clock). In between its result is running; one that never comes back ends as
 * every action does, at its deadline and timeout. A machine that was turned off is done when it said so: that it is gone,
 * its state shows.
 */
#include "server/power.h"
#include "base/id.h"
#include "server/dispatch.h"
#include "server/embedded.h"
#include "wire/sign.h"
#include <string.h>

#define START_TIMEOUT_MS 600000
#define START_DEADLINE_MS 3600000

static const char *script(struct arena *a)
{
	return arena_strndup(a, (const char *)power_sh, power_sh_len);
}

int power_make(struct action *x, const char *how, bool with_guests, struct arena *a, struct err *e)
{
	long long guests_s;

	if (strcmp(how, POWER_OFF) != 0 && strcmp(how, POWER_REBOOT) != 0)
		return err_field(
			e, ERR_INVALID, "power", "power is off or reboot, not '%.30s'", how);
	/* What guests do not do in time is told by the script, before the action's own timeout ends that. */
	guests_s = (long long)x->timeout_ms / (x->timeout_ms > 60000 ? 1000 : 2000);
	guests_s -= x->timeout_ms > 60000 ? 30 : 0;
	x->kind = how;
	x->script = script(a);
	x->command = with_guests ? arena_printf(a, "[\"%s\",\"guests\",\"%lld\"]", how, guests_s)
				 : arena_printf(a, "[\"%s\"]", how);
	return 0;
}

int power_waits(struct db *db, const struct result *r, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"UPDATE results SET reason = 'it goes down now', exit_code = 0, ended = ?3 WHERE "
		"action = ?1 AND agent = ?2 AND state IN ('waiting', 'notified', 'fetched', "
		"'running') AND EXISTS (SELECT 1 FROM actions WHERE id = ?1 AND kind = ?4)",
		e);
	int64_t n;

	if (!s)
		return -1;
	bind_text(s, 1, r->action);
	bind_text(s, 2, r->agent);
	bind_int(s, 3, r->ended);
	bind_text(s, 4, POWER_REBOOT);
	n = db_run(s, e);
	if (n <= 0)
		return n < 0 ? -1 : 0;
	return action_progress(db, r->action, r->agent, "running", r->started, r->updated, e) < 0
		? -1
		: 1;
}

struct back { /* a restart that is over */
	const char *action, *command, *by, *machine, *name, *site, *relay;
	int64_t started, ended, boot;
};

static int find(struct db *db, const char *agent, struct arena *a, struct rows *list, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"SELECT r.action, x.command, x.\"by\", r.machine, r.name, r.site, m.relay, "
		"r.started, r.ended, m.boot FROM results r JOIN actions x ON x.id = r.action JOIN "
		"machines m ON m.agent = r.agent WHERE r.agent = ?1 AND r.state = 'running' AND "
		"x.kind = ?2 AND r.exit_code = 0 AND m.boot > r.ended ORDER BY r.action",
		e);
	int got;

	if (!s)
		return -1;
	bind_text(s, 1, agent);
	bind_text(s, 2, POWER_REBOOT);
	while ((got = db_step(s, e)) > 0) {
		struct back *b = rows_add(list, a, sizeof *b);
		*b = (struct back){arena_strdup(a, col_text(s, 0)), arena_strdup(a, col_text(s, 1)),
			arena_strdup(a, col_text(s, 2)), arena_strdup(a, col_text(s, 3)),
			arena_strdup(a, col_text(s, 4)), arena_strdup(a, col_text(s, 5)),
			arena_strdup(a, col_text(s, 6)), col_int(s, 7), col_int(s, 8),
			col_int(s, 9)};
	}
	db_done(s);
	return got;
}

/* The guests that were shut down with it are started again: an action like any other, in the name of who ordered it. */
static int start_guests(struct server *s, struct db *db, const char *agent, const struct back *b,
	int64_t now_ms, struct effects *effects, struct err *e)
{
	struct arena *a = effects->arena;
	struct target target = {agent, b->machine, b->name, b->site};
	char *id = arena_alloc(a, ID_SIZE);
	struct action x = {.id = id,
		.kind = POWER_START,
		.by = b->by,
		.query = arena_printf(a, "id:%s", b->machine),
		.command = "[\"" POWER_START "\"]",
		.script = script(a),
		.timeout_ms = START_TIMEOUT_MS,
		.cpu_percent = 50,
		.memory_bytes = 256 << 20,
		.run_as = "root",
		.env = "{}",
		.made = now_ms,
		.deadline = now_ms + START_DEADLINE_MS};
	struct merkle *m = NULL;
	int rc;

	id_new(id);
	rc = dispatch_sign(s, &x, &target, 1, a, &m, e);
	if (rc == 0)
		rc = action_create(db, &x, &target, 1, dispatch_path, m, e);
	merkle_free(m);
	if (rc == 0)
		effect_add(effects, EFFECT_MOVED, agent, b->relay, NULL, 0);
	return rc;
}

int power_back(struct server *s, struct db *db, const char *agent, int64_t now_ms,
	struct effects *effects, bool *ended, struct err *e)
{
	struct rows list = {0};
	const struct back *b;

	*ended = false;
	if (find(db, agent, effects->arena, &list, e) < 0)
		return -1;
	b = list.data;
	for (size_t i = 0; i < list.n; i++) {
		struct result r = {.action = b[i].action,
			.agent = agent,
			.state = "done",
			.reason = "it is back",
			.exit_code = 0,
			.started = b[i].started,
			.ended = b[i].boot,
			.updated = now_ms};
		bool last;
		if (action_final(db, &r, &last, e) < 0)
			return -1;
		*ended |= last;
		if (strstr(b[i].command ? b[i].command : "", "\"guests\"") &&
			start_guests(s, db, agent, &b[i], now_ms, effects, e) < 0)
			return -1;
	}
	return 0;
}
