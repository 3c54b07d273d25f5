// SPDX-License-Identifier: Apache-2.0
/*
 * Disks: the whole block devices of /sys/block, which lists no partitions. What a disk is, its
 * driver's naming tells; what it says of itself stands in files that differ by driver, tried in
 * order.
 *
 * "him.disk" adds up what is the machine's own: disks that stay in, and each of them once,
 * though several paths may lead to it (multipath). Arrays, network block devices and mapped
 * devices lie on others or elsewhere.
 */
#include "probe/linux/disk.h"
#include "base/text.h"
#include "probe/linux/look.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR_BYTES 512 /* of /sys, whatever the disk's own */

static const struct kind {
	const char *prefix, *kind; /* kind NULL: no disk */
	bool own;                  /* its bytes are the machine's */
} kinds[] = {
	{"loop", NULL, false},
	{"ram", NULL, false},
	{"zram", NULL, false},
	{"mtdblock", NULL, false},
	{"dm-", "mapped", false},
	{"nvme", "nvme", true},
	{"vd", "virtio", true},
	{"xvd", "xen", true},
	{"sd", "disk", true},
	{"hd", "disk", true},
	{"dasd", "disk", true},
	{"cciss", "disk", true},
	{"mmcblk", "mmc", true},
	{"pmem", "pmem", true},
	{"md", "md", false},
	{"sr", "optical", false},
	{"fd", "floppy", false},
	{"nbd", "nbd", false},
	{"rbd", "rbd", false},
	{"drbd", "drbd", false},
	{"", "other", false},
};

static const struct kind *kind_of(const char *name)
{
	const struct kind *k = kinds;
	while (!text_starts(name, k->prefix))
		k++;
	return k;
}

const char *disk_kind(const char *name)
{
	if (text_starts(name, "mmcblk") && (strstr(name, "boot") || strstr(name, "rpmb")))
		return NULL;
	return kind_of(name)->kind;
}

void disk_serial_parse(const void *page, size_t len, char *out, size_t size)
{
	const unsigned char *p = page;
	size_t n = 0;

	out[0] = 0;
	if (len < 4 || p[1] != 0x80)
		return;
	size_t told = (size_t)p[2] << 8 | p[3];
	if (told > len - 4 || told >= size)
		return;
	for (size_t i = 0; i < told; i++)
		if (isprint(p[4 + i]))
			out[n++] = (char)p[4 + i];
	out[n] = 0;
	char *start = text_trim(out);
	memmove(out, start, strlen(start) + 1);
}

static void tell_serial(const struct probe_env *env, const char *name, struct json *disk)
{
	char path[PATH_MAX], serial[256];
	struct buf page;

	if (subject_line(env, serial, sizeof(serial), "/sys/block/%s/device/serial", name) ||
		subject_line(env, serial, sizeof(serial), "/sys/block/%s/serial", name)) {
		subject_text(disk, "serial", serial);
		return;
	}
	snprintf(path, sizeof(path), "/sys/block/%s/device/vpd_pg80", name);
	buf_init(&page, 4096);
	if (subject_read(env, path, &page, NULL) == 0) {
		disk_serial_parse(buf_str(&page), page.len, serial, sizeof(serial));
		subject_text(disk, "serial", serial);
	}
	buf_release(&page);
}

static void tell_maker(const struct probe_env *env, const char *name, struct json *disk)
{
	char line[256];
	if (subject_line(env, line, sizeof(line), "/sys/block/%s/device/model", name) ||
		subject_line(env, line, sizeof(line), "/sys/block/%s/device/name", name))
		subject_text(disk, "model", line);
	/* virtio has the PCI number there */
	if (subject_line(env, line, sizeof(line), "/sys/block/%s/device/vendor", name) &&
		!text_starts(line, "0x"))
		subject_text(disk, "vendor", line);
	if (subject_line(env, line, sizeof(line), "/sys/block/%s/wwid", name) ||
		subject_line(env, line, sizeof(line), "/sys/block/%s/device/wwid", name))
		subject_text(disk, "wwid", line);
}

static bool is_set(const struct probe_env *env, const char *name, const char *file)
{
	int64_t v;
	return subject_number(env, &v, "/sys/block/%s/%s", name, file) && v != 0;
}

/* NULL when the device is there but stands for no disk. */
static struct json *describe(const struct probe_env *env, const char *name, const char *kind)
{
	int64_t sectors = 0, v;

	subject_number(env, &sectors, "/sys/block/%s/size", name);
	if (is_set(env, name, "hidden") || (sectors <= 0 && strcmp(kind, "optical") != 0))
		return NULL;
	struct json *disk = json_object();
	json_set_string(disk, "kind", kind);
	if (sectors > 0 && sectors < INT64_MAX / SECTOR_BYTES)
		json_set_int(disk, "size", sectors * SECTOR_BYTES);
	tell_maker(env, name, disk);
	tell_serial(env, name, disk);
	if (subject_number(env, &v, "/sys/block/%s/queue/rotational", name))
		json_set_bool(disk, "rotational", v != 0);
	if (is_set(env, name, "removable"))
		json_set_bool(disk, "removable", true);
	if (is_set(env, name, "ro"))
		json_set_bool(disk, "read_only", true);
	return disk;
}

/* Adds the bytes of one disk unless its world-wide id was met before. */
static void add_own_bytes(const struct json *disk, struct json *met, int64_t *total)
{
	const char *wwid = json_str(json_get(disk, "wwid"));
	int64_t size;

	if (json_has(disk, "removable") || json_to_int(json_get(disk, "size"), &size) ||
		(wwid && json_has(met, wwid)) || *total > INT64_MAX - size)
		return;
	if (wwid)
		json_set_bool(met, wwid, true);
	*total += size;
}

struct sum {
	struct json *met; /* world-wide ids */
	int64_t own_bytes, mapped;
};

static int look_at_disk(const struct probe_env *env, const char *name, struct subject_out *out,
	struct sum *sum, struct err *e)
{
	const char *kind = disk_kind(name);
	if (!kind)
		return 0;
	if (strcmp(kind, "mapped") == 0) {
		sum->mapped++;
		return 0;
	}
	struct json *disk = describe(env, name, kind);
	if (!disk)
		return 0;
	if (kind_of(name)->own)
		add_own_bytes(disk, sum->met, &sum->own_bytes);

	char key[NAME_MAX + 1]; /* /sys writes '!' where the device's name has '/' */
	size_t len = strlen(name);
	for (size_t i = 0; i <= len; i++)
		key[i] = name[i] == '!' ? '/' : name[i];
	return subject_add(out, key, disk, e);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int disk_look(const struct probe_env *env, struct subject_out *out, struct err *e)
{
	struct sum sum = {0};
	struct dirent **entries;
	char path[PATH_MAX];
	int r = 0;

	if (subject_path(env, path, "/sys/block"))
		return 0;
	int n = scandir(path, &entries, is_visible, versionsort);
	if (n < 0)
		return errno == ENOENT ? 0 : err_errno(e, "cannot list %s", path);

	sum.met = json_object();
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = look_at_disk(env, entries[i]->d_name, out, &sum, e);
		free(entries[i]);
	}
	free(entries);
	json_free(sum.met);
	json_set_int(out->attributes, "him.disk", sum.own_bytes);
	if (sum.mapped > 0)
		json_set_int(out->attributes, "him.mapped_disks", sum.mapped);
	return r;
}
