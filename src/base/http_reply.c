/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A handler's side of a request: what it asks (path, parameters, headers, cookies, body, who is at the other end) and how it
 * answers: whole, with a problem (RFC 9457), or by a stream with a ceiling on what waits unsent. evhttp sends whatever body it
 * is given, to a HEAD too: what must go without one does so here.
 */
#include "base/http_internal.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/zbody.h"
#include <errno.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
	enum evhttp_cmd_type theirs;
	enum http_method ours;
} methods[] = {{EVHTTP_REQ_GET, HTTP_GET}, {EVHTTP_REQ_POST, HTTP_POST}, {EVHTTP_REQ_PUT, HTTP_PUT},
	{EVHTTP_REQ_PATCH, HTTP_PATCH}, {EVHTTP_REQ_DELETE, HTTP_DELETE},
	{EVHTTP_REQ_HEAD, HTTP_HEAD}};

/* ---- asking ---- */

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

/* The value of "name=value", "" of a bare "name", NULL when it has another name. */
static const char *parameter(struct arena *a, const char *text, size_t len, const char *name)
{
	char *pair = arena_strndup(a, text, len), *value = strchr(pair, '='), *decoded;
	bool same;

	if (value)
		*value++ = '\0';
	decoded = evhttp_uridecode(pair, 1, NULL);
	same = decoded && strcmp(decoded, name) == 0;
	free(decoded);
	if (!same)
		return NULL;
	decoded = evhttp_uridecode(value ? value : "", 1, NULL);
	text = arena_strdup(a, decoded);
	free(decoded);
	return text;
}

const char *http_query(const struct http_req *r, const char *name)
{
	const char *p = r->raw_query, *found = NULL;

	while (p && *p && !found) {
		size_t len = strcspn(p, "&");
		found = parameter(r->arena, p, len, name);
		p += len + (p[len] == '&');
	}
	return found;
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

void http_drop_body(struct http_req *r)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(r->ev);

	evbuffer_drain(in, evbuffer_get_length(in));
	buf_release(&r->decoded);
	r->body = "";
	r->body_len = 0;
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
	evhttp_connection_get_peer(r->evcon, &address, &port);
	return address ? address : "?";
}

