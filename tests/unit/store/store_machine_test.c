/* SPDX-License-Identifier: Apache-2.0 */
/* Machines: pages that neither lose nor repeat a row, names that fit several, counts; and no list that leaves its scope. */
#include "kit.h"
#include "store/store_machine.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MACHINES 23

static const struct scope everywhere = {.all = true};

/* Names and numbers that repeat, or are not known. */
static void fill(struct kit *k)
{
	for (int i = 1; i <= MACHINES; i++)
		kit_enrol(k, i, i % 5 ? arena_printf(k->a, "m%d", i % 4) : NULL,
			i % 2 ? "lab" : "annex");
	ok(k,
		db_exec(k->db,
			"UPDATE machines SET memory = LENGTH(COALESCE(name, '')) * 1000 WHERE id > "
			"'m0000000000000000000000009';"
			"UPDATE machines SET host_arch = 'amd64' WHERE site = 'lab';"
			"UPDATE machines SET state = 'online', seen = 5 WHERE name = 'm2'",
			&k->e));
}

static const char *value_of(struct kit *k, const struct machine *m, const struct model_field *f)
{
	const void *at = model_at(m, f);

	if (f->type == MODEL_TEXT)
		return *(const char *const *)at ? *(const char *const *)at : "";
	if (strcmp(f->name, "seen") == 0 && strcmp(m->state, "online") == 0)
		return arena_printf(k->a, "%lld", (long long)MACHINE_SEEN_NOW);
	return arena_printf(k->a, "%lld",
		*(const int64_t *)at == MODEL_ABSENT ? 0LL : (long long)*(const int64_t *)at);
}

/* Every row once, in the order of the one great page. */
static void walk(struct kit *k, const char *field, bool descending, int limit)
{
	struct machine_page p = {.where = "1 = 1",
		.sort = field ? model_field(&model_records[MODEL_machine], field) : NULL,
		.descending = descending,
		.limit = 1000};
	const struct model_field *f =
		p.sort ? p.sort : model_field(&model_records[MODEL_machine], "name");
	struct machine *whole, *page;
	size_t n, got, at = 0;

	ok(k, machine_list(k->db, &p, NOW, k->a, &whole, &n, &k->e));
	assert_int_equal(n, MACHINES);
	p.limit = limit;
	do {
		ok(k, machine_list(k->db, &p, NOW, k->a, &page, &got, &k->e));
		for (size_t i = 0; i < got; i++, at++)
			if (at >= n || strcmp(page[i].id, whole[at].id) != 0)
				fail_msg("by %s%s, pages of %d: row %zu is %s", f->name,
					descending ? " down" : "", limit, at, page[i].id);
		if (got) {
			p.after_id = page[got - 1].id;
			p.after_value = value_of(k, &page[got - 1], f);
		}
	} while (got == (size_t)limit);
	assert_int_equal(at, n);
}

static void pages(void **state)
{
	static const char *const fields[] = {
		NULL, "name", "host.memory", "seen", "host.arch", "created", "him.site"};
	struct kit *k = *state;

	fill(k);
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		for (int limit = 1; limit <= MACHINES + 1; limit += 5) {
			walk(k, fields[i], false, limit);
			walk(k, fields[i], true, limit);
		}
}

static void seen_is_now_while_online(void **state)
{
	struct kit *k = *state;
	struct machine m;

	kit_enrol(k, 1, "web1", "lab");
	ok(k, db_exec(k->db, "UPDATE machines SET seen = 5, state = 'late'", &k->e));
	ok(k, machine_find(k->db, "web1", &everywhere, NOW, k->a, &m, &k->e));
	assert_int_equal(m.seen, 5);
	ok(k, db_exec(k->db, "UPDATE machines SET state = 'online'", &k->e));
	ok(k, machine_find(k->db, "web1", &everywhere, NOW, k->a, &m, &k->e));
	assert_true(m.seen == NOW);
	assert_int_equal(
		kit_number(k, "SELECT seen FROM machines"), 5); /* and nothing is written for it */
}

