/* SPDX-License-Identifier: Apache-2.0 */
/* The client, against our own listener and against servers that misbehave. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/loop.h"
#include "base/zbody.h"
#include "net_http.h"
#include <event2/bufferevent_ssl.h>
#include <event2/dns.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct net_certs certs;
static const struct http_conf usual = {
	.max_headers_bytes = 8192, .max_body_bytes = 8 * MIB, .idle_ms = 60000};

static int setup(void **state)
{
	net_certs_init(&certs);
	return 0;
}

static int teardown(void **state)
{
	net_certs_release(&certs);
	return 0;
}

/* ---- a server by script ---- */

#define CONNECTIONS 8
#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define CUT "!"   /* ends the connection */
#define SILENT "" /* says nothing */
#define NO_TLS "-"

struct fake {
	struct event_base *base;
	struct evconnlistener *listener;
	SSL_CTX *tls;
	int port;
	/* What it says to the first, second … request; the last one for ever. Of NO_TLS there is not even a handshake. After a
	 * CUT at its end the connection is closed. */
	const char *says[4];
	struct bufferevent *bevs[CONNECTIONS];
	int connections, requests;
	size_t heard;
	bool plain;         /* no TLS */
	char request[1024]; /* the last one */
};

static void fake_end(struct fake *f, struct bufferevent *bev)
{
	for (int i = 0; i < f->connections; i++)
		if (f->bevs[i] == bev)
			f->bevs[i] = NULL;
	bufferevent_free(bev);
}

static void fake_written(struct bufferevent *bev, void *arg)
{
	fake_end(arg, bev);
}

static void fake_read(struct bufferevent *bev, void *arg)
{
	struct fake *f = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	const char *text = f->says[0];
	size_t len;
	bool cut;

	f->heard += evbuffer_get_length(in);
	if (evbuffer_search(in, "\r\n\r\n", 4, NULL).pos < 0)
		return;
	memset(f->request, 0, sizeof f->request);
	evbuffer_copyout(in, f->request, sizeof f->request - 1);
	evbuffer_drain(in, evbuffer_get_length(in));
	f->requests++;
	if (f->says[1])
		memmove(f->says, f->says + 1, sizeof f->says - sizeof *f->says);
	len = strlen(text);
	cut = len > 0 && text[len - 1] == CUT[0];
	bufferevent_write(bev, text, len - cut);
	if (cut && len == 1)
		fake_end(f, bev);
	else if (cut)
		bufferevent_setcb(bev, NULL, fake_written, NULL, f);
}

static void fake_event(struct bufferevent *bev, short what, void *arg)
{
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		fake_end(arg, bev);
}

static void fake_accept(
	struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa, int len, void *arg)
{
	struct fake *f = arg;
	bool tls = !f->plain && strcmp(f->says[0], NO_TLS) != 0;
	struct bufferevent *bev = tls ? bufferevent_openssl_socket_new(f->base, fd, SSL_new(f->tls),
						BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE)
				      : bufferevent_socket_new(f->base, fd, BEV_OPT_CLOSE_ON_FREE);

	assert_true(f->connections < CONNECTIONS);
	f->bevs[f->connections++] = bev;
	if (!tls && !f->plain)
		return;
	bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	bufferevent_setcb(bev, fake_read, NULL, fake_event, f);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
}

static void fake_open(struct fake *f, const struct net_cert *id)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof in;

	*f = (struct fake){.base = event_base_new()};
	f->tls = tls_server_ctx(
		&(struct tls_identity){id->cert, id->key}, NULL, TLS_CERT_NONE, 100, NULL);
	f->listener = evconnlistener_new_bind(f->base, fake_accept, f, LEV_OPT_CLOSE_ON_FREE, 8,
		(struct sockaddr *)&in, sizeof in);
	assert_non_null(f->listener);
	getsockname(evconnlistener_get_fd(f->listener), (struct sockaddr *)&in, &len);
	f->port = ntohs(in.sin_port);
}

