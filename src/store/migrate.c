/* SPDX-License-Identifier: Apache-2.0 */
/* Migrations: a step and its number are one transaction, so that a crash leaves a whole number of steps. */
#include "store/migrate.h"
#include "store/schema.h"

const struct migration server_migrations[] = {
	{1, "the first schema", SCHEMA_0001},
	{2, "machines in the order of their names",
		"CREATE INDEX machines_by_name ON machines (COALESCE(name, ''), id)"},
	{3, "which machine: kind, hypervisor, container, cloud",
		"ALTER TABLE machines ADD COLUMN kind TEXT;"
		"ALTER TABLE machines ADD COLUMN hypervisor TEXT;"
		"ALTER TABLE machines ADD COLUMN virt_role TEXT;"
		"ALTER TABLE machines ADD COLUMN container TEXT;"
		"ALTER TABLE machines ADD COLUMN network TEXT;"
		"ALTER TABLE machines ADD COLUMN cloud_provider TEXT;"
		"ALTER TABLE machines ADD COLUMN cloud_account TEXT;"
		"ALTER TABLE machines ADD COLUMN cloud_region TEXT;"
		"ALTER TABLE machines ADD COLUMN cloud_zone TEXT;"
		"ALTER TABLE machines ADD COLUMN cloud_lifecycle TEXT"},
	{4, "what runs on what: sightings, links, moves, decisions", SCHEMA_0004},
	{5, "reports that are taken and not yet read",
		"CREATE TABLE inbox (id INTEGER PRIMARY KEY, agent TEXT, digest TEXT, taken BIGINT "
		"NOT NULL DEFAULT 0, upto BIGINT NOT NULL DEFAULT 0, body BLOB)"},
	{0, NULL, NULL},
};

static int current(struct db *db, int *number, struct err *e)
{
	struct stmt *s;
	int got;

	if (db_exec(db,
		    "CREATE TABLE IF NOT EXISTS schema_version (number BIGINT NOT NULL PRIMARY "
		    "KEY)",
		    e) < 0)
		return -1;
	s = db_prepare_once(db, "SELECT COALESCE(MAX(number), 0) FROM schema_version", e);
	if (!s)
		return -1;
	got = db_step(s, e);
	if (got > 0)
		*number = (int)col_int(s, 0);
	db_done(s);
	return got > 0 ? 0 : -1;
}

static int step(struct db *db, const struct migration *m, struct err *e)
{
	struct stmt *s;

	if (db_begin(db, e) < 0)
		return -1;
	if (db_exec(db, m->sql, e) == 0 &&
		(s = db_prepare_once(db, "INSERT INTO schema_version (number) VALUES (?1)", e))) {
		bind_int(s, 1, m->number);
		if (db_run(s, e) == 1 && db_commit(db, e) == 0)
			return 0;
	}
	db_rollback(db);
	return err_where(e, "migration %d (%s)", m->number, m->name);
}

int migrate(struct db *db, const struct migration *table, struct err *e)
{
	int number, last = 0;

	for (const struct migration *m = table; m->number; m++)
		last = m->number;
	if (current(db, &number, e) < 0)
		return -1;
	if (number > last)
		return err_set(e, ERR_CONFLICT,
			"the database has schema %d, this program knows up to %d: it was used by a "
			"newer version",
			number, last);
	for (const struct migration *m = table; m->number; m++)
		if (m->number > number && step(db, m, e) < 0)
			return -1;
	return 0;
}
