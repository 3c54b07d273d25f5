/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listener, on evhttp: sockets, connections, and a request's way from evhttp to the handler.
 *
 * What evhttp does not do, and is done here:
 * - It stops reading while a request waits for its answer, so a peer that goes away would never be seen, and one that sends
 *   on would trip an assertion of its own. While a request is held, the connection's callbacks are ours: the end of the peer is
 *   passed on to evhttp (which closes), early bytes end the connection.
 * - It reads on while it writes, without a limit: our bufferevents have one. And it takes a peer that only listens for an idle
 *   one: while a held answer or a stream is written, there is no read timeout.
 * - It knows no cap on connections. One too many is shut down in the same turn of the loop, before anything of it was read.
 * - It frees an SSL without a proper shutdown, by which OpenSSL forgets the session: the shutdown is marked as done before.
 *
 * A TLS connection is known from its SSL's making to its freeing (struct conn is the SSL's ex_data), one on a Unix socket
 * from its first request to its close. A struct http_req lives from the handler's call to its answer or to the end of the peer.
 * Connections are never freed by us: their sockets are shut down and evhttp does the rest in its own time, so that any handler
 * may drop any peer.
 */
#include "base/http_internal.h"
#include "base/zbody.h"
#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/http_struct.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024
#define KEEPALIVE_S 60
#define READ_AT_ONCE 4096 /* more would be kept as an empty buffer by every idle connection */

struct link { /* what only this file knows of a connection */
	struct conn conn;
	struct http_req *req; /* under way on it */
	bool known;           /* the handshake is done */
	bool dropped;         /* its socket is shut down */
	struct link *next_excess;
};

struct listener { /* and of a server */
	struct http_server server;
	struct link *excess;    /* just accepted, over the cap */
	struct event *shutting; /* shuts them down */
};

static struct link *link_of(struct conn *c)
{
	return (struct link *)c;
}

static struct listener *listener_of(struct http_server *s)
{
	return (struct listener *)s;
}

/* ---- connections ---- */

static struct conn *conn_new(struct http_server *s, SSL *ssl)
{
	struct link *l = xcalloc(1, sizeof *l);
	struct conn *c = &l->conn;

	c->server = s;
	c->ssl = ssl;
	c->next = s->conns;
	if (c->next)
		c->next->prev = c;
	s->conns = c;
	s->counts.open++;
	return c;
}

static void conn_unlink(struct conn *c)
{
	struct link **at = &listener_of(c->server)->excess;

	while (*at && *at != link_of(c))
		at = &(*at)->next_excess;
	if (*at)
		*at = link_of(c)->next_excess;
	if (c->prev)
		c->prev->next = c->next;
	else
		c->server->conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
	c->server->counts.open--;
	c->server = NULL;
}

