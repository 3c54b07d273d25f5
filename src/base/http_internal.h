/* SPDX-License-Identifier: Apache-2.0 */
/* What http.c (connections, requests) and http_reply.c (answers) share. Nobody else includes it. */
#ifndef HIM_BASE_HTTP_INTERNAL_H
#define HIM_BASE_HTTP_INTERNAL_H

#include "base/http.h"
#include <event2/bufferevent.h>
#include <event2/http.h>

struct conn { /* one TLS connection */
	struct http_server *server;
	SSL *ssl;
	struct evhttp_connection *evcon; /* from its first request on */
	struct tls_peer peer;
	struct conn *prev, *next;
};

struct http_req {
	struct http_server *server;
	struct evhttp_request *ev;
	struct evhttp_connection *evcon;
	struct conn *conn; /* NULL without TLS */
	struct arena *arena;
	const char *path, *raw_query, *body;
	size_t body_len, max_unsent;
	struct buf decoded;
	void (*gone)(void *ctx, struct http_req *r);
	void *gone_ctx;
	bool holding, streaming, in_handler, dead;
	bufferevent_data_cb read_cb, write_cb; /* evhttp's own, while the request is held */
	bufferevent_event_cb event_cb;
	void *cb_arg;
	struct http_req *prev, *next;
};

struct http_server {
	struct http_conf conf;
	SSL_CTX *tls;
	struct evhttp *http;
	struct conn *conns;
	struct http_req *reqs, *answered;
	struct http_counts counts;
};

void http_unhold(struct http_req *r);
void http_req_end(struct http_req *r); /* answered: its memory goes */

#endif
