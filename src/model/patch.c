// SPDX-License-Identifier: Apache-2.0
/*
 * Merge patches after RFC 7396. A report is a document of a few thousand values of which, an
 * hour later, two have changed; the patch holds those two.
 *
 * The idea: an object is the only thing that can be changed in part. Where both sides are
 * objects the difference goes on below; everywhere else the new value replaces the old one
 * whole. For each pair of documents there is exactly one patch of the smallest size, which is
 * why nothing is searched here.
 *
 * Invariants:
 *  1. patch_apply(from, patch_diff(from, to)) equals to (for documents without null members);
 *  2. patch_apply adds no null member, whatever the patch says;
 *  3. neither function makes anything deeper than its arguments, so the depth limit of the JSON
 *     parser (JSON_DEPTH_MAX) also limits the recursion here.
 */
#include "model/patch.h"
#include <assert.h>

static bool is_object(const struct json *j)
{
	return json_type(j) == JSON_OBJECT;
}

static bool is_absent(const struct json *j)
{
	return json_type(j) == JSON_NULL;
}

/* Members of patch into object. */
static void merge(struct json *object, const struct json *patch)
{
	struct json_iter it = json_iter(patch);
	while (json_next(&it)) {
		if (is_absent(it.value)) {
			json_del(object, it.key);
		} else if (!is_object(it.value)) {
			json_set(object, it.key, json_copy(it.value));
		} else {
			struct json *child = json_get(object, it.key);
			if (!is_object(child)) {
				child = json_object();
				json_set(object, it.key, child);
			}
			merge(child, it.value);
		}
	}
}

/* `to` is an object: as a patch for something that is none, it is itself without null members. */
static struct json *whole(const struct json *to)
{
	struct json *copy = json_object();
	merge(copy, to);
	return copy;
}

static struct json *diff_objects(const struct json *from, const struct json *to)
{
	struct json *patch = json_object();

	struct json_iter it = json_iter(from);
	while (json_next(&it))
		if (!is_absent(it.value) && is_absent(json_get(to, it.key)))
			json_set(patch, it.key, json_null());

	it = json_iter(to);
	while (json_next(&it)) {
		struct json *change = patch_diff(json_get(from, it.key), it.value);
		if (change && !is_absent(change))
			json_set(patch, it.key, change);
		else
			json_free(change);
	}
	if (json_len(patch) > 0)
		return patch;
	json_free(patch);
	return NULL;
}

struct json *patch_diff(const struct json *from, const struct json *to)
{
	if (is_object(to))
		return is_object(from) ? diff_objects(from, to) : whole(to);
	if (is_absent(from) && is_absent(to))
		return NULL;
	if (json_equal(from, to))
		return NULL;
	return is_absent(to) ? json_null() : json_copy(to);
}

struct json *patch_apply(struct json *target, const struct json *patch)
{
	assert(!target || target != patch);
	if (!is_object(patch)) {
		json_free(target);
		return is_absent(patch) ? json_null() : json_copy(patch);
	}
	if (!is_object(target)) {
		json_free(target);
		target = json_object();
	}
	merge(target, patch);
	return target;
}