static void conn_free(struct conn *c)
{
	if (c->server)
		conn_unlink(c);
	free(link_of(c));
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
static void conn_shut(struct link *l)
{
	l->dropped = true;
	shutdown(SSL_get_fd(l->conn.ssl), SHUT_RDWR);
}

static void on_shutting(evutil_socket_t fd, short what, void *arg)
{
	struct listener *lr = arg;

	for (struct link *l = lr->excess; l; l = l->next_excess)
		conn_shut(l);
	lr->excess = NULL;
}

static bool too_many(const struct http_server *s)
{
	return s->conf.max_connections > 0 && s->counts.open > s->conf.max_connections;
}

static void on_handshake(const SSL *ssl, int where, int rc)
{
	struct conn *c = SSL_get_ex_data(ssl, conn_index());

	if (!(where & SSL_CB_HANDSHAKE_DONE) || !c || !c->server || link_of(c)->known)
		return;
	link_of(c)->known = true;
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
	struct listener *lr = listener_of(s);
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
	c = conn_new(s, ssl);
	SSL_set_ex_data(ssl, conn_index(), c);
	SSL_set_info_callback(ssl, on_handshake);
	if (too_many(s)) {
		s->counts.refused++;
		link_of(c)->next_excess = lr->excess;
		lr->excess = link_of(c);
		event_active(lr->shutting, EV_TIMEOUT, 0);
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
	link_of(r->conn)->req = NULL;
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

	if (link_of(c)->req)
		req_gone(link_of(c)->req);
	c->evcon = NULL;
	if (!c->ssl)
		conn_free(c);
}

/* ---- holding ---- */

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
	struct bufferevent *bev = evhttp_connection_get_bufferevent(r->evcon);

	bufferevent_getcb(bev, &r->read_cb, &r->write_cb, &r->event_cb, &r->cb_arg);
	bufferevent_setcb(bev, held_read, NULL, held_event, r);
	bufferevent_set_timeouts(bev, NULL, NULL);
	r->holding = true;
	bufferevent_enable(bev, EV_READ);
}

static struct timeval idle_of(const struct http_server *s)
{
	return (struct timeval){s->conf.idle_ms / 1000, s->conf.idle_ms % 1000 * 1000};
}

static void on_written(struct evhttp_request *ev, void *arg)
{
	struct evhttp_connection *evcon = evhttp_request_get_connection(ev);
	struct timeval idle = idle_of(arg);

	bufferevent_set_timeouts(evhttp_connection_get_bufferevent(evcon), &idle, &idle);
}

/* Gives the connection back to evhttp, for an answer: until it is written, only a peer that takes nothing is idle. */
void http_unhold(struct http_req *r)
{
	struct bufferevent *bev = evhttp_connection_get_bufferevent(r->evcon);
	struct timeval idle = idle_of(r->server);

	bufferevent_set_timeouts(bev, NULL, &idle);
	evhttp_request_set_on_complete_cb(r->ev, on_written, r->server);
	if (!r->holding)
		return;
	r->holding = false;
	bufferevent_disable(bev, EV_READ);
	bufferevent_setcb(bev, r->read_cb, r->write_cb, r->event_cb, r->cb_arg);
}

/* ---- requests ---- */

/* The connection of a request. Of one on a Unix socket we learn here. */
static struct conn *conn_of(struct http_server *s, struct evhttp_connection *evcon)
{
	SSL *ssl = bufferevent_openssl_get_ssl(evhttp_connection_get_bufferevent(evcon));
	struct conn *c = ssl ? SSL_get_ex_data(ssl, conn_index()) : s->conns;

	while (!ssl && c && c->evcon != evcon)
		c = c->next;
	if (!c)
		c = conn_new(s, NULL);
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
	r->evcon = evhttp_request_get_connection(ev);
	r->conn = conn_of(s, r->evcon);
	link_of(r->conn)->req = r;
	r->arena = arena_new();
	r->path = "/";
	r->body = "";
	buf_init(&r->decoded, s->conf.max_body_bytes);
	r->next = s->reqs;
	if (r->next)
		r->next->prev = r;
	s->reqs = r;
	return r;
}

static int path_take(struct http_req *r, struct err *e)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(r->ev);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
	size_t len = 0;
	char *decoded = evhttp_uridecode(path && *path ? path : "/", 0, &len);
	bool fine = decoded && decoded[0] == '/' && strlen(decoded) == len;

	r->raw_query = uri ? evhttp_uri_get_query(uri) : NULL;
	if (fine)
		r->path = arena_strdup(r->arena, decoded);
	free(decoded);
	return fine ? 0
		    : err_set(e, ERR_INVALID, "the path must begin with '/' and hold no NUL byte");
}

static int body_take(struct http_req *r, struct err *e)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(r->ev);
	const char *encoding = http_header(r, "Content-Encoding");
	size_t len = evbuffer_get_length(in);

	r->body = len ? (const char *)evbuffer_pullup(in, -1) : "";
	r->body_len = len;
	if (!encoding || strcasecmp(encoding, "identity") == 0)
		return 0;
	if (strcasecmp(encoding, "zstd") != 0)
		return err_field(e, ERR_INVALID, "Content-Encoding",
			"Content-Encoding must be zstd, not '%.40s'", encoding);
	if (zbody_decode(r->body, len, &r->decoded, e) < 0)
		return -1;
	r->body = buf_str(&r->decoded);
	r->body_len = r->decoded.len;
	return 0;
}

/* 431 has no error code of its own: only a listener ever says it. */
static void refuse_headers(struct http_req *r)
{
	char text[160];
	int n = snprintf(text, sizeof text,
		"{\"type\":\"urn:him:error:%s\",\"title\":\"%s\",\"status\":431,"
		"\"detail\":\"the headers are over the limit of %zu bytes\"}",
		err_word(ERR_TOO_LARGE), err_title(ERR_TOO_LARGE),
		r->server->conf.max_headers_bytes);

	http_reply(r, 431, "application/problem+json", text, (size_t)n);
}

