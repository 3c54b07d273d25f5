/* SPDX-License-Identifier: Apache-2.0 */
/* Links as intervals, what counts as a move, machines that take over another's history; components by look-ups. */
#include "kit.h"
#include "store/store_link.h"
#include "store/store_sighting.h"
#include "store/store_tree.h"
#include <string.h>

static void runs(struct kit *k, int guest, int host, int64_t from, int64_t until, bool certain)
{
	struct link x = {.guest = kit_id(k, 'm', guest),
		.host = kit_id(k, 'm', host),
		.began = from,
		.certain = certain};

	ok(k, link_begin(k->db, &x, &k->e));
	if (until)
		ok(k, link_end(k->db, kit_number(k, "SELECT MAX(id) FROM links"), until, &k->e));
}

static const char *came_from(struct kit *k, int guest, int host)
{
	char *from = arena_alloc(k->a, 64);

	ok(k, link_came_from(k->db, kit_id(k, 'm', guest), kit_id(k, 'm', host), from, &k->e));
	return from;
}

static void a_move_is_told_once(void **state)
{
	struct kit *k = *state;
	struct move v = {.time = NOW,
		.machine = kit_id(k, 'm', 9),
		.from_host = kit_id(k, 'm', 1),
		.to_host = kit_id(k, 'm', 2)};

	assert_string_equal(came_from(k, 9, 2), "");
	runs(k, 9, 3, NOW - 90, NOW - 80, false); /* it may have been there: no move */
	assert_string_equal(came_from(k, 9, 2), "");
	runs(k, 9, 1, NOW - 80, NOW, true);
	assert_string_equal(came_from(k, 9, 1), "");
	assert_string_equal(came_from(k, 9, 2), kit_id(k, 'm', 1));
	ok(k, move_put(k->db, &v, &k->e));
	/* The link to 2 was in doubt for a while, and is certain again. */
	assert_string_equal(came_from(k, 9, 2), "");
	assert_string_equal(came_from(k, 9, 3), kit_id(k, 'm', 1));
}

static void where_it_was_then(void **state)
{
	static const struct {
		int64_t at;
		int host; /* 0: nowhere */
	} cases[] = {
		{NOW - 1, 0}, {NOW, 1}, {NOW + 99, 1}, {NOW + 100, 2}, {NOW + 5000, 2}, {0, 2}};
	struct kit *k = *state;
	struct link *up, *all, *down;
	size_t n, m, d;

	runs(k, 9, 1, NOW, NOW + 100, true);
	runs(k, 9, 2, NOW + 100, 0, true);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ok(k,
			tree_links(k->db, kit_id(k, 'm', 9), TREE_UP, cases[i].at, 10, k->a, &up,
				&n, &k->e));
		ok(k, tree_all_links(k->db, cases[i].at, 10, k->a, &all, &m, &k->e));
		assert_int_equal(n, cases[i].host > 0);
		assert_int_equal(m, n);
		if (!n)
			continue;
		assert_string_equal(up[0].host, kit_id(k, 'm', cases[i].host));
		assert_string_equal(all[0].host, up[0].host);
		ok(k,
			tree_links(k->db, up[0].host, TREE_DOWN, cases[i].at, 10, k->a, &down, &d,
				&k->e));
		assert_int_equal(d, 1);
	}
	fails(k, tree_all_links(k->db, 0, 0, k->a, &all, &m, &k->e), ERR_TOO_LARGE);
}

static void one_takes_over_what_is_known_of_another(void **state)
{
	struct kit *k = *state;

	kit_enrol(k, 1, "host", "lab");
	kit_enrol(k, 2, "guest", "lab");
	ok(k, machine_listed(k->db, kit_id(k, 'm', 3), "listed", "lab", NOW, &k->e));
	runs(k, 3, 1, NOW, 0, true);
	runs(k, 2, 1, NOW + 5, 0, true);   /* both are open: one stays */
	runs(k, 3, 2, NOW, NOW + 1, true); /* it never ran on itself */
	ok(k, machine_absorb(k->db, kit_id(k, 'm', 2), kit_id(k, 'm', 3), false, &k->e));
	assert_int_equal(kit_number(k, "SELECT COUNT(*) FROM machines"), 2);
	assert_int_equal(kit_number(k, "SELECT COUNT(*) FROM links"), 1);
	assert_int_equal(kit_number(k, "SELECT COUNT(*) FROM machines WHERE name = 'guest'"), 1);
	ok(k, machine_absorb(k->db, kit_id(k, 'm', 2), kit_id(k, 'm', 1), true, &k->e));
	assert_int_equal(
		kit_number(k,
			"SELECT COUNT(*) FROM machines WHERE name = 'guest' AND agent LIKE 'a%1'"),
		1);
	assert_int_equal(kit_number(k, "SELECT COUNT(*) FROM links"), 0);
}