static void names_and_ids(void **state)
{
	static const char *const lab_sites[] = {"lab"};
	static const struct scope lab = {.sites = lab_sites, .n = 1};
	struct kit *k = *state;
	struct machine m;

	kit_enrol(k, 1, "web", "lab");
	kit_enrol(k, 2, "web", "annex");
	kit_enrol(k, 30, "db", "annex");
	assert_int_equal(machine_find(k->db, "web", &everywhere, NOW, k->a, &m, &k->e), -1);
	assert_non_null(strstr(k->e.text, kit_id(k, 'm', 1)));
	assert_non_null(strstr(k->e.text, kit_id(k, 'm', 2)));
	fails(k, -1, ERR_AMBIGUOUS);
	ok(k, machine_find(k->db, "web", &lab, NOW, k->a, &m, &k->e)); /* there it is one */
	assert_string_equal(m.id, kit_id(k, 'm', 1));
	ok(k, machine_find(k->db, kit_id(k, 'm', 2), &everywhere, NOW, k->a, &m, &k->e));
	ok(k,
		machine_find(k->db, kit_id(k, 'a', 2), &everywhere, NOW, k->a, &m,
			&k->e)); /* its agent's */
	assert_string_equal(m.id, kit_id(k, 'm', 2));
	ok(k, machine_find(k->db, "m000000000000000000000003", &everywhere, NOW, k->a, &m, &k->e));
	assert_string_equal(m.name, "db");
	fails(k, machine_find(k->db, "m0000000", &everywhere, NOW, k->a, &m, &k->e), ERR_AMBIGUOUS);
	fails(k, machine_find(k->db, "m0000", &everywhere, NOW, k->a, &m, &k->e),
		ERR_NOT_FOUND); /* too short */
	fails(k, machine_find(k->db, "db", &lab, NOW, k->a, &m, &k->e), ERR_NOT_FOUND);
	fails(k, machine_find(k->db, kit_id(k, 'm', 30), &lab, NOW, k->a, &m, &k->e),
		ERR_NOT_FOUND);
	fails(k, machine_find(k->db, "", &everywhere, NOW, k->a, &m, &k->e), ERR_NOT_FOUND);
	ok(k, machine_rename(k->db, kit_id(k, 'm', 30), "store", &k->e));
	ok(k, machine_find(k->db, "store", &everywhere, NOW, k->a, &m, &k->e));
}

static void counts(void **state)
{
	struct param lab = {.text = "lab"};
	struct kit *k = *state;
	struct facet *f;
	int64_t n;
	size_t got;

	fill(k);
	ok(k, machine_count(k->db, "m.site = ?1", &lab, 1, &n, &k->e));
	assert_int_equal(n, 12);
	ok(k,
		machine_facets(k->db, "1 = 1", NULL, 0,
			model_field(&model_records[MODEL_machine], "host.arch"), 10, k->a, &f, &got,
			&k->e));
	assert_int_equal(got, 2);
	assert_string_equal(f[0].value, "amd64");
	assert_int_equal(f[0].count, 12);
	assert_null(f[1].value);
	ok(k,
		machine_facets(k->db, "m.site = ?1", &lab, 1,
			model_field(&model_records[MODEL_machine], "him.site"), 10, k->a, &f, &got,
			&k->e));
	assert_int_equal(got, 1);
	assert_int_equal(f[0].count, 12);
}

static void forgetting(void **state)
{
	struct kit *k = *state;

	kit_enrol(k, 1, "web", "lab");
	kit_enrol(k, 2, "db", "lab");
	kit_action(k, 1, NULL);
	ok(k,
		db_exec(k->db,
			"INSERT INTO sections (agent, section, body) SELECT agent, 'disk', '{}' "
			"FROM machines;"
			"INSERT INTO addresses (machine, kind, value) SELECT id, 'ip', '192.0.2.1' "
			"FROM machines;"
			"INSERT INTO streams (agent, stream) SELECT agent, '1' FROM machines",
			&k->e));
	ok(k, db_exec(k->db, "UPDATE machines SET state = 'online' WHERE name = 'web'", &k->e));
	fails(k, machine_forget(k->db, "web", NOW, &k->e), ERR_CONFLICT);
	ok(k, db_exec(k->db, "UPDATE machines SET state = 'late' WHERE name = 'web'", &k->e));
	fails(k, machine_forget(k->db, "web", NOW, &k->e), ERR_CONFLICT);
	ok(k, db_exec(k->db, "UPDATE machines SET state = 'offline' WHERE name = 'web'", &k->e));
	ok(k, machine_forget(k->db, "web", NOW, &k->e));
	assert_int_equal(kit_number(k, "SELECT COUNT(*) FROM machines"), 1);
	assert_int_equal(kit_number(k, "SELECT COUNT(*) FROM sections"), 1);
	assert_int_equal(kit_number(k, "SELECT COUNT(*) FROM addresses"), 1);
	assert_int_equal(kit_number(k, "SELECT COUNT(*) FROM streams"), 1);
	assert_int_equal(
		kit_number(k, "SELECT COUNT(*) FROM results"), 2); /* what it did stays known */
	fails(k, machine_forget(k->db, "web", NOW, &k->e), ERR_NOT_FOUND);
}

