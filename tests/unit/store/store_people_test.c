/* SPDX-License-Identifier: Apache-2.0 */
/* People, what they may do, sessions by the hash of their secret. */
#include "kit.h"
#include "store/store_people.h"
#include <string.h>

#define GOOD "correct horse"

static void passwords(void **state)
{
	char longest[PASSWORD_MAX + 2];
	struct kit *k = *state;
	struct user u;

	memset(longest, 'x', sizeof longest);
	longest[PASSWORD_MAX + 1] = '\0';
	ok(k, user_create(k->db, "kim", GOOD, true, NOW, &k->e));
	fails(k, user_create(k->db, "kim", GOOD, false, NOW, &k->e), ERR_CONFLICT);
	fails(k, user_create(k->db, "lee", "eleven char", false, NOW, &k->e), ERR_INVALID);
	fails(k, user_create(k->db, "lee", longest, false, NOW, &k->e), ERR_INVALID);
	fails(k, user_create(k->db, "l e e", GOOD, false, NOW, &k->e), ERR_INVALID);
	ok(k, user_login(k->db, "kim", GOOD, k->a, &u, &k->e));
	assert_string_equal(u.name, "kim");
	assert_true(u.must_change);
	assert_null(strstr(u.password, GOOD));
	assert_non_null(strstr(u.password, "$argon2id$"));
	fails(k, user_login(k->db, "kim", "correct hors", k->a, &u, &k->e), ERR_UNAUTHORIZED);
	fails(k, user_login(k->db, "nobody", GOOD, k->a, &u, &k->e), ERR_UNAUTHORIZED);
	ok(k, user_password(k->db, "kim", "another horse", false, &k->e));
	fails(k, user_login(k->db, "kim", GOOD, k->a, &u, &k->e), ERR_UNAUTHORIZED);
	ok(k, user_login(k->db, "kim", "another horse", k->a, &u, &k->e));
	assert_false(u.must_change);
	fails(k, user_password(k->db, "lee", GOOD, false, &k->e), ERR_NOT_FOUND);
}

/* Whether the name is known makes no difference to the sentence. */
static void logins_tell_nothing(void **state)
{
	char known[512];
	struct kit *k = *state;
	struct user u;

	ok(k, user_create(k->db, "kim", GOOD, false, NOW, &k->e));
	assert_int_equal(user_login(k->db, "kim", "wrong", k->a, &u, &k->e), -1);
	strcpy(known, k->e.text);
	assert_int_equal(user_login(k->db, "lee", "wrong", k->a, &u, &k->e), -1);
	assert_string_equal(known, k->e.text);
	ok(k, user_disable(k->db, "kim", NOW, &k->e));
	assert_int_equal(user_login(k->db, "kim", GOOD, k->a, &u, &k->e), -1);
	assert_string_equal(known, k->e.text);
}

static void grants(void **state)
{
	struct kit *k = *state;
	struct grant *list;
	size_t n;

	ok(k, grant_set(k->db, "kim", "lab", "viewer", &k->e));
	ok(k, grant_set(k->db, "kim", "annex", "operator", &k->e));
	ok(k, grant_set(k->db, "kim", "lab", "administrator", &k->e));
	ok(k, grant_set(k->db, "lee", "*", "viewer", &k->e));
	ok(k, grant_list(k->db, "kim", k->a, &list, &n, &k->e));
	assert_int_equal(n, 2);
	assert_string_equal(list[1].site, "lab");
	assert_string_equal(list[1].role, "administrator");
	ok(k, grant_set(k->db, "kim", "lab", NULL, &k->e));
	ok(k, grant_list(k->db, "kim", k->a, &list, &n, &k->e));
	assert_int_equal(n, 1);
}

