/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a handler can ask of a request: path, parameters, headers, cookies, the body as it was before it was packed, who is
 * at the other end. Everything handed out belongs to the request.
 */
#include "base/http_internal.h"
#include "base/zbody.h"
#include <event2/buffer.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const struct {
	enum evhttp_cmd_type theirs;
	enum http_method ours;
} methods[] = {{EVHTTP_REQ_GET, HTTP_GET}, {EVHTTP_REQ_POST, HTTP_POST}, {EVHTTP_REQ_PUT, HTTP_PUT},
	{EVHTTP_REQ_PATCH, HTTP_PATCH}, {EVHTTP_REQ_DELETE, HTTP_DELETE},
	{EVHTTP_REQ_HEAD, HTTP_HEAD}};

static int path_take(struct http_req *r, struct err *e)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(r->ev);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
	size_t len = 0;
	char *decoded = evhttp_uridecode(path && *path ? path : "/", 0, &len);
	bool fine = decoded && decoded[0] == '/' && strlen(decoded) == len;

	r->raw_query = uri ? evhttp_uri_get_query(uri) : NULL;
	r->path = arena_strdup(r->arena, fine ? decoded : "/");
	free(decoded);
	return fine ? 0 : err_set(e, ERR_INVALID, "the path begins with '/' and holds no NUL byte");
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

int http_request_take(struct http_req *r, int *status, struct err *e)
{
	const struct http_conf *conf = &r->server->conf;

	*status = 0;
	buf_init(&r->decoded, conf->max_body_bytes);
	r->path = "/";
	r->body = "";
	if (r->ev->headers_size > conf->max_headers_bytes) {
		*status = 431;
		return err_set(e, ERR_TOO_LARGE, "the headers are over the limit of %zu bytes",
			conf->max_headers_bytes);
	}
	if (path_take(r, e) == 0 && body_take(r, e) == 0)
		return 0;
	*status = err_http(e->code);
	return -1;
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

const char *http_query(const struct http_req *r, const char *name)
{
	struct evkeyvalq values;
	const char *v;

	if (!r->raw_query || evhttp_parse_query_str(r->raw_query, &values) < 0)
		return NULL;
	v = arena_strdup(r->arena, evhttp_find_header(&values, name));
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
	return &r->conn->peer;
}

const char *http_remote(const struct http_req *r)
{
	char *address = NULL;
	uint16_t port;

	if (!r->conn->ssl)
		return "unix";
	evhttp_connection_get_peer(r->conn->evcon, &address, &port);
	return address ? address : "?";
}

int http_unix_peer(const struct http_req *r, uid_t *uid, gid_t *gid, pid_t *pid)
{
	struct ucred cred;
	socklen_t len = sizeof cred;

	if (r->conn->ssl ||
		getsockopt(bufferevent_getfd(r->conn->bev), SOL_SOCKET, SO_PEERCRED, &cred, &len) <
			0)
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

void http_set_on_gone(struct http_req *r, void (*gone)(void *ctx, struct http_req *r), void *ctx)
{
	r->gone = gone;
	r->gone_ctx = ctx;
}
