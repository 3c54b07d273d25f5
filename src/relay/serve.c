/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a relay's children reach: the exchange (with a certificate), the trust document, and enrolment, whose
 * sealed bytes are passed to the parent and back unread.
 */
#include "base/arena.h"
#include "base/httpc.h"
#include "base/log.h"
#include "base/text.h"
#include "relay/relay.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENROL_MAX (64u << 10)
#define ENROL_TIMEOUT_MS 30000
#define ANSWER_MAX (2u << 20)

struct passing {              /* an enrolment on its way up */
	struct http_req *req; /* NULL: its sender is gone */
	struct httpc *http;
};

static void passing_gone(void *ctx, struct http_req *req)
{
	struct passing *p = ctx;

	p->req = NULL;
}

static void on_passed(void *ctx, const struct httpc_answer *a)
{
	struct passing *p = ctx;

	if (p->req) {
		http_set_on_gone(p->req, NULL, NULL);
		if (a->status == 0)
			http_reply_err(p->req, &a->e);
		else
			http_reply(p->req, a->status, a->type, a->body, a->len);
	}
	httpc_free(p->http);
	free(p);
}

static int judge(void *ctx, const struct tls_peer *peer, struct err *e)
{
	return identity_judge(&((struct relay *)ctx)->id, peer->uri, e);
}

static int parent_address(struct relay *r, char *host, size_t size, int *port, struct err *e)
{
	const char *address = uplink_parent(r->uplink), *colon = strrchr(address, ':');
	int64_t value;

	if (!colon || text_int(colon + 1, "parent", 1, 65535, &value, e) < 0)
		return err_set(e, ERR_UNAVAILABLE, "this relay knows no parent yet");
	bool v6 = *address == '[';
	snprintf(host, size, "%.*s", (int)(colon - address) - 2 * v6, address + v6);
	*port = (int)value;
	return 0;
}

static void enrol(struct relay *r, struct http_req *req)
{
	struct err e = ERR_INIT;
	struct passing *p;
	SSL_CTX *tls;
	char host[256];
	int port = 0;
	size_t len;
	const char *body = http_body(req, &len);

	if (len > ENROL_MAX)
		err_set(&e, ERR_TOO_LARGE, "an enrolment has %zu bytes; the limit is %u", len,
			ENROL_MAX);
	if (len > ENROL_MAX || parent_address(r, host, sizeof host, &port, &e) < 0 ||
		!(tls = identity_client_ctx(&r->id, &e))) {
		http_reply_err(req, &e);
		return;
	}
	p = xcalloc(1, sizeof *p);
	struct httpc_conf conf = {.base = r->base,
		.dns = r->dns,
		.tls = tls,
		.host = host,
		.port = port,
		.max_body_bytes = ANSWER_MAX,
		.judge = judge,
		.ctx = r};
	p->http = httpc_new(&conf);
	p->req = req;
	SSL_CTX_free(tls);
	http_set_on_gone(req, passing_gone, p);
	httpc_request(p->http, "POST", "/him/v1/enrol", "application/octet-stream", body, len,
		false, ENROL_TIMEOUT_MS, on_passed, p);
}

void serve(void *ctx, struct http_req *req)
{
	struct relay *r = ctx;
	struct err e = ERR_INIT;
	const char *path = http_path(req);
	bool post = http_method(req) == HTTP_POST;

	if (strcmp(path, "/him/v1/exchange") == 0 && post)
		hub_exchange(r->hub, req);
	else if (strcmp(path, "/him/v1/trust") == 0 && http_method(req) == HTTP_GET)
		http_reply(
			req, 200, "application/json", r->id.trust_text, strlen(r->id.trust_text));
	else if (strcmp(path, "/him/v1/enrol") == 0 && post)
		enrol(r, req);
	else if (strcmp(path, "/healthz") == 0)
		http_reply(req, 200, "text/plain", "ok\n", 3);
	else {
		err_set(&e, ERR_NOT_FOUND, "a relay has no %s", path);
		http_reply_err(req, &e);
	}
}
