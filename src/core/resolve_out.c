// SPDX-License-Identifier: Apache-2.0
/*
 * The answer's arrays. Groups get their machine ids here: an id stays with the agent that bore it (live before silent,
 * then the first to enrol), else with the listing that bore it longest. A group that so gets several keeps one: an
 * agent's before a listing's, so that no listing ever renames a machine that has an agent; then the oldest.
 */
#include "core/resolve_internal.h"
#include <stdlib.h>
#include <string.h>

/* A sighting's right to the machine id it bore. */
struct right {
	uint32_t hint, group;
	int class; /* context, live agent, silent agent, listing */
	int64_t since;
};

static int by_right(const void *a, const void *b)
{
	const struct right *x = a, *y = b;
	if (x->hint != y->hint)
		return x->hint < y->hint ? -1 : 1;
	if (x->class != y->class)
		return x->class - y->class;
	if (x->since != y->since)
		return x->since < y->since ? -1 : 1;
	return (x->group > y->group) - (x->group < y->group);
}

/* ---- groups and members ---- */

static int by_member(const void *a, const void *b, void *ctx)
{
	const struct resolver *r = ctx;
	const struct known *x = &r->known[*(const size_t *)a], *y = &r->known[*(const size_t *)b];

	if (x->self != y->self)
		return x->self ? -1 : 1;
	if (x->self && x->live != y->live)
		return x->live ? -1 : 1;
	if (x->s->seen_ms != y->s->seen_ms)
		return x->s->seen_ms > y->s->seen_ms ? -1 : 1;
	return (x > y) - (x < y);
}

/* Numbers the groups by their first rank. Who is ambiguous itself, and by a person's word with one that is not, is placed. */
static void number_groups(struct resolver *r, struct resolve_output *out, size_t *group_of)
{
	for (uint32_t i = 0; i < r->n; i++) {
		uint32_t root = resolve_root(r, i);
		group_of[i] = RESOLVE_NONE;
		if (r->known[i].placed && group_of[root] == RESOLVE_NONE)
			group_of[root] = out->groups_n++;
	}
	for (uint32_t i = 0; i < r->n; i++) {
		group_of[i] = group_of[resolve_root(r, i)];
		if (group_of[i] != RESOLVE_NONE && !r->known[i].placed)
			resolve_place_as(r, i, RESOLVE_SAID);
	}
}

static void fill_members(struct resolver *r, struct resolve_output *out, const size_t *group_of)
{
	size_t at = 0;

	for (uint32_t i = 0; i < r->n; i++)
		if (group_of[i] != RESOLVE_NONE)
			out->groups[group_of[i]].n++;
	for (size_t g = 0; g < out->groups_n; g++) {
		out->groups[g].first = at;
		at += out->groups[g].n;
		out->groups[g].n = 0;
	}
	for (uint32_t i = 0; i < r->n; i++)
		if (group_of[i] != RESOLVE_NONE) {
			struct resolve_group *g = &out->groups[group_of[i]];
			out->members[g->first + g->n++] = i;
		}
}

/* Members are ranks until here. */
static void finish_group(struct resolver *r, struct resolve_output *out, struct resolve_group *g,
	const size_t *group_of)
{
	size_t *m = out->members + g->first;

	if (g->n > 1)
		qsort_r(m, g->n, sizeof *m, by_member, r);
	g->self = r->known[m[0]].self ? r->known[m[0]].input : RESOLVE_NONE;
	g->context = true;
	for (size_t i = 0; i < g->n; i++) {
		const struct known *k = &r->known[m[i]];
		g->context &= k->context;
		g->listed |= k->believed && !k->self && k->level &&
			(k->parent == NOBODY || group_of[k->parent] != group_of[m[i]]);
		m[i] = k->input;
	}
}

/* ---- machine ids ---- */

static bool better_id(const struct resolver *r, const struct right *x, const struct right *y)
{
	int a = x->class == 2 ? 1 : x->class,
	    b = y->class == 2 ? 1 : y->class; /* silent or not: an agent's */

	if (a != b)
		return a < b;
	if (x->since != y->since)
		return x->since < y->since;
	return strcmp(r->hints[x->hint], r->hints[y->hint]) < 0;
}

static void give_ids(
	struct resolver *r, struct arena *a, struct resolve_output *out, const size_t *group_of)
{
	struct right *rights = arena_alloc(r->scratch, r->n * sizeof *rights);
	const struct right **owner = arena_alloc(r->scratch, r->hints_n * sizeof *owner);
	const struct right **kept = arena_alloc(r->scratch, out->groups_n * sizeof *kept);
	size_t n = 0;

	for (uint32_t i = 0; i < r->n; i++) {
		const struct known *k = &r->known[i];
		if (k->hint != NOBODY && group_of[i] != RESOLVE_NONE)
			rights[n++] = (struct right){k->hint, (uint32_t)group_of[i],
				k->context         ? 0
					: !k->self ? 3
					: k->live  ? 1
						   : 2,
				k->s->since_ms};
	}
	qsort(rights, n, sizeof *rights, by_right);
	for (size_t i = 0; i < n; i++) {
		const struct right *x = &rights[i];
		if (owner[x->hint])
			continue;
		owner[x->hint] = x;
		if (!kept[x->group] || better_id(r, x, kept[x->group]))
			kept[x->group] = x;
	}
	for (size_t g = 0; g < out->groups_n; g++)
		out->groups[g].machine = kept[g] ? r->hints[kept[g]->hint] : NULL;
	out->absorbed = arena_alloc(a, r->hints_n * sizeof *out->absorbed);
	for (uint32_t h = 0; h < r->hints_n; h++)
		if (!owner[h] || kept[owner[h]->group] != owner[h])
			out->absorbed[out->absorbed_n++] = (struct resolve_absorbed){
				r->hints[h], owner[h] ? owner[h]->group : RESOLVE_NONE};
}

void resolve_groups(
	struct resolver *r, struct arena *a, struct resolve_output *out, size_t *group_of)
{
	number_groups(r, out, group_of);
	out->groups = arena_alloc(a, out->groups_n * sizeof *out->groups);
	out->members = arena_alloc(a, r->n * sizeof *out->members);
	fill_members(r, out, group_of);
	for (size_t g = 0; g < out->groups_n; g++)
		finish_group(r, out, &out->groups[g], group_of);
	give_ids(r, a, out, group_of);
	out->places = arena_alloc(a, r->n * sizeof *out->places);
	for (uint32_t i = 0; i < r->n; i++)
		out->places[r->known[i].input] =
			(struct resolve_place){group_of[i], r->known[i].reason};
}

/* ---- evidence ---- */

static size_t or_none(uint32_t x)
{
	return x == NOBODY ? RESOLVE_NONE : x;
}

void resolve_evidence(struct resolver *r, struct arena *a, struct resolve_output *out)
{
	const struct evidence_list *l = &r->evidence;
	size_t *at = arena_alloc(r->scratch, ((size_t)r->n + 1) * sizeof *at);

	out->evidence_n = l->n;
	out->evidence = arena_alloc(a, l->n * sizeof *out->evidence);
	for (size_t i = 0; i < l->n; i++)
		at[l->rows[i].a + 1]++;
	for (uint32_t i = 0; i < r->n; i++)
		at[i + 1] += at[i];
	for (size_t i = 0; i < l->n; i++) {
		const struct told *row = &l->rows[i];
		out->evidence[at[row->a]++] = (struct resolve_evidence){row->a, or_none(row->b),
			or_none(row->key), row->score, row->verdict, row->reason};
	}
}
