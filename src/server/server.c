/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's loop: three listeners (people, their Unix socket, machines) and a hub on one event loop, the database behind
 * it. This file is wiring: it opens everything in the order in which it depends on each other, and closes it in reverse.
 */
#include "server/server.h"
#include "server/effect.h"
#include "server/topology.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/text.h"
#include "server/api.h"
#include "server/dispatch.h"
#include "server/facts.h"
#include "server/ingest.h"
#include "server/rate.h"
#include "store/store_event.h"
#include "store/store_people.h"
#include "store/store_setting.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SESSIONS 20000
#define PEOPLE_PORT 8443
#define MACHINES_PORT 8444
#define OVERDUE_EVERY_MS 1000
#define TIME_EVERY_MS 300000
#define DAILY_MS 86400000LL
#define EVENTS_KEPT_MS (90 * DAILY_MS)
#define MAIL_MAX (1u << 30)
#define OVERDUE_MAX 2000

/* ---- the machine listener ---- */

static void serve_machines(void *ctx, struct http_req *req)
{
	struct server *s = ctx;
	struct err e = ERR_INIT;
	const char *path = http_path(req);

	if (strcmp(path, "/him/v1/exchange") == 0 && http_method(req) == HTTP_POST)
		hub_exchange(s->hub, req);
	else if (strcmp(path, "/him/v1/enrol") == 0 && http_method(req) == HTTP_POST)
		enrol_handle(s, req);
	else if (strcmp(path, "/him/v1/trust") == 0)
		http_reply(req, 200, "application/json", s->keys.trust.data, s->keys.trust.len);
	else {
		err_set(&e, ERR_NOT_FOUND, "there is no %s for machines", path);
		http_reply_err(req, &e);
	}
}

/* ---- the hub ---- */

static int on_admit(void *ctx, const struct tls_peer *peer, const char *id, enum pki_role role,
	bool *renew_only, struct err *e)
{
	struct server *s = ctx;

	if (lists_is_revoked(s, id))
		return err_set(e, ERR_FORBIDDEN, "%s %s is revoked", pki_role_word(role), id);
	/* We signed it: that it is not yet in force only shows that this clock was set back since. */
	*renew_only = clock_now_ms() > peer->not_after_ms;
	if (*renew_only)
		log_limited(LOG_WARN_, id, 3600000, "%s %s shows a certificate that has ended",
			pki_role_word(role), id);
	return 0;
}

static void on_refused(void *ctx, const struct err *e)
{
	char key[40]; /* who, and not what it made up */

	snprintf(key, sizeof key, "%.32s", e->text);
	log_limited(LOG_WARN_, key, 3600000, "refused an exchange: %s", e->text);
}

static void on_hello(void *ctx, const struct hub_hello *h)
{
	presence_hello(ctx, h);
}

static void on_take(void *ctx, const char *child, const char *frames, size_t len, uint64_t ticket)
{
	ingest_take(ctx, child, frames, len, ticket);
}

/* Progress of the server's own children; what hangs below relays is told by them. */
struct progress_job {
	struct store_job job;
	struct server *s;
	char action[ID_SIZE], agent[ID_SIZE];
	const char *state;
};

static int progress_work(struct store_job *job, struct db *db)
{
	struct progress_job *p = (struct progress_job *)job;

	return action_progress(db, p->action, p->agent, p->state, 0, clock_now_ms(), &job->err) < 0
		? -1
		: 0;
}

static void progress_done(struct store_job *job)
{
	if (job->err.code)
		log_limited(LOG_ERROR_, "progress", 60000,
			"the progress of an action is not kept: %s", job->err.text);
	free(job);
}

