/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call: one request of a person, from its head to its answer. A handler runs in a store thread, reads what the call
 * holds and fills in the answer; the loop sends it and does what follows from it.
 */
#ifndef HIM_SERVER_CALL_H
#define HIM_SERVER_CALL_H

#include "base/json.h"
#include "core/target.h"
#include "server/effect.h"
#include "server/server.h"
#include "store/row.h"

enum role { ROLE_NONE, ROLE_VIEWER, ROLE_OPERATOR, ROLE_ADMINISTRATOR };
const char *role_word(enum role r);
int role_parse(const char *word, enum role *out);

enum route_flags {
	ROUTE_WRITE = 1,      /* runs in the writer thread, in group commit */
	ROUTE_PUBLIC = 2,     /* nobody needs to be known */
	ROUTE_EVERYWHERE = 4, /* the role must be had at every site */
	ROUTE_PAGE = 8,	      /* answers HTML: without a session it shows the login form */
	ROUTE_FORM = 16,      /* the body is a form with a csrf field */
};

struct call;
struct db;

struct route {
	enum http_method method;
	const char *pattern; /* "/api/v1/machines/{}/rename" */
	enum role role;
	int flags;
	int (*handle)(struct call *c, struct db *db);
};

#define CALL_PARAMS 4

struct call {
	struct store_job job;
	struct api *api;
	struct server *s;
	struct http_req *req; /* NULL: the caller is gone */
	struct arena *arena;
	const struct route *route;
	const char *params[CALL_PARAMS];
	const char *from;	/* address */
	const char *secret;	/* of a session or API token; NULL */
	bool by_cookie;
	const char *csrf_sent;
	bool local;		/* over the Unix socket, by somebody who owns the data */
	uid_t uid;
	int64_t now_ms;
	const char *text; /* the body */
	size_t text_len;
	struct json *body; /* parsed, for routes with one; NULL when empty */
	/* who it is: filled before the handler runs */
	const char *who;
	const char *user; /* NULL for local */
	const char *csrf; /* of the session */
	const char *session;
	struct grant *grants;
	size_t grants_n;
	struct scope scope; /* sites where the route's role is had */
	/* the answer */
	int status;
	struct json *json;
	const char *type, *bytes; /* instead of json */
	size_t bytes_len;
	const char *location;	  /* for redirects */
	const char *cookie;	  /* Set-Cookie */
	struct effects effects;
	const char *action_made, *action_cancelled, *refresh_agent, *refresh_relay;
	bool revoked, relays;
	const char *rate_ok, *rate_bad; /* keys of the login limiter */
};

/* A query parameter; NULL when absent. In the loop or a handler. */
const char *call_query(const struct call *c, const char *name);
/* limit=: 1..max, default 100. */
int call_limit(const struct call *c, int max, int *limit, struct err *e);
/* The machines' condition of a query (NULL or "": all) inside the call's scope. */
int call_where(struct call *c, const char *query, struct target_sql *out, struct err *e);
/* An entry in the audit log. detail may be NULL (taken over). */
int call_audit(struct call *c, struct db *db, const char *what, const char *object, struct json *detail);
/* A body must be there and have no other members than these. */
int call_body(struct call *c, const char *const *keys);
struct json *call_record(const struct model_record *r, const void *record, bool whole);
/* Whether the role is had at that site. */
bool call_may(const struct call *c, enum role role, const char *site);

/* The tables of routes; each ends with a row whose pattern is NULL. */
extern const struct route routes_machines[], routes_actions[], routes_people[], routes_trust[], routes_status[], routes_events[],
	routes_page[];

/* api_people.c, for the page too: checks the limiter, name and password, changes it where fresh is given, makes a session. */
int login_do(struct call *c, struct db *db, const char *name, const char *password, const char *fresh, const char **secret);
int logout_do(struct call *c, struct db *db);

/* page.c: the login form, or what is wrong, as a page. */
void page_login(struct call *c, const char *problem);
void page_problem(struct call *c, const struct err *e);

/* api_events.c: the stream takes the request over. In the loop, after the caller was found allowed. */
void events_stream(struct call *c);

#endif
