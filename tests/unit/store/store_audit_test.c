/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: every way of changing what was written shows, at the first entry that does not fit. */
#include "kit.h"
#include "store/store_people.h"
#include <string.h>

#define ENTRIES 6

static void write_log(struct kit *k)
{
	for (int i = 1; i <= ENTRIES; i++) {
		struct audit_entry x = {.who = "kim",
			.from = i == 2 ? NULL : "192.0.2.1",
			.what = "action.run",
			.object = arena_printf(k->a, "object %d", i),
			.detail = i % 2 ? "{\"a\":1}" : NULL,
			.now_ms = NOW + i};
		ok(k, audit_add(k->db, &x, &k->e));
	}
}

static int64_t broken(struct kit *k)
{
	int64_t at;

	ok(k, audit_verify(k->db, &at, &k->e));
	return at;
}

static void an_untouched_one_holds(void **state)
{
	struct kit *k = *state;

	assert_int_equal(broken(k), 0);
	write_log(k);
	assert_int_equal(broken(k), 0);
	assert_int_equal(kit_number(k, "SELECT MAX(id) - MIN(id) + 1 FROM audits"), ENTRIES);
}

static void changes_show(void **state)
{
	static const struct {
		const char *sql;
		int64_t at;
	} rows[] = {
		{"UPDATE audits SET who = 'lee' WHERE id = 3", 3},
		{"UPDATE audits SET time = time + 1 WHERE id = 1", 1},
		{"UPDATE audits SET what = 'action.cancel' WHERE id = 6", 6},
		{"UPDATE audits SET object = NULL WHERE id = 4", 4},
		{"UPDATE audits SET from_ = '' WHERE id = 2", 2}, /* null is not empty */
		{"UPDATE audits SET detail = '{\"a\":2}' WHERE id = 5", 5},
		{"UPDATE audits SET who = 'ki', from_ = 'm192.0.2.1' WHERE id = 3",
			3}, /* the border moved */
		{"UPDATE audits SET hash = (SELECT hash FROM audits WHERE id = 2) WHERE id = 3", 3},
		{"UPDATE audits SET hash = NULL WHERE id = 3", 3},
		{"DELETE FROM audits WHERE id = 1", 2}, {"DELETE FROM audits WHERE id = 4", 5},
		{"UPDATE audits SET id = 100 WHERE id = 3; UPDATE audits SET id = 3 WHERE id = 4;"
		 "UPDATE audits SET id = 4 WHERE id = 100",
			3}, /* two changed places */
	};
	struct kit *k = *state;

	write_log(k);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ok(k, db_begin(k->db, &k->e));
		ok(k, db_exec(k->db, rows[i].sql, &k->e));
		if (broken(k) != rows[i].at)
			fail_msg("%s: broken at %lld", rows[i].sql, (long long)broken(k));
		db_rollback(k->db);
		assert_int_equal(broken(k), 0);
	}
}

static void newest_first(void **state)
{
	struct kit *k = *state;
	struct audit *list;
	size_t n;

	write_log(k);
	ok(k, audit_list(k->db, 0, 4, k->a, &list, &n, &k->e));
	assert_int_equal(n, 4);
	assert_int_equal(list[0].id, ENTRIES);
	ok(k, audit_list(k->db, list[3].id, 4, k->a, &list, &n, &k->e));
	assert_int_equal(n, 2);
	assert_string_equal(list[1].object, "object 1");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_untouched_one_holds), TEST(changes_show), TEST(newest_first)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
