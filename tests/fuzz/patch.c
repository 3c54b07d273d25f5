// SPDX-License-Identifier: Apache-2.0
/* Two JSON texts parted by a NUL byte: the difference laid over the first gives the second. */
#include "model/patch.h"
#include <assert.h>
#include <string.h>

static void check_round_trip(const struct json *from, const struct json *to)
{
	struct json *patch = patch_diff(from, to);
	struct json *made = patch ? patch_apply(json_copy(from), patch) : json_copy(from);
	assert(json_equal(made, to));
	json_free(made);
	json_free(patch);
}

/* Over text as over values; and over any bytes at all without a step outside of them. */
static void check_text(const struct json *from, struct json *patch, const void *data, size_t size)
{
	struct buf text, made, want, any;
	struct json *patched = patch_apply(json_copy(from), patch), *copy = json_copy(patch);

	buf_init(&text, 1 << 24);
	buf_init(&made, 1 << 24);
	buf_init(&want, 1 << 24);
	buf_init(&any, 1 << 24);
	json_print(from, &text);
	json_print(patched, &want);
	(void)patch_text(data, size, copy, &any, NULL);
	assert(patch_text(text.data, text.len, patch, &made, NULL) == 0);
	assert(strcmp(made.data, want.data) == 0);
	buf_release(&text);
	buf_release(&made);
	buf_release(&want);
	buf_release(&any);
	json_free(copy);
	json_free(patched);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *cut = size ? memchr(data, 0, size) : NULL;
	if (!cut)
		return 0;
	size_t first = (size_t)(cut - data);
	struct json *a = json_parse((const char *)data, first, NULL);
	struct json *b = json_parse((const char *)cut + 1, size - first - 1, NULL);
	if (a && b) {
		struct json *from = patch_apply(NULL, a), *to = patch_apply(NULL, b);
		check_round_trip(from, to);
		check_round_trip(to, from);
		struct json *patched = patch_apply(json_copy(from), b);
		check_round_trip(from, patched);
		json_free(patched);
		if (json_type(from) == JSON_OBJECT && json_type(b) == JSON_OBJECT)
			check_text(from, b, data, first);
		json_free(from);
		json_free(to);
	}
	json_free(a);
	json_free(b);
	return 0;
}