/* A sighting of agent n with one key. */
static void says(struct kit *k, int n, const char *key)
{
	struct sighting s = {.source = kit_id(k, 'a', n),
		.ref = "",
		.anchor = arena_printf(k->a, "%s ", kit_id(k, 'a', n)),
		.vcpus = MODEL_ABSENT,
		.memory_bytes = MODEL_ABSENT,
		.changed = NOW};
	struct sighting_key x = {.kind = "mac", .scope = "", .value = key, .connects = key};

	ok(k, sighting_put(k->db, &s, &x, 1, &k->e));
}

static void a_component_is_what_hangs_together(void **state)
{
	struct kit *k = *state;
	struct sighting_name seed = {kit_id(k, 'a', 1), ""};
	struct component c;

	for (int i = 1; i <= 6; i++)
		kit_enrol(k, i, "x", "lab");
	says(k, 1, "one");
	says(k, 2, "one");
	says(k, 3, "two");
	ok(k, component_load(k->db, &seed, 1, 4, k->a, &c, &k->e));
	assert_int_equal(c.n, 2);
	/* A person says that 2 and 3 are one. */
	struct decision d = {.id = "d1",
		.kind = "merge",
		.one = arena_printf(k->a, "%s ", kit_id(k, 'a', 3)),
		.other = arena_printf(k->a, "%s ", kit_id(k, 'a', 2)),
		.made = NOW};
	ok(k, decision_put(k->db, &d, &k->e));
	ok(k, component_load(k->db, &seed, 1, 4, k->a, &c, &k->e));
	assert_int_equal(c.n, 3);
	assert_int_equal(c.n_words, 1);
	ok(k, decision_undo(k->db, "d1", "kim", NOW, &k->e));
	fails(k, decision_undo(k->db, "d1", "kim", NOW, &k->e), ERR_CONFLICT);
	ok(k, component_load(k->db, &seed, 1, 4, k->a, &c, &k->e));
	assert_int_equal(c.n, 2);
	/* A key that more than four share leads nowhere, and says so. */
	for (int i = 4; i <= 6; i++)
		says(k, i, "one");
	ok(k, component_load(k->db, &seed, 1, 4, k->a, &c, &k->e));
	assert_int_equal(c.n, 1);
	assert_true(c.seen[0].keys[0].crowded);
}

/* However many there are, what a component costs is found by an index. */
static void nothing_is_read_because_it_exists(void **state)
{
	static const char *const looks[] = {
		"SELECT 1 FROM sighting_keys WHERE connects = 'x'",
		"SELECT 1 FROM sightings WHERE machine = 'x'",
		"SELECT 1 FROM sightings WHERE anchor = 'x'",
		"SELECT 1 FROM sightings WHERE again > 0 AND again <= 5",
		"SELECT 1 FROM decisions WHERE (one = 'x' OR other = 'x') AND undone = 0",
		"SELECT 1 FROM links WHERE guest = 'x' AND until = 0",
		"SELECT 1 FROM links WHERE host = 'x' AND until = 0",
		"SELECT 1 FROM links WHERE until > 5 AND began <= 5",
		"SELECT 1 FROM moves WHERE machine = 'x'",
	};
	struct kit *k = *state;

	for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
		struct stmt *s = db_prepare_once(
			k->db, arena_printf(k->a, "EXPLAIN QUERY PLAN %s", looks[i]), &k->e);
		while (ok(k, db_step(s, &k->e)) > 0)
			if (strncmp(col_text(s, 3), "SCAN", 4) == 0)
				fail_msg("%s: %s", looks[i], col_text(s, 3));
		db_done(s);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_move_is_told_once),
		TEST(where_it_was_then),
		TEST(one_takes_over_what_is_known_of_another),
		TEST(a_component_is_what_hangs_together),
		TEST(nothing_is_read_because_it_exists),
	};

	return cmocka_run_group_tests_name("store_link", tests, NULL, NULL);
}