static void session(struct kit *k, int n, const char *user, const char *kind, const char *secret,
	int64_t expires)
{
	char hash[65];
	struct session x = {.id = kit_id(k, 's', n),
		.hash = hash,
		.user = user,
		.kind = kind,
		.csrf = "c",
		.made = NOW,
		.expires = expires};

	secret_hash(secret, hash);
	ok(k, session_create(k->db, &x, &k->e));
}

static int get(struct kit *k, struct db *db, const char *secret, int64_t now, struct session *out)
{
	char hash[65];

	secret_hash(secret, hash);
	return (int)ok(k, session_get(db, hash, now, k->a, out, &k->e));
}

static void sessions(void **state)
{
	struct kit *k = *state;
	struct session x, *list;
	size_t n;

	ok(k, user_create(k->db, "kim", GOOD, false, NOW, &k->e));
	session(k, 1, "kim", "session", "one", NOW + 1000);
	session(k, 2, "kim", "api", "two", NOW + 99999999);
	session(k, 3, "gone", "api", "three", NOW + 1000); /* a user who is not there */
	assert_int_equal(get(k, k->db, "one", NOW + 999, &x), 1);
	assert_string_equal(x.user, "kim");
	assert_int_equal(get(k, k->db, "one", NOW + 1000, &x), 0); /* ended */
	assert_int_equal(get(k, k->db, "One", NOW, &x), 0);
	assert_int_equal(get(k, k->db, "three", NOW, &x), 0);
	ok(k, session_list(k->db, "kim", "api", NOW, k->a, &list, &n, &k->e));
	assert_int_equal(n, 1);
	assert_string_equal(list[0].id, kit_id(k, 's', 2));
	fails(k, session_end(k->db, kit_id(k, 's', 2), "lee", &k->e),
		ERR_NOT_FOUND); /* another's */
	ok(k, session_end(k->db, kit_id(k, 's', 2), "kim", &k->e));
	assert_int_equal(get(k, k->db, "two", NOW, &x), 0);
	ok(k, session_prune(k->db, NOW + 5000, &k->e));
	assert_int_equal(kit_number(k, "SELECT COUNT(*) FROM sessions"), 0);
}

/* Written once an hour, and never from a connection that only reads. */
static void last_use(void **state)
{
	struct kit *k = *state;
	struct db *reader = db_open(k->path, DB_READ, &k->e);
	struct session x;

	ok(k, user_create(k->db, "kim", GOOD, false, NOW, &k->e));
	session(k, 1, "kim", "api", "one", NOW + 99999999);
	get(k, k->db, "one", NOW + 3599999, &x);
	assert_true(x.used == NOW);
	get(k, reader, "one", NOW + 3600000, &x);
	assert_true(kit_number(k, "SELECT used FROM sessions") == NOW);
	get(k, k->db, "one", NOW + 3600000, &x);
	assert_true(x.used == NOW + 3600000);
	assert_true(kit_number(k, "SELECT used FROM sessions") == NOW + 3600000);
	db_close(reader);
}

static void a_new_password_ends_sessions(void **state)
{
	struct kit *k = *state;
	struct session x;

	ok(k, user_create(k->db, "kim", GOOD, false, NOW, &k->e));
	ok(k, user_create(k->db, "lee", GOOD, false, NOW, &k->e));
	session(k, 1, "kim", "session", "one", NOW + 1000);
	session(k, 2, "lee", "session", "two", NOW + 1000);
	ok(k, user_password(k->db, "kim", "another horse", false, &k->e));
	assert_int_equal(get(k, k->db, "one", NOW, &x), 0);
	assert_int_equal(get(k, k->db, "two", NOW, &x), 1);
	ok(k, user_disable(k->db, "lee", NOW, &k->e));
	assert_int_equal(get(k, k->db, "two", NOW, &x), 0);
	fails(k, user_disable(k->db, "lee", NOW, &k->e), ERR_NOT_FOUND);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(passwords), TEST(logins_tell_nothing), TEST(grants),
		TEST(sessions), TEST(last_use), TEST(a_new_password_ends_sessions)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
