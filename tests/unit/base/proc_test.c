// SPDX-License-Identifier: Apache-2.0
/* Children: what they say and how they end, limits on time and output, what they inherit, what they leave. */
#include "base/proc.h"
#include "base/clock.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define GENEROUS_MS 60000

static int run(const char *script, int64_t timeout_ms, struct buf *out, int *code, struct err *e)
{
	const char *argv[] = {"sh", "-c", script, NULL};
	return proc_run(argv, timeout_ms, out, code, e);
}

static const struct {
	const char *script, *output;
	int code;
} rows[] = {
	{"echo one; echo two >&2; echo three", "one\nthree\n", 0}, {"exit 7", "", 7},
	{"kill -9 $$", "", 128 + SIGKILL}, {"cat; echo $?", "0\n", 0},
	{"echo $LC_ALL $HOME", "C /\n", 0}, {"exec 1>&-; sleep 0.1; exit 3", "", 3},
	{"trap | wc -l; kill -PIPE $$", "0\n", 128 + SIGPIPE},
	{"ls /proc/self/fd | wc -l", "4\n", 0}, /* 0, 1, 2 and ls's own */
};

static void test_output_and_ends(void **state)
{
	signal(SIGPIPE, SIG_IGN); /* as our programs do; a child must not inherit it */
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e = ERR_INIT;
		struct buf out;
		int code = -1;
		buf_init(&out, 1000);
		if (run(rows[i].script, GENEROUS_MS, &out, &code, &e) < 0)
			fail_msg("%s: %s", rows[i].script, e.text);
		assert_string_equal(buf_str(&out), rows[i].output);
		assert_int_equal(code, rows[i].code);
		buf_release(&out);
	}
}

static void test_too_late(void **state)
{
	struct err e = ERR_INIT;
	struct buf out;
	int code = -1;
	buf_init(&out, 1000);
	assert_int_equal(run("sleep 600", 100, &out, &code, &e), -1);
	assert_int_equal(e.code, ERR_UNAVAILABLE);
	assert_string_equal(e.text, "sh: it did not end in time");
	assert_int_equal(run("exec 1>&-; sleep 600", 100, &out, &code, &e), -1);
	assert_int_equal(e.code, ERR_UNAVAILABLE);
	assert_int_equal(code, -1);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	buf_release(&out);
}

static void test_too_much(void **state)
{
	struct err e = ERR_INIT;
	struct buf out;
	int code = -1;
	buf_init(&out, 1000);
	assert_int_equal(run("while :; do echo y; done", GENEROUS_MS, &out, &code, &e), -1);
	assert_int_equal(e.code, ERR_TOO_LARGE);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	buf_release(&out);
}

/* A zombie that waits for init to reap it does not run. */
static bool runs(pid_t pid)
{
	char path[64], stat[1024], *state;
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if (file_line(path, stat, sizeof stat) < 0)
		return false;
	state = strrchr(stat, ')');
	return state && !strchr("ZX", state[2]);
}

static void test_what_it_leaves_behind_is_ended(void **state)
{
	struct err e = ERR_INIT;
	struct buf out;
	int code = -1;
	buf_init(&out, 1000);
	int64_t until = clock_mono_ms() + GENEROUS_MS;
	assert_int_equal(run("sleep 600 & echo $!", GENEROUS_MS, &out, &code, &e), 0);
	pid_t left = (pid_t)strtol(buf_str(&out), NULL, 10);
	assert_true(left > 1);
	while (runs(left) && clock_mono_ms() < until)
		usleep(1000);
	assert_false(runs(left));
	buf_release(&out);
}

static void test_cannot_be_started(void **state)
{
	static const char *const names[] = {
		"no-such-program-here", "/no/such/program", "/etc/passwd", "/etc", ""};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *argv[] = {names[i], NULL};
		struct err e = ERR_INIT;
		struct buf out;
		int code = -1;
		buf_init(&out, 10);
		assert_int_equal(proc_run(argv, GENEROUS_MS, &out, &code, &e), -1);
		assert_int_equal(e.code, ERR_NOT_FOUND);
		assert_int_equal(proc_spawn(argv, NULL, STDERR_FILENO, &e), -1);
		assert_int_equal(e.code, ERR_NOT_FOUND);
		buf_release(&out);
	}
}

static void test_spawn(void **state)
{
	const char *argv[] = {"sh", "-c",
		"echo $HIM_A $HIM_B; echo err >&2; ps -o sid= -p $$ | tr -d ' '; echo $$", NULL};
	const char *env[] = {"HIM_A=new", NULL};
	struct err e = ERR_INIT;
	char text[200] = "", want[200];
	int pipes[2], status;
	setenv("HIM_A", "old", 1);
	setenv("HIM_B", "kept", 1);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	pid_t pid = proc_spawn(argv, env, pipes[1], &e);
	assert_true(pid > 0);
	close(pipes[1]);
	for (size_t len = 0; len < sizeof text - 1;) {
		ssize_t n = read(pipes[0], text + len, sizeof text - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	close(pipes[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	snprintf(want, sizeof want, "new kept\nerr\n%d\n%d\n", (int)pid, (int)pid);
	assert_string_equal(text, want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_output_and_ends),
		cmocka_unit_test(test_too_late),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_what_it_leaves_behind_is_ended),
		cmocka_unit_test(test_cannot_be_started),
		cmocka_unit_test(test_spawn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
