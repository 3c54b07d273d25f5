// SPDX-License-Identifier: Apache-2.0
/* Which devices are disks, what they say of themselves, and which bytes are the machine's own. */
#include "probe/linux/disk.h"
#include "root.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const struct {
	const char *name, *kind;
} kinds[] = {
	{"sda", "disk"},
	{"hda", "disk"},
	{"dasda", "disk"},
	{"nvme0n1", "nvme"},
	{"vda", "virtio"},
	{"xvda", "xen"},
	{"mmcblk0", "mmc"},
	{"mmcblk0boot0", NULL},
	{"mmcblk0rpmb", NULL},
	{"md127", "md"},
	{"sr0", "optical"},
	{"fd0", "floppy"},
	{"nbd3", "nbd"},
	{"rbd0", "rbd"},
	{"drbd1", "drbd"},
	{"pmem0", "pmem"},
	{"cciss!c0d0", "disk"},
	{"dm-0", "mapped"},
	{"loop0", NULL},
	{"ram0", NULL},
	{"zram0", NULL},
	{"zd0", "other"},
};

static void test_kinds(void **state)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const char *kind = disk_kind(kinds[i].name);
		if (kinds[i].kind)
			assert_string_equal(kind, kinds[i].kind);
		else
			assert_null(kind);
	}
}

static void test_serials(void **state)
{
	char out[16];
	disk_serial_parse("\0\x80\0\x06 AB12 ", 10, out, sizeof(out));
	assert_string_equal(out, "AB12");
	disk_serial_parse(
		"\0\x80\0\x07 AB12 ", 10, out, sizeof(out)); /* claims more than there is */
	assert_string_equal(out, "");
	disk_serial_parse("\0\x83\0\x04"
			  "ABCD",
		8, out, sizeof(out));
	assert_string_equal(out, "");
	disk_serial_parse("\0\x80\0\x10"
			  "0123456789abcdef",
		20, out, sizeof(out));
	assert_string_equal(out, "");
	disk_serial_parse("\0\x80", 2, out, sizeof(out));
	assert_string_equal(out, "");
}

static void put(const char *root, const char *disk, const char *file, const char *text)
{
	char path[256];
	snprintf(path, sizeof(path), "/sys/block/%s/%s", disk, file);
	root_text(root, path, text);
}

static void test_section(void **state)
{
	char *root = root_make();
	put(root, "sda", "size", "2048\n");
	put(root, "sda", "device/model", "ST4000NM0035    \n");
	put(root, "sda", "device/vendor", "ATA     \n");
	put(root, "sda", "device/wwid", "naa.5000c500a1b2c3d4\n");
	put(root, "sda", "queue/rotational", "1\n");
	root_file(root, "/sys/block/sda/device/vpd_pg80", "\0\x80\0\x04ZC11", 8);
	put(root, "sdb", "size", "2048\n"); /* the second path to sda */
	put(root, "sdb", "device/wwid", "naa.5000c500a1b2c3d4\n");
	put(root, "sdc", "size", "100\n");
	put(root, "sdc", "removable", "1\n");
	put(root, "vda", "size", "4096\n");
	put(root, "vda", "device/vendor", "0x1af4\n");
	put(root, "vda", "serial", "disk-1\n");
	put(root, "vda", "ro", "1\n");
	put(root, "nvme0c0n1", "size", "8\n");
	put(root, "nvme0c0n1", "hidden", "1\n");
	put(root, "sr0", "size", "0\n");
	put(root, "sr0", "removable", "1\n");
	put(root, "cciss!c0d0", "size", "2\n");
	put(root, "dm-0", "size", "2048\n");
	put(root, "loop0", "size", "2048\n");
	put(root, "nbd0", "size", "0\n");
	struct json *doc = root_document(root);
	assert_json(json_get(doc, "disk"),
		"{\"sda\":{\"kind\":\"disk\",\"size\":1048576,\"model\":\"ST4000NM0035\","
		"\"vendor\":\"ATA\","
		"\"wwid\":\"naa.5000c500a1b2c3d4\",\"serial\":\"ZC11\",\"rotational\":true},"
		"\"sdb\":{\"kind\":\"disk\",\"size\":1048576,\"wwid\":\"naa.5000c500a1b2c3d4\"},"
		"\"sdc\":{\"kind\":\"disk\",\"size\":51200,\"removable\":true},"
		"\"vda\":{\"kind\":\"virtio\",\"size\":2097152,\"serial\":\"disk-1\",\"read_only\":"
		"true},"
		"\"sr0\":{\"kind\":\"optical\",\"removable\":true},"
		"\"cciss/c0d0\":{\"kind\":\"disk\",\"size\":1024}}");
	int64_t own = 0, mapped = 0;
	json_to_int(json_get(json_get(doc, "attributes"), "him.disk"), &own);
	json_to_int(json_get(json_get(doc, "attributes"), "him.mapped_disks"), &mapped);
	assert_int_equal(own, 1048576 + 2097152 + 1024);
	assert_int_equal(mapped, 1);
	json_free(doc);
	root_remove(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_serials),
		cmocka_unit_test(test_section),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
