/* SPDX-License-Identifier: Apache-2.0 */
/* A refusal is news once an hour for who brings it and in whose name, and however many there are the memory is capped. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "server/refused.h"
#include <stdio.h>

#define HOUR 3600000

static void test_once_an_hour(void **state)
{
	struct refused *r = refused_new();

	assert_true(refused_is_news(r, "r1", "a", 1000));
	assert_false(refused_is_news(r, "r1", "a", 1000));
	assert_false(refused_is_news(r, "r1", "a", 1000 + HOUR - 1));
	assert_true(refused_is_news(r, "r1", "b", 1000)); /* another name, another bringer */
	assert_true(refused_is_news(r, "r2", "a", 1000));
	assert_true(refused_is_news(r, "r1", "a", 1000 + HOUR));
	assert_false(refused_is_news(r, "r1", "a", 1000 + HOUR));
	assert_true(refused_is_news(r, "r1", "a", 500)); /* the clock was set back */
	refused_free(r);
}

static void test_the_longest_known_makes_room(void **state)
{
	struct refused *r = refused_new();
	char name[27];

	for (int i = 0; i <= 10000; i++) {
		snprintf(name, sizeof name, "%026d", i);
		assert_true(refused_is_news(r, "r1", name, 1000));
	}
	assert_false(refused_is_news(r, "r1", name, 1000));
	assert_true(refused_is_news(r, "r1", "00000000000000000000000000", 1000));
	refused_free(r);
	refused_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once_an_hour),
		cmocka_unit_test(test_the_longest_known_makes_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
