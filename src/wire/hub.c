/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hub: the parent's half of an exchange.
 *
 * An exchange is judged (who is it, may it speak), its acknowledgement frees mail, its envelopes go to the
 * owner's disk, and the answer brings what waits. With nothing to bring it may be held. Nothing here
 * interprets an envelope beyond its form and whose it is.
 *
 * Invariants: a request is answered exactly once (held, pending or at once); a child is found by its id,
 * never kept by pointer across a turn of the loop; a hold ends at its time, by mail, or when the peer goes. Each child
 * has an alarm for what its silence or a wait may bring, so that nothing here walks through all of them as time goes by.
 * It deliberately keeps nothing on a disk and believes no clock but its own.
 */
#include "wire/hub.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/text.h"
#include "wire/envelope.h"
#include "wire/hub_internal.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ALARM_LEFT_MS 10000
#define COMMIT_HOLD_MAX_MS                                                                         \
	5000 /* longer than this a child should know that its envelopes are here */

const char *hub_state_word(enum hub_state s)
{
	static const char *const words[] = {"online", "late", "offline"};

	return words[s];
}

static void on_alarm(evutil_socket_t fd, short what, void *arg);

struct hub_child *hub_find(struct hub *h, const char *id)
{
	struct hub_child *c;
	uint32_t start;

	HASH_FIND_STR(h->children, id, c);
	if (c)
		return c;
	c = xcalloc(1, sizeof *c);
	c->hub = h;
	c->alarm = evtimer_new(h->conf.base, on_alarm, c);
	memcpy(c->id, id, strnlen(id, ID_LEN));
	random_bytes(&start, sizeof start);
	c->acked = c->delivered = (uint64_t)start << 16;
	c->next = c->acked + 1;
	c->state = HUB_OFFLINE;
	HASH_ADD_STR(h->children, id, c);
	return c;
}

/* Whoever has a request held is there now. */
static void presence_fill(const struct hub_child *c, struct hub_presence *p)
{
	*p = (struct hub_presence){c->id, c->role, c->state, c->since_ms,
		c->held ? clock_now_ms() : c->seen_ms, c->mode, c->reason};
}

static void presence_set(struct hub *h, struct hub_child *c, enum hub_state state, int64_t since_ms)
{
	struct hub_presence p;

	if (c->heard && c->state == state)
		return;
	c->heard = true;
	c->state = state;
	c->since_ms = since_ms;
	presence_fill(c, &p);
	h->conf.ops->presence(h->conf.ctx, &p);
}

/* ---- alarms ---- */

static int64_t silence_due(const struct hub_child *c)
{
	const struct hub_conf *conf = &c->hub->conf;

	if (!c->heard || c->held || c->state == HUB_OFFLINE)
		return INT64_MAX;
	return c->seen_mono + (c->state == HUB_LATE ? conf->offline_ms : conf->late_ms);
}

static int64_t next_due(const struct hub_child *c)
{
	int64_t next = silence_due(c), ping = hub_ping_due(c);

	if (ping < next)
		next = ping;
	for (const struct hub_held *held = c->held; held; held = held->next)
		if (held->until_mono < next)
			next = held->until_mono;
	return next;
}

/* One that rings too early finds nothing to do and is set anew: where that is far away it is left as it is. */
void hub_alarm(struct hub_child *c)
{
	int64_t mono = clock_mono_ms(), next = next_due(c), wait = next - mono;
	struct timeval tv;

	if (c->due_mono && c->due_mono <= next && c->due_mono > mono + ALARM_LEFT_MS)
		return;
	if (next == INT64_MAX) {
		c->due_mono = 0;
		evtimer_del(c->alarm);
		return;
	}
	if (wait < 1)
		wait = 1;
	tv = (struct timeval){wait / 1000, wait % 1000 * 1000};
	c->due_mono = next;
	evtimer_add(c->alarm, &tv);
}

/* Its silence begins. */
static void heard_now(struct hub_child *c)
{
	c->seen_mono = clock_mono_ms();
	c->seen_ms = clock_now_ms();
}

void hub_seen(struct hub *h, struct hub_child *c)
{
	heard_now(c);
	presence_set(h, c, HUB_ONLINE, c->seen_ms);
	hub_alarm(c);
}

/* ---- held requests ---- */

static struct hub_held *held_take(struct hub_child *c, const struct http_req *req)
{
	for (struct hub_held **at = &c->held; *at; at = &(*at)->next) {
		struct hub_held *held = *at;
		if (req && held->req != req)
			continue;
		*at = held->next;
		if (!c->held)
			heard_now(c);
		hub_alarm(c);
		return held;
	}
	return NULL;
}

