/* SPDX-License-Identifier: Apache-2.0 */
/* The spool: numbers, caps, what is sent, kept, freed, and what a restart finds. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/file.h"
#include "wire/spool.h"
#include <sys/stat.h>
#include <unistd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGENT "01aaaaaaaaaaaaaaaaaaaaaaaa"
#define OTHER "01bbbbbbbbbbbbbbbbbbbbbbbb"

static char dir[64];

static int make_dir(void **state)
{
	snprintf(dir, sizeof dir, "/tmp/him-spool.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	return file_remove_tree(dir, NULL);
}

static struct spool *open_spool(int64_t max_bytes, int max_files)
{
	struct spool_conf c = {.dir = dir,
		.agent = AGENT,
		.key = {1},
		.max_bytes = max_bytes,
		.max_files = max_files};
	struct err e = ERR_INIT;
	struct spool *s = spool_open(&c, &e);

	assert_non_null(s);
	return s;
}

static int add(struct spool *s, const char *body, int64_t *seq)
{
	struct err e = ERR_INIT;
	int rc = spool_add(s, "result", body, strlen(body), seq, &e);

	if (rc < 0)
		assert_int_equal(e.code, ERR_NO_SPACE);
	return rc;
}

/* Collects what waits; the bodies of it, one after the other. */
static int64_t collect(struct spool *s, char *bodies, size_t size)
{
	struct err e = ERR_INIT;
	struct envelope env;
	struct frame f;
	struct buf b;
	size_t pos = 0;
	int64_t ticket;

	buf_init(&b, 1 << 20);
	ticket = spool_collect(s, &b, &e);
	bodies[0] = '\0';
	while (frame_next(b.data, b.len, &pos, &f, &e) > 0) {
		assert_int_equal(envelope_parse(&f, &env, &e), 0);
		assert_true(envelope_check(&env, (const uint8_t[MAC_KEY_BYTES]){1}));
		snprintf(bodies + strlen(bodies), size - strlen(bodies), "%.*s", (int)env.len,
			env.body);
	}
	assert_int_equal(pos, b.len); /* nothing but whole ones */
	buf_release(&b);
	return ticket;
}

static void test_from_made_to_committed(void **state)
{
	struct spool *s = open_spool(1 << 20, 100);
	char bodies[64];
	int64_t seq, t;

	assert_false(spool_waiting(s));
	assert_int_equal(add(s, "a", &seq), 0);
	assert_int_equal(seq, 1);
	assert_int_equal(add(s, "b", &seq), 0);
	assert_int_equal(seq, 2);
	t = collect(s, bodies, sizeof bodies);
	assert_true(t > 0);
	assert_string_equal(bodies, "ab");
	assert_int_equal(collect(s, bodies, sizeof bodies), 0); /* it is on its way */
	spool_lost(s, t);
	t = collect(s, bodies, sizeof bodies);
	assert_string_equal(bodies, "ab");
	spool_accepted(s, t);
	spool_lost(s, t); /* accepted is not lost */
	assert_int_equal(collect(s, bodies, sizeof bodies), 0);
	assert_int_equal(spool_resend(s, spool_stream(s), 2), 1); /* nothing is missing */
	t = collect(s, bodies, sizeof bodies);
	assert_string_equal(bodies, "b");
	assert_int_equal(spool_committed(s, "ffffffffffffffff", 9), 0); /* another stream's */
	assert_true(spool_holds(s, spool_stream(s), 1));
	assert_int_equal(spool_committed(s, spool_stream(s), 1), 0);
	assert_false(spool_holds(s, spool_stream(s), 1));
	assert_int_equal(spool_resend(s, spool_stream(s), 1), 1);     /* 1 is gone, 2 is there */
	assert_int_equal(spool_committed(s, spool_stream(s), 3), -1); /* more than was ever sent */
	assert_int_equal(spool_committed(s, spool_stream(s), 2), 0);
	assert_false(spool_waiting(s));
	assert_int_equal(spool_bytes(s), 0);
	assert_int_equal(spool_resend(s, spool_stream(s), 1), 2);    /* all that there ever was */
	assert_int_equal(spool_resend(s, spool_stream(s), 3), 2);    /* nothing was made beyond */
	assert_int_equal(spool_resend(s, "ffffffffffffffff", 5), 4); /* unknown: nothing to say */
	spool_close(s);
}

static void test_caps_refuse_and_change_nothing(void **state)
{
	struct spool *s = open_spool(1 << 20, 2);
	char bodies[64];
	int64_t seq = 0, bytes;

	add(s, "a", NULL);
	add(s, "b", NULL);
	bytes = spool_bytes(s);
	assert_int_equal(add(s, "c", &seq), -1);
	assert_int_equal(seq, 0);
	assert_int_equal(spool_bytes(s), bytes);
	collect(s, bodies, sizeof bodies);
	assert_string_equal(bodies, "ab");
	spool_close(s);
}

