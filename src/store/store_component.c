/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Components: what hangs together with a sighting.
 *
 * A component is found by walking: from a sighting to those that share a key with it, that were found to be the same machine,
 * that a person said to be the same; those lead on. Every step is a look-up in an index, and a key that too many share
 * leads nowhere, so what a report costs is what it touches, whatever the size of the fleet.
 */
#include "store/store_link.h"
#include "store/store_sighting.h"
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* An agent whose machine another speaks for now is offline, unless it says something again. */
#define SEEN_SELECT                                                                                \
	"SELECT 0" SIGHTING_FIELDS(                                                                \
		ROW_COLUMN_OF_T) ", m.id, m.name, m.site, CASE WHEN m.agent = t.source THEN "      \
				 "m.state WHEN t.gone = 0 THEN 'online' ELSE 'offline' END, "      \
				 "a.enrolled, m.seen, a.revoked, m.marked FROM sightings t LEFT "  \
				 "JOIN agents a ON a.id = t.source LEFT JOIN machines m ON m.id "  \
				 "= a.machine "

static void seen_read(struct stmt *s, struct arena *a, struct seen *x)
{
	int at = 1 + (int)model_records[MODEL_sighting].n;

	row_read(&model_records[MODEL_sighting], s, 1, a, &x->s);
	x->source_machine = arena_strdup(a, col_text(s, at));
	x->source_name = arena_strdup(a, col_text(s, at + 1));
	x->source_site = arena_strdup(a, col_text(s, at + 2));
	x->source_state = arena_strdup(a, col_text(s, at + 3));
	x->enrolled = col_int(s, at + 4);
	x->source_seen = col_int(s, at + 5);
	x->revoked = col_int(s, at + 6);
	x->marked = col_int(s, at + 7);
}

struct known { /* a sighting, a key, a machine or a word that was looked at */
	char *text;
	UT_hash_handle hh;
};

struct walk {
	struct db *db;
	struct arena *arena;
	struct known *known;
	struct rows seen, words;
	int sharers;
	struct err *e;
};

/* False: it was there already. */
static bool known_add(struct walk *w, char *text)
{
	struct known *k;

	HASH_FIND_STR(w->known, text, k);
	if (k)
		return false;
	k = arena_alloc(w->arena, sizeof *k);
	k->text = text;
	HASH_ADD_KEYPTR(hh, w->known, k->text, strlen(k->text), k);
	return true;
}

/* Takes the rows of a statement into the list. */
static int take(struct walk *w, struct stmt *s, bool context)
{
	int got;

	while ((got = db_step(s, w->e)) > 0) {
		struct seen x = {.context = context};
		seen_read(s, w->arena, &x);
		if (w->seen.n >= COMPONENT_MAX && !context)
			continue;
		if (known_add(w, arena_printf(w->arena, "s %s %s", x.s.source, x.s.ref)))
			*(struct seen *)rows_add(&w->seen, w->arena, sizeof x) = x;
	}
	db_done(s);
	return got;
}

static int take_named(struct walk *w, const char *source, const char *ref, bool context)
{
	struct stmt *s = db_prepare(w->db, SEEN_SELECT "WHERE t.source = ?1 AND t.ref = ?2", w->e);

	if (!s)
		return -1;
	bind_text(s, 1, source);
	bind_text(s, 2, ref);
	return take(w, s, context);
}

static int take_by(struct walk *w, const char *sql, const char *value)
{
	struct stmt *s = db_prepare(w->db, sql, w->e);

	if (!s)
		return -1;
	bind_text(s, 1, value);
	bind_int(s, 2, COMPONENT_MAX);
	return take(w, s, false);
}

/* ---- keys ---- */

/* How many share this key, as far as sharers + 1. */
static int shared_by(struct walk *w, const char *connects)
{
	struct stmt *s = db_prepare(w->db,
		"SELECT COUNT(*) FROM (SELECT 1 FROM sighting_keys WHERE connects = ?1 LIMIT ?2) x",
		w->e);
	int n = -1;

	if (!s)
		return -1;
	bind_text(s, 1, connects);
	bind_int(s, 2, w->sharers + 1);
	if (db_step(s, w->e) > 0)
		n = (int)col_int(s, 0);
	db_done(s);
	return n;
}

static int keys_load(struct walk *w, struct seen *x)
{
	struct stmt *s = db_prepare(w->db,
		"SELECT 0" SIGHTING_KEY_FIELDS(ROW_COLUMN) " FROM sighting_keys WHERE source = ?1 "
							   "AND ref = ?2 ORDER BY n LIMIT ?3",
		w->e);
	struct rows list = {0};
	int got;

	if (!s)
		return -1;
	bind_text(s, 1, x->s.source);
	bind_text(s, 2, x->s.ref);
	bind_int(s, 3, SIGHTING_KEYS_MAX);
	while ((got = db_step(s, w->e)) > 0)
		row_read(&model_records[MODEL_sighting_key], s, 1, w->arena,
			&((struct seen_key *)rows_add(&list, w->arena, sizeof(struct seen_key)))
				 ->k);
	db_done(s);
	x->keys = list.data;
	x->n_keys = list.n;
	return got;
}

