// SPDX-License-Identifier: Apache-2.0
/* Ids: shape, order by time, no two alike; what is none. */
#include "base/id.h"
#include "base/clock.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void test_new_ids_are_valid(void **state)
{
	for (int i = 0; i < 1000; i++) {
		char id[ID_SIZE];
		id_new(id);
		assert_int_equal(strlen(id), ID_LEN);
		assert_true(id_valid(id));
		assert_in_range(id[0], '0', '7'); /* 48 bits in 10 characters */
	}
}

static void test_sorted_by_time(void **state)
{
	char before[ID_SIZE] = "", id[ID_SIZE];
	for (int i = 1; i < 200; i++) {
		clock_set_offset_ms((int64_t)i * 100000);
		id_new(id);
		assert_true(strcmp(before, id) < 0);
		memcpy(before, id, sizeof before);
	}
	clock_set_offset_ms(INT64_MIN / 2);
	id_new(id);
	assert_memory_equal(id, "0000000000", 10);
	clock_set_offset_ms(0);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void test_no_two_alike(void **state)
{
	static char ids[5000][ID_SIZE];
	for (size_t i = 0; i < 5000; i++)
		id_new(ids[i]);
	qsort(ids, 5000, ID_SIZE, by_text);
	for (size_t i = 1; i < 5000; i++)
		assert_string_not_equal(ids[i - 1], ids[i]);
}

static void test_what_is_none(void **state)
{
	static const char *const texts[] = {"", "01arz3ndektsv4rrffq69g5fa",
		"01arz3ndektsv4rrffq69g5favv", "01ARZ3NDEKTSV4RRFFQ69G5FAV",
		"01arz3ndektsv4rrffq69g5fai", "01arz3ndektsv4rrffq69g5fal",
		"01arz3ndektsv4rrffq69g5fao", "01arz3ndektsv4rrffq69g5fau",
		"01arz3ndektsv4rrffq69g5fa/", "01arz3ndektsv4rrffq69g5fa\n"};
	assert_true(id_valid("01arz3ndektsv4rrffq69g5fav"));
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_false(id_valid(texts[i]));
}

static void test_random_bytes(void **state)
{
	uint8_t a[600] = {0}, b[600] = {0};
	random_bytes(a, sizeof a); /* over the 256 bytes the kernel gives in one go for sure */
	random_bytes(b, sizeof b);
	assert_memory_not_equal(a, b, sizeof a);
	assert_memory_not_equal(a + 500, b + 500, 100);
	random_bytes(a, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_ids_are_valid),
		cmocka_unit_test(test_sorted_by_time),
		cmocka_unit_test(test_no_two_alike),
		cmocka_unit_test(test_what_is_none),
		cmocka_unit_test(test_random_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
