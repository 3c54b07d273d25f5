/* SPDX-License-Identifier: Apache-2.0 */
/* What http.c (connections), http_request.c (requests), http_reply.c (answers) and http_listen.c (sockets) share. Nobody
 * else includes it. */
#ifndef HIM_BASE_HTTP_INTERNAL_H
#define HIM_BASE_HTTP_INTERNAL_H

#include "base/http.h"
#include <event2/bufferevent.h>
#include <event2/http.h>

struct conn {
	struct http_server *server; /* NULL once that is closed */
	SSL *ssl;                   /* NULL on Unix sockets */
	struct bufferevent *bev;
	struct evhttp_connection *evcon; /* from its first request on */
	struct http_req *req;            /* the one under way */
	struct tls_peer peer;
	bool known; /* the handshake is done */
	bool dropped; /* its socket is shut down; what is left of it goes in the next turn of the loop */
	struct conn *prev, *next;
	struct conn *next_excess;
};

struct http_req {
	struct http_server *server;
	struct conn *conn;
	struct evhttp_request *ev;
	struct arena *arena;
	const char *path, *raw_query, *body;
	size_t body_len, max_unsent;
	struct buf decoded;
	void (*gone)(void *ctx, struct http_req *r);
	void *gone_ctx;
	bool holding, streaming, in_handler;
	bufferevent_data_cb read_cb, write_cb; /* evhttp's own, while the request is held */
	bufferevent_event_cb event_cb;
	void *cb_arg;
	struct http_req *prev, *next;
};

struct http_server {
	struct http_conf conf;
	struct timeval idle;
	SSL_CTX *tls;
	struct evhttp *http;
	struct conn *conns;
	struct conn *excess;    /* just accepted over the cap */
	struct event *shutting; /* closes them */
	struct http_req *reqs, *answered;
	struct http_counts counts;
};

/* http.c: gives the connection back to evhttp, before an answer; and without a read timeout while it is written. */
void http_unhold(struct http_req *r);
void http_writing(struct http_req *r);
void http_req_end(struct http_req *r); /* answered: its memory goes */

/* http_request.c: body and path out of evhttp's hands. -1: to be answered with *status and e. */
int http_request_take(struct http_req *r, int *status, struct err *e);

/* http_reply.c: like http_reply_err, with a status of its own. */
void http_reply_problem(struct http_req *r, int status, const struct err *e);

#endif
