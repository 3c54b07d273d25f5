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
#define WHOLE_MAX (17u << 20)

static const char *const order_keys[] = {"query", "command", "script", "timeout_ms", "deadline_ms", "cpu_percent",
	"memory_bytes", "as", "env", "attach", "dry_run", NULL};

/* ---- an order ---- */

struct order {
	const char *query, *script, *as;
	int64_t timeout_ms, deadline_ms, cpu_percent, memory_bytes;
	bool attach, dry_run;
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

	if (json_type(words) != JSON_ARRAY)
		return err_field(e, ERR_INVALID, "command", "command must be a list of words");
	if (json_len(words) == 0 && !o->script)
		return err_field(e, ERR_INVALID, "command", "command must have at least one word");
	if (json_len(words) > WORDS_MAX)
		return err_field(e, ERR_TOO_LARGE, "command", "command has %zu words; the limit is %d", json_len(words), WORDS_MAX);
	for (size_t i = 0; i < json_len(words); i++)
		if (!json_str(json_at(words, i)))
			return err_field(e, ERR_INVALID, "command", "word %zu of command is not a string", i + 1);
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
		return err_field(e, ERR_INVALID, "env", "env must be an object of at most %d strings", ENV_MAX);
	for (struct json_iter it = json_iter(env); json_next(&it);)
		if (!env_name(it.key) || !json_str(it.value))
			return err_field(e, ERR_INVALID, "env", "'%.60s' in env is not NAME: string", it.key);
	o->env = json_text(env, c->arena);
	return o->env ? 0 : err_field(e, ERR_TOO_LARGE, "env", "env is over 512 KiB");
}

static int order_take(struct call *c, struct order *o)
{
	struct err *e = &c->job.err;

	*o = (struct order){.as = "root", .timeout_ms = 60000, .deadline_ms = 3600000, .cpu_percent = 50, .memory_bytes = 256 << 20};
	if (call_body(c, order_keys) < 0 || json_take_string(c->body, "query", true, TARGET_TEXT_MAX, &o->query, e) < 0 ||
		json_take_string(c->body, "script", false, ORDER_MAX, &o->script, e) < 0 ||
		json_take_int(c->body, "timeout_ms", false, 1000, WEEK_MS, &o->timeout_ms, e) < 0 ||
		json_take_int(c->body, "deadline_ms", false, 1000, 30 * 86400000LL, &o->deadline_ms, e) < 0 ||
		json_take_int(c->body, "cpu_percent", false, 1, 102400, &o->cpu_percent, e) < 0 ||
		json_take_int(c->body, "memory_bytes", false, 16 << 20, INT64_MAX, &o->memory_bytes, e) < 0 ||
		json_take_string(c->body, "as", false, 64, &o->as, e) < 0 || json_take_bool(c->body, "attach", &o->attach, e) < 0 ||
		json_take_bool(c->body, "dry_run", &o->dry_run, e) < 0 || command_take(c, o) < 0 || env_take(c, o) < 0)
		return -1;
	if (!*o->query)
		return err_field(e, ERR_INVALID, "query", "query must say which machines are meant; '*' is all of them");
	if (o->script && strncmp(o->script, "#!", 2) != 0)
		return err_field(e, ERR_INVALID, "script", "the first line of a script must name its interpreter: #!/bin/sh");
	return 0;
}

static int targets_find(struct call *c, struct db *db, const struct order *o, struct target **targets, size_t *n)
{
	struct target_sql sql;
	struct param *params;

	if (call_where(c, o->query, &sql, &c->job.err) < 0)
		return -1;
	params = arena_alloc(c->arena, (sql.n + 1) * sizeof *params);
	for (size_t i = 0; i < sql.n; i++)
		params[i] = (struct param){sql.params[i].is_int, sql.params[i].i, sql.params[i].text};
	if (action_targets(db, sql.where, params, sql.n, TARGETS_MAX, c->arena, targets, n, &c->job.err) < 0)
		return -1;
	if (*n == 0 && !o->dry_run)
		return err_field(&c->job.err, ERR_INVALID, "query", "no machine fits '%.200s'", o->query);
	return 0;
}

