/* SPDX-License-Identifier: Apache-2.0 */
/* The two files of users and groups as they are found: with odd lines, long ones, and none at all. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "agent/exec_user.h"
#include <stdio.h>
#include <string.h>

#define N(a) (sizeof(a) / sizeof *(a))

static const char passwd[] = "root:x:0:0:root:/root:/bin/bash\n"
			     "# a comment\n"
			     "short:x:1:1\n"
			     "\n"
			     "+nis::::::\n"
			     "web:x:33:34:Web, Inc:/var/www:/usr/sbin/nologin\n"
			     "bare:x:7:8:::\n"
			     "word:x:seven:8::/:/bin/sh\n"
			     "minus:x:-1:8::/:/bin/sh\n"
			     "none:x:4294967295:8::/:/bin/sh\n"
			     "most:x:4294967294:8::/:/bin/sh\n"
			     "last:x:9:10::/home/last:/bin/zsh"; /* no newline */

static void test_passwd(void **state)
{
	static const struct {
		const char *name;
		int found;
		uid_t uid;
		gid_t gid;
		const char *home, *shell;
	} table[] = {
		{"root", 1, 0, 0, "/root", "/bin/bash"},
		{"web", 1, 33, 34, "/var/www", "/usr/sbin/nologin"},
		{"bare", 1, 7, 8, "/", "/bin/sh"},
		{"most", 1, 4294967294u, 8, "/", "/bin/sh"},
		{"last", 1, 9, 10, "/home/last", "/bin/zsh"},
		{.name = "short"},
		{.name = "word"},
		{.name = "minus"},
		{.name = "none"}, /* as a uid this means nobody at all */
		{.name = "roo"},
		{.name = "roott"},
		{.name = "x"},
		{.name = ""},
		{.name = "root:x"},
		{.name = "Root"},
	};

	for (size_t i = 0; i < N(table); i++) {
		struct exec_user u = {0};
		char text[sizeof passwd];
		memcpy(text, passwd, sizeof text);
		assert_int_equal(exec_user_passwd(text, table[i].name, &u), table[i].found);
		if (!table[i].found)
			continue;
		assert_string_equal(u.name, table[i].name);
		assert_int_equal(u.uid, table[i].uid);
		assert_int_equal(u.gid, table[i].gid);
		assert_string_equal(u.home, table[i].home);
		assert_string_equal(u.shell, table[i].shell);
	}
}

static void test_groups(void **state)
{
	static const struct {
		const char *name;
		gid_t gid, want[4];
		size_t n;
	} table[] = {
		{"web", 34, {34, 27, 50}, 3},
		{"we", 5, {5, 51}, 2},
		{"other", 6, {6}, 1},
	};

	for (size_t i = 0; i < N(table); i++) {
		struct exec_user u = {.gid = table[i].gid};
		char text[] = "root:x:0:\nsudo:x:27:admin,web\nmail:x:8:webmaster\nown:x:34:web\n"
			      "bad:x:word:web\nshort:x\nstaff:x:50:web,web\nwe:x:51:we";
		exec_user_groups(text, table[i].name, &u);
		assert_int_equal(u.groups_n, table[i].n);
		assert_memory_equal(u.groups, table[i].want, table[i].n * sizeof(gid_t));
	}
}

static void test_more_groups_than_there_is_room(void **state)
{
	static char text[400 * 16];
	struct exec_user u = {.gid = 1};
	size_t n = 0;

	for (int i = 0; i < 400; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "g%d:x:%d:me\n", i, 1000 + i);
	exec_user_groups(text, "me", &u);
	assert_int_equal(u.groups_n, USER_GROUPS_MAX);
	assert_int_equal(u.groups[0], 1);
	assert_int_equal(u.groups[USER_GROUPS_MAX - 1], 1000 + USER_GROUPS_MAX - 2);
}

static void test_this_machine(void **state)
{
	struct err e = ERR_INIT;
	struct exec_user u;

	assert_int_equal(exec_user_find("root", &u, &e), 0);
	assert_int_equal(u.uid, 0);
	assert_true(u.groups_n >= 1);
	assert_int_equal(exec_user_find("no-such-user-here", &u, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_string_equal(e.field, "as");
	assert_non_null(strstr(e.text, "no-such-user-here"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passwd),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_more_groups_than_there_is_room),
		cmocka_unit_test(test_this_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
