/* SPDX-License-Identifier: Apache-2.0 */
/* Streams: what is taken, what was there, what is missing, and what betrays a copy. */
#include "kit.h"
#include "store/store_ingest.h"
#include <string.h>

#define S1 "1111111111111111"
#define S2 "2222222222222222"
#define S3 "3333333333333333"

static const char *const words[] = {"take", "duplicate", "gap", "clone"};

struct said {
	const char *stream;
	int64_t seq;
	const char *digest, *prev;
	enum ingest_verdict verdict;
	int64_t committed;
};

static void say(struct kit *k, const char *agent, const struct said *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct ingest_envelope v = {.agent = agent,
			.stream = rows[i].stream,
			.seq = rows[i].seq,
			.digest = rows[i].digest,
			.prev = rows[i].prev ? rows[i].prev : "none"};
		enum ingest_verdict verdict;
		int64_t committed;
		ok(k, ingest_advance(k->db, &v, NOW, &verdict, &committed, &k->e));
		if (verdict != rows[i].verdict || committed != rows[i].committed)
			fail_msg("row %zu: %s up to %lld, expected %s up to %lld", i,
				words[verdict], (long long)committed, words[rows[i].verdict],
				(long long)rows[i].committed);
	}
}
#define SAY(agent, ...)                                                                            \
	do {                                                                                       \
		const struct said rows[] = {__VA_ARGS__};                                          \
		say(*state, agent, rows, sizeof rows / sizeof *rows);                              \
	} while (0)

static void in_order(void **state)
{
	SAY("a", {S1, 1, "d1", NULL, INGEST_TAKE, 1}, {S1, 2, "d2", "d1", INGEST_TAKE, 2},
		{S1, 2, "d2", "d1", INGEST_DUPLICATE, 2}, /* the answer was lost */
		{S1, 1, "d1", NULL, INGEST_DUPLICATE, 2}, {S1, 4, "d4", "d3", INGEST_GAP, 2},
		{S1, 3, "d3", "d2", INGEST_TAKE, 3}, {S1, 4, "d4", "d3", INGEST_TAKE, 4});
	SAY("b", {S1, 1, "x", NULL, INGEST_TAKE, 1}); /* another agent's is another stream */
}

/* Frames that were on their way when one was lost come one after the other: however often, what is missing is waited for. */
static void a_gap_stays_a_gap(void **state)
{
	SAY("a", {S1, 1, "d1", NULL, INGEST_TAKE, 1}, {S1, 3, "d3", "d2", INGEST_GAP, 1},
		{S1, 4, "d4", "d3", INGEST_GAP, 1}, {S1, 3, "d3", "d2", INGEST_GAP, 1},
		{S1, 2, "d2", "d1", INGEST_TAKE, 2}, {S1, 3, "d3", "d2", INGEST_TAKE, 3});
	SAY("b", {S2, 3, "e3", "e2", INGEST_GAP, 0}, {S2, 3, "e3", "e2", INGEST_GAP, 0},
		{S2, 1, "e1", NULL, INGEST_TAKE, 1});
}

static void gone(struct kit *k, const char *agent, const char *stream, int64_t upto)
{
	struct ingest_envelope v = {.agent = agent, .stream = stream, .seq = upto};

	ok(k, ingest_skip(k->db, &v, NOW, &k->e));
}

/* Only its agent can say that something does not exist any more. */
static void what_does_not_exist_any_more(void **state)
{
	SAY("a", {S1, 1, "d1", NULL, INGEST_TAKE, 1}, {S1, 5, "d5", "d4", INGEST_GAP, 1});
	gone(*state, "a", S1, 3);
	SAY("a", {S1, 5, "d5", "d4", INGEST_GAP, 3});
	gone(*state, "a", S1, 4);
	gone(*state, "a", S1, 2);                          /* late: no step back */
	SAY("a", {S1, 4, "d4", "d3", INGEST_DUPLICATE, 4}, /* and no clone: no body stands for it */
		{S1, 5, "d5", "d4", INGEST_TAKE, 5}, {S1, 6, "d6", "d5", INGEST_TAKE, 6});
	gone(*state, "a", S2, 8); /* a stream that begins after what is lost ends the one before */
	SAY("a", {S2, 9, "e9", "e8", INGEST_TAKE, 9}, {S1, 7, "d7", "d6", INGEST_CLONE, 6});
	gone(*state, "a", S1, 7);
	SAY("a", {S1, 7, "d7", "d6", INGEST_CLONE, 6});
}

/* Streams follow one another; the first heard of a stream need not be its first when it follows what is committed. */
static void restarts(void **state)
{
	SAY("a", {S1, 1, "d1", NULL, INGEST_TAKE, 1}, {S2, 1, "e1", "d1", INGEST_TAKE, 1},
		{S1, 1, "d1", NULL, INGEST_DUPLICATE, 1}, /* late, and nothing new */
		{S2, 2, "e2", "e1", INGEST_TAKE, 2}, {S3, 7, "f7", "f6", INGEST_GAP, 0},
		{S3, 7, "f7", "e2", INGEST_TAKE, 7}, {S3, 8, "f8", "f7", INGEST_TAKE, 8});
}

static void copies(void **state)
{
	SAY("same number, other bytes", {S1, 1, "d1", NULL, INGEST_TAKE, 1},
		{S1, 1, "other", NULL, INGEST_CLONE, 1}, {S1, 2, "d2", "d1", INGEST_TAKE, 2});
	SAY("the old one speaks again", {S1, 1, "d1", NULL, INGEST_TAKE, 1},
		{S2, 1, "e1", "d1", INGEST_TAKE, 1}, {S1, 2, "d2", "d1", INGEST_CLONE, 1},
		{S2, 2, "e2", "e1", INGEST_TAKE, 2});
}

static bool has_ended(struct kit *k, const char *stream)
{
	bool ended = true;

	ok(k, ingest_ended(k->db, "a", stream, &ended, &k->e));
	return ended;
}

/* Only the instance of a stream that has ended can be a copy. */
static void which_have_ended(void **state)
{
	SAY("a", {S1, 1, "d1", NULL, INGEST_TAKE, 1}, {S2, 1, "e1", "d1", INGEST_TAKE, 1});
	assert_true(has_ended(*state, S1));
	assert_false(has_ended(*state, S2));
	assert_false(has_ended(*state, S3)); /* never heard of */
}

/* A month after its end a stream is forgotten, so that the table does not grow with every restart. */
static void old_streams_go(void **state)
{
	struct kit *k = *state;

	SAY("a", {S1, 1, "d1", NULL, INGEST_TAKE, 1}, {S2, 1, "e1", "d1", INGEST_TAKE, 1});
	struct ingest_envelope v = {
		.agent = "a", .stream = S3, .seq = 1, .digest = "f1", .prev = "e1"};
	enum ingest_verdict verdict;
	int64_t committed;
	ok(k, ingest_advance(k->db, &v, NOW + 31 * 86400000LL, &verdict, &committed, &k->e));
	assert_int_equal(verdict, INGEST_TAKE);
	assert_int_equal(kit_number(k, "SELECT COUNT(*) FROM streams"), 2);
	assert_int_equal(kit_number(k, "SELECT COUNT(*) FROM streams WHERE ended = 0"), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(in_order), TEST(a_gap_stays_a_gap),
		TEST(what_does_not_exist_any_more), TEST(restarts), TEST(copies),
		TEST(which_have_ended), TEST(old_streams_go)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
