/* SPDX-License-Identifier: Apache-2.0 */
/* The small database interface: parameters, statements kept by their text, transactions, what errors are called. */
#include "kit.h"
#include "base/file.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void values(void **state)
{
	struct kit *k = *state;
	struct stmt *s;
	size_t len;

	ok(k, db_exec(k->db, "CREATE TABLE t (a TEXT, b BIGINT, c BLOB, d TEXT)", &k->e));
	s = db_prepare(k->db, "INSERT INTO t (a, b, c, d) VALUES (?1, ?2, ?3, ?4)", &k->e);
	bind_text(s, 1, "é");
	bind_int(s, 2, INT64_MIN);
	bind_blob(s, 3, "\0x", 2);
	bind_text(s, 4, NULL);
	assert_int_equal(ok(k, db_run(s, &k->e)), 1);
	s = db_prepare(k->db, "SELECT a, b, c, d FROM t WHERE b = ?1 AND a = ?2", &k->e);
	bind_int(s, 1, INT64_MIN);
	bind_text_len(s, 2, "étc", 2);
	assert_int_equal(ok(k, db_step(s, &k->e)), 1);
	assert_string_equal(col_text(s, 0), "é");
	assert_true(col_int(s, 1) == INT64_MIN);
	assert_memory_equal(col_blob(s, 2, &len), "\0x", 2);
	assert_int_equal(len, 2);
	assert_true(col_null(s, 3));
	assert_null(col_text(s, 3));
	assert_int_equal(ok(k, db_step(s, &k->e)), 0);
	db_done(s);
	db_done(NULL);
}

/* What one use bound is not there in the next. */
static void statements_begin_anew(void **state)
{
	static const char sql[] = "SELECT ?1 IS NULL, COALESCE(?2, 'none')";
	struct kit *k = *state;
	struct stmt *first = db_prepare(k->db, sql, &k->e), *again;

	bind_int(first, 1, 5);
	bind_text(first, 2, "some");
	ok(k, db_step(first, &k->e));
	db_done(first);
	again = db_prepare(k->db, sql, &k->e);
	assert_ptr_equal(first, again);
	ok(k, db_step(again, &k->e));
	assert_int_equal(col_int(again, 0), 1);
	assert_string_equal(col_text(again, 1), "none");
	db_done(again);
}

static void savepoints(void **state)
{
	struct kit *k = *state;

	ok(k, db_exec(k->db, "CREATE TABLE t (a BIGINT)", &k->e));
	assert_false(db_in_transaction(k->db));
	ok(k, db_begin(k->db, &k->e));
	assert_true(db_in_transaction(k->db));
	ok(k, db_savepoint(k->db, &k->e));
	ok(k, db_exec(k->db, "INSERT INTO t VALUES (1)", &k->e));
	ok(k, db_savepoint(k->db, &k->e)); /* inside the other */
	ok(k, db_exec(k->db, "INSERT INTO t VALUES (2)", &k->e));
	db_rollback_to(k->db);
	ok(k, db_release(k->db, &k->e));
	ok(k, db_commit(k->db, &k->e));
	assert_int_equal(kit_number(k, "SELECT SUM(a) FROM t"), 1);
	ok(k, db_begin(k->db, &k->e));
	ok(k, db_exec(k->db, "INSERT INTO t VALUES (4)", &k->e));
	db_rollback(k->db);
	db_rollback(k->db); /* nothing to take back: fine */
	assert_int_equal(kit_number(k, "SELECT SUM(a) FROM t"), 1);
}

static void errors(void **state)
{
	struct kit *k = *state;
	struct db *reader;

	ok(k,
		db_exec(k->db, "CREATE TABLE t (a BIGINT PRIMARY KEY); INSERT INTO t VALUES (1)",
			&k->e));
	fails(k, db_exec(k->db, "INSERT INTO t VALUES (1)", &k->e), ERR_CONFLICT);
	fails(k, db_exec(k->db, "INSERT INTO nowhere VALUES (1)", &k->e), ERR_INTERNAL);
	assert_null(db_prepare(k->db, "SELEKT", &k->e));
	fails(k, db_run(NULL, &k->e), ERR_INTERNAL);
	assert_null(db_open("/nonexistent/server.db", DB_WRITE, &k->e));
	k->e = ERR_INIT;
	reader = db_open(k->path, DB_READ, &k->e);
	assert_non_null(reader);
	assert_false(db_writes(reader));
	assert_true(db_writes(k->db));
	assert_int_equal(db_exec(reader, "INSERT INTO t VALUES (2)", &k->e), -1);
	k->e = ERR_INIT;
	db_close(reader);
	db_close(NULL);
}

/* A file that is no database is an error of the disk, not of a request. */
static void damaged(void **state)
{
	struct kit *k = *state;
	char path[128];
	struct db *db;

	snprintf(path, sizeof path, "%s/other.db", k->home);
	ok(k, file_write(path, "this is no database, whoever opens it", 38, 0600, &k->e));
	db = db_open(path, DB_WRITE, &k->e);
	assert_null(db);
	fails(k, -1, ERR_IO);
}

static void only_the_owner_reads(void **state)
{
	struct kit *k = *state;
	struct stat st;

	assert_int_equal(stat(k->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void copies(void **state)
{
	struct kit *k = *state;
	struct db *reader = db_open(k->path, DB_READ, &k->e), *copy;
	char path[128];
	struct stmt *s;

	ok(k, db_exec(k->db, "CREATE TABLE t (a BIGINT); INSERT INTO t VALUES (7)", &k->e));
	snprintf(path, sizeof path, "%s/copy.db", k->home);
	ok(k, db_begin(k->db, &k->e)); /* somebody writes meanwhile */
	ok(k, db_exec(k->db, "INSERT INTO t VALUES (8)", &k->e));
	ok(k, db_copy_to(reader, path, &k->e));
	ok(k, db_commit(k->db, &k->e));
	copy = db_open(path, DB_READ, &k->e);
	s = db_prepare(copy, "SELECT SUM(a) FROM t", &k->e);
	assert_int_equal(ok(k, db_step(s, &k->e)), 1);
	assert_int_equal(col_int(s, 0), 7);
	db_done(s);
	db_close(copy);
	db_close(reader);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(values), TEST(statements_begin_anew),
		TEST(savepoints), TEST(errors), TEST(damaged), TEST(only_the_owner_reads),
		TEST(copies)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
