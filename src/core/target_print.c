/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical text of a query: full names, one blank for `and`, parentheses and quotes only where they are needed. */
#include "core/target_internal.h"
#include <string.h>
#include <strings.h>

/* Marks that would end or split the value when it stood without quotes. */
static bool needs_quotes(const char *glob, bool bare)
{
	static const char *const keywords[] = {"and", "or", "not"};

	if (!*glob || (bare && *glob == '-') ||
		strpbrk(glob, bare ? " \t\r\n(),\"<>=!:" : " \t\r\n(),\"<>=!"))
		return true;
	for (size_t i = 0; bare && i < 3; i++)
		if (strcasecmp(glob, keywords[i]) == 0)
			return true;
	return false;
}

static void print_value(const char *glob, bool bare, struct buf *b)
{
	bool quotes = needs_quotes(glob, bare);

	if (quotes)
		buf_addc(b, '"');
	for (; *glob; glob++) {
		if (*glob == '"')
			buf_addc(b, '\\');
		buf_addc(b, *glob);
	}
	if (quotes)
		buf_addc(b, '"');
}

static void print_term(const struct target_query *q, struct buf *b)
{
	static const char *const ops[] = {":", "<", "<=", ">", ">="};

	if (q->field)
		buf_printf(b, "%s%s", q->field->name, ops[q->op]);
	for (const struct target_value *v = q->values; v; v = v->next) {
		print_value(v->glob, !q->field, b);
		if (v->next)
			buf_addc(b, ',');
	}
}

static void print(const struct target_query *q, struct buf *b);

static void print_operand(const struct target_query *q, bool group, struct buf *b)
{
	if (group)
		buf_addc(b, '(');
	print(q, b);
	if (group)
		buf_addc(b, ')');
}

static void print(const struct target_query *q, struct buf *b)
{
	if (q->kind == TARGET_TERM) {
		print_term(q, b);
	} else if (q->kind == TARGET_NOT) {
		buf_adds(b, "not ");
		print_operand(
			q->first, q->first->kind == TARGET_AND || q->first->kind == TARGET_OR, b);
	} else {
		for (const struct target_query *o = q->first; o; o = o->next) {
			print_operand(o, q->kind == TARGET_AND && o->kind == TARGET_OR, b);
			if (o->next)
				buf_adds(b, q->kind == TARGET_AND ? " " : " or ");
		}
	}
}

const char *target_print(const struct target_query *q, struct arena *a)
{
	struct buf b;
	const char *text;

	buf_init(&b, 64 * TARGET_TEXT_MAX);
	print(q, &b);
	text = arena_strdup(a, buf_str(&b));
	buf_release(&b);
	return text;
}