static void progress(struct server *s, const char *child, const char *key, const char *state)
{
	size_t give = strlen("give:");
	struct progress_job *p;

	/* give:AGENT:ACTION, and the agent is the child itself */
	if (!text_starts(key, "give:") || strlen(key) != give + 2 * ID_LEN + 1 ||
		strncmp(key + give, child, ID_LEN) != 0)
		return;
	p = xcalloc(1, sizeof *p);
	p->job.work = progress_work;
	p->job.done = progress_done;
	p->s = s;
	memcpy(p->agent, key + give, ID_LEN);
	memcpy(p->action, key + give + ID_LEN + 1, ID_LEN);
	p->state = state;
	store_write(s->store, &p->job);
}

static void on_acked(void *ctx, const char *child, const char *key, int64_t tag)
{
	progress(ctx, child, key, "fetched");
}

static void on_told(void *ctx, const char *child, const char *key, int64_t tag)
{
	progress(ctx, child, key, "notified");
}

static void on_presence(void *ctx, const struct hub_presence *p)
{
	presence_child(ctx, p);
}

static const struct hub_ops hub_ops = {
	on_admit, on_hello, on_take, on_acked, on_told, on_presence, on_refused};

/* ---- what time brings ---- */

struct overdue_job {
	struct store_job job;
	struct server *s;
	struct arena *arena;
	struct effects effects;
	size_t n;
	bool daily;
};

static int overdue_work(struct store_job *job, struct db *db)
{
	struct overdue_job *o = (struct overdue_job *)job;
	int64_t now = clock_now_ms();
	struct topology t = {db, o->arena, &o->effects, now, &job->err};

	effects_init(&o->effects, o->arena);
	if (topology_due(&t, o->daily) < 0 ||
		action_overdue(db, now, o->s->conf->grace_ms, OVERDUE_MAX, &o->n, &job->err) < 0)
		return -1;
	if (o->daily &&
		(event_prune(db, now - EVENTS_KEPT_MS, &job->err) < 0 ||
			session_prune(db, now, &job->err) < 0))
		return -1;
	return 0;
}

static void overdue_done(struct store_job *job)
{
	struct overdue_job *o = (struct overdue_job *)job;

	if (job->err.code)
		log_limited(LOG_ERROR_, "overdue", 60000, "overdue actions cannot be ended: %s",
			job->err.text);
	else if (o->n)
		api_events(o->s->api);
	if (!job->err.code)
		effects_run(o->s, &o->effects, "");
	o->s->overdue_busy = false;
	arena_free(o->arena);
	free(o);
}

static SSL_CTX *people_ctx(const struct server *s, struct err *e)
{
	struct tls_identity id = {s->keys.tls_cert, s->keys.tls_key};

	return tls_server_ctx(&id, NULL, TLS_CERT_NONE, SESSIONS, e);
}

static SSL_CTX *machines_ctx(const struct server *s, struct err *e)
{
	struct tls_identity id = {s->keys.tls_cert, s->keys.tls_key};

	return tls_server_ctx(&id, s->keys.ca_cert, TLS_CERT_REQUIRED, SESSIONS, e);
}

static void renew_own(struct server *s)
{
	struct err e = ERR_INIT;
	SSL_CTX *people, *machines;
	int got = keys_renew(&s->keys, (const char *const *)s->names, false, &e);

	if (got == 0)
		return;
	people = got > 0 ? people_ctx(s, &e) : NULL;
	machines = people ? machines_ctx(s, &e) : NULL;
	if (machines) {
		http_server_set_tls(s->people, people);
		http_server_set_tls(s->machines, machines);
	} else {
		log_limited(LOG_ERROR_, "renew", 3600000,
			"the server's certificate cannot be renewed: %s", e.text);
	}
	SSL_CTX_free(people);
	SSL_CTX_free(machines);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct server *s = arg;
	int64_t now = clock_mono_ms();
	struct overdue_job *o;

	if (!s->overdue_busy) {
		s->overdue_busy = true;
		o = xcalloc(1, sizeof *o);
		o->job.work = overdue_work;
		o->job.done = overdue_done;
		o->s = s;
		o->arena = arena_new();
		o->daily = now >= s->daily_mono;
		if (o->daily)
			s->daily_mono = now + DAILY_MS;
		store_write(s->store, &o->job);
	}
	ingest_read_again(s);
	if (now >= s->time_mono) {
		s->time_mono = now + TIME_EVERY_MS;
		lists_time(s);
		renew_own(s);
	}
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	event_base_loopbreak(arg);
}

