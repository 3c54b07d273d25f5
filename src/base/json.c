/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json-c behind our header. json-c builds and prints values; what it would let pass is refused before it sees
 * the text, by a scanner that walks the grammar of RFC 8259 once: duplicate keys, numbers that do not fit,
 * invalid UTF-8, escaped NULs, lone surrogates, depth, trailing text.
 *
 * struct json is never defined: a pointer to it is a json_object.
 */
/* json-c's typedefs carry names that our functions have: they get another prefix in this file. */
#define json_object jc_object
#define json_bool jc_bool
#define json_type jc_type
#include <json-c/json.h>
#undef json_object
#undef json_bool
#undef json_type
#include "base/json.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/text.h"
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define J(p) ((struct jc_object *)(uintptr_t)(p))
#define OURS(p) ((struct json *)(p))

/* ---- the scanner ---- */

struct scan {
	const char *s, *p, *end;
	struct err *e;
	const char *problem;
};

static bool scan_value(struct scan *c, int depth);

static bool fail(struct scan *c, const char *problem)
{
	if (!c->problem)
		c->problem = problem;
	return false;
}

static void blanks(struct scan *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n' || *c->p == '\r'))
		c->p++;
}

static bool take(struct scan *c, char want)
{
	if (c->p >= c->end || *c->p != want)
		return false;
	c->p++;
	return true;
}

static int hex4(struct scan *c)
{
	int v = 0;

	for (int i = 0; i < 4; i++, c->p++) {
		if (c->p >= c->end || !isxdigit((unsigned char)*c->p))
			return -1;
		v = v * 16 + (*c->p <= '9' ? *c->p - '0' : (*c->p | 32) - 'a' + 10);
	}
	return v;
}

static bool scan_unicode(struct scan *c)
{
	int v = hex4(c);

	if (v < 0)
		return fail(c, "a \\u escape needs four hex digits");
	if (v == 0)
		return fail(c, "a string holds a NUL");
	if (v >= 0xdc00 && v <= 0xdfff)
		return fail(c, "a lone surrogate");
	if (v < 0xd800 || v > 0xdbff)
		return true;
	if (!take(c, '\\') || !take(c, 'u'))
		return fail(c, "a lone surrogate");
	v = hex4(c);
	return v >= 0xdc00 && v <= 0xdfff ? true : fail(c, "a lone surrogate");
}

static bool scan_string(struct scan *c)
{
	const char *begin;

	if (!take(c, '"'))
		return fail(c, "a string was expected");
	begin = c->p;
	while (c->p < c->end && *c->p != '"') {
		if ((unsigned char)*c->p < 0x20)
			return fail(c, "a control character in a string");
		if (*c->p++ != '\\')
			continue;
		if (c->p >= c->end || !strchr("\"\\/bfnrtu", *c->p) || !*c->p)
			return fail(c, "an unknown escape");
		if (*c->p++ == 'u' && !scan_unicode(c))
			return false;
	}
	if (!text_utf8_valid(begin, (size_t)(c->p - begin)))
		return fail(c, "a string is not UTF-8");
	return take(c, '"') ? true : fail(c, "a string does not end");
}

static size_t digits(struct scan *c)
{
	size_t n = 0;

	for (; c->p < c->end && isdigit((unsigned char)*c->p); c->p++)
		n++;
	return n;
}

static bool scan_number(struct scan *c)
{
	const char *begin = c->p;
	char copy[64];
	bool real = false;

	(void)take(c, '-');
	if (c->p < c->end && *c->p == '0')
		c->p++;
	else if (digits(c) == 0)
		return fail(c, "a value was expected");
	if (take(c, '.') && (real = true) && digits(c) == 0)
		return fail(c, "a number needs digits after its point");
	if (take(c, 'e') || take(c, 'E')) {
		real = true;
		if (!take(c, '+'))
			(void)take(c, '-');
		if (digits(c) == 0)
			return fail(c, "a number needs digits in its exponent");
	}
	if ((size_t)(c->p - begin) >= sizeof copy)
		return fail(c, "a number is too long");
	memcpy(copy, begin, (size_t)(c->p - begin));
	copy[c->p - begin] = '\0';
	errno = 0;
	if (real ? !isfinite(strtod(copy, NULL)) : (strtoll(copy, NULL, 10), errno == ERANGE))
		return fail(c, "a number does not fit");
	return true;
}

