/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls: routing, who it is, running the handler in a store thread, sending the answer.
 *
 * Who it is is found in the same job that does the work (a session is a row), so no state of a login lives outside the
 * database. The scope is made of the grants that are at least the route's role; what a handler reads, it reads inside it.
 */
#include "server/api.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "model/model.h"
#include "server/api_internal.h"
#include "server/dispatch.h"
#include "store/store_people.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define COOKIE "him_session"
#define BODY_MAX (1u << 20)

static const char *const role_words[] = {"none", "viewer", "operator", "administrator"};

const char *role_word(enum role r)
{
	return role_words[r];
}

int role_parse(const char *word, enum role *out)
{
	for (int i = ROLE_VIEWER; i <= ROLE_ADMINISTRATOR; i++)
		if (strcmp(role_words[i], word) == 0) {
			*out = (enum role)i;
			return 0;
		}
	return -1;
}

static const struct route *const tables[] = {routes_machines, routes_actions, routes_people, routes_trust, routes_status,
	routes_events, routes_page};

/* ---- what handlers use ---- */

const char *call_query(const struct call *c, const char *name)
{
	return c->req ? http_query(c->req, name) : NULL;
}

int call_limit(const struct call *c, int max, int *limit, struct err *e)
{
	const char *text = call_query(c, "limit");
	int64_t v = max < 100 ? max : 100;

	if (text && text_int(text, "limit", 1, max, &v, e) < 0)
		return -1;
	*limit = (int)v;
	return 0;
}

int call_where(struct call *c, const char *query, struct target_sql *out, struct err *e)
{
	struct target_scope scope = {c->scope.all, c->scope.sites, c->scope.n};
	const struct target_query *q = NULL;

	if (query && *query && target_parse(query, c->arena, &q, e) < 0)
		return -1;
	target_sql(q, &scope, c->now_ms, c->arena, out);
	return 0;
}

int call_audit(struct call *c, struct db *db, const char *what, const char *object, struct json *detail)
{
	struct audit_entry x = {.who = c->who, .from = c->from, .what = what, .object = object, .now_ms = c->now_ms};
	struct buf b;
	int rc;

	buf_init(&b, BODY_MAX);
	if (detail && json_print(detail, &b) == 0)
		x.detail = buf_str(&b);
	rc = audit_add(db, &x, &c->job.err);
	buf_release(&b);
	json_free(detail);
	return rc;
}

int call_body(struct call *c, const char *const *keys)
{
	if (!c->body)
		return err_set(&c->job.err, ERR_INVALID, "a JSON body is needed");
	return json_only(c->body, keys, &c->job.err);
}

struct json *call_record(const struct model_record *r, const void *record, bool whole)
{
	struct json *j = json_object();

	model_json(r, record, whole, j);
	return j;
}

bool call_may(const struct call *c, enum role role, const char *site)
{
	enum role has;

	if (c->local)
		return true;
	for (size_t i = 0; i < c->grants_n; i++)
		if (role_parse(c->grants[i].role, &has) == 0 && has >= role &&
			(strcmp(c->grants[i].site, "*") == 0 || (site && strcmp(c->grants[i].site, site) == 0)))
			return true;
	return false;
}

/* ---- who it is (in a store thread) ---- */

static void scope_make(struct call *c)
{
	const char **sites = arena_alloc(c->arena, (c->grants_n + 1) * sizeof *sites);
	enum role has;

	c->scope = (struct scope){.all = c->local, .sites = sites};
	for (size_t i = 0; i < c->grants_n; i++) {
		if (role_parse(c->grants[i].role, &has) < 0 || has < c->route->role)
			continue;
		if (strcmp(c->grants[i].site, "*") == 0)
			c->scope.all = true;
		sites[c->scope.n++] = c->grants[i].site;
	}
}

static int session_find(struct call *c, struct db *db)
{
	struct session x;
	char hash[65];
	int got;

	secret_hash(c->secret, hash);
	got = session_get(db, hash, c->now_ms, c->arena, &x, &c->job.err);
	if (got < 0)
		return -1;
	if (got == 0)
		return err_set(&c->job.err, ERR_UNAUTHORIZED, "the session or token is unknown or has ended: log in again");
	if (c->by_cookie && strcmp(x.kind, "session") != 0)
		return err_set(&c->job.err, ERR_UNAUTHORIZED, "this token is not for a cookie");
	c->who = c->user = x.user;
	c->csrf = x.csrf;
	c->session = x.id;
	return grant_list(db, x.user, c->arena, &c->grants, &c->grants_n, &c->job.err);
}

