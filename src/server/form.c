/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forms, decoded into pairs at once, so that whoever reads a field needs no request any more (it may be gone) and sees
 * nothing that is not text. A parameter that nobody reads is a mistake of the caller: form_only says so, rather than letting
 * `?stat=open` list everything.
 */
#include "server/form.h"
#include "base/text.h"
#include <string.h>

#define WORDS_MAX 16

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* NULL: not well-formed, or not text. */
static char *decoded(const char *s, size_t len, struct arena *a)
{
	char *out = arena_alloc(a, len + 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int high, low;
		if (s[i] != '%') {
			out[n++] = s[i] == '+' ? ' ' : s[i];
			continue;
		}
		high = i + 2 < len ? hex_digit(s[i + 1]) : -1;
		low = high < 0 ? -1 : hex_digit(s[i + 2]);
		if (low < 0)
			return NULL;
		out[n++] = (char)(high << 4 | low);
		i += 2;
	}
	return text_utf8_valid(out, n) ? out : NULL;
}

static int pair_add(struct form *f, const char *s, size_t len, struct arena *a, struct err *e)
{
	const char *eq = memchr(s, '=', len);
	size_t name_len = eq ? (size_t)(eq - s) : len;
	const char *name = decoded(s, name_len, a);
	const char *value = eq ? decoded(eq + 1, len - name_len - 1, a) : "";

	if (!name)
		return err_set(
			e, ERR_INVALID, "the name of a field is not text in percent encoding");
	if (!value)
		return err_field(
			e, ERR_INVALID, name, "%.60s is not text in percent encoding", name);
	if (form_get(f, name))
		return err_field(e, ERR_INVALID, name, "%.60s is given twice", name);
	if (f->n == FORM_FIELDS_MAX)
		return err_set(e, ERR_TOO_LARGE, "more than %d fields", FORM_FIELDS_MAX);
	f->fields[f->n].name = name;
	f->fields[f->n++].value = value;
	return 0;
}

int form_parse(const char *text, size_t len, struct arena *a, struct form *out, struct err *e)
{
	const char *at = text, *end = text + len;

	out->n = 0;
	while (at < end) {
		const char *amp = memchr(at, '&', (size_t)(end - at));
		size_t n = (size_t)((amp ? amp : end) - at);
		if (n > 0 && pair_add(out, at, n, a, e) < 0)
			return -1;
		at += n + 1;
	}
	return 0;
}

const char *form_get(const struct form *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->fields[i].name, name) == 0)
			return f->fields[i].value;
	return NULL;
}

int form_only(const struct form *f, const char *names, struct arena *a, struct err *e)
{
	char *words[WORDS_MAX];
	size_t n = names ? text_split(arena_strdup(a, names), " ", words, WORDS_MAX) : 0;

	for (size_t i = 0; i < f->n; i++) {
		const char *name = f->fields[i].name, *near;
		size_t k = 0;
		while (k < n && strcmp(words[k], name) != 0)
			k++;
		if (k < n)
			continue;
		near = text_nearest(name, (const char *const *)words, n);
		return near
			? err_field(e, ERR_INVALID, name,
				  "there is no parameter '%.60s' here; do you mean %s?", name, near)
			: err_field(
				  e, ERR_INVALID, name, "there is no parameter '%.60s' here", name);
	}
	return 0;
}
