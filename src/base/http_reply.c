/* SPDX-License-Identifier: Apache-2.0 */
/* Answers: whole ones, problems (RFC 9457), and streams with a ceiling on what waits unsent. */
#include "base/http_internal.h"
#include "base/json.h"
#include "base/zbody.h"
#include <event2/buffer.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
		{500, "Internal Server Error"}, {502, "Bad Gateway"}, {503, "Service Unavailable"},
		{507, "Insufficient Storage"}};

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

void http_reply(struct http_req *r, int status, const char *type, const void *body, size_t len)
{
	struct evbuffer *out = evbuffer_new();
	struct buf packed;

	http_unhold(r);
	if (type)
		http_add_header(r, "Content-Type", type);
	buf_init(&packed, len + 4096);
	if (wants_zstd(r, len) && zbody_encode(body, len, &packed) == 0) {
		http_add_header(r, "Content-Encoding", "zstd");
		body = packed.data;
		len = packed.len;
	}
	evbuffer_add(out, body, len);
	evhttp_send_reply(r->ev, status, reason(status), out);
	evbuffer_free(out);
	buf_release(&packed);
	http_req_end(r);
}

int http_reply_file(struct http_req *r, int status, const char *type, const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct evbuffer *out;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		err_errno(e, "cannot read %s", path);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	out = evbuffer_new();
	if (evbuffer_add_file(out, fd, 0, st.st_size) < 0) { /* takes the descriptor over */
		evbuffer_free(out);
		close(fd);
		return err_set(e, ERR_IO, "cannot map %s", path);
	}
	http_unhold(r);
	http_add_header(r, "Content-Type", type);
	evhttp_send_reply(r->ev, status, reason(status), out);
	evbuffer_free(out);
	http_req_end(r);
	return 0;
}

void http_reply_err(struct http_req *r, const struct err *e)
{
	struct json *j = json_object();
	char type[64];
	struct buf b;

	buf_init(&b, 8192);
	snprintf(type, sizeof type, "urn:him:error:%s", err_word(e->code));
	json_set_string(j, "type", type);
	json_set_string(j, "title", err_title(e->code));
	json_set_int(j, "status", err_http(e->code));
	json_set_string(j, "detail", e->text);
	if (e->field[0])
		json_set_string(j, "field", e->field);
	json_print(j, &b);
	http_reply(r, err_http(e->code), "application/problem+json", buf_str(&b), b.len);
	buf_release(&b);
	json_free(j);
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
	struct bufferevent *bev = evhttp_connection_get_bufferevent(r->evcon);
	struct evbuffer *chunk;

	if (evbuffer_get_length(bufferevent_get_output(bev)) + len > r->max_unsent)
		return -1;
	chunk = evbuffer_new();
	evbuffer_add(chunk, data, len);
	evhttp_send_reply_chunk(r->ev, chunk);
	evbuffer_free(chunk);
	return 0;
}

size_t http_stream_unsent(const struct http_req *r)
{
	return evbuffer_get_length(bufferevent_get_output(evhttp_connection_get_bufferevent(r->evcon)));
}

void http_stream_end(struct http_req *r)
{
	evhttp_send_reply_end(r->ev);
	http_req_end(r);
}
