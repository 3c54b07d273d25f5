/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events: lists, and streams of server-sent events. A stream reads from the database by id, woken by a bell, so nothing
 * is lost and nothing comes twice, whatever the timing; live output comes from memory, only to those who asked for that
 * action. A stream that does not read what it is sent is ended.
 */
#include "base/clock.h"
#include "base/text.h"
#include "server/api_internal.h"
#include "server/sse.h"
#include "store/store_action.h"
#include "store/store_event.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_MAX 1000
#define STREAM_PAGE 200
#define UNSENT_MAX (1u << 20)
#define UNSENT_ENOUGH (256u << 10) /* no more is read while so much waits */
#define LATER_MS 50

struct follower {
	struct api *api;
	struct http_req *req;
	struct arena *arena; /* of the filter and the session */
	struct event_filter filter;
	const char *secret; /* of its session; NULL for the owner of the data */
	bool by_cookie;
	struct arena *scope_arena; /* the scope is found anew at each reading */
	struct scope scope;
	struct event *later;
	bool reading, again, dead;
	struct follower *prev, *next;
};

/* ---- a page ---- */

static int filter_take(struct call *c, struct event_filter *f)
{
	const char *after =
		c->last_event && *c->last_event ? c->last_event : call_query(c, "after");

	*f = (struct event_filter){.kind = call_query(c, "kind"),
		.machine = call_query(c, "machine"),
		.action = call_query(c, "action")};
	return after && text_int(after, "after", 0, INT64_MAX, &f->after, &c->job.err) < 0 ? -1 : 0;
}

static int list(struct call *c, struct db *db)
{
	struct event_filter f;
	struct event_row *rows;
	struct json *array;
	bool full;
	size_t n;

	if (filter_take(c, &f) < 0 || call_limit(c, PAGE_MAX, &f.limit) < 0 ||
		call_flag(c, "newest", &f.newest) < 0 ||
		event_list(db, &f, &c->scope, c->arena, &rows, &n, &c->job.err) < 0)
		return -1;
	full = (int)n == f.limit && !f.newest;
	c->json = json_object();
	json_set(c->json, "events", array = json_array());
	for (size_t i = 0; i < n; i++)
		json_add(array, call_record(&model_records[MODEL_event_row], &rows[i], false));
	json_set_string(c->json, "next",
		full ? arena_printf(c->arena, "%lld", (long long)rows[n - 1].id) : NULL);
	return 0;
}

/* ---- streams ---- */

/* A reading: as a call that finds who it is anew, so that a session that ended, or a role that was taken away, ends here too. */
struct stream_job {
	struct store_job job;
	struct follower *stream; /* kept alive by `reading` */
	struct call who;
	struct event_filter filter;
	struct event_row *rows;
	size_t n;
	int64_t last; /* newest event of all when it was read */
};

static void stream_free(struct follower *st)
{
	if (st->prev)
		st->prev->next = st->next;
	else
		st->api->streams = st->next;
	if (st->next)
		st->next->prev = st->prev;
	st->api->streams_n--;
	event_free(st->later);
	arena_free(st->scope_arena);
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

	buf_init(&b, UNSENT_MAX);
	rc = sse_print(event, id, data, &b) < 0 ? 0 : http_stream_add(st->req, b.data, b.len);
	buf_release(&b);
	return rc;
}

static int read_work(struct store_job *job, struct db *db)
{
	struct stream_job *j = (struct stream_job *)job;

	j->who.now_ms = clock_now_ms();
	j->who.job.err = ERR_INIT;
	if (who_check(&j->who, db) < 0) {
		job->err = j->who.job.err;
		return -1;
	}
	if (event_list(db, &j->filter, &j->who.scope, j->who.arena, &j->rows, &j->n, &job->err) < 0)
		return -1;
	return event_last(db, &j->last, &job->err);
}

static void stream_read(struct follower *st);

/* The next page, when enough of this one is sent. */
static void stream_go_on(struct follower *st)
{
	struct timeval later = {0, LATER_MS * 1000};

	if (http_stream_unsent(st->req) > UNSENT_ENOUGH)
		event_add(st->later, &later);
	else
		stream_read(st);
}

static void on_later(evutil_socket_t fd, short what, void *arg)
{
	struct follower *st = arg;

	if (!st->dead && !st->reading)
		stream_go_on(st);
}

