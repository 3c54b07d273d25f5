// SPDX-License-Identifier: Apache-2.0
/*
 * The whole of a document: captured machines against their golden documents, the engine's care
 * about when to look, its limits, and that every name a probe tells is written down.
 *
 * HIM_GOLDEN=write makes the golden documents anew; the difference is then for the reviewer to
 * judge.
 */
#include "probe/probe.h"
#include "base/arena.h"
#include "base/file.h"
#include "root.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static const char *const machines[] = {"debian12", "rocky9", "arm64"};

/* The version changes with every release and says nothing about a machine. */
static struct json *captured_document(const char *name)
{
	char *root = xasprintf("%s/roots/%s", TEST_DATA, name);
	struct json *doc = root_document(root);
	json_del(json_get(doc, "attributes"), "him.version");
	free(root);
	return doc;
}

static void test_golden(void **state)
{
	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
		struct err e = ERR_INIT;
		struct buf text;
		struct json *doc = captured_document(machines[i]);
		char *golden = xasprintf("%s/roots/%s.json", TEST_DATA, machines[i]);
		buf_init(&text, 1 << 20);
		if (getenv("HIM_GOLDEN")) {
			json_print_pretty(doc, &text);
			buf_addc(&text, '\n');
			if (file_write(golden, text.data, text.len, 0644, &e))
				fail_msg("%s", e.text);
			buf_clear(&text);
		}
		if (file_read(golden, &text, &e))
			fail_msg("%s", e.text);
		assert_json(doc, buf_str(&text));
		json_free(doc);
		buf_release(&text);
		free(golden);
	}
}

static void test_print(void **state)
{
	char *root = xasprintf("%s/roots/%s", TEST_DATA, machines[0]);
	struct err e = ERR_INIT;
	struct buf text;
	buf_init(&text, 1 << 20);
	if (probe_print(root, NULL, &text, &e))
		fail_msg("%s", e.text);
	struct json *doc = root_document(root);
	assert_json(doc, buf_str(&text));
	json_free(doc);
	buf_release(&text);
	buf_init(&text, 100);
	assert_int_equal(probe_print(root, NULL, &text, &e), -1);
	assert_non_null(strstr(e.text, "100 bytes"));
	buf_release(&text);
	free(root);
}

/* ---- every name is in model.def or document.def ---- */

enum {
	KEY = 0,
	INDEX = 0,
	HIDDEN = 0,
	AGENT = 1,
	QUERY = 0,
	NULLABLE = 0,
	BIGBODY = 0,
	ASSIGNED = 0
};
#include "model/model.def"
#include "probe/document.def"

struct attribute_row {
	const char *name;
	int of_agent;
};
static const struct attribute_row attribute_rows[] = {
#define FIELD(member, type, name, flags, what) {name, ((flags)&AGENT) != 0},
	MACHINE_FIELDS(FIELD)
#undef FIELD
#define ATTRIBUTE(name, type, what) {name, 1},
		PROBE_ATTRIBUTES(ATTRIBUTE)
#undef ATTRIBUTE
};

static const struct {
	const char *section, *name;
} member_rows[] = {
#define MEMBER(section, name, type, what) {#section, name},
	PROBE_MEMBERS(MEMBER)
#undef MEMBER
};

static bool is_attribute(const char *name)
{
	for (size_t i = 0; i < sizeof(attribute_rows) / sizeof(attribute_rows[0]); i++)
		if (attribute_rows[i].of_agent && strcmp(attribute_rows[i].name, name) == 0)
			return true;
	return false;
}

static bool is_member(const char *section, const char *name)
{
	for (size_t i = 0; i < sizeof(member_rows) / sizeof(member_rows[0]); i++)
		if (strcmp(member_rows[i].section, section) == 0 &&
			strcmp(member_rows[i].name, name) == 0)
			return true;
	return false;
}

static void check_section(const char *name, struct json *section)
{
	struct json_iter entry = json_iter(section);
	while (json_next(&entry)) {
		struct json_iter member = json_iter(entry.value);
		while (json_next(&member))
			if (!is_member(name, member.key))
				fail_msg("%s of %s is not in document.def", member.key, name);
	}
}

static void check_names(struct json *doc)
{
	struct json_iter it = json_iter(json_get(doc, "attributes"));
	while (json_next(&it))
		if (!is_attribute(it.key))
			fail_msg("%s is neither in model.def nor in document.def", it.key);
	it = json_iter(doc);
	while (json_next(&it))
		if (strcmp(it.key, "attributes") != 0)
			check_section(it.key, it.value);
}

