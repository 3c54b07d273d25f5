// SPDX-License-Identifier: Apache-2.0
/*
 * Points: how well two sightings match. Every shared key that nobody else claims adds the points of its kind, and what
 * contradicts takes some away. Kinds differ a factor two or more, so that one good key beats one bad one, and two MACs
 * beat one; the numbers stand in resolve_key.c and resolve_internal.h.
 */
#include "core/resolve_internal.h"
#include <stdlib.h>
#include <string.h>

#define VETO (-1000000)

int64_t resolve_overlap(const struct resolve_sighting *a, const struct resolve_sighting *b)
{
	int64_t end = a->seen_ms < b->seen_ms ? a->seen_ms : b->seen_ms;
	int64_t begin = a->since_ms > b->since_ms ? a->since_ms : b->since_ms;
	int64_t both;

	return __builtin_sub_overflow(end, begin, &both) ? (end < begin ? INT64_MIN : INT64_MAX)
							 : both;
}

static const struct known_key *key_at(const struct resolver *r, uint32_t x, uint32_t i)
{
	return &r->keys[r->known[x].key_first + i];
}

static bool usable(const struct resolver *r, const struct known_key *k)
{
	return k->run != NOBODY && !r->runs[k->run].crowded;
}

/* A MAC is unique within one network only. */
static bool networks_differ(const struct known_key *a, const struct known_key *b)
{
	return a->kind == RESOLVE_MAC && a->scope && b->scope && a->scope != b->scope;
}

static int points_of(const struct known_key *a, const struct known_key *b)
{
	if (a->kind == RESOLVE_MAC && (!a->scope || !b->scope))
		return POINTS_MAC_UNSCOPED;
	return resolve_key_points(a->kind);
}

/* Both tell keys of this kind (cloud: of one provider) and none is the same. */
static bool differ_in(const struct resolver *r, uint32_t x, uint32_t y, enum resolve_key_kind kind)
{
	bool both = false;

	for (uint32_t i = 0; i < r->known[x].keys_n; i++) {
		const struct known_key *a = key_at(r, x, i);
		for (uint32_t j = 0; a->run != NOBODY && a->kind == kind && j < r->known[y].keys_n;
			j++) {
			const struct known_key *b = key_at(r, y, j);
			if (b->run == NOBODY || b->kind != kind)
				continue;
			if (b->run == a->run)
				return false;
			if (kind != RESOLVE_CLOUD || a->scope == b->scope)
				both = true;
		}
	}
	return both;
}

/* What speaks against x being y. Old hardware under a new agent must not differ at all; two that are live may, when a
 * guest got a new UUID and its agent has not seen it yet, but it weighs. */
static int against(const struct resolver *r, uint32_t x, uint32_t y)
{
	const struct known *a = &r->known[x], *b = &r->known[y];
	bool selfs = a->self && b->self, now = a->live && b->live;
	bool contained = a->kind == RESOLVE_CONTAINED || b->kind == RESOLVE_CONTAINED;

	if (!selfs && (contained || !now))
		return 0;
	if (differ_in(r, x, y, RESOLVE_UUID) || differ_in(r, x, y, RESOLVE_CLOUD))
		return selfs ? VETO : POINTS_CONTRADICTED;
	return selfs && differ_in(r, x, y, RESOLVE_MAC) ? POINTS_CONTRADICTED : 0;
}

/* ---- gathering ---- */

static struct candidate *candidate_of(struct resolver *r, uint32_t rank)
{
	if (r->slot[rank])
		return &r->candidates[r->slot[rank] - 1];
	if (r->candidates_n == r->candidates_cap) {
		r->candidates_cap = r->candidates_cap ? 2 * r->candidates_cap : 64;
		r->candidates = xrealloc(r->candidates, r->candidates_cap * sizeof *r->candidates);
	}
	r->candidates[r->candidates_n] = (struct candidate){.rank = rank};
	r->slot[rank] = ++r->candidates_n;
	return &r->candidates[r->candidates_n - 1];
}

static void gather_key(
	struct resolver *r, uint32_t x, const struct known_key *k, resolve_wanted *wanted)
{
	const struct run *run = &r->runs[k->run];

	for (uint32_t i = 0; i < run->n; i++) {
		const struct known_key *other = &r->keys[r->by_run[run->first + i]];
		struct candidate *c;
		int points;
		if (other->owner == x || other->run != k->run || !wanted(r, x, other->owner))
			continue;
		c = candidate_of(r, other->owner);
		if (networks_differ(k, other)) /* only to be told */
			continue;
		c->shares = true;
		points = points_of(k, other);
		c->claimed += points;
		c->score += k->clash || other->clash ? 0 : points;
	}
}

static int by_root(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	if (x->root != y->root)
		return x->root < y->root ? -1 : 1;
	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	if (x->claimed != y->claimed)
		return x->claimed > y->claimed ? -1 : 1;
	return (x->rank > y->rank) - (x->rank < y->rank);
}

/* One candidate a group: its best. */
static void merge_roots(struct resolver *r)
{
	uint32_t kept = 0;

	qsort(r->candidates, r->candidates_n, sizeof *r->candidates, by_root);
	for (uint32_t i = 0; i < r->candidates_n; i++) {
		struct candidate *c = &r->candidates[i];
		if (kept && r->candidates[kept - 1].root == c->root)
			r->candidates[kept - 1].held |= c->held;
		else
			r->candidates[kept++] = *c;
	}
	r->candidates_n = kept;
}

void resolve_gather(struct resolver *r, uint32_t x, resolve_wanted *wanted)
{
	r->candidates_n = 0;
	for (uint32_t i = 0; i < r->known[x].keys_n; i++)
		if (usable(r, key_at(r, x, i)))
			gather_key(r, x, key_at(r, x, i), wanted);
	for (uint32_t i = 0; i < r->candidates_n; i++) {
		struct candidate *c = &r->candidates[i];
		int less = against(r, x, c->rank);
		r->slot[c->rank] = 0;
		c->root = resolve_root(r, c->rank);
		c->score += less;
		c->claimed += less;
		c->held = c->shares && r->known[x].hint != NOBODY &&
			r->known[x].hint == r->known[c->rank].hint;
	}
	if (r->candidates_n > 1)
		merge_roots(r);
}

/* ---- telling ---- */

void resolve_tell_pair(
	struct resolver *r, uint32_t x, uint32_t y, enum resolve_verdict v, enum resolve_reason why)
{
	int less = against(r, x, y);

	for (uint32_t i = 0; i < r->known[x].keys_n; i++) {
		const struct known_key *a = key_at(r, x, i);
		for (uint32_t j = 0; usable(r, a) && j < r->known[y].keys_n; j++) {
			const struct known_key *b = key_at(r, y, j);
			struct resolve_evidence row = {x, y, i, 0, v, why};
			if (b->run != a->run)
				continue;
			if (networks_differ(a, b)) {
				row.verdict = RESOLVE_LOST;
				row.reason = RESOLVE_NETWORK;
			} else if (a->clash || b->clash) {
				row.verdict = RESOLVE_DISQUALIFIED;
				row.reason = RESOLVE_TWO_LIVE;
			} else {
				row.score = points_of(a, b);
			}
			resolve_tell(r, &row);
		}
	}
	if (less)
		resolve_tell(r,
			&(struct resolve_evidence){x, y, RESOLVE_NONE,
				less == VETO ? POINTS_CONTRADICTED : less, RESOLVE_AGAINST,
				RESOLVE_CONTRADICTED});
}
