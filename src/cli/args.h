/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: a table of commands, each a row with its options, is the parser, the usage, the help and the manual.
 *
 *	him [COMMAND …] [OPTION | WORD]… [-- WORD…]
 *
 * Options stand anywhere before `--`: --name VALUE, --name=VALUE, -o VALUE, --flag. The last one wins, except where a
 * command reads them all. Everything that is parsed points into argv.
 */
#ifndef HIM_CLI_ARGS_H
#define HIM_CLI_ARGS_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARGS_VALUES_MAX 256
#define ARGS_WORDS_MAX 16

struct cli;
struct args;
struct list;

struct option {
	const char *name;  /* "timeout" */
	const char *value; /* what its value is called, "DURATION"; NULL: a flag */
	const char *initial, *help;
	char letter; /* -d is short for it; 0: nothing is */
};

enum command_flag {
	CMD_LIST = 1, /* takes -o, --no-headings, --limit */
	CMD_JSON = 2, /* takes --json */
	CMD_TAIL = 4, /* takes words after `--` */
	CMD_LOCAL = 8 /* asks no server */
};

struct command {
	const char *name;  /* one or two words: "token create" */
	const char *words; /* "QUERY [-- COMMAND…]" */
	int min, max;      /* how many words, without those after `--` */
	int flags;
	const char *summary;          /* one line, in lists */
	const char *about;            /* paragraphs, may be NULL */
	const struct option *options; /* ends with a NULL name; NULL: none */
	const struct list *list;      /* what a CMD_LIST lists */
	/* The exit code, or -1 with e. */
	int (*run)(struct cli *c, const struct args *a, struct err *e);
};

struct args {
	const struct command *command;
	struct {
		const struct option *option;
		const char *value; /* "" for a flag */
	} values[ARGS_VALUES_MAX];
	size_t n_values;
	char *words[ARGS_WORDS_MAX];
	int n_words;
	char **tail; /* after `--`; NULL-terminated, as argv is */
	int n_tail;
	bool help; /* --help stood there: nothing else was checked. Without a command it is that of `help` */
};

/* Options that every command takes, those of lists, and --json. */
extern const struct option args_common[], args_of_lists[], args_of_json[];

/* argv[1…]. The table ends with a NULL name. ERR_USAGE, naming the nearest command or option. */
int args_parse(const struct command *table, int argc, char **argv, struct args *out, struct err *e);

/* Its last value, else its initial one (may be NULL). Asking for an option that the command has not is a bug. */
const char *args_get(const struct args *a, const char *name);
bool args_flag(const struct args *a, const char *name);
/* The i-th value given for it; NULL: no more. */
const char *args_nth(const struct args *a, const char *name, size_t i);
/* As numbers with units; initial NULL and not given: *out is untouched. */
int args_duration(const struct args *a, const char *name, int64_t min, int64_t max, int64_t *out,
	struct err *e);
int args_size(const struct args *a, const char *name, int64_t min, int64_t max, int64_t *out,
	struct err *e);
int args_int(const struct args *a, const char *name, int64_t min, int64_t max, int64_t *out,
	struct err *e);

#endif
