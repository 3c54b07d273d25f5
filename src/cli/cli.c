/* SPDX-License-Identifier: Apache-2.0 */
/* The program around the commands: what is asked for, where the data folder is, and the one place that prints errors. */
#include "cli/cli.h"
#include "base/file.h"
#include "cli/api.h"
#include "cli/format.h"
#include "cli/terminal.h"
#include <locale.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INSTALLED_HOME "/var/lib/him"

/* A socket in the folder one happens to be in counts only when it is one's own, or root's. */
static bool is_ours(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISSOCK(st.st_mode) &&
		(st.st_uid == geteuid() || st.st_uid == 0);
}

const char *cli_home(struct cli *c)
{
	if (c->home)
		return c->home;
	return is_ours("var/server.sock") ? "var" : INSTALLED_HOME;
}

int cli_print_json(const struct cli *c, const struct json *j, struct err *e)
{
	struct buf b;
	int rc;

	buf_init(&b, 512 << 20);
	rc = c->terminal ? json_print_pretty(j, &b) : json_print(j, &b);
	if (rc < 0)
		err_set(e, ERR_TOO_LARGE, "the answer is too large to print");
	else
		printf("%s\n", buf_str(&b));
	buf_release(&b);
	return rc;
}

static const char *chosen(const struct args *a, const char *option, const char *variable)
{
	const char *value = args_get(a, option);

	if (!value)
		value = getenv(variable);
	return value && *value ? value : NULL;
}

static void cli_init(struct cli *c, const struct args *a, const char *program)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	c->program = program;
	c->home = chosen(a, "home", "HIM_HOME");
	c->server = chosen(a, "server", "HIM_SERVER");
	c->json = a->command->flags & (CMD_LIST | CMD_JSON) && args_flag(a, "json");
	c->terminal = isatty(STDOUT_FILENO);
	c->color = c->terminal && !(no_color && *no_color) && !(term && strcmp(term, "dumb") == 0);
	c->width = c->terminal ? terminal_width() : 80;
}

/* "him: sentence (field)"; the field only where the sentence does not say it. */
static void print_error(struct cli *c, const struct err *e)
{
	const char *text = format_clean(c->arena, e->text, strlen(e->text));
	bool said = !*e->field || strstr(e->text, e->field);

	fflush(stdout);
	fprintf(stderr, "him: %s%s%s%s\n", text, said ? "" : " (", said ? "" : e->field,
		said ? "" : ")");
}

static int run(struct cli *c, const struct args *a, struct err *e)
{
	if (a->help) {
		if (strcmp(a->command->name, "help") == 0)
			help_commands(c);
		else
			help_command(c, a->command);
		return 0;
	}
	return a->command->run(c, a, e);
}

int cli_main(int argc, char **argv)
{
	struct cli c = {.arena = arena_new()};
	struct err e = ERR_INIT;
	struct args a;
	int rc;

	/* Else taking apart a large answer sweeps glibc's bins of small pieces again and again. */
	mallopt(M_MXFAST, 0);
	if (!setlocale(LC_CTYPE, "") || strcmp(setlocale(LC_CTYPE, NULL), "C") == 0)
		setlocale(LC_CTYPE, "C.UTF-8"); /* names of machines are UTF-8 */
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		argv[1] += strlen("--"); /* a command of that name says it */
	rc = args_parse(commands, argc, argv, &a, &e);
	if (rc == 0) {
		cli_init(&c, &a, argv[0]);
		rc = run(&c, &a, &e);
	}
	if (rc >= 0 && (fflush(stdout) != 0 || ferror(stdout)))
		rc = err_errno(&e, "cannot write the output");
	if (rc < 0) {
		print_error(&c, &e);
		rc = err_exit(e.code);
	}
	api_close(c.api);
	arena_free(c.arena);
	return rc;
}
