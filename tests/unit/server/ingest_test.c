/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports in a rush: the writer is held while batches of real envelopes are queued, so that what follows is the same in
 * every run. Jobs between the batches look at what stands in the database at their place in the queue.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "server/ingest_internal.h"
#include "store/store_machine.h"
#include "store/store_trust.h"
#include "wire/envelope.h"
#include <event2/thread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AGENTS 3
#define LIMIT_S 60

struct source {
	char id[ID_SIZE], machine[ID_SIZE], stream[STREAM_LEN + 1], prev[DIGEST_LEN + 1];
	uint8_t key[MAC_KEY_BYTES];
	int64_t seq;
};

struct yard {
	char home[64], path[96];
	struct server s;
	struct source sources[AGENTS];
	sem_t go, there;
	struct err e;
};

struct look { /* a job of the test's: SQL that gives a number or changes something */
	struct store_job job;
	const char *sql;
	int64_t got;
	bool done;
};

/* ---- the yard ---- */

static int enrol(void *ctx, struct db *db, struct err *e)
{
	struct yard *y = ctx;

	for (int i = 0; i < AGENTS; i++) {
		struct source *s = &y->sources[i];
		uint8_t secret[BOX_KEY_BYTES], pub[BOX_KEY_BYTES];
		char hex[2 * BOX_KEY_BYTES + 1], name[8];
		id_new(s->id);
		id_new(s->machine);
		stream_new(s->stream);
		memcpy(s->prev, DIGEST_ZERO, sizeof s->prev);
		box_keygen(secret, pub);
		for (int k = 0; k < BOX_KEY_BYTES; k++)
			snprintf(hex + 2 * k, 3, "%02x", pub[k]);
		mac_key_derive(secret, y->s.keys.box_pub, pub, y->s.keys.box_pub, s->id, s->key);
		snprintf(name, sizeof name, "m%d", i);
		struct agent a = {.id = s->id,
			.machine = s->machine,
			.role = "agent",
			.site = "s",
			.box = hex};
		if (trust_enrol(db, &a, name, NULL, 1, e) < 0)
			return -1;
	}
	return 0;
}

static void store_up(struct yard *y)
{
	y->s.store = store_open(y->path, y->s.base, server_migrations, &y->e);
	if (!y->s.store)
		fail_msg("%s", y->e.text);
}

static int setup(void **state)
{
	static const char *const names[] = {NULL};
	static const struct hub_ops ops = {0};
	struct yard *y = xcalloc(1, sizeof *y);

	evthread_use_pthreads();
	strcpy(y->home, "/tmp/him-ingest-XXXXXX");
	if (!mkdtemp(y->home))
		return -1;
	snprintf(y->path, sizeof y->path, "%s/server.db", y->home);
	y->s.base = event_base_new();
	snprintf(y->s.generation, sizeof y->s.generation, "1");
	struct hub_conf hub = {.base = y->s.base, .ops = &ops, .mail_max_bytes = 1u << 20};
	y->s.hub = hub_new(&hub);
	y->s.ingest = ingest_new();
	sem_init(&y->go, 0, 0);
	sem_init(&y->there, 0, 0);
	*state = y;
	if (keys_open(&y->s.keys, y->home, names, 86400000, &y->e) < 0)
		return -1;
	store_up(y);
	return store_now(y->s.store, enrol, y, &y->e);
}

static int teardown(void **state)
{
	struct yard *y = *state;

	store_close(y->s.store);
	hub_free(y->s.hub);
	ingest_free(y->s.ingest);
	keys_release(&y->s.keys);
	event_base_free(y->s.base);
	sem_destroy(&y->go);
	sem_destroy(&y->there);
	(void)file_remove_tree(y->home, NULL);
	free(y);
	return 0;
}

/* ---- what happens ---- */

/* The next report of an agent, on what it sent before (FULL: on nothing): so many are logged in. */
#define FULL "full"
#define ON_IT "on what it sent"
static void report(struct yard *y, int agent, const char *on, int users)
{
	struct source *s = &y->sources[agent];
	struct envelope env = {.kind = "report", .seq = ++s->seq};
	struct buf frames;
	char body[200];

	env.len = (size_t)snprintf(body, sizeof body,
		"{\"base\":\"%s\",\"made\":%lld,\"doc\":{\"attributes\":{\"him.users\":%d}}}",
		strcmp(on, FULL) == 0            ? ""
			: strcmp(on, ON_IT) == 0 ? s->prev
						 : on,
		(long long)clock_now_ms(), users);
	memcpy(env.agent, s->id, sizeof env.agent);
	memcpy(env.stream, s->stream, sizeof env.stream);
	memcpy(env.prev, s->prev, sizeof env.prev);
	env.body = body;
	buf_init(&frames, 4096);
	assert_int_equal(envelope_add(&frames, &env, s->key), 0);
	digest_hex(body, env.len, s->prev);
	ingest_take(&y->s, "", frames.data, frames.len, (uint64_t)s->seq);
	buf_release(&frames);
}

