// SPDX-License-Identifier: Apache-2.0
/* Foreign text in a page: what comes out is UTF-8, opens no tag, ends no attribute, and holds no control character. */
#include "server/html.h"
#include "base/text.h"
#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	const char *text = arena_strndup(a, (const char *)data, size);
	struct buf b;

	buf_init(&b, 6 * size + 16);
	html_text(&b, text);
	assert(!b.full && text_utf8_valid(buf_str(&b), b.len));
	assert(!strpbrk(buf_str(&b), "<>\"'"));
	for (size_t i = 0; i < b.len; i++)
		assert((unsigned char)b.data[i] >= 0x20 || b.data[i] == '\t' || b.data[i] == '\n');
	for (const char *p = html_url(text, a); *p; p++)
		assert(strchr(
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%", *p));
	buf_release(&b);
	arena_free(a);
	return 0;
}
