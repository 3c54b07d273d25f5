// SPDX-License-Identifier: Apache-2.0
/* Runs scenario files through the resolver and compares whole answers, as sorted lines of names. */
#include "resolve_scenario.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "resolve_check.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIGHTINGS_MAX 64
#define LINES_MAX 512

struct scenario {
	const char *path, *say;
	struct arena *arena;
	const struct json *file;
	struct resolve_sighting sightings[SIGHTINGS_MAX];
	const char *names[SIGHTINGS_MAX];
	size_t n;
	struct resolve_word words[SIGHTINGS_MAX];
	size_t words_n;
	struct resolve_above above[SIGHTINGS_MAX];
	int64_t now_ms;
	const char *ids[LINES_MAX]; /* every machine id there ever was */
	size_t ids_n;
	struct scenario_count *count;
	struct buf *problems;
};

struct lines {
	const char *line[LINES_MAX];
	size_t n;
};

static void problem(struct scenario *s, const char *what, const char *line)
{
	buf_printf(s->problems, "%s, %s: %s: %s\n", s->path, s->say, what, line);
}

static void add_line(struct lines *l, const char *line)
{
	assert(l->n < LINES_MAX);
	l->line[l->n++] = line;
}

static bool has_line(const struct lines *l, const char *line)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->line[i], line) == 0)
			return true;
	return false;
}

/* Both must hold the same lines. */
static void compare(
	struct scenario *s, const char *what, const struct lines *right, const struct lines *got)
{
	for (size_t i = 0; i < right->n; i++)
		if (!has_line(got, right->line[i]))
			problem(s, arena_printf(s->arena, "%s missing", what), right->line[i]);
	for (size_t i = 0; i < got->n; i++)
		if (!has_line(right, got->line[i]))
			problem(s, arena_printf(s->arena, "%s wrong", what), got->line[i]);
}

/* ---- reading ---- */

static size_t find(const struct scenario *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->names[i], name) == 0)
			return i;
	return RESOLVE_NONE;
}

static size_t must_find(const struct scenario *s, const char *name)
{
	size_t i = find(s, name);

	if (i == RESOLVE_NONE) {
		fprintf(stderr, "%s, %s: there is no sighting %s\n", s->path, s->say, name);
		abort();
	}
	return i;
}

static bool is_host(const struct scenario *s, const char *source)
{
	const struct json *hosts = json_get(s->file, "hosts");

	for (size_t i = 0; i < json_len(hosts); i++)
		if (strcmp(json_str(json_at(hosts, i)), source) == 0)
			return true;
	return false;
}

/* "[~]KIND VALUE[ @SCOPE]" */
static void read_key(struct scenario *s, const char *text, struct resolve_key *k)
{
	char *copy = arena_strdup(s->arena, text), *value, *scope;

	memset(k, 0, sizeof *k);
	k->foreign = *copy == '~';
	copy += k->foreign;
	value = strchr(copy, ' ');
	assert(value);
	*value++ = '\0';
	scope = strstr(value, " @");
	if (scope) {
		*scope = '\0';
		k->scope = scope + 2;
	}
	k->value = value;
	if (!resolve_key_kind(copy, &k->kind)) {
		fprintf(stderr, "%s: there is no kind of key %s\n", s->path, copy);
		abort();
	}
}

static void read_keys(struct scenario *s, const struct json *keys, struct resolve_sighting *to)
{
	struct resolve_key *k = arena_alloc(s->arena, json_len(keys) * sizeof *k);

	for (size_t i = 0; i < json_len(keys); i++)
		read_key(s, json_str(json_at(keys, i)), &k[i]);
	to->keys = k;
	to->keys_n = json_len(keys);
}

static enum resolve_kind read_kind(const char *word)
{
	static const char *const words[] = {"unknown", "physical", "vm", "container"};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i], word) == 0)
			return (enum resolve_kind)i;
	fprintf(stderr, "there is no kind %s\n", word);
	abort();
}

static size_t new_sighting(struct scenario *s, const char *name)
{
	struct resolve_sighting *to = &s->sightings[s->n];
	char *source = arena_strdup(s->arena, name), *slash = strchr(source, '/');

	assert(s->n < SIGHTINGS_MAX);
	if (slash)
		*slash = '\0';
	*to = (struct resolve_sighting){.source = source,
		.key = slash ? slash + 1 : "",
		.on = slash ? "" : NULL,
		.live = true,
		.running = true,
		.since_ms = s->now_ms,
		.host = is_host(s, source)};
	s->names[s->n] = arena_strdup(s->arena, name);
	return s->n++;
}

