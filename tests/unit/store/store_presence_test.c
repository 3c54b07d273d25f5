/* SPDX-License-Identifier: Apache-2.0 */
/* Presence: who may say what of whom, and since when. */
#include "kit.h"
#include "store/store_machine.h"
#include <string.h>

static struct machine machine(struct kit *k, int n)
{
	struct machine m;

	assert_int_equal(ok(k, machine_by_agent(k->db, kit_id(k, 'a', n), k->a, &m, &k->e)), 1);
	return m;
}

static void changes(void **state)
{
	static const struct {
		const char *state, *relay;
		int64_t since;
		bool moved, changed;
		const char *is, *at;
		int64_t is_since;
	} rows[] = {
		{"offline", "R", 5, false, false, "never", NULL, NOW}, /* it was never on R */
		{"online", "R", 10, true, true, "online", "R", 10},
		{"online", "R", 20, false, false, "online", "R", 10}, /* since the first time */
		{"late", "R", 30, false, true, "late", "R", 30},
		{"online", "S", 40, true, true, "online", "S", 40}, /* it went to another relay */
		{"offline", "R", 50, false, false, "online", "S",
			40}, /* which the first one takes for a loss */
		{"online", "", 60, true, false, "online", "",
			40}, /* and now it comes to us directly */
		{"offline", "", 70, false, true, "offline", "", 70},
	};
	struct kit *k = *state;

	kit_enrol(k, 1, "web", "lab");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct presence p = {.agent = kit_id(k, 'a', 1),
			.state = rows[i].state,
			.relay = rows[i].relay,
			.since_ms = rows[i].since,
			.seen_ms = rows[i].since};
		struct machine m;
		bool moved, changed;
		ok(k, presence_machine(k->db, &p, &moved, &changed, &k->e));
		m = machine(k, 1);
		if (moved != rows[i].moved || changed != rows[i].changed ||
			strcmp(m.state, rows[i].is) != 0 || m.state_since != rows[i].is_since)
			fail_msg("row %zu: moved %d, changed %d, %s since %lld", i, moved, changed,
				m.state, (long long)m.state_since);
		if (rows[i].at)
			assert_string_equal(m.relay, rows[i].at);
	}
}

static void how_it_is_reached(void **state)
{
	struct kit *k = *state;
	struct presence p = {.agent = kit_id(k, 'a', 1),
		.state = "online",
		.relay = "R",
		.mode = "held",
		.reason = "no answer to UDP"};
	bool moved, changed;

	kit_enrol(k, 1, "web", "lab");
	ok(k, presence_machine(k->db, &p, &moved, &changed, &k->e));
	p.mode = p.reason = NULL; /* nothing new about that */
	ok(k, presence_machine(k->db, &p, &moved, &changed, &k->e));
	assert_string_equal(machine(k, 1).channel, "held");
	assert_string_equal(machine(k, 1).channel_reason, "no answer to UDP");
	p.agent = "nobody";
	ok(k, presence_machine(k->db, &p, &moved, &changed, &k->e));
	assert_false(moved || changed);
}

static void relays(void **state)
{
	struct kit *k = *state;
	struct presence p = {.agent = kit_id(k, 'r', 1),
		.state = "online",
		.relay = "R",
		.since_ms = 9,
		.seen_ms = 10};
	struct relay r;
	bool changed;

	kit_relay(k, 1, "rack", "lab");
	ok(k, presence_relay(k->db, &p, &changed, &k->e));
	assert_true(changed);
	ok(k, presence_relay(k->db, &p, &changed, &k->e));
	assert_false(changed);
	ok(k, relay_facts(k->db, p.agent, NULL, "0.2", "spool", 5, 6, "disk full", &k->e));
	assert_int_equal(ok(k, relay_get(k->db, p.agent, k->a, &r, &k->e)), 1);
	assert_string_equal(r.state, "online");
	assert_string_equal(r.addresses, "[\"127.0.0.1:1\"]"); /* NULL: as before */
	assert_string_equal(r.notice, "disk full");
	assert_int_equal(r.spool_max_bytes, 6);
	p.state = "offline";
	p.relay = "S"; /* it was there before, which takes its going for a loss */
	ok(k, presence_relay(k->db, &p, &changed, &k->e));
	assert_false(changed);
	p.relay = "R";
	ok(k, presence_relay(k->db, &p, &changed, &k->e));
	assert_true(changed);
	p.agent = "nobody";
	ok(k, presence_relay(k->db, &p, &changed, &k->e));
	assert_false(changed);
	assert_int_equal(ok(k, relay_get(k->db, "nobody", k->a, &r, &k->e)), 0);
	/* A database that fails is not a relay that is unknown. */
	ok(k, db_exec(k->db, "DROP TABLE relays", &k->e));
	fails(k, presence_relay(k->db, &p, &changed, &k->e), ERR_INTERNAL);
}

/* A relay that cannot be reached takes everything below it along, and nothing else. */
static void cuts(void **state)
{
	static const char *const below[] = {"R", "S"};
	struct kit *k = *state;
	int64_t cut;

	for (int i = 1; i <= 5; i++)
		kit_enrol(k, i, "web", "lab");
	ok(k,
		db_exec(k->db,
			"UPDATE machines SET relay = 'R', state = 'online', seen = 5 WHERE agent "
			"LIKE '%1';"
			"UPDATE machines SET relay = 'S', state = 'late', seen = 5 WHERE agent "
			"LIKE '%2';"
			"UPDATE machines SET relay = 'S', state = 'offline', seen = 5, state_since "
			"= 5 WHERE agent LIKE '%3';"
			"UPDATE machines SET relay = 'T', state = 'online', seen = 5 WHERE agent "
			"LIKE '%4'",
			&k->e));
	ok(k, presence_cut(k->db, below, 2, NOW, "its relay cannot be reached", &cut, &k->e));
	assert_int_equal(cut, 2);
	assert_string_equal(machine(k, 1).state, "offline");
	assert_true(machine(k, 1).seen == NOW); /* until now it was */
	assert_int_equal(machine(k, 2).seen, 5);
	assert_string_equal(machine(k, 2).channel_reason, "its relay cannot be reached");
	assert_int_equal(machine(k, 3).state_since, 5);
	assert_string_equal(machine(k, 4).state, "online");
	assert_string_equal(machine(k, 5).state, "never");
	ok(k, presence_cut(k->db, below, 0, NOW, "", &cut, &k->e));
	assert_int_equal(cut, 0);
}

static void a_relay_that_forgot(void **state)
{
	struct kit *k = *state;
	int64_t cut;

	kit_enrol(k, 1, "came back", "lab");
	kit_enrol(k, 2, "did not", "lab");
	ok(k,
		db_exec(k->db,
			"UPDATE machines SET relay = 'R', state = 'online', seen = CASE name WHEN "
			"'did not' THEN 99 ELSE 100 END",
			&k->e));
	ok(k, presence_stale(k->db, "R", 100, NOW, &cut, &k->e));
	assert_int_equal(cut, 1);
	assert_string_equal(machine(k, 1).state, "online");
	assert_string_equal(machine(k, 2).state, "offline");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(changes), TEST(how_it_is_reached), TEST(relays),
		TEST(cuts), TEST(a_relay_that_forgot)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
