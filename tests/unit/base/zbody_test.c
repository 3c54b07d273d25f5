/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies packed and unpacked: there and back, also after what is kept was given back; caps; what is no body. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/zbody.h"
#include <string.h>

static void there_and_back(void **state)
{
	char text[5000];
	struct buf packed, whole;
	struct err e = ERR_INIT;

	memset(text, 'x', sizeof text);
	buf_init(&packed, 1 << 20);
	buf_init(&whole, 1 << 20);
	zbody_trim(); /* before anything is kept */
	for (int i = 0; i < 3; i++) {
		buf_clear(&packed);
		buf_clear(&whole);
		assert_int_equal(zbody_encode(text, sizeof text, &packed), 0);
		assert_true(packed.len < 200);
		assert_int_equal(zbody_decode(packed.data, packed.len, &whole, &e), 0);
		assert_int_equal(whole.len, sizeof text);
		assert_memory_equal(whole.data, text, sizeof text);
		if (i == 1)
			zbody_trim();
	}
	buf_release(&packed);
	buf_release(&whole);
}

static void what_is_refused(void **state)
{
	char text[5000];
	struct buf packed, small;
	struct err e = ERR_INIT;

	memset(text, 'x', sizeof text);
	buf_init(&packed, 1 << 20);
	buf_init(&small, sizeof text - 1);
	assert_int_equal(zbody_encode(text, sizeof text, &packed), 0);
	assert_int_equal(zbody_decode(packed.data, packed.len, &small, &e), -1);
	assert_int_equal(e.code, ERR_TOO_LARGE);
	buf_release(&small);
	buf_init(&small, 1 << 20);
	assert_int_equal(zbody_decode(packed.data, packed.len - 1, &small, &e), -1);
	assert_int_equal(e.code, ERR_INVALID);
	buf_addc(&packed, 'x');
	assert_int_equal(zbody_decode(packed.data, packed.len, &small, &e), -1);
	assert_int_equal(zbody_decode("nothing", 7, &small, &e), -1);
	buf_release(&small);
	buf_release(&packed);
	zbody_trim();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back), cmocka_unit_test(what_is_refused)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
