/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two halves of the protocol against each other, in one process over real TLS on loopback: mail arrives and is
 * acknowledged, envelopes go up, the way down is found (ping where UDP answers, a held request where it does not),
 * sessions are resumed, a revoked child is cut off while it holds.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/clock.h"
#include "wire/hub.h"
#include "wire/pki.h"
#include "wire/spool.h"
#include "wire/uplink.h"
#include <stdlib.h>
#include <string.h>

#define AGENT "01aaaaaaaaaaaaaaaaaaaaaaaa"
#define SERVER "01bbbbbbbbbbbbbbbbbbbbbbbb"
#define LIMIT_MS 20000

struct link {
	struct event_base *base;
	char *ca_key, *ca, *server_key, *server_cert, *agent_key, *agent_cert;
	struct http_server *http;
	struct http_req *asked; /* the last one */
	struct hub *hub;
	struct uplink *uplink;
	int port;
	/* what happened */
	char seen[64], acked[64];
	uint64_t cursor;
	int downs, taken, contacts, presences, refusals, copies;
	struct hub_presence told[8]; /* the first presences, without their texts */
	uint64_t slow_ticket;        /* what the parent's disk has not written yet */
	bool slow, later;
	bool revoked, expired, send, contact;
	struct err why;
	char mode[8];
};

static char *pem_of(struct buf *b)
{
	return buf_steal(b);
}

static void certs(struct link *l)
{
	struct err e = ERR_INIT;
	struct buf key, cert, csr;
	int64_t now = clock_now_ms();

	buf_init(&key, PKI_PEM_MAX);
	buf_init(&cert, PKI_PEM_MAX);
	buf_init(&csr, PKI_PEM_MAX);
	assert_int_equal(pki_ca_new(now, &key, &cert, &e), 0);
	l->ca_key = pem_of(&key);
	l->ca = pem_of(&cert);
	for (int i = 0; i < 2; i++) {
		struct pki_issue in = {.ca_key = l->ca_key,
			.ca_cert = l->ca,
			.role = i ? PKI_AGENT : PKI_SERVER,
			.id = i ? AGENT : SERVER,
			.not_before_ms = now - 60000,
			.not_after_ms = now + 3600000};
		assert_int_equal(pki_keygen(&key, &e), 0);
		assert_int_equal(pki_csr(buf_str(&key), &csr, &e), 0);
		in.csr = buf_str(&csr);
		assert_int_equal(pki_issue(&in, &cert, &e), 0);
		*(i ? &l->agent_key : &l->server_key) = pem_of(&key);
		*(i ? &l->agent_cert : &l->server_cert) = pem_of(&cert);
		buf_clear(&csr);
	}
	buf_release(&csr);
}

/* ---- the parent's owner ---- */

static int admit(void *ctx, const struct tls_peer *peer, const char *id, enum pki_role role,
	bool *renew_only, struct err *e)
{
	struct link *l = ctx;

	*renew_only = l->expired;
	return l->revoked ? err_set(e, ERR_FORBIDDEN, "%s is revoked", id) : 0;
}

static void hello(void *ctx, const struct hub_hello *h)
{
	snprintf(((struct link *)ctx)->mode, 8, "%s", h->mode);
}

static void take(void *ctx, const char *child, const char *frames, size_t len, uint64_t ticket)
{
	struct link *l = ctx;

	l->taken++;
	if (l->slow)
		l->slow_ticket = ticket;
	else
		hub_taken(l->hub, ticket, NULL);
}

static void acked(void *ctx, const char *child, const char *key, int64_t tag)
{
	snprintf(((struct link *)ctx)->acked, 64, "%s", key);
}

static void presence(void *ctx, const struct hub_presence *p)
{
	struct link *l = ctx;

	if (l->presences < 8)
		l->told[l->presences] = (struct hub_presence){
			.state = p->state, .since_ms = p->since_ms, .seen_ms = p->seen_ms};
	l->presences++;
}

static void refused(void *ctx, const struct err *e)
{
	((struct link *)ctx)->refusals++;
}

static void serve(void *ctx, struct http_req *req)
{
	struct link *l = ctx;

	l->asked = req;
	hub_exchange(l->hub, req);
}

/* ---- the child's owner ---- */

static void say_hello(void *ctx, struct json *j)
{
}

static int64_t collect(void *ctx, struct buf *out)
{
	static const uint8_t key[MAC_KEY_BYTES];
	struct link *l = ctx;
	struct envelope env = {.kind = "report",
		.agent = AGENT,
		.stream = "0123456789abcdef",
		.seq = 1,
		.prev = DIGEST_ZERO,
		.body = "{}",
		.len = 2};

	if (!l->send)
		return 0;
	l->send = false;
	envelope_add(out, &env, key);
	return 7;
}

