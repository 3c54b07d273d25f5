/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent finds of its jobs when it is started again, whatever ended meanwhile: it, a supervisor, the machine. */
#include "jobs_kit.h"
#include "agent/exec.h"
#include "base/file.h"
#include "base/text.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- crashes ---- */

static void test_found_again_while_it_runs(void **state)
{
	take_waiting(t.one);
	UNTIL(effects() == 1);
	reopen(4, 0);
	assert_int_equal(jobs_running(t.jobs), 1);
	assert_true(jobs_known(t.jobs, t.one));
	let_go();
	UNTIL(t.outcomes == 1);
	assert_string_equal(member("state"), "done");
	assert_int_equal(effects(), 1);
	assert_int_equal(jobs_running(t.jobs), 0);
}

static void test_found_again_and_cancelled(void **state)
{
	take_waiting(t.one);
	UNTIL(effects() == 1);
	reopen(4, 0);
	jobs_cancel(t.jobs, t.one);
	UNTIL(t.outcomes == 1);
	assert_string_equal(member("state"), "cancelled");
	UNTIL(alive(t.one, 0) == 0);
}

static pid_t supervisor_of(const char *action)
{
	char path[200], line[24] = "";
	int64_t pid = 0;

	snprintf(path, sizeof path, "%s/%s.lock", t.dir, action);
	assert_int_equal(file_line(path, line, sizeof line), 0);
	assert_int_equal(text_int(line, "pid", 2, INT32_MAX, &pid, NULL), 0);
	return (pid_t)pid;
}

static void test_its_supervisor_is_killed(void **state)
{
	take_waiting(t.one);
	UNTIL(effects() == 1);
	assert_int_equal(kill(supervisor_of(t.one), SIGKILL), 0);
	UNTIL(t.outcomes == 1);
	assert_string_equal(member("state"), "failed");
	assert_int_equal(strncmp(member("reason"), "outcome unknown", 15), 0);
	reopen(4, 0);
	UNTIL(t.outcomes == 2);
	assert_int_equal(effects(), 1);
}

static void unlink_in(const char *action, const char *name)
{
	char path[200];

	snprintf(path, sizeof path, "%s/%s.%s", t.dir, action, name);
	assert_int_equal(unlink(path), 0);
}

static pid_t spawn_supervisor(const char *action)
{
	char dir[128];
	pid_t pid;

	snprintf(dir, sizeof dir, "%s/%s", t.dir, action);
	pid = exec_start(dir, -1);
	assert_true(pid > 0);
	return pid;
}

/* The machine stopped while it ran: started, no outcome. It is told so, and no way leads to a second start. */
static void test_never_twice(void **state)
{
	int status;

	let_go();
	take_waiting(t.one);
	UNTIL(t.outcomes == 1);
	unlink_in(t.one, "outcome.json");
	reopen(4, 0);
	UNTIL(t.outcomes == 2);
	assert_string_equal(member("state"), "failed");
	assert_int_equal(strncmp(member("reason"), "outcome unknown", 15), 0);
	assert_int_equal(waitpid(spawn_supervisor(t.one), &status, 0) > 0, 1);
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_int_equal(effects(), 1);
}

static void file_put(const char *action, const char *name, const char *text)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s.%s", t.dir, action, name);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* The machine lost power before what the supervisor wrote was on its disk. */
static void test_a_torn_outcome_is_none(void **state)
{
	static const char *const torn[] = {"", "{\"action\":\"01"};

	for (int i = 0; i < 2; i++) {
		let_go();
		take_waiting(i ? t.two : t.one);
		UNTIL(t.outcomes == 2 * i + 1);
		file_put(i ? t.two : t.one, "outcome.json", torn[i]);
		reopen(4, 0);
		UNTIL(t.outcomes == 2 * i + 2);
		assert_string_equal(member("state"), "failed");
		assert_int_equal(strncmp(member("reason"), "outcome unknown", 15), 0);
		jobs_reported(t.jobs, i ? t.two : t.one);
		file_put(i ? t.two : t.one, "outcome.json", torn[i]);
		jobs_again(t.jobs,
			i ? t.two : t.one); /* given again: nothing is better than half of one */
	}
	assert_int_equal(t.outcomes, 4);
	assert_int_equal(effects(), 2);
}

