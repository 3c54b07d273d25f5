/* SPDX-License-Identifier: Apache-2.0 */
/* A growing buffer under a ceiling. Growth doubles; the ceiling is judged before any memory is asked for. */
#include "base/buf.h"
#include "base/arena.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *b, size_t max)
{
	assert(max <= SIZE_MAX / 2); /* doubling must not overflow */
	*b = (struct buf){.max = max};
}

void buf_release(struct buf *b)
{
	if (!b)
		return;
	free(b->data);
	buf_init(b, b->max);
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->full = false;
	if (b->data)
		b->data[0] = '\0';
}

/* Room for len more bytes and the NUL, or -1 and full. */
static int reserve(struct buf *b, size_t len)
{
	size_t cap = b->cap ? b->cap : 64;

	if (b->full || len > b->max - b->len) {
		b->full = true;
		return -1;
	}
	while (cap < b->len + len + 1)
		cap *= 2;
	if (cap > b->max + 1)
		cap = b->max + 1;
	if (cap > b->cap || !b->data) {
		b->data = xrealloc(b->data, cap);
		b->cap = cap;
	}
	return 0;
}

int buf_add(struct buf *b, const void *data, size_t len)
{
	if (reserve(b, len) < 0)
		return -1;
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
	return 0;
}

int buf_adds(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int buf_addc(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	size_t room = b->cap - b->len;
	int n;

	if (b->full)
		return -1;
	va_copy(again, ap);
	n = vsnprintf(b->data ? b->data + b->len : NULL, b->data ? room : 0, fmt, ap);
	assert(n >= 0);
	if ((size_t)n >= room) { /* it was cut: again, with room */
		if (b->data)
			b->data[b->len] = '\0';
		if (reserve(b, (size_t)n) == 0)
			vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
	}
	va_end(again);
	b->len += b->full ? 0 : (size_t)n;
	return b->full ? -1 : 0;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = buf_vprintf(b, fmt, ap);
	va_end(ap);
	return rc;
}

void buf_drop_front(struct buf *b, size_t n)
{
	assert(n <= b->len);
	if (n == 0)
		return;
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
	b->data[b->len] = '\0';
}

const char *buf_str(const struct buf *b)
{
	return b->data ? b->data : "";
}

char *buf_steal(struct buf *b)
{
	char *data = b->data ? b->data : xstrdup("");

	buf_init(b, b->max);
	return data;
}
