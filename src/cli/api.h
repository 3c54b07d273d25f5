/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's API over libcurl: one connection, kept for the whole run. On the server's own machine it is the Unix socket
 * of the data folder, which needs no login; elsewhere it is TLS to a server whose CA was pinned at `him login`.
 */
#ifndef HIM_CLI_API_H
#define HIM_CLI_API_H

#include "base/buf.h"
#include "cli/cli.h"
#include <stdio.h>

#define API_PORT 8443

/* "/machines?query=web%2A&limit=3": NAME, value pairs after the path, ended by NULL; a pair whose value is NULL is left out. */
const char *api_path(struct cli *c, const char *path, ...) __attribute__((sentinel));
/* One segment of a path, with everything escaped that must be. */
const char *api_segment(struct cli *c, const char *text);

/* One call. body NULL: none. *out (may be NULL) gets the answer's JSON, which the caller frees; NULL for an answer
 * without a body. What the server says is wrong becomes e, with its code, sentence and field. */
int api_call(struct cli *c, const char *method, const char *path, const struct json *body,
	struct json **out, struct err *e);
static inline int api_get(struct cli *c, const char *path, struct json **out, struct err *e)
{
	return api_call(c, "GET", path, NULL, out, e);
}

/* Appends the bytes of an answer to a file as they come. */
int api_download(struct cli *c, const char *path, FILE *to, struct err *e);

/* Reads server-sent events until on_event returns false (0), or for ever: a stream that ends or breaks is resumed after
 * the last event's id. -1: the server refuses, or cannot be reached at the first try. */
struct api_event {
	const char *kind, *id, *data; /* id NULL: an event that cannot be resumed after */
};
int api_follow(struct cli *c, const char *path, const char *last_id,
	bool (*on_event)(void *ctx, const struct api_event *v), void *ctx, struct err *e);

/* A call to a server that nobody is logged in to yet, with ca (PEM) to check it by; ca NULL checks nothing and is for
 * asking what can be checked by itself. */
int api_call_at(const char *url, const char *ca, const char *method, const char *path,
	const struct json *body, struct buf *out, struct err *e);

void api_close(struct api *api); /* accepts NULL */

#endif
