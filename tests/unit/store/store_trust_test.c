/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens are spent once and tell a guesser nothing; who enrolled, renewed, was cut off; settings that count. */
#include "kit.h"
#include "store/store_setting.h"
#include "store/store_trust.h"
#include <string.h>

static void token(struct kit *k, int n, const char *hash, const char *site, int uses)
{
	struct token t = {.id = kit_id(k, 't', n),
		.hash = hash,
		.role = "agent",
		.site = site,
		.uses = uses,
		.made = NOW,
		.expires = NOW + 1000,
		.by = "kim"};

	ok(k, token_create(k->db, &t, &k->e));
}

static void spending(void **state)
{
	struct scope all = {.all = true};
	struct kit *k = *state;
	struct token t;
	char text[512];

	token(k, 1, "h1", "lab", 2);
	ok(k, token_spend(k->db, "h1", "agent", NOW, k->a, &t, &k->e));
	assert_string_equal(t.site, "lab");
	assert_int_equal(t.used, 1);
	ok(k, token_spend(k->db, "h1", "agent", NOW + 999, k->a, &t, &k->e));
	assert_int_equal(token_spend(k->db, "h1", "agent", NOW, k->a, &t, &k->e), -1); /* spent */
	strcpy(text, k->e.text);
	token(k, 2, "h2", "lab", 5);
	assert_int_equal(token_spend(k->db, "h9", "agent", NOW, k->a, &t, &k->e), -1); /* none */
	assert_string_equal(k->e.text, text);
	assert_int_equal(
		token_spend(k->db, "h2", "agent", NOW + 1000, k->a, &t, &k->e), -1); /* ended */
	assert_string_equal(k->e.text, text);
	fails(k, token_spend(k->db, "h2", "relay", NOW, k->a, &t, &k->e), ERR_UNAUTHORIZED);
	ok(k, token_revoke(k->db, kit_id(k, 't', 2), &all, NOW, &k->e));
	assert_int_equal(
		token_spend(k->db, "h2", "agent", NOW, k->a, &t, &k->e), -1); /* withdrawn */
	assert_string_equal(k->e.text, text);
	fails(k, token_revoke(k->db, kit_id(k, 't', 2), &all, NOW, &k->e), ERR_NOT_FOUND);
	assert_int_equal(kit_number(k, "SELECT SUM(used) FROM tokens"), 2);
}

static void tokens_inside_a_scope(void **state)
{
	static const char *const sites[] = {"lab"};
	struct scope lab = {.sites = sites, .n = 1}, none = {0};
	struct kit *k = *state;
	struct token *list;
	size_t n;

	token(k, 1, "h1", "lab", 1);
	token(k, 2, "h2", "annex", 1);
	ok(k, token_list(k->db, &lab, k->a, &list, &n, &k->e));
	assert_int_equal(n, 1);
	assert_string_equal(list[0].site, "lab");
	ok(k, token_list(k->db, &none, k->a, &list, &n, &k->e));
	assert_int_equal(n, 0);
	fails(k, token_revoke(k->db, kit_id(k, 't', 2), &lab, NOW, &k->e), ERR_NOT_FOUND);
	fails(k, token_revoke(k->db, kit_id(k, 't', 1), &none, NOW, &k->e), ERR_NOT_FOUND);
	ok(k, token_revoke(k->db, kit_id(k, 't', 1), &lab, NOW, &k->e));
}

static void newcomers(void **state)
{
	struct kit *k = *state;
	struct agent x;

	kit_enrol(k, 1, "web1", "lab");
	kit_relay(k, 2, "relay", "annex");
	assert_int_equal(ok(k, trust_agent(k->db, kit_id(k, 'a', 1), k->a, &x, &k->e)), 1);
	assert_string_equal(x.machine, kit_id(k, 'm', 1));
	assert_string_equal(x.box, "00");
	assert_int_equal(x.revoked, 0);
	assert_int_equal(ok(k, trust_agent(k->db, "nobody", k->a, &x, &k->e)), 0);
	assert_int_equal(
		kit_number(
			k, "SELECT COUNT(*) FROM machines WHERE state = 'never' AND site = 'lab'"),
		1);
	assert_int_equal(
		kit_number(
			k, "SELECT COUNT(*) FROM relays WHERE state = 'never' AND site = 'annex'"),
		1);
	assert_int_equal(kit_number(k, "SELECT COUNT(*) FROM machines WHERE agent LIKE 'r%'"), 0);
	ok(k, trust_cert(k->db, kit_id(k, 'a', 1), NOW + 5000, &k->e));
	ok(k, trust_agent(k->db, kit_id(k, 'a', 1), k->a, &x, &k->e));
	assert_true(x.cert_until == NOW + 5000);
}

