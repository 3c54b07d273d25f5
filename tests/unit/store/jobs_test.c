/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's threads. Jobs here are small scripts: SQL to run, then whether to fail. A test queues them, turns the loop
 * until all came back, and looks at what stands in the database.
 */
#include "kit.h"
#include "base/file.h"
#include "store/jobs.h"
#include <event2/event.h>
#include <event2/thread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define LIMIT_S 60

struct yard {
	char home[64], path[96];
	struct event_base *base;
	struct store *store;
	struct err e;
	int open, next; /* jobs not back; the next one's place in the order of coming back */
};

struct job {
	struct store_job job;
	struct yard *y;
	const char *sql;
	sem_t *wait, *reached; /* the job says it is there, and waits */
	bool fails, mute;      /* mute: without a reason */
	int64_t got;
	int place;
	enum err_code code;
	struct job *then; /* queued by done() */
};

static int setup(void **state)
{
	struct yard *y = xcalloc(1, sizeof *y);

	evthread_use_pthreads();
	strcpy(y->home, "/tmp/him-jobs-XXXXXX");
	if (!mkdtemp(y->home))
		return -1;
	snprintf(y->path, sizeof y->path, "%s/x.db", y->home);
	y->base = event_base_new();
	*state = y;
	return 0;
}

static int teardown(void **state)
{
	struct yard *y = *state;

	store_close(y->store);
	event_base_free(y->base);
	(void)umount(y->home); /* where a test mounted a small disk */
	(void)file_remove_tree(y->home, NULL);
	free(y);
	return 0;
}

static void open_store(struct yard *y)
{
	static const struct migration table[] = {
		{1, "one", "CREATE TABLE t (a BIGINT PRIMARY KEY, b BLOB)"}, {0, NULL, NULL}};

	y->store = store_open(y->path, y->base, table, &y->e);
	if (!y->store)
		fail_msg("%s", y->e.text);
}

static int work(struct store_job *job, struct db *db)
{
	struct job *j = (struct job *)job;
	struct stmt *s;
	int got;

	if (j->reached)
		sem_post(j->reached);
	if (j->wait)
		sem_wait(j->wait);
	s = db_prepare_once(db, j->sql, &job->err);
	got = s ? db_step(s, &job->err) : -1;
	if (got > 0)
		j->got = col_int(s, 0);
	db_done(s);
	if (got < 0)
		return -1;
	if (j->mute)
		return -1;
	return j->fails ? err_set(&job->err, ERR_INVALID, "as asked") : 0;
}

static void done(struct store_job *job)
{
	struct job *j = (struct job *)job;

	j->code = job->err.code;
	j->place = j->y->next++;
	j->y->open--;
	if (j->then) {
		j->then->job.work = work;
		j->then->job.done = done;
		j->then->y = j->y;
		j->y->open++;
		store_write(j->y->store, &j->then->job);
	}
}

static void queue(struct yard *y, struct job *j, void (*how)(struct store *, struct store_job *))
{
	j->job.work = work;
	j->job.done = done;
	j->y = y;
	y->open++;
	how(y->store, &j->job);
}

static void give_up(evutil_socket_t fd, short what, void *arg)
{
	fail_msg("jobs do not come back");
}

static void wait_all(struct yard *y)
{
	struct event *limit = evtimer_new(y->base, give_up, NULL);
	struct timeval tv = {LIMIT_S, 0};

	evtimer_add(limit, &tv);
	while (y->open > 0)
		event_base_loop(y->base, EVLOOP_ONCE);
	event_free(limit);
}

static int64_t count(struct yard *y)
{
	struct job j = {.sql = "SELECT COUNT(*) FROM t"};

	queue(y, &j, store_read);
	wait_all(y);
	assert_int_equal(j.code, ERR_NONE);
	return j.got;
}

