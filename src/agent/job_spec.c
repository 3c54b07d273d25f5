/* SPDX-License-Identifier: Apache-2.0 */
/* The body of an action, strictly: the server has checked it too, but it is foreign bytes all the same. */
#include "agent/job_spec.h"
#include "base/json.h"
#include <ctype.h>
#include <string.h>

#define WORDS_MAX 4096
#define ENV_MAX 256
#define WEEK_MS 604800000LL

static int command_take(const struct json *j, struct arena *a, struct job_spec *s, struct err *e)
{
	const struct json *words = json_get(j, "command");
	size_t n = json_len(words);

	if (json_type(words) != JSON_ARRAY || n > WORDS_MAX)
		return err_field(e, ERR_INVALID, "command",
			"command must be a list of at most %d words", WORDS_MAX);
	if (n == 0 && !s->script)
		return err_field(e, ERR_INVALID, "command", "command must have at least one word");
	s->command = arena_alloc(a, (n + 1) * sizeof *s->command);
	for (size_t i = 0; i < n; i++) {
		const char *word = json_str(json_at(words, i));
		if (!word || (i == 0 && !*word && !s->script))
			return err_field(
				e, ERR_INVALID, "command", "word %zu of command is no word", i + 1);
		s->command[s->command_n++] = arena_strdup(a, word);
	}
	return 0;
}

static bool name_ok(const char *s)
{
	if (!isalpha((unsigned char)*s) && *s != '_')
		return false;
	while (isalnum((unsigned char)*s) || *s == '_')
		s++;
	return !*s;
}

static int env_take(const struct json *j, struct arena *a, struct job_spec *s, struct err *e)
{
	const struct json *env = json_get(j, "env");
	size_t n = json_len(env), k = 0;

	if ((json_type(env) != JSON_OBJECT && json_type(env) != JSON_NULL) || n > ENV_MAX)
		return err_field(e, ERR_INVALID, "env",
			"env must be an object of at most %d strings", ENV_MAX);
	s->env = arena_alloc(a, (n + 1) * sizeof *s->env);
	for (struct json_iter it = json_iter(env); json_next(&it);) {
		if (!name_ok(it.key) || !json_str(it.value))
			return err_field(e, ERR_INVALID, "env",
				"'%.60s' in env is not NAME: string", it.key);
		s->env[k++] = arena_printf(a, "%s=%s", it.key, json_str(it.value));
	}
	return 0;
}

int job_spec_parse(
	const char *text, size_t len, struct arena *a, struct job_spec *out, struct err *e)
{
	static const char *const keys[] = {"command", "script", "timeout_ms", "cpu_percent",
		"memory_bytes", "as", "env", "attach", "daemons", NULL};
	struct json *j;
	int rc = -1;

	*out = (struct job_spec){
		.timeout_ms = 60000, .cpu_percent = 50, .memory_bytes = 256 << 20, .as = "root"};
	if (len > JOB_SPEC_MAX)
		return err_set(e, ERR_TOO_LARGE, "an action has %zu bytes; the limit is %u", len,
			JOB_SPEC_MAX);
	j = json_parse(text, len, e);
	if (!j)
		return -1;
	if (json_only(j, keys, e) == 0 &&
		json_take_string(j, "script", false, JOB_SPEC_MAX, &out->script, e) == 0 &&
		json_take_int(j, "timeout_ms", false, 1000, WEEK_MS, &out->timeout_ms, e) == 0 &&
		json_take_int(j, "cpu_percent", false, 1, 102400, &out->cpu_percent, e) == 0 &&
		json_take_int(j, "memory_bytes", false, 16 << 20, INT64_MAX, &out->memory_bytes,
			e) == 0 &&
		json_take_string(j, "as", false, 64, &out->as, e) == 0 &&
		json_take_bool(j, "attach", &out->attach, e) == 0 &&
		json_take_bool(j, "daemons", &out->daemons, e) == 0 &&
		command_take(j, a, out, e) == 0 && env_take(j, a, out, e) == 0) {
		out->script = arena_strdup(a, out->script);
		out->as = arena_strdup(a, out->as);
		rc = 0;
	}
	if (rc == 0 && out->script && strncmp(out->script, "#!", 2) != 0)
		rc = err_field(e, ERR_INVALID, "script",
			"the first line of a script must name its interpreter: #!/bin/sh");
	json_free(j);
	return rc;
}
