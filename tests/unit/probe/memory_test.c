// SPDX-License-Identifier: Apache-2.0
/* /proc/meminfo, right and wrong. */
#include "probe/linux/memory.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static const struct {
	const char *text;
	int result;
	int64_t memory, swap;
} rows[] = {
	{"MemTotal:       24683656 kB\nMemFree: 1 kB\nSwapTotal:             0 kB\n", 0,
		INT64_C(24683656) * 1024, 0},
	{"MemTotal: 5 kB", 0, 5120, -1},
	{"MemTotal: 5\n", 0, 5120, -1},
	{"", 0, -1, -1},
	{"XMemTotal: 5 kB\nMemTotal", 0, -1, -1},
	{"MemTotal: kB\n", -1, 0, 0},
	{"MemTotal:\n", -1, 0, 0},
	{"MemTotal: -5 kB\n", -1, 0, 0},
	{"MemTotal: 9223372036854775807 kB\n", -1, 0, 0},
	{"SwapTotal:                                                                          1 "
	 "kB\n",
		-1, 0, 0},
};

static void test_rows(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct meminfo got;
		struct err e = ERR_INIT;
		assert_int_equal(meminfo_parse(rows[i].text, strlen(rows[i].text), &got, &e),
			rows[i].result);
		if (rows[i].result == 0) {
			assert_int_equal(got.memory_bytes, rows[i].memory);
			assert_int_equal(got.swap_bytes, rows[i].swap);
		} else {
			assert_true(e.text[0]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