/* Jobs queued while the writer is busy share one commit; one that fails is undone alone; they come back in order. */
static void one_commit_for_many(void **state)
{
	struct yard *y = *state;
	sem_t go, there;
	struct job first = {.sql = "INSERT INTO t (a) VALUES (0)", .wait = &go, .reached = &there};
	struct job jobs[] = {{.sql = "INSERT INTO t (a) VALUES (1)"},
		{.sql = "INSERT INTO t (a) VALUES (2)", .fails = true},
		{.sql = "INSERT INTO t (a) VALUES (1)"}, /* there already */
		{.sql = "INSERT INTO t (a) VALUES (4)", .mute = true},
		{.sql = "INSERT INTO t (a) VALUES (5)"}};
	static const enum err_code codes[] = {
		ERR_NONE, ERR_INVALID, ERR_CONFLICT, ERR_INTERNAL, ERR_NONE};
	struct store_stats st;

	open_store(y);
	sem_init(&go, 0, 0);
	sem_init(&there, 0, 0);
	queue(y, &first, store_write);
	sem_wait(&there); /* the writer holds it, alone in its batch so far */
	for (size_t i = 0; i < 5; i++)
		queue(y, &jobs[i], store_write);
	store_stats(y->store, &st);
	assert_int_equal(st.queued_writes, 5);
	assert_int_equal(st.commits, 0);
	sem_post(&go);
	wait_all(y);
	assert_int_equal(first.code, ERR_NONE);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(jobs[i].code, codes[i]);
		assert_int_equal(jobs[i].place, i + 1);
		assert_true(codes[i] == ERR_NONE || jobs[i].job.err.text[0]);
	}
	assert_int_equal(count(y), 3); /* 0, 1, 5 */
	store_stats(y->store, &st);
	assert_true(st.commits <= 2); /* two when the first alone used up a batch's time */
	assert_int_equal(st.committed, 3);
	assert_int_equal(st.failed, 3);
	assert_false(st.full);
	assert_true(st.free_bytes > 0);
	sem_destroy(&go);
	sem_destroy(&there);
}

static void asks_busy(struct yard *y, bool want)
{
	if (store_busy(y->store) != want)
		fail_msg("busy is %s", want ? "not seen" : "said of nothing");
}

/* What can wait is taken after everything else that was there, and before what comes later still. */
static void idle_jobs_come_last(void **state)
{
	struct yard *y = *state;
	sem_t go, there, idle_go, idle_there;
	struct job first = {.sql = "INSERT INTO t (a) VALUES (0)", .wait = &go, .reached = &there},
		   idle = {.sql = "INSERT INTO t (a) SELECT 100 + COUNT(*) FROM t",
			   .wait = &idle_go,
			   .reached = &idle_there},
		   second = {.sql = "INSERT INTO t (a) VALUES (1)"},
		   third = {.sql = "INSERT INTO t (a) VALUES (2)"},
		   late = {.sql = "SELECT MAX(a) FROM t"};

	open_store(y);
	sem_init(&go, 0, 0);
	sem_init(&there, 0, 0);
	sem_init(&idle_go, 0, 0);
	sem_init(&idle_there, 0, 0);
	queue(y, &first, store_write);
	sem_wait(&there);
	queue(y, &idle, store_write_idle);
	asks_busy(y, false);
	queue(y, &second, store_write);
	queue(y, &third, store_write);
	asks_busy(y, true);
	sem_post(&go);
	sem_wait(&idle_there);
	asks_busy(y, false);
	queue(y, &late, store_write);
	sem_post(&idle_go);
	wait_all(y);
	assert_int_equal(idle.code, ERR_NONE);
	assert_int_equal(late.got, 103); /* three were there */
	struct job last = {.sql = "INSERT INTO t (a) VALUES (3)"};
	queue(y, &last, store_write_idle);
	store_close(y->store); /* waits for it as well */
	y->store = NULL;
	assert_int_equal(y->open, 0);
	assert_int_equal(last.code, ERR_NONE);
	sem_destroy(&go);
	sem_destroy(&there);
	sem_destroy(&idle_go);
	sem_destroy(&idle_there);
}

