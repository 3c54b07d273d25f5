// SPDX-License-Identifier: Apache-2.0
/* /proc/meminfo. */
#include "probe/linux/memory.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct meminfo info;
	if (meminfo_parse((const char *)data, size, &info, NULL) == 0)
		assert(info.memory_bytes >= -1 && info.swap_bytes >= -1);
	return 0;
}
