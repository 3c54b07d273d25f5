/* SPDX-License-Identifier: Apache-2.0 */
/* Actions: results only move forward, counters are exact whatever comes in whatever order, a real outcome beats an assumed one. */
#include "kit.h"
#include "store/store_event.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const states[] = {"waiting", "notified", "fetched", "running", "done", "failed",
	"timed_out", "refused", "expired", "cancelled"};
#define OPEN 4

static int rank(const char *state)
{
	for (int i = 0; i < 10; i++)
		if (strcmp(states[i], state) == 0)
			return i;
	fail_msg("state %s", state);
	return -1;
}

static struct action action(struct kit *k, int n)
{
	struct action x;

	assert_int_equal(ok(k, action_get(k->db, kit_id(k, 'c', n), k->a, &x, &k->e)), 1);
	return x;
}

static struct result result(struct kit *k, int n, int agent)
{
	struct scope all = {.all = true};
	struct result r;

	assert_int_equal(ok(k,
				 result_get(k->db, kit_id(k, 'c', n), kit_id(k, 'a', agent), &all,
					 k->a, &r, &k->e)),
		1);
	return r;
}

/* The counters against the rows. */
static void exact(struct kit *k, int n)
{
	struct action x = action(k, n);
	const int64_t counters[] = {x.waiting, x.notified, x.fetched, x.running, x.done, x.failed,
		x.timed_out, x.refused, x.expired, x.cancelled};
	int64_t open = 0, sum = 0;

	for (int i = 0; i < 10; i++) {
		int64_t rows = kit_number(k,
			arena_printf(k->a,
				"SELECT COUNT(*) FROM results WHERE action = '%s' AND state = '%s'",
				x.id, states[i]));
		if (rows != counters[i])
			fail_msg("%s: the counter says %lld, there are %lld", states[i],
				(long long)counters[i], (long long)rows);
		sum += rows;
		open += i < OPEN ? rows : 0;
	}
	assert_int_equal(sum, x.targets);
	assert_string_equal(x.state, open ? "open" : "ended");
	assert_true((x.ended != 0) == (open == 0));
}

static int final(struct kit *k, int n, int agent, const char *state, const char *reason)
{
	struct result r = {.action = kit_id(k, 'c', n),
		.agent = kit_id(k, 'a', agent),
		.state = state,
		.reason = reason,
		.exit_code = MODEL_ABSENT,
		.updated = NOW + 5};
	bool ended;

	return (int)ok(k, action_final(k->db, &r, &ended, &k->e));
}

static int progress(struct kit *k, int n, int agent, const char *state)
{
	return (int)ok(k,
		action_progress(
			k->db, kit_id(k, 'c', n), kit_id(k, 'a', agent), state, 0, NOW, &k->e));
}

static void machines(struct kit *k, int n)
{
	for (int i = 1; i <= n; i++)
		kit_enrol(k, i, arena_printf(k->a, "m%d", i), i % 2 ? "odd" : "even");
}

static void a_life(void **state)
{
	struct kit *k = *state;
	struct result r;

	machines(k, 3);
	assert_int_equal(kit_action(k, 1, NULL), 3);
	exact(k, 1);
	assert_int_equal(progress(k, 1, 1, "notified"), 1);
	assert_int_equal(progress(k, 1, 1, "running"), 1);
	assert_int_equal(progress(k, 1, 1, "fetched"), 0); /* it came late */
	assert_int_equal(progress(k, 1, 9, "fetched"), 0); /* no such target */
	assert_string_equal(result(k, 1, 1).state, "running");
	exact(k, 1);
	struct result out = {.action = kit_id(k, 'c', 1),
		.agent = kit_id(k, 'a', 1),
		.state = "failed",
		.exit_code = 7,
		.started = 3,
		.ended = 4,
		.updated = NOW + 5,
		.limits = "{\"cpu\":\"cgroup2\"}",
		.stdout_ = {"a\0b", 3},
		.stdout_bytes = 3};
	bool ended;
	assert_int_equal(ok(k, action_final(k->db, &out, &ended, &k->e)), 1);
	assert_false(ended);
	r = result(k, 1, 1);
	assert_int_equal(r.exit_code, 7);
	assert_memory_equal(r.stdout_.data, "a\0b", 3);
	assert_int_equal(r.stdout_.len, 3);
	assert_int_equal(r.path.len, 0); /* it will not be given again */
	assert_int_equal(final(k, 1, 1, "done", NULL), 0);
	assert_int_equal(progress(k, 1, 1, "running"), 0);
	assert_string_equal(result(k, 1, 1).state, "failed");
	assert_int_equal(final(k, 1, 2, "done", NULL), 1);
	out.agent = kit_id(k, 'a', 3);
	assert_int_equal(ok(k, action_final(k->db, &out, &ended, &k->e)), 1);
	assert_true(ended);
	exact(k, 1);
	assert_int_equal(
		kit_number(k, "SELECT COUNT(*) FROM events WHERE kind = 'action.ended'"), 1);
	fails(k,
		action_progress(k->db, kit_id(k, 'c', 1), kit_id(k, 'a', 1), "done", 0, NOW, &k->e),
		ERR_INVALID);
	out.state = "running";
	fails(k, action_final(k->db, &out, &ended, &k->e), ERR_INVALID);
	out.state = "dancing";
	fails(k, action_final(k->db, &out, &ended, &k->e), ERR_INVALID);
}