static void held_gone(void *ctx, struct http_req *req)
{
	struct hub_held *held = ctx;
	struct hub_child *c = hub_find(held->hub, held->child);

	if (held_take(c, req))
		held->hub->counts.held--;
	free(held);
}

static void held_answer(struct hub *h, struct hub_child *c, struct hub_held *held)
{
	struct http_req *req = held->req;

	h->counts.held--;
	http_set_on_gone(req, NULL, NULL);
	free(held);
	hub_answer(h, c, req, false);
}

static void hold(struct hub *h, struct hub_child *c, struct http_req *req, int64_t hold_ms)
{
	struct hub_held *held = xcalloc(1, sizeof *held), **at = &c->held;
	int n = 0;

	http_drop_body(req); /* envelopes that wait for their commit are on the disk */
	held->req = req;
	held->hub = h;
	memcpy(held->child, c->id, sizeof held->child);
	held->until_mono = clock_mono_ms() + hold_ms;
	for (; *at; at = &(*at)->next)
		n++;
	*at = held;
	hub_alarm(c);
	h->counts.held++;
	http_set_on_gone(req, held_gone, held);
	if (n >= HUB_HELD_MAX)
		held_answer(h, c, held_take(c, NULL));
}

/* ---- answers ---- */

void hub_answer(struct hub *h, struct hub_child *c, struct http_req *req, bool side)
{
	struct json *j = json_object();
	struct buf mail, head, out;
	uint64_t cursor = c->acked;
	bool more = false;
	char hex[2 * PING_KEY_BYTES + 1];

	buf_init(&mail, FRAMES_MAX - 4096);
	buf_init(&head, 4096);
	buf_init(&out, FRAMES_MAX);
	if (!side) {
		cursor = hub_mail_collect(h, c, &mail, &more);
		if (!c->renew_only)
			hub_mail_told(h, c);
		c->ping_tries = 0;
	}
	json_set_int(j, "now", clock_now_ms());
	json_set_int(j, "cursor", (int64_t)cursor);
	if (more)
		json_set_bool(j, "more", true);
	if (clock_mono_ms() < c->copies_mono)
		json_set_bool(j, "copies", true);
	if (!side && c->channel.id && !c->channel.addr_len && h->udp_port > 0) {
		struct json *ping = json_object();
		snprintf(hex, sizeof hex, "%016llx", (unsigned long long)c->channel.id);
		json_set_string(ping, "channel", hex);
		text_hex(c->channel.key, sizeof c->channel.key, hex);
		json_set_string(ping, "key", hex);
		json_set_int(ping, "port", h->udp_port);
		json_set(j, "ping", ping);
	}
	json_print(j, &head);
	frame_add(&out, "answer", (const char *[]){NULL}, head.data, head.len);
	buf_add(&out, mail.data, mail.len);
	assert(!out.full);
	http_reply(req, 200, FRAMES_TYPE, out.data, out.len);
	OPENSSL_cleanse(hex, sizeof hex);
	json_free(j);
	buf_release(&mail);
	buf_release(&head);
	buf_release(&out);
}

void hub_wake(struct hub *h, struct hub_child *c)
{
	if (c->dirty)
		return;
	c->dirty = true;
	c->dirty_next = h->dirty;
	h->dirty = c;
	event_active(h->flush, EV_TIMEOUT, 0);
}

/* Once a turn: all that was posted to a child meanwhile goes in one answer or one ping. */
static void on_flush(evutil_socket_t fd, short what, void *arg)
{
	struct hub *h = arg;
	struct hub_child *c;
	struct hub_held *held;

	while ((c = h->dirty)) {
		h->dirty = c->dirty_next;
		c->dirty = false;
		if (!hub_mail_any(h, c))
			continue;
		if (c->held)
			while ((held = held_take(c, NULL)))
				held_answer(h, c, held);
		else if (hub_mail_urgent(h, c) && hub_ping_send(h, c))
			hub_mail_told(h, c);
	}
}

/* ---- the exchange ---- */

struct exchange {
	struct json *hello;
	size_t ups; /* where the envelopes begin in the body */
	int64_t ack, hold_ms;
	bool ping, side;
	bool back; /* its stream came back after another one, and it was not told yet */
	const char *stream, *mode, *reason;
};

