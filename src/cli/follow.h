/* SPDX-License-Identifier: Apache-2.0 */
/* Results of an action as people read them, and waiting until all of them ended. */
#ifndef HIM_CLI_FOLLOW_H
#define HIM_CLI_FOLLOW_H

#include "cli/cli.h"
#include "cli/list.h"

extern const struct list result_list;
extern const struct list result_list_output; /* with stdout and stderr */

/* A result with its outputs: each line behind the machine's name, what was standard error on standard error, and, unless
 * it is done, a line that says what came of it. */
void result_print(const struct cli *c, const struct json *result);

/* The bytes of stdout or stderr that were kept. *len; never NULL. */
const char *result_bytes(struct cli *c, const struct json *result, const char *name, size_t *len);

/* Waits until the action has ended. output: prints results as they come. Draws a bar when standard error is a terminal.
 * A server that goes away meanwhile is waited for, two minutes. *action: as it was at the end; the caller frees it. */
int follow_action(struct cli *c, const char *id, bool output, struct json **action, struct err *e);

/* The action's object with all its results in "results". */
int follow_print_json(struct cli *c, const struct json *action, bool output, struct err *e);

/* After waiting: the summary, and the exit code. */
int follow_end(struct cli *c, const struct json *action);

#endif
