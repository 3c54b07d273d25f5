/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs with real supervisors and real commands: this program is its own supervisor when it is called as one. Nothing waits
 * for a time: each test waits for what must happen, with a generous limit. Which processes belong to a job is read from
 * their environment, where every command of it carries HIM_ACTION.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "agent/exec.h"
#include "agent/jobs.h"
#include "base/id.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_MS 60000
#define DEADLINE 1000000 /* by a clock that the tests set */
#define WEEK_MS 604800000LL
#define N(a) (sizeof(a) / sizeof *(a))

static struct {
	char one[ID_SIZE],
		two[ID_SIZE]; /* actions: new ones for each test, so that several runs may be under way */
	char dir[64], go[96]; /* a command that waits does so until `go` exists */
	struct event_base *base;
	struct jobs *jobs;
	struct json *outcome; /* the last one */
	int outcomes, started;
	int64_t live;
} t;

/* Runs the loop until the condition holds. */
#define UNTIL(condition)                                                                           \
	do {                                                                                       \
		int64_t end_ = clock_mono_ms() + LIMIT_MS;                                         \
		while (!(condition) && clock_mono_ms() < end_) {                                   \
			struct timeval tv_ = {0, 5000};                                            \
			event_base_loopexit(t.base, &tv_);                                         \
			event_base_dispatch(t.base);                                               \
		}                                                                                  \
		assert_true(condition);                                                            \
	} while (0)

static void on_started(void *ctx, const char *action, int64_t started_ms)
{
	t.started++;
}

static void on_live(void *ctx, const char *action, const char *name, int64_t offset,
	const void *data, size_t len)
{
	t.live += (int64_t)len;
}

static void on_outcome(void *ctx, const char *action, const char *json, size_t len)
{
	json_free(t.outcome);
	t.outcome = json_parse(json, len, NULL);
	assert_non_null(t.outcome);
	assert_string_equal(json_str(json_get(t.outcome, "action")), action);
	t.outcomes++;
}

static void open_jobs(int running_max, int64_t now_ms)
{
	static const struct jobs_ops ops = {on_started, on_live, on_outcome};
	struct jobs_conf c = {.dir = t.dir,
		.base = t.base,
		.running_max = running_max,
		.ops = &ops,
		.now_ms = now_ms};
	struct err e = ERR_INIT;

	t.jobs = jobs_open(&c, &e);
	assert_non_null(t.jobs);
}

static void reopen(int running_max, int64_t now_ms)
{
	jobs_close(t.jobs);
	open_jobs(running_max, now_ms);
}

static int make(void **state)
{
	memset(&t, 0, sizeof t);
	snprintf(t.dir, sizeof t.dir, "/tmp/him-jobs.XXXXXX");
	if (!mkdtemp(t.dir) || chmod(t.dir, 0755) < 0)
		return -1;
	snprintf(t.go, sizeof t.go, "%s/go", t.dir);
	id_new(t.one);
	id_new(t.two);
	t.base = event_base_new();
	open_jobs(4, 0);
	event_base_loop(t.base, EVLOOP_NONBLOCK); /* it has looked at what it found */
	return 0;
}

/* How many processes there are of that action; each gets the signal when it is not 0. */
static int alive(const char *action, int sig)
{
	char path[300], want[64];
	struct dirent *d;
	DIR *proc = opendir("/proc");
	struct buf b;
	int n = 0;

	snprintf(want, sizeof want, "HIM_ACTION=%s", action);
	buf_init(&b, 1 << 20);
	while ((d = readdir(proc))) {
		snprintf(path, sizeof path, "/proc/%s/environ", d->d_name);
		buf_clear(&b);
		if (!strspn(d->d_name, "0123456789") || file_read(path, &b, NULL) < 0 || !b.len ||
			!memmem(b.data, b.len, want, strlen(want)))
			continue;
		n++;
		if (sig)
			kill((pid_t)strtol(d->d_name, NULL, 10), sig);
	}
	buf_release(&b);
	closedir(proc);
	return n;
}

static int clean(void **state)
{
	jobs_close(t.jobs);
	event_base_free(t.base);
	json_free(t.outcome);
	alive(t.one, SIGKILL);
	alive(t.two, SIGKILL);
	return file_remove_tree(t.dir, NULL);
}

static void take(const char *action, const char *body)
{
	struct err e = ERR_INIT;

	if (jobs_take(t.jobs, action, body, strlen(body), DEADLINE, &e) < 0)
		fail_msg("%s", e.text);
}

