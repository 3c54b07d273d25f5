/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program `him`. One struct lives as long as the program; a command is a function that gets it and its arguments and
 * returns the exit code: 0 all done, 1 some machine did not end in done, 2 usage, 3 not reachable or not allowed. It
 * returns -1 with a sentence for errors; cli_main prints that sentence, once, and nothing else prints errors.
 */
#ifndef HIM_CLI_CLI_H
#define HIM_CLI_CLI_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "cli/args.h"

struct api;

struct cli {
	struct arena *arena; /* for all that a command makes */
	const char *program; /* argv[0] */
	const char *home;    /* --home or HIM_HOME; NULL: none was chosen */
	const char *server;  /* --server or HIM_SERVER; NULL: none was chosen */
	bool json;           /* --json */
	bool terminal;       /* standard output is one */
	bool color;          /* it is, and NO_COLOR is not set */
	int width;           /* columns of the terminal; 80 where unknown */
	struct api *api;     /* opened at the first call */
};

extern const struct command commands[];

int cli_main(int argc, char **argv);

/* The data folder meant: the chosen one, else ./var where a server of ours answers there (`make run`), else /var/lib/him. */
const char *cli_home(struct cli *c);

/* Prints one object as it stands: pretty on a terminal, else in one line. */
int cli_print_json(const struct cli *c, const struct json *j, struct err *e);

int cmd_help(struct cli *c, const struct args *a, struct err *e);
/* The usage of one command, on standard output. */
void help_command(const struct cli *c, const struct command *command);
void help_commands(const struct cli *c);

#endif
