// SPDX-License-Identifier: Apache-2.0
/*
 * Numbers for what is spelt the same: what is known in the order of its numbers, and a hash table of those, never more than
 * half full. A slot is small, a number and 32 more bits of the hash, so that much of the table is at hand and a slot of
 * another is seldom looked into. Equality is of the whole: a made collision costs time, never an answer.
 */
#include "core/resolve_internal.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct number_slot {
	uint32_t hash;   /* its high half */
	uint32_t number; /* and one; 0: free */
};

/* FNV's low bits are good, its high ones less so. */
static uint64_t mix(uint64_t h)
{
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ULL;
	return h ^ h >> 32;
}

uint64_t resolve_hash(const char *s)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3ULL;
	return mix(h);
}

static uint64_t hash_of(const struct spelt *what)
{
	return what->text ? resolve_hash(what->text)
			  : mix(mix(what->high) * 0x9e3779b97f4a7c15ULL + what->low);
}

static bool same(const struct spelt *a, const struct spelt *b)
{
	if (a->kind != b->kind || !a->text != !b->text)
		return false;
	return a->text ? strcmp(a->text, b->text) == 0 : a->high == b->high && a->low == b->low;
}

static void put(struct number_table *t, uint64_t hash, uint32_t number)
{
	uint32_t at = (uint32_t)hash & t->mask;

	while (t->slots[at].number)
		at = (at + 1) & t->mask;
	t->slots[at] = (struct number_slot){(uint32_t)(hash >> 32), number + 1};
}

static void resize(struct number_table *t, uint32_t slots)
{
	free(t->slots);
	t->slots = xcalloc(slots, sizeof *t->slots);
	t->mask = slots - 1;
	t->known = xrealloc(t->known, slots / 2 * sizeof *t->known);
	for (uint32_t i = 0; i < t->n; i++)
		put(t, hash_of(&t->known[i]), i);
}

uint32_t resolve_number(struct number_table *t, const struct spelt *what)
{
	uint64_t hash = hash_of(what);

	for (uint32_t at = (uint32_t)hash & t->mask; t->slots[at].number; at = (at + 1) & t->mask) {
		const struct number_slot *slot = &t->slots[at];
		if (slot->hash == hash >> 32 && same(&t->known[slot->number - 1], what))
			return slot->number - 1;
	}
	if (t->n == t->mask / 2)
		resize(t, 2 * (t->mask + 1));
	t->known[t->n] = *what;
	put(t, hash, t->n);
	return t->n++;
}

void resolve_table_init(struct number_table *t, uint32_t expected)
{
	uint32_t slots = 64;

	assert(expected < UINT32_MAX / 8);
	while (slots / 2 <= expected)
		slots *= 2;
	*t = (struct number_table){0};
	resize(t, slots);
}

void resolve_table_release(struct number_table *t)
{
	free(t->slots);
	free(t->known);
}