static int made_known(struct call *c, struct db *db, const struct action *x, size_t n)
{
	struct json *detail = json_object();
	struct event_row v = {.kind = "action.made", .action = x->id,
		.text = arena_printf(c->arena, "%s runs %.200s on %zu machines", c->who, x->script ? "a script" : x->command, n)};

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
	return call_audit(c, db, "action.run", x->id, detail) < 0 ? -1 : event_put(db, &v, &c->job.err);
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
	x = (struct action){.id = id, .kind = "run", .by = c->who, .query = o.query, .command = o.command, .script = o.script,
		.timeout_ms = o.timeout_ms, .cpu_percent = o.cpu_percent, .memory_bytes = o.memory_bytes, .run_as = o.as,
		.env = o.env, .attach = o.attach, .made = c->now_ms, .deadline = c->now_ms + o.deadline_ms};
	rc = dispatch_sign(c->s, &x, targets, n, c->arena, &m, &c->job.err);
	if (rc == 0)
		rc = action_create(db, &x, targets, n, dispatch_path, m, &c->job.err);
	merkle_free(m);
	if (rc < 0 || made_known(c, db, &x, n) < 0 || action_get(db, id, c->arena, &x, &c->job.err) < 0)
		return -1;
	c->json = call_record(&model_records[MODEL_action], &x, true);
	c->status = 201;
	c->action_made = id;
	return 0;
}

/* ---- reading ---- */

