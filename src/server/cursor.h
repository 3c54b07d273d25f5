/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a page of a sorted list ended: the `next` of one page is the `after` of the following one. Opaque to callers; it
 * carries the id and the sort value of the last row and the sort it belongs to, and all of it is checked when it comes back.
 */
#ifndef HIM_SERVER_CURSOR_H
#define HIM_SERVER_CURSOR_H

#include "base/arena.h"
#include "base/err.h"
#include <stdbool.h>

#define CURSOR_VALUE_MAX 2000 /* a longer sort value is cut: the order of what begins alike is the ids' then */

const char *cursor_make(const char *sort, bool descending, const char *id, const char *value, struct arena *a);
/* -1: it was not made by cursor_make for this sort. number: the value must be one. */
int cursor_take(const char *cursor, const char *sort, bool descending, bool number, struct arena *a, const char **id,
	const char **value, struct err *e);

#endif
