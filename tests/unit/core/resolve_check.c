// SPDX-License-Identifier: Apache-2.0
/* Invariants of the resolver, and inputs made of any bytes. */
#include "resolve_check.h"
#include "base/buf.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- inputs from bytes ---- */

struct bytes {
	const uint8_t *at, *end;
};

static unsigned take(struct bytes *b)
{
	return b->at < b->end ? *b->at++ : 0;
}

static const char *pick_value(enum resolve_key_kind kind, unsigned n, struct arena *a)
{
	switch (kind) {
	case RESOLVE_MAC:
		return n == 0 ? "00:00:00:00:00:00" : arena_printf(a, "52:54:00:00:00:%02x", n % 7);
	case RESOLVE_UUID:
	case RESOLVE_XEN:
		if (n % 5 == 0)
			return "00000000-0000-0000-0000-000000000000";
		return n & 8 ? arena_printf(a, "0000000%u-0001-0002-0003-000000000004", n % 5)
			     : arena_printf(a, "0%u000000-0100-0200-0003-000000000004", n % 5);
	case RESOLVE_AGENT:
		return arena_printf(a, "s%u", n % 6);
	default:
		return n % 4 ? arena_printf(a, "value-%u", n % 4) : "To be filled by O.E.M.";
	}
}

static void make_key(struct bytes *b, struct arena *a, struct resolve_key *k)
{
	static const char *const scopes[] = {NULL, "", "02:00:00:00:00:aa", "02-00-00-00-00-bb"};
	unsigned what = take(b), n = take(b);

	k->kind = what % 3 ? (what % 3 == 1 ? RESOLVE_MAC : RESOLVE_UUID)
			   : (enum resolve_key_kind)(what / 3 % RESOLVE_KEY_KINDS);
	k->value = pick_value(k->kind, n, a);
	k->scope = scopes[n >> 4 & 3];
	k->foreign = (n >> 6) == 3 && what & 64;
	k->crowded = n == 255;
}

static void make_sighting(struct bytes *b, struct arena *a, struct resolve_sighting *s)
{
	unsigned who = take(b), how = take(b), when = take(b), n;
	struct resolve_key *keys;

	s->source = arena_printf(a, "s%u", who % 6);
	s->key = who / 6 % 3 ? arena_printf(a, "r%u", who / 6 % 6) : "";
	s->machine = how & 1 ? arena_printf(a, "m%u", when % 5) : NULL;
	s->on = how & 2 ? (how & 4 ? "" : arena_printf(a, "r%u", when % 6)) : NULL;
	s->host = (who % 6) != 5;
	s->ended = *s->key && (how & 24) == 24;
	s->live = !s->ended && (how & 8);
	s->running = how & 32;
	s->context = s->machine && (how & 192) == 192;
	s->kind = (enum resolve_kind)(when / 5 % 4);
	s->since_ms = (int64_t)(when & 15) * 30000;
	s->seen_ms = s->live ? 600000 : s->since_ms + (int64_t)(when >> 4) * 20000;
	n = take(b) % 5;
	keys = arena_alloc(a, n * sizeof *keys);
	for (unsigned i = 0; i < n; i++)
		make_key(b, a, &keys[i]);
	s->keys = keys;
	s->keys_n = n;
}

static bool already(const struct resolve_sighting *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(s[i].source, s[n].source) == 0 && strcmp(s[i].key, s[n].key) == 0)
			return true;
	return false;
}

void resolve_from_bytes(const uint8_t *data, size_t size, struct arena *a, struct resolve_input *in)
{
	struct bytes b = {data, data + size};
	unsigned words = take(&b) % 4, above = take(&b) % 3;
	struct resolve_sighting *s = arena_alloc(a, 64 * sizeof *s);
	struct resolve_word *w = arena_alloc(a, words * sizeof *w);
	struct resolve_above *up = arena_alloc(a, above * sizeof *up);
	size_t n = 0;

	memset(in, 0, sizeof *in);
	for (unsigned i = 0; i < words; i++)
		w[i] = (struct resolve_word){take(&b), take(&b), take(&b) & 1, take(&b)};
	for (unsigned i = 0; i < above; i++)
		up[i] = (struct resolve_above){
			arena_printf(a, "m%u", take(&b) % 7), arena_printf(a, "m%u", take(&b) % 7)};
	while (b.at < b.end && n < 64) {
		make_sighting(&b, a, &s[n]);
		n += !already(s, n);
	}
	for (unsigned i = 0; i < words && n; i++) {
		w[i].a %= n;
		w[i].b %= n;
	}
	*in = (struct resolve_input){s, n, w, n ? words : 0, up, above};
}

/* ---- invariants ---- */

