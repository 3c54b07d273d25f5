/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams: what is coded is decoded; any other size, type, byte or key is not. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/text.h"
#include "wire/ping.h"
#include <string.h>

static const uint8_t key[PING_KEY_BYTES] = {1, 2, 3}, other_key[PING_KEY_BYTES] = {1, 2, 4};

static void test_round_trip(void **state)
{
	static const struct ping table[] = {
		{PING_KEEPALIVE, 1, 0},
		{PING_ANSWER, 0x0123456789abcdef, 1},
		{PING_PING, UINT64_MAX, UINT64_MAX},
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		uint8_t data[PING_BYTES];
		uint64_t channel = 0;
		struct ping p;
		ping_encode(&table[i], key, data);
		assert_int_equal(ping_peek(data, sizeof data, &channel), 0);
		assert_true(channel == table[i].channel);
		assert_int_equal(ping_decode(data, sizeof data, key, &p), 0);
		assert_int_equal(p.type, table[i].type);
		assert_true(p.channel == table[i].channel && p.seq == table[i].seq);
		assert_int_equal(ping_decode(data, sizeof data, other_key, &p), -1);
	}
}

static void test_every_size_and_byte(void **state)
{
	uint8_t data[PING_BYTES + 1] = {0};
	uint64_t channel;
	struct ping p;

	ping_encode(&(struct ping){PING_PING, 7, 9}, key, data);
	for (size_t len = 0; len <= PING_BYTES + 1; len++) {
		assert_int_equal(ping_peek(data, len, &channel), len == PING_BYTES ? 0 : -1);
		assert_int_equal(ping_decode(data, len, key, &p), len == PING_BYTES ? 0 : -1);
	}
	for (size_t bit = 0; bit < 8 * PING_BYTES; bit++) {
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(ping_decode(data, PING_BYTES, key, &p), -1);
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void test_only_known_types(void **state)
{
	uint8_t data[PING_BYTES] = {0};
	uint64_t channel;

	for (int type = 0; type < 256; type++) {
		data[0] = (uint8_t)type;
		assert_int_equal(ping_peek(data, sizeof data, &channel),
			type == 'K' || type == 'A' || type == 'P' ? 0 : -1);
	}
}

/* The bytes on the line, for those who write another implementation. */
static void test_known_answer(void **state)
{
	uint8_t data[PING_BYTES];
	char hex[2 * PING_BYTES + 1];

	ping_encode(&(struct ping){PING_KEEPALIVE, 0x0123456789abcdef, 2}, key, data);
	text_hex(data, sizeof data, hex);
	assert_string_equal(hex,
		"4b0123456789abcdef0000000000000002"
		"20bd10aed129628d35b03b958d5c4195");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_every_size_and_byte),
		cmocka_unit_test(test_only_known_types),
		cmocka_unit_test(test_known_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
