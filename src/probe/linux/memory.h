/* SPDX-License-Identifier: Apache-2.0 */
/* Parser of the subject memory. */
#ifndef HIM_PROBE_LINUX_MEMORY_H
#define HIM_PROBE_LINUX_MEMORY_H

#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

struct meminfo {
	int64_t memory_bytes, swap_bytes; /* -1 where it does not say */
};

/* /proc/meminfo: lines "MemTotal: 16316412 kB". Fails when a line that is looked for holds no
 * such number. */
int meminfo_parse(const char *text, size_t len, struct meminfo *out, struct err *e);

#endif
