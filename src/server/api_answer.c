/* SPDX-License-Identifier: Apache-2.0 */
/* The one place where a person's call is answered: headers, the body that the handler left, or the problem. */
#include "server/api_internal.h"
#include <string.h>

#define PAGE_POLICY                                                                                \
	"default-src 'none'; style-src 'self'; form-action 'self'; "                               \
	"frame-ancestors 'none'; base-uri 'none'"

static void headers(struct call *c)
{
	http_add_header(c->req, "Cache-Control", "no-store");
	http_add_header(c->req, "X-Content-Type-Options", "nosniff");
	if (c->cookie)
		http_add_header(c->req, "Set-Cookie", c->cookie);
	if (c->location)
		http_add_header(c->req, "Location", c->location);
	if (c->route->flags & ROUTE_PAGE) {
		http_add_header(c->req, "Content-Security-Policy", PAGE_POLICY);
		http_add_header(c->req, "X-Frame-Options", "DENY");
		http_add_header(c->req, "Referrer-Policy", "no-referrer");
	}
}

void answer_send(struct call *c)
{
	if (c->job.err.code && c->route->flags & ROUTE_PAGE)
		page_problem(c);
	headers(c);
	if (!c->job.err.code && c->file &&
		http_reply_file(c->req, c->status, c->type, c->file, &c->job.err) == 0)
		return;
	if (!c->job.err.code) {
		http_reply(c->req, c->status, c->type, buf_str(&c->out), c->out.len);
		return;
	}
	if (c->job.err.code == ERR_UNAUTHORIZED)
		http_add_header(c->req, "WWW-Authenticate", "Bearer realm=\"him\"");
	http_reply_problem(c->req, &c->job.err, "impact", c->impact);
}

void answer_no_route(struct http_req *req, const char *path, const char *allowed)
{
	struct err e = ERR_INIT;
	struct json *j;
	struct buf b;

	if (!allowed) {
		err_set(&e, ERR_NOT_FOUND, "there is no %.200s", path);
		http_reply_err(req, &e);
		return;
	}
	err_set(&e, ERR_INVALID, "%.200s knows only %s", path, allowed);
	j = json_object();
	json_set_string(j, "type", "urn:him:error:method");
	json_set_string(j, "title", "Method not allowed");
	json_set_int(j, "status", 405);
	json_set_string(j, "detail", e.text);
	buf_init(&b, 8192);
	json_print(j, &b);
	http_add_header(req, "Allow", allowed);
	http_reply(req, 405, "application/problem+json", buf_str(&b), b.len);
	buf_release(&b);
	json_free(j);
}