static int actions(struct call *c, struct db *db)
{
	const char *after = call_query(c, "after"), *state = call_query(c, "state");
	struct json *array = json_array();
	struct action *rows;
	size_t n;
	int limit;

	c->json = json_object();
	json_set(c->json, "actions", array);
	if (after && !id_valid(after))
		return err_field(&c->job.err, ERR_INVALID, "after", "after must be the next of the page before");
	if (state && strcmp(state, "open") != 0 && strcmp(state, "ended") != 0)
		return err_field(&c->job.err, ERR_INVALID, "state", "state must be open or ended");
	if (call_limit(c, PAGE_MAX, &limit, &c->job.err) < 0 ||
		action_list(db, after, state, limit, &c->scope, c->arena, &rows, &n, &c->job.err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		json_add(array, call_record(&model_records[MODEL_action], &rows[i], false));
	json_set_string(c->json, "next", (int)n == limit ? rows[n - 1].id : NULL);
	return 0;
}

/* An action of which the caller may see at least one target. */
static int find(struct call *c, struct db *db, struct action *x)
{
	struct result *r;
	size_t n = 0;
	int got = action_get(db, c->params[0], c->arena, x, &c->job.err);

	if (got > 0 && result_list(db, x->id, NULL, NULL, 1, &c->scope, c->arena, &r, &n, &c->job.err) < 0)
		return -1;
	if (got < 0)
		return -1;
	return n ? 0 : err_field(&c->job.err, ERR_NOT_FOUND, "action", "there is no action %.60s", c->params[0]);
}

static int action_one(struct call *c, struct db *db)
{
	struct action x;

	if (find(c, db, &x) < 0)
		return -1;
	c->json = call_record(&model_records[MODEL_action], &x, true);
	return 0;
}

static int cancel(struct call *c, struct db *db)
{
	struct action x;

	/* Whoever cancels must be an operator for every one of its targets: cancelling reaches them all. */
	if (find(c, db, &x) < 0)
		return -1;
	if (!c->scope.all) {
		struct scope all = {.all = true};
		struct result *r;
		const char *after = NULL;
		size_t n;
		do {
			if (result_list(db, x.id, NULL, after, PAGE_MAX, &all, c->arena, &r, &n, &c->job.err) < 0)
				return -1;
			for (size_t i = 0; i < n; i++)
				if (!call_may(c, ROLE_OPERATOR, r[i].site))
					return err_set(&c->job.err, ERR_FORBIDDEN, "the action runs at sites where you are no operator");
			after = n ? r[n - 1].agent : NULL;
		} while (n == PAGE_MAX);
	}
	if (action_cancel(db, x.id, c->who, c->now_ms, &c->job.err) < 0 || call_audit(c, db, "action.cancel", x.id, NULL) < 0 ||
		action_get(db, x.id, c->arena, &x, &c->job.err) < 0)
		return -1;
	c->json = call_record(&model_records[MODEL_action], &x, true);
	c->status = 202;
	c->action_cancelled = x.id;
	c->effects.events = true;
	return 0;
}

static int results(struct call *c, struct db *db)
{
	const char *after = call_query(c, "after"), *state = call_query(c, "state"), *output = call_query(c, "output");
	bool whole = output && strcmp(output, "1") == 0;
	struct json *array = json_array();
	struct result *rows;
	struct action x;
	size_t n;
	int limit;

	c->json = json_object();
	json_set(c->json, "results", array);
	if (after && !id_valid(after))
		return err_field(&c->job.err, ERR_INVALID, "after", "after must be the next of the page before");
	if (call_limit(c, whole ? OUTPUT_PAGE_MAX : PAGE_MAX, &limit, &c->job.err) < 0 || find(c, db, &x) < 0 ||
		result_list(db, x.id, state, after, limit, &c->scope, c->arena, &rows, &n, &c->job.err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		json_add(array, call_record(&model_records[MODEL_result], &rows[i], whole));
	json_set_string(c->json, "next", (int)n == limit ? rows[n - 1].agent : NULL);
	return 0;
}

static int result_find(struct call *c, struct db *db, struct result *r)
{
	int got = result_get(db, c->params[0], c->params[1], &c->scope, c->arena, r, &c->job.err);

	if (got == 0)
		return err_field(&c->job.err, ERR_NOT_FOUND, "action", "there is no result of %.60s for action %.60s", c->params[1], c->params[0]);
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

static int attachment(struct call *c, struct db *db)
{
	struct result r;
	struct attachment x;
	struct buf whole;
	int64_t at = 0, total = 0;
	int got;

	if (result_find(c, db, &r) < 0)
		return -1;
	buf_init(&whole, WHOLE_MAX);
	do {
		got = attachment_get(db, r.action, r.agent, c->params[2], at, c->arena, &x, &c->job.err);
		if (got > 0) {
			buf_add(&whole, x.data.data, x.data.len);
			at += (int64_t)x.data.len;
			total = x.total;
		}
	} while (got > 0 && at < total && x.data.len > 0 && !whole.full);
	if (got >= 0 && at == 0)
		got = err_field(&c->job.err, ERR_NOT_FOUND, "name", "no whole %.20s was kept for this result", c->params[2]);
	else if (got >= 0 && at < total)
		got = err_field(&c->job.err, ERR_CONFLICT, "name", "%lld of %lld bytes have arrived: try again later", (long long)at, (long long)total);
	if (got >= 0) {
		c->type = "application/octet-stream";
		c->bytes = arena_memdup(c->arena, whole.data, whole.len);
		c->bytes_len = whole.len;
	}
	buf_release(&whole);
	return got < 0 ? -1 : 0;
}

const struct route routes_actions[] = {
	{HTTP_GET, "/api/v1/actions", ROLE_VIEWER, 0, actions},
	{HTTP_POST, "/api/v1/actions", ROLE_OPERATOR, ROUTE_WRITE, make},
	{HTTP_GET, "/api/v1/actions/{}", ROLE_VIEWER, 0, action_one},
	{HTTP_POST, "/api/v1/actions/{}/cancel", ROLE_OPERATOR, ROUTE_WRITE, cancel},
	{HTTP_GET, "/api/v1/actions/{}/results", ROLE_VIEWER, 0, results},
	{HTTP_GET, "/api/v1/actions/{}/results/{}", ROLE_VIEWER, 0, result_one},
	{HTTP_GET, "/api/v1/actions/{}/results/{}/attachments/{}", ROLE_VIEWER, 0, attachment},
	{.pattern = NULL},
};
