/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls: routing, running the handler in a store thread, what follows from it.
 *
 * A call takes from the request all it needs while it is in the loop, because the request dies with its peer, at any time;
 * only the loop looks at call.req. Reading handlers run in a reader thread, changing ones in the writer, in group commit.
 * A try at a password is hashed in a reader first, so that nobody's guessing holds up the writer, and is counted when
 * it begins, so that many at once are no way around the limit.
 */
#include "server/api.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/api_internal.h"
#include "server/dispatch.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BODY_MAX (1u << 20)
#define ANSWER_MAX (64u << 20)
#define QUERY_MAX 16384
#define TICK_S 15
#define HASHING_MAX 4 /* 64 MiB each */
#define ADDRESS_TRIES 10
#define ADDRESS_WAIT_MS 300000
#define USER_TRIES 5
#define USER_WAIT_MS 60000 /* short: somebody else may be the one who is guessing */

const struct route *const route_tables[] = {routes_machines, routes_actions, routes_people,
	routes_tree, routes_topology, routes_providers, routes_trust, routes_status, routes_events,
	routes_page, NULL};

/* ---- in a store thread ---- */

static int answer_print(struct call *c)
{
	if (c->json) {
		c->type = "application/json";
		json_print(c->json, &c->out);
	}
	if (c->out.full)
		return err_field(&c->job.err, ERR_TOO_LARGE, "limit",
			"the answer is over %u MiB: ask for fewer at a time", ANSWER_MAX >> 20);
	return 0;
}

static int call_work(struct store_job *job, struct db *db)
{
	struct call *c = (struct call *)job;

	effects_init(&c->effects, c->arena);
	c->status = 200;
	return who_check(c, db) < 0 || c->route->handle(c, db) < 0 ? -1 : answer_print(c);
}

static int check_work(struct store_job *job, struct db *db)
{
	struct call *c = (struct call *)job;

	return who_check(c, db) < 0 ? -1 : c->route->check(c, db);
}

/* ---- in the loop ---- */

static void follow(struct call *c)
{
	struct server *s = c->s;
	char path[1100];

	if (c->action_made)
		dispatch_action(s, c->action_made);
	if (c->action_cancelled)
		dispatch_cancel(s, c->action_cancelled);
	if (c->revoked)
		lists_revoked(s, true);
	if (c->relays)
		lists_relays(s);
	if (c->providers)
		lists_providers(s, true);
	if (c->refresh_agent)
		effect_add(&c->effects, EFFECT_FULL, c->refresh_agent, c->refresh_relay, NULL, 0)
			->mac = c->refresh_mac;
	if (c->first_password_used) { /* of no use any more */
		snprintf(path, sizeof path, "%s/server/first-password", s->conf->home);
		(void)unlink(path);
	}
	effects_run(s, &c->effects, "");
}

static void call_free(struct call *c)
{
	json_free(c->json);
	json_free(c->impact);
	json_free(c->body);
	buf_release(&c->out);
	arena_free(c->arena);
	free(c);
}

static void call_done(struct store_job *job)
{
	struct call *c = (struct call *)job;
	bool fine = !job->err.code;

	if (c->limit_address && !c->wrong)
		rate_give_back(c->api->addresses, c->limit_address);
	if (c->limit_user && c->checked)
		rate_succeeded(c->api->users, c->limit_user);
	else if (c->limit_user && !c->wrong)
		rate_give_back(c->api->users, c->limit_user);
	if (fine && !c->api->stopped)
		follow(c);
	who_note(c);
	if (c->req) {
		http_set_on_gone(c->req, NULL, NULL);
		if (fine && c->route->flags & ROUTE_STREAM)
			events_stream(c); /* takes the request, and what it needs of the call */
		else
			answer_send(c);
	}
	call_free(c);
}

static void check_done(struct store_job *job)
{
	struct call *c = (struct call *)job;

	c->api->hashing--;
	if (job->err.code || c->api->stopped) {
		call_done(job);
		return;
	}
	c->job.work = call_work;
	c->job.done = call_done;
	store_write(c->s->store, &c->job);
}

static void call_gone(void *ctx, struct http_req *req)
{
	((struct call *)ctx)->req = NULL;
}

/* ---- routing ---- */

/* Matches "/a/{}/b", filling params. */
static bool matches(const char *pattern, const char *path, struct arena *a, const char **params)
{
	size_t n = 0;

	while (*pattern && *path) {
		if (*pattern == '{') {
			size_t len = strcspn(path, "/");
			if (len == 0 || n == CALL_PARAMS)
				return false;
			params[n++] = arena_strndup(a, path, len);
			path += len;
			pattern += 2;
		} else if (*pattern++ != *path++) {
			return false;
		}
	}
	return !*pattern && !*path;
}

