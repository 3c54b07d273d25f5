/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Actions: ordering one, watching it, cancelling it. Ordering resolves the query once, inside the sites where the caller is an
 * operator, signs the body and the tree over the agents it found, and stores all of it in one transaction; only then is
 * anything sent.
 */
#include "base/id.h"
#include "base/text.h"
#include "server/call.h"
#include "server/dispatch.h"
#include "server/impact.h"
#include "server/power.h"
#include "store/store_action.h"
#include "store/store_event.h"
#include "wire/sign.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define PAGE_MAX 1000
#define OUTPUT_PAGE_MAX 100
#define TARGETS_MAX 1000000
#define ORDER_MAX (512u << 10)
#define WORDS_MAX 4096
#define ENV_MAX 256
#define WEEK_MS 604800000LL
#define IMPACT_SHOWN 100 /* guests that a refusal names */

static const char *const order_keys[] = {"query", "command", "script", "timeout_ms", "deadline_ms",
	"cpu_percent", "memory_bytes", "as", "env", "attach", "dry_run", "power", "disruptive",
	"with_guests", "confirm", NULL};

/* ---- an order ---- */

struct order {
	const char *query, *script, *as, *power;
	int64_t timeout_ms, deadline_ms, cpu_percent, memory_bytes;
	bool attach, dry_run, disruptive, with_guests;
	int64_t confirm;           /* MODEL_ABSENT: not given */
	const char *command, *env; /* JSON texts */
};

static const char *json_text(const struct json *j, struct arena *a)
{
	struct buf b;
	const char *text;

	buf_init(&b, ORDER_MAX);
	text = json_print(j, &b) == 0 ? arena_strdup(a, buf_str(&b)) : NULL;
	buf_release(&b);
	return text;
}

static int command_take(struct call *c, struct order *o)
{
	const struct json *words = json_get(c->body, "command");
	struct err *e = &c->job.err;

	if (o->power && (json_type(words) != JSON_NULL || o->script))
		return err_field(e, ERR_INVALID, "power", "power takes no command and no script");
	if (o->power)
		return 0;
	if (json_type(words) != JSON_ARRAY)
		return err_field(e, ERR_INVALID, "command", "command must be a list of words");
	if (json_len(words) == 0 && !o->script)
		return err_field(e, ERR_INVALID, "command", "command must have at least one word");
	if (json_len(words) > WORDS_MAX)
		return err_field(e, ERR_TOO_LARGE, "command",
			"command has %zu words; the limit is %d", json_len(words), WORDS_MAX);
	for (size_t i = 0; i < json_len(words); i++)
		if (!json_str(json_at(words, i)))
			return err_field(e, ERR_INVALID, "command",
				"word %zu of command is not a string", i + 1);
	if (!o->script && !*json_str(json_at(words, 0)))
		return err_field(e, ERR_INVALID, "command", "the first word of command is empty");
	o->command = json_text(words, c->arena);
	return o->command ? 0 : err_field(e, ERR_TOO_LARGE, "command", "command is over 512 KiB");
}

static bool env_name(const char *s)
{
	if (!isalpha((unsigned char)*s) && *s != '_')
		return false;
	while (isalnum((unsigned char)*s) || *s == '_')
		s++;
	return !*s;
}

static int env_take(struct call *c, struct order *o)
{
	const struct json *env = json_get(c->body, "env");
	struct err *e = &c->job.err;

	o->env = "{}";
	if (json_type(env) == JSON_NULL)
		return 0;
	if (json_type(env) != JSON_OBJECT || json_len(env) > ENV_MAX)
		return err_field(e, ERR_INVALID, "env",
			"env must be an object of at most %d strings", ENV_MAX);
	for (struct json_iter it = json_iter(env); json_next(&it);)
		if (!env_name(it.key) || !json_str(it.value))
			return err_field(e, ERR_INVALID, "env",
				"'%.60s' in env is not NAME: string", it.key);
	o->env = json_text(env, c->arena);
	return o->env ? 0 : err_field(e, ERR_TOO_LARGE, "env", "env is over 512 KiB");
}

