/* SPDX-License-Identifier: Apache-2.0 */
/* What happened: the events so far, and as they come. */
#include "base/clock.h"
#include "cli/api.h"
#include "cli/commands.h"
#include "cli/format.h"
#include <stdio.h>
#include <string.h>

#define SHOWN_FIRST 10 /* events before the ones that are waited for */

const struct list event_list = {"events", MODEL_event_row, "time,severity,kind,text", NULL, 1000};

/* Events carry ids of machines; people say names. */
static int machine_id(struct cli *c, const char *who, const char **id, struct err *e)
{
	struct json *m = NULL;

	*id = NULL;
	if (!who)
		return 0;
	if (api_get(c, arena_printf(c->arena, "/machines/%s", api_segment(c, who)), &m, e) < 0)
		return -1;
	*id = arena_strdup(c->arena, json_str(json_get(m, "id")));
	json_free(m);
	return 0;
}

struct watch {
	struct cli *c;
	int64_t last; /* id of the last event shown */
};

static void print_event(const struct cli *c, const struct json *v)
{
	const char *names[] = {"time", "severity", "kind", "text"}, *text[4];
	struct buf b;

	if (c->json) {
		buf_init(&b, 1 << 20);
		if (json_print(v, &b) == 0)
			printf("%s\n", buf_str(&b));
		buf_release(&b);
	} else {
		for (size_t i = 0; i < 4; i++) {
			text[i] = json_str(json_get(v, names[i]));
			text[i] = text[i] ? format_clean(c->arena, text[i], strlen(text[i])) : "";
		}
		const char *color = c->color ? format_color(text[1]) : "";
		printf("%s  %s%-7s%s  %-20s  %s\n", text[0], color, text[1],
			*color ? FORMAT_PLAIN : "", text[2], text[3]);
	}
	fflush(stdout);
}

static int show_old(void *ctx, const struct json *row, struct err *e)
{
	struct watch *w = ctx;

	json_to_int(json_get(row, "id"), &w->last);
	print_event(w->c, row);
	return 0;
}

static bool show_new(void *ctx, const struct api_event *v)
{
	struct watch *w = ctx;
	struct json *event = v->id ? json_parse(v->data, strlen(v->data), NULL) : NULL;
	struct arena *whole = w->c->arena;

	/* Without an id it is live output of a command: him run --wait shows that whole. */
	if (event) {
		w->c->arena = arena_new();
		print_event(w->c, event);
		arena_free(w->c->arena);
		w->c->arena = whole;
		json_free(event);
	}
	return true;
}

static int watch(
	struct cli *c, const char *kind, const char *machine, const char *action, struct err *e)
{
	struct watch w = {.c = c};
	const char *old = api_path(c, "/events", "newest", "1", "kind", kind, "machine", machine,
		"action", action, NULL);

	if (list_walk(c, &event_list, old, SHOWN_FIRST, NULL, show_old, &w, e) < 0)
		return -1;
	return api_follow(c,
		api_path(c, "/events/stream", "kind", kind, "machine", machine, "action", action,
			"after", arena_printf(c->arena, "%lld", (long long)w.last), NULL),
		NULL, show_new, &w, e);
}

int cmd_events(struct cli *c, const struct args *a, struct err *e)
{
	const char *kind = args_get(a, "kind"), *action = args_get(a, "action"), *machine;

	if (machine_id(c, args_get(a, "machine"), &machine, e) < 0)
		return -1;
	if (args_flag(a, "follow"))
		return watch(c, kind, machine, action, e);
	return list_print(c, a, &event_list,
		api_path(c, "/events", "kind", kind, "machine", machine, "action", action, "newest",
			args_get(a, "limit") ? "1" : NULL, NULL),
		e);
}
