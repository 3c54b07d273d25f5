/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listener, on evhttp.
 *
 * What evhttp does not do, and is done here: it stops reading while a request waits for its answer, so a peer that
 * goes away would never be seen, and one that sends on would trip an assertion of its own. While a request is held,
 * the connection's callbacks are ours: the end of the peer is passed on to evhttp (which closes), early bytes end the
 * connection. It frees an SSL without a proper shutdown, by which OpenSSL forgets the session: the shutdown is
 * marked as done before.
 *
 * A struct conn lives as long as its SSL (it is freed by the SSL's ex_data), a struct http_req from the handler's call to
 * its answer or to the end of the peer.
 */
#include "base/http.h"
#include "base/json.h"
#include "base/zbody.h"
#include "base/http_internal.h"
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024

static const struct {
	enum evhttp_cmd_type theirs;
	enum http_method ours;
} methods[] = {{EVHTTP_REQ_GET, HTTP_GET}, {EVHTTP_REQ_POST, HTTP_POST}, {EVHTTP_REQ_PUT, HTTP_PUT},
	{EVHTTP_REQ_PATCH, HTTP_PATCH}, {EVHTTP_REQ_DELETE, HTTP_DELETE},
	{EVHTTP_REQ_HEAD, HTTP_HEAD}};

/* ---- connections ---- */

static void conn_unlink(struct conn *c)
{
	c->server->counts.open--;
	if (c->prev)
		c->prev->next = c->next;
	else
		c->server->conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
	c->server = NULL;
}

static void conn_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl, void *argp)
{
	struct conn *c = ptr;

	if (c && c->server)
		conn_unlink(c);
	free(c);
}

static int conn_index(void)
{
	static int index = -1;

	if (index < 0)
		index = SSL_get_ex_new_index(0, NULL, NULL, NULL, conn_free);
	return index;
}

static struct bufferevent *make_bufferevent(struct event_base *base, void *arg)
{
	struct http_server *s = arg;
	struct bufferevent *bev;
	struct conn *c;
	SSL *ssl;

	s->counts.connections++;
	if (!s->tls)
		return bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	ssl = SSL_new(s->tls);
	if (!ssl)
		abort();
	c = xcalloc(1, sizeof *c);
	c->server = s;
	c->ssl = ssl;
	c->next = s->conns;
	if (c->next)
		c->next->prev = c;
	s->conns = c;
	s->counts.open++;
	SSL_set_ex_data(ssl, conn_index(), c);
	bev = bufferevent_openssl_socket_new(
		base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	return bev;
}

static struct conn *conn_of(struct evhttp_connection *evcon)
{
	SSL *ssl = bufferevent_openssl_get_ssl(evhttp_connection_get_bufferevent(evcon));