static void read_sighting(struct scenario *s, const struct json *j)
{
	static const char *const known[] = {"name", "on", "live", "ended", "running", "context",
		"kind", "since", "seen", "keys", "machine", NULL};
	const char *name = json_str(json_get(j, "name")), *kind = json_str(json_get(j, "kind"));
	size_t at = find(s, name);
	struct resolve_sighting *to =
		&s->sightings[at == RESOLVE_NONE ? new_sighting(s, name) : at];
	int64_t since;
	struct err e = ERR_INIT;

	if (json_only(j, known, &e)) {
		fprintf(stderr, "%s, %s: %s\n", s->path, name, e.text);
		abort();
	}
	if (json_has(j, "on"))
		to->on = json_str(json_get(j, "on")); /* null: NULL */
	json_to_bool(json_get(j, "live"), &to->live);
	json_to_bool(json_get(j, "running"), &to->running);
	json_to_bool(json_get(j, "context"), &to->context);
	if (json_to_bool(json_get(j, "ended"), &to->ended) == 0 && to->ended)
		to->live = false;
	if (kind)
		to->kind = read_kind(kind);
	if (json_to_int(json_get(j, "since"), &since) == 0)
		to->since_ms = since * 1000;
	if (json_to_int(json_get(j, "seen"), &since) == 0)
		to->seen_ms = since * 1000;
	if (json_has(j, "machine"))
		to->machine = json_str(json_get(j, "machine"));
	if (json_has(j, "keys"))
		read_keys(s, json_get(j, "keys"), to);
}

static void read_word(struct scenario *s, const char *text)
{
	char a[64], b[64], how[4];

	assert(sscanf(text, "%63s %3s %63s", a, how, b) == 3 && s->words_n < SIGHTINGS_MAX);
	s->words[s->words_n++] = (struct resolve_word){
		must_find(s, a), must_find(s, b), strcmp(how, "=") == 0, s->now_ms};
}

static void forget(struct scenario *s, const char *name)
{
	size_t at = must_find(s, name);

	assert(s->words_n == 0); /* words are kept by index here */
	s->n--;
	memmove(&s->sightings[at], &s->sightings[at + 1], (s->n - at) * sizeof *s->sightings);
	memmove(&s->names[at], &s->names[at + 1], (s->n - at) * sizeof *s->names);
}

static void read_step(struct scenario *s, const struct json *step, struct resolve_input *in)
{
	int64_t now = s->now_ms / 1000 + 1000;
	const struct json *list;
	char a[64], b[64];

	s->say = json_str(json_get(step, "say"));
	json_to_int(json_get(step, "now"), &now);
	s->now_ms = now * 1000;
	list = json_get(step, "gone");
	for (size_t i = 0; i < json_len(list); i++)
		forget(s, json_str(json_at(list, i)));
	list = json_get(step, "sightings");
	for (size_t i = 0; i < json_len(list); i++)
		read_sighting(s, json_at(list, i));
	for (size_t i = 0; i < s->n; i++)
		if (s->sightings[i].live)
			s->sightings[i].seen_ms = s->now_ms;
	list = json_get(step, "words");
	for (size_t i = 0; i < json_len(list); i++)
		read_word(s, json_str(json_at(list, i)));
	list = json_get(step, "above");
	for (size_t i = 0; i < json_len(list); i++) {
		assert(sscanf(json_str(json_at(list, i)), "%63s > %63s", a, b) == 2);
		s->above[i] = (struct resolve_above){
			arena_strdup(s->arena, a), arena_strdup(s->arena, b)};
	}
	*in = (struct resolve_input){
		s->sightings, s->n, s->words, s->words_n, s->above, json_len(list)};
}

/* ---- the answer in lines ---- */

