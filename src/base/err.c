/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table: what each class of error is called, which HTTP status and which exit code it becomes. Everything
 * else only formats sentences into the caller's struct.
 */
#include "base/err.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *word, *title;
	int http, exit;
} codes[ERR_CODES] = {
	[ERR_NONE] = {"none", "No error", 200, 0},
	[ERR_USAGE] = {"usage", "Usage", 400, 2},
	[ERR_INVALID] = {"invalid", "Invalid value", 400, 2},
	[ERR_TOO_LARGE] = {"too-large", "Too large", 413, 2},
	[ERR_UNAUTHORIZED] = {"unauthorized", "Not authenticated", 401, 3},
	[ERR_FORBIDDEN] = {"forbidden", "Not allowed", 403, 3},
	[ERR_NOT_FOUND] = {"not-found", "Not found", 404, 2},
	[ERR_AMBIGUOUS] = {"ambiguous", "Ambiguous name", 409, 2},
	[ERR_CONFLICT] = {"conflict", "Conflict", 409, 1},
	[ERR_EXPIRED] = {"expired", "Ended", 410, 1},
	[ERR_RATE] = {"rate", "Too many requests", 429, 3},
	[ERR_UNAVAILABLE] = {"unavailable", "Not reachable", 503, 3},
	[ERR_NO_SPACE] = {"no-space", "Out of space", 507, 1},
	[ERR_IO] = {"io", "Input or output failed", 500, 1},
	[ERR_PROTOCOL] = {"protocol", "Bad answer from a peer", 502, 3},
	[ERR_INTERNAL] = {"internal", "Internal error", 500, 1},
};

/* Cuts text at a character boundary and marks the cut, when n characters did not fit into size. */
static void mark_cut(char *text, size_t size, int n)
{
	size_t at = size - 4;

	if (n < 0 || (size_t)n < size)
		return;
	while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80)
		at--;
	memcpy(text + at, "...", 4);
}

/* A sentence often quotes what a peer or a file said: that must not break the line it ends up in. */
static void one_line(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = ' ';
}

static void fill(struct err *e, enum err_code code, const char *field, const char *fmt, va_list ap)
{
	char text[sizeof e->text], name[sizeof e->field];

	if (!e)
		return;
	mark_cut(text, sizeof text, vsnprintf(text, sizeof text, fmt, ap));
	mark_cut(name, sizeof name, snprintf(name, sizeof name, "%s", field));
	one_line(text);
	one_line(name);
	/* Last: the arguments may have pointed into e. */
	e->code = code;
	memcpy(e->field, name, sizeof name);
	memcpy(e->text, text, sizeof text);
}

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(e, code, "", fmt, ap);
	va_end(ap);
	return -1;
}

int err_field(struct err *e, enum err_code code, const char *field, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(e, code, field, fmt, ap);
	va_end(ap);
	return -1;
}

int err_errno(struct err *e, const char *fmt, ...)
{
	int number = errno;
	size_t len;
	va_list ap;

	if (!e)
		return -1;
	va_start(ap, fmt);
	fill(e, number == ENOSPC || number == EDQUOT ? ERR_NO_SPACE : ERR_IO, "", fmt, ap);
	va_end(ap);
	len = strlen(e->text);
	mark_cut(e->text, sizeof e->text,
		(int)len + snprintf(e->text + len, sizeof e->text - len, ": %s", strerror(number)));
	errno = number;
	return -1;
}

int err_where(struct err *e, const char *fmt, ...)
{
	char text[sizeof e->text], where[256];
	va_list ap;

	if (!e)
		return -1;
	va_start(ap, fmt);
	mark_cut(where, sizeof where, vsnprintf(where, sizeof where, fmt, ap));
	va_end(ap);
	mark_cut(text, sizeof text, snprintf(text, sizeof text, "%s: %s", where, e->text));
	one_line(text);
	memcpy(e->text, text, sizeof text);
	return -1;
}

const char *err_word(enum err_code code)
{
	return codes[code].word;
}

const char *err_title(enum err_code code)
{
	return codes[code].title;
}

int err_http(enum err_code code)
{
	return codes[code].http;
}

int err_exit(enum err_code code)
{
	return codes[code].exit;
}

enum err_code err_from_http(int status)
{
	if (status >= 200 && status < 300)
		return ERR_NONE;
	for (int c = ERR_INVALID; c < ERR_CODES; c++)
		if (codes[c].http == status)
			return (enum err_code)c;
	return status >= 400 && status < 500 ? ERR_INVALID : ERR_UNAVAILABLE;
}
