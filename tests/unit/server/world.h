/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server in this process, without machines: the real database, keys, hub and API on a loop in a thread of its own, asked
 * by a real HTTP client, over its Unix socket (as the owner of the data) or over TLS on loopback (as a user, or nobody).
 * Every exchange is recorded, to be held against the contract.
 */
#ifndef HIM_TESTS_WORLD_H
#define HIM_TESTS_WORLD_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/json.h"
#include "server/server.h"
#include <pthread.h>
#include <stdio.h>

#define LIMIT_MS 30000 /* generous: a sanitized build on a busy machine */

struct owned {
	struct json *json;
	struct owned *next;
};

struct world {
	struct server *s;
	struct db *db; /* the test's own connection, for making rows */
	struct arena *arena;
	char home[64], socket[100], ca[100], record[100];
	FILE *recorder;
	pthread_t loop;
	int port;
	struct owned *answers; /* freed at the end */
};

void world_open(struct world *w);
void world_close(struct world *w); /* removes its files */

/* Who asks: the owner of the data over the Unix socket (nothing set but `owner`), or over TLS with what is set. */
struct ask {
	const char *method, *path, *body;
	bool owner, form;                   /* form: the body is a form, not JSON */
	const char *bearer, *cookie, *csrf; /* of him_session; header */
	const char *site;                   /* Sec-Fetch-Site */
	const char *form_cookie;            /* of him_form */
	const char *last_event;             /* Last-Event-ID */
	size_t events;                      /* a stream: done when so many events came */
	void (*meanwhile)(struct world *w,
		void *ctx); /* called, on another thread, once the stream is open */
	void *ctx;
};
struct answer {
	int status;
	const char *type, *location, *cookie,
		*text;       /* cookie: of Set-Cookie, the value of him_session */
	const char *headers; /* all of them */
	size_t len;
	struct json *json; /* NULL when it is not JSON; freed by world_close */
};
struct answer world_ask(struct world *w, const struct ask *q);

/* Short forms: as the owner, and as a user with an API token. Each asserts the status and returns the JSON. */
struct json *owner_get(struct world *w, const char *path, int status);
struct json *owner_post(struct world *w, const char *path, const char *body, int status);
struct json *user_ask(struct world *w, const char *bearer, const char *method, const char *path,
	const char *body, int status);

/* A machine with an agent; its id, which is `mark` repeated (one character of an id's alphabet) after its kind. */
const char *world_machine(
	struct world *w, char mark, const char *name, const char *site, const char *state);
const char *world_agent(struct world *w, char mark); /* the id of that machine's agent */
/* That machine's interface, and whom it lists: marks of its guests, NULL for none. What follows of it is looked at when somebody
 * says that it is a host, or not. */
void world_reports(struct world *w, char mark, const char *guests);
/* A user with that role at that site; returns an API token of theirs. */
const char *world_user(struct world *w, const char *name, const char *site, const char *role);
void world_sql(struct world *w, const char *sql);
int64_t world_int(struct world *w, const char *sql); /* the only column of the only row */
/* Runs fn on the loop, and waits for it. */
void world_in_loop(struct world *w, void (*fn)(struct server *s, void *ctx), void *ctx);

const char *text_of(const struct json *j, const char *key);
int64_t int_of(const struct json *j, const char *key);
bool contains(const char *text, const char *part);

#endif
