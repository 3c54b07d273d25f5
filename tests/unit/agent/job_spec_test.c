/* SPDX-License-Identifier: Apache-2.0 */
/* The body of an action: what it says, what it leaves to us, and every limit with the sentence that names its field. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "agent/job_spec.h"
#include "base/buf.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N(a) (sizeof(a) / sizeof *(a))

static int parse(const char *text, size_t len, struct arena *a, struct job_spec *s, struct err *e)
{
	char *copy = malloc(len + 1); /* of the exact size: a byte too far is seen */
	int rc;

	memcpy(copy, text, len);
	rc = job_spec_parse(copy, len, a, s, e);
	memset(copy, 'x', len); /* nothing may point into it */
	free(copy);
	return rc;
}

static void test_all_of_it(void **state)
{
	static const char text[] = "{\"command\":[\"a\",\"\",\"b "
				   "c\"],\"script\":\"#!/bin/sh\\nexit\\n\",\"timeout_ms\":1000,"
				   "\"cpu_percent\":100,\"memory_bytes\":16777216,\"as\":"
				   "\"nobody\",\"env\":{\"K\":\"V=W\","
				   "\"_a1\":\"\"},\"attach\":true,\"daemons\":true}";
	struct arena *a = arena_new();
	struct err e = ERR_INIT;
	struct job_spec s;

	assert_int_equal(parse(text, strlen(text), a, &s, &e), 0);
	assert_int_equal(s.command_n, 3);
	assert_string_equal(s.command[0], "a");
	assert_string_equal(s.command[1], "");
	assert_string_equal(s.command[2], "b c");
	assert_null(s.command[3]);
	assert_string_equal(s.script, "#!/bin/sh\nexit\n");
	assert_int_equal(s.timeout_ms, 1000);
	assert_int_equal(s.cpu_percent, 100);
	assert_int_equal(s.memory_bytes, 16 << 20);
	assert_string_equal(s.as, "nobody");
	assert_string_equal(s.env[0], "K=V=W");
	assert_string_equal(s.env[1], "_a1=");
	assert_null(s.env[2]);
	assert_true(s.attach);
	assert_true(s.daemons);
	arena_free(a);
}

static void test_what_it_leaves_to_us(void **state)
{
	static const char *const table[] = {
		"{\"command\":[\"id\"]}", "{\"command\":[\"id\"],\"script\":null,\"env\":null}"};

	for (size_t i = 0; i < N(table); i++) {
		struct arena *a = arena_new();
		struct err e = ERR_INIT;
		struct job_spec s;
		assert_int_equal(parse(table[i], strlen(table[i]), a, &s, &e), 0);
		assert_null(s.script);
		assert_int_equal(s.timeout_ms, 60000);
		assert_int_equal(s.cpu_percent, 50);
		assert_int_equal(s.memory_bytes, 256 << 20);
		assert_string_equal(s.as, "root");
		assert_null(s.env[0]);
		assert_false(s.attach);
		assert_false(s.daemons);
		arena_free(a);
	}
}

