// SPDX-License-Identifier: Apache-2.0
/*
 * The resolver's indices: sightings sorted by (source, key), numbers for sources and machine ids, and for each key the run of
 * all that are spelt the same. Sightings are sorted by a 64-bit hash, bytewise in passes, and equal hashes by their names.
 *
 * Memory is what costs here, a million sightings being far larger than a cache: keys are small, lie in the order in which
 * they are read, and each is looked up once.
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

/* Sightings of one source stay together: they ask for each other. */
static uint64_t hash_pair(const char *a, const char *b)
{
	return (resolve_hash(a) & 0xffffffff00000000ULL) | resolve_hash(b) >> 32;
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
	struct item *spare, *from = items, *to;

	if (n < 4096) {
		qsort(items, n, sizeof *items, compare_hash);
		return;
	}
	to = spare = xmalloc(n * sizeof *spare);
	for (unsigned shift = 0; shift < 64; shift += 8) {
		size_t at[257] = {0};
		for (size_t i = 0; i < n; i++)
			at[(from[i].hash >> shift & 0xff) + 1]++;
		for (size_t i = 1; i < 257; i++)
			at[i] += at[i - 1];
		for (size_t i = 0; i < n; i++)
			to[at[from[i].hash >> shift & 0xff]++] = from[i];
		from = to;
		to = from == items ? spare : items; /* after eight passes all is back in items */
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
	r->ranks = arena_alloc(r->scratch, r->n * sizeof *r->ranks);
	r->believed = arena_alloc(r->scratch, r->n * sizeof *r->believed);
	for (uint32_t i = 0; i < r->n; i++) {
		struct known *k = &r->known[i];
		k->s = &s[items[i].index];
		k->input = items[i].index;
		k->up = k->ring = i;
		k->self = !*k->s->key;
		k->live_self = k->self && k->s->live ? i : NOBODY;
		k->has_self = k->self;
		k->live = k->s->live;
		k->running = k->s->running;
		k->ended = k->s->ended;
		k->kind = (uint8_t)k->s->kind;
		k->alive = k->s->live;
		k->context = k->s->context;
		k->parent = k->source_self = NOBODY;
		k->hint = k->s->machine ? 0 : NOBODY;
		r->hashes[i] = items[i].hash;
		r->ranks[k->input] = i;
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

/* ---- sources and machine ids by number ---- */

/* Those of one source lie together, but for another one whose hash is the same. Gives each its source's own. */
static void number_sources(struct resolver *r)
{
	uint32_t *self_of = arena_alloc(r->scratch, r->n * sizeof *self_of), n = 0;

	memset(self_of, 0xff, r->n * sizeof *self_of);
	for (uint32_t i = 0, first = 0; i < r->n; i++) {
		struct known *k = &r->known[i];
		uint32_t same = i;
		if (i && r->hashes[i] >> 32 != r->hashes[i - 1] >> 32)
			first = i;
		while (same > first && strcmp(r->known[same - 1].s->source, k->s->source) != 0)
			same--;
		k->source = same > first ? r->known[same - 1].source : n++;
		if (k->self)
			self_of[k->source] = i;
	}
	for (uint32_t i = 0; i < r->n; i++)
		if (!r->known[i].self)
			r->known[i].source_self = self_of[r->known[i].source];
}

static void number_machines(struct resolver *r)
{
	struct number_table table;
	bool *full;

	resolve_table_init(&table, 0);
	for (uint32_t i = 0; i < r->n; i++)
		if (r->known[i].hint != NOBODY)
			r->known[i].hint = resolve_number(
				&table, &(struct spelt){.text = r->known[i].s->machine});
	r->hints_n = table.n;
	r->hints = arena_alloc(r->scratch, table.n * sizeof *r->hints);
	for (uint32_t i = 0; i < table.n; i++)
		r->hints[i] = table.known[i].text;
	resolve_table_release(&table);
	full = arena_alloc(r->scratch, r->hints_n * sizeof *full);
	for (uint32_t i = 0; i < r->n; i++) {
		struct known *k = &r->known[i];
		assert(k->hint != NOBODY || !k->context);
		if (k->hint != NOBODY && !k->context)
			full[k->hint] = true;
	}
	for (uint32_t i = 0; i < r->n; i++) {
		struct known *k = &r->known[i];
		k->context = k->context && !full[k->hint];
		k->believed = !k->context && (k->self || k->s->host);
		r->believed[k->input] = k->believed;
	}
}

/* ---- what runs on what, within a source ---- */

static void find_parents(struct resolver *r)
{
	for (uint32_t i = 0; i < r->n; i++) {
		struct known *k = &r->known[i];
		if (k->self)
			continue;
		if (k->s->on)
			k->parent = *k->s->on ? find_sighting(r, k->s->source, k->s->on)
					      : k->source_self;
		if (k->parent == i)
			k->parent = NOBODY;
		k->level = !k->s->on ? 0 : *k->s->on ? 2 : 1;
	}
}

/* ---- keys ---- */

/* What keys are taken into. */
struct taking {
	struct resolver *r;
	struct number_table runs, scopes;
	const char *scope; /* the last one, as given: a machine's interfaces mostly share it */
	uint32_t scope_number;
};

static uint32_t take_scope(struct taking *t, const char *scope)
{
	struct spelt spelt;

	if (!scope || !*scope)
		return 0;
	if (!t->scope || strcmp(t->scope, scope) != 0) {
		resolve_scope_spell(scope, &spelt);
		t->scope = scope;
		t->scope_number = resolve_number(&t->scopes, &spelt) + 1;
	}
	return t->scope_number;
}

/* The provider of a cloud's key, which stands before the slash of its text. */
static uint32_t take_provider(struct taking *t, const char *text)
{
	struct spelt spelt = {.kind = RESOLVE_CLOUD,
		.text = arena_strndup(t->r->scratch, text, strcspn(text, "/"))};

	return resolve_number(&t->scopes, &spelt) + 1;
}

static void take_key(
	struct taking *t, const struct resolve_sighting *s, uint32_t index, struct known_key *key)
{
	const struct resolve_key *k = &s->keys[index];
	char text[RESOLVE_CONNECT_MAX];
	struct spelt spelt;
	uint32_t known = t->runs.n;

	key->why = (uint8_t)resolve_key_spell(s, index, &spelt, text);
	key->kind = (uint8_t)spelt.kind;
	key->crowded = k->crowded;
	if (key->why != RESOLVE_MATCHED)
		return;
	key->run = resolve_number(&t->runs, &spelt);
	if (spelt.text && key->run == known)
		t->runs.known[known].text = arena_strdup(t->r->scratch, text);
	if (k->kind == RESOLVE_MAC)
		key->scope = take_scope(t, k->scope);
	else if (k->kind == RESOLVE_CLOUD)
		key->scope = take_provider(t, text);
}

/* Only writes what is known: in the order of the input that is far away, and would be waited for. */
static void take_sighting(struct taking *t, uint32_t input)
{
	struct resolver *r = t->r;
	const struct resolve_sighting *s = &r->in->sightings[input];
	uint32_t owner = r->ranks[input], n = r->believed[input] ? (uint32_t)s->keys_n : 0;

	r->known[owner].key_first = r->keys_n;
	r->known[owner].keys_n = n;
	for (uint32_t i = 0; i < n; i++) {
		struct known_key *key = &r->keys[r->keys_n++];
		*key = (struct known_key){.owner = owner, .run = NOBODY, .rival = NOBODY};
		take_key(t, s, i, key);
	}
}

/* In the order of the input, so that keys are read as they lie. */
static void take_keys(struct resolver *r)
{
	struct taking t = {.r = r};
	size_t total = 0;

	for (uint32_t i = 0; i < r->n; i++)
		total += r->in->sightings[i].keys_n;
	assert(total < NOBODY);
	r->keys = arena_alloc(r->scratch, total * sizeof *r->keys);
	resolve_table_init(&t.runs, (uint32_t)total / 2);
	resolve_table_init(&t.scopes, 0);
	for (uint32_t i = 0; i < r->n; i++)
		take_sighting(&t, i);
	r->runs_n = t.runs.n;
	resolve_table_release(&t.runs);
	resolve_table_release(&t.scopes);
}

static int by_owner(const void *a, const void *b, void *ctx)
{
	const struct resolver *r = ctx;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	uint32_t s = r->keys[x].owner, t = r->keys[y].owner;

	return s != t ? (s < t ? -1 : 1) : (x > y) - (x < y);
}

/* A key that its owner tells twice counts once; a run that too many share says nothing. */
static void settle_run(struct resolver *r, struct run *run)
{
	uint32_t *keys = &r->by_run[run->first], kept = 0, before = NOBODY;

	if (run->n < 2)
		return;
	if (run->n > 2 || by_owner(&keys[0], &keys[1], r) > 0)
		qsort_r(keys, run->n, sizeof *keys, by_owner, r);
	for (uint32_t i = 0; i < run->n; i++) {
		struct known_key *k = &r->keys[keys[i]];
		if (k->owner == before)
			k->run = NOBODY;
		else
			keys[kept++] = keys[i];
		before = k->owner;
	}
	run->n = kept;
	run->crowded = run->crowded || kept > RESOLVE_SHARERS_MAX;
}

static void fill_runs(struct resolver *r)
{
	uint32_t at = 0;

	r->runs = arena_alloc(r->scratch, r->runs_n * sizeof *r->runs);
	for (uint32_t i = 0; i < r->keys_n; i++)
		if (r->keys[i].run != NOBODY) {
			struct run *run = &r->runs[r->keys[i].run];
			run->n++;
			run->crowded |= r->keys[i].crowded;
		}
	for (uint32_t i = 0; i < r->runs_n; i++) {
		r->runs[i].first = at;
		at += r->runs[i].n;
		r->runs[i].n = 0;
	}
	r->by_run = arena_alloc(r->scratch, at * sizeof *r->by_run);
	for (uint32_t i = 0; i < r->keys_n; i++)
		if (r->keys[i].run != NOBODY) {
			struct run *run = &r->runs[r->keys[i].run];
			r->by_run[run->first + run->n++] = i;
		}
	for (uint32_t i = 0; i < r->runs_n; i++)
		settle_run(r, &r->runs[i]);
}

void resolve_index(struct resolver *r)
{
	assert(r->in->sightings_n < NOBODY);
	r->n = (uint32_t)r->in->sightings_n;
	rank_sightings(r);
	number_sources(r);
	number_machines(r);
	find_parents(r);
	take_keys(r);
	fill_runs(r);
	r->slot = arena_alloc(r->scratch, r->n * sizeof *r->slot);
}
