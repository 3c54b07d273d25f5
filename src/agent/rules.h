/* SPDX-License-Identifier: Apache-2.0 */
/* The rules for providers (probe/providers.h) that the server hands down: kept as the signed record they came in. */
#ifndef HIM_AGENT_RULES_H
#define HIM_AGENT_RULES_H

#include "wire/sign.h"

struct agent;

/* What was kept goes to the probes, when the server signed it. */
void rules_open(struct agent *a);
/* Takes a newer list, whose signature was checked: keeps it and lets the probes look again. */
void rules_take(struct agent *a, const struct frame *f, const struct signed_record *r);

/* The text that the agent of this data folder keeps, for the caller to free; NULL where there is none. Whose it is is not
 * checked: the folder is root's. */
char *rules_kept(const char *home);

#endif
