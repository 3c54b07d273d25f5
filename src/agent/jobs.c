/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs, from the agent's side. A supervisor (exec.c) is a process of its own: while the agent lives it is watched by its
 * pidfd and heard through a pipe; after a restart of the agent its lock says that it still runs, and is looked at
 * now and then.
 *
 * Invariants: a job is started only while DIR/started does not exist, and the supervisor itself refuses a second start; a
 * job that has started, holds no lock and left no outcome ended without one, and that is its outcome.
 */
#include "agent/jobs.h"
#include "agent/exec.h"
#include "agent/exec_output.h"
#include "agent/job_spec.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/json.h"
#include "base/text.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uthash.h>

#define LOOK_MS 500         /* at jobs of an agent before us */
#define SOON_MS 400         /* what ends sooner is not said to run */
#define OUTCOME_KEPT 16384  /* bytes of an outcome that stays after it was reported */
#define KEEP_MS 604800000LL /* known after its deadline, so that no replay runs it */
#define OUTCOME_MAX (1u << 20)

enum job_state { JOB_WAITING, JOB_RUNNING, JOB_ENDED, JOB_REPORTED };

struct job {
	char id[ID_SIZE];
	struct jobs *jobs;
	enum job_state state;
	bool cancelled;
	int64_t deadline_ms, started_mono;
	pid_t pid; /* of the supervisor; 0: one of an agent before us */
	int pidfd, live_fd;
	struct event *ended, *live;
	bool said; /* that it runs */
	struct buf heard;
	struct job *next_waiting;
	UT_hash_handle hh;
};

struct jobs {
	struct jobs_conf conf;
	char *dir;
	struct job *all, *waiting, **last;
	int running;
	struct event *opened; /* once, in the loop: what was found is told and started */
	struct event *look;   /* at jobs without a pidfd, and for those to be said to run */
};

static void path_of(const struct jobs *j, const char *id, const char *name, char out[1400])
{
	snprintf(out, 1400, "%s/%s.%s", j->dir, id, name);
}

static bool has(const struct jobs *j, const char *id, const char *name)
{
	char path[1400];

	path_of(j, id, name, path);
	return file_exists(path);
}

static struct job *find(const struct jobs *j, const char *id)
{
	struct job *x;

	HASH_FIND_STR(j->all, id, x);
	return x;
}

static struct job *job_new(struct jobs *j, const char *id)
{
	struct job *x = xcalloc(1, sizeof *x);

	snprintf(x->id, sizeof x->id, "%s", id);
	x->jobs = j;
	x->pidfd = x->live_fd = -1;
	buf_init(&x->heard, 256u << 10);
	HASH_ADD_STR(j->all, id, x);
	return x;
}

static void unwatch(struct job *x)
{
	if (x->ended)
		event_free(x->ended);
	if (x->live)
		event_free(x->live);
	if (x->pidfd >= 0)
		close(x->pidfd);
	if (x->live_fd >= 0)
		close(x->live_fd);
	x->ended = x->live = NULL;
	x->pidfd = x->live_fd = -1;
	buf_release(&x->heard);
}

/* ---- outcomes ---- */

static void outcome_write(struct jobs *j, const char *id, const char *state, const char *reason)
{
	struct json *o = json_object();
	char path[1400];
	struct buf b;

	json_set_string(o, "action", id);
	json_set_string(o, "state", state);
	json_set_string(o, "reason", reason);
	buf_init(&b, 8192);
	json_print(o, &b);
	path_of(j, id, "outcome.json", path);
	(void)file_write(path, b.data, b.len, 0600, NULL);
	buf_release(&b);
	json_free(o);
}

/* Its supervisor did not wait for the disk: what it wrote just before a loss of power may be torn. */
static bool outcome_read(const struct jobs *j, const char *id, struct buf *out)
{
	struct json *o = NULL;
	char path[1400];

	path_of(j, id, "outcome.json", path);
	if (file_read(path, out, NULL) == 0)
		o = json_parse(out->data, out->len, NULL);
	json_free(o);
	return o != NULL;
}

static bool outcome_whole(const struct jobs *j, const char *id)
{
	struct buf b;
	bool whole;

	buf_init(&b, OUTCOME_MAX);
	whole = outcome_read(j, id, &b);
	buf_release(&b);
	return whole;
}

static void outcome_tell(struct job *x)
{
	char path[1400];
	struct buf b;

	path_of(x->jobs, x->id, "outcome.json", path);
	buf_init(&b, OUTCOME_MAX);
	if (file_read(path, &b, NULL) == 0 && b.len)
		x->jobs->conf.ops->on_outcome(x->jobs->conf.ctx, x->id, b.data, b.len);
	buf_release(&b);
}

