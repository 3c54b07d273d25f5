// SPDX-License-Identifier: Apache-2.0
/* Reading JSON: what is taken and how it prints again, and what is refused, where, and why. */
#include "base/json.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct {
	const char *text, *printed; /* NULL: as it was written */
} taken[] = {
	{"null", NULL},
	{"true", NULL},
	{" \t\r\n false \n", "false"},
	{"0", NULL},
	{"-0", "0"},
	{"-17", NULL},
	{"9223372036854775807", NULL},
	{"-9223372036854775808", NULL},
	{"0.1", NULL},
	{"1.0", NULL},
	{"-0.0", NULL},
	{"1e2", "100.0"},
	{"1E+2", "100.0"},
	{"0.30000000000000004", NULL},
	{"1.7976931348623157e+308", NULL},
	{"5e-324", "4.94065645841247e-324"},
	{"1e-999", "0.0"},
	{"\"\"", NULL},
	{"\"a/b\"", NULL},
	{"\"a\\/b\"", "\"a/b\""},
	{"\"\\\"\\\\\\b\\f\\n\\r\\t\"", NULL},
	{"\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"", "\"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
	{"\"\\u0001\x7f\"", NULL},
	{"[]", NULL},
	{"[ 1 , \"x\" , [ ] , null ]", "[1,\"x\",[],null]"},
	{"{}", NULL},
	{"{\"z\":1,\"a\":{\"z\":2},\"\":3}", NULL},
	{"{ \"a\" : null , \"b\" : [ { } ] }", "{\"a\":null,\"b\":[{}]}"},
	{"{\"a\":1,\"A\":2}", NULL},
};

static void test_taken(void **state)
{
	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
		const char *want = taken[i].printed ? taken[i].printed : taken[i].text;
		struct err e = ERR_INIT;
		struct json *j = json_parse(taken[i].text, strlen(taken[i].text), &e);
		struct buf out;
		if (!j)
			fail_msg("%s: %s", taken[i].text, e.text);
		buf_init(&out, 1000);
		assert_int_equal(json_print(j, &out), 0);
		assert_string_equal(buf_str(&out), want);
		struct json *again = json_parse(buf_str(&out), out.len, &e);
		assert_true(json_equal(j, again));
		json_free(again);
		json_free(j);
		buf_release(&out);
	}
}

static const struct {
	const char *text, *why;
} refused[] = {
	{"", "column 1: the text ends too soon"},
	{"  ", "column 3: the text ends too soon"},
	{"nul", "column 1: a value was expected"},
	{"NaN", "column 1: a value was expected"},
	{"Infinity", "a value was expected"},
	{"-Infinity", "column 2: a value was expected"},
	{"+1", "a value was expected"},
	{".5", "a value was expected"},
	{"01", "column 2: more text after the value"},
	{"0x10", "column 2: more text after the value"},
	{"1.", "digits were expected after the point"},
	{"1.e5", "digits were expected after the point"},
	{"1e", "digits were expected in the exponent"},
	{"9223372036854775808", "does not fit 64 bits"},
	{"-9223372036854775809", "does not fit 64 bits"},
	{"18446744073709551615", "does not fit 64 bits"},
	{"1e309", "too large"},
	{"0.00000000000000000000000000000000000000000000000000000000000000001", "too long"},
	{"'a'", "a value was expected"},
	{"\"a", "does not end"},
	{"\"a\\", "an escape"},
	{"\"\\x41\"", "an escape"},
	{"\"\\u12\"", "four hexadecimal digits"},
	{"\"\\u12g4\"", "four hexadecimal digits"},
	{"\"\\u0000\"", "NUL"},
	{"\"\\ud800\"", "half a surrogate pair"},
	{"\"\\ud800\\n\"", "half a surrogate pair"},
	{"\"\\ud800\\ud800\"", "half a surrogate pair"},
	{"\"\\udc00\"", "half a surrogate pair"},
	{"\"a\nb\"", "a control character"},
	{"\"\xff\"", "not UTF-8"},
	{"\"\xc0\xaf\"", "not UTF-8"},
	{"\"\xed\xa0\x80\"", "not UTF-8"},
	{"\"\xe2\x82\"", "not UTF-8"},
	{"{\"\xff\":1}", "not UTF-8"},
	{"\xef\xbb\xbf{}", "a value was expected"},
	{"[", "the text ends too soon"},
	{"[1", "',' or ']'"},
	{"[1,]", "column 4: a value was expected"},
	{"[,1]", "a value was expected"},
	{"[1 2]", "',' or ']'"},
	{"{", "a member's name"},
	{"{\"a\"}", "':'"},
	{"{\"a\":}", "a value was expected"},
	{"{\"a\":1,}", "a member's name"},
	{"{a:1}", "a member's name"},
	{"{\"a\":1 \"b\":2}", "',' or '}'"},
	{"{\"a\":1,\n  \"b\":2,\n  \"a\":3}", "line 3, column 6: 'a' stands twice"},
	{"{\"a\":1,\"\\u0061\":2}", "'a' stands twice"},
	{"{\"x\":[{\"k\":1,\"k\":1}]}", "'k' stands twice"},
	{"1 // one", "more text after the value"},
	{"/* one */ 1", "a value was expected"},
	{"{} {}", "more text after the value"},
	{"]", "a value was expected"},
};

