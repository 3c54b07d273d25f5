/* SPDX-License-Identifier: Apache-2.0 */
/* Help, from the tables: all commands, one command, the query language with its fields, and all of it as a manual page. */
#include "base/text.h"
#include "cli/commands.h"
#include "core/target.h"
#include <stdio.h>
#include <string.h>

#define EXIT_CODES                                                                                 \
	"0  all done\n1  some machine did not end in done\n2  the command line, or what it "       \
	"names, is wrong\n"                                                                        \
	"3  the server cannot be reached, or does not allow it\n"

static const char *const environment[][2] = {
	{"HIM_HOME", "data folder of the server on this machine"},
	{"HIM_SERVER", "URL of another server"},
	{"NO_COLOR", "when set, no colours"},
};

static const char query_text[] =
	"A query says which machines are meant.\n\n"
	"  web*                              name or host name, as a pattern: * any text, ? one "
	"character\n"
	"  os.type:linux site:lab            both; `and` may stand between\n"
	"  site:lab or site:rennes           either; `and` binds closer, ( ) group\n"
	"  not state:offline                 the others; state!=offline says the same\n"
	"  state:online,late                 one of these\n"
	"  os.name:\"Debian GNU*\"             quotes hold blanks together; \\ before a mark takes "
	"its meaning away\n"
	"  host.memory>=8GiB him.cpu.cores<4 sizes, numbers and durations compare\n"
	"  seen<10m                          within the last 10 minutes: times compare by age …\n"
	"  boot>30d                          … so this is more than 30 days ago\n"
	"  created>2026-01-02                after that day: dates and RFC 3339 times compare as "
	"times\n"
	"  ip:10.0.0.0/8 mac:52:54:*         any address of the machine\n"
	"  revoked:*                         has any value\n"
	"  *                                 every machine\n\n"
	"Case never counts. Sizes: 512M, 8GiB, 1.5T. Durations: 90s, 5m, 1h, 2d, 1w.\n\n";

/* ---- one command ---- */

static void print_option(const struct option *o)
{
	char left[64];

	snprintf(left, sizeof left, "%s%s--%s%s%s", o->letter ? (char[]){'-', o->letter, '\0'} : "",
		o->letter ? ", " : "", o->name, o->value ? " " : "", o->value ? o->value : "");
	printf("  %-24s %s%s%s%s\n", left, o->help, o->initial ? " (" : "",
		o->initial ? o->initial : "", o->initial ? ")" : "");
}

static void print_options(const char *title, const struct option *list)
{
	if (list)
		printf("\n%s\n", title);
	for (; list && list->name; list++)
		print_option(list);
}

static void print_columns(const struct list *l)
{
	const struct model_record *r = &model_records[l->record];

	printf("\ncolumns (shown: %s)\n", l->columns);
	for (const struct column *x = l->extra; x && x->name; x++)
		printf("  %-24s %s\n", x->name, x->help);
	for (size_t i = 0; i < r->n; i++)
		if (!(r->fields[i].flags & (HIDDEN | BIGBODY)))
			printf("  %-24s %s\n", r->fields[i].name, r->fields[i].doc);
}

void help_command(const struct cli *c, const struct command *command)
{
	printf("him %s%s%s [OPTIONS]\n\n%c%s.\n", command->name, *command->words ? " " : "",
		command->words, command->summary[0] - 32, command->summary + 1);
	if (command->about)
		printf("\n%s\n", command->about);
	print_options("options", command->options);
	if (command->flags & CMD_LIST)
		print_options("options of lists", args_of_lists);
	if (command->flags & (CMD_LIST | CMD_JSON))
		print_options("output", args_of_json);
	print_options("options of all commands", args_common);
	if (command->list)
		print_columns(command->list);
}

void help_commands(const struct cli *c)
{
	printf("him sees and steers a fleet of machines.\n\nhim COMMAND [OPTIONS]\n\n");
	for (const struct command *k = commands; k->name; k++) {
		char left[64];
		snprintf(left, sizeof left, "%s %s", k->name, k->words);
		printf("  %-32s %s\n", left, k->summary);
	}
	printf("\nhim help COMMAND, him help query. Exit codes:\n\n" EXIT_CODES);
}

