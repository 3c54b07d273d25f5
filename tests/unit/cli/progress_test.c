// SPDX-License-Identifier: Apache-2.0
/* How far an action is, in numbers and in words. */
#include "cli/progress.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static struct progress read_text(const char *text)
{
	struct json *j = json_parse(text, strlen(text), NULL);
	struct progress p;

	assert_non_null(j);
	progress_read(j, &p);
	json_free(j);
	return p;
}

static void test_summary(void **state)
{
	struct arena *a = arena_new();
	struct progress p = read_text("{\"state\":\"ended\",\"targets\":1040,\"done\":1037,"
				      "\"failed\":2,\"timed_out\":1}");

	assert_string_equal(
		progress_summary(&p, a), "1,040 machines: 1,037 done, 2 failed, 1 timed out");
	assert_int_equal(progress_ended(&p), 1040);
	assert_false(progress_all_done(&p));
	p = read_text("{\"state\":\"ended\",\"targets\":1,\"done\":1}");
	assert_string_equal(progress_summary(&p, a), "1 machine: 1 done");
	assert_true(progress_all_done(&p));
	p = read_text("{\"state\":\"open\",\"targets\":1,\"done\":1}");
	assert_false(progress_all_done(&p));
	p = read_text("{}");
	assert_true(p.open);
	arena_free(a);
}

static void test_bar(void **state)
{
	struct arena *a = arena_new();
	struct progress p = read_text("{\"state\":\"open\",\"targets\":40,\"done\":18,\"failed\":2,"
				      "\"running\":3,\"waiting\":17}");

	assert_string_equal(progress_bar(&p, 120, a),
		"[###############...............] 20/40  18 done, 2 failed, 3 running, 17 waiting");
	assert_string_equal(progress_bar(&p, 20, a), "[##...] 20/40  18 do");
	p = read_text("{\"targets\":0}");
	assert_string_equal(progress_bar(&p, 80, a), "[..............................] 0/0  ");
	p = read_text("{\"targets\":3,\"done\":3}");
	assert_string_equal(
		progress_bar(&p, 80, a), "[##############################] 3/3  3 done");
	assert_string_equal(progress_bar(&p, 0, a), "");
	arena_free(a);
}

static void test_outcome(void **state)
{
	static const struct {
		const char *result, *text;
	} rows[] = {
		{"{\"state\":\"done\",\"exit\":0}", "done"},
		{"{\"state\":\"failed\",\"exit\":3}", "failed: exit 3"},
		{"{\"state\":\"failed\",\"exit\":null,\"signal\":\"KILL\",\"reason\":\"over its "
		 "memory\"}",
			"failed: signal KILL: over its memory"},
		{"{\"state\":\"timed_out\",\"signal\":\"\"}", "timed out"},
		{"{\"state\":\"refused\",\"reason\":\"there is no user 'x'\"}",
			"refused: there is no user 'x'"},
		{"{}", "unknown"},
	};
	struct arena *a = arena_new();

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct json *j = json_parse(rows[i].result, strlen(rows[i].result), NULL);
		assert_string_equal(progress_outcome(j, a), rows[i].text);
		json_free(j);
	}
	arena_free(a);
}

static void test_final(void **state)
{
	assert_true(progress_is_final("done"));
	assert_true(progress_is_final("cancelled"));
	assert_false(progress_is_final("running"));
	assert_false(progress_is_final("waiting"));
	assert_false(progress_is_final(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_summary),
		cmocka_unit_test(test_bar),
		cmocka_unit_test(test_outcome),
		cmocka_unit_test(test_final),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