static void check_groups(const struct resolve_input *in, const struct resolve_output *out)
{
	size_t members = 0;

	for (size_t g = 0; g < out->groups_n; g++) {
		const struct resolve_group *group = &out->groups[g];
		size_t live = 0;
		assert(group->n > 0 && group->first == members);
		members += group->n;
		for (size_t i = 0; i < group->n; i++) {
			size_t x = out->members[group->first + i];
			const struct resolve_sighting *s = &in->sightings[x];
			assert(out->places[x].group == g);
			live += !*s->key && s->live && out->places[x].reason != RESOLVE_CONTEXT;
			assert(!*s->key || s->host || out->places[x].reason == RESOLVE_CONTEXT);
		}
		assert(live <= 1);
		for (size_t h = 0; h < g; h++)
			assert(!group->machine || !out->groups[h].machine ||
				strcmp(group->machine, out->groups[h].machine) != 0);
	}
	for (size_t i = 0; i < in->sightings_n; i++) {
		enum resolve_reason why = out->places[i].reason;
		assert((out->places[i].group == RESOLVE_NONE) ==
			(why == RESOLVE_AMBIGUOUS || why == RESOLVE_NOT_BELIEVED));
		assert((why == RESOLVE_NOT_BELIEVED) ==
			(*in->sightings[i].key && !in->sightings[i].host &&
				why != RESOLVE_CONTEXT));
	}
}

static void check_links(const struct resolve_input *in, const struct resolve_output *out)
{
	size_t *next = xcalloc(out->groups_n, sizeof *next);

	for (size_t g = 0; g < out->groups_n; g++)
		next[g] = RESOLVE_NONE;
	for (size_t i = 0; i < out->links_n; i++) {
		const struct resolve_link *l = &out->links[i];
		assert(l->guest < out->groups_n && l->host < out->groups_n && l->guest != l->host);
		assert(in->sightings[l->sighting].host && !in->sightings[l->sighting].ended);
		if (!l->certain)
			continue;
		assert(next[l->guest] == RESOLVE_NONE);
		next[l->guest] = l->host;
	}
	for (size_t g = 0; g < out->groups_n; g++) {
		size_t at = next[g];
		for (size_t steps = 0; at != RESOLVE_NONE; at = next[at])
			assert(at != g && steps++ < out->groups_n);
	}
	free(next);
}

void resolve_check(const struct resolve_input *in, const struct resolve_output *out)
{
	check_groups(in, out);
	check_links(in, out);
	for (size_t i = 0; i < out->evidence_n; i++) {
		const struct resolve_evidence *e = &out->evidence[i];
		assert(e->a < in->sightings_n && (e->b < in->sightings_n || e->b == RESOLVE_NONE));
		assert(e->key == RESOLVE_NONE || e->key < in->sightings[e->a].keys_n);
		assert(i == 0 || out->evidence[i - 1].a <= e->a);
		assert(*resolve_reason_sentence(e->reason) && *resolve_verdict_word(e->verdict));
	}
	for (size_t i = 0; i < out->absorbed_n; i++) {
		assert(out->absorbed[i].into == RESOLVE_NONE ||
			out->absorbed[i].into < out->groups_n);
		for (size_t g = 0; g < out->groups_n; g++)
			assert(!out->groups[g].machine ||
				strcmp(out->groups[g].machine, out->absorbed[i].machine) != 0);
	}
}

/* ---- printing ---- */

