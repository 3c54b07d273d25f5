// SPDX-License-Identifier: Apache-2.0
/* Logins: addresses as people write them, and the file that only its owner reads. */
#include "cli/session.h"
#include "base/file.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

static void test_url(void **state)
{
	static const struct {
		const char *text, *url;
	} rows[] = {{"him.example", "https://him.example:8443"},
		{"https://him.example/", "https://him.example:8443"},
		{"10.0.0.1:9", "https://10.0.0.1:9"},
		{"https://[::1]:8443//", "https://[::1]:8443"},
		{"[fe80::1]", "https://[fe80::1]:8443"}, {"", NULL}, {"https://", NULL},
		{"http://x", NULL}, {"x:0", NULL}, {"x:70000", NULL}, {"x:y", NULL}, {"x/y", NULL},
		{"u@x", NULL}, {"a b", NULL}, {"::1", NULL}};
	struct arena *a = arena_new();

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e = ERR_INIT;
		const char *url = NULL;
		int rc = session_url(a, rows[i].text, &url, &e);
		assert_int_equal(rc, rows[i].url ? 0 : -1);
		if (rows[i].url)
			assert_string_equal(url, rows[i].url);
		else
			assert_string_equal(e.field, "server");
	}
	arena_free(a);
}

static void test_file(void **state)
{
	char folder[] = "/tmp/him-session.XXXXXX", path[80];
	struct session_login one = {"https://a:1", "anna", "secret-a", "PEM-A"},
			     two = {"https://b:2", "bob", "secret-b", "PEM-B"}, got;
	struct arena *a = arena_new();
	struct err e = ERR_INIT;
	struct stat st;

	assert_non_null(mkdtemp(folder));
	setenv("XDG_CONFIG_HOME", folder, 1);
	snprintf(path, sizeof path, "%s/him/login.json", folder);
	assert_int_equal(session_load(a, NULL, &got, &e), 0);
	assert_int_equal(session_save(a, &one, &e), 0);
	assert_int_equal(session_save(a, &two, &e), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(session_load(a, NULL, &got, &e), 1);
	assert_string_equal(got.token, "secret-b");
	assert_int_equal(session_load(a, "https://a:1", &got, &e), 1);
	assert_string_equal(got.user, "anna");
	assert_string_equal(got.ca, "PEM-A");
	assert_int_equal(session_forget(a, "https://b:2", &e), 0);
	assert_int_equal(session_load(a, "https://b:2", &got, &e), 0);
	assert_int_equal(session_load(a, NULL, &got, &e), 0);
	assert_int_equal(session_load(a, "https://a:1", &got, &e), 1);
	assert_int_equal(file_write(path, "{broken", 7, 0600, &e), 0);
	assert_int_equal(session_load(a, NULL, &got, &e), -1);
	assert_non_null(strstr(e.text, "login.json"));
	assert_int_equal(file_remove_tree(folder, &e), 0);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_url),
		cmocka_unit_test(test_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