/* ---- scopes: each list under each scope, against what is there ---- */

static void relays_in(struct kit *k, const struct scope *s, size_t relays, int64_t children)
{
	struct relay *list;
	size_t n;

	ok(k, relay_list(k->db, s, k->a, &list, &n, &k->e));
	assert_int_equal(n, relays);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(list[i].children, children);
}

static void results_in(struct kit *k, const struct scope *s, size_t targets)
{
	const char *action = kit_id(k, 'c', 1);
	struct action_counts c;
	struct result *list, one;
	size_t n;

	ok(k, result_list(k->db, action, NULL, NULL, 100, s, k->a, &list, &n, &k->e));
	assert_int_equal(n, targets);
	ok(k, result_list(k->db, action, "done", NULL, 100, s, k->a, &list, &n, &k->e));
	assert_int_equal(n, 0);
	ok(k, action_counts(k->db, action, s, k->a, &c, &k->e));
	assert_int_equal(c.targets, targets);
	assert_int_equal(c.waiting, targets);
	assert_int_equal(ok(k, result_get(k->db, action, kit_id(k, 'm', 1), s, k->a, &one, &k->e)),
		targets == 2 || targets == 3);
}

static void actions_in(struct kit *k, const struct scope *s, size_t actions)
{
	struct action *list;
	size_t n;

	ok(k, action_list(k->db, NULL, NULL, 100, s, k->a, &list, &n, &k->e));
	assert_int_equal(n, actions);
	ok(k, action_list(k->db, NULL, "ended", 100, s, k->a, &list, &n, &k->e));
	assert_int_equal(n, 0);
}

static void scopes(void **state)
{
	static const char *const sites[] = {"lab", "annex", "x' OR '1'='1"};
	static const struct {
		struct scope scope;
		size_t relays, targets, actions;
		int64_t children;
	} rows[] = {
		{{.all = true}, 2, 3, 2, 3},
		{{.sites = sites, .n = 1}, 1, 2, 2, 2},
		{{.sites = sites + 1, .n = 1}, 1, 1, 1, 1},
		{{.sites = sites, .n = 2}, 2, 3, 2, 3},
		{{.sites = sites + 2, .n = 1}, 0, 0, 0, 0},
		{{.n = 0}, 0, 0, 0, 0},
	};
	struct kit *k = *state;

	kit_enrol(k, 1, "one", "lab");
	kit_enrol(k, 2, "two", "lab");
	kit_action(k, 2, NULL); /* in lab only */
	kit_enrol(k, 3, "three", "annex");
	kit_action(k, 1, NULL); /* in both */
	kit_relay(k, 1, "r1", "lab");
	kit_relay(k, 2, "r2", "annex");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		/* Every machine hangs on the one relay, then on the other: what is counted is the scope's. */
		ok(k,
			db_exec(k->db, "UPDATE machines SET relay = 'r0000000000000000000000001'",
				&k->e));
		if (rows[i].relays == 1 && rows[i].scope.sites == sites)
			relays_in(k, &rows[i].scope, 1, rows[i].children);
		ok(k,
			db_exec(k->db, "UPDATE machines SET relay = 'r0000000000000000000000002'",
				&k->e));
		if (rows[i].relays == 1 && rows[i].scope.sites == sites + 1)
			relays_in(k, &rows[i].scope, 1, rows[i].children);
		ok(k, db_exec(k->db, "UPDATE machines SET relay = NULL", &k->e));
		relays_in(k, &rows[i].scope, rows[i].relays, 0);
		results_in(k, &rows[i].scope, rows[i].targets);
		actions_in(k, &rows[i].scope, rows[i].actions);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(pages), TEST(seen_is_now_while_online),
		TEST(names_and_ids), TEST(counts), TEST(forgetting), TEST(scopes)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
