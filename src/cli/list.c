/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of records. A page is dropped once its rows were printed (JSON) or its shown cells were copied (table), so a
 * list of everything costs no more memory than what is shown of it.
 */
#include "cli/list.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/api.h"
#include "cli/format.h"
#include "core/target.h"
#include <ctype.h>
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 64

/* ---- pages ---- */

/* The rows of one page, at most *left (negative: no limit). *next is where the following one begins; NULL: none. */
static int walk_page(struct cli *c, const struct list *l, const char *path, int64_t *left,
	const char **next, list_each *each, void *ctx, struct err *e)
{
	int64_t size = *left >= 0 && *left < l->page ? *left : l->page;
	struct json *answer = NULL, *rows;
	const char *limit = l->page ? arena_printf(c->arena, "%lld", (long long)size) : NULL;
	size_t n;
	int rc = api_get(c, api_path(c, path, "limit", limit, "after", *next, NULL), &answer, e);

	rows = json_get(answer, l->name);
	if (rc == 0 && json_type(rows) != JSON_ARRAY)
		rc = err_set(e, ERR_PROTOCOL, "the server's answer holds no list '%s'", l->name);
	n = json_len(rows);
	for (size_t i = 0; rc == 0 && i<n && * left != 0; i++, *left -= *left> 0)
		rc = each(ctx, json_at(rows, i), e);
	*next = arena_strdup(c->arena, json_str(json_get(answer, "next")));
	json_free(answer);
	return rc;
}

int list_walk(struct cli *c, const struct list *l, const char *path, int64_t limit,
	const char **next, list_each *each, void *ctx, struct err *e)
{
	const char *after = NULL;
	int rc;

	do {
		rc = walk_page(c, l, path, &limit, &after, each, ctx, e);
	} while (rc == 0 && after && limit != 0);
	if (next)
		*next = after;
	return rc;
}

/* ---- values ---- */

static bool is_size(const char *key)
{
	static const char *const sizes[] = {"host.memory", "him.swap", "him.disk"};

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		if (strcmp(sizes[i], key) == 0)
			return true;
	return text_ends(key, "_bytes") || text_ends(key, "_dropped");
}

char *list_value(
	const struct cli *c, enum model_id record, const char *key, const struct json *value)
{
	const struct model_field *f = model_field(&model_records[record], key);
	char text[32];
	int64_t n;

	if (f && f->type == MODEL_TIME && c->terminal && json_str(value) &&
		clock_parse(json_str(value), &n) == 0)
		return arena_strdup(c->arena, format_age(n, clock_now_ms(), text));
	if (json_to_int(value, &n) == 0 && is_size(key))
		return arena_strdup(c->arena, text_size_format(n, text));
	if (json_to_int(value, &n) == 0 && text_ends(key, "_ms"))
		return arena_strdup(c->arena, format_span(n, text));
	if (record == MODEL_action && strcmp(key, "command") == 0)
		return format_command(c->arena, value);
	return format_json(c->arena, value);
}

/* ---- columns ---- */

struct shown {
	const struct column *extra; /* NULL: a member */
	const char *key;
	bool right, colored;
};

struct table {
	struct cli *c;
	const struct list *l;
	struct shown columns[COLUMNS_MAX];
	size_t n;
	struct libscols_table *scols;
	size_t rows;
};

static const struct column *extra_column(const struct list *l, const char *name)
{
	for (const struct column *x = l->extra; x && x->name; x++)
		if (strcmp(x->name, name) == 0)
			return x;
	return NULL;
}

/* The member that a person means by name: itself, or what a query calls so (machines only), or without "him." */
static const struct model_field *member(const struct list *l, const char *name)
{
	const struct model_record *r = &model_records[l->record];
	struct target_name t;
	char full[80];

	for (size_t i = 0; l->record == MODEL_machine && target_name(i, &t); i++)
		if (t.alias && strcasecmp(t.alias, name) == 0)
			name = t.name;
	for (size_t i = 0; i < r->n; i++) {
		snprintf(full, sizeof full, "him.%.60s", name);
		if (!(r->fields[i].flags & HIDDEN) &&
			(strcasecmp(r->fields[i].name, name) == 0 ||
				strcasecmp(r->fields[i].name, full) == 0))
			return &r->fields[i];
	}
	/* Every address is what a query may mean; a table shows the one of the default route. */
	snprintf(full, sizeof full, "host.%.60s", name);
	return l->record == MODEL_machine ? model_field(r, full) : NULL;
}

