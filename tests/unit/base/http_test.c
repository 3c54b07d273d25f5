/* SPDX-License-Identifier: Apache-2.0 */
/* The listener, asked over real TLS on loopback and over a Unix socket. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "net_http.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IDLE_MS 400
#define BROTLI "POST /size HTTP/1.1\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx"

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

static struct http_counts counts(const struct net *n)
{
	struct http_counts c;

	http_counts(n->http, &c);
	return c;
}

static void wait_ms(struct net *n, int64_t ms)
{
	int64_t until = clock_mono_ms() + ms;

	while (clock_mono_ms() < until)
		net_turn(n->base);
}

/* ---- asking and answering ---- */

static void test_methods_and_paths(void **state)
{
	static const struct {
		const char *method, *path, *seen;
		enum http_method as;
	} rows[] = {
		{"GET", "/hello", "/hello", HTTP_GET},
		{"POST", "/a%20b?c=d", "/a b", HTTP_POST},
		{"PUT", "/", "/", HTTP_PUT},
		{"PATCH", "/x", "/x", HTTP_PATCH},
		{"DELETE", "/x", "/x", HTTP_DELETE},
		{"HEAD", "/hello", "/hello", HTTP_HEAD},
	};
	struct net n;
	struct got g;

	net_open(&n, &certs, &usual);
	struct httpc *c = net_client(&n, n.agent_tls);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		net_get(&n, c, "/hello", &g);
		got_release(&g);
		net_call(&n, c, rows[i].method, rows[i].path, NULL, 0, &g);
		assert_int_equal(g.status, 200);
		assert_int_equal(n.method, rows[i].as);
		assert_string_equal(n.path, rows[i].seen);
		assert_string_equal(n.remote, "127.0.0.1");
		assert_string_equal(g.body, rows[i].as == HTTP_HEAD ? "" : "hello " AGENT_URI);
		got_release(&g);
	}
	assert_int_equal(counts(&n).connections, 1); /* a body after HEAD would have spoilt it */
	net_call(&n, c, "PUT", "/echo", "some\0thing", 10, &g);
	assert_int_equal(g.len, 10);
	assert_memory_equal(g.body, "some\0thing", 10);
	assert_string_equal(g.type, "text/plain");
	got_release(&g);
	net_get(&n, c, "/none", &g);
	assert_int_equal(g.status, 204);
	got_release(&g);
	httpc_free(c);
	net_close(&n);
}

