/* SPDX-License-Identifier: Apache-2.0 */
/* Numbered migrations: a database knows its number; newer ones are refused. */
#ifndef HIM_STORE_MIGRATE_H
#define HIM_STORE_MIGRATE_H

#include "store/db.h"

struct migration {
	int number; /* 1, 2, 3 …; the table ends with 0 */
	const char *name, *sql;
};

/* Brings the database to the last number of the table, each step in a transaction of its own. */
int migrate(struct db *db, const struct migration *table, struct err *e);

/* The server's own. */
extern const struct migration server_migrations[];

#endif