static void accepted(void *ctx, int64_t ticket)
{
	assert_int_equal(ticket, 7);
}

static void lost(void *ctx, int64_t ticket)
{
	((struct link *)ctx)->send = true;
}

static void down(void *ctx, const char *frames, size_t len, uint64_t cursor)
{
	struct link *l = ctx;
	struct frame f;
	size_t pos = 0;

	while (frame_next(frames, len, &pos, &f, NULL) > 0)
		snprintf(l->seen, sizeof l->seen, "%.*s", (int)f.body_len, f.body);
	l->downs++;
	(l->later ? uplink_ack_later : uplink_ack)(l->uplink, cursor);
}

static int judge(void *ctx, const char *uri, struct err *e)
{
	return strcmp(uri, "him://server/" SERVER) == 0
		? 0
		: err_set(e, ERR_FORBIDDEN, "not our server");
}

static void parent(void *ctx, const char *uri)
{
}

static bool waiting(void *ctx)
{
	return false;
}

static void contact(void *ctx, bool made, const char *address, const struct err *why)
{
	struct link *l = ctx;

	l->contact = made;
	l->contacts += made;
	if (why)
		l->why = *why;
}

static void copies(void *ctx)
{
	((struct link *)ctx)->copies++;
}

struct patience { /* of the parent */
	int64_t late_ms, offline_ms, hold_max_ms;
};

static void open_patient_link(struct link *l, bool udp, const struct patience *p)
{
	static const struct hub_ops hub_ops = {admit, hello, take, acked, NULL, presence, refused};
	static const struct uplink_ops uplink_ops = {
		say_hello, collect, accepted, lost, down, judge, parent, waiting, contact, copies};
	struct err e = ERR_INIT;
	char address[32];
	const char *list[] = {address};

	memset(l, 0, sizeof *l);
	certs(l);
	l->base = event_base_new();
	struct tls_identity sid = {l->server_cert, l->server_key},
			    aid = {l->agent_cert, l->agent_key};
	SSL_CTX *stls = tls_server_ctx(&sid, l->ca, TLS_CERT_REQUIRED, 100, &e),
		*atls = tls_client_ctx(&aid, l->ca, NULL, &e);
	assert_non_null(stls);
	assert_non_null(atls);
	struct http_conf http = {.tls = stls,
		.max_headers_bytes = 16384,
		.max_body_bytes = FRAMES_MAX,
		.idle_ms = 60000,
		.handler = serve,
		.ctx = l};
	l->http = http_server_open(l->base, &http, &e);
	assert_int_equal(http_listen(l->http, "127.0.0.1", 0, &l->port, &e), 0);
	struct hub_conf hub = {.base = l->base,
		.http = l->http,
		.ops = &hub_ops,
		.ctx = l,
		.late_ms = p->late_ms,
		.offline_ms = p->offline_ms,
		.hold_max_ms = p->hold_max_ms,
		.mail_max_bytes = 1 << 20};
	l->hub = hub_new(&hub);
	if (udp)
		assert_true(hub_listen_udp(l->hub, "127.0.0.1", l->port, &e) > 0);
	struct uplink_conf up = {.base = l->base,
		.ops = &uplink_ops,
		.ctx = l,
		.version = "1",
		.stream = "0123456789abcdef",
		.hold_ms = 30000,
		.poll_ms = 1000,
		.keepalive_ms = 1000,
		.retry_max_ms = 1000,
		.better_ms = 600000};
	l->uplink = uplink_new(&up);
	uplink_set_tls(l->uplink, atls);
	snprintf(address, sizeof address, "127.0.0.1:%d", l->port);
	assert_int_equal(uplink_set_parents(l->uplink, list, 1, &e), 0);
	uplink_start(l->uplink);
	SSL_CTX_free(stls);
	SSL_CTX_free(atls);
}

static void open_link(struct link *l, bool udp)
{
	open_patient_link(l, udp, &(struct patience){60000, 120000, 60000});
}

static void close_link(struct link *l)
{
	uplink_free(l->uplink);
	hub_free(l->hub);
	http_server_close(l->http);
	event_base_loop(l->base, EVLOOP_NONBLOCK); /* libevent frees some things a turn later */
	event_base_loop(l->base, EVLOOP_NONBLOCK);
	event_base_free(l->base);
	free(l->ca_key);
	free(l->ca);
	free(l->server_key);
	free(l->server_cert);
	free(l->agent_key);
	free(l->agent_cert);
}