/* The body of an action that runs text in a shell, with more members. */
static void take_shell(const char *action, const char *text, const char *more)
{
	struct json *words = json_array(), *j = json_parse(more, strlen(more), NULL);
	struct buf b;

	json_add(words, json_string("/bin/sh"));
	json_add(words, json_string("-c"));
	json_add(words, json_string(text));
	json_set(j, "command", words);
	buf_init(&b, 1 << 16);
	json_print(j, &b);
	take(action, buf_str(&b));
	buf_release(&b);
	json_free(j);
}

static void take_waiting(const char *action)
{
	char text[256];

	snprintf(text, sizeof text, "echo x >> %s/effects; until [ -e %s ]; do sleep 0.02; done",
		t.dir, t.go);
	take_shell(action, text, "{}");
}

static void let_go(void)
{
	assert_int_equal(file_write(t.go, "", 0, 0644, NULL), 0);
}

static const char *member(const char *name)
{
	const char *s = json_str(json_get(t.outcome, name));

	return s ? s : "";
}

static int64_t number(const char *name)
{
	int64_t v = -1;

	json_to_int(json_get(t.outcome, name), &v);
	return v;
}

static void assert_output(const char *name, const char *want)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	assert_int_equal(text_unbase64(member(name), strlen(member(name)), &b), 0);
	assert_string_equal(buf_str(&b), want);
	buf_release(&b);
}

static bool there(const char *action, const char *name)
{
	char path[200];

	snprintf(path, sizeof path, "%s/%s.%s", t.dir, action, name);
	return file_exists(path);
}

static size_t effects(void)
{
	char path[96];
	struct buf b;
	size_t n;

	snprintf(path, sizeof path, "%s/effects", t.dir);
	buf_init(&b, 4096);
	(void)file_read(path, &b, NULL);
	n = b.len / 2;
	buf_release(&b);
	return n;
}

/* ---- how a command ends ---- */

static void test_how_it_ends(void **state)
{
	static const struct {
		const char *text, *state, *signal, *out, *err;
		int64_t code; /* -1: none */
	} table[] = {
		{"echo out; echo err >&2", "done", "", "out\n", "err\n", 0},
		{"exit 7", "failed", "", "", "", 7},
		{"kill -KILL $$", "failed", "KILL", "", "", -1},
		{"kill -TERM $$", "failed", "TERM", "", "", -1},
		{"printf 'a\\0b'; cat; pwd >/dev/null", "done", "", "a", "", 0},
	};
	char action[ID_SIZE];

	for (size_t i = 0; i < N(table); i++) {
		t.outcomes = 0;
		id_new(action);
		take_shell(action, table[i].text, "{}");
		UNTIL(t.outcomes == 1);
		assert_string_equal(member("state"), table[i].state);
		assert_string_equal(member("signal"), table[i].signal);
		assert_int_equal(number("exit"), table[i].code);
		assert_output("stdout", table[i].out);
		assert_output("stderr", table[i].err);
		assert_true(number("started") > 0 && number("ended") >= number("started"));
		assert_int_equal(jobs_running(t.jobs), 0);
	}
}

static void test_what_cannot_run(void **state)
{
	static const struct {
		const char *body, *state, *says;
	} table[] = {
		{"{\"command\":[\"/no/such/command\"]}", "failed", "No such file"},
		{"{\"command\":[\"/etc/passwd\"]}", "failed", "Permission denied"},
		{"{\"command\":[],\"script\":\"#!/no/such/shell\\n\"}", "failed", "interpreter"},
		{"{\"command\":[\"id\"],\"as\":\"no-such-user-here\"}", "refused",
			"no-such-user-here"},
	};
	char action[ID_SIZE];
	struct err e = ERR_INIT;

	for (size_t i = 0; i < N(table); i++) {
		t.outcomes = 0;
		id_new(action);
		take(action, table[i].body);
		UNTIL(t.outcomes == 1);
		assert_string_equal(member("state"), table[i].state);
		assert_non_null(strstr(member("reason"), table[i].says));
		assert_int_equal(number("exit"), -1);
	}
	assert_int_equal(jobs_take(t.jobs, t.two, "{}", 2, DEADLINE, &e), -1);
	assert_int_equal(e.code, ERR_INVALID);
	assert_false(jobs_known(t.jobs, t.two) || there(t.two, "spec"));
}

