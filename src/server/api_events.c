/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events: lists, and streams of server-sent events. A stream reads from the database by id, woken by a bell, so nothing
 * is lost and nothing comes twice, whatever the timing; live output comes from memory, only to those who asked for that
 * action. A stream that does not read what it is sent is ended.
 */
#include "base/clock.h"
#include "base/text.h"
#include "server/api_internal.h"
#include "store/store_action.h"
#include "store/store_event.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_MAX 1000
#define STREAM_PAGE 200
#define UNSENT_MAX (1u << 20)

struct follower {
	struct api *api;
	struct http_req *req;
	struct arena *arena; /* of the filter and the scope */
	struct event_filter filter;
	struct scope scope;
	bool reading, again, dead;
	struct follower *prev, *next;
};

static int filter_take(struct call *c, struct event_filter *f)
{
	const char *after = http_header(c->req, "Last-Event-ID");

	if (!after)
		after = call_query(c, "after");
	*f = (struct event_filter){.kind = call_query(c, "kind"), .machine = call_query(c, "machine"),
		.action = call_query(c, "action")};
	return after && text_int(after, "after", 0, INT64_MAX, &f->after, &c->job.err) < 0 ? -1 : 0;
}

static int list(struct call *c, struct db *db)
{
	const char *newest = call_query(c, "newest");
	struct json *array = json_array();
	struct event_filter f;
	struct event_row *rows;
	size_t n;

	c->json = json_object();
	json_set(c->json, "events", array);
	if (!c->req || filter_take(c, &f) < 0 || call_limit(c, PAGE_MAX, &f.limit, &c->job.err) < 0)
		return c->req ? -1 : 0;
	f.newest = newest && strcmp(newest, "1") == 0;
	if (event_list(db, &f, &c->scope, c->arena, &rows, &n, &c->job.err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		json_add(array, call_record(&model_records[MODEL_event_row], &rows[i], false));
	json_set_string(c->json, "next", (int)n == f.limit && !f.newest ? arena_printf(c->arena, "%lld", (long long)rows[n - 1].id) : NULL);
	return 0;
}

/* ---- streams ---- */

struct stream_job {
	struct store_job job;
	struct follower *stream; /* kept alive by `reading` */
	struct arena *arena;
	struct event_row *rows;
	size_t n;
};

static void stream_free(struct follower *st)
{
	if (st->prev)
		st->prev->next = st->next;
	else
		st->api->streams = st->next;
	if (st->next)
		st->next->prev = st->prev;
	arena_free(st->arena);
	free(st);
}

static void stream_end(struct follower *st)
{
	if (st->req) {
		http_set_on_gone(st->req, NULL, NULL);
		http_stream_end(st->req);
	}
	st->req = NULL;
	st->dead = true;
	if (!st->reading)
		stream_free(st);
}

static void on_gone(void *ctx, struct http_req *req)
{
	struct follower *st = ctx;

	st->req = NULL;
	st->dead = true;
	if (!st->reading)
		stream_free(st);
}

static int sse_add(struct follower *st, const char *event, int64_t id, const struct json *data)
{
	struct buf b;
	int rc;

	buf_init(&b, 1u << 20);
	if (id)
		buf_printf(&b, "id: %lld\n", (long long)id);
	buf_printf(&b, "event: %s\ndata: ", event);
	json_print(data, &b); /* compact: never a newline */
	buf_adds(&b, "\n\n");
	rc = b.full ? 0 : http_stream_add(st->req, b.data, b.len);
	buf_release(&b);
	return rc;
}

static int read_work(struct store_job *job, struct db *db)
{
	struct stream_job *j = (struct stream_job *)job;

	return event_list(db, &j->stream->filter, &j->stream->scope, j->arena, &j->rows, &j->n, &job->err);
}

static void stream_read(struct follower *st);

static void read_done(struct store_job *job)
{
	struct stream_job *j = (struct stream_job *)job;
	struct follower *st = j->stream;
	int rc = job->err.code ? -1 : 0;

	st->reading = false;
	for (size_t i = 0; i < j->n && rc == 0 && !st->dead; i++) {
		struct json *x = call_record(&model_records[MODEL_event_row], &j->rows[i], false);
		rc = sse_add(st, j->rows[i].kind, j->rows[i].id, x);
		st->filter.after = j->rows[i].id;
		json_free(x);
	}
	if (st->dead)
		stream_free(st);
	else if (rc < 0)
		stream_end(st); /* too slow a reader, or no database: it comes back with Last-Event-ID */
	else if (st->again || j->n == STREAM_PAGE)
		stream_read(st);
	arena_free(j->arena);
	free(j);
}

static void stream_read(struct follower *st)
{
	struct stream_job *j;

	if (st->reading) {
		st->again = true;
		return;
	}
	st->reading = true;
	st->again = false;
	j = xcalloc(1, sizeof *j);
	j->job.work = read_work;
	j->job.done = read_done;
	j->stream = st;
	j->arena = arena_new();
	store_read(st->api->s->store, &j->job);
}

/* In the reader thread: without a place to resume from, a stream begins now. */
static int stream_check(struct call *c, struct db *db)
{
	struct event_filter f;
	int64_t last = 0;

	if (!c->req)
		return 0;
	if (filter_take(c, &f) < 0)
		return -1;
	if (!http_header(c->req, "Last-Event-ID") && !call_query(c, "after")) {
		if (event_last(db, &last, &c->job.err) < 0)
			return -1;
		f.after = last;
	}
	c->location = arena_printf(c->arena, "%lld", (long long)f.after);
	return 0;
}

void events_stream(struct call *c)
{
	struct follower *st = xcalloc(1, sizeof *st);
	const char **sites;

	st->api = c->api;
	st->req = c->req;
	st->arena = arena_new();
	st->filter = (struct event_filter){.after = strtoll(c->location, NULL, 10),
		.kind = arena_strdup(st->arena, call_query(c, "kind")), .machine = arena_strdup(st->arena, call_query(c, "machine")),
		.action = arena_strdup(st->arena, call_query(c, "action")), .limit = STREAM_PAGE};
	sites = arena_alloc(st->arena, (c->scope.n + 1) * sizeof *sites);
	for (size_t i = 0; i < c->scope.n; i++)
		sites[i] = arena_strdup(st->arena, c->scope.sites[i]);
	st->scope = (struct scope){c->scope.all, sites, c->scope.n};
	st->next = c->api->streams;
	if (st->next)
		st->next->prev = st;
	c->api->streams = st;
	http_add_header(st->req, "Cache-Control", "no-store");
	http_add_header(st->req, "X-Accel-Buffering", "no");
	http_set_on_gone(st->req, on_gone, st);
	http_stream_begin(st->req, 200, "text/event-stream", UNSENT_MAX);
	if (http_stream_add(st->req, ": ok\n\n", 6) == 0)
		stream_read(st);
}

void api_events(struct api *api)
{
	for (struct follower *st = api ? api->streams : NULL; st; st = st->next)
		if (!st->dead)
			stream_read(st);
}

void streams_tick(struct api *api)
{
	struct follower *st, *next;

	for (st = api->streams; st; st = next) {
		next = st->next;
		if (!st->dead && http_stream_add(st->req, ": still here\n\n", 14) < 0)
			stream_end(st);
	}
}

void streams_close(struct api *api)
{
	struct follower *st, *next;

	for (st = api->streams; st; st = next) {
		next = st->next;
		if (!st->dead)
			stream_end(st);
	}
}

/* ---- live output ---- */

struct live_job {
	struct store_job job;
	struct api *api;
	struct arena *arena;
	const char *action, *agent, *text;
	size_t len;
	struct result r;
	bool found;
};

static int live_work(struct store_job *job, struct db *db)
{
	struct live_job *l = (struct live_job *)job;
	struct scope all = {.all = true};
	int got = result_get(db, l->action, l->agent, &all, l->arena, &l->r, &job->err);

	l->found = got > 0;
	return got < 0 ? -1 : 0;
}

static bool in_scope(const struct scope *s, const char *site)
{
	bool in = s->all;

	for (size_t i = 0; i < s->n && !in; i++)
		in = site && strcmp(s->sites[i], site) == 0;
	return in;
}

static struct json *live_json(const struct live_job *l)
{
	struct json *j = json_parse(l->text, l->len, NULL), *out;
	const char *data = json_str(json_get(j, "data"));
	struct buf raw, clean;

	if (!data)
		data = "";
	buf_init(&raw, 1u << 20);
	buf_init(&clean, 4u << 20);
	text_unbase64(data, strlen(data), &raw);
	text_utf8_clean(buf_str(&raw), raw.len, &clean);
	out = json_object();
	json_set_string(out, "action", l->action);
	json_set_string(out, "machine", l->r.machine);
	json_set_string(out, "name", l->r.name);
	json_set_string(out, "stream", json_str(json_get(j, "name")));
	json_set(out, "offset", json_copy(json_get(j, "offset")));
	json_set(out, "text", json_string_len(buf_str(&clean), clean.len));
	buf_release(&raw);
	buf_release(&clean);
	json_free(j);
	return out;
}

static void live_done(struct store_job *job)
{
	struct live_job *l = (struct live_job *)job;
	struct follower *st, *next;
	struct json *x = l->found && !job->err.code ? live_json(l) : NULL;

	for (st = x ? l->api->streams : NULL; st; st = next) {
		next = st->next;
		if (!st->dead && st->filter.action && strcmp(st->filter.action, l->action) == 0 && in_scope(&st->scope, l->r.site) &&
			sse_add(st, "output", 0, x) < 0)
			stream_end(st);
	}
	json_free(x);
	arena_free(l->arena);
	free(l);
}

void api_live(struct api *api, const char *action, const char *agent, const char *json, size_t len)
{
	struct live_job *l;
	bool wanted = false;

	for (const struct follower *st = api ? api->streams : NULL; st && !wanted; st = st->next)
		wanted = !st->dead && st->filter.action && strcmp(st->filter.action, action) == 0;
	if (!wanted)
		return;
	l = xcalloc(1, sizeof *l);
	l->job.work = live_work;
	l->job.done = live_done;
	l->api = api;
	l->arena = arena_new();
	l->action = arena_strdup(l->arena, action);
	l->agent = arena_strdup(l->arena, agent);
	l->text = arena_memdup(l->arena, json, len);
	l->len = len;
	store_read(api->s->store, &l->job);
}

const struct route routes_events[] = {
	{HTTP_GET, "/api/v1/events/stream", ROLE_VIEWER, 0, stream_check},
	{HTTP_GET, "/api/v1/events", ROLE_VIEWER, 0, list},
	{.pattern = NULL},
};