static bool scan_word(struct scan *c, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n) != 0)
		return fail(c, "a value was expected");
	c->p += n;
	return true;
}

static bool scan_array(struct scan *c, int depth)
{
	c->p++;
	blanks(c);
	if (take(c, ']'))
		return true;
	do {
		if (!scan_value(c, depth + 1))
			return false;
		blanks(c);
	} while (take(c, ','));
	return take(c, ']') ? true : fail(c, "a list does not end");
}

static bool scan_object(struct scan *c, int depth)
{
	c->p++;
	blanks(c);
	if (take(c, '}'))
		return true;
	do {
		blanks(c);
		if (!scan_string(c))
			return false;
		blanks(c);
		if (!take(c, ':'))
			return fail(c, "a ':' was expected");
		if (!scan_value(c, depth + 1))
			return false;
		blanks(c);
	} while (take(c, ','));
	return take(c, '}') ? true : fail(c, "an object does not end");
}

static bool scan_value(struct scan *c, int depth)
{
	blanks(c);
	if (c->p >= c->end)
		return fail(c, "the text ends too soon");
	if (depth > JSON_DEPTH_MAX)
		return fail(c, "it is nested deeper than 32");
	switch (*c->p) {
	case '{':
		return scan_object(c, depth);
	case '[':
		return scan_array(c, depth);
	case '"':
		return scan_string(c);
	case 't':
		return scan_word(c, "true");
	case 'f':
		return scan_word(c, "false");
	case 'n':
		return scan_word(c, "null");
	default:
		return scan_number(c);
	}
}

/* json-c keeps the last of two equal keys, so an object that has fewer members than the text had commas and
 * colons lost one. Counting members per object while scanning would need a stack of sets; instead the number of all
 * members is compared: the scanner's against the tree's. */
static size_t count_members(struct jc_object *o)
{
	size_t n = 0;

	if (json_object_is_type(o, json_type_object)) {
		for (struct lh_entry *x = json_object_get_object(o)->head; x; x = x->next)
			n += 1 + count_members(lh_entry_v(x));
	} else if (json_object_is_type(o, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(o); i++)
			n += count_members(json_object_array_get_idx(o, i));
	}
	return n;
}

