/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From text to the tree, by descent: or, and, not, then one term. Nothing is read twice and nothing is guessed: what does
 * not fit is an error with its column. Lists of the same kind are made flat, so that a tree has one canonical text.
 */
#include "core/target_internal.h"
#include "base/text.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct parser {
	const char *text, *at;
	struct arena *arena;
	struct err *e;
	int terms, depth;
};

/* ---- errors ---- */

static int column(const struct parser *p, const char *where)
{
	int n = 1;

	for (const char *s = p->text; s < where; s++)
		if (((unsigned char)*s & 0xc0) != 0x80)
			n++;
	return n;
}

__attribute__((format(printf, 3, 4))) static struct target_query *fail_at(
	struct parser *p, const char *where, const char *fmt, ...)
{
	char text[sizeof p->e->text];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	err_field(p->e, ERR_INVALID, "query", "column %d: %s", column(p, where), text);
	return NULL;
}

/* The same for a sentence that another function wrote. */
static struct target_query *fail_with(struct parser *p, const char *where, const struct err *why)
{
	return fail_at(p, where, "%s", why->text);
}

static struct target_query *too_deep(struct parser *p, const char *where)
{
	return fail_at(p, where, "parentheses and 'not' may be nested %d deep", TARGET_DEPTH_MAX);
}

/* ---- words ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct parser *p)
{
	while (is_blank(*p->at))
		p->at++;
}

static bool ends_value(char c)
{
	return !c || is_blank(c) || strchr("(),", c);
}

/* A keyword stands alone: `or` is one, `orion`, `or:` and `"or"` are not. */
static bool at_keyword(const struct parser *p, const char *word)
{
	size_t n = strlen(word);

	return strncasecmp(p->at, word, n) == 0 && (ends_value(p->at[n])) && p->at[n] != ',';
}

static bool take_keyword(struct parser *p, const char *word)
{
	if (!at_keyword(p, word))
		return false;
	p->at += strlen(word);
	skip_blanks(p);
	return true;
}

/*
 * One value, into *glob: quotes are dropped, a backslash stays before the *, ? and \ that it makes plain (before any other
 * mark it is dropped: nothing else has a meaning once the value is cut out).
 */
static int take_value(struct parser *p, const char **glob)
{
	const char *begin = p->at, *open = NULL;
	char *out = arena_alloc(p->arena, strlen(p->at) + 1), *to = out;

	for (; open ? *p->at != '\0' : !ends_value(*p->at); p->at++) {
		if (*p->at == '"') {
			open = open ? NULL : p->at;
			continue;
		}
		if (*p->at == '\\') {
			if (!p->at[1])
				return fail_at(p, p->at, "a mark must follow the backslash"), -1;
			p->at++;
			if (strchr("*?\\", *p->at))
				*to++ = '\\';
		}
		*to++ = *p->at;
	}
	if (open)
		return fail_at(p, open, "this quote is not closed"), -1;
	if (p->at == begin)
		return fail_at(p, p->at,
			       *p->at ? "a value is missing before '%c'"
				      : "a value is missing at the end",
			       *p->at),
		       -1;
	*glob = out;
	return 0;
}

/* ---- terms ---- */

static const struct {
	const char *text;
	enum target_op op;
	bool not ;
} ops[] = {{"!=", TARGET_IS, true}, {"<=", TARGET_AT_MOST}, {">=", TARGET_AT_LEAST},
	{"<", TARGET_LESS}, {">", TARGET_MORE}, {":", TARGET_IS}, {"=", TARGET_IS}};

/* The operator at s; its index, -1 when there is none. */
static int op_at(const char *s)
{
	for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
		if (strncmp(s, ops[i].text, strlen(ops[i].text)) == 0)
			return (int)i;
	return -1;
}

/* `field op`: moves behind it. 0: it is no such thing (a bare word); -1: the field is not known. */
static int take_field(struct parser *p, struct target_query *q, bool * not )
{
	const char *s = p->at;
	struct err why = ERR_INIT;
	int op;

	if (!isalpha((unsigned char)*s))
		return 0;
	while (isalnum((unsigned char)*s) || *s == '.' || *s == '_' || *s == '-')
		s++;
	op = op_at(s);
	if (op < 0)
		return 0;
	q->field =
		target_field(arena_strndup(p->arena, p->at, (size_t)(s - p->at)), p->arena, &why);
	if (!q->field)
		return fail_with(p, p->at, &why), -1;
	q->op = ops[op].op;
	*not = ops[op].not ;
	p->at = s + strlen(ops[op].text);
	return 1;
}

static int take_values(struct parser *p, struct target_query *q)
{
	struct target_value **tail = &q->values;

	for (;;) {
		const char *where = p->at;
		struct err why = ERR_INIT;
		struct target_value *v = arena_alloc(p->arena, sizeof *v);
		if (p->terms++ == TARGET_TERMS_MAX)
			return fail_at(p, where, "a query may hold %d values in all",
				       TARGET_TERMS_MAX),
			       -1;
		if (take_value(p, &v->glob) < 0)
			return -1;
		if (target_value_read(q->field, q->op, v, p->arena, &why) < 0)
			return fail_with(p, where, &why), -1;
		*tail = v;
		tail = &v->next;
		if (*p->at != ',')
			return 0;
		if (q->op != TARGET_IS)
			return fail_at(p, p->at,
				       "a list of values goes with ':', '=' or '!=' only"),
			       -1;
		p->at++;
	}
}