static const char *name(const struct resolve_input *in, size_t i, struct arena *a)
{
	if (i == RESOLVE_NONE)
		return "-";
	return *in->sightings[i].key
		? arena_printf(a, "%s/%s", in->sightings[i].source, in->sightings[i].key)
		: in->sightings[i].source;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *joined(const char **lines, size_t n, const char *mark, struct arena *a)
{
	struct buf b;
	const char *text;

	buf_init(&b, 16 << 20);
	qsort(lines, n, sizeof *lines, by_text);
	for (size_t i = 0; i < n; i++)
		buf_printf(&b, "%s%s", lines[i], mark);
	assert(!b.full);
	text = arena_strdup(a, buf_str(&b));
	buf_release(&b);
	return text;
}

/* A group by its members' names. */
static const char *group_name(
	const struct resolve_input *in, const struct resolve_output *out, size_t g, struct arena *a)
{
	const struct resolve_group *group;
	const char **names;

	if (g == RESOLVE_NONE)
		return "nobody";
	group = &out->groups[g];
	names = arena_alloc(a, group->n * sizeof *names);
	for (size_t i = 0; i < group->n; i++)
		names[i] = name(in, out->members[group->first + i], a);
	return joined(names, group->n, " ", a);
}

const char *resolve_print(const struct resolve_input *in, const struct resolve_output *out,
	bool brief, struct arena *a)
{
	size_t n = 0,
	       max = out->groups_n + out->links_n + out->evidence_n + out->absorbed_n +
		in->sightings_n + 1;
	const char **lines = arena_alloc(a, max * sizeof *lines);

	for (size_t g = 0; g < out->groups_n; g++)
		lines[n++] = arena_printf(a, "machine %s: %s%s%s self %s",
			brief ? "" : out->groups[g].machine, group_name(in, out, g, a),
			out->groups[g].listed ? " listed" : "",
			out->groups[g].context ? " context" : "", name(in, out->groups[g].self, a));
	for (size_t i = 0; i < out->links_n; i++)
		lines[n++] = arena_printf(a, "link %s -> %s by %s %d %d %s",
			group_name(in, out, out->links[i].guest, a),
			group_name(in, out, out->links[i].host, a),
			name(in, out->links[i].sighting, a), out->links[i].certain,
			out->links[i].live, resolve_reason_word(out->links[i].reason));
	for (size_t i = 0; i < in->sightings_n && !brief; i++)
		lines[n++] = arena_printf(a, "place %s %s", name(in, i, a),
			resolve_reason_word(out->places[i].reason));
	for (size_t i = 0; i < out->absorbed_n && !brief; i++)
		lines[n++] = arena_printf(a, "absorbed %s by %s", out->absorbed[i].machine,
			group_name(in, out, out->absorbed[i].into, a));
	for (size_t i = 0; i < out->evidence_n && !brief; i++) {
		const struct resolve_evidence *e = &out->evidence[i];
		lines[n++] = arena_printf(a, "evidence %s %s key %zd %d %s %s", name(in, e->a, a),
			name(in, e->b, a), (ssize_t)e->key, e->score,
			resolve_verdict_word(e->verdict), resolve_reason_word(e->reason));
	}
	if (!brief)
		lines[n++] = arena_printf(a, "again %lld", (long long)out->again_ms);
	return joined(lines, n, "\n", a);
}

/* ---- the same again ---- */

void resolve_shuffle(
	const struct resolve_input *in, unsigned seed, struct arena *a, struct resolve_input *other)
{
	size_t n = in->sightings_n, *at = arena_alloc(a, n * sizeof *at);
	struct resolve_sighting *s = arena_alloc(a, n * sizeof *s);
	struct resolve_word *w = arena_alloc(a, in->words_n * sizeof *w);

	for (size_t i = 0; i < n; i++) {
		size_t j = (size_t)rand_r(&seed) % (i + 1);
		at[i] = at[j];
		at[j] = i;
	}
	for (size_t i = 0; i < n; i++)
		s[i] = in->sightings[at[i]];
	*other = *in;
	for (size_t i = 0; i < in->words_n; i++) {
		w[in->words_n - 1 - i] = in->words[i];
		for (size_t j = 0; j < n; j++) {
			if (at[j] == in->words[i].a)
				w[in->words_n - 1 - i].a = j;
			if (at[j] == in->words[i].b)
				w[in->words_n - 1 - i].b = j;
		}
	}
	other->sightings = s;
	other->words = w;
}

void resolve_feed_back(const struct resolve_input *in, const struct resolve_output *out,
	struct arena *a, struct resolve_input *next)
{
	struct resolve_sighting *s = arena_alloc(a, in->sightings_n * sizeof *s);
	const char **ids = arena_alloc(a, out->groups_n * sizeof *ids);

	for (size_t g = 0; g < out->groups_n; g++)
		ids[g] = out->groups[g].machine
			? out->groups[g].machine
			: arena_printf(a, "new of %s", group_name(in, out, g, a));
	for (size_t i = 0; i < in->sightings_n; i++) {
		s[i] = in->sightings[i];
		s[i].context = out->places[i].reason == RESOLVE_CONTEXT;
		s[i].machine =
			out->places[i].group == RESOLVE_NONE ? NULL : ids[out->places[i].group];
	}
	*next = *in;
	next->sightings = s;
}

static void check_same(const char *a, const char *b, const char *what)
{
	if (strcmp(a, b) == 0)
		return;
	fprintf(stderr, "%s:\n%s---- and ----\n%s", what, a, b);
	abort();
}

/* Context that got a full member (a host's own domain): its component is another the next time. */
static bool outgrown(const struct resolve_input *in, const struct resolve_output *out)
{
	for (size_t i = 0; i < in->sightings_n; i++)
		if (out->places[i].reason == RESOLVE_CONTEXT &&
			!out->groups[out->places[i].group].context)
			return true;
	return false;
}

void resolve_check_all(const struct resolve_input *in, struct arena *a)
{
	struct resolve_output out, again;
	struct resolve_input other;
	const char *answer;

	resolve(in, a, &out);
	resolve_check(in, &out);
	answer = resolve_print(in, &out, false, a);
	for (unsigned seed = 1; seed < 4; seed++) {
		resolve_shuffle(in, seed, a, &other);
		resolve(&other, a, &again);
		check_same(answer, resolve_print(&other, &again, false, a),
			"another order, another answer");
	}
	if (outgrown(in, &out))
		return;
	resolve_feed_back(in, &out, a, &other);
	resolve(&other, a, &again);
	resolve_check(&other, &again);
	check_same(resolve_print(in, &out, true, a), resolve_print(&other, &again, true, a),
		"the answer fed back, another answer");
	for (size_t g = 0; g < again.groups_n; g++)
		assert(again.groups[g].machine);
	assert(again.absorbed_n == 0);
}
