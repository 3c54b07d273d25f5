/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports per second that are acknowledged after their commit, beside raw SQLite that inserts the same bytes in the same
 * batches, in one run, on one disk. The product's side does all of it: MAC, stream, patch, columns, commit, answers.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "server/ingest.h"
#include "store/store_trust.h"
#include "wire/envelope.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AGENTS 500
#define ROUNDS 60
#define BATCH 100 /* envelopes in one exchange of a relay */

struct source {
	char id[ID_SIZE], stream[STREAM_LEN + 1], prev[DIGEST_LEN + 1], base[DIGEST_LEN + 1];
	uint8_t key[MAC_KEY_BYTES];
	int64_t seq;
};

static struct source sources[AGENTS];
static struct server server;

static int64_t cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void die(const char *what, const struct err *e)
{
	fprintf(stderr, "%s: %s\n", what, e->text);
	exit(1);
}

static int enrol_all(void *ctx, struct db *db, struct err *e)
{
	for (int i = 0; i < AGENTS; i++) {
		uint8_t secret[BOX_KEY_BYTES], pub[BOX_KEY_BYTES];
		char hex[65], machine[ID_SIZE], name[16];
		struct source *s = &sources[i];
		id_new(s->id);
		id_new(machine);
		stream_new(s->stream);
		memcpy(s->prev, DIGEST_ZERO, sizeof s->prev);
		box_keygen(secret, pub);
		for (int k = 0; k < 32; k++)
			snprintf(hex + 2 * k, 3, "%02x", pub[k]);
		mac_key_derive(
			secret, server.keys.box_pub, pub, server.keys.box_pub, s->id, s->key);
		snprintf(name, sizeof name, "m%d", i);
		struct agent a = {
			.id = s->id, .machine = machine, .role = "agent", .site = "s", .box = hex};
		if (trust_enrol(db, &a, name, NULL, 1, e) < 0)
			return -1;
	}
	return 0;
}

/* One report of one agent: the first is full, the others change what a machine changes in a minute: somebody came,
 * somebody went, a disk fills. */
static void report(struct source *s, int round, struct buf *frames)
{
	struct envelope env = {.kind = "report", .seq = ++s->seq};
	char body[1200];

	env.len = (size_t)snprintf(body, sizeof body,
		round == 0 ? "{\"base\":\"\",\"made\":%lld,\"doc\":{\"attributes\":{\"host.name\":"
			     "\"m\",\"os.type\":\"linux\",\"host.memory\":8589934592,"
			     "\"him.cpu.threads\":4,\"him.users\":%d},\"filesystem\":{\"/"
			     "\":{\"type\":\"ext4\",\"used_percent\":10}}}}"
			   : "{\"base\":\"%3$s\",\"made\":%1$lld,\"doc\":{\"attributes\":{\"him."
			     "users\":%2$d},\"filesystem\":{\"/\":{\"used_percent\":"
			     "%2$d}},\"user\":{\"root@pts/%4$d\":null,\"root@pts/"
			     "%2$d\":{\"since\":%1$lld,\"from\":\"192.0.2.7\"}}}}",
		(long long)clock_now_ms(), round, s->base, round - 1);
	memcpy(env.agent, s->id, sizeof env.agent);
	memcpy(env.stream, s->stream, sizeof env.stream);
	memcpy(env.prev, s->prev, sizeof env.prev);
	env.body = body;
	envelope_add(frames, &env, s->key);
	digest_hex(body, env.len, s->prev);
	memcpy(s->base, s->prev, sizeof s->base);
}

static void drain(uint64_t want)
{
	while (server.counts.envelopes < want)
		event_base_loop(server.base, EVLOOP_ONCE);
}

static void no_hello(void *ctx, const struct hub_hello *h)
{
}

static void no_presence(void *ctx, const struct hub_presence *p)
{
}

static void no_acked(void *ctx, const char *child, const char *key, int64_t tag)
{
}