static void test_limits(void **state)
{
	static const struct {
		const char *field, *text; /* field NULL: it is fine */
	} table[] = {
		{NULL, "\"command\":[],\"script\":\"#!/bin/sh\""},
		{NULL, "\"command\":[\"\"],\"script\":\"#!/bin/sh\""},
		{"command", "\"as\":\"root\""},
		{"command", "\"command\":[]"},
		{"command", "\"command\":[\"\"]"},
		{"command", "\"command\":[1]"},
		{"command", "\"command\":[\"a\",null]"},
		{"command", "\"command\":\"id\""},
		{"command", "\"command\":{\"a\":\"b\"}"},
		{"script", "\"command\":[],\"script\":\"echo\""},
		{"script", "\"command\":[],\"script\":\"\""},
		{"script", "\"command\":[\"a\"],\"script\":1"},
		{NULL, "\"command\":[\"a\"],\"timeout_ms\":604800000"},
		{"timeout_ms", "\"command\":[\"a\"],\"timeout_ms\":604800001"},
		{"timeout_ms", "\"command\":[\"a\"],\"timeout_ms\":999"},
		{"timeout_ms", "\"command\":[\"a\"],\"timeout_ms\":\"1s\""},
		{NULL, "\"command\":[\"a\"],\"cpu_percent\":1"},
		{"cpu_percent", "\"command\":[\"a\"],\"cpu_percent\":0"},
		{"cpu_percent", "\"command\":[\"a\"],\"cpu_percent\":102401"},
		{"memory_bytes", "\"command\":[\"a\"],\"memory_bytes\":16777215"},
		{"as", "\"command\":[\"a\"],\"as\":1"},
		{"env", "\"command\":[\"a\"],\"env\":[]"},
		{"env", "\"command\":[\"a\"],\"env\":{\"\":\"v\"}"},
		{"env", "\"command\":[\"a\"],\"env\":{\"1A\":\"v\"}"},
		{"env", "\"command\":[\"a\"],\"env\":{\"A=B\":\"v\"}"},
		{"env", "\"command\":[\"a\"],\"env\":{\"A\":1}"},
		{"attach", "\"command\":[\"a\"],\"attach\":1"},
		{"comand", "\"comand\":[\"a\"]"},
	};

	for (size_t i = 0; i < N(table); i++) {
		struct arena *a = arena_new();
		struct err e = ERR_INIT;
		struct job_spec s;
		char text[256];
		int n = snprintf(text, sizeof text, "{%s}", table[i].text);
		assert_int_equal(parse(text, (size_t)n, a, &s, &e), table[i].field ? -1 : 0);
		if (table[i].field) {
			assert_string_equal(e.field, table[i].field);
			assert_true(e.text[0]);
		}
		arena_free(a);
	}
}

/* A list of n words, or an environment of n. */
static int parse_many(
	const char *open, const char *item, size_t n, const char *close, struct err *e)
{
	struct arena *a = arena_new();
	struct job_spec s;
	struct buf b;
	int rc;

	buf_init(&b, 1 << 20);
	buf_adds(&b, open);
	for (size_t i = 0; i < n; i++)
		buf_printf(&b, item, i ? "," : "", i);
	buf_adds(&b, close);
	rc = parse(b.data, b.len, a, &s, e);
	buf_release(&b);
	arena_free(a);
	return rc;
}

static void test_counts_and_size(void **state)
{
	static char big[JOB_SPEC_MAX + 1];
	struct arena *a = arena_new();
	struct err e = ERR_INIT;
	struct job_spec s;
	const char *env = "{\"command\":[\"a\"],\"env\":{", *name = "%s\"E%zu\":\"\"";

	assert_int_equal(parse_many("{\"command\":[", "%s\"w%zu\"", 4096, "]}", &e), 0);
	assert_int_equal(parse_many("{\"command\":[", "%s\"w%zu\"", 4097, "]}", &e), -1);
	assert_string_equal(e.field, "command");
	assert_int_equal(parse_many(env, name, 256, "}}", &e), 0);
	assert_int_equal(parse_many(env, name, 257, "}}", &e), -1);
	assert_string_equal(e.field, "env");
	memset(big, ' ', sizeof big);
	memcpy(big, "{\"command\":[\"a\"]}", 17);
	assert_int_equal(job_spec_parse(big, JOB_SPEC_MAX, a, &s, &e), 0);
	assert_int_equal(job_spec_parse(big, JOB_SPEC_MAX + 1, a, &s, &e), -1);
	assert_int_equal(e.code, ERR_TOO_LARGE);
	arena_free(a);
}

static void test_cut_anywhere(void **state)
{
	static const char text[] = "{\"command\":[\"id\",\"-u\"],\"env\":{\"K\":\"V\"}}";

	for (size_t len = 0; len <= strlen(text); len++) {
		struct arena *a = arena_new();
		struct err e = ERR_INIT;
		struct job_spec s;
		assert_int_equal(parse(text, len, a, &s, &e), len == strlen(text) ? 0 : -1);
		arena_free(a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_of_it),
		cmocka_unit_test(test_what_it_leaves_to_us),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_counts_and_size),
		cmocka_unit_test(test_cut_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