static int look_work(struct store_job *job, struct db *db)
{
	struct look *l = (struct look *)job;
	struct stmt *s = db_prepare_once(db, l->sql, &job->err);
	int got = s ? db_step(s, &job->err) : -1;

	if (got > 0)
		l->got = col_int(s, 0);
	db_done(s);
	return got < 0 ? -1 : 0;
}

static void look_done(struct store_job *job)
{
	if (job->err.code)
		fail_msg("%s", job->err.text);
	((struct look *)job)->done = true;
}

static void look(struct yard *y, struct look *l)
{
	l->job.work = look_work;
	l->job.done = look_done;
	store_write(y->s.store, &l->job);
}

static void give_up(evutil_socket_t fd, short what, void *arg)
{
	fail_msg("what was said is not taken");
}

static void turn_until(struct yard *y, const bool *done)
{
	struct event *limit = evtimer_new(y->s.base, give_up, NULL);
	struct timeval tv = {LIMIT_S, 0};

	evtimer_add(limit, &tv);
	while (done ? !*done : y->s.ingest->reading)
		event_base_loop(y->s.base, EVLOOP_ONCE);
	event_free(limit);
}

/* All that is noted is read: nothing is queued behind it any more. */
static void wait_read(struct yard *y)
{
	struct look last = {.sql = "SELECT 1"};

	look(y, &last);
	turn_until(y, &last.done);
	turn_until(y, NULL);
}

static int64_t number(struct yard *y, const char *sql)
{
	struct look l = {.sql = sql};

	look(y, &l);
	turn_until(y, &l.done);
	return l.got;
}
#define NOTED "SELECT COUNT(*) FROM inbox"

static int64_t users(struct yard *y, int agent)
{
	char sql[160];

	snprintf(sql, sizeof sql, "SELECT users FROM machines WHERE agent = '%s'",
		y->sources[agent].id);
	return number(y, sql);
}

struct held {
	struct store_job job;
	struct yard *y;
};

static int held_work(struct store_job *job, struct db *db)
{
	struct yard *y = ((struct held *)job)->y;

	sem_post(&y->there);
	sem_wait(&y->go);
	return 0;
}

static void held_done(struct store_job *job)
{
}

/* The writer does nothing more until y->go. */
static void hold(struct yard *y, struct held *h)
{
	h->job.work = held_work;
	h->job.done = held_done;
	h->y = y;
	store_write(y->s.store, &h->job);
	sem_wait(&y->there);
}

/* ---- the tests ---- */

static void a_quiet_server_reads_at_once(void **state)
{
	struct yard *y = *state;

	report(y, 0, FULL, 3);
	while (y->s.counts.envelopes < 1)
		event_base_loop(y->s.base, EVLOOP_ONCE);
	assert_int_equal(y->s.counts.reports, 1); /* with its commit */
	assert_int_equal(number(y, NOTED), 0);
	assert_int_equal(users(y, 0), 3);
}