static bool locked(const struct jobs *j, const char *id)
{
	char path[1400];
	int fd;

	path_of(j, id, "lock", path);
	fd = file_lock(path, NULL, NULL);
	if (fd < 0)
		return true;
	close(fd);
	return false;
}

static void look_on(struct jobs *j)
{
	struct timeval tv = {LOOK_MS / 1000, LOOK_MS % 1000 * 1000};

	if (!event_pending(j->look, EV_TIMEOUT, NULL))
		event_add(j->look, &tv);
}

static void start_next(struct jobs *j);

static void job_ended(struct job *x)
{
	struct jobs *j = x->jobs;
	bool began = has(j, x->id, "started");

	unwatch(x);
	if (x->state == JOB_RUNNING && locked(j, x->id)) {
		x->pid = 0; /* one of an agent before us was faster: it runs there */
		look_on(j);
		return;
	}
	if (x->state == JOB_RUNNING)
		j->running--;
	x->state = JOB_ENDED;
	if (!has(j, x->id, "outcome.json")) {
		if (!began && x->cancelled)
			outcome_write(j, x->id, "cancelled", "cancelled before it started");
		else
			outcome_write(j, x->id, "failed",
				began ? "outcome unknown: its supervisor was ended from outside"
				      : "it could not be started");
	}
	outcome_tell(x);
	start_next(j);
}

void jobs_retry_outcomes(struct jobs *j)
{
	struct job *x, *tmp;

	HASH_ITER (hh, j->all, x, tmp)
		if (x->state == JOB_ENDED)
			outcome_tell(x);
}

/* ---- watching ---- */

static void on_ended(evutil_socket_t fd, short what, void *arg)
{
	struct job *x = arg;

	if (waitpid(x->pid, NULL, WNOHANG) ==
		0) { /* not yet: an event of a descriptor before this one */
		event_add(x->ended, NULL);
		return;
	}
	job_ended(x);
}

static void hear(struct job *x)
{
	const unsigned char *p = (const unsigned char *)x->heard.data;

	while (x->heard.len >= LIVE_HEAD) {
		size_t len = (size_t)p[9] << 24 | (size_t)p[10] << 16 | (size_t)p[11] << 8 | p[12];
		int64_t offset = 0;
		if (len > LIVE_PIECE ||
			(p[0] != 1 && p[0] != 2)) { /* not our supervisor's: listen no more */
			event_del(x->live);
			return;
		}
		if (x->heard.len < LIVE_HEAD + len)
			return;
		for (int i = 1; i <= 8; i++)
			offset = (int64_t)((uint64_t)offset << 8 | p[i]);
		x->jobs->conf.ops->on_live(x->jobs->conf.ctx, x->id,
			p[0] == 1 ? "stdout" : "stderr", offset, p + LIVE_HEAD, len);
		buf_drop_front(&x->heard, LIVE_HEAD + len);
	}
}

static void on_live(evutil_socket_t fd, short what, void *arg)
{
	struct job *x = arg;
	char data[16384];
	ssize_t n = read(fd, data, sizeof data);

	if (n > 0 && clock_mono_ms() - x->started_mono < SOON_MS)
		return; /* it may end at once, and its result says it all */
	if (n > 0 && buf_add(&x->heard, data, (size_t)n) == 0)
		hear(x);
	else if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		event_del(x->live);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
	struct jobs *j = arg;
	struct job *x, *tmp;
	int64_t now = clock_mono_ms();

	HASH_ITER (hh, j->all, x, tmp) {
		if (x->state == JOB_RUNNING && !x->said && now - x->started_mono >= SOON_MS) {
			x->said = true;
			j->conf.ops->on_started(
				j->conf.ctx, x->id, clock_now_ms() - (now - x->started_mono));
		}
		if (x->state == JOB_RUNNING && x->pidfd < 0 && !locked(j, x->id))
			job_ended(x);
	}
	if (j->running == 0)
		event_del(j->look);
}

/* ---- starting ---- */

static void start(struct job *x)
{
	struct jobs *j = x->jobs;
	char job[1400];
	int live[2];

	snprintf(job, sizeof job, "%s/%s", j->dir, x->id);
	x->state = JOB_RUNNING;
	j->running++;
	x->started_mono = clock_mono_ms();
	if (pipe2(live, O_CLOEXEC | O_NONBLOCK) < 0) {
		job_ended(x);
		return;
	}
	x->live_fd = live[0];
	x->pid = exec_start(job, live[1]);
	close(live[1]);
	x->pidfd = x->pid > 0 ? (int)syscall(SYS_pidfd_open, x->pid, 0) : -1;
	if (x->pid < 0) {
		job_ended(x);
		return;
	}
	if (x->pidfd >= 0) { /* else its lock is looked at */
		x->ended = event_new(j->conf.base, x->pidfd, EV_READ, on_ended, x);
		event_add(x->ended, NULL);
	}
	x->live = event_new(j->conf.base, x->live_fd, EV_READ | EV_PERSIST, on_live, x);
	event_add(x->live, NULL);
	look_on(j);
}