static void test_raw_requests(void **state)
{
	static const struct {
		const char *request, *answer;
	} rows[] = {
		{"HEAD /big?n=5 HTTP/1.1\r\n\r\n", "Content-Length: 5\r\n"},
		{"GET /file?path=/proc/self/none HTTP/1.1\r\n\r\n", "HTTP/1.1 404 "},
		{"GET /file?path=/dev/zero HTTP/1.1\r\n\r\n", "HTTP/1.1 404 "},
		{"GET /file?path=/proc/self/comm HTTP/1.1\r\n\r\n",
			"Content-Length: 0\r\n"}, /* says so itself */
		{"GET /file?path=/etc/hostname HTTP/1.1\r\n\r\n", "HTTP/1.1 200 "},
		{"HEAD /file?path=/etc/hostname HTTP/1.1\r\n\r\n", "Content-Type: text/plain\r\n"},
		{"GET /query?a=1&q=x%26+y&z HTTP/1.1\r\n\r\n", "\r\n\r\nx& y"},
		{"GET /query?q HTTP/1.1\r\n\r\n", "Content-Length: 0\r\n"},
		{"GET /query?a HTTP/1.1\r\n\r\n", "\r\n\r\n(none)"},
		{"GET /query?%71=u HTTP/1.1\r\n\r\n", "\r\n\r\nu"},
		{"GET /cookie HTTP/1.1\r\nCookie: cc=1; c=2;d=3\r\n\r\n", "\r\n\r\n2"},
		{"GET /cookie HTTP/1.1\r\nCookie: bc=1\r\n\r\n", "\r\n\r\n(none)"},
		{"GET /a%00b HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
		{"GET a/b HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
		{"POST /size HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
			"\r\n\r\n4"},
		{BROTLI, "Content-Encoding must be zstd, not 'br'"},
		{BROTLI, "Content-Type: application/problem+json\r\n"},
		{BROTLI, "\"type\":\"urn:him:error:invalid\""},
		{BROTLI, "\"status\":400"},
		{BROTLI, "\"field\":\"Content-Encoding\"}"},
		{"POST /size HTTP/1.1\r\nContent-Encoding: zstd\r\nContent-Length: 4\r\n\r\nxxxx",
			"HTTP/1.1 400 "},
		{"POST /size HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 400 "},
		{"OPTIONS / HTTP/1.1\r\n\r\n", "HTTP/1.1 501 "},
		{"nonsense\r\n\r\n", "HTTP/1.1 400 "},
	};
	struct net n;

	net_open(&n, &certs, &usual);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct raw r;
		raw_open(&n, &r, n.agent_tls, NULL);
		raw_send(&r, rows[i].request);
		NET_WAIT(n.base, raw_has(&r, rows[i].answer));
		raw_close(&r);
	}
	NET_WAIT(n.base, counts(&n).open == 0);
	assert_true(counts(&n).refused >= 5);
	net_close(&n);
}

/* ---- sizes ---- */

static void test_body_limit(void **state)
{
	char *body = xcalloc(8 * MIB + 1, 1);
	struct net n;
	struct got g;

	net_open(&n, &certs, &usual);
	struct httpc *c = net_client(&n, n.agent_tls);
	net_call(&n, c, "POST", "/size", body, 8 * MIB, &g);
	assert_int_equal(g.status, 200);
	assert_string_equal(g.body, "8388608");
	got_release(&g);
	net_call(&n, c, "POST", "/size", body, 8 * MIB + 1, &g);
	assert_int_equal(g.status, 413);
	got_release(&g);
	net_call(&n, c, "POST", "/size", body, 1, &g);
	assert_int_equal(g.status, 200);
	got_release(&g);
	httpc_free(c);

	struct raw r;
	raw_open(&n, &r, n.agent_tls, NULL);
	raw_send(&r, "POST /size HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n800001\r\n");
	NET_WAIT(n.base, raw_has(&r, "HTTP/1.1 413 "));
	raw_close(&r);
	free(body);
	net_close(&n);
}

static void test_header_limit(void **state)
{
	static const struct {
		int bytes;
		const char *answer;
	} rows[] = {{7000, "HTTP/1.1 200 "}, {9000, "HTTP/1.1 431 "}, {40000, "HTTP/1.1 400 "}};
	struct net n;

	net_open(&n, &certs, &usual);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *request = xasprintf("GET / HTTP/1.1\r\nX: %0*d\r\n\r\n", rows[i].bytes, 0);
		struct raw r;
		raw_open(&n, &r, n.agent_tls, NULL);
		raw_send(&r, request);
		NET_WAIT(n.base, raw_has(&r, rows[i].answer));
		if (i == 1)
			NET_WAIT(n.base,
				raw_has(&r, "the headers are over the limit of 8192 bytes"));
		raw_close(&r);
		free(request);
	}
	net_close(&n);
}

static void test_zstd(void **state)
{
	char *zeros = xcalloc(4 * MIB, 1);
	struct http_conf small = usual;
	struct net n;
	struct got g;

	small.max_body_bytes = MIB;
	net_open(&n, &certs, &small);
	struct httpc *c = net_client(&n, n.agent_tls);
	net_start(c, "POST", "/size", zeros, MIB, true, &g);
	NET_WAIT(n.base, g.done);
	assert_string_equal(g.body, "1048576");
	got_release(&g);
	net_start(c, "POST", "/size", zeros, MIB + 1, true, &g);
	NET_WAIT(n.base, g.done);
	assert_int_equal(g.status, 413);
	assert_non_null(strstr(g.body, "unpacks to more than the limit of 1048576 bytes"));
	got_release(&g);

	/* The answer, packed on its way when it is worth it. */
	net_get(&n, c, "/big?n=500000", &g);
	assert_int_equal(g.len, 500000);
	got_release(&g);
	httpc_free(c);

	struct raw r;
	raw_open(&n, &r, n.agent_tls, NULL);
	raw_send(&r, "GET /big?n=500000 HTTP/1.1\r\nAccept-Encoding: gzip, zstd\r\n\r\n");
	NET_WAIT(n.base, raw_has(&r, "\r\n\r\n"));
	assert_true(raw_has(&r, "Content-Encoding: zstd\r\n") &&
		raw_has(&r, "Vary: Accept-Encoding\r\n"));
	assert_true(evbuffer_get_length(r.in) < 1000);
	evbuffer_drain(r.in, evbuffer_get_length(r.in));
	raw_send(&r, "GET /big?n=1024 HTTP/1.1\r\nAccept-Encoding: gzip, zstd\r\n\r\n");
	NET_WAIT(n.base, raw_has(&r, "\r\n\r\n"));
	assert_false(raw_has(&r, "zstd"));
	raw_close(&r);

	free(zeros);
	net_close(&n);
}

