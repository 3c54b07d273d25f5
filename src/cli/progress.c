/* SPDX-License-Identifier: Apache-2.0 */
/* How far an action is. The counters of an action are exact, so nothing is counted here: only put into words. */
#include "cli/progress.h"
#include "cli/format.h"
#include <stdio.h>
#include <string.h>

const char *const progress_words[PROGRESS_STATES] = {[PROGRESS_DONE] = "done",
	[PROGRESS_FAILED] = "failed",
	[PROGRESS_TIMED_OUT] = "timed_out",
	[PROGRESS_REFUSED] = "refused",
	[PROGRESS_EXPIRED] = "expired",
	[PROGRESS_CANCELLED] = "cancelled",
	[PROGRESS_RUNNING] = "running",
	[PROGRESS_FETCHED] = "fetched",
	[PROGRESS_NOTIFIED] = "notified",
	[PROGRESS_WAITING] = "waiting"};

void progress_read(const struct json *action, struct progress *out)
{
	const char *state = json_str(json_get(action, "state"));

	memset(out, 0, sizeof *out);
	json_to_int(json_get(action, "targets"), &out->targets);
	for (size_t i = 0; i < PROGRESS_STATES; i++)
		json_to_int(json_get(action, progress_words[i]), &out->counts[i]);
	out->open = !state || strcmp(state, "ended") != 0;
}

int64_t progress_ended(const struct progress *p)
{
	int64_t n = 0;

	for (size_t i = 0; i < PROGRESS_FINAL; i++)
		n += p->counts[i];
	return n;
}

bool progress_all_done(const struct progress *p)
{
	return !p->open && p->counts[PROGRESS_DONE] == p->targets;
}

bool progress_is_final(const char *state)
{
	for (size_t i = 0; state && i < PROGRESS_FINAL; i++)
		if (strcmp(progress_words[i], state) == 0)
			return true;
	return false;
}

/* "timed_out" as people say it. */
static char *spoken(const char *word, struct arena *a)
{
	char *text = arena_strdup(a, word);

	for (char *p = text; *p; p++)
		if (*p == '_')
			*p = ' ';
	return text;
}

char *progress_counts(const struct progress *p, struct arena *a)
{
	char *line = arena_strdup(a, ""), n[32];

	for (size_t i = 0; i < PROGRESS_STATES; i++)
		if (p->counts[i])
			line = arena_printf(a, "%s%s%s %s", line, *line ? ", " : "",
				format_count(p->counts[i], n), spoken(progress_words[i], a));
	return line;
}

char *progress_summary(const struct progress *p, struct arena *a)
{
	char n[32];

	return arena_printf(a, "%s machine%s: %s", format_count(p->targets, n),
		p->targets == 1 ? "" : "s", progress_counts(p, a));
}

char *progress_bar(const struct progress *p, int width, struct arena *a)
{
	char n[32], of[32], bar[64];
	int64_t ended = progress_ended(p);
	int room = width >= 72 ? 30 : width / 4;
	int full = p->targets > 0 ? (int)((double)ended / (double)p->targets * room) : 0;
	char *line;

	memset(bar, '.', sizeof bar);
	memset(bar, '#', (size_t)full);
	line = arena_printf(a, "[%.*s] %s/%s  %s", room, bar, format_count(ended, n),
		format_count(p->targets, of), progress_counts(p, a));
	if (width >= 0 && strlen(line) > (size_t)width)
		line[width] = '\0';
	return line;
}

char *progress_outcome(const struct json *result, struct arena *a)
{
	const char *state = json_str(json_get(result, "state")),
		   *reason = json_str(json_get(result, "reason"));
	const char *name = json_str(json_get(result, "signal"));
	char *line = spoken(state ? state : "unknown", a);
	int64_t code;

	if (name && *name)
		line = arena_printf(a, "%s: signal %s", line, name);
	else if (json_to_int(json_get(result, "exit"), &code) == 0 && code != 0)
		line = arena_printf(a, "%s: exit %lld", line, (long long)code);
	if (reason && *reason)
		line = arena_printf(a, "%s: %s", line, reason);
	return line;
}
