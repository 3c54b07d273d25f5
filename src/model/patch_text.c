// SPDX-License-Identifier: Apache-2.0
/*
 * A merge patch laid over a document's text. The server keeps documents as text, and a patch changes a few of
 * their thousand members: building all of them as values, only to print them again, was most of what a report cost. Here
 * the text is walked once, what the patch does not name is copied byte by byte, and only what it names is made of values.
 *
 * Invariants:
 *  1. the result is the text of patch_apply(json_parse(text), patch), members in the same order;
 *  2. it recurses only where text and patch both have an object, so no deeper than the patch (JSON_DEPTH_MAX);
 *  3. every step is checked against the end of the text, whoever wrote it.
 *
 * It takes the text for what json_print made and does not judge it: of foreign text, use json_parse.
 */
#include "model/patch.h"
#include <assert.h>
#include <string.h>

struct merge {
	const char *p, *end; /* what is left of the text */
	struct buf *out;
	struct buf names; /* of the members around p and of the one at p, each with its NUL */
};

static bool take(struct merge *m, char want)
{
	if (m->p >= m->end || *m->p != want)
		return false;
	m->p++;
	return true;
}

/* The opening quote is behind us. */
static bool skip_string(struct merge *m)
{
	while (m->p < m->end && *m->p != '"')
		m->p += *m->p == '\\' && m->end - m->p > 1 ? 2 : 1;
	return take(m, '"');
}

static void skip_scalar(struct merge *m)
{
	while (m->p < m->end && *m->p != ',' && *m->p != '}' && *m->p != ']')
		m->p++;
}

static bool skip_value(struct merge *m)
{
	const char *from = m->p;
	int depth = 0;

	do {
		if (m->p >= m->end)
			return false;
		char c = *m->p++;
		if (c == '{' || c == '[')
			depth++;
		else if (c == '}' || c == ']')
			depth--;
		else if (c == '"' && !skip_string(m))
			return false;
		else if (depth == 0 && c != '"' && c != ',')
			skip_scalar(m);
	} while (depth > 0);
	return depth == 0 && *from != ',';
}

/* Moves behind the name and its colon; the name lands at the end of m->names. */
static bool name_take(struct merge *m)
{
	const char *from = m->p, *end;

	if (!take(m, '"') || !skip_string(m) || !take(m, ':'))
		return false;
	end = m->p - 2;
	if (!memchr(from, '\\', (size_t)(end - from)))
		return buf_add(&m->names, from + 1, (size_t)(end - from) - 1) == 0 &&
			buf_addc(&m->names, '\0') == 0;
	struct json *name = json_parse(from, (size_t)(end - from) + 1, NULL);
	bool good = json_str(name) && buf_add(&m->names, json_str(name), json_str_len(name)) == 0 &&
		buf_addc(&m->names, '\0') == 0;
	json_free(name);
	return good;
}

static void value_add(struct buf *out, const struct json *v)
{
	struct json *whole;

	if (json_type(v) != JSON_OBJECT) {
		json_print(v, out);
		return;
	}
	whole = patch_apply(NULL, v); /* without null members */
	json_print(whole, out);
	json_free(whole);
}

static void part(struct buf *out, size_t begin)
{
	if (out->len > begin)
		buf_addc(out, ',');
}

/* What the text has not. */
static void rest_add(struct buf *out, size_t begin, const struct json *patch)
{
	for (struct json_iter it = json_iter(patch); json_next(&it);) {
		if (json_type(it.value) == JSON_NULL)
			continue;
		struct json *name = json_string(it.key);
		part(out, begin);
		json_print(name, out);
		buf_addc(out, ':');
		value_add(out, it.value);
		json_free(name);
	}
}

static bool object_merge(struct merge *m, struct json *patch);

/* One member of the text; `begin` is where the members of its object begin in the result. */
static bool member_merge(struct merge *m, size_t begin, struct json *patch)
{
	const char *from = m->p, *value;
	size_t name = m->names.len;
	bool good = name_take(m);
	struct json *change;

	if (!good)
		return false;
	value = m->p;
	change = json_get(patch, m->names.data + name);
	if (json_type(change) == JSON_OBJECT && m->p < m->end && *m->p == '{') {
		part(m->out, begin);
		buf_add(m->out, from, (size_t)(value - from));
		good = object_merge(m, change);
	} else if (!(good = skip_value(m))) {
		return false;
	} else if (!json_has(patch, m->names.data + name)) {
		part(m->out, begin);
		buf_add(m->out, from, (size_t)(m->p - from));
	} else if (json_type(change) != JSON_NULL) {
		part(m->out, begin);
		buf_add(m->out, from, (size_t)(value - from));
		value_add(m->out, change);
	}
	json_del(patch, m->names.data + name); /* what is left in the end is new */
	m->names.len = name;
	return good;
}

static bool object_merge(struct merge *m, struct json *patch)
{
	size_t begin;

	if (!take(m, '{'))
		return false;
	buf_addc(m->out, '{');
	begin = m->out->len;
	if (!take(m, '}')) {
		do
			if (!member_merge(m, begin, patch))
				return false;
		while (take(m, ','));
		if (!take(m, '}'))
			return false;
	}
	rest_add(m->out, begin, patch);
	buf_addc(m->out, '}');
	return true;
}

int patch_text(const char *text, size_t len, struct json *patch, struct buf *out, struct err *e)
{
	struct merge m = {.p = text, .end = text + len, .out = out};
	bool good;

	assert(json_type(patch) == JSON_OBJECT);
	buf_init(&m.names, len + JSON_DEPTH_MAX + 1);
	good = object_merge(&m, patch) && m.p == m.end;
	buf_release(&m.names);
	return good ? 0
		    : err_set(e, ERR_INVALID, "the text that a patch is for is damaged at byte %zu",
			      (size_t)(m.p - text));
}
