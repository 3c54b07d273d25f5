/* SPDX-License-Identifier: Apache-2.0 */
/* People: passwords (argon2id), what they may do where, sessions and API tokens (stored hashed), and the audit log. */
#ifndef HIM_STORE_PEOPLE_H
#define HIM_STORE_PEOPLE_H

#include "store/row.h"

#define PASSWORD_MIN 12
#define PASSWORD_MAX 256

/* SHA-256 of a secret, as 64 hex digits and a NUL. */
void secret_hash(const char *secret, char out[65]);

/* One user by name; 1 found, 0 none. */
int user_get(struct db *db, const char *name, struct arena *a, struct user *out, struct err *e);
int user_list(struct db *db, struct arena *a, struct user **out, size_t *n, struct err *e);
int user_count(struct db *db, int64_t *n, struct err *e);
/* ERR_CONFLICT when the name is taken. The password is checked for its length and hashed here (about 50 ms). */
int user_create(struct db *db, const char *name, const char *password, bool must_change,
	int64_t now_ms, struct err *e);
int user_password(
	struct db *db, const char *name, const char *password, bool must_change, struct err *e);
int user_disable(struct db *db, const char *name, int64_t now_ms,
	struct err *e); /* their sessions end too */

/* Right name and password, not disabled: 0. Else ERR_UNAUTHORIZED with one sentence, after the same time whether the
 * name exists or not. */
int user_login(struct db *db, const char *name, const char *password, struct arena *a,
	struct user *out, struct err *e);

int grant_set(struct db *db, const char *user, const char *site, const char *role,
	struct err *e); /* role NULL: removes */
int grant_list(struct db *db, const char *user, struct arena *a, struct grant **out, size_t *n,
	struct err *e);

int session_create(struct db *db, const struct session *x, struct err *e);
/* By the secret's hash; ended or disabled ones are not found. 1 found. `used` moves once an hour (write connections only). */
int session_get(struct db *db, const char *hash, int64_t now_ms, struct arena *a,
	struct session *out, struct err *e);
int session_list(struct db *db, const char *user, const char *kind, int64_t now_ms, struct arena *a,
	struct session **out, size_t *n, struct err *e);
int session_end(struct db *db, const char *id, const char *user, struct err *e); /* ERR_NOT_FOUND */
int session_prune(struct db *db, int64_t now_ms, struct err *e);

/* Appends an entry; its hash covers the entry before. detail: JSON text without secrets, or NULL. */
struct audit_entry {
	const char *who, *from, *what, *object, *detail;
	int64_t now_ms;
};
int audit_add(struct db *db, const struct audit_entry *x, struct err *e);
int audit_list(struct db *db, int64_t before, int limit, struct arena *a, struct audit **out,
	size_t *n, struct err *e);
/* Walks the whole chain; *broken_at gets the first id that does not fit, 0 when all do. */
int audit_verify(struct db *db, int64_t *broken_at, struct err *e);

#endif