/* Who came and went while nothing could be written was not noted. */
static void on_room(void *ctx, bool full)
{
	struct server *s = ctx;

	if (full) {
		log_error("the disk is full: nothing is taken until there is room");
		return;
	}
	log_info("there is room on the disk again");
	hub_again(s->hub);
}

/* ---- the first start ---- */

static int first(void *ctx, struct db *db, struct err *e)
{
	struct server *s = ctx;
	int64_t users, generation;
	char secret[16];
	struct buf password;
	char path[1100];
	int rc = 0;

	if (setting_int(db, "generation", &generation, e) < 0 || user_count(db, &users, e) < 0)
		return -1;
	if (generation == 0 && setting_next(db, "generation", &generation, e) < 0)
		return -1;
	snprintf(s->generation, sizeof s->generation, "%lld", (long long)generation);
	if (users > 0)
		return 0;
	buf_init(&password, 64);
	random_bytes(secret, sizeof secret);
	text_base64url(secret, sizeof secret, &password);
	snprintf(path, sizeof path, "%s/server/first-password", s->conf->home);
	/* The file before the user: a password that nobody can read is worse than a file that fits nothing. */
	if (file_write(path, password.data, password.len, 0600, e) < 0 ||
		user_create(db, "admin", password.data, true, clock_now_ms(), e) < 0 ||
		grant_set(db, "admin", "*", "administrator", e) < 0)
		rc = -1;
	else
		log_info("the first administrator is admin; the one-time password stands in %s",
			path);
	explicit_bzero(password.data ? password.data : path, password.data ? password.len : 0);
	buf_release(&password);
	return rc;
}

/* ---- opening and closing ---- */

/* The port that was set; when nobody set one, the one it had, else the usual one, else any that is free. */
static int listen_on(struct server *s, struct http_server *h, const char *name, int64_t setting,
	int usual, int *bound, struct err *e)
{
	int port = setting ? (int)setting : facts_port(s, name, usual);

	if (http_listen(h, s->conf->listen, port, bound, e) == 0)
		return 0;
	if (e->code != ERR_CONFLICT || setting)
		return -1;
	log_warn("%s: taking another", e->text);
	*e = ERR_INIT;
	return http_listen(h, s->conf->listen, 0, bound, e);
}

static int people_open(struct server *s, struct err *e)
{
	struct http_conf conf = {.max_headers_bytes = 32768,
		.max_body_bytes = 2u << 20,
		.idle_ms = 120000,
		.max_connections = 20000,
		.handler = api_handle,
		.ctx = s->api};
	char path[1100];
	SSL_CTX *tls = people_ctx(s, e);

	if (!tls)
		return -1;
	conf.tls = tls;
	s->people = http_server_open(s->base, &conf, e);
	SSL_CTX_free(tls);
	conf.tls = NULL;
	s->local = s->people ? http_server_open(s->base, &conf, e) : NULL;
	snprintf(path, sizeof path, "%s/server.sock", s->conf->home);
	if (!s->local ||
		listen_on(s, s->people, "people", s->conf->port, PEOPLE_PORT, &s->port, e) < 0)
		return -1;
	return http_listen_unix(s->local, path, 0600, e);
}

