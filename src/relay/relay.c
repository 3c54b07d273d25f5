/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay's loop: children below (hub), the server or another relay above (uplink), a disk in between
 * (keep). It forwards without interpreting; what it has to say itself (who is online, who was told) it
 * gathers and sends along with the next exchange, in envelopes of its own.
 */
#include "relay/relay.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/text.h"
#include <event2/dns.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PARENTS_MAX 64
#define HOURLY_MS 3600000
#define MINUTELY_MS 60000
#define SESSIONS 20000
#define PRESENCE_MAX 2000 /* children in one presence envelope */
#define TOLD_MAX 8000

/* ---- its own envelopes ---- */

static void own_envelope(
	struct relay *r, const char *kind, const struct json *body, struct buf *out)
{
	struct envelope env = {0};
	struct buf text;

	buf_init(&text, FRAME_BODY_MAX);
	snprintf(env.kind, sizeof env.kind, "%s", kind);
	memcpy(env.agent, r->id.id, sizeof env.agent);
	memcpy(env.stream, r->stream, sizeof env.stream);
	memcpy(env.prev, DIGEST_ZERO, sizeof env.prev);
	if (json_print(body, &text) == 0) {
		env.body = text.data;
		env.len = text.len;
		envelope_add(out, &env, r->id.mac);
	}
	buf_release(&text);
	uplink_wake(r->uplink);
}

static void presence_flush(struct relay *r)
{
	struct json *body;

	if (json_len(r->presence) == 0)
		return;
	body = json_object();
	json_set(body, "children", r->presence);
	r->presence = json_array();
	own_envelope(r, "presence", body, &r->volatiles);
	json_free(body);
}

static void presence_add(void *ctx, const struct hub_presence *p)
{
	struct relay *r = ctx;
	struct json *c = json_object();

	json_set_string(c, "id", p->child);
	json_set_string(c, "role", pki_role_word(p->role));
	json_set_string(c, "state", hub_state_word(p->state));
	json_set_int(c, "since", p->since_ms);
	json_set_int(c, "seen", p->seen_ms);
	json_set_string(c, "mode", p->mode);
	json_set_string(c, "reason", p->reason);
	json_add(r->presence, c);
	if (json_len(r->presence) >= PRESENCE_MAX)
		presence_flush(r);
}

/* Everybody, instead of what was gathered. */
static void presence_again(struct relay *r)
{
	json_free(r->presence);
	r->presence = json_array();
	hub_each(r->hub, presence_add, r);
	r->presence_whole = false;
}

static void on_presence(void *ctx, const struct hub_presence *p)
{
	struct relay *r = ctx;

	presence_add(r, p);
	uplink_wake(r->uplink);
}

/* Only of a direct child: what another relay has on its disk, its agent has not. */
static void told_add(struct relay *r, const char *child, const char *key, const char *state)
{
	struct json *t;
	const char *agent = key + strlen("give:");

	if (!text_starts(key, "give:") || strlen(key) != strlen("give:") + ID_LEN + 1 + ID_LEN ||
		strncmp(agent, child, ID_LEN) != 0)
		return;
	t = json_array();
	json_add(t, json_string_len(agent + ID_LEN + 1, ID_LEN));
	json_add(t, json_string_len(agent, ID_LEN));
	json_add(t, json_string(state));
	json_add(r->told, t);
	if (json_len(r->told) >= TOLD_MAX)
		uplink_wake(r->uplink);
}

static void told_flush(struct relay *r)
{
	struct json *body;

	if (json_len(r->told) == 0)
		return;
	body = json_object();
	json_set(body, "told", r->told);
	r->told = json_array();
	own_envelope(r, "notified", body, &r->volatiles);
	json_free(body);
}

/* ---- the hub below ---- */

static int on_admit(void *ctx, const struct tls_peer *peer, const char *id, enum pki_role role,
	bool *renew_only, struct err *e)
{
	struct relay *r = ctx;
	struct revoked *x;

	HASH_FIND_STR(r->revoked, id, x);
	if (x)
		return err_set(e, ERR_FORBIDDEN, "%s %s is revoked", pki_role_word(role), id);
	/* By the server's time, for this clock may be wrong, and what is not yet in force only shows that it is. */
	*renew_only = down_now(r) > peer->not_after_ms;
	if (*renew_only)
		log_limited(LOG_WARN_, id, HOURLY_MS, "%s %s shows a certificate that has ended",
			pki_role_word(role), id);
	return 0;
}

