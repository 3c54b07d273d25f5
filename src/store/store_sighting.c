/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sources say, a row a machine that they speak of, and its keys. What a source says no longer keeps its row with the
 * time: a guest that left one host is known again on the next. After a month it goes.
 */
#include "store/store_sighting.h"
#include <stdio.h>
#include <string.h>

static int run2(struct db *db, const char *sql, const char *x, const char *y, struct err *e)
{
	struct stmt *s = db_prepare(db, sql, e);

	if (!s)
		return -1;
	bind_text(s, 1, x);
	if (y)
		bind_text(s, 2, y);
	return db_run(s, e) < 0 ? -1 : 0;
}

int sighting_list(struct db *db, const char *source, struct arena *a, struct sighting **out,
	size_t *n, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"SELECT 0" SIGHTING_FIELDS(
			ROW_COLUMN) " FROM sightings WHERE source = ?1 AND gone = 0 ORDER BY ref",
		e);
	struct rows list = {0};
	int got;

	if (!s)
		return -1;
	bind_text(s, 1, source);
	while ((got = db_step(s, e)) > 0)
		row_read(&model_records[MODEL_sighting], s, 1, a,
			rows_add(&list, a, sizeof(struct sighting)));
	db_done(s);
	*out = list.data;
	*n = list.n;
	return got;
}

static int key_put(struct db *db, const struct sighting *x, const struct sighting_key *k, size_t n,
	struct err *e)
{
	struct stmt *s = db_prepare(db,
		"INSERT INTO sighting_keys (source, ref, n, kind, scope, value, not_own, connects)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
		e);

	if (!s)
		return -1;
	bind_text(s, 1, x->source);
	bind_text(s, 2, x->ref);
	bind_int(s, 3, (int64_t)n);
	bind_text(s, 4, k->kind);
	bind_text(s, 5, k->scope);
	bind_text(s, 6, k->value);
	bind_int(s, 7, k->not_own);
	bind_text(s, 8, k->connects);
	return db_run(s, e) < 0 ? -1 : 0;
}

int sighting_put(struct db *db, const struct sighting *x, const struct sighting_key *keys, size_t n,
	struct err *e)
{
	struct stmt *s = db_prepare(db,
		"INSERT INTO sightings (source, ref, anchor, kind, name, platform, power, vcpus, "
		"memory_bytes, digest, first, since, changed, machine) VALUES (?1, ?2, ?3, ?4, ?5, "
		"?6, ?7, ?8, ?9, ?10, ?12, ?11, ?12, ?13) ON CONFLICT (source, ref) DO UPDATE SET "
		"anchor = excluded.anchor, kind = excluded.kind, name = excluded.name, platform = "
		"excluded.platform, power = excluded.power, vcpus = excluded.vcpus, memory_bytes = "
		"excluded.memory_bytes, digest = excluded.digest, since = excluded.since, changed "
		"= excluded.changed, gone = 0, machine = COALESCE(sightings.machine, "
		"excluded.machine)",
		e);

	if (!s)
		return -1;
	bind_text(s, 1, x->source);
	bind_text(s, 2, x->ref);
	bind_text(s, 3, x->anchor);
	bind_text(s, 4, x->kind);
	bind_text(s, 5, x->name);
	bind_text(s, 6, x->platform);
	bind_text(s, 7, x->power);
	if (x->vcpus == MODEL_ABSENT)
		bind_null(s, 8);
	else
		bind_int(s, 8, x->vcpus);
	if (x->memory_bytes == MODEL_ABSENT)
		bind_null(s, 9);
	else
		bind_int(s, 9, x->memory_bytes);
	bind_text(s, 10, x->digest);
	bind_int(s, 11, x->since);
	bind_int(s, 12, x->changed);
	bind_text(s, 13, x->machine);
	if (db_run(s, e) < 0 ||
		run2(db, "DELETE FROM sighting_keys WHERE source = ?1 AND ref = ?2", x->source,
			x->ref, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (key_put(db, x, &keys[i], i, e) < 0)
			return -1;
	return 0;
}

int sighting_end(struct db *db, const char *source, const char *ref, int64_t now_ms, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"UPDATE sightings SET gone = ?3 WHERE source = ?1 AND ref = ?2 AND gone = 0", e);

	if (!s)
		return -1;
	bind_text(s, 1, source);
	bind_text(s, 2, ref);
	bind_int(s, 3, now_ms);
	return db_run(s, e) < 0 ? -1 : 0;
}

int sighting_place(struct db *db, const struct sighting *x, const char *machine, int64_t again_ms,
	struct err *e)
{
	struct stmt *s = db_prepare(db,
		"UPDATE sightings SET machine = ?3, again = ?4 WHERE source = ?1 AND ref = ?2", e);

