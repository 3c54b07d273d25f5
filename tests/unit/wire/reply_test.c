/* SPDX-License-Identifier: Apache-2.0 */
/* The server's answers to an agent: whatever a relay changes in one, or makes up, or takes from another, it is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/id.h"
#include "wire/reply.h"
#include <string.h>

#define AGENT "01aaaaaaaaaaaaaaaaaaaaaaaa"
#define OTHER "01bbbbbbbbbbbbbbbbbbbbbbbb"
#define STREAM "0123456789abcdef"

static const uint8_t key[MAC_KEY_BYTES] = {1, 2, 3}, other_key[MAC_KEY_BYTES] = {1, 2, 4};

/* Whether the answer is believed, with these attributes; NULL leaves one out. */
static bool believed(
	const char *kind, const char *agent, const char *stream, const char *seq, const char *mac)
{
	const char *attrs[16] = {"agent", agent, "route", ""};
	struct err e = ERR_INIT;
	struct frame f;
	struct buf b;
	size_t n = 4, pos = 0;
	bool yes;

	if (stream) {
		attrs[n++] = "stream";
		attrs[n++] = stream;
	}
	if (seq) {
		attrs[n++] = "seq";
		attrs[n++] = seq;
	}
	if (mac) {
		attrs[n++] = "mac";
		attrs[n++] = mac;
	}
	buf_init(&b, 4096);
	assert_int_equal(frame_add(&b, kind, attrs, "", 0), 0);
	assert_int_equal(frame_next(b.data, b.len, &pos, &f, &e), 1);
	yes = reply_check(&f, key);
	buf_release(&b);
	return yes;
}

static void test_only_as_it_was_made(void **state)
{
	struct reply r = {"committed", AGENT, STREAM, 9};
	char mac[DIGEST_LEN + 1], wrong[DIGEST_LEN + 1];

	reply_mac(&r, key, mac);
	assert_true(believed("committed", AGENT, STREAM, "9", mac));
	assert_false(believed("resend", AGENT, STREAM, "9", mac));
	assert_false(believed("committed", OTHER, STREAM, "9", mac));
	assert_false(believed("committed", AGENT, "0123456789abcdee", "9", mac));
	assert_false(believed("committed", AGENT, STREAM, "10", mac));
	assert_false(believed("committed", AGENT, NULL, "9", mac));
	assert_false(believed("committed", AGENT, STREAM, NULL, mac));
	assert_false(believed("committed", AGENT, STREAM, "9", NULL));
	assert_false(believed("committed", AGENT, STREAM, "9", ""));
	assert_false(believed("committed", AGENT, STREAM, "9", "00"));
	for (size_t i = 0; i < DIGEST_LEN; i++) {
		memcpy(wrong, mac, sizeof wrong);
		wrong[i] = wrong[i] == '0' ? '1' : '0';
		assert_false(believed("committed", AGENT, STREAM, "9", wrong));
	}
	reply_mac(&r, other_key, wrong);
	assert_false(believed("committed", AGENT, STREAM, "9", wrong));
}

static void test_about_no_stream(void **state)
{
	struct reply r = {"full", AGENT, "", 0};
	char mac[DIGEST_LEN + 1];

	reply_mac(&r, key, mac);
	assert_true(believed("full", AGENT, NULL, NULL, mac));
	assert_false(believed("full", AGENT, STREAM, NULL, mac));
	assert_false(believed("committed", AGENT, NULL, NULL, mac));
}

/* What an agent said under the same key does not come back as an answer to it. */
static void test_an_envelope_is_no_answer(void **state)
{
	struct envelope env = {.kind = "report",
		.agent = AGENT,
		.stream = STREAM,
		.seq = 1,
		.prev = DIGEST_ZERO,
		.body = "",
		.len = 0};
	struct err e = ERR_INIT;
	struct frame f;
	struct buf b;
	size_t pos = 0;

	buf_init(&b, 4096);
	assert_int_equal(envelope_add(&b, &env, key), 0);
	assert_int_equal(frame_next(b.data, b.len, &pos, &f, &e), 1);
	assert_false(reply_check(&f, key));
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_as_it_was_made),
		cmocka_unit_test(test_about_no_stream),
		cmocka_unit_test(test_an_envelope_is_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