static void on_refused(void *ctx, const struct err *e)
{
	char key[40]; /* who, and not what it made up */

	snprintf(key, sizeof key, "%.32s", e->text);
	log_limited(LOG_WARN_, key, HOURLY_MS, "refused an exchange: %s", e->text);
}

static void on_child_hello(void *ctx, const struct hub_hello *h)
{
	struct relay *r = ctx;
	struct hub_presence p = {
		h->child, h->role, HUB_ONLINE, clock_now_ms(), clock_now_ms(), h->mode, h->reason};

	presence_add(r, &p); /* how it is reached, or its stream, changed */
	uplink_wake(r->uplink);
}

static void on_take(void *ctx, const char *child, const char *frames, size_t len, uint64_t ticket)
{
	keep_up(ctx, frames, len, ticket);
}

static void on_acked(void *ctx, const char *child, const char *key, int64_t tag)
{
	told_add(ctx, child, key, "fetched");
	if (tag) /* it is on the disk */
		keep_mail_done(ctx, child, key);
}

static void on_told(void *ctx, const char *child, const char *key, int64_t tag)
{
	struct relay *r = ctx;

	told_add(r, child, key, "notified");
	uplink_wake(r->uplink);
}

static const struct hub_ops hub_ops = {
	on_admit, on_child_hello, on_take, on_acked, on_told, on_presence, on_refused};

/* ---- the uplink above ---- */

static void renew(struct relay *r)
{
	struct err e = ERR_INIT;
	struct json *j;
	struct buf body;

	buf_init(&body, 65536);
	if (identity_renew(&r->id, false, &body, &e) == 0 &&
		(j = json_parse(body.data, body.len, &e))) {
		own_envelope(r, "renew", j, &r->renewal);
		json_free(j);
	} else {
		log_limited(LOG_ERROR_, "renew", HOURLY_MS, "the certificate cannot be renewed: %s",
			e.text);
	}
	buf_release(&body);
}

static void on_hello(void *ctx, struct json *hello)
{
	struct relay *r = ctx;
	char notice[200];

	json_set_string(hello, "spool", r->spool);
	json_set_int(hello, "spool_bytes", r->spool_bytes);
	json_set_int(hello, "spool_max_bytes", r->conf->spool_max_bytes);
	json_set_int(hello, "revoked", r->revoked_version);
	json_set_int(hello, "relays", r->id.relays_version);
	json_set_int(hello, "providers", r->providers_version);
	json_set(hello, "addresses", json_copy(r->addresses));
	if (r->disk_full)
		json_set_string(hello, "notice",
			"its disk is full: it takes no reports until there is room");
	else if (r->spool_bytes > r->conf->spool_max_bytes / 10 * 9)
		json_set_string(hello, "notice", "its spool is nearly full");
	else if (r->forged) {
		snprintf(notice, sizeof notice, "refused %llu records that the server did not sign",
			(unsigned long long)r->forged);
		json_set_string(hello, "notice", notice);
	}
}

static int64_t on_collect(void *ctx, struct buf *out)
{
	struct relay *r = ctx;
	int64_t ticket;
	bool first;

	if (r->renewal.len) { /* alone: with a certificate that has ended nothing else would be taken */
		first = buf_add(out, r->renewal.data, r->renewal.len) == 0;
		buf_clear(&r->renewal);
		return first ? UPLINK_VOLATILE : 0;
	}
	if (r->presence_whole)
		presence_again(r);
	presence_flush(
		r); /* who is where travels before what they say: the server answers along that way */
	told_flush(r);
	first = r->volatiles.len && buf_add(out, r->volatiles.data, r->volatiles.len) == 0;
	buf_clear(&r->volatiles); /* what nobody took is worth nothing later */
	ticket = keep_collect(r, out);
	return ticket ? ticket : first ? UPLINK_VOLATILE : 0;
}

static void on_accepted(void *ctx, int64_t ticket)
{
	keep_accepted(ctx, ticket);
}

static void on_lost(void *ctx, int64_t ticket)
{
	struct relay *r = ctx;

	keep_lost(r, ticket);
	r->presence_whole = true; /* presence is on no disk: it went with the exchange */
}

static void on_down(void *ctx, const char *frames, size_t len, uint64_t cursor)
{
	struct relay *r = ctx;

	keep_down(r, frames, len, cursor);
	if (r->tls_stale || r->parents_stale)
		event_active(r->timer, EV_TIMEOUT, 0);
}

static int on_judge(void *ctx, const char *uri, struct err *e)
{
	return identity_judge(&((struct relay *)ctx)->id, uri, e);
}

static bool on_waiting(void *ctx)
{
	return false;
}

