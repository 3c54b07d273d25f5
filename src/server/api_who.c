/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks, and whether they may. The loop takes from the request what it shows: the peer of the Unix socket, a bearer
 * token, a cookie. A store thread then finds the session in the same job that does the work (a session is a row), so no state
 * of a login lives outside the database. The scope is made of the grants that are at least the route's role; what a
 * handler reads, it reads inside it.
 *
 * A browser sends its cookie whoever made the page. So what changes something by cookie must show the session's csrf
 * secret, and where the browser says which site the request comes from, it must be ours.
 */
#include "base/text.h"
#include "model/model.h"
#include "server/api_internal.h"
#include "store/store_people.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COOKIE "him_session"
#define FORM_COOKIE "him_form"
#define HOUR_MS 3600000

static const char *const role_words[] = {"none", "viewer", "operator", "administrator"};

const char *role_word(enum role r)
{
	return role_words[r];
}

int role_parse(const char *word, enum role *out)
{
	for (int i = ROLE_VIEWER; word && i <= ROLE_ADMINISTRATOR; i++)
		if (strcmp(role_words[i], word) == 0) {
			*out = (enum role)i;
			return 0;
		}
	return -1;
}

static bool everywhere(const char *site)
{
	return strcmp(site, "*") == 0;
}

bool call_may(const struct call *c, enum role role, const char *site)
{
	enum role has;

	if (c->local)
		return true;
	for (size_t i = 0; i < c->grants_n; i++)
		if (role_parse(c->grants[i].role, &has) == 0 && has >= role &&
			(everywhere(c->grants[i].site) ||
				(site && strcmp(c->grants[i].site, site) == 0)))
			return true;
	return false;
}

/* ---- in the loop ---- */

static bool safe(const struct call *c)
{
	return c->route->method == HTTP_GET;
}

/* "Bearer SECRET", the scheme in any case. */
static const char *bearer(struct call *c)
{
	const char *text = http_header(c->req, "Authorization");

	return text && strncasecmp(text, "Bearer ", 7) == 0 ? arena_strdup(c->arena, text + 7)
							    : NULL;
}

int who_take(struct call *c, struct err *e)
{
	const char *site = http_header(c->req, "Sec-Fetch-Site");
	gid_t gid;
	pid_t pid;

	c->last_event = arena_strdup(c->arena, http_header(c->req, "Last-Event-ID"));
	if (http_unix_peer(c->req, &c->uid, &gid, &pid) == 0)
		c->local = c->uid == 0 || c->uid == c->api->owner;
	if (c->local)
		return 0;
	c->secret = bearer(c);
	if (c->secret)
		return 0;
	if (site && !safe(c) && strcasecmp(site, "same-origin") != 0 &&
		strcasecmp(site, "none") != 0)
		return err_field(e, ERR_FORBIDDEN, "Sec-Fetch-Site",
			"the request comes from a page of another site");
	c->secret = http_cookie(c->req, COOKIE);
	c->secret = c->secret && *c->secret ? arena_strdup(c->arena, c->secret) : NULL;
	c->by_cookie = c->secret != NULL;
	c->form_cookie = arena_strdup(c->arena, http_cookie(c->req, FORM_COOKIE));
	c->csrf_sent = c->route->flags & ROUTE_FORM
		? call_form(c, "csrf")
		: arena_strdup(c->arena, http_header(c->req, "X-HIM-CSRF"));
	if (c->route->flags & ROUTE_NEARBY && !http_header(c->req, "X-Forwarded-For") &&
		!http_header(c->req, "Forwarded"))
		c->nearby = text_starts(c->from, "127.") || strcmp(c->from, "::1") == 0;
	return 0;
}

/* ---- in a store thread ---- */

