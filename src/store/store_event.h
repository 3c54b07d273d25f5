/* SPDX-License-Identifier: Apache-2.0 */
/* Events: what happened, numbered in the order in which it was committed. */
#ifndef HIM_STORE_EVENT_H
#define HIM_STORE_EVENT_H

#include "store/row.h"

/* id is assigned; time 0 means now. */
int event_put(struct db *db, const struct event_row *v, struct err *e);

struct event_filter {
	int64_t after;                       /* ids above this */
	const char *kind, *machine, *action; /* NULL: any; kind may end in ".*" */
	bool newest; /* the last `limit` ones instead of the first after `after`; still in rising order */
	int limit;
};
int event_list(struct db *db, const struct event_filter *f, const struct scope *scope,
	struct arena *a, struct event_row **out, size_t *n, struct err *e);
int event_last(struct db *db, int64_t *id, struct err *e); /* 0 when there are none */
#define EVENTS_MAX 1000000
/* Removes what is older, and what is over the newest EVENTS_MAX. The newest one always stays. */
int event_prune(struct db *db, int64_t before_ms, struct err *e);

#endif