static void test_refused(void **state)
{
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct err e = ERR_INIT;
		if (json_parse(refused[i].text, strlen(refused[i].text), &e))
			fail_msg("'%s' was taken", refused[i].text);
		assert_int_equal(e.code, ERR_INVALID);
		if (!strstr(e.text, refused[i].why))
			fail_msg("'%s' gave '%s', not '%s'", refused[i].text, e.text,
				refused[i].why);
	}
}

static void test_nul_bytes(void **state)
{
	static const char in_string[] = "\"a\0b\"", behind[] = "{}\0", in_name[] = "{\"a\0b\":1}";
	assert_null(json_parse(in_string, sizeof in_string - 1, NULL));
	assert_null(json_parse(behind, sizeof behind - 1, NULL));
	assert_null(json_parse(in_name, sizeof in_name - 1, NULL));
}

static void test_the_text_ends_where_its_length_says(void **state)
{
	struct json *j = json_parse("123456", 3, NULL);
	int64_t v = 0;
	assert_int_equal(json_to_int(j, &v), 0);
	assert_int_equal(v, 123);
	json_free(j);
	assert_null(json_parse("truth", 3, NULL));
	assert_null(json_parse("\"\\u00410\"", 6, NULL));
}

static char *nested(int depth, const char *open, const char *inner, const char *close)
{
	struct buf b;
	buf_init(&b, 100000);
	for (int i = 0; i < depth; i++)
		buf_adds(&b, open);
	buf_adds(&b, inner);
	for (int i = 0; i < depth; i++)
		buf_adds(&b, close);
	return buf_steal(&b);
}

static void test_depth(void **state)
{
	static const char *const shapes[][3] = {
		{"[", "", "]"}, {"[", "1", "]"}, {"{\"a\":", "{}", "}"}, {"{\"a\":", "1", "}"}};
	for (size_t i = 0; i < 4; i++) {
		int extra = strcmp(shapes[i][1], "{}") == 0;
		char *fits =
			nested(JSON_DEPTH_MAX - extra, shapes[i][0], shapes[i][1], shapes[i][2]);
		char *deep = nested(
			JSON_DEPTH_MAX + 1 - extra, shapes[i][0], shapes[i][1], shapes[i][2]);
		struct err e = ERR_INIT;
		struct json *j = json_parse(fits, strlen(fits), &e);
		if (!j)
			fail_msg("%s: %s", fits, e.text);
		json_free(j);
		assert_null(json_parse(deep, strlen(deep), &e));
		assert_non_null(strstr(e.text, "too deep"));
		free(fits);
		free(deep);
	}
	char *very = nested(20000, "[", "", "]");
	assert_null(json_parse(very, strlen(very), NULL));
	free(very);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_nul_bytes),
		cmocka_unit_test(test_the_text_ends_where_its_length_says),
		cmocka_unit_test(test_depth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