/* Runs the loop until the condition holds, with a generous limit. */
#define UNTIL(l, condition)                                                                        \
	do {                                                                                       \
		int64_t end_ = clock_mono_ms() + LIMIT_MS;                                         \
		while (!(condition) && clock_mono_ms() < end_) {                                   \
			struct timeval tv_ = {0, 20000};                                           \
			event_base_loopexit((l)->base, &tv_);                                      \
			event_base_dispatch((l)->base);                                            \
		}                                                                                  \
		assert_true(condition);                                                            \
	} while (0)

static void post(struct link *l, const char *key, const char *body)
{
	struct buf frame;
	struct err e = ERR_INIT;

	buf_init(&frame, 4096);
	frame_add(&frame, "full", (const char *[]){"agent", AGENT, "route", "", NULL}, body,
		strlen(body));
	struct hub_post p = {.child = AGENT, .key = key, .frame = frame.data, .len = frame.len};
	assert_int_equal(hub_post(l->hub, &p, &e), 0);
	buf_release(&frame);
}

static void test_held(void **state)
{
	struct link l;
	struct hub_counts hc;

	open_link(&l, false);
	UNTIL(&l, (hub_counts(l.hub, &hc), hc.held == 1));
	assert_string_equal(uplink_reason(l.uplink), "the parent offers no UDP");
	post(&l, "k1", "one");
	UNTIL(&l, strcmp(l.acked, "k1") == 0);
	assert_string_equal(l.seen, "one");
	UNTIL(&l, (hub_counts(l.hub, &hc), hc.held == 1));
	l.send = true; /* while the request is held, envelopes take a second connection, resumed */
	uplink_wake(l.uplink);
	UNTIL(&l, l.taken == 1);
	assert_int_equal(hc.mail, 0);
	struct http_counts counts;
	http_counts(l.http, &counts);
	assert_true(counts.resumed >= 1);
	close_link(&l);
}

/* Whoever holds is there, however long nothing is said; whoever went is late and then offline, since it was last there. */
static void test_silence(void **state)
{
	struct link l;
	struct hub_counts hc;
	int64_t began, gone;

	open_patient_link(&l, false, &(struct patience){300, 700, 60000});
	UNTIL(&l, (hub_counts(l.hub, &hc), hc.held == 1));
	began = clock_mono_ms();
	UNTIL(&l, clock_mono_ms() > began + 1000);
	assert_int_equal(l.presences, 1);
	assert_int_equal(l.told[0].state, HUB_ONLINE);
	gone = clock_now_ms();
	uplink_free(l.uplink);
	l.uplink = NULL;
	UNTIL(&l, l.presences == 3);
	assert_int_equal(l.told[1].state, HUB_LATE);
	assert_int_equal(l.told[2].state, HUB_OFFLINE);
	for (int i = 1; i <= 2; i++) {
		assert_true(l.told[i].since_ms >= gone);
		assert_int_equal(l.told[i].since_ms, l.told[1].seen_ms);
	}
	close_link(&l);
}

/* Also one that never came again. */
static void test_silence_after_one_exchange(void **state)
{
	struct link l;

	open_patient_link(&l, true, &(struct patience){200, 400, 60000});
	while (l.presences == 0)
		event_base_loop(l.base, EVLOOP_ONCE);
	uplink_free(l.uplink);
	l.uplink = NULL;
	UNTIL(&l, l.presences == 3);
	assert_int_equal(l.told[2].state, HUB_OFFLINE);
	close_link(&l);
}

/* A hold ends at its time, and the next one begins. */
static void test_a_hold_ends(void **state)
{
	struct link l;
	struct hub_counts hc;

	open_patient_link(&l, false, &(struct patience){60000, 120000, 200});
	UNTIL(&l, (hub_counts(l.hub, &hc), hc.exchanges >= 4 && hc.held == 1));
	assert_int_equal(hc.mail, 0);
	assert_int_equal(l.presences, 1);
	close_link(&l);
}

/* The answer to envelopes waits for what the server says to them, so that both are one exchange. */
static void test_a_commit_comes_with_the_answer(void **state)
{
	struct link l;
	struct hub_counts hc;
	size_t len;

	open_link(&l, false);
	l.send = l.slow = true;
	UNTIL(&l, l.taken == 1);
	assert_int_equal((hub_counts(l.hub, &hc), hc.held), 0);
	hub_taken(l.hub, l.slow_ticket, NULL);
	assert_int_equal((hub_counts(l.hub, &hc), hc.held), 1);
	http_body(l.asked, &len); /* what waits costs no memory for what was taken */
	assert_int_equal(len, 0);
	post(&l, "k1", "one");
	UNTIL(&l, strcmp(l.acked, "k1") == 0);
	assert_string_equal(l.seen, "one");
	hub_counts(l.hub, &hc);
	assert_int_equal(hc.exchanges, 2); /* the second one acknowledges, and is held */
	close_link(&l);
}

