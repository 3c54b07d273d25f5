/* SPDX-License-Identifier: Apache-2.0 */
/* Coming in: passwords and their limits, sessions by cookie and by bearer, what a cookie may change, who is let in nowhere. */
#include "world.h"
#include "base/clock.h"
#include "store/store_people.h"
#include <stdlib.h>
#include <string.h>

static int up(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	world_open(w);
	*state = w;
	return 0;
}

static int down(void **state)
{
	struct world *w = *state;

	world_close(w);
	free(w);
	return 0;
}

static struct answer try(struct world *w, const char *name, const char *password)
{
	return world_ask(w,
		&(struct ask){.method = "POST",
			.path = "/api/v1/login",
			.body = arena_printf(w->arena, "{\"user\":\"%s\",\"password\":\"%s\"}",
				name, password)});
}

static void in_and_out(void **state)
{
	struct world *w = *state;
	struct answer a;
	const char *token;

	world_user(w, "alice", "*", "administrator");
	a = try(w, "alice", "correct horse battery");
	assert_int_equal(a.status, 200);
	token = text_of(a.json, "token");
	assert_string_equal(a.cookie, token);
	assert_true(contains(a.headers, "; HttpOnly; Secure; SameSite=Strict"));
	assert_true(contains(a.headers, "Cache-Control: no-store"));
	user_ask(w, token, "GET", "/api/v1/me", NULL, 200);
	user_ask(w, token, "POST", "/api/v1/logout", "", 204);
	user_ask(w, token, "GET", "/api/v1/me", NULL, 401);
	assert_int_equal(world_int(w,
				 "SELECT COUNT(*) FROM audits WHERE what IN ('user.login', "
				 "'user.logout') AND who = 'alice'"),
		2);
	assert_int_equal(
		world_int(w, "SELECT COUNT(*) FROM sessions WHERE hash LIKE '%secret%'"), 0);
}

static void a_cookie_needs_its_csrf(void **state)
{
	struct world *w = *state;
	struct ask q = {.method = "POST", .path = "/api/v1/tokens", .body = "{}"};
	const char *csrf;
	struct answer a;

	world_user(w, "bert", "*", "administrator");
	a = try(w, "bert", "correct horse battery");
	q.cookie = a.cookie;
	csrf = text_of(a.json, "csrf");
	assert_int_equal(
		world_ask(
			w, &(struct ask){.method = "GET", .path = "/api/v1/me", .cookie = q.cookie})
			.status,
		200);
	assert_string_equal(text_of(world_ask(w, &q).json, "field"), "X-HIM-CSRF");
	q.csrf = "not it";
	assert_int_equal(world_ask(w, &q).status, 403);
	q.csrf = csrf;
	q.site = "cross-site";
	assert_string_equal(text_of(world_ask(w, &q).json, "field"), "Sec-Fetch-Site");
	q.site = "same-origin";
	assert_int_equal(world_ask(w, &q).status, 201);
	/* an API token is no cookie */
	q.cookie = world_user(w, "berta", "*", "administrator");
	assert_int_equal(world_ask(w, &q).status, 401);
}

static void one_time_password(void **state)
{
	struct world *w = *state;
	const char *first = text_of(
		owner_post(w, "/api/v1/users", "{\"name\":\"carl\",\"role\":\"viewer\"}", 201),
		"password");
	struct answer a = try(w, "carl", first);

	assert_int_equal(a.status, 403);
	assert_string_equal(text_of(a.json, "field"), "new_password");
	a = world_ask(w,
		&(struct ask){.method = "POST",
			.path = "/api/v1/login",
			.body = arena_printf(w->arena,
				"{\"user\":\"carl\",\"password\":\"%s\",\"new_password\":"
				"\"short\"}",
				first)});
	assert_int_equal(a.status, 400);
	assert_string_equal(text_of(a.json, "field"), "new_password");
	a = world_ask(w,
		&(struct ask){.method = "POST",
			.path = "/api/v1/login",
			.body = arena_printf(w->arena,
				"{\"user\":\"carl\",\"password\":\"%s\",\"new_password\":\"my own "
				"password\"}",
				first)});
	assert_int_equal(a.status, 200);
	assert_int_equal(try(w, "carl", first).status, 401);
	assert_int_equal(try(w, "carl", "my own password").status, 200);
}

