// SPDX-License-Identifier: Apache-2.0
/* Command lines of QEMU. */
#include "guests_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return guests_fuzz("qemu-cmdline", data, size);
}
