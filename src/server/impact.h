/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stops when these machines stop: all that runs on them, at any depth, as it is known now. What is not known is said in
 * sentences, never left out.
 */
#ifndef HIM_SERVER_IMPACT_H
#define HIM_SERVER_IMPACT_H

#include "base/json.h"
#include "store/row.h"
#include "store/store_tree.h"

#define IMPACT_MAX 20000 /* machines */

struct impact_guest {
	struct tree_machine m;
	const char *host, *host_name; /* what it runs on */
	int depth;                    /* 1: on one of the machines asked about */
};

struct impact {
	struct impact_guest *
		guests; /* that run and would stop, inside the scope; hosts before what runs on them */
	size_t n;
	int64_t hidden; /* more of them, outside the scope */
	int64_t off;    /* guests that do not run, so that nothing stops */
	const char **unknown;
	size_t unknown_n;
};

/* machines: ids, none twice. ERR_TOO_LARGE over IMPACT_MAX. */
int impact_find(struct db *db, const char *const *machines, size_t n, const struct scope *scope,
	struct arena *a, struct impact *out, struct err *e);
/* {"stops","guests","hidden","off","sites","unknown"}; at most `max` guests are named, "more" says how many are not. */
/* Refuses (ERR_CONFLICT) what would stop machines that nobody knows of: unless `confirm` is how many stop, now. Where something is
 * not known it must be given, be it 0. MODEL_ABSENT: it was not. */
int impact_confirmed(const struct impact *x, int64_t confirm, struct err *e);
struct json *impact_json(const struct impact *x, size_t max);
bool scope_has(const struct scope *s, const char *site);

#endif