static int stream_send(struct follower *st, const struct stream_job *j)
{
	int rc = 0;

	for (size_t i = 0; i < j->n && rc == 0; i++) {
		struct json *x = call_record(&model_records[MODEL_event_row], &j->rows[i], false);
		rc = sse_add(st, j->rows[i].kind, j->rows[i].id, x);
		st->filter.after = j->rows[i].id;
		json_free(x);
	}
	/* What does not pass the filter is not looked at again. */
	if (rc == 0 && j->n < STREAM_PAGE && j->last > st->filter.after)
		st->filter.after = j->last;
	return rc;
}

static void read_done(struct store_job *job)
{
	struct stream_job *j = (struct stream_job *)job;
	struct follower *st = j->stream;

	st->reading = false;
	arena_free(st->scope_arena);
	st->scope_arena = j->who.arena;
	st->scope = j->who.scope;
	if (st->dead)
		stream_free(st);
	else if (job->err.code || stream_send(st, j) < 0)
		stream_end(
			st); /* no rights any more, no database, or too slow: it may come back with Last-Event-ID */
	else if (st->again || j->n == STREAM_PAGE)
		stream_go_on(st);
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
	j->filter = st->filter;
	j->who = (struct call){.api = st->api,
		.s = st->api->s,
		.arena = arena_new(),
		.route = &routes_events[0],
		.local = !st->secret,
		.secret = st->secret,
		.by_cookie = st->by_cookie};
	store_read(st->api->s->store, &j->job);
}

/* In a reader thread: without a place to resume from, a stream begins now. */
static int stream_check(struct call *c, struct db *db)
{
	struct event_filter f;

	if (filter_take(c, &f) < 0)
		return -1;
	c->stream_after = f.after;
	if ((c->last_event && *c->last_event) || call_query(c, "after"))
		return 0;
	return event_last(db, &c->stream_after, &c->job.err);
}

static void stream_add(struct follower *st, struct api *api)
{
	st->next = api->streams;
	if (st->next)
		st->next->prev = st;
	api->streams = st;
	api->streams_n++;
}

/* The scope of the call holds until the first reading: live output may come before that. */
static void scope_take(struct follower *st, const struct scope *from)
{
	const char **sites;

	st->scope_arena = arena_new();
	sites = arena_alloc(st->scope_arena, (from->n + 1) * sizeof *sites);
	for (size_t i = 0; i < from->n; i++)
		sites[i] = arena_strdup(st->scope_arena, from->sites[i]);
	st->scope = (struct scope){.all = from->all, .sites = sites, .n = from->n};
}

void events_stream(struct call *c)
{
	struct follower *st = xcalloc(1, sizeof *st);

	st->api = c->api;
	st->req = c->req;
	st->arena = arena_new();
	st->filter = (struct event_filter){.after = c->stream_after,
		.kind = arena_strdup(st->arena, call_query(c, "kind")),
		.machine = arena_strdup(st->arena, call_query(c, "machine")),
		.action = arena_strdup(st->arena, call_query(c, "action")),
		.limit = STREAM_PAGE};
	st->secret = c->local ? NULL : arena_strdup(st->arena, c->secret);
	st->by_cookie = c->by_cookie;
	scope_take(st, &c->scope);
	st->later = evtimer_new(c->s->base, on_later, st);
	stream_add(st, c->api);
	http_add_header(st->req, "Cache-Control", "no-store");
	http_add_header(st->req, "X-Content-Type-Options", "nosniff");
	http_set_on_gone(st->req, on_gone, st);
	http_stream_begin(st->req, 200, "text/event-stream", UNSENT_MAX);
	if (http_stream_add(st->req, ": ok\n\n", 6) == 0)
		stream_read(st);
}

void api_events(struct api *api)
{
	for (struct follower *st = api ? api->streams : NULL; st; st = st->next)
		if (!st->dead && !event_pending(st->later, EV_TIMEOUT, NULL))
			stream_read(st);
}

/* Says that it is alive, and sees that its session still is. */
void streams_tick(struct api *api)
{
	struct follower *st, *next;

	for (st = api->streams; st; st = next) {
		next = st->next;
		if (st->dead)
			continue;
		if (http_stream_add(st->req, ": still here\n\n", 14) < 0)
			stream_end(st);
		else if (!event_pending(st->later, EV_TIMEOUT, NULL))
			stream_read(st);
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
		if (!st->dead && st->filter.action && strcmp(st->filter.action, l->action) == 0 &&
			in_scope(&st->scope, l->r.site) && sse_add(st, "output", 0, x) < 0)
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
	{HTTP_GET, "/api/v1/events/stream", ROLE_VIEWER, ROUTE_STREAM, stream_check,
		"after kind machine action"},
	{HTTP_GET, "/api/v1/events", ROLE_VIEWER, 0, list,
		"after limit kind machine action newest"},
	{.pattern = NULL},
};