/* All are committed before the first is read, and then read in their order: each is built on the one before. */
static void a_rush_is_noted(void **state)
{
	struct yard *y = *state;
	struct held held;
	struct look noted = {.sql = NOTED}, read = {.sql = "SELECT COUNT(*) FROM sections"};

	hold(y, &held);
	for (int n = 1; n <= 5; n++)
		for (int i = 0; i < 2; i++)
			report(y, i, n == 1 ? FULL : ON_IT, n);
	look(y, &noted);
	look(y, &read);
	sem_post(&y->go);
	wait_read(y);
	assert_int_equal(noted.got, 10);
	assert_int_equal(read.got, 0);
	assert_int_equal(y->s.counts.envelopes, 10);
	assert_int_equal(y->s.counts.reports, 10);
	assert_int_equal(number(y, NOTED), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(users(y, i), 5);
}

/* While one is noted, none overtakes it, though nothing else waits any more. */
static void none_overtakes(void **state)
{
	struct yard *y = *state;
	struct held held;
	struct look read = {.sql = "SELECT COUNT(*) FROM sections"};
	int64_t taken;

	y->s.ingest->reading = true; /* nobody reads now */
	hold(y, &held);
	report(y, 0, FULL, 1);
	report(y, 1, FULL, 1);
	sem_post(&y->go);
	while (y->s.counts.envelopes < 2)
		event_base_loop(y->s.base, EVLOOP_ONCE);
	report(y, 0, ON_IT, 2);
	while (y->s.counts.envelopes < 3)
		event_base_loop(y->s.base, EVLOOP_ONCE);
	assert_int_equal(number(y, NOTED), 3);
	look(y, &read);
	turn_until(y, &read.done);
	assert_int_equal(read.got, 0);
	taken = number(y, "SELECT MAX(taken) FROM inbox");
	usleep(2000);
	y->s.ingest->reading = false;
	ingest_read(&y->s);
	wait_read(y);
	assert_int_equal(users(y, 0), 2);
	/* It is of when it came. */
	assert_int_equal(number(y, "SELECT reported FROM machines WHERE name = 'm0'"), taken);
}

/* What is built on something unknown changes nothing, then as ever. */
static void a_base_is_looked_at_when_it_is_read(void **state)
{
	struct yard *y = *state;
	struct held held;

	hold(y, &held);
	report(y, 0, FULL, 1);
	report(y, 0, DIGEST_ZERO, 2);
	report(y, 1, FULL, 7);
	sem_post(&y->go);
	wait_read(y);
	assert_int_equal(users(y, 0), 1);
	assert_int_equal(users(y, 1), 7);
	assert_int_equal(number(y, NOTED), 0);
}

/* What is acknowledged is on the disk: a server that ends before it has read it reads it when it starts. */
static void the_next_start_reads(void **state)
{
	struct yard *y = *state;
	struct held held;

	hold(y, &held);
	report(y, 0, FULL, 1);
	report(y, 0, ON_IT, 2);
	sem_post(&y->go);
	store_close(y->s.store);
	assert_int_equal(y->s.counts.envelopes, 2);
	assert_int_equal(y->s.counts.reports, 0);
	store_up(y);
	ingest_read(&y->s);
	wait_read(y);
	assert_int_equal(y->s.counts.reports, 2);
	assert_int_equal(users(y, 0), 2);
}

static void who_is_cut_off_meanwhile_is_not_read(void **state)
{
	struct yard *y = *state;
	struct held held;
	struct look revoke = {.sql = "UPDATE agents SET revoked = 5 WHERE id = (SELECT agent FROM "
				     "machines WHERE name = 'm0')"},
		    forget = {.sql = "DELETE FROM agents WHERE id = (SELECT agent FROM machines "
				     "WHERE name = 'm1')"};

	hold(y, &held);
	for (int i = 0; i < AGENTS; i++)
		report(y, i, FULL, 4);
	look(y, &revoke);
	look(y, &forget);
	sem_post(&y->go);
	wait_read(y);
	assert_int_equal(number(y, "SELECT COUNT(*) FROM sections"), 1);
	assert_int_equal(users(y, 2), 4);
	assert_int_equal(number(y, NOTED), 0);
}

/* A full inbox: who brings more reads as much first. */
static void there_is_a_cap(void **state)
{
	struct yard *y = *state;
	struct held held;
	struct look noted[3] = {{.sql = NOTED}, {.sql = NOTED}, {.sql = NOTED}},
		    read = {.sql = "SELECT MAX(users) FROM machines"};

	y->s.ingest->inbox_max_bytes = 1;
	hold(y, &held);
	for (int n = 0; n < 3; n++) {
		report(y, 0, n == 0 ? FULL : ON_IT, n + 1);
		look(y, &noted[n]);
	}
	look(y, &read);
	sem_post(&y->go);
	wait_read(y);
	for (int n = 0; n < 3; n++)
		assert_int_equal(noted[n].got, 1);
	assert_int_equal(read.got, 2);
	assert_int_equal(users(y, 0), 3);
}

/* What cannot be read, for a reason of ours, is not in the way of the others, and its agent is asked for everything. */
static void one_that_cannot_be_read(void **state)
{
	struct yard *y = *state;
	struct held held;
	struct look breaks = {
		.sql = "CREATE TRIGGER t BEFORE UPDATE ON machines WHEN NEW.users = 13 "
		       "BEGIN SELECT RAISE(ABORT, 'broken'); END"};

	report(y, 0, FULL, 1);
	wait_read(y);
	hold(y, &held);
	report(y, 0, ON_IT, 13);
	report(y, 1, FULL, 2);
	look(y, &breaks);
	sem_post(&y->go);
	wait_read(y);
	assert_int_equal(number(y, NOTED), 0);
	assert_int_equal(users(y, 0), 1);
	assert_int_equal(users(y, 1), 2);
	assert_int_equal(number(y, "SELECT COUNT(*) FROM agents WHERE report_digest IS NULL"), 2);
	number(y, "DROP TRIGGER t");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(a_quiet_server_reads_at_once),
		TEST(a_rush_is_noted), TEST(none_overtakes),
		TEST(a_base_is_looked_at_when_it_is_read), TEST(the_next_start_reads),
		TEST(who_is_cut_off_meanwhile_is_not_read), TEST(there_is_a_cap),
		TEST(one_that_cannot_be_read)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
