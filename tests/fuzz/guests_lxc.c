// SPDX-License-Identifier: Apache-2.0
/* Configurations of LXC. */
#include "guests_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return guests_fuzz("lxc-config", data, size);
}
