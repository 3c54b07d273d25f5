/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every operation of the contract, in good health and in bad, against a whole server: what the API answers is recorded and
 * held against api/openapi.yaml at the end.
 */
#include "world.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/text.h"
#include "server/cursor.h"
#include "store/store_action.h"
#include "store/store_event.h"
#include "store/store_people.h"
#include <stdlib.h>
#include <string.h>

#define MACHINES 7
#define BIG ((5u << 20) + 13)

static int up(void **state)
{
	static const char *const states[] = {
		"online", "online", "late", "offline", "never", "online", "offline"};
	struct world *w = calloc(1, sizeof *w);

	world_open(w);
	for (int i = 0; i < MACHINES; i++)
		world_machine(w, (char)('a' + i), arena_printf(w->arena, "web%d", i / 2),
			i % 2 ? "beta" : "alpha", states[i]);
	world_sql(w,
		"INSERT INTO sections (agent, section, body) SELECT agent, 'nic', "
		"'{\"eth0\":{\"mtu\":1500}}' FROM machines");
	world_sql(w,
		"UPDATE machines SET memory = NULL WHERE id LIKE '%c'; UPDATE machines SET boot = "
		"1000 WHERE id LIKE '%d'");
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

/* ---- machines ---- */

static void lists(void **state)
{
	struct world *w = *state;
	struct json *j = owner_get(w, "/api/v1/machines", 200);

	assert_int_equal(json_len(json_get(j, "machines")), MACHINES);
	assert_int_equal(json_type(json_get(j, "next")), JSON_NULL);
	j = owner_get(w, "/api/v1/machines?query=state:offline&limit=1", 200);
	assert_int_equal(json_len(json_get(j, "machines")), 1);
	assert_non_null(json_str(json_get(j, "next")));
	assert_int_equal(int_of(owner_get(w, "/api/v1/machines/count", 200), "count"), MACHINES);
	assert_int_equal(
		int_of(owner_get(w, "/api/v1/machines/count?query=site:alpha", 200), "count"), 4);
	j = owner_get(w, "/api/v1/machines/facets?field=state", 200);
	assert_int_equal(json_len(json_get(j, "facets")), 4);
	assert_int_equal(int_of(json_at(json_get(j, "facets"), 0), "count"), 3);
	owner_get(w, "/api/v1/machines/facets?field=host.memory&query=web*&limit=3", 200);
	assert_int_equal(json_len(json_get(owner_get(w, "/api/v1/relays", 200), "relays")), 0);
}

/* Whatever the order, the pages hold every machine once. */
static void pages(void **state)
{
	struct world *w = *state;
	const struct model_record *r = &model_records[MODEL_machine];

	for (size_t i = 0; i < r->n; i++)
		for (int down_ = 0; down_ < 2; down_++) {
			const char *after = "", *seen = "";
			int n = 0;
			if (r->fields[i].flags & HIDDEN)
				continue;
			do {
				struct json *j = owner_get(w,
					arena_printf(w->arena,
						"/api/v1/machines?limit=2&sort=%s%s%s%s",
						down_ ? "-" : "", r->fields[i].name,
						*after ? "&after=" : "", after),
					200);
				for (size_t k = 0; k < json_len(json_get(j, "machines"));
					k++, n++) {
					const char *id =
						text_of(json_at(json_get(j, "machines"), k), "id");
					assert_false(contains(seen, id));
					seen = arena_printf(w->arena, "%s %s", seen, id);
				}
				after = text_of(j, "next");
			} while (*after && n <= MACHINES);
			if (n != MACHINES)
				fail_msg("sorted by %s%s: %d of %d", down_ ? "-" : "",
					r->fields[i].name, n, MACHINES);
		}
}

static void one(void **state)
{
	struct world *w = *state;
	struct json *j = owner_get(w, "/api/v1/machines/01machbbbbbbbbbbbbbbbbbbbb", 200);

	assert_string_equal(text_of(j, "name"), "web0");
	assert_int_equal(
		int_of(json_get(json_get(json_get(j, "sections"), "nic"), "eth0"), "mtu"), 1500);
	assert_string_equal(text_of(owner_get(w, "/api/v1/machines/web3", 200), "id"),
		"01machgggggggggggggggggggg");
	assert_string_equal(
		text_of(owner_get(w, "/api/v1/machines/01machbb", 200), "name"), "web0");
	assert_true(contains(text_of(owner_get(w, "/api/v1/machines/web0", 409), "detail"),
		"01machaaaaaaaaaaaaaaaaaaaa"));
	owner_get(w, "/api/v1/machines/nobody", 404);
	j = owner_post(w, "/api/v1/machines/web3/rename", "{\"name\":\"db 1\"}", 200);
	assert_string_equal(text_of(j, "name"), "db 1");
	owner_get(w, "/api/v1/machines/db%201", 200);
	owner_post(w, "/api/v1/machines/db%201/rename", "{\"name\":\"web3\"}", 200);
	owner_post(w, "/api/v1/machines/web3/rename", "{\"name\":\"\"}", 400);
	owner_post(w, "/api/v1/machines/web3/rename", "{\"name\":\"a\\nb\"}", 400);
	owner_post(w, "/api/v1/machines/web3/rename", "{\"nmae\":\"x\"}", 400);
	owner_post(w, "/api/v1/machines/web3/rename", "{", 400);
	owner_post(w, "/api/v1/machines/web3/rename", "[1]", 400);
	owner_post(w, "/api/v1/machines/web3/rename", NULL, 400);
	owner_post(w, "/api/v1/machines/web3/refresh", NULL, 202);
	assert_int_equal(world_int(w,
				 "SELECT COUNT(*) FROM audits WHERE what = 'machine.rename' AND "
				 "who LIKE 'local:%'"),
		2);
}

static void revoked_and_forgotten(void **state)
{
	struct world *w = *state;

	world_machine(w, 'x', "gone", "alpha", "online");
	assert_int_equal(
		world_ask(w,
			&(struct ask){
				.method = "DELETE", .path = "/api/v1/machines/gone", .owner = true})
			.status,
		409);
	owner_post(w, "/api/v1/machines/gone/revoke", NULL, 204);
	owner_post(w, "/api/v1/machines/gone/revoke", NULL, 409);
	assert_true(contains(text_of(owner_get(w, "/api/v1/machines/gone", 200), "revoked"), "T"));
	assert_int_equal(
		world_ask(w,
			&(struct ask){
				.method = "DELETE", .path = "/api/v1/machines/gone", .owner = true})
			.status,
		204);
	owner_get(w, "/api/v1/machines/gone", 404);
	assert_int_equal(world_int(w,
				 "SELECT COUNT(*) FROM audits WHERE what IN ('machine.revoke', "
				 "'machine.forget')"),
		2);
	assert_int_equal(world_int(w,
				 "SELECT COUNT(*) FROM events WHERE kind IN ('machine.revoked', "
				 "'machine.forgotten')"),
		2);
}

static void relays(void **state)
{
	struct world *w = *state;
	struct json *j;

	world_sql(w,
		"INSERT INTO agents (id, role, site) VALUES ('01relay0000000000000000000', "
		"'relay', 'alpha');"
		"INSERT INTO relays (id, name, site, state, addresses) VALUES"
		" ('01relay0000000000000000000', 'r1', 'alpha', 'online', '[\"10.0.0.1:8444\"]')");
	j = owner_get(w, "/api/v1/relays", 200);
	assert_string_equal(text_of(json_at(json_get(j, "relays"), 0), "name"), "r1");
	owner_post(w, "/api/v1/relays/01relay0000000000000000000/revoke", NULL, 204);
	owner_post(w, "/api/v1/relays/nobody/revoke", NULL, 404);
}

/* ---- topology ---- */

static void topology(void **state)
{
	struct world *w = *state;
	struct json *j;
	const char *id;

	world_machine(w, 'm', "metal", "gamma", "online");
	world_machine(w, 'n', "inside", "gamma", "online");
	world_machine(w, 'p', "alone", "gamma", "online");
	world_reports(w, 'm', "nz");
	world_reports(w, 'n', NULL);
	world_reports(w, 'p', NULL);
	owner_post(w, "/api/v1/machines/inside/host", "{\"host\":true}", 200);
	owner_post(w, "/api/v1/machines/inside/host", "{\"host\":false}", 200);
	owner_post(w, "/api/v1/machines/alone/host", "{\"host\":true}", 200);
	j = owner_post(w, "/api/v1/machines/metal/host", "{\"host\":true}", 200);
	assert_int_equal(int_of(j, "him.guests"), 2);
	owner_post(w, "/api/v1/machines/metal/host", "{\"host\":1}", 400);
	owner_post(w, "/api/v1/machines/guest-z/host", "{\"host\":true}", 409);
	j = owner_get(w, "/api/v1/tree?query=metal&by=site", 200);
	assert_int_equal(json_len(json_get(j, "machines")), 3);
	owner_get(w, "/api/v1/tree?query=inside&at=2026-01-02T03:04:05Z&by=network", 200);
	owner_get(w, "/api/v1/tree?by=cloud", 200);
	owner_get(w, "/api/v1/tree?by=color", 400);
	owner_get(w, "/api/v1/tree?at=yesterday", 400);
	j = owner_get(w, "/api/v1/machines/metal/impact", 200);
	assert_int_equal(int_of(j, "stops"), 2);
	j = owner_get(w, "/api/v1/impact?query=site:gamma&limit=1", 200);
	assert_int_equal(int_of(j, "more"), 1);
	owner_get(w, "/api/v1/impact", 400);
	owner_get(w, "/api/v1/impact?query=nothing", 404);
	j = owner_get(w, "/api/v1/machines/inside/why", 200);
	assert_int_equal(json_len(json_get(j, "runs_on")), 1);
	assert_true(json_len(json_get(j, "sightings")) >= 2);
	owner_get(w, "/api/v1/machines/inside/why?other=metal", 200);
	owner_get(w, "/api/v1/machines/inside/why?other=nobody", 404);
	assert_int_equal(json_len(json_get(owner_get(w, "/api/v1/machines?query=host:metal", 200),
				 "machines")),
		2);
	j = owner_post(w, "/api/v1/machines/inside/split", NULL, 200);
	id = text_of(json_at(json_get(j, "decisions"), 0), "id");
	owner_get(w, "/api/v1/machines/guest-n", 200);
	owner_post(w, "/api/v1/machines/inside/split", "{\"from\":\"metal\"}", 409);
	owner_post(w, arena_printf(w->arena, "/api/v1/decisions/%s/undo", id), NULL, 200);
	owner_post(w, arena_printf(w->arena, "/api/v1/decisions/%s/undo", id), NULL, 409);
	owner_post(w, "/api/v1/decisions/nothing/undo", NULL, 404);
	owner_get(w, "/api/v1/machines/guest-n", 404);
	j = owner_post(w, "/api/v1/machines/alone/merge", "{\"with\":\"guest-z\"}", 200);
	assert_string_equal(text_of(j, "machine"), "01machpppppppppppppppppppp");
	owner_get(w, "/api/v1/machines/guest-z", 404);
	owner_post(w, "/api/v1/machines/alone/merge", "{\"with\":\"inside\"}", 409);
	owner_post(w, "/api/v1/machines/alone/merge", "{\"with\":\"alone\"}", 400);
	assert_int_equal(int_of(owner_get(w, "/api/v1/machines/alone/impact", 200), "stops"), 0);
	owner_get(w, "/api/v1/moves?query=inside&since=2026-01-02T03:04:05Z&limit=3", 200);
	owner_get(w, "/api/v1/moves?after=x", 400);
	owner_post(w, "/api/v1/sites/alpha/hosts", "{\"automatic\":true}", 200);
	owner_post(w, "/api/v1/sites/a%20b/hosts", "{\"automatic\":true}", 400);
}

static void rules_for_providers(void **state)
{
	struct world *w = *state;
	const char *viewer, *far;
	struct json *j;

	viewer = world_user(w, "vera", "*", "viewer");
	far = world_user(w, "fred", "lab", "administrator");
	j = owner_get(w, "/api/v1/providers", 200);
	assert_string_equal(text_of(j, "rules"), "");
	assert_int_equal(json_type(json_get(j, "since")), JSON_NULL);
	owner_post(w, "/api/v1/providers", "{\"rules\":\"[a]\\nhost.name = x*\\n\"}", 200);
	j = user_ask(w, viewer, "GET", "/api/v1/providers", NULL, 200);
	assert_string_equal(text_of(j, "rules"), "[a]\nhost.name = x*\n");
	assert_int_equal(json_type(json_get(j, "since")), JSON_STRING);
	/* What is wrong changes nothing, and is said with its line. */
	j = owner_post(w, "/api/v1/providers", "{\"rules\":\"[a]\\nhost.nam = x\\n\"}", 400);
	assert_non_null(strstr(text_of(j, "detail"), "rules line 2"));
	owner_post(w, "/api/v1/providers", "{}", 400);
	user_ask(w, viewer, "POST", "/api/v1/providers", "{\"rules\":\"\"}", 403);
	user_ask(w, far, "POST", "/api/v1/providers", "{\"rules\":\"\"}", 403);
	assert_string_equal(
		text_of(owner_get(w, "/api/v1/providers", 200), "rules"), "[a]\nhost.name = x*\n");
	assert_int_equal(
		world_int(w, "SELECT COUNT(*) FROM audits WHERE what = 'providers.set'"), 1);
	owner_post(w, "/api/v1/providers", "{\"rules\":\"\"}", 200);
	assert_string_equal(text_of(owner_get(w, "/api/v1/providers", 200), "rules"), "");
}

/* Nothing that stops guests is signed before somebody knows. */
static void disruptive(void **state)
{
	struct world *w = *state;
	struct json *j;
	static const char *const refused[] = {
		"{\"query\":\"metal\",\"power\":\"off\"}",
		"{\"query\":\"metal\",\"power\":\"reboot\",\"confirm\":1}",
		"{\"query\":\"site:gamma\",\"power\":\"reboot\",\"confirm\":0}",
		"{\"query\":\"metal\",\"command\":[\"true\"],\"disruptive\":true}",
	};

	for (size_t i = 0; i < 4; i++) {
		j = owner_post(w, "/api/v1/actions", refused[i], 409);
		assert_int_equal(int_of(json_get(j, "impact"), "stops"), 2);
		assert_true(contains(text_of(j, "detail"), "2 machines would stop"));
	}
	owner_post(
		w, "/api/v1/actions", "{\"query\":\"metal\",\"power\":\"on\",\"confirm\":2}", 400);
	owner_post(w, "/api/v1/actions",
		"{\"query\":\"metal\",\"power\":\"off\",\"command\":[\"id\"],\"confirm\":2}", 400);
	owner_post(w, "/api/v1/actions", "{\"query\":\"metal\",\"command\":[\"id\"],\"confirm\":2}",
		400);
	owner_post(w, "/api/v1/actions",
		"{\"query\":\"metal\",\"command\":[\"id\"],\"with_guests\":true}", 400);
	j = owner_post(w, "/api/v1/actions",
		"{\"query\":\"metal\",\"power\":\"reboot\",\"confirm\":2,\"with_guests\":true}",
		201);
	assert_string_equal(text_of(j, "kind"), "reboot");
	owner_post(w, "/api/v1/actions", "{\"query\":\"inside\",\"power\":\"off\"}", 201);
	owner_post(w, "/api/v1/actions",
		"{\"query\":\"metal\",\"command\":[\"id\"],\"disruptive\":true,\"confirm\":2}",
		201);
}

/* ---- actions ---- */

static const char *order(struct world *w, const char *members)
{
	return arena_printf(
		w->arena, "{\"query\":\"site:alpha\",\"command\":[\"id\",\"-u\"]%s}", members);
}

static void answered(
	struct world *w, const char *action, char mark, const char *state, const char *output)
{
	struct result r = {.action = action,
		.agent = world_agent(w, mark),
		.state = state,
		.exit_code = 0,
		.updated = clock_now_ms(),
		.stdout_ = {output, strlen(output)},
		.stdout_bytes = (int64_t)strlen(output),
		.limits = "{\"cpu\":\"cgroup2\"}"};
	struct err e = ERR_INIT;
	bool ended;

	if (action_final(w->db, &r, &ended, &e) < 0)
		fail_msg("%s", e.text);
}

static void ordered(void **state)
{
	struct world *w = *state;
	struct json *j = owner_post(w, "/api/v1/actions", order(w, ""), 201);
	const char *id = text_of(j, "id"), *path;

	assert_int_equal(int_of(j, "targets"), 4);
	assert_int_equal(int_of(j, "waiting"), 4);
	assert_string_equal(text_of(j, "state"), "open");
	assert_int_equal(
		int_of(owner_post(w, "/api/v1/actions", order(w, ",\"dry_run\":true"), 200),
			"count"),
		4);
	answered(w, id, 'a', "done", "uid\xff");
	answered(w, id, 'c', "failed", "");
	path = arena_printf(w->arena, "/api/v1/actions/%s", id);
	assert_int_equal(int_of(owner_get(w, path, 200), "done"), 1);
	j = owner_get(w, arena_printf(w->arena, "%s/results?state=done&output=1", path), 200);
	assert_string_equal(
		text_of(json_at(json_get(j, "results"), 0), "stdout_base64"), "dWlk/w==");
	j = owner_get(w, arena_printf(w->arena, "%s/results?limit=3", path), 200);
	assert_int_equal(json_len(json_get(j, "results")), 3);
	j = owner_get(w,
		arena_printf(w->arena, "%s/results?limit=3&after=%s", path, text_of(j, "next")),
		200);
	assert_int_equal(json_len(json_get(j, "results")), 1);
	owner_get(w, arena_printf(w->arena, "%s/results/%s", path, world_agent(w, 'a')), 200);
	owner_get(w, arena_printf(w->arena, "%s/results/01machaaaaaaaaaaaaaaaaaaaa", path), 200);
	owner_get(w, arena_printf(w->arena, "%s/results/nobody", path), 404);
	owner_get(w, arena_printf(w->arena, "%s/results?state=dnoe", path), 400);
	owner_get(w, arena_printf(w->arena, "%s/results?output=yes", path), 400);
	assert_int_equal(
		json_len(json_get(owner_get(w, "/api/v1/machines/01machaaaaaaaaaaaaaaaaaaaa", 200),
			"results")),
		1);
	j = owner_post(w, arena_printf(w->arena, "%s/cancel", path), NULL, 202);
	assert_int_equal(int_of(j, "cancelled"), 2);
	assert_string_equal(text_of(j, "state"), "ended");
	owner_post(w, arena_printf(w->arena, "%s/cancel", path), NULL, 409);
	j = owner_get(w, "/api/v1/actions?state=ended&limit=1", 200);
	assert_string_equal(text_of(json_at(json_get(j, "actions"), 0), "id"), id);
}

static void attachments(void **state)
{
	struct world *w = *state;
	const char *id =
		text_of(owner_post(w, "/api/v1/actions", order(w, ",\"attach\":true"), 201), "id");
	const char *path = arena_printf(
		w->arena, "/api/v1/actions/%s/results/%s/attachments", id, world_agent(w, 'a'));
	struct attachment x = {.action = id,
		.agent = world_agent(w, 'a'),
		.name = "stdout",
		.total = 6,
		.data = {"abc", 3}};
	struct answer a;
	struct err e = ERR_INIT;

	owner_get(w, arena_printf(w->arena, "%s/stdout", path), 404);
	attachment_add(w->db, &x, &e);
	owner_get(w, arena_printf(w->arena, "%s/stdout", path), 409);
	x.offset = 3;
	x.data.data = "d\0f";
	attachment_add(w->db, &x, &e);
	a = world_ask(w,
		&(struct ask){.method = "GET",
			.path = arena_printf(w->arena, "%s/stdout", path),
			.owner = true});
	assert_int_equal(a.status, 200);
	assert_int_equal(a.len, 6);
	assert_memory_equal(a.text, "abcd\0f", 6);
	owner_get(w, arena_printf(w->arena, "%s/core", path), 404);
}

static void refused_orders(void **state)
{
	static const struct {
		const char *body, *field;
	} rows[] = {
		{"{\"command\":[\"id\"]}", "query"},
		{"{\"query\":\"\",\"command\":[\"id\"]}", "query"},
		{"{\"query\":\"nobody\",\"command\":[\"id\"]}", "query"},
		{"{\"query\":\"a:b:c(\",\"command\":[\"id\"]}", "query"},
		{"{\"query\":\"*\"}", "command"},
		{"{\"query\":\"*\",\"command\":[]}", "command"},
		{"{\"query\":\"*\",\"command\":[1]}", "command"},
		{"{\"query\":\"*\",\"command\":[\"\"]}", "command"},
		{"{\"query\":\"*\",\"command\":\"id\"}", "command"},
		{"{\"query\":\"*\",\"command\":[\"id\"],\"timeout_ms\":1}", "timeout_ms"},
		{"{\"query\":\"*\",\"command\":[\"id\"],\"deadline_ms\":99999999999}",
			"deadline_ms"},
		{"{\"query\":\"*\",\"command\":[\"id\"],\"cpu_percent\":0}", "cpu_percent"},
		{"{\"query\":\"*\",\"command\":[\"id\"],\"memory_bytes\":1}", "memory_bytes"},
		{"{\"query\":\"*\",\"command\":[\"id\"],\"env\":{\"A=B\":\"1\"}}", "env"},
		{"{\"query\":\"*\",\"command\":[\"id\"],\"env\":{\"A\":1}}", "env"},
		{"{\"query\":\"*\",\"command\":[],\"script\":\"echo\"}", "script"},
		{"{\"query\":\"*\",\"command\":[\"id\"],\"atach\":true}", "atach"},
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct json *j = owner_post(w, "/api/v1/actions", rows[i].body, 400);
		if (strcmp(text_of(j, "field"), rows[i].field) != 0)
			fail_msg("%s: the field is '%s'", rows[i].body, text_of(j, "field"));
	}
	owner_post(w, "/api/v1/actions",
		order(w, ",\"script\":null,\"env\":{\"A\":\"1\"},\"as\":\"nobody\""), 201);
	owner_post(w, "/api/v1/actions",
		"{\"query\":\"*\",\"command\":[],\"script\":\"#!/bin/sh\\nid\"}", 201);
}

/* ---- people, tokens, the rest ---- */

static void people(void **state)
{
	struct world *w = *state;
	struct json *j = owner_post(w, "/api/v1/users",
		"{\"name\":\"carol\",\"site\":\"alpha\",\"role\":\"operator\"}", 201);

	assert_true(strlen(text_of(j, "password")) >= 20);
	owner_post(w, "/api/v1/users", "{\"name\":\"carol\"}", 409);
	owner_post(w, "/api/v1/users", "{\"name\":\"a b\"}", 400);
	owner_post(w, "/api/v1/users", "{\"name\":\"dave\",\"role\":\"god\"}", 400);
	owner_post(w, "/api/v1/users", "{\"name\":\"dave\",\"site\":\"alpha\"}", 400);
	owner_post(w, "/api/v1/users/carol/grants", "{\"site\":\"*\",\"role\":\"viewer\"}", 204);
	owner_post(w, "/api/v1/users/carol/grants", "{\"site\":\"alpha\",\"role\":null}", 204);
	owner_post(w, "/api/v1/users/carol/grants", "{\"site\":\"alpha\"}", 400);
	owner_post(
		w, "/api/v1/users/nobody/grants", "{\"site\":\"alpha\",\"role\":\"viewer\"}", 404);
	j = owner_get(w, "/api/v1/users", 200);
	assert_int_equal(json_len(json_get(json_at(json_get(j, "users"), 0), "grants")), 1);
	assert_true(strlen(text_of(owner_post(w, "/api/v1/users/carol/password", NULL, 200),
			    "password")) >= 20);
	owner_post(w, "/api/v1/users/carol/password", "{\"new\":\"x\"}", 400);
	owner_post(w, "/api/v1/users/nobody/password", NULL, 404);
	owner_post(w, "/api/v1/users/carol/disable", NULL, 204);
	owner_post(w, "/api/v1/users/carol/disable", NULL, 404);
	assert_string_equal(text_of(owner_get(w, "/api/v1/me", 200), "name"), "local:0");
	owner_post(w, "/api/v1/logout", NULL, 204);
}

static void api_tokens(void **state)
{
	struct world *w = *state;
	const char *erin = world_user(w, "erin", "alpha", "viewer"), *secret;
	struct json *j =
		user_ask(w, erin, "POST", "/api/v1/api-tokens", "{\"expires_ms\":3600000}", 201);

	secret = text_of(j, "token");
	assert_string_equal(text_of(j, "kind"), "api");
	user_ask(w, secret, "GET", "/api/v1/me", NULL, 200);
	j = user_ask(w, erin, "GET", "/api/v1/api-tokens", NULL, 200);
	assert_int_equal(json_len(json_get(j, "api_tokens")), 2);
	assert_false(json_has(json_at(json_get(j, "api_tokens"), 0), "token"));
	user_ask(w, erin, "DELETE",
		arena_printf(w->arena, "/api/v1/api-tokens/%s",
			text_of(json_at(json_get(j, "api_tokens"), 1), "id")),
		NULL, 204);
	user_ask(w, erin, "DELETE", "/api/v1/api-tokens/nothing", NULL, 404);
	user_ask(w, erin, "POST", "/api/v1/api-tokens", "{\"expires_ms\":1}", 400);
	owner_post(w, "/api/v1/api-tokens", NULL, 400);
	owner_get(w, "/api/v1/api-tokens", 200);
}

static void enrolment(void **state)
{
	struct world *w = *state;
	struct json *j = owner_post(
		w, "/api/v1/tokens", "{\"site\":\"alpha\",\"uses\":3,\"role\":\"relay\"}", 201);
	char *big = arena_alloc(w->arena, BIG);
	struct answer a;

	assert_int_equal(strlen(text_of(j, "token")), 32);
	j = owner_get(w, "/api/v1/tokens", 200);
	assert_false(json_has(json_at(json_get(j, "tokens"), 0), "token"));
	owner_post(w,
		arena_printf(w->arena, "/api/v1/tokens/%s/revoke",
			text_of(json_at(json_get(j, "tokens"), 0), "id")),
		NULL, 204);
	owner_post(w, "/api/v1/tokens/nothing/revoke", NULL, 404);
	owner_post(w, "/api/v1/tokens", "{\"uses\":0}", 400);
	owner_post(w, "/api/v1/tokens", "{\"site\":\"a b\"}", 400);
	owner_post(w, "/api/v1/tokens", "{\"role\":\"king\"}", 400);
	owner_post(w, "/api/v1/enrol-line", NULL, 503);
	a = world_ask(w, &(struct ask){.method = "GET", .path = "/him/v1/file/him-agent"});
	assert_int_equal(a.status, 404);
	snprintf(w->s->agent_path, sizeof w->s->agent_path, "%s/agent", w->home);
	for (size_t i = 0; i < BIG; i++)
		big[i] = (char)(i % 251);
	assert_int_equal(file_write(w->s->agent_path, big, BIG, 0755, NULL), 0);
	j = owner_post(w, "/api/v1/enrol-line", "{\"site\":\"beta\"}", 201);
	assert_true(contains(text_of(j, "line"), "--server server.example:"));
	owner_post(w, "/api/v1/enrol-line", "{\"role\":\"relay\"}", 400);
	a = world_ask(w, &(struct ask){.method = "GET", .path = "/him/v1/file/him-agent"});
	assert_int_equal(a.status, 200);
	assert_int_equal(a.len, BIG);
	assert_memory_equal(a.text, big, BIG);
}

static void how_it_is(void **state)
{
	struct world *w = *state;
	struct json *j = owner_get(w, "/api/v1/status", 200);
	struct answer a;

	assert_string_equal(text_of(j, "overall"), "ok");
	owner_get(w, "/api/v1/version", 200);
	a = world_ask(w, &(struct ask){.method = "GET", .path = "/healthz"});
	assert_string_equal(a.text, "ok\n");
	a = world_ask(w, &(struct ask){.method = "GET", .path = "/metrics"}); /* loopback */
	assert_string_equal(a.type, "text/plain; version=0.0.4; charset=utf-8");
	assert_true(contains(a.text, "\nhim_machines{state=\"online\"} 3\n"));
	assert_true(contains(a.text, "\nhim_inbox_bytes 0\n"));
	world_sql(w, "INSERT INTO inbox (agent, upto, body) VALUES ('a', 106, '12345')");
	a = world_ask(w, &(struct ask){.method = "GET", .path = "/metrics"});
	assert_true(contains(a.text, "\nhim_inbox_bytes 6\n"));
	world_sql(w, "DELETE FROM inbox");
	a = world_ask(w, &(struct ask){.method = "GET", .path = "/api/openapi.yaml"});
	assert_int_equal(a.status, 200);
	assert_memory_equal(a.text, "openapi: 3.1.0\n", 15);
	a = world_ask(w, &(struct ask){.method = "HEAD", .path = "/api/v1/version"});
	assert_int_equal(a.status, 200);
	assert_int_equal(a.len, 0);
}

static void events(void **state)
{
	struct world *w = *state;
	struct event_row v = {
		.kind = "machine.online", .site = "alpha", .machine = "m1", .text = "hello"};
	struct json *j;

	for (int i = 0; i < 3; i++)
		assert_int_equal(event_put(w->db, &v, NULL), 0);
	j = owner_get(w, "/api/v1/events?machine=m1&limit=2", 200);
	assert_int_equal(json_len(json_get(j, "events")), 2);
	j = owner_get(w,
		arena_printf(w->arena, "/api/v1/events?machine=m1&kind=machine.*&after=%s",
			text_of(j, "next")),
		200);
	assert_int_equal(json_len(json_get(j, "events")), 1);
	j = owner_get(w, "/api/v1/events?newest=1&limit=1", 200);
	assert_string_equal(text_of(json_at(json_get(j, "events"), 0), "machine"), "m1");
	owner_get(w, "/api/v1/events?after=x", 400);
	owner_get(w, "/api/v1/events?newest=2", 400);
	world_ask(w,
		&(struct ask){.method = "GET",
			.path = "/api/v1/events/stream?after=0",
			.owner = true,
			.events = 1});
}

static void audit(void **state)
{
	struct world *w = *state;
	struct json *j = owner_get(w, "/api/v1/audit?limit=2", 200);
	struct err e = ERR_INIT;
	int64_t broken;

	assert_int_equal(json_len(json_get(j, "audit")), 2);
	owner_get(w, arena_printf(w->arena, "/api/v1/audit?after=%s", text_of(j, "next")), 200);
	owner_get(w, "/api/v1/audit?after=-1", 400);
	assert_int_equal(audit_verify(w->db, &broken, &e), 0);
	assert_int_equal(broken, 0);
}

static void nonsense(void **state)
{
	static const char *const paths[] = {"/api/v1/machines?limit=0",
		"/api/v1/machines?limit=1001", "/api/v1/machines?limit=x",
		"/api/v1/machines?sort=nothing", "/api/v1/machines?sort=route",
		"/api/v1/machines?after=00", "/api/v1/machines?query=(",
		"/api/v1/machines?query=%ff", "/api/v1/machines?query=a&query=b",
		"/api/v1/machines?stat=online", "/api/v1/machines/facets",
		"/api/v1/machines/facets?field=route", "/api/v1/machines/facets?field=notice",
		"/api/v1/actions?state=x", "/api/v1/actions?after=x", "/api/v1/me?x=1"};
	struct world *w = *state;
	struct answer a;

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		assert_true(strlen(text_of(owner_get(w, paths[i], 400), "field")) > 0);
	owner_get(w, "/api/v1/nothing", 404);
	owner_get(w, "/nothing", 404);
	a = world_ask(w, &(struct ask){.method = "PUT", .path = "/api/v1/machines", .owner = true});
	assert_int_equal(a.status, 405);
	assert_true(contains(a.headers, "Allow: GET"));
	a = world_ask(w,
		&(struct ask){.method = "POST",
			.path = "/api/v1/actions",
			.owner = true,
			.body = arena_printf(w->arena, "\"%*s\"", (1 << 20) + 10, "x")});
	assert_int_equal(a.status, 413);
	a = world_ask(w, &(struct ask){.method = "GET", .path = "/api/v1/machines"});
	assert_int_equal(a.status, 401);
	assert_true(contains(a.headers, "WWW-Authenticate: Bearer"));
}

static void login_shown(void **state)
{
	struct world *w = *state;
	struct answer a;

	world_user(w, "frank", "*", "viewer");
	a = world_ask(w,
		&(struct ask){.method = "POST",
			.path = "/api/v1/login",
			.body = "{\"user\":\"frank\",\"password\":\"correct horse battery\"}"});
	assert_int_equal(a.status, 200);
}

static void fits_the_contract(void **state)
{
	struct world *w = *state;
	const char *argv[] = {"python3", TOOLS "/check-openapi", "--every", w->record, NULL};
	struct err e = ERR_INIT;
	struct buf out;
	int code;

	buf_init(&out, 1u << 20);
	assert_int_equal(proc_run(argv, LIMIT_MS, &out, &code, &e), 0);
	if (code)
		fail_msg("%s", buf_str(&out));
	print_message("%s", buf_str(&out));
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists),
		cmocka_unit_test(pages),
		cmocka_unit_test(one),
		cmocka_unit_test(revoked_and_forgotten),
		cmocka_unit_test(how_it_is),
		cmocka_unit_test(topology),
		cmocka_unit_test(rules_for_providers),
		cmocka_unit_test(relays),
		cmocka_unit_test(disruptive),
		cmocka_unit_test(ordered),
		cmocka_unit_test(attachments),
		cmocka_unit_test(refused_orders),
		cmocka_unit_test(people),
		cmocka_unit_test(api_tokens),
		cmocka_unit_test(enrolment),
		cmocka_unit_test(events),
		cmocka_unit_test(audit),
		cmocka_unit_test(nonsense),
		cmocka_unit_test(login_shown),
		cmocka_unit_test(fits_the_contract),
	};

	return cmocka_run_group_tests(tests, up, down);
}
