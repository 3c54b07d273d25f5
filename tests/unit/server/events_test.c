/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event streams: nothing is lost and nothing comes twice, whatever is written while they are read; a stream resumes where it
 * was; it ends with its session; live output comes to those who asked for that action; a filter that nothing passes costs
 * nothing.
 */
#include "world.h"
#include "base/clock.h"
#include "server/api.h"
#include "store/store_event.h"
#include <stdlib.h>
#include <string.h>

#define MANY 1200

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

static void bell(struct server *s, void *ctx)
{
	api_events(s->api);
}

static void write_events(struct world *w, const char *kind, int n)
{
	struct event_row v = {.kind = kind, .site = "alpha", .text = "it happened"};
	struct err e = ERR_INIT;

	for (int i = 0; i < n; i++)
		(void)event_put(w->db, &v, &e);
}

/* Asserts that a stream holds n events and that their ids rise by one. */
static void ids_check(const char *text, int64_t first, size_t n)
{
	int64_t id = first;

	for (const char *line = text; line && *line;
		line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		if (strncmp(line, "id: ", 4) == 0)
			assert_int_equal(strtoll(line + 4, NULL, 10), id++);
	assert_int_equal(id, first + (int64_t)n);
}

static void writer(struct world *w, void *ctx)
{
	for (int i = 0; i < MANY / 10; i++) {
		write_events(w, i % 2 ? "machine.online" : "machine.offline", 10);
		world_in_loop(w, bell, NULL);
	}
}

static void nothing_lost_nothing_twice(void **state)
{
	struct world *w = *state;
	struct answer a = world_ask(w,
		&(struct ask){.method = "GET",
			.path = "/api/v1/events/stream",
			.owner = true,
			.events = MANY,
			.meanwhile = writer});

	assert_string_equal(a.type, "text/event-stream");
	ids_check(a.text, 1, MANY);
}

static void resumes(void **state)
{
	struct world *w = *state;
	struct answer a;

	write_events(w, "machine.online", 500);
	a = world_ask(w,
		&(struct ask){.method = "GET",
			.path = "/api/v1/events/stream?after=0",
			.owner = true,
			.events = 500});
	ids_check(a.text, 1, 500);
	a = world_ask(w,
		&(struct ask){.method = "GET",
			.path = "/api/v1/events/stream?after=0",
			.owner = true,
			.events = 123,
			.last_event = "377"});
	ids_check(a.text, 378, 123);
	a = world_ask(w,
		&(struct ask){.method = "GET",
			.path = "/api/v1/events/stream",
			.owner = true,
			.last_event = "x"});
	assert_int_equal(a.status, 400);
	a = world_ask(
		w, &(struct ask){.method = "HEAD", .path = "/api/v1/events/stream", .owner = true});
	assert_int_equal(a.status, 405);
}

/* More than may wait unsent: the stream paces itself by what is read. */
static void a_long_way_back(void **state)
{
	struct world *w = *state;
	struct answer a;

	world_sql(w,
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
		"INSERT INTO events (time, kind,"
		" severity, text) SELECT 1000, 'machine.online', 'info', 'a sentence that is about "
		"as long as they are' FROM n");
	a = world_ask(w,
		&(struct ask){.method = "GET",
			.path = "/api/v1/events/stream?after=0",
			.owner = true,
			.events = 20000});
	assert_true(a.len > 2u << 20);
	ids_check(a.text, 1, 20000);
}

static void filtered_writer(struct world *w, void *ctx)
{
	write_events(w, "machine.online", 400);
	write_events(w, "relay.offline", 1);
	world_in_loop(w, bell, NULL);
	write_events(w, "machine.online", 400);
	write_events(w, "relay.online", 1);
	world_in_loop(w, bell, NULL);
}

static void filtered(void **state)
{
	struct world *w = *state;
	struct answer a = world_ask(w,
		&(struct ask){.method = "GET",
			.path = "/api/v1/events/stream?kind=relay.*",
			.owner = true,
			.events = 2,
			.meanwhile = filtered_writer});

	assert_true(contains(a.text, "id: 401\nevent: relay.offline\n"));
	assert_true(contains(a.text, "id: 802\nevent: relay.online\n"));
	assert_false(contains(a.text, "machine.online"));
}

static void cut(struct world *w, void *ctx)
{
	world_sql(w, ctx);
	world_in_loop(w, bell, NULL);
}

/* It ends when the session does, without a word of what came after. */
static void ends_with_its_session(void **state)
{
	static const char *const ways[] = {
		"DELETE FROM sessions", "UPDATE users SET disabled = 1", "DELETE FROM grants"};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		const char *token =
			world_user(w, arena_printf(w->arena, "user%zu", i), "alpha", "viewer");
		struct answer a = world_ask(w,
			&(struct ask){.method = "GET",
				.path = "/api/v1/events/stream",
				.bearer = token,
				.meanwhile = cut,
				.ctx = arena_printf(w->arena,
					"%s; INSERT INTO events (kind, site, text) VALUES"
					" ('machine.online', 'alpha', 'secret')",
					ways[i])});
		assert_int_equal(a.status, 200);
		assert_false(contains(a.text, "secret"));
	}
}

static void speak(struct server *s, void *ctx)
{
	static const char text[] = "{\"name\":\"stdout\",\"offset\":7,\"data\":\"aGkK/w==\"}";

	api_live(s->api, ctx, "01agentaaaaaaaaaaaaaaaaaaa", text, strlen(text));
	api_live(s->api, "01hzy3m9ecv4k7p0s8b2nq5xwt", "01agentaaaaaaaaaaaaaaaaaaa", text,
		strlen(text));
}

static void speaker(struct world *w, void *ctx)
{
	world_in_loop(w, speak, ctx);
}

static void live_output(void **state)
{
	struct world *w = *state;
	const char *id;
	struct answer a;

	world_machine(w, 'a', "box", "alpha", "online");
	id = text_of(
		owner_post(w, "/api/v1/actions", "{\"query\":\"*\",\"command\":[\"id\"]}", 201),
		"id");
	a = world_ask(w,
		&(struct ask){.method = "GET",
			.owner = true,
			.events = 2,
			.meanwhile = speaker,
			.ctx = (void *)(uintptr_t)id,
			.path = arena_printf(
				w->arena, "/api/v1/events/stream?after=0&action=%s", id)});
	assert_true(contains(a.text, "event: output\ndata: {"));
	assert_true(contains(a.text, "\"offset\":7") &&
		contains(a.text, "\"text\":\"hi\\n\xef\xbf\xbd\"") &&
		contains(a.text, "\"name\":\"box\""));
	assert_true(contains(a.text, "event: action.made"));
}

/* Closing the server while streams are open, one of them being read, leaves nothing behind (the sanitizer says so). */
static void closes(void **state)
{
	struct world *w = *state;
	struct answer a;

	write_events(w, "machine.online", 5);
	a = world_ask(w,
		&(struct ask){.method = "GET",
			.path = "/api/v1/events/stream?after=0",
			.owner = true,
			.events = 1});
	assert_int_equal(a.status, 200);
	world_in_loop(w, bell, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_lost_nothing_twice, up, down),
		cmocka_unit_test_setup_teardown(resumes, up, down),
		cmocka_unit_test_setup_teardown(a_long_way_back, up, down),
		cmocka_unit_test_setup_teardown(filtered, up, down),
		cmocka_unit_test_setup_teardown(ends_with_its_session, up, down),
		cmocka_unit_test_setup_teardown(live_output, up, down),
		cmocka_unit_test_setup_teardown(closes, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