static void fake_close(struct fake *f)
{
	for (int i = 0; i < f->connections; i++)
		if (f->bevs[i])
			bufferevent_free(f->bevs[i]);
	evconnlistener_free(f->listener);
	for (int i = 0; i < 5; i++)
		net_turn(f->base);
	SSL_CTX_free(f->tls);
	event_base_free(f->base);
}

struct judged {
	bool refuse;
	char uri[TLS_URI_MAX];
};

static int judge(void *ctx, const struct tls_peer *peer, struct err *e)
{
	struct judged *j = ctx;

	snprintf(j->uri, sizeof j->uri, "%s", peer->uri);
	return j->refuse ? err_set(e, ERR_FORBIDDEN, "%s is not our parent", peer->uri) : 0;
}

static struct httpc *fake_client(struct fake *f, SSL_CTX *tls, struct judged *j)
{
	return httpc_new(&(struct httpc_conf){.base = f->base,
		.tls = tls,
		.host = "127.0.0.1",
		.port = f->port,
		.max_body_bytes = 65536,
		.judge = j ? judge : NULL,
		.ctx = j});
}

static void done(void *ctx, const struct httpc_answer *a)
{
	struct got *g = ctx;

	*g = (struct got){.done = true,
		.status = a->status,
		.closed_early = a->closed_early,
		.e = a->e,
		.len = a->len};
}

static void fake_call(struct fake *f, struct httpc *c, int64_t timeout_ms, struct got *g)
{
	*g = (struct got){0};
	httpc_request(c, "POST", "/", NULL, "body", 4, false, timeout_ms, done, g);
	NET_WAIT(f->base, g->done);
}

/* ---- what goes wrong on the way ---- */

/* The first request is answered; what happens to the second one, and how many connections it took. */
static void test_second_request(void **state)
{
	static const struct {
		const char *name, *first, *second, *third;
		int status, connections;
		enum err_code code;
		bool closed_early;
	} rows[] = {
		{"kept alive", OK_ANSWER, OK_ANSWER, NULL, 200, 1, ERR_NONE, false},
		{"closed before it: asked again", OK_ANSWER, CUT, OK_ANSWER, 200, 2, ERR_NONE,
			false},
		{"closed each time: asked again once", OK_ANSWER, CUT, CUT, 0, 2, ERR_UNAVAILABLE,
			true},
		{"closed after the first answer", OK_ANSWER CUT, OK_ANSWER, NULL, 200, 2, ERR_NONE,
			false},
		{"cut in its status line: not asked again", OK_ANSWER, "HTTP/1.1 2" CUT, OK_ANSWER,
			0, 1, ERR_UNAVAILABLE, true},
		{"cut in its headers", OK_ANSWER, "HTTP/1.1 200 OK\r\nConte" CUT, OK_ANSWER, 0, 1,
			ERR_UNAVAILABLE, true},
		{"cut in its body", OK_ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok" CUT,
			OK_ANSWER, 0, 1, ERR_UNAVAILABLE, true},
		{"not HTTP", OK_ANSWER, "220 mail.example ESMTP\r\n", OK_ANSWER, 0, 1, ERR_PROTOCOL,
			false},
		{"too long", OK_ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n",
			OK_ANSWER, 0, 1, ERR_TOO_LARGE, false},
		{"not zstd", OK_ANSWER,
			"HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\nContent-Length: 2\r\n\r\nok",
			OK_ANSWER, 0, 1, ERR_INVALID, false},
	};
	SSL_CTX *tls = tls_client_ctx(NULL, certs.ca.cert, NULL, NULL);

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct got g;
		struct fake f;
		fake_open(&f, &certs.server);
		f.says[0] = rows[i].first;
		f.says[1] = rows[i].second;
		f.says[2] = rows[i].third;
		struct httpc *c = fake_client(&f, tls, NULL);
		fake_call(&f, c, NET_LIMIT_MS, &g);
		assert_int_equal(g.status, 200);
		fake_call(&f, c, NET_LIMIT_MS, &g);
		if (g.status != rows[i].status || g.e.code != rows[i].code ||
			g.closed_early != rows[i].closed_early ||
			f.connections != rows[i].connections)
			fail_msg("%s: status %d, code %d, early %d, connections %d: %s",
				rows[i].name, g.status, g.e.code, g.closed_early, f.connections,
				g.e.text);
		httpc_free(c);
		fake_close(&f);
	}
	SSL_CTX_free(tls);
}