	return ssl ? SSL_get_ex_data(ssl, conn_index()) : NULL;
}

static void req_free(struct http_req *r)
{
	if (r->prev)
		r->prev->next = r->next;
	else
		r->server->reqs = r->next;
	if (r->next)
		r->next->prev = r->prev;
	arena_free(r->arena);
	buf_release(&r->decoded);
	free(r);
}

/* The peer went away before the answer. */
static void req_gone(struct http_req *r)
{
	void (*gone)(void *, struct http_req *) = r->gone;
	struct evhttp_request *ev = r->ev;

	r->gone = NULL;
	r->dead = true;
	if (gone)
		gone(r->gone_ctx, r);
	if (ev && !evhttp_request_get_connection(ev))
		evhttp_request_free(ev); /* evhttp let go of it: it is ours */
	req_free(r);
}

static void on_close(struct evhttp_connection *evcon, void *arg)
{
	struct http_server *s = arg;
	SSL *ssl = bufferevent_openssl_get_ssl(evhttp_connection_get_bufferevent(evcon));
	struct http_req *r, *next;

	for (r = s->reqs; r; r = next) {
		next = r->next;
		if (r->evcon == evcon) {
			req_gone(r);
			break;
		}
	}
	if (ssl)
		SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
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

static void held_write(struct bufferevent *bev, void *arg)
{
	struct http_req *r = arg;

	if (r->write_cb)
		r->write_cb(bev, r->cb_arg);
}

static void hold(struct http_req *r)
{
	struct bufferevent *bev = evhttp_connection_get_bufferevent(r->evcon);

	bufferevent_getcb(bev, &r->read_cb, &r->write_cb, &r->event_cb, &r->cb_arg);
	bufferevent_setcb(bev, held_read, held_write, held_event, r);
	bufferevent_set_timeouts(bev, NULL, NULL);
	r->holding = true;
	bufferevent_enable(bev, EV_READ);
}

/* Gives the connection back to evhttp, before an answer. */
void http_unhold(struct http_req *r)
{
	struct bufferevent *bev = evhttp_connection_get_bufferevent(r->evcon);
	struct timeval idle = {
		r->server->conf.idle_ms / 1000, r->server->conf.idle_ms % 1000 * 1000};

	if (!r->holding)
		return;
	r->holding = false;
	bufferevent_disable(bev, EV_READ);
	bufferevent_setcb(bev, r->read_cb, r->write_cb, r->event_cb, r->cb_arg);
	bufferevent_set_timeouts(bev, &idle, &idle);
}

void http_set_on_gone(struct http_req *r, void (*gone)(void *ctx, struct http_req *r), void *ctx)
{
	r->gone = gone;
	r->gone_ctx = ctx;
}

/* ---- requests ---- */

static int body_take(struct http_req *r, struct err *e)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(r->ev);
	const char *encoding = http_header(r, "Content-Encoding");
	size_t len = evbuffer_get_length(in);
	void *data = len ? evbuffer_pullup(in, -1) : NULL;

	buf_init(&r->decoded, r->server->conf.max_body_bytes);
	r->body = data ? data : "";
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

static void path_take(struct http_req *r)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(r->ev);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL,
		   *query = uri ? evhttp_uri_get_query(uri) : NULL;
	char *decoded = evhttp_uridecode(path && *path ? path : "/", 0, NULL);

	r->path = arena_strdup(r->arena, decoded ? decoded : "/");
	r->raw_query = query;
	free(decoded);
}

static void on_request(struct evhttp_request *ev, void *arg)
{
	struct http_server *s = arg;
	struct http_req *r = xcalloc(1, sizeof *r);
	struct err e = ERR_INIT;
	struct conn *c;

	s->counts.requests++;
	r->server = s;
	r->ev = ev;
	r->evcon = evhttp_request_get_connection(ev);
	r->arena = arena_new();
	r->next = s->reqs;
	if (r->next)
		r->next->prev = r;
	s->reqs = r;
	evhttp_connection_set_closecb(r->evcon, on_close, s);
	c = conn_of(r->evcon);
	if (c && !c->evcon) { /* the first request of this connection: who is it */
		c->evcon = r->evcon;
		tls_peer(c->ssl, &c->peer);
		s->counts.handshakes++;
		s->counts.resumed += c->peer.resumed;
	}
	r->conn = c;
	path_take(r);
	if (body_take(r, &e) < 0) {
		s->counts.refused++;
		http_reply_err(r, &e);
		return;
	}
	r->in_handler = true;
	s->conf.handler(s->conf.ctx, r);
	if (s->answered == r) { /* freed by its answer */
		s->answered = NULL;
		return;
	}
	r->in_handler = false;
	assert(r->gone || r->streaming);
	if (!r->streaming)
		hold(r);
}

enum http_method http_method(const struct http_req *r)
{
	enum evhttp_cmd_type theirs = evhttp_request_get_command(r->ev);

	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (methods[i].theirs == theirs)
			return methods[i].ours;
	return HTTP_GET; /* evhttp lets no other through */
}

const char *http_path(const struct http_req *r)
{
	return r->path;
}

const char *http_raw_query(const struct http_req *r)
{
	return r->raw_query ? r->raw_query : "";
}

const char *http_query(const struct http_req *r, const char *name)
{
	struct evkeyvalq values;
	const char *v;

	if (!r->raw_query || evhttp_parse_query_str(r->raw_query, &values) < 0)
		return NULL;
	v = evhttp_find_header(&values, name);
	v = arena_strdup(r->arena, v);
	evhttp_clear_headers(&values);
	return v;
}

const char *http_header(const struct http_req *r, const char *name)
{
	return evhttp_find_header(evhttp_request_get_input_headers(r->ev), name);
}

const char *http_cookie(const struct http_req *r, const char *name)
{
	const char *p = http_header(r, "Cookie");
	size_t n = strlen(name);

	while (p && *p) {
		p += strspn(p, "; ");
		if (strncmp(p, name, n) == 0 && p[n] == '=')
			return arena_strndup(r->arena, p + n + 1, strcspn(p + n + 1, ";"));
		p += strcspn(p, ";");
	}
	return NULL;
}

const char *http_body(const struct http_req *r, size_t *len)
{
	*len = r->body_len;
	return r->body;
}

const struct tls_peer *http_peer(const struct http_req *r)
{
	static const struct tls_peer none;

	return r->conn ? &r->conn->peer : &none;
}

const char *http_remote(const struct http_req *r)
{
	char *address = NULL;
	uint16_t port;

	if (!r->server->tls)
		return "unix";
	evhttp_connection_get_peer(r->evcon, &address, &port);
	return address ? address : "?";
}

int http_unix_peer(const struct http_req *r, uid_t *uid, gid_t *gid, pid_t *pid)
{
	int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(r->evcon));
	struct ucred cred;
	socklen_t len = sizeof cred;

