// SPDX-License-Identifier: Apache-2.0
/* libxl's JSON. */
#include "guests_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return guests_fuzz("xl-list-l", data, size);
}
