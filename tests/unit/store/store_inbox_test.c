/* SPDX-License-Identifier: Apache-2.0 */
/* The inbox: in order, with every byte, and always knowing how much waits. */
#include "kit.h"
#include "store/store_inbox.h"
#include <string.h>

static void put(struct kit *k, struct inbox_span *span, const char *agent, const char *body)
{
	struct noted v = {.agent = agent,
		.digest = "d",
		.taken = NOW,
		.body = {(const uint8_t *)body, strlen(body)}};

	ok(k, inbox_put(k->db, span, &v, &k->e));
}

static void waits(struct kit *k, int64_t bytes)
{
	struct inbox_span span = {-1, -1};

	ok(k, inbox_span(k->db, &span, &k->e));
	assert_int_equal(span.end - span.begin, bytes);
}

static void first_in_first_out(void **state)
{
	struct kit *k = *state;
	struct inbox_span span;
	struct noted v = {0};

	waits(k, 0);
	assert_int_equal(inbox_next(k->db, 0, k->a, &v, &k->e), 0);
	ok(k, inbox_span(k->db, &span, &k->e));
	put(k, &span, "a", "one");
	put(k, &span, "b", "three");
	put(k, &span, "a", "");
	waits(k, 4 + 6 + 1);
	assert_int_equal(inbox_next(k->db, 0, k->a, &v, &k->e), 1);
	assert_string_equal(v.agent, "a");
	assert_string_equal(v.digest, "d");
	assert_int_equal(v.taken, NOW);
	assert_int_equal(v.body.len, 3);
	assert_memory_equal(v.body.data, "one", 3);
	assert_int_equal(inbox_next(k->db, v.id, k->a, &v, &k->e), 1);
	assert_memory_equal(v.body.data, "three", 5);
	ok(k, inbox_drop(k->db, v.id, &k->e));
	waits(k, 1);
	assert_int_equal(inbox_next(k->db, 0, k->a, &v, &k->e), 1); /* the empty one */
	assert_int_equal(v.body.len, 0);
	put(k, &span, "c", "four");
	waits(k, 1 + 5);
	assert_int_equal(inbox_next(k->db, v.id, k->a, &v, &k->e), 1);
	assert_string_equal(v.agent, "c");
	ok(k, inbox_drop(k->db, v.id, &k->e));
	assert_int_equal(inbox_next(k->db, 0, k->a, &v, &k->e), 0);
	ok(k, inbox_span(k->db, &span, &k->e)); /* and it begins anew */
	put(k, &span, "d", "12345678");
	waits(k, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(first_in_first_out, kit_setup, kit_teardown)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
