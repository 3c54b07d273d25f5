/* SPDX-License-Identifier: Apache-2.0 */
/* Limits on tries: per key (an address, a user name), failures make it wait, longer each time. A bounded table. In the loop. */
#ifndef HIM_SERVER_RATE_H
#define HIM_SERVER_RATE_H

#include "base/err.h"
#include <stdint.h>

#define RATE_KEY 96

struct rate;

/* free_tries failures cost nothing; the next ones 1, 2, 4 … seconds, at most wait_max_ms each. */
struct rate *rate_new(int free_tries, int64_t wait_max_ms);
void rate_free(struct rate *r); /* accepts NULL */

/* ERR_RATE, with the seconds to wait, while the key must wait. A key is cut to RATE_KEY - 1 characters. */
int rate_check(struct rate *r, const char *key, int64_t mono_ms, struct err *e);
/* A failed try; after an hour without one they are forgotten. */
void rate_failed(struct rate *r, const char *key, int64_t mono_ms);
/* One of them was none: whoever counts a try when it begins gives it back when it went well. */
void rate_give_back(struct rate *r, const char *key);
/* All of them are forgotten. */
void rate_succeeded(struct rate *r, const char *key);

/* The key of an address: IPv6 counts by its /64, which one household or server has whole. Returns out. */
char *rate_address(const char *address, char out[RATE_KEY]);

#endif
