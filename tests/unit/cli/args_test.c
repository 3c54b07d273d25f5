// SPDX-License-Identifier: Apache-2.0
/* The command line: what is taken, what is refused and in which words, and that the table of commands is whole. */
#include "cli/args.h"
#include "cli/cli.h"
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define WORDS_MAX 24

/* Cuts a line at blanks, in place, and parses it. */
static int parse(char *line, struct args *out, struct err *e)
{
	static char *argv[WORDS_MAX], him[] = "him";
	int argc = 0;

	argv[argc++] = him;
	for (char *word = strtok(line, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	argv[argc] = NULL;
	return args_parse(commands, argc, argv, out, e);
}

static const struct {
	const char *line, *error;
} refused[] = {
	{"", "a command is missing; him help lists them"},
	{"machins",
		"there is no command 'machins'; did you mean 'machines'? (him help lists them)"},
	{"tokn list",
		"there is no command 'tokn'; did you mean 'token list'? (him help lists them)"},
	{"tokn", "there is no command 'tokn'; did you mean 'token'? (him help lists them)"},
	{"token", "him token is a family of commands, such as 'him token create' (him help token)"},
	{"token lst",
		"him token is a family of commands, such as 'him token list' (him help token)"},
	{"qqqqqq", "there is no command 'qqqqqq' (him help lists them)"},
	{"run", "usage: him run QUERY [-- COMMAND...]"},
	{"run web* uptime", "unexpected 'uptime': what is to run stands after --"},
	{"show a b", "unexpected 'b' (him help show)"},
	{"run web* --timout 5s -- x",
		"him run has no option --timout; did you mean --timeout? (him help run)"},
	{"run web* --timeout -- x", "--timeout needs a value: DURATION"},
	{"run web* --timeout", "--timeout needs a value: DURATION"},
	{"run web* --wait=yes -- x", "--wait takes no value"},
	{"run -x", "there is no option '-x'; most are words, as in --timeout"},
	{"run -oname", "there is no option '-oname'; most are words, as in --timeout"},
	{"show web1 --limit 3", "him show has no option --limit (him help show)"},
	{"--limit 3 machines", "him help has no option --limit (him help help)"},
};

static void test_refused(void **state)
{
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct err e = ERR_INIT;
		struct args a;
		char line[200];
		strncpy(line, refused[i].line, sizeof line - 1);
		assert_int_equal(parse(line, &a, &e), -1);
		assert_string_equal(e.text, refused[i].error);
		assert_int_equal(e.code, ERR_USAGE);
		assert_int_equal(err_exit(e.code), 2);
	}
}

static void test_run(void **state)
{
	char line[] =
		"--home /x run web* --timeout=90s --env A=1 --env B=2 --wait -- sh -c --wait --env";
	struct err e = ERR_INIT;
	int64_t v = 0;
	struct args a;

	assert_int_equal(parse(line, &a, &e), 0);
	assert_string_equal(a.command->name, "run");
	assert_int_equal(a.n_words, 1);
	assert_string_equal(a.words[0], "web*");
	assert_int_equal(a.n_tail, 4);
	assert_string_equal(a.tail[2], "--wait");
	assert_null(a.tail[4]);
	assert_string_equal(args_get(&a, "home"), "/x");
	assert_true(args_flag(&a, "wait"));
	assert_false(args_flag(&a, "attach"));
	assert_string_equal(args_nth(&a, "env", 0), "A=1");
	assert_string_equal(args_nth(&a, "env", 1), "B=2");
	assert_null(args_nth(&a, "env", 2));
	assert_int_equal(args_duration(&a, "timeout", 0, 1000000, &v, &e), 0);
	assert_int_equal(v, 90000);
	assert_int_equal(
		args_duration(&a, "deadline", 0, 4000000, &v, &e), 0); /* its initial value */
	assert_int_equal(v, 3600000);
	assert_int_equal(args_duration(&a, "timeout", 0, 1000, &v, &e), -1);
	assert_string_equal(e.field, "timeout");
	assert_int_equal(args_size(&a, "memory", 0, INT64_MAX, &v, &e), 0);
	assert_int_equal(v, 256 << 20);
}

static void test_last_wins(void **state)
{
	char line[] = "machines -o name --columns id,state web* --limit 1 --limit 7 --json";
	struct err e = ERR_INIT;
	int64_t v = 0;
	struct args a;

	assert_int_equal(parse(line, &a, &e), 0);
	assert_string_equal(args_get(&a, "columns"), "id,state");
	assert_int_equal(args_int(&a, "limit", 1, 100, &v, &e), 0);
	assert_int_equal(v, 7);
	assert_true(args_flag(&a, "json"));
	assert_null(args_get(&a, "sort"));
}

static void test_help(void **state)
{
	struct {
		char line[32];
		const char *command;
	} rows[] = {{"run --help", "run"}, {"run -h", "run"}, {"--help", "help"},
		{"token list --help", "token list"}};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e = ERR_INIT;
		struct args a;
		assert_int_equal(parse(rows[i].line, &a, &e), 0);
		assert_true(a.help);
		assert_string_equal(a.command->name, rows[i].command);
	}
}

static void test_many(void **state)
{
	static char him[] = "him", run[] = "run", all[] = "*", attach[] = "--attach";
	static char *argv[ARGS_VALUES_MAX + 8];
	struct err e = ERR_INIT;
	struct args a;
	int argc = 0;

	argv[argc++] = him;
	argv[argc++] = run;
	argv[argc++] = all;
	for (int i = 0; i <= ARGS_VALUES_MAX; i++)
		argv[argc++] = attach;
	assert_int_equal(args_parse(commands, argc, argv, &a, &e), -1);
	assert_int_equal(args_parse(commands, argc - 1, argv, &a, &e), 0);
}

/* What every row must be for parser, help and manual to work. */
static void test_table(void **state)
{
	for (const struct command *c = commands; c->name; c++) {
		assert_non_null(c->words);
		assert_true(islower((unsigned char)c->summary[0]));
		assert_true(c->min <= c->max && c->max <= ARGS_WORDS_MAX);
		assert_int_equal((c->flags & CMD_LIST) != 0, c->list != NULL);
		for (const struct command *d = c + 1; d->name; d++)
			assert_string_not_equal(c->name, d->name);
		for (const struct option *o = c->options; o && o->name; o++) {
			assert_non_null(o->help);
			for (const struct option *p = o + 1; p->name; p++)
				assert_string_not_equal(o->name, p->name);
			for (const struct option *p = args_common; p->name; p++)
				assert_string_not_equal(o->name, p->name);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_last_wins),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
