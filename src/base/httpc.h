/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP/1.1 client of agents and relays: one `struct httpc` is one connection to one address, kept
 * alive between requests and reopened when needed, TLS sessions resumed through a small store that
 * several clients to the same parent share. One request at a time; asynchronous on the loop. Redirects
 * are answers like others, and no proxy is ever asked.
 */
#ifndef HIM_BASE_HTTPC_H
#define HIM_BASE_HTTPC_H

#include "base/buf.h"
#include "base/err.h"
#include "base/tls.h"
#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct evdns_base;
struct httpc;

/* Where resumable sessions are kept: one a parent; the newest few, of one TLS context. Freed after its
 * clients. */
struct httpc_sessions;
struct httpc_sessions *httpc_sessions_new(void);
void httpc_sessions_free(struct httpc_sessions *s);

struct httpc_conf {
	struct event_base *base;
	struct evdns_base *dns; /* may be NULL when host is numeric; freed with fail_requests */
	SSL_CTX *tls;           /* from tls_client_ctx; a reference is taken. NULL: plain HTTP */
	struct httpc_sessions *sessions; /* may be NULL: never resume */
	const char *host;                /* name or numeric address; copied */
	int port;
	size_t max_body_bytes; /* of an answer, decoded; over: ERR_TOO_LARGE */
	/* Judges the server after the handshake, before anything is sent: returns 0 to go on.
	 * May be NULL. */
	int (*judge)(void *ctx, const struct tls_peer *peer, struct err *e);
	void *ctx;
};

/* From then on the process ignores SIGPIPE. */
struct httpc *httpc_new(const struct httpc_conf *conf);
/* Ends any request under way without calling its callback. Accepts NULL. */
void httpc_free(struct httpc *c);

struct httpc_answer {
	int status;       /* 0: no answer; see e */
	const char *body; /* decoded when Content-Encoding: zstd */
	size_t len;
	const char *type; /* Content-Type or NULL */
	bool resumed;     /* of the connection it came over */
	bool closed_early; /* the connection was cut while we waited for an answer, or in the midst of it */
	struct err e; /* ERR_UNAVAILABLE, ERR_PROTOCOL, ERR_TOO_LARGE … when status is 0 */
};

/* Starts a GET, HEAD, POST, PUT, PATCH or DELETE. A kept-alive connection that turns out to be closed is
 * made anew, once; connecting has 10 s, or timeout_ms when that is less. Returns 0. body is copied;
 * over 1 KiB it goes zstd-compressed when `compress`. The callback is called exactly once unless the
 * client is freed first; it may start the next request or free the client. */
int httpc_request(struct httpc *c, const char *method, const char *path, const char *type,
	const void *body, size_t len, bool compress, int64_t timeout_ms,
	void (*done)(void *ctx, const struct httpc_answer *a), void *ctx);
/* Adds a header to the next request, which must not have begun. Both are copied; at most HTTPC_HEADERS. A
 * value with a line break makes that request fail. */
#define HTTPC_HEADERS 2
void httpc_header(struct httpc *c, const char *name, const char *value);
bool httpc_busy(const struct httpc *c);
/* The numeric address it is connected to; -1 when it is not. *len: room in, size out. */
int httpc_remote(const struct httpc *c, struct sockaddr_storage *out, socklen_t *len);
/* Closes an idle connection now (the session stays for resumption). */
void httpc_disconnect(struct httpc *c);

#endif