/* false: it was answered with what is wrong with it. */
static bool acceptable(struct http_req *r)
{
	struct http_server *s = r->server;
	struct err e = ERR_INIT;

	if (r->ev->headers_size > s->conf.max_headers_bytes) {
		s->counts.refused++;
		refuse_headers(r);
		return false;
	}
	if (!r->conn->ssl && too_many(s)) {
		http_add_header(r, "Connection", "close");
		err_set(&e, ERR_UNAVAILABLE, "more than %d connections at once",
			s->conf.max_connections);
	} else if (path_take(r, &e) == 0 && body_take(r, &e) == 0) {
		return true;
	}
	s->counts.refused++;
	http_reply_err(r, &e);
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
	struct listener *lr = xcalloc(1, sizeof *lr);
	struct http_server *s = &lr->server;
	struct timeval idle;

	signal(SIGPIPE, SIG_IGN); /* writing to a peer that went away */
	s->conf = *conf;
	idle = idle_of(s);
	s->tls = conf->tls;
	if (s->tls)
		SSL_CTX_up_ref(s->tls);
	s->http = evhttp_new(base);
	lr->shutting = event_new(base, -1, 0, on_shutting, lr);
	if (!s->http || !lr->shutting)
		abort();
	evhttp_set_allowed_methods(s->http,
		EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT | EVHTTP_REQ_PATCH |
			EVHTTP_REQ_DELETE | EVHTTP_REQ_HEAD);
	/* Twice the limit, so that we see what is over it and say 431; evhttp itself knows only 400. */
	evhttp_set_max_headers_size(s->http, (ev_ssize_t)(2 * conf->max_headers_bytes));
	evhttp_set_max_body_size(s->http, (ev_ssize_t)conf->max_body_bytes);
	/* Too long a body is read to its end and dropped: else its sender sees a reset, not the 413. */
	evhttp_set_flags(s->http, EVHTTP_SERVER_LINGERING_CLOSE);
	evhttp_set_timeout_tv(s->http, &idle);
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
	event_free(listener_of(s)->shutting);
	SSL_CTX_free(s->tls);
	free(listener_of(s));
}

int http_drop_peer(struct http_server *s, const char *uri)
{
	int n = 0;

	for (struct conn *c = s->conns; c; c = c->next) {
		struct link *l = link_of(c);
		if (!l->known || l->dropped || strcmp(c->peer.uri, uri) != 0)
			continue;
		conn_shut(l);
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

/* ---- sockets ---- */

static int tcp_socket(int family)
{
	int one = 1, keepalive = KEEPALIVE_S;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* these are inherited */
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &keepalive, sizeof keepalive);
	return fd;
}

static int bind_socket(const char *host, int port, struct err *e)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC,
				.ai_socktype = SOCK_STREAM,
				.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE},
			*ai;
	char service[8];
	int fd;

	snprintf(service, sizeof service, "%d", port);
	if (getaddrinfo(host, service, &hints, &ai) != 0)
		return err_field(e, ERR_INVALID, "listen", "'%s' is not a numeric address", host);
	fd = tcp_socket(ai->ai_family);
	if (fd < 0 || bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
		if (errno == EADDRINUSE)
			err_set(e, ERR_CONFLICT, "port %d of %s is taken by another program", port,
				host);
		else
			err_errno(e, "cannot listen on %s port %d", host, port);
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(ai);
	return fd;
}

int http_listen(struct http_server *s, const char *host, int port, int *bound, struct err *e)
{
	int fd = bind_socket(host, port, e);
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;

	if (fd < 0)
		return -1;
	if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0 ||
		evhttp_accept_socket(s->http, fd) < 0) {
		err_errno(e, "cannot listen on %s port %d", host, port);
		close(fd);
		return -1;
	}
	if (bound)
		*bound = ntohs(ss.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&ss)->sin6_port
							: ((struct sockaddr_in *)&ss)->sin_port);
	return 0;
}

/* Whether somebody answers at that socket: else it is a file left behind. A full backlog answers, too. */
static bool alive(const struct sockaddr_un *un)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool yes = fd >= 0 &&
		(connect(fd, (const struct sockaddr *)un, sizeof *un) == 0 || errno == EAGAIN);

	if (fd >= 0)
		close(fd);
	return yes;
}

/* Makes room at the path, which may hold nothing but a dead socket. */
static int clear_path(const struct sockaddr_un *un, struct err *e)
{
	struct stat st;

	if (lstat(un->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : err_errno(e, "cannot listen at %s", un->sun_path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, ERR_CONFLICT, "%s is in the way: it is no socket", un->sun_path);
	if (alive(un))
		return err_set(e, ERR_CONFLICT, "another server answers at %s", un->sun_path);
	return unlink(un->sun_path) < 0 ? err_errno(e, "cannot remove %s", un->sun_path) : 0;
}

int http_listen_unix(struct http_server *s, const char *path, mode_t mode, struct err *e)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	mode_t old;
	int fd, rc;

	if (strlen(path) >= sizeof un.sun_path)
		return err_field(e, ERR_INVALID, "home",
			"the path %.60s… is too long for a Unix socket (%zu characters)", path,
			sizeof un.sun_path - 1);
	snprintf(un.sun_path, sizeof un.sun_path, "%s", path);
	if (clear_path(&un, e) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	old = umask(0777 & ~mode);
	rc = fd < 0 ? -1 : bind(fd, (struct sockaddr *)&un, sizeof un);
	umask(old);
	if (rc < 0 || listen(fd, BACKLOG) < 0 || evhttp_accept_socket(s->http, fd) < 0) {
		err_errno(e, "cannot listen at %s", path);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return 0;
}