/* What stops more than it was sent to. */
static int power_take(struct call *c, struct order *o)
{
	struct err *e = &c->job.err;

	if (json_take_string(c->body, "power", false, 16, &o->power, e) < 0 ||
		json_take_bool(c->body, "disruptive", &o->disruptive, e) < 0 ||
		json_take_bool(c->body, "with_guests", &o->with_guests, e) < 0 ||
		json_take_int(c->body, "confirm", false, 0, INT64_MAX, &o->confirm, e) < 0)
		return -1;
	o->disruptive |= o->power != NULL;
	if (o->with_guests && !o->power)
		return err_field(e, ERR_INVALID, "with_guests", "with_guests needs power");
	if (o->confirm != MODEL_ABSENT && !o->disruptive)
		return err_field(
			e, ERR_INVALID, "confirm", "confirm is for what is disruptive only");
	return 0;
}

static int order_take(struct call *c, struct order *o)
{
	struct err *e = &c->job.err;

	*o = (struct order){.as = "root",
		.confirm = MODEL_ABSENT,
		.timeout_ms = json_has(c->body, "power") ? 600000 : 60000,
		.deadline_ms = 3600000,
		.cpu_percent = 50,
		.memory_bytes = 256 << 20};
	if (call_body(c, order_keys) < 0 ||
		json_take_string(c->body, "query", true, TARGET_TEXT_MAX, &o->query, e) < 0 ||
		json_take_string(c->body, "script", false, ORDER_MAX, &o->script, e) < 0 ||
		json_take_int(c->body, "timeout_ms", false, 1000, WEEK_MS, &o->timeout_ms, e) < 0 ||
		json_take_int(c->body, "deadline_ms", false, 1000, 30 * 86400000LL, &o->deadline_ms,
			e) < 0 ||
		json_take_int(c->body, "cpu_percent", false, 1, 102400, &o->cpu_percent, e) < 0 ||
		json_take_int(c->body, "memory_bytes", false, 16 << 20, INT64_MAX, &o->memory_bytes,
			e) < 0 ||
		json_take_string(c->body, "as", false, 64, &o->as, e) < 0 ||
		json_take_bool(c->body, "attach", &o->attach, e) < 0 ||
		json_take_bool(c->body, "dry_run", &o->dry_run, e) < 0 || power_take(c, o) < 0 ||
		command_take(c, o) < 0 || env_take(c, o) < 0)
		return -1;
	if (!*o->query)
		return err_field(e, ERR_INVALID, "query",
			"query must say which machines are meant; '*' is all of them");
	if (o->script && strncmp(o->script, "#!", 2) != 0)
		return err_field(e, ERR_INVALID, "script",
			"the first line of a script must name its interpreter: #!/bin/sh");
	return 0;
}

static int targets_find(
	struct call *c, struct db *db, const struct order *o, struct target **targets, size_t *n)
{
	struct machines_where where;

	if (call_where(c, o->query, &where) < 0 ||
		action_targets(db, where.text, where.params, where.n, TARGETS_MAX, c->arena,
			targets, n, &c->job.err) < 0)
		return -1;
	if (*n == 0 && !o->dry_run)
		return err_field(
			&c->job.err, ERR_INVALID, "query", "no machine fits '%.200s'", o->query);
	return 0;
}

static int made_known(struct call *c, struct db *db, const struct action *x, size_t n)
{
	struct json *detail = json_object();
	struct event_row v = {.kind = "action.made",
		.action = x->id,
		.text = arena_printf(c->arena, "%s %s %.200s", c->who,
			strcmp(x->kind, "run") == 0 ? "runs" : "orders power",
			strcmp(x->kind, "run") != 0 ? x->kind
				: x->script         ? "a script"
						    : x->command)};

	json_set_string(detail, "query", x->query);
	json_set_string(detail, "command", x->command);
	json_set_int(detail, "targets", (int64_t)n);
	json_set_string(detail, "as", x->run_as);
	if (x->script) {
		char digest[DIGEST_LEN + 1];
		digest_hex(x->script, strlen(x->script), digest);
		json_set_string(detail, "script_sha256", digest);
	}
	c->effects.events = true;
	return call_audit(c, db, "action.run", x->id, detail) < 0 ? -1
								  : event_put(db, &v, &c->job.err);
}

