// SPDX-License-Identifier: Apache-2.0
/* Cursors: what is taken makes the same cursor again, and what was made is taken. */
#include "server/cursor.h"
#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text, bool descending, bool number, struct arena *a)
{
	struct cursor x = {.sort = number ? "host.memory" : "name",
			      .descending = descending,
			      .number = number},
		      y;
	const char *again;

	if (cursor_take(text, &x, a, NULL) < 0)
		return;
	again = cursor_make(&x, a);
	y = (struct cursor){.sort = x.sort, .descending = descending, .number = number};
	assert(again && cursor_take(again, &y, a, NULL) == 0);
	assert(strcmp(x.id, y.id) == 0 && strcmp(x.value, y.value) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	const char *text = arena_strndup(a, (const char *)data, size);
	struct cursor made = {.sort = "name", .id = "01hzy3m9ecv4k7p0s8b2nq5xwt", .value = text};

	check(text, false, false, a);
	check(text, true, false, a);
	check(text, false, true, a);
	text = cursor_make(&made, a);
	if (text)
		check(text, false, false, a);
	arena_free(a);
	return 0;
}