static void on_parent(void *ctx, const char *uri)
{
	keep_lost(ctx, 0);
}

static void on_contact(void *ctx, bool made, const char *parent, const struct err *why)
{
	struct relay *r = ctx;

	if (!made) {
		log_limited(
			LOG_WARN_, "contact", 600000, "no contact with %s: %s", parent, why->text);
		if (why->code ==
			ERR_UNAUTHORIZED) /* our certificate has ended, by the parent's clock */
			renew(r);
		return;
	}
	log_info("in contact with %s", parent);
	r->presence_whole = true;
	uplink_wake(r->uplink);
}

static const struct uplink_ops uplink_ops = {on_hello, on_collect, on_accepted, on_lost, on_down,
	on_judge, on_parent, on_waiting, on_contact};

/* ---- the disk ---- */

/* The notice travels with any exchange, but a request may be held for a minute: this makes one go now. */
static void on_room(void *ctx, bool full)
{
	struct relay *r = ctx;
	struct json *body = json_object();

	r->disk_full = full;
	if (full)
		log_error("the disk is full: nothing is taken until there is room");
	else
		log_info("there is room on the disk again");
	json_set(body, "children", json_array());
	own_envelope(r, "presence", body, &r->volatiles);
	json_free(body);
}

/* ---- parents, certificates ---- */

static int parents_apply(struct relay *r, struct err *e)
{
	const char *list[PARENTS_MAX];
	char *copy = xstrdup(r->conf->parents ? r->conf->parents : ""), *fields[PARENTS_MAX];
	struct json *doc = NULL;
	size_t n;
	int rc;

	if (*copy) {
		n = text_split(copy, ",", fields, PARENTS_MAX);
		for (size_t i = 0; i < n; i++)
			list[i] = text_trim(fields[i]);
	} else {
		n = identity_parents(&r->id, &doc, list, PARENTS_MAX);
	}
	rc = uplink_set_parents(r->uplink, list, n, e);
	json_free(doc);
	free(copy);
	return rc;
}

static SSL_CTX *listener_ctx(struct relay *r, struct err *e)
{
	struct tls_identity id = {r->id.cert, r->id.key};

	return tls_server_ctx(&id, r->id.trust.ca, TLS_CERT_OPTIONAL, SESSIONS, e);
}

static int tls_apply(struct relay *r, struct err *e)
{
	SSL_CTX *up = identity_client_ctx(&r->id, e), *down = up ? listener_ctx(r, e) : NULL;
	int rc = up && down ? 0 : -1;

	if (rc == 0) {
		uplink_set_tls(r->uplink, up);
		if (r->http)
			http_server_set_tls(r->http, down);
	}
	SSL_CTX_free(up);
	SSL_CTX_free(down);
	return rc;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct relay *r = arg;
	struct timeval again = {0};
	struct err e = ERR_INIT;
	int64_t wait;

	if ((r->parents_stale && (identity_save(&r->id, &e) < 0 || parents_apply(r, &e) < 0)) ||
		(r->tls_stale && tls_apply(r, &e) < 0))
		log_error("%s", e.text);
	r->parents_stale = r->tls_stale = false;
	if (identity_renew_due(&r->id, down_now(r)))
		renew(r);
	wait = identity_renew_wait_ms(&r->id, down_now(r), MINUTELY_MS);
	again = (struct timeval){wait / 1000, wait % 1000 * 1000};
	event_add(r->timer, &again);
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	event_base_loopbreak(arg);
}

/* ---- opening and closing ---- */

static int listen_open(struct relay *r, struct err *e)
{
	struct http_conf conf = {.max_headers_bytes = 16384,
		.max_body_bytes = FRAMES_MAX,
		.idle_ms = 120000,
		.handler = serve,
		.ctx = r};
	SSL_CTX *tls = listener_ctx(r, e);
	struct hub_conf hub = {.base = r->base,
		.ops = &hub_ops,
		.ctx = r,
		.late_ms = r->conf->late_ms,
		.offline_ms = r->conf->offline_ms,
		.hold_max_ms = 600000,
		.mail_max_bytes = (size_t)r->conf->mail_max_bytes};

	if (!tls)
		return -1;
	conf.tls = tls;
	r->http = http_server_open(r->base, &conf, e);
	SSL_CTX_free(tls);
	if (!r->http || http_listen(r->http, r->conf->listen, (int)r->conf->port, &r->port, e) < 0)
		return -1;
	hub.http = r->http;
	r->hub = hub_new(&hub);
	if (r->conf->udp && hub_listen_udp(r->hub, r->conf->listen, r->port, e) < 0) {
		log_warn("%s: children will hold requests instead", e->text);
		*e = ERR_INIT;
	}
	return 0;
}

