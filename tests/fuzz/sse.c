// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a stream of events: the same events come out whole or a byte at a time. */
#include "cli/sse.h"
#include <assert.h>
#include <string.h>

static bool note(void *ctx, const char *kind, const char *id, const char *data)
{
	buf_printf(ctx, "%s/%s/%s;", kind, id ? id : "", data);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct buf whole, pieces;
	struct sse s;
	int rc = 0;
	buf_init(&whole, 1 << 22);
	buf_init(&pieces, 1 << 22);
	sse_init(&s, note, &whole);
	assert(sse_feed(&s, text, size) >= -1);
	sse_release(&s);
	sse_init(&s, note, &pieces);
	for (size_t i = 0; i < size && rc == 0; i++)
		rc = sse_feed(&s, text + i, 1);
	sse_release(&s);
	assert(strcmp(buf_str(&whole), buf_str(&pieces)) == 0);
	buf_release(&whole);
	buf_release(&pieces);
	return 0;
}