/* ---- who is there ---- */

static void test_resumptions_are_counted(void **state)
{
	struct net n;
	struct got g;

	net_open(&n, &certs, &usual);
	for (int i = 0; i < 10; i++) {
		struct httpc *c = net_client(&n, n.agent_tls);
		net_get(&n, c, "/hello", &g);
		assert_string_equal(g.body, "hello " AGENT_URI);
		assert_int_equal(g.resumed, i > 0);
		assert_true(n.peer.present && n.peer.resumed == (i > 0));
		assert_true(n.peer.not_after_ms > clock_now_ms());
		got_release(&g);
		httpc_free(c);
	}
	NET_WAIT(n.base, counts(&n).open == 0);
	assert_int_equal(counts(&n).connections, 10);
	assert_int_equal(counts(&n).handshakes, 10);
	assert_int_equal(counts(&n).resumed, 9);
	assert_int_equal(counts(&n).requests, 10);
	net_close(&n);
}

static void test_no_certificate_no_answer(void **state)
{
	SSL_CTX *nobody = tls_client_ctx(NULL, certs.ca.cert, NULL, NULL);
	struct net n;
	struct got g;

	net_open(&n, &certs, &usual);
	struct httpc *c = net_client(&n, nobody);
	net_get(&n, c, "/hello", &g);
	assert_int_equal(g.status, 0);
	assert_int_equal(g.e.code, ERR_UNAVAILABLE);
	assert_false(g.closed_early); /* it was not cut: it was not let in */
	assert_int_equal(counts(&n).requests, 0);
	assert_int_equal(counts(&n).handshakes, 0);
	got_release(&g);
	httpc_free(c);
	SSL_CTX_free(nobody);
	net_close(&n);
}

static void test_dropped_peer(void **state)
{
	struct net n;
	struct got held, other, g;

	net_open(&n, &certs, &usual);
	struct httpc *a = net_client(&n, n.agent_tls), *idle = net_client(&n, n.agent_tls),
		     *b = net_client(&n, n.other_tls);
	struct raw silent; /* has said nothing yet, but who it is */
	net_get(&n, idle, "/hello", &g);
	got_release(&g);
	raw_open(&n, &silent, n.agent_tls, NULL);
	net_start(a, "GET", "/hold", NULL, 0, false, &held);
	NET_WAIT(n.base, n.held_n == 1);
	net_start(b, "GET", "/hold", NULL, 0, false, &other);
	NET_WAIT(n.base, n.held_n == 2 && counts(&n).handshakes == 4);
	assert_int_equal(http_drop_peer(n.http, "him://agent/nobody"), 0);
	assert_int_equal(http_drop_peer(n.http, AGENT_URI), 3);
	assert_int_equal(http_drop_peer(n.http, AGENT_URI), 0);
	NET_WAIT(n.base, held.done && n.gone == 1 && silent.closed);
	assert_int_equal(held.status, 0);
	assert_true(held.closed_early);
	NET_WAIT(n.base, counts(&n).open == 1);
	http_reply(n.held[1], 200, NULL, "still here", 10);
	NET_WAIT(n.base, other.done);
	assert_string_equal(other.body, "still here");

	/* Its sessions are forgotten. */
	net_get(&n, a, "/hello", &g);
	assert_int_equal(g.status, 200);
	assert_false(g.resumed);
	got_release(&g);
	got_release(&held);
	got_release(&other);
	raw_close(&silent);
	httpc_free(a);
	httpc_free(b);
	httpc_free(idle);
	net_close(&n);
}

static void test_dropped_by_its_own_request(void **state)
{
	struct net n;
	struct got g;

	net_open(&n, &certs, &usual);
	struct httpc *c = net_client(&n, n.agent_tls);
	net_get(&n, c, "/drop", &g);
	assert_int_equal(g.status, 0);
	assert_string_equal(n.text, "1");
	got_release(&g);
	httpc_free(c);
	net_close(&n);
}

/* ---- holding ---- */

