// SPDX-License-Identifier: Apache-2.0
/* Merge patches: the examples of RFC 7396, the smallest differences, and both together on random documents. */
#include "model/patch.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
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

static void assert_json(const struct json *got, const char *want, const char *what)
{
	struct json *expected = parse(want);
	if (!json_equal(got, expected)) {
		struct buf text;
		buf_init(&text, 1 << 20);
		json_print(got, &text);
		fail_msg("%s: got %s, expected %s", what, buf_str(&text), want);
	}
	json_free(expected);
}

/* RFC 7396, appendix A. */
static const struct {
	const char *target, *patch, *result;
} rfc_examples[] = {
	{"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
	{"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
	{"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
	{"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
	{"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
	{"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
	{"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
	{"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
	{"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
	{"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
	{"{\"a\":\"foo\"}", "null", "null"},
	{"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
	{"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
	{"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
	{"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
};

static void test_rfc_examples(void **state)
{
	for (size_t i = 0; i < sizeof(rfc_examples) / sizeof(rfc_examples[0]); i++) {
		struct json *patch = parse(rfc_examples[i].patch);
		struct json *got = patch_apply(parse(rfc_examples[i].target), patch);
		assert_json(got, rfc_examples[i].result, rfc_examples[i].patch);
		json_free(got);
		json_free(patch);
	}
}

/* patch NULL: nothing differs. */
static const struct {
	const char *from, *to, *patch;
} differences[] = {
	{"{}", "{}", NULL},
	{"{\"a\":1,\"b\":{\"c\":2}}", "{\"b\":{\"c\":2},\"a\":1}", NULL},
	{"{\"a\":[1,null]}", "{\"a\":[1,null]}", NULL},
	{"{\"a\":null}", "{}", NULL},
	{"{}", "{\"a\":null}", NULL},
	{"{\"a\":1}", "{\"a\":2}", "{\"a\":2}"},
	{"{\"a\":1,\"b\":1}", "{\"a\":1}", "{\"b\":null}"},
	{"{\"a\":1}", "{\"a\":\"1\"}", "{\"a\":\"1\"}"},
	{"{\"a\":{\"b\":1,\"c\":1}}", "{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"c\":2}}"},
	{"{\"a\":{\"b\":1}}", "{\"a\":{}}", "{\"a\":{\"b\":null}}"},
	{"{\"a\":1}", "{\"a\":{}}", "{\"a\":{}}"},
	{"{}", "{\"a\":{\"b\":{},\"c\":null}}", "{\"a\":{\"b\":{}}}"},
	{"{\"a\":[1,2]}", "{\"a\":[2,1]}", "{\"a\":[2,1]}"},
	{"{\"package\":{\"a:amd64\":\"1\",\"b:all\":\"2\"}}",
		"{\"package\":{\"a:amd64\":\"1.1\",\"c:all\":\"3\"}}",
		"{\"package\":{\"a:amd64\":\"1.1\",\"b:all\":null,\"c:all\":\"3\"}}"},
	{"[]", "{}", "{}"},
	{"{}", "[]", "[]"},
	{"{}", "null", "null"},
};

static void test_differences(void **state)
{
	for (size_t i = 0; i < sizeof(differences) / sizeof(differences[0]); i++) {
		struct json *from = parse(differences[i].from), *to = parse(differences[i].to);
		struct json *patch = patch_diff(from, to);
		if (!differences[i].patch && patch)
			fail_msg("%s to %s: expected no difference", differences[i].from,
				differences[i].to);
		if (differences[i].patch)
			assert_json(patch, differences[i].patch, differences[i].to);
		json_free(patch);
		json_free(from);
		json_free(to);
	}
}

static void test_missing_values(void **state)
{
	struct json *doc = parse("{\"a\":{\"b\":null,\"c\":1}}");
	struct json *all = patch_diff(NULL, doc);
	assert_json(all, "{\"a\":{\"c\":1}}", "difference to nothing");
	struct json *made = patch_apply(NULL, all);
	assert_json(made, "{\"a\":{\"c\":1}}", "applied to nothing");
	assert_null(patch_diff(NULL, NULL));
	json_free(made);
	json_free(all);
	json_free(doc);
}

/* A small document: few names and values, so that pairs have much in common. */
static struct json *random_value(unsigned *seed, int depth)
{
	switch (rand_r(seed) % (depth > 0 ? 6 : 4)) {
	case 0:
		return json_int(rand_r(seed) % 3);
	case 1:
		return json_string(rand_r(seed) % 2 ? "x" : "");
	case 2:
		return json_bool(rand_r(seed) % 2);
	case 3: {
		struct json *array = json_array();
		for (int n = rand_r(seed) % 3; n > 0; n--)
			json_add(array, rand_r(seed) % 4 ? json_int(n) : json_null());
		return array;
	}
	default: {
		struct json *object = json_object();
		for (int n = rand_r(seed) % 5; n > 0; n--) {
			char key[2] = {(char)('a' + rand_r(seed) % 5), 0};
			json_set(object, key, random_value(seed, depth - 1));
		}
		return object;
	}
	}
}

static void test_round_trips(void **state)
{
	unsigned seed = 7396;
	for (int i = 0; i < 5000; i++) {
		struct json *from = random_value(&seed, 4), *to = random_value(&seed, 4);
		struct json *patch = patch_diff(from, to);
		assert_int_equal(!patch, json_equal(from, to));
		struct json *made = patch ? patch_apply(json_copy(from), patch) : json_copy(from);
		assert_true(json_equal(made, to));
		struct json *again = patch_diff(made, to);
		assert_null(again);
		json_free(made);
		json_free(patch);
		json_free(from);
		json_free(to);
	}
}

/* The text of the result, which must be that of patch_apply. */
static void assert_text(const struct json *from, const struct json *patch)
{
	struct json *used = json_copy(patch), *made = patch_apply(json_copy(from), patch);
	struct buf text, got, want;
	struct err e = ERR_INIT;

	buf_init(&text, 1 << 20);
	buf_init(&got, 1 << 20);
	buf_init(&want, 1 << 20);
	json_print(from, &text);
	json_print(made, &want);
	if (patch_text(text.data, text.len, used, &got, &e) < 0)
		fail_msg("%s: %s", buf_str(&text), e.text);
	assert_string_equal(buf_str(&got), buf_str(&want));
	buf_release(&text);
	buf_release(&got);
	buf_release(&want);
	json_free(used);
	json_free(made);
}

static void test_text(void **state)
{
	static const struct {
		const char *from, *patch;
	} rows[] = {
		{"{\"a\\\"\\\\\":{\"}\":\"],\\\\\"},\"b\":1}",
			"{\"a\\\"\\\\\":{\"}\":null,\"x\":[{}]}}"},
		{"{\"\":[[],{\"a\":[-1.5e3,true]}],\"t\\n\":\"\\\"\"}", "{\"t\\n\":2,\"z\":null}"},
		{"{\"a\":1,\"b\":2}", "{\"a\":null,\"b\":null}"},
		{"{\"a\":{}}", "{\"a\":{\"b\":{\"c\":null,\"d\":1}},\"e\\\"\":{\"f\":null}}"},
	};
	unsigned seed = 8259;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct json *from = parse(rows[i].from), *patch = parse(rows[i].patch);
		assert_text(from, patch);
		json_free(from);
		json_free(patch);
	}
	for (int i = 0; i < 5000; i++) {
		struct json *a = random_value(&seed, 4), *patch = random_value(&seed, 4);
		struct json *from = patch_apply(NULL, a);
		if (json_type(from) == JSON_OBJECT && json_type(patch) == JSON_OBJECT)
			assert_text(from, patch);
		json_free(a);
		json_free(from);
		json_free(patch);
	}
}

static void test_damaged_text(void **state)
{
	static const char *const texts[] = {"", "{", "[]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
		"{\"a\":1", "{\"a\":\"x", "{\"a\":\"x\\", "{\"a\":[1}", "{\"a\":{\"b\":1}",
		"{\"a\":1}x", "{\"a\":,\"b\":1}", "{a:1}", "{\"\\q\":1}", "{\"a\":]}"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct json *patch = parse("{\"a\":{\"b\":2}}");
		struct err e = ERR_INIT;
		struct buf out;
		buf_init(&out, 1 << 20);
		if (patch_text(texts[i], strlen(texts[i]), patch, &out, &e) == 0)
			fail_msg("%s is taken as %s", texts[i], buf_str(&out));
		assert_int_equal(e.code, ERR_INVALID);
		buf_release(&out);
		json_free(patch);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc_examples),
		cmocka_unit_test(test_differences),
		cmocka_unit_test(test_missing_values),
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_damaged_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