static int unknown_column(const struct list *l, const char *name, struct err *e)
{
	const struct model_record *r = &model_records[l->record];
	const char *words[COLUMNS_MAX + 64], *near;
	size_t n = 0;

	for (const struct column *x = l->extra; x && x->name; x++)
		words[n++] = x->name;
	for (size_t i = 0; i < r->n && n < COLUMNS_MAX + 64; i++)
		if (!(r->fields[i].flags & HIDDEN))
			words[n++] = r->fields[i].name;
	near = text_nearest(name, words, n);
	return err_set(e, ERR_USAGE, "there is no column '%.60s'%s%s%s; --help lists them", name,
		near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int add_column(struct table *t, const char *name, struct err *e)
{
	struct shown *s = &t->columns[t->n];
	const struct model_field *f;

	if (t->n == COLUMNS_MAX)
		return err_set(e, ERR_USAGE, "more than %d columns", COLUMNS_MAX);
	*s = (struct shown){.extra = extra_column(t->l, name), .key = name};
	if (!s->extra) {
		f = member(t->l, name);
		if (!f)
			return unknown_column(t->l, name, e);
		s->key = f->name;
		s->right = f->type == MODEL_INT;
		s->colored = strcmp(f->name, "state") == 0 || strcmp(f->name, "severity") == 0;
	}
	t->n++;
	return 0;
}

static int add_columns(struct table *t, const char *list, struct err *e)
{
	char *names[COLUMNS_MAX + 1], *copy = arena_strdup(t->c->arena, list);
	size_t n = text_split(copy, ",", names, COLUMNS_MAX + 1);

	for (size_t i = 0; i < n; i++)
		if (add_column(t, names[i], e) < 0)
			return -1;
	return 0;
}

static int choose_columns(struct table *t, const char *asked, struct err *e)
{
	if ((!asked || *asked == '+') && add_columns(t, t->l->columns, e) < 0)
		return -1;
	return asked ? add_columns(t, *asked == '+' ? asked + 1 : asked, e) : 0;
}

/* "him.site" is SITE, "host.cpu.model.name" CPU MODEL NAME. */
static const char *heading(struct arena *a, const char *key)
{
	static const char *const silent[] = {"him.", "host."};
	char *text;

	for (size_t i = 0; i < 2; i++)
		if (text_starts(key, silent[i]) && strcmp(key, "host.name") != 0)
			key += strlen(silent[i]);
	text = arena_strdup(a, key);
	for (char *p = text; *p; p++)
		*p = *p == '.' || *p == '_' ? ' ' : (char)toupper((unsigned char)*p);
	return text;
}

/* ---- the table ---- */

/* What may be cut where the terminal is too narrow: long texts, but no name, id, number or progress. */
static bool may_be_cut(const struct table *t, size_t i)
{
	const struct shown *s = &t->columns[i];

	if (i == 0 || !t->c->terminal)
		return false;
	return i == t->n - 1 || (!s->extra && !s->right && strcmp(s->key, "id") != 0);
}

static void open_table(struct table *t, bool headings)
{
	t->scols = scols_new_table();
	scols_table_enable_noheadings(t->scols, !headings);
	scols_table_enable_colors(t->scols, t->c->color);
	for (size_t i = 0; i < t->n; i++)
		scols_table_new_column(t->scols, heading(t->c->arena, t->columns[i].key), 0.1,
			(t->columns[i].right ? SCOLS_FL_RIGHT : 0) |
				(may_be_cut(t, i) ? SCOLS_FL_TRUNC : 0));
}

static int add_row(void *ctx, const struct json *row, struct err *e)
{
	struct table *t = ctx;
	struct libscols_line *line = scols_table_new_line(t->scols, NULL);
	struct arena *a = t->c->arena, *brief = arena_new();

	t->c->arena = brief; /* what list_value makes lives as long as this row's work */
	for (size_t i = 0; line && i < t->n; i++) {
		const struct shown *s = &t->columns[i];
		const char *text = s->extra
			? s->extra->make(brief, row)
			: list_value(t->c, t->l->record, s->key, json_get(row, s->key));
		scols_line_set_data(line, i, *text ? text : t->c->terminal ? "-" : "");
		if (s->colored && t->c->color && *format_color(text))
			scols_cell_set_color(scols_line_get_cell(line, i), format_color(text));
	}
	t->c->arena = a;
	arena_free(brief);
	t->rows++;
	return line ? 0 : err_set(e, ERR_INTERNAL, "a row of the table could not be made");
}

static int print_table(
	struct table *t, const char *path, int64_t limit, bool headings, struct err *e)
{
	int rc;

	open_table(t, headings);
	rc = list_walk(t->c, t->l, path, limit, NULL, add_row, t, e);
	if (rc == 0 && t->rows)
		scols_print_table(t->scols);
	else if (rc == 0 && t->c->terminal)
		fprintf(stderr, "no %s\n", t->l->name);
	scols_unref_table(t->scols);
	return rc;
}

/* ---- JSON ---- */

struct printer {
	const char *name;
	struct buf b;
	size_t rows;
};

static int print_row(void *ctx, const struct json *row, struct err *e)
{
	struct printer *p = ctx;

	buf_clear(&p->b);
	if (json_print(row, &p->b) < 0)
		return err_set(e, ERR_TOO_LARGE, "a row is too large to print");
	if (p->rows++ == 0)
		printf("{\"%s\":[\n%s", p->name,
			buf_str(&p->b)); /* not before something came: it may be an error */
	else
		printf(",\n%s", buf_str(&p->b));
	return 0;
}

static int print_json(
	struct cli *c, const struct list *l, const char *path, int64_t limit, struct err *e)
{
	struct printer p = {.name = l->name};
	struct json *end;
	const char *next;
	int rc;

	buf_init(&p.b, 256 << 20);
	rc = list_walk(c, l, path, limit, &next, print_row, &p, e);
	if (rc == 0) {
		end = json_string(next);
		buf_clear(&p.b);
		json_print(end, &p.b);
		if (p.rows)
			printf("\n],\"next\":%s}\n", buf_str(&p.b));
		else
			printf("{\"%s\":[],\"next\":%s}\n", l->name, buf_str(&p.b));
		json_free(end);
	}
	buf_release(&p.b);
	return rc;
}

int list_print(
	struct cli *c, const struct args *a, const struct list *l, const char *path, struct err *e)
{
	struct table t = {.c = c, .l = l};
	int64_t limit = -1;

	if (args_int(a, "limit", 1, INT64_MAX, &limit, e) < 0 ||
		choose_columns(&t, args_get(a, "columns"), e) < 0)
		return -1;
	if (c->json)
		return print_json(c, l, path, limit, e);
	return print_table(&t, path, limit, !args_flag(a, "no-headings"), e);
}
