/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client, on evhttp: one connection, one request at a time.
 *
 * An evhttp connection over TLS cannot be reopened, so each connection is made anew and freed when it closed. evhttp
 * does not like to be freed from inside its own callbacks: an answer is therefore only noted there, and handed to the owner
 * from an event of ours. A kept-alive connection that the server closed meanwhile fails at once; such a request goes
 * again, once, on a fresh one.
 */
#include "base/httpc.h"
#include "base/arena.h"
#include "base/zbody.h"
#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/http.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_MS 10000

struct httpc_sessions {
	SSL_SESSION *newest;
};

struct httpc {
	struct httpc_conf conf;
	char *host;
	struct evhttp_connection *evcon;
	SSL *ssl;     /* of evcon; owned by its bufferevent */
	bool closed;  /* evhttp said so: free it before the next request */
	bool used;    /* it has served a request */
	bool refused; /* the server was judged and is not wanted */
	struct err judged;
	/* the request under way */
	bool busy, noted, retried, connected;
	bool in_time; /* it connected in time: the deadline is the answer's now */
	char method[8], *path, *type;
	struct buf body;
	bool packed;
	int64_t timeout_ms;
	struct event *deadline, *deliver;
	void (*done)(void *ctx, const struct httpc_answer *a);
	void *ctx;
	/* its answer */
	struct httpc_answer answer;
	struct evbuffer *got;
	struct buf decoded;
	char *got_type;
};

struct httpc_sessions *httpc_sessions_new(void)
{
	return xcalloc(1, sizeof(struct httpc_sessions));
}

void httpc_sessions_free(struct httpc_sessions *s)
{
	if (!s)
		return;
	SSL_SESSION_free(s->newest);
	free(s);
}

/* ---- TLS ---- */

static int client_index(void)
{
	static int index = -1;

	if (index < 0)
		index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	return index;
}

static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct httpc *c = SSL_get_ex_data(ssl, client_index());

	if (!c || !c->conf.sessions)
		return 0;
	SSL_SESSION_free(c->conf.sessions->newest);
	c->conf.sessions->newest = session;
	return 1; /* the reference is ours now */
}

