/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of RFC 8259 becomes values, in one pass and by one function a rule of the grammar. The reader is ours
 * and not the library's, because what comes from a peer must have one meaning only: a second "id" in an object, a
 * number that is rounded to fit, half a surrogate or a NUL inside a name are read differently by different
 * programs, so all of them are refused, with line and column.
 *
 * Invariants: what is read can be printed and read again to an equal value; nothing is nested deeper than
 * JSON_DEPTH_MAX containers, which also limits the recursion here and in whoever walks the value.
 *
 * It builds through base/json.h alone and knows nothing of how values are kept.
 */
#include "base/json.h"
#include "base/text.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES 64 /* more digits than any double has a use for */

struct reader {
	const char *p, *end;
	char problem[128]; /* what is wrong where p stands; "": nothing yet */
	struct buf string; /* the string just read: a member's name or a value */
};

static int read_value(struct reader *r, int depth, struct json **out);

static int fail(struct reader *r, const char *problem)
{
	snprintf(r->problem, sizeof r->problem, "%s", problem);
	return -1;
}

static int fail_twice(struct reader *r)
{
	snprintf(r->problem, sizeof r->problem, "'%.60s' stands twice in its object",
		buf_str(&r->string));
	return -1;
}

static void skip_blanks(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
		r->p++;
}

static bool take(struct reader *r, char want)
{
	if (r->p >= r->end || *r->p != want)
		return false;
	r->p++;
	return true;
}

/* ---- strings ---- */

static int read_hex4(struct reader *r, uint32_t *out)
{
	uint8_t bytes[2];
	char digits[5] = "";

	if (r->end - r->p < 4)
		return fail(r, "\\u needs four hexadecimal digits");
	memcpy(digits, r->p, 4);
	if (text_unhex(digits, bytes, sizeof bytes) < 0)
		return fail(r, "\\u needs four hexadecimal digits");
	r->p += 4;
	*out = (uint32_t)bytes[0] << 8 | bytes[1];
	return 0;
}