/* It was cut: the way may be one that cuts what is quiet, so the same envelopes wait for no commit. */
static void test_no_wait_for_a_commit_after_a_failure(void **state)
{
	struct link l;
	struct hub_counts hc;

	open_link(&l, false);
	l.send = l.slow = true;
	UNTIL(&l, l.taken == 1);
	hub_drop(l.hub, AGENT, PKI_AGENT);
	UNTIL(&l, l.taken == 2);
	hub_taken(l.hub, l.slow_ticket, NULL);
	assert_int_equal((hub_counts(l.hub, &hc), hc.held), 0);
	close_link(&l);
}

/* What the parent may keep a while is acknowledged with the next exchange, and none is made for it. */
static void test_acknowledged_later(void **state)
{
	struct link l;
	struct hub_counts hc;
	uint64_t before;
	int64_t end;

	open_link(&l, true);
	UNTIL(&l, uplink_mode(l.uplink) == UPLINK_PING && strcmp(l.mode, "ping") == 0);
	UNTIL(&l, (hub_counts(l.hub, &hc), hc.held == 0));
	l.later = true;
	post(&l, "k1", "one");
	UNTIL(&l, l.downs == 1);
	before = (hub_counts(l.hub, &hc), hc.exchanges);
	end = clock_mono_ms() + 300;
	UNTIL(&l, clock_mono_ms() > end);
	hub_counts(l.hub, &hc);
	assert_int_equal(hc.exchanges, before);
	assert_int_equal(hc.mail, 1);
	l.send = true;
	uplink_wake(l.uplink);
	UNTIL(&l, strcmp(l.acked, "k1") == 0);
	assert_int_equal(l.downs, 1);
	close_link(&l);
}

static void broadcast(struct link *l, int64_t version, const char *body)
{
	struct buf frame;

	buf_init(&frame, 4096);
	frame_add(&frame, "sign", (const char *[]){NULL}, body, strlen(body));
	hub_broadcast(l->hub, "relays", version, frame.data, frame.len, true);
	buf_release(&frame);
}

/* Whoever reads a list for the hub may be overtaken by somebody who reads a newer one. */
static void test_an_older_list_does_not_replace_a_newer_one(void **state)
{
	struct link l;

	open_link(&l, false);
	broadcast(&l, 2, "two");
	broadcast(&l, 1, "one");
	UNTIL(&l, l.downs >= 1);
	assert_string_equal(l.seen, "two");
	close_link(&l);
}

/* While some envelopes are on their way on one connection, none go on the other: they would overtake. */
static void test_envelopes_keep_their_order(void **state)
{
	struct link l;
	struct hub_counts hc;

	open_link(&l, false);
	UNTIL(&l, (hub_counts(l.hub, &hc), hc.held == 1));
	l.slow = l.send = true;
	uplink_wake(l.uplink);
	UNTIL(&l, l.taken == 1);
	l.send = true; /* and now the main connection is free for a moment */
	post(&l, "k1", "one");
	UNTIL(&l, strcmp(l.acked, "k1") == 0);
	UNTIL(&l, (hub_counts(l.hub, &hc), hc.held == 1));
	assert_int_equal(l.taken, 1);
	assert_true(l.send);
	l.slow = false;
	hub_taken(l.hub, l.slow_ticket, NULL);
	UNTIL(&l, l.taken == 2);
	close_link(&l);
}

static void test_ping(void **state)
{
	struct link l;
	struct hub_counts hc;

	open_link(&l, true);
	UNTIL(&l, uplink_mode(l.uplink) == UPLINK_PING && strcmp(l.mode, "ping") == 0);
	UNTIL(&l, (hub_counts(l.hub, &hc), hc.held == 0));
	post(&l, "k1", "one");
	post(&l, "k2", "two"); /* one burst: one ping */
	UNTIL(&l, strcmp(l.acked, "k2") == 0);
	hub_counts(l.hub, &hc);
	assert_int_equal(hc.pings, 1);
	assert_int_equal(hc.mail, 0);
	close_link(&l);
}

static void test_revoked(void **state)
{
	struct link l;
	struct hub_counts hc;

	open_link(&l, false);
	UNTIL(&l, (hub_counts(l.hub, &hc), hc.held == 1));
	l.revoked = true;
	hub_drop(l.hub, AGENT, PKI_AGENT);
	UNTIL(&l, !l.contact);
	UNTIL(&l, strstr(l.why.text, "revoked"));
	hub_counts(l.hub, &hc);
	assert_int_equal(hc.held, 0);
	int before = l.taken;
	l.send = true;
	uplink_wake(l.uplink);
	UNTIL(&l, (hub_counts(l.hub, &hc), hc.refused >= 2));
	assert_int_equal(l.taken, before);
	close_link(&l);
}

