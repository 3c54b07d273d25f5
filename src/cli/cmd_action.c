/* SPDX-License-Identifier: Apache-2.0 */
/* Actions: the list, one of them with what came of it, its outputs and attachments, the end of one. */
#include "base/clock.h"
#include "base/text.h"
#include "cli/api.h"
#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/format.h"
#include "cli/progress.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FAILURES_SHOWN 10

static char *what(struct arena *a, const struct json *row)
{
	char *command = format_command(a, json_get(row, "command"));

	return json_str(json_get(row, "script")) ? arena_printf(a, "(script) %s", command)
						 : command;
}

static char *progress(struct arena *a, const struct json *row)
{
	struct progress p;

	progress_read(row, &p);
	return arena_printf(a, "%lld/%lld  %s", (long long)progress_ended(&p), (long long)p.targets,
		progress_counts(&p, a));
}

static const struct column extra[] = {
	{"what", "the command as one line", what},
	{"progress", "how many machines have ended, and how", progress},
	{NULL},
};

const struct list action_list = {
	"actions", MODEL_action, "id,made,by,state,progress,query,what", extra, 100};

int cmd_actions(struct cli *c, const struct args *a, struct err *e)
{
	return list_print(c, a, &action_list,
		api_path(c, "/actions", "state", args_get(a, "state"), NULL), e);
}

int cmd_cancel(struct cli *c, const struct args *a, struct err *e)
{
	struct json *action = NULL;
	struct progress p;

	if (api_call(c, "POST",
		    arena_printf(c->arena, "/actions/%s/cancel", api_segment(c, a->words[0])), NULL,
		    &action, e) < 0)
		return -1;
	progress_read(action, &p);
	printf("cancelling; %s\n", progress_summary(&p, c->arena));
	json_free(action);
	return 0;
}

/* ---- one ---- */

static int64_t number(const struct json *action, const char *key)
{
	int64_t n = 0;

	json_to_int(json_get(action, key), &n);
	return n;
}

static void print_line(struct cli *c, const char *name, const char *text)
{
	if (*text)
		printf("%-10s %s\n", name, format_clean(c->arena, text, strlen(text)));
}

static void print_action(struct cli *c, const struct json *action)
{
	const char *names[] = {"id", "by", "query", "made", "deadline", "ended", "cancelled_by"};
	const char *as = json_str(json_get(action, "as")),
		   *script = json_str(json_get(action, "script"));
	char span[32], size[32];
	struct progress p;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		print_line(c, names[i],
			list_value(c, MODEL_action, names[i], json_get(action, names[i])));
	print_line(c, "command", format_command(c->arena, json_get(action, "command")));
	printf("limits     %s, %lld%% of a core, %s, as %s\n",
		format_span(number(action, "timeout_ms"), span),
		(long long)number(action, "cpu_percent"),
		text_size_format(number(action, "memory_bytes"), size),
		as ? format_clean(c->arena, as, strlen(as)) : "?");
	if (script)
		printf("script     %zu bytes; --json shows it\n", strlen(script));
	progress_read(action, &p);
	printf("progress   %s\n", progress_bar(&p, c->width - 12, c->arena));
}

static int print_failure(void *ctx, const struct json *row, struct err *e)
{
	struct cli *c = ctx;
	const char *name = json_str(json_get(row, "name")), *text = progress_outcome(row, c->arena);

	printf("  %s: %s\n", name ? format_clean(c->arena, name, strlen(name)) : "?",
		format_clean(c->arena, text, strlen(text)));
	return 0;
}

/* The first machines that did not end in done, in words. */
static int print_failures(struct cli *c, const char *id, const struct json *action, struct err *e)
{
	int64_t left = FAILURES_SHOWN, failed = 0;
	struct progress p;

	progress_read(action, &p);
	for (int s = PROGRESS_DONE + 1; s < PROGRESS_FINAL; s++) {
		failed += p.counts[s];
		if (!p.counts[s] || left <= 0)
			continue;
		const char *path =
			arena_printf(c->arena, "/actions/%s/results", api_segment(c, id));
		if (list_walk(c, &result_list, api_path(c, path, "state", progress_words[s], NULL),
			    left, NULL, print_failure, c, e) < 0)
			return -1;
		left -= p.counts[s];
	}
	if (failed > FAILURES_SHOWN)
		printf("  and %lld more: --json shows all\n", (long long)(failed - FAILURES_SHOWN));
	return 0;
}