static int hello_parse(const char *body, size_t len, struct exchange *x, struct err *e)
{
	struct frame f;
	int got = frame_next(body, len, &x->ups, &f, e);

	if (got < 0)
		return -1;
	if (got == 0 || !frame_is(&f, "hello"))
		return err_set(e, ERR_INVALID, "an exchange must begin with a hello frame");
	x->hello = json_parse(f.body, f.body_len, e);
	if (!x->hello)
		return err_where(e, "hello");
	x->mode = "poll";
	x->reason = "";
	if (json_take_string(x->hello, "stream", true, STREAM_LEN, &x->stream, e) < 0 ||
		json_take_int(x->hello, "ack", false, 0, INT64_MAX, &x->ack, e) < 0 ||
		json_take_int(x->hello, "hold_ms", false, 0, 600000, &x->hold_ms, e) < 0 ||
		json_take_string(x->hello, "mode", false, 7, &x->mode, e) < 0 ||
		json_take_string(x->hello, "reason", false, 159, &x->reason, e) < 0 ||
		json_take_bool(x->hello, "ping", &x->ping, e) < 0 ||
		json_take_bool(x->hello, "side", &x->side, e) < 0)
		return err_where(e, "hello");
	return 0;
}

/* Every envelope has the right form, and an agent speaks for itself alone. */
static int ups_check(const char *body, size_t len, size_t pos, const struct hub_child *c,
	bool renew_only, struct err *e)
{
	struct envelope env;
	struct frame f;
	int got;

	while ((got = frame_next(body, len, &pos, &f, e)) > 0) {
		if (!frame_is(&f, "up"))
			return err_set(e, ERR_INVALID,
				"only up frames may follow the hello, not '%s'", f.kind);
		if (envelope_parse(&f, &env, e) < 0)
			return -1;
		if (c->role == PKI_AGENT && strcmp(env.agent, c->id) != 0)
			return err_set(e, ERR_FORBIDDEN,
				"agent %s sent an envelope that claims to be from %s", c->id,
				env.agent);
		if (renew_only && strcmp(env.kind, "renew") != 0)
			return err_set(e, ERR_UNAUTHORIZED,
				"certificate-expired: only renewals are taken from %s", c->id);
	}
	return got;
}

static bool text_set(char *to, size_t size, const char *from)
{
	if (!from)
		from = "";
	if (strncmp(to, from, size) == 0)
		return false;
	snprintf(to, size, "%s", from);
	return true;
}

/* A stream is random at each start, so one that comes back after another one is a second installation that runs with the same
 * identity. Both are told, and say something that is under their key: who is to be forked is decided by that, not here. True
 * when that is news: this one is to be told at once. */
static bool stream_take(struct hub *h, struct hub_child *c, const char *stream)
{
	int64_t now = clock_mono_ms();
	bool back = false, known = now < c->copies_mono;

	if (c->stream[0] && strcmp(c->stream, stream) != 0) {
		for (int i = 0; i < HUB_STREAMS; i++)
			back |= strcmp(c->before[i], stream) == 0;
		memcpy(c->before[c->before_at], c->stream, sizeof c->stream);
		c->before_at = (c->before_at + 1) % HUB_STREAMS;
	}
	text_set(c->stream, sizeof c->stream, stream);
	if (back)
		c->copies_mono = now + HUB_COPIES_MS;
	if (!back || known) /* they were told: from now on they hold, and mail reaches both */
		return false;
	for (struct hub_held *held; (held = held_take(c, NULL));) /* the other shall come */
		held_answer(h, c, held);
	hub_ping_send(h, c);
	return true;
}

