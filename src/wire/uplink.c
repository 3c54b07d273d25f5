/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The uplink: the one client loop of agents and relays.
 *
 * Everything is decided in step(): it looks at what is wanted (envelopes to send, a ping that came, an
 * acknowledgement to give, a request to hold) and starts at most one exchange on the main connection, and one
 * on a second connection when the main one is held and envelopes wait. Whatever changes calls step again.
 *
 * Invariants: never two exchanges on one connection, and envelopes on one of them at a time, or they would overtake each
 * other; after a failure nothing is tried before a growing,
 * jittered pause; a held request that came back empty is not renewed within a second (no busy loop whatever
 * the parent does); a cursor is acknowledged only when the owner said that it is on its disk.
 */
#include "wire/uplink.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/text.h"
#include "wire/uplink_internal.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MIN_MS 500
#define COMMIT_HOLD_MS 2000 /* how long to wait for a commit on a connection that is open anyway */
#define COMMIT_BYTES 65536  /* more than this is likely not all: the next shall go at once */
#define ACK_WAIT_MS 3000    /* the owner's disk may take so long before we ask again */
#define IDLE_CLOSE_MS 5000
#define EARLY_MS 1000
#define UDP_GRACE_MS 600 /* before holding, for the first UDP answer to arrive */
#define EXCHANGE_TIMEOUT_MS 30000
#define UPS_BYTES (4u << 20)
#define EXCHANGES_A_SECOND 100

static void step(struct uplink *u);

int64_t uplink_jitter(int64_t ms)
{
	uint16_t r;

	random_bytes(&r, sizeof r);
	return ms * 3 / 4 + ms / 2 * r / 65536;
}

const char *uplink_mode_word(enum uplink_mode m)
{
	static const char *const words[] = {"ping", "held", "poll"};

	return words[m];
}

void uplink_set_mode(struct uplink *u, enum uplink_mode m, const char *fmt, ...)
{
	va_list ap;

	if (m != u->mode)
		u->come = true; /* the parent shall know */
	u->mode = m;
	va_start(ap, fmt);
	vsnprintf(u->reason, sizeof u->reason, fmt, ap);
	va_end(ap);
}

void uplink_step_in(struct uplink *u, int64_t ms)
{
	struct timeval tv;
	int64_t at = clock_mono_ms() + (ms > 0 ? ms : 0);

	if (!u->started || at >= u->step_at_mono)
		return;
	u->step_at_mono = at;
	tv = (struct timeval){ms > 0 ? ms / 1000 : 0, ms > 0 ? ms % 1000 * 1000 : 0};
	event_add(u->step, &tv);
}

/* ---- one exchange ---- */

static int hello_add(struct uplink *u, const struct uplink_line *l, struct buf *out)
{
	struct json *j = json_object();
	struct buf text;
	int rc;

	json_set_string(j, "stream", u->conf.stream);
	json_set_int(j, "ack", (int64_t)l->sent_ack);
	json_set_int(j, "hold_ms", l->hold_ms);
	json_set_string(j, "mode", uplink_mode_word(u->mode));
	json_set_string(j, "reason", u->reason);
	json_set_string(j, "version", u->conf.version);
	if (l->side)
		json_set_bool(j, "side", true);
	if (l->asked_ping)
		json_set_bool(j, "ping", true);
	u->conf.ops->hello(u->conf.ctx, j);
	buf_init(&text, 8192);
	json_print(j, &text);
	rc = frame_add(out, "hello", (const char *[]){NULL}, text.data, text.len);
	buf_release(&text);
	json_free(j);
	return rc;
}

static void on_answer(void *ctx, const struct httpc_answer *a);

static int judge(void *ctx, const struct tls_peer *peer, struct err *e)
{
	struct uplink_line *l = ctx;

	if (l->u->conf.ops->judge(l->u->conf.ctx, peer->uri, e) < 0)
		return -1;
	snprintf(l->u->judged_uri, sizeof l->u->judged_uri, "%s", peer->uri);
	return 0;
}

static void line_open(struct uplink *u, struct uplink_line *l)
{
	const struct uplink_parent *p = &u->parents[u->at];
	struct httpc_conf conf = {.base = u->conf.base,
		.dns = u->conf.dns,
		.tls = u->tls,
		.sessions = u->sessions,
		.host = p->host,
		.port = p->port,
		.max_body_bytes = FRAMES_MAX,
		.judge = judge,
		.ctx = l};

	l->u = u;
	if (!l->http)
		l->http = httpc_new(&conf);
}