int http_unix_peer(const struct http_req *r, uid_t *uid, gid_t *gid, pid_t *pid)
{
	int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(r->evcon));
	struct ucred cred;
	socklen_t len = sizeof cred;

	if (r->conn->ssl || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
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

/* ---- answering ---- */

static const char *reason(int status)
{
	static const struct {
		int status;
		const char *text;
	} texts[] = {{200, "OK"}, {201, "Created"}, {202, "Accepted"}, {204, "No Content"},
		{303, "See Other"}, {304, "Not Modified"}, {400, "Bad Request"},
		{401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"},
		{405, "Method Not Allowed"}, {409, "Conflict"}, {410, "Gone"},
		{413, "Content Too Large"}, {429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"}, {500, "Internal Server Error"},
		{502, "Bad Gateway"}, {503, "Service Unavailable"}, {507, "Insufficient Storage"}};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (texts[i].status == status)
			return texts[i].text;
	return "Status";
}

void http_add_header(struct http_req *r, const char *name, const char *value)
{
	evhttp_add_header(evhttp_request_get_output_headers(r->ev), name, value);
}

static bool wants_zstd(const struct http_req *r, size_t len)
{
	const char *accept = len > ZBODY_MIN ? http_header(r, "Accept-Encoding") : NULL;

	return accept && strstr(accept, "zstd");
}

/* Sends out as the body; where the answer must have none, only its length is told. Frees out and the request. */
static void send_body(struct http_req *r, int status, struct evbuffer *out)
{
	char length[24];

	if (status == 204 || status == 304 || http_method(r) == HTTP_HEAD) {
		snprintf(length, sizeof length, "%zu", evbuffer_get_length(out));
		if (status != 204)
			http_add_header(r, "Content-Length", length);
		evbuffer_free(out);
		out = evbuffer_new();
	}
	evhttp_send_reply(r->ev, status, reason(status), out);
	loop_gather(evhttp_connection_get_bufferevent(r->evcon));
	evbuffer_free(out);
	http_req_end(r);
}

void http_reply(struct http_req *r, int status, const char *type, const void *body, size_t len)
{
	struct evbuffer *out = evbuffer_new();
	struct buf packed;

	http_unhold(r);
	if (type)
		http_add_header(r, "Content-Type", type);
	buf_init(&packed, len); /* what does not shrink goes as it is */
	if (wants_zstd(r, len) && zbody_encode(body, len, &packed) == 0) {
		http_add_header(r, "Content-Encoding", "zstd");
		http_add_header(r, "Vary", "Accept-Encoding");
		evbuffer_add(out, packed.data, packed.len);
	} else {
		evbuffer_add(out, body, len);
	}
	send_body(r, status, out);
	buf_release(&packed);
}

static int open_regular(const char *path, off_t *size, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? err_set(e, ERR_NOT_FOUND, "there is no %s", path)
				       : err_errno(e, "cannot read %s", path);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		*size = st.st_size;
		return fd;
	}
	close(fd);
	return err_set(e, ERR_NOT_FOUND, "%s is no regular file", path);
}

int http_reply_file(
	struct http_req *r, int status, const char *type, const char *path, struct err *e)
{
	off_t size = 0;
	int fd = open_regular(path, &size, e);
	struct evbuffer *out;

	if (fd < 0)
		return -1;
	out = evbuffer_new();
	if (size == 0) {
		close(fd);                                    /* nothing to map */
	} else if (evbuffer_add_file(out, fd, 0, size) < 0) { /* else it owns the descriptor */
		evbuffer_free(out);
		close(fd);
		return err_set(e, ERR_IO, "cannot map %s", path);
	}
	http_unhold(r);
	http_add_header(r, "Content-Type", type);
	send_body(r, status, out);
	return 0;
}

void http_reply_problem(
	struct http_req *r, const struct err *e, const char *name, const struct json *more)
{
	struct json *j = json_object();
	char type[64];
	struct buf b;

	buf_init(&b, more ? 4u << 20 : 8192);
	snprintf(type, sizeof type, "urn:him:error:%s", err_word(e->code));
	json_set_string(j, "type", type);
	json_set_string(j, "title", err_title(e->code));
	json_set_int(j, "status", err_http(e->code));
	json_set_string(j, "detail", e->text);
	if (e->field[0])
		json_set_string(j, "field", e->field);
	if (more)
		json_set(j, name, json_copy(more));
	json_print(j, &b);
	http_reply(r, err_http(e->code), "application/problem+json", buf_str(&b), b.len);
	buf_release(&b);
	json_free(j);
}

void http_reply_err(struct http_req *r, const struct err *e)
{
	http_reply_problem(r, e, NULL, NULL);
}

/* ---- streams ---- */

void http_stream_begin(struct http_req *r, int status, const char *type, size_t max_unsent)
{
	http_unhold(r);
	r->streaming = true;
	r->max_unsent = max_unsent;
	http_add_header(r, "Content-Type", type);
	evhttp_send_reply_start(r->ev, status, reason(status));
}

int http_stream_add(struct http_req *r, const void *data, size_t len)
{
	struct evbuffer *chunk;

	if (http_stream_unsent(r) + len > r->max_unsent)
		return -1;
	chunk = evbuffer_new();
	evbuffer_add(chunk, data, len);
	evhttp_send_reply_chunk(r->ev, chunk);
	evbuffer_free(chunk);
	return 0;
}

size_t http_stream_unsent(const struct http_req *r)
{
	return evbuffer_get_length(
		bufferevent_get_output(evhttp_connection_get_bufferevent(r->evcon)));
}

void http_stream_end(struct http_req *r)
{
	evhttp_send_reply_end(r->ev);
	http_req_end(r);
}
