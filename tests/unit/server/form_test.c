/* SPDX-License-Identifier: Apache-2.0 */
/* Forms and query strings: what is taken, what is refused and which field the sentence names. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "server/form.h"
#include <string.h>

static int parse(struct arena *a, const char *text, struct form *f, struct err *e)
{
	*e = ERR_INIT;
	return form_parse(text, strlen(text), a, f, e);
}

static void taken(void **state)
{
	static const struct {
		const char *text, *name, *value;
	} rows[] = {
		{"a=1&b=2", "b", "2"},
		{"query=os.type%3Alinux+web*", "query", "os.type:linux web*"},
		{"a=%c3%A9", "a", "\xc3\xa9"},
		{"a", "a", ""},
		{"a=", "a", ""},
		{"&&a=1&", "a", "1"},
		{"a=b=c", "a", "b=c"},
		{"%61=1", "a", "1"},
		{"", "a", NULL},
		{"b=1", "a", NULL},
	};
	struct arena *a = arena_new();
	struct form f;
	struct err e;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(parse(a, rows[i].text, &f, &e), 0);
		if (rows[i].value)
			assert_string_equal(form_get(&f, rows[i].name), rows[i].value);
		else
			assert_null(form_get(&f, rows[i].name));
	}
	arena_free(a);
}

static void refused(void **state)
{
	static const struct {
		const char *text, *field;
	} rows[] = {
		{"a=%", "a"},
		{"a=%4", "a"},
		{"a=%zz", "a"},
		{"a=%00", "a"},
		{"a=%ff", "a"},
		{"a=1&a=2", "a"},
		{"%zz=1", ""},
		{"x=1&y=%c3", "y"},
	};
	struct arena *a = arena_new();
	struct form f;
	struct err e;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(parse(a, rows[i].text, &f, &e), -1);
		assert_int_equal(e.code, ERR_INVALID);
		assert_string_equal(e.field, rows[i].field);
	}
	arena_free(a);
}

static void fields_have_an_end(void **state)
{
	struct arena *a = arena_new();
	struct form f;
	struct err e;
	char *text = arena_strdup(a, "");

	for (int i = 0; i < FORM_FIELDS_MAX; i++)
		text = arena_printf(a, "%sf%d=1&", text, i);
	assert_int_equal(parse(a, text, &f, &e), 0);
	assert_int_equal(parse(a, arena_printf(a, "%sone=more", text), &f, &e), -1);
	assert_int_equal(e.code, ERR_TOO_LARGE);
	arena_free(a);
}

static void only_these(void **state)
{
	struct arena *a = arena_new();
	struct form f;
	struct err e;

	assert_int_equal(parse(a, "limit=1&after=x", &f, &e), 0);
	assert_int_equal(form_only(&f, "query sort limit after", a, &e), 0);
	assert_int_equal(form_only(&f, "query limt", a, &e), -1);
	assert_string_equal(e.field, "limit");
	assert_string_equal(e.text, "there is no parameter 'limit' here; do you mean limt?");
	assert_int_equal(form_only(&f, NULL, a, &e), -1);
	assert_string_equal(e.text, "there is no parameter 'limit' here");
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(taken),
		cmocka_unit_test(refused),
		cmocka_unit_test(fields_have_an_end),
		cmocka_unit_test(only_these),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
