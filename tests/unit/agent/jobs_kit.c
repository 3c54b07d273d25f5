/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing waits for a time: each test waits for what must happen, with a generous limit. Which processes belong to a job is
 * read from their environment, where every command of it carries HIM_ACTION.
 */
#include "jobs_kit.h"
#include "base/file.h"
#include "base/text.h"
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct jobs_kit t;

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

void reopen(int running_max, int64_t now_ms)
{
	jobs_close(t.jobs);
	open_jobs(running_max, now_ms);
}

int make(void **state)
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

int alive(const char *action, int sig)
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

int clean(void **state)
{
	jobs_close(t.jobs);
	event_base_free(t.base);
	json_free(t.outcome);
	alive(t.one, SIGKILL);
	alive(t.two, SIGKILL);
	return file_remove_tree(t.dir, NULL);
}

void take(const char *action, const char *body)
{
	struct err e = ERR_INIT;

	if (jobs_take(t.jobs, action, body, strlen(body), DEADLINE, &e) < 0)
		fail_msg("%s", e.text);
}

void take_shell(const char *action, const char *text, const char *more)
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

void take_waiting(const char *action)
{
	char text[256];

	snprintf(text, sizeof text, "echo x >> %s/effects; until [ -e %s ]; do sleep 0.02; done",
		t.dir, t.go);
	take_shell(action, text, "{}");
}

void let_go(void)
{
	assert_int_equal(file_write(t.go, "", 0, 0644, NULL), 0);
}

const char *member(const char *name)
{
	const char *s = json_str(json_get(t.outcome, name));

	return s ? s : "";
}

int64_t number(const char *name)
{
	int64_t v = -1;

	json_to_int(json_get(t.outcome, name), &v);
	return v;
}

void assert_output(const char *name, const char *want)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	assert_int_equal(text_unbase64(member(name), strlen(member(name)), &b), 0);
	assert_string_equal(buf_str(&b), want);
	buf_release(&b);
}

bool there(const char *action, const char *name)
{
	char path[200];

	snprintf(path, sizeof path, "%s/%s.%s", t.dir, action, name);
	return file_exists(path);
}

size_t effects(void)
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
