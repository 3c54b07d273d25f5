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
		json_free(from);
		json_free(to);
	}
	json_free(a);
	json_free(b);
	return 0;
}