	if (!s)
		return -1;
	bind_text(s, 1, x->source);
	bind_text(s, 2, x->ref);
	bind_text(s, 3, machine);
	bind_int(s, 4, again_ms);
	return db_run(s, e) < 0 ? -1 : 0;
}

int sighting_machine_of(struct db *db, const char *source, char machine[64], struct err *e)
{
	struct stmt *s = db_prepare(db, "SELECT machine FROM agents WHERE id = ?1", e);
	int got;

	machine[0] = '\0';
	if (!s)
		return -1;
	bind_text(s, 1, source);
	got = db_step(s, e);
	if (got > 0 && col_text(s, 0))
		snprintf(machine, 64, "%s", col_text(s, 0));
	db_done(s);
	return got < 0 ? -1 : 0;
}

int sighting_forget(struct db *db, const char *source, struct err *e)
{
	return run2(db, "DELETE FROM sighting_keys WHERE source = ?1", source, NULL, e) < 0
		? -1
		: run2(db, "DELETE FROM sightings WHERE source = ?1", source, NULL, e);
}

static int names(
	struct stmt *s, struct arena *a, struct sighting_name **out, size_t *n, struct err *e)
{
	struct rows list = {0};
	int got;

	while ((got = db_step(s, e)) > 0)
		*(struct sighting_name *)rows_add(&list, a, sizeof(struct sighting_name)) =
			(struct sighting_name){
				arena_strdup(a, col_text(s, 0)), arena_strdup(a, col_text(s, 1))};
	db_done(s);
	*out = list.data;
	*n = list.n;
	return got;
}

int sighting_anchored(struct db *db, const char *anchor, struct arena *a,
	struct sighting_name **out, size_t *n, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"SELECT source, ref FROM sightings WHERE anchor = ?1 ORDER BY source, ref LIMIT ?2",
		e);

	if (!s)
		return -1;
	bind_text(s, 1, anchor);
	bind_int(s, 2, COMPONENT_MAX);
	return names(s, a, out, n, e);
}

int sighting_due(struct db *db, int64_t now_ms, int limit, struct arena *a,
	struct sighting_name **out, size_t *n, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"SELECT source, ref FROM sightings WHERE again > 0 AND again <= ?1 ORDER BY again "
		"LIMIT ?2",
		e);

	if (!s)
		return -1;
	bind_int(s, 1, now_ms);
	bind_int(s, 2, limit);
	return names(s, a, out, n, e);
}

/* ---- what nobody says any more ---- */

/* A machine that only lists knew, and of which nothing is left. */
static int machine_prune(struct db *db, const char *machine, struct err *e)
{
	static const char *const texts[] = {
		"DELETE FROM addresses WHERE machine = ?1",
		"DELETE FROM links WHERE guest = ?1",
		"DELETE FROM moves WHERE machine = ?1",
	};
	struct stmt *s = db_prepare(db,
		"DELETE FROM machines WHERE id = ?1 AND agent IS NULL AND NOT EXISTS (SELECT 1 "
		"FROM sightings WHERE machine = ?1)",
		e);
	int64_t n = -1;

	if (s) {
		bind_text(s, 1, machine);
		n = db_run(s, e);
	}
	for (size_t i = 0; n > 0 && i < sizeof texts / sizeof *texts; i++)
		if (run2(db, texts[i], machine, NULL, e) < 0)
			return -1;
	return n < 0 ? -1 : 0;
}

int sighting_prune(struct db *db, int64_t before_ms, int limit, int64_t *n, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"SELECT 0" SIGHTING_FIELDS(ROW_COLUMN) " FROM sightings WHERE gone > 0 AND gone < "
						       "?1 ORDER BY gone LIMIT ?2",
		e);
	struct arena *a = arena_new();
	struct rows list = {0};
	struct sighting *x;
	int got = -1;

	if (s) {
		bind_int(s, 1, before_ms);
		bind_int(s, 2, limit);
		while ((got = db_step(s, e)) > 0)
			row_read(&model_records[MODEL_sighting], s, 1, a,
				rows_add(&list, a, sizeof *x));
		db_done(s);
	}
	*n = (int64_t)list.n;
	x = list.data;
	for (size_t i = 0; got == 0 && i < list.n; i++)
		if (run2(db, "DELETE FROM sighting_keys WHERE source = ?1 AND ref = ?2",
			    x[i].source, x[i].ref, e) < 0 ||
			run2(db, "DELETE FROM sightings WHERE source = ?1 AND ref = ?2",
				x[i].source, x[i].ref, e) < 0 ||
			(x[i].machine && machine_prune(db, x[i].machine, e) < 0))
			got = -1;
	arena_free(a);
	return got;
}