/* What may replace which final state. */
static void final_means_final(void **state)
{
	static const struct {
		const char *has, *has_reason, *comes, *comes_reason;
		int taken;
	} rows[] = {
		{"done", NULL, "failed", NULL, 0},
		{"failed", "exit 3", "done", NULL, 0},
		{"timed_out", NULL, "done", NULL, 0},
		{"refused", "no", "done", NULL, 0},
		{"cancelled", "by kim", "done", NULL, 0},
		{"expired", NULL, "done", NULL, 1},
		{"expired", NULL, "failed", "exit 3", 1},
		{"expired", NULL, "expired", NULL, 0},
		{"expired", NULL, "failed", OUTCOME_UNKNOWN, 0},
		{"failed", OUTCOME_UNKNOWN ": lost", "done", NULL, 1},
		{"failed", OUTCOME_UNKNOWN ": lost", "failed", "exit 3", 1},
		{"failed", OUTCOME_UNKNOWN ": lost", "failed", OUTCOME_UNKNOWN, 0},
		{"failed", OUTCOME_UNKNOWN ": lost", "expired", NULL, 0},
		{"cancelled", CANCELLED_EARLY, "done", NULL, 1},
		{"cancelled", CANCELLED_EARLY, "cancelled", "before it began", 1},
		{"cancelled", CANCELLED_EARLY, "expired", NULL, 0},
	};
	struct kit *k = *state;

	machines(k, 1);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		kit_action(k, (int)i, NULL);
		assert_int_equal(final(k, (int)i, 1, rows[i].has, rows[i].has_reason), 1);
		if (final(k, (int)i, 1, rows[i].comes, rows[i].comes_reason) != rows[i].taken)
			fail_msg("%s (%s), then %s (%s)", rows[i].has, rows[i].has_reason,
				rows[i].comes, rows[i].comes_reason);
		assert_string_equal(
			result(k, (int)i, 1).state, rows[i].taken ? rows[i].comes : rows[i].has);
		exact(k, (int)i);
	}
}

/* Whatever happens in whatever order: no result goes back, no final one changes but an assumed one, the counters fit. */
static void random_walks(void **state)
{
	static const char *const reasons[] = {NULL, "exit 3", OUTCOME_UNKNOWN ": lost"};
	struct kit *k = *state;
	int was[9] = {0};

	machines(k, 8);
	kit_action(k, 1, NULL);
	srand(20260101);
	ok(k, db_begin(k->db, &k->e));
	for (int step = 0; step < 1500; step++) {
		int agent = 1 + rand() % 8, to = rand() % 10;
		size_t n;
		if (step % 200 == 199)
			ok(k,
				action_overdue(
					k->db, NOW + rand() % 100000, 10, rand() % 4, &n, &k->e));
		else if (step == 700)
			(void)action_cancel(k->db, kit_id(k, 'c', 1), "kim", NOW, &k->e);
		else if (to == 0)
			continue;
		else if (to < OPEN)
			progress(k, 1, agent, states[to]);
		else if (rand() % 12 == 0)
			final(k, 1, agent, states[to], reasons[rand() % 3]);
		for (int i = 1; i <= 8; i++) {
			int now = rank(result(k, 1, i).state);
			assert_true(now >= was[i] || was[i] >= OPEN);
			assert_false(was[i] >= OPEN && now < OPEN);
			was[i] = now;
		}
		exact(k, 1);
	}
	ok(k, db_commit(k->db, &k->e));
}

static void what_is_late(void **state)
{
	struct kit *k = *state;
	struct action like = {.deadline = NOW + 1000, .timeout_ms = 500};
	size_t n;

	machines(k, 4);
	kit_action(k, 1, &like);
	progress(k, 1, 2, "notified");
	progress(k, 1, 3, "fetched");
	progress(k, 1, 4, "running");
	ok(k,
		action_overdue(k->db, NOW + 1000, 100, 100, &n,
			&k->e)); /* the deadline itself is in time */
	assert_int_equal(n, 0);
	ok(k, action_overdue(k->db, NOW + 1001, 100, 100, &n, &k->e));
	assert_int_equal(n, 2);
	assert_string_equal(result(k, 1, 1).state, "expired");
	assert_string_equal(result(k, 1, 2).state, "expired");
	ok(k, action_overdue(k->db, NOW + 1600, 100, 100, &n, &k->e));
	assert_int_equal(n, 0);
	ok(k, action_overdue(k->db, NOW + 1601, 100, 1, &n, &k->e)); /* no more than asked for */
	assert_int_equal(n, 1);
	ok(k, action_overdue(k->db, NOW + 1601, 100, 100, &n, &k->e));
	assert_int_equal(n, 1);
	assert_string_equal(result(k, 1, 4).state, "failed");
	assert_non_null(strstr(result(k, 1, 4).reason, OUTCOME_UNKNOWN));
	exact(k, 1);
	assert_int_equal(final(k, 1, 4, "done", NULL), 1); /* it was heard of after all */
	exact(k, 1);
	assert_string_equal(action(k, 1).state, "ended");
}