static void test_held_and_answered(void **state)
{
	struct http_conf short_idle = usual;
	struct net n;
	struct got g;

	short_idle.idle_ms = IDLE_MS;
	net_open(&n, &certs, &short_idle);
	struct httpc *c = net_client(&n, n.agent_tls);
	for (int i = 0; i < 2; i++) {
		net_start(c, "POST", "/hold", "body", 4, false, &g);
		NET_WAIT(n.base, n.held_n == i + 1);
		if (i == 0)
			wait_ms(&n, 2 * IDLE_MS); /* who waits for an answer is not idle */
		http_reply(n.held[i], 200, NULL, "late", 4);
		n.held[i] = NULL;
		NET_WAIT(n.base, g.done);
		assert_string_equal(g.body, "late");
		got_release(&g);
	}
	assert_int_equal(counts(&n).connections, 1);
	NET_WAIT(n.base, counts(&n).open == 0); /* and now it is */
	assert_int_equal(n.gone, 0);
	httpc_free(c);
	net_close(&n);
}

static void test_dead_peers(void **state)
{
	static const char *const paths[] = {"/hold", "/stream"};
	struct net n;
	struct raw r;
	int gone = 0;

	net_open(&n, &certs, &usual);
	for (int i = 0; i < 4; i++) {
		char *request = xasprintf("GET %s HTTP/1.1\r\n\r\n", paths[i % 2]);
		raw_open(&n, &r, n.agent_tls, NULL);
		raw_send(&r, request);
		free(request);
		NET_WAIT(n.base, n.held_n == i + 1);
		assert_int_equal(n.gone, gone);
		if (i < 2)
			raw_close(&r);
		else
			raw_reset(&r);
		gone++;
		NET_WAIT(n.base, n.gone == gone);
	}
	/* One that does not wait for its answer is cut off. */
	raw_open(&n, &r, n.agent_tls, NULL);
	raw_send(&r, "GET /hold HTTP/1.1\r\n\r\n");
	NET_WAIT(n.base, n.held_n == 5);
	raw_send(&r, "GET /hello HTTP/1.1\r\n\r\n");
	NET_WAIT(n.base, n.gone == gone + 1 && r.closed);
	raw_close(&r);
	NET_WAIT(n.base, counts(&n).open == 0);
	net_close(&n);
}

static void answer_the_others(void *ctx, struct http_req *r)
{
	struct net *n = ctx;

	for (int i = 0; i < n->held_n; i++)
		if (n->held[i] && n->held[i] != r) {
			struct http_req *other = n->held[i];
			n->held[i] = NULL;
			http_set_on_gone(other, NULL, NULL);
			http_reply(other, 200, NULL, "", 0);
		}
	n->gone++;
}

static void test_closing_with_held_requests(void **state)
{
	struct httpc *c[3];
	struct got g[3];
	struct net n;

	net_open(&n, &certs, &usual);
	for (int i = 0; i < 3; i++) {
		c[i] = net_client(&n, n.agent_tls);
		net_start(c[i], "GET", i == 2 ? "/stream" : "/hold", NULL, 0, false, &g[i]);
		NET_WAIT(n.base, n.held_n == i + 1);
	}
	http_set_on_gone(n.held[1], answer_the_others, &n);
	http_server_close(n.http);
	n.http = NULL;
	assert_true(n.gone >= 1);
	for (int i = 0; i < 3; i++) {
		NET_WAIT(n.base, g[i].done);
		got_release(&g[i]);
		httpc_free(c[i]);
	}
	net_close(&n);
}

/* ---- streams ---- */

static void test_stream(void **state)
{
	struct http_conf short_idle = usual;
	struct net n;
	struct raw r;

	short_idle.idle_ms = IDLE_MS;
	net_open(&n, &certs, &short_idle);
	raw_open(&n, &r, n.agent_tls, NULL);
	raw_send(&r, "GET /stream HTTP/1.1\r\n\r\n");
	NET_WAIT(n.base, n.held_n == 1);
	assert_int_equal(http_stream_add(n.held[0], "one\n", 4), 0);
	NET_WAIT(n.base, raw_has(&r, "4\r\none\n\r\n"));
	assert_true(raw_has(&r, "Transfer-Encoding: chunked\r\n"));
	wait_ms(&n, 2 * IDLE_MS); /* who listens is not idle */
	assert_int_equal(http_stream_add(n.held[0], "two\n", 4), 0);
	NET_WAIT(n.base, raw_has(&r, "4\r\ntwo\n\r\n"));
	http_stream_end(n.held[0]);
	NET_WAIT(n.base, raw_has(&r, "0\r\n\r\n"));
	raw_send(&r, "GET /hello HTTP/1.1\r\n\r\n");
	NET_WAIT(n.base, raw_has(&r, "hello " AGENT_URI));
	assert_int_equal(n.gone, 0);
	raw_close(&r);
	net_close(&n);
}

