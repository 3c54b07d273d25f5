/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports per second in a rush, beside SQLite alone, in one run, on one disk. The product's side is measured twice: until the
 * last is acknowledged after its commit (MAC, stream, inbox, commit, answers), and until the last is read (patches,
 * sections, columns, topology).
 *
 * raw: the bytes of the same frames, a row a report at the end of one table, in the same batches, each a transaction, with
 * the same settings (WAL, synchronous=FULL). That is the fastest thing SQLite can do with them, and nothing could be
 * asked of it afterwards. kept: the statements that any keeper of documents needs for such a report, with values at hand:
 * who is it, up to where, three sections read and written, columns, base. It knows no MAC, no JSON, no patch; it is
 * the floor of what is kept. Both are one thread; the product's is two, so the CPU figures are what compares.
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
#include <unistd.h>

#define AGENTS 500
#define ROUNDS 60
#define SETTLE_MS 300 /* so that one run does not wait for the disk's work for another */
#define BATCH 100     /* envelopes in one exchange of a relay */

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

struct took {
	double s;
	int64_t cpu_us;
};

static struct took now(void)
{
	return (struct took){(double)clock_mono_us() / 1e6, cpu_us()};
}

static struct took since(struct took t)
{
	struct took n = now();

	return (struct took){n.s - t.s, n.cpu_us - t.cpu_us};
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

static void drain(const uint64_t *count, uint64_t want)
{
	while (*count < want)
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
static struct took raw(const char *path, struct buf *batches, int n)
{
	struct err e = ERR_INIT;
	struct db *db = db_open(path, DB_WRITE, &e);
	struct took t;

	if (!db || db_exec(db, "CREATE TABLE r (n INTEGER PRIMARY KEY, frame BLOB)", &e) < 0)
		die("raw", &e);
	t = now();
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
	t = since(t);
	db_close(db);
	return t;
}

/* What one report does to the database, as bare statements. */
static int keep(struct db *db, const struct source *s, int round, struct err *e)
{
	static const char *const sections[] = {"attributes", "filesystem", "user"};
	static const char body[] =
		"{\"host.name\":\"m\",\"os.type\":\"linux\",\"host.memory\":8589934592}";
	static const char *const reads[] = {
		"SELECT *, (SELECT relay FROM machines WHERE agent = agents.id) FROM agents WHERE "
		"id = ?1",
		"SELECT seq, ended, digest FROM streams WHERE agent = ?1"};
	static const char *const writes[] = {
		"UPDATE streams SET seq = ?2, digest = ?3 WHERE agent = ?1",
		"UPDATE agents SET report_digest = ?3, generation = ?2 WHERE id = ?1",
		"UPDATE machines SET reported = ?2, users = ?2, host_name = ?3 WHERE agent = ?1"};
	struct stmt *st;
	int rc = 0;

	for (size_t i = 0; i < 2; i++) {
		st = db_prepare(db, reads[i], e);
		bind_text(st, 1, s->id);
		rc |= db_step(st, e) < 0;
		db_done(st);
	}
	for (size_t i = 0; i < 3; i++) {
		st = db_prepare(db, writes[i], e);
		bind_text(st, 1, s->id);
		bind_int(st, 2, round);
		bind_text(st, 3, s->prev);
		rc |= db_run(st, e) < 0;
		st = db_prepare(
			db, "SELECT body FROM sections WHERE agent = ?1 AND section = ?2", e);
		bind_text(st, 1, s->id);
		bind_text(st, 2, sections[i]);
		rc |= db_step(st, e) < 0;
		db_done(st);
		st = db_prepare(
			db, "UPDATE sections SET body = ?3 WHERE agent = ?1 AND section = ?2", e);
		bind_text(st, 1, s->id);
		bind_text(st, 2, sections[i]);
		bind_text(st, 3, body);
		rc |= db_run(st, e) < 0;
	}
	return rc ? -1 : 0;
}

/* The product's own database, after it. */
static struct took kept(const char *path, int rounds)
{
	struct err e = ERR_INIT;
	struct db *db = db_open(path, DB_WRITE, &e);
	struct took t = now();

	if (!db)
		die("kept", &e);
	for (int r = 0; r < rounds; r++)
		for (int a = 0; a < AGENTS; a += BATCH) {
			db_begin(db, &e);
			for (int i = a; i < a + BATCH; i++)
				if (keep(db, &sources[i], r, &e) < 0)
					die("kept", &e);
			db_commit(db, &e);
		}
	t = since(t);
	db_close(db);
	return t;
}

static void tell(struct took acked, struct took read, struct took raw_rows, struct took statements)
{
	double n = (double)AGENTS * (ROUNDS - 1);

	printf("ingest                  %.0f reports/s acknowledged after commit, %.1f us CPU each "
	       "(%llu taken, %llu duplicates, %llu refused)\n",
		n / acked.s, (double)acked.cpu_us / n, (unsigned long long)server.counts.envelopes,
		(unsigned long long)server.counts.duplicates,
		(unsigned long long)server.counts.refused);
	printf("ingest: raw SQLite      %.0f rows/s, %.1f us CPU each; reports reach %.2f of that "
	       "rate (target 0.5)\n",
		n / raw_rows.s, (double)raw_rows.cpu_us / n, raw_rows.s / acked.s);
	printf("ingest: until read      %.0f reports/s, %.1f us CPU each, acknowledging "
	       "included: %.2f of raw SQLite's rate\n",
		n / read.s, (double)read.cpu_us / n, raw_rows.s / read.s);
	printf("ingest: its statements  %.0f reports/s, %.1f us CPU each; reports are read at %.2f "
	       "of that rate\n",
		n / statements.s, (double)statements.cpu_us / n, statements.s / read.s);
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
	struct took begin, acked, read, rows, statements;

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
	drain(&server.counts.reports, AGENTS);
	begin = now();
	for (int i = first; i < n; i++)
		ingest_take(&server, "", batches[i].data, batches[i].len, (uint64_t)i + 1);
	drain(&server.counts.envelopes, (uint64_t)AGENTS * ROUNDS);
	acked = since(begin);
	drain(&server.counts.reports, (uint64_t)AGENTS * ROUNDS);
	read = since(begin);
	snprintf(path, sizeof path, "%s/raw.db", dir);
	usleep(SETTLE_MS * 1000);
	rows = raw(path, batches + first, n - first);
	store_close(server.store);
	usleep(SETTLE_MS * 1000);
	snprintf(path, sizeof path, "%s/server.db", dir);
	statements = kept(path, ROUNDS - 1);
	hub_free(server.hub);
	tell(acked, read, rows, statements);
	file_remove_tree(dir, NULL);
	return 0;
}