static void test_expired_takes_renewals_only(void **state)
{
	struct link l;
	struct hub_counts hc;

	open_link(&l, false);
	UNTIL(&l, l.contact);
	l.expired = true;
	l.send = true;
	uplink_wake(l.uplink);
	UNTIL(&l, (hub_counts(l.hub, &hc), hc.refused >= 1));
	assert_int_equal(l.taken, 0);
	assert_true(l.refusals >= 1);
	close_link(&l);
}

/* It is given its next certificate and nothing else, and that gives away nothing of what waits. */
static void test_expired_is_given_its_certificate_only(void **state)
{
	struct link l;
	struct hub_counts hc;

	open_link(&l, false);
	UNTIL(&l, (hub_counts(l.hub, &hc), hc.held == 1));
	l.expired = true;
	hub_drop(l.hub, AGENT, PKI_AGENT);
	post(&l, "give:1", "an order");
	post(&l, "cert:1", "a certificate");
	UNTIL(&l, l.downs >= 3);
	assert_string_equal(l.seen, "a certificate");
	assert_string_equal(l.acked, "");
	l.expired = false;
	UNTIL(&l, strcmp(l.acked, "cert:1") == 0);
	hub_counts(l.hub, &hc);
	assert_int_equal(hc.mail, 0);
	close_link(&l);
}

/* A new stream is a restart. One that comes back is a second installation with the same identity. */
static void test_a_stream_that_comes_back(void **state)
{
	static const char *const streams[] = {
		"1111111111111111", "2222222222222222", "3333333333333333", "1111111111111111"};
	struct link l;
	char key[16];

	open_link(&l, false);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(l.copies, 0);
		uplink_stream(l.uplink, streams[i]);
		snprintf(key, sizeof key, "k%d", i);
		post(&l, key, key);
		UNTIL(&l, strcmp(l.acked, key) == 0);
	}
	UNTIL(&l, l.copies > 0);
	close_link(&l);
}

static void test_parent_restarts(void **state)
{
	struct link l;
	struct hub_counts hc;
	struct err e = ERR_INIT;

	open_link(&l, false);
	UNTIL(&l, (hub_counts(l.hub, &hc), hc.held == 1));
	struct http_server *old = l.http;
	hub_free(l.hub);
	http_server_close(old);
	struct tls_identity sid = {l.server_cert, l.server_key};
	SSL_CTX *tls = tls_server_ctx(&sid, l.ca, TLS_CERT_REQUIRED, 100, &e);
	struct http_conf http = {.tls = tls,
		.max_headers_bytes = 16384,
		.max_body_bytes = FRAMES_MAX,
		.idle_ms = 60000,
		.handler = serve,
		.ctx = &l};
	static const struct hub_ops hub_ops = {admit, hello, take, acked, NULL, presence, refused};
	l.http = http_server_open(l.base, &http, &e);
	SSL_CTX_free(tls);
	struct hub_conf hub = {.base = l.base,
		.http = l.http,
		.ops = &hub_ops,
		.ctx = &l,
		.late_ms = 60000,
		.offline_ms = 120000,
		.hold_max_ms = 60000,
		.mail_max_bytes = 1 << 20};
	l.hub = hub_new(&hub);
	assert_int_equal(http_listen(l.http, "127.0.0.1", l.port, NULL, &e), 0);
	post(&l, "k9", "after");
	UNTIL(&l, strcmp(l.acked, "k9") == 0);
	assert_true(l.contacts >= 1);
	close_link(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_silence_after_one_exchange),
		cmocka_unit_test(test_a_hold_ends),
		cmocka_unit_test(test_a_commit_comes_with_the_answer),
		cmocka_unit_test(test_no_wait_for_a_commit_after_a_failure),
		cmocka_unit_test(test_acknowledged_later),
		cmocka_unit_test(test_an_older_list_does_not_replace_a_newer_one),
		cmocka_unit_test(test_envelopes_keep_their_order),
		cmocka_unit_test(test_ping),
		cmocka_unit_test(test_revoked),
		cmocka_unit_test(test_expired_takes_renewals_only),
		cmocka_unit_test(test_expired_is_given_its_certificate_only),
		cmocka_unit_test(test_a_stream_that_comes_back),
		cmocka_unit_test(test_parent_restarts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