static int authenticate(struct call *c, struct db *db)
{
	bool safe = c->route->method == HTTP_GET || c->route->method == HTTP_HEAD;

	if (c->local)
		c->who = arena_printf(c->arena, "local:%u", (unsigned)c->uid);
	else if (!c->secret && c->route->flags & ROUTE_PUBLIC)
		return 0;
	else if (!c->secret)
		return err_set(&c->job.err, ERR_UNAUTHORIZED, "log in first");
	else if (session_find(c, db) < 0)
		return c->route->flags & ROUTE_PUBLIC ? (c->job.err = ERR_INIT, 0) : -1;
	if (c->by_cookie && !safe && !(c->route->flags & ROUTE_PUBLIC) &&
		(!c->csrf_sent || !c->csrf || strcmp(c->csrf_sent, c->csrf) != 0))
		return err_field(&c->job.err, ERR_FORBIDDEN, "X-HIM-CSRF", "the request does not come from our own page");
	scope_make(c);
	if (c->route->role > ROLE_NONE && !c->scope.all && (c->scope.n == 0 || c->route->flags & ROUTE_EVERYWHERE))
		return err_set(&c->job.err, ERR_FORBIDDEN, "this needs the role %s%s", role_word(c->route->role),
			c->route->flags & ROUTE_EVERYWHERE ? " at every site" : "");
	return 0;
}

static int call_work(struct store_job *job, struct db *db)
{
	struct call *c = (struct call *)job;

	effects_init(&c->effects, c->arena);
	c->status = 200;
	if (authenticate(c, db) < 0)
		return -1;
	return c->route->handle ? c->route->handle(c, db) : 0;
}

/* ---- the answer (in the loop) ---- */

static void follow(struct call *c)
{
	struct server *s = c->s;

	if (c->action_made)
		dispatch_action(s, c->action_made);
	if (c->action_cancelled)
		dispatch_cancel(s, c->action_cancelled);
	if (c->revoked)
		lists_revoked(s, true);
	if (c->relays)
		lists_relays(s);
	if (c->refresh_agent)
		effect_add(&c->effects, EFFECT_FULL, c->refresh_agent, c->refresh_relay, NULL, 0);
	effects_run(s, &c->effects, "");
}

static void headers(struct call *c)
{
	http_add_header(c->req, "Cache-Control", "no-store");
	http_add_header(c->req, "X-Content-Type-Options", "nosniff");
	if (c->cookie)
		http_add_header(c->req, "Set-Cookie", c->cookie);
}

static void answer_send(struct call *c)
{
	struct buf b;

	headers(c);
	if (c->job.err.code) {
		if (c->job.err.code == ERR_UNAUTHORIZED)
			http_add_header(c->req, "WWW-Authenticate", "Bearer realm=\"him\"");
		http_reply_err(c->req, &c->job.err);
		return;
	}
	if (c->bytes || !c->json) {
		if (c->status == 303)
			http_add_header(c->req, "Location", c->location);
		if (c->route->flags & ROUTE_PAGE) {
			http_add_header(c->req, "Content-Security-Policy",
				"default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'");
			http_add_header(c->req, "Referrer-Policy", "no-referrer");
		}
		http_reply(c->req, c->status, c->bytes ? c->type : NULL, c->bytes ? c->bytes : "", c->bytes_len);
		return;
	}
	buf_init(&b, 64u << 20);
	json_print(c->json, &b);
	http_reply(c->req, c->status, "application/json", b.data, b.len);
	buf_release(&b);
}

static void call_free(struct call *c)
{
	json_free(c->json);
	json_free(c->body);
	arena_free(c->arena);
	free(c);
}

