/* SPDX-License-Identifier: Apache-2.0 */
/* The plain page as a browser without scripts meets it: coming in, looking around, one's own password, foreign text. */
#include "world.h"
#include "base/clock.h"
#include "store/store_action.h"
#include <stdlib.h>
#include <string.h>

#define EVIL "<script>alert('1')</script>\\\" onload=x"

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

static struct answer get(struct world *w, const char *path, const char *cookie)
{
	return world_ask(w, &(struct ask){.method = "GET", .path = path, .cookie = cookie});
}

/* The value of the field csrf in a page. */
static const char *csrf_of(struct world *w, const struct answer *a)
{
	const char *at = strstr(a->text, "name=csrf value=\"");

	assert_non_null(at);
	at += strlen("name=csrf value=\"");
	return arena_strndup(w->arena, at, strcspn(at, "\""));
}

static struct answer form(struct world *w, const char *path, const char *body, const char *cookie,
	const char *form_cookie)
{
	return world_ask(w,
		&(struct ask){.method = "POST",
			.path = path,
			.body = body,
			.form = true,
			.cookie = cookie,
			.form_cookie = form_cookie,
			.site = "same-origin"});
}

static const char *come_in(struct world *w, const char *name)
{
	struct answer a = get(w, "/login", NULL), b;
	const char *csrf = csrf_of(w, &a);

	b = form(w, "/login",
		arena_printf(
			w->arena, "csrf=%s&user=%s&password=correct+horse+battery", csrf, name),
		NULL, a.cookie);
	assert_int_equal(b.status, 303);
	assert_string_equal(b.location, "/");
	return b.cookie;
}

static void nobody(void **state)
{
	static const char *const paths[] = {
		"/", "/actions", "/machines/x", "/actions/x", "/actions/x/y", "/password"};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct answer a = get(w, paths[i], NULL);
		assert_int_equal(a.status, 401);
		assert_true(contains(a.text, "action=/login"));
		assert_true(contains(a.headers,
			"Content-Security-Policy: default-src 'none'; style-src 'self'"));
		assert_true(contains(a.headers, "Cache-Control: no-store"));
		assert_true(contains(a.headers, "X-Content-Type-Options: nosniff"));
		assert_false(contains(a.text, "<script"));
	}
	assert_string_equal(get(w, "/style.css", NULL).type, "text/css; charset=utf-8");
}

static void login(void **state)
{
	struct world *w = *state;
	struct answer a, b;
	const char *cookie;

	world_user(w, "alice", "*", "viewer");
	cookie = come_in(w, "alice");
	a = get(w, "/", cookie);
	assert_int_equal(a.status, 200);
	assert_true(contains(a.text, "<span class=who>alice</span>"));
	assert_string_equal(get(w, "/login", cookie).location, "/");
	/* the form must be ours */
	b = get(w, "/login", NULL);
	assert_int_equal(form(w, "/login", "csrf=00&user=alice&password=correct+horse+battery",
				 NULL, b.cookie)
				 .status,
		403);
	assert_int_equal(
		form(w, "/login", "user=alice&password=correct+horse+battery", NULL, NULL).status,
		403);
	/* a wrong password leaves the name in its field */
	b = form(w, "/login",
		arena_printf(w->arena, "csrf=%s&user=alice&password=wrong", csrf_of(w, &b)), NULL,
		b.cookie);
	assert_int_equal(b.status, 401);
	assert_true(contains(b.text, "wrong user name or password") &&
		contains(b.text, "value=\"alice\""));
	/* out: only by a form of this session */
	assert_int_equal(form(w, "/logout", "csrf=00", cookie, NULL).status, 403);
	b = form(w, "/logout", arena_printf(w->arena, "csrf=%s", csrf_of(w, &a)), cookie, NULL);
	assert_string_equal(b.location, "/login");
	assert_string_equal(b.cookie, "");
	assert_int_equal(get(w, "/", cookie).status, 401);
}