/* Nothing disruptive is signed before somebody said that they know what stops, as it is at this moment. */
static int gate(struct call *c, struct db *db, const struct order *o, const struct target *targets,
	size_t n)
{
	const char **ids = arena_alloc(c->arena, (n + 1) * sizeof *ids);
	struct impact x;

	if (!o->disruptive)
		return 0;
	for (size_t i = 0; i < n; i++)
		ids[i] = targets[i].machine;
	if (impact_find(db, ids, n, &c->scope, c->arena, &x, &c->job.err) < 0)
		return -1;
	if (impact_confirmed(&x, o->confirm, &c->job.err) == 0)
		return 0;
	c->impact = impact_json(&x, IMPACT_SHOWN);
	return -1;
}

static int make(struct call *c, struct db *db)
{
	struct action x = {.kind = "run"};
	struct merkle *m = NULL;
	struct target *targets;
	struct order o;
	char *id = arena_alloc(c->arena, ID_SIZE);
	size_t n;
	int rc;

	if (order_take(c, &o) < 0 || targets_find(c, db, &o, &targets, &n) < 0)
		return -1;
	if (o.dry_run) {
		c->json = json_object();
		json_set_int(c->json, "count", (int64_t)n);
		return 0;
	}
	id_new(id);
	x = (struct action){.id = id,
		.kind = "run",
		.by = c->who,
		.query = o.query,
		.command = o.command,
		.script = o.script,
		.timeout_ms = o.timeout_ms,
		.cpu_percent = o.cpu_percent,
		.memory_bytes = o.memory_bytes,
		.run_as = o.as,
		.env = o.env,
		.attach = o.attach,
		.made = c->now_ms,
		.deadline = c->now_ms + o.deadline_ms};
	if (gate(c, db, &o, targets, n) < 0 ||
		(o.power && power_make(&x, o.power, o.with_guests, c->arena, &c->job.err) < 0))
		return -1;
	rc = dispatch_sign(c->s, &x, targets, n, c->arena, &m, &c->job.err);
	if (rc == 0)
		rc = action_create(db, &x, targets, n, dispatch_path, m, &c->job.err);
	merkle_free(m);
	if (rc < 0 || made_known(c, db, &x, n) < 0 ||
		action_get(db, id, c->arena, &x, &c->job.err) < 0)
		return -1;
	c->json = call_record(&model_records[MODEL_action], &x, true);
	c->status = 201;
	c->action_made = id;
	return 0;
}

/* ---- reading ---- */

/* Somebody who does not see every site sees of an action the part at theirs: its counters are counted there. */
static int counters_inside(struct call *c, struct db *db, struct action *x)
{
	struct action_counts k;

	if (c->scope.all)
		return 0;
	if (action_counts(db, x->id, &c->scope, c->arena, &k, &c->job.err) < 0)
		return -1;
	x->targets = k.targets;
	x->waiting = k.waiting;
	x->notified = k.notified;
	x->fetched = k.fetched;
	x->running = k.running;
	x->done = k.done;
	x->failed = k.failed;
	x->timed_out = k.timed_out;
	x->refused = k.refused;
	x->expired = k.expired;
	x->cancelled = k.cancelled;
	return 0;
}

int action_find(struct call *c, struct db *db, const char *id, struct action *x)
{
	int got = action_get(db, id, c->arena, x, &c->job.err);

	if (got < 0 || (got > 0 && counters_inside(c, db, x) < 0))
		return -1;
	if (got == 0 || x->targets == 0)
		return err_field(
			&c->job.err, ERR_NOT_FOUND, "action", "there is no action %.60s", id);
	return 0;
}

