/* SPDX-License-Identifier: Apache-2.0 */
/* From rows to structs, and the condition that keeps every list inside its scope. */
#include "store/row.h"
#include "base/buf.h"
#include <string.h>

void row_read(const struct model_record *r, struct stmt *s, int first, struct arena *a, void *out)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct model_field *f = &r->fields[i];
		void *at = model_at(out, f);
		int col = first + (int)i;
		struct bytes b;

		switch (f->type) {
		case MODEL_TEXT:
		case MODEL_JSON:
			*(const char **)at = arena_strdup(a, col_text(s, col));
			break;
		case MODEL_INT:
			*(int64_t *)at = f->flags & NULLABLE && col_null(s, col) ? MODEL_ABSENT
										 : col_int(s, col);
			break;
		case MODEL_TIME:
			*(int64_t *)at = col_int(s, col);
			break;
		case MODEL_BOOL:
			*(bool *)at = col_int(s, col) != 0;
			break;
		default:
			b.data = col_blob(s, col, &b.len);
			b.data = arena_memdup(a, b.data, b.len);
			memcpy(at, &b, sizeof b);
		}
	}
}

void *rows_add(struct rows *list, struct arena *a, size_t size)
{
	if (list->n == list->room) {
		size_t room = list->room ? 2 * list->room : 16;
		void *data = arena_alloc(a, room * size);
		if (list->n)
			memcpy(data, list->data, list->n * size);
		list->data = data;
		list->room = room;
		list->size = size;
	}
	return (char *)list->data + list->n++ * size;
}

const char *scope_sql(const struct scope *s, const char *column, int *next, struct arena *a)
{
	struct buf b;
	const char *text;

	if (!s || s->all)
		return "1 = 1";
	if (s->n == 0)
		return "1 = 0";
	buf_init(&b, 1 << 20);
	buf_printf(&b, "%s IN (", column);
	for (size_t i = 0; i < s->n; i++)
		buf_printf(&b, "%s?%d", i ? ", " : "", (*next)++);
	buf_adds(&b, ")");
	text = arena_strdup(a, buf_str(&b));
	buf_release(&b);
	return text;
}

void scope_bind(const struct scope *s, struct stmt *st, int *next)
{
	if (!s || s->all)
		return;
	for (size_t i = 0; i < s->n; i++)
		bind_text(st, (*next)++, s->sites[i]);
}
