/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listener, on evhttp: its connections, and a request's way from evhttp to the handler and back.
 *
 * What evhttp does not do, and is done here:
 * - It stops reading while a request waits for its answer, so a peer that goes away would never be seen, and one that sends
 *   on would trip an assertion of its own. While a request is held, the connection's callbacks are ours: the end of the peer is
 *   passed on to evhttp (which closes), early bytes end the connection.
 * - It reads on while it writes, without a limit: our bufferevents have one. And it takes a peer that only listens for an idle
 *   one: while something long is written, there is no read timeout.
 * - It knows no cap on connections. One too many is shut down in the same turn of the loop, before anything of it was read.
 * - It frees an SSL without a proper shutdown, by which OpenSSL forgets the session: the shutdown is marked as done before.
 *
 * Of a TLS connection we know from its SSL's making to its freeing (the struct conn is the SSL's ex_data), of one on a Unix
 * socket from its first request to its close. A struct http_req lives from the handler's call to its answer or to the end of the
 * peer. Connections are never freed by us: their sockets are shut down, and evhttp does the rest in its own time, so that any
 * handler may drop any peer.
 */
#include "base/http_internal.h"
#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define READ_AT_ONCE 4096 /* more would be kept as an empty buffer by every idle connection */

/* ---- connections ---- */

static struct conn *conn_new(struct http_server *s, SSL *ssl, struct bufferevent *bev)
{
	struct conn *c = xcalloc(1, sizeof *c);

	c->server = s;
	c->ssl = ssl;
	c->bev = bev;
	c->next = s->conns;
	if (c->next)
		c->next->prev = c;
	s->conns = c;
	s->counts.open++;
	return c;
}

static void conn_unlink(struct conn *c)
{
	struct http_server *s = c->server;
	struct conn **at = &s->excess;

	while (*at && *at != c)
		at = &(*at)->next_excess;
	if (*at)
		*at = c->next_excess;
	if (c->prev)
		c->prev->next = c->next;
	else
		s->conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
	s->counts.open--;
	c->server = NULL;
}

static void conn_free(struct conn *c)
{
	if (c->server)
		conn_unlink(c);
	free(c);
}

/* The SSL goes. OpenSSL frees these data before it judges whether the session ended well: say that it did. */
static void on_ssl_free(
	void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl, void *argp)
{
	if (!ptr)
		return;
	SSL_set_shutdown(parent, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	conn_free(ptr);
}

static int conn_index(void)
{
	static int index = -1;

	if (index < 0)
		index = SSL_get_ex_new_index(0, NULL, NULL, NULL, on_ssl_free);
	return index;
}

/* Ends it at once for the peer; evhttp sees the end in the next turn of the loop. */
static void conn_shut(struct conn *c)
{
	c->dropped = true;
	shutdown(bufferevent_getfd(c->bev), SHUT_RDWR);
}

static void on_shutting(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *s = arg;

	for (struct conn *c = s->excess; c; c = c->next_excess)
		conn_shut(c);
	s->excess = NULL;
}

static bool too_many(const struct http_server *s)
{
	return s->conf.max_connections > 0 && s->counts.open > s->conf.max_connections;
}

static void on_handshake(const SSL *ssl, int where, int rc)
{
	struct conn *c = SSL_get_ex_data(ssl, conn_index());

	if (!(where & SSL_CB_HANDSHAKE_DONE) || !c || !c->server || c->known)
		return;
	c->known = true;
	tls_peer(c->ssl, &c->peer);
	c->server->counts.handshakes++;
	c->server->counts.resumed += c->peer.resumed;
}

static struct bufferevent *bufferevent_for(struct http_server *s, struct event_base *base, SSL *ssl)
{
	size_t room = 2 * s->conf.max_headers_bytes + s->conf.max_body_bytes + READ_AT_ONCE;
	struct bufferevent *bev = ssl ? bufferevent_openssl_socket_new(base, -1, ssl,
						BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE)
				      : bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);

	if (!bev)
		abort();
	bufferevent_setwatermark(bev, EV_READ, 0, room);
	bufferevent_set_max_single_read(bev, READ_AT_ONCE);
	return bev;
}

/* evhttp asks for what it will read a new connection from; its socket comes later. It must not get NULL: it would serve
 * without TLS then. */
