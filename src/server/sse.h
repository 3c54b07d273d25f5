/* SPDX-License-Identifier: Apache-2.0 */
/* Server-sent events, as the HTML standard frames them (section 9.2). */
#ifndef HIM_SERVER_SSE_H
#define HIM_SERVER_SSE_H

#include "base/buf.h"
#include "base/json.h"
#include <stdint.h>

/* Appends one event: its name (one word), its id unless that is 0, its data as one line of JSON. -1: over the ceiling. */
int sse_print(const char *event, int64_t id, const struct json *data, struct buf *out);

#endif
