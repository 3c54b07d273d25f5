// SPDX-License-Identifier: Apache-2.0
/*
 * The guests of this host, kept fresh: a watch (probe/guests_host.h) says that something changed, a
 * child (`him-agent guests --records`) looks, what it says goes to the probes and out in a report.
 *
 *	folder changed ──> wait a moment ──┐
 *	poll: the stamp is another ────────┼──> child ──> probe_give ──> report_soon
 *	an hour went by ───────────────────┘
 *
 * A second after a change it is looked, because what makes a guest touches many files. Looks are paid
 * for out of a credit of processor time that grows by a fiftieth of the time that goes by: a host of
 * a thousand guests where one starts every second costs no more than a fiftieth of a processor, and
 * one where little happens is looked at as soon as something does, however slow it is. A platform that
 * could not tell keeps the guests it told before.
 *
 * A platform that hangs would keep the others waiting at every look: it is left alone for a while. One that is slow and answers
 * is not: a host is busiest when its guests start, and what it lists then changes most.
 *
 * The child has a session of its own and is killed with what it started when it is late.
 */
#include "agent/agent.h"
#include "agent/guests.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/proc.h"
#include "probe/guests_host.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOMENT_MS 1000
#define CREDIT_SHARE 50
#define CREDIT_MAX_MS 3000
#define REST_MAX_MS 60000
#define LATE_MS (GUESTS_LOOK_MS + 15000)
#define HOURLY_MS 3600000
#define ALONE_MS (10 * 60000)
#define SAID_MAX (8u << 20)

struct hosted {
	struct agent *agent;
	struct guests_watch *watch;
	struct event *changed,
		*timer;  /* timer: the next poll, or the end of a child that is late */
	bool known, due; /* due: a change that no look has seen yet */
	int64_t looked_mono;
	int64_t credit_ms, credit_mono; /* of processor time, as it was then; below 0: a rest */
	int64_t cpu_ms;                 /* of the last child and what it started */

	char without
		[200]; /* slow platforms, joined by commas, and until when they are left alone */
	int64_t without_until_mono;

	/* the child; pid 0: there is none */
	pid_t pid;
	struct event *reading;
	int fd;
	struct buf said;
};

static void timer_in(struct hosted *h, int64_t ms)
{
	struct timeval tv = {ms / 1000, ms % 1000 * 1000};

	event_add(h->timer, &tv);
}

static void pay(struct hosted *h, int64_t cpu_ms)
{
	int64_t now = clock_mono_ms();
	int64_t credit = h->credit_ms + (now - h->credit_mono) / CREDIT_SHARE;

	h->credit_ms = (credit < CREDIT_MAX_MS ? credit : CREDIT_MAX_MS) - cpu_ms;
	if (h->credit_ms < -REST_MAX_MS / CREDIT_SHARE)
		h->credit_ms = -REST_MAX_MS / CREDIT_SHARE;
	h->credit_mono = now;
}

/* How long until the credit is enough for a look. */
static int64_t rest(const struct hosted *h)
{
	return h->credit_mono - h->credit_ms * CREDIT_SHARE - clock_mono_ms();
}

static void poll_again(struct hosted *h)
{
	int64_t ms = h->agent->conf->report_ms;

	if (h->due) {
		ms = rest(h);
		ms = ms > MOMENT_MS ? ms : MOMENT_MS;
	}
	timer_in(h, ms);
}

/* ---- what it said ---- */

static bool is_of(const struct json *record, const char *platform)
{
	const char *of = json_str(json_get(record, "platform"));
	return of && strcmp(of, platform) == 0;
}

/* Guests told before, of the platforms that could not tell all of them now. */
static void keep_untold(struct json *guests, const struct json *errors, const struct json *before)
{
	struct json_iter failed = json_iter(errors), it;

	while (json_next(&failed))
		for (it = json_iter(before); json_next(&it);)
			if (is_of(it.value, failed.key) && !json_has(guests, it.key))
				json_set(guests, it.key, json_copy(it.value));
}

static void leave_alone(struct hosted *h, const struct json *slow)
{
	for (size_t i = 0; i < json_len(slow); i++) {
		size_t n = strlen(h->without);
		const char *name = json_str(json_at(slow, i));
		if (name && n + strlen(name) + 2 < sizeof h->without)
			snprintf(h->without + n, sizeof h->without - n, "%s%s", n ? "," : "", name);
		h->without_until_mono = clock_mono_ms() + ALONE_MS;
	}
}

static void tell(struct hosted *h, const struct json *said)
{
	struct json *guests = json_copy(json_get(said, "guests"));
	struct json *before = probe_section(h->agent->probe, "guests");
	const struct json *errors = json_get(said, "errors");
	struct err why = ERR_INIT;
	struct json_iter it;

	keep_untold(guests, errors, before);
	for (it = json_iter(errors); json_next(&it);)
		if (why.code == ERR_NONE)
			err_set(&why, ERR_UNAVAILABLE, "%s: %s", it.key, json_str(it.value));
	probe_give(h->agent->probe, "guests", guests, &why);
	leave_alone(h, json_get(said, "slow"));
	json_free(guests);
	json_free(before);
}

