// SPDX-License-Identifier: Apache-2.0
/* os-release as distributions write it, the time of boot, Debian's point release. */
#include "probe/linux/os.h"
#include "root.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static const struct {
	const char *text, *json;
} releases[] = {
	{"", "{}"},
	{"NAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nID=debian\n",
		"{\"NAME\":\"Debian GNU/Linux\",\"VERSION_ID\":\"12\",\"ID\":\"debian\"}"},
	{"ID='rocky'\nID_LIKE=\"rhel centos fedora\"",
		"{\"ID\":\"rocky\",\"ID_LIKE\":\"rhel centos fedora\"}"},
	{"# comment\n\n  ID=alpine\n", "{\"ID\":\"alpine\"}"},
	{"NAME=\"a \\\"b\\\" \\$c \\\\d\"\n", "{\"NAME\":\"a \\\"b\\\" $c \\\\d\"}"},
	{"NAME='a \\b'\n", "{\"NAME\":\"a \\\\b\"}"},
	{"NAME=plain rest\n", "{\"NAME\":\"plain\"}"},
	{"ID=one\nID=two\n", "{\"ID\":\"two\"}"},
	{"ID=one\nID=\n", "{}"},
	{"not an assignment\n=x\nNA ME=x\n9A=b\n", "{\"9A\":\"b\"}"},
	{"NAME=\"unfinished\nID=x\n", "{\"NAME\":\"unfinished\",\"ID\":\"x\"}"},
	{"NAME=\"bad \xff byte\"\n", "{\"NAME\":\"bad \xef\xbf\xbd byte\"}"},
	{"A=\"x\\", "{\"A\":\"x\\\\\"}"},
};

static void test_releases(void **state)
{
	for (size_t i = 0; i < sizeof(releases) / sizeof(releases[0]); i++) {
		struct json *out = json_object();
		os_release_parse(releases[i].text, strlen(releases[i].text), out);
		assert_json(out, releases[i].json);
		json_free(out);
	}
}

static const struct {
	const char *text;
	int64_t ms; /* -1: none */
} boots[] = {
	{"cpu  1 2 3\nbtime 1700000000\nprocesses 5\n", 1700000000000},
	{"btime 0", 0},
	{"cpu 1\n", -1},
	{"btime \n", -1},
	{"btime x\n", -1},
	{"btime 99999999999999999999\n", -1},
	{"xbtime 1\n", -1},
};

static void test_boots(void **state)
{
	for (size_t i = 0; i < sizeof(boots) / sizeof(boots[0]); i++) {
		int64_t ms = -1;
		int r = os_boot_parse(boots[i].text, strlen(boots[i].text), &ms);
		assert_int_equal(r, boots[i].ms < 0 ? -1 : 0);
		assert_int_equal(ms, boots[i].ms);
	}
}

static const struct {
	const char *release, *debian_version, *version;
} versions[] = {
	{"ID=debian\nVERSION_ID=12\n", "12.11\n", "12.11"},
	{"ID=debian\n", "trixie/sid\n", NULL},
	{"ID=debian\nVERSION_ID=12\n", NULL, "12"},
	{"ID=ubuntu\nVERSION_ID=24.04\n", "13.1\n", "24.04"},
};

static void test_point_releases(void **state)
{
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		char *root = root_make();
		root_text(root, "/usr/lib/os-release", versions[i].release);
		if (versions[i].debian_version)
			root_text(root, "/etc/debian_version", versions[i].debian_version);
		struct json *doc = root_document(root);
		const char *version = json_str(json_get(json_get(doc, "attributes"), "os.version"));
		if (versions[i].version)
			assert_string_equal(version, versions[i].version);
		else
			assert_null(version);
		json_free(doc);
		root_remove(root);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_releases),
		cmocka_unit_test(test_boots),
		cmocka_unit_test(test_point_releases),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
