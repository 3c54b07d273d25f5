/* SPDX-License-Identifier: Apache-2.0 */
/* What comes up: envelopes into the database, and what follows from them back into the loop. */
#ifndef HIM_SERVER_INGEST_H
#define HIM_SERVER_INGEST_H

#include "server/server.h"

/* Envelopes that a direct child brought (whole `up` frames, form checked): hub_taken(ticket) follows the commit. */
void ingest_take(
	struct server *s, const char *child, const char *frames, size_t len, uint64_t ticket);

/* Reads the reports that were noted down in a rush, behind everything else; nothing when there are none. In the loop. */
void ingest_read(struct server *s);
/* From time to time: the same, if it failed or never ran since the start. */
void ingest_read_again(struct server *s);

/* The private state of the writer thread: keys it has derived. */
struct ingest *ingest_new(void);
void ingest_free(struct ingest *i);

#endif