static void test_stream_ceiling(void **state)
{
	char *chunk = xcalloc(1, 8192);
	size_t taken = 0;
	struct net n;
	struct raw r;

	net_open(&n, &certs, &usual);
	raw_open(&n, &r, n.agent_tls, NULL);
	raw_send(&r, "GET /stream HTTP/1.1\r\n\r\n");
	NET_WAIT(n.base, n.held_n == 1);
	bufferevent_disable(r.bev, EV_READ); /* a peer that does not read */
	while (http_stream_add(n.held[0], chunk, 8192) == 0) {
		taken += 8192;
		net_turn(n.base);
		assert_true(taken < 64 * MIB);
	}
	http_stream_end(n.held[0]);
	bufferevent_enable(r.bev, EV_READ);
	NET_WAIT(n.base, evbuffer_get_length(r.in) >= taken && raw_has(&r, "\r\n0\r\n\r\n"));
	raw_close(&r);
	free(chunk);
	net_close(&n);
}

/* What a peer sends while it is written to is not kept without end. */
static void test_flood_during_stream(void **state)
{
	struct http_conf small = usual;
	char *flood = xcalloc(64 * MIB, 1);
	struct net n;
	struct raw r;
	size_t left;

	small.max_body_bytes = 65536;
	net_open(&n, &certs, &small);
	raw_open(&n, &r, n.agent_tls, NULL);
	raw_send(&r, "GET /stream HTTP/1.1\r\n\r\n");
	NET_WAIT(n.base, n.held_n == 1);
	bufferevent_write(r.bev, flood, 64 * MIB);
	free(flood);
	do { /* until nothing moves */
		left = evbuffer_get_length(bufferevent_get_output(r.bev));
		wait_ms(&n, 300);
	} while (evbuffer_get_length(bufferevent_get_output(r.bev)) < left);
	assert_true(left > 32 * MIB);
	raw_reset(&r);
	net_close(&n);
}

/* ---- connections ---- */

static void test_max_connections(void **state)
{
	struct http_conf two = usual;
	struct raw a, b, c;
	struct net n;

	two.max_connections = 2;
	net_open(&n, &certs, &two);
	raw_open(&n, &a, n.agent_tls, NULL);
	raw_open(&n, &b, n.agent_tls, NULL);
	raw_open(&n, &c, n.agent_tls, NULL);
	assert_true(a.up && b.up && !c.up && c.closed);
	raw_close(&c);
	NET_WAIT(n.base, counts(&n).open == 2);
	assert_int_equal(counts(&n).refused, 1);
	raw_close(&a);
	NET_WAIT(n.base, counts(&n).open == 1);
	raw_open(&n, &a, n.agent_tls, NULL);
	assert_true(a.up);
	raw_send(&a, "GET /hello HTTP/1.1\r\n\r\n");
	NET_WAIT(n.base, raw_has(&a, "hello"));
	raw_close(&a);
	raw_close(&b);
	net_close(&n);
}

