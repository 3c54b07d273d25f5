/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The paths: /hello says who asks, /echo gives the body back, /size its length, /big as many bytes as the query's `n` says, /file
 * what stands at its `path`, /hold and /stream wait for the test, /drop drops whoever asks, /query and /cookie show how they were
 * read.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "net_http.h"
#include <event2/bufferevent_ssl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define DAY 86400

void net_certs_init(struct net_certs *c)
{
	net_ca(&c->ca);
	net_ca(&c->other_ca);
	net_issue(&c->ca, &(struct net_leaf){"URI:" SERVER_URI, "serverAuth,clientAuth", DAY},
		&c->server);
	net_issue(&c->ca, &(struct net_leaf){"URI:" AGENT_URI, "clientAuth", DAY}, &c->agent);
	net_issue(&c->ca, &(struct net_leaf){"URI:" OTHER_URI, "clientAuth", DAY}, &c->other);
}

void net_certs_release(struct net_certs *c)
{
	net_cert_free(&c->ca);
	net_cert_free(&c->other_ca);
	net_cert_free(&c->server);
	net_cert_free(&c->agent);
	net_cert_free(&c->other);
}

/* ---- the server ---- */

static void on_gone(void *ctx, struct http_req *r)
{
	struct net *n = ctx;

	for (int i = 0; i < n->held_n; i++)
		if (n->held[i] == r)
			n->held[i] = NULL;
	n->gone++;
}

static void keep(struct net *n, struct http_req *r)
{
	assert_true(n->held_n < HELD_MAX);
	n->held[n->held_n++] = r;
	http_set_on_gone(r, on_gone, n);
}

static void answer(struct http_req *r, const char *text)
{
	http_reply(r, 200, "text/plain", text, strlen(text));
}

static void big(struct http_req *r)
{
	size_t len = (size_t)atol(http_query(r, "n"));
	char *body = xmalloc(len);

	memset(body, 'b', len);
	http_reply(r, 200, "text/plain", body, len);
	free(body);
}

static void note(struct net *n, struct http_req *r)
{
	n->peer = *http_peer(r);
	n->method = http_method(r);
	http_body(r, &n->body_len);
	snprintf(n->path, sizeof n->path, "%s", http_path(r));
	snprintf(n->remote, sizeof n->remote, "%s", http_remote(r));
}

static void show(struct net *n, struct http_req *r, const char *value)
{
	snprintf(n->text, sizeof n->text, "%s", value ? value : "(none)");
	answer(r, n->text);
}

static void serve(void *ctx, struct http_req *r)
{
	struct net *n = ctx;
	const char *path = http_path(r), *body;
	struct err e = ERR_INIT;
	size_t len;

	note(n, r);
	body = http_body(r, &len);
	if (strcmp(path, "/echo") == 0) {
		http_reply(r, 200, http_header(r, "Content-Type"), body, len);
	} else if (strcmp(path, "/size") == 0) {
		answer(r, arena_printf(http_arena(r), "%zu", len));
	} else if (strcmp(path, "/big") == 0) {
		big(r);
	} else if (strcmp(path, "/hold") == 0) {
		keep(n, r);
	} else if (strcmp(path, "/stream") == 0) {
		keep(n, r);
		http_stream_begin(r, 200, "text/event-stream", 65536);
	} else if (strcmp(path, "/drop") == 0) {
		snprintf(n->text, sizeof n->text, "%d", http_drop_peer(n->http, http_peer(r)->uri));
		answer(r, "dropped");
	} else if (strcmp(path, "/query") == 0) {
		show(n, r, http_query(r, "q"));
	} else if (strcmp(path, "/cookie") == 0) {
		show(n, r, http_cookie(r, "c"));
	} else if (strcmp(path, "/file") == 0) {
		if (http_reply_file(r, 200, "text/plain", http_query(r, "path"), &e) < 0)
			http_reply_err(r, &e);
	} else if (strcmp(path, "/none") == 0) {
		http_reply(r, 204, NULL, NULL, 0);
	} else {
		answer(r, arena_printf(http_arena(r), "hello %s", http_peer(r)->uri));
	}
}

static SSL_CTX *client_tls(const struct net_certs *certs, const struct net_cert *id)
{
	return tls_client_ctx(
		&(struct tls_identity){id->cert, id->key}, certs->ca.cert, NULL, NULL);
}

