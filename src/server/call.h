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
#include "server/form.h"
#include "server/server.h"
#include "store/row.h"

enum role { ROLE_NONE, ROLE_VIEWER, ROLE_OPERATOR, ROLE_ADMINISTRATOR };
const char *role_word(enum role r);
int role_parse(const char *word, enum role *out);

enum route_flags {
	ROUTE_WRITE = 1,      /* runs in the writer thread, in group commit */
	ROUTE_PUBLIC = 2,     /* nobody needs to be known */
	ROUTE_EVERYWHERE = 4, /* the role must be had at every site */
	ROUTE_PAGE = 8,       /* answers HTML: without a session it shows the login form */
	ROUTE_FORM = 16,      /* the body is a form with a csrf field */
	ROUTE_LIMITED =
		32, /* a try at a password: limited by address and user; `check` runs first, in a reader thread */
	ROUTE_STREAM = 64,   /* the request becomes a stream of events */
	ROUTE_FIGURES = 128, /* reads what the loop knows: call.figures */
	ROUTE_NEARBY = 256,  /* nobody needs to be known on this machine's own addresses */
};

struct call;
struct db;

struct route {
	enum http_method method;
	const char *pattern; /* "/api/v1/machines/{}/rename" */
	enum role role;
	int flags;
	int (*handle)(struct call *c, struct db *db);
	const char *query; /* names of its parameters, with blanks between */
	int (*check)(struct call *c, struct db *db);
};

/* Copies of what only the loop may read. */
struct figures {
	struct server_counts counts;
	struct hub_counts hub;
	struct http_counts people, machines;
	int64_t cert_until_ms, streams;
};

#define CALL_PARAMS 4

struct call {
	struct store_job job;
	struct api *api;
	struct server *s;
	struct http_req *req; /* NULL: the caller is gone. In the loop only */
	struct arena *arena;
	const struct route *route;
	const char *params[CALL_PARAMS];
	const char *path, *from; /* from: address */
	const char *secret;      /* of a session or API token; NULL */
	bool by_cookie;
	const char *csrf_sent, *form_cookie, *last_event;
	bool local;  /* over the Unix socket, by somebody who owns the data */
	bool nearby; /* of a ROUTE_NEARBY: from this machine */
	uid_t uid;
	int64_t now_ms;
	struct form query, form; /* form: the body of a ROUTE_FORM */
	struct json *body;       /* parsed, for routes with one; NULL when empty */
	struct figures *figures;
	/* who it is: filled before the handler runs */
	const char *who;
	const char *user; /* NULL for local */
	const char *csrf; /* of the session */
	const char *session;
	bool stale; /* it was not noted for an hour that the session is used */
	struct grant *grants;
	size_t grants_n;
	struct scope scope; /* sites where the route's role is had */
	/* the answer */
	int status;
	struct json *json; /* printed into `out` where the handler ran */
	struct buf out; /* or filled by the handler, with its type; over its ceiling is an error */
	const char *type;
	const char *file;     /* the body is this file */
	struct json *impact;  /* goes into the problem: what would stop */
	const char *location; /* for redirects */
	const char *cookie;   /* Set-Cookie */
	int64_t stream_after; /* of a ROUTE_STREAM: where it begins */
	/* what follows the commit, in the loop */
	struct effects effects;
	const char *action_made, *action_cancelled, *refresh_agent, *refresh_relay, *refresh_mac;
	bool revoked, relays, providers, first_password_used;
	/* a try at a password */
	const char *limit_address, *limit_user; /* keys that were charged */
	const char *checked;                    /* the stored password that `check` found right */
	bool wrong;                             /* it was none */
};

/* ---- call.c: for handlers ---- */

/* A query parameter, a field of the form; NULL when absent. */
const char *call_query(const struct call *c, const char *name);
const char *call_form(const struct call *c, const char *name);
/* name=0 or 1; false when absent. */
int call_flag(struct call *c, const char *name, bool *out);
/* limit=: 1..max, default 100. */
int call_limit(struct call *c, int max, int *limit);
/* The machines' condition of a query (NULL or "": all) inside the call's scope. */
struct machines_where {
	const char *text;
	const struct param *params;
	size_t n;
};
int call_where(struct call *c, const char *query, struct machines_where *out);
/* An entry in the audit log. detail may be NULL (taken over). */
int call_audit(
	struct call *c, struct db *db, const char *what, const char *object, struct json *detail);
/* A body must be there and have no other members than these. */
int call_body(struct call *c, const char *const *keys);
struct json *call_record(const struct model_record *r, const void *record, bool whole);

/* ---- api_who.c ---- */

/* In the loop: takes what the request shows of who it is. -1: it comes from a page of somebody else. */
int who_take(struct call *c, struct err *e);
/* In a store thread: finds who it is, and whether they may. */
int who_check(struct call *c, struct db *db);
/* In the loop: notes that the session is used, where the call itself could not. */
void who_note(struct call *c);
/* Whether the role is had at that site ("*": everywhere). */
bool call_may(const struct call *c, enum role role, const char *site);

/* ---- api_answer.c: in the loop ---- */

void answer_send(struct call *c);
/* Problems before there is a call: 404, 405 with what is allowed. */
void answer_no_route(struct http_req *req, const char *path, const char *allowed);

/* ---- routes ---- */

/* The tables; each ends with a row whose pattern is NULL. */
extern const struct route routes_machines[], routes_actions[], routes_people[], routes_trust[],
	routes_status[], routes_events[], routes_page[], routes_tree[], routes_topology[],
	routes_providers[];
extern const struct route *const route_tables[]; /* ends with NULL */

/* api_people.c, for the page too. login_check finds the password right or wrong; login_do then makes the session; both read
 * the body, JSON or form. */
int login_check(struct call *c, struct db *db);
int login_do(struct call *c, struct db *db, const char **secret);
int logout_do(struct call *c, struct db *db);
int password_check(struct call *c, struct db *db); /* one's own, from a form */
int password_change(struct call *c, struct db *db);

/* api_machines.c: a page of machines, by the call's `sort` and `after`. *next: its cursor, NULL at the end. */
int machines_page(struct call *c, struct db *db, const char *query, int limit,
	struct machine **rows, size_t *n, const char **next);

/* api_machines.c: what the caller may not see of a machine that they may see: where it runs, when that lies outside their
 * sites. */
void machine_mask(const struct call *c, struct machine *m);

/* api_actions.c: an action of which the caller may see a target, its counters inside the caller's sites. */
int action_find(struct call *c, struct db *db, const char *id, struct action *x);
/* Pages by the call's `state` and `after`. */
int actions_page(struct call *c, struct db *db, int limit, struct action **rows, size_t *n,
	const char **next);
int results_page(struct call *c, struct db *db, const char *action, int limit, struct result **rows,
	size_t *n, const char **next);

/* page.c: what is wrong (c->job.err) as a page; the login form where nobody is logged in. In the loop. */
void page_problem(struct call *c);

/* api_events.c: the stream takes the request over. In the loop, after the caller was found allowed. */
void events_stream(struct call *c);

#endif
