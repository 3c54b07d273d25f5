/* SPDX-License-Identifier: Apache-2.0 */
/* Compact JSON holds no newline, so data is one line; a newline in a name would end its line and is left out with all that
 * is no printable character. */
#include "server/sse.h"

int sse_print(const char *event, int64_t id, const struct json *data, struct buf *out)
{
	if (id)
		buf_printf(out, "id: %lld\n", (long long)id);
	buf_adds(out, "event: ");
	for (const char *p = event; *p; p++)
		if (*p > ' ' && *p != 0x7f)
			buf_addc(out, *p);
	buf_adds(out, "\ndata: ");
	json_print(data, out);
	buf_adds(out, "\n\n");
	return out->full ? -1 : 0;
}