void net_open(struct net *n, const struct net_certs *certs, const struct http_conf *conf)
{
	struct tls_identity id = {certs->server.cert, certs->server.key};
	struct err e = ERR_INIT;

	*n = (struct net){.base = event_base_new(), .conf = *conf};
	n->server_tls = tls_server_ctx(&id, certs->ca.cert, TLS_CERT_REQUIRED, 100, &e);
	n->agent_tls = client_tls(certs, &certs->agent);
	n->other_tls = client_tls(certs, &certs->other);
	assert_true(n->server_tls && n->agent_tls && n->other_tls);
	n->sessions = httpc_sessions_new();
	n->conf.tls = n->server_tls;
	if (!n->conf.handler) {
		n->conf.handler = serve;
		n->conf.ctx = n;
	}
	n->http = http_server_open(n->base, &n->conf, &e);
	if (!n->http || http_listen(n->http, "127.0.0.1", 0, &n->port, &e) < 0)
		fail_msg("%s", e.text);
}

void net_close(struct net *n)
{
	http_server_close(n->http);
	for (int i = 0; i < 5; i++)
		net_turn(n->base); /* libevent frees late */
	httpc_sessions_free(n->sessions);
	SSL_CTX_free(n->server_tls);
	SSL_CTX_free(n->agent_tls);
	SSL_CTX_free(n->other_tls);
	event_base_free(n->base);
}

/* ---- clients ---- */

struct httpc *net_client(struct net *n, SSL_CTX *tls)
{
	return httpc_new(&(struct httpc_conf){.base = n->base,
		.tls = tls,
		.sessions = tls == n->agent_tls ? n->sessions : NULL,
		.host = "127.0.0.1",
		.port = n->port,
		.max_body_bytes = 16 * MIB});
}

static void on_done(void *ctx, const struct httpc_answer *a)
{
	struct got *g = ctx;

	*g = (struct got){.done = true,
		.resumed = a->resumed,
		.closed_early = a->closed_early,
		.status = a->status,
		.len = a->len,
		.e = a->e};
	g->body = xmalloc(a->len + 1);
	memcpy(g->body, a->body, a->len);
	g->body[a->len] = '\0';
	snprintf(g->type, sizeof g->type, "%s", a->type ? a->type : "");
}

void net_start(struct httpc *c, const char *method, const char *path, const void *body, size_t len,
	bool compress, struct got *g)
{
	*g = (struct got){0};
	assert_int_equal(httpc_request(c, method, path, "text/plain", body, len, compress,
				 NET_LIMIT_MS, on_done, g),
		0);
}

void net_call(struct net *n, struct httpc *c, const char *method, const char *path,
	const void *body, size_t len, struct got *g)
{
	net_start(c, method, path, body, len, false, g);
	NET_WAIT(n->base, g->done);
}

void net_get(struct net *n, struct httpc *c, const char *path, struct got *g)
{
	net_call(n, c, "GET", path, NULL, 0, g);
}

void got_release(struct got *g)
{
	free(g->body);
	*g = (struct got){0};
}

/* ---- raw connections ---- */

static void raw_read(struct bufferevent *bev, void *arg)
{
	evbuffer_add_buffer(((struct raw *)arg)->in, bufferevent_get_input(bev));
}

static void raw_event(struct bufferevent *bev, short what, void *arg)
{
	struct raw *r = arg;

	if (what & BEV_EVENT_CONNECTED)
		r->up = true;
	else
		r->closed = true;
}

void raw_open(struct net *n, struct raw *r, SSL_CTX *tls, const char *unix_path)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)n->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int options = BEV_OPT_CLOSE_ON_FREE;

	*r = (struct raw){.in = evbuffer_new()};
	r->bev = tls ? bufferevent_openssl_socket_new(
			       n->base, -1, SSL_new(tls), BUFFEREVENT_SSL_CONNECTING, options)
		     : bufferevent_socket_new(n->base, -1, options);
	if (tls)
		bufferevent_openssl_set_allow_dirty_shutdown(r->bev, 1);
	bufferevent_setcb(r->bev, raw_read, NULL, raw_event, r);
	bufferevent_enable(r->bev, EV_READ | EV_WRITE);
	if (unix_path) {
		snprintf(un.sun_path, sizeof un.sun_path, "%s", unix_path);
		bufferevent_socket_connect(r->bev, (struct sockaddr *)&un, sizeof un);
	} else {
		bufferevent_socket_connect(r->bev, (struct sockaddr *)&in, sizeof in);
	}
	NET_WAIT(n->base, r->up || r->closed);
}

void raw_send(struct raw *r, const char *text)
{
	bufferevent_write(r->bev, text, strlen(text));
}

bool raw_has(struct raw *r, const char *text)
{
	return evbuffer_search(r->in, text, strlen(text), NULL).pos >= 0;
}

void raw_close(struct raw *r)
{
	bufferevent_free(r->bev);
	evbuffer_free(r->in);
	*r = (struct raw){0};
}

void raw_reset(struct raw *r)
{
	struct linger at_once = {1, 0};

	setsockopt(bufferevent_getfd(r->bev), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	raw_close(r);
}
