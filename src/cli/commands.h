/* SPDX-License-Identifier: Apache-2.0 */
/* What commands.c's table points to: a function a command, in the file its first word names. */
#ifndef HIM_CLI_COMMANDS_H
#define HIM_CLI_COMMANDS_H

#include "cli/cli.h"
#include "cli/list.h"
#include <stdio.h>

typedef int command_function(struct cli *c, const struct args *a, struct err *e);

command_function cmd_login, cmd_logout;
command_function cmd_machines, cmd_show, cmd_machine_rename, cmd_machine_revoke, cmd_machine_forget,
	cmd_machine_refresh;
command_function cmd_tree, cmd_why, cmd_moves, cmd_impact, cmd_machine_merge, cmd_machine_split,
	cmd_machine_undo, cmd_machine_host, cmd_site_hosts;
command_function cmd_provider_list, cmd_provider_set;
command_function cmd_power, cmd_run, cmd_actions, cmd_action, cmd_cancel;
command_function cmd_events, cmd_audit, cmd_status, cmd_version;
command_function cmd_relays, cmd_relay_revoke, cmd_token_create, cmd_token_list, cmd_token_revoke,
	cmd_enroll;
command_function cmd_user_create, cmd_user_list, cmd_user_grant, cmd_user_disable,
	cmd_user_password;
command_function cmd_api_token_create, cmd_api_token_list, cmd_api_token_revoke;
command_function cmd_up, cmd_down, cmd_backup, cmd_restore;

extern const struct list machine_list, action_list, event_list, audit_list, relay_list, token_list,
	user_list, api_token_list, move_list;

/* cmd_run.c: posts an order, and does with its action what the options of him run say. */
int run_send(struct cli *c, const struct args *a, const struct json *order, struct err *e);

/* cmd_topology.c: an impact as people read it. */
void impact_print(const struct cli *c, const struct json *impact, FILE *to);

#endif
