// SPDX-License-Identifier: Apache-2.0
/* Files as wholes, in a folder of its own that the test removes with the function under test. */
#include "base/file.h"
#include "base/arena.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static char home[] = "/tmp/him-file-test-XXXXXX";

static int setup(void **state)
{
	return mkdtemp(home) && chdir(home) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	return chdir("/") == 0 && file_remove_tree(home, NULL) == 0 && !file_exists(home) ? 0 : -1;
}

static void put(const char *path, const char *text)
{
	struct err e = ERR_INIT;
	if (file_write(path, text, strlen(text), 0600, &e) < 0)
		fail_msg("%s", e.text);
}

static void test_write_and_read(void **state)
{
	struct err e = ERR_INIT;
	struct stat st;
	struct buf b;
	mode_t before = umask(0077);
	assert_int_equal(file_write("a", "one\0two", 7, 0644, &e), 0);
	umask(before);
	assert_int_equal(stat("a", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	buf_init(&b, 100);
	assert_int_equal(file_read("a", &b, &e), 0);
	assert_int_equal(b.len, 7);
	assert_memory_equal(b.data, "one\0two", 7);
	put("a", "");
	buf_clear(&b);
	assert_int_equal(file_read("a", &b, &e), 0);
	assert_int_equal(b.len, 0);
	buf_release(&b);
}

static void test_read_limits_and_absence(void **state)
{
	struct err e = ERR_INIT;
	struct buf b;
	put("ten", "1234567890");
	buf_init(&b, 10);
	assert_int_equal(file_read("ten", &b, &e), 0);
	buf_release(&b);
	buf_init(&b, 9);
	assert_int_equal(file_read("ten", &b, &e), -1);
	assert_int_equal(e.code, ERR_TOO_LARGE);
	assert_non_null(strstr(e.text, "9 bytes"));
	buf_release(&b);
	assert_int_equal(file_read("absent", &b, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(file_read("ten/below", &b, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(file_read(".", &b, &e), -1);
	assert_int_equal(e.code, ERR_IO);
	buf_init(&b, 1 << 20);
	assert_int_equal(file_read("/proc/self/status", &b, &e), 0);
	assert_non_null(strstr(buf_str(&b), "Pid:"));
	buf_release(&b);
}

static void test_a_failed_write_leaves_the_old(void **state)
{
	struct err e = ERR_INIT;
	char line[10];
	put("kept", "old\n");
	assert_int_equal(file_mkdirs("folder/in", 0700, &e), 0);
	assert_int_equal(file_write("folder", "x", 1, 0600, &e), -1);
	assert_int_equal(file_write("absent/kept", "x", 1, 0600, &e), -1);
	assert_non_null(strstr(e.text, "absent/kept: No such file"));
	assert_int_equal(file_line("kept", line, sizeof line), 0);
	assert_string_equal(line, "old");
	assert_int_equal(system("[ -z \"$(ls | grep '~')\" ]"), 0);
}

static void test_line(void **state)
{
	static const struct {
		const char *text, *line;
	} rows[] = {{"one\ntwo\n", "one"}, {"one", "one"}, {"one \t\r\n", "one"}, {"", ""},
		{"\nx", ""}, {"1234567", "1234567"}, {"12345678", NULL}};
	char out[8];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		put("line", rows[i].text);
		assert_int_equal(file_line("line", out, sizeof out), rows[i].line ? 0 : -1);
		if (rows[i].line)
			assert_string_equal(out, rows[i].line);
	}
	assert_int_equal(file_line("absent", out, sizeof out), -1);
}

static void test_mkdirs(void **state)
{
	struct err e = ERR_INIT;
	struct stat st;
	assert_int_equal(file_mkdirs("m/n//o/", 0700, &e), 0);
	assert_int_equal(file_mkdirs("m/n/o", 0700, &e), 0);
	assert_int_equal(file_mkdirs("/", 0700, &e), 0);
	assert_int_equal(stat("m/n/o", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	put("m/file", "x");
	assert_int_equal(file_mkdirs("m/file", 0700, &e), -1);
	assert_int_equal(file_mkdirs("m/file/x", 0700, &e), -1);
	assert_int_equal(file_mkdirs("", 0700, &e), -1);
}

static void test_remove(void **state)
{
	struct err e = ERR_INIT;
	put("gone", "x");
	assert_int_equal(file_remove("gone", &e), 0);
	assert_false(file_exists("gone"));
	assert_int_equal(file_remove("gone", &e), 0);
}

static void test_remove_tree_does_not_follow_links(void **state)
{
	struct err e = ERR_INIT;
	assert_int_equal(file_mkdirs("tree/a/b", 0700, &e), 0);
	assert_int_equal(file_mkdirs("outside", 0700, &e), 0);
	put("tree/a/b/file", "x");
	put("outside/precious", "x");
	assert_int_equal(symlink("../outside", "tree/link"), 0);
	assert_int_equal(symlink("outside", "link"), 0);
	assert_int_equal(mkfifo("tree/fifo", 0600), 0);
	assert_int_equal(file_remove_tree("tree", &e), 0);
	assert_false(file_exists("tree"));
	assert_int_equal(file_remove_tree("link/", &e), 0);
	assert_false(file_exists("link"));
	assert_true(file_exists("outside/precious"));
	assert_int_equal(file_remove_tree("tree", &e), 0);
}

static void test_free_bytes(void **state)
{
	assert_true(file_free_bytes(".") > 0);
	assert_int_equal(file_free_bytes("absent"), -1);
}

static void test_lock(void **state)
{
	struct err e = ERR_INIT;
	pid_t holder = 77;
	int fd = file_lock("lock", &holder, &e), status;
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	pid_t child = fork();
	if (child == 0)
		_exit(file_lock("lock", &holder, &e) == -1 && e.code == ERR_CONFLICT &&
					holder == getppid()
				? 0
				: 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(fd);
	fd = file_lock("lock", NULL, &e);
	assert_true(fd >= 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write_and_read),
		cmocka_unit_test(test_read_limits_and_absence),
		cmocka_unit_test(test_a_failed_write_leaves_the_old),
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_mkdirs),
		cmocka_unit_test(test_remove),
		cmocka_unit_test(test_remove_tree_does_not_follow_links),
		cmocka_unit_test(test_free_bytes),
		cmocka_unit_test(test_lock),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