static void test_names(void **state)
{
	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
		struct json *doc = captured_document(machines[i]);
		check_names(doc);
		json_free(doc);
	}
	struct json *doc = root_document("");
	check_names(doc);
	json_free(doc);
}

/* ---- when the engine looks ---- */

static const char paragraph[] =
	"Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n";

/* A file that is changed behind its stamp (same inode, size and times) is not read again. */
static void test_unchanged_source(void **state)
{
	char *root = root_make(), *path = xasprintf("%s/var/lib/dpkg/status", root);
	root_text(root, "/var/lib/dpkg/status", paragraph);
	struct probe_ctx *p = probe_open(root);
	struct json *doc = json_object();
	assert_true(probe_changed(p));
	assert_int_equal(probe_collect(p, doc, NULL), 0);
	assert_false(probe_changed(p));

	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	FILE *f = fopen(path, "r+");
	assert_non_null(f);
	fseek(f, (long)(strstr(paragraph, ": 1") - paragraph) + 2, SEEK_SET);
	fputs("2", f);
	fclose(f);
	struct timespec times[2] = {st.st_atim, st.st_mtim};
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	assert_false(probe_changed(p));
	assert_json(json_get(json_get(doc, "package"), "a:all"), "\"1\"");

	times[1].tv_sec++;
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	assert_true(probe_changed(p));
	assert_true(probe_changed(p)); /* until it is told */
	json_free(doc);
	doc = json_object();
	assert_int_equal(probe_collect(p, doc, NULL), 0);
	assert_json(json_get(json_get(doc, "package"), "a:all"), "\"2\"");
	assert_false(probe_changed(p));
	json_free(doc);
	probe_close(p);
	free(path);
	root_remove(root);
}

static void test_always_looked_at(void **state)
{
	char *root = root_make();
	root_text(root, "/proc/meminfo", "MemTotal: 1 kB\n");
	struct probe_ctx *p = probe_open(root);
	struct json *doc = json_object();
	assert_int_equal(probe_collect(p, doc, NULL), 0);
	root_text(root, "/proc/meminfo", "MemTotal: 2 kB\n");
	assert_true(probe_changed(p));
	json_free(doc);
	probe_close(p);
	root_remove(root);
}

/* The clock was set: the kernel's idea of the boot moves with it, ours only when it is a minute
 * off. */
static void test_steady_boot(void **state)
{
	static const struct {
		const char *stat, *boot_id;
		int64_t told;
	} rows[] = {{"btime 1700000000\n", "a", 1700000000000},
		{"btime 1700000059\n", "b", 1700000000000},
		{"btime 1699999941\n", "c", 1700000000000},
		{"btime 1700000060\n", "d", 1700000060000}};
	char *root = root_make();
	struct probe_ctx *p = probe_open(root);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		root_text(root, "/proc/stat", rows[i].stat);
		root_text(root, "/proc/sys/kernel/random/boot_id", rows[i].boot_id);
		struct json *doc = json_object();
		int64_t boot = 0;
		assert_int_equal(probe_collect(p, doc, NULL), 0);
		json_to_int(json_get(json_get(doc, "attributes"), "him.os.boot"), &boot);
		assert_int_equal(boot, rows[i].told);
		json_free(doc);
	}
	probe_close(p);
	root_remove(root);
}

/* ---- limits ---- */

static struct json *document_of_packages(size_t n, const char *version)
{
	char *root = root_make();
	struct buf text;
	buf_init(&text, 16 << 20);
	for (size_t i = 0; i < n; i++)
		buf_printf(&text,
			"Package: package-%zu\nStatus: install ok installed\nArchitecture: "
			"all\nVersion: %s\n\n",
			i, version);
	assert_false(text.full);
	root_file(root, "/var/lib/dpkg/status", text.data, text.len);
	struct json *doc = root_document(root);
	buf_release(&text);
	root_remove(root);
	return doc;
}

static const char *package_error(struct json *doc)
{
	return json_str(
		json_get(json_get(json_get(doc, "attributes"), "him.probe.errors"), "package"));
}

