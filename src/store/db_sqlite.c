/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite behind db.h: WAL, synchronous=FULL (a commit is on the disk), foreign keys off (the store keeps its
 * own order), statements cached per connection by the address of their text. The only file that sees sqlite3.h.
 */
#include "store/db.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>

struct stmt {
	const char *key; /* address of the text; NULL: once */
	sqlite3_stmt *s;
	struct db *db;
	bool used;
	UT_hash_handle hh;
};

struct db {
	sqlite3 *h;
	enum db_mode mode;
	struct stmt *cache;
};

static int fail(struct db *db, const char *what, struct err *e)
{
	static const struct {
		int rc;
		enum err_code code;
	} codes[] = {
		{SQLITE_BUSY, ERR_UNAVAILABLE},
		{SQLITE_LOCKED, ERR_UNAVAILABLE},
		{SQLITE_CONSTRAINT, ERR_CONFLICT},
		{SQLITE_TOOBIG, ERR_TOO_LARGE},
		{SQLITE_ERROR, ERR_INTERNAL},
		{SQLITE_MISUSE, ERR_INTERNAL},
		{SQLITE_RANGE, ERR_INTERNAL},
	};
	int rc = sqlite3_errcode(db->h) & 0xff;
	enum err_code code = ERR_IO;

	if (rc == SQLITE_FULL || (rc == SQLITE_IOERR && sqlite3_system_errno(db->h) == ENOSPC))
		return err_set(e, ERR_NO_SPACE, "%s: the disk is full", what);
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (codes[i].rc == rc)
			code = codes[i].code;
	return err_set(e, code, "%s: %s", what, sqlite3_errmsg(db->h));
}

int db_exec(struct db *db, const char *sql, struct err *e)
{
	return sqlite3_exec(db->h, sql, NULL, NULL, NULL) == SQLITE_OK
		? 0
		: fail(db, "the database", e);
}