static void test_two_servers(void **state)
{
	struct err e = ERR_INIT;
	struct net n, m;
	struct got g;
	int port;

	net_open(&n, &certs, &usual);
	net_open(&m, &certs, &usual);
	assert_int_equal(http_listen(m.http, "127.0.0.1", n.port, &port, &e), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_int_equal(http_listen(m.http, "localhost", 0, &port, &e), -1);
	assert_int_equal(e.code, ERR_INVALID);
	assert_int_equal(http_listen(m.http, "::1", 0, &port, &e), 0);
	struct httpc *a = net_client(&n, n.agent_tls), *b = net_client(&m, m.other_tls);
	net_get(&n, a, "/hello", &g);
	assert_string_equal(g.body, "hello " AGENT_URI);
	got_release(&g);
	net_get(&m, b, "/hello", &g);
	assert_string_equal(g.body, "hello " OTHER_URI);
	got_release(&g);
	assert_true(counts(&n).requests == 1 && counts(&m).requests == 1);
	httpc_free(a);
	httpc_free(b);
	net_close(&m);
	net_close(&n);
}

static void test_renewed_certificate(void **state)
{
	struct net_cert renewed;
	struct net n;
	struct got g;

	net_open(&n, &certs, &usual);
	struct httpc *c = net_client(&n, n.agent_tls), *d = net_client(&n, n.agent_tls);
	net_get(&n, c, "/hello", &g);
	got_release(&g);
	net_issue(&certs.ca, &(struct net_leaf){"URI:" SERVER_URI, "serverAuth", 86400}, &renewed);
	SSL_CTX *tls = tls_server_ctx(&(struct tls_identity){renewed.cert, renewed.key},
		certs.ca.cert, TLS_CERT_REQUIRED, 100, NULL);
	http_server_set_tls(n.http, tls);
	SSL_CTX_free(tls);
	net_get(&n, c, "/hello", &g); /* what is open stays */
	assert_int_equal(g.status, 200);
	got_release(&g);
	net_get(&n, d, "/hello", &g);
	assert_int_equal(g.status, 200);
	got_release(&g);
	assert_int_equal(counts(&n).connections, 2);
	assert_int_equal(http_drop_peer(n.http, AGENT_URI), 2); /* those of the old one, too */
	httpc_free(c);
	httpc_free(d);
	net_cert_free(&renewed);
	net_close(&n);
}

/* ---- Unix sockets ---- */

static void local(void *ctx, struct http_req *r)
{
	uid_t uid = 0;
	gid_t gid = 0;
	pid_t pid = 0;
	int rc = http_unix_peer(r, &uid, &gid, &pid);

	assert_false(http_peer(r)->present);
	const char *text = arena_printf(
		http_arena(r), "%d %s uid=%d pid=%d", rc, http_remote(r), (int)uid, (int)pid);
	http_reply(r, 200, NULL, text, strlen(text));
}

static void test_unix_socket(void **state)
{
	struct http_conf conf = {.max_headers_bytes = 8192,
		.max_body_bytes = MIB,
		.idle_ms = 60000,
		.max_connections = 2,
		.handler = local};
	char dir[] = "/tmp/him-http-XXXXXX", *path, *says;
	struct http_server *s, *other;
	struct err e = ERR_INIT;
	struct raw r[3];
	struct stat st;
	struct net n;

	net_open(&n, &certs, &usual);
	assert_non_null(mkdtemp(dir));
	path = xasprintf("%s/sock", dir);
	s = http_server_open(n.base, &conf, &e);
	other = http_server_open(n.base, &conf, &e);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(http_listen_unix(s, path, 0600, &e), -1); /* not ours to remove */
	assert_int_equal(e.code, ERR_CONFLICT);
	unlink(path);
	assert_int_equal(http_listen_unix(s, path, 0600, &e), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(http_listen_unix(other, path, 0600, &e), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	says = xasprintf("0 unix uid=%d pid=%d", (int)getuid(), (int)getpid());
	for (int i = 0; i < 3; i++) {
		raw_open(&n, &r[i], NULL, path);
		raw_send(&r[i], "GET / HTTP/1.1\r\n\r\n");
		NET_WAIT(n.base, raw_has(&r[i], i < 2 ? says : "HTTP/1.1 503 "));
	}
	NET_WAIT(n.base, r[2].closed);
	http_server_close(s);
	assert_int_equal(http_listen_unix(other, path, 0600, &e), 0); /* a dead one is replaced */
	for (int i = 0; i < 3; i++)
		raw_close(&r[i]);
	http_server_close(other);
	unlink(path);
	rmdir(dir);
	free(says);
	free(path);
	net_close(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_methods_and_paths),
		cmocka_unit_test(test_raw_requests),
		cmocka_unit_test(test_body_limit),
		cmocka_unit_test(test_header_limit),
		cmocka_unit_test(test_zstd),
		cmocka_unit_test(test_resumptions_are_counted),
		cmocka_unit_test(test_no_certificate_no_answer),
		cmocka_unit_test(test_dropped_peer),
		cmocka_unit_test(test_dropped_by_its_own_request),
		cmocka_unit_test(test_held_and_answered),
		cmocka_unit_test(test_dead_peers),
		cmocka_unit_test(test_closing_with_held_requests),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_stream_ceiling),
		cmocka_unit_test(test_flood_during_stream),
		cmocka_unit_test(test_max_connections),
		cmocka_unit_test(test_two_servers),
		cmocka_unit_test(test_renewed_certificate),
		cmocka_unit_test(test_unix_socket),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
