/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: each entry's hash covers the hash before it, so that a change or a gap in the middle shows. (Cutting off
 * the end does not; whoever fears that copies the newest hash elsewhere.) */
#include "base/buf.h"
#include "store/store_people.h"
#include <stdio.h>
#include <string.h>

#define FIRST "0000000000000000000000000000000000000000000000000000000000000000"

static void field(struct buf *b, const char *text)
{
	buf_printf(b, "%lld:", text ? (long long)strlen(text) : -1); /* null is not "" */
	if (text)
		buf_adds(b, text);
}

static void entry_hash(const struct audit_entry *x, int64_t id, const char *prev, char out[65])
{
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	buf_printf(&b, "him-audit-1\n%s\n%lld %lld\n", prev, (long long)id, (long long)x->now_ms);
	field(&b, x->who);
	field(&b, x->from);
	field(&b, x->what);
	field(&b, x->object);
	field(&b, x->detail);
	secret_hash(buf_str(&b), out);
	buf_release(&b);
}

int audit_add(struct db *db, const struct audit_entry *x, struct err *e)
{
	struct stmt *s = db_prepare(db, "SELECT id, hash FROM audits ORDER BY id DESC LIMIT 1", e);
	char prev[65] = FIRST, hash[65];
	int64_t id = 0;
	int got = s ? db_step(s, e) : -1;

	if (got > 0) {
		id = col_int(s, 0);
		snprintf(prev, sizeof prev, "%s", col_text(s, 1));
	}
	db_done(s);
	if (got < 0)
		return -1;
	entry_hash(x, ++id, prev, hash);
	s = db_prepare(db,
		"INSERT INTO audits (id, time, who, from_, what, object, detail, hash) VALUES"
		" (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
		e);
	if (!s)
		return -1;
	bind_int(s, 1, id);
	bind_int(s, 2, x->now_ms);
	bind_text(s, 3, x->who);
	bind_text(s, 4, x->from);
	bind_text(s, 5, x->what);
	bind_text(s, 6, x->object);
	bind_text(s, 7, x->detail);
	bind_text(s, 8, hash);
	return db_run(s, e) < 0 ? -1 : 0;
}

int audit_list(struct db *db, int64_t before, int limit, struct arena *a, struct audit **out,
	size_t *n, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"SELECT 0" AUDIT_FIELDS(ROW_COLUMN) " FROM audits WHERE ?1 = 0 OR id < ?1"
						    " ORDER BY id DESC LIMIT ?2",
		e);
	struct rows list = {0};
	int got;

	if (!s)
		return -1;
	bind_int(s, 1, before);
	bind_int(s, 2, limit);
	while ((got = db_step(s, e)) > 0)
		row_read(&model_records[MODEL_audit], s, 1, a,
			rows_add(&list, a, sizeof(struct audit)));
	db_done(s);
	*out = list.data;
	*n = list.n;
	return got;
}

int audit_verify(struct db *db, int64_t *broken_at, struct err *e)
{
	struct stmt *s = db_prepare_once(
		db, "SELECT 0" AUDIT_FIELDS(ROW_COLUMN) " FROM audits ORDER BY id", e);
	char prev[65] = FIRST, hash[65];
	int64_t expect = 1;
	int got = -1;

	*broken_at = 0;
	while (s && *broken_at == 0 && (got = db_step(s, e)) > 0) {
		struct arena *a = arena_new();
		struct audit x;
		row_read(&model_records[MODEL_audit], s, 1, a, &x);
		struct audit_entry v = {x.who, x.from_, x.what, x.object, x.detail, x.time};
		entry_hash(&v, x.id, prev, hash);
		if (x.id != expect++ || !x.hash || strcmp(hash, x.hash) != 0)
			*broken_at = x.id;
		memcpy(prev, hash, sizeof prev);
		arena_free(a);
	}
	db_done(s);
	return s && got >= 0 ? 0 : -1;
}