static void test_scripts(void **state)
{
	static const struct {
		const char *body, *out;
	} table[] = {
		{"{\"command\":[\"a b\",\"\"],\"script\":\"#!/bin/sh\\necho \\\"$#:$1:$2\\\"\\n\"}",
			"2:a b:\n"},
		{"{\"command\":[\"x\"],\"script\":\"#!/usr/bin/env python3\\nimport "
		 "sys\\nprint(sys.argv[1:], sys.stdin.read())\\n\"}",
			"['x'] \n"},
		{"{\"command\":[],\"script\":\"#!/bin/sh\\necho $K:${#HIM_ACTION}:$USER:$HOME\\n\","
		 "\"env\":{\"K\":\"v w\",\"HOME\":\"/other\"}}",
			"v w:26:root:/other\n"},
		{"{\"command\":[\"echo\",\"own\"]}", "own\n"},
	};
	char action[ID_SIZE];

	if (getuid() != 0) {
		print_message("as somebody else than root the users differ\n");
		skip();
	}
	for (size_t i = 0; i < N(table); i++) {
		t.outcomes = 0;
		id_new(action);
		take(action, table[i].body);
		UNTIL(t.outcomes == 1);
		assert_string_equal(member("state"), "done");
		assert_output("stdout", table[i].out);
	}
}

static void test_as_nobody(void **state)
{
	if (getuid() != 0) {
		print_message("only root can become another user\n");
		skip();
	}
	take_shell(t.one, "id -un; [ $(id -u) != 0 ]; cat /etc/shadow 2>/dev/null; [ $? != 0 ]",
		"{\"as\":\"nobody\"}");
	UNTIL(t.outcomes == 1);
	assert_string_equal(member("state"), "done");
	assert_output("stdout", "nobody\n");
}

/* ---- what is ended ---- */

/* A sleeper below, one two forks away in a session of its own that listens to nothing, and its child. */
#define TREE                                                                                       \
	"(setsid sh -c 'trap \"\" TERM; sleep 1000 & wait; sleep 1000' &) ; sleep 1000 & sleep "   \
	"1000"

static void test_timeout_ends_the_tree(void **state)
{
	take_shell(t.one, TREE, "{\"timeout_ms\":1000}");
	UNTIL(t.outcomes == 1);
	assert_string_equal(member("state"), "timed_out");
	assert_non_null(strstr(member("reason"), "longer than 1s"));
	UNTIL(alive(t.one, 0) == 0);
}

static void test_cancel_ends_the_tree(void **state)
{
	take_shell(t.one, TREE, "{}");
	UNTIL(alive(t.one, 0) >= 5);
	jobs_cancel(t.jobs, t.one);
	UNTIL(t.outcomes == 1);
	assert_string_equal(member("state"), "cancelled");
	UNTIL(alive(t.one, 0) == 0);
	jobs_cancel(t.jobs, t.one); /* once more, and what is not known: nothing */
	jobs_cancel(t.jobs, t.two);
	assert_int_equal(t.outcomes, 1);
}

static void test_what_stays_in_the_background_is_ended(void **state)
{
	take_shell(t.one, "(setsid sleep 1000 &) ; echo ready", "{}");
	UNTIL(t.outcomes == 1);
	assert_string_equal(member("state"), "done");
	assert_output("stdout", "ready\n");
	UNTIL(alive(t.one, 0) == 0);
}

static void test_memory(void **state)
{
	const char *how;

	take(t.one,
		"{\"command\":[\"python3\",\"-c\",\"x = bytearray(1 << 29)\\nfor i in range(0, "
		"len(x), "
		"4096): x[i] = 1\"],\"memory_bytes\":67108864}");
	UNTIL(t.outcomes == 1);
	how = json_str(json_get(json_get(t.outcome, "limits"), "memory"));
	assert_string_equal(member("state"), "failed");
	if (strncmp(how, "cgroup", 6) != 0) {
		print_message("no memory cgroup can be had here: %s\n", how);
		skip();
	}
	assert_string_equal(member("signal"), "KILL");
	assert_non_null(strstr(member("reason"), "memory"));
}

/* ---- what it writes ---- */

static void test_much_output(void **state)
{
	take_shell(t.one, "head -c 307200 /dev/zero; head -c 70000 /dev/zero >&2", "{}");
	UNTIL(t.outcomes == 1);
	assert_int_equal(number("stdout_bytes"), 307200);
	assert_int_equal(number("stdout_dropped"), 307200 - 65536);
	assert_int_equal(number("stderr_bytes"), 70000);
	assert_int_equal(number("stderr_dropped"), 70000 - 65536);
	assert_false(jobs_has_attachments(t.jobs, t.one));
}

