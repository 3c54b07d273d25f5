/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs with real supervisors and real commands: how they run, end, are heard and told. */
#include "jobs_kit.h"
#include "base/file.h"
#include "base/text.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
	};

	setenv("PATH", "/nowhere", 1); /* a command is found by its own */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
