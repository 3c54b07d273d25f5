// SPDX-License-Identifier: Apache-2.0
/* Xen's S-expressions, and JSON. */
#include "guests_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return guests_fuzz("xm-list-l", data, size);
}
