/* SPDX-License-Identifier: Apache-2.0 */
/* Times as people say them: 2026-01-02T03:04:05Z, 2026-01-02, 14:05 (the last time it was), "2h ago". */
#ifndef HIM_CLI_WHEN_H
#define HIM_CLI_WHEN_H

#include "base/err.h"
#include <stdint.h>

/* ERR_USAGE, naming `field`. Days and times of day are local. The result is never later than now_ms, except as RFC 3339. */
int when_parse(const char *text, const char *field, int64_t now_ms, int64_t *out, struct err *e);

#endif