static size_t count_colons(const char *text, size_t len)
{
	size_t n = 0;
	bool in = false;

	for (size_t i = 0; i < len; i++)
		if (in && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			in = !in;
		else if (!in && text[i] == ':')
			n++;
	return n;
}

struct json *json_parse(const char *text, size_t len, struct err *e)
{
	struct scan c = {text, text, text + len, e, NULL};
	struct json_tokener *t;
	struct jc_object *o;

	if (scan_value(&c, 1)) {
		blanks(&c);
		if (c.p < c.end)
			fail(&c, "there is text after the value");
	}
	if (c.problem) {
		err_set(e, ERR_INVALID, "not JSON at byte %zu: %s", (size_t)(c.p - text),
			c.problem);
		return NULL;
	}
	t = json_tokener_new_ex(JSON_DEPTH_MAX + 1);
	if (!t)
		abort();
	json_tokener_set_flags(t, JSON_TOKENER_STRICT);
	o = json_tokener_parse_ex(t, text, (int)len);
	if (!o && json_tokener_get_error(t) == json_tokener_continue)
		o = json_tokener_parse_ex(
			t, "\n", 1); /* a bare number ends only with what follows it */
	bool ok = json_tokener_get_error(t) == json_tokener_success;
	json_tokener_free(t);
	if (!ok || count_members(o) != count_colons(text, len)) {
		err_set(e, ERR_INVALID,
			ok ? "not JSON: an object has the same key twice" : "not JSON");
		json_object_put(o);
		return NULL;
	}
	return o ? OURS(o) : json_null();
}

/* ---- values ----
 * json-c writes null as a NULL pointer. As a member that is what we do too; but a null that stands alone (a
 * root) must be a value, so there it is a marked object, which turns into NULL when it is added to another. */

static int null_mark;

static bool is_marked(const struct jc_object *o)
{
	return o && json_object_get_userdata(J(o)) == &null_mark;
}

struct json *json_null(void)
{
	struct jc_object *o = json_object_new_object();

	json_object_set_userdata(o, &null_mark, NULL);
	return OURS(o);
}

static struct jc_object *adopt(struct json *value)
{
	struct jc_object *o = J(value);

	if (!is_marked(o))
		return o;
	json_object_put(o);
	return NULL;
}

void json_free(struct json *j)
{
	json_object_put(J(j));
}

struct json *json_copy(const struct json *j)
{
	struct jc_object *copy = NULL;

	if (!j || is_marked(J(j)))
		return json_null();
	if (json_object_deep_copy(J(j), &copy, NULL) < 0)
		abort();
	return OURS(copy);
}

bool json_equal(const struct json *a, const struct json *b)
{
	if (json_type(a) == JSON_NULL || json_type(b) == JSON_NULL)
		return json_type(a) == json_type(b);
	return json_object_equal(J(a), J(b));
}

struct json *json_object(void)
{
	return OURS(json_object_new_object());
}

struct json *json_array(void)
{
	return OURS(json_object_new_array());
}

struct json *json_string_len(const char *s, size_t len)
{
	return OURS(json_object_new_string_len(s, (int)len));
}

struct json *json_string(const char *s)
{
	return s ? json_string_len(s, strlen(s)) : json_null();
}

struct json *json_int(int64_t v)
{
	return OURS(json_object_new_int64(v));
}

struct json *json_real(double v)
{
	return OURS(json_object_new_double(v));
}

struct json *json_bool(bool v)
{
	return OURS(json_object_new_boolean(v));
}

enum json_type json_type(const struct json *j)
{
	if (!j || is_marked(J(j)))
		return JSON_NULL;
	switch (json_object_get_type(J(j))) {
	case json_type_boolean:
		return JSON_BOOL;
	case json_type_int:
		return JSON_INT;
	case json_type_double:
		return JSON_REAL;
	case json_type_string:
		return JSON_STRING;
	case json_type_array:
		return JSON_ARRAY;
	case json_type_object:
		return JSON_OBJECT;
	default:
		return JSON_NULL;
	}
}

struct json *json_get(const struct json *object, const char *key)
{
	struct jc_object *value = NULL;

	if (json_type(object) == JSON_OBJECT)
		json_object_object_get_ex(J(object), key, &value);
	return OURS(value);
}

bool json_has(const struct json *object, const char *key)
{
	return json_type(object) == JSON_OBJECT && json_object_object_get_ex(J(object), key, NULL);
}

struct json *json_at(const struct json *array, size_t i)
{
	return json_type(array) == JSON_ARRAY ? OURS(json_object_array_get_idx(J(array), i)) : NULL;
}

size_t json_len(const struct json *j)
{
	if (json_type(j) == JSON_ARRAY)
		return json_object_array_length(J(j));
	return json_type(j) == JSON_OBJECT ? (size_t)json_object_object_length(J(j)) : 0;
}

void json_set(struct json *object, const char *key, struct json *value)
{
	assert(json_type(object) == JSON_OBJECT);
	json_object_object_add(J(object), key, adopt(value));
}

void json_set_string(struct json *object, const char *key, const char *value)
{
	json_set(object, key, value ? json_string(value) : NULL);
}

void json_set_int(struct json *object, const char *key, int64_t value)
{
	json_set(object, key, json_int(value));
}

void json_set_bool(struct json *object, const char *key, bool value)
{
	json_set(object, key, json_bool(value));
}

void json_set_time(struct json *object, const char *key, int64_t ms)
{
	char text[CLOCK_TEXT];

	json_set_string(object, key, ms ? clock_format(ms, text) : NULL);
}

void json_del(struct json *object, const char *key)
{
	json_object_object_del(J(object), key);
}

void json_add(struct json *array, struct json *value)
{
	assert(json_type(array) == JSON_ARRAY);
	json_object_array_add(J(array), adopt(value));
}

const char *json_str(const struct json *j)
{
	return json_type(j) == JSON_STRING ? json_object_get_string(J(j)) : NULL;
}

size_t json_str_len(const struct json *j)
{
	return json_type(j) == JSON_STRING ? (size_t)json_object_get_string_len(J(j)) : 0;
}

int json_to_int(const struct json *j, int64_t *out)
{
	if (json_type(j) != JSON_INT)
		return -1;
	*out = json_object_get_int64(J(j));
	return 0;
}

int json_to_real(const struct json *j, double *out)
{
	if (json_type(j) != JSON_INT && json_type(j) != JSON_REAL)
		return -1;
	*out = json_object_get_double(J(j));
	return 0;
}

int json_to_bool(const struct json *j, bool *out)
{
	if (json_type(j) != JSON_BOOL)
		return -1;
	*out = json_object_get_boolean(J(j));
	return 0;
}

/* ---- typed members ---- */

/* 1: there; 0: absent (or null) and that is fine; -1: absent and required. */
static int present(const struct json *o, const char *key, bool required, struct err *e)
{
	if (json_type(json_get(o, key)) != JSON_NULL)
		return 1;
	return required ? err_field(e, ERR_INVALID, key, "%s is required", key) : 0;
}

int json_take_string(const struct json *o, const char *key, bool required, size_t max_len,
	const char **out, struct err *e)
{
	const struct json *v = json_get(o, key);
	int there = present(o, key, required, e);

	if (there <= 0)
		return there;
	if (json_type(v) != JSON_STRING)
		return err_field(e, ERR_INVALID, key, "%s must be a string", key);
	if (json_str_len(v) > max_len)
		return err_field(e, ERR_TOO_LARGE, key, "%s has %zu bytes; the limit is %zu", key,
			json_str_len(v), max_len);
	*out = json_str(v);
	return 0;
}

int json_take_int(const struct json *o, const char *key, bool required, int64_t min, int64_t max,
	int64_t *out, struct err *e)
{
	int there = present(o, key, required, e);
	int64_t v;

	if (there <= 0)
		return there;
	if (json_to_int(json_get(o, key), &v) < 0)
		return err_field(e, ERR_INVALID, key, "%s must be a whole number", key);
	if (v < min || v > max)
		return err_field(e, ERR_INVALID, key, "%s is %lld; it must be %lld to %lld", key,
			(long long)v, (long long)min, (long long)max);
	*out = v;
	return 0;
}

int json_take_bool(const struct json *o, const char *key, bool *out, struct err *e)
{
	int there = present(o, key, false, e);

	if (there <= 0)
		return there;
	if (json_to_bool(json_get(o, key), out) < 0)
		return err_field(e, ERR_INVALID, key, "%s must be true or false", key);
	return 0;
}

int json_only(const struct json *o, const char *const *keys, struct err *e)
{
	size_t n = 0;

	while (keys[n])
		n++;
	if (json_type(o) != JSON_OBJECT)
		return err_set(e, ERR_INVALID, "an object was expected");
	for (struct json_iter it = json_iter(o); json_next(&it);) {
		size_t i = 0;
		while (i < n && strcmp(keys[i], it.key) != 0)
			i++;
		if (i < n)
			continue;
		const char *near = text_nearest(it.key, keys, n);
		return near ? err_field(e, ERR_INVALID, it.key,
				      "unknown member '%.60s'; did you mean '%s'?", it.key, near)
			    : err_field(e, ERR_INVALID, it.key, "unknown member '%.60s'", it.key);
	}
	return 0;
}

struct json_iter json_iter(const struct json *object)
{
	struct json_iter it = {0};

	if (json_type(object) == JSON_OBJECT)
		it.entry_ = json_object_get_object(J(object))->head;
	return it;
}

bool json_next(struct json_iter *it)
{
	struct lh_entry *entry = it->entry_;

	if (!entry)
		return false;
	it->key = lh_entry_k(entry);
	it->value = OURS(lh_entry_v(entry));
	it->entry_ = entry->next;
	return true;
}

static int print(const struct json *j, int flags, struct buf *out)
{
	if (json_type(j) == JSON_NULL)
		return buf_adds(out, "null");
	return buf_adds(
		out, json_object_to_json_string_ext(J(j), flags | JSON_C_TO_STRING_NOSLASHESCAPE));
}

int json_print(const struct json *j, struct buf *out)
{
	return print(j, JSON_C_TO_STRING_PLAIN, out);
}

int json_print_pretty(const struct json *j, struct buf *out)
{
	return print(j, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED, out);
}