static struct bufferevent *on_connection(struct event_base *base, void *arg)
{
	struct http_server *s = arg;
	struct bufferevent *bev;
	struct conn *c;
	SSL *ssl;

	s->counts.connections++;
	if (!s->tls)
		return bufferevent_for(s, base, NULL);
	ssl = SSL_new(s->tls);
	if (!ssl)
		abort();
	bev = bufferevent_for(s, base, ssl);
	bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	c = conn_new(s, ssl, bev);
	SSL_set_ex_data(ssl, conn_index(), c);
	SSL_set_info_callback(ssl, on_handshake);
	if (too_many(s)) {
		s->counts.refused++;
		c->next_excess = s->excess;
		s->excess = c;
		event_active(s->shutting, EV_TIMEOUT, 0);
	}
	return bev;
}

/* ---- the end of a request ---- */

static void req_free(struct http_req *r)
{
	if (r->prev)
		r->prev->next = r->next;
	else
		r->server->reqs = r->next;
	if (r->next)
		r->next->prev = r->prev;
	r->conn->req = NULL;
	arena_free(r->arena);
	buf_release(&r->decoded);
	free(r);
}

void http_req_end(struct http_req *r)
{
	if (r->in_handler)
		r->server->answered = r;
	req_free(r);
}

/* The peer went away before the answer. */
static void req_gone(struct http_req *r)
{
	void (*gone)(void *, struct http_req *) = r->gone;

	r->gone = NULL;
	if (gone)
		gone(r->gone_ctx, r);
	if (!evhttp_request_get_connection(r->ev))
		evhttp_request_free(r->ev); /* evhttp let go of it: it is ours */
	req_free(r);
}

static void on_close(struct evhttp_connection *evcon, void *arg)
{
	struct conn *c = arg;

	if (c->req)
		req_gone(c->req);
	c->evcon = NULL;
	if (!c->ssl)
		conn_free(c);
}

/* ---- holding and writing ---- */

static void held_event(struct bufferevent *bev, short what, void *arg)
{
	struct http_req *r = arg;
	bufferevent_event_cb event = r->event_cb;
	void *cb_arg = r->cb_arg;

	bufferevent_setcb(bev, r->read_cb, r->write_cb, r->event_cb, r->cb_arg);
	r->holding = false;
	event(bev, what, cb_arg); /* evhttp closes the connection, on_close ends the request */
}

static void held_read(struct bufferevent *bev, void *arg)
{
	held_event(bev, BEV_EVENT_READING | BEV_EVENT_EOF, arg);
}

static void hold(struct http_req *r)
{
	struct bufferevent *bev = r->conn->bev;

	bufferevent_getcb(bev, &r->read_cb, &r->write_cb, &r->event_cb, &r->cb_arg);
	bufferevent_setcb(bev, held_read, NULL, held_event, r);
	bufferevent_set_timeouts(bev, NULL, NULL);
	r->holding = true;
	bufferevent_enable(bev, EV_READ);
}

void http_unhold(struct http_req *r)
{
	struct bufferevent *bev = r->conn->bev;

	if (!r->holding)
		return;
	r->holding = false;
	bufferevent_disable(bev, EV_READ);
	bufferevent_setcb(bev, r->read_cb, r->write_cb, r->event_cb, r->cb_arg);
	http_writing(r);
}

static void on_written(struct evhttp_request *ev, void *arg)
{
	struct evhttp_connection *evcon = evhttp_request_get_connection(ev);
	const struct timeval *idle = &((struct http_server *)arg)->idle;

	bufferevent_set_timeouts(evhttp_connection_get_bufferevent(evcon), idle, idle);
}

void http_writing(struct http_req *r)
{
	bufferevent_set_timeouts(r->conn->bev, NULL, &r->server->idle);
	evhttp_request_set_on_complete_cb(r->ev, on_written, r->server);
}

/* ---- requests ---- */

/* The connection of a request. Of one on a Unix socket we learn here. */
static struct conn *conn_of(struct http_server *s, struct evhttp_connection *evcon)
{
	struct bufferevent *bev = evhttp_connection_get_bufferevent(evcon);
	SSL *ssl = bufferevent_openssl_get_ssl(bev);
	struct conn *c;

	if (ssl)
		c = SSL_get_ex_data(ssl, conn_index());
	else
		for (c = s->conns; c && c->evcon != evcon;)
			c = c->next;
	if (!c)
		c = conn_new(s, NULL, bev);
	if (!c->evcon)
		evhttp_connection_set_closecb(evcon, on_close, c);
	c->evcon = evcon;
	return c;
}

