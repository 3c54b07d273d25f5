/* SPDX-License-Identifier: Apache-2.0 */
/*
 * him power: off and reboot. What stops with a machine is shown before anything is sent, and must be confirmed: by a person at
 * the terminal, or by --confirm N, which is how many machines stop. The server holds to that by itself; here it is asked
 * nicely.
 */
#include "cli/api.h"
#include "cli/commands.h"
#include "cli/terminal.h"
#include "core/target.h"
#include <stdio.h>
#include <string.h>

/* *stops: what the order must confirm, when a person said yes; -1: nothing needs to be. 1: they said no. */
static int ask(struct cli *c, const char *query, int64_t *stops, struct err *e)
{
	struct json *impact = NULL;
	int64_t n = 0;
	int yes, rc = 0;

	*stops = -1;
	if (api_get(c, api_path(c, "/impact", "query", query, "limit", "1000", NULL), &impact, e) <
		0)
		return -1;
	json_to_int(json_get(impact, "stops"), &n);
	if (n > 0 || json_len(json_get(impact, "unknown")) > 0) {
		impact_print(c, impact, stderr);
		yes = terminal_confirm("Is this meant?",
			arena_printf(c->arena, "say --confirm %lld", (long long)n), e);
		rc = yes < 0 ? -1 : !yes;
		*stops = n;
	}
	json_free(impact);
	return rc;
}

int cmd_power(struct cli *c, const struct args *a, struct err *e)
{
	const char *how = strchr(a->command->name, ' ') + 1, *query = a->words[0];
	struct json *order = json_object();
	int64_t confirm = -1, timeout = 0, deadline = 0;
	const struct target_query *q;
	int rc = target_parse(query, c->arena, &q, e);

	if (rc == 0 &&
		(args_int(a, "confirm", 0, INT64_MAX, &confirm, e) < 0 ||
			args_duration(a, "timeout", 1000, 604800000, &timeout, e) < 0 ||
			args_duration(a, "deadline", 1000, 2592000000, &deadline, e) < 0))
		rc = -1;
	if (rc == 0 && confirm < 0 && !args_flag(a, "dry-run"))
		rc = ask(c, query, &confirm, e);
	json_set_string(order, "query", query);
	json_set_string(order, "power", how);
	json_set_int(order, "timeout_ms", timeout);
	json_set_int(order, "deadline_ms", deadline);
	if (args_flag(a, "with-guests"))
		json_set_bool(order, "with_guests", true);
	if (args_flag(a, "dry-run"))
		json_set_bool(order, "dry_run", true);
	if (confirm >= 0)
		json_set_int(order, "confirm", confirm);
	if (rc == 0)
		rc = run_send(c, a, order, e);
	json_free(order);
	return rc;
}
