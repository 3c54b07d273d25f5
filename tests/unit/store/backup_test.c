/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backups: what went in comes out, under one passphrase only, whole or not at all. A key takes 256 MiB and most of a second,
 * so one backup is made for all tests, and damage is done where each part of the format stands, not at every byte.
 */
#include "kit.h"
#include "base/file.h"
#include "base/id.h"
#include "store/backup.h"
#include "store/migrate.h"
#include "store/store_setting.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PASSPHRASE "twelve or more"
#define HEAD 29          /* magic and salt */
#define NOISE (5u << 19) /* 2.5 MiB that no compression makes smaller: three chunks */

static const char *const files[] = {"keys/ca.pem", "keys/signing", NULL};

struct both {
	struct kit *from;        /* the installation that is backed up, its server running */
	char path[96], home[80]; /* the backup; where it is restored */
	struct buf good;
	uint8_t *noise; /* what stands in keys/signing */
	struct err e;
};

static void put(const char *home, const char *name, const char *text)
{
	char path[128];
	struct err e = ERR_INIT;

	snprintf(path, sizeof path, "%s/keys", home);
	assert_int_equal(file_mkdirs(path, 0700, &e), 0);
	snprintf(path, sizeof path, "%s/%s", home, name);
	assert_int_equal(file_write(path, text, strlen(text), 0600, &e), 0);
}

/* Where each chunk begins, and the end. */
static size_t chunks(const struct buf *b, size_t at[8])
{
	const uint8_t *p = (const uint8_t *)b->data;
	size_t n = 0, pos = HEAD;

	while (pos + 4 <= b->len && n < 7) {
		at[n++] = pos;
		pos += 4 +
			((size_t)(p[pos] & 0x7f) << 24 | (size_t)p[pos + 1] << 16 |
				(size_t)p[pos + 2] << 8 | p[pos + 3]);
	}
	at[n] = pos;
	assert_true(pos == b->len && n >= 3);
	return n;
}

static void holds(const char *home, const char *name, const char *text)
{
	char path[128];
	struct err e = ERR_INIT;
	struct buf b;

	buf_init(&b, 1 << 20);
	snprintf(path, sizeof path, "%s/%s", home, name);
	if (file_read(path, &b, &e) < 0 || strcmp(buf_str(&b), text) != 0)
		fail_msg("%s holds '%s'", path, buf_str(&b));
	buf_release(&b);
}

static int group_setup(void **state)
{
	struct both *b = xcalloc(1, sizeof *b);
	struct stat st;

	if (kit_setup((void **)&b->from) < 0)
		return -1;
	for (int i = 0; i < 20; i++)
		kit_enrol(b->from, i, "web", "lab");
	ok(b->from, setting_set(b->from->db, "generation", "4", &b->from->e));
	put(b->from->home, "keys/ca.pem", "the authority");
	b->noise = xmalloc(NOISE);
	random_bytes(b->noise, NOISE);
	snprintf(b->path, sizeof b->path, "%s/keys/signing", b->from->home);
	ok(b->from, file_write(b->path, b->noise, NOISE, 0600, &b->from->e));
	snprintf(b->path, sizeof b->path, "%s/backup", b->from->home);
	ok(b->from, backup_write(b->from->home, files, b->path, PASSPHRASE, &b->from->e));
	if (stat(b->path, &st) < 0 || (st.st_mode & 0777) != 0600)
		return -1;
	buf_init(&b->good, 64 << 20);
	*state = b;
	return file_read(b->path, &b->good, &b->e);
}

static int group_teardown(void **state)
{
	struct both *b = *state;

	buf_release(&b->good);
	free(b->noise);
	kit_teardown((void **)&b->from);
	free(b);
	return 0;
}

/* Another installation, with something to lose. */
static int setup(void **state)
{
	struct both *b = *state;
	struct db *db;

	snprintf(b->home, sizeof b->home, "%s/other", b->from->home);
	put(b->home, "keys/ca.pem", "before");
	put(b->home, "keys/signing", "before");
	put(b->home, "keys/other", "not of the backup");
	snprintf(b->path, sizeof b->path, "%s/server.db", b->home);
	db = db_open(b->path, DB_WRITE, &b->e);
	if (!db || migrate(db, server_migrations, &b->e) < 0 ||
		setting_set(db, "generation", "77", &b->e) < 0)
		return -1;
	db_close(db);
	snprintf(b->path, sizeof b->path, "%s/backup", b->from->home);
	return 0;
}

static int teardown(void **state)
{
	struct both *b = *state;

	return file_remove_tree(b->home, NULL);
}

static int64_t number(struct both *b, const char *sql)
{
	char path[128];
	struct stmt *s;
	struct db *db;
	int64_t n = -1;

	snprintf(path, sizeof path, "%s/server.db", b->home);
	db = db_open(path, DB_READ, &b->e);
	s = db ? db_prepare_once(db, sql, &b->e) : NULL;
	if (!s || db_step(s, &b->e) <= 0)
		fail_msg("%s: %s", path, b->e.text);
	n = col_int(s, 0);
	db_done(s);
	db_close(db);
	return n;
}

static void untouched(struct both *b)
{
	char path[128];

	holds(b->home, "keys/ca.pem", "before");
	holds(b->home, "keys/signing", "before");
	assert_int_equal(number(b, "SELECT value FROM settings WHERE name = 'generation'"), 77);
	snprintf(path, sizeof path, "%s/restore.tmp", b->home);
	assert_false(file_exists(path));
}

