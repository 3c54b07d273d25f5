// SPDX-License-Identifier: Apache-2.0
/* How values look to people. */
#include "cli/format.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define NOW 1767225600000LL

static void test_age(void **state)
{
	static const struct {
		int64_t ago;
		const char *text;
	} rows[] = {{0, "just now"}, {1999, "just now"}, {-1500, "just now"}, {2000, "2 s ago"},
		{89999, "89 s ago"}, {90000, "1 min ago"}, {240000, "4 min ago"},
		{90 * 60000, "1 h ago"}, {47 * 3600000LL, "47 h ago"},
		{48 * 3600000LL, "2 days ago"}, {12 * 86400000LL, "12 days ago"},
		{-7200000, "in 2 h"}};
	char out[32];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_string_equal(format_age(NOW - rows[i].ago, NOW, out), rows[i].text);
}

static void test_span(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} rows[] = {{0, "0 ms"}, {250, "250 ms"}, {12345, "12.3 s"}, {60000, "1 min 0 s"},
		{252000, "4 min 12 s"}, {12000000, "3 h 20 min"}, {200000000, "2 days 7 h"}};
	char out[32];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_string_equal(format_span(rows[i].ms, out), rows[i].text);
}

static void test_count(void **state)
{
	char out[32];

	assert_string_equal(format_count(0, out), "0");
	assert_string_equal(format_count(999, out), "999");
	assert_string_equal(format_count(1000, out), "1,000");
	assert_string_equal(format_count(-1234567, out), "-1,234,567");
	assert_string_equal(format_count(INT64_MIN, out), "-9,223,372,036,854,775,808");
}

/* Text of a machine must not move the cursor, change colours or titles. */
static void test_clean(void **state)
{
	struct arena *a = arena_new();

	assert_string_equal(format_clean(a, "plain\ttext\nünï", 16), "plain\ttext\nünï");
	assert_string_equal(format_clean(a, "\033[31mred\a\r", 10), "\\x1b[31mred\\x07\\x0d");
	assert_string_equal(format_clean(a, "a\0b", 3),
		"a\xef\xbf\xbd"
		"b");
	assert_string_equal(format_clean(a, "\xff", 1), "\xef\xbf\xbd");
	assert_string_equal(format_clean(a,
				    "\xc2\x9b"
				    "31m",
				    5),
		"\\x9b31m"); /* CSI in one character */
	assert_string_equal(format_clean(a, "\xc2\xa7", 2), "§");
	assert_string_equal(format_clean(a, "", 0), "");
	arena_free(a);
}

static void test_command(void **state)
{
	static const char text[] = "[\"sh\",\"-c\",\"echo 'a' b\",\"\",\"x=1\"]";
	struct arena *a = arena_new();
	struct json *j = json_parse(text, strlen(text), NULL);

	assert_string_equal(format_command(a, j), "sh -c 'echo '\\''a'\\'' b' '' x=1");
	assert_string_equal(format_command(a, NULL), "");
	json_free(j);
	arena_free(a);
}

static void test_json(void **state)
{
	static const char text[] = "{\"a\":\"x\",\"b\":null,\"c\":7,\"d\":[1,2],\"e\":true}";
	struct arena *a = arena_new();
	struct json *j = json_parse(text, strlen(text), NULL);

	assert_string_equal(format_json(a, json_get(j, "a")), "x");
	assert_string_equal(format_json(a, json_get(j, "b")), "");
	assert_string_equal(format_json(a, json_get(j, "c")), "7");
	assert_string_equal(format_json(a, json_get(j, "d")), "[1,2]");
	assert_string_equal(format_json(a, json_get(j, "e")), "true");
	assert_string_equal(format_json(a, json_get(j, "none")), "");
	json_free(j);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_age),
		cmocka_unit_test(test_span),
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
