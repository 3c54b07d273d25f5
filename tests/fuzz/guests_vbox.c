// SPDX-License-Identifier: Apache-2.0
/* VBoxManage in its three forms. */
#include "guests_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return guests_fuzz("vboxmanage", data, size);
}
