/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One frame of each kind as it stood on the line when it was agreed, under tests/data/golden/wire. What installations out
 * there send must be read for ever: a change that makes this test red is a change of the protocol. The same frames are made
 * anew from fixed keys and must come out byte for byte. `golden_test DIR` writes the files of kinds that are new.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/file.h"
#include "wire/reply.h"
#include "wire/sign.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGENT "01aaaaaaaaaaaaaaaaaaaaaaaa"
#define ACTION "01bbbbbbbbbbbbbbbbbbbbbbbb"
#define RELAY "01cccccccccccccccccccccccc"
#define STREAM "0123456789abcdef"
#define PAIR(...) ((const char *const[]){__VA_ARGS__, NULL})

static const uint8_t mac_key[MAC_KEY_BYTES] = {1, 2, 3, 4}, seed[SIGN_KEY_BYTES] = {5, 6, 7, 8};
static const char ids[2][ID_SIZE] = {AGENT, ACTION};

static void make_up(const char *kind, int64_t seq, const char *body, struct buf *out)
{
	struct envelope env = {.agent = AGENT,
		.stream = STREAM,
		.seq = seq,
		.prev = DIGEST_ZERO,
		.body = body,
		.len = strlen(body)};

	snprintf(env.kind, sizeof env.kind, "%s", kind);
	assert_int_equal(envelope_add(out, &env, mac_key), 0);
}

static void make_sign(const char *type, const char *id, const char *body, struct buf *out)
{
	struct signed_record r = {.issued = 1700000000000,
		.deadline = 1700000600000,
		.root = DIGEST_ZERO,
		.body = body,
		.len = strlen(body)};
	struct merkle *m;

	snprintf(r.type, sizeof r.type, "%s", type);
	snprintf(r.id, sizeof r.id, "%s", id);
	if (strcmp(type, "action") == 0) {
		m = merkle_new(ids, 2);
		merkle_root(m, r.root);
		merkle_free(m);
		r.count = 2;
	}
	assert_int_equal(signed_add(out, &r, seed), 0);
}

static void make_give(struct buf *out)
{
	uint8_t path[MERKLE_DEPTH_MAX * MERKLE_STEP];
	struct merkle *m = merkle_new(ids, 2);
	size_t steps = merkle_path(m, 0, path);

	merkle_free(m);
	assert_int_equal(
		frame_add(out, "give",
			PAIR("agent", AGENT, "route", RELAY, "record", ACTION, "index", "0"), path,
			steps * MERKLE_STEP),
		0);
}

static const struct {
	const char *name, *kind, *detail, *body;
} plain[] = {
	{"report", "up", "1", "{\"base\":\"\",\"made\":1700000000000,\"doc\":{}}"},
	{"result", "up", "2", "{\"action\":\"" ACTION "\",\"state\":\"done\",\"exit\":0}"},
	{"attach", "up", "3",
		"{\"action\":\"" ACTION
		"\",\"name\":\"stdout\",\"offset\":0,\"total\":1,\"data\":\"eA==\"}"},
	{"fork", "up", "4", "{\"csr\":\"\",\"box\":\"\"}"}, /* as it was once */
	{"fork-asked", "up", "0", "{\"csr\":\"\",\"box\":\"\"}"},
	{"renew", "up", "0", "{\"csr\":\"\"}"},
	{"missing", "up", "0", "{\"stream\":\"" STREAM "\",\"upto\":4}"},
	{"live", "up", "0", "{\"action\":\"" ACTION "\",\"state\":\"running\",\"started\":1}"},
	{"presence", "up", "0", "{\"children\":[]}"},
	{"notified", "up", "0", "{\"told\":[]}"},
	{"action", "sign", ACTION, "{\"command\":[\"id\",\"-u\"]}"},
	{"cancel", "sign", RELAY, ACTION},
	{"revoked", "sign", "7", AGENT "\n"},
	{"relays", "sign", "8", "{\"relays\":[],\"servers\":[]}"},
	{"fork-order", "sign", RELAY, "{\"agent\":\"" AGENT "\",\"stream\":\"" STREAM "\"}"},
	{"time", "sign", "time", ""},
	{"give", "give", "", ""},
	{"committed", "committed", "9", ""},
	{"resend", "resend", "10", ""},
	{"full", "full", NULL, ""},
	{"cert", "cert", NULL, "-----BEGIN CERTIFICATE-----\n"},
	{"hello", "hello", NULL, "{\"stream\":\"" STREAM "\",\"ack\":0,\"hold_ms\":0}"},
	{"answer", "answer", NULL, "{\"now\":1700000000000,\"cursor\":1,\"more\":false}"},
};
#define PLAIN_N (sizeof plain / sizeof *plain)

static const char *type_of(size_t i)
{
	return strncmp(plain[i].name, "fork", 4) == 0 ? "fork" : plain[i].name;
}

