// SPDX-License-Identifier: Apache-2.0
/*
 * Groups and what stands before any matching: the union-find in which a group only grows, people's words, and the keys
 * that two live agents claim at the same time. resolve_join() is the only place where two groups become one, and it
 * asserts what must never happen: two live agents in one group, or two that a person parted.
 */
#include "core/resolve_internal.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

uint32_t resolve_root(struct resolver *r, uint32_t rank)
{
	while (r->known[rank].up != rank) {
		r->known[rank].up = r->known[r->known[rank].up].up;
		rank = r->known[rank].up;
	}
	return rank;
}

/* What is NONE stays so. */
static uint32_t input_of(const struct resolver *r, size_t rank)
{
	return rank == RESOLVE_NONE ? NOBODY : r->known[rank].input;
}

void resolve_tell(struct resolver *r, const struct resolve_evidence *row)
{
	struct evidence_list *l = &r->evidence;

	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		l->rows = xrealloc(l->rows, l->cap * sizeof *l->rows);
	}
	l->rows[l->n++] = (struct told){input_of(r, row->a), input_of(r, row->b),
		(uint32_t)row->key, row->score, (uint8_t)row->verdict, (uint8_t)row->reason};
}

void resolve_note(
	struct resolver *r, uint32_t x, uint32_t y, enum resolve_verdict v, enum resolve_reason why)
{
	resolve_tell(r,
		&(struct resolve_evidence){
			x, y == NOBODY ? RESOLVE_NONE : y, RESOLVE_NONE, 0, v, why});
}

void resolve_again(struct resolver *r, int64_t since_ms, int64_t after_ms)
{
	int64_t at = since_ms > INT64_MAX - after_ms ? INT64_MAX : since_ms + after_ms;

	if (r->again_ms == 0 || at < r->again_ms)
		r->again_ms = at;
}

/* ---- joining ---- */

static bool parted(struct resolver *r, uint32_t a, uint32_t b)
{
	for (size_t i = 0; i < r->parted_n; i++) {
		uint32_t x = resolve_root(r, r->parted[2 * i]),
			 y = resolve_root(r, r->parted[2 * i + 1]);
		if ((x == a && y == b) || (x == b && y == a))
			return true;
	}
	return false;
}

/* May these two groups (roots) be one? */
bool resolve_allowed(struct resolver *r, uint32_t a, uint32_t b)
{
	const struct known *x = &r->known[a], *y = &r->known[b];

	if (x->live_self != NOBODY && y->live_self != NOBODY)
		return false;
	return !(x->worded && y->worded && parted(r, a, b));
}

void resolve_join(struct resolver *r, uint32_t x, uint32_t y)
{
	uint32_t a = resolve_root(r, x), b = resolve_root(r, y), ring;
	struct known *to, *from;

	if (a == b)
		return;
	assert(resolve_allowed(r, a, b));
	to = &r->known[a < b ? a : b];
	from = &r->known[a < b ? b : a];
	from->up = a < b ? a : b;
	ring = to->ring;
	to->ring = from->ring;
	from->ring = ring;
	if (to->live_self == NOBODY)
		to->live_self = from->live_self;
	to->alive |= from->alive;
	to->worded |= from->worded;
	to->has_self |= from->has_self;
}

void resolve_place_as(struct resolver *r, uint32_t x, enum resolve_reason why)
{
	r->known[x].placed = true;
	r->known[x].reason = (uint8_t)why;
}

/* ---- 1: words ---- */

struct said {
	int64_t when;
	uint32_t a, b;
	bool same;
};

static int by_when(const void *a, const void *b)
{
	const struct said *x = a, *y = b;
	if (x->when != y->when)
		return x->when > y->when ? -1 : 1;
	if (x->same != y->same)
		return x->same ? 1 : -1;
	if (x->a != y->a)
		return x->a < y->a ? -1 : 1;
	return (x->b > y->b) - (x->b < y->b);
}

