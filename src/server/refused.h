/* SPDX-License-Identifier: Apache-2.0 */
/* Which refusals are worth a line and an event: one an hour for each that brings and each in whose name. */
#ifndef HIM_SERVER_REFUSED_H
#define HIM_SERVER_REFUSED_H

#include <stdbool.h>
#include <stdint.h>

struct refused;

struct refused *refused_new(void);
void refused_free(struct refused *r); /* accepts NULL */

/* Whether nothing was said of these two within the hour; it counts as said from now on. Both are ids. */
bool refused_is_news(struct refused *r, const char *brought_by, const char *agent, int64_t now_ms);

#endif
