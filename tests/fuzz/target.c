// SPDX-License-Identifier: Apache-2.0
/* Any text as a query: it is refused with a sentence, or its canonical form is one for ever and its SQL holds parameters only. */
#include "core/target.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The scope stands last and outside; nothing of the text can end a statement or open a comment. */
static void check_sql(const struct target_query *q, struct arena *a)
{
	static const char *const sites[] = {"lab"};
	struct target_scope scope = {.sites = sites, .n = 1};
	struct target_sql sql;
	size_t params = 0;
	target_sql(q, &scope, 1700000000000, a, &sql);
	for (const char *s = sql.where; *s; s++)
		params += *s == '?';
	assert(params >= sql.n);
	assert(strcmp(sql.params[sql.n - 1].text, "lab") == 0);
	assert(strstr(sql.where, " AND m.site IN (?"));
	assert(!strchr(sql.where, ';') && !strchr(sql.where, '"') && !strstr(sql.where, "--"));
}

static void check_canonical(const struct target_query *q, struct arena *a)
{
	const struct target_query *again;
	const char *text = target_print(q, a);
	struct err e = ERR_INIT;
	if (strlen(text) > TARGET_TEXT_MAX)
		return;
	assert(target_parse(text, a, &again, &e) == 0);
	assert(strcmp(target_print(again, a), text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	char *text = arena_strndup(a, size ? (const char *)data : "", size);
	const struct target_query *q;
	struct err e = ERR_INIT;
	if (target_parse(text, a, &q, &e) == 0) {
		check_sql(q, a);
		check_canonical(q, a);
	} else {
		assert(*e.text && strcmp(e.field, "query") == 0);
	}
	arena_free(a);
	return 0;
}
