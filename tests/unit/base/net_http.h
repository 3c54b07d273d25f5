/* SPDX-License-Identifier: Apache-2.0 */
/* A server and its clients in one process and one loop, for the tests of HTTP: the server answers by a few paths. */
#ifndef HIM_TEST_NET_HTTP_H
#define HIM_TEST_NET_HTTP_H

#include "base/arena.h"
#include "base/http.h"
#include "base/httpc.h"
#include "net.h"
#include <event2/buffer.h>
#include <event2/bufferevent.h>

#define SERVER_URI "him://server/s"
#define AGENT_URI "him://agent/a"
#define OTHER_URI "him://agent/b"
#define MIB (1u << 20)
#define HELD_MAX 64

struct net_certs {
	struct net_cert ca, other_ca, server, agent, other;
};

struct net {
	struct event_base *base;
	struct http_server *http;
	struct http_conf conf;
	int port;
	SSL_CTX *server_tls, *agent_tls, *other_tls;
	struct httpc_sessions *sessions;
	struct http_req *held[HELD_MAX]; /* by /hold and /stream; NULL once gone or answered */
	int held_n, gone;
	/* of the last request */
	struct tls_peer peer;
	char path[64], remote[64], text[256];
	enum http_method method;
	size_t body_len;
};

struct got {
	bool done, resumed, closed_early;
	int status;
	char type[64];
	char *body; /* NUL-terminated */
	size_t len;
	struct err e;
};

void net_certs_init(struct net_certs *c);
void net_certs_release(struct net_certs *c);

/* The server's tls is filled in; handler too, when NULL. */
void net_open(struct net *n, const struct net_certs *certs, const struct http_conf *conf);
void net_close(struct net *n);
struct httpc *net_client(struct net *n, SSL_CTX *tls);
void net_start(struct httpc *c, const char *method, const char *path, const void *body, size_t len,
	bool compress, struct got *g);
/* The same, and waits for the answer. */
void net_call(struct net *n, struct httpc *c, const char *method, const char *path,
	const void *body, size_t len, struct got *g);
void net_get(struct net *n, struct httpc *c, const char *path, struct got *g);
void got_release(struct got *g);

/* A connection that says what it is told to. */
struct raw {
	struct bufferevent *bev;
	struct evbuffer *in;
	bool up, closed;
};
void raw_open(struct net *n, struct raw *r, SSL_CTX *tls, const char *unix_path);
void raw_send(struct raw *r, const char *text);
bool raw_has(struct raw *r, const char *text);
void raw_close(struct raw *r);
void raw_reset(struct raw *r); /* the connection is reset, not ended */

#endif
