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

/* The oldest after that id, in the arena. 1; 0 when there is none. */
int inbox_next(struct db *db, int64_t after, struct arena *a, struct noted *out, struct err *e);

/* All up to that id are read. */
int inbox_drop(struct db *db, int64_t upto, struct err *e);

#endif
