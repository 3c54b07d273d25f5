/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the tree to SQL. The text holds columns, operators and parameter numbers that stand in this program, nothing of
 * what was asked: values are parameters only. Each term is true or false, never unknown (a column without a value is
 * false), so that `not` means what it says. The scope is AND-ed outside the whole, in parentheses of its own.
 */
#include "core/target_internal.h"
#include <ctype.h>
#include <string.h>

struct maker {
	struct arena *arena;
	struct buf text;
	struct target_param *params;
	size_t n, room;
	int64_t now_ms;
	const struct target_scope *scope;
};

/* Adds a parameter; its number. */
static int param(struct maker *m, struct target_param p)
{
	if (m->n == m->room) {
		size_t room = m->room ? 2 * m->room : 16;
		struct target_param *bigger = arena_alloc(m->arena, room * sizeof *bigger);
		if (m->n)
			memcpy(bigger, m->params, m->n * sizeof *bigger);
		m->params = bigger;
		m->room = room;
	}
	m->params[m->n++] = p;
	return (int)m->n;
}

static int param_int(struct maker *m, int64_t v)
{
	return param(m, (struct target_param){.is_int = true, .i = v});
}

static int param_text(struct maker *m, const char *text)
{
	return param(m, (struct target_param){.text = arena_strdup(m->arena, text)});
}

