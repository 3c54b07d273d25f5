/* SPDX-License-Identifier: Apache-2.0 */
/* Small things about text: words and near misses, UTF-8, hex and base64. Numbers with units are in text_number.c. */
#include "base/text.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- hex, base64 ---- */

void text_hex(const void *data, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int text_unhex(const char *s, void *out, size_t len)
{
	uint8_t *p = out;

	if (strnlen(s, 2 * len + 1) != 2 * len)
		return -1;
	for (size_t i = 0; i < len; i++) {
		int hi = nibble(s[2 * i]), lo = nibble(s[2 * i + 1]);
		if (hi < 0 || lo < 0)
			return -1;
		p[i] = (uint8_t)(hi << 4 | lo);
	}
	return 0;
}

static const char base64_chars[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_chars[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int encode64(const char *chars, bool pad, const uint8_t *p, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t v = (uint32_t)p[i] << 16 | (n > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
			(n > 2 ? p[i + 2] : 0);
		char quad[4] = {
			chars[v >> 18], chars[v >> 12 & 63], chars[v >> 6 & 63], chars[v & 63]};
		if (n < 3)
			quad[3] = '=';
		if (n < 2)
			quad[2] = '=';
		if (buf_add(out, quad, pad ? 4 : n + 1) < 0)
			return -1;
	}
	return 0;
}

int text_base64(const void *data, size_t len, struct buf *out)
{
	return encode64(base64_chars, true, data, len, out);
}

int text_base64url(const void *data, size_t len, struct buf *out)
{
	return encode64(base64url_chars, false, data, len, out);
}

static int value64(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int text_unbase64(const char *s, size_t len, struct buf *out)
{
	if (len % 4 != 0)
		return -1;
	for (size_t i = 0; i < len; i += 4) {
		bool last = i + 4 == len;
		size_t n = last && s[i + 3] == '=' ? (s[i + 2] == '=' ? 1 : 2) : 3;
		int v[4] = {0};
		for (size_t k = 0; k <= n; k++)
			if ((v[k] = value64(s[i + k])) < 0)
				return -1;
		uint32_t w = (uint32_t)v[0] << 18 | (uint32_t)v[1] << 12 | (uint32_t)v[2] << 6 |
			(uint32_t)v[3];
		if (w & (n == 1 ? 0xffffu : n == 2 ? 0xffu : 0))
			return -1; /* bits that say nothing must be 0, so that one value has one text */
		uint8_t bytes[3] = {(uint8_t)(w >> 16), (uint8_t)(w >> 8), (uint8_t)w};
		if (buf_add(out, bytes, n) < 0)
			return -1;
	}
	return 0;
}

/* ---- UTF-8 ---- */

/* Length of the valid sequence at s (RFC 3629: shortest form, no surrogates, up to U+10FFFF), 0: none. */
static size_t sequence(const unsigned char *s, size_t len)
{
	size_t n;
	uint32_t cp;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		n = 2;
	else if (s[0] >= 0xe0 && s[0] <= 0xef)
		n = 3;
	else if (s[0] >= 0xf0 && s[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (len < n)
		return 0;
	cp = s[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (s[i] & 0x3f);
	}
	if ((n == 3 && cp < 0x800) || (n == 4 && cp < 0x10000) || (cp >= 0xd800 && cp <= 0xdfff) ||
		cp > 0x10ffff)
		return 0;
	return n;
}

bool text_utf8_valid(const char *s, size_t len)
{
	for (size_t i = 0, n; i < len; i += n)
		if ((n = sequence((const unsigned char *)s + i, len - i)) == 0 || s[i] == '\0')
			return false;
	return true;
}

int text_utf8_clean(const char *s, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len;) {
		size_t n = s[i] ? sequence((const unsigned char *)s + i, len - i) : 0;
		if (n ? buf_add(out, s + i, n) < 0 : buf_adds(out, "\xef\xbf\xbd") < 0)
			return -1;
		i += n ? n : 1;
	}
	return 0;
}

/* ---- words ---- */

bool text_equal_const_time(const void *a, const void *b, size_t len)
{
	const volatile uint8_t *x = a, *y = b;
	uint8_t diff = 0;

	for (size_t i = 0; i < len; i++)
		diff |= x[i] ^ y[i];
	return diff == 0;
}

bool text_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool text_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

int text_label(const char *s, const char *field, size_t max, struct err *e)
{
	size_t n = strlen(s);

	if (n < 1 || n > max)
		return err_field(
			e, ERR_INVALID, field, "%s must have 1 to %zu characters", field, max);
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("._-", s[i]))
			return err_field(e, ERR_INVALID, field,
				"%s may hold letters, digits, '.', '_' and '-' only", field);
	return 0;
}

#define NEAR_MAX 64

static size_t distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b), row[NEAR_MAX + 1];

	if (n > NEAR_MAX || m > NEAR_MAX)
		return NEAR_MAX;
	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t change = diagonal +
				(tolower((unsigned char)a[i - 1]) !=
					tolower((unsigned char)b[j - 1]));
			diagonal = row[j];
			size_t less = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
			row[j] = change < less ? change : less;
		}
	}
	return row[m];
}

const char *text_nearest(const char *s, const char *const *words, size_t n)
{
	size_t limit = strlen(s) / 3, best = 0;
	const char *near = NULL;

	if (limit < 2)
		limit = 2;
	for (size_t i = 0; i < n; i++) {
		size_t d = distance(s, words[i]);
		if (d <= limit && d < strlen(words[i]) && (!near || d < best)) {
			near = words[i];
			best = d;
		}
	}
	return near;
}

size_t text_split(char *line, const char *seps, char **fields, size_t max)
{
	size_t n = 0;

	while (n < max) {
		fields[n++] = line;
		if (n == max)
			break;
		line += strcspn(line, seps);
		if (!*line)
			break;
		*line++ = '\0';
	}
	return n;
}

char *text_trim(char *s)
{
	size_t n;

	while (isspace((unsigned char)*s))
		s++;
	n = strlen(s);
	while (n > 0 && isspace((unsigned char)s[n - 1]))
		n--;
	s[n] = '\0';
	return s;
}
