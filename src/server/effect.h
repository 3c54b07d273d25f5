/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a job in the writer thread wants done in the loop once it is committed: a list in the job's arena. The writer
 * decides, the loop acts, so that nothing goes out that is not on the disk.
 */
#ifndef HIM_SERVER_EFFECT_H
#define HIM_SERVER_EFFECT_H

#include "base/arena.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server;

enum effect_kind {
	EFFECT_COMMITTED, /* agent, stream, seq, mac */
	EFFECT_RESEND,    /* agent, stream, seq, mac */
	EFFECT_FULL,      /* agent, mac */
	EFFECT_CERT,      /* agent (under its old id), data: chain */
	EFFECT_FORK,      /* agent, stream */
	EFFECT_MOVED,     /* agent hangs on another relay: give what is open */
	EFFECT_RELAY, /* agent: a relay; relay: its parent; stream: its state; seq: since when, 0: as before */
	EFFECT_LIVE,   /* agent, stream: action; data: JSON body of the live envelope */
	EFFECT_RELAYS, /* the list of relays changed: sign it anew */
	EFFECT_EVENTS  /* events were added */
};

struct effect {
	enum effect_kind kind;
	const char *agent, *relay, *stream;
	int64_t seq;
	const char *mac; /* of the answers that are for the agent's eyes: ingest_reply() */
	const char *data;
	size_t len;
	struct effect *next;
};

struct effects {
	struct arena *arena;
	struct effect *first, **last;
	bool events;
};

void effects_init(struct effects *list, struct arena *arena);
/* Texts are copied. Returns it, for data and len to be set (data copied by the caller). */
struct effect *effect_add(struct effects *list, enum effect_kind kind, const char *agent,
	const char *relay, const char *stream, int64_t seq);
/* In the loop: does them all. `child`: the direct child it came through, for agents of which no relay is known. */
void effects_run(struct server *s, struct effects *list, const char *child);

#endif