/* After the handshake, before anything was sent: a server that is not wanted gets nothing. */
static void on_info(const SSL *ssl, int where, int rc)
{
	struct httpc *c = SSL_get_ex_data(ssl, client_index());
	SSL *mine = (SSL *)(uintptr_t)ssl;
	struct tls_peer peer;

	if (!c || !(where & SSL_CB_HANDSHAKE_DONE) || c->connected)
		return;
	c->connected = true;
	tls_peer(mine, &peer);
	c->answer.resumed = peer.resumed;
	if (!c->conf.judge || c->conf.judge(c->conf.ctx, &peer, &c->judged) == 0)
		return;
	c->refused = true;
	SSL_set_shutdown(mine, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

static void connection_free(struct httpc *c)
{
	if (!c->evcon)
		return;
	evhttp_connection_set_closecb(c->evcon, NULL, NULL);
	SSL_set_ex_data(c->ssl, client_index(), NULL);
	/* Else OpenSSL takes the session for broken and it is never resumed. */
	SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	evhttp_connection_free(c->evcon);
	c->evcon = NULL;
	c->ssl = NULL;
}

static void on_close(struct evhttp_connection *evcon, void *arg)
{
	((struct httpc *)arg)->closed = true;
}

static void connection_open(struct httpc *c)
{
	struct bufferevent *bev;

	connection_free(c);
	c->closed = c->used = c->refused = c->connected = false;
	c->ssl = SSL_new(c->conf.tls);
	if (!c->ssl)
		abort();
	SSL_set_ex_data(c->ssl, client_index(), c);
	SSL_set_info_callback(c->ssl, on_info);
	if (c->conf.sessions && c->conf.sessions->newest)
		SSL_set_session(c->ssl, c->conf.sessions->newest);
	bev = bufferevent_openssl_socket_new(
		c->conf.base, -1, c->ssl, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	c->evcon = evhttp_connection_base_bufferevent_new(
		c->conf.base, c->conf.dns, bev, c->host, (uint16_t)c->conf.port);
	evhttp_connection_set_max_body_size(c->evcon, (ev_ssize_t)c->conf.max_body_bytes);
	evhttp_connection_set_max_headers_size(c->evcon, 65536);
	evhttp_connection_set_closecb(c->evcon, on_close, c);
}

/* ---- one request ---- */

static void note(struct httpc *c)
{
	if (c->noted)
		return;
	c->noted = true;
	event_active(c->deliver, EV_TIMEOUT, 0);
}

static void on_error(enum evhttp_request_error error, void *arg)
{
	struct httpc *c = arg;
	struct err *e = &c->answer.e;

	switch (error) {
	case EVREQ_HTTP_DATA_TOO_LONG:
		err_set(e, ERR_TOO_LARGE, "the answer of %s is over the limit of %zu bytes",
			c->host, c->conf.max_body_bytes);
		break;
	case EVREQ_HTTP_INVALID_HEADER:
		err_set(e, ERR_PROTOCOL, "%s does not answer in HTTP", c->host);
		break;
	case EVREQ_HTTP_TIMEOUT:
		err_set(e, ERR_UNAVAILABLE, "%s port %d did not answer in time", c->host,
			c->conf.port);
		break;
	default:
		c->answer.closed_early = true;
		err_set(e, ERR_UNAVAILABLE, "%s port %d closed the connection", c->host,
			c->conf.port);
	}
}

static void failure_reason(struct httpc *c)
{
	struct err *e = &c->answer.e;
	char text[256];
	unsigned long code;

	if (c->refused) {
		*e = c->judged;
		c->answer.closed_early = false;
		return;
	}
	code = bufferevent_get_openssl_error(evhttp_connection_get_bufferevent(c->evcon));
	if (code) {
		ERR_error_string_n(code, text, sizeof text);
		err_set(e, ERR_UNAVAILABLE, "TLS with %s port %d failed: %s", c->host, c->conf.port,
			text);
	} else if (!e->code || !c->connected) {
		err_set(e, ERR_UNAVAILABLE, "cannot connect to %s port %d", c->host, c->conf.port);
	}
	if (!c->connected)
		c->answer.closed_early = false;
}

static void on_done(struct evhttp_request *req, void *arg)
{
	struct httpc *c = arg;
	const char *encoding, *type;

	c->answer.status = req ? evhttp_request_get_response_code(req) : 0;
	if (c->answer.status == 0) {
		failure_reason(c);
	} else {
		c->used = true;
		c->answer.e = ERR_INIT;
		encoding = evhttp_find_header(
			evhttp_request_get_input_headers(req), "Content-Encoding");
		type = evhttp_find_header(evhttp_request_get_input_headers(req), "Content-Type");
		c->packed = encoding && strcasecmp(encoding, "zstd") == 0;
		c->got_type = type ? xstrdup(type) : NULL;
		evbuffer_add_buffer(c->got, evhttp_request_get_input_buffer(req));
	}
	note(c);
}

static void start(struct httpc *c)
{
	struct evhttp_request *req;
	struct evkeyvalq *headers;
	enum evhttp_cmd_type cmd = strcmp(c->method, "GET") == 0 ? EVHTTP_REQ_GET : EVHTTP_REQ_POST;
	struct timeval tv = {c->timeout_ms / 1000, c->timeout_ms % 1000 * 1000};
	char host[300];

	if (!c->evcon || c->closed)
		connection_open(c);
	evhttp_connection_set_timeout(c->evcon, (int)(c->timeout_ms / 1000) + 5);
	req = evhttp_request_new(on_done, c);
	evhttp_request_set_error_cb(req, on_error);
	headers = evhttp_request_get_output_headers(req);
	snprintf(host, sizeof host, strchr(c->host, ':') ? "[%s]:%d" : "%s:%d", c->host,
		c->conf.port);
	evhttp_add_header(headers, "Host", host);
	evhttp_add_header(headers, "Accept-Encoding", "zstd");
	evhttp_add_header(headers, "Connection", "keep-alive");
	if (c->type)
		evhttp_add_header(headers, "Content-Type", c->type);
	if (c->packed)
		evhttp_add_header(headers, "Content-Encoding", "zstd");
	if (c->body.len)
		evbuffer_add(evhttp_request_get_output_buffer(req), c->body.data, c->body.len);
	if (!c->used) /* connecting has a limit of its own */
		tv = (struct timeval){CONNECT_MS / 1000, 0};
	event_add(c->deadline, &tv);
	if (evhttp_make_request(c->evcon, req, cmd, c->path) < 0) {
		err_set(&c->answer.e, ERR_UNAVAILABLE, "cannot start a request to %s port %d",
			c->host, c->conf.port);
		note(c); /* evhttp freed the request */
	}
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct httpc *c = arg;
	struct timeval rest = {(c->timeout_ms - CONNECT_MS) / 1000, 0};

	if (c->noted)
		return;
	if (c->connected && !c->used && !c->in_time && rest.tv_sec > 0) {
		c->in_time = true;
		event_add(c->deadline, &rest);
		return;
	}
	err_set(&c->answer.e, ERR_UNAVAILABLE,
		c->connected ? "%s port %d did not answer in time"
			     : "cannot connect to %s port %d in time",
		c->host, c->conf.port);
	connection_free(c); /* takes the request along, without its callback */
	note(c);
}

static void request_clear(struct httpc *c)
{
	if (c->body.data)
		explicit_bzero(c->body.data, c->body.len);
	buf_release(&c->body);
	free(c->path);
	free(c->type);
	c->path = c->type = NULL;
}

static void answer_body(struct httpc *c)
{
	struct httpc_answer *a = &c->answer;

	a->len = evbuffer_get_length(c->got);
	a->body = a->len ? (const char *)evbuffer_pullup(c->got, -1) : "";
	a->type = c->got_type;
	if (!c->packed || a->status == 0)
		return;
	if (zbody_decode(a->body, a->len, &c->decoded, &a->e) < 0) {
		a->status = 0;
		err_where(&a->e, "the answer of %s", c->host);
		return;
	}
	a->body = buf_str(&c->decoded);
	a->len = c->decoded.len;
}

/* Out of evhttp's hands: the answer goes to the owner, who may start the next request or free us. */
static void on_deliver(evutil_socket_t fd, short what, void *arg)
{
	struct httpc *c = arg;
	struct evbuffer *got = c->got;
	struct buf decoded;
	struct httpc_answer a;
	char *type;

	event_del(c->deadline);
	c->noted = false;
	if (c->answer.status == 0 && c->used && c->answer.closed_early && !c->retried) {
		c->retried = true;
		c->answer = (struct httpc_answer){0};
		connection_free(c);
		start(c);
		return;
	}
	answer_body(c);
	if (c->answer.status == 0)
		connection_free(c);
	request_clear(c);
	c->busy = false;
	a = c->answer;
	type = c->got_type;
	decoded = c->decoded;
	c->got = evbuffer_new();
	c->got_type = NULL;
	buf_init(&c->decoded, c->conf.max_body_bytes);
	c->done(c->ctx, &a); /* c may be gone after this */
	evbuffer_free(got);
	buf_release(&decoded);
	free(type);
}

int httpc_request(struct httpc *c, const char *method, const char *path, const char *type,
	const void *body, size_t len, bool compress, int64_t timeout_ms,
	void (*done)(void *ctx, const struct httpc_answer *a), void *ctx)
{
	assert(!c->busy);
	c->busy = true;
	c->retried = c->packed = c->in_time = false;
	c->answer = (struct httpc_answer){0};
	snprintf(c->method, sizeof c->method, "%s", method);
	c->path = xstrdup(path);
	c->type = type ? xstrdup(type) : NULL;
	c->timeout_ms = timeout_ms;
	c->done = done;
	c->ctx = ctx;
	buf_init(&c->body, 2 * len + 4096);
	if (compress && len > ZBODY_MIN && zbody_encode(body, len, &c->body) == 0)
		c->packed = true;
	else if (len)
		buf_add(&c->body, body, len);
	start(c);
	return 0;
}

bool httpc_busy(const struct httpc *c)
{
	return c->busy;
}

int httpc_remote(const struct httpc *c, struct sockaddr_storage *out, socklen_t *len)
{
	int fd = c->evcon ? bufferevent_getfd(evhttp_connection_get_bufferevent(c->evcon)) : -1;

	return fd >= 0 && getpeername(fd, (struct sockaddr *)out, len) == 0 ? 0 : -1;
}

void httpc_disconnect(struct httpc *c)
{
	if (!c->busy)
		connection_free(c);
}

struct httpc *httpc_new(const struct httpc_conf *conf)
{
	struct httpc *c = xcalloc(1, sizeof *c);

	c->conf = *conf;
	c->host = xstrdup(conf->host);
	SSL_CTX_up_ref(conf->tls);
	SSL_CTX_sess_set_new_cb(conf->tls, on_session);
	c->deadline = event_new(conf->base, -1, 0, on_deadline, c);
	c->deliver = event_new(conf->base, -1, 0, on_deliver, c);
	c->got = evbuffer_new();
	buf_init(&c->decoded, conf->max_body_bytes);
	return c;
}

void httpc_free(struct httpc *c)
{
	if (!c)
		return;
	connection_free(c);
	request_clear(c);
	event_free(c->deadline);
	event_free(c->deliver);
	evbuffer_free(c->got);
	buf_release(&c->decoded);
	free(c->got_type);
	SSL_CTX_free(c->conf.tls);
	free(c->host);
	free(c);
}