static void follow_word(struct resolver *r, const struct said *w)
{
	uint32_t a = resolve_root(r, w->a), b = resolve_root(r, w->b);
	bool believed = r->known[w->a].believed && r->known[w->b].believed;

	if (!believed || (w->same ? a != b && !resolve_allowed(r, a, b) : a == b)) {
		resolve_note(r, w->a, w->b, RESOLVE_REFUSED, RESOLVE_NOT_SAME);
	} else if (w->same) {
		resolve_join(r, a, b);
		resolve_note(r, w->a, w->b, RESOLVE_COUNTED, RESOLVE_SAID);
	} else {
		r->parted[2 * r->parted_n] = w->a;
		r->parted[2 * r->parted_n++ + 1] = w->b;
		r->known[a].worded = r->known[b].worded = true;
		resolve_note(r, w->a, w->b, RESOLVE_AGAINST, RESOLVE_PARTED);
	}
}

void resolve_words(struct resolver *r)
{
	size_t n = r->in->words_n;
	struct said *said = arena_alloc(r->scratch, n * sizeof *said);

	if (n == 0)
		return;
	r->parted = arena_alloc(r->scratch, 2 * n * sizeof *r->parted);
	for (size_t i = 0; i < n; i++) {
		const struct resolve_word *w = &r->in->words[i];
		uint32_t a, b;
		assert(w->a < r->n && w->b < r->n);
		a = r->ranks[w->a];
		b = r->ranks[w->b];
		said[i] = (struct said){w->when_ms, a < b ? a : b, a < b ? b : a, w->same};
	}
	qsort(said, n, sizeof *said, by_when);
	for (size_t i = 0; i < n; i++)
		follow_word(r, &said[i]);
}

/* ---- 2: keys that two live agents claim ---- */

static bool one_network(const struct known_key *a, const struct known_key *b)
{
	return !a->scope || !b->scope || a->scope == b->scope;
}

static bool claims(const struct resolver *r, const struct known_key *k)
{
	return r->known[k->owner].self && r->known[k->owner].live && k->run != NOBODY;
}

static bool contained(const struct resolver *r, const struct known_key *k)
{
	return r->known[k->owner].kind == RESOLVE_CONTAINED;
}

/* A container in its host's network shows the host's MACs: they stay the host's. */
static void yield_to_host(struct resolver *r, struct known_key **k, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; contained(r, k[i]) && k[i]->why == RESOLVE_MATCHED && j < n; j++)
			if (!contained(r, k[j]) && one_network(k[i], k[j]))
				k[i]->why = RESOLVE_OUTER;
	for (size_t i = 0; i < n; i++)
		if (k[i]->why == RESOLVE_OUTER)
			k[i]->run = NOBODY;
}

void resolve_clashes(struct resolver *r)
{
	for (uint32_t i = 0; i < r->runs_n; i++) {
		struct run *run = &r->runs[i];
		struct known_key *k[RESOLVE_SHARERS_MAX];
		size_t n = 0;
		for (uint32_t j = 0; !run->crowded && j < run->n; j++)
			if (claims(r, &r->keys[r->by_run[run->first + j]]))
				k[n++] = &r->keys[r->by_run[run->first + j]];
		if (n > 1)
			yield_to_host(r, k, n);
		for (size_t a = 0; a < n; a++)
			for (size_t b = 0; k[a]->run != NOBODY && !k[a]->clash && b < n; b++)
				if (b != a && k[b]->run != NOBODY && one_network(k[a], k[b])) {
					k[a]->clash = true;
					k[a]->rival = k[b]->owner;
				}
	}
}

/* Of every key that does not count at all: why. */
void resolve_tell_keys(struct resolver *r)
{
	for (uint32_t i = 0; i < r->keys_n; i++) {
		const struct known_key *k = &r->keys[i];
		struct resolve_evidence row = {k->owner, RESOLVE_NONE,
			i - r->known[k->owner].key_first, 0, RESOLVE_DISCOUNTED, k->why};
		if (k->why == RESOLVE_TOO_MANY)
			row.verdict = RESOLVE_DISQUALIFIED;
		if (k->why == RESOLVE_MATCHED) {
			row.verdict = RESOLVE_DISQUALIFIED;
			row.reason = k->clash ? RESOLVE_TWO_LIVE : RESOLVE_CROWDED;
			row.b = k->clash ? k->rival : RESOLVE_NONE;
			if (!k->clash && (k->run == NOBODY || !r->runs[k->run].crowded))
				continue;
		}
		resolve_tell(r, &row);
	}
}