static void take_said(struct hosted *h)
{
	struct err e = ERR_INIT;
	struct json *said = json_parse(buf_str(&h->said), h->said.len, &e);

	if (json_type(json_get(said, "guests")) == JSON_OBJECT &&
		json_type(json_get(said, "errors")) == JSON_OBJECT) {
		tell(h, said);
	} else {
		if (e.code == ERR_NONE || h->said.len == 0)
			err_set(&e, ERR_UNAVAILABLE, "whoever looked for guests did not end well");
		log_limited(LOG_WARN_, "guests", HOURLY_MS, "no list of guests: %s", e.text);
		probe_give(h->agent->probe, "guests", NULL, &e);
	}
	json_free(said);
}

/* ---- the child ---- */

static void child_end(struct hosted *h)
{
	if (h->reading)
		event_free(h->reading);
	h->reading = NULL;
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
	if (h->pid > 0) {
		struct rusage used = {0};
		kill(-h->pid, SIGKILL);
		while (wait4(h->pid, NULL, 0, &used) < 0 && errno == EINTR)
			;
		h->cpu_ms = (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
			(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
	}
	h->pid = 0;
}

static void child_done(struct hosted *h)
{
	child_end(h);
	pay(h, h->cpu_ms);
	take_said(h);
	buf_release(&h->said);
	h->known = true;
	h->looked_mono = clock_mono_ms();
	poll_again(h);
	report_soon(h->agent);
}

static void on_said(evutil_socket_t fd, short what, void *arg)
{
	struct hosted *h = arg;
	char chunk[16384];
	ssize_t n = read(fd, chunk, sizeof chunk);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && buf_add(&h->said, chunk, (size_t)n) == 0)
		return;
	if (n > 0)
		buf_clear(&h->said); /* too much: it will not parse */
	child_done(h);
}

static int child_start(struct hosted *h, struct err *e)
{
	const char *const argv[] = {"/proc/self/exe", "guests", "--records", "--log-level", "error",
		"--without", h->without, NULL};
	int pipes[2];

	if (clock_mono_ms() >= h->without_until_mono)
		h->without[0] = '\0';
	if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_errno(e, "cannot make a pipe");
	fcntl(pipes[1], F_SETFL, 0); /* its end waits until there is room */
	buf_init(&h->said, SAID_MAX);
	h->fd = pipes[0];
	h->pid = proc_spawn(argv, NULL, pipes[1], e);
	close(pipes[1]);
	if (h->pid < 0) {
		child_end(h);
		return -1;
	}
	h->reading = event_new(h->agent->base, h->fd, EV_READ | EV_PERSIST, on_said, h);
	event_add(h->reading, NULL);
	timer_in(h, LATE_MS);
	return 0;
}

static void look(struct hosted *h)
{
	struct err e = ERR_INIT;

	h->due = false;
	if (child_start(h, &e) < 0) {
		log_limited(LOG_WARN_, "guests", HOURLY_MS, "nobody looks for guests: %s", e.text);
		h->known = true;
		poll_again(h);
	}
}

/* ---- when ---- */

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct hosted *h = arg;

	if (h->pid > 0) { /* it is late */
		buf_clear(&h->said);
		child_done(h);
		return;
	}
	/* Not before `due` is judged: the stamp has to follow every change. */
	if (guests_watch_changed(h->watch) ||
		(h->without[0] && clock_mono_ms() >= h->without_until_mono))
		h->due = true;
	if (h->due || clock_mono_ms() - h->looked_mono >= HOURLY_MS)
		look(h);
	else
		poll_again(h);
}

static void on_changed(evutil_socket_t fd, short what, void *arg)
{
	struct hosted *h = arg;
	bool first = !h->due;

	if (!guests_watch_drain(h->watch))
		return;
	h->due = true;
	if (first && h->pid == 0)
		poll_again(h);
}

void hosted_open(struct agent *a, const struct json *before)
{
	struct hosted *h = xcalloc(1, sizeof *h);
	const struct json *guests = json_get(before, "guests");

	a->hosted = h;
	h->agent = a;
	h->fd = -1;
	h->credit_ms = CREDIT_MAX_MS;
	h->credit_mono = clock_mono_ms();
	h->watch = guests_watch_open("");
	h->timer = event_new(a->base, -1, 0, on_timer, h);
	probe_give(a->probe, "guests", guests, NULL);
	h->known = json_len(guests) == 0; /* nothing to take away before it is known */
	if (guests_watch_fd(h->watch) >= 0) {
		h->changed = event_new(
			a->base, guests_watch_fd(h->watch), EV_READ | EV_PERSIST, on_changed, h);
		event_add(h->changed, NULL);
	}
	timer_in(h, 1);
}

void hosted_close(struct agent *a)
{
	struct hosted *h = a->hosted;

	if (!h)
		return;
	child_end(h);
	if (h->changed)
		event_free(h->changed);
	event_free(h->timer);
	guests_watch_close(h->watch);
	buf_release(&h->said);
	free(h);
	a->hosted = NULL;
}

bool hosted_known(const struct agent *a)
{
	return a->hosted->known;
}