static struct http_req *req_new(struct http_server *s, struct evhttp_request *ev)
{
	struct http_req *r = xcalloc(1, sizeof *r);

	r->server = s;
	r->ev = ev;
	r->conn = conn_of(s, evhttp_request_get_connection(ev));
	r->conn->req = r;
	r->arena = arena_new();
	r->next = s->reqs;
	if (r->next)
		r->next->prev = r;
	s->reqs = r;
	return r;
}

/* false: it was answered with what is wrong with it. */
static bool acceptable(struct http_req *r)
{
	struct err e = ERR_INIT;
	int status;

	if (!r->conn->ssl && too_many(r->server)) {
		status = err_http(ERR_UNAVAILABLE);
		err_set(&e, ERR_UNAVAILABLE, "more than %d connections at once",
			r->server->conf.max_connections);
		http_add_header(r, "Connection", "close");
	} else if (http_request_take(r, &status, &e) == 0) {
		return true;
	}
	r->server->counts.refused++;
	http_reply_problem(r, status, &e);
	return false;
}

static void on_request(struct evhttp_request *ev, void *arg)
{
	struct http_server *s = arg;
	struct http_req *r = req_new(s, ev);

	s->counts.requests++;
	if (!acceptable(r))
		return;
	r->in_handler = true;
	s->conf.handler(s->conf.ctx, r);
	if (s->answered == r) { /* freed by its answer */
		s->answered = NULL;
		return;
	}
	r->in_handler = false;
	assert(r->gone);
	if (!r->streaming)
		hold(r);
}

/* ---- the server ---- */

struct http_server *http_server_open(
	struct event_base *base, const struct http_conf *conf, struct err *e)
{
	struct http_server *s = xcalloc(1, sizeof *s);

	s->conf = *conf;
	s->idle = (struct timeval){conf->idle_ms / 1000, conf->idle_ms % 1000 * 1000};
	s->tls = conf->tls;
	if (s->tls)
		SSL_CTX_up_ref(s->tls);
	s->http = evhttp_new(base);
	s->shutting = event_new(base, -1, 0, on_shutting, s);
	if (!s->http || !s->shutting)
		abort();
	evhttp_set_allowed_methods(s->http,
		EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT | EVHTTP_REQ_PATCH |
			EVHTTP_REQ_DELETE | EVHTTP_REQ_HEAD);
	/* Twice the limit, so that what is over it can be told so; evhttp itself only says 400. */
	evhttp_set_max_headers_size(s->http, (ev_ssize_t)(2 * conf->max_headers_bytes));
	evhttp_set_max_body_size(s->http, (ev_ssize_t)conf->max_body_bytes);
	/* A body that is too long is read to its end and dropped: else the peer sees a reset, not the answer. */
	evhttp_set_flags(s->http, EVHTTP_SERVER_LINGERING_CLOSE);
	evhttp_set_timeout_tv(s->http, &s->idle);
	evhttp_set_default_content_type(s->http, NULL);
	evhttp_set_bevcb(s->http, on_connection, s);
	evhttp_set_gencb(s->http, on_request, s);
	return s;
}

void http_server_close(struct http_server *s)
{
	if (!s)
		return;
	while (s->reqs) { /* one by one: what on_gone does may end others */
		http_unhold(s->reqs);
		req_gone(s->reqs);
	}
	evhttp_free(s->http);
	while (s->conns) /* libevent frees an SSL a turn of the loop later than its connection */
		conn_unlink(s->conns);
	event_free(s->shutting);
	SSL_CTX_free(s->tls);
	free(s);
}

int http_drop_peer(struct http_server *s, const char *uri)
{
	int n = 0;

	for (struct conn *c = s->conns; c; c = c->next)
		if (c->known && !c->dropped && strcmp(c->peer.uri, uri) == 0) {
			conn_shut(c);
			n++;
		}
	if (s->tls)
		tls_forget(s->tls, uri);
	return n;
}

void http_server_set_tls(struct http_server *s, SSL_CTX *tls)
{
	SSL_CTX_up_ref(tls);
	SSL_CTX_free(s->tls);
	s->tls = tls;
}

void http_counts(const struct http_server *s, struct http_counts *out)
{
	*out = s->counts;
}
