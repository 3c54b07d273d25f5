/* SPDX-License-Identifier: Apache-2.0 */
/* Who may enrol, who did, who was cut off. Secrets are stored hashed (SHA-256 hex of a 256-bit secret). */
#ifndef HIM_STORE_TRUST_H
#define HIM_STORE_TRUST_H

#include "store/row.h"

int token_create(struct db *db, const struct token *t, struct err *e);
/* Spends one use of the token with that hash for that role. ERR_UNAUTHORIZED when there is no such token, it is
 * spent, ended or withdrawn, or of another role: one sentence for all, a guesser learns nothing. */
int token_spend(struct db *db, const char *hash, const char *role, int64_t now_ms, struct arena *a,
	struct token *out, struct err *e);
int token_list(struct db *db, const struct scope *scope, struct arena *a, struct token **out,
	size_t *n, struct err *e);
int token_revoke(
	struct db *db, const char *id, const struct scope *scope, int64_t now_ms, struct err *e);

/* A newcomer: the agent's row and its machine's (role agent) or relay's (role relay). */
int trust_enrol(struct db *db, const struct agent *agent, const char *name,
	const char *addresses_json, int64_t now_ms, struct err *e);
/* 1 found, 0 none. */
int trust_agent(struct db *db, const char *id, struct arena *a, struct agent *out, struct err *e);
/* What is needed of one that speaks, for every envelope: who it is (id as given, machine, role, site, token), its box key,
 * whether it is revoked, the base of its next report; the rest of *out stays as it was. *relay: its machine hangs on it, NULL: none
 * known. */
int trust_speaker(struct db *db, const char *id, struct arena *a, struct agent *out,
	const char **relay, struct err *e);
/* The agent that was forked from `agent` for that box key. 1 found, 0 none. */
int trust_fork(struct db *db, const char *agent, const char *box, struct arena *a,
	struct agent *out, struct err *e);
int trust_cert(struct db *db, const char *id, int64_t until_ms, struct err *e);
/* Cuts it off; its machine or relay shows it. ERR_CONFLICT when it is already. */
int trust_revoke(struct db *db, const char *id, int64_t now_ms, struct err *e);
/* Ids whose certificates have not ended, and the version of that list. */
int trust_revoked(struct db *db, int64_t now_ms, struct arena *a, const char ***ids, size_t *n,
	int64_t *version, struct err *e);

#endif
