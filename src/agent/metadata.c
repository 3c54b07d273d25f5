// SPDX-License-Identifier: Apache-2.0
/*
 * One walk over a service's requests. Each answer is read as it comes; a token is kept for the
 * requests after it and forgotten at the end. An optional request may answer 404; any other
 * failure ends the walk, for half a set of facts is worse than none.
 */
#include "agent/metadata.h"
#include "base/arena.h"
#include "base/httpc.h"
#include "base/loop.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 2000
#define PORT 80

struct metadata {
	struct httpc *http;
	const struct imds_service *service;
	size_t at; /* of its requests */
	struct imds_facts facts;
	char token[IMDS_TOKEN];
	void (*done)(void *ctx, const struct imds_facts *facts, const struct err *e);
	void *ctx;
};

static void on_answer(void *ctx, const struct httpc_answer *a);

static void ask(struct metadata *m)
{
	const struct imds_request *r = &m->service->requests[m->at];
	char value[IMDS_TOKEN + 32];

	for (size_t i = 0; i < 2 && r->headers[i].name; i++) {
		const char *with = strstr(r->headers[i].value, "%s");
		if (with)
			snprintf(value, sizeof value, "%.*s%s", (int)(with - r->headers[i].value),
				r->headers[i].value, m->token);
		httpc_header(m->http, r->headers[i].name, with ? value : r->headers[i].value);
	}
	httpc_request(m->http, r->method, r->path, NULL, NULL, 0, false, TIMEOUT_MS, on_answer, m);
	explicit_bzero(value, sizeof value);
}

static int take(struct metadata *m, const struct httpc_answer *a, struct err *e)
{
	const struct imds_request *r = &m->service->requests[m->at];

	if (a->status == 0) {
		*e = a->e;
		return -1;
	}
	if (a->status == 404 && r->optional)
		return 0;
	if (a->status != 200)
		return err_set(e, ERR_PROTOCOL, "%s %s answered with status %d", r->method, r->path,
			a->status);
	return imds_read(r, a->body, a->len, &m->facts, m->token, e) < 0
		? err_where(e, "%s", r->path)
		: 0;
}

static void on_answer(void *ctx, const struct httpc_answer *a)
{
	struct metadata *m = ctx;
	struct err e = ERR_INIT;
	int rc = take(m, a, &e);

	m->at++;
	if (rc == 0 && m->at < IMDS_REQUESTS && m->service->requests[m->at].method) {
		ask(m);
		return;
	}
	if (rc < 0)
		err_where(&e, "the metadata service of %s", m->service->provider);
	m->done(m->ctx, rc == 0 ? &m->facts : NULL, &e); /* m may be gone after this */
}

struct metadata *metadata_start(struct event_base *base, const char *provider,
	void (*done)(void *ctx, const struct imds_facts *facts, const struct err *e), void *ctx)
{
	const struct imds_service *service = imds_service(provider);
	struct metadata *m;

	if (!service)
		return NULL;
	m = xcalloc(1, sizeof *m);
	m->service = service;
	m->done = done;
	m->ctx = ctx;
	m->http = httpc_new(&(struct httpc_conf){.base = base,
		.host = service->address,
		.port = PORT,
		.max_body_bytes = IMDS_ANSWER_MAX});
	ask(m);
	return m;
}

void metadata_free(struct metadata *m)
{
	if (!m)
		return;
	httpc_free(m->http);
	explicit_bzero(m->token, sizeof m->token);
	free(m);
}

/* ---- on a loop of its own ---- */

struct waiting {
	struct event_base *base;
	struct imds_facts *out;
	struct err *e;
	int rc;
};

static void on_done(void *ctx, const struct imds_facts *facts, const struct err *e)
{
	struct waiting *w = ctx;

	w->rc = facts ? 0 : -1;
	if (facts)
		*w->out = *facts;
	else if (w->e)
		*w->e = *e;
	event_base_loopbreak(w->base);
}

int metadata_ask(const char *provider, struct imds_facts *out, struct err *e)
{
	struct waiting w = {loop_new(), out, e, -1};
	struct metadata *m = metadata_start(w.base, provider, on_done, &w);

	if (m)
		event_base_dispatch(w.base);
	else
		err_set(e, ERR_NOT_FOUND, "%s has no metadata service that is known here",
			provider);
	metadata_free(m);
	loop_free(w.base);
	return w.rc;
}