static int follow_key(struct walk *w, struct seen_key *k)
{
	int n;

	if (!k->k.connects)
		return 0;
	n = shared_by(w, k->k.connects);
	k->crowded = n > w->sharers;
	if (n < 0)
		return -1;
	if (k->crowded || !known_add(w, arena_printf(w->arena, "k %s", k->k.connects)))
		return 0;
	return take_by(w,
		SEEN_SELECT "JOIN (SELECT DISTINCT source, ref FROM sighting_keys WHERE connects = "
			    "?1) k ON k.source = t.source AND k.ref = t.ref ORDER BY t.source, "
			    "t.ref LIMIT ?2",
		k->k.connects);
}

/* ---- words ---- */

static int follow_words(struct walk *w, const char *anchor)
{
	struct decision *rows;
	size_t n;

	if (!anchor || !known_add(w, arena_printf(w->arena, "a %s", anchor)))
		return 0;
	if (decision_of(w->db, anchor, w->arena, &rows, &n, w->e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!known_add(w, arena_printf(w->arena, "d %s", rows[i].id)))
			continue;
		*(struct decision *)rows_add(&w->words, w->arena, sizeof *rows) = rows[i];
		if (strcmp(rows[i].kind, "merge") == 0 &&
			take_by(w,
				SEEN_SELECT "WHERE t.anchor = ?1 ORDER BY t.source, t.ref LIMIT ?2",
				strcmp(rows[i].one, anchor) == 0 ? rows[i].other : rows[i].one) < 0)
			return -1;
	}
	return 0;
}

/* ---- walking ---- */

static int step(struct walk *w, size_t i)
{
	struct seen x = ((struct seen *)w->seen.data)[i];

	if (keys_load(w, &x) < 0)
		return -1;
	for (size_t k = 0; k < x.n_keys; k++)
		if (follow_key(w, (struct seen_key *)&x.keys[k]) < 0)
			return -1;
	((struct seen *)w->seen.data)[i] = x; /* the list may have moved meanwhile */
	if (x.s.machine && known_add(w, arena_printf(w->arena, "m %s", x.s.machine)) &&
		take_by(w,
			SEEN_SELECT
			"WHERE t.machine = ?1 ORDER BY t.gone, t.source, t.ref LIMIT ?2",
			x.s.machine) < 0)
		return -1;
	return follow_words(w, x.s.anchor);
}

/* Who says it, of every listed one. One that was never placed has nothing to hold a link by, so it is no context. */
static int take_context(struct walk *w)
{
	size_t n = w->seen.n;

	for (size_t i = 0; i < n; i++) {
		const struct seen *x = &((struct seen *)w->seen.data)[i];
		if (*x->s.ref && take_named(w, x->s.source, "", true) < 0)
			return -1;
	}
	for (size_t i = n; i < w->seen.n; i++) {
		struct seen *x = &((struct seen *)w->seen.data)[i];
		if (!x->s.machine)
			x->context = false;
		if (keys_load(w, &((struct seen *)w->seen.data)[i]) < 0)
			return -1;
	}
	return 0;
}

static int by_name(const void *x, const void *y)
{
	const struct seen *p = x, *q = y;
	int c = strcmp(p->s.source, q->s.source);

	return c ? c : strcmp(p->s.ref, q->s.ref);
}

int component_load(struct db *db, const struct sighting_name *seeds, size_t n_seeds, int sharers,
	struct arena *a, struct component *out, struct err *e)
{
	struct walk w = {.db = db, .arena = a, .sharers = sharers, .e = e};
	int rc = 0;

	memset(out, 0, sizeof *out);
	for (size_t i = 0; i < n_seeds && rc == 0; i++)
		rc = take_named(&w, seeds[i].source, seeds[i].ref, false);
	for (size_t i = 0; rc == 0 && i < w.seen.n; i++)
		rc = step(&w, i);
	if (rc == 0)
		rc = take_context(&w);
	HASH_CLEAR(hh, w.known);
	if (rc < 0)
		return -1;
	if (w.seen.n)
		qsort(w.seen.data, w.seen.n, sizeof(struct seen), by_name);
	out->seen = w.seen.data;
	out->n = w.seen.n;
	out->words = w.words.data;
	out->n_words = w.words.n;
	return 0;
}

int sighting_of_machine(struct db *db, const char *machine, struct arena *a, struct seen **out,
	size_t *n, struct err *e)
{
	struct stmt *s = db_prepare(
		db, SEEN_SELECT "WHERE t.machine = ?1 ORDER BY t.gone, t.changed DESC LIMIT ?2", e);
	struct rows list = {0};
	int got;

	if (!s)
		return -1;
	bind_text(s, 1, machine);
	bind_int(s, 2, COMPONENT_MAX);
	while ((got = db_step(s, e)) > 0)
		seen_read(s, a, rows_add(&list, a, sizeof(struct seen)));
	db_done(s);
	*out = list.data;
	*n = list.n;
	return got;
}
