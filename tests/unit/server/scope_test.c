/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A person of site A sees nothing of site B: not in lists, counts or facets, not by name, id or the beginning of one, not
 * through an action that ran at both, not in events, streams, relays, tokens or the health; and what is not theirs is
 * answered in the very words of what does not exist.
 */
#include "world.h"
#include "base/clock.h"
#include "server/api.h"
#include "store/store_action.h"
#include "store/store_event.h"
#include <stdlib.h>
#include <string.h>

#define SECRET "tacet"

struct stage {
	struct world w;
	const char *anna, *both, *mine, *theirs, *action, *their_action;
};

static void ended(struct world *w, const char *action, char mark, const char *state)
{
	struct result r = {.action = action,
		.agent = world_agent(w, mark),
		.state = state,
		.exit_code = 0,
		.updated = clock_now_ms(),
		.stdout_ = {SECRET, strlen(SECRET)}};
	struct err e = ERR_INIT;
	bool last;

	assert_true(action_final(w->db, &r, &last, &e) == 1);
}

static int up(void **state)
{
	struct stage *s = calloc(1, sizeof *s);
	struct world *w = &s->w;
	struct event_row v = {.kind = "machine.online",
		.site = "beta",
		.machine = "01machbbbbbbbbbbbbbbbbbbbb",
		.text = SECRET};

	world_open(w);
	s->mine = world_machine(w, 'a', "ours", "alpha", "online");
	s->theirs = world_machine(w, 'b', SECRET, "beta", "offline");
	world_machine(w, 'c', "twin", "alpha", "online");
	world_machine(w, 'd', "twin", "beta", "online");
	s->anna = world_user(w, "anna", "alpha", "operator");
	s->both = text_of(
		owner_post(w, "/api/v1/actions", "{\"query\":\"*\",\"command\":[\"id\"]}", 201),
		"id");
	s->their_action =
		text_of(owner_post(w, "/api/v1/actions",
				"{\"query\":\"site:beta\",\"command\":[\"" SECRET "\"]}", 201),
			"id");
	ended(w, s->both, 'a', "done");
	ended(w, s->both, 'b', "failed");
	event_put(w->db, &v, NULL);
	world_sql(w,
		"INSERT INTO relays (id, name, site, state) VALUES ('01relaybbbbbbbbbbbbbbbbbbb', "
		"'" SECRET "', 'beta', 'online')");
	owner_post(w, "/api/v1/tokens", "{\"site\":\"beta\"}", 201);
	*state = s;
	return 0;
}

static int down(void **state)
{
	struct stage *s = *state;

	world_close(&s->w);
	free(s);
	return 0;
}

static struct json *asked(struct stage *s, const char *path, int status)
{
	struct answer a =
		world_ask(&s->w, &(struct ask){.method = "GET", .path = path, .bearer = s->anna});

	if (a.status != status)
		fail_msg("%s: %d instead of %d: %.400s", path, a.status, status, a.text);
	if (status == 200 && contains(a.text, SECRET))
		fail_msg("%s shows what is not hers: %.400s", path, a.text);
	return a.json;
}

/* The same answer as for something that does not exist, but for its name. */
static void as_if_not_there(struct stage *s, const char *method, const char *there,
	const char *not_there, const char *body)
{
	struct answer a = world_ask(&s->w,
		&(struct ask){.method = method, .path = there, .bearer = s->anna, .body = body});
	struct answer b = world_ask(&s->w,
		&(struct ask){
			.method = method, .path = not_there, .bearer = s->anna, .body = body});

	assert_int_equal(a.status, 404);
	assert_int_equal(b.status, 404);
	assert_string_equal(text_of(a.json, "title"), text_of(b.json, "title"));
	assert_string_equal(text_of(a.json, "field"), text_of(b.json, "field"));
	assert_int_equal(json_len(a.json), json_len(b.json));
}

