/* SPDX-License-Identifier: Apache-2.0 */
/* Tries and their waits: the first are free, the next double, a success forgets, the table has an end. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "server/rate.h"
#include <stdio.h>
#include <string.h>

#define NOW 1000000

static void waits_double(void **state)
{
	struct rate *r = rate_new(2, 8000);
	static const int64_t waits[] = {0, 0, 1000, 2000, 4000, 8000, 8000};
	struct err e = ERR_INIT;

	for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
		rate_failed(r, "alice", NOW);
		assert_int_equal(rate_check(r, "alice", NOW + waits[i], &e), 0);
		if (waits[i])
			assert_int_equal(rate_check(r, "alice", NOW + waits[i] - 1, &e), -1);
	}
	assert_int_equal(e.code, ERR_RATE);
	assert_string_equal(e.text, "too many failed tries: try again in 1 s");
	assert_int_equal(rate_check(r, "bob", NOW, &e), 0);
	rate_free(r);
}

static void success_forgets(void **state)
{
	struct rate *r = rate_new(1, 8000);

	for (int i = 0; i < 5; i++)
		rate_failed(r, "k", NOW);
	rate_succeeded(r, "k");
	assert_int_equal(rate_check(r, "k", NOW, NULL), 0);
	rate_failed(r, "k", NOW);
	assert_int_equal(rate_check(r, "k", NOW, NULL), 0);
	rate_succeeded(r, "unknown");
	rate_free(r);
}

static void what_was_no_failure_is_given_back(void **state)
{
	struct rate *r = rate_new(2, 8000);

	rate_failed(r, "k", NOW);
	rate_failed(r, "k", NOW);
	rate_failed(r, "k", NOW);
	assert_int_equal(rate_check(r, "k", NOW, NULL), -1);
	rate_give_back(r, "k");
	assert_int_equal(rate_check(r, "k", NOW, NULL), 0);
	rate_failed(r, "k", NOW); /* the two others still count */
	assert_int_equal(rate_check(r, "k", NOW, NULL), -1);
	rate_give_back(r, "never seen");
	rate_free(r);
}

static void an_hour_forgets(void **state)
{
	struct rate *r = rate_new(1, 8000);

	rate_failed(r, "k", NOW);
	rate_failed(r, "k", NOW);
	rate_failed(r, "k", NOW + 3600001);
	assert_int_equal(rate_check(r, "k", NOW + 3600001, NULL), 0);
	rate_free(r);
}

static void the_table_has_an_end(void **state)
{
	struct rate *r = rate_new(0, 600000);
	char key[32];

	for (int i = 0; i < 8; i++)
		rate_failed(r, "guesser", NOW); /* waits 128 s */
	for (int i = 0; i < 20000; i++) {
		snprintf(key, sizeof key, "key-%d", i);
		rate_failed(r, key, NOW);
	}
	assert_int_equal(
		rate_check(r, "guesser", NOW, NULL), -1); /* those who may try soonest made room */
	rate_free(r);
}

static void addresses(void **state)
{
	static const char *const rows[][2] = {{"192.0.2.7", "192.0.2.7"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"}, {"2001:db8:1:2::9", "2001:db8:1:2::"},
		{"unix", "unix"}};
	char out[RATE_KEY];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_string_equal(rate_address(rows[i][0], out), rows[i][1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_double),
		cmocka_unit_test(success_forgets),
		cmocka_unit_test(what_was_no_failure_is_given_back),
		cmocka_unit_test(an_hour_forgets),
		cmocka_unit_test(the_table_has_an_end),
		cmocka_unit_test(addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