int actions_page(struct call *c, struct db *db, int limit, struct action **rows, size_t *n,
	const char **next)
{
	const char *after = call_query(c, "after"), *state = call_query(c, "state");

	if (after && !id_valid(after))
		return err_field(&c->job.err, ERR_INVALID, "after",
			"after must be the next of the page before");
	if (state && strcmp(state, "open") != 0 && strcmp(state, "ended") != 0)
		return err_field(&c->job.err, ERR_INVALID, "state", "state must be open or ended");
	if (action_list(db, after, state, limit, &c->scope, c->arena, rows, n, &c->job.err) < 0)
		return -1;
	for (size_t i = 0; i < *n; i++)
		if (counters_inside(c, db, &(*rows)[i]) < 0)
			return -1;
	*next = (int)*n == limit ? (*rows)[*n - 1].id : NULL;
	return 0;
}

static int actions(struct call *c, struct db *db)
{
	struct json *array;
	struct action *rows;
	const char *next;
	size_t n;
	int limit;

	if (call_limit(c, PAGE_MAX, &limit) < 0 || actions_page(c, db, limit, &rows, &n, &next) < 0)
		return -1;
	c->json = json_object();
	json_set(c->json, "actions", array = json_array());
	for (size_t i = 0; i < n; i++)
		json_add(array, call_record(&model_records[MODEL_action], &rows[i], false));
	json_set_string(c->json, "next", next);
	return 0;
}

static int action_one(struct call *c, struct db *db)
{
	struct action x;

	if (action_find(c, db, c->params[0], &x) < 0)
		return -1;
	c->json = call_record(&model_records[MODEL_action], &x, true);
	return 0;
}

/* Whoever cancels must be an operator for every one of its targets: cancelling reaches them all. */
static int cancel_allowed(struct call *c, struct db *db, const char *action)
{
	struct scope all = {.all = true};
	struct action_counts inside, whole;

	if (c->scope.all)
		return 0;
	if (action_counts(db, action, &c->scope, c->arena, &inside, &c->job.err) < 0 ||
		action_counts(db, action, &all, c->arena, &whole, &c->job.err) < 0)
		return -1;
	if (inside.targets == whole.targets)
		return 0;
	return err_set(
		&c->job.err, ERR_FORBIDDEN, "the action runs at sites where you are no operator");
}

static int cancel(struct call *c, struct db *db)
{
	struct event_row v = {.kind = "action.cancelled",
		.text = arena_printf(c->arena, "cancelled by %s", c->who)};
	struct action x;

	if (action_find(c, db, c->params[0], &x) < 0 || cancel_allowed(c, db, x.id) < 0)
		return -1;
	v.action = x.id;
	if (event_put(db, &v, &c->job.err) < 0 ||
		action_cancel(db, x.id, c->who, c->now_ms, &c->job.err) < 0 ||
		call_audit(c, db, "action.cancel", x.id, NULL) < 0 ||
		action_get(db, x.id, c->arena, &x, &c->job.err) < 0)
		return -1;
	c->json = call_record(&model_records[MODEL_action], &x, true);
	c->status = 202;
	c->action_cancelled = x.id;
	c->effects.events = true;
	return 0;
}

int results_page(struct call *c, struct db *db, const char *action, int limit, struct result **rows,
	size_t *n, const char **next)
{
	const char *after = call_query(c, "after"), *state = call_query(c, "state");

	if (after && !id_valid(after))
		return err_field(&c->job.err, ERR_INVALID, "after",
			"after must be the next of the page before");
	if (state && !result_state(state))
		return err_field(&c->job.err, ERR_INVALID, "state",
			"'%.30s' is no state of a result", state);
	if (result_list(
		    db, action, state, after, limit, &c->scope, c->arena, rows, n, &c->job.err) < 0)
		return -1;
	*next = (int)*n == limit ? (*rows)[*n - 1].agent : NULL;
	return 0;
}