static void machines(void **state)
{
	struct stage *s = *state;
	struct json *j = asked(s, "/api/v1/machines", 200);

	assert_int_equal(json_len(json_get(j, "machines")), 2);
	assert_int_equal(
		json_len(json_get(asked(s, "/api/v1/machines?query=site:beta", 200), "machines")),
		0);
	assert_int_equal(
		json_len(json_get(
			asked(s, "/api/v1/machines?query=site:beta%20or%20*", 200), "machines")),
		2);
	assert_int_equal(json_len(json_get(asked(s, "/api/v1/machines?query=not%20site:alpha", 200),
				 "machines")),
		0);
	assert_int_equal(int_of(asked(s, "/api/v1/machines/count", 200), "count"), 2);
	assert_int_equal(int_of(asked(s, "/api/v1/machines/count?query=" SECRET, 200), "count"), 0);
	j = asked(s, "/api/v1/machines/facets?field=him.site", 200);
	assert_int_equal(json_len(json_get(j, "facets")), 1);
	asked(s, "/api/v1/machines/facets?field=name", 200);
	assert_string_equal(text_of(asked(s, "/api/v1/machines/twin", 200), "id"),
		"01machcccccccccccccccccccc"); /* not ambiguous to her */
	as_if_not_there(s, "GET", "/api/v1/machines/" SECRET, "/api/v1/machines/nobody", NULL);
	as_if_not_there(s, "GET", "/api/v1/machines/01machbbbbbbbbbbbbbbbbbbbb",
		"/api/v1/machines/01machqqqqqqqqqqqqqqqqqqqq", NULL);
	as_if_not_there(s, "GET", "/api/v1/machines/01machbb", "/api/v1/machines/01machqq", NULL);
	as_if_not_there(s, "GET", "/api/v1/machines/01agentbbbbbbbbbbbbbbbbbbb",
		"/api/v1/machines/01agentqqqqqqqqqqqqqqqqqqq", NULL);
	as_if_not_there(s, "POST", "/api/v1/machines/" SECRET "/rename",
		"/api/v1/machines/nobody/rename", "{\"name\":\"x\"}");
	as_if_not_there(s, "POST", "/api/v1/machines/" SECRET "/refresh",
		"/api/v1/machines/nobody/refresh", "");
}

static void actions(void **state)
{
	struct stage *s = *state;
	struct world *w = &s->w;
	struct json *j = asked(s, "/api/v1/actions", 200);
	const char *path = arena_printf(w->arena, "/api/v1/actions/%s", s->both);

	assert_int_equal(json_len(json_get(j, "actions")), 1);
	assert_int_equal(int_of(json_at(json_get(j, "actions"), 0), "targets"), 2);
	j = asked(s, path, 200);
	assert_int_equal(int_of(j, "targets"), 2);
	assert_int_equal(int_of(j, "done"), 1);
	assert_int_equal(int_of(j, "failed"), 0);
	assert_int_equal(int_of(j, "waiting"), 1);
	j = asked(s, arena_printf(w->arena, "%s/results", path), 200);
	assert_int_equal(json_len(json_get(j, "results")), 2);
	assert_int_equal(
		json_len(json_get(
			asked(s, arena_printf(w->arena, "%s/results?state=failed", path), 200),
			"results")),
		0);
	as_if_not_there(s, "GET", arena_printf(w->arena, "%s/results/%s", path, s->theirs),
		arena_printf(w->arena, "%s/results/01machqqqqqqqqqqqqqqqqqqqq", path), NULL);
	as_if_not_there(s, "GET",
		arena_printf(w->arena, "%s/results/%s/attachments/stdout", path, s->theirs),
		arena_printf(
			w->arena, "%s/results/01machqqqqqqqqqqqqqqqqqqqq/attachments/stdout", path),
		NULL);
	as_if_not_there(s, "GET", arena_printf(w->arena, "/api/v1/actions/%s", s->their_action),
		"/api/v1/actions/01hzy3m9ecv4k7p0s8b2nq5xwt", NULL);
	as_if_not_there(s, "GET",
		arena_printf(w->arena, "/api/v1/actions/%s/results", s->their_action),
		"/api/v1/actions/01hzy3m9ecv4k7p0s8b2nq5xwt/results", NULL);
	as_if_not_there(s, "POST",
		arena_printf(w->arena, "/api/v1/actions/%s/cancel", s->their_action),
		"/api/v1/actions/01hzy3m9ecv4k7p0s8b2nq5xwt/cancel", "");
	user_ask(w, s->anna, "POST", arena_printf(w->arena, "%s/cancel", path), "",
		403); /* it reaches machines that are not hers */
}

