// SPDX-License-Identifier: Apache-2.0
/* dpkg's status file, whole and in pieces of every size. */
#include "base/json.h"
#include "probe/linux/package.h"
#include "root.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static int add(void *ctx, const struct dpkg_package *p, struct err *e)
{
	char key[2 * DPKG_VALUE_MAX + 2];
	snprintf(key, sizeof(key), "%s:%s", p->name, p->arch);
	json_set_string(ctx, key, p->version);
	return 0;
}

static int parse(const char *text, size_t len, size_t piece, struct json *out, struct err *e)
{
	struct dpkg_parser p;
	dpkg_init(&p, add, out);
	for (size_t at = 0; at < len; at += piece)
		if (dpkg_feed(&p, text + at, len - at < piece ? len - at : piece, e))
			return -1;
	return dpkg_end(&p, e);
}

static const char status[] = "Package: adduser\n"
			     "Status: install ok installed\n"
			     "Architecture: all\n"
			     "Version: 3.134\n"
			     "Conffiles:\n"
			     " /etc/adduser.conf cc3493ecd2d09837ffdcc3e25fdfff18\n"
			     "Description: add and remove users\n"
			     " Package: this is not a field\n"
			     "\n"
			     "Package: old\n"
			     "Status: deinstall ok config-files\n"
			     "Architecture: amd64\n"
			     "Version: 1\n"
			     "\n"
			     "\n"
			     "Package: held\n"
			     "Status: hold ok installed\n"
			     "Version: 1:2.3~rc1+dfsg-4\n"
			     "architecture:amd64\n"
			     "\n"
			     "Package: half\n"
			     "Status: install ok half-configured\n"
			     "Architecture: amd64\n"
			     "Version: 2\n"
			     "\n"
			     "Package: man-db\n"
			     "Status: install ok triggers-pending\n"
			     "Architecture: i386\n"
			     "Version: 2.11";

static void test_pieces(void **state)
{
	for (size_t piece = 1; piece <= sizeof(status); piece++) {
		struct json *out = json_object();
		struct err e = ERR_INIT;
		if (parse(status, sizeof(status) - 1, piece, out, &e))
			fail_msg("%s", e.text);
		assert_json(out,
			"{\"adduser:all\":\"3.134\",\"held:amd64\":\"1:2.3~rc1+dfsg-4\",\"man-db:"
			"i386\":\"2.11\"}");
		json_free(out);
	}
}

static void expect_error(const char *text, const char *word)
{
	struct json *out = json_object();
	struct err e = ERR_INIT;
	assert_int_equal(parse(text, strlen(text), 7, out, &e), -1);
	if (!strstr(e.text, word))
		fail_msg("%s: lacks '%s'", e.text, word);
	json_free(out);
}

static void test_errors(void **state)
{
	char text[2048];
	expect_error("Status: install ok installed\nVersion: 1\n\n", "name");
	expect_error("Package: x\nStatus: install ok installed\n", "version");
	snprintf(text, sizeof(text), "Package: x\nVersion: %0700d\n", 1);
	expect_error(text, "line 2");
	snprintf(text, sizeof(text), "Package: %0530d\n", 1);
	expect_error(text, "512");
}

static void test_section(void **state)
{
	char *root = root_make();
	root_text(root, "/var/lib/dpkg/status", status);
	struct json *doc = root_document(root);
	assert_json(json_get(doc, "package"),
		"{\"adduser:all\":\"3.134\",\"held:amd64\":\"1:2.3~rc1+dfsg-4\",\"man-db:i386\":"
		"\"2.11\"}");
	assert_json(json_get(json_get(doc, "attributes"), "him.packages"), "3");
	json_free(doc);
	root_remove(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_section),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
