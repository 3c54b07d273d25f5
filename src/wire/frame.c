/* SPDX-License-Identifier: Apache-2.0 */
/* Frames: one line of attributes, a body, a newline. The parser borrows from the input and allocates nothing; what it
 * accepts is exactly what the printer makes, so a frame has one text. */
#include "wire/frame.h"
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define MAGIC "HIM1 "

static bool kind_char(char c)
{
	return (c >= 'a' && c <= 'z') || c == '_';
}

static bool value_char(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("._:,/+=@-", c));
}

static bool view_is(const struct frame_view *v, const char *text)
{
	return v->len == strlen(text) && memcmp(v->data, text, v->len) == 0;
}

/* ---- reading ---- */

static int attr_take(struct frame *f, const char **p, const char *end, struct err *e)
{
	struct frame_view name = {*p, 0}, value;

	while (*p < end && kind_char(**p))
		(*p)++;
	name.len = (size_t)(*p - name.data);
	if (name.len < 1 || name.len > 16 || *p == end || **p != '=')
		return err_set(e, ERR_PROTOCOL, "a frame's attribute has no proper name");
	value.data = ++*p;
	while (*p < end && value_char(**p))
		(*p)++;
	value.len = (size_t)(*p - value.data);
	if (value.len > 512)
		return err_set(e, ERR_PROTOCOL,
			"a frame's attribute has %zu bytes; the limit is 512", value.len);
	if (*p < end && **p != ' ')
		return err_set(
			e, ERR_PROTOCOL, "a frame's attribute holds a byte that it must not");
	if (f->attrs == FRAME_ATTRS_MAX)
		return err_set(
			e, ERR_PROTOCOL, "a frame has more than %d attributes", FRAME_ATTRS_MAX);
	for (size_t i = 0; i < f->attrs; i++)
		if (f->name[i].len == name.len && memcmp(f->name[i].data, name.data, name.len) == 0)
			return err_set(e, ERR_PROTOCOL, "a frame has an attribute twice");
	f->name[f->attrs] = name;
	f->value[f->attrs++] = value;
	return 0;
}

static int line_take(struct frame *f, const char *p, const char *end, struct err *e)
{
	size_t n = 0;

	if ((size_t)(end - p) < strlen(MAGIC) || memcmp(p, MAGIC, strlen(MAGIC)) != 0)
		return err_set(e, ERR_PROTOCOL, "a frame does not begin with HIM1");
	p += strlen(MAGIC);
	while (p + n < end && kind_char(p[n]))
		n++;
	if (n < 1 || n >= sizeof f->kind)
		return err_set(e, ERR_PROTOCOL, "a frame has no proper kind");
	memcpy(f->kind, p, n);
	for (p += n; p < end;) {
		if (*p++ != ' ')
			return err_set(e, ERR_PROTOCOL,
				"a frame's attributes are parted by one blank each");
		if (attr_take(f, &p, end, e) < 0)
			return -1;
	}
	if (f->attrs == 0 || !view_is(&f->name[f->attrs - 1], "len"))
		return err_set(e, ERR_PROTOCOL, "a frame's last attribute must be len");
	return 0;
}

int frame_next(const char *data, size_t len, size_t *pos, struct frame *out, struct err *e)
{
	const char *begin = data + *pos, *eol;
	size_t left = len - *pos, line;
	int64_t body;

	if (left == 0)
		return 0;
	memset(out, 0, offsetof(struct frame, name));
	eol = memchr(begin, '\n', left < FRAME_LINE_MAX ? left : FRAME_LINE_MAX);
	if (!eol)
		return err_set(e, ERR_PROTOCOL, "a frame's first line does not end within %d bytes",
			FRAME_LINE_MAX);
	if (line_take(out, begin, eol, e) < 0)
		return -1;
	line = (size_t)(eol - begin) + 1;
	if (frame_int(out, "len", &body) < 0 || body > (int64_t)FRAME_BODY_MAX)
		return err_set(e, ERR_PROTOCOL, "a frame's len must be 0 to %u", FRAME_BODY_MAX);
	if (left < line + (size_t)body + 1 || begin[line + (size_t)body] != '\n')
		return err_set(e, ERR_PROTOCOL, "a frame's body does not end where len says");
	out->body = begin + line;
	out->body_len = (size_t)body;
	out->raw = begin;
	out->raw_len = line + (size_t)body + 1;
	*pos += out->raw_len;
	return 1;
}

int frame_text(const struct frame *f, const char *name, char *out, size_t size)
{
	for (size_t i = 0; i < f->attrs; i++) {
		if (!view_is(&f->name[i], name))
			continue;
		if (f->value[i].len >= size)
			return -1;
		memcpy(out, f->value[i].data, f->value[i].len);
		out[f->value[i].len] = '\0';
		return 0;
	}
	return -1;
}

int frame_int(const struct frame *f, const char *name, int64_t *out)
{
	char text
		[20]; /* 19 digits always fit into an int64 but for the last few, which are cut off here */
	int64_t v = 0;

	if (frame_text(f, name, text, sizeof text) < 0 || !*text || (text[0] == '0' && text[1]))
		return -1;
	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9' || v > (INT64_MAX - 9) / 10)
			return -1;
		v = v * 10 + (*p - '0');
	}
	*out = v;
	return 0;
}

bool frame_is(const struct frame *f, const char *kind)
{
	return strcmp(f->kind, kind) == 0;
}

/* ---- writing ---- */

static bool word_ok(const char *s, size_t max, bool (*ok)(char), size_t min)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if (!ok(s[i]))
			return false;
	return n >= min && n <= max;
}

static int finish(struct buf *out, size_t before, const void *body, size_t len)
{
	size_t line = out->len - before;

	buf_printf(out, " len=%zu\n", len);
	assert(out->full || line <= FRAME_LINE_MAX - 16);
	buf_add(out, body, len);
	buf_addc(out, '\n');
	if (!out->full)
		return 0;
	out->len = before; /* as it was */
	out->full = false;
	if (out->data)
		out->data[before] = '\0';
	return -1;
}

int frame_add(
	struct buf *out, const char *kind, const char *const *attrs, const void *body, size_t len)
{
	size_t before = out->len;

	assert(word_ok(kind, 16, kind_char, 1) && len <= FRAME_BODY_MAX);
	buf_printf(out, MAGIC "%s", kind);
	for (size_t i = 0; attrs[i] && attrs[i + 1]; i += 2) {
		assert(word_ok(attrs[i], 16, kind_char, 1) &&
			word_ok(attrs[i + 1], 512, value_char, 0));
		buf_printf(out, " %s=%s", attrs[i], attrs[i + 1]);
	}
	return finish(out, before, body, len);
}

int frame_add_with(struct buf *out, const struct frame *f, const char *name, const char *value)
{
	size_t before = out->len;

	assert(word_ok(value, 512, value_char, 0));
	buf_printf(out, MAGIC "%s", f->kind);
	for (size_t i = 0; i + 1 < f->attrs; i++) /* all but len */
		if (view_is(&f->name[i], name))
			buf_printf(out, " %s=%s", name, value);
		else
			buf_printf(out, " %.*s=%.*s", (int)f->name[i].len, f->name[i].data,
				(int)f->value[i].len, f->value[i].data);
	return finish(out, before, f->body, f->body_len);
}