/* committed and resend are about a stream, full is about none. */
static void make_reply(const char *kind, const char *seq, struct buf *out)
{
	struct reply r = {kind, AGENT, seq ? STREAM : "", seq ? atoi(seq) : 0};
	char mac[DIGEST_LEN + 1];

	reply_mac(&r, mac_key, mac);
	if (seq)
		frame_add(out, kind,
			PAIR("agent", AGENT, "route", "", "stream", STREAM, "seq", seq, "mac", mac),
			"", 0);
	else
		frame_add(out, kind, PAIR("agent", AGENT, "route", RELAY "," ACTION, "mac", mac),
			"", 0);
}

static void make(size_t i, struct buf *out)
{
	const char *kind = plain[i].kind, *detail = plain[i].detail, *body = plain[i].body;
	const char *type = type_of(i);

	if (strcmp(kind, "up") == 0)
		make_up(type, *detail - '0', body, out);
	else if (strcmp(kind, "sign") == 0)
		make_sign(type, detail, body, out);
	else if (strcmp(kind, "give") == 0)
		make_give(out);
	else if (detail || strcmp(kind, "full") == 0)
		make_reply(kind, detail, out);
	else if (strcmp(kind, "hello") == 0 || strcmp(kind, "answer") == 0)
		frame_add(out, kind, PAIR(NULL), body, strlen(body));
	else
		frame_add(out, kind, PAIR("agent", AGENT, "route", RELAY "," ACTION), body,
			strlen(body));
}

/* What the receiver of such a frame makes of it. */
static void understood(size_t i, const struct frame *f)
{
	uint8_t pub[SIGN_KEY_BYTES];
	struct signed_record r;
	struct envelope env;
	struct err e = ERR_INIT;
	int64_t seq;

	assert_true(frame_is(f, plain[i].kind));
	if (frame_is(f, "up")) {
		assert_int_equal(envelope_parse(f, &env, &e), 0);
		assert_true(envelope_check(&env, mac_key));
		assert_string_equal(env.kind, type_of(i));
		assert_int_equal(env.seq, *plain[i].detail - '0');
	} else if (frame_is(f, "sign")) {
		assert_int_equal(sign_public(seed, pub), 0);
		assert_int_equal(signed_parse(f, &r, &e), 0);
		assert_true(signed_check(&r, pub));
		assert_string_equal(r.id, plain[i].detail);
	} else if (frame_is(f, "give")) {
		struct buf action;
		struct frame of;
		size_t pos = 0;
		buf_init(&action, FRAMES_MAX);
		assert_int_equal(file_read(TEST_DATA "/golden/wire/action.frame", &action, &e), 0);
		assert_int_equal(frame_next(action.data, action.len, &pos, &of, &e), 1);
		assert_int_equal(signed_parse(&of, &r, &e), 0);
		assert_int_equal(frame_int(f, "index", &seq), 0);
		assert_true(merkle_check(AGENT, (uint64_t)seq, (uint64_t)r.count,
			(const uint8_t *)f->body, f->body_len, r.root));
		buf_release(&action);
		return;
	} else if (plain[i].detail || frame_is(f, "full")) {
		assert_int_equal(frame_int(f, "seq", &seq), plain[i].detail ? 0 : -1);
		assert_true(reply_check(f, mac_key));
	}
	assert_int_equal(f->body_len, strlen(plain[i].body));
	assert_memory_equal(f->body, plain[i].body, f->body_len);
}

static void test_golden(void **state)
{
	for (size_t i = 0; i < PLAIN_N; i++) {
		struct err e = ERR_INIT;
		struct frame f;
		struct buf golden, made;
		char path[512];
		size_t pos = 0;
		buf_init(&golden, FRAMES_MAX);
		buf_init(&made, FRAMES_MAX);
		snprintf(path, sizeof path, TEST_DATA "/golden/wire/%s.frame", plain[i].name);
		assert_int_equal(file_read(path, &golden, &e), 0);
		assert_int_equal(frame_next(golden.data, golden.len, &pos, &f, &e), 1);
		assert_int_equal(pos, golden.len);
		understood(i, &f);
		make(i, &made);
		assert_int_equal(made.len, golden.len);
		assert_memory_equal(made.data, golden.data, golden.len);
		buf_release(&golden);
		buf_release(&made);
	}
}

static int write_new(const char *dir)
{
	for (size_t i = 0; i < PLAIN_N; i++) {
		char path[512];
		struct buf b;
		buf_init(&b, FRAMES_MAX);
		make(i, &b);
		snprintf(path, sizeof path, "%s/%s.frame", dir, plain[i].name);
		if (!file_exists(path))
			file_write(path, b.data, b.len, 0644, NULL);
		buf_release(&b);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
	};

	return argc == 2 ? write_new(argv[1]) : cmocka_run_group_tests(tests, NULL, NULL);
}
