/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A database, small enough that SQLite and PostgreSQL can both stand behind it. SQL is written once, in the
 * dialect both speak, with parameters ?1, ?2 …; statements are prepared once per connection and found again by
 * the address of their text, so that text must be a literal (or live as long as the connection).
 *
 * A connection belongs to one thread.
 */
#ifndef HIM_STORE_DB_H
#define HIM_STORE_DB_H

#include "base/arena.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;
struct stmt;

enum db_mode { DB_WRITE, DB_READ };

/* Opens (DB_WRITE makes it, mode 0600). Busy waits up to 5 s. */
struct db *db_open(const char *path, enum db_mode mode, struct err *e);
void db_close(struct db *db);        /* accepts NULL */
bool db_writes(const struct db *db); /* opened with DB_WRITE */

/* One or several statements without parameters or results. */
int db_exec(struct db *db, const char *sql, struct err *e);

/*
 * A statement, reset and ready to be bound. `cached`: sql is a literal. It is used until db_done(); two uses of
 * the same text at the same time are a bug.
 *
 *	struct stmt *s = db_prepare(db, "SELECT name FROM machines WHERE id = ?1", &e);
 *	bind_text(s, 1, id);
 *	while ((got = db_step(s, &e)) > 0) use(col_text(s, 0));
 *	db_done(s);
 */
struct stmt *db_prepare(struct db *db, const char *sql, struct err *e);
struct stmt *db_prepare_once(struct db *db, const char *sql, struct err *e); /* for made-up text */
/* Texts and bytes are borrowed until db_run() or db_done(). NULL text binds null. */
void bind_text(struct stmt *s, int i, const char *v);
void bind_text_len(struct stmt *s, int i, const char *v, size_t len);
void bind_int(struct stmt *s, int i, int64_t v);
void bind_blob(struct stmt *s, int i, const void *v, size_t len);
void bind_null(struct stmt *s, int i);
/* 1: a row; 0: no more; -1: e: ERR_NO_SPACE, ERR_IO (the disk, or a damaged file), ERR_UNAVAILABLE (somebody else holds
 * it), ERR_CONFLICT (a key that is there already), ERR_TOO_LARGE, ERR_INTERNAL (SQL that is wrong). */
int db_step(struct stmt *s, struct err *e);
/* Columns of the current row, from 0; pointers live until the next step. */
const char *col_text(struct stmt *s, int i); /* NULL for null */
int64_t col_int(struct stmt *s, int i);
bool col_null(struct stmt *s, int i);
const void *col_blob(struct stmt *s, int i, size_t *len);
void db_done(struct stmt *s); /* accepts NULL */

/* Runs a bound statement that gives no rows, and ends it. Returns -1 or the number of rows changed. */
int64_t db_run(struct stmt *s, struct err *e);

int db_begin(struct db *db, struct err *e);
int db_commit(struct db *db, struct err *e);
void db_rollback(struct db *db);
/* False also after an error that made the database give the whole transaction up by itself (a full disk). */
bool db_in_transaction(const struct db *db);
int db_savepoint(struct db *db, struct err *e);
int db_release(struct db *db, struct err *e);
void db_rollback_to(struct db *db); /* and release */

/* How much this connection has changed since it was opened: a number to compare, of no meaning else. */
int64_t db_changes(const struct db *db);
/* Writes something small to the disk that changes nothing: is there room? Not in a transaction. */
int db_try_write(struct db *db, struct err *e);

/* A consistent copy of the whole database into a new file (0600), while others read and write. Not in a transaction. */
int db_copy_to(struct db *db, const char *path, struct err *e);

#endif