static void hello_take(struct hub *h, struct hub_child *c, struct exchange *x)
{
	struct hub_hello hello = {.child = c->id, .role = c->role};
	const char *version = json_str(json_get(x->hello, "version"));
	const char *spool = json_str(json_get(x->hello, "spool"));
	const char *notice = json_str(json_get(x->hello, "notice"));
	int64_t relays = 0, providers = 0;
	bool changed = !c->stream[0];

	if (!x->side) { /* a side request says nothing of how the child is reached */
		changed |= text_set(c->mode, sizeof c->mode, x->mode);
		changed |= text_set(c->reason, sizeof c->reason, x->reason);
	}
	changed |= strcmp(c->stream, x->stream) != 0;
	x->back = stream_take(h, c, x->stream);
	changed |= text_set(c->version, sizeof c->version, version);
	changed |= text_set(c->spool, sizeof c->spool, spool);
	changed |= text_set(c->notice, sizeof c->notice, notice);
	json_to_int(json_get(x->hello, "revoked"), &hello.revoked_version);
	json_to_int(json_get(x->hello, "relays"), &relays);
	json_to_int(json_get(x->hello, "providers"), &providers);
	json_to_int(json_get(x->hello, "spool_bytes"), &hello.spool_bytes);
	json_to_int(json_get(x->hello, "spool_max_bytes"), &hello.spool_max_bytes);
	/* What the child says it has is the truth, also after it lost its disk. */
	c->given[hub_list_slot("revoked")] = hello.revoked_version;
	c->given[hub_list_slot("relays")] = relays;
	if (json_has(x->hello, "providers")) /* an older child knows of none, and is told once */
		c->given[hub_list_slot("providers")] = providers;
	if (!changed)
		return;
	hello.json = x->hello;
	hello.stream = c->stream;
	hello.mode = c->mode;
	hello.reason = c->reason;
	hello.version = c->version;
	hello.spool = c->spool;
	hello.notice = c->notice[0] ? c->notice : NULL;
	h->conf.ops->hello(h->conf.ctx, &hello);
}

static void pending_gone(void *ctx, struct http_req *req)
{
	struct hub_pending *p = ctx;

	p->req = NULL;
}

static void take(struct hub *h, struct hub_child *c, struct http_req *req, const struct exchange *x)
{
	struct hub_pending *p = xcalloc(1, sizeof *p);
	size_t len;
	const char *body = http_body(req, &len);

	p->ticket = ++h->last_ticket;
	p->req = req;
	p->hub = h;
	p->side = x->side;
	p->hold_ms = x->side || x->back || c->renew_only ? 0 : x->hold_ms;
	if (p->hold_ms > COMMIT_HOLD_MAX_MS)
		p->hold_ms = COMMIT_HOLD_MAX_MS;
	memcpy(p->child, c->id, sizeof p->child);
	HASH_ADD(hh, h->pending, ticket, sizeof p->ticket, p);
	http_set_on_gone(req, pending_gone, p);
	h->conf.ops->take(h->conf.ctx, c->id, body + x->ups, len - x->ups, p->ticket);
}

static void taken(struct hub *h, const struct hub_pending *p, const struct err *e)
{
	struct hub_child *c;

	http_set_on_gone(p->req, NULL, NULL);
	if (e && e->code != ERR_NONE) {
		http_reply_err(p->req, e);
		return;
	}
	c = hub_find(h, p->child);
	if (p->hold_ms > 0 && !hub_mail_any(h, c))
		hold(h, c, p->req, p->hold_ms);
	else
		hub_answer(h, c, p->req, p->side);
}

void hub_taken(struct hub *h, uint64_t ticket, const struct err *e)
{
	struct hub_pending *p;

	HASH_FIND(hh, h->pending, &ticket, sizeof ticket, p);
	if (!p)
		return;
	HASH_DEL(h->pending, p);
	if (p->req)
		taken(h, p, e);
	free(p);
}

static int who(struct http_req *req, enum pki_role *role, char id[ID_SIZE], struct err *e)
{
	const struct tls_peer *peer = http_peer(req);

	if (!peer->present)
		return err_set(e, ERR_UNAUTHORIZED, "a client certificate is required here");
	if (pki_uri_parse(peer->uri, role, id) < 0 || *role == PKI_SERVER)
		return err_set(
			e, ERR_FORBIDDEN, "'%s' is not the name of an agent or a relay", peer->uri);
	return 0;
}

static int exchange(struct hub *h, struct http_req *req, struct exchange *x, struct err *e)
{
	char id[ID_SIZE];
	enum pki_role role;
	bool renew_only = false;
	struct hub_child *c;
	size_t len;
	const char *body = http_body(req, &len);

	if (who(req, &role, id, e) < 0 ||
		h->conf.ops->admit(h->conf.ctx, http_peer(req), id, role, &renew_only, e) < 0 ||
		hello_parse(body, len, x, e) < 0)
		return -1;
	c = hub_find(h, id);
	c->role = role;
	c->renew_only = renew_only;
	if (ups_check(body, len, x->ups, c, renew_only, e) < 0)
		return -1;
	hub_seen(h, c);
	hello_take(h, c, x);
	hub_ack(h, c, (uint64_t)x->ack);
	if (x->ping)
		hub_channel_new(h, c);
	if (x->hold_ms > h->conf.hold_max_ms)
		x->hold_ms = h->conf.hold_max_ms;
	if (x->ups < len)
		take(h, c, req, x);
	else if (x->hold_ms > 0 && !renew_only && !x->back && !hub_mail_any(h, c))
		hold(h, c, req, x->hold_ms);
	else
		hub_answer(h, c, req, x->side);
	return 0;
}