static int print_output(void *ctx, const struct json *row, struct err *e)
{
	result_print(ctx, row);
	return 0;
}

/* ---- attachments ---- */

struct saving {
	struct cli *c;
	const char *id, *what, *machine; /* machine NULL: all */
	int64_t saved, found;
};

/* A file's name that stays in its folder, whatever the machine is called. */
static char *file_name(struct arena *a, const struct json *row, const char *attachment)
{
	const char *name = json_str(json_get(row, "name")),
		   *id = json_str(json_get(row, "machine"));
	char *made = arena_printf(
		a, "%s-%s.%s", name && *name ? name : "machine", id ? id : "", attachment);

	for (char *p = made; *p; p++)
		if (*p == '/' || (unsigned char)*p < 0x20 ||
			(p == made && (*p == '.' || *p == '-')))
			*p = '_';
	return made;
}

static bool is_meant(const struct saving *s, const struct json *row)
{
	const char *names[] = {"name", "machine", "agent"};

	for (size_t i = 0; s->machine && i < 3; i++) {
		const char *text = json_str(json_get(row, names[i]));
		if (text && strcmp(text, s->machine) == 0)
			return true;
	}
	return !s->machine;
}

static int save_one(void *ctx, const struct json *row, struct err *e)
{
	struct saving *s = ctx;
	const char *agent = json_str(json_get(row, "agent")), *path;
	struct err why = ERR_INIT;
	int fd, rc;
	FILE *to;

	if (!is_meant(s, row) || !agent)
		return 0;
	s->found++;
	path = file_name(s->c->arena, row, s->what);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	to = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (!to)
		return err_errno(e, "cannot write %s", path);
	rc = api_download(s->c,
		arena_printf(s->c->arena, "/actions/%s/results/%s/attachments/%s",
			api_segment(s->c, s->id), api_segment(s->c, agent),
			api_segment(s->c, s->what)),
		to, &why);
	if (fclose(to) != 0 && rc == 0)
		rc = err_errno(&why, "cannot write %s", path);
	if (rc < 0)
		unlink(path);
	if (rc < 0 && why.code != ERR_NOT_FOUND && why.code != ERR_CONFLICT) {
		*e = why;
		return -1;
	}
	if (rc < 0)
		fprintf(stderr, "%s: %s\n", path, why.text);
	else
		printf("%s\n", path);
	s->saved += rc == 0;
	return 0;
}

static int save_attachments(
	struct cli *c, const char *id, const char *name, const char *machine, struct err *e)
{
	struct saving s = {.c = c, .id = id, .what = name, .machine = machine};

	if (list_walk(c, &result_list,
		    arena_printf(c->arena, "/actions/%s/results", api_segment(c, id)), -1, NULL,
		    save_one, &s, e) < 0)
		return -1;
	if (s.found == 0 && machine)
		return err_field(
			e, ERR_NOT_FOUND, "machine", "the action has no machine '%.60s'", machine);
	return s.saved == s.found ? 0 : 1;
}

/* ---- the command ---- */

static int print_whole(struct cli *c, const struct args *a, const char *id,
	const struct json *action, struct err *e)
{
	bool output = args_flag(a, "output");

	if (c->json)
		return follow_print_json(c, action, output, e);
	if (output)
		return list_walk(c, &result_list_output,
			arena_printf(c->arena, "/actions/%s/results?output=1", api_segment(c, id)),
			-1, NULL, print_output, c, e);
	print_action(c, action);
	return print_failures(c, id, action, e);
}

int cmd_action(struct cli *c, const struct args *a, struct err *e)
{
	const char *id = a->words[0], *attachment = args_get(a, "attachment");
	bool wait = args_flag(a, "wait");
	struct json *action = NULL;
	struct progress p;
	int rc;

	if (attachment)
		return save_attachments(c, id, attachment, args_get(a, "machine"), e);
	if (wait)
		rc = follow_action(c, id, args_flag(a, "output") && !c->json, &action, e);
	else
		rc = api_get(
			c, arena_printf(c->arena, "/actions/%s", api_segment(c, id)), &action, e);
	/* Waiting has printed the outputs already. */
	if (rc == 0 && !(wait && args_flag(a, "output") && !c->json))
		rc = print_whole(c, a, id, action, e);
	if (rc == 0) {
		progress_read(action, &p);
		rc = wait && !c->json && args_flag(a, "output") ? follow_end(c, action)
								: wait && !progress_all_done(&p);
	}
	json_free(action);
	return rc;
}