/* What she runs reaches her machines only, whatever she asks for. */
static void orders(void **state)
{
	struct stage *s = *state;
	struct json *j = user_ask(&s->w, s->anna, "POST", "/api/v1/actions",
		"{\"query\":\"* or site:beta\",\"command\":[\"id\"]}", 201);

	assert_int_equal(int_of(j, "targets"), 2);
	j = user_ask(&s->w, s->anna, "POST", "/api/v1/actions",
		"{\"query\":\"*\",\"command\":[\"id\"],\"dry_run\":true}", 200);
	assert_int_equal(int_of(j, "count"), 2);
	user_ask(&s->w, s->anna, "POST", "/api/v1/actions",
		"{\"query\":\"" SECRET "\",\"command\":[\"id\"]}", 400);
}

static void events(void **state)
{
	struct stage *s = *state;
	struct json *j = json_get(asked(s, "/api/v1/events", 200), "events");

	for (size_t i = 0; i < json_len(j); i++) {
		const struct json *x = json_at(j, i);
		assert_string_not_equal(text_of(x, "him.site"), "beta");
		assert_string_not_equal(text_of(x, "action"), s->their_action);
	}
	assert_true(json_len(j) > 0); /* of the action that is hers too */
	assert_int_equal(json_len(json_get(
				 asked(s, "/api/v1/events?machine=01machbbbbbbbbbbbbbbbbbbbb", 200),
				 "events")),
		0);
	assert_int_equal(
		json_len(json_get(asked(s,
					  arena_printf(s->w.arena, "/api/v1/events?action=%s",
						  s->their_action),
					  200),
			"events")),
		0);
}

struct live {
	const char *action;
};

static void tell(struct server *srv, void *ctx)
{
	static const char hers[] =
		"{\"name\":\"stdout\",\"offset\":0,\"data\":\"b3Vycw==\"}"; /* ours */
	static const char not_hers[] =
		"{\"name\":\"stdout\",\"offset\":0,\"data\":\"dGFjZXQ=\"}"; /* tacet */
	struct stage *s = ctx;

	api_live(srv->api, s->both, world_agent(&s->w, 'b'), not_hers, strlen(not_hers));
	api_live(srv->api, s->both, world_agent(&s->w, 'd'), not_hers, strlen(not_hers));
	api_live(srv->api, s->both, world_agent(&s->w, 'a'), hers, strlen(hers));
}

static void meanwhile(struct world *w, void *ctx)
{
	world_in_loop(w, tell, ctx);
}

static void streams(void **state)
{
	struct stage *s = *state;
	struct answer a;

	a = world_ask(&s->w,
		&(struct ask){.method = "GET",
			.path = "/api/v1/events/stream?after=0",
			.bearer = s->anna,
			.events = 1});
	assert_false(contains(a.text, SECRET));
	/* the first of them is an event that is there, so that her scope is known when live output comes */
	a = world_ask(&s->w,
		&(struct ask){.method = "GET",
			.bearer = s->anna,
			.events = 2,
			.meanwhile = meanwhile,
			.ctx = s,
			.path = arena_printf(
				s->w.arena, "/api/v1/events/stream?after=0&action=%s", s->both)});
	assert_true(contains(a.text, "event: output"));
	assert_true(contains(a.text, "\"text\":\"ours\""));
	assert_false(contains(a.text, SECRET));
}

