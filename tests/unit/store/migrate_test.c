/* SPDX-License-Identifier: Apache-2.0 */
/* Migrations: from nothing to exactly model.def; a whole number of steps; a newer database is refused. */
#include "kit.h"
#include "model/model.h"
#include "store/migrate.h"
#include <stdio.h>
#include <string.h>

/* What a column must be, from its row in model.def. */
static void column_is(const struct model_record *r, const struct model_field *f, struct stmt *s)
{
	static const char *const types[] = {
		[MODEL_TEXT] = "TEXT",
		[MODEL_INT] = "BIGINT",
		[MODEL_TIME] = "BIGINT",
		[MODEL_BOOL] = "BIGINT",
		[MODEL_BYTES] = "BLOB",
		[MODEL_JSON] = "TEXT",
	};
	const char *type = f->flags & ASSIGNED ? "INTEGER" : types[f->type];
	bool number = f->type == MODEL_INT || f->type == MODEL_TIME || f->type == MODEL_BOOL;
	bool filled =
		!(f->flags & ASSIGNED) && (f->flags & KEY || (number && !(f->flags & NULLABLE)));

	if (strcmp(col_text(s, 1), f->column) != 0 || strcmp(col_text(s, 2), type) != 0)
		fail_msg("%s: column %s %s stands where model.def has %s %s", r->table,
			col_text(s, 1), col_text(s, 2), f->column, type);
	if (col_int(s, 3) != filled || (col_int(s, 5) > 0) != !!(f->flags & KEY))
		fail_msg("%s.%s: NOT NULL %lld, key %lld", r->table, f->column,
			(long long)col_int(s, 3), (long long)col_int(s, 5));
}

static void every_column_and_no_other(void **state)
{
	struct kit *k = *state;

	for (size_t i = 0; i < MODEL_COUNT; i++) {
		const struct model_record *r = &model_records[i];
		struct stmt *s = db_prepare_once(
			k->db, arena_printf(k->a, "PRAGMA table_info(%s)", r->table), &k->e);
		size_t n = 0;
		while (ok(k, db_step(s, &k->e)) > 0) {
			if (n >= r->n)
				fail_msg("%s has a column %s that model.def lacks", r->table,
					col_text(s, 1));
			column_is(r, &r->fields[n++], s);
		}
		if (n != r->n)
			fail_msg("%s has %zu columns, model.def %zu", r->table, n, r->n);
		db_done(s);
	}
	assert_int_equal(kit_number(k, "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table'"),
		MODEL_COUNT + 1); /* and schema_version */
}

static void every_index(void **state)
{
	struct kit *k = *state;

	for (size_t i = 0; i < MODEL_COUNT; i++)
		for (size_t j = 0; j < model_records[i].n; j++) {
			const struct model_record *r = &model_records[i];
			if (!(r->fields[j].flags & INDEX))
				continue;
			if (kit_number(k,
				    arena_printf(k->a,
					    "SELECT COUNT(*) FROM pragma_index_list('%s') l, "
					    "pragma_index_info(l.name) c WHERE c.seqno = 0 AND "
					    "c.name = '%s'",
					    r->table, r->fields[j].column)) == 0)
				fail_msg("no index begins with %s.%s", r->table,
					r->fields[j].column);
		}
}

static void again_is_nothing(void **state)
{
	struct kit *k = *state;
	int64_t steps = kit_number(k, "SELECT COUNT(*) FROM schema_version");

	ok(k, migrate(k->db, server_migrations, &k->e));
	assert_int_equal(kit_number(k, "SELECT COUNT(*) FROM schema_version"), steps);
	assert_int_equal(kit_number(k, "SELECT MAX(number) FROM schema_version"), steps);
}

static void newer_is_refused(void **state)
{
	struct kit *k = *state;
	int64_t last = kit_number(k, "SELECT MAX(number) FROM schema_version");
	char had[32], knows[32];

	ok(k, db_exec(k->db, "INSERT INTO schema_version (number) VALUES (977)", &k->e));
	assert_int_equal(migrate(k->db, server_migrations, &k->e), -1);
	snprintf(had, sizeof had, "977");
	snprintf(knows, sizeof knows, " %lld", (long long)last);
	assert_non_null(strstr(k->e.text, had));
	assert_non_null(strstr(k->e.text, knows));
	fails(k, -1, ERR_CONFLICT);
}

static void steps_are_whole(void **state)
{
	static const struct migration table[] = {
		{900, "good", "CREATE TABLE good (a TEXT)"},
		{901, "half", "CREATE TABLE half (a TEXT); CREATE TABLE half (a TEXT)"},
		{0, NULL, NULL},
	};
	struct kit *k = *state;

	assert_int_equal(migrate(k->db, table, &k->e), -1);
	assert_non_null(strstr(k->e.text, "901"));
	assert_non_null(strstr(k->e.text, "half"));
	assert_int_equal(kit_number(k, "SELECT MAX(number) FROM schema_version"), 900);
	assert_int_equal(
		kit_number(k, "SELECT COUNT(*) FROM sqlite_master WHERE name IN ('good', 'half')"),
		1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(every_column_and_no_other), TEST(every_index),
		TEST(again_is_nothing), TEST(newer_is_refused), TEST(steps_are_whole)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
