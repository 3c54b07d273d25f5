/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client, on evhttp: one connection, one request at a time.
 *
 * An evhttp connection over TLS cannot be reopened, so each connection is made anew and freed when it closed. evhttp
 * does not like to be freed from inside its own callbacks: an answer is therefore only noted there, and handed to the owner
 * from an event of ours. A kept-alive connection that the server closed meanwhile fails at once; such a request goes
 * again, once, on a fresh one. One that is cut later, or after the first byte of an answer, was under way: that is told.
 *
 * A session belongs to the TLS context it was made with: under another one (a renewed certificate) the server would still see
 * the old certificate. Whenever evhttp closes, before it touches the SSL, the shutdown is marked as done: else OpenSSL takes the
 * session for broken and it is never resumed.
 */
#include "base/httpc.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/zbody.h"
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_MS 10000
#define REUSE_MS 3000 /* a connection that was dead before the request fails within this */
#define SESSIONS_KEPT 4

struct httpc_sessions {
	SSL_CTX *tls;                     /* they were made with */
	SSL_SESSION *kept[SESSIONS_KEPT]; /* oldest first */
	size_t n;
};

struct httpc {
	struct httpc_conf conf;
	char *host;
	struct evhttp_connection *evcon;
	SSL *ssl;     /* of evcon; owned by its bufferevent */
	bool closed;  /* evhttp said so: free it before the next request */
	bool used;    /* it has served a request */
	bool refused; /* the server was judged and is not wanted */
	bool resumed; /* a session */
	struct err judged;
	bool connected; /* and the handshake is done */
	int connect_errno;
	/* the request under way */
	bool busy, noted, retried;
	bool heard; /* something of an answer came */
	enum evhttp_cmd_type method;
	char *path, *type;
	struct {
		char *name, *value;
	} headers[HTTPC_HEADERS];
	size_t headers_n;
	struct buf body;
	bool packed;
	int64_t timeout_ms, begun_mono, deadline_mono;
	struct event *deadline, *deliver, *gather;
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

static void sessions_clear(struct httpc_sessions *s)
{
	for (size_t i = 0; i < s->n; i++)
		SSL_SESSION_free(s->kept[i]);
	SSL_CTX_free(s->tls);
	*s = (struct httpc_sessions){0};
}

void httpc_sessions_free(struct httpc_sessions *s)
{
	if (!s)
		return;
	sessions_clear(s);
	free(s);
}

/* OpenSSL marks a session once it has brought forth a newer one. */
static void sessions_sweep(struct httpc_sessions *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		if (SSL_SESSION_is_resumable(s->kept[i]))
			s->kept[n++] = s->kept[i];
		else
			SSL_SESSION_free(s->kept[i]);
	s->n = n;
}

/* Takes over the reference to session. */
static void sessions_add(struct httpc_sessions *s, SSL_CTX *tls, SSL_SESSION *session)
{
	if (s->tls != tls) {
		sessions_clear(s);
		SSL_CTX_up_ref(tls);
		s->tls = tls;
	}
	sessions_sweep(s);
	if (s->n == SESSIONS_KEPT) {
		SSL_SESSION_free(s->kept[0]);
		memmove(s->kept, s->kept + 1, --s->n * sizeof *s->kept);
	}
	s->kept[s->n++] = session;
}

/* Gives ssl the newest one, each once; the last one stays, for the case that this connection fails. */
static void sessions_use(struct httpc_sessions *s, SSL_CTX *tls, SSL *ssl)
{
	sessions_sweep(s);
	if (s->n == 0 || s->tls != tls)
		return;
	SSL_set_session(ssl, s->kept[s->n - 1]);
	if (s->n > 1)
		SSL_SESSION_free(s->kept[--s->n]);
}

static void deadline_in(struct httpc *c, int64_t ms)
{
	struct timeval tv = {ms / 1000, ms % 1000 * 1000};

	c->deadline_mono = clock_mono_ms() + ms;
	event_add(c->deadline, &tv);
}

/* ---- the connection ---- */

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
	sessions_add(c->conf.sessions, c->conf.tls, session);
	return 1; /* the reference is ours now */
}

