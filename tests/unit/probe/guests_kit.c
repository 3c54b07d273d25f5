// SPDX-License-Identifier: Apache-2.0
/* See guests_kit.h. */
#include "guests_kit.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void add_number(struct buf *out, int64_t n)
{
	if (n > 0)
		buf_printf(out, " %lld", (long long)n);
	else
		buf_adds(out, " -");
}

static void add_line(struct buf *out, const struct guest *g)
{
	const char *state = guest_state_word(g->state);

	buf_printf(out, "%s %s ", g->name ? g->name : "-", g->uuid ? g->uuid : "-");
	for (size_t i = 0; i < g->macs_count; i++)
		buf_printf(out, "%s%s", i ? "," : "", g->macs[i]);
	if (g->macs_count == 0)
		buf_addc(out, '-');
	add_number(out, g->memory_bytes);
	add_number(out, g->vcpus);
	buf_printf(out, " %s", state ? state : "-");
	if (g->container)
		buf_printf(out, " %s", g->container);
	buf_addc(out, '\n');
}

char *guests_lines(const char *kind, const char *text, size_t len, struct err *e)
{
	struct guests list;
	struct buf out;
	char *lines = NULL;

	guests_init(&list);
	buf_init(&out, 1 << 20);
	if (guests_parse(kind, text, len, &list, e) == 0) {
		for (size_t i = 0; i < list.count; i++)
			add_line(&out, list.items[i]);
		lines = buf_steal(&out);
	}
	buf_release(&out);
	guests_release(&list);
	return lines;
}

void guests_check(const struct guests_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct guests_case *c = &cases[i];
		struct err e = ERR_INIT;
		/* A copy of its exact length: reading behind it is seen. */
		char *text = xstrndup(c->text, strlen(c->text));
		char *got = guests_lines(c->kind, text, strlen(text), &e);

		if (c->want && !got)
			fail_msg("%s: %s", c->what, e.text);
		if (!c->want && got)
			fail_msg("%s: no error, but\n%s", c->what, got);
		if (c->want && strcmp(got, c->want) != 0)
			fail_msg("%s: got\n%swanted\n%s", c->what, got, c->want);
		if (!c->want && !strstr(e.text, c->sentence))
			fail_msg("%s: the sentence is '%s'", c->what, e.text);
		free(text);
		free(got);
	}
}