static void start_next(struct jobs *j)
{
	struct job *x;

	while (j->running < j->conf.running_max && (x = j->waiting)) {
		j->waiting = x->next_waiting;
		if (!j->waiting)
			j->last = &j->waiting;
		if (x->state == JOB_WAITING)
			start(x);
	}
}

static void wait_for_slot(struct job *x)
{
	x->next_waiting = NULL;
	*x->jobs->last = x;
	x->jobs->last = &x->next_waiting;
}

/* ---- what the agent asks ---- */

bool jobs_known(const struct jobs *j, const char *action)
{
	return find(j, action) != NULL;
}

int jobs_take(struct jobs *j, const char *action, const char *body, size_t len, int64_t deadline_ms,
	struct err *e)
{
	struct arena *a = arena_new();
	struct job_spec spec;
	char path[1400];
	struct buf b;
	struct job *x;
	int rc;

	buf_init(&b, JOB_SPEC_MAX + 64);
	rc = job_spec_parse(body, len, a, &spec, e);
	arena_free(a);
	if (rc == 0) {
		buf_printf(&b, "%lld\n", (long long)deadline_ms);
		buf_add(&b, body, len);
		path_of(j, action, "spec", path);
		rc = file_write(path, b.data, b.len, 0600, e);
	}
	buf_release(&b);
	if (rc < 0)
		return -1;
	x = job_new(j, action);
	x->deadline_ms = deadline_ms;
	wait_for_slot(x);
	start_next(j);
	return 0;
}

void jobs_again(struct jobs *j, const char *action)
{
	struct job *x = find(j, action);
	struct buf b;

	if (!x || x->state != JOB_REPORTED)
		return;
	buf_init(&b, OUTCOME_KEPT);
	if (outcome_read(j, action, &b))
		j->conf.ops->on_outcome(j->conf.ctx, action, b.data, b.len);
	buf_release(&b);
}

void jobs_cancel(struct jobs *j, const char *action)
{
	struct job *x = find(j, action);
	char path[1400], line[24] = "";
	int64_t pid = 0;

	if (!x)
		return;
	if (x->state == JOB_WAITING) {
		outcome_write(j, x->id, "cancelled", "cancelled before it started");
		x->state = JOB_ENDED;
		outcome_tell(x);
	} else if (x->state == JOB_RUNNING) {
		path_of(j, x->id, "lock", path);
		pid = x->pid;
		if (!pid && file_line(path, line, sizeof line) == 0)
			(void)text_int(line, "pid", 2, INT32_MAX, &pid, NULL);
		x->cancelled = true; /* it may not have got so far as to hear of it */
		if (pid > 1)
			kill((pid_t)pid, SIGTERM);
	}
}

/* Keeps its mark, of that the first line, a small outcome, and that it was started; what else there was goes. */
static void strip(struct jobs *j, const char *id, int64_t deadline_ms)
{
	static const char *const heavy[] = {"stdout.full", "stderr.full", "lock"};
	char path[1400];
	struct stat st;

	path_of(j, id, "outcome.json", path);
	if (stat(path, &st) == 0 && st.st_size > OUTCOME_KEPT)
		(void)unlink(path);

	path_of(j, id, "reported", path);
	(void)!truncate(path, snprintf(NULL, 0, "%lld\n", (long long)deadline_ms));

	for (size_t i = 0; i < sizeof heavy / sizeof *heavy; i++) {
		path_of(j, id, heavy[i], path);
		(void)unlink(path);
	}
}

void jobs_reported(struct jobs *j, const char *action)
{
	struct job *x = find(j, action);
	char spec[1400], mark[1400];

	if (!x || x->state != JOB_ENDED)
		return;
	path_of(j, action, "spec", spec);
	path_of(j, action, "reported", mark);
	/* Should the machine forget this name, it is told again, and the server knows it; what was never started must not start then. */
	if (rename(spec, mark) < 0 ||
		(!has(j, action, "started") && file_sync_dir(j->dir, NULL) < 0))
		return;
	x->state = JOB_REPORTED;
	strip(j, action, x->deadline_ms);
}

void jobs_forget_before(struct jobs *j, int64_t now_ms)
{
	struct job *x, *tmp;
	char path[1400];

	HASH_ITER (hh, j->all, x, tmp) {
		if (x->state != JOB_REPORTED || x->deadline_ms > now_ms)
			continue;
		path_of(j, x->id, "outcome.json", path);
		(void)unlink(path);
		if (x->deadline_ms + KEEP_MS > now_ms)
			continue;
		path_of(j, x->id, "started", path);
		(void)unlink(path);
		path_of(j, x->id, "reported", path);
		if (unlink(path) < 0)
			continue;
		HASH_DEL(j->all, x);
		free(x);
	}
}

