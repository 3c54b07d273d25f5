/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens, agents, revocation. A token is spent in the same transaction that makes the agent it lets in. */
#include "store/store_trust.h"
#include "base/id.h"
#include "store/store_setting.h"
#include <string.h>

/* ---- tokens ---- */

int token_create(struct db *db, const struct token *t, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"INSERT INTO tokens (id, hash, role, site, uses, used, made, expires, \"by\", "
		"revoked)"
		" VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7, ?8, 0)",
		e);

	if (!s)
		return -1;
	bind_text(s, 1, t->id);
	bind_text(s, 2, t->hash);
	bind_text(s, 3, t->role);
	bind_text(s, 4, t->site);
	bind_int(s, 5, t->uses);
	bind_int(s, 6, t->made);
	bind_int(s, 7, t->expires);
	bind_text(s, 8, t->by);
	return db_run(s, e) < 0 ? -1 : 0;
}

int token_spend(struct db *db, const char *hash, const char *role, int64_t now_ms, struct arena *a,
	struct token *out, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"UPDATE tokens SET used = used + 1 WHERE hash = ?1 AND role = ?2 AND used < uses"
		" AND expires > ?3 AND revoked = 0 RETURNING 0" TOKEN_FIELDS(ROW_COLUMN),
		e);
	int got;

	if (!s)
		return -1;
	bind_text(s, 1, hash);
	bind_text(s, 2, role);
	bind_int(s, 3, now_ms);
	got = db_step(s, e);
	if (got > 0)
		row_read(&model_records[MODEL_token], s, 1, a, out);
	db_done(s);
	if (got == 0)
		return err_field(e, ERR_UNAUTHORIZED, "token",
			"the token is unknown, spent, ended, withdrawn, or not for a %s", role);
	return got < 0 ? -1 : 0;
}

int token_list(struct db *db, const struct scope *scope, struct arena *a, struct token **out,
	size_t *n, struct err *e)
{
	struct rows list = {0};
	int next = 1, got;
	const char *sql = arena_printf(a,
		"SELECT 0" TOKEN_FIELDS(ROW_COLUMN) " FROM tokens WHERE %s ORDER BY id DESC",
		scope_sql(scope, "site", &next, a));
	struct stmt *s = db_prepare_once(db, sql, e);

	if (!s)
		return -1;
	next = 1;
	scope_bind(scope, s, &next);
	while ((got = db_step(s, e)) > 0)
		row_read(&model_records[MODEL_token], s, 1, a,
			rows_add(&list, a, sizeof(struct token)));
	db_done(s);
	*out = list.data;
	*n = list.n;
	return got;
}

int token_revoke(
	struct db *db, const char *id, const struct scope *scope, int64_t now_ms, struct err *e)
{
	struct arena *a = arena_new();
	int next = 3;
	const char *sql = arena_printf(a,
		"UPDATE tokens SET revoked = ?1 WHERE id = ?2 AND revoked = 0 AND %s",
		scope_sql(scope, "site", &next, a));
	struct stmt *s = db_prepare_once(db, sql, e);
	int64_t n = -1;

	if (s) {
		bind_int(s, 1, now_ms);
		bind_text(s, 2, id);
		next = 3;
		scope_bind(scope, s, &next);
		n = db_run(s, e);
	}
	arena_free(a);
	return n == 0   ? err_field(e, ERR_NOT_FOUND, "id",
				  "there is no token %.60s that is still good", id)
		: n < 0 ? -1
			: 0;
}

/* ---- agents ---- */

static int machine_insert(
	struct db *db, const struct agent *x, const char *name, int64_t now_ms, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"INSERT INTO machines (id, name, agent, site, state, state_since, created)"
		" VALUES (?1, ?2, ?3, ?4, 'never', ?5, ?5)",
		e);

	if (!s)
		return -1;
	bind_text(s, 1, x->machine);
	bind_text(s, 2, name);
	bind_text(s, 3, x->id);
	bind_text(s, 4, x->site);
	bind_int(s, 5, now_ms);
	return db_run(s, e) < 0 ? -1 : 0;
}

static int relay_insert(struct db *db, const struct agent *x, const char *name,
	const char *addresses, int64_t now_ms, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"INSERT INTO relays (id, name, site, state, state_since, route, addresses)"
		" VALUES (?1, ?2, ?3, 'never', ?4, '', ?5)",
		e);

	if (!s)
		return -1;
	bind_text(s, 1, x->id);
	bind_text(s, 2, name);
	bind_text(s, 3, x->site);
	bind_int(s, 4, now_ms);
	bind_text(s, 5, addresses);
	return db_run(s, e) < 0 ? -1 : 0;
}

