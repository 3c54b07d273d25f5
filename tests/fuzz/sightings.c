/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An agent's document made into sightings: {"document":{…},"patch":{…}}. What is made keeps its limits and is the same
 * each time; of what is told twice the digests are equal; a patch that is said to touch nothing changes nothing; and
 * the resolver takes it, whoever is believed.
 */
#include "core/resolve_check.h"
#include "model/patch.h"
#include "server/sightings.h"
#include <assert.h>
#include <string.h>

#define NOW 1700000000000

static struct document_parts parts(const struct json *document)
{
	return (struct document_parts){json_get(document, "attributes"), json_get(document, "nic"),
		json_get(document, "guests")};
}

static void check(const struct told *t, bool own)
{
	enum resolve_key_kind kind;

	assert(own == !*t->s.ref && strcmp(t->s.source, "agent") == 0 && t->s.anchor);
	assert(strlen(t->s.digest) == 64 && t->n <= SIGHTING_KEYS_MAX);
	assert(strlen(t->s.ref) <= SIGHTING_TEXT_MAX);
	assert(!t->s.name || (*t->s.name && strlen(t->s.name) <= SIGHTING_TEXT_MAX));
	for (size_t i = 0; i < t->n; i++) {
		const struct sighting_key *k = &t->keys[i];
		assert(resolve_key_kind(k->kind, &kind) && k->scope && *k->value);
		assert(strlen(k->value) <= SIGHTING_TEXT_MAX);
		assert(strcmp(k->ref, t->s.ref) == 0);
		assert(!k->connects || strlen(k->connects) < RESOLVE_CONNECT_MAX);
	}
}

/* As the resolver gets it from the database. */
static struct resolve_sighting *seen(
	const struct told *t, size_t n, bool marked, int64_t gone, struct arena *a)
{
	struct resolve_sighting *list = arena_alloc(a, n * sizeof *list);

	for (size_t i = 0; i < n; i++) {
		struct seen_key *keys = arena_alloc(a, (t[i].n + 1) * sizeof *keys);
		struct seen x = {.s = t[i].s,
			.keys = keys,
			.n_keys = t[i].n,
			.source_state = "online",
			.marked = marked ? NOW : 0,
			.enrolled = NOW - 1000};
		for (size_t k = 0; k < t[i].n; k++)
			keys[k].k = t[i].keys[k];
		x.s.since = NOW - 500;
		x.s.gone = i % 5 == 4 ? gone : 0;
		sightings_resolve(&x, NOW, a, &list[i]);
	}
	return list;
}

static bool equal(const struct told *a, size_t n, const struct told *b, size_t m)
{
	for (size_t i = 0; i < n && n == m; i++)
		if (strcmp(a[i].s.ref, b[i].s.ref) != 0 ||
			strcmp(a[i].s.digest, b[i].s.digest) != 0)
			return false;
	return n == m;
}

/* A patch may put guests into another order, which counts for nothing. */
static void check_patch(
	const struct json *document, const struct json *patch, const struct told *t, size_t n)
{
	struct json *next;
	struct arena *a;
	struct document_parts d;
	struct told *now;
	size_t m;

	if (json_type(patch) != JSON_OBJECT || sightings_touched(patch, false))
		return;
	a = arena_new();
	next = patch_apply(json_copy(document), patch);
	d = parts(next);
	sightings_make("agent", &d, a, &now, &m);
	assert(equal(t, n, now, m));
	json_free(next);
	arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json *j = json_parse((const char *)data, size, NULL);
	const struct json *document = json_get(j, "document");
	struct document_parts d = parts(document);
	struct arena *a = arena_new();
	struct told *t, *again;
	size_t n, m;

	sightings_make("agent", &d, a, &t, &n);
	sightings_make("agent", &d, a, &again, &m);
	assert(n >= 1 && n <= SIGHTINGS_MAX + 1 && equal(t, n, again, m));
	for (size_t i = 0; i < n; i++)
		check(&t[i], i == 0);
	if (json_type(document) == JSON_OBJECT)
		check_patch(document, json_get(j, "patch"), t, n);
	for (int marked = 0; n <= 64 && marked < 2; marked++) {
		struct resolve_input in = {
			.sightings = seen(t, n, marked, marked ? NOW - 50 : 0, a),
			.sightings_n = n};
		resolve_check_all(&in, a);
	}
	arena_free(a);
	json_free(j);
	return 0;
}