static void test_bytes_are_capped_too(void **state)
{
	static char big[5000];
	struct spool *s = open_spool(4096, 100);
	int64_t seq = 0, bytes;

	memset(big, 'x', sizeof big - 1);
	assert_int_equal(add(s, big, NULL), -1);
	assert_int_equal(spool_bytes(s), 0);
	assert_false(spool_waiting(s));
	while (add(s, "a", &seq) == 0)
		;
	bytes = spool_bytes(s);
	assert_true(bytes > 0 && bytes <= 4096);
	assert_int_equal(spool_committed(s, spool_stream(s), 1), 0);
	assert_int_equal(add(s, "b", &bytes), 0); /* there is room again, and no number was lost */
	assert_int_equal(bytes, seq + 1);
	spool_close(s);
}

/* The digests form a chain over streams and over a restart, even when all was committed. */
static void test_prev_is_the_body_before(void **state)
{
	char want[DIGEST_LEN + 1] = DIGEST_ZERO;
	struct spool *s = open_spool(1 << 20, 100);

	for (int i = 0; i < 3; i++) {
		char body[8];
		struct err e = ERR_INIT;
		struct envelope env;
		struct frame f;
		struct buf b;
		size_t pos = 0;
		snprintf(body, sizeof body, "b%d", i);
		add(s, body, NULL);
		buf_init(&b, 1 << 20);
		assert_true(spool_collect(s, &b, &e) > 0);
		assert_int_equal(frame_next(b.data, b.len, &pos, &f, &e), 1);
		assert_int_equal(envelope_parse(&f, &env, &e), 0);
		assert_string_equal(env.prev, want);
		digest_hex(body, strlen(body), want);
		assert_int_equal(spool_committed(s, spool_stream(s), env.seq), 0);
		buf_release(&b);
		spool_close(s);
		s = open_spool(1 << 20, 100);
	}
	spool_close(s);
}

/* Damaged or gone while it waits: what was collected before it is whole, and nothing of it travels. */
static void test_nothing_half_is_collected(void **state)
{
	static const char *const damage[] = {"", "damaged", "HIM1 up len=0\n\nand more", NULL};

	for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
		struct spool *s = open_spool(1 << 20, 100);
		char path[128], bodies[64];
		add(s, "a", NULL);
		add(s, "b", NULL);
		snprintf(path, sizeof path, "%s/%020d", dir, 2);
		if (damage[i])
			file_write(path, damage[i], strlen(damage[i]), 0600, NULL);
		else
			file_remove(path, NULL);
		assert_true(collect(s, bodies, sizeof bodies) > 0);
		assert_string_equal(bodies, "a");
		spool_close(s);
		file_remove_tree(dir, NULL);
	}
}

static void test_volatile_is_not_kept(void **state)
{
	struct spool *s = open_spool(1 << 20, 100);
	struct err e = ERR_INIT;
	struct envelope env;
	struct frame f;
	struct buf b;
	size_t pos = 0;

	buf_init(&b, 4096);
	assert_int_equal(spool_volatile(s, "live", "x", 1, &b), 0);
	assert_int_equal(frame_next(b.data, b.len, &pos, &f, &e), 1);
	assert_int_equal(envelope_parse(&f, &env, &e), 0);
	assert_int_equal(env.seq, 0);
	assert_true(envelope_check(&env, (const uint8_t[MAC_KEY_BYTES]){1}));
	assert_false(spool_waiting(s));
	buf_release(&b);
	spool_close(s);
}

static void test_a_restart_keeps_what_was_not_committed(void **state)
{
	struct spool *s = open_spool(1 << 20, 100);
	char stream[STREAM_LEN + 1], bodies[64];
	int64_t seq;

	memcpy(stream, spool_stream(s), sizeof stream);
	add(s, "a", NULL);
	add(s, "b", NULL);
	spool_committed(s, stream, 1);
	spool_close(s);
	s = open_spool(1 << 20, 100);
	assert_string_not_equal(spool_stream(s), stream);
	assert_true(spool_holds(s, stream, 2));
	add(s, "c", &seq);
	assert_int_equal(seq, 1); /* of the new stream */
	collect(s, bodies, sizeof bodies);
	assert_string_equal(bodies, "bc");
	spool_close(s);
}

/* A file that is damaged or gone: the others go on in a stream without a hole. */
static void test_a_restart_with_a_hole(void **state)
{
	for (int i = 0; i < 4; i++) {
		struct spool *s = open_spool(1 << 20, 100);
		char bodies[64], path[128], bad[136];
		int64_t seq;
		add(s, "a", NULL);
		add(s, "b", NULL);
		add(s, "c", NULL);
		spool_close(s);
		snprintf(path, sizeof path, "%s/%020d", dir, i < 2 ? 2 : 1);
		snprintf(bad, sizeof bad, "%s.bad", path);
		if (i == 1)
			file_remove(path, NULL);
		else
			file_write(path, "damaged", 7, 0600, NULL);
		s = open_spool(1 << 20, 100);
		assert_int_equal(file_exists(bad), i != 1); /* set aside */
		assert_true(spool_holds(s, spool_stream(s), 2));
		add(s, "d", &seq);
		assert_int_equal(seq, 3);
		collect(s, bodies, sizeof bodies);
		assert_string_equal(bodies, i < 2 ? "acd" : "bcd");
		spool_close(s);
		file_remove_tree(dir, NULL);
	}
}

