// SPDX-License-Identifier: Apache-2.0
/* JSON values: building, asking, changing, comparing, printing; members taken out with their checks. */
#include "base/json.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct json *parse(const char *text)
{
	struct err e = ERR_INIT;
	struct json *j = json_parse(text, strlen(text), &e);
	if (!j)
		fail_msg("%s: %s", text, e.text);
	return j;
}

static void assert_prints(const struct json *j, const char *want)
{
	struct buf out;
	buf_init(&out, 10000);
	assert_int_equal(json_print(j, &out), 0);
	assert_string_equal(buf_str(&out), want);
	buf_release(&out);
}

static void test_build_and_print(void **state)
{
	struct json *o = json_object(), *a = json_array();
	json_set_string(o, "s", "a/\"b\"");
	json_set_string(o, "nothing", NULL);
	json_set_int(o, "i", INT64_MIN);
	json_set_bool(o, "b", true);
	json_set_time(o, "t", 1767323045678);
	json_set_time(o, "never", 0);
	json_add(a, json_real(0.1));
	json_add(a, json_real(3));
	json_add(a, json_real(-1.5e300));
	json_add(a, json_null());
	json_add(a, json_string(NULL));
	json_add(a, NULL);
	json_set(o, "a", a);
	json_set(o, "n", json_null());
	assert_prints(o,
		"{\"s\":\"a/\\\"b\\\"\",\"nothing\":null,\"i\":-9223372036854775808,"
		"\"b\":true,\"t\":\"2026-01-02T03:04:05.678Z\",\"never\":null,"
		"\"a\":[0.1,3.0,-1.5e+300,null,null,null],\"n\":null}");
	json_free(o);
}

static void test_what_is_printed_can_be_parsed(void **state)
{
	struct json *j = json_string_len("a\0b\xff\xc3\xa9", 6);
	assert_string_equal(json_str(j),
		"a\xef\xbf\xbd"
		"b\xef\xbf\xbd\xc3\xa9");
	json_free(j);
	for (double v = 1e-320; v < 1e300; v *= -7.3e9) {
		struct buf out;
		double back = 0;
		struct json *real = json_real(v), *again;
		buf_init(&out, 100);
		json_print(real, &out);
		again = parse(buf_str(&out));
		assert_int_equal(json_to_real(again, &back), 0);
		assert_true(back == v);
		json_free(real);
		json_free(again);
		buf_release(&out);
	}
}

static void test_types_and_missing_values(void **state)
{
	struct json *o = parse(
		"{\"n\":null,\"b\":false,\"i\":7,\"r\":7.5,\"s\":\"x\",\"a\":[1,2],\"o\":{}}");
	static const struct {
		const char *key;
		enum json_type type;
		size_t len;
	} rows[] = {{"n", JSON_NULL, 0}, {"b", JSON_BOOL, 0}, {"i", JSON_INT, 0},
		{"r", JSON_REAL, 0}, {"s", JSON_STRING, 0}, {"a", JSON_ARRAY, 2},
		{"o", JSON_OBJECT, 0}, {"absent", JSON_NULL, 0}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct json *v = json_get(o, rows[i].key);
		int64_t n = 99;
		double r = 99;
		bool b = true;
		assert_int_equal(json_type(v), rows[i].type);
		assert_int_equal(json_len(v), rows[i].len);
		assert_int_equal(json_to_int(v, &n), rows[i].type == JSON_INT ? 0 : -1);
		assert_int_equal(n, rows[i].type == JSON_INT ? 7 : 99);
		assert_int_equal(json_to_real(v, &r),
			rows[i].type == JSON_INT || rows[i].type == JSON_REAL ? 0 : -1);
		assert_int_equal(json_to_bool(v, &b), rows[i].type == JSON_BOOL ? 0 : -1);
		assert_int_equal(json_str(v) != NULL, rows[i].type == JSON_STRING);
		assert_int_equal(json_str_len(v), rows[i].type == JSON_STRING ? 1 : 0);
		assert_null(json_get(v, "x"));
		assert_false(json_has(v, "x"));
	}
	assert_true(json_has(o, "n"));
	assert_false(json_has(o, "absent"));
	assert_int_equal(json_len(o), 7);
	assert_null(json_at(o, 0));
	assert_non_null(json_at(json_get(o, "a"), 1));
	assert_null(json_at(json_get(o, "a"), 2));
	json_free(o);
	json_free(NULL);
}

static void test_a_null_alone_is_a_value(void **state)
{
	struct json *null = json_null(), *copy = json_copy(null), *of_nothing = json_copy(NULL);
	assert_non_null(null);
	assert_int_equal(json_type(null), JSON_NULL);
	assert_int_equal(json_len(null), 0);
	assert_false(json_has(null, "x"));
	assert_prints(null, "null");
	assert_prints(NULL, "null");
	assert_true(json_equal(null, copy));
	assert_true(json_equal(null, NULL));
	struct json *o = json_object();
	assert_false(json_equal(null, o));
	json_free(o);
	json_free(null);
	json_free(copy);
	json_free(of_nothing);
}

static void test_change(void **state)
{
	struct json *o = parse("{\"a\":1,\"b\":2,\"c\":3}");
	json_set_int(o, "b", 20);
	json_del(o, "a");
	json_del(o, "absent");
	json_set_int(o, "d", 4);
	assert_prints(o, "{\"b\":20,\"c\":3,\"d\":4}");
	json_free(o);
}

