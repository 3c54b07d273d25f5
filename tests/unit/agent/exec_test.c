/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor alone, where an order wants daemons: what left the command's process group stays, what did not ends. This
 * program takes over what the supervisor leaves, so it sees how each ended. The rest is in jobs_test.c.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "agent/exec.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A daemon, and one of the command's own group; both have written their numbers when the command goes on. */
#define STARTS                                                                                     \
	"cd %s; setsid --fork sh -c 'echo $$ >new; mv new daemon; exec sleep 1000' >/dev/null "    \
	"2>&1; "                                                                                   \
	"sleep 1000 & echo $! >member; until [ -e daemon ]; do sleep 0.01; done; "

static char dir[64];

static int make(void **state)
{
	snprintf(dir, sizeof dir, "/tmp/him-exec.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int clean(void **state)
{
	return file_remove_tree(dir, NULL);
}

static const char *in_dir(const char *name)
{
	static char path[96];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static pid_t pid_in(const char *name)
{
	char line[32];

	assert_int_equal(file_line(in_dir(name), line, sizeof line), 0);
	return (pid_t)strtol(line, NULL, 10);
}

/* The outcome of a shell that starts both and then does `rest`. The caller frees. */
static struct json *outcome(const char *rest, const char *more)
{
	char spec[1024];
	struct json *j;
	struct buf b;
	pid_t pid;
	int status, n;

	n = snprintf(spec, sizeof spec,
		"0\n{\"command\":[\"/bin/sh\",\"-c\",\"" STARTS "%s\"],\"daemons\":true%s}", dir,
		rest, more);
	assert_int_equal(file_write(in_dir("job.spec"), spec, (size_t)n, 0600, NULL), 0);
	pid = exec_start(in_dir("job"), -1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	buf_init(&b, 1 << 20);
	assert_int_equal(file_read(in_dir("job.outcome.json"), &b, NULL), 0);
	j = json_parse(buf_str(&b), b.len, NULL);
	buf_release(&b);
	assert_non_null(j);
	return j;
}

static void is_killed(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void daemon_stays(void)
{
	pid_t pid = pid_in("daemon");

	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0); /* ours now, and alive */
	kill(pid, SIGKILL);
	is_killed(pid);
}

static void test_a_daemon_stays(void **state)
{
	struct json *j = outcome(":", "");

	assert_string_equal(json_str(json_get(j, "state")), "done");
	assert_string_equal(json_str(json_get(json_get(j, "limits"), "cpu")), "none");
	assert_string_equal(json_str(json_get(json_get(j, "limits"), "memory")), "none");
	is_killed(pid_in("member"));
	daemon_stays();
	json_free(j);
}

static void test_a_daemon_stays_when_the_command_hangs(void **state)
{
	struct json *j = outcome("sleep 1000", ",\"timeout_ms\":1000");

	assert_string_equal(json_str(json_get(j, "state")), "timed_out");
	daemon_stays();
	json_free(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_daemon_stays, make, clean),
		cmocka_unit_test_setup_teardown(
			test_a_daemon_stays_when_the_command_hangs, make, clean),
	};

	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	alarm(100); /* whatever hangs */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
