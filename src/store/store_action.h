/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Actions and what came of them. A result only moves forward: waiting, notified, fetched, running, then one
 * of done, failed, timed_out, refused, expired, cancelled. The counters of an action are exact after each call.
 */
#ifndef HIM_STORE_ACTION_H
#define HIM_STORE_ACTION_H

#include "store/row.h"

struct target { /* a machine that a query hit and an agent can be asked of */
	const char *agent, *machine, *name, *site;
};

/* Parameters of made-up SQL, in order. */
struct param {
	bool is_int;
	int64_t i;
	const char *text; /* NULL: null */
};

void params_bind(struct stmt *s, const struct param *params, size_t n);

/* Machines with a trusted agent for which `where` (over machines m, parameters ?1…) holds, in the order of their agents'
 * ids: at most `max`, else ERR_TOO_LARGE. */
int action_targets(struct db *db, const char *where, const struct param *params, size_t n_params,
	size_t max, struct arena *a, struct target **out, size_t *n, struct err *e);

/* The action with its results, all waiting. action->frame is the signed record. targets as action_targets gave them: the index
 * is the leaf; path(ctx, leaf, out) writes that leaf's Merkle path and returns its bytes. */
typedef size_t action_path(void *ctx, size_t leaf, uint8_t *out);
int action_create(struct db *db, const struct action *action, const struct target *targets,
	size_t n, action_path *path, void *ctx, struct err *e);

/* 1 found, 0 none. Not restricted to a scope: counters say how many, nothing of whom. */
int action_get(struct db *db, const char *id, struct arena *a, struct action *out, struct err *e);
struct open_item { /* what an agent was not yet handed */
	const char *action, *agent, *relay;
	int64_t leaf;
	struct bytes path;
};
/* Open (waiting or notified) items: of one action (agent NULL), of one agent (action NULL), or of everything that hangs on
 * one of `relays` (n ids). At most `limit` of them after (action, agent). */
int action_open(struct db *db, const char *action, const char *agent, const char *const *relays,
	size_t n_relays, int limit, const char *after_action, const char *after_agent,
	struct arena *a, struct open_item **out, size_t *n, struct err *e);

/* Moves a result on to notified, fetched or running; backwards or from a final state: nothing. 1 when it moved. */
int action_progress(struct db *db, const char *action, const char *agent, const char *state,
	int64_t started, int64_t now_ms, struct err *e);
/* Puts a result into its final state. r->action, agent, state, updated and what else is known are set; the rest is kept.
 * A final state stays, except that a real outcome replaces what was assumed in its place: "expired", "failed, outcome
 * unknown" (r->reason begins with OUTCOME_UNKNOWN) and "cancelled before it was seen to be fetched" (CANCELLED_EARLY). 1: taken; 0: no such target, or it stays. *ended: it was the action's last. */
#define OUTCOME_UNKNOWN "outcome unknown"
#define CANCELLED_EARLY "cancelled before it was seen to be handed on"
int action_final(struct db *db, const struct result *r, bool *ended, struct err *e);

/* Past its time: waiting and notified ones past the deadline are expired; fetched and running ones past deadline +
 * timeout + grace failed, outcome unknown. At most limit; *n of them. */
int action_overdue(
	struct db *db, int64_t now_ms, int64_t grace_ms, int limit, size_t *n, struct err *e);

/* Cancels: waiting ones end at once, the others are told (the caller's work). ERR_CONFLICT when it has ended. */
int action_cancel(struct db *db, const char *id, const char *by, int64_t now_ms, struct err *e);
/* The agents of a cancelled action that may still be working on it, or may have got it while it was cancelled. */
int action_unended(struct db *db, const char *id, struct arena *a, const char ***agents, size_t *n,
	struct err *e);

/* How many of an action's targets inside a scope are in which state. */
struct action_counts {
	int64_t targets, waiting, notified, fetched, running, done, failed, timed_out, refused,
		expired, cancelled;
};
int action_counts(struct db *db, const char *id, const struct scope *scope, struct arena *a,
	struct action_counts *out, struct err *e);
bool result_state(const char *word); /* whether it is one of the ten */

int action_list(struct db *db, const char *before, const char *state, int limit,
	const struct scope *scope, struct arena *a, struct action **out, size_t *n, struct err *e);
int result_list(struct db *db, const char *action, const char *state, const char *after_agent,
	int limit, const struct scope *scope, struct arena *a, struct result **out, size_t *n,
	struct err *e);
/* who: an agent's or a machine's id. 1 found. */
int result_get(struct db *db, const char *action, const char *who, const struct scope *scope,
	struct arena *a, struct result *out, struct err *e);
int result_list_of_machine(struct db *db, const char *machine, int limit, struct arena *a,
	struct result **out, size_t *n, struct err *e);

#define ATTACHMENT_MAX (1LL << 30) /* of a whole output */
/* Keeps a chunk of an output of a target of an action that keeps whole outputs; what is no such chunk, lies outside its total
 * or is there already changes nothing, so that no agent can fill the disk with what was not asked for. */
int attachment_add(struct db *db, const struct attachment *x, struct err *e);
/* The chunk at offset; 1 found. */
int attachment_get(struct db *db, const char *action, const char *agent, const char *name,
	int64_t offset, struct arena *a, struct attachment *out, struct err *e);

#endif
