/* SPDX-License-Identifier: Apache-2.0 */
/* Machines and relays as people see them, and who is there. */
#ifndef HIM_STORE_MACHINE_H
#define HIM_STORE_MACHINE_H

#include "store/store_action.h"

/* ---- presence: a row written per change, never per heartbeat ---- */

struct presence {
	const char *agent, *state, *relay, *mode, *reason; /* relay: the parent it hangs on */
	int64_t since_ms, seen_ms;
};
/* Takes a change for the agent's machine. `relay` is who says it ("" the server itself): late and offline count only from the
 * relay it hangs on now. *moved: it hangs on another relay than before. *changed: its state is another. */
int presence_machine(
	struct db *db, const struct presence *p, bool *moved, bool *changed, struct err *e);
/* The same for a relay. */
int presence_relay(struct db *db, const struct presence *p, bool *changed, struct err *e);
/* All machines below one of these relays that are not offline become so: their relay cannot be reached. What they say is due
 * to be looked at again, here and below. */
int presence_cut(struct db *db, const char *const *relays, size_t n, int64_t now_ms,
	const char *reason, int64_t *cut, struct err *e);
/* Machines that are online below this relay but of which nothing was heard from it since then: it forgot them. */
int presence_stale(struct db *db, const char *relay, int64_t since_ms, int64_t now_ms, int64_t *cut,
	struct err *e);
/* What a relay says of itself. NULL or negative: unchanged. */
int relay_facts(struct db *db, const char *id, const char *addresses, const char *version,
	const char *spool, int64_t spool_bytes, int64_t spool_max_bytes, const char *notice,
	struct err *e);
int machine_notice(struct db *db, const char *agent, const char *notice, struct err *e);

/* ---- reading ---- */

#define MACHINE_SEEN_NOW INT64_MAX /* the sort value of `seen` of a machine that is online */

/* A keyset page: machines m for which `where` holds (text with parameters ?1…), in the order of `sort` (a column of the
 * record, checked by the caller) then id, after the row with that sort value and id. */
struct machine_page {
	const char *where;
	const struct param *params;
	size_t n_params;
	const struct model_field *sort; /* NULL: name */
	bool descending;
	const char *after_value, *after_id; /* after_id NULL: from the beginning */
	int limit;
};
int machine_list(struct db *db, const struct machine_page *p, int64_t now_ms, struct arena *a,
	struct machine **out, size_t *n, struct err *e);
int machine_count(struct db *db, const char *where, const struct param *params, size_t n_params,
	int64_t *count, struct err *e);
struct facet {
	const char *value; /* NULL: not known */
	int64_t count;
};
int machine_facets(struct db *db, const char *where, const struct param *params, size_t n_params,
	const struct model_field *field, int limit, struct arena *a, struct facet **out, size_t *n,
	struct err *e);

/* One machine by id, unique beginning of an id (6 characters or more) or name, inside the scope. ERR_NOT_FOUND,
 * ERR_AMBIGUOUS with the ids. */
int machine_find(struct db *db, const char *who, const struct scope *scope, int64_t now_ms,
	struct arena *a, struct machine *out, struct err *e);
int machine_by_agent(struct db *db, const char *agent, struct arena *a, struct machine *out,
	struct err *e); /* 1 found */
int machine_sections(struct db *db, const char *agent, struct arena *a, struct section **out,
	size_t *n, struct err *e);

int machine_rename(struct db *db, const char *id, const char *name, struct err *e);
/* Removes it with its document; its results stay. ERR_CONFLICT while it is trusted and not offline. */
int machine_may_forget(const struct machine *m, struct err *e);
int machine_forget(struct db *db, const char *id, int64_t now_ms, struct err *e);

/* `children` counts those inside the scope. */
int relay_list(struct db *db, const struct scope *scope, struct arena *a, struct relay **out,
	size_t *n, struct err *e);
int relay_get(struct db *db, const char *id, struct arena *a, struct relay *out,
	struct err *e); /* 1 found */

#endif