static struct target_query *node(
	struct parser *p, enum target_kind kind, struct target_query *first)
{
	struct target_query *q = arena_alloc(p->arena, sizeof *q);

	q->kind = kind;
	q->first = first;
	return q;
}

static struct target_query *parse_term(struct parser *p)
{
	struct target_query *q = node(p, TARGET_TERM, NULL);
	const char *where = p->at;
	bool negated = false;
	int op = op_at(where);

	if (op >= 0)
		return fail_at(p, p->at, "'%s' stands between a field and a value, without blanks",
			ops[op].text);
	if (*where == '!' || *where == '-')
		return fail_at(
			p, where, "nothing begins with '%c'; say 'not' to leave out", *where);
	if (take_field(p, q, &negated) < 0 || take_values(p, q) < 0)
		return NULL;
	if (negated && p->depth > TARGET_DEPTH_MAX) /* it prints as a `not` of its own */
		return too_deep(p, where);
	return negated ? node(p, TARGET_NOT, q) : q;
}

/* ---- not, and, or ---- */

static struct target_query *parse_or(struct parser *p);

static struct target_query *parse_group(struct parser *p)
{
	const char *open = p->at++;
	struct target_query *q;

	skip_blanks(p);
	q = parse_or(p);
	if (!q)
		return NULL;
	if (*p->at != ')')
		return fail_at(p, open, "this parenthesis is not closed");
	p->at++;
	return q;
}

static struct target_query *parse_one(struct parser *p)
{
	if (!*p->at)
		return fail_at(p, p->at, "the query ends where a name or a condition is missing");
	if (*p->at == ')' || *p->at == ',')
		return fail_at(p, p->at, "a name or a condition is missing before '%c'", *p->at);
	if (at_keyword(p, "and") || at_keyword(p, "or"))
		return fail_at(p, p->at,
			"'%.*s' needs something on both sides; a machine of that name goes into "
			"quotes",
			(int)strcspn(p->at, " \t\r\n()"), p->at);
	return *p->at == '(' ? parse_group(p) : parse_term(p);
}

static struct target_query *parse_not(struct parser *p)
{
	const char *where = p->at;
	struct target_query *q;

	if (p->depth++ > TARGET_DEPTH_MAX)
		return too_deep(p, where);
	if (take_keyword(p, "not")) {
		q = parse_not(p);
		q = q ? node(p, TARGET_NOT, q) : NULL;
	} else {
		q = parse_one(p);
		skip_blanks(p);
	}
	p->depth--;
	return q;
}

/* Operands of one kind in one list: those of a like operand are taken over. */
static struct target_query *join(
	struct parser *p, enum target_kind kind, struct target_query *list, struct target_query *q)
{
	struct target_query **tail;

	if (!list)
		return q;
	if (list->kind != kind)
		list = node(p, kind, list);
	for (tail = &list->first; *tail; tail = &(*tail)->next)
		;
	*tail = q->kind == kind ? q->first : q;
	return list;
}

static struct target_query *parse_and(struct parser *p)
{
	struct target_query *list = NULL, *q;

	do {
		q = parse_not(p);
		if (!q)
			return NULL;
		list = join(p, TARGET_AND, list, q);
	} while (take_keyword(p, "and") || (*p->at && *p->at != ')' && !at_keyword(p, "or")));
	return list;
}

static struct target_query *parse_or(struct parser *p)
{
	struct target_query *list = NULL, *q;

	do {
		q = parse_and(p);
		if (!q)
			return NULL;
		list = join(p, TARGET_OR, list, q);
	} while (take_keyword(p, "or"));
	return list;
}

static int check_text(const char *text, struct err *e)
{
	size_t len = strlen(text);

	if (len > TARGET_TEXT_MAX)
		return err_field(e, ERR_TOO_LARGE, "query",
			"the query has %zu bytes; it may have %d", len, TARGET_TEXT_MAX);
	if (!text_utf8_valid(text, len))
		return err_field(e, ERR_INVALID, "query", "the query is not UTF-8");
	for (const char *s = text; *s; s++)
		if (((unsigned char)*s < 0x20 && !is_blank(*s)) || *s == 0x7f)
			return err_field(
				e, ERR_INVALID, "query", "the query holds a control character");
	return 0;
}

int target_parse(const char *text, struct arena *a, const struct target_query **out, struct err *e)
{
	struct err own = ERR_INIT;
	struct parser p = {.text = text, .at = text, .arena = a, .e = e ? e : &own};
	struct target_query *q;

	if (check_text(text, p.e) < 0)
		return -1;
	skip_blanks(&p);
	if (!*p.at)
		return err_field(e, ERR_INVALID, "query", "the query is empty; * is every machine");
	q = parse_or(&p);
	if (!q)
		return -1;
	if (*p.at)
		return fail_at(&p, p.at, "this parenthesis closes nothing"), -1;
	*out = q;
	return 0;
}