static void scope_make(struct call *c)
{
	const char **sites = arena_alloc(c->arena, (c->grants_n + 1) * sizeof *sites);
	enum role has;

	c->scope = (struct scope){.all = c->local || c->nearby, .sites = sites};
	for (size_t i = 0; i < c->grants_n; i++) {
		if (role_parse(c->grants[i].role, &has) < 0 || has < c->route->role)
			continue;
		if (everywhere(c->grants[i].site))
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
		return err_set(&c->job.err, ERR_UNAUTHORIZED,
			"the session or token is unknown or has ended: log in again");
	if (c->by_cookie && strcmp(x.kind, "session") != 0)
		return err_set(&c->job.err, ERR_UNAUTHORIZED, "this token is not for a cookie");
	c->who = c->user = x.user;
	c->csrf = x.csrf;
	c->session = x.id;
	c->stale = c->now_ms - x.used >= HOUR_MS;
	return grant_list(db, x.user, c->arena, &c->grants, &c->grants_n, &c->job.err);
}

/* Who it is; nobody is nobody's fault where a route is public. */
static int identify(struct call *c, struct db *db)
{
	bool open = c->route->flags & ROUTE_PUBLIC || c->nearby;

	if (c->local) {
		c->who = arena_printf(c->arena, "local:%u", (unsigned)c->uid);
		return 0;
	}
	if (!c->secret && !open)
		return err_set(&c->job.err, ERR_UNAUTHORIZED, "log in first");
	if (!c->secret || session_find(c, db) == 0)
		return 0;
	if (!open || c->job.err.code != ERR_UNAUTHORIZED)
		return -1;
	c->job.err = ERR_INIT;
	return 0;
}

static bool same_secret(const char *a, const char *b)
{
	return a && b && *a && strlen(a) == strlen(b) && text_equal_const_time(a, b, strlen(a));
}

/* A form of nobody's carries a secret that its page also set as a cookie; everything else the session's. */
static int csrf_check(struct call *c)
{
	bool public = c->route->flags & ROUTE_PUBLIC, form = c->route->flags & ROUTE_FORM;

	if (safe(c) || c->local || (c->secret && !c->by_cookie) || (public && !form))
		return 0;
	if (same_secret(c->csrf_sent, public ? c->form_cookie : c->csrf))
		return 0;
	return err_field(&c->job.err, ERR_FORBIDDEN, form ? "csrf" : "X-HIM-CSRF",
		form ? "the form is not from this session any more: load the page again"
		     : "a change by cookie needs the session's csrf secret in the header "
		       "X-HIM-CSRF");
}

int who_check(struct call *c, struct db *db)
{
	bool all = c->route->flags & ROUTE_EVERYWHERE;

	if (identify(c, db) < 0 || csrf_check(c) < 0)
		return -1;
	scope_make(c);
	if (c->route->role > ROLE_NONE && !c->scope.all && (c->scope.n == 0 || all))
		return err_set(&c->job.err, ERR_FORBIDDEN, "this needs the role %s%s",
			role_word(c->route->role), all ? " at every site" : "");
	return 0;
}

/* ---- when a session was used ---- */

struct note_job {
	struct store_job job;
	struct arena *arena;
	char hash[65];
	int64_t now_ms;
};

static int note_work(struct store_job *job, struct db *db)
{
	struct note_job *n = (struct note_job *)job;
	struct session x;

	return session_get(db, n->hash, n->now_ms, n->arena, &x, &job->err) < 0
		? -1
		: 0; /* the writer notes it */
}

static void note_done(struct store_job *job)
{
	arena_free(((struct note_job *)job)->arena);
	free(job);
}

void who_note(struct call *c)
{
	struct note_job *n;

	if (!c->stale || !c->secret || c->api->stopped)
		return;
	n = xcalloc(1, sizeof *n);
	n->job.work = note_work;
	n->job.done = note_done;
	n->arena = arena_new();
	n->now_ms = c->now_ms;
	secret_hash(c->secret, n->hash);
	store_write(c->s->store, &n->job);
}
