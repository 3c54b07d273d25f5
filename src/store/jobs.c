/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Group commit: the writer takes all that is queued (up to a bound), runs each job inside a savepoint of one
 * transaction, commits once, and only then hands the jobs back to the loop. Under load, many jobs share one sync of
 * the disk; alone, a job is committed at once. Readers see the last commit (WAL) and never wait for the writer.
 *
 * Beside the queue stands an idle one: what can wait is taken when nothing else does, into the same transactions.
 *
 * A full disk is remembered until something was written again: a commit of jobs that changed nothing proves nothing. When
 * nobody has anything to write, the writer tries by itself, so that room is noticed without anybody's help.
 *
 * Invariants: done() runs after the commit, in the order in which jobs were queued; a job that failed leaves nothing; a
 * commit that failed, or a disk that did, fails every job of its batch. One mutex guards the queues and the list of what is done;
 * no job runs under it.
 */
#include "store/jobs.h"
#include "base/clock.h"
#include "base/file.h"
#include <event2/util.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define BATCH_MAX 512
#define BATCH_US 20000 /* a batch takes no new job after it ran so long */
#define QUEUE_MAX 100000
#define READERS 2
#define ROOM_EVERY_S 1       /* how often a full disk is tried */
#define ROOM_BYTES (1 << 20) /* less than this is no room */

struct queue {
	struct store_job *first, **last;
	int64_t n;
};

struct store {
	char *path;
	struct event_base *base;
	struct event *wakeup;
	int wakeup_fd;
	pthread_mutex_t lock;
	pthread_cond_t writes, reads;
	struct queue write_queue, idle_queue, read_queue, finished;
	bool closing;
	pthread_t writer, readers[READERS];
	struct store_stats stats;
	void (*watch)(void *ctx, bool full);
	void *watch_ctx;
	bool said_full; /* what the watcher knows; the loop's */
};

static void queue_init(struct queue *q)
{
	q->first = NULL;
	q->last = &q->first;
	q->n = 0;
}

static void queue_put(struct queue *q, struct store_job *job)
{
	job->next = NULL;
	*q->last = job;
	q->last = &job->next;
	q->n++;
}

static struct store_job *queue_get(struct queue *q)
{
	struct store_job *job = q->first;

	if (!job)
		return NULL;
	q->first = job->next;
	if (!q->first)
		q->last = &q->first;
	q->n--;
	return job;
}

/* Hands jobs back to the loop. */
static void finish(struct store *s, struct queue *jobs)
{
	struct store_job *job;
	uint64_t one = 1;

	pthread_mutex_lock(&s->lock);
	while ((job = queue_get(jobs)))
		queue_put(&s->finished, job);
	pthread_mutex_unlock(&s->lock);
	(void)!write(s->wakeup_fd, &one, sizeof one);
}

static void run_done(struct store *s)
{
	struct store_job *job;

	for (;;) {
		pthread_mutex_lock(&s->lock);
		job = queue_get(&s->finished);
		pthread_mutex_unlock(&s->lock);
		if (!job)
			break;
		job->done(job);
	}
}

static void say_full(struct store *s)
{
	bool full;

	pthread_mutex_lock(&s->lock);
	full = s->stats.full;
	pthread_mutex_unlock(&s->lock);
	if (full == s->said_full)
		return;
	s->said_full = full;
	if (s->watch)
		s->watch(s->watch_ctx, full);
}

static void on_wakeup(evutil_socket_t fd, short what, void *arg)
{
	uint64_t n;

	(void)!read(fd, &n, sizeof n);
	run_done(arg);
	say_full(arg);
}

/* ---- the writer ---- */

