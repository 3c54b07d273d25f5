// SPDX-License-Identifier: Apache-2.0
/* A disk's page of vital product data. */
#include "probe/linux/disk.h"
#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char serial[64];
	disk_serial_parse(data, size, serial, sizeof(serial));
	assert(strlen(serial) < sizeof(serial));
	return 0;
}
