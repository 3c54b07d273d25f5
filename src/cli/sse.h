/* SPDX-License-Identifier: Apache-2.0 */
/* Server-sent events (the HTML standard, 9.2), from bytes as they come: lines end in LF, CR or both; `data` lines of one
 * event are joined by LF; comments and unknown fields are skipped. */
#ifndef HIM_CLI_SSE_H
#define HIM_CLI_SSE_H

#include "base/buf.h"
#include <stdbool.h>

#define SSE_LINE_MAX (1u << 20)
#define SSE_ID_MAX 64

struct sse {
	struct buf line, data, kind;
	char id[SSE_ID_MAX];  /* of the last whole event that had one: where to resume */
	char own[SSE_ID_MAX]; /* of the event that is being read */
	bool has_id;
	bool after_cr, begun;
	/* Returns false to stop. kind is "message" where none was said. id NULL: it has none of its own. */
	bool (*on_event)(void *ctx, const char *kind, const char *id, const char *data);
	void *ctx;
};

void sse_init(struct sse *s,
	bool (*on_event)(void *ctx, const char *kind, const char *id, const char *data), void *ctx);
void sse_release(struct sse *s);
/* What is not finished of an event is thrown away, as after a cut connection; id stays. */
void sse_reset(struct sse *s);
/* 0: go on; 1: on_event wants no more; -1: a line or an event is over the limit. */
int sse_feed(struct sse *s, const char *bytes, size_t len);

#endif