static void wait_for_write(struct store *s)
{
	struct timespec until;

	if (!s->stats.full) {
		pthread_cond_wait(&s->writes, &s->lock);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ROOM_EVERY_S;
	pthread_cond_timedwait(&s->writes, &s->lock, &until);
}

static bool writes_wait(const struct store *s)
{
	return s->write_queue.first || s->idle_queue.first;
}

/* A job; NULL when there is none, after a while if `wait` and the disk is full, and when the store closes. */
static struct store_job *next_write(struct store *s, bool wait)
{
	struct store_job *job;

	pthread_mutex_lock(&s->lock);
	while (wait && !writes_wait(s) && !s->closing) {
		wait_for_write(s);
		if (s->stats.full)
			break;
	}
	job = queue_get(s->write_queue.first ? &s->write_queue : &s->idle_queue);
	pthread_mutex_unlock(&s->lock);
	return job;
}

/* A job that says no without a reason must not pass for one that did its work. */
static void say_why(struct store_job *job)
{
	if (job->err.code == ERR_NONE)
		err_set(&job->err, ERR_INTERNAL, "the database's work failed without a reason");
}

/* False when the whole batch is lost: the disk failed, and perhaps took the transaction with it. Then no later job may
 * run either, for outside the transaction each would be committed alone. */
static bool write_one(struct db *db, struct store_job *job)
{
	if (db_savepoint(db, &job->err) == 0) {
		if (job->work(job, db) == 0 && db_release(db, &job->err) == 0) {
			job->err.code = ERR_NONE;
			return true;
		}
		say_why(job);
		if (db_in_transaction(db))
			db_rollback_to(db);
	}
	return db_in_transaction(db) && job->err.code != ERR_NO_SPACE && job->err.code != ERR_IO;
}

static void batch_failed(struct queue *batch, const struct err *e)
{
	for (struct store_job *job = batch->first; job; job = job->next)
		job->err = *e;
}

static int64_t count_failed(const struct queue *batch)
{
	int64_t n = 0;

	for (const struct store_job *job = batch->first; job; job = job->next)
		n += job->err.code != ERR_NONE;
	return n;
}

static void write_batch(struct store *s, struct db *db, struct store_job *job)
{
	struct err e = ERR_INIT;
	struct queue batch;
	int64_t begun = clock_mono_us(), changes = db_changes(db), failed;
	bool good;

	queue_init(&batch);
	good = db_begin(db, &e) == 0;
	do {
		queue_put(&batch, job);
		if (good && !write_one(db, job)) {
			good = false;
			e = job->err;
		}
	} while (good && batch.n < BATCH_MAX && clock_mono_us() - begun < BATCH_US &&
		(job = next_write(s, false)));
	if (!good || db_commit(db, &e) < 0) {
		db_rollback(db);
		batch_failed(&batch, &e);
	}
	failed = count_failed(&batch);
	pthread_mutex_lock(&s->lock);
	s->stats.commits += e.code == ERR_NONE;
	s->stats.failed += failed;
	s->stats.committed += batch.n - failed;
	s->stats.last_commit_us = clock_mono_us() - begun;
	if (e.code == ERR_NO_SPACE)
		s->stats.full = true;
	else if (e.code == ERR_NONE && db_changes(db) != changes)
		s->stats.full = false;
	pthread_mutex_unlock(&s->lock);
	finish(s, &batch);
}

static bool is_full(struct store *s)
{
	bool full;

	pthread_mutex_lock(&s->lock);
	full = s->stats.full;
	pthread_mutex_unlock(&s->lock);
	return full;
}

/* Is there room again? Only the writer asks, so nothing else is being written. */
static void try_room(struct store *s, struct db *db)
{
	int64_t free_bytes = file_free_bytes(s->path);
	struct queue none;

	if ((free_bytes >= 0 && free_bytes < ROOM_BYTES) || db_try_write(db, NULL) < 0)
		return;
	pthread_mutex_lock(&s->lock);
	s->stats.full = false;
	pthread_mutex_unlock(&s->lock);
	queue_init(&none);
	finish(s, &none); /* wakes the loop, which tells the watcher */
}

static bool closing(struct store *s)
{
	bool yes;

	pthread_mutex_lock(&s->lock);
	yes = s->closing && !writes_wait(s);
	pthread_mutex_unlock(&s->lock);
	return yes;
}

static void *writer(void *arg)
{
	struct store *s = arg;
	struct err e = ERR_INIT;
	struct db *db = db_open(s->path, DB_WRITE, &e);
	struct store_job *job;

	while ((job = next_write(s, true)) || !closing(s)) {
		if (!job) {
			if (db && is_full(s))
				try_room(s, db);
			continue;
		}
		if (!db && !(db = db_open(s->path, DB_WRITE, &e))) {
			struct queue one;
			queue_init(&one);
			queue_put(&one, job);
			job->err = e;
			finish(s, &one);
			continue;
		}
		write_batch(s, db, job);
	}
	db_close(db);
	return NULL;
}

/* ---- the readers ---- */

/* One snapshot for the whole job. */
static void read_one(struct db *db, struct store_job *job)
{
	if (db_exec(db, "BEGIN", &job->err) < 0)
		return;
	if (job->work(job, db) == 0)
		job->err.code = ERR_NONE;
	else
		say_why(job);
	db_rollback(db);
}

static void *reader(void *arg)
{
	struct store *s = arg;
	struct err e = ERR_INIT;
	struct db *db = NULL;
	struct store_job *job;
	struct queue one;

	for (;;) {
		pthread_mutex_lock(&s->lock);
		while (!s->read_queue.first && !s->closing)
			pthread_cond_wait(&s->reads, &s->lock);
		job = queue_get(&s->read_queue);
		pthread_mutex_unlock(&s->lock);
		if (!job)
			break;
		if (!db && !(db = db_open(s->path, DB_READ, &e)))
			job->err = e;
		else
			read_one(db, job);
		queue_init(&one);
		queue_put(&one, job);
		finish(s, &one);
	}
	db_close(db);
	return NULL;
}

/* ---- the loop's side ---- */

static void enqueue(struct store *s, struct queue *q, pthread_cond_t *cond, struct store_job *job)
{
	uint64_t one = 1;
	bool refused;

	job->err = ERR_INIT;
	pthread_mutex_lock(&s->lock);
	if (s->closing)
		err_set(&job->err, ERR_UNAVAILABLE, "the database is being closed");
	else if (q->n >= QUEUE_MAX)
		err_set(&job->err, ERR_UNAVAILABLE,
			"the database has %d requests waiting; try again later", QUEUE_MAX);
	refused = job->err.code != ERR_NONE;
	queue_put(refused ? &s->finished : q, job);
	if (!refused)
		pthread_cond_signal(cond);
	pthread_mutex_unlock(&s->lock);
	if (refused)
		(void)!write(s->wakeup_fd, &one, sizeof one);
}

void store_write(struct store *s, struct store_job *job)
{
	enqueue(s, &s->write_queue, &s->writes, job);
}

void store_write_idle(struct store *s, struct store_job *job)
{
	enqueue(s, &s->idle_queue, &s->writes, job);
}

bool store_busy(struct store *s)
{
	bool yes;

	pthread_mutex_lock(&s->lock);
	yes = s->write_queue.first != NULL;
	pthread_mutex_unlock(&s->lock);
	return yes;
}

void store_read(struct store *s, struct store_job *job)
{
	enqueue(s, &s->read_queue, &s->reads, job);
}

int store_now(struct store *s, int (*work)(void *ctx, struct db *db, struct err *e), void *ctx,
	struct err *e)
{
	struct db *db = db_open(s->path, DB_WRITE, e);
	int rc = -1;

	if (!db)
		return -1;
	if (db_begin(db, e) == 0 && work(ctx, db, e) == 0 && db_commit(db, e) == 0)
		rc = 0;
	else
		db_rollback(db);
	db_close(db);
	return rc;
}

void store_watch(struct store *s, void (*changed)(void *ctx, bool full), void *ctx)
{
	s->watch = changed;
	s->watch_ctx = ctx;
}

void store_stats(struct store *s, struct store_stats *out)
{
	pthread_mutex_lock(&s->lock);
	*out = s->stats;
	out->queued_writes = s->write_queue.n;
	out->queued_reads = s->read_queue.n;
	pthread_mutex_unlock(&s->lock);
	out->free_bytes = file_free_bytes(s->path);
}

struct store *store_open(const char *path, struct event_base *base,
	const struct migration *migrations, struct err *e)
{
	struct store *s = xcalloc(1, sizeof *s);
	struct db *db = db_open(path, DB_WRITE, e);
	pthread_condattr_t mono;
	int rc = db ? migrate(db, migrations, e) : -1;

	db_close(db);
	if (rc < 0) {
		free(s);
		return NULL;
	}
	s->path = xstrdup(path);
	s->base = base;
	queue_init(&s->write_queue);
	queue_init(&s->idle_queue);
	queue_init(&s->read_queue);
	queue_init(&s->finished);
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&mono);
	pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
	pthread_cond_init(&s->writes, &mono);
	pthread_condattr_destroy(&mono);
	pthread_cond_init(&s->reads, NULL);
	s->wakeup_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	s->wakeup = event_new(base, s->wakeup_fd, EV_READ | EV_PERSIST, on_wakeup, s);
	event_add(s->wakeup, NULL);
	if (pthread_create(&s->writer, NULL, writer, s) != 0)
		abort();
	for (int i = 0; i < READERS; i++)
		if (pthread_create(&s->readers[i], NULL, reader, s) != 0)
			abort();
	return s;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->closing = true;
	pthread_cond_broadcast(&s->writes);
	pthread_cond_broadcast(&s->reads);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->writer, NULL);
	for (int i = 0; i < READERS; i++)
		pthread_join(s->readers[i], NULL);
	run_done(s);
	event_free(s->wakeup);
	close(s->wakeup_fd);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->writes);
	pthread_cond_destroy(&s->reads);
	free(s->path);
	free(s);
}