/* A new connection that ends without an answer is not tried again. */
static void test_first_request_is_cut(void **state)
{
	SSL_CTX *tls = tls_client_ctx(NULL, certs.ca.cert, NULL, NULL);
	struct got g;
	struct fake f;

	fake_open(&f, &certs.server);
	f.says[0] = CUT;
	struct httpc *c = fake_client(&f, tls, NULL);
	fake_call(&f, c, NET_LIMIT_MS, &g);
	assert_true(g.status == 0 && g.closed_early);
	assert_int_equal(f.connections, 1);
	assert_int_equal(f.requests, 1);
	httpc_free(c);
	fake_close(&f);
	SSL_CTX_free(tls);
}

static void test_in_time(void **state)
{
	static const struct {
		const char *says, *text;
	} rows[] = {{SILENT, "did not answer in time"}, {NO_TLS, "cannot connect to 127.0.0.1"}};
	SSL_CTX *tls = tls_client_ctx(NULL, certs.ca.cert, NULL, NULL);

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t before = clock_mono_ms();
		struct got g;
		struct fake f;
		fake_open(&f, &certs.server);
		f.says[0] = rows[i].says;
		struct httpc *c = fake_client(&f, tls, NULL);
		fake_call(&f, c, 500, &g);
		assert_true(clock_mono_ms() - before >= 500);
		assert_true(g.status == 0 && !g.closed_early && g.e.code == ERR_UNAVAILABLE);
		if (!strstr(g.e.text, rows[i].text) || !strstr(g.e.text, "in time"))
			fail_msg("%s", g.e.text);
		httpc_free(c);
		fake_close(&f);
	}
	SSL_CTX_free(tls);
}

static void test_judge(void **state)
{
	SSL_CTX *tls = tls_client_ctx(NULL, certs.ca.cert, NULL, NULL);
	struct judged j = {.refuse = true};
	struct got g;
	struct fake f;

	fake_open(&f, &certs.server);
	f.says[0] = OK_ANSWER;
	struct httpc *c = fake_client(&f, tls, &j);
	fake_call(&f, c, NET_LIMIT_MS, &g);
	assert_string_equal(j.uri, SERVER_URI);
	assert_int_equal(g.e.code, ERR_FORBIDDEN);
	assert_string_equal(g.e.text, SERVER_URI " is not our parent");
	assert_false(g.closed_early);
	assert_int_equal(f.heard, 0); /* it was told nothing */
	j.refuse = false;
	fake_call(&f, c, NET_LIMIT_MS, &g);
	assert_int_equal(g.status, 200);
	httpc_free(c);
	fake_close(&f);
	SSL_CTX_free(tls);
}

static void test_untrusted_server(void **state)
{
	SSL_CTX *tls = tls_client_ctx(NULL, certs.other_ca.cert, NULL, NULL);
	struct got g;
	struct fake f;

	fake_open(&f, &certs.server);
	f.says[0] = OK_ANSWER;
	struct httpc *c = fake_client(&f, tls, NULL);
	fake_call(&f, c, NET_LIMIT_MS, &g);
	assert_int_equal(g.e.code, ERR_UNAVAILABLE);
	if (!strstr(g.e.text, "certificate"))
		fail_msg("%s", g.e.text);
	assert_true(!g.closed_early && f.heard == 0);
	httpc_free(c);
	fake_close(&f);
	SSL_CTX_free(tls);
}