int trust_enrol(struct db *db, const struct agent *x, const char *name, const char *addresses_json,
	int64_t now_ms, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"INSERT INTO agents (id, machine, role, site, token, box, enrolled, cert_until,"
		" forked_from) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
		e);

	if (!s)
		return -1;
	bind_text(s, 1, x->id);
	bind_text(s, 2, x->machine);
	bind_text(s, 3, x->role);
	bind_text(s, 4, x->site);
	bind_text(s, 5, x->token);
	bind_text(s, 6, x->box);
	bind_int(s, 7, now_ms);
	bind_int(s, 8, x->cert_until);
	bind_text(s, 9, x->forked_from);
	if (db_run(s, e) < 0)
		return -1;
	return strcmp(x->role, "relay") == 0 ? relay_insert(db, x, name, addresses_json, now_ms, e)
					     : machine_insert(db, x, name, now_ms, e);
}

/* The only row of a bound statement. */
static int agent_one(struct stmt *s, struct arena *a, struct agent *out, struct err *e)
{
	int got = db_step(s, e);

	if (got > 0)
		row_read(&model_records[MODEL_agent], s, 1, a, out);
	db_done(s);
	return got;
}

int trust_agent(struct db *db, const char *id, struct arena *a, struct agent *out, struct err *e)
{
	struct stmt *s =
		db_prepare(db, "SELECT 0" AGENT_FIELDS(ROW_COLUMN) " FROM agents WHERE id = ?1", e);

	if (!s)
		return -1;
	bind_text(s, 1, id);
	return agent_one(s, a, out, e);
}

int trust_speaker(struct db *db, const char *id, struct arena *a, struct agent *out,
	const char **relay, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"SELECT machine, role, site, token, box, report_digest, revoked, generation,"
		" (SELECT relay FROM machines WHERE agent = agents.id) FROM agents WHERE id = ?1",
		e);
	const char **const texts[] = {
		&out->machine, &out->role, &out->site, &out->token, &out->box, &out->report_digest};
	int got, n = 0;

	if (!s)
		return -1;
	bind_text(s, 1, id);
	got = db_step(s, e);
	if (got > 0) {
		out->id = id;
		for (; n < (int)(sizeof texts / sizeof *texts); n++)
			*texts[n] = arena_strdup(a, col_text(s, n));
		out->revoked = col_int(s, n);
		out->generation = col_int(s, n + 1);
		*relay = arena_strdup(a, col_text(s, n + 2));
	}
	db_done(s);
	return got;
}

int trust_fork(struct db *db, const char *agent, const char *box, struct arena *a,
	struct agent *out, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"SELECT 0" AGENT_FIELDS(
			ROW_COLUMN) " FROM agents WHERE forked_from = ?1 AND box = ?2",
		e);

	if (!s)
		return -1;
	bind_text(s, 1, agent);
	bind_text(s, 2, box);
	return agent_one(s, a, out, e);
}

static int run3(struct db *db, const char *sql, const char *id, int64_t x, int64_t y, struct err *e)
{
	struct stmt *s = db_prepare(db, sql, e);

	if (!s)
		return -1;
	bind_text(s, 1, id);
	bind_int(s, 2, x);
	bind_int(s, 3, y);
	return db_run(s, e) < 0 ? -1 : 0;
}

int trust_cert(struct db *db, const char *id, int64_t until_ms, struct err *e)
{
	return run3(db, "UPDATE agents SET cert_until = ?2 WHERE id = ?1 AND ?3 = 0", id, until_ms,
		0, e);
}

int trust_revoke(struct db *db, const char *id, int64_t now_ms, struct err *e)
{
	struct arena *a = arena_new();
	struct agent x;
	int64_t version;
	int got = trust_agent(db, id, a, &x, e), rc = -1;

	if (got == 0)
		err_field(e, ERR_NOT_FOUND, "agent", "there is no agent %.60s", id);
	else if (got > 0 && x.revoked)
		err_field(e, ERR_CONFLICT, "agent", "agent %s is revoked already", id);
	else if (got > 0 && setting_next(db, "revoked_version", &version, e) == 0 &&
		run3(db, "UPDATE agents SET revoked = ?2, revoked_version = ?3 WHERE id = ?1", id,
			now_ms, version, e) == 0 &&
		run3(db, "UPDATE machines SET revoked = ?2 WHERE agent = ?1 AND ?3 > 0", id, now_ms,
			version, e) == 0 &&
		run3(db, "UPDATE relays SET revoked = ?2 WHERE id = ?1 AND ?3 > 0", id, now_ms,
			version, e) == 0)
		rc = 0;
	arena_free(a);
	return rc;
}

int trust_revoked(struct db *db, int64_t now_ms, struct arena *a, const char ***ids, size_t *n,
	int64_t *version, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"SELECT id FROM agents WHERE revoked_version > 0 AND cert_until > ?1 ORDER BY id",
		e);
	struct rows list = {0};
	int got;

	if (!s)
		return -1;
	bind_int(s, 1, now_ms);
	while ((got = db_step(s, e)) > 0)
		*(const char **)rows_add(&list, a, sizeof(const char *)) =
			arena_strdup(a, col_text(s, 0));
	db_done(s);
	*ids = list.data;
	*n = list.n;
	return got < 0 ? -1 : setting_int(db, "revoked_version", version, e);
}