static void the_rest(void **state)
{
	struct stage *s = *state;
	const char *admin = world_user(&s->w, "arne", "alpha", "administrator");
	struct json *j;

	assert_int_equal(json_len(json_get(asked(s, "/api/v1/relays", 200), "relays")), 0);
	assert_true(contains(text_of(asked(s, "/api/v1/me", 200), "name"), "anna"));
	j = json_get(asked(s, "/api/v1/status", 200), "parts");
	for (size_t i = 0; i < json_len(j); i++)
		if (strcmp(text_of(json_at(j, i), "name"), "machines") == 0)
			assert_true(contains(
				text_of(json_at(j, i), "text"), "2 known, 0 of them offline"));
	j = user_ask(&s->w, admin, "GET", "/api/v1/tokens", NULL, 200);
	assert_int_equal(json_len(json_get(j, "tokens")), 0);
	j = owner_get(&s->w, "/api/v1/tokens", 200);
	user_ask(&s->w, admin, "POST",
		arena_printf(s->w.arena, "/api/v1/tokens/%s/revoke",
			text_of(json_at(json_get(j, "tokens"), 0), "id")),
		"", 404);
	user_ask(&s->w, admin, "POST", "/api/v1/machines/" SECRET "/revoke", "", 404);
	user_ask(&s->w, admin, "DELETE", "/api/v1/machines/" SECRET, NULL, 404);
	user_ask(&s->w, admin, "GET", "/metrics", NULL, 403);
}

static void pages(void **state)
{
	struct stage *s = *state;

	asked(s, "/", 200);
	asked(s, "/actions", 200);
	asked(s, arena_printf(s->w.arena, "/actions/%s", s->both), 200);
	asked(s, arena_printf(s->w.arena, "/actions/%s/%s", s->both, world_agent(&s->w, 'b')), 404);
	asked(s, arena_printf(s->w.arena, "/actions/%s", s->their_action), 404);
	asked(s, "/machines/" SECRET, 404);
}

/* ---- what runs on what ---- */

static void hosts_and_guests(struct stage *s)
{
	struct world *w = &s->w;

	world_machine(w, 'm', "our-host", "alpha", "online");
	world_machine(w, 'n', "our-guest", "alpha", "online");
	world_machine(w, 'p', "tacet-guest", "beta", "online");
	world_machine(w, 'q', "tacet-host", "beta", "online");
	world_machine(w, 'r', "lodger", "alpha", "online");
	world_reports(w, 'm', "np");
	world_reports(w, 'q', "r");
	for (const char *at = "npr"; *at; at++) {
		world_reports(w, *at, NULL);
		owner_post(w,
			arena_printf(w->arena, "/api/v1/machines/%s/host",
				*at == 'n'           ? "our-guest"
					: *at == 'p' ? "tacet-guest"
						     : "lodger"),
			"{\"host\":false}", 200);
	}
	owner_post(w, "/api/v1/machines/our-host/host", "{\"host\":true}", 200);
	owner_post(w, "/api/v1/machines/tacet-host/host", "{\"host\":true}", 200);
}

static const struct json *in_tree(const struct json *tree, const char *name)
{
	const struct json *list = json_get(tree, "machines");

	for (size_t i = 0; i < json_len(list); i++)
		if (strcmp(text_of(json_at(list, i), "name"), name) == 0)
			return json_at(list, i);
	return NULL;
}