/* A reader sees what was committed before it began, however long it takes, and does not wait for the writer. */
static void readers_see_commits_only(void **state)
{
	struct yard *y = *state;
	sem_t go, there;
	struct job slow = {.sql = "INSERT INTO t (a) VALUES (1)", .wait = &go, .reached = &there};

	open_store(y);
	sem_init(&go, 0, 0);
	sem_init(&there, 0, 0);
	queue(y, &slow, store_write);
	sem_wait(&there);
	struct job look = {.sql = "SELECT COUNT(*) FROM t"};
	queue(y, &look, store_read);
	while (look.job.done && y->open > 1)
		event_base_loop(y->base, EVLOOP_ONCE);
	assert_int_equal(look.got, 0);
	sem_post(&go);
	wait_all(y);
	assert_int_equal(count(y), 1);
	sem_destroy(&go);
	sem_destroy(&there);
}

static void readers_do_not_write(void **state)
{
	struct yard *y = *state;
	struct job j = {.sql = "INSERT INTO t (a) VALUES (1)"};

	open_store(y);
	queue(y, &j, store_read);
	wait_all(y);
	assert_int_not_equal(j.code, ERR_NONE);
	assert_int_equal(count(y), 0);
}

static void closing_waits(void **state)
{
	struct yard *y = *state;
	struct job after = {.sql = "INSERT INTO t (a) VALUES (1000)"};
	static struct job jobs[300];
	char sql[300][48];
	struct db *db;
	struct stmt *s;

	memset(jobs, 0, sizeof jobs);
	open_store(y);
	for (int i = 0; i < 300; i++) {
		snprintf(sql[i], sizeof sql[i], "INSERT INTO t (a) VALUES (%d)", i);
		jobs[i].sql = sql[i];
		if (i == 299)
			jobs[i].then = &after;
		queue(y, &jobs[i], store_write);
	}
	store_close(y->store);
	y->store = NULL;
	assert_int_equal(y->open, 0); /* each is back, the one queued too late as well */
	assert_int_equal(after.code, ERR_UNAVAILABLE);
	for (int i = 0; i < 300; i++) {
		assert_int_equal(jobs[i].code, ERR_NONE);
		assert_int_equal(jobs[i].place, i);
	}
	db = db_open(y->path, DB_READ, &y->e);
	s = db_prepare(db, "SELECT COUNT(*) FROM t", &y->e);
	assert_int_equal(db_step(s, &y->e), 1);
	assert_int_equal(col_int(s, 0), 300);
	db_done(s);
	db_close(db);
}

/* ---- a disk that is full ---- */

#define BLOB "INSERT INTO t (a, b) VALUES (%d, zeroblob(%d))"

static void full_batch(struct yard *y)
{
	sem_t go, there;
	struct job first = {.sql = "INSERT INTO t (a) VALUES (1)", .wait = &go, .reached = &there};
	struct job big = {.sql = "INSERT INTO t (a, b) VALUES (2, zeroblob(60000000))"};
	struct job last = {.sql = "INSERT INTO t (a) VALUES (3)"};
	struct store_stats st;

	sem_init(&go, 0, 0);
	sem_init(&there, 0, 0);
	queue(y, &first, store_write);
	sem_wait(&there);
	queue(y, &big, store_write);
	queue(y, &last, store_write);
	sem_post(&go);
	wait_all(y);
	assert_int_equal(big.code, ERR_NO_SPACE);
	store_stats(y->store, &st);
	/* Whatever shared its transaction is not there, and says so; whatever did not, is there. */
	assert_int_equal(count(y), (first.code == ERR_NONE) + (last.code == ERR_NONE));
	assert_true(first.code == ERR_NONE || first.code == ERR_NO_SPACE);
	assert_true(last.code == ERR_NONE || last.code == ERR_NO_SPACE);
	assert_int_equal(st.failed, (first.code != ERR_NONE) + (last.code != ERR_NONE) + 1);
	sem_destroy(&go);
	sem_destroy(&there);
}