static void cutting_off(void **state)
{
	struct kit *k = *state;
	const char **ids;
	int64_t first, second, version;
	size_t n;

	for (int i = 1; i <= 3; i++)
		kit_enrol(k, i, "same", "lab");
	kit_relay(k, 4, "relay", "lab");
	ok(k, trust_revoked(k->db, NOW, k->a, &ids, &n, &version, &k->e));
	assert_int_equal(n, 0);
	ok(k, trust_revoke(k->db, kit_id(k, 'a', 2), NOW, &k->e));
	ok(k, trust_revoked(k->db, NOW, k->a, &ids, &n, &first, &k->e));
	ok(k, trust_revoke(k->db, kit_id(k, 'r', 4), NOW, &k->e));
	ok(k, trust_revoked(k->db, NOW, k->a, &ids, &n, &second, &k->e));
	assert_true(second > first && first > version); /* or no relay would take the newer list */
	assert_int_equal(n, 2);
	assert_string_equal(ids[0], kit_id(k, 'a', 2));
	assert_int_equal(kit_number(k, "SELECT COUNT(*) FROM machines WHERE revoked > 0"), 1);
	assert_int_equal(kit_number(k, "SELECT COUNT(*) FROM relays WHERE revoked > 0"), 1);
	fails(k, trust_revoke(k->db, kit_id(k, 'a', 2), NOW, &k->e), ERR_CONFLICT);
	fails(k, trust_revoke(k->db, "nobody", NOW, &k->e), ERR_NOT_FOUND);
	/* Who can show no certificate any more need not be listed, but the version does not fall. */
	ok(k, trust_revoked(k->db, NOW + 1000, k->a, &ids, &n, &version, &k->e));
	assert_int_equal(n, 0);
	assert_true(version == second);
}

static void forks(void **state)
{
	struct kit *k = *state;
	struct agent out = {0};
	const char *from = kit_id(k, 'a', 1);
	struct agent fork = {.id = kit_id(k, 'a', 2),
		.machine = kit_id(k, 'm', 2),
		.role = "agent",
		.site = "lab",
		.box = "abcd",
		.forked_from = from};

	kit_enrol(k, 1, "same", "lab");
	assert_int_equal(ok(k, trust_fork(k->db, from, "abcd", k->a, &out, &k->e)), 0);
	ok(k, trust_enrol(k->db, &fork, "same", NULL, NOW, &k->e));
	assert_int_equal(ok(k, trust_fork(k->db, from, "abcd", k->a, &out, &k->e)), 1);
	assert_string_equal(out.id, fork.id);
	assert_int_equal(ok(k, trust_fork(k->db, from, "abce", k->a, &out, &k->e)), 0);
	assert_int_equal(ok(k, trust_fork(k->db, fork.id, "abcd", k->a, &out, &k->e)), 0);
}

static void settings(void **state)
{
	struct kit *k = *state;
	const char *text = "untouched";
	int64_t n;

	assert_int_equal(ok(k, setting_get(k->db, "x", k->a, &text, &k->e)), 0);
	assert_string_equal(text, "untouched");
	ok(k, setting_set(k->db, "x", "one", &k->e));
	ok(k, setting_set(k->db, "x", "two", &k->e));
	assert_int_equal(ok(k, setting_get(k->db, "x", k->a, &text, &k->e)), 1);
	assert_string_equal(text, "two");
	ok(k, setting_int(k->db, "n", &n, &k->e));
	assert_int_equal(n, 0);
	ok(k, setting_next(k->db, "n", &n, &k->e));
	ok(k, setting_next(k->db, "n", &n, &k->e));
	assert_int_equal(n, 2);
	ok(k, setting_int(k->db, "n", &n, &k->e));
	assert_int_equal(n, 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(spending), TEST(tokens_inside_a_scope),
		TEST(newcomers), TEST(cutting_off), TEST(forks), TEST(settings)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