static void line_close(struct uplink *u, struct uplink_line *l)
{
	httpc_free(l->http);
	l->http = NULL;
	if (l->ticket)
		u->conf.ops->lost(u->conf.ctx, l->ticket);
	l->ticket = 0;
}

/* Starts an exchange; with `ups`, what the owner has to send goes along, and hold_ms is how long it may wait for its commit.
 * false: it had nothing, or some is on its way. */
static bool exchange(struct uplink *u, struct uplink_line *l, bool ups, int64_t hold_ms)
{
	struct buf body, envelopes;
	int64_t now = clock_mono_ms();

	if (ups && (u->line.ticket || u->side.ticket))
		return false;
	buf_init(&envelopes, UPS_BYTES);
	l->ticket = ups ? u->conf.ops->collect(u->conf.ctx, &envelopes) : 0;
	if (ups && !l->ticket) {
		buf_release(&envelopes);
		return false;
	}
	if (l->ticket == UPLINK_VOLATILE || envelopes.len > COMMIT_BYTES)
		hold_ms = 0;
	line_open(u, l);
	l->side = l == &u->side;
	l->hold_ms = hold_ms;
	l->begun_mono = now;
	l->sent_ack = u->acked;
	l->asked_ping =
		!l->side && !u->conf.always_held && u->channel.fd < 0 && now >= u->better_mono;
	buf_init(&body, FRAMES_MAX);
	hello_add(u, l, &body);
	buf_add(&body, envelopes.data, envelopes.len);
	u->counts.exchanges++;
	if (!l->side)
		u->come = u->ack_now = false;
	httpc_request(l->http, "POST", "/him/v1/exchange", FRAMES_TYPE, body.data, body.len, true,
		hold_ms + EXCHANGE_TIMEOUT_MS, on_answer, l);
	buf_release(&body);
	buf_release(&envelopes);
	return true;
}

static void failed(struct uplink *u, const struct err *e)
{
	int64_t pause = RETRY_MIN_MS;

	u->counts.failed++;
	for (int i = 0; i < u->fails && pause < u->conf.retry_max_ms; i++)
		pause *= 2;
	if (pause > u->conf.retry_max_ms)
		pause = u->conf.retry_max_ms;
	u->fails++;
	if (u->contact || u->fails == 1)
		u->conf.ops->contact(u->conf.ctx, false, uplink_parent(u), e);
	u->contact = false;
	line_close(u, &u->line);
	line_close(u, &u->side);
	uplink_channel_close(u);
	u->better_mono = 0;
	u->come = true;
	if (u->parents_n > 1) {
		u->at = (u->at + 1) % u->parents_n;
		u->reopen = true;
	}
	u->not_before_mono = clock_mono_ms() + uplink_jitter(pause);
	uplink_step_in(u, u->not_before_mono - clock_mono_ms());
}

static void succeeded(struct uplink *u)
{
	u->fails = 0;
	if (strcmp(u->parent_uri, u->judged_uri) != 0) {
		bool first = !u->parent_uri[0];
		memcpy(u->parent_uri, u->judged_uri, sizeof u->parent_uri);
		u->cursor = u->acked = 0; /* cursors are each parent's own */
		if (!first)
			u->conf.ops->parent(u->conf.ctx, u->parent_uri);
	}
	if (!u->contact)
		u->conf.ops->contact(u->conf.ctx, true, uplink_parent(u), NULL);
	u->contact = true;
}

/* A held request was cut: once may be chance; twice in a row early is a middlebox that cuts. */
static bool hold_was_cut(
	struct uplink *u, const struct uplink_line *l, const struct httpc_answer *a)
{
	int64_t lasted = clock_mono_ms() - l->begun_mono;

	if (!a->closed_early || l->hold_ms < u->conf.hold_ms || u->conf.always_held || !u->contact)
		return false;
	if (lasted >= l->hold_ms / 4)
		u->short_holds = 0;
	else if (++u->short_holds >= 2) {
		uplink_set_mode(u, UPLINK_POLL, "open requests are cut after %lld s",
			(long long)(lasted / 1000));
		u->better_mono = clock_mono_ms() + uplink_jitter(u->conf.better_ms);
		u->short_holds = 0;
	}
	u->come = true;
	uplink_step_in(u, uplink_jitter(RETRY_MIN_MS));
	return true;
}

