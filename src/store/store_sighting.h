/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sightings: what sources say about machines, and the component that a report touches. Whatever is read here is found by
 * an index; nothing is ever read because it exists.
 */
#ifndef HIM_STORE_SIGHTING_H
#define HIM_STORE_SIGHTING_H

#include "store/row.h"

#define COMPONENT_MAX 5000    /* sightings of one component; more are left out */
#define SIGHTING_KEYS_MAX 300 /* of one sighting */

struct seen_key {
	struct sighting_key k;
	bool crowded; /* too many share it: it was not followed */
};

/* A sighting, with what is known of who says it. */
struct seen {
	struct sighting s;
	const struct seen_key *keys;
	size_t n_keys;
	bool context; /* only the far end of a link */
	/* of its source */
	const char *source_machine, *source_name, *source_site, *source_state;
	int64_t enrolled, source_seen, revoked, marked; /* marked: of the source's machine */
};

struct sighting_name {
	const char *source, *ref;
};

/* Sightings that a source says now, in the order of their refs; without keys. */
int sighting_list(struct db *db, const char *source, struct arena *a, struct sighting **out,
	size_t *n, struct err *e);
/* Keeps one with its keys. Its machine and its beginning stay what they were, where it was known before. */
int sighting_put(struct db *db, const struct sighting *s, const struct sighting_key *keys, size_t n,
	struct err *e);
/* It is not said any more. */
int sighting_end(struct db *db, const char *source, const char *ref, int64_t now_ms, struct err *e);
/* Which machine it was found to be, and when to look again (0: no need). */
int sighting_place(struct db *db, const struct sighting *s, const char *machine, int64_t again_ms,
	struct err *e);
/* Nothing is left of what this source said. */
int sighting_forget(struct db *db, const char *source, struct err *e);
/* Those that should be looked at again: at most limit. */
int sighting_due(struct db *db, int64_t now_ms, int limit, struct arena *a,
	struct sighting_name **out, size_t *n, struct err *e);
/* Those that a person's word with this anchor means. */
int sighting_anchored(struct db *db, const char *anchor, struct arena *a,
	struct sighting_name **out, size_t *n, struct err *e);
/* The machine that an agent speaks for; "" when it has none. */
int sighting_machine_of(struct db *db, const char *source, char machine[64], struct err *e);

struct component {
	struct seen *seen; /* by source and ref */
	size_t n;
	struct decision *words; /* that hold, and name one of them */
	size_t n_words;
};

/* All that hangs together with the seeds: by keys that no more than `sharers` share, by the machine they were found to be, by
 * what people said; and, as context, who says it. */
int component_load(struct db *db, const struct sighting_name *seeds, size_t n_seeds, int sharers,
	struct arena *a, struct component *out, struct err *e);

/* Those that were found to be this machine, ended ones too: at most COMPONENT_MAX, newest first. Without keys. */
int sighting_of_machine(struct db *db, const char *machine, struct arena *a, struct seen **out,
	size_t *n, struct err *e);

/* What ended before that is forgotten, with the machines of which nothing is left. *n: sightings, `limit` at most. */
int sighting_prune(struct db *db, int64_t before_ms, int limit, int64_t *n, struct err *e);

#endif