static void ones_own_password(void **state)
{
	struct world *w = *state;
	const char *token = world_user(w, "dora", "*", "viewer");
	const char *path = "/api/v1/users/dora/password";

	world_user(w, "dirk", "*", "viewer");
	assert_string_equal(
		text_of(user_ask(w, token, "POST", path,
				"{\"old\":\"wrong\",\"new\":\"another password\"}", 403),
			"field"),
		"old");
	user_ask(w, token, "POST", path, "{\"old\":\"correct horse battery\",\"new\":\"short\"}",
		400);
	user_ask(w, token, "POST", path, "{\"old\":\"correct horse battery\"}", 400);
	user_ask(w, token, "POST", path, "", 400);
	user_ask(w, token, "POST", "/api/v1/users/dirk/password", "", 403);
	user_ask(w, token, "POST", path,
		"{\"old\":\"correct horse battery\",\"new\":\"another password\"}", 200);
	user_ask(w, token, "GET", "/api/v1/me", NULL, 401); /* all sessions ended with it */
	assert_int_equal(try(w, "dora", "another password").status, 200);
}

static void guessing_waits(void **state)
{
	struct world *w = *state;
	struct answer a;
	int tries = 0;

	world_user(w, "eve", "*", "viewer");
	world_user(w, "earl", "*", "viewer");
	do
		a = try(w, "eve", "a guess");
	while (a.status == 401 && ++tries < 50);
	assert_int_equal(a.status, 429);
	assert_true(tries >= 5 && tries < 10);
	assert_true(contains(text_of(a.json, "detail"), "try again in"));
	assert_int_equal(
		try(w, "eve", "correct horse battery").status, 429); /* the right one too */
	assert_int_equal(
		try(w, "earl", "correct horse battery").status, 200); /* another is not hindered */
	/* asking without being anybody gives nothing back */
	world_ask(w,
		&(struct ask){.method = "POST",
			.path = "/api/v1/users/eve/password",
			.body = "{\"old\":\"x\",\"new\":\"y\"}"});
	assert_int_equal(try(w, "eve", "correct horse battery").status, 429);
}

static void an_address_waits_too(void **state)
{
	struct world *w = *state;
	struct answer a;
	int tries = 0;

	do
		a = try(w, arena_printf(w->arena, "nobody-%d", tries), "a guess");
	while (a.status == 401 && ++tries < 50);
	assert_int_equal(a.status, 429);
	assert_true(tries < 30);
}

/* Whether a name exists does not show: not in the answer, and both are hashed. */
static void unknown_names_look_alike(void **state)
{
	struct world *w = *state;
	struct answer a, b;
	int64_t known = 0, unknown = 0, begun;

	world_user(w, "fred", "*", "viewer");
	for (int i = 0; i < 3; i++) {
		begun = clock_mono_us();
		a = try(w, "fred", "a guess");
		known += clock_mono_us() - begun;
		begun = clock_mono_us();
		b = try(w, arena_printf(w->arena, "fritz%d", i), "a guess");
		unknown += clock_mono_us() - begun;
	}
	assert_int_equal(a.status, 401);
	assert_string_equal(a.text, b.text);
	assert_true(unknown > known / 5); /* not the answer of a look-up */
}

