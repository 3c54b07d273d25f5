// SPDX-License-Identifier: Apache-2.0
/*
 * The resolver's indices, all of them sorted arrays: sightings by (source, key), keys by what they spell, machine ids
 * and sources by number. Texts are sorted by a 64-bit hash, bytewise in passes, and equal hashes by their text: a made
 * collision costs time, never an answer.
 */
#include "core/resolve_internal.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* One text to sort: what it is, where it came from. */
struct item {
	uint64_t hash;
	uint32_t index;
};

static uint64_t hash_text(uint64_t h, const char *s)
{
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3ULL;
	return h;
}

/* FNV's low bits are good, its high ones less so. */
static uint64_t hash_end(uint64_t h)
{
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ULL;
	return h ^ h >> 32;
}

#define HASH_START 0xcbf29ce484222325ULL

static uint64_t hash_of(const char *s)
{
	return hash_end(hash_text(HASH_START, s));
}

/* Sightings of one source stay together: they ask for each other. */
static uint64_t hash_pair(const char *a, const char *b)
{
	return (hash_of(a) & 0xffffffff00000000ULL) | hash_of(b) >> 32;
}

static int compare_hash(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	return x->hash != y->hash ? (x->hash < y->hash ? -1 : 1)
				  : (x->index > y->index) - (x->index < y->index);
}

/* Sorts by hash, stable. */
static void sort_items(struct item *items, size_t n)
{
	struct item *spare;

	if (n < 4096) {
		qsort(items, n, sizeof *items, compare_hash);
		return;
	}
	spare = xmalloc(n * sizeof *spare);
	for (unsigned shift = 0; shift < 64; shift += 8) {
		size_t at[257] = {0};
		for (size_t i = 0; i < n; i++)
			at[(items[i].hash >> shift & 0xff) + 1]++;
		for (size_t i = 1; i < 257; i++)
			at[i] += at[i - 1];
		for (size_t i = 0; i < n; i++)
			spare[at[items[i].hash >> shift & 0xff]++] = items[i];
		memcpy(items, spare, n * sizeof *items);
	}
	free(spare);
}

/* ---- sightings by (source, key) ---- */

static int compare_names(const struct resolve_sighting *a, const struct resolve_sighting *b)
{
	int c = strcmp(a->source, b->source);
	return c ? c : strcmp(a->key, b->key);
}

/* The few whose hashes are equal go by their names. */
static void sort_equal(const struct resolve_sighting *s, struct item *items, size_t n)
{
	for (size_t i = 1; i < n; i++)
		for (size_t j = i; j > 0 && items[j - 1].hash == items[j].hash; j--) {
			struct item swap = items[j];
			int c = compare_names(&s[items[j - 1].index], &s[items[j].index]);
			assert(c != 0); /* (source, key) is unique */
			if (c < 0)
				break;
			items[j] = items[j - 1];
			items[j - 1] = swap;
		}
}

static void rank_sightings(struct resolver *r)
{
	const struct resolve_sighting *s = r->in->sightings;
	struct item *items = arena_alloc(r->scratch, r->n * sizeof *items);

	for (uint32_t i = 0; i < r->n; i++)
		items[i] = (struct item){hash_pair(s[i].source, s[i].key), i};
	sort_items(items, r->n);
	sort_equal(s, items, r->n);
	r->known = arena_alloc(r->scratch, r->n * sizeof *r->known);
	r->hashes = arena_alloc(r->scratch, r->n * sizeof *r->hashes);
	for (uint32_t i = 0; i < r->n; i++) {
		struct known *k = &r->known[i];
		k->s = &s[items[i].index];
		k->input = items[i].index;
		k->up = k->ring = i;
		k->self = !*k->s->key;
		k->live_self = k->self && k->s->live ? i : NOBODY;
		k->has_self = k->self;
		k->live = k->s->live;
		k->kind = (uint8_t)k->s->kind;
		assert(k->s->keys_n < NOBODY);
		k->keys_n = (uint32_t)k->s->keys_n;
		k->alive = k->s->live;
		k->parent = k->source_self = k->hint = NOBODY;
		r->hashes[i] = items[i].hash;
	}
}

