/* SPDX-License-Identifier: Apache-2.0 */
/* Whole outputs: kept only where they were asked for, each chunk once, none outside its total. (Scopes: store_machine_test.c.) */
#include "kit.h"
#include <string.h>

static void add(
	struct kit *k, int action, int agent, int64_t offset, int64_t total, const char *data)
{
	struct attachment x = {.action = kit_id(k, 'c', action),
		.agent = kit_id(k, 'a', agent),
		.name = "stdout",
		.offset = offset,
		.total = total,
		.data = {data, strlen(data)}};

	ok(k, attachment_add(k->db, &x, &k->e));
}

static void chunks(void **state)
{
	struct action whole = {.attach = true};
	struct kit *k = *state;
	struct attachment x;

	kit_enrol(k, 1, "web", "lab");
	kit_action(k, 1, &whole);
	add(k, 1, 1, 0, 10, "hello");
	add(k, 1, 1, 5, 10, "world");
	add(k, 1, 1, 5, 10, "WORLD"); /* came before */
	assert_int_equal(ok(k,
				 attachment_get(k->db, kit_id(k, 'c', 1), kit_id(k, 'a', 1),
					 "stdout", 5, k->a, &x, &k->e)),
		1);
	assert_memory_equal(x.data.data, "world", 5);
	assert_int_equal(x.total, 10);
	assert_int_equal(ok(k,
				 attachment_get(k->db, kit_id(k, 'c', 1), kit_id(k, 'a', 1),
					 "stdout", 4, k->a, &x, &k->e)),
		0);
}

static void what_nobody_asked_for(void **state)
{
	struct action whole = {.attach = true};
	struct kit *k = *state;

	kit_enrol(k, 1, "web", "lab");
	kit_action(k, 1, &whole);
	kit_action(k, 2, NULL);
	add(k, 2, 1, 0, 5, "hello"); /* an action without */
	add(k, 1, 2, 0, 5, "hello"); /* no target of it */
	add(k, 3, 1, 0, 5, "hello"); /* no action */
	add(k, 1, 1, -1, 5, "hello");
	add(k, 1, 1, 1, 5, "hello"); /* beyond its end */
	add(k, 1, 1, INT64_MAX, 5, "hello");
	add(k, 1, 1, 0, ATTACHMENT_MAX + 1, "hello");
	add(k, 1, 1, 0, INT64_MIN, "hello");
	add(k, 1, 1, 0, 5, "");
	assert_int_equal(kit_number(k, "SELECT COUNT(*) FROM attachments"), 0);
	add(k, 1, 1, ATTACHMENT_MAX - 5, ATTACHMENT_MAX, "hello");
	assert_int_equal(kit_number(k, "SELECT COUNT(*) FROM attachments"), 1);
}

static void words(void **state)
{
	assert_true(result_state("waiting"));
	assert_true(result_state("timed_out"));
	assert_false(result_state("timed out"));
	assert_false(result_state(""));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(chunks), TEST(what_nobody_asked_for), cmocka_unit_test(words)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