static void add_code_point(struct buf *out, uint32_t c)
{
	if (c < 0x80) {
		buf_addc(out, (char)c);
	} else if (c < 0x800) {
		buf_addc(out, (char)(0xc0 | c >> 6));
		buf_addc(out, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_addc(out, (char)(0xe0 | c >> 12));
		buf_addc(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_addc(out, (char)(0x80 | (c & 0x3f)));
	} else {
		buf_addc(out, (char)(0xf0 | c >> 18));
		buf_addc(out, (char)(0x80 | (c >> 12 & 0x3f)));
		buf_addc(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_addc(out, (char)(0x80 | (c & 0x3f)));
	}
}

/* Behind "\u". What lies beyond 16 bits stands there as a pair: a high surrogate, then a low one. */
static int read_unicode(struct reader *r)
{
	uint32_t c, low;

	if (read_hex4(r, &c) < 0)
		return -1;
	if (c == 0)
		return fail(r, "a NUL in a string is not taken");
	if (c >= 0xdc00 && c <= 0xdfff)
		return fail(r, "half a surrogate pair");
	if (c >= 0xd800 && c <= 0xdbff) {
		if (!take(r, '\\') || !take(r, 'u'))
			return fail(r, "half a surrogate pair");
		if (read_hex4(r, &low) < 0)
			return -1;
		if (low < 0xdc00 || low > 0xdfff)
			return fail(r, "half a surrogate pair");
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	add_code_point(&r->string, c);
	return 0;
}

static int read_escape(struct reader *r)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at = r->p < r->end && *r->p ? strchr(from, *r->p) : NULL;

	if (take(r, 'u'))
		return read_unicode(r);
	if (!at)
		return fail(r, "an escape that JSON does not have");
	r->p++;
	return buf_addc(&r->string, to[at - from]);
}

/* The opening quote is behind us. The content lands in r->string. */
static int read_string(struct reader *r)
{
	buf_clear(&r->string);
	while (!take(r, '"')) {
		const char *from = r->p;
		while (r->p < r->end && (unsigned char)*r->p >= 0x20 && *r->p != '"' &&
			*r->p != '\\')
			r->p++;
		if (!text_utf8_valid(from, (size_t)(r->p - from)))
			return fail(r, "the string before this is not UTF-8");
		buf_add(&r->string, from, (size_t)(r->p - from));
		if (r->p >= r->end)
			return fail(r, "a string that does not end");
		if ((unsigned char)*r->p < 0x20)
			return fail(r, "a control character in a string");
		if (take(r, '\\') && read_escape(r) < 0)
			return -1;
	}
	return 0;
}

/* ---- numbers ---- */

static bool take_digits(struct reader *r)
{
	const char *from = r->p;

	while (r->p < r->end && isdigit((unsigned char)*r->p))
		r->p++;
	return r->p > from;
}

/* Moves behind a number; *real says whether it has a fraction or an exponent. */
static int skip_number(struct reader *r, bool *real)
{
	(void)take(r, '-');
	if (!take(r, '0') && !take_digits(r))
		return fail(r, "a value was expected here");
	*real = take(r, '.');
	if (*real && !take_digits(r))
		return fail(r, "digits were expected after the point");
	if (take(r, 'e') || take(r, 'E')) {
		*real = true;
		if (!take(r, '+'))
			(void)take(r, '-');
		if (!take_digits(r))
			return fail(r, "digits were expected in the exponent");
	}
	return 0;
}

static int read_number(struct reader *r, struct json **out)
{
	const char *from = r->p;
	char copy[NUMBER_BYTES];
	bool real;

	if (skip_number(r, &real) < 0)
		return -1;
	size_t len = (size_t)(r->p - from);
	if (len >= sizeof copy)
		return fail(r, "the number before this is too long");
	memcpy(copy, from, len);
	copy[len] = '\0';
	if (real) {
		double v = strtod(copy, NULL);
		if (!isfinite(v))
			return fail(r, "the number before this is too large");
		*out = json_real(v);
		return 0;
	}
	errno = 0;
	long long v = strtoll(copy, NULL, 10);
	if (errno == ERANGE)
		return fail(r, "the number before this does not fit 64 bits");
	*out = json_int(v);
	return 0;
}

/* ---- containers and words ---- */

static int read_word(struct reader *r, const char *word, struct json *value, struct json **out)
{
	size_t n = strlen(word);

	*out = value;
	if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0)
		return fail(r, "a value was expected here");
	r->p += n;
	return 0;
}

static int read_items(struct reader *r, int depth, struct json *array)
{
	struct json *item;

	skip_blanks(r);
	if (take(r, ']'))
		return 0;
	do {
		item = NULL;
		int rc = read_value(r, depth, &item);
		json_add(array, item);
		if (rc < 0)
			return -1;
		skip_blanks(r);
	} while (take(r, ','));
	return take(r, ']') ? 0 : fail(r, "',' or ']' was expected here");
}

static int read_member(struct reader *r, int depth, struct json *object)
{
	struct json *value = NULL;
	char *key;
	int rc;

	skip_blanks(r);
	if (!take(r, '"'))
		return fail(r, "a member's name in quotes was expected here");
	if (read_string(r) < 0)
		return -1;
	if (json_has(object, buf_str(&r->string)))
		return fail_twice(r);
	skip_blanks(r);
	if (!take(r, ':'))
		return fail(r, "':' was expected here");
	key = buf_steal(&r->string);
	rc = read_value(r, depth, &value);
	json_set(object, key, value);
	free(key);
	return rc;
}

static int read_members(struct reader *r, int depth, struct json *object)
{
	skip_blanks(r);
	if (take(r, '}'))
		return 0;
	do {
		if (read_member(r, depth, object) < 0)
			return -1;
		skip_blanks(r);
	} while (take(r, ','));
	return take(r, '}') ? 0 : fail(r, "',' or '}' was expected here");
}

/* depth: containers around this value. Whatever *out holds after a failure is the caller's as well. */
static int read_value(struct reader *r, int depth, struct json **out)
{
	skip_blanks(r);
	if (r->p >= r->end)
		return fail(r, "the text ends too soon");
	if ((*r->p == '{' || *r->p == '[') && depth == JSON_DEPTH_MAX)
		return fail(r, "nested too deep");
	switch (*r->p) {
	case '{':
		r->p++;
		*out = json_object();
		return read_members(r, depth + 1, *out);
	case '[':
		r->p++;
		*out = json_array();
		return read_items(r, depth + 1, *out);
	case '"':
		r->p++;
		if (read_string(r) < 0)
			return -1;
		*out = json_string_len(buf_str(&r->string), r->string.len);
		return 0;
	case 't':
		return read_word(r, "true", json_bool(true), out);
	case 'f':
		return read_word(r, "false", json_bool(false), out);
	case 'n':
		return read_word(r, "null", NULL, out);
	default:
		return read_number(r, out);
	}
}

static int explain(const struct reader *r, const char *text, struct err *e)
{
	size_t line = 1, column = 1;

	for (const char *p = text; p < r->p; p++) {
		column = *p == '\n' ? 1 : column + 1;
		line += *p == '\n';
	}
	return err_set(
		e, ERR_INVALID, "not JSON at line %zu, column %zu: %s", line, column, r->problem);
}

struct json *json_parse(const char *text, size_t len, struct err *e)
{
	struct reader r = {.p = text, .end = text + len};
	struct json *value = NULL;
	int rc;

	buf_init(&r.string, len);
	rc = read_value(&r, 0, &value);
	skip_blanks(&r);
	if (rc == 0 && r.p < r.end)
		rc = fail(&r, "more text after the value");
	buf_release(&r.string);
	if (rc < 0) {
		explain(&r, text, e);
		json_free(value);
		return NULL;
	}
	return value ? value : json_null();
}