static void test_a_new_stream_and_a_new_identity(void **state)
{
	static const uint8_t key[MAC_KEY_BYTES] = {2};
	struct spool *s = open_spool(1 << 20, 100);
	char old[STREAM_LEN + 1];
	struct err e = ERR_INIT;
	struct envelope env;
	struct frame f;
	struct buf b;
	size_t pos = 0;

	add(s, "a", NULL);
	add(s, "b", NULL);
	memcpy(old, spool_stream(s), sizeof old);
	assert_int_equal(spool_restart(s, &e), 0);
	assert_string_not_equal(spool_stream(s), old);
	assert_true(spool_holds(s, spool_stream(s), 2));
	assert_int_equal(spool_adopt(s, OTHER, key, &e), 0);
	buf_init(&b, 1 << 20);
	assert_true(spool_collect(s, &b, &e) > 0);
	for (int64_t seq = 1; seq <= 2; seq++) {
		assert_int_equal(frame_next(b.data, b.len, &pos, &f, &e), 1);
		assert_int_equal(envelope_parse(&f, &env, &e), 0);
		assert_string_equal(env.agent, OTHER);
		assert_int_equal(env.seq, seq);
		assert_true(envelope_check(&env, key));
	}
	buf_release(&b);
	spool_close(s);
}

static ino_t inode_of(int number)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof path, "%s/%020d", dir, number);
	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

/* The file that left becomes the next, with nothing of what stood in it; whatever is the matter with it, another is made. */
static void test_a_file_is_used_again(void **state)
{
	struct spool *s = open_spool(1 << 20, 100);
	char bodies[64], spare[128];
	ino_t first;

	snprintf(spare, sizeof spare, "%s/spare", dir);
	add(s, "a long one, of which nothing may be left", NULL);
	first = inode_of(1);
	assert_int_equal(spool_committed(s, spool_stream(s), 1), 0);
	assert_true(file_exists(spare));
	spool_close(s);
	s = open_spool(1 << 20, 100); /* known after a restart too, and no envelope */
	assert_false(spool_waiting(s));
	add(s, "b", NULL);
	add(s, "c", NULL);
	assert_int_equal(inode_of(1), first);
	assert_false(file_exists(spare));
	spool_close(s);
	s = open_spool(1 << 20, 100);
	collect(s, bodies, sizeof bodies);
	assert_string_equal(bodies, "bc");
	spool_close(s);
	file_remove_tree(dir, NULL);

	s = open_spool(1 << 20, 100);
	add(s, "a", NULL);
	assert_int_equal(spool_committed(s, spool_stream(s), 1), 0);
	file_remove(spare, NULL);
	assert_int_equal(symlink("/etc/passwd", spare), 0);
	add(s, "d", NULL);
	collect(s, bodies, sizeof bodies);
	assert_string_equal(bodies, "d");
	spool_close(s);
}

/* One that was accepted and is not committed is asked for again, the oldest; what is on its way is left alone. */
static void test_the_oldest_is_asked_again(void **state)
{
	struct spool *s = open_spool(1 << 20, 100);
	char bodies[64];
	int64_t ticket;

	assert_false(spool_ask(s));
	add(s, "a", NULL);
	assert_false(spool_ask(s)); /* not sent */
	ticket = collect(s, bodies, sizeof bodies);
	assert_false(spool_ask(s)); /* not accepted */
	spool_accepted(s, ticket);
	add(s, "b", NULL);
	spool_accepted(s, collect(s, bodies, sizeof bodies));
	assert_string_equal(bodies, "b");
	assert_true(spool_ask(s));
	ticket = collect(s, bodies, sizeof bodies);
	assert_string_equal(bodies, "a");
	spool_accepted(s, ticket);
	assert_int_equal(spool_committed(s, spool_stream(s), 1), 0);
	assert_true(spool_ask(s));
	collect(s, bodies, sizeof bodies);
	assert_string_equal(bodies, "b");
	spool_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_from_made_to_committed, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(
			test_caps_refuse_and_change_nothing, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_bytes_are_capped_too, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_prev_is_the_body_before, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(
			test_nothing_half_is_collected, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_volatile_is_not_kept, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_a_file_is_used_again, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(
			test_the_oldest_is_asked_again, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(
			test_a_restart_keeps_what_was_not_committed, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_a_restart_with_a_hole, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(
			test_a_new_stream_and_a_new_identity, make_dir, remove_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
