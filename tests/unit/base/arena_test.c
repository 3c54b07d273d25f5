// SPDX-License-Identifier: Apache-2.0
/* Arenas: what they hand out is zeroed, aligned, apart from the rest, and freed together (the sanitizer watches). */
#include "base/arena.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void test_zeroed_aligned_and_apart(void **state)
{
	struct arena *a = arena_new();
	unsigned char *given[600];
	for (size_t i = 0; i < 600; i++) {
		size_t size = i * 37 % 5000; /* below and above a block, in turns */
		given[i] = arena_alloc(a, size);
		assert_int_equal((uintptr_t)given[i] % _Alignof(max_align_t), 0);
		for (size_t k = 0; k < size; k++)
			assert_int_equal(given[i][k], 0);
		memset(given[i], (int)(i % 251 + 1), size);
	}
	for (size_t i = 0; i < 600; i++)
		for (size_t k = 0; k < i * 37 % 5000; k++)
			assert_int_equal(given[i][k], i % 251 + 1);
	arena_free(a);
	arena_free(NULL);
}

static void test_large_pieces_leave_the_rest_of_a_block_in_use(void **state)
{
	struct arena *a = arena_new();
	char *before = arena_alloc(a, 16), *large = arena_alloc(a, 1 << 20);
	char *after = arena_alloc(a, 16);
	memset(large, 1, 1 << 20);
	assert_ptr_equal(after, before + 16);
	arena_free(a);
}

static void test_strings(void **state)
{
	struct arena *a = arena_new();
	assert_string_equal(arena_strdup(a, "one"), "one");
	assert_null(arena_strdup(a, NULL));
	assert_string_equal(arena_strndup(a, "three", 2), "th");
	assert_string_equal(arena_strndup(a, "three", 99), "three");
	assert_null(arena_strndup(a, NULL, 3));
	assert_memory_equal(arena_memdup(a, "a\0b", 3), "a\0b", 3);
	assert_non_null(arena_memdup(a, NULL, 0));
	assert_string_equal(arena_printf(a, "%05d %s", 42, "x"), "00042 x");
	char *long_one = arena_printf(a, "%9000d", 1);
	assert_int_equal(strlen(long_one), 9000);
	arena_free(a);
}

static void test_x(void **state)
{
	char *s = xasprintf("%s/%d", "a", 1), *t = xstrndup("abcdef", 3), *u = xstrdup("");
	int *zeros = xcalloc(4, sizeof *zeros);
	assert_string_equal(s, "a/1");
	assert_string_equal(t, "abc");
	assert_string_equal(u, "");
	assert_int_equal(zeros[3], 0);
	zeros = xrealloc(zeros, 100 * sizeof *zeros);
	zeros[99] = 1;
	free(s);
	free(t);
	free(u);
	free(zeros);
	free(xmalloc(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zeroed_aligned_and_apart),
		cmocka_unit_test(test_large_pieces_leave_the_rest_of_a_block_in_use),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_x),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
