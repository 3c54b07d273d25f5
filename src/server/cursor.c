/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cursor is hex of "sort id value", the sort with "-" before it when descending. Whoever changes it can only ask for
 * another page of what they may see anyway, so it is checked for sense and not signed.
 */
#include "server/cursor.h"
#include "base/id.h"
#include "base/text.h"
#include <string.h>

const char *cursor_make(const struct cursor *x, struct arena *a)
{
	const char *text =
		arena_printf(a, "%s%s %s %s", x->descending ? "-" : "", x->sort, x->id, x->value);
	size_t len = strlen(text);
	char *hex;

	if (2 * len > CURSOR_MAX)
		return NULL;
	hex = arena_alloc(a, 2 * len + 1);
	text_hex(text, len, hex);
	return hex;
}

/* "sort id value" into its three; value may be empty and may hold blanks. */
static bool split(char *text, const char **sort, const char **id, const char **value)
{
	char *one = strchr(text, ' '), *two = one ? strchr(one + 1, ' ') : NULL;

	if (!two)
		return false;
	*one = *two = '\0';
	*sort = text;
	*id = one + 1;
	*value = two + 1;
	return true;
}

int cursor_take(const char *text, struct cursor *x, struct arena *a, struct err *e)
{
	size_t len = strnlen(text, CURSOR_MAX + 1);
	char *plain = arena_alloc(a, len / 2 + 1);
	const char *sort, *id, *value;
	int64_t number;

	if (len <= CURSOR_MAX && len % 2 == 0 && text_unhex(text, plain, len / 2) == 0 &&
		text_utf8_valid(plain, len / 2) && split(plain, &sort, &id, &value) &&
		strcmp(sort + (*sort == '-'), x->sort) == 0 && (*sort == '-') == x->descending &&
		id_valid(id) &&
		(!x->number ||
			text_int(value, "after", INT64_MIN, INT64_MAX, &number, NULL) == 0)) {
		x->id = id;
		x->value = value;
		return 0;
	}
	return err_field(e, ERR_INVALID, "after",
		"after must be the next of the page before, asked with the same sort");
}