static void test_copies_are_equal_and_apart(void **state)
{
	static const char *const texts[] = {"1", "1.25", "0.1", "\"x\"", "true", "[1,[2.5,null]]",
		"{\"a\":{\"b\":[null,0.30000000000000004]}}"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct json *j = parse(texts[i]), *copy = json_copy(j);
		assert_true(json_equal(j, copy));
		json_free(j);
		assert_prints(copy, texts[i]);
		json_free(copy);
	}
	struct json *a = parse("{\"a\":{}}"), *b = json_copy(a);
	json_set_int(json_get(b, "a"), "x", 1);
	assert_false(json_equal(a, b));
	assert_prints(a, "{\"a\":{}}");
	json_free(a);
	json_free(b);
}

static void test_equal(void **state)
{
	static const struct {
		const char *a, *b;
		bool equal;
	} rows[] = {{"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true}, {"[1,2]", "[2,1]", false},
		{"1", "1.0", false}, {"0.5", "5e-1", true}, {"\"a\"", "\"\\u0061\"", true},
		{"{\"a\":null}", "{}", false}, {"null", "0", false}, {"[null]", "[null]", true},
		{"false", "null", false}, {"[]", "{}", false}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct json *a = parse(rows[i].a), *b = parse(rows[i].b);
		if (json_equal(a, b) != rows[i].equal || json_equal(b, a) != rows[i].equal)
			fail_msg("%s and %s", rows[i].a, rows[i].b);
		json_free(a);
		json_free(b);
	}
}

static void test_iterate_in_order(void **state)
{
	struct json *o = parse("{\"z\":1,\"a\":null,\"m\":3}");
	char order[8] = "";
	struct json_iter it = json_iter(o);
	while (json_next(&it))
		strcat(order, it.key);
	assert_string_equal(order, "zam");
	json_free(o);
	it = json_iter(NULL);
	assert_false(json_next(&it));
}

static void test_print_stops_at_the_ceiling(void **state)
{
	struct json *j = parse("[\"long enough\"]");
	struct buf out;
	buf_init(&out, 10);
	assert_int_equal(json_print(j, &out), -1);
	assert_int_equal(out.len, 0);
	buf_release(&out);
	buf_init(&out, 100);
	assert_int_equal(json_print_pretty(j, &out), 0);
	assert_non_null(strchr(buf_str(&out), '\n'));
	struct json *again = parse(buf_str(&out));
	assert_true(json_equal(j, again));
	json_free(again);
	json_free(j);
	buf_release(&out);
}

static void test_take(void **state)
{
	struct json *o = parse("{\"name\":\"web\",\"n\":5,\"on\":true,\"nothing\":null}");
	struct err e = ERR_INIT;
	const char *s = "kept";
	int64_t n = -1;
	bool on = false;
	assert_int_equal(json_take_string(o, "name", true, 3, &s, &e), 0);
	assert_string_equal(s, "web");
	assert_int_equal(json_take_string(o, "name", true, 2, &s, &e), -1);
	assert_int_equal(e.code, ERR_TOO_LARGE);
	assert_string_equal(e.field, "name");
	s = "kept";
	assert_int_equal(json_take_string(o, "absent", false, 9, &s, &e), 0);
	assert_int_equal(json_take_string(o, "nothing", false, 9, &s, &e), 0);
	assert_string_equal(s, "kept");
	assert_int_equal(json_take_string(o, "absent", true, 9, &s, &e), -1);
	assert_string_equal(e.text, "absent is required");
	assert_int_equal(json_take_string(o, "n", false, 9, &s, &e), -1);
	assert_string_equal(e.field, "n");
	assert_int_equal(json_take_int(o, "n", true, 5, 5, &n, &e), 0);
	assert_int_equal(n, 5);
	assert_int_equal(json_take_int(o, "n", true, 6, 9, &n, &e), -1);
	assert_string_equal(e.text, "n is 5; it must be 6 to 9");
	assert_int_equal(json_take_int(o, "name", true, 6, 9, &n, &e), -1);
	assert_int_equal(json_take_int(NULL, "n", true, 6, 9, &n, &e), -1);
	assert_int_equal(json_take_bool(o, "on", &on, &e), 0);
	assert_true(on);
	assert_int_equal(json_take_bool(o, "n", &on, &e), -1);
	assert_int_equal(json_take_bool(o, "absent", &on, &e), 0);
	json_free(o);
}

static void test_only(void **state)
{
	static const char *const keys[] = {"name", "site", NULL};
	struct err e = ERR_INIT;
	struct json *fine = parse("{\"site\":1}"), *near = parse("{\"sitee\":1}"),
		    *far = parse("{\"name\":1,\"password\":1}"), *none = parse("[]");
	assert_int_equal(json_only(fine, keys, &e), 0);
	assert_int_equal(json_only(near, keys, &e), -1);
	assert_non_null(strstr(e.text, "did you mean 'site'?"));
	assert_string_equal(e.field, "sitee");
	assert_int_equal(json_only(far, keys, &e), -1);
	assert_string_equal(e.text, "unknown member 'password'");
	assert_int_equal(json_only(none, keys, &e), -1);
	json_free(fine);
	json_free(near);
	json_free(far);
	json_free(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_build_and_print),
		cmocka_unit_test(test_what_is_printed_can_be_parsed),
		cmocka_unit_test(test_types_and_missing_values),
		cmocka_unit_test(test_a_null_alone_is_a_value),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_copies_are_equal_and_apart),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_iterate_in_order),
		cmocka_unit_test(test_print_stops_at_the_ceiling),
		cmocka_unit_test(test_take),
		cmocka_unit_test(test_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