static const char *mint(struct scenario *s, const char *name)
{
	for (bool taken = true; taken;) {
		taken = false;
		for (size_t i = 0; i < s->ids_n; i++)
			taken |= strcmp(s->ids[i], name) == 0;
		if (taken)
			name = arena_printf(s->arena, "%s'", name);
	}
	assert(s->ids_n < LINES_MAX);
	s->ids[s->ids_n++] = name;
	return name;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *sorted(struct scenario *s, const char **names, size_t n)
{
	const char *text = "";

	qsort(names, n, sizeof *names, by_text);
	for (size_t i = 0; i < n; i++)
		text = arena_printf(s->arena, "%s%s%s", text, i ? " " : "", names[i]);
	return text;
}

static const char *sorted_words(struct scenario *s, const char *text)
{
	const char *names[SIGHTINGS_MAX];
	size_t n = 0;

	for (char *copy = arena_strdup(s->arena, text), *save, *word = strtok_r(copy, " ", &save);
		word; word = strtok_r(NULL, " ", &save))
		names[n++] = word;
	return sorted(s, names, n);
}

static void got_machines(
	struct scenario *s, const struct resolve_output *out, const char **ids, struct lines *l)
{
	for (size_t g = 0; g < out->groups_n; g++) {
		const struct resolve_group *group = &out->groups[g];
		const char *names[SIGHTINGS_MAX];
		for (size_t i = 0; i < group->n; i++)
			names[i] = s->names[out->members[group->first + i]];
		ids[g] = group->machine ? group->machine : mint(s, names[0]);
		add_line(l, arena_printf(s->arena, "%s: %s", ids[g], sorted(s, names, group->n)));
	}
}

static void got_links(struct scenario *s, const struct resolve_output *out, const char **ids,
	struct lines *certain, struct lines *doubt)
{
	for (size_t i = 0; i < out->links_n; i++) {
		const struct resolve_link *k = &out->links[i];
		if (k->certain)
			add_line(certain,
				arena_printf(s->arena, "%s > %s%s", ids[k->guest], ids[k->host],
					k->live ? "" : " as of"));
		else
			add_line(doubt,
				arena_printf(s->arena, "%s ? %s %s", ids[k->guest], ids[k->host],
					resolve_reason_word(k->reason)));
	}
}

static const char *evidence_line(struct scenario *s, const struct resolve_evidence *e)
{
	const struct resolve_sighting *a = &s->sightings[e->a];

	return arena_printf(s->arena, "%s %s %s %s", s->names[e->a],
		e->b == RESOLVE_NONE ? "-" : s->names[e->b],
		e->key == RESOLVE_NONE ? "-" : resolve_key_word(a->keys[e->key].kind),
		resolve_reason_word(e->reason));
}

/* ---- comparing ---- */

static void right_lines(struct lines *l, const struct json *list)
{
	for (size_t i = 0; i < json_len(list); i++)
		add_line(l, json_str(json_at(list, i)));
}

/* Pairs of sightings that share a machine: which by the file, which by the answer. */
static void count_pairs(
	struct scenario *s, const struct lines *right, const struct resolve_output *out)
{
	size_t of[SIGHTINGS_MAX];

	for (size_t i = 0; i < s->n; i++) {
		of[i] = RESOLVE_NONE;
		for (size_t j = 0; j < right->n; j++) {
			const char *names =
				arena_printf(s->arena, "%s ", strchr(right->line[j], ':') + 1);
			if (strstr(names, arena_printf(s->arena, " %s ", s->names[i])))
				of[i] = j;
		}
	}
	for (size_t i = 0; i < s->n; i++)
		for (size_t j = 0; j < i; j++) {
			bool same = of[i] != RESOLVE_NONE && of[i] == of[j];
			bool got = out->places[i].group != RESOLVE_NONE &&
				out->places[i].group == out->places[j].group;
			s->count->pairs_right += same && got;
			s->count->pairs_missed += same && !got;
			s->count->pairs_wrong += !same && got;
		}
}

static void compare_machines(struct scenario *s, const struct json *step,
	const struct resolve_output *out, const char **ids)
{
	struct lines right = {.n = 0}, got = {.n = 0};

	for (struct json_iter it = json_iter(json_get(step, "machines")); json_next(&it);)
		add_line(&right,
			arena_printf(
				s->arena, "%s: %s", it.key, sorted_words(s, json_str(it.value))));
	got_machines(s, out, ids, &got);
	compare(s, "machine", &right, &got);
	count_pairs(s, &right, out);
}

static void compare_links(struct scenario *s, const struct json *step,
	const struct resolve_output *out, const char **ids)
{
	struct lines right = {.n = 0}, got = {.n = 0}, right_doubt = {.n = 0}, got_doubt = {.n = 0};

	right_lines(&right, json_get(step, "links"));
	right_lines(&right_doubt, json_get(step, "doubt"));
	got_links(s, out, ids, &got, &got_doubt);
	compare(s, "link", &right, &got);
	compare(s, "link in doubt", &right_doubt, &got_doubt);
	for (size_t i = 0; i < right.n; i++)
		*(has_line(&got, right.line[i]) ? &s->count->links_right
						: &s->count->links_missed) += 1;
	for (size_t i = 0; i < got.n; i++)
		s->count->links_wrong += !has_line(&right, got.line[i]);
}

static void compare_rest(struct scenario *s, const struct json *step,
	const struct resolve_output *out, const char **ids)
{
	struct lines nowhere = {.n = 0}, got = {.n = 0}, absorbed = {.n = 0}, gone = {.n = 0};
	const struct json *why = json_get(step, "why");
	int64_t again = 0;

	for (struct json_iter it = json_iter(json_get(step, "nowhere")); json_next(&it);)
		add_line(&nowhere, arena_printf(s->arena, "%s %s", it.key, json_str(it.value)));
	for (size_t i = 0; i < s->n; i++)
		if (out->places[i].group == RESOLVE_NONE)
			add_line(&got,
				arena_printf(s->arena, "%s %s", s->names[i],
					resolve_reason_word(out->places[i].reason)));
	compare(s, "sighting without a machine", &nowhere, &got);
	for (struct json_iter it = json_iter(json_get(step, "absorbed")); json_next(&it);)
		add_line(&absorbed,
			arena_printf(s->arena, "%s by %s", it.key,
				json_str(it.value) ? json_str(it.value) : "none"));
	for (size_t i = 0; i < out->absorbed_n; i++)
		add_line(&gone,
			arena_printf(s->arena, "%s by %s", out->absorbed[i].machine,
				out->absorbed[i].into == RESOLVE_NONE
					? "none"
					: ids[out->absorbed[i].into]));
	compare(s, "absorbed", &absorbed, &gone);
	for (size_t i = 0; i < json_len(why); i++) {
		bool there = false;
		for (size_t j = 0; j < out->evidence_n; j++)
			there |= strcmp(evidence_line(s, &out->evidence[j]),
					 json_str(json_at(why, i))) == 0;
		if (!there)
			problem(s, "evidence missing", json_str(json_at(why, i)));
	}
	json_to_int(json_get(step, "again"), &again);
	if (out->again_ms != again * 1000)
		problem(s, "to resolve again",
			arena_printf(s->arena, "at %lld ms", (long long)out->again_ms));
}

static void run_step(struct scenario *s, const struct json *step)
{
	static const char *const known[] = {"say", "now", "sightings", "gone", "words", "above",
		"machines", "nowhere", "links", "doubt", "absorbed", "why", "again", NULL};
	const char *ids[SIGHTINGS_MAX];
	struct resolve_input in;
	struct resolve_output out;
	struct err e = ERR_INIT;

	read_step(s, step, &in);
	if (json_only(step, known, &e))
		problem(s, "this file", e.text);
	resolve(&in, s->arena, &out);
	resolve_check_all(&in, s->arena);
	compare_machines(s, step, &out, ids);
	compare_links(s, step, &out, ids);
	compare_rest(s, step, &out, ids);
	for (size_t i = 0; i < s->n; i++)
		s->sightings[i].machine =
			out.places[i].group == RESOLVE_NONE ? NULL : ids[out.places[i].group];
	s->count->steps++;
}

void scenario_run(const char *path, struct scenario_count *count, struct buf *problems)
{
	struct scenario *s = xcalloc(1, sizeof *s);
	struct err e = ERR_INIT;
	const char *base = strrchr(path, '/');
	struct json *file;
	struct buf text;

	buf_init(&text, 1 << 20);
	if (file_read(path, &text, &e) || !(file = json_parse(buf_str(&text), text.len, &e))) {
		fprintf(stderr, "%s: %s\n", path, e.text);
		abort();
	}
	*s = (struct scenario){.path = base ? base + 1 : path,
		.arena = arena_new(),
		.file = file,
		.count = count,
		.problems = problems};
	for (size_t i = 0; i < json_len(json_get(file, "steps")); i++)
		run_step(s, json_at(json_get(file, "steps"), i));
	arena_free(s->arena);
	free(s);
	json_free(file);
	buf_release(&text);
}