static void ended_sessions(void **state)
{
	struct world *w = *state;
	const char *token = world_user(w, "gina", "*", "viewer");

	user_ask(w, token, "GET", "/api/v1/me", NULL, 200);
	world_sql(w, "UPDATE sessions SET expires = 1 WHERE \"user\" = 'gina'");
	user_ask(w, token, "GET", "/api/v1/me", NULL, 401);
	token = world_user(w, "gus", "*", "viewer");
	owner_post(w, "/api/v1/users/gus/disable", NULL, 204);
	user_ask(w, token, "GET", "/api/v1/me", NULL, 401);
	assert_int_equal(try(w, "gus", "correct horse battery").status, 401);
	user_ask(w, "nonsense", "GET", "/api/v1/me", NULL, 401);
	user_ask(w, "", "GET", "/api/v1/me", NULL, 401);
}

/* Reading alone shows too that a token is in use. */
static void used(void **state)
{
	struct world *w = *state;
	const char *token = world_user(w, "lea", "*", "viewer");
	int64_t then = clock_now_ms() - 7200000, until = clock_mono_ms() + LIMIT_MS, now;

	world_sql(w, arena_printf(w->arena, "UPDATE sessions SET used = %lld", (long long)then));
	user_ask(w, token, "GET", "/api/v1/machines", NULL, 200);
	do { /* it is written by a job of its own */
		user_ask(w, token, "GET", "/api/v1/me", NULL, 200);
		now = world_int(w, "SELECT used FROM sessions");
	} while (now == then && clock_mono_ms() < until);
	assert_true(now > then + 3600000);
}

static void roles(void **state)
{
	struct world *w = *state;
	const char *viewer = world_user(w, "hal", "*", "viewer"),
		   *operator= world_user(w, "ida", "*", "operator"),
		   *admin = world_user(w, "jim", "lab", "administrator"),
		   *none = world_user(w, "kim", NULL, NULL);

	world_machine(w, 'z', "box", "lab", "offline");
	user_ask(w, viewer, "GET", "/api/v1/machines/box", NULL, 200);
	user_ask(w, viewer, "POST", "/api/v1/actions", "{\"query\":\"*\",\"command\":[\"id\"]}",
		403);
	user_ask(w, viewer, "POST", "/api/v1/machines/box/rename", "{\"name\":\"x\"}", 403);
	user_ask(w, operator, "POST", "/api/v1/machines/box/refresh", "", 202);
	user_ask(w, operator, "POST", "/api/v1/machines/box/revoke", "", 403);
	user_ask(w, operator, "GET", "/api/v1/tokens", NULL, 403);
	user_ask(w, operator, "GET", "/api/v1/audit", NULL, 403);
	user_ask(w, admin, "GET", "/api/v1/audit", NULL, 403); /* at one site only */
	user_ask(w, admin, "POST", "/api/v1/users", "{\"name\":\"mallory\"}", 403);
	user_ask(w, admin, "POST", "/api/v1/tokens", "{\"site\":\"lab\"}", 201);
	user_ask(w, admin, "POST", "/api/v1/tokens", "{\"site\":\"other\"}", 403);
	user_ask(w, admin, "POST", "/api/v1/tokens", "{\"site\":\"lab\",\"role\":\"relay\"}", 403);
	user_ask(w, none, "GET", "/api/v1/me", NULL, 200);
	user_ask(w, none, "GET", "/api/v1/machines", NULL, 403);
	user_ask(w, none, "GET", "/metrics", NULL, 403);
	user_ask(w, viewer, "GET", "/metrics", NULL, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(in_and_out, up, down),
		cmocka_unit_test_setup_teardown(a_cookie_needs_its_csrf, up, down),
		cmocka_unit_test_setup_teardown(one_time_password, up, down),
		cmocka_unit_test_setup_teardown(ones_own_password, up, down),
		cmocka_unit_test_setup_teardown(ended_sessions, up, down),
		cmocka_unit_test_setup_teardown(used, up, down),
		cmocka_unit_test_setup_teardown(roles, up, down),
		cmocka_unit_test_setup_teardown(unknown_names_look_alike, up, down),
		cmocka_unit_test_setup_teardown(guessing_waits, up, down),
		cmocka_unit_test_setup_teardown(an_address_waits_too, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