/* The same frames as rows of a table, a transaction a batch. */
static double raw(const char *path, struct buf *batches, int n, int64_t *cpu)
{
	struct err e = ERR_INIT;
	struct db *db = db_open(path, DB_WRITE, &e);
	int64_t begin, busy;

	if (!db || db_exec(db, "CREATE TABLE r (n INTEGER PRIMARY KEY, frame BLOB)", &e) < 0)
		die("raw", &e);
	begin = clock_mono_us();
	busy = cpu_us();
	for (int i = 0; i < n; i++) {
		struct frame f;
		size_t pos = 0;
		db_begin(db, &e);
		while (frame_next(batches[i].data, batches[i].len, &pos, &f, &e) > 0) {
			struct stmt *s = db_prepare(db, "INSERT INTO r (frame) VALUES (?1)", &e);
			bind_blob(s, 1, f.raw, f.raw_len);
			db_run(s, &e);
		}
		db_commit(db, &e);
	}
	*cpu = cpu_us() - busy;
	db_close(db);
	return (double)(clock_mono_us() - begin) / 1e6;
}

int main(int argc, char **argv)
{
	static const struct hub_ops ops = {
		.hello = no_hello, .presence = no_presence, .acked = no_acked};
	static const char *const names[] = {NULL};
	char path[300], dir[] = "/tmp/him-ingest.XXXXXX";
	struct err e = ERR_INIT;
	int n = AGENTS * ROUNDS / BATCH, k = 0;
	struct buf *batches = xcalloc((size_t)n, sizeof *batches);
	int64_t begin, busy, cpu_raw;
	double took, took_raw;

	if (!mkdtemp(dir))
		return 1;
	server.base = event_base_new();
	if (keys_open(&server.keys, dir, names, 86400000, &e) < 0)
		die("keys", &e);
	snprintf(path, sizeof path, "%s/server.db", dir);
	server.store = store_open(path, server.base, server_migrations, &e);
	snprintf(server.generation, sizeof server.generation, "1");
	server.ingest = ingest_new();
	struct hub_conf hub = {.base = server.base,
		.ops = &ops,
		.late_ms = 1000000,
		.offline_ms = 1000000,
		.mail_max_bytes = 1u << 30};
	server.hub = hub_new(&hub);
	if (!server.store || store_now(server.store, enrol_all, NULL, &e) < 0)
		die("store", &e);
	for (int r = 0; r < ROUNDS; r++)
		for (int a = 0; a < AGENTS; a += BATCH) {
			buf_init(&batches[k], 8u << 20);
			for (int i = a; i < a + BATCH; i++)
				report(&sources[i], r, &batches[k]);
			k++;
		}
	/* The first round makes the machines; what is measured is the rest. */
	int first = AGENTS / BATCH;
	for (int i = 0; i < first; i++)
		ingest_take(&server, "", batches[i].data, batches[i].len, (uint64_t)i + 1);
	drain(AGENTS);
	begin = clock_mono_us();
	busy = cpu_us();
	for (int i = first; i < n; i++)
		ingest_take(&server, "", batches[i].data, batches[i].len, (uint64_t)i + 1);
	drain((uint64_t)AGENTS * ROUNDS);
	took = (double)(clock_mono_us() - begin) / 1e6;
	busy = cpu_us() - busy;
	snprintf(path, sizeof path, "%s/raw.db", dir);
	took_raw = raw(path, batches + first, n - first, &cpu_raw);
	double reports = (double)AGENTS * (ROUNDS - 1);
	printf("ingest          %.0f reports/s acknowledged after commit, %.0f us CPU each (%llu "
	       "taken, %llu duplicates, %llu refused)\n",
		reports / took, (double)busy / reports, (unsigned long long)server.counts.reports,
		(unsigned long long)server.counts.duplicates,
		(unsigned long long)server.counts.refused);
	printf("raw SQLite      %.0f rows/s of the same bytes in the same batches, %.0f us CPU "
	       "each\n",
		reports / took_raw, (double)cpu_raw / reports);
	printf("ratio           %.2f of the raw rate, %.2f per CPU second\n", took_raw / took,
		(double)cpu_raw / (double)busy);
	store_close(server.store);
	hub_free(server.hub);
	file_remove_tree(dir, NULL);
	return 0;
}
