/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The word `guests`: whom this host has, or what a recorded listing says. And the agent's own use of
 * it: a child with that word looks, so that programs that hang, what they print and what a hostile
 * guest writes stay out of the resident one.
 */
#ifndef HIM_AGENT_GUESTS_H
#define HIM_AGENT_GUESTS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include <stdbool.h>

struct agent;

/* Appends the guests to out, as JSON or as a table for people. With a kind those of the listing in
 * file ("-" is standard input), without one those of this host. */
int guests_word(const char *kind, const char *file, bool as_json, struct buf *out, struct err *e);

/* The same of this host as records for a report, {"guests":{…},"errors":{…},"slow":[…]} and a line
 * end. without: platforms that are not asked, or NULL. */
int guests_records_word(const char *without, struct buf *out, struct err *e);

/* Watches, and gives a->probe the guests at every change; report.c hears of it by report_soon. before
 * is the document told last, or NULL: what it says of guests holds until the first look. */
void hosted_open(struct agent *a, const struct json *before);
void hosted_close(struct agent *a);

/* The guests are known, or it was tried. */
bool hosted_known(const struct agent *a);

#endif
