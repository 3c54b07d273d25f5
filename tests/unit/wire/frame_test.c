/* SPDX-License-Identifier: Apache-2.0 */
/* Frames, envelopes and signed records: what was made is read again; what was cut or changed anywhere is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "wire/sign.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGENT "01aaaaaaaaaaaaaaaaaaaaaaaa"

static void test_round_trip_and_every_cut(void **state)
{
	const char *attrs[] = {"agent", AGENT, "route", "a,b", NULL};
	struct err e = ERR_INIT;
	struct frame f;
	struct buf b;
	size_t pos = 0;
	char text[64];

	buf_init(&b, 4096);
	assert_int_equal(frame_add(&b, "give", attrs, "with\nnewline\0and nul", 20), 0);
	assert_int_equal(frame_next(b.data, b.len, &pos, &f, &e), 1);
	assert_int_equal(pos, b.len);
	assert_true(frame_is(&f, "give") && f.body_len == 20);
	assert_int_equal(frame_text(&f, "route", text, sizeof text), 0);
	assert_string_equal(text, "a,b");
	assert_int_equal(frame_text(&f, "agent", text, ID_LEN), -1); /* no room for its NUL */
	assert_int_equal(frame_next(b.data, b.len, &pos, &f, &e), 0);
	for (size_t cut = 1; cut < b.len; cut++) {
		pos = 0;
		assert_int_equal(frame_next(b.data, cut, &pos, &f, &e), -1);
		assert_int_equal(pos, 0);
	}
	buf_release(&b);
}

static void test_refused(void **state)
{
	static const char *const bad[] = {
		"HIM2 give len=0\n\n",                          /* another magic */
		"HIM1 give a=1 a=2 len=0\n\n",                  /* an attribute twice */
		"HIM1 give len=0 a=1\n\n",                      /* len is not last */
		"HIM1 give a=1\n\n",                            /* no len */
		"HIM1 give len=01\nx\n",                        /* two texts for one number */
		"HIM1 give len=-1\n\n", "HIM1 give len=2\nx\n", /* longer than it is */
		"HIM1 give len=1048577\n\n",                    /* over the limit */
		"HIM1 give  len=0\n\n",                         /* two blanks */
		"HIM1 GIVE len=0\n\n", "HIM1 give a=\x01 len=0\n\n",
		"HIM1 give abcdefghijklmnopq=1 len=0\n\n", /* a name of 17 */
	};
	struct frame f;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err e = ERR_INIT;
		size_t pos = 0;
		assert_int_equal(frame_next(bad[i], strlen(bad[i]), &pos, &f, &e), -1);
		assert_true(e.text[0]);
	}
}

static void test_another_value(void **state)
{
	struct err e = ERR_INIT;
	struct frame f;
	struct buf b, again;
	size_t pos = 0;
	char route[16];

	buf_init(&b, 4096);
	buf_init(&again, 4096);
	frame_add(&b, "full", (const char *[]){"agent", AGENT, "route", "x,y", NULL}, "z", 1);
	frame_next(b.data, b.len, &pos, &f, &e);
	assert_int_equal(frame_add_with(&again, &f, "route", "y"), 0);
	pos = 0;
	assert_int_equal(frame_next(again.data, again.len, &pos, &f, &e), 1);
	frame_text(&f, "route", route, sizeof route);
	assert_string_equal(route, "y");
	buf_release(&b);
	buf_release(&again);
}

/* Every single byte of an envelope changed: it does not parse, or its MAC is wrong. */
static void test_no_byte_of_an_envelope_can_change(void **state)
{
	static const uint8_t key[MAC_KEY_BYTES] = {1};
	struct envelope env = {.kind = "report",
		.agent = AGENT,
		.stream = "0123456789abcdef",
		.seq = 7,
		.prev = DIGEST_ZERO,
		.body = "{\"a\":1}",
		.len = 7};
	struct err e = ERR_INIT;
	struct frame f;
	struct buf b;
	size_t pos;

	buf_init(&b, 4096);
	assert_int_equal(envelope_add(&b, &env, key), 0);
	for (size_t i = 0; i <= b.len; i++) {
		bool changed = i < b.len, fine;
		if (changed)
			b.data[i] ^= 1;
		pos = 0;
		fine = frame_next(b.data, b.len, &pos, &f, &e) > 0 &&
			envelope_parse(&f, &env, &e) == 0 && envelope_check(&env, key);
		assert_int_equal(fine, !changed);
		if (changed)
			b.data[i] ^= 1;
	}
	buf_release(&b);
}

static void test_no_byte_of_a_signed_record_can_change(void **state)
{
	uint8_t seed[SIGN_KEY_BYTES], pub[SIGN_KEY_BYTES];
	struct signed_record r = {.type = "action",
		.id = AGENT,
		.issued = 1,
		.deadline = 2,
		.count = 1,
		.root = DIGEST_ZERO,
		.body = "{}",
		.len = 2};
	struct err e = ERR_INIT;
	struct frame f;
	struct buf b;
	size_t pos;

	sign_keygen(seed, pub);
	buf_init(&b, 4096);
	assert_int_equal(signed_add(&b, &r, seed), 0);
	for (size_t i = 0; i <= b.len; i++) {
		bool changed = i < b.len, fine;
		if (changed)
			b.data[i] ^= 1;
		pos = 0;
		fine = frame_next(b.data, b.len, &pos, &f, &e) > 0 &&
			signed_parse(&f, &r, &e) == 0 && signed_check(&r, pub);
		assert_int_equal(fine, !changed);
		if (changed)
			b.data[i] ^= 1;
	}
	buf_release(&b);
}

/* RFC 8032, section 7.1, test 1: the public key of its secret key. */
static void test_ed25519_known_answer(void **state)
{
	static const uint8_t seed[SIGN_KEY_BYTES] = {0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60,
		0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32,
		0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};
	static const uint8_t want[SIGN_KEY_BYTES] = {0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7,
		0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6,
		0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a};
	uint8_t pub[SIGN_KEY_BYTES];

	assert_int_equal(sign_public(seed, pub), 0);
	assert_memory_equal(pub, want, sizeof pub);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip_and_every_cut),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_another_value),
		cmocka_unit_test(test_no_byte_of_an_envelope_can_change),
		cmocka_unit_test(test_no_byte_of_a_signed_record_can_change),
		cmocka_unit_test(test_ed25519_known_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
