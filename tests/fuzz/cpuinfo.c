// SPDX-License-Identifier: Apache-2.0
/* /proc/cpuinfo, and lists of processors from the same bytes. */
#include "base/arena.h"
#include "probe/linux/cpu.h"
#include <assert.h>
#include <stdlib.h>

static void each(void *ctx, int cpu)
{
	assert(cpu >= 0 && cpu < CPU_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cpuinfo info;
	int first;
	if (cpuinfo_parse((const char *)data, size, &info, NULL) == 0)
		assert(info.sockets <= info.cores && info.cores <= info.threads + 1);
	char *text = xstrndup((const char *)data, size);
	if (cpu_list_parse(text, &first, each, NULL) > 0)
		assert(first >= 0 && first < CPU_MAX);
	free(text);
	return 0;
}