static void call_done(struct store_job *job)
{
	struct call *c = (struct call *)job;
	bool page = c->route->flags & ROUTE_PAGE;

	if (c->rate_bad && job->err.code == ERR_UNAUTHORIZED)
		rate_failed(c->api->rate, c->rate_bad, clock_mono_ms());
	else if (c->rate_ok && !job->err.code)
		rate_succeeded(c->api->rate, c->rate_ok);
	if (!job->err.code)
		follow(c);
	if (c->req) {
		http_set_on_gone(c->req, NULL, NULL);
		if (!job->err.code && c->route == &routes_events[0] && c->route->method == HTTP_GET) {
			events_stream(c); /* takes the request and what it needs of the call */
			c->req = NULL;
		} else {
			if (page && job->err.code == ERR_UNAUTHORIZED)
				page_login(c, c->rate_bad ? job->err.text : NULL);
			else if (page && job->err.code)
				page_problem(c, &job->err);
			answer_send(c);
		}
	}
	call_free(c);
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

static const struct route *find_route(struct call *c, enum http_method method, const char *path, bool *other_method)
{
	if (method == HTTP_HEAD)
		method = HTTP_GET;
	*other_method = false;
	for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
		for (const struct route *r = tables[t]; r->pattern; r++) {
			if (!matches(r->pattern, path, c->arena, c->params))
				continue;
			if (r->method == method)
				return r;
			*other_method = true;
		}
	return NULL;
}

static void credentials(struct call *c)
{
	const char *authorization = http_header(c->req, "Authorization");
	gid_t gid;
	pid_t pid;

	if (http_unix_peer(c->req, &c->uid, &gid, &pid) == 0) {
		c->local = c->uid == 0 || c->uid == c->api->owner;
		if (c->local)
			return;
	}
	if (authorization && strncasecmp(authorization, "Bearer ", 7) == 0) {
		c->secret = arena_strdup(c->arena, authorization + 7);
		return;
	}
	c->secret = http_cookie(c->req, COOKIE);
	c->by_cookie = c->secret != NULL;
	c->csrf_sent = arena_strdup(c->arena, http_header(c->req, "X-HIM-CSRF"));
}

static int body_take(struct call *c, struct err *e)
{
	const char *text = http_body(c->req, &c->text_len);

	if (c->text_len > BODY_MAX)
		return err_set(e, ERR_TOO_LARGE, "the body has %zu bytes; the limit is %u", c->text_len, BODY_MAX);
	c->text = arena_strndup(c->arena, text, c->text_len);
	if (c->route->flags & ROUTE_FORM || c->text_len == 0)
		return 0;
	c->body = json_parse(text, c->text_len, e);
	return c->body ? 0 : -1;
}

static void machine_path(struct api *api, struct http_req *req, const char *path)
{
	struct err e = ERR_INIT;

	if (strcmp(path, "/him/v1/trust") == 0 && http_method(req) == HTTP_GET)
		http_reply(req, 200, "application/json", api->s->keys.trust.data, api->s->keys.trust.len);
	else if (strcmp(path, "/him/v1/enrol") == 0 && http_method(req) == HTTP_POST)
		enrol_handle(api->s, req);
	else {
		err_set(&e, ERR_NOT_FOUND, "there is no %.200s", path);
		http_reply_err(req, &e);
	}
}

void api_handle(void *ctx, struct http_req *req)
{
	struct api *api = ctx;
	struct call *c;
	struct err e = ERR_INIT;
	const char *path = http_path(req);
	bool other;

	if (strcmp(path, "/him/v1/trust") == 0 || strcmp(path, "/him/v1/enrol") == 0) {
		machine_path(api, req, path);
		return;
	}
	c = xcalloc(1, sizeof *c);
	c->api = api;
	c->s = api->s;
	c->req = req;
	c->arena = arena_new();
	c->now_ms = clock_now_ms();
	c->from = arena_strdup(c->arena, http_remote(req));
	c->route = find_route(c, http_method(req), path, &other);
	if (!c->route)
		err_set(&e, other ? ERR_INVALID : ERR_NOT_FOUND, other ? "%.200s does not know this method" : "there is no %.200s", path);
	if (e.code || body_take(c, &e) < 0) {
		http_reply_err(req, &e);
		call_free(c);
		return;
	}
	credentials(c);
	c->job.work = call_work;
	c->job.done = call_done;
	http_set_on_gone(req, call_gone, c);
	if (c->route->flags & ROUTE_WRITE)
		store_write(api->s->store, &c->job);
	else
		store_read(api->s->store, &c->job);
}

/* ---- opening, closing ---- */

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	streams_tick(arg);
}

struct api *api_open(struct server *s, struct err *e)
{
	struct api *api = xcalloc(1, sizeof *api);
	struct timeval tick = {15, 0};
	struct stat st;

	api->s = s;
	api->rate = rate_new();
	api->owner = stat(s->conf->home, &st) == 0 ? st.st_uid : 0;
	api->tick = event_new(s->base, -1, EV_PERSIST, on_tick, api);
	event_add(api->tick, &tick);
	return api;
}

void api_stop(struct api *api)
{
	if (api)
		streams_close(api);
}

void api_close(struct api *api)
{
	if (!api)
		return;
	rate_free(api->rate);
	event_free(api->tick);
	free(api);
}