static void one_time(void **state)
{
	struct world *w = *state;
	const char *first = text_of(
		owner_post(w, "/api/v1/users", "{\"name\":\"bob\",\"role\":\"viewer\"}", 201),
		"password");
	struct answer a = get(w, "/login", NULL), b;

	b = form(w, "/login",
		arena_printf(w->arena, "csrf=%s&user=bob&password=%s", csrf_of(w, &a), first), NULL,
		a.cookie);
	assert_int_equal(b.status, 403);
	assert_true(contains(b.text, "name=new_password"));
	a = b;
	b = form(w, "/login",
		arena_printf(w->arena,
			"csrf=%s&user=bob&password=%s&new_password=mine+and+only+mine&again=other",
			csrf_of(w, &a), first),
		NULL, a.cookie);
	assert_true(contains(b.text, "typed the same way twice"));
	a = b;
	b = form(w, "/login",
		arena_printf(w->arena,
			"csrf=%s&user=bob&password=%s&new_password=mine+and+only+mine&again=mine+"
			"and+only+mine",
			csrf_of(w, &a), first),
		NULL, a.cookie);
	assert_int_equal(b.status, 303);
	assert_int_equal(get(w, "/", b.cookie).status, 200);
}

static void own_password(void **state)
{
	struct world *w = *state;
	const char *cookie, *csrf;
	struct answer a;

	world_user(w, "carol", "*", "viewer");
	cookie = come_in(w, "carol");
	a = get(w, "/password", cookie);
	csrf = csrf_of(w, &a);
	a = form(w, "/password",
		arena_printf(w->arena,
			"csrf=%s&old=wrong&new_password=a+new+password&again=a+new+password", csrf),
		cookie, NULL);
	assert_int_equal(a.status, 403);
	assert_true(contains(a.text, "the old password is wrong") &&
		contains(a.text, "href=\"/password\""));
	a = form(w, "/password",
		arena_printf(
			w->arena, "csrf=%s&old=correct+horse+battery&new_password=a&again=a", csrf),
		cookie, NULL);
	assert_int_equal(a.status, 400);
	a = form(w, "/password",
		arena_printf(w->arena,
			"csrf=%s&old=correct+horse+battery&new_password=a+new+password&again=a+new+"
			"password",
			csrf),
		cookie, NULL);
	assert_int_equal(a.status, 303);
	assert_int_equal(get(w, "/", cookie).status, 401);
}

static void looking_around(void **state)
{
	struct world *w = *state;
	const char *cookie, *id;
	struct answer a;

	world_user(w, "dora", "*", "viewer");
	for (int i = 0; i < 20; i++)
		world_machine(w, "0123456789abcdefghjk"[i], arena_printf(w->arena, "web%02d", i),
			"lab", i % 3 ? "online" : "late");
	world_sql(w,
		"INSERT INTO sections (agent, section, body) VALUES ('01agent0000000000000000000', "
		"'nic',"
		" '{\"eth0\":{\"mtu\":1500,\"state\":\"up\",\"address\":{\"192.0.2.7/"
		"24\":\"global\"}}}')");
	id = text_of(owner_post(w, "/api/v1/actions",
			     "{\"query\":\"web0*\",\"command\":[\"echo\",\"a b\"]}", 201),
		"id");
	cookie = come_in(w, "dora");
	a = get(w, "/?query=state%3Alate&sort=-name", cookie);
	assert_true(contains(a.text, "7 fit the query") && contains(a.text, ">web18</a>") &&
		contains(a.text, "aria-sort=descending"));
	assert_false(contains(a.text, ">web01</a>"));
	a = get(w, "/?query=nosuch%3A(", cookie);
	assert_int_equal(a.status, 400);
	assert_true(contains(a.text, "role=alert") && contains(a.text, "value=\"nosuch:(\""));
	assert_true(contains(get(w, "/?query=nobody", cookie).text, "No machine fits."));
	a = get(w, "/machines/web00", cookie);
	assert_true(contains(a.text, "192.0.2.7/24") && contains(a.text, "Interfaces") &&
		contains(a.text, id));
	assert_int_equal(get(w, "/machines/nobody", cookie).status, 404);
	assert_true(contains(get(w, "/actions", cookie).text, "echo &#39;a b&#39;"));
	a = get(w, arena_printf(w->arena, "/actions/%s?state=waiting", id), cookie);
	assert_true(contains(a.text, ">web09</a>"));
	a = get(w, arena_printf(w->arena, "/actions/%s/%s", id, world_agent(w, '3')), cookie);
	assert_true(contains(a.text, "web03") && contains(a.text, "Standard error"));
	assert_int_equal(
		get(w, arena_printf(w->arena, "/actions/%s?state=nonsense", id), cookie).status,
		400);
}

