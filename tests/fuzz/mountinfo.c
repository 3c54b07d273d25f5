// SPDX-License-Identifier: Apache-2.0
/* The mount table, and which of its mounts are told. */
#include "probe/linux/filesystem.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct mount *mounts;
	size_t n;
	if (mountinfo_parse((const char *)data, size, a, &mounts, &n, NULL) == 0) {
		size_t told = mounts_pick(mounts, n);
		assert(told <= n);
		for (size_t i = 0; i < told; i++)
			mount_is_network(&mounts[i]);
	}
	arena_free(a);
	return 0;
}
