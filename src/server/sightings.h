/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent's document says about machines: itself, and the guests that it lists. Pure. */
#ifndef HIM_SERVER_SIGHTINGS_H
#define HIM_SERVER_SIGHTINGS_H

#include "base/json.h"
#include "store/store_sighting.h"

#define SIGHTINGS_MAX 2000     /* guests of one document that are looked at */
#define SIGHTING_TEXT_MAX 1024 /* bytes of any text of one; what is longer is not taken */

/* One sighting as it is said now. since, changed and first are the caller's. */
struct told {
	struct sighting s; /* digest: of all that is said */
	struct sighting_key *keys;
	size_t n;
};

struct document_parts {
	const struct json *attributes, *nic, *guests; /* sections; NULL: absent */
};

/* Itself first, then its guests in the order of the document; strings live in the arena. */
void sightings_make(const char *source, const struct document_parts *d, struct arena *a,
	struct told **out, size_t *n);

/* Whether a report's patch touches anything that sightings are made of. */
bool sightings_touched(const struct json *doc, bool full);

/* The sighting as the resolver takes it. A source is live unless it is known to be offline or was cut off. */
struct resolve_sighting;
void sightings_resolve(
	const struct seen *x, int64_t now_ms, struct arena *a, struct resolve_sighting *out);

#endif