static void comes_back(void **state)
{
	struct both *b = *state;
	struct buf key;
	char path[128];

	if (backup_restore(b->home, files, b->path, PASSPHRASE, &b->e) < 0)
		fail_msg("%s", b->e.text);
	assert_int_equal(number(b, "SELECT COUNT(*) FROM machines"), 20);
	assert_int_equal(number(b, "SELECT value FROM settings WHERE name = 'generation'"),
		5); /* a new one */
	holds(b->home, "keys/ca.pem", "the authority");
	snprintf(path, sizeof path, "%s/keys/signing", b->home);
	buf_init(&key, NOISE);
	assert_int_equal(file_read(path, &key, &b->e), 0);
	assert_int_equal(key.len, NOISE);
	assert_memory_equal(key.data, b->noise, NOISE);
	buf_release(&key);
	holds(b->home, "keys/other", "not of the backup");
}

static void refused(
	struct both *b, const char *what, const char *passphrase, const void *data, size_t len)
{
	char path[128];

	snprintf(path, sizeof path, "%s/damaged", b->from->home);
	assert_int_equal(file_write(path, data, len, 0600, &b->e), 0);
	b->e = ERR_INIT;
	if (backup_restore(b->home, files, path, passphrase, &b->e) == 0)
		fail_msg("%s: restored", what);
	if (b->e.code != ERR_INVALID || !b->e.text[0])
		fail_msg("%s: %s (%s)", what, b->e.text, err_word(b->e.code));
	untouched(b);
}

static void wrong_passphrase(void **state)
{
	struct both *b = *state;

	refused(b, "another", "twelve or Less", b->good.data, b->good.len);
	refused(b, "too short", "short", b->good.data, b->good.len);
	assert_int_equal(backup_write(b->from->home, files, "/dev/null/x", "short", &b->e), -1);
	assert_int_equal(b->e.code, ERR_INVALID);
}

static void cut_off(void **state)
{
	struct both *b = *state;
	size_t len = b->good.len;
	const size_t cuts[] = {0, 5, HEAD - 1, HEAD, len / 2, len - 1};

	for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++)
		refused(b, "cut", PASSPHRASE, b->good.data, cuts[i]);
}

static void changed(void **state)
{
	struct both *b = *state;
	size_t len = b->good.len;
	/* magic, the first chunk's flag, its length, its text, the last one's tag */
	const size_t places[] = {0, HEAD, HEAD + 3, HEAD + 20, len - 1};
	char *copy = xmalloc(len + 1);

	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		memcpy(copy, b->good.data, len);
		copy[places[i]] ^= (char)(places[i] == HEAD ? 0x80 : 1);
		refused(b, "one bit", PASSPHRASE, copy, len);
	}
	memcpy(copy, b->good.data, len);
	copy[len] = 'x';
	refused(b, "something after it", PASSPHRASE, copy, len + 1);
	free(copy);
}

/* Chunks that are whole themselves, but not all there or not in their order. */
static void other_order(void **state)
{
	struct both *b = *state;
	size_t at[8], n = chunks(&b->good, at), len;
	const size_t orders[][3] = {{1, 0, 2}, {0, 2, 2}, {0, 0, 2}};
	char *copy = xmalloc(2 * b->good.len);

	refused(b, "the last chunk is gone", PASSPHRASE, b->good.data, at[n - 1]);
	for (size_t i = 0; i < 3; i++) {
		memcpy(copy, b->good.data, HEAD);
		len = HEAD;
		for (size_t j = 0; j < 3; j++) {
			size_t c = orders[i][j];
			memcpy(copy + len, b->good.data + at[c], at[c + 1] - at[c]);
			len += at[c + 1] - at[c];
		}
		refused(b, "chunks in another order", PASSPHRASE, copy, len);
	}
	free(copy);
}

static void other_files(void **state)
{
	static const char *const fewer[] = {"keys/ca.pem", NULL};
	static const char *const more[] = {"keys/ca.pem", "keys/signing", "keys/third", NULL};
	struct both *b = *state;

	assert_int_equal(backup_restore(b->home, fewer, b->path, PASSPHRASE, &b->e), -1);
	untouched(b);
	assert_int_equal(backup_restore(b->home, more, b->path, PASSPHRASE, &b->e), -1);
	untouched(b);
	b->e = ERR_INIT;
	assert_int_equal(backup_write(b->from->home, more, b->path, PASSPHRASE, &b->e),
		-1); /* one is not there */
	assert_non_null(strstr(b->e.text, "keys/third"));
	assert_true(file_exists(b->path)); /* the backup before is still the good one */
}

static void of_a_newer_version(void **state)
{
	struct both *b = *state;
	char path[128];

	snprintf(path, sizeof path, "%s/newer", b->from->home);
	ok(b->from,
		db_exec(b->from->db, "INSERT INTO schema_version (number) VALUES (977)",
			&b->from->e));
	ok(b->from, backup_write(b->from->home, files, path, PASSPHRASE, &b->from->e));
	ok(b->from,
		db_exec(b->from->db, "DELETE FROM schema_version WHERE number = 977", &b->from->e));
	assert_int_equal(backup_restore(b->home, files, path, PASSPHRASE, &b->e), -1);
	assert_int_equal(b->e.code, ERR_CONFLICT);
	assert_non_null(strstr(b->e.text, "977"));
	untouched(b);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(comes_back), TEST(wrong_passphrase), TEST(cut_off),
		TEST(changed), TEST(other_order), TEST(other_files), TEST(of_a_newer_version)};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
