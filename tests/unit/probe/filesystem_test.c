// SPDX-License-Identifier: Apache-2.0
/* Mount tables: what a line says, and which of many mounts are told. */
#include "probe/linux/filesystem.h"
#include "probe/subject.h"
#include "root.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct mount *parse(struct arena *a, const char *text, size_t *n)
{
	struct err e = ERR_INIT;
	struct mount *mounts;
	if (mountinfo_parse(text, strlen(text), a, &mounts, n, &e))
		fail_msg("%s: %s", text, e.text);
	return mounts;
}

static void test_lines(void **state)
{
	struct arena *a = arena_new();
	size_t n;
	struct mount *m = parse(a,
		"27 1 254:1 / / rw,relatime shared:1 master:2 - ext4 /dev/vda1 rw,discard\n"
		"28 27 0:50 /a\\040b /mnt/x\\011y\\134 ro,nosuid - nfs4 srv:/a\\040b rw\n"
		"29 27 8:1 / /odd rw - xfs none ro\n",
		&n);
	assert_int_equal(n, 3);
	assert_int_equal(m[0].major, 254);
	assert_int_equal(m[0].minor, 1);
	assert_string_equal(m[0].root, "/");
	assert_string_equal(m[0].point, "/");
	assert_string_equal(m[0].type, "ext4");
	assert_string_equal(m[0].source, "/dev/vda1");
	assert_false(m[0].read_only);
	assert_string_equal(m[1].root, "/a b");
	assert_string_equal(m[1].point, "/mnt/x\ty\\");
	assert_string_equal(m[1].source, "srv:/a b");
	assert_true(m[1].read_only);
	assert_true(mount_is_network(&m[1]));
	assert_true(m[2].read_only); /* by the file system, not by the mount */
	arena_free(a);
}

static void test_bad_lines(void **state)
{
	static const char *const lines[] = {
		"x\n",
		"1 2 3 4 5 6 7\n",
		"27 1 254 / / rw - ext4 /dev/vda1 rw\n",
		"27 1 a:b / / rw - ext4 /dev/vda1 rw\n",
		"27 1 1:1 / / rw shared:1 ext4 /dev/vda1 rw\n",
		"27 1 1:1 / / rw - ext4\n",
		"27 1 1:1 / / rw -  ",
		"27 1 1:1 / / rw shared:1 -  ",
	};
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct arena *a = arena_new();
		struct err e = ERR_INIT;
		struct mount *m;
		size_t n;
		assert_int_equal(mountinfo_parse(lines[i], strlen(lines[i]), a, &m, &n, &e), -1);
		assert_non_null(strstr(e.text, "line 1"));
		arena_free(a);
	}
}

/* Each row: a table and the mount points that are told, in any order, joined by blanks. */
static const struct {
	const char *what, *table, *told;
} picks[] = {
	{"the kernel's own",
		"1 0 0:5 / /proc rw - proc proc rw\n2 0 0:6 / /run rw - tmpfs tmpfs rw\n", ""},
	{"a bind of a folder",
		"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:1 /var/lib/x /srv/x rw - ext4 /dev/sda1 "
		"rw\n",
		"/"},
	{"one disk at two places",
		"1 0 8:2 / /srv/data rw - xfs d rw\n2 0 8:2 / /data rw - xfs d rw\n", "/data"},
	{"subvolumes of btrfs",
		"1 0 0:30 /@ / rw - btrfs /dev/sda2 rw\n2 1 0:30 /@home /home rw - btrfs /dev/sda2 "
		"rw\n"
		"3 1 0:30 /@home /mnt/home rw - btrfs /dev/sda2 rw\n",
		"/ /home"},
	{"exports of one server",
		"1 0 0:40 / /mnt/a rw - nfs4 s:/a rw\n2 0 0:40 / /mnt/b rw - nfs4 s:/b rw\n"
		"3 0 0:40 / /pods/a rw - nfs4 s:/a rw\n",
		"/mnt/a /mnt/b"},
	{"one mount over another", "1 0 8:1 / /mnt rw - ext4 a rw\n2 0 8:2 / /mnt rw - xfs b rw\n",
		"/mnt"},
	{"memory over a disk", "1 0 8:1 / /mnt rw - ext4 a rw\n2 0 0:9 / /mnt rw - tmpfs t rw\n",
		""},
	{"a host of containers",
		"1 0 8:1 / / rw - ext4 a rw\n2 1 0:60 / /var/lib/docker/overlay2/x/merged rw - "
		"overlay overlay rw\n"
		"3 1 0:4 net:[4026532] /run/docker/netns/x rw - nsfs nsfs rw\n",
		"/"},
	{"a container",
		"1 0 0:60 / / rw - overlay overlay rw\n2 1 8:1 /x/hosts /etc/hosts rw - ext4 a "
		"rw\n",
		"/ /etc/hosts"},
	{"an image", "1 0 7:0 / /snap/core/1 ro - squashfs /dev/loop0 ro\n", ""},
};

static size_t words(const char *text)
{
	size_t n = text[0] != 0;
	for (; *text; text++)
		n += *text == ' ';
	return n;
}

static bool has_word(const char *text, const char *word)
{
	size_t n = strlen(word);
	for (const char *p = text; p; p = strchr(p, ' '), p = p ? p + 1 : NULL)
		if (strncmp(p, word, n) == 0 && (p[n] == ' ' || p[n] == 0))
			return true;
	return false;
}

static void test_picks(void **state)
{
	for (size_t i = 0; i < sizeof(picks) / sizeof(picks[0]); i++) {
		struct arena *a = arena_new();
		size_t n;
		struct mount *m = parse(a, picks[i].table, &n);
		size_t told = mounts_pick(m, n);
		if (told != words(picks[i].told))
			fail_msg("%s: %zu told", picks[i].what, told);
		for (size_t k = 0; k < told; k++)
			if (!has_word(picks[i].told, m[k].point))
				fail_msg("%s: %s told", picks[i].what, m[k].point);
		arena_free(a);
	}
}

static void test_section(void **state)
{
	char *root = root_make();
	root_text(root, "/proc/self/mountinfo",
		"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:40 / /mnt/a\\040b ro - nfs4 s:/a ro\n");
	struct json *doc = root_document(root);
	assert_json(json_get(doc, "filesystem"),
		"{\"/\":{\"type\":\"ext4\",\"source\":\"/dev/sda1\"},"
		"\"/mnt/a "
		"b\":{\"type\":\"nfs4\",\"source\":\"s:/a\",\"network\":true,\"read_only\":true}}");
	json_free(doc);
	root_remove(root);
}

/* A file system that fills slowly and breathes around a boundary is told rarely. */
static void test_steady_percent(void **state)
{
	struct json *told = json_int(50);
	assert_int_equal(subject_steady_percent(47.4, NULL), 45);
	assert_int_equal(subject_steady_percent(47.6, NULL), 50);
	assert_int_equal(subject_steady_percent(100, NULL), 100);
	assert_int_equal(subject_steady_percent(0, NULL), 0);
	assert_int_equal(subject_steady_percent(54.9, told), 50);
	assert_int_equal(subject_steady_percent(45.1, told), 50);
	assert_int_equal(subject_steady_percent(55, told), 55);
	assert_int_equal(subject_steady_percent(44.9, told), 45);
	json_free(told);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_picks),
		cmocka_unit_test(test_section),
		cmocka_unit_test(test_steady_percent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
