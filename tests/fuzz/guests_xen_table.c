// SPDX-License-Identifier: Apache-2.0
/* The table of xl list. */
#include "guests_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return guests_fuzz("xl-list", data, size);
}
