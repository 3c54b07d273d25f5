/* SPDX-License-Identifier: Apache-2.0 */
/*
 * him run: a command, or a script, on every machine that a query fits. What runs is an argument vector; no shell comes
 * between, here or there, unless it is the command itself.
 */
#include "base/file.h"
#include "base/text.h"
#include "cli/api.h"
#include "cli/commands.h"
#include "cli/follow.h"
#include "core/target.h"
#include <stdio.h>
#include <string.h>

#define SCRIPT_MAX (512u << 10)

static int add_command(const struct args *a, struct json *order)
{
	struct json *words = json_array();

	for (int i = 0; i < a->n_tail; i++)
		json_add(words, json_string(a->tail[i]));
	json_set(order, "command", words);
	return 0;
}

static int add_script(const struct args *a, struct json *order, struct err *e)
{
	const char *path = args_get(a, "script");
	struct buf b;
	int rc;

	if (!path)
		return a->n_tail
			? 0
			: err_set(e, ERR_USAGE,
				  "what is to run? him run QUERY -- COMMAND…, or --script FILE");
	buf_init(&b, SCRIPT_MAX);
	rc = file_read(path, &b, e);
	if (rc == 0 && !text_utf8_valid(buf_str(&b), b.len))
		rc = err_field(e, ERR_INVALID, "script", "%s is not text in UTF-8", path);
	if (rc == 0 && !text_starts(buf_str(&b), "#!"))
		rc = err_field(e, ERR_INVALID, "script",
			"the first line of %s must say what runs it, such as #!/bin/sh", path);
	if (rc == 0)
		json_set_string(order, "script", buf_str(&b));
	buf_release(&b);
	return rc;
}

static int add_env(const struct args *a, struct json *order, struct err *e)
{
	struct json *env = json_object();
	const char *pair, *equals;
	char name[256];

	json_set(order, "env", env);
	for (size_t i = 0; (pair = args_nth(a, "env", i)); i++) {
		equals = strchr(pair, '=');
		if (!equals || equals == pair || equals - pair >= (int)sizeof name)
			return err_field(
				e, ERR_USAGE, "env", "--env takes NAME=VALUE, not '%.60s'", pair);
		snprintf(name, sizeof name, "%.*s", (int)(equals - pair), pair);
		json_set_string(env, name, equals + 1);
	}
	return 0;
}

/* "50%" or "50" */
static int take_percent(struct cli *c, const char *text, int64_t *out, struct err *e)
{
	size_t len = strlen(text);

	if (len > 0 && text[len - 1] == '%')
		len--;
	return text_int(arena_strndup(c->arena, text, len), "cpu", 1, 102400, out, e);
}

static int add_limits(struct cli *c, const struct args *a, struct json *order, struct err *e)
{
	int64_t timeout = 0, deadline = 0, percent = 0, memory = 0;

	if (args_duration(a, "timeout", 1000, 604800000, &timeout, e) < 0 ||
		args_duration(a, "deadline", 1000, 2592000000, &deadline, e) < 0 ||
		take_percent(c, args_get(a, "cpu"), &percent, e) < 0 ||
		args_size(a, "memory", 16 << 20, INT64_MAX, &memory, e) < 0)
		return -1;
	json_set_int(order, "timeout_ms", timeout);
	json_set_int(order, "deadline_ms", deadline);
	json_set_int(order, "cpu_percent", percent);
	json_set_int(order, "memory_bytes", memory);
	json_set_string(order, "as", args_get(a, "as"));
	json_set_bool(order, "attach", args_flag(a, "attach"));
	return 0;
}

static int make_order(struct cli *c, const struct args *a, struct json *order, struct err *e)
{
	const struct target_query *q;
	int64_t confirm = -1;

	/* Checked here too: a typing error costs no journey. */
	if (target_parse(a->words[0], c->arena, &q, e) < 0)
		return -1;
	json_set_string(order, "query", a->words[0]);
	if (add_command(a, order) < 0 || add_script(a, order, e) < 0 || add_env(a, order, e) < 0 ||
		add_limits(c, a, order, e) < 0)
		return -1;
	if (args_flag(a, "dry-run"))
		json_set_bool(order, "dry_run", true);
	if (args_flag(a, "disruptive"))
		json_set_bool(order, "disruptive", true);
	if (args_int(a, "confirm", 0, INT64_MAX, &confirm, e) < 0)
		return -1;
	if (confirm >= 0)
		json_set_int(order, "confirm", confirm);
	return 0;
}

/* Only how many machines it would be. None is an error here as it is when it is meant. */
static int print_count(
	struct cli *c, const struct args *a, const struct json *answer, struct err *e)
{
	int64_t n = 0;

	json_to_int(json_get(answer, "count"), &n);
	if (c->json)
		return cli_print_json(c, answer, e);
	if (n == 0)
		return err_field(
			e, ERR_NOT_FOUND, "query", "no machine fits '%.200s'", a->words[0]);
	printf("%lld\n", (long long)n);
	return 0;
}

/* Until all have ended; then what came of it. */
static int wait_for(struct cli *c, const char *id, struct err *e)
{
	struct json *action = NULL;
	int rc = follow_action(c, id, !c->json, &action, e);

	if (rc == 0 && c->json)
		rc = follow_print_json(c, action, true, e);
	if (rc == 0)
		rc = follow_end(c, action);
	json_free(action);
	return rc;
}

int run_send(struct cli *c, const struct args *a, const struct json *order, struct err *e)
{
	struct json *action = NULL;
	const char *id;
	int rc = api_call(c, "POST", "/actions", order, &action, e);

	id = arena_strdup(c->arena, json_str(json_get(action, "id")));
	if (rc == 0 && args_flag(a, "dry-run"))
		rc = print_count(c, a, action, e);
	else if (rc == 0 && !id)
		rc = err_set(e, ERR_PROTOCOL, "the server's answer holds no action");
	else if (rc == 0 && args_flag(a, "wait"))
		rc = wait_for(c, id, e);
	else if (rc == 0 && c->json)
		rc = cli_print_json(c, action, e);
	else if (rc == 0)
		printf("%s\n", id);
	json_free(action);
	return rc;
}

int cmd_run(struct cli *c, const struct args *a, struct err *e)
{
	struct json *order = json_object();
	int rc = make_order(c, a, order, e);

	if (rc == 0)
		rc = run_send(c, a, order, e);
	json_free(order);
	return rc;
}