void hub_exchange(struct hub *h, struct http_req *req)
{
	struct exchange x = {0};
	struct err e = ERR_INIT;

	h->counts.exchanges++;
	if (exchange(h, req, &x, &e) < 0) {
		h->counts.refused++;
		if (h->conf.ops->refused)
			h->conf.ops->refused(h->conf.ctx, &e);
		http_reply_err(req, &e);
	}
	json_free(x.hello);
}

/* ---- time ---- */

static void holds_end(struct hub *h, struct hub_child *c, int64_t mono)
{
	struct hub_held *held, *next;

	for (held = c->held; held; held = next) {
		next = held->next;
		if (mono < held->until_mono)
			continue;
		held_take(c, held->req);
		held_answer(h, c, held);
	}
}

static void silence(struct hub *h, struct hub_child *c, int64_t mono)
{
	if (mono < silence_due(c))
		return;
	presence_set(h, c, mono - c->seen_mono >= h->conf.offline_ms ? HUB_OFFLINE : HUB_LATE,
		c->seen_ms);
}

/* An alarm may find that the child was heard of meanwhile. */
static void on_alarm(evutil_socket_t fd, short what, void *arg)
{
	struct hub_child *c = arg;
	int64_t mono = clock_mono_ms();

	c->due_mono = 0;
	holds_end(c->hub, c, mono);
	hub_ping_again(c->hub, c, mono);
	silence(c->hub, c, mono);
	hub_alarm(c);
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
	hub_records_sweep(arg);
}

void hub_drop(struct hub *h, const char *child, enum pki_role role)
{
	struct hub_child *c = hub_find(h, child);
	char uri[TLS_URI_MAX];

	hub_mail_clear(h, c);
	hub_channel_end(h, c);
	pki_uri(role, child, uri, sizeof uri);
	if (h->conf.http)
		http_drop_peer(h->conf.http, uri);
	presence_set(h, c, HUB_OFFLINE, clock_now_ms());
}

void hub_each(struct hub *h, void (*fn)(void *ctx, const struct hub_presence *p), void *ctx)
{
	struct hub_child *c, *tmp;
	struct hub_presence p;

	HASH_ITER (hh, h->children, c, tmp) {
		presence_fill(c, &p);
		if (c->heard)
			fn(ctx, &p);
	}
}

void hub_again(struct hub *h)
{
	struct hub_child *c, *tmp;

	hub_each(h, h->conf.ops->presence, h->conf.ctx);
	HASH_ITER (hh, h->children, c, tmp)
		c->stream[0] = '\0'; /* so that its next hello is a changed one */
}

void hub_counts(const struct hub *h, struct hub_counts *out)
{
	struct hub_child *c, *tmp;

	*out = h->counts;
	HASH_ITER (hh, h->children, c, tmp)
		out->online += c->heard && c->state == HUB_ONLINE;
	out->children = HASH_COUNT(h->children);
}

struct hub *hub_new(const struct hub_conf *conf)
{
	struct hub *h = xcalloc(1, sizeof *h);

	h->conf = *conf;
	h->udp_fd = -1;
	h->sweep = evtimer_new(conf->base, on_sweep, h);
	h->flush = event_new(conf->base, -1, 0, on_flush, h);
	return h;
}

void hub_free(struct hub *h)
{
	struct hub_child *c, *tmp;
	struct hub_pending *p, *ptmp;
	struct hub_held *held;

	if (!h)
		return;
	HASH_ITER (hh, h->children, c, tmp) {
		while ((held = held_take(c, NULL)))
			held_answer(h, c, held);
		hub_channel_end(h, c);
		hub_mail_clear(h, c);
		HASH_DEL(h->children, c);
		event_free(c->alarm);
		free(c);
	}
	HASH_ITER (hh, h->pending, p, ptmp)
		hub_taken(h, p->ticket, &(struct err){ERR_UNAVAILABLE, "", "shutting down"});
	hub_udp_close(h);
	event_free(h->sweep);
	event_free(h->flush);
	for (int i = 0; i < HUB_BROADCASTS; i++)
		free(h->lists[i].frame);
	hub_records_sweep(h);
	free(h);
}