static int results(struct call *c, struct db *db)
{
	struct json *array;
	struct result *rows;
	struct action x;
	const char *next;
	bool whole;
	size_t n;
	int limit;

	if (call_flag(c, "output", &whole) < 0 ||
		call_limit(c, whole ? OUTPUT_PAGE_MAX : PAGE_MAX, &limit) < 0 ||
		action_find(c, db, c->params[0], &x) < 0 ||
		results_page(c, db, x.id, limit, &rows, &n, &next) < 0)
		return -1;
	c->json = json_object();
	json_set(c->json, "results", array = json_array());
	for (size_t i = 0; i < n; i++)
		json_add(array, call_record(&model_records[MODEL_result], &rows[i], whole));
	json_set_string(c->json, "next", next);
	return 0;
}

static int result_find(struct call *c, struct db *db, struct result *r)
{
	int got = result_get(db, c->params[0], c->params[1], &c->scope, c->arena, r, &c->job.err);

	if (got == 0)
		return err_field(&c->job.err, ERR_NOT_FOUND, "action",
			"there is no result of %.60s for action %.60s", c->params[1], c->params[0]);
	return got < 0 ? -1 : 0;
}

static int result_one(struct call *c, struct db *db)
{
	struct result r;

	if (result_find(c, db, &r) < 0)
		return -1;
	c->json = call_record(&model_records[MODEL_result], &r, true);
	return 0;
}

/* The chunks as far as they follow each other; *total: bytes of the whole, 0 when there is none. */
static int chunks(
	struct call *c, struct db *db, const struct result *r, const char *name, int64_t *total)
{
	struct attachment x;
	int got;

	*total = 0;
	do {
		got = attachment_get(db, r->action, r->agent, name, (int64_t)c->out.len, c->arena,
			&x, &c->job.err);
		if (got > 0) {
			buf_add(&c->out, x.data.data, x.data.len);
			*total = x.total;
		}
	} while (got > 0 && x.data.len > 0 && !c->out.full && (int64_t)c->out.len < *total);
	return got < 0 ? -1 : 0;
}

static int attachment(struct call *c, struct db *db)
{
	const char *name = c->params[2];
	struct result r;
	int64_t total;

	if (strcmp(name, "stdout") != 0 && strcmp(name, "stderr") != 0)
		return err_field(&c->job.err, ERR_NOT_FOUND, "name",
			"an output is stdout or stderr, not '%.60s'", name);
	if (result_find(c, db, &r) < 0 || chunks(c, db, &r, name, &total) < 0)
		return -1;
	if (c->out.len == 0)
		return err_field(&c->job.err, ERR_NOT_FOUND, "name",
			"no whole %s was kept for this result", name);
	if ((int64_t)c->out.len < total)
		return err_field(&c->job.err, ERR_CONFLICT, "name",
			"%zu of %lld bytes of %s have arrived: try again later", c->out.len,
			(long long)total, name);
	c->type = "application/octet-stream";
	return 0;
}

const struct route routes_actions[] = {
	{HTTP_GET, "/api/v1/actions", ROLE_VIEWER, 0, actions, "state limit after"},
	{HTTP_POST, "/api/v1/actions", ROLE_OPERATOR, ROUTE_WRITE, make},
	{HTTP_GET, "/api/v1/actions/{}", ROLE_VIEWER, 0, action_one},
	{HTTP_POST, "/api/v1/actions/{}/cancel", ROLE_OPERATOR, ROUTE_WRITE, cancel},
	{HTTP_GET, "/api/v1/actions/{}/results", ROLE_VIEWER, 0, results,
		"state output limit after"},
	{HTTP_GET, "/api/v1/actions/{}/results/{}", ROLE_VIEWER, 0, result_one},
	{HTTP_GET, "/api/v1/actions/{}/results/{}/attachments/{}", ROLE_VIEWER, 0, attachment},
	{.pattern = NULL},
};
