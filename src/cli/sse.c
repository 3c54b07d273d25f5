/* SPDX-License-Identifier: Apache-2.0 */
/* Server-sent events, a byte at a time: what was received so far of a line is kept until the line ends. */
#include "cli/sse.h"
#include <stdio.h>
#include <string.h>

void sse_init(struct sse *s,
	bool (*on_event)(void *ctx, const char *kind, const char *id, const char *data), void *ctx)
{
	memset(s, 0, sizeof *s);
	buf_init(&s->line, SSE_LINE_MAX);
	buf_init(&s->data, SSE_LINE_MAX);
	buf_init(&s->kind, 256);
	s->on_event = on_event;
	s->ctx = ctx;
}

void sse_release(struct sse *s)
{
	buf_release(&s->line);
	buf_release(&s->data);
	buf_release(&s->kind);
}

static void next_event(struct sse *s)
{
	buf_clear(&s->data);
	buf_clear(&s->kind);
	s->has_id = false;
}

void sse_reset(struct sse *s)
{
	buf_clear(&s->line);
	next_event(s);
	s->after_cr = s->begun = false;
}

/* The empty line: the event is complete. One without data is none. */
static int dispatch(struct sse *s)
{
	bool more = true;

	if (s->data.full || s->kind.full)
		return -1;
	if (s->has_id)
		memcpy(s->id, s->own, sizeof s->id);
	if (s->data.len > 0) {
		s->data.data[--s->data.len] = '\0'; /* the LF after its last line */
		more = s->on_event(s->ctx, s->kind.len ? buf_str(&s->kind) : "message",
			s->has_id ? s->id : NULL, buf_str(&s->data));
	}
	next_event(s);
	return more ? 0 : 1;
}

static void field(struct sse *s, const char *name, const char *value)
{
	if (strcmp(name, "data") == 0) {
		buf_adds(&s->data, value);
		buf_addc(&s->data, '\n');
	} else if (strcmp(name, "event") == 0) {
		buf_clear(&s->kind);
		buf_adds(&s->kind, value);
	} else if (strcmp(name, "id") == 0 && strlen(value) < sizeof s->own) {
		snprintf(s->own, sizeof s->own, "%s", value);
		s->has_id = true;
	}
}

static int end_line(struct sse *s)
{
	const char *value = "";
	char *line, *colon;

	if (s->line.full)
		return -1;
	if (s->line.len == 0)
		return dispatch(s);
	line = s->line.data;
	if (!s->begun && strncmp(line, "\xef\xbb\xbf", 3) == 0)
		line += 3; /* a byte order mark may begin the stream */
	s->begun = true;
	colon = strchr(line, ':');
	if (colon) {
		*colon = '\0';
		value = colon[1] == ' ' ? colon + 2 : colon + 1;
	}
	field(s, line,
		value); /* a comment is a line that begins with the colon: a field without a name */
	buf_clear(&s->line);
	return 0;
}

int sse_feed(struct sse *s, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool pair = s->after_cr && bytes[i] == '\n';
		int rc = 0;
		s->after_cr = bytes[i] == '\r';
		if (pair)
			continue;
		if (bytes[i] == '\n' || bytes[i] == '\r')
			rc = end_line(s);
		else if (buf_addc(&s->line, bytes[i]) < 0)
			rc = -1;
		if (rc)
			return rc;
	}
	return 0;
}