static int answer_head(
	struct uplink *u, struct uplink_line *l, const struct frame *f, uint64_t *cursor)
{
	struct err e = ERR_INIT;
	struct json *j = frame_is(f, "answer") ? json_parse(f->body, f->body_len, &e) : NULL;
	int64_t now, c;
	bool more = false, copies = false;

	if (!j)
		return -1;
	if (json_to_int(json_get(j, "now"), &now) < 0 ||
		json_to_int(json_get(j, "cursor"), &c) < 0) {
		json_free(j);
		return -1;
	}
	u->skew_ms = now - clock_now_ms();
	*cursor = (uint64_t)c;
	json_to_bool(json_get(j, "more"), &more);
	u->come |= more;
	json_to_bool(json_get(j, "copies"), &copies);
	if (copies && u->conf.ops->copies)
		u->conf.ops->copies(u->conf.ctx);
	if (l->asked_ping) {
		u->better_mono = clock_mono_ms() + uplink_jitter(u->conf.better_ms);
		if (!json_has(j, "ping"))
			uplink_set_mode(u, UPLINK_HELD, "the parent offers no UDP");
		else if (uplink_channel_open(u, json_get(j, "ping")) == 0)
			uplink_linger(u, UDP_GRACE_MS);
		if (u->mode == UPLINK_POLL)
			uplink_set_mode(u, UPLINK_HELD, "trying an open request again");
	}
	json_free(j);
	return 0;
}

static int answer_take(struct uplink *u, struct uplink_line *l, const struct httpc_answer *a)
{
	struct err e = ERR_INIT;
	struct frame f;
	size_t pos = 0;
	uint64_t cursor;

	if (frame_next(a->body, a->len, &pos, &f, &e) <= 0 || answer_head(u, l, &f, &cursor) < 0)
		return -1;
	u->sent_ack = l->sent_ack;
	if (l->side)
		return 0;
	if (pos ==
		a->len) { /* nothing came: what the parent takes for acknowledged is where we are */
		if (u->acked == u->cursor)
			u->cursor = u->acked = u->sent_ack = cursor;
		return 0;
	}
	if (u->acked == cursor)
		u->acked = 0; /* a cursor of before a restart of the parent: it says nothing now */
	u->cursor = cursor;
	u->ack_by_mono = clock_mono_ms() + ACK_WAIT_MS;
	u->conf.ops->down(u->conf.ctx, a->body + pos, a->len - pos, cursor);
	return 0;
}

/* The parent said no in words: 507 stops envelopes only; anything else is a failure. */
static void refused(struct uplink *u, struct uplink_line *l, const struct httpc_answer *a)
{
	struct err e = ERR_INIT;
	struct json *j = json_parse(a->body, a->len, NULL);
	const char *detail = json_str(json_get(j, "detail"));

	err_set(&e, err_from_http(a->status), "%s", detail ? detail : "the parent refused");
	json_free(j);
	if (a->status != 507) {
		failed(u, &e);
		return;
	}
	u->ups_not_before_mono = clock_mono_ms() + uplink_jitter(5000);
	uplink_step_in(u, 0);
}

static void on_answer(void *ctx, const struct httpc_answer *a)
{
	struct uplink_line *l = ctx;
	struct uplink *u = l->u;
	int64_t ticket = l->ticket, lasted = clock_mono_ms() - l->begun_mono;

	l->ticket = 0;
	u->idle_since_mono = clock_mono_ms();
	if (ticket && a->status != 200)
		u->conf.ops->lost(u->conf.ctx, ticket);
	if (a->status == 0 && hold_was_cut(u, l, a))
		return;
	if (a->status == 0 &&
		l->side) { /* the main line will find out whether the parent is gone */
		u->ups_not_before_mono = clock_mono_ms() + uplink_jitter(RETRY_MIN_MS);
		uplink_step_in(u, RETRY_MIN_MS);
		return;
	}
	if (a->status == 0) {
		failed(u, &a->e);
		return;
	}
	u->counts.resumed += a->resumed;
	if (a->status != 200) {
		refused(u, l, a);
		return;
	}
	succeeded(u);
	if (ticket)
		u->conf.ops->accepted(u->conf.ctx, ticket);
	if (answer_take(u, l, a) < 0) {
		failed(u,
			&(struct err){ERR_PROTOCOL, "",
				"the parent's answer is not a sequence of frames"});
		return;
	}
	if (ticket && u->conf.ops->waiting(u->conf.ctx))
		u->due_mono = clock_mono_ms(); /* collect the commit while the line is open */
	else if (l->hold_ms >= u->conf.hold_ms && lasted < EARLY_MS && u->acked == u->cursor &&
		u->sent_ack == u->acked)
		uplink_linger(
			u, EARLY_MS); /* held and came back at once with nothing: do not spin */
	uplink_step_in(u, 0);
}

