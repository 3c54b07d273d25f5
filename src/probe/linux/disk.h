/* SPDX-License-Identifier: Apache-2.0 */
/* Parsers of the subject disk. */
#ifndef HIM_PROBE_LINUX_DISK_H
#define HIM_PROBE_LINUX_DISK_H

#include <stddef.h>

/* What kind a device of /sys/block is by its name: "disk", "nvme", "virtio" …, "mapped" for
 * device-mapper, NULL for what is no disk (loop, ram, zram, the boot areas of an mmc). */
const char *disk_kind(const char *name);

/* SCSI vital product data, page 0x80: the unit's serial number, trimmed, into out. "" when there
 * is none. */
void disk_serial_parse(const void *page, size_t len, char *out, size_t size);

#endif
