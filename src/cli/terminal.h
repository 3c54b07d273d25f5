/* SPDX-License-Identifier: Apache-2.0 */
/* The person at the terminal: questions, secrets that are not shown while they are typed, the width. */
#ifndef HIM_CLI_TERMINAL_H
#define HIM_CLI_TERMINAL_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>

#define SECRET_MAX 256

int terminal_width(void); /* of standard output; 80 where unknown */

/* Asks on the terminal itself, whatever standard input is. Without one: ERR_USAGE, saying `instead`. */
int terminal_secret(
	const char *prompt, const char *instead, char out[SECRET_MAX + 1], struct err *e);
/* The same, twice, until both are equal (three tries). */
int terminal_new_secret(
	const char *prompt, const char *instead, char out[SECRET_MAX + 1], struct err *e);
/* 1 yes, 0 no, -1: there is no terminal. */
int terminal_confirm(const char *question, const char *instead, struct err *e);

/* One line of standard input without its newline; for --password-stdin. An empty line is an error. */
int terminal_stdin_line(const char *what, char out[SECRET_MAX + 1], struct err *e);

#endif