static void test_nobody_there(void **state)
{
	SSL_CTX *tls = tls_client_ctx(NULL, certs.ca.cert, NULL, NULL);
	struct evdns_base *dns;
	char *text;
	struct got g;
	struct fake f;

	fake_open(&f, &certs.server);
	evconnlistener_disable(f.listener);
	evconnlistener_free(f.listener);
	struct httpc *c = fake_client(&f, tls, NULL);
	fake_call(&f, c, NET_LIMIT_MS, &g);
	text = xasprintf("cannot connect to 127.0.0.1 port %d: Connection refused", f.port);
	assert_int_equal(g.e.code, ERR_UNAVAILABLE);
	assert_string_equal(g.e.text, text);
	assert_false(g.closed_early);
	free(text);
	httpc_free(c);

	/* A name, without and with a resolver. */
	struct httpc_conf conf = {.base = f.base,
		.tls = tls,
		.host = "localhost",
		.port = f.port,
		.max_body_bytes = 65536};
	c = httpc_new(&conf);
	fake_call(&f, c, NET_LIMIT_MS, &g);
	assert_int_equal(g.e.code, ERR_INVALID);
	httpc_free(c);
	dns = evdns_base_new(f.base, 0);
	evdns_base_load_hosts(dns, NULL); /* knows localhost, and no server to ask for others */
	conf.dns = dns;
	c = httpc_new(&conf);
	fake_call(&f, c, NET_LIMIT_MS, &g);
	assert_int_equal(g.e.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(g.e.text, "cannot connect to localhost"));
	httpc_free(c);
	conf.host = "nowhere.example";
	c = httpc_new(&conf);
	fake_call(&f, c, 300, &g);
	assert_int_equal(g.e.code, ERR_UNAVAILABLE);
	httpc_free(c);
	evdns_base_free(dns, 1);
	f.listener = evconnlistener_new(
		f.base, fake_accept, &f, LEV_OPT_CLOSE_ON_FREE, 1, socket(AF_INET, SOCK_STREAM, 0));
	fake_close(&f);
	SSL_CTX_free(tls);
}

/* Freed, and the loop with it, at each stage of a connection: the sanitizer finds what stays behind. */
static void test_freed_under_way(void **state)
{
	SSL_CTX *tls = tls_client_ctx(NULL, certs.ca.cert, NULL, NULL);
	struct got g = {0};
	struct fake f, nobody;

	fake_open(&f, &certs.server);
	f.says[0] = "";
	fake_open(&nobody, &certs.server);
	evconnlistener_disable(nobody.listener);
	evconnlistener_free(nobody.listener);
	for (int turns = 0; turns < 12; turns++) {
		struct fake own = {
			.base = event_base_new(), .port = turns % 2 ? f.port : nobody.port};
		struct httpc *c = fake_client(&own, tls, NULL);
		httpc_request(c, "POST", "/", NULL, "body", 4, false, NET_LIMIT_MS, done, &g);
		for (int i = 0; i < turns / 2; i++) {
			event_base_loop(f.base, EVLOOP_NONBLOCK);
			event_base_loop(own.base, EVLOOP_NONBLOCK);
		}
		httpc_free(c);
		loop_free(own.base);
	}
	nobody.listener = evconnlistener_new(nobody.base, fake_accept, &nobody,
		LEV_OPT_CLOSE_ON_FREE, 1, socket(AF_INET, SOCK_STREAM, 0));
	fake_close(&nobody);
	fake_close(&f);
	SSL_CTX_free(tls);
}

/* ---- sessions ---- */

static void test_session_outlives_what_the_server_closed(void **state)
{
	struct http_conf short_idle = usual;
	struct http_counts counts;
	struct net n;
	struct got g;

	short_idle.idle_ms = 200;
	net_open(&n, &certs, &short_idle);
	struct httpc *c = net_client(&n, n.agent_tls);
	for (int i = 0; i < 4; i++) {
		net_get(&n, c, "/hello", &g);
		assert_int_equal(g.status, 200);
		assert_int_equal(g.resumed, i > 0);
		got_release(&g);
		do {
			net_turn(n.base);
			http_counts(n.http, &counts);
		} while (counts.open > 0);
	}
	assert_int_equal(counts.connections, 4);
	httpc_free(c);
	net_close(&n);
}

