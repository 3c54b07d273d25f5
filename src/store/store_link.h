/* SPDX-License-Identifier: Apache-2.0 */
/* What runs on what: links as intervals, moves, what people decided, and machines that only a host's list knows. */
#ifndef HIM_STORE_LINK_H
#define HIM_STORE_LINK_H

#include "store/row.h"

/* ---- links ---- */

/* Open links of a guest (its hosts), or of a host (its guests): `limit` of them at most. */
int link_hosts(struct db *db, const char *guest, struct arena *a, struct link **out, size_t *n,
	struct err *e);
int link_guests(struct db *db, const char *host, int limit, struct arena *a, struct link **out,
	size_t *n, struct err *e);
/* All links of a guest that held at some time, newest first: `limit` at most. */
int link_history(struct db *db, const char *guest, int limit, struct arena *a, struct link **out,
	size_t *n, struct err *e);

int link_begin(struct db *db, const struct link *x, struct err *e);
/* Certainty, evidence, source and ref of one that goes on. */
int link_change(struct db *db, const struct link *x, struct err *e);
int link_end(struct db *db, int64_t id, int64_t now_ms, struct err *e);
/* Where a guest came from that runs on `host` now: the host of its last certain link that ended, unless that is the same or the
 * move there is known already. "": nowhere else. */
int link_came_from(
	struct db *db, const char *guest, const char *host, char from[64], struct err *e);

int move_put(struct db *db, const struct move *x, struct err *e);
/* Newest first, ids below `before` (0: from the newest), not older than since_ms, of machines m for which `where` holds. */
struct move_page {
	const char *where;
	const struct param *params;
	size_t n_params;
	int64_t before, since_ms;
	int limit;
};
int move_list(struct db *db, const struct move_page *p, struct arena *a, struct move **out,
	size_t *n, struct err *e);

/* ---- machines ---- */

/* A machine that only lists know: no agent, no state. */
int machine_listed(struct db *db, const char *id, const char *name, const char *site,
	int64_t now_ms, struct err *e);
/* What its host says of a machine that has no agent: kind, size, MACs; its name while nobody gave it another (was: the name
 * its host gave it before). */
struct machine_told {
	const char *id, *name, *was, *kind;
	int64_t vcpus, memory_bytes; /* MODEL_ABSENT */
	const char *const *macs;
	size_t n_macs;
};
int machine_tell(struct db *db, const struct machine_told *x, struct err *e);
/* The agent that speaks for a machine, "" for none; 0 when there is no such machine. */
int machine_agent(struct db *db, const char *id, char agent[64], struct err *e);
/* Gives the machine to an agent: makes it (site, name) where there is none. The agent must send a full report after. */
int machine_give(struct db *db, const char *id, const char *agent, const char *name,
	const char *site, int64_t now_ms, struct err *e);
/* What runs on what, as columns of the machine: power, host and the host's site; NULL where not known. 1 when something
 * changed. */
int machine_placed(struct db *db, const char *id, const char *power, const char *host,
	const char *host_site, struct err *e);
/* Counts its guests anew. */
int machine_recount(struct db *db, const char *host, struct err *e);
/* Since when its list is believed, and who said so; 0: not any more. */
#define MARKED_BY_SITE "site"
int machine_mark(struct db *db, const char *id, int64_t marked_ms, const char *by, struct err *e);
/* 1: somebody marked it; *by_site: its site did, by itself. */
int machine_marked(struct db *db, const char *id, bool *by_site, struct err *e);
/* All that is known of `gone` is known of `keep` from now on, and `gone` is no machine any more. take_agent: `keep` gets the
 * agent, and what that says of itself. */
int machine_absorb(
	struct db *db, const char *keep, const char *gone, bool take_agent, struct err *e);

/* ---- decisions ---- */

int decision_put(struct db *db, const struct decision *x, struct err *e);
/* Those that hold and name one of these words: by either side. */
int decision_of(struct db *db, const char *word, struct arena *a, struct decision **out, size_t *n,
	struct err *e);
int decision_of_machine(struct db *db, const char *machine, struct arena *a, struct decision **out,
	size_t *n, struct err *e);
int decision_get(struct db *db, const char *id, struct arena *a, struct decision *out,
	struct err *e); /* 1 found */
int decision_undo(struct db *db, const char *id, const char *by, int64_t now_ms, struct err *e);

#endif