/* ---- what to do next ---- */

/* What goes up now is committed in a moment, mostly: its answer may bring that too. Not after a failure, which may have been that
 * something on the way cuts what is quiet. */
static int64_t commit_hold(const struct uplink *u)
{
	if (u->conf.always_held || u->mode == UPLINK_POLL || u->fails)
		return 0;
	return COMMIT_HOLD_MS < u->conf.hold_ms ? COMMIT_HOLD_MS : u->conf.hold_ms;
}

static int64_t next_due(const struct uplink *u)
{
	if (u->mode == UPLINK_POLL)
		return uplink_jitter(u->conf.poll_ms);
	return u->conf.ops->waiting(u->conf.ctx) ? uplink_jitter(15000)
						 : uplink_jitter(u->conf.better_ms);
}

/* The main line is free. Starts what is wanted, or says in how many ms to look again. */
static int64_t step_main(struct uplink *u, int64_t now)
{
	bool waiting = u->conf.ops->waiting(u->conf.ctx);

	if (u->acked != u->cursor && now < u->ack_by_mono)
		return u->ack_by_mono - now;
	if (now >= u->ups_not_before_mono && exchange(u, &u->line, true, commit_hold(u)))
		return -1;
	if (now < u->linger_until_mono && !u->come)
		return u->linger_until_mono - now;
	if (u->mode == UPLINK_HELD && !u->come) {
		exchange(u, &u->line, false, u->conf.hold_ms);
		return -1;
	}
	if (u->come || (u->ack_now && u->acked != u->sent_ack) || now >= u->due_mono) {
		bool commit = waiting && !u->come;
		u->due_mono = now + next_due(u);
		exchange(u, &u->line, false, commit ? commit_hold(u) : 0);
		return -1;
	}
	if (u->line.http && now - u->idle_since_mono >= IDLE_CLOSE_MS)
		httpc_disconnect(u->line.http);
	else if (u->line.http && u->due_mono - now > IDLE_CLOSE_MS)
		return IDLE_CLOSE_MS - (now - u->idle_since_mono);
	return u->due_mono - now;
}

/* The most exchanges a second, whatever a parent does to make us come. */
static bool too_many(struct uplink *u, int64_t now)
{
	if (now - u->second_mono >= 1000) {
		u->second_mono = now;
		u->second_exchanges = u->counts.exchanges;
	}
	return u->counts.exchanges - u->second_exchanges >= EXCHANGES_A_SECOND;
}

static void reopen(struct uplink *u)
{
	line_close(u, &u->line);
	line_close(u, &u->side);
	uplink_channel_close(u);
	httpc_sessions_free(u->sessions);
	u->sessions = httpc_sessions_new();
	u->better_mono = 0;
	u->come = true;
	u->reopen = false;
}

static void step(struct uplink *u)
{
	int64_t now = clock_mono_ms(), in = -1;

	u->step_at_mono = INT64_MAX;
	if (u->reopen)
		reopen(u);
	if (!u->tls || u->parents_n == 0)
		return;
	if (now < u->not_before_mono || too_many(u, now)) {
		in = u->not_before_mono - now;
		uplink_step_in(u, in > 0 ? in : u->second_mono + 1000 - now);
		return;
	}
	if (!u->line.http || !httpc_busy(u->line.http))
		in = step_main(u, now);
	else if (u->line.hold_ms > 0 && (!u->side.http || !httpc_busy(u->side.http)) &&
		now >= u->ups_not_before_mono)
		exchange(u, &u->side, true, 0);
	if (u->side.http && !httpc_busy(u->side.http) && !u->conf.always_held &&
		(!u->line.http || !httpc_busy(u->line.http)))
		httpc_disconnect(u->side.http);
	if (now < u->ups_not_before_mono && (in < 0 || in > u->ups_not_before_mono - now))
		in = u->ups_not_before_mono - now;
	if (in >= 0)
		uplink_step_in(u, in > 0 ? in : 1);
}