/* The handshake is done: from here on the answer's deadline counts. */
static void on_connected(struct httpc *c)
{
	int64_t left = c->begun_mono + c->timeout_ms - clock_mono_ms();
	int one = 1;

	c->connected = true;
	setsockopt(SSL_get_fd(c->ssl), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	deadline_in(c, left > 0 ? left : 0);
}

/* After the handshake, before anything was sent: a server that is not wanted gets nothing. */
static void on_info(const SSL *ssl, int where, int rc)
{
	struct httpc *c = SSL_get_ex_data(ssl, client_index());
	struct tls_peer peer;

	if (!c || c->connected)
		return;
	if (where == SSL_CB_CONNECT_EXIT && rc < 0 && errno != EAGAIN && errno != EINPROGRESS)
		c->connect_errno = errno;
	if (!(where & SSL_CB_HANDSHAKE_DONE))
		return;
	on_connected(c);
	tls_peer(c->ssl, &peer);
	c->resumed = peer.resumed;
	if (!c->conf.judge || c->conf.judge(c->conf.ctx, &peer, &c->judged) == 0)
		return;
	c->refused = true;
	SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

static void connection_free(struct httpc *c)
{
	if (!c->evcon)
		return;
	evhttp_connection_set_closecb(c->evcon, NULL, NULL);
	if (c->ssl) {
		SSL_set_ex_data(c->ssl, client_index(), NULL);
		SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	}
	evhttp_connection_free(c->evcon);
	c->evcon = NULL;
	c->ssl = NULL;
}

static void on_close(struct evhttp_connection *evcon, void *arg)
{
	struct httpc *c = arg;

	c->closed = true;
	if (c->ssl)
		SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

static void on_input(struct evbuffer *in, const struct evbuffer_cb_info *info, void *arg)
{
	struct httpc *c = arg;

	c->heard |= info->n_added > 0;
}

/* evhttp writes a request in parts, in this turn of the loop or, while it connects, in a later one; they leave after that turn. */
static void on_output(struct evbuffer *out, const struct evbuffer_cb_info *info, void *arg)
{
	struct httpc *c = arg;

	if (info->n_added)
		event_active(c->gather, EV_TIMEOUT, 0);
}

static void on_gather(evutil_socket_t fd, short what, void *arg)
{
	struct httpc *c = arg;

	if (c->evcon)
		loop_gather(evhttp_connection_get_bufferevent(c->evcon));
}

static struct bufferevent *tls_open(struct httpc *c)
{
	struct bufferevent *bev;

	c->ssl = SSL_new(c->conf.tls);
	if (!c->ssl)
		abort();
	SSL_set_ex_data(c->ssl, client_index(), c);
	SSL_set_info_callback(c->ssl, on_info);
	if (c->conf.sessions)
		sessions_use(c->conf.sessions, c->conf.tls, c->ssl);
	bev = bufferevent_openssl_socket_new(
		c->conf.base, -1, c->ssl, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	return bev;
}

static void connection_open(struct httpc *c)
{
	struct bufferevent *bev;

	connection_free(c);
	c->closed = c->used = c->refused = c->connected = c->resumed = false;
	c->connect_errno = 0;
	bev = c->conf.tls ? tls_open(c)
			  : bufferevent_socket_new(c->conf.base, -1, BEV_OPT_CLOSE_ON_FREE);
	evbuffer_add_cb(bufferevent_get_input(bev), on_input, c);
	evbuffer_add_cb(bufferevent_get_output(bev), on_output, c);
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

/* What OpenSSL has against the connection; false: nothing. libevent puts its own result codes among OpenSSL's errors: they
 * name no library. */
static bool tls_reason(const struct httpc *c, char *out, size_t size)
{
	struct bufferevent *bev = evhttp_connection_get_bufferevent(c->evcon);
	long verdict = c->ssl ? SSL_get_verify_result(c->ssl) : X509_V_OK;
	unsigned long code;
	const char *reason;

	if (!c->ssl)
		return false;
	if (verdict != X509_V_OK && !c->connected) {
		snprintf(out, size, "its certificate is refused: %s",
			verdict == TLS_NOT_PINNED ? "its CA has another fingerprint than was given"
						  : X509_verify_cert_error_string(verdict));
		return true;
	}
	while ((code = bufferevent_get_openssl_error(bev)) != 0) {
		reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_reason_error_string(code) : NULL;
		if (!reason)
			continue;
		snprintf(out, size, "%s", reason);
		return true;
	}
	return false;
}

static void failure_reason(struct httpc *c)
{
	struct bufferevent *bev = evhttp_connection_get_bufferevent(c->evcon);
	struct err *e = &c->answer.e;
	int dns = bufferevent_socket_get_dns_error(bev);
	char text[256];

	if (c->refused)
		*e = c->judged;
	else if (dns)
		err_set(e, ERR_UNAVAILABLE, "the name %s is not found: %s", c->host,
			evutil_gai_strerror(dns));
	else if (tls_reason(c, text, sizeof text))
		err_set(e, ERR_UNAVAILABLE, "TLS with %s port %d failed: %s", c->host, c->conf.port,
			text);
	else if (!c->ssl ? e->code == ERR_NONE : !c->connected)
		err_set(e, ERR_UNAVAILABLE, "cannot connect to %s port %d%s%s", c->host,
			c->conf.port, c->connect_errno ? ": " : "",
			c->connect_errno ? strerror(c->connect_errno) : "");
	else
		return; /* on_error said it */
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

/* A name needs a resolver: without one libevent would look it up and stop the whole loop meanwhile. */
static bool reachable(const struct httpc *c)
{
	struct in_addr v4;

	return c->conf.dns || strchr(c->host, ':') || inet_pton(AF_INET, c->host, &v4) == 1;
}

/* False when a header of the owner's is none. */
static bool add_headers(struct httpc *c, struct evkeyvalq *headers)
{
	char text[300];
	bool plain = !c->conf.tls && c->conf.port == 80; /* a port that goes without saying */

	snprintf(text, sizeof text, strchr(c->host, ':') ? "[%s]" : "%s", c->host);
	if (!plain)
		snprintf(text + strlen(text), sizeof text - strlen(text), ":%d", c->conf.port);
	evhttp_add_header(headers, "Host", text);
	evhttp_add_header(headers, "Accept-Encoding", "zstd");
	evhttp_add_header(headers, "Connection", "keep-alive");
	if (c->type)
		evhttp_add_header(headers, "Content-Type", c->type);
	if (c->packed)
		evhttp_add_header(headers, "Content-Encoding", "zstd");
	for (size_t i = 0; i < c->headers_n; i++)
		if (evhttp_add_header(headers, c->headers[i].name, c->headers[i].value) < 0)
			return false;
	return true;
}

static void start(struct httpc *c)
{
	struct evhttp_request *req;
	struct evkeyvalq *headers;
	char text[32];
	bool fine;

	c->begun_mono = clock_mono_ms();
	if (!reachable(c)) {
		err_set(&c->answer.e, ERR_INVALID,
			"%s is not a numeric address, and names cannot be looked up here", c->host);
		note(c);
		return;
	}
	if (!c->evcon || c->closed)
		connection_open(c);
	c->heard = false;
	evhttp_connection_set_timeout(c->evcon, (int)(c->timeout_ms / 1000) + 5);
	req = evhttp_request_new(on_done, c);
	evhttp_request_set_error_cb(req, on_error);
	headers = evhttp_request_get_output_headers(req);
	fine = add_headers(c, headers);
	if (c->body.len) {
		snprintf(text, sizeof text, "%zu", c->body.len);
		evhttp_add_header(headers, "Content-Length", text);
		evbuffer_add(evhttp_request_get_output_buffer(req), c->body.data, c->body.len);
	}
	deadline_in(c, c->connected || c->timeout_ms < CONNECT_MS ? c->timeout_ms : CONNECT_MS);
	if (fine && evhttp_make_request(c->evcon, req, c->method, c->path) == 0)
		return;
	err_set(&c->answer.e, ERR_UNAVAILABLE, "cannot start a request to %s port %d", c->host,
		c->conf.port);
	evhttp_request_free(req);
	note(c);
}

/* Connected and, with TLS, the handshake done. */
static bool has_peer(const struct httpc *c)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof peer;

	return c->conf.tls ? c->connected : httpc_remote(c, &peer, &len) == 0;
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct httpc *c = arg;

	int64_t left = c->deadline_mono - clock_mono_ms();

	if (c->noted)
		return;
	if (left > 0) { /* libevent counts from when its round began, and a busy round is long */
		deadline_in(c, left);
		return;
	}
	err_set(&c->answer.e, ERR_UNAVAILABLE,
		has_peer(c) ? "%s port %d did not answer in time"
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
	for (size_t i = 0; i < c->headers_n; i++) {
		explicit_bzero(c->headers[i].value, strlen(c->headers[i].value));
		free(c->headers[i].name);
		free(c->headers[i].value);
	}
	c->headers_n = 0;
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

/* The kept-alive connection had been closed before the request reached the server. */
static bool was_dead(const struct httpc *c)
{
	return c->answer.status == 0 && c->answer.closed_early && c->used && !c->heard &&
		!c->retried && clock_mono_ms() - c->begun_mono < REUSE_MS;
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
	if (was_dead(c)) {
		c->retried = true;
		c->answer = (struct httpc_answer){0};
		connection_free(c);
		start(c);
		return;
	}
	answer_body(c);
	c->answer.resumed = c->resumed;
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

static enum evhttp_cmd_type method_of(const char *name)
{
	static const struct {
		const char *name;
		enum evhttp_cmd_type type;
	} methods[] = {{"GET", EVHTTP_REQ_GET}, {"POST", EVHTTP_REQ_POST}, {"PUT", EVHTTP_REQ_PUT},
		{"PATCH", EVHTTP_REQ_PATCH}, {"DELETE", EVHTTP_REQ_DELETE},
		{"HEAD", EVHTTP_REQ_HEAD}};

	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (strcmp(methods[i].name, name) == 0)
			return methods[i].type;
	assert(!"a method");
	return EVHTTP_REQ_GET;
}

int httpc_request(struct httpc *c, const char *method, const char *path, const char *type,
	const void *body, size_t len, bool compress, int64_t timeout_ms,
	void (*done)(void *ctx, const struct httpc_answer *a), void *ctx)
{
	assert(!c->busy);
	c->busy = true;
	c->retried = c->packed = false;
	c->answer = (struct httpc_answer){0};
	c->method = method_of(method);
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

void httpc_header(struct httpc *c, const char *name, const char *value)
{
	assert(!c->busy && c->headers_n < HTTPC_HEADERS);
	c->headers[c->headers_n].name = xstrdup(name);
	c->headers[c->headers_n++].value = xstrdup(value);
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

	signal(SIGPIPE, SIG_IGN); /* writing to a server that went away */
	c->conf = *conf;
	c->host = xstrdup(conf->host);
	if (conf->tls) {
		SSL_CTX_up_ref(conf->tls);
		SSL_CTX_sess_set_new_cb(conf->tls, on_session);
	}
	c->deadline = event_new(conf->base, -1, 0, on_deadline, c);
	c->deliver = event_new(conf->base, -1, 0, on_deliver, c);
	c->gather = event_new(conf->base, -1, 0, on_gather, c);
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
	event_free(c->gather);
	evbuffer_free(c->got);
	buf_release(&c->decoded);
	free(c->got_type);
	SSL_CTX_free(c->conf.tls);
	free(c->host);
	free(c);
}