static void help_query(void)
{
	struct target_name t;

	printf("%sFields, with the short name where there is one:\n\n", query_text);
	for (size_t i = 0; target_name(i, &t); i++)
		printf("  %-20s %-9s %-9s %s\n", t.name, t.alias ? t.alias : "", t.values, t.doc);
}

/* ---- the manual page ---- */

#define ELLIPSIS "…"

/* Text as troff takes it, in ASCII: a backslash and a leading dot or quote mean something there. */
static void print_troff(const char *text)
{
	bool begin = true;

	for (; *text; text++) {
		if (begin && (*text == '.' || *text == '\''))
			printf("\\&");
		begin = *text == '\n';
		if (*text == '\\')
			printf("\\e");
		else if (*text == '-')
			printf("\\-");
		else if (text_starts(text, ELLIPSIS)) {
			printf("\\[u2026]");
			text += strlen(ELLIPSIS) - 1;
		} else
			putchar(*text);
	}
}

static void man_options(const struct option *list)
{
	for (; list && list->name; list++) {
		printf(".TP\n");
		if (list->letter)
			printf("\\fB\\-%c\\fR, ", list->letter);
		printf("\\fB\\-\\-");
		print_troff(list->name);
		printf("\\fR");
		if (list->value)
			printf(" \\fI%s\\fR", list->value);
		printf("\n");
		print_troff(list->help);
		if (list->initial)
			printf(" (%s)", list->initial);
		printf("\n");
	}
}

static void man_command(const struct command *k)
{
	printf(".SS \"him %s %s\"\n", k->name, k->words);
	printf("%c", k->summary[0] - 32);
	print_troff(k->summary + 1);
	printf(".\n");
	if (k->about) {
		printf(".PP\n.nf\n");
		print_troff(k->about);
		printf("\n.fi\n");
	}
	man_options(k->options);
}

static void man_page(void)
{
	struct target_name t;

	printf(".TH HIM 1 \"\" \"HIM %s\"\n.SH NAME\nhim \\- see and steer a fleet of machines\n",
		HIM_VERSION);
	printf(".SH SYNOPSIS\n\\fBhim\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n.SH COMMANDS\n");
	for (const struct command *k = commands; k->name; k++)
		man_command(k);
	printf(".SH \"OPTIONS OF ALL COMMANDS\"\n");
	man_options(args_common);
	printf(".SH \"OPTIONS OF LISTS\"\n");
	man_options(args_of_lists);
	man_options(args_of_json);
	printf(".SH QUERIES\n.nf\n");
	print_troff(query_text);
	printf(".fi\n");
	for (size_t i = 0; target_name(i, &t); i++) {
		printf(".TP\n\\fB%s\\fR%s%s (%s)\n", t.name, t.alias ? ", " : "",
			t.alias ? t.alias : "", t.values);
		print_troff(t.doc);
		printf("\n");
	}
	printf(".SH \"EXIT STATUS\"\n.nf\n" EXIT_CODES ".fi\n.SH ENVIRONMENT\n");
	for (size_t i = 0; i < sizeof environment / sizeof *environment; i++)
		printf(".TP\n\\fB%s\\fR\n%s\n", environment[i][0], environment[i][1]);
	printf(".SH FILES\n.TP\n~/.config/him/login.json\nlogins: servers, their CAs and tokens\n");
}

/* ---- the command ---- */

int cmd_help(struct cli *c, const struct args *a, struct err *e)
{
	char *argv[] = {a->words[0], a->words[0], a->words[1], NULL};
	const char *wanted;
	struct args found;
	bool any = false;

	if (args_flag(a, "man")) {
		man_page();
		return 0;
	}
	if (a->n_words == 0) {
		help_commands(c);
		return 0;
	}
	if (strcmp(a->words[0], "query") == 0) {
		help_query();
		return 0;
	}
	wanted = a->n_words > 1 ? arena_printf(c->arena, "%s %s", a->words[0], a->words[1])
				: a->words[0];
	for (const struct command *k = commands; k->name; k++) {
		bool family = text_starts(k->name, wanted) && k->name[strlen(wanted)] == ' ';
		if (strcmp(k->name, wanted) != 0 && !family)
			continue;
		printf("%s", any ? "\n\n" : "");
		help_command(c, k);
		any = true;
	}
	/* The parser's sentence, which names the nearest command. */
	return any ? 0 : args_parse(commands, a->n_words + 1, argv, &found, e) < 0 ? -1 : 0;
}