	if (r->server->tls || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -1;
	*uid = cred.uid;
	*gid = cred.gid;
	*pid = cred.pid;
	return 0;
}

struct arena *http_arena(struct http_req *r)
{
	return r->arena;
}

/* ---- the end of a request ---- */

void http_req_end(struct http_req *r)
{
	if (r->in_handler)
		r->server->answered = r;
	req_free(r);
}

/* ---- opening, closing ---- */

struct http_server *http_server_open(
	struct event_base *base, const struct http_conf *conf, struct err *e)
{
	struct http_server *s = xcalloc(1, sizeof *s);
	uint16_t allowed = 0;

	s->conf = *conf;
	s->tls = conf->tls;
	if (s->tls)
		SSL_CTX_up_ref(s->tls);
	s->http = evhttp_new(base);
	if (!s->http)
		abort();
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		allowed |= (uint16_t)methods[i].theirs;
	evhttp_set_allowed_methods(s->http, allowed);
	evhttp_set_max_headers_size(s->http, (ev_ssize_t)conf->max_headers_bytes);
	evhttp_set_max_body_size(s->http, (ev_ssize_t)conf->max_body_bytes);
	evhttp_set_timeout(s->http, (int)(conf->idle_ms / 1000));
	evhttp_set_default_content_type(s->http, NULL);
	evhttp_set_bevcb(s->http, make_bufferevent, s);
	evhttp_set_gencb(s->http, on_request, s);
	return s;
}

void http_server_close(struct http_server *s)
{
	struct http_req *r, *next;

	if (!s)
		return;
	for (r = s->reqs; r; r = next) { /* evhttp frees what belongs to its connections */
		next = r->next;
		http_unhold(r);
		req_gone(r);
	}
	evhttp_free(s->http);
	while (s->conns) /* libevent frees an SSL a turn of the loop later than its connection */
		conn_unlink(s->conns);
	SSL_CTX_free(s->tls);
	free(s);
}

static int bind_socket(const char *host, int port, struct err *e)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC,
				.ai_socktype = SOCK_STREAM,
				.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE},
			*ai;
	int one = 1, fd;
	char service[8];

	snprintf(service, sizeof service, "%d", port);
	if (getaddrinfo(host, service, &hints, &ai) != 0)
		return err_field(e, ERR_INVALID, "listen", "'%s' is not a numeric address", host);
	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0) { /* accepted sockets inherit these */
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
		one = 60;
		setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &one, sizeof one);
	}
	if (fd < 0 || bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
		bool taken = errno == EADDRINUSE;
		err_errno(e, "cannot listen on %s port %d", host, port);
		if (taken)
			err_set(e, ERR_CONFLICT, "port %d of %s is taken by another program", port,
				host);
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
		close(fd);
		return err_errno(e, "cannot listen on %s port %d", host, port);
	}
	if (bound)
		*bound = ntohs(ss.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&ss)->sin6_port
							: ((struct sockaddr_in *)&ss)->sin_port);
	return 0;
}

/* Somebody answers at that socket: it is not a file left behind. */
static bool alive(const struct sockaddr_un *un)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes = fd >= 0 && connect(fd, (const struct sockaddr *)un, sizeof *un) == 0;

	if (fd >= 0)
		close(fd);
	return yes;
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
	if (alive(&un))
		return err_set(e, ERR_CONFLICT, "another server answers at %s", path);
	(void)unlink(path);
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

int http_drop_peer(struct http_server *s, const char *uri)
{
	struct conn *c, *next;
	SSL_SESSION *session;
	int n = 0;

	for (c = s->conns; c; c = next) {
		next = c->next;
		if (!c->evcon || strcmp(c->peer.uri, uri) != 0)
			continue;
		session = SSL_get_session(c->ssl);
		if (session)
			SSL_CTX_remove_session(s->tls, session);
		for (struct http_req *r = s->reqs; r; r = r->next)
			if (r->evcon == c->evcon) {
				http_unhold(r);
				break;
			}
		evhttp_connection_free(c->evcon);
		n++;
	}
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
