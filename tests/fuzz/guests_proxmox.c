// SPDX-License-Identifier: Apache-2.0
/* Proxmox' files. */
#include "guests_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return guests_fuzz("proxmox-conf", data, size);
}
