// SPDX-License-Identifier: Apache-2.0
/* Configurations of Xen's domains. */
#include "guests_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return guests_fuzz("xl-cfg", data, size);
}
