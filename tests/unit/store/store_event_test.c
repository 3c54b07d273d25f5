/* SPDX-License-Identifier: Apache-2.0 */
/* Events: numbers that rise for ever, filters, and who may see which. */
#include "kit.h"
#include "store/store_event.h"
#include <string.h>

static void put(
	struct kit *k, const char *kind, const char *site, const char *machine, const char *action)
{
	struct event_row v = {.time = NOW,
		.kind = kind,
		.site = site,
		.machine = machine,
		.action = action,
		.text = "so it is"};

	ok(k, event_put(k->db, &v, &k->e));
}

static size_t list(struct kit *k, const struct event_filter *f, const struct scope *scope,
	struct event_row **out)
{
	size_t n;

	ok(k, event_list(k->db, f, scope, k->a, out, &n, &k->e));
	return n;
}

static void filters(void **state)
{
	static const struct scope all = {.all = true};
	struct kit *k = *state;
	struct event_row *x;

	put(k, "machine.online", "lab", "m1", NULL);
	put(k, "machine.offline", "lab", "m2", NULL);
	put(k, "machinery", "lab", NULL, NULL);
	put(k, "action.ended", NULL, NULL, "c1");
	assert_int_equal(list(k, &(struct event_filter){.limit = 10}, &all, &x), 4);
	assert_string_equal(x[0].severity, "info");
	assert_true(x[0].id < x[1].id);
	assert_int_equal(
		list(k, &(struct event_filter){.limit = 10, .kind = "machine.*"}, &all, &x), 2);
	assert_int_equal(
		list(k, &(struct event_filter){.limit = 10, .kind = "machine"}, &all, &x), 0);
	assert_int_equal(
		list(k, &(struct event_filter){.limit = 10, .machine = "m2"}, &all, &x), 1);
	assert_int_equal(list(k, &(struct event_filter){.limit = 10, .action = "c1"}, &all, &x), 1);
	assert_int_equal(list(k, &(struct event_filter){.limit = 2}, &all, &x), 2);
	assert_string_equal(x[1].kind, "machine.offline");
	assert_int_equal(
		list(k, &(struct event_filter){.limit = 10, .after = x[1].id}, &all, &x), 2);
	assert_int_equal(list(k, &(struct event_filter){.limit = 2, .newest = true}, &all, &x), 2);
	assert_string_equal(x[1].kind, "action.ended"); /* still in rising order */
	assert_true(x[0].id < x[1].id);
}

/* One's own sites, and actions that have a target there; nothing of the installation as a whole. */
static void scopes(void **state)
{
	static const char *const lab_sites[] = {"lab"}, *const both_sites[] = {"lab", "annex"};
	static const struct scope lab = {.sites = lab_sites, .n = 1},
				  both = {.sites = both_sites, .n = 2}, none = {0};
	struct kit *k = *state;
	struct event_filter f = {.limit = 100};
	struct event_row *x;

	kit_enrol(k, 1, "web1", "lab");
	kit_action(k, 1, NULL); /* has a target in lab */
	put(k, "a", "lab", "m1", NULL);
	put(k, "b", "annex", "m2", NULL);
	put(k, "c", NULL, NULL, NULL);
	put(k, "d", NULL, NULL, kit_id(k, 'c', 1));
	put(k, "e", NULL, NULL, kit_id(k, 'c', 2));
	assert_int_equal(list(k, &f, &lab, &x), 2);
	assert_string_equal(x[0].kind, "a");
	assert_string_equal(x[1].kind, "d");
	assert_int_equal(list(k, &f, &both, &x), 3);
	assert_int_equal(list(k, &f, &none, &x), 0);
	f.machine = "m2"; /* asking for it by name does not help */
	assert_int_equal(list(k, &f, &lab, &x), 0);
}

static void pruning(void **state)
{
	static const struct scope all = {.all = true};
	struct kit *k = *state;
	struct event_row *x;
	int64_t last, after;

	ok(k, event_last(k->db, &last, &k->e));
	assert_int_equal(last, 0);
	for (int i = 0; i < 5; i++)
		put(k, "a", NULL, NULL, NULL);
	ok(k, event_last(k->db, &last, &k->e));
	ok(k, event_prune(k->db, NOW, &k->e));
	assert_int_equal(kit_number(k, "SELECT COUNT(*) FROM events"), 5);
	ok(k, event_prune(k->db, NOW + 1, &k->e));
	assert_int_equal(list(k, &(struct event_filter){.limit = 9}, &all, &x), 1);
	put(k, "a", NULL, NULL, NULL);
	ok(k, event_last(k->db, &after, &k->e));
	assert_true(after == last + 1); /* or those who resume after `last` would miss it */
	ok(k,
		db_exec(k->db,
			"UPDATE events SET id = id + 1000000 WHERE id = (SELECT MAX(id) FROM "
			"events)",
			&k->e));
	ok(k, event_prune(k->db, 0, &k->e)); /* by number */
	assert_int_equal(kit_number(k, "SELECT COUNT(*) FROM events"), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(filters), TEST(scopes), TEST(pruning)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
