/* SPDX-License-Identifier: Apache-2.0 */
/* The tree against a naive one that follows RFC 6962 to the letter, for every size up to 130 and every leaf. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/text.h"
#include "wire/sign.h"
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#define SIZE_MAX_ 130

static char ids[SIZE_MAX_][ID_SIZE];

static void naive(size_t from, size_t n, uint8_t out[32])
{
	uint8_t data[65];
	size_t k = 1;

	if (n == 1) {
		data[0] = 0;
		memcpy(data + 1, ids[from], ID_LEN);
		SHA256(data, 1 + ID_LEN, out);
		return;
	}
	while (2 * k < n)
		k *= 2;
	data[0] = 1;
	naive(from, k, data + 1);
	naive(from + k, n - k, data + 33);
	SHA256(data, 65, out);
}

static void test_every_size_and_leaf(void **state)
{
	uint8_t root[32], path[MERKLE_DEPTH_MAX * MERKLE_STEP];
	char want[DIGEST_LEN + 1], has[DIGEST_LEN + 1];

	for (size_t n = 1; n <= SIZE_MAX_; n++) {
		struct merkle *m = merkle_new((const char(*)[ID_SIZE])ids, n);
		naive(0, n, root);
		text_hex(root, sizeof root, want);
		merkle_root(m, has);
		assert_string_equal(has, want);
		for (size_t i = 0; i < n; i++) {
			size_t len = merkle_path(m, i, path) * MERKLE_STEP;
			assert_true(merkle_check(ids[i], i, n, path, len, has));
			assert_false(merkle_check(ids[(i + 1) % SIZE_MAX_], i, n, path, len, has));
			assert_false(merkle_check(ids[i], i, n, path, len + MERKLE_STEP, has));
			if (n > 1)
				assert_false(merkle_check(ids[i], (i + 1) % n, n, path, len, has));
			if (len) {
				assert_false(
					merkle_check(ids[i], i, n, path, len - MERKLE_STEP, has));
				path[0] ^= 1;
				assert_false(merkle_check(ids[i], i, n, path, len, has));
			}
		}
		merkle_free(m);
	}
}

static void test_nonsense_is_refused(void **state)
{
	char nonsense[DIGEST_LEN + 1] = "not a digest";
	uint8_t path[MERKLE_STEP] = {0};

	assert_false(merkle_check(ids[0], 0, 0, path, 0, DIGEST_ZERO));
	assert_false(merkle_check(ids[0], 5, 5, path, 0, DIGEST_ZERO));
	assert_false(merkle_check(ids[0], 0, 2, path, 31, DIGEST_ZERO));
	assert_false(merkle_check(ids[0], 0, 2, path, sizeof path, nonsense));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_size_and_leaf),
		cmocka_unit_test(test_nonsense_is_refused),
	};

	for (int i = 0; i < SIZE_MAX_; i++)
		snprintf(ids[i], ID_SIZE, "01aaaaaaaaaaaaaaaaaaaaa%03d", i);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
