/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's pace: what is cheap keeps its interval, what is dear gets a longer one, nothing is put off for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "agent/pace.h"

static void test_pauses(void **state)
{
	static const struct {
		int64_t wanted_ms, used_us, pause_ms;
	} rows[] = {
		{60000, 0, 60000},
		{60000, 20000, 60000},
		{60000, 1200000, 60000}, /* exactly two percent of a minute */
		{60000, 1500000, 75000}, /* more: two percent of longer */
		{1000, 300000, 15000},   /* an interval for tests is stretched too */
		{60000, 900000000,
			3600000}, /* a quarter of an hour of CPU: an hour, not half a day */
		{86400000, 900000000, 86400000},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(
			pace_pause_ms(rows[i].wanted_ms, rows[i].used_us), rows[i].pause_ms);
}

static void test_cpu_is_ours(void **state)
{
	int64_t begin = pace_cpu_us();

	while (pace_cpu_us() < begin + 5000)
		;
	assert_true(pace_cpu_us() >= begin + 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pauses), cmocka_unit_test(test_cpu_is_ours)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
