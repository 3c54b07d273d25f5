/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: a name, a value as text; counters are text that is a number. */
#include "store/store_setting.h"
#include <stdio.h>
#include <stdlib.h>

int setting_get(struct db *db, const char *name, struct arena *a, const char **value, struct err *e)
{
	struct stmt *s = db_prepare(db, "SELECT value FROM settings WHERE name = ?1", e);
	int got;

	if (!s)
		return -1;
	bind_text(s, 1, name);
	got = db_step(s, e);
	if (got > 0)
		*value = arena_strdup(a, col_text(s, 0));
	db_done(s);
	return got;
}

int setting_set(struct db *db, const char *name, const char *value, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"INSERT INTO settings (name, value) VALUES (?1, ?2)"
		" ON CONFLICT (name) DO UPDATE SET value = excluded.value",
		e);

	if (!s)
		return -1;
	bind_text(s, 1, name);
	bind_text(s, 2, value);
	return db_run(s, e) < 0 ? -1 : 0;
}

int setting_int(struct db *db, const char *name, int64_t *value, struct err *e)
{
	struct arena *a = arena_new();
	const char *text = NULL;
	int got = setting_get(db, name, a, &text, e);

	*value = got > 0 && text ? strtoll(text, NULL, 10) : 0;
	arena_free(a);
	return got < 0 ? -1 : 0;
}

int setting_next(struct db *db, const char *name, int64_t *value, struct err *e)
{
	char text[24];

	if (setting_int(db, name, value, e) < 0)
		return -1;
	snprintf(text, sizeof text, "%lld", (long long)++*value);
	return setting_set(db, name, text, e);
}
