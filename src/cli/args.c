/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads argv by the table of commands. The command is the longest row whose words begin the line; an option's row is
 * looked for in the command's own list, then in the lists it shares with others. Nothing is guessed: what does not fit is
 * a sentence that names the nearest thing that would.
 */
#include "cli/args.h"
#include "base/text.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

const struct option args_common[] = {
	{"home", "DIR", NULL, "data folder of the server on this machine; else HIM_HOME"},
	{"server", "URL", NULL, "another server, where `him login` was done; else HIM_SERVER"},
	{"help", NULL, NULL, "what this command does", 'h'},
	{NULL},
};

const struct option args_of_lists[] = {
	{"columns", "LIST", NULL, "columns to show, joined by commas; +LIST adds to the usual ones",
		'o'},
	{"no-headings", NULL, NULL, "no line with the columns' names"},
	{"limit", "N", NULL, "stop after so many; else everything is listed"},
	{NULL},
};

const struct option args_of_json[] = {
	{"json", NULL, NULL, "one JSON object, with RFC 3339 times"},
	{NULL},
};

static const struct option *find_in(const struct option *list, const char *name)
{
	for (; list && list->name; list++)
		if (strcmp(list->name, name) == 0)
			return list;
	return NULL;
}

/* The lists that this command's options stand in; n of them. */
static size_t option_lists(const struct command *c, const struct option *lists[4])
{
	size_t n = 0;

	if (c->options)
		lists[n++] = c->options;
	if (c->flags & CMD_LIST)
		lists[n++] = args_of_lists;
	if (c->flags & (CMD_LIST | CMD_JSON))
		lists[n++] = args_of_json;
	lists[n++] = args_common;
	return n;
}

static const struct option *find(const struct command *c, const char *name)
{
	const struct option *lists[4], *o = NULL;
	size_t n = option_lists(c, lists);

	for (size_t i = 0; i < n && !o; i++)
		o = find_in(lists[i], name);
	return o;
}

static int unknown_option(const struct command *c, const char *name, struct err *e)
{
	const struct option *lists[4];
	const char *words[64], *near;
	size_t n = 0, n_lists = option_lists(c, lists);

	for (size_t i = 0; i < n_lists; i++)
		for (const struct option *o = lists[i]; o->name && n < 64; o++)
			words[n++] = o->name;
	near = text_nearest(name, words, n);
	return err_set(e, ERR_USAGE, "him %s has no option --%.60s%s%s%s (him help %s)", c->name,
		name, near ? "; did you mean --" : "", near ? near : "", near ? "?" : "", c->name);
}

/* ---- options ---- */

static int keep(struct args *a, const struct option *o, const char *value, struct err *e)
{
	if (a->n_values == ARGS_VALUES_MAX)
		return err_set(e, ERR_USAGE, "more than %d options", ARGS_VALUES_MAX);
	a->values[a->n_values].option = o;
	a->values[a->n_values++].value = value;
	a->help |= strcmp(o->name, "help") == 0;
	return 0;
}

/* "-d" as the option it is short for; NULL: there is none. */
static const struct option *find_letter(const struct command *c, char letter)
{
	const struct option *lists[4];
	size_t n = option_lists(c, lists);

	for (size_t i = 0; i < n; i++)
		for (const struct option *o = lists[i]; o->name; o++)
			if (o->letter == letter)
				return o;
	return NULL;
}

/* The option at argv[*i], with its value, which may be the next word. */
static int take_option(struct args *a, int argc, char **argv, int *i, struct err *e)
{
	const char *word = argv[*i], *equals = word[1] == '-' ? strchr(word, '=') : NULL;
	const struct option *o;
	char name[64];

	if (word[1] != '-') {
		o = word[2] ? NULL : find_letter(a->command, word[1]);
		if (!o)
			return err_set(e, ERR_USAGE,
				"there is no option '%.60s'; most are words, as in --timeout",
				word);
	} else {
		snprintf(name, sizeof name, "%.*s",
			(int)(equals ? equals - word - 2 : (long)strlen(word) - 2), word + 2);
		o = find(a->command, name);
		if (!o)
			return unknown_option(a->command, name, e);
	}
	if (!o->value)
		return equals ? err_set(e, ERR_USAGE, "--%s takes no value", o->name)
			      : keep(a, o, "", e);
	if (equals)
		return keep(a, o, equals + 1, e);
	if (*i + 1 >= argc || strcmp(argv[*i + 1], "--") == 0)
		return err_set(e, ERR_USAGE, "--%s needs a value: %s", o->name, o->value);
	return keep(a, o, argv[++*i], e);
}

static int take_word(struct args *a, char *word, struct err *e)
{
	const struct command *c = a->command;

	if (a->n_words == c->max || a->n_words == ARGS_WORDS_MAX)
		return err_set(e, ERR_USAGE,
			c->flags & CMD_TAIL ? "unexpected '%.60s': what is to run stands after --"
					    : "unexpected '%.60s' (him help %s)",
			word, c->name);
	a->words[a->n_words++] = word;
	return 0;
}

/* ---- commands ---- */