static void cancelling(void **state)
{
	struct kit *k = *state;
	const char **agents;
	size_t n;

	machines(k, 4);
	kit_action(k, 1, NULL);
	progress(k, 1, 2, "notified");
	progress(k, 1, 3, "running");
	final(k, 1, 4, "done", NULL);
	ok(k, action_cancel(k->db, kit_id(k, 'c', 1), "kim", NOW, &k->e));
	assert_string_equal(result(k, 1, 1).state, "cancelled");
	assert_string_equal(result(k, 1, 3).state, "running"); /* until it says otherwise */
	assert_string_equal(action(k, 1).cancelled_by, "kim");
	exact(k, 1);
	/* The first may have got the order while it was cancelled: it is told too. */
	ok(k, action_unended(k->db, kit_id(k, 'c', 1), k->a, &agents, &n, &k->e));
	assert_int_equal(n, 3);
	fails(k, action_cancel(k->db, kit_id(k, 'c', 1), "kim", NOW, &k->e), ERR_CONFLICT);
	fails(k, action_cancel(k->db, kit_id(k, 'c', 2), "kim", NOW, &k->e), ERR_CONFLICT);
	assert_int_equal(final(k, 1, 1, "done", NULL), 1);
	exact(k, 1);
}

static void who_is_meant(void **state)
{
	struct kit *k = *state;
	struct param p = {.text = "odd"};
	struct target *t;
	size_t n;

	machines(k, 5);
	ok(k, db_exec(k->db, "UPDATE machines SET revoked = 1 WHERE name = 'm3'", &k->e));
	ok(k, action_targets(k->db, "m.site = ?1", &p, 1, 2, k->a, &t, &n, &k->e));
	assert_int_equal(n, 2); /* not the one that was cut off */
	assert_string_equal(t[0].name, "m1");
	assert_string_equal(t[1].machine, kit_id(k, 'm', 5));
	assert_true(strcmp(t[0].agent, t[1].agent) < 0);
	fails(k, action_targets(k->db, "m.site = ?1", &p, 1, 1, k->a, &t, &n, &k->e),
		ERR_TOO_LARGE);
}

static size_t open_items(struct kit *k, const char *action_id, const char *agent, const char *relay,
	struct open_item **out)
{
	size_t n;

	ok(k,
		action_open(k->db, action_id, agent, &relay, relay ? 1 : 0, 100, NULL, NULL, k->a,
			out, &n, &k->e));
	return n;
}

static void what_is_open(void **state)
{
	struct kit *k = *state;
	struct open_item *x;
	size_t n;

	machines(k, 4);
	ok(k, db_exec(k->db, "UPDATE machines SET relay = 'R' WHERE name IN ('m1', 'm2')", &k->e));
	kit_action(k, 1, NULL);
	kit_action(k, 2, NULL);
	progress(k, 1, 1, "fetched");
	assert_int_equal(open_items(k, kit_id(k, 'c', 1), NULL, NULL, &x), 3);
	assert_int_equal(x[0].leaf, 1);
	assert_int_equal(x[0].path.len, 32);
	assert_int_equal(((const uint8_t *)x[0].path.data)[31], 1);
	assert_int_equal(open_items(k, NULL, kit_id(k, 'a', 1), NULL, &x), 1);
	assert_string_equal(x[0].action, kit_id(k, 'c', 2));
	assert_int_equal(open_items(k, NULL, NULL, "R", &x), 3);
	assert_string_equal(x[0].relay, "R");
	assert_int_equal(open_items(k, NULL, NULL, "S", &x), 0);
	/* By pages: each item once. */
	ok(k,
		action_open(k->db, kit_id(k, 'c', 2), NULL, NULL, 0, 3, NULL, NULL, k->a, &x, &n,
			&k->e));
	assert_int_equal(n, 3);
	ok(k,
		action_open(k->db, kit_id(k, 'c', 2), NULL, NULL, 0, 3, x[2].action, x[2].agent,
			k->a, &x, &n, &k->e));
	assert_int_equal(n, 1);
	assert_string_equal(x[0].agent, kit_id(k, 'a', 4));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(a_life), TEST(final_means_final),
		TEST(random_walks), TEST(what_is_late), TEST(cancelling), TEST(who_is_meant),
		TEST(what_is_open)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