static void a_full_disk_acknowledges_nothing(void **state)
{
	struct yard *y = *state;
	struct job small = {.sql = "INSERT INTO t (a) VALUES (100)"};
	int64_t before;

	if (geteuid() != 0 || mount("tmpfs", y->home, "tmpfs", 0, "size=24m,mode=0700") < 0)
		skip();
	open_store(y);
	full_batch(y);
	before = count(y);
	queue(y, &small, store_write); /* and when there is room again, all goes on */
	wait_all(y);
	assert_int_equal(small.code, ERR_NONE);
	assert_int_equal(count(y), before + 1);
	store_close(y->store);
	y->store = NULL;
}

static void note_full(void *ctx, bool full)
{
	*(int *)ctx += full ? 1 : 10;
}

static bool is_full(struct yard *y)
{
	struct store_stats st;

	store_stats(y->store, &st);
	return st.full;
}

static void ballast_write(const char *path)
{
	char block[4096] = {0};
	FILE *f = fopen(path, "wbe");

	assert_non_null(f);
	setvbuf(f, NULL, _IONBF, 0);
	while (fwrite(block, 1, sizeof block, f) > 0)
		;
	fclose(f);
}

/* What changes nothing proves nothing; room is noticed though nobody writes, and said once. */
static void room_is_noticed(void **state)
{
	struct yard *y = *state;
	struct job some = {.sql = "INSERT INTO t (a, b) VALUES (1, zeroblob(200000))"},
		   nothing = {.sql = "DELETE FROM t WHERE a = 77"};
	char ballast[96];
	int said = 0;

	if (geteuid() != 0 || mount("tmpfs", y->home, "tmpfs", 0, "size=24m,mode=0700") < 0)
		skip();
	open_store(y);
	store_watch(y->store, note_full, &said);
	snprintf(ballast, sizeof ballast, "%s/ballast", y->home);
	ballast_write(ballast);
	queue(y, &some, store_write);
	wait_all(y);
	assert_int_equal(some.code, ERR_NO_SPACE);
	queue(y, &nothing, store_write);
	wait_all(y);
	assert_int_equal(nothing.code, ERR_NONE);
	assert_true(is_full(y));
	assert_int_equal(said, 1);
	assert_int_equal(unlink(ballast), 0);
	struct event *limit = evtimer_new(y->base, give_up, NULL);
	event_add(limit, &(struct timeval){LIMIT_S, 0});
	while (said == 1)
		event_base_loop(y->base, EVLOOP_ONCE);
	event_free(limit);
	assert_int_equal(said, 11);
	assert_false(is_full(y));
	store_close(y->store);
	y->store = NULL;
}

/* Rows until nothing fits: what was acknowledged is there after opening anew, nothing else. */
static void acknowledged_is_kept(void **state)
{
	struct yard *y = *state;
	int acknowledged = 0, refused = 0;

	if (geteuid() != 0 || mount("tmpfs", y->home, "tmpfs", 0, "size=16m,mode=0700") < 0)
		skip();
	open_store(y);
	for (int i = 0; i < 200 && refused < 5; i++) {
		char sql[80];
		struct job j = {.sql = sql};
		snprintf(sql, sizeof sql, BLOB, i, 200000);
		queue(y, &j, store_write);
		wait_all(y);
		assert_true(j.code == ERR_NONE || j.code == ERR_NO_SPACE);
		acknowledged += j.code == ERR_NONE;
		refused += j.code != ERR_NONE;
	}
	assert_true(acknowledged > 5);
	assert_int_equal(refused, 5);
	store_close(y->store);
	open_store(y);
	assert_int_equal(count(y), acknowledged);
	store_close(y->store);
	y->store = NULL;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(one_commit_for_many), TEST(idle_jobs_come_last),
		TEST(readers_see_commits_only), TEST(readers_do_not_write), TEST(closing_waits),
		TEST(a_full_disk_acknowledges_nothing), TEST(room_is_noticed),
		TEST(acknowledged_is_kept)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
