/* SPDX-License-Identifier: Apache-2.0 */
/* The form of envelopes and signed records, attribute by attribute, and what the MAC and the signature bind together. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "wire/sign.h"
#include <stdio.h>
#include <string.h>

#define AGENT "01aaaaaaaaaaaaaaaaaaaaaaaa"
#define STREAM "0123456789abcdef"
#define N(a) (sizeof(a) / sizeof *(a))

static struct frame parsed(struct buf *b)
{
	struct err e = ERR_INIT;
	struct frame f;
	size_t pos = 0;

	assert_int_equal(frame_next(b->data, b->len, &pos, &f, &e), 1);
	return f;
}

/* An attribute list with one value replaced, or taken out when value is NULL. */
static void with(const char *const *attrs, const char *name, const char *value, const char **out)
{
	size_t n = 0;

	for (size_t i = 0; attrs[i]; i += 2) {
		bool it = strcmp(attrs[i], name) == 0;
		if (it && !value)
			continue;
		out[n++] = attrs[i];
		out[n++] = it ? value : attrs[i + 1];
	}
	out[n] = NULL;
}

static void test_form_of_an_envelope(void **state)
{
	static const char *const good[] = {"kind", "report", "agent", AGENT, "stream", STREAM,
		"seq", "1", "prev", DIGEST_ZERO, "mac", DIGEST_ZERO, NULL};
	static const struct {
		const char *name, *value;
		bool fine;
	} table[] = {
		{"kind", "report", true},
		{"kind", "result", true},
		{"kind", "attach", true},
		{"kind", "fork", true},
		{"kind", "live", false}, /* volatile ones have seq 0 */
		{"kind", "other", false},
		{"kind", "", false},
		{"kind", NULL, false},
		{"agent", "01", false},
		{"agent", "01AAAAAAAAAAAAAAAAAAAAAAAA", false},
		{"agent", AGENT "a", false},
		{"agent", NULL, false},
		{"stream", "0123456789abcde", false},
		{"stream", STREAM "0", false},
		{"stream", "0123456789ABCDEF", false},
		{"stream", NULL, false},
		{"seq", "0", false}, /* durable ones have a number */
		{"seq", "9223372036854775790", true},
		{"seq", "9223372036854775808", false},
		{"seq", "-1", false},
		{"seq", "01", false},
		{"seq", "1x", false},
		{"seq", "", false},
		{"seq", NULL, false},
		{"prev", "0", false},
		{"prev", NULL, false},
		{"mac", "zz", false},
		{"mac", NULL, false},
	};
	const char *attrs[16];

	for (size_t i = 0; i < N(table); i++) {
		struct err e = ERR_INIT;
		struct envelope env;
		struct frame f;
		struct buf b;
		buf_init(&b, 4096);
		with(good, table[i].name, table[i].value, attrs);
		frame_add(&b, "up", attrs, "{}", 2);
		f = parsed(&b);
		assert_int_equal(envelope_parse(&f, &env, &e), table[i].fine ? 0 : -1);
		assert_true(table[i].fine || strcmp(e.field, table[i].name) == 0 ||
			strcmp(e.field, "seq") == 0);
		buf_clear(&b);
		frame_add(&b, "sign", attrs, "{}", 2);
		f = parsed(&b);
		assert_int_equal(envelope_parse(&f, &env, &e), -1);
		buf_release(&b);
	}
}

static void test_volatile_kinds(void **state)
{
	static const char *const kinds[] = {"renew", "missing", "live", "presence", "notified"};

	for (size_t i = 0; i < N(kinds); i++)
		for (int64_t seq = 0; seq < 2; seq++) {
			static const uint8_t key[MAC_KEY_BYTES] = {9};
			struct envelope env = {
				.agent = AGENT, .stream = STREAM, .seq = seq, .prev = DIGEST_ZERO};
			struct err e = ERR_INIT;
			struct frame f;
			struct buf b;
			snprintf(env.kind, sizeof env.kind, "%s", kinds[i]);
			env.body = "";
			buf_init(&b, 4096);
			assert_int_equal(envelope_seq_fits(kinds[i], seq), seq == 0);
			assert_int_equal(envelope_add(&b, &env, key), 0);
			f = parsed(&b);
			assert_int_equal(envelope_parse(&f, &env, &e), seq ? -1 : 0);
			buf_release(&b);
		}
	for (int64_t seq = 0; seq < 2; seq++) {
		assert_int_equal(envelope_seq_fits("report", seq), seq == 1);
		assert_true(envelope_seq_fits("fork", seq)); /* early versions numbered it */
		assert_false(envelope_seq_fits("other", seq));
	}
}

static void test_form_of_a_record(void **state)
{
	static const char sig[2 * SIGNATURE_BYTES + 1] = DIGEST_ZERO DIGEST_ZERO;
	static const char *const good[] = {"type", "action", "id", AGENT, "issued", "1", "deadline",
		"2", "count", "1", "root", DIGEST_ZERO, "digest", DIGEST_ZERO, "sig", sig, NULL};
	static const struct {
		const char *name, *value;
		bool fine;
	} table[] = {
		{"type", "time", true},
		{"type", "Action", false},
		{"type", "", false},
		{"type", "abcdefghijklmnopq", false},
		{"id", "17", true},
		{"id", "", false},
		{"id", AGENT "a", false},
		{"id", "a.b", false},
		{"issued", "-1", false},
		{"deadline", "x", false},
		{"count", NULL, false},
		{"root", "00", false},
		{"digest", NULL, false},
		{"sig", DIGEST_ZERO, false},
		{"sig", NULL, false},
	};
	const char *attrs[20];

	for (size_t i = 0; i < N(table); i++) {
		struct signed_record r;
		struct err e = ERR_INIT;
		struct frame f;
		struct buf b;
		buf_init(&b, 4096);
		with(good, table[i].name, table[i].value, attrs);
		frame_add(&b, "sign", attrs, "", 0);
		f = parsed(&b);
		assert_int_equal(signed_parse(&f, &r, &e), table[i].fine ? 0 : -1);
		assert_true(table[i].fine || e.text[0]);
		buf_release(&b);
	}
}

/* SHA-256 of nothing and of "abc" (FIPS 180). */
static void test_digest(void **state)
{
	char hex[DIGEST_LEN + 1], one[STREAM_LEN + 1], two[STREAM_LEN + 1];

	digest_hex(NULL, 0, hex);
	assert_string_equal(
		hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	digest_hex("abc", 3, hex);
	assert_string_equal(
		hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	stream_new(one);
	stream_new(two);
	assert_int_equal(strspn(one, "0123456789abcdef"), STREAM_LEN);
	assert_string_not_equal(one, two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form_of_an_envelope),
		cmocka_unit_test(test_volatile_kinds),
		cmocka_unit_test(test_form_of_a_record),
		cmocka_unit_test(test_digest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
