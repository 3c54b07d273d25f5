/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values, kept and printed by json-c, behind our header: no other file knows of the library. Reading text is in
 * json_parse.c.
 *
 * struct json is never defined: a pointer to it is a pointer to json-c's object. json-c writes null as a NULL
 * pointer. As a member or an item that is what we do too; but a null that stands alone must be a value its owner
 * can hold and free, so there it is an empty object with a mark, which turns into NULL when it is added to another.
 *
 * Invariant: whatever is built here prints as text that json_parse takes. So strings are made UTF-8 on the way
 * in, and reals are finite and printed with the fewest digits that read back as the same.
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
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define J(p) ((struct jc_object *)(uintptr_t)(p))
#define OURS(p) ((struct json *)(p))

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
	struct jc_object *o;
	struct buf clean;

	assert(len <= INT32_MAX / 3);
	if (text_utf8_valid(s, len))
		return OURS(json_object_new_string_len(s, (int)len));
	buf_init(&clean, len * 3);
	text_utf8_clean(s, len, &clean);
	o = json_object_new_string_len(buf_str(&clean), (int)clean.len);
	buf_release(&clean);
	return OURS(o);
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
	char text[40];
	int digits = 15;

	assert(isfinite(v));
	do
		snprintf(text, sizeof text, "%.*g", digits, v);
	while (digits++ < 17 && strtod(text, NULL) != v);
	if (!strpbrk(text, ".e"))
		strncat(text, ".0", sizeof text - strlen(text) - 1);
	return OURS(json_object_new_double_s(v, text));
}

struct json *json_bool(bool v)
{
	return OURS(json_object_new_boolean(v));
}

enum json_type json_type(const struct json *j)
{
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
		return is_marked(J(j)) ? JSON_NULL : JSON_OBJECT;
	default: /* NULL too */
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