/* What is given from outside is told with what it lacks, and looked at here no more. */
static void test_given(void **state)
{
	char *root = root_make();
	struct probe_ctx *p = probe_open(root);
	struct json *doc = json_object(),
		    *guests = json_parse("{\"a:b\":{\"name\":\"b\"}}", 20, NULL);
	struct err why = ERR_INIT;
	assert_int_equal(probe_collect(p, doc, NULL), 0);
	assert_json(json_get(doc, "guests"), "{}");
	assert_false(probe_changed(p));

	err_set(&why, ERR_UNAVAILABLE, "xen: it did not end in time");
	probe_give(p, "guests", guests, &why);
	assert_true(probe_changed(p));
	json_free(doc);
	doc = json_object();
	assert_int_equal(probe_collect(p, doc, NULL), 0);
	assert_json(json_get(doc, "guests"), "{\"a:b\":{\"name\":\"b\"}}");
	assert_json(json_get(json_get(json_get(doc, "attributes"), "him.probe.errors"), "guests"),
		"\"xen: it did not end in time\"");
	probe_give(p, "guests", guests, &why); /* the same */
	probe_give(p, "guests", NULL, &why);   /* what there was */
	root_text(root, "/var/lib/lxc/box/config", "lxc.uts.name = box\n");
	assert_false(probe_changed(p));

	probe_give(p, "guests", guests, NULL); /* nothing is lacking now */
	assert_true(probe_changed(p));
	struct json *section = probe_section(p, "guests");
	assert_json(section, "{\"a:b\":{\"name\":\"b\"}}");
	json_free(section);
	json_free(guests);
	json_free(doc);
	probe_close(p);
	root_remove(root);
}

static void test_limits(void **state)
{
	struct json *doc = document_of_packages(20000, "1");
	assert_int_equal(json_len(json_get(doc, "package")), 20000);
	assert_null(package_error(doc));
	json_free(doc);

	doc = document_of_packages(20001, "1");
	assert_false(json_has(doc, "package"));
	assert_string_equal(package_error(doc), "there are more than 20000 entries");
	assert_true(json_has(doc, "disk"));
	json_free(doc);

	doc = document_of_packages(20000, "1.2.3-4ubuntu5~really-quite-a-long-version");
	assert_false(json_has(doc, "package"));
	assert_non_null(strstr(package_error(doc), "does not fit"));
	assert_true(json_has(json_get(doc, "attributes"), "him.packages"));
	assert_true(json_has(doc, "disk"));
	json_free(doc);
}

static void test_bad_sources(void **state)
{
	char *root = root_make();
	root_text(root, "/run/utmp", "no login records");
	root_text(root, "/proc/meminfo", "MemTotal: lots\n");
	struct json *doc = root_document(root);
	struct json *errors = json_get(json_get(doc, "attributes"), "him.probe.errors");
	assert_json(json_get(errors, "user"), "\"utmp holds no login records\"");
	assert_non_null(json_str(json_get(errors, "memory")));
	assert_false(json_has(doc, "user"));
	assert_int_equal(json_len(errors), 2);
	json_free(doc);
	root_remove(root);
}

static void test_no_root(void **state)
{
	struct err e = ERR_INIT;
	struct buf out;
	buf_init(&out, 1 << 20);
	assert_int_equal(probe_print("/nonexistent", NULL, &out, &e), -1);
	assert_non_null(strstr(e.text, "/nonexistent"));
	assert_int_equal(probe_print("/etc/passwd", NULL, &out, &e), -1);
	assert_non_null(strstr(e.text, "not a folder"));
	buf_release(&out);
}

/* ---- this machine ---- */

static void test_idle_machine(void **state)
{
	struct probe_ctx *p = probe_open(NULL);
	struct json *first = json_object(), *second = json_object();
	struct err e = ERR_INIT;
	if (probe_collect(p, first, &e) || probe_collect(p, second, &e))
		fail_msg("%s", e.text);
	assert_true(json_equal(first, second));
	assert_true(json_has(json_get(first, "attributes"), "host.name"));
	assert_true(json_has(json_get(first, "attributes"), "him.os.kernel"));
	json_free(first);
	json_free(second);
	probe_close(p);
}

