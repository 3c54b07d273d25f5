/* SPDX-License-Identifier: Apache-2.0 */
/* One function makes foreign text harmless; the rest calls it. A link's target is never foreign: only its query is, encoded. */
#include "server/html.h"
#include "base/text.h"
#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <string.h>

static const char *escape(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	case '\t':
	case '\n':
		return NULL;
	default:
		return (unsigned char)c < 0x20 || c == 0x7f ? "\xef\xbf\xbd" : NULL;
	}
}

void html_text(struct buf *b, const char *text)
{
	struct buf clean;

	buf_init(&clean, 3 * (text ? strlen(text) : 0) + 1);
	text_utf8_clean(text ? text : "", text ? strlen(text) : 0, &clean);
	for (const char *p = buf_str(&clean); *p; p++) {
		const char *other = escape(*p);
		if (other)
			buf_adds(b, other);
		else
			buf_addc(b, *p);
	}
	buf_release(&clean);
}

void html_add(struct buf *b, const char *markup, ...)
{
	va_list ap;

	va_start(ap, markup);
	for (const char *p = markup; *p; p++) {
		if (*p != '%') {
			buf_addc(b, *p);
			continue;
		}
		p++;
		assert(*p == 's' || *p == '%');
		if (*p == 's')
			html_text(b, va_arg(ap, const char *));
		else
			buf_addc(b, '%');
	}
	va_end(ap);
}

const char *html_url(const char *text, struct arena *a)
{
	static const char digits[] = "0123456789ABCDEF";
	char *out = arena_alloc(a, 3 * strlen(text) + 1), *at = out;

	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p < 0x80 && (isalnum(*p) || strchr("-._~", *p))) {
			*at++ = (char)*p;
			continue;
		}
		*at++ = '%';
		*at++ = digits[*p >> 4];
		*at++ = digits[*p & 15];
	}
	return out;
}