static const char *method_word(enum http_method m)
{
	static const char *const words[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"};

	return words[m];
}

/* NULL when there is none; *allowed then names the methods that the path knows, NULL when it is not known at all. */
static const struct route *find_route(struct call *c, const char **allowed)
{
	enum http_method method = http_method(c->req);
	bool head = method == HTTP_HEAD;

	*allowed = NULL;
	if (head)
		method = HTTP_GET;
	for (size_t t = 0; route_tables[t]; t++)
		for (const struct route *r = route_tables[t]; r->pattern; r++) {
			if (!matches(r->pattern, c->path, c->arena, c->params))
				continue;
			if (r->method == method && !(head && r->flags & ROUTE_STREAM))
				return r;
			*allowed = *allowed
				? arena_printf(c->arena, "%s, %s", *allowed, method_word(r->method))
				: method_word(r->method);
		}
	return NULL;
}

/* ---- taking a request ---- */

static int take_body(struct call *c, struct err *e)
{
	size_t len;
	const char *text = http_body(c->req, &len);

	if (len > BODY_MAX)
		return err_set(
			e, ERR_TOO_LARGE, "the body has %zu bytes; the limit is %u", len, BODY_MAX);
	if (c->route->flags & ROUTE_FORM)
		return form_parse(text, len, c->arena, &c->form, e);
	if (len == 0)
		return 0;
	if (c->route->method == HTTP_GET)
		return err_set(e, ERR_INVALID, "a %s has no body", method_word(c->route->method));
	c->body = json_parse(text, len, e);
	return c->body ? 0 : err_where(e, "the body");
}

static int take_query(struct call *c, struct err *e)
{
	const char *text = http_raw_query(c->req);
	size_t len = strlen(text);

	if (len > QUERY_MAX)
		return err_set(e, ERR_TOO_LARGE, "the query has %zu bytes; the limit is %u", len,
			QUERY_MAX);
	return form_parse(text, len, c->arena, &c->query, e) < 0
		? -1
		: form_only(&c->query, c->route->query, c->arena, e);
}

static void take_figures(struct call *c)
{
	struct server *s = c->s;

	if (!(c->route->flags & ROUTE_FIGURES))
		return;
	c->figures = arena_alloc(c->arena, sizeof *c->figures);
	c->figures->counts = s->counts;
	c->figures->cert_until_ms = s->keys.tls_not_after_ms;
	c->figures->streams = c->api->streams_n;
	if (s->hub)
		hub_counts(s->hub, &c->figures->hub);
	if (s->people)
		http_counts(s->people, &c->figures->people);
	if (s->machines)
		http_counts(s->machines, &c->figures->machines);
}

/* Counts a try at a password; given back when it was none. */
static int take_try(struct call *c, struct err *e)
{
	const char *user = c->route->flags & ROUTE_FORM ? call_form(c, "user")
							: json_str(json_get(c->body, "user"));
	int64_t now = clock_mono_ms();
	char key[RATE_KEY];

	if (!(c->route->flags & ROUTE_LIMITED) || c->local)
		return 0;
	if (c->params[0])
		user = c->params[0];
	rate_address(c->from, key);
	if (rate_check(c->api->addresses, key, now, e) < 0 ||
		(user && rate_check(c->api->users, user, now, e) < 0))
		return -1;
	if (c->api->hashing >= HASHING_MAX)
		return err_set(
			e, ERR_RATE, "too many people are logging in: try again in a second");
	c->limit_address = arena_strdup(c->arena, key);
	rate_failed(c->api->addresses, key, now);
	c->limit_user = arena_strdup(c->arena, user);
	if (user)
		rate_failed(c->api->users, user, now);
	return 0;
}

static void call_start(struct call *c)
{
	bool check = c->route->check, write = c->route->flags & ROUTE_WRITE;

	c->api->hashing += check;
	c->job.work = check ? check_work : call_work;
	c->job.done = check ? check_done : call_done;
	http_set_on_gone(c->req, call_gone, c);
	if (write && !check)
		store_write(c->s->store, &c->job);
	else
		store_read(c->s->store, &c->job);
}

/* What machines ask of this listener too. */
static bool machine_path(struct api *api, struct http_req *req)
{
	const char *path = http_path(req);

	if (strcmp(path, "/him/v1/trust") == 0 && http_method(req) == HTTP_GET)
		http_reply(req, 200, "application/json", api->s->keys.trust.data,
			api->s->keys.trust.len);
	else if (strcmp(path, "/him/v1/enrol") == 0 && http_method(req) == HTTP_POST)
		enrol_handle(api->s, req);
	else
		return false;
	return true;
}

void api_handle(void *ctx, struct http_req *req)
{
	struct api *api = ctx;
	const char *allowed;
	struct call *c;

	if (machine_path(api, req))
		return;
	c = xcalloc(1, sizeof *c);
	c->api = api;
	c->s = api->s;
	c->req = req;
	c->arena = arena_new();
	buf_init(&c->out, ANSWER_MAX);
	c->now_ms = clock_now_ms();
	c->path = arena_strdup(c->arena, http_path(req));
	c->from = arena_strdup(c->arena, http_remote(req));
	c->route = find_route(c, &allowed);
	if (!c->route) {
		answer_no_route(req, c->path, allowed);
		call_free(c);
	} else if (take_body(c, &c->job.err) < 0 || take_query(c, &c->job.err) < 0 ||
		who_take(c, &c->job.err) < 0 || take_try(c, &c->job.err) < 0) {
		answer_send(c);
		call_free(c);
	} else {
		take_figures(c);
		call_start(c);
	}
}

/* ---- opening, closing ---- */

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	streams_tick(arg);
}

struct api *api_open(struct server *s, struct err *e)
{
	struct api *api = xcalloc(1, sizeof *api);
	struct timeval tick = {TICK_S, 0};
	struct stat st;

	if (stat(s->conf->home, &st) < 0) {
		free(api);
		err_errno(e, "cannot look at %s", s->conf->home);
		return NULL;
	}
	api->s = s;
	api->owner = st.st_uid;
	api->addresses = rate_new(ADDRESS_TRIES, ADDRESS_WAIT_MS);
	api->users = rate_new(USER_TRIES, USER_WAIT_MS);
	api->tick = event_new(s->base, -1, EV_PERSIST, on_tick, api);
	event_add(api->tick, &tick);
	return api;
}

void api_stop(struct api *api)
{
	if (!api || api->stopped)
		return;
	api->stopped = true;
	streams_close(api);
	event_free(api->tick);
}

void api_close(struct api *api)
{
	if (!api)
		return;
	api_stop(api);
	rate_free(api->addresses);
	rate_free(api->users);
	free(api);
}
