/* SPDX-License-Identifier: Apache-2.0 */
/* Reports that are committed and not yet read: a log that is written at its end and read from its beginning. */
#ifndef HIM_STORE_INBOX_H
#define HIM_STORE_INBOX_H

#include "store/row.h"

struct inbox_span { /* in bytes, one more for each body; nothing waits when both are the same */
	int64_t begin, end;
};

/* What waits now. */
int inbox_span(struct db *db, struct inbox_span *out, struct err *e);

/* Adds one at the end, which moves; its id and upto are not looked at. */
int inbox_put(struct db *db, struct inbox_span *span, const struct noted *v, struct err *e);

/* The oldest in their order, in the arena: until they are so many bytes, 1000 at most. *n is 0 when none waits. */
int inbox_oldest(struct db *db, int64_t bytes, struct arena *a, struct noted **out, size_t *n,
	struct err *e);

/* All up to that id are read. */
int inbox_drop(struct db *db, int64_t upto, struct err *e);

#endif