static void on_step(evutil_socket_t fd, short what, void *arg)
{
	step(arg);
}

/* ---- the owner's side ---- */

void uplink_wake(struct uplink *u)
{
	uplink_step_in(u, 0);
}

void uplink_linger(struct uplink *u, int64_t ms)
{
	int64_t until = clock_mono_ms() + ms;

	if (until > u->linger_until_mono)
		u->linger_until_mono = until;
}

void uplink_ack_later(struct uplink *u, uint64_t cursor)
{
	if (cursor != u->cursor) /* of an answer that another one followed: its mail came again */
		return;
	u->acked = cursor;
	uplink_step_in(u, 0);
}

void uplink_ack(struct uplink *u, uint64_t cursor)
{
	u->ack_now |= cursor == u->cursor;
	uplink_ack_later(u, cursor);
}

void uplink_stream(struct uplink *u, const char *stream)
{
	u->conf.stream = stream;
}

enum uplink_mode uplink_mode(const struct uplink *u)
{
	return u->mode;
}

const char *uplink_reason(const struct uplink *u)
{
	return u->reason;
}

const char *uplink_parent(const struct uplink *u)
{
	return u->parents_n ? u->parents[u->at].address : "";
}

int64_t uplink_skew_ms(const struct uplink *u)
{
	return u->skew_ms;
}

void uplink_counts(const struct uplink *u, struct uplink_counts *out)
{
	*out = u->counts;
}

static void parents_clear(struct uplink *u)
{
	for (size_t i = 0; i < u->parents_n; i++) {
		free(u->parents[i].host);
		free(u->parents[i].address);
	}
	free(u->parents);
	u->parents = NULL;
	u->parents_n = 0;
	u->at = 0;
}

static int parent_parse(const char *address, struct uplink_parent *p, struct err *e)
{
	const char *colon = strrchr(address, ':');
	int64_t port;

	if (!colon || colon == address)
		return err_field(e, ERR_INVALID, "parent", "'%s' is not HOST:PORT", address);
	if (text_int(colon + 1, "port", 1, 65535, &port, e) < 0)
		return -1;
	bool v6 = address[0] == '[' && colon[-1] == ']';
	p->host = v6 ? xstrndup(address + 1, (size_t)(colon - address) - 2)
		     : xstrndup(address, (size_t)(colon - address));
	p->port = (int)port;
	p->address = xstrdup(address);
	return 0;
}

int uplink_set_parents(struct uplink *u, const char *const *addresses, size_t n, struct err *e)
{
	struct uplink_parent *list = xcalloc(n ? n : 1, sizeof *list);
	char *current = xstrdup(uplink_parent(u));
	size_t at = n;

	for (size_t i = 0; i < n; i++)
		if (parent_parse(addresses[i], &list[i], e) < 0) {
			while (i-- > 0) {
				free(list[i].host);
				free(list[i].address);
			}
			free(list);
			free(current);
			return -1;
		}
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i].address, current) == 0)
			at = i;
	parents_clear(u);
	u->parents = list;
	u->parents_n = n;
	u->at = at < n ? at : 0;
	if (at == n) /* ours is gone from the list: go to another */
		u->reopen = true;
	free(current);
	uplink_step_in(u, 0);
	return 0;
}

void uplink_set_tls(struct uplink *u, SSL_CTX *tls)
{
	SSL_CTX_up_ref(tls);
	SSL_CTX_free(u->tls);
	u->tls = tls;
	u->reopen = true;
	uplink_step_in(u, 0);
}

void uplink_start(struct uplink *u)
{
	u->started = u->come = true;
	uplink_step_in(u, 0);
}

struct uplink *uplink_new(const struct uplink_conf *conf)
{
	struct uplink *u = xcalloc(1, sizeof *u);

	u->conf = *conf;
	u->channel.fd = -1;
	u->step_at_mono = INT64_MAX;
	u->sessions = httpc_sessions_new();
	u->step = event_new(conf->base, -1, 0, on_step, u);
	uplink_set_mode(u, UPLINK_HELD,
		conf->always_held ? "a relay always holds a request" : "first contact");
	return u;
}

void uplink_free(struct uplink *u)
{
	if (!u)
		return;
	httpc_free(u->line.http);
	httpc_free(u->side.http);
	uplink_channel_close(u);
	parents_clear(u);
	httpc_sessions_free(u->sessions);
	SSL_CTX_free(u->tls);
	event_free(u->step);
	free(u);
}
