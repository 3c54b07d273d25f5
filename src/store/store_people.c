/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users, grants, sessions. A password is kept as an argon2id string (64 MiB, 2 passes, 1 lane), a secret of a
 * session or API token as its SHA-256: secrets are 256 random bits, so a slow hash would add nothing.
 */
#include "store/store_people.h"
#include "base/id.h"
#include "base/text.h"
#include <argon2.h>
#include <openssl/sha.h>
#include <string.h>

#define HOUR_MS 3600000
#define ARGON_KIB 65536
#define ARGON_PASSES 2
#define ARGON_TEXT 128

void secret_hash(const char *secret, char out[65])
{
	uint8_t digest[SHA256_DIGEST_LENGTH];

	SHA256((const uint8_t *)secret, strlen(secret), digest);
	text_hex(digest, sizeof digest, out);
}

static int password_hash(const char *password, char out[ARGON_TEXT], struct err *e)
{
	size_t len = strlen(password);
	uint8_t salt[16];

	if (len < PASSWORD_MIN || len > PASSWORD_MAX)
		return err_field(e, ERR_INVALID, "password", "a password has %d to %d characters",
			PASSWORD_MIN, PASSWORD_MAX);
	random_bytes(salt, sizeof salt);
	if (argon2id_hash_encoded(ARGON_PASSES, ARGON_KIB, 1, password, len, salt, sizeof salt, 32,
		    out, ARGON_TEXT) != ARGON2_OK)
		return err_set(e, ERR_INTERNAL, "the password cannot be hashed");
	return 0;
}

/* ---- users ---- */

#define USER_SELECT "SELECT 0" USER_FIELDS(ROW_COLUMN) " FROM users "

int user_get(struct db *db, const char *name, struct arena *a, struct user *out, struct err *e)
{
	struct stmt *s = db_prepare(db, USER_SELECT "WHERE name = ?1", e);
	int got;

	if (!s)
		return -1;
	bind_text(s, 1, name);
	got = db_step(s, e);
	if (got > 0)
		row_read(&model_records[MODEL_user], s, 1, a, out);
	db_done(s);
	return got;
}

int user_list(struct db *db, struct arena *a, struct user **out, size_t *n, struct err *e)
{
	struct stmt *s = db_prepare(db, USER_SELECT "ORDER BY name", e);
	struct rows list = {0};
	int got;

	if (!s)
		return -1;
	while ((got = db_step(s, e)) > 0)
		row_read(&model_records[MODEL_user], s, 1, a,
			rows_add(&list, a, sizeof(struct user)));
	db_done(s);
	*out = list.data;
	*n = list.n;
	return got;
}

int user_count(struct db *db, int64_t *n, struct err *e)
{
	struct stmt *s = db_prepare(db, "SELECT COUNT(*) FROM users", e);
	int got = s ? db_step(s, e) : -1;

	if (got > 0)
		*n = col_int(s, 0);
	db_done(s);
	return got > 0 ? 0 : -1;
}

int user_create(struct db *db, const char *name, const char *password, bool must_change,
	int64_t now_ms, struct err *e)
{
	struct arena *a = arena_new();
	char hash[ARGON_TEXT];
	struct stmt *s;
	struct user u;
	int rc = -1, got = user_get(db, name, a, &u, e);

	if (got > 0)
		err_field(e, ERR_CONFLICT, "name", "there is a user %.60s already", name);
	if (got == 0 && text_label(name, "name", 64, e) == 0 &&
		password_hash(password, hash, e) == 0 &&
		(s = db_prepare(db,
			 "INSERT INTO users (name, password, must_change, made) VALUES (?1, ?2, "
			 "?3, ?4)",
			 e))) {
		bind_text(s, 1, name);
		bind_text(s, 2, hash);
		bind_int(s, 3, must_change);
		bind_int(s, 4, now_ms);
		rc = db_run(s, e) < 0 ? -1 : 0;
	}
	arena_free(a);
	return rc;
}

static int sessions_end(struct db *db, const char *user, struct err *e)
{
	struct stmt *s = db_prepare(db, "DELETE FROM sessions WHERE \"user\" = ?1", e);

	if (!s)
		return -1;
	bind_text(s, 1, user);
	return db_run(s, e) < 0 ? -1 : 0;
}

int user_password(
	struct db *db, const char *name, const char *password, bool must_change, struct err *e)
{
	char hash[ARGON_TEXT];
	struct stmt *s;
	int64_t n;

	if (password_hash(password, hash, e) < 0)
		return -1;
	s = db_prepare(db, "UPDATE users SET password = ?2, must_change = ?3 WHERE name = ?1", e);
	if (!s)
		return -1;
	bind_text(s, 1, name);
	bind_text(s, 2, hash);
	bind_int(s, 3, must_change);
	n = db_run(s, e);
	if (n == 0)
		return err_field(e, ERR_NOT_FOUND, "name", "there is no user %.60s", name);
	return n < 0 ? -1 : sessions_end(db, name, e);
}

int user_disable(struct db *db, const char *name, int64_t now_ms, struct err *e)
{
	struct stmt *s = db_prepare(
		db, "UPDATE users SET disabled = ?2 WHERE name = ?1 AND disabled = 0", e);
	int64_t n;

	if (!s)
		return -1;
	bind_text(s, 1, name);
	bind_int(s, 2, now_ms);
	n = db_run(s, e);
	if (n == 0)
		return err_field(e, ERR_NOT_FOUND, "name",
			"there is no user %.60s who is not disabled", name);
	return n < 0 ? -1 : sessions_end(db, name, e);
}

