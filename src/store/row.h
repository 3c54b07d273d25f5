/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows and structs: model.def's columns as SQL text, and the walker that fills a struct from a row.
 *
 *	"SELECT 0" MACHINE_FIELDS(ROW_COLUMN) " FROM machines WHERE id = ?1"      then row_read(…, s, 1, …)
 */
#ifndef HIM_STORE_ROW_H
#define HIM_STORE_ROW_H

#include "model/model.h"
#include "store/db.h"

#define ROW_COLUMN(member, type, name, flags, doc) ", \"" #member "\""
#define ROW_COLUMN_OF_T(member, type, name, flags, doc) ", t.\"" #member "\""

/* Fills *out (of the record's size) from the columns of the current row beginning at `first`; texts and
 * bytes are copied into the arena. */
void row_read(const struct model_record *r, struct stmt *s, int first, struct arena *a, void *out);

/* The sites a person may see; all: everywhere. */
struct scope {
	bool all;
	const char *const *sites;
	size_t n;
};

/* A list of rows that grows in an arena. */
struct rows {
	void *data;
	size_t n, room, size;
};
void *rows_add(struct rows *list, struct arena *a, size_t size); /* zeroed */

/* Text of a condition on `column` for the scope, with its sites bound from parameter *next on (which moves).
 * "1 = 1" when all; "1 = 0" for none. */
const char *scope_sql(const struct scope *s, const char *column, int *next, struct arena *a);
void scope_bind(const struct scope *s, struct stmt *st, int *next);

#endif
