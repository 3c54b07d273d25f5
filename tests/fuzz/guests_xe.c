// SPDX-License-Identifier: Apache-2.0
/* Blocks of xe. */
#include "guests_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return guests_fuzz("xe-vm-param-list", data, size);
}