static void a_page_ends(void **state)
{
	struct world *w = *state;
	const char *cookie, *at, *path;
	struct answer a;

	world_user(w, "emil", "*", "viewer");
	world_sql(w,
		"WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 225) "
		"INSERT INTO machines (id, name, site,"
		" state) SELECT '01mach' || printf('%020d', i), 'm' || i, 'lab', 'offline' FROM n");
	cookie = come_in(w, "emil");
	a = get(w, "/?query=m*", cookie);
	at = strstr(a.text, "<p class=more><a href=\"");
	assert_non_null(at);
	at += strlen("<p class=more><a href=\"");
	path = arena_strndup(w->arena, at, strcspn(at, "\""));
	while ((at = strstr(path, "&amp;")))
		path = arena_printf(w->arena, "%.*s&%s", (int)(at - path), path, at + 5);
	a = get(w, path, cookie);
	assert_true(contains(a.text, ">m200</a>") && contains(a.text, ">m225</a>"));
	assert_false(contains(a.text, ">m199</a>") || contains(a.text, "class=more"));
}

/* A guest i of machine a: a machine that only its list knows, at this site. */
static void guest(struct world *w, int i, const char *name, const char *site, bool certain)
{
	world_sql(w,
		arena_printf(w->arena,
			"INSERT INTO machines (id, name, site, power, runs_on) VALUES "
			"('01guest%019d', '%s', '%s', 'paused', '01machaaaaaaaaaaaaaaaaaaaa');"
			"INSERT INTO links (guest, host, began, until, certain) VALUES "
			"('01guest%019d', "
			"'01machaaaaaaaaaaaaaaaaaaaa', 1, 0, %d)",
			i, name, site, i, certain));
}

static void what_runs_on_what(void **state)
{
	struct world *w = *state;
	const char *host = world_machine(w, 'a', "kvm<b>1", "lab", "online"), *cookie;
	struct answer a;

	world_user(w, "gus", "lab", "viewer");
	world_user(w, "max", "shop", "viewer");
	cookie = come_in(w, "gus");
	a = get(w, "/machines/kvm%3Cb%3E1", cookie);
	assert_int_equal(a.status, 200);
	assert_false(contains(a.text, "Guests")); /* it has none */
	guest(w, 1, "web<i>1", "lab", true);
	guest(w, 2, "mail", "lab", false);
	guest(w, 3, "till", "shop", true);
	a = get(w, "/machines/kvm%3Cb%3E1", cookie);
	assert_true(contains(a.text, "<h2>Guests</h2>") && contains(a.text, ">web&lt;i&gt;1</a>") &&
		contains(a.text, "paused") && contains(a.text, ">mail</a>") &&
		contains(a.text, "not certain") && contains(a.text, "1 more at other sites."));
	assert_false(contains(a.text, "<i>1") || contains(a.text, ">till<"));
	a = get(w, "/machines/01guest0000000000000000001", cookie);
	assert_true(contains(a.text,
			    arena_printf(w->arena, "on <a href=\"/machines/%s\">kvm&lt;b&gt;1</a>",
				    host)) &&
		contains(a.text, "paused"));
	assert_true(contains(get(w, "/?query=name%3Amail", cookie).text, "paused"));
	a = get(w, "/machines/mail", cookie);
	assert_true(contains(a.text, "perhaps on <a"));
	/* Its host went away. */
	world_sql(w, "UPDATE machines SET state = 'offline', seen = 1 WHERE agent IS NOT NULL");
	assert_true(contains(get(w, "/machines/mail", cookie).text, "said "));
	/* It is no more: where it was last. */
	world_sql(w,
		"UPDATE links SET until = 2; UPDATE machines SET power = 'gone' WHERE power = "
		"'paused'");
	a = get(w, "/machines/01guest0000000000000000001", cookie);
	assert_true(contains(a.text, "gone") && contains(a.text, "last on <a"));
	assert_false(contains(get(w, "/machines/kvm%3Cb%3E1", cookie).text, "Guests"));
	/* A host of another site is none of theirs. */
	cookie = come_in(w, "max");
	assert_false(contains(get(w, "/machines/till", cookie).text, "kvm"));
	world_sql(w, "UPDATE links SET until = 0");
	a = get(w, "/machines/till", cookie);
	assert_int_equal(a.status, 200);
	assert_false(contains(a.text, "kvm") || contains(a.text, host));
}

