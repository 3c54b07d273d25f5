/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's threads: one writer with group commit, two readers. A job is a unit of work on the database;
 * `work` runs in a store thread and touches only the job and the db, `done` runs in the loop.
 */
#ifndef HIM_STORE_JOBS_H
#define HIM_STORE_JOBS_H

#include "base/arena.h"
#include "base/err.h"
#include "store/db.h"
#include "store/migrate.h"
#include <event2/event.h>

struct store;

struct store_job {
	/* Returns 0, or -1 with job->err filled: a write job that fails is undone alone. */
	int (*work)(struct store_job *job, struct db *db);
	/* In the loop, after the commit (or with err set, when nothing of it stands). Frees the job. */
	void (*done)(struct store_job *job);
	struct err err;
	struct store_job *next; /* the store's */
};

/* Opens (and migrates) the database. The loop must be that of the caller's thread. */
struct store *store_open(const char *path, struct event_base *base,
	const struct migration *migrations, struct err *e);
/* Waits until everything queued is done, its done() called. What a done() queues meanwhile is refused
 * (ERR_UNAVAILABLE), its done() called too. Accepts NULL. */
void store_close(struct store *s);

/* Queue full (100,000 jobs): job->err is set and done() is called from the loop soon. */
void store_write(struct store *s, struct store_job *job);
void store_read(struct store *s, struct store_job *job);
/* As store_write(), but taken only while nothing waits that store_write() was given. */
void store_write_idle(struct store *s, struct store_job *job);
/* Whether something waits to be written, besides idle jobs and the one that asks: for work() of a write job. */
bool store_busy(struct store *s);

/* For opening and closing only: runs work on the calling thread with a connection of its own, committed. */
int store_now(struct store *s, int (*work)(void *ctx, struct db *db, struct err *e), void *ctx,
	struct err *e);

struct store_stats {
	int64_t queued_writes, queued_reads;
	int64_t commits;           /* transactions */
	int64_t committed, failed; /* write jobs */
	int64_t last_commit_us, free_bytes;
	bool full; /* a commit failed for want of space, and nothing was written since */
};
void store_stats(struct store *s, struct store_stats *out);

/* changed() is called from the loop, after the done() of what was written, whenever `full` became another. A full disk is
 * tried every second, also when nobody writes. */
void store_watch(struct store *s, void (*changed)(void *ctx, bool full), void *ctx);

#endif
