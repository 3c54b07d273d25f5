/* SPDX-License-Identifier: Apache-2.0 */
/*
 * him tree: what runs on what, drawn. The server answers a list in which each machine says what it runs on; here it becomes a
 * tree, below groups where a person asked for them. A machine of which it is not certain where it runs stands below the
 * first candidate, marked. The same list becomes a graph for Graphviz.
 */
#include "base/clock.h"
#include "cli/api.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/when.h"
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct spot { /* a machine, or a group, in the tree */
	const char *key;
	const struct json *m; /* NULL: a group */
	struct spot *child, *last, *next, *parent;
	UT_hash_handle hh;
};

struct drawing {
	struct cli *c;
	struct spot *known, root, *spots;
	size_t n;
	struct libscols_table *table;
	int64_t now_ms;
};

static const char *text_of(const struct json *m, const char *key)
{
	const char *text = json_str(json_get(m, key));

	return text ? text : "";
}

/* ---- the list as a tree ---- */

static void spot_hang(struct spot *parent, struct spot *s)
{
	s->parent = parent;
	if (parent->last)
		parent->last->next = s;
	else
		parent->child = s;
	parent->last = s;
}

static struct spot *spot_find(struct drawing *d, const char *key)
{
	struct spot *s;

	HASH_FIND_STR(d->known, key, s);
	return s;
}

static struct spot *group_of(struct drawing *d, const struct json *m)
{
	const char *group = json_str(json_get(m, "group"));
	struct spot *s;

	if (!group)
		group = "not known";
	s = spot_find(d, arena_printf(d->c->arena, "group %s", group));
	if (s)
		return s;
	s = arena_alloc(d->c->arena, sizeof *s);
	s->key = arena_printf(d->c->arena, "group %s", group);
	HASH_ADD_KEYPTR(hh, d->known, s->key, strlen(s->key), s);
	spot_hang(&d->root, s);
	return s;
}

/* The server promises that what is certain makes no circle; what is not may, and is hung where it makes none. */
static bool below(const struct spot *s, const struct spot *of)
{
	for (; s; s = s->parent)
		if (s == of)
			return true;
	return false;
}

static struct spot *host_of(struct drawing *d, struct spot *s)
{
	const struct json *hosts = json_get(s->m, "runs_on");

	for (size_t i = 0; i < json_len(hosts); i++) {
		struct spot *host = spot_find(d, text_of(json_at(hosts, i), "him.host"));
		if (host && !below(host, s))
			return host;
	}
	return NULL;
}

static void grow(struct drawing *d, const struct json *list, bool grouped)
{
	d->n = json_len(list);
	d->spots = arena_alloc(d->c->arena, (d->n + 1) * sizeof *d->spots);
	for (size_t i = 0; i < d->n; i++) {
		struct spot *s = &d->spots[i];
		s->m = json_at(list, i);
		s->key = text_of(s->m, "id");
		HASH_ADD_KEYPTR(hh, d->known, s->key, strlen(s->key), s);
	}
	for (size_t i = 0; i < d->n; i++) {
		struct spot *s = &d->spots[i], *host = host_of(d, s);
		spot_hang(host ? host : grouped ? group_of(d, s->m) : &d->root, s);
	}
}

/* ---- a line (what a terminal must not get, the table escapes) ---- */

static const char *name_of(const struct json *m)
{
	const char *name = text_of(m, "name");

	if (!*name)
		name = text_of(m, "id");
	return name;
}

/* "online", what its host says where no agent speaks, and both where they differ. */
static const char *state_of(const struct drawing *d, const struct json *m)
{
	const char *state = text_of(m, "state"), *power = text_of(m, "him.power");

	if (!*state)
		return power;
	if (!*power || strcmp(power, "running") == 0)
		return state;
	return arena_printf(d->c->arena, "%s, %s", state, power);
}

static const char *kind_of(const struct drawing *d, const struct json *m)
{
	const char *kind = text_of(m, "him.kind"), *on = text_of(m, "him.hypervisor"),
		   *container = text_of(m, "him.container");

	if (strcmp(kind, "container") == 0 && *container)
		on = container;
	return *on && *kind ? arena_printf(d->c->arena, "%s (%s)", kind, on) : kind;
}

static const char *age(const struct drawing *d, const char *time)
{
	char text[32];
	int64_t ms;

	if (!d->c->terminal || clock_parse(time, &ms) < 0)
		return time;
	return arena_strdup(d->c->arena, format_age(ms, d->now_ms, text));
}

