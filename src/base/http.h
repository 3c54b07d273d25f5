/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP/1.1 listener of server and relay, on libevent's evhttp: TLS or a Unix socket, caps on
 * headers and bodies, replies now or later, streams with a ceiling on what waits unsent.
 *
 * A request is answered exactly once, by http_reply*, or by http_stream_begin … http_stream_end. A
 * handler may return without answering and answer later ("held"): then it must have set on_gone, and
 * when the peer goes away first, on_gone is called once and the request is dead: do not answer it.
 * While a request is held reading stays on, so a dead peer is noticed (TCP keepalive 60 s helps); a peer
 * that sends on before it got its answer is cut off.
 * A request and all it returns die with its answer.
 */
#ifndef HIM_BASE_HTTP_H
#define HIM_BASE_HTTP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/tls.h"
#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct http_server;
struct http_req;
struct json;

enum http_method { HTTP_GET, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_HEAD };

struct http_conf {
	SSL_CTX *tls;             /* NULL: plain (Unix sockets only); a reference is taken */
	size_t max_headers_bytes; /* over: 431; over twice: 400 and closed */
	size_t max_body_bytes; /* over: 413; what Content-Length announced is read and dropped first */
	int64_t idle_ms;       /* a connection without a request is closed after this */
	int max_connections; /* further ones are closed at once (Unix sockets: 503); 0: no cap */
	void (*handler)(void *ctx, struct http_req *req);
	void *ctx;
};

/* From then on the process ignores SIGPIPE. */
struct http_server *http_server_open(
	struct event_base *base, const struct http_conf *conf, struct err *e);
/* Closes listeners and connections (held requests get on_gone). Accepts NULL. */
void http_server_close(struct http_server *s);
/* host: a numeric address ("0.0.0.0", "::", "127.0.0.1"); port 0 picks one. *bound gets the port.
 * "Port taken" is ERR_CONFLICT. May be called several times. TCP_NODELAY is set on what it accepts. */
int http_listen(struct http_server *s, const char *host, int port, int *bound, struct err *e);
/* A Unix socket of that mode; a dead file there is replaced, a live one is ERR_CONFLICT. */
int http_listen_unix(struct http_server *s, const char *path, mode_t mode, struct err *e);
/* Closes every connection whose peer certificate has this URI, held ones included, and forgets its
 * sessions. Returns how many were closed. Any handler may call it; on_gone comes in the next turn of the loop. */
int http_drop_peer(struct http_server *s, const char *uri);
/* Swaps the TLS context for new connections (renewed certificate); a reference is taken. */
void http_server_set_tls(struct http_server *s, SSL_CTX *tls);

struct http_counts { /* since http_server_open */
	uint64_t connections, handshakes, resumed, requests, refused;
	int64_t open;
};
void http_counts(const struct http_server *s, struct http_counts *out);

enum http_method http_method(const struct http_req *r);
const char *http_path(const struct http_req *r); /* decoded, begins with '/', without the query */
/* What stands after the '?', as it came; "" when nothing does. */
const char *http_raw_query(const struct http_req *r);
/* A query parameter, decoded; NULL when absent. */
const char *http_query(const struct http_req *r, const char *name);
const char *http_header(const struct http_req *r, const char *name);
const char *http_cookie(const struct http_req *r, const char *name);
/* The body as received. A body with Content-Encoding: zstd was decoded before the handler ran (the cap
 * holds for the decoded size too; a bad one was answered with 400). */
const char *http_body(const struct http_req *r, size_t *len);
/* Frees the body of a request that is to wait: it is "" from now on. */
void http_drop_body(struct http_req *r);
const struct tls_peer *http_peer(const struct http_req *r); /* present=false on Unix sockets */
/* The peer's address as text, "unix" on Unix sockets. */
const char *http_remote(const struct http_req *r);
/* Credentials of a Unix socket's peer; -1 on others. */
int http_unix_peer(const struct http_req *r, uid_t *uid, gid_t *gid, pid_t *pid);
struct arena *http_arena(struct http_req *r); /* lives as long as the request */

void http_set_on_gone(struct http_req *r, void (*gone)(void *ctx, struct http_req *r), void *ctx);

/* Adds a header to the answer, before it begins. */
void http_add_header(struct http_req *r, const char *name, const char *value);
/* body is copied. type NULL: no Content-Type. A HEAD gets the headers only. */
void http_reply(struct http_req *r, int status, const char *type, const void *body, size_t len);
/* The whole of a regular file as the body: its pages are mapped while they are sent, not copied. -1 before anything
 * was sent (there is no such file). */
int http_reply_file(
	struct http_req *r, int status, const char *type, const char *path, struct err *e);
/* application/problem+json (RFC 9457): type, title, status, detail, and field when set. */
void http_reply_err(struct http_req *r, const struct err *e);
/* The same, with one more member (not taken over; NULL: without). */
void http_reply_problem(
	struct http_req *r, const struct err *e, const char *name, const struct json *more);

/* A streamed answer (chunked): set on_gone first. http_stream_add returns -1 once more than
 * max_unsent bytes wait: then the caller ends the stream. http_stream_end finishes it. */
void http_stream_begin(struct http_req *r, int status, const char *type, size_t max_unsent);
int http_stream_add(struct http_req *r, const void *data, size_t len);
size_t http_stream_unsent(const struct http_req *r); /* bytes that wait */
void http_stream_end(struct http_req *r);

#endif
