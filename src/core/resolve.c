// SPDX-License-Identifier: Apache-2.0
/*
 * The resolver, from above. The paper's idea: inside one gateway a MAC is unique, so the MAC that a host lists for a
 * guest and the MAC that the guest reports tie the two together. Where that is known to fail, other keys are weighed
 * with it; docs/topology.md has the table of failures, tests/data/topology/ a file for each.
 *
 *   resolve_index.c   arrays: sightings in order, keys that are spelt the same, machine ids
 *   resolve_table.c   numbers for what is spelt the same
 *   resolve_key.c     spelling of keys, and values that are never believed
 *   resolve_join.c    groups, people's words, keys that two live agents claim
 *   resolve_match.c   who is whom
 *   resolve_score.c   by how many points
 *   resolve_out.c     groups with the machine ids they keep, and the evidence
 *   resolve_link.c    what runs on what
 *
 * Inside, everything goes by rank, an order that (source, key) alone decides: an answer depends on what was said, never on
 * the order in which it was given.
 */
#include "core/resolve_internal.h"
#include <stdlib.h>
#include <string.h>

void resolve(const struct resolve_input *in, struct arena *a, struct resolve_output *out)
{
	struct resolver r = {.in = in, .scratch = arena_new()};
	size_t *group_of;

	memset(out, 0, sizeof *out);
	resolve_index(&r);
	resolve_match(&r);
	group_of = arena_alloc(r.scratch, r.n * sizeof *group_of);
	resolve_groups(&r, a, out, group_of);
	resolve_links(&r, a, out, group_of);
	resolve_evidence(&r, a, out);
	out->again_ms = r.again_ms;
	free(r.candidates);
	free(r.maybes);
	free(r.evidence.rows);
	arena_free(r.scratch);
}