static void addresses_make(struct relay *r)
{
	char *copy = xstrdup(r->conf->addresses ? r->conf->addresses : ""), *fields[16], text[300];
	size_t n = *copy ? text_split(copy, ",", fields, 16) : 0;

	r->addresses = json_array();
	for (size_t i = 0; i < n; i++) {
		const char *a = text_trim(fields[i]);
		const char *end = *a == '[' ? strchr(a, ']')
					    : a; /* "[v6]", "[v6]:PORT", "HOST", "HOST:PORT" */
		snprintf(text, sizeof text, "%s:%d", a, r->port);
		json_add(r->addresses, json_string(end && strchr(end, ':') ? a : text));
	}
	free(copy);
}

static int uplink_begin(struct relay *r, struct err *e)
{
	struct uplink_conf conf = {.base = r->base,
		.dns = r->dns,
		.ops = &uplink_ops,
		.ctx = r,
		.version = HIM_VERSION,
		.stream = r->stream,
		.always_held = true,
		.hold_ms = r->conf->hold_ms,
		.poll_ms = r->conf->hold_ms,
		.keepalive_ms = r->conf->hold_ms,
		.retry_max_ms = r->conf->retry_max_ms,
		.better_ms = HOURLY_MS};

	r->uplink = uplink_new(&conf);
	return tls_apply(r, e) < 0 || parents_apply(r, e) < 0 ? -1 : 0;
}

static int open_all(struct relay *r, struct err *e)
{
	struct timeval soon = {1, 0};

	r->base = loop_new();
	r->dns = evdns_base_new(
		r->base, EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	r->presence = json_array();
	r->told = json_array();
	stream_new(r->stream);
	buf_init(&r->volatiles, 2u << 20);
	buf_init(&r->renewal, 65536);
	if (identity_load(r->dir, &r->id, e) < 0)
		return e->code == ERR_NOT_FOUND
			? err_set(e, ERR_USAGE,
				  "not enrolled: run him-relay enroll first (no identity in %s)",
				  r->dir)
			: -1;
	if (listen_open(r, e) < 0)
		return -1;
	addresses_make(r);
	if (uplink_begin(r, e) < 0 || keep_open(r, e) < 0)
		return -1;
	store_watch(r->store, on_room, r);
	r->timer = event_new(r->base, -1, 0, on_timer, r);
	event_add(r->timer, &soon);
	return 0;
}

static void close_all(struct relay *r)
{
	struct revoked *x, *tmp;

	keep_close(r);
	hub_free(r->hub);
	http_server_close(r->http);
	uplink_free(r->uplink);
	HASH_ITER (hh, r->revoked, x, tmp) {
		HASH_DEL(r->revoked, x);
		free(x);
	}
	json_free(r->presence);
	json_free(r->told);
	json_free(r->addresses);
	buf_release(&r->volatiles);
	buf_release(&r->renewal);
	identity_release(&r->id);
	if (r->timer)
		event_free(r->timer);
	if (r->dns)
		evdns_base_free(r->dns, 1);
	loop_free(r->base);
}

int relay_run(const struct relay_conf *conf, struct err *e)
{
	struct relay *r = xcalloc(1, sizeof *r);
	struct event *term, *intr;
	char lock[1200];
	int rc = -1, fd;

	r->conf = conf;
	snprintf(r->dir, sizeof r->dir, "%s/relay", conf->home);
	snprintf(lock, sizeof lock, "%s/lock", r->dir);
	fd = file_mkdirs(r->dir, 0700, e) < 0 ? -1 : file_lock(lock, NULL, e);
	if (fd < 0) {
		free(r);
		return -1;
	}
	signal(SIGPIPE, SIG_IGN); /* writing to a peer that went away is an error, not the end */
	rc = open_all(r, e);
	if (rc == 0) {
		term = evsignal_new(r->base, SIGTERM, on_signal, r->base);
		intr = evsignal_new(r->base, SIGINT, on_signal, r->base);
		evsignal_add(term, NULL);
		evsignal_add(intr, NULL);
		log_info("relay %s listens on %s port %d, version %s", r->id.id, conf->listen,
			r->port, HIM_VERSION);
		uplink_start(r->uplink);
		event_base_dispatch(r->base);
		event_free(term);
		event_free(intr);
	}
	close_all(r);
	free(r);
	close(fd);
	return rc;
}