static void test_attach_is_whole(void **state)
{
	int64_t total = 0, lines = 0;
	struct buf b, whole;

	take_shell(t.one, "seq 60000", "{\"attach\":true}");
	UNTIL(t.outcomes == 1);
	assert_true(jobs_has_attachments(t.jobs, t.one));
	buf_init(&b, 100000);
	buf_init(&whole, 1 << 20);
	do {
		buf_clear(&b);
		assert_int_equal(
			jobs_attachment(t.jobs, t.one, "stdout", (int64_t)whole.len, &b, &total),
			0);
		buf_add(&whole, b.data, b.len);
	} while (b.len);
	assert_int_equal(total, whole.len);
	assert_int_equal(number("stdout_bytes"), total);
	for (char *p = whole.data, *end; p < whole.data + whole.len; p = end + 1)
		assert_int_equal(strtol(p, &end, 10), ++lines);
	assert_int_equal(lines, 60000);
	assert_int_equal(jobs_attachment(t.jobs, t.two, "stdout", 0, &b, &total), -1);
	jobs_reported(t.jobs, t.one);
	assert_false(jobs_has_attachments(t.jobs, t.one));
	buf_release(&b);
	buf_release(&whole);
}

static void test_it_is_heard_while_it_runs(void **state)
{
	take_shell(t.one, "while :; do echo tick; sleep 0.02; done", "{}");
	UNTIL(t.started == 1 && t.live > 0);
	assert_int_equal(jobs_running(t.jobs), 1);
	jobs_cancel(t.jobs, t.one);
	UNTIL(t.outcomes == 1);
	assert_int_equal(t.started, 1);
}

/* ---- slots, and the way of an outcome ---- */

static void test_one_slot(void **state)
{
	reopen(1, 0);
	event_base_loop(t.base, EVLOOP_NONBLOCK);
	take_waiting(t.one);
	take_waiting(t.two);
	UNTIL(there(t.one, "started"));
	assert_int_equal(jobs_running(t.jobs), 1);
	jobs_cancel(t.jobs, t.two);
	assert_int_equal(t.outcomes, 1);
	assert_string_equal(member("state"), "cancelled");
	let_go();
	UNTIL(t.outcomes == 2);
	assert_string_equal(member("state"), "done");
	assert_false(there(t.two, "started"));
}

static void test_told_until_reported_known_until_forgotten(void **state)
{
	struct stat st;
	char mark[200];

	take_shell(t.one, ":", "{}");
	UNTIL(t.outcomes == 1);
	jobs_retry_outcomes(t.jobs);
	assert_int_equal(t.outcomes, 2);
	reopen(4, 0);
	UNTIL(t.outcomes == 3);
	jobs_reported(t.jobs, t.one);
	jobs_retry_outcomes(t.jobs);
	reopen(4, 0);
	jobs_retry_outcomes(t.jobs);
	assert_int_equal(t.outcomes, 3);
	assert_false(there(t.one, "spec"));
	snprintf(mark, sizeof mark, "%s/%s.reported", t.dir, t.one);
	assert_true(stat(mark, &st) == 0 && st.st_size == 8); /* nothing but the deadline */
	jobs_again(t.jobs, t.one); /* a server was restored and does not know what it heard */
	assert_int_equal(t.outcomes, 4);
	assert_string_equal(member("state"), "done");
	jobs_forget_before(t.jobs, DEADLINE);
	jobs_again(t.jobs, t.one);
	assert_int_equal(t.outcomes, 4);
	assert_false(there(t.one, "outcome.json"));
	jobs_forget_before(t.jobs, DEADLINE + WEEK_MS - 1);
	assert_true(jobs_known(t.jobs, t.one) && there(t.one, "reported"));
	jobs_forget_before(t.jobs, DEADLINE + WEEK_MS);
	assert_false(jobs_known(t.jobs, t.one) || there(t.one, ""));
}

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
	}
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

#define JOB(test) cmocka_unit_test_setup_teardown(test, make, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		JOB(test_how_it_ends),
		JOB(test_what_cannot_run),
		JOB(test_scripts),
		JOB(test_as_nobody),
		JOB(test_timeout_ends_the_tree),
		JOB(test_cancel_ends_the_tree),
		JOB(test_what_stays_in_the_background_is_ended),
		JOB(test_memory),
		JOB(test_much_output),
		JOB(test_attach_is_whole),
		JOB(test_it_is_heard_while_it_runs),
		JOB(test_one_slot),
		JOB(test_told_until_reported_known_until_forgotten),
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
