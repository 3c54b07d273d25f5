// SPDX-License-Identifier: Apache-2.0
/* Any text: refused with a sentence, or a value that prints, both ways, as text that gives an equal value. */
#include "base/json.h"
#include <assert.h>
#include <string.h>

#define PRINTED_MAX (64u << 20)

static void check(const struct json *j, int (*print)(const struct json *, struct buf *))
{
	struct err e = ERR_INIT;
	struct buf out, again;
	buf_init(&out, PRINTED_MAX);
	buf_init(&again, PRINTED_MAX);
	assert(print(j, &out) == 0);
	struct json *back = json_parse(buf_str(&out), out.len, &e);
	assert(back && json_equal(j, back));
	assert(print(back, &again) == 0);
	assert(out.len == again.len && memcmp(buf_str(&out), buf_str(&again), out.len) == 0);
	json_free(back);
	buf_release(&out);
	buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = ERR_INIT;
	struct json *j = json_parse((const char *)data, size, &e);
	if (!j) {
		assert(e.code == ERR_INVALID && *e.text);
		return 0;
	}
	check(j, json_print);
	check(j, json_print_pretty);
	struct json *copy = json_copy(j);
	assert(json_equal(j, copy));
	json_free(copy);
	json_free(j);
	return 0;
}