/* Hashes are spread evenly, so the place is near where the hash points; from there in doubling steps. */
static uint32_t first_at_least(const uint64_t *hashes, uint32_t n, uint64_t hash)
{
	uint32_t guess = (uint32_t)((unsigned __int128)hash * n >> 64), low = 0, high = n;

	for (uint32_t step = 1; guess >= step; step *= 2)
		if (hashes[guess - step] < hash) {
			low = guess - step + 1;
			break;
		}
	for (uint32_t step = 1; low + step < n; step *= 2)
		if (hashes[low + step] >= hash) {
			high = low + step;
			break;
		}
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (hashes[middle] < hash)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static uint32_t find_sighting(const struct resolver *r, const char *source, const char *key)
{
	uint64_t hash = hash_pair(source, key);
	uint32_t low = first_at_least(r->hashes, r->n, hash);

	for (; low < r->n && r->hashes[low] == hash; low++)
		if (strcmp(r->known[low].s->source, source) == 0 &&
			strcmp(r->known[low].s->key, key) == 0)
			return low;
	return NOBODY;
}

/* ---- numbers for texts ---- */

/* out[i]: the number of texts[i], the same for equal texts; NULL has none. names (may be NULL) by number. Returns how many. */
static uint32_t number_texts(
	struct resolver *r, const char *const *texts, uint32_t *out, const char **names)
{
	struct item *items = arena_alloc(r->scratch, r->n * sizeof *items);
	const char **own = arena_alloc(r->scratch, r->n * sizeof *own);
	uint32_t n = 0, count = 0;

	for (uint32_t i = 0; i < r->n; i++)
		if (texts[i])
			items[n++] = (struct item){hash_of(texts[i]), i};
		else
			out[i] = NOBODY;
	sort_items(items, n);
	for (uint32_t i = 0, first = 0; i < n; i++) {
		uint32_t same = first;
		if (i == 0 || items[i].hash != items[i - 1].hash)
			same = first = count;
		while (same < count && strcmp(own[same], texts[items[i].index]) != 0)
			same++;
		if (same == count)
			own[count++] = texts[items[i].index];
		out[items[i].index] = same;
	}
	if (names)
		memcpy(names, own, count * sizeof *own);
	return count;
}

static void number_machines(struct resolver *r)
{
	const char **texts = arena_alloc(r->scratch, r->n * sizeof *texts);
	uint32_t *numbers = arena_alloc(r->scratch, r->n * sizeof *numbers);
	bool *full;

	for (uint32_t i = 0; i < r->n; i++)
		texts[i] = r->known[i].s->machine;
	r->hints = arena_alloc(r->scratch, r->n * sizeof *r->hints);
	r->hints_n = number_texts(r, texts, numbers, r->hints);
	full = arena_alloc(r->scratch, r->hints_n * sizeof *full);
	for (uint32_t i = 0; i < r->n; i++) {
		struct known *k = &r->known[i];
		assert(k->s->machine || !k->s->context);
		k->hint = numbers[i];
		if (k->hint != NOBODY && !k->s->context)
			full[k->hint] = true;
	}
	for (uint32_t i = 0; i < r->n; i++) {
		struct known *k = &r->known[i];
		k->context = k->s->context && !full[k->hint];
		k->believed = !k->context && (k->self || k->s->host);
	}
	for (uint32_t i = 0; i < r->n; i++)
		texts[i] = r->known[i].s->source;
	number_texts(r, texts, numbers, NULL);
	for (uint32_t i = 0; i < r->n; i++)
		r->known[i].source = numbers[i];
}

/* ---- what runs on what, within a source ---- */

static void find_parents(struct resolver *r)
{
	for (uint32_t i = 0; i < r->n; i++) {
		struct known *k = &r->known[i];
		if (k->self)
			continue;
		k->source_self = find_sighting(r, k->s->source, "");
		if (k->s->on)
			k->parent = *k->s->on ? find_sighting(r, k->s->source, k->s->on)
					      : k->source_self;
		if (k->parent == i)
			k->parent = NOBODY;
		k->level = !k->s->on ? 0 : *k->s->on ? 2 : 1;
	}
}

/* ---- keys ---- */

static void take_key(struct resolver *r, uint32_t owner, uint32_t index)
{
	const struct known *o = &r->known[owner];
	const struct resolve_key *k = &o->s->keys[index];
	struct known_key *key = &r->keys[o->key_first + index];
	char text[RESOLVE_CONNECT_MAX];

	*key = (struct known_key){.owner = owner, .index = index, .run = NOBODY, .rival = NOBODY};
	key->kind = (uint8_t)(k->kind == RESOLVE_XEN ? RESOLVE_UUID : k->kind);
	key->why = (uint8_t)resolve_key_text(o->s, index, text);
	key->scope = "";
	key->crowded = k->crowded;
	if (key->why != RESOLVE_MATCHED)
		return;
	key->text = arena_strdup(r->scratch, text);
	key->hash = hash_of(text);
	if (k->kind == RESOLVE_MAC && k->scope && *k->scope) {
		struct resolve_key as_mac = {.kind = RESOLVE_MAC, .value = k->scope};
		struct resolve_sighting of = {
			.source = "", .key = "", .keys = &as_mac, .keys_n = 1};
		key->scope = resolve_key_text(&of, 0, text) == RESOLVE_MALFORMED
			? k->scope
			: arena_strdup(r->scratch, text);
	}
}

/* Laid out by rank, filled in the order of the input, where each sighting's texts lie together. */
static void take_keys(struct resolver *r)
{
	uint32_t *ranks = arena_alloc(r->scratch, r->n * sizeof *ranks);
	size_t total = 0;

	for (uint32_t i = 0; i < r->n; i++) {
		struct known *k = &r->known[i];
		ranks[k->input] = i;
		if (!k->believed)
			k->keys_n = 0;
		k->key_first = (uint32_t)total;
		total += k->keys_n;
	}
	assert(total < NOBODY);
	r->keys_n = (uint32_t)total;
	r->keys = arena_alloc(r->scratch, total * sizeof *r->keys);
	for (uint32_t i = 0; i < r->n; i++)
		for (uint32_t j = 0; j < r->known[ranks[i]].keys_n; j++)
			take_key(r, ranks[i], j);
}

/* Closes the run that holds items[first .. end): equal hashes, of usually one text. */
static void make_runs(struct resolver *r, struct item *items, uint32_t first, uint32_t end)
{
	while (first < end) {
		const char *text = r->keys[items[first].index].text;
		struct run *run = &r->runs[r->runs_n];
		uint32_t rest = first;
		run->first = first;
		for (uint32_t i = first; i < end; i++) {
			struct item swap = items[i];
			struct known_key *k = &r->keys[swap.index];
			if (k->text != text && strcmp(k->text, text) != 0)
				continue;
			memmove(&items[rest + 1], &items[rest], (i - rest) * sizeof *items);
			items[rest++] = swap;
			k->run = r->runs_n;
			run->crowded = run->crowded || k->crowded;
		}
		run->n = rest - first;
		first = rest;
		r->runs_n++;
	}
}

/* A key that its owner tells twice counts once; a run that too many share says nothing. */
static void settle_run(struct resolver *r, struct run *run)
{
	uint32_t kept = 0, before = NOBODY;

	for (uint32_t i = 0; i < run->n; i++) {
		uint32_t index = r->by_run[run->first + i];
		struct known_key *k = &r->keys[index];
		if (k->owner == before)
			k->run = NOBODY;
		else
			r->by_run[run->first + kept++] = index;
		before = k->owner;
	}
	run->n = kept;
	run->crowded = run->crowded || kept > RESOLVE_SHARERS_MAX;
}

static void index_keys(struct resolver *r)
{
	struct item *items = arena_alloc(r->scratch, r->keys_n * sizeof *items);
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->keys_n; i++)
		if (r->keys[i].why == RESOLVE_MATCHED)
			items[n++] = (struct item){r->keys[i].hash, i};
	sort_items(items, n);
	r->runs = arena_alloc(r->scratch, n * sizeof *r->runs);
	r->by_run = arena_alloc(r->scratch, n * sizeof *r->by_run);
	for (uint32_t i = 0, first = 0; i < n; i++) {
		uint32_t run = r->runs_n;
		if (i + 1 < n && items[i + 1].hash == items[i].hash)
			continue;
		make_runs(r, items, first, i + 1);
		for (; first <= i; first++)
			r->by_run[first] = items[first].index;
		for (; run < r->runs_n; run++)
			settle_run(r, &r->runs[run]);
	}
}

void resolve_index(struct resolver *r)
{
	assert(r->in->sightings_n < NOBODY);
	r->n = (uint32_t)r->in->sightings_n;
	rank_sightings(r);
	number_machines(r);
	find_parents(r);
	take_keys(r);
	index_keys(r);
	r->slot = arena_alloc(r->scratch, r->n * sizeof *r->slot);
}