static void a_host_of_many_shows_some(void **state)
{
	struct world *w = *state;
	const char *host = world_machine(w, 'a', "kvm", "lab", "online"), *cookie;
	struct answer a;
	int shown = 0;

	world_user(w, "ian", "*", "viewer");
	for (int i = 0; i < 230; i++)
		guest(w, i, arena_printf(w->arena, "g%d", i), "lab", true);
	cookie = come_in(w, "ian");
	a = get(w, "/machines/kvm", cookie);
	for (const char *at = a.text; (at = strstr(at, "/machines/01guest")); at++)
		shown++;
	assert_int_equal(shown, 200);
	assert_true(contains(a.text,
		arena_printf(w->arena, "<a href=\"/?query=host%%3A%s\">230 in all</a>", host)));
	assert_true(
		contains(get(w, arena_printf(w->arena, "/?query=host%%3A%s", host), cookie).text,
			"230 fit"));
}

static void foreign_text(void **state)
{
	struct world *w = *state;
	struct result r = {.state = "failed",
		.exit_code = 1,
		.updated = clock_now_ms(),
		.reason = "<i>" EVIL,
		.stdout_ = {"<img src=x>\0\xff", 13},
		.stdout_bytes = 13};
	const char *cookie, *id, *paths[5];
	struct err e = ERR_INIT;
	struct answer a;
	bool ended;

	world_user(w, "fay", "*", "viewer");
	id = world_machine(w, 'a', "plain", "lab", "online");
	owner_post(w, arena_printf(w->arena, "/api/v1/machines/%s/rename", id),
		"{\"name\":\"" EVIL "\"}", 200);
	world_sql(w,
		"UPDATE machines SET notice = '<u>note', os_description = '<s>os', site = 'lab'");
	world_sql(w,
		"INSERT INTO sections (agent, section, body) VALUES ('01agentaaaaaaaaaaaaaaaaaaa', "
		"'disk',"
		" '{\"<b>sda\":{\"model\":\"<script>\",\"size\":1}}')");
	r.action = text_of(
		owner_post(w, "/api/v1/actions",
			"{\"query\":\"*\",\"command\":[\"<script>\"],\"as\":\"<i>root\"}", 201),
		"id");
	r.agent = world_agent(w, 'a');
	assert_int_equal(action_final(w->db, &r, &ended, &e), 1);
	cookie = come_in(w, "fay");
	paths[0] = "/?query=*";
	paths[1] = arena_printf(w->arena, "/machines/%s", id);
	paths[2] = "/actions";
	paths[3] = arena_printf(w->arena, "/actions/%s", r.action);
	paths[4] = arena_printf(w->arena, "/actions/%s/%s", r.action, r.agent);
	for (size_t i = 0; i < 5; i++) {
		static const char *const raw[] = {
			"<script", "<img", "<b>s", "<u>", "<s>", "<i>", "\" onload"};
		a = get(w, paths[i], cookie);
		assert_int_equal(a.status, 200);
		for (size_t k = 0; k < sizeof raw / sizeof *raw; k++)
			if (contains(a.text, raw[k]))
				fail_msg("%s holds %s", paths[i], raw[k]);
	}
	assert_true(contains(a.text, "&lt;img src=x&gt;\xef\xbf\xbd\xef\xbf\xbd"));
	a = get(w, "/?query=%22%3E%3Cscript%3E", cookie);
	assert_false(contains(a.text, "<script"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nobody, up, down),
		cmocka_unit_test_setup_teardown(login, up, down),
		cmocka_unit_test_setup_teardown(one_time, up, down),
		cmocka_unit_test_setup_teardown(own_password, up, down),
		cmocka_unit_test_setup_teardown(looking_around, up, down),
		cmocka_unit_test_setup_teardown(a_page_ends, up, down),
		cmocka_unit_test_setup_teardown(what_runs_on_what, up, down),
		cmocka_unit_test_setup_teardown(a_host_of_many_shows_some, up, down),
		cmocka_unit_test_setup_teardown(foreign_text, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
