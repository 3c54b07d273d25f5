/* SPDX-License-Identifier: Apache-2.0 */
/* Cursors: what was made is taken back, for the same sort only, and nothing else is. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "server/cursor.h"
#include <string.h>

#define ID "01hzy3m9ecv4k7p0s8b2nq5xwt"

static void back(void **state)
{
	static const struct cursor rows[] = {
		{"name", false, false, ID, "web1"},
		{"name", true, false, ID, "a name with blanks"},
		{"host.memory", false, true, ID, "-1"},
		{"seen", true, true, ID, "9223372036854775807"},
		{"name", false, false, ID, ""},
		{"os.name", false, false, ID, "\xc3\xa9\xe2\x80\xa6"},
	};
	struct arena *a = arena_new();
	struct err e = ERR_INIT;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct cursor got = {rows[i].sort, rows[i].descending, rows[i].number};
		const char *text = cursor_make(&rows[i], a);
		assert_int_equal(cursor_take(text, &got, a, &e), 0);
		assert_string_equal(got.id, ID);
		assert_string_equal(got.value, rows[i].value);
	}
	arena_free(a);
}

static void not_ours(void **state)
{
	struct cursor name = {"name", false, false, ID, "web1"},
		      down = {"name", true, false, ID, "web1"},
		      memory = {"host.memory", false, true, ID, "1"},
		      words = {"host.memory", false, true, ID, "many"},
		      nobody = {"name", false, false, "no-id", "web1"};
	struct arena *a = arena_new();
	struct cursor want = {"name", false, false};
	const char *good = cursor_make(&name, a);
	const char *rows[] = {"", "x", "00", "zz", cursor_make(&down, a), cursor_make(&memory, a),
		cursor_make(&nobody, a), arena_printf(a, "%s0", good),
		arena_printf(a, "%sff", good), arena_printf(a, "%s00", good), good + 2};
	struct err e = ERR_INIT;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(cursor_take(rows[i], &want, a, &e), -1);
		assert_string_equal(e.field, "after");
	}
	want = (struct cursor){"host.memory", false, true};
	assert_int_equal(cursor_take(cursor_make(&words, a), &want, a, &e), -1);
	arena_free(a);
}

static void too_long(void **state)
{
	struct arena *a = arena_new();
	char *value = arena_alloc(a, CURSOR_MAX);
	struct cursor x = {"name", false, false, ID, value};

	memset(value, 'v', CURSOR_MAX - 1);
	assert_null(cursor_make(&x, a));
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(back), cmocka_unit_test(not_ours), cmocka_unit_test(too_long)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