/* Two lines to one parent, opened at once, never in each other's way. */
static void test_shared_sessions(void **state)
{
	struct httpc *c[2];
	struct got g[2];
	struct net n;

	net_open(&n, &certs, &usual);
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < 2; i++) {
			c[i] = net_client(&n, n.agent_tls);
			net_start(c[i], "GET", "/hello", NULL, 0, false, &g[i]);
		}
		for (int i = 0; i < 2; i++) {
			NET_WAIT(n.base, g[i].done);
			assert_int_equal(g[i].resumed, round > 0);
			got_release(&g[i]);
			httpc_free(c[i]);
		}
	}
	net_close(&n);
}

/* Under another identity the old sessions are of no use. */
static void test_sessions_of_another_context(void **state)
{
	struct net n;
	struct got g;

	net_open(&n, &certs, &usual);
	struct httpc_conf conf = {.base = n.base,
		.tls = n.agent_tls,
		.sessions = n.sessions,
		.host = "127.0.0.1",
		.port = n.port,
		.max_body_bytes = 65536};
	for (int i = 0; i < 4; i++) {
		conf.tls = i % 2 ? n.other_tls : n.agent_tls;
		struct httpc *c = httpc_new(&conf);
		net_get(&n, c, "/hello", &g);
		assert_string_equal(g.body, i % 2 ? "hello " OTHER_URI : "hello " AGENT_URI);
		assert_false(g.resumed);
		got_release(&g);
		httpc_free(c);
	}
	net_close(&n);
}

/* ---- handling ---- */

static void test_disconnect(void **state)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;
	struct net n;
	struct got g;

	net_open(&n, &certs, &usual);
	struct httpc *c = net_client(&n, n.agent_tls);
	assert_int_equal(httpc_remote(c, &ss, &len), -1);
	net_get(&n, c, "/hello", &g);
	got_release(&g);
	assert_false(httpc_busy(c));
	assert_int_equal(httpc_remote(c, &ss, &len), 0);
	assert_int_equal(ntohs(((struct sockaddr_in *)&ss)->sin_port), n.port);
	httpc_disconnect(c);
	assert_int_equal(httpc_remote(c, &ss, &len), -1);
	net_start(c, "GET", "/hold", NULL, 0, false, &g);
	assert_true(httpc_busy(c));
	httpc_disconnect(c); /* not one at work */
	NET_WAIT(n.base, n.held_n == 1);
	http_reply(n.held[0], 200, NULL, "", 0);
	NET_WAIT(n.base, g.done);
	assert_true(g.resumed);
	got_release(&g);
	net_start(c, "GET", "/hold", NULL, 0, false, &g);
	NET_WAIT(n.base, n.held_n == 2);
	httpc_free(c); /* while it waits: no callback, and the server notices */
	NET_WAIT(n.base, n.gone == 1);
	assert_false(g.done);
	net_close(&n);
}

struct chain {
	struct httpc *c;
	int left;
	bool freed;
};

static void next(void *ctx, const struct httpc_answer *a)
{
	struct chain *ch = ctx;

	assert_int_equal(a->status, 200);
	if (--ch->left > 0) {
		httpc_request(ch->c, "POST", "/echo", NULL, "x", 1, false, NET_LIMIT_MS, next, ch);
		return;
	}
	httpc_free(ch->c);
	ch->freed = true;
}

static void test_callback_goes_on_or_frees(void **state)
{
	struct chain ch = {.left = 5};
	struct net n;

	net_open(&n, &certs, &usual);
	ch.c = net_client(&n, n.agent_tls);
	httpc_request(ch.c, "GET", "/hello", NULL, NULL, 0, false, NET_LIMIT_MS, next, &ch);
	NET_WAIT(n.base, ch.freed);
	net_close(&n);
}

