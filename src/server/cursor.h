/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a page of a sorted list ended: the `next` of one page is the `after` of the following one. Opaque to callers; it
 * carries the sort and the id and sort value of the last row, and all of it is checked when it comes back.
 */
#ifndef HIM_SERVER_CURSOR_H
#define HIM_SERVER_CURSOR_H

#include "base/arena.h"
#include "base/err.h"
#include <stdbool.h>

#define CURSOR_MAX 8192

struct cursor {
	const char *sort; /* name of a field */
	bool descending;
	bool number; /* its values are decimal numbers; else any text */
	const char *id, *value;
};

/* Text in the arena; NULL when it would be over CURSOR_MAX. */
const char *cursor_make(const struct cursor *x, struct arena *a);
/* Fills id and value, which live in the arena. -1: cursor_make did not make it for this sort. e names `after`. */
int cursor_take(const char *text, struct cursor *x, struct arena *a, struct err *e);

#endif