static int machines_open(struct server *s, struct err *e)
{
	struct http_conf conf = {.max_headers_bytes = 16384,
		.max_body_bytes = FRAMES_MAX,
		.idle_ms = 120000,
		.handler = serve_machines,
		.ctx = s};
	struct hub_conf hub = {.base = s->base,
		.ops = &hub_ops,
		.ctx = s,
		.late_ms = s->conf->late_ms,
		.offline_ms = s->conf->offline_ms,
		.hold_max_ms = 600000,
		.mail_max_bytes = MAIL_MAX};
	SSL_CTX *tls = machines_ctx(s, e);

	if (!tls)
		return -1;
	conf.tls = tls;
	s->machines = http_server_open(s->base, &conf, e);
	SSL_CTX_free(tls);
	if (!s->machines ||
		listen_on(s, s->machines, "machines", s->conf->machines_port, MACHINES_PORT,
			&s->machines_port, e) < 0)
		return -1;
	hub.http = s->machines;
	s->hub = hub_new(&hub);
	if (hub_listen_udp(s->hub, s->conf->listen, s->machines_port, e) < 0) {
		log_warn("%s: machines will hold requests instead", e->text);
		*e = ERR_INIT;
	}
	return 0;
}

static int open_all(struct server *s, struct err *e)
{
	struct timeval tick = {OVERDUE_EVERY_MS / 1000, 0};
	char path[1100];

	s->base = loop_new();
	s->started_ms = clock_now_ms();
	s->enrol_rate = rate_new(5, 300000);
	facts_addresses(s);
	facts_agent(s);
	if (keys_open(&s->keys, s->conf->home, (const char *const *)s->names, s->conf->cert_ms, e) <
		0)
		return -1;
	snprintf(path, sizeof path, "%s/server.db", s->conf->home);
	s->store = store_open(path, s->base, server_migrations, e);
	if (!s->store || store_now(s->store, first, s, e) < 0)
		return -1;
	s->ingest = ingest_new();
	s->api = api_open(s, e);
	if (!s->api || people_open(s, e) < 0 || machines_open(s, e) < 0 ||
		facts_ports_save(s, e) < 0 || presence_load(s, e) < 0 || lists_load(s, e) < 0)
		return -1;
	store_watch(s->store, on_room, s);
	s->timer = event_new(s->base, -1, EV_PERSIST, on_timer, s);
	event_add(s->timer, &tick);
	dispatch_below(s, "");
	return 0;
}

static void close_all(struct server *s)
{
	struct revoked_id *x, *tmp;
	char path[1100];

	if (s->timer)
		event_free(s->timer);
	api_stop(s->api);
	http_server_close(s->people);
	http_server_close(s->local);
	http_server_close(s->machines);
	store_close(s->store); /* what is queued is done; nobody waits for an answer any more */
	hub_free(s->hub);
	api_close(s->api);
	ingest_free(s->ingest);
	presence_free(s);
	HASH_ITER (hh, s->revoked, x, tmp) {
		HASH_DEL(s->revoked, x);
		free(x);
	}
	rate_free(s->enrol_rate);
	facts_free(s);
	keys_release(&s->keys);
	loop_free(s->base);
	snprintf(path, sizeof path, "%s/server.sock", s->conf->home);
	(void)file_remove(path, NULL);
}

int server_run(const struct server_conf *conf, struct err *e)
{
	struct server *s = xcalloc(1, sizeof *s);
	struct event *term, *intr;
	char path[1100];
	int fd, rc;

	s->conf = conf;
	snprintf(path, sizeof path, "%s/server", conf->home);
	rc = file_mkdirs(path, 0700, e);
	snprintf(path, sizeof path, "%s/server/lock", conf->home);
	fd = rc < 0 ? -1 : file_lock(path, NULL, e);
	if (fd < 0) {
		free(s);
		return -1;
	}
	signal(SIGPIPE,
		SIG_IGN); /* a peer that goes away while it is written to is an error, not the end */
	rc = open_all(s, e);
	if (rc == 0) {
		term = evsignal_new(s->base, SIGTERM, on_signal, s->base);
		intr = evsignal_new(s->base, SIGINT, on_signal, s->base);
		evsignal_add(term, NULL);
		evsignal_add(intr, NULL);
		log_info("server %s: people on port %d, machines on port %d, version %s",
			s->keys.id, s->port, s->machines_port, HIM_VERSION);
		event_base_dispatch(s->base);
		event_free(term);
		event_free(intr);
	}
	close_all(s);
	free(s);
	close(fd);
	return rc;
}