static char *lower(char *s)
{
	for (char *p = s; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return s;
}

/* ---- text ---- */

/* A pattern of ours as one of LIKE's, whose own marks get its escape. */
static char *like_of(const char *glob, struct arena *a)
{
	char *out = arena_alloc(a, 2 * strlen(glob) + 1), *to = out;

	for (; *glob; glob++) {
		bool plain = *glob == '\\' && glob[1];
		if (plain)
			glob++;
		if (!plain && *glob == '*') {
			if (to == out || to[-1] != '%' || (to - out > 1 && to[-2] == '\\'))
				*to++ = '%'; /* one is as good as several in a row, and cheaper */
			continue;
		}
		if (!plain && *glob == '?') {
			*to++ = '_';
			continue;
		}
		if (strchr("%_\\", *glob))
			*to++ = '\\';
		*to++ = *glob;
	}
	return lower(out);
}

/* "column = ?" or "column LIKE ?". */
static void text_is(struct maker *m, const char *column, const char *glob)
{
	bool wild;
	char *plain = lower(target_plain(glob, m->arena, &wild));

	if (wild)
		buf_printf(&m->text, "%s LIKE ?%d ESCAPE '\\'", column,
			param_text(m, like_of(glob, m->arena)));
	else
		buf_printf(&m->text, "%s = ?%d", column, param_text(m, plain));
}

static void term_text(
	struct maker *m, const char *column, enum target_sort sort, const struct target_value *v)
{
	const char *compared =
		sort == TARGET_TEXT ? arena_printf(m->arena, "lower(%s)", column) : column;

	buf_printf(&m->text, "(%s IS NOT NULL AND ", column);
	if (v->any)
		buf_printf(&m->text, "%s <> ''", column);
	else
		text_is(m, compared, v->glob);
	buf_adds(&m->text, ")");
}

/* ---- addresses ---- */

struct network_text {
	struct maker *m;
	const char *column;
	int count;
};

static void network_add(void *ctx, const char *like)
{
	struct network_text *t = ctx;

	buf_printf(&t->m->text, "%s%s LIKE ?%d", t->count++ ? " OR " : "", t->column,
		param_text(t->m, like));
}

static void address_is(
	struct maker *m, const char *column, enum target_sort sort, const struct target_value *v)
{
	struct network_text net = {m, column, 0};
	bool wild;
	char *plain = target_plain(v->glob, m->arena, &wild), canonical[64];

	if (!wild && sort == TARGET_IP && strchr(plain, '/'))
		(void)target_network(plain, network_add, &net, NULL); /* the parser took it */
	else if (!wild &&
		(sort == TARGET_IP ? target_ip(plain, canonical) : target_mac(plain, canonical)) ==
			0)
		buf_printf(&m->text, "%s = ?%d", column, param_text(m, canonical));
	else
		text_is(m, column, v->glob);
}

static void term_address(
	struct maker *m, const struct target_field *f, const struct target_value *v)
{
	const char *column = f->column ? arena_printf(m->arena, "m.%s", f->column) : "x.value";

	if (f->column)
		buf_printf(&m->text, "(%s IS NOT NULL AND %s <> ''", column, column);
	else
		buf_printf(&m->text,
			"EXISTS (SELECT 1 FROM addresses x WHERE x.machine = m.id AND x.kind = "
			"'%s'",
			f->sort == TARGET_IP ? "ip" : "mac");
	if (!v->any) {
		buf_adds(&m->text, " AND (");
		address_is(m, column, f->sort, v);
		buf_adds(&m->text, ")");
	}
	buf_adds(&m->text, ")");
}

/* ---- numbers and times ---- */

static void term_number(struct maker *m, const struct target_query *q, const struct target_value *v)
{
	static const char *const ops[] = {"=", "<", "<=", ">", ">="};

	buf_printf(&m->text, "(m.%s IS NOT NULL", q->field->column);
	if (!v->any)
		buf_printf(&m->text, " AND m.%s %s ?%d", q->field->column, ops[q->op],
			param_int(m, v->low));
	buf_adds(&m->text, ")");
}

/* A time lies in [low, high) or before or after it; an age grows the other way. */
static void term_time(struct maker *m, const struct target_query *q, const struct target_value *v)
{
	static const enum target_op mirrored[] = {
		TARGET_IS, TARGET_MORE, TARGET_AT_LEAST, TARGET_LESS, TARGET_AT_MOST};
	enum target_op op = v->relative ? mirrored[q->op] : q->op;
	int64_t low = v->relative ? m->now_ms - v->low : v->low,
		high = v->relative ? low + 1 : v->high;
	const char *column = arena_printf(m->arena, "m.%s", q->field->column);

	/* A machine that is online is heard of now: nothing is written while it stays so. */
	if (strcmp(q->field->name, "seen") == 0)
		column = arena_printf(m->arena,
			"(CASE WHEN m.state = 'online' THEN ?%d ELSE m.seen END)",
			param_int(m, m->now_ms));
	buf_printf(&m->text, "(%s <> 0", column);
	if (!v->any && (op == TARGET_IS || op == TARGET_AT_LEAST))
		buf_printf(&m->text, " AND %s >= ?%d", column, param_int(m, low));
	if (!v->any && (op == TARGET_IS || op == TARGET_AT_MOST))
		buf_printf(&m->text, " AND %s < ?%d", column, param_int(m, high));
	if (op == TARGET_LESS)
		buf_printf(&m->text, " AND %s < ?%d", column, param_int(m, low));
	if (op == TARGET_MORE)
		buf_printf(&m->text, " AND %s >= ?%d", column, param_int(m, high));
	buf_adds(&m->text, ")");
}

/* ---- another machine ---- */

static void sites_in(struct maker *m, const char *column)
{
	const struct target_scope *scope = m->scope;

	if (scope->n == 0) {
		buf_adds(&m->text, " AND 1 = 0");
		return;
	}
	buf_printf(&m->text, " AND %s IN (", column);
	for (size_t i = 0; i < scope->n; i++)
		buf_printf(&m->text, "%s?%d", i ? ", " : "", param_text(m, scope->sites[i]));
	buf_adds(&m->text, ")");
}

/* By id or name, and only where the other one may be seen: else a query could ask for names outside the scope. */
static void term_host(struct maker *m, const struct target_field *f, const struct target_value *v)
{
	buf_printf(&m->text,
		"(m.%s IS NOT NULL AND EXISTS (SELECT 1 FROM machines h WHERE h.id = m.%s",
		f->column, f->column);
	if (!v->any) {
		buf_adds(&m->text, " AND (");
		text_is(m, "h.id", v->glob);
		buf_adds(&m->text, " OR ");
		term_text(m, "h.name", TARGET_TEXT, v);
		buf_adds(&m->text, ")");
	}
	if (!m->scope->all)
		sites_in(m, "h.site");
	buf_adds(&m->text, "))");
}

/* ---- the tree ---- */

static void term_name(struct maker *m, const struct target_value *v)
{
	if (v->any) {
		buf_adds(&m->text, "1 = 1"); /* one without a name too */
		return;
	}
	buf_adds(&m->text, "(");
	term_text(m, "m.name", TARGET_TEXT, v);
	buf_adds(&m->text, " OR ");
	term_text(m, "m.host_name", TARGET_TEXT, v);
	buf_adds(&m->text, ")");
}

static void term_value(struct maker *m, const struct target_query *q, const struct target_value *v)
{
	if (!q->field)
		term_name(m, v);
	else if (q->field->sort == TARGET_HOST)
		term_host(m, q->field, v);
	else if (q->field->sort == TARGET_IP || q->field->sort == TARGET_MAC)
		term_address(m, q->field, v);
	else if (q->field->sort == TARGET_TIME)
		term_time(m, q, v);
	else if (q->field->sort == TARGET_NUMBER || q->field->sort == TARGET_SIZE ||
		q->field->sort == TARGET_DURATION)
		term_number(m, q, v);
	else
		term_text(m, arena_printf(m->arena, "m.%s", q->field->column), q->field->sort, v);
}

static void make(struct maker *m, const struct target_query *q)
{
	if (q->kind == TARGET_TERM) {
		buf_adds(&m->text, "(");
		for (const struct target_value *v = q->values; v; v = v->next) {
			term_value(m, q, v);
			buf_adds(&m->text, v->next ? " OR " : "");
		}
		buf_adds(&m->text, ")");
		return;
	}
	buf_adds(&m->text, q->kind == TARGET_NOT ? "NOT (" : "(");
	for (const struct target_query *o = q->first; o; o = o->next) {
		make(m, o);
		if (o->next)
			buf_adds(&m->text, q->kind == TARGET_AND ? " AND " : " OR ");
	}
	buf_adds(&m->text, ")");
}

static void make_scope(struct maker *m, const struct target_scope *scope)
{
	if (scope->all)
		return;
	sites_in(m, "m.site");
}

void target_sql(const struct target_query *q, const struct target_scope *scope, int64_t now_ms,
	struct arena *a, struct target_sql *out)
{
	struct maker m = {.arena = a, .now_ms = now_ms, .scope = scope};

	buf_init(&m.text, 16 << 20); /* far over what 64 values of 128 patterns each need */
	buf_adds(&m.text, "(");
	if (q)
		make(&m, q);
	else
		buf_adds(&m.text, "1 = 1");
	buf_adds(&m.text, ")");
	make_scope(&m, scope);
	out->where = arena_strdup(a, buf_str(&m.text));
	out->params = m.params;
	out->n = m.n;
	buf_release(&m.text);
}
