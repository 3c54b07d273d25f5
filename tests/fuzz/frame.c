/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever frames come out of it are printed again as the same bytes. */
#include "wire/frame.h"
#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = ERR_INIT;
	struct frame f;
	struct buf b;
	size_t pos = 0;
	char route[513];

	buf_init(&b, 4u << 20);
	while (frame_next((const char *)data, size, &pos, &f, &e) > 0) {
		if (frame_text(&f, "route", route, sizeof route) < 0)
			continue;
		buf_clear(&b);
		assert(frame_add_with(&b, &f, "route", route) == 0);
		assert(b.len <= f.raw_len && f.body_len <= f.raw_len);
	}
	buf_release(&b);
	return 0;
}
