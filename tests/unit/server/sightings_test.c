/* SPDX-License-Identifier: Apache-2.0 */
/* What a document says of machines: which of its texts count, and whether two say the same. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "server/sightings.h"
#include <string.h>

struct made {
	struct arena *a;
	struct told *t;
	size_t n;
};

static struct made make(const char *text)
{
	struct made m = {.a = arena_new()};
	struct json *j = json_parse(text, strlen(text), NULL);
	struct document_parts d = {
		json_get(j, "attributes"), json_get(j, "nic"), json_get(j, "guests")};

	assert_non_null(j);
	sightings_make("agent", &d, m.a, &m.t, &m.n);
	json_free(j);
	return m;
}

static void itself_comes_first(void **state)
{
	struct made m =
		make("{\"attributes\":{\"him.kind\":\"physical\",\"host.name\":\"h\","
		     "\"him.host.uuid\":\"U\"},\"guests\":{\"lxc:b\":{\"platform\":\"lxc\"},"
		     "\"x\":{\"name\":\"x\",\"mac\":[\"M\",\"N\"]}}}");

	assert_int_equal(m.n, 3);
	assert_string_equal(m.t[0].s.ref, "");
	assert_string_equal(m.t[0].s.name, "h");
	assert_int_equal(m.t[0].n, 1);
	assert_string_equal(m.t[1].s.kind, "container");
	assert_string_equal(m.t[2].s.kind, "vm");
	assert_int_equal(m.t[2].n, 2);
	assert_string_equal(m.t[2].keys[1].value, "N");
	arena_free(m.a);
}

/* What is empty or longer than anything real is not there; what stands beside it is. */
static void only_texts_of_a_size_count(void **state)
{
	static const char form[] = "{\"guests\":{\"%s\":{\"name\":\"a\"},\"b\":{\"name\":\"%s\","
				   "\"uuid\":\"%s\",\"mac\":[\"\",\"%s\",\"M\",7]}}}";
	static const struct {
		size_t len;
		bool taken;
	} rows[] = {{1, true}, {SIGHTING_TEXT_MAX, true}, {SIGHTING_TEXT_MAX + 1, false}};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[SIGHTING_TEXT_MAX + 2];
		struct arena *a = arena_new();
		struct made m;
		const struct told *b;
		memset(text, 'z', rows[i].len);
		text[rows[i].len] = '\0';
		m = make(arena_printf(a, form, text, text, text, text));
		b = &m.t[m.n - 1];
		assert_int_equal(m.n, rows[i].taken ? 3 : 2);
		assert_int_equal(b->n, rows[i].taken ? 3 : 1);
		assert_int_equal(b->s.name != NULL, rows[i].taken);
		arena_free(m.a);
		arena_free(a);
	}
}

/* Documents of which each says something else than its neighbour. */
static void what_differs_has_another_digest(void **state)
{
	static const char *const texts[] = {
		"{\"guests\":{\"a\":{\"name\":\"n\"}}}",
		"{\"guests\":{\"a\":{\"name\":\"n\",\"state\":\"off\"}}}",
		"{\"guests\":{\"a\":{\"name\":\"n\",\"state\":\"off\",\"vcpus\":2}}}",
		"{\"guests\":{\"a\":{\"name\":\"n\",\"platform\":\"off\",\"vcpus\":2}}}",
		"{\"guests\":{\"a\":{\"mac\":[\"M\",\"N\"]}}}",
		"{\"guests\":{\"a\":{\"mac\":[\"N\",\"M\"]}}}",
		"{\"guests\":{\"a\":{\"mac\":[\"N\"],\"uuid\":\"M\"}}}",
		/* A line end in a text is no end of that text. */
		"{\"guests\":{\"a\":{\"mac\":[\"M\\n0\\nmac\\n\\nN\"]}}}",
		"{\"guests\":{\"a\":{\"mac\":[\"M\",\"N\"]}}}",
		"{\"guests\":{\"a\":{\"name\":\"p\\nq\"}}}",
		"{\"guests\":{\"a\":{\"name\":\"p\",\"platform\":\"q\"}}}",
	};

	for (size_t i = 1; i < sizeof texts / sizeof *texts; i++) {
		struct made x = make(texts[i - 1]), y = make(texts[i]);
		if (strcmp(x.t[1].s.digest, y.t[1].s.digest) == 0)
			fail_msg("%s and %s are told apart by nothing", texts[i - 1], texts[i]);
		arena_free(x.a);
		arena_free(y.a);
	}
}

/* However much is told of one, the last of it counts. */
static void the_digest_is_of_all_that_is_said(void **state)
{
	char text[SIGHTING_TEXT_MAX + 1];
	struct buf b;
	struct made m[2];

	memset(text, 'z', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	for (int k = 0; k < 2; k++) {
		buf_init(&b, 8 << 20);
		buf_printf(&b,
			"{\"attributes\":{\"him.gateway.mac\":\"%s\"},\"guests\":{\"a\":{"
			"\"mac\":[",
			text);
		for (int i = 0; i < 255; i++)
			buf_printf(&b, "\"%s\",", text);
		buf_printf(&b, "\"%d\"]}}}", k);
		m[k] = make(buf_str(&b));
		buf_release(&b);
	}
	assert_int_equal(m[0].t[1].n, 256);
	assert_string_not_equal(m[0].t[1].s.digest, m[1].t[1].s.digest);
	arena_free(m[0].a);
	arena_free(m[1].a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(itself_comes_first),
		cmocka_unit_test(only_texts_of_a_size_count),
		cmocka_unit_test(what_differs_has_another_digest),
		cmocka_unit_test(the_digest_is_of_all_that_is_said),
	};

	return cmocka_run_group_tests_name("sightings", tests, NULL, NULL);
}
