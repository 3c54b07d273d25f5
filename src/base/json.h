/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON, behind one header so that the library can be swapped (today json-c). Stricter than json-c:
 * duplicate keys, numbers that overflow, NaN, invalid UTF-8, NUL in strings, comments, trailing text
 * and depth over 32 are refused with a sentence.
 *
 * A `struct json` value belongs to its parent once it was added; the root belongs to the caller, who
 * frees it. Strings returned live as long as the value. Accessors accept NULL (a missing value).
 */
#ifndef HIM_BASE_JSON_H
#define HIM_BASE_JSON_H

#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json;

enum json_type { JSON_NULL, JSON_BOOL, JSON_INT, JSON_REAL, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

#define JSON_DEPTH_MAX 32

/* NULL and e filled when text[0..len) is not exactly one JSON value. */
struct json *json_parse(const char *text, size_t len, struct err *e);
void json_free(struct json *j); /* accepts NULL; only roots */
struct json *json_copy(const struct json *j);
bool json_equal(const struct json *a, const struct json *b);

struct json *json_object(void);
struct json *json_array(void);
struct json *json_string(const char *s); /* NULL gives a JSON null */
/* Bytes that are not UTF-8, and NULs, become U+FFFD: what is printed can always be parsed. */
struct json *json_string_len(const char *s, size_t len);
struct json *json_int(int64_t v);
struct json *json_real(double v); /* finite */
struct json *json_bool(bool v);
struct json *json_null(void);

enum json_type json_type(const struct json *j); /* NULL is JSON_NULL */
/* NULL when absent or no object. */
struct json *json_get(const struct json *object, const char *key);
bool json_has(const struct json *object, const char *key);
struct json *json_at(const struct json *array, size_t i);
size_t json_len(const struct json *j); /* members of an object, items of an array, else 0 */

void json_set(struct json *object, const char *key, struct json *value); /* takes value over */
void json_set_string(struct json *object, const char *key, const char *value); /* NULL: JSON null */
void json_set_int(struct json *object, const char *key, int64_t value);
void json_set_bool(struct json *object, const char *key, bool value);
void json_set_time(struct json *object, const char *key, int64_t ms); /* RFC 3339; 0: JSON null */
void json_del(struct json *object, const char *key);
void json_add(struct json *array, struct json *value); /* takes value over */

/* NULL, and *out untouched, when it is not of that type. */
const char *json_str(const struct json *j);
size_t json_str_len(const struct json *j);
int json_to_int(const struct json *j, int64_t *out);
int json_to_real(const struct json *j, double *out); /* ints too */
int json_to_bool(const struct json *j, bool *out);

/* Typed members with checks, for request bodies. Absent: *out keeps its value and 0 is returned,
 * unless required. Wrong type or out of limits: -1, e names the field. */
int json_take_string(const struct json *o, const char *key, bool required, size_t max_len,
	const char **out, struct err *e);
int json_take_int(const struct json *o, const char *key, bool required, int64_t min, int64_t max,
	int64_t *out, struct err *e);
int json_take_bool(const struct json *o, const char *key, bool *out, struct err *e);
/* A key of `o` that is not in the NULL-terminated list is an error that names the nearest one. */
int json_only(const struct json *o, const char *const *keys, struct err *e);

/* Walks an object's members in their order:
 * struct json_iter it = json_iter(o); while (json_next(&it)) use(it.key, it.value); */
struct json_iter {
	const char *key;
	struct json *value;
	void *entry_; /* private */
};
struct json_iter json_iter(const struct json *object);
bool json_next(struct json_iter *it);

int json_print(const struct json *j,
	struct buf *out); /* compact, no escaped slashes; -1 over the ceiling */
int json_print_pretty(const struct json *j, struct buf *out);

#endif
