/* SPDX-License-Identifier: Apache-2.0 */
/* Machines and links as a tree needs them: of each as little as a line shows, so that ten thousand are quick. */
#ifndef HIM_STORE_TREE_H
#define HIM_STORE_TREE_H

#include "store/store_action.h"
#include "store/store_link.h"

struct tree_machine {
	const char *id, *name, *agent, *site, *state, *power, *kind, *hypervisor, *container, *os;
	const char *network, *gateway_ip, *gateway_mac;
	const char *provider, *account, *region, *zone;
	int64_t seen, created, marked, revoked;
};

/* Machines m for which `where` holds, in the order of their names: at most max, else ERR_TOO_LARGE. */
int tree_machines(struct db *db, const char *where, const struct param *params, size_t n_params,
	size_t max, struct arena *a, struct tree_machine **out, size_t *n, struct err *e);
/* 1 found. */
int tree_machine(
	struct db *db, const char *id, struct arena *a, struct tree_machine *out, struct err *e);

/* Links of one machine that held at that time (0: that hold now): those up to its hosts, or down to its guests. At most max,
 * else ERR_TOO_LARGE. Evidence is not read. */
enum tree_way { TREE_UP, TREE_DOWN };
int tree_links(struct db *db, const char *machine, enum tree_way way, int64_t at_ms, size_t max,
	struct arena *a, struct link **out, size_t *n, struct err *e);
/* Every link that held at that time, the same way. */
int tree_all_links(struct db *db, int64_t at_ms, size_t max, struct arena *a, struct link **out,
	size_t *n, struct err *e);

/* What runs on a machine now, as a page shows it: of those within the scope the first `max` by name. */
struct tree_guest {
	struct tree_machine m;
	bool certain;
};
struct tree_guests {
	const struct tree_guest *list;
	size_t n;
	int64_t within, all; /* how many there are in the scope, and at all */
};
int tree_guests(struct db *db, const char *host, const struct scope *scope, size_t max,
	struct arena *a, struct tree_guests *out, struct err *e);

#endif