/* The machine lost power, and with it the name that says it was reported, and the outcome. */
static void test_reported_and_forgotten_is_not_run_again(void **state)
{
	char mark[200], spec[200];

	let_go();
	take_waiting(t.one);
	UNTIL(t.outcomes == 1);
	jobs_reported(t.jobs, t.one);
	snprintf(mark, sizeof mark, "%s/%s.reported", t.dir, t.one);
	snprintf(spec, sizeof spec, "%s/%s.spec", t.dir, t.one);
	assert_int_equal(rename(mark, spec), 0);
	unlink_in(t.one, "outcome.json");
	reopen(4, 0);
	UNTIL(t.outcomes == 2);
	assert_string_equal(member("state"), "failed");
	assert_int_equal(effects(), 1);
}

static int children(void)
{
	char path[64], list[256] = "";
	int n = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
	f = fopen(path, "re");
	assert_non_null(f);
	if (fgets(list, sizeof list, f))
		for (char *p = list; (p = strchr(p, ' ')); p++)
			n++;
	fclose(f);
	return n;
}

/* An agent ended just after it had started a supervisor, and the next one starts another: whoever comes second steps back,
 * and the outcome is that of the first. */
static void test_two_supervisors_one_start(void **state)
{
	pid_t first;
	int before;

	reopen(0, 0);
	take_waiting(t.one);
	reopen(1, 0); /* it is to be started by the loop, which did not run yet */
	first = spawn_supervisor(t.one);
	for (int64_t end = clock_mono_ms() + LIMIT_MS; effects() == 0 && clock_mono_ms() < end;)
		usleep(1000);
	assert_int_equal(effects(), 1);
	before = children();
	event_base_loop(t.base, EVLOOP_NONBLOCK);
	UNTIL(children() == before); /* the second has come and gone */
	assert_int_equal(t.outcomes, 0);
	assert_int_equal(jobs_running(t.jobs), 1);
	let_go();
	assert_int_equal(waitpid(first, NULL, 0), first);
	UNTIL(t.outcomes == 1);
	assert_string_equal(member("state"), "done");
	assert_int_equal(effects(), 1);
}

static void test_journalled_but_not_started(void **state)
{
	char path[128];

	reopen(0, 0);
	let_go();
	take_waiting(t.one);
	take_waiting(t.two);
	reopen(0, DEADLINE); /* in time */
	assert_int_equal(t.outcomes, 0);
	unlink_in(t.two, "spec"); /* as if it had never come whole */
	file_put(t.two, "spec.01234567~", "half");
	snprintf(path, sizeof path, "%s/no-id", t.dir);
	assert_int_equal(mkdir(path, 0700), 0);
	reopen(4, DEADLINE);
	assert_false(jobs_known(t.jobs, t.two) || there(t.two, "spec.01234567~"));
	UNTIL(t.outcomes == 1);
	assert_string_equal(member("state"), "done");
	assert_int_equal(effects(), 1);
}

static void test_too_late_after_a_crash(void **state)
{
	reopen(0, 0);
	take_waiting(t.one);
	reopen(4, DEADLINE + 1);
	UNTIL(t.outcomes == 1);
	assert_string_equal(member("state"), "expired");
	assert_int_equal(effects(), 0);
}

static void test_closed_before_the_loop_ran(void **state)
{
	reopen(4, 0);
	jobs_close(t.jobs);
	t.jobs = NULL;
	event_base_loop(t.base, EVLOOP_NONBLOCK);
	assert_int_equal(t.outcomes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		JOB(test_found_again_while_it_runs),
		JOB(test_found_again_and_cancelled),
		JOB(test_its_supervisor_is_killed),
		JOB(test_never_twice),
		JOB(test_a_torn_outcome_is_none),
		JOB(test_reported_and_forgotten_is_not_run_again),
		JOB(test_two_supervisors_one_start),
		JOB(test_journalled_but_not_started),
		JOB(test_too_late_after_a_crash),
		JOB(test_closed_before_the_loop_ran),
	};

	setenv("PATH", "/nowhere", 1); /* a command is found by its own */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
