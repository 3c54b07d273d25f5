// SPDX-License-Identifier: Apache-2.0
/* Buffers: growth up to the ceiling and not a byte further, and what stays true when it is reached. */
#include "base/buf.h"
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void test_empty(void **state)
{
	struct buf b;
	buf_init(&b, 10);
	assert_string_equal(buf_str(&b), "");
	assert_int_equal(buf_add(&b, NULL, 0), 0);
	assert_int_equal(b.len, 0);
	buf_drop_front(&b, 0);
	buf_release(&b);
	buf_release(&b);
	buf_release(NULL);
	assert_int_equal(b.max, 10);
	buf_init(&b, SIZE_MAX / 2);
	assert_int_equal(buf_adds(&b, "small"), 0);
	assert_true(b.cap < 1000);
	buf_release(&b);
}

static void test_ceiling(void **state)
{
	for (size_t max = 0; max < 200; max++) {
		struct buf b;
		buf_init(&b, max);
		for (size_t i = 0; i < max; i++)
			assert_int_equal(buf_addc(&b, (char)('a' + i % 26)), 0);
		assert_false(b.full);
		assert_int_equal(buf_addc(&b, '!'), -1);
		assert_true(b.full);
		assert_int_equal(b.len, max);
		assert_int_equal(strlen(buf_str(&b)), max);
		buf_release(&b);
	}
}

static void test_full_stays_full(void **state)
{
	struct buf b;
	buf_init(&b, 8);
	assert_int_equal(buf_adds(&b, "12345"), 0);
	assert_int_equal(buf_adds(&b, "6789"), -1);
	assert_int_equal(buf_addc(&b, '6'), -1);
	assert_int_equal(buf_printf(&b, "%d", 6), -1);
	assert_int_equal(buf_add(&b, "", 0), -1);
	assert_string_equal(buf_str(&b), "12345");
	buf_clear(&b);
	assert_string_equal(buf_str(&b), "");
	assert_int_equal(buf_adds(&b, "12345678"), 0);
	buf_release(&b);
}

static void test_printf(void **state)
{
	struct buf b;
	buf_init(&b, 10);
	assert_int_equal(buf_printf(&b, "%s-%03d", "ab", 7), 0);
	assert_int_equal(buf_printf(&b, "%s", "1234"), 0);
	assert_string_equal(buf_str(&b), "ab-0071234");
	assert_int_equal(buf_printf(&b, "%s", ""), 0);
	assert_int_equal(buf_printf(&b, "x"), -1);
	assert_string_equal(buf_str(&b), "ab-0071234");
	buf_release(&b);
}

static void test_binary_and_drop_front(void **state)
{
	struct buf b;
	buf_init(&b, 100);
	buf_add(&b, "a\0b\0c", 5);
	buf_drop_front(&b, 2);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.data, "b\0c", 4);
	buf_drop_front(&b, 3);
	assert_int_equal(b.len, 0);
	assert_string_equal(buf_str(&b), "");
	buf_release(&b);
}

static void test_steal(void **state)
{
	struct buf b;
	buf_init(&b, 100);
	char *nothing = buf_steal(&b);
	assert_string_equal(nothing, "");
	free(nothing);
	buf_adds(&b, "mine");
	char *mine = buf_steal(&b);
	assert_string_equal(mine, "mine");
	assert_string_equal(buf_str(&b), "");
	assert_int_equal(buf_adds(&b, "again"), 0);
	free(mine);
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_ceiling),
		cmocka_unit_test(test_full_stays_full),
		cmocka_unit_test(test_printf),
		cmocka_unit_test(test_binary_and_drop_front),
		cmocka_unit_test(test_steal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
