/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of records: every page is fetched, and printed as a table or as one JSON object. Columns are the members of the
 * record in model.def, by name or short name, and what a list adds; model.def says which are times and numbers.
 */
#ifndef HIM_CLI_LIST_H
#define HIM_CLI_LIST_H

#include "cli/cli.h"
#include "model/model.h"

struct column {
	const char *name, *help;
	char *(*make)(struct arena *a, const struct json *row); /* its text */
};

struct list {
	const char *name; /* "machines": the member that holds the rows */
	enum model_id record;
	const char *columns;        /* shown when nothing was chosen, joined by commas */
	const struct column *extra; /* ends with a NULL name; NULL: none */
	int page;                   /* rows a page; 0: the list comes whole */
};

/* path: with its query, without limit and after. */
int list_print(
	struct cli *c, const struct args *a, const struct list *l, const char *path, struct err *e);

/* One value as people see it: a time's age on a terminal, sizes with units. key decides, as model.def has it. */
char *list_value(
	const struct cli *c, enum model_id record, const char *key, const struct json *value);

/* Every row of a list, a page at a time. each returns -1 to stop with e. */
typedef int list_each(void *ctx, const struct json *row, struct err *e);
int list_walk(struct cli *c, const struct list *l, const char *path, int64_t limit,
	const char **next, list_each *each, void *ctx, struct err *e);

#endif