int user_login(struct db *db, const char *name, const char *password, struct arena *a,
	struct user *out, struct err *e)
{
	/* Of no password: checked when the name is unknown, so that both cases take the same time. */
	static const char nobody[] = "$argon2id$v=19$m=65536,t=2,p=1$YWJjZGVmZ2hpamtsbW5vcA$"
				     "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	int got = user_get(db, name, a, out, e);
	bool known = got > 0 && out->disabled == 0, right;

	if (got < 0)
		return -1;
	right = argon2id_verify(known ? out->password : nobody, password, strlen(password)) ==
		ARGON2_OK;
	if (!known || !right)
		return err_field(e, ERR_UNAUTHORIZED, "password", "wrong user name or password");
	return 0;
}

/* ---- grants ---- */

int grant_set(struct db *db, const char *user, const char *site, const char *role, struct err *e)
{
	struct stmt *s = role
		? db_prepare(db,
			  "INSERT INTO grants (\"user\", site, role) VALUES (?1, ?2, ?3)"
			  " ON CONFLICT (\"user\", site) DO UPDATE SET role = excluded.role",
			  e)
		: db_prepare(db, "DELETE FROM grants WHERE \"user\" = ?1 AND site = ?2", e);

	if (!s)
		return -1;
	bind_text(s, 1, user);
	bind_text(s, 2, site);
	if (role)
		bind_text(s, 3, role);
	return db_run(s, e) < 0 ? -1 : 0;
}

int grant_list(struct db *db, const char *user, struct arena *a, struct grant **out, size_t *n,
	struct err *e)
{
	struct stmt *s = db_prepare(db,
		"SELECT 0" GRANT_FIELDS(
			ROW_COLUMN) " FROM grants WHERE \"user\" = ?1 ORDER BY site",
		e);
	struct rows list = {0};
	int got;

	if (!s)
		return -1;
	bind_text(s, 1, user);
	while ((got = db_step(s, e)) > 0)
		row_read(&model_records[MODEL_grant], s, 1, a,
			rows_add(&list, a, sizeof(struct grant)));
	db_done(s);
	*out = list.data;
	*n = list.n;
	return got;
}

/* ---- sessions ---- */

int session_create(struct db *db, const struct session *x, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"INSERT INTO sessions (id, hash, \"user\", kind, csrf, made, used, expires)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7)",
		e);

	if (!s)
		return -1;
	bind_text(s, 1, x->id);
	bind_text(s, 2, x->hash);
	bind_text(s, 3, x->user);
	bind_text(s, 4, x->kind);
	bind_text(s, 5, x->csrf);
	bind_int(s, 6, x->made);
	bind_int(s, 7, x->expires);
	return db_run(s, e) < 0 ? -1 : 0;
}

/* Not at every use: a row is written once an hour. */
static int session_used(struct db *db, struct session *x, int64_t now_ms, struct err *e)
{
	struct stmt *s;

	if (!db_writes(db) || now_ms - x->used < HOUR_MS)
		return 0;
	s = db_prepare(db, "UPDATE sessions SET used = ?2 WHERE id = ?1", e);
	if (!s)
		return -1;
	x->used = now_ms;
	bind_text(s, 1, x->id);
	bind_int(s, 2, now_ms);
	return db_run(s, e) < 0 ? -1 : 0;
}

int session_get(struct db *db, const char *hash, int64_t now_ms, struct arena *a,
	struct session *out, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"SELECT 0" SESSION_FIELDS(
			ROW_COLUMN_OF_T) " FROM sessions t JOIN users u ON u.name = t.\"user\""
					 " WHERE t.hash = ?1 AND t.expires > ?2 AND u.disabled = 0",
		e);
	int got;

	if (!s)
		return -1;
	bind_text(s, 1, hash);
	bind_int(s, 2, now_ms);
	got = db_step(s, e);
	if (got > 0)
		row_read(&model_records[MODEL_session], s, 1, a, out);
	db_done(s);
	return got > 0 && session_used(db, out, now_ms, e) < 0 ? -1 : got;
}

int session_list(struct db *db, const char *user, const char *kind, int64_t now_ms, struct arena *a,
	struct session **out, size_t *n, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"SELECT 0" SESSION_FIELDS(
			ROW_COLUMN) " FROM sessions WHERE \"user\" = ?1 AND kind = ?2"
				    " AND expires > ?3 ORDER BY id",
		e);
	struct rows list = {0};
	int got;

	if (!s)
		return -1;
	bind_text(s, 1, user);
	bind_text(s, 2, kind);
	bind_int(s, 3, now_ms);
	while ((got = db_step(s, e)) > 0)
		row_read(&model_records[MODEL_session], s, 1, a,
			rows_add(&list, a, sizeof(struct session)));
	db_done(s);
	*out = list.data;
	*n = list.n;
	return got;
}

int session_end(struct db *db, const char *id, const char *user, struct err *e)
{
	struct stmt *s = db_prepare(db, "DELETE FROM sessions WHERE id = ?1 AND \"user\" = ?2", e);
	int64_t n;

	if (!s)
		return -1;
	bind_text(s, 1, id);
	bind_text(s, 2, user);
	n = db_run(s, e);
	return n == 0 ? err_field(e, ERR_NOT_FOUND, "id", "there is no session or token %.60s", id)
		: n < 0 ? -1
			: 0;
}

int session_prune(struct db *db, int64_t now_ms, struct err *e)
{
	struct stmt *s = db_prepare(db, "DELETE FROM sessions WHERE expires < ?1", e);

	if (!s)
		return -1;
	bind_int(s, 1, now_ms);
	return db_run(s, e) < 0 ? -1 : 0;
}