/* Nobody asks SQLite how much memory it uses, and counting takes a lock at every allocation. */
static void configure(void)
{
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

struct db *db_open(const char *path, enum db_mode mode, struct err *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct db *db = xcalloc(1, sizeof *db);
	int flags = SQLITE_OPEN_NOMUTEX |
		(mode == DB_READ ? SQLITE_OPEN_READWRITE
				 : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
	int fd = mode == DB_WRITE ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;

	if (mode == DB_WRITE && fd < 0) {
		err_errno(e, "cannot open the database %s", path);
		free(db);
		return NULL;
	}
	if (fd >= 0)
		close(fd);
	pthread_once(&once, configure); /* before anything else is done with the library */
	db->mode = mode;
	if (sqlite3_open_v2(path, &db->h, flags, NULL) != SQLITE_OK) {
		err_set(e, ERR_IO, "cannot open the database %s: %s", path,
			db->h ? sqlite3_errmsg(db->h) : "no memory");
		db_close(db);
		return NULL;
	}
	sqlite3_busy_timeout(db->h, 5000);
	sqlite3_extended_result_codes(db->h, 0);
	if (db_exec(db,
		    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;"
		    "PRAGMA cache_size=-16384; PRAGMA mmap_size=268435456; PRAGMA "
		    "wal_autocheckpoint=4000",
		    e) < 0 ||
		(mode == DB_READ && db_exec(db, "PRAGMA query_only=1", e) < 0)) {
		err_where(e, "%s", path);
		db_close(db);
		return NULL;
	}
	return db;
}

void db_close(struct db *db)
{
	struct stmt *s, *tmp;

	if (!db)
		return;
	HASH_ITER (hh, db->cache, s, tmp) {
		HASH_DEL(db->cache, s);
		sqlite3_finalize(s->s);
		free(s);
	}
	sqlite3_close(db->h);
	free(db);
}

bool db_writes(const struct db *db)
{
	return db->mode == DB_WRITE;
}

/* ---- statements ---- */

static struct stmt *prepare(struct db *db, const char *sql, bool once, struct err *e)
{
	struct stmt *s = xcalloc(1, sizeof *s);

	s->db = db;
	if (sqlite3_prepare_v3(db->h, sql, -1, once ? 0 : SQLITE_PREPARE_PERSISTENT, &s->s, NULL) !=
		SQLITE_OK) {
		fail(db, "the database", e);
		free(s);
		return NULL;
	}
	return s;
}

struct stmt *db_prepare(struct db *db, const char *sql, struct err *e)
{
	struct stmt *s;

	HASH_FIND_PTR(db->cache, &sql, s);
	if (!s) {
		s = prepare(db, sql, false, e);
		if (!s)
			return NULL;
		s->key = sql;
		HASH_ADD_PTR(db->cache, key, s);
	}
	assert(!s->used);
	s->used = true;
	return s;
}

struct stmt *db_prepare_once(struct db *db, const char *sql, struct err *e)
{
	return prepare(db, sql, true, e);
}

void bind_text_len(struct stmt *s, int i, const char *v, size_t len)
{
	sqlite3_bind_text(s->s, i, v, (int)len, SQLITE_STATIC);
}

void bind_text(struct stmt *s, int i, const char *v)
{
	if (v)
		bind_text_len(s, i, v, strlen(v));
	else
		sqlite3_bind_null(s->s, i);
}

void bind_int(struct stmt *s, int i, int64_t v)
{
	sqlite3_bind_int64(s->s, i, v);
}

void bind_blob(struct stmt *s, int i, const void *v, size_t len)
{
	sqlite3_bind_blob(s->s, i, v ? v : "", (int)len, SQLITE_STATIC);
}

void bind_null(struct stmt *s, int i)
{
	sqlite3_bind_null(s->s, i);
}

int db_step(struct stmt *s, struct err *e)
{
	int rc = sqlite3_step(s->s);

	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : fail(s->db, "the database", e);
}

const char *col_text(struct stmt *s, int i)
{
	return (const char *)sqlite3_column_text(s->s, i);
}

int64_t col_int(struct stmt *s, int i)
{
	return sqlite3_column_int64(s->s, i);
}

bool col_null(struct stmt *s, int i)
{
	return sqlite3_column_type(s->s, i) == SQLITE_NULL;
}

const void *col_blob(struct stmt *s, int i, size_t *len)
{
	const void *p = sqlite3_column_blob(s->s, i);

	*len = (size_t)sqlite3_column_bytes(s->s, i);
	return p;
}

void db_done(struct stmt *s)
{
	if (!s)
		return;
	if (!s->key) {
		sqlite3_finalize(s->s);
		free(s);
		return;
	}
	sqlite3_reset(s->s);
	sqlite3_clear_bindings(s->s);
	s->used = false;
}

int64_t db_run(struct stmt *s, struct err *e)
{
	int64_t n = -1;

	if (!s)
		return -1;
	if (db_step(s, e) >= 0)
		n = sqlite3_changes64(s->db->h);
	db_done(s);
	return n;
}

/* ---- transactions ---- */

/* What stands around every job is kept prepared. */
static int run_prepared(struct db *db, const char *sql, struct err *e)
{
	return db_run(db_prepare(db, sql, e), e) < 0 ? -1 : 0;
}

int db_begin(struct db *db, struct err *e)
{
	return run_prepared(db, "BEGIN IMMEDIATE", e);
}

int db_commit(struct db *db, struct err *e)
{
	return run_prepared(db, "COMMIT", e);
}

bool db_in_transaction(const struct db *db)
{
	return !sqlite3_get_autocommit(db->h);
}

void db_rollback(struct db *db)
{
	if (db_in_transaction(db))
		(void)db_exec(db, "ROLLBACK", NULL);
}

/* Savepoints of one name nest: the innermost is meant. */
int db_savepoint(struct db *db, struct err *e)
{
	return run_prepared(db, "SAVEPOINT one", e);
}

int db_release(struct db *db, struct err *e)
{
	return run_prepared(db, "RELEASE one", e);
}

void db_rollback_to(struct db *db)
{
	(void)db_exec(db, "ROLLBACK TO one; RELEASE one", NULL);
}

int64_t db_changes(const struct db *db)
{
	return sqlite3_total_changes64(db->h);
}

int db_try_write(struct db *db, struct err *e)
{
	/* A number that SQLite keeps for its user and that nobody uses here: setting it writes a page, whatever it was. */
	return db_exec(db, "PRAGMA user_version = 1", e);
}

static int vacuum_into(struct db *db, const char *path, struct err *e)
{
	struct stmt *s = db_prepare_once(db, "VACUUM INTO ?1", e);

	if (!s)
		return -1;
	bind_text(s, 1, path);
	return db_run(s, e) < 0 ? -1 : 0;
}

int db_copy_to(struct db *db, const char *path, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), rc;

	if (fd < 0) /* made here and empty, so that nobody else can read it while it fills */
		return err_errno(e, "cannot make %s", path);
	close(fd);
	/* A connection for reading refuses every statement that may write, and this one writes, though elsewhere. */
	if (db->mode == DB_READ && db_exec(db, "PRAGMA query_only=0", e) < 0)
		return -1;
	rc = vacuum_into(db, path, e);
	if (db->mode == DB_READ && db_exec(db, "PRAGMA query_only=1", rc == 0 ? e : NULL) < 0)
		rc = -1;
	return rc;
}