static void test_identity(void **state)
{
	struct probe_identity who;
	struct err e = ERR_INIT;
	char *root = root_make();
	assert_int_equal(probe_identity(root, &who, &e), -1);
	root_text(root, "/etc/hostname", "web1\n");
	root_text(root, "/etc/machine-id", "uninitialized\n");
	assert_int_equal(probe_identity(root, &who, &e), 0);
	assert_string_equal(who.name, "web1");
	assert_string_equal(who.machine_id, "");
	root_text(root, "/var/lib/dbus/machine-id", "0123456789ABCDEF0123456789abcdef\n");
	root_text(root, "/proc/sys/kernel/hostname", "web2\n");
	assert_int_equal(probe_identity(root, &who, &e), 0);
	assert_string_equal(who.name, "web2");
	assert_string_equal(who.machine_id, "0123456789abcdef0123456789abcdef");
	root_remove(root);
}

/* Texts that vendors leave in their firmware identify nothing. */
static void test_firmware(void **state)
{
	static const struct {
		const char *serial, *told;
	} rows[] = {{"CZ1234ABCD\n", "CZ1234ABCD"}, {"To Be Filled By O.E.M.\n", NULL},
		{"0000000000\n", NULL}, {"........\n", NULL}, {"Default string\n", NULL},
		{" \n", NULL}, {"ffff-FFFF\n", NULL}, {"VMware-56 4d 01\n", "VMware-56 4d 01"}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *root = root_make();
		root_text(root, "/sys/class/dmi/id/product_serial", rows[i].serial);
		root_text(root, "/sys/class/dmi/id/product_uuid",
			"4C4C4544-0042-3510-8052-B4C04F4A4A32\n");
		struct json *doc = root_document(root), *attributes = json_get(doc, "attributes");
		const char *serial = json_str(json_get(attributes, "him.host.serial"));
		if (rows[i].told)
			assert_string_equal(serial, rows[i].told);
		else
			assert_null(serial);
		assert_json(json_get(attributes, "him.host.uuid"),
			"\"4c4c4544-0042-3510-8052-b4c04f4a4a32\"");
		json_free(doc);
		root_remove(root);
	}
}

/* A paravirtual guest of Xen has no firmware; dom0 calls itself 0, and has one. */
static void test_xen_uuid(void **state)
{
	static const struct {
		const char *xen, *firmware, *told;
	} rows[] = {{"B1589F9D-51c5-4423-ac60-4c8d2227a844\n", NULL,
			    "\"b1589f9d-51c5-4423-ac60-4c8d2227a844\""},
		{"00000000-0000-0000-0000-000000000000\n", NULL, NULL},
		{"00000000-0000-0000-0000-000000000000\n", "4c4c4544-0042-3510-8052-b4c04f4a4a32\n",
			"\"4c4c4544-0042-3510-8052-b4c04f4a4a32\""}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *root = root_make();
		root_text(root, "/sys/hypervisor/uuid", rows[i].xen);
		if (rows[i].firmware)
			root_text(root, "/sys/class/dmi/id/product_uuid", rows[i].firmware);
		struct json *doc = root_document(root);
		const struct json *uuid = json_get(json_get(doc, "attributes"), "him.host.uuid");
		if (rows[i].told)
			assert_json(uuid, rows[i].told);
		else
			assert_null(uuid);
		json_free(doc);
		root_remove(root);
	}
}

static void test_time_zone(void **state)
{
	static const struct {
		const char *link, *file, *zone;
	} rows[] = {{"/usr/share/zoneinfo/Europe/Paris", NULL, "Europe/Paris"},
		{"../usr/share/zoneinfo/posix/America/New_York", NULL, "America/New_York"},
		{"/elsewhere", "Asia/Tokyo\n", "Asia/Tokyo"}, {NULL, "Asia/Tokyo\n", "Asia/Tokyo"},
		{NULL, NULL, "UTC"}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *root = root_make();
		root_text(root, "/etc/hostname", "x\n");
		char *path = xasprintf("%s/etc/localtime", root);
		if (rows[i].link)
			assert_int_equal(symlink(rows[i].link, path), 0);
		if (rows[i].file)
			root_text(root, "/etc/timezone", rows[i].file);
		struct json *doc = root_document(root);
		assert_string_equal(json_str(json_get(json_get(doc, "attributes"), "him.timezone")),
			rows[i].zone);
		json_free(doc);
		free(path);
		root_remove(root);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_unchanged_source),
		cmocka_unit_test(test_always_looked_at),
		cmocka_unit_test(test_steady_boot),
		cmocka_unit_test(test_given),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_bad_sources),
		cmocka_unit_test(test_no_root),
		cmocka_unit_test(test_idle_machine),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_firmware),
		cmocka_unit_test(test_xen_uuid),
		cmocka_unit_test(test_time_zone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
