// SPDX-License-Identifier: Apache-2.0
/* Errors: the table is complete, sentences are cut whole and stay on one line, places and reasons are added. */
#include "base/err.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void test_every_code_is_in_the_table(void **state)
{
	for (int c = ERR_NONE; c < ERR_CODES; c++) {
		assert_non_null(err_word(c));
		assert_non_null(err_title(c));
		assert_in_range(err_http(c), 200, 599);
		assert_in_range(err_exit(c), 0, 3);
		assert_int_equal(err_exit(c) == 0, c == ERR_NONE);
		for (int other = ERR_NONE; other < c; other++)
			assert_string_not_equal(err_word(c), err_word(other));
	}
}

static void test_statuses_come_back_as_a_like_code(void **state)
{
	for (int c = ERR_INVALID; c < ERR_CODES; c++)
		assert_int_equal(err_http(err_from_http(err_http(c))), err_http(c));
	assert_int_equal(err_from_http(200), ERR_NONE);
	assert_int_equal(err_from_http(204), ERR_NONE);
	assert_int_equal(err_from_http(409), ERR_AMBIGUOUS);
	assert_int_equal(err_from_http(418), ERR_INVALID);
	assert_int_equal(err_from_http(599), ERR_UNAVAILABLE);
}

static void test_set_and_field(void **state)
{
	struct err e = ERR_INIT;
	assert_int_equal(err_set(&e, ERR_CONFLICT, "%s is %d", "it", 3), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_string_equal(e.text, "it is 3");
	assert_string_equal(e.field, "");
	assert_int_equal(err_field(&e, ERR_INVALID, "site", "no: %s", e.text), -1);
	assert_string_equal(e.field, "site");
	assert_string_equal(e.text, "no: it is 3");
	assert_int_equal(err_set(NULL, ERR_IO, "nobody listens"), -1);
	assert_int_equal(err_where(NULL, "here"), -1);
	assert_int_equal(err_errno(NULL, "there"), -1);
}

static void test_long_text_is_cut_at_a_character(void **state)
{
	char letters[700];
	struct err e = ERR_INIT;
	for (int shift = 0; shift < 4; shift++) {
		memset(letters, 'a', sizeof letters);
		for (size_t i = (size_t)shift; i + 3 < sizeof letters; i += 3)
			memcpy(letters + i, "\xe2\x82\xac", 3);
		letters[sizeof letters - 1] = '\0';
		err_field(&e, ERR_INVALID, letters, "%s", letters);
		size_t n = strlen(e.text);
		assert_in_range(n, sizeof e.text - 7, sizeof e.text - 1);
		assert_string_equal(e.text + n - 3, "...");
		assert_int_equal((n - 3 - (size_t)shift) % 3, 0);
		assert_string_equal(e.field + strlen(e.field) - 3, "...");
	}
}

static void test_text_that_just_fits_is_kept(void **state)
{
	char exact[sizeof(((struct err *)0)->text)];
	struct err e = ERR_INIT;
	memset(exact, 'x', sizeof exact - 1);
	exact[sizeof exact - 1] = '\0';
	err_set(&e, ERR_INVALID, "%s", exact);
	assert_string_equal(e.text, exact);
}

static void test_one_line(void **state)
{
	struct err e = ERR_INIT;
	err_set(&e, ERR_PROTOCOL, "it said '%s'", "a\nb\x1b[2J\x7f");
	assert_string_equal(e.text, "it said 'a b [2J '");
}

static void test_errno(void **state)
{
	struct err e = ERR_INIT;
	errno = ENOENT;
	assert_int_equal(err_errno(&e, "cannot open %s", "/x"), -1);
	assert_string_equal(e.text, "cannot open /x: No such file or directory");
	assert_int_equal(e.code, ERR_IO);
	assert_int_equal(errno, ENOENT);
	errno = ENOSPC;
	err_errno(&e, "cannot write");
	assert_int_equal(e.code, ERR_NO_SPACE);
	errno = EDQUOT;
	err_errno(&e, "cannot write");
	assert_int_equal(e.code, ERR_NO_SPACE);
}

static void test_where_keeps_code_and_field(void **state)
{
	struct err e = ERR_INIT;
	err_field(&e, ERR_NOT_FOUND, "machine", "no machine vm:2");
	assert_int_equal(err_where(&e, "collecting from %s", "site1"), -1);
	assert_string_equal(e.text, "collecting from site1: no machine vm:2");
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_string_equal(e.field, "machine");
	for (int i = 0; i < 60; i++)
		err_where(&e, "and again from %d", i);
	assert_true(strlen(e.text) < sizeof e.text);
	assert_string_equal(e.text + strlen(e.text) - 3, "...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_code_is_in_the_table),
		cmocka_unit_test(test_statuses_come_back_as_a_like_code),
		cmocka_unit_test(test_set_and_field),
		cmocka_unit_test(test_long_text_is_cut_at_a_character),
		cmocka_unit_test(test_text_that_just_fits_is_kept),
		cmocka_unit_test(test_one_line),
		cmocka_unit_test(test_errno),
		cmocka_unit_test(test_where_keeps_code_and_field),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
