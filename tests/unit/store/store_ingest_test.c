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
	bool insist;
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
		ok(k, ingest_advance(k->db, &v, NOW, rows[i].insist, &verdict, &committed, &k->e));
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
	SAY("a", {S1, 1, "d1", NULL, false, INGEST_TAKE, 1},
		{S1, 2, "d2", "d1", false, INGEST_TAKE, 2},
		{S1, 2, "d2", "d1", false, INGEST_DUPLICATE, 2}, /* the answer was lost */
		{S1, 1, "d1", NULL, false, INGEST_DUPLICATE, 2},
		{S1, 4, "d4", "d3", false, INGEST_GAP, 2},
		{S1, 3, "d3", "d2", false, INGEST_TAKE, 3},
		{S1, 4, "d4", "d3", false, INGEST_TAKE, 4});
	SAY("b", {S1, 1, "x", NULL, false, INGEST_TAKE, 1}); /* another agent's is another stream */
}

static void what_does_not_exist_any_more(void **state)
{
	SAY("a", {S1, 1, "d1", NULL, false, INGEST_TAKE, 1},
		{S1, 5, "d5", "d4", false, INGEST_GAP, 1},
		{S1, 5, "d5", "d4", true, INGEST_TAKE, 5},
		{S1, 6, "d6", "d5", false, INGEST_TAKE, 6});
}

/* Streams follow one another; the first heard of a stream need not be its first when it follows what is committed. */
static void restarts(void **state)
{
	SAY("a", {S1, 1, "d1", NULL, false, INGEST_TAKE, 1},
		{S2, 1, "e1", "d1", false, INGEST_TAKE, 1},
		{S1, 1, "d1", NULL, false, INGEST_DUPLICATE, 1}, /* late, and nothing new */
		{S2, 2, "e2", "e1", false, INGEST_TAKE, 2},
		{S3, 7, "f7", "f6", false, INGEST_GAP, 0},
		{S3, 7, "f7", "e2", false, INGEST_TAKE, 7},
		{S3, 8, "f8", "f7", false, INGEST_TAKE, 8});
}

static void copies(void **state)
{
	SAY("same number, other bytes", {S1, 1, "d1", NULL, false, INGEST_TAKE, 1},
		{S1, 1, "other", NULL, false, INGEST_CLONE, 1},
		{S1, 2, "d2", "d1", false, INGEST_TAKE, 2});
	SAY("the old one speaks again", {S1, 1, "d1", NULL, false, INGEST_TAKE, 1},
		{S2, 1, "e1", "d1", false, INGEST_TAKE, 1},
		{S1, 2, "d2", "d1", false, INGEST_CLONE, 1},
		{S1, 2, "d2", "d1", true, INGEST_CLONE, 1}, /* insisting makes it no better */
		{S2, 2, "e2", "e1", false, INGEST_TAKE, 2});
}

/* A month after its end a stream is forgotten, so that the table does not grow with every restart. */
static void old_streams_go(void **state)
{
	struct kit *k = *state;

	SAY("a", {S1, 1, "d1", NULL, false, INGEST_TAKE, 1},
		{S2, 1, "e1", "d1", false, INGEST_TAKE, 1});
	struct ingest_envelope v = {
		.agent = "a", .stream = S3, .seq = 1, .digest = "f1", .prev = "e1"};
	enum ingest_verdict verdict;
	int64_t committed;
	ok(k, ingest_advance(k->db, &v, NOW + 31 * 86400000LL, false, &verdict, &committed, &k->e));
	assert_int_equal(verdict, INGEST_TAKE);
	assert_int_equal(kit_number(k, "SELECT COUNT(*) FROM streams"), 2);
	assert_int_equal(kit_number(k, "SELECT COUNT(*) FROM streams WHERE ended = 0"), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(in_order), TEST(what_does_not_exist_any_more),
		TEST(restarts), TEST(copies), TEST(old_streams_go)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