static const char *note_of(const struct drawing *d, const struct spot *s)
{
	const struct json *hosts = json_get(s->m, "runs_on"), *first = json_at(hosts, 0);
	const char *as_of = text_of(first, "as_of");
	bool certain = true;

	json_to_bool(json_get(first, "certain"), &certain);
	if (!certain)
		return json_len(hosts) > 1
			? arena_printf(
				  d->c->arena, "not certain: one of %zu hosts", json_len(hosts))
			: "not certain";
	if (*as_of)
		return arena_printf(d->c->arena, "as of %s", age(d, as_of));
	return "";
}

static struct libscols_line *line_add(
	struct drawing *d, struct libscols_line *parent, const char *const *cells, size_t n)
{
	struct libscols_line *line = scols_table_new_line(d->table, parent);

	for (size_t i = 0; i < n; i++)
		scols_line_set_data(line, i, cells[i]);
	return line;
}

static void draw(struct drawing *d, const struct spot *s, struct libscols_line *parent)
{
	struct libscols_line *line;
	int64_t hidden = 0;

	if (s->m) {
		const char *cells[] = {name_of(s->m), state_of(d, s->m), kind_of(d, s->m),
			text_of(s->m, "him.site"), text_of(s->m, "os.description"), note_of(d, s)};
		line = line_add(d, parent, cells, 6);
		if (d->c->color && *format_color(text_of(s->m, "state")))
			scols_cell_set_color(
				scols_line_get_cell(line, 1), format_color(text_of(s->m, "state")));
	} else {
		const char *cells[] = {s->key + strlen("group ")};
		line = line_add(d, parent, cells, 1);
	}
	for (const struct spot *child = s->child; child; child = child->next)
		draw(d, child, line);
	if (json_to_int(json_get(s->m, "hidden_guests"), &hidden) == 0 && hidden > 0) {
		const char *cells[] = {arena_printf(
			d->c->arena, "%lld more outside your sites", (long long)hidden)};
		line_add(d, line, cells, 1);
	}
}

static void print_tree(struct drawing *d)
{
	static const char *const headings[] = {"NAME", "STATE", "KIND", "SITE", "OS", ""};

	d->table = scols_new_table();
	scols_table_enable_colors(d->table, d->c->color);
	for (size_t i = 0; i < 6; i++)
		scols_table_new_column(d->table, headings[i], 0.1,
			(i == 0 ? SCOLS_FL_TREE : 0) |
				(i > 3 && d->c->terminal ? SCOLS_FL_TRUNC : 0));
	for (const struct spot *s = d->root.child; s; s = s->next)
		draw(d, s, NULL);
	if (d->root.child)
		scols_print_table(d->table);
	scols_unref_table(d->table);
}

/* ---- for Graphviz ---- */

static const char *quoted(const struct drawing *d, const char *text)
{
	char *out = arena_alloc(d->c->arena, 2 * strlen(text) + 3), *to = out;

	*to++ = '"';
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			*to++ = '\\';
		*to++ = *text;
	}
	*to++ = '"';
	return out;
}

static void print_dot(const struct drawing *d)
{
	printf("digraph him {\n\trankdir=BT;\n\tnode [shape=box];\n");
	for (size_t i = 0; i < d->n; i++) {
		const struct json *m = d->spots[i].m, *hosts = json_get(m, "runs_on");
		const char *name = name_of(m);
		name = format_clean(d->c->arena, name, strlen(name));
		printf("\t%s [label=%s];\n", quoted(d, d->spots[i].key), quoted(d, name));
		for (size_t k = 0; k < json_len(hosts); k++) {
			bool certain = true;
			json_to_bool(json_get(json_at(hosts, k), "certain"), &certain);
			printf("\t%s -> %s%s;\n", quoted(d, d->spots[i].key),
				quoted(d, text_of(json_at(hosts, k), "him.host")),
				certain ? "" : " [style=dashed]");
		}
	}
	printf("}\n");
}

int cmd_tree(struct cli *c, const struct args *a, struct err *e)
{
	struct drawing d = {.c = c, .now_ms = clock_now_ms()};
	const char *at = args_get(a, "at"), *by = args_get(a, "by");
	char time[CLOCK_TEXT];
	struct json *answer = NULL;
	int64_t ms;
	int rc;

	if (at && when_parse(at, "at", d.now_ms, &ms, e) < 0)
		return -1;
	if (api_get(c,
		    api_path(c, "/tree", "query", a->n_words ? a->words[0] : NULL, "at",
			    at ? clock_format(ms, time) : NULL, "by", by, NULL),
		    &answer, e) < 0)
		return -1;
	if (c->json) {
		rc = cli_print_json(c, answer, e);
	} else {
		rc = 0;
		grow(&d, json_get(answer, "machines"), by != NULL);
		if (args_flag(a, "dot"))
			print_dot(&d);
		else
			print_tree(&d);
		HASH_CLEAR(hh, d.known);
	}
	json_free(answer);
	return rc;
}