/* How many of argv[1…] are this command's name; 0: it is another one. */
static int words_of(const struct command *c, int argc, char **argv)
{
	const char *name = c->name;
	int n = 0;

	while (*name) {
		size_t len = strcspn(name, " ");
		if (n + 1 >= argc || strlen(argv[n + 1]) != len ||
			strncmp(argv[n + 1], name, len) != 0)
			return 0;
		n++;
		name += len + (name[len] == ' ');
	}
	return n;
}

/* "token" of "token create": what a person may have meant by one wrong word. */
static const char *nearest_first_word(const struct command *table, const char *given)
{
	static const char *const families[] = {"machine", "relay", "token", "user", "api-token"};
	const char *words[80];
	size_t n = 0;

	for (const struct command *c = table; c->name && n < 64; c++)
		if (!strchr(c->name, ' '))
			words[n++] = c->name;
	for (size_t i = 0; i < sizeof families / sizeof *families; i++)
		words[n++] = families[i];
	return text_nearest(given, words, n);
}

static int unknown_command(const struct command *table, int argc, char **argv, struct err *e)
{
	const char *words[64], *near = NULL, *member = NULL;
	char given[130];
	size_t n = 0, len = strlen(argv[1]);

	for (const struct command *c = table; c->name && n < 64; c++) {
		if (!member && text_starts(c->name, argv[1]) && c->name[len] == ' ')
			member = c->name;
		words[n++] = c->name;
	}
	/* "token crate" is nearest to "token create", but "shwo web1" to "show". */
	snprintf(given, sizeof given, "%.60s %.60s", argv[1], argc > 2 ? argv[2] : "");
	near = argc > 2 ? text_nearest(given, words, n) : NULL;
	if (member)
		return err_set(e, ERR_USAGE,
			"him %.60s is a family of commands, such as 'him %s' (him help %.60s)",
			argv[1], near && text_starts(near, argv[1]) ? near : member, argv[1]);
	if (!near)
		near = nearest_first_word(table, argv[1]);
	return err_set(e, ERR_USAGE, "there is no command '%.60s'%s%s%s (him help lists them)",
		argv[1], near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int find_command(
	const struct command *table, int argc, char **argv, struct args *out, struct err *e)
{
	int best = 0;

	for (const struct command *c = table; c->name; c++) {
		int n = words_of(c, argc, argv);
		if (n > best) {
			best = n;
			out->command = c;
		}
	}
	if (!best)
		return argc < 2 ? err_set(e, ERR_USAGE, "a command is missing; him help lists them")
				: unknown_command(table, argc, argv, e);
	return best;
}

static int check_words(const struct args *a, struct err *e)
{
	const struct command *c = a->command;

	if (a->n_words < c->min)
		return err_set(e, ERR_USAGE, "usage: him %s %s", c->name, c->words);
	return 0;
}

/* Common options before the command. The index of the last one; 0: none. */
static int take_leading(struct args *a, int argc, char **argv, struct err *e)
{
	static const struct command any = {.name = "help"};
	int i = 0;

	a->command = &any;
	while (i + 1 < argc && argv[i + 1][0] == '-') {
		i++;
		if (take_option(a, argc, argv, &i, e) < 0)
			return -1;
	}
	return i;
}

int args_parse(const struct command *table, int argc, char **argv, struct args *out, struct err *e)
{
	int n, leading;

	memset(out, 0, sizeof *out);
	leading = take_leading(out, argc, argv, e);
	if (leading < 0)
		return -1;
	argc -= leading;
	argv += leading;
	if (argc < 2 && out->help)
		return 0;
	n = find_command(table, argc, argv, out, e);
	if (n < 0)
		return -1;
	for (int i = n + 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0 && out->command->flags & CMD_TAIL) {
			out->tail = argv + i + 1;
			out->n_tail = argc - i - 1;
			break;
		}
		if (argv[i][0] == '-' && argv[i][1] ? take_option(out, argc, argv, &i, e) < 0
						    : take_word(out, argv[i], e) < 0)
			return -1;
	}
	return out->help ? 0 : check_words(out, e);
}

/* ---- values ---- */

const char *args_nth(const struct args *a, const char *name, size_t i)
{
	assert(find(a->command, name));
	for (size_t k = 0; k < a->n_values; k++)
		if (strcmp(a->values[k].option->name, name) == 0 && i-- == 0)
			return a->values[k].value;
	return NULL;
}

const char *args_get(const struct args *a, const char *name)
{
	const struct option *o = find(a->command, name);

	assert(o);
	for (size_t k = a->n_values; k-- > 0;)
		if (a->values[k].option == o)
			return a->values[k].value;
	return o->initial;
}

bool args_flag(const struct args *a, const char *name)
{
	return args_get(a, name) != NULL;
}

int args_duration(const struct args *a, const char *name, int64_t min, int64_t max, int64_t *out,
	struct err *e)
{
	const char *v = args_get(a, name);

	return v ? text_duration(v, name, min, max, out, e) : 0;
}

int args_size(const struct args *a, const char *name, int64_t min, int64_t max, int64_t *out,
	struct err *e)
{
	const char *v = args_get(a, name);

	return v ? text_size(v, name, min, max, out, e) : 0;
}

int args_int(const struct args *a, const char *name, int64_t min, int64_t max, int64_t *out,
	struct err *e)
{
	const char *v = args_get(a, name);

	return v ? text_int(v, name, min, max, out, e) : 0;
}
