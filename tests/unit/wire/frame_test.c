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

/* At each limit it is a frame, one over it is not. */
static void test_limits(void **state)
{
	static const struct {
		const char *what;
		int attrs, value,
			line; /* attributes before len; length of the first value; of the whole line */
		size_t body;
		int rc;
	} table[] = {
		{"15 attributes and len", 15, 1, 0, 0, 1},
		{"16 attributes and len", 16, 1, 0, 0, -1},
		{"a value of 512", 1, 512, 0, 0, 1},
		{"a value of 513", 1, 513, 0, 0, -1},
		{"an empty value", 1, 0, 0, 0, 1},
		{"a line of 1024", 2, 512, 1024, 0, 1},
		{"a line of 1025", 2, 512, 1025, 0, -1},
		{"a body of 1 MiB", 0, 0, 0, FRAME_BODY_MAX, 1},
		{"a body of 1 MiB and a byte", 0, 0, 0, FRAME_BODY_MAX + 1, -1},
	};
	static char many[FRAME_BODY_MAX + 1];

	memset(many, 'x', sizeof many);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct err e = ERR_INIT;
		struct frame f;
		struct buf b;
		size_t pos = 0;
		int fill;
		buf_init(&b, 2 * FRAME_BODY_MAX);
		buf_adds(&b, "HIM1 give");
		for (int a = 0; a < table[i].attrs; a++) {
			fill = a == 0 ? table[i].value : 1;
			if (a == 1 &&
				table[i].line) /* " b=" before it, " len=0" and a newline after */
				fill = table[i].line - (int)b.len - 3 - 7;
			buf_printf(&b, " %c=%.*s", 'a' + a, fill, many);
		}
		buf_printf(&b, " len=%zu\n", table[i].body);
		if (table[i].line)
			assert_int_equal(b.len, table[i].line);
		buf_add(&b, many, table[i].body);
		buf_addc(&b, '\n');
		if (frame_next(b.data, b.len, &pos, &f, &e) != table[i].rc)
			fail_msg("%s: %s", table[i].what, e.text);
		assert_int_equal(pos, table[i].rc > 0 ? b.len : 0);
		buf_release(&b);
	}
}

static void test_full_buffer_stays_as_it_was(void **state)
{
	struct buf b;

	buf_init(&b, 40);
	buf_adds(&b, "before");
	assert_int_equal(
		frame_add(&b, "full", (const char *[]){NULL}, "0123456789012345678901234", 25), -1);
	assert_string_equal(buf_str(&b), "before");
	assert_int_equal(frame_add(&b, "full", (const char *[]){NULL}, "0123456789", 10), 0);
	buf_release(&b);
}

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		int rc;
		int64_t value;
	} table[] = {{"0", 0, 0}, {"1", 0, 1}, {"9223372036854775799", 0, 9223372036854775799},
		{"9223372036854775808", -1, 0}, {"99999999999999999999", -1, 0}, {"", -1, 0},
		{"00", -1, 0}, {"-1", -1, 0}, {"+1", -1, 0}, {"1.0", -1, 0}, {"1a", -1, 0}};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct frame f;
		struct buf b;
		size_t pos = 0;
		int64_t v = 0;
		buf_init(&b, 4096);
		frame_add(&b, "full", (const char *[]){"seq", table[i].text, NULL}, "", 0);
		assert_int_equal(frame_next(b.data, b.len, &pos, &f, NULL), 1);
		assert_int_equal(frame_int(&f, "seq", &v), table[i].rc);
		assert_true(v == table[i].value);
		assert_int_equal(frame_int(&f, "absent", &v), -1);
		buf_release(&b);
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
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_full_buffer_stays_as_it_was),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_another_value),
		cmocka_unit_test(test_no_byte_of_an_envelope_can_change),
		cmocka_unit_test(test_no_byte_of_a_signed_record_can_change),
		cmocka_unit_test(test_ed25519_known_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