static void what_runs_on_what(void **state)
{
	struct stage *s = *state;
	struct world *w = &s->w;
	struct json *j;

	hosts_and_guests(s);
	/* A host of ours: how many more, but not which. */
	j = user_ask(w, s->anna, "GET", "/api/v1/tree", NULL, 200);
	assert_non_null(in_tree(j, "our-guest"));
	assert_null(in_tree(j, "tacet-guest"));
	assert_null(in_tree(j, "tacet-host"));
	assert_int_equal(int_of(in_tree(j, "our-host"), "hidden_guests"), 1);
	/* A guest of ours on a host of theirs: that it runs somewhere is not told. */
	assert_int_equal(json_len(json_get(in_tree(j, "lodger"), "runs_on")), 0);
	j = user_ask(w, s->anna, "GET", "/api/v1/machines/lodger", NULL, 200);
	assert_string_equal(text_of(j, "him.host"), "");
	assert_int_equal(json_len(json_get(j, "runs_on")), 0);
	j = user_ask(w, s->anna, "GET", "/api/v1/machines?query=host:tacet*", NULL, 200);
	assert_int_equal(json_len(json_get(j, "machines")), 0);
	j = user_ask(w, s->anna, "GET", "/api/v1/machines?query=host:*", NULL, 200);
	assert_int_equal(json_len(json_get(j, "machines")), 1);
	user_ask(w, s->anna, "GET", "/api/v1/machines/facets?field=him.host", NULL, 403);
	user_ask(w, s->anna, "GET", "/api/v1/machines?sort=-him.host", NULL, 403);
	/* What stops is counted whole, and named as far as it is ours. */
	j = user_ask(w, s->anna, "GET", "/api/v1/machines/our-host/impact", NULL, 200);
	assert_int_equal(int_of(j, "stops"), 2);
	assert_int_equal(int_of(j, "hidden"), 1);
	assert_int_equal(json_len(json_get(j, "guests")), 1);
	user_ask(w, s->anna, "GET", "/api/v1/machines/tacet-host/impact", NULL, 404);
	j = user_ask(w, s->anna, "POST", "/api/v1/actions",
		"{\"query\":\"our-host\",\"power\":\"off\"}", 409);
	assert_int_equal(int_of(json_get(j, "impact"), "stops"), 2);
	/* It moves to ours: from where is theirs. */
	world_reports(w, 'q', "");
	world_reports(w, 'm', "npr");
	owner_post(w, "/api/v1/machines/tacet-host/host", "{\"host\":true}", 200);
	owner_post(w, "/api/v1/machines/our-host/host", "{\"host\":true}", 200);
	j = user_ask(w, s->anna, "GET", "/api/v1/moves", NULL, 200);
	assert_string_equal(text_of(json_at(json_get(j, "moves"), 0), "machine_name"), "lodger");
	assert_string_equal(text_of(json_at(json_get(j, "moves"), 0), "from_name"), "");
	assert_string_equal(text_of(json_at(json_get(j, "moves"), 0), "to_name"), "our-host");
	j = user_ask(w, s->anna, "GET", "/api/v1/events?kind=machine.moved", NULL, 200);
	assert_string_equal(text_of(json_at(json_get(j, "events"), 0), "text"),
		"lodger moved from a host of another site to our-host");
	/* Whose word it is stays theirs. */
	j = user_ask(w, s->anna, "GET", "/api/v1/machines/lodger/why", NULL, 200);
	assert_int_equal(json_len(json_get(j, "sightings")), 2); /* not the one of tacet-host */
	assert_int_equal(json_len(json_get(j, "runs_on")), 1);
	user_ask(w, s->anna, "GET", "/api/v1/machines/lodger/why?other=tacet-host", NULL, 404);
	user_ask(w, s->anna, "POST", "/api/v1/machines/lodger/merge", "{\"with\":\"our-guest\"}",
		403);
	user_ask(w, s->anna, "POST", "/api/v1/sites/beta/hosts", "{\"automatic\":true}", 403);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(machines),
		cmocka_unit_test(actions),
		cmocka_unit_test(events),
		cmocka_unit_test(streams),
		cmocka_unit_test(the_rest),
		cmocka_unit_test(pages),
		cmocka_unit_test(orders),
		cmocka_unit_test(what_runs_on_what),
	};

	return cmocka_run_group_tests(tests, up, down);
}
