/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies with Content-Encoding: zstd, both ways, under a cap. */
#ifndef HIM_BASE_ZBODY_H
#define HIM_BASE_ZBODY_H

#include "base/buf.h"
#include "base/err.h"

#define ZBODY_MIN 1024 /* smaller ones are not worth it */

/* Appends what data unpacks to. Over out's ceiling: ERR_TOO_LARGE; not zstd, cut off, or followed by
 * something: ERR_INVALID. */
int zbody_decode(const void *data, size_t len, struct buf *out, struct err *e);
/* Appends data packed. -1 only when out's ceiling is hit. */
int zbody_encode(const void *data, size_t len, struct buf *out);
/* Gives back what this thread keeps for the next body (170 KiB after a packed one): for who has one a minute. */
void zbody_trim(void);

#endif