bool jobs_has_attachments(const struct jobs *j, const char *action)
{
	return has(j, action, "stdout.full") || has(j, action, "stderr.full");
}

int jobs_attachment(const struct jobs *j, const char *action, const char *name, int64_t offset,
	struct buf *out, int64_t *total)
{
	char path[1400], file[32], data[16384];
	struct stat st;
	ssize_t n = -1;
	int fd;

	snprintf(file, sizeof file, "%.16s.full", name);
	path_of(j, action, file, path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0) {
		*total = st.st_size;
		while (out->len < out->max) {
			size_t want = out->max - out->len < sizeof data ? out->max - out->len
									: sizeof data;
			n = pread(fd, data, want, offset + (off_t)out->len);
			if (n <= 0 || buf_add(out, data, (size_t)n) < 0)
				break;
		}
	}
	close(fd);
	return n < 0 ? -1 : 0;
}

int jobs_running(const struct jobs *j)
{
	return j->running;
}

/* ---- opening: each folder says what it is ---- */

static int64_t deadline_of(const struct jobs *j, const char *id, const char *name)
{
	char path[1400], line[32];
	int64_t v = 0;
	FILE *f;

	path_of(j, id, name, path);
	f = fopen(path, "re");
	if (f && fgets(line, sizeof line, f))
		(void)text_int(text_trim(line), "deadline", 0, INT64_MAX, &v, NULL);
	if (f)
		fclose(f);
	return v;
}

static void find_one(struct jobs *j, const char *id)
{
	struct job *x;

	if (find(j, id)) /* by its other name: it was reported just now */
		return;
	if (has(j, id, "reported")) {
		x = job_new(j, id);
		x->state = JOB_REPORTED;
		x->deadline_ms = deadline_of(j, id, "reported");
		strip(j, id, x->deadline_ms);
		return;
	}
	x = job_new(j, id);
	x->deadline_ms = deadline_of(j, id, "spec");
	x->started_mono = clock_mono_ms();
	if (locked(j, id)) {
		x->state = JOB_RUNNING;
		j->running++;
	} else if (outcome_whole(j, id)) {
		x->state = JOB_ENDED;
	} else if (has(j, id, "started")) {
		x->state = JOB_ENDED;
		outcome_write(j, id, "failed",
			"outcome unknown: this machine or its agent stopped while it ran");
	} else if (x->deadline_ms < j->conf.now_ms) {
		x->state = JOB_ENDED;
		outcome_write(j, id, "expired", "its deadline passed before it could start");
	} else {
		wait_for_slot(x);
	}
}

static void on_opened(evutil_socket_t fd, short what, void *arg)
{
	struct jobs *j = arg;

	jobs_retry_outcomes(j);
	start_next(j);
	if (j->running)
		look_on(j);
}

/* A name in the folder. What belongs to no job was never fetched whole, or is forgotten. */
static void found(struct jobs *j, const char *name)
{
	char id[ID_SIZE] = "", path[1400];
	const char *what = name + ID_LEN + 1;

	if (strlen(name) <= ID_LEN + 1 || name[ID_LEN] != '.')
		return;
	memcpy(id, name, ID_LEN);
	if (!id_valid(id))
		return;
	if (strcmp(what, "spec") == 0 || strcmp(what, "reported") == 0) {
		find_one(j, id);
	} else if (!has(j, id, "spec") && !has(j, id, "reported")) {
		path_of(j, id, what, path);
		(void)unlink(path);
	}
}

struct jobs *jobs_open(const struct jobs_conf *conf, struct err *e)
{
	struct jobs *j = xcalloc(1, sizeof *j);
	struct timeval now = {0, 0};
	struct dirent *d;
	DIR *dir = NULL;

	j->conf = *conf;
	j->dir = xstrdup(conf->dir);
	j->last = &j->waiting;
	if (file_mkdirs(conf->dir, 0700, e) < 0 || !(dir = opendir(conf->dir))) {
		if (!e->code)
			err_errno(e, "cannot read %s", conf->dir);
		jobs_close(j);
		return NULL;
	}
	while ((d = readdir(dir)))
		found(j, d->d_name);
	closedir(dir);
	j->look = event_new(conf->base, -1, EV_PERSIST, on_look, j);
	j->opened = event_new(conf->base, -1, 0, on_opened, j);
	event_add(j->opened, &now);
	return j;
}

void jobs_close(struct jobs *j)
{
	struct job *x, *tmp;

	if (!j)
		return;
	HASH_ITER (hh, j->all, x, tmp) {
		unwatch(x);
		HASH_DEL(j->all, x);
		free(x);
	}
	if (j->opened)
		event_free(j->opened);
	if (j->look)
		event_free(j->look);
	free(j->dir);
	free(j);
}
