// SPDX-License-Identifier: Apache-2.0
/* What docker inspect prints. */
#include "guests_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return guests_fuzz("docker-inspect", data, size);
}
