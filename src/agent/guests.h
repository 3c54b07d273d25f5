/* SPDX-License-Identifier: Apache-2.0 */
/* The word `guests`: whom this host has, or what a recorded listing says. */
#ifndef HIM_AGENT_GUESTS_H
#define HIM_AGENT_GUESTS_H

#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>

/* Appends the guests to out, as JSON or as a table for people. With a kind those of the listing in
 * file ("-" is standard input), without one those of this host. */
int guests_word(const char *kind, const char *file, bool as_json, struct buf *out, struct err *e);

#endif
