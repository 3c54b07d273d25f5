/* SPDX-License-Identifier: Apache-2.0 */
/* Limits on tries: per key (an address, a user name), failures make it wait, longer each time. A bounded table. */
#ifndef HIM_SERVER_RATE_H
#define HIM_SERVER_RATE_H

#include "base/err.h"
#include <stdint.h>

struct rate;

struct rate *rate_new(void);
void rate_free(struct rate *r); /* accepts NULL */

/* ERR_RATE, with the seconds to wait, while the key must wait. */
int rate_check(struct rate *r, const char *key, int64_t mono_ms, struct err *e);
/* A failed try: the first few are free, then 1, 2, 4 … 300 s. A success forgets them. */
void rate_failed(struct rate *r, const char *key, int64_t mono_ms);
void rate_succeeded(struct rate *r, const char *key);

#endif