/* Both ends of the connection send at once what they have: this is worth a factor of six. */
static void test_no_delay(void **state)
{
	int found = 0, on;
	struct net n;
	struct got g;

	net_open(&n, &certs, &usual);
	struct httpc *c = net_client(&n, n.agent_tls);
	net_get(&n, c, "/hello", &g);
	got_release(&g);
	for (int fd = 3; fd < 256; fd++) {
		struct sockaddr_in here, there;
		socklen_t a = sizeof here, b = sizeof there, len = sizeof on;
		if (getsockname(fd, (struct sockaddr *)&here, &a) < 0 ||
			getpeername(fd, (struct sockaddr *)&there, &b) < 0 ||
			here.sin_family != AF_INET ||
			(ntohs(here.sin_port) != n.port && ntohs(there.sin_port) != n.port))
			continue;
		assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
		assert_true(on);
		found++;
	}
	assert_int_equal(found, 2);
	httpc_free(c);
	net_close(&n);
}

/* ---- plain HTTP, and headers of the owner's ---- */

static void test_plain(void **state)
{
	struct got g;
	struct fake f;

	fake_open(&f, &certs.server);
	f.plain = true;
	f.says[0] = OK_ANSWER;
	f.says[1] =
		"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
	f.says[2] = CUT;
	f.says[3] = OK_ANSWER;
	struct httpc *c = fake_client(&f, NULL, NULL);
	httpc_header(c, "Metadata", "true");
	httpc_header(c, "X-Token", "abc");
	fake_call(&f, c, NET_LIMIT_MS, &g);
	assert_int_equal(g.status, 200);
	assert_non_null(strstr(f.request, "\r\nMetadata: true\r\n"));
	assert_non_null(strstr(f.request, "\r\nX-Token: abc\r\n"));

	/* They belong to one request; a redirect is an answer. */
	fake_call(&f, c, NET_LIMIT_MS, &g);
	assert_int_equal(g.status, 302);
	assert_null(strstr(f.request, "Metadata"));
	assert_int_equal(f.connections, 1);

	/* A kept-alive connection that was closed: again, with its headers. */
	httpc_header(c, "Metadata", "true");
	fake_call(&f, c, NET_LIMIT_MS, &g);
	assert_int_equal(g.status, 200);
	assert_int_equal(f.connections, 2);
	assert_non_null(strstr(f.request, "\r\nMetadata: true\r\n"));
	httpc_free(c);
	fake_close(&f);
}

static void test_plain_fails(void **state)
{
	struct got g;
	struct fake f;

	fake_open(&f, &certs.server);
	f.plain = true;
	f.says[0] = SILENT;
	struct httpc *c = fake_client(&f, NULL, NULL);
	fake_call(&f, c, 300, &g);
	if (!strstr(g.e.text, "did not answer in time"))
		fail_msg("%s", g.e.text);
	httpc_header(c, "X-Token", "a\r\nX-Other: b");
	fake_call(&f, c, NET_LIMIT_MS, &g);
	assert_true(g.status == 0 && strstr(g.e.text, "cannot start a request"));
	assert_int_equal(f.requests, 1);
	httpc_free(c);

	int port = f.port;
	fake_close(&f);
	fake_open(&f, &certs.server);
	f.port = port;
	c = fake_client(&f, NULL, NULL);
	fake_call(&f, c, NET_LIMIT_MS, &g);
	assert_true(g.status == 0 && g.e.code == ERR_UNAVAILABLE);
	if (!strstr(g.e.text, "cannot connect to 127.0.0.1"))
		fail_msg("%s", g.e.text);
	httpc_free(c);
	fake_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_second_request),
		cmocka_unit_test(test_first_request_is_cut),
		cmocka_unit_test(test_in_time),
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_untrusted_server),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_freed_under_way),
		cmocka_unit_test(test_session_outlives_what_the_server_closed),
		cmocka_unit_test(test_shared_sessions),
		cmocka_unit_test(test_sessions_of_another_context),
		cmocka_unit_test(test_disconnect),
		cmocka_unit_test(test_callback_goes_on_or_frees),
		cmocka_unit_test(test_no_delay),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_plain_fails),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
