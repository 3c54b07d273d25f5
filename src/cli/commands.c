/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands, a row each: name, words, how many, flags, help, options, what it lists, function. This table is the
 * parser, the usage, `him help` and the manual. The order is the one a newcomer meets them in.
 */
#include "cli/commands.h"
#include <stddef.h>

#define QUERY_HELP "A QUERY says which machines are meant; him help query explains it."

static const struct option up_options[] = {
	{"detach", NULL, NULL, "go to the background once everything answers", 'd'},
	{"port", "PORT", NULL, "port for people; else 8443, or a free one when that is taken"},
	{NULL},
};

static const struct option backup_options[] = {
	{"passphrase-file", "FILE", NULL,
		"file with the passphrase; - is standard input; else it is asked for"},
	{NULL},
};

static const struct option login_options[] = {
	{"user", "NAME", NULL, "who you are there; else USER"},
	{"password-stdin", NULL, NULL,
		"read the password from standard input; a second line is the new one, where a new "
		"one is due"},
	{"ca-fingerprint", "HEX", NULL,
		"SHA-256 of the public key of the server's CA; else it is shown and asked about"},
	{NULL},
};

static const struct option machines_options[] = {
	{"sort", "FIELD", NULL, "order by this field; -FIELD for the other way round"},
	{NULL},
};

static const struct option show_options[] = {
	{"packages", NULL, NULL, "list every package, not only how many"},
	{NULL},
};

static const struct option tree_options[] = {
	{"at", "TIME", NULL, "as it was then: 14:05, '2h ago', 2026-01-02, 2026-01-02T03:04:05Z"},
	{"by", "WHAT", NULL, "below each network, site or cloud"},
	{"dot", NULL, NULL, "a graph for Graphviz"},
	{NULL},
};

static const struct option moves_options[] = {
	{"since", "TIME", NULL, "only those since then: 14:05, '2h ago', 2026-01-02"},
	{NULL},
};

static const struct option impact_options[] = {
	{"query", NULL, NULL, "MACHINE is a query: what stops when all that fit do"},
	{NULL},
};

static const struct option split_options[] = {
	{"from", "HOST", NULL, "only what this host lists; else what every host lists"},
	{NULL},
};

static const struct option run_options[] = {
	{"script", "FILE", NULL,
		"run this script, by its first line (#!…), with COMMAND as its arguments; - is "
		"standard input"},
	{"timeout", "DURATION", "60s", "how long it may run on each machine"},
	{"deadline", "DURATION", "1h",
		"a machine that does not fetch it within this time does not run it any more"},
	{"cpu", "PERCENT", "50%", "how much of one core it may take"},
	{"memory", "SIZE", "256M", "how much memory it may take"},
	{"as", "USER", "root", "user it runs as"},
	{"env", "NAME=VALUE", NULL, "adds to its environment; may stand several times"},
	{"attach", NULL, NULL,
		"keep its whole output, not only head and tail of it (him action ID --attachment "
		"stdout)"},
	{"wait", NULL, NULL,
		"wait until it ended everywhere, show every output, exit 0 when it is done on all"},
	{"dry-run", NULL, NULL, "only say how many machines it would run on"},
	{"disruptive", NULL, NULL,
		"it stops machines: refused while others would stop with them, until --confirm"},
	{"confirm", "N", NULL, "with --disruptive: how many machines stop with it (him impact)"},
	{NULL},
};

static const struct option power_options[] = {
	{"confirm", "N", NULL,
		"how many machines stop with it, as him impact says; must be so then"},
	{"with-guests", NULL, NULL,
		"shut down what runs on it first, and, after a reboot, start that again"},
	{"timeout", "DURATION", "10m", "how long guests may take to shut down"},
	{"deadline", "DURATION", "1h",
		"a machine that does not fetch it within this time does not do it any more"},
	{"wait", NULL, NULL, "wait until it is done: a reboot is, when the machine is back"},
	{"dry-run", NULL, NULL, "only say how many machines it is for"},
	{NULL},
};

static const struct option actions_options[] = {
	{"state", "STATE", NULL, "only those that are open, or ended"},
	{NULL},
};

static const struct option action_options[] = {
	{"wait", NULL, NULL, "wait until it ended everywhere; exit 0 when it is done on all"},
	{"output", NULL, NULL, "show the outputs of all machines"},
	{"attachment", "NAME", NULL,
		"save whole outputs, stdout or stderr, a file a machine, into this folder"},
	{"machine", "NAME", NULL, "with --attachment: of this machine only"},
	{NULL},
};

static const struct option events_options[] = {
	{"follow", NULL, NULL, "show the last ones and wait for more"},
	{"kind", "KIND", NULL, "only such, as machine.online, or machine.* for a family"},
	{"machine", "NAME", NULL, "only about this machine"},
	{"action", "ID", NULL, "only about this action"},
	{NULL},
};

static const struct option yes_options[] = {
	{"yes", NULL, NULL, "do not ask"},
	{NULL},
};

static const struct option token_options[] = {
	{"role", "ROLE", "agent", "what may enrol with it: agent or relay"},
	{"site", "SITE", "default", "the site of what enrols with it"},
	{"uses", "N", "1", "how many may enrol"},
	{"expires", "DURATION", "24h", "when it ends"},
	{NULL},
};

static const struct option user_create_options[] = {
	{"role", "ROLE", NULL, "what they may do: viewer, operator or administrator"},
	{"site", "SITE", "*", "where; * is everywhere"},
	{NULL},
};

static const struct option grant_options[] = {
	{"role", "ROLE", NULL, "viewer, operator or administrator; none takes it away"},
	{"site", "SITE", "*", "where; * is everywhere"},
	{NULL},
};

static const struct option password_options[] = {
	{"password-stdin", NULL, NULL,
		"read the old and the new password from standard input, a line each"},
	{NULL},
};

static const struct option api_token_options[] = {
	{"expires", "DURATION", "90d", "when it ends"},
	{NULL},
};

static const struct option help_options[] = {
	{"man", NULL, NULL, "everything, as a manual page"},
	{NULL},
};

const struct command commands[] = {
	{"up", "", 0, 0, CMD_LOCAL, "start server, relay and agent on this machine",
		"Starts what is missing of a whole installation in one data folder, and shows what "
		"it found. Without --detach it stays\n"
		"in the foreground; Ctrl-C stops all of it.",
		up_options, NULL, cmd_up},
	{"down", "", 0, 0, CMD_LOCAL, "stop what him up started",
		"Nothing is lost: him up goes on where it stopped.", NULL, NULL, cmd_down},
	{"status", "", 0, 0, CMD_JSON, "the health of every part",
		"Exits 0 when all is well, else 1.", NULL, NULL, cmd_status},
	{"machines", "[QUERY]", 0, 1, CMD_LIST, "list machines",
		QUERY_HELP "\n\n  him machines 'web* os:linux memory>=8GiB not state:offline'\n  "
			   "him machines -o name,ip,kernel,boot",
		machines_options, &machine_list, cmd_machines},
	{"show", "MACHINE", 1, 1, CMD_JSON, "one machine, whole",
		"MACHINE is a name, an id, or the beginning of an id that no other has.",
		show_options, NULL, cmd_show},
	{"tree", "[QUERY]", 0, 1, CMD_JSON, "what runs on what",
		QUERY_HELP " Shown are the machines that fit, what they run on and what runs on "
			   "them.\n\n  him tree\n  him tree web1 --at 14:05\n"
			   "  him tree --by network",
		tree_options, NULL, cmd_tree},
	{"why", "MACHINE [OTHER]", 1, 2, CMD_JSON, "why it is one machine, and runs where it does",
		"Shows all that is said of it, by whom and when, and how that was weighed; with "
		"OTHER, of both.",
		NULL, NULL, cmd_why},
	{"moves", "[QUERY]", 0, 1, CMD_LIST, "machines that moved to another host, newest first",
		QUERY_HELP, moves_options, &move_list, cmd_moves},
	{"impact", "MACHINE", 1, 1, CMD_JSON, "what stops when a machine stops",
		"Guests, what runs in them, containers; at which sites; and what is not known.",
		impact_options, NULL, cmd_impact},
	{"run", "QUERY [-- COMMAND...]", 1, 1, CMD_JSON | CMD_TAIL, "run a command on machines",
		"COMMAND is run as it stands, a word an argument, without a shell; for a shell say "
		"so: -- sh -c 'df | tail -1'.\n" QUERY_HELP
		" '*' is every machine; a query that fits none is an error.\n\n"
		"Prints the id of the action, or, with --wait, every machine's output behind its "
		"name and then a summary. On each\n"
		"machine it ends in one of: done (exit 0), failed, timed_out, refused, expired, "
		"cancelled.\n\n"
		"  him run --wait 'site:lab' -- uptime\n"
		"  him run --wait 'web*' --script fix.sh --timeout 5m -- --dry-run",
		run_options, NULL, cmd_run},
	{"power off", "QUERY", 1, 1, CMD_JSON, "turn machines off",
		QUERY_HELP " What runs on them is shown first, and nothing is done until that was "
			   "confirmed.\n\n  him power off host3 --with-guests --confirm 12",
		power_options, NULL, cmd_power},
	{"power reboot", "QUERY", 1, 1, CMD_JSON, "restart machines",
		QUERY_HELP " What runs on them is shown first, and nothing is done until that was "
			   "confirmed. It is done where the machine is back.",
		power_options, NULL, cmd_power},
	{"actions", "", 0, 0, CMD_LIST, "list actions, newest first", NULL, actions_options,
		&action_list, cmd_actions},
	{"action", "ID", 1, 1, CMD_JSON, "one action, and what came of it",
		"Shows how many machines are how far, and the first that did not end in done. "
		"--json holds every result.",
		action_options, NULL, cmd_action},
	{"cancel", "ID", 1, 1, 0, "end an action wherever it is",
		"Machines that have not begun do not begin; on others what runs is ended.", NULL,
		NULL, cmd_cancel},
	{"events", "", 0, 0, CMD_LIST, "what happened",
		"All events in the order in which they happened; with --limit the last ones. With "
		"--follow --json, an object a line.",
		events_options, &event_list, cmd_events},
	{"enroll", "", 0, 0, CMD_JSON, "print the line that installs the agent on another machine",
		"The line holds a token, so it is a secret while the token lasts. Run it as root "
		"on the other Linux machine.",
		token_options, NULL, cmd_enroll},
	{"machine rename", "MACHINE NAME", 2, 2, 0, "give a machine another name",
		"A name is a label: it need not be unique.", NULL, NULL, cmd_machine_rename},
	{"machine refresh", "MACHINE", 1, 1, 0, "ask a machine for a full report", NULL, NULL, NULL,
		cmd_machine_refresh},
	{"machine revoke", "MACHINE", 1, 1, 0, "cut a machine's agent off at once",
		"Its certificate is refused everywhere from now on. To come back it must enrol "
		"again.",
		yes_options, NULL, cmd_machine_revoke},
	{"machine forget", "MACHINE", 1, 1, 0, "forget a machine that is revoked or offline",
		"What it did with actions stays known.", yes_options, NULL, cmd_machine_forget},
	{"machine merge", "MACHINE OTHER", 2, 2, CMD_JSON, "say that two are one machine",
		"It holds against all evidence until it is undone; only two agents that are both "
		"alive are never one.",
		NULL, NULL, cmd_machine_merge},
	{"machine split", "MACHINE", 1, 1, CMD_JSON,
		"say that what hosts list as this machine is another one",
		"It holds until it is undone, also when that guest moves to another host.",
		split_options, NULL, cmd_machine_split},
	{"machine undo", "ID", 1, 1, 0, "take a merge or a split back", "him why shows the ids.",
		NULL, NULL, cmd_machine_undo},
	{"machine host", "MACHINE on|off", 2, 2, 0, "believe a machine's list of guests, or not",
		"What a machine says of itself is believed; what it says of others only when "
		"somebody marked it as a host.",
		NULL, NULL, cmd_machine_host},
	{"site hosts", "SITE on|off", 2, 2, 0,
		"believe machines of a site about their guests by themselves",
		"Off at first. Never one that itself is the guest of some host.", NULL, NULL,
		cmd_site_hosts},
	{"provider list", "", 0, 0, CMD_JSON, "print the rules that give machines a provider", NULL,
		NULL, NULL, cmd_provider_list},
	{"provider set", "FILE", 1, 1, CMD_JSON, "replace the rules that give machines a provider",
		"FILE, or - for standard input, holds all of them; an empty one is none. Agents "
		"have "
		"them within seconds, and ask\n"
		"them after those of their machine's own /etc/him/providers.conf, which are "
		"written "
		"the same way.\n\n"
		"  [attic]\n  network = proprietary\n  host.name = *.attic.example\n  host.ip = "
		"192.0.2.0/24",
		NULL, NULL, cmd_provider_set},
	{"relays", "", 0, 0, CMD_LIST, "list relays", NULL, NULL, &relay_list, cmd_relays},
	{"relay revoke", "ID", 1, 1, 0, "cut a relay off at once", NULL, yes_options, NULL,
		cmd_relay_revoke},
	{"token create", "", 0, 0, CMD_JSON, "make an enrolment token",
		"Prints the secret, this once. him-agent and him-relay read it from standard input "
		"or a file.",
		token_options, NULL, cmd_token_create},
	{"token list", "", 0, 0, CMD_LIST, "list enrolment tokens", NULL, NULL, &token_list,
		cmd_token_list},
	{"token revoke", "ID", 1, 1, 0, "withdraw an enrolment token",
		"What has enrolled with it stays.", NULL, NULL, cmd_token_revoke},
	{"login", "[URL]", 0, 1, CMD_LOCAL, "log in to a server elsewhere",
		"On the server's own machine its owner and root need no login. Elsewhere the "
		"server is trusted by the fingerprint of\n"
		"its CA (him status shows it there), and a token is kept in ~/.config/him, which "
		"only you can read.",
		login_options, NULL, cmd_login},
	{"logout", "[URL]", 0, 1, CMD_LOCAL, "end a login", NULL, NULL, NULL, cmd_logout},
	{"user create", "NAME", 1, 1, CMD_JSON, "make a user",
		"Prints a one-time password, to be changed at the first login.",
		user_create_options, NULL, cmd_user_create},
	{"user list", "", 0, 0, CMD_LIST, "list users and what they may do", NULL, NULL, &user_list,
		cmd_user_list},
	{"user grant", "NAME", 1, 1, 0, "let a user do more, or less",
		"A viewer sees, an operator runs commands too, an administrator lets others in.",
		grant_options, NULL, cmd_user_grant},
	{"user disable", "NAME", 1, 1, 0, "let a user in no more", "All their logins end.", NULL,
		NULL, cmd_user_disable},
	{"user password", "[NAME]", 0, 1, CMD_JSON, "a new password",
		"Your own, which is asked for; or, with NAME and as administrator, a one-time "
		"password for another, which is printed.",
		password_options, NULL, cmd_user_password},
	{"api-token create", "", 0, 0, CMD_JSON, "make a token for a program that acts for you",
		"Prints the secret, this once: it goes into the header Authorization: Bearer "
		"SECRET.",
		api_token_options, NULL, cmd_api_token_create},
	{"api-token list", "", 0, 0, CMD_LIST, "list your API tokens", NULL, NULL, &api_token_list,
		cmd_api_token_list},
	{"api-token revoke", "ID", 1, 1, 0, "end one of your API tokens", NULL, NULL, NULL,
		cmd_api_token_revoke},
	{"audit", "", 0, 0, CMD_LIST, "who did what, newest first", NULL, NULL, &audit_list,
		cmd_audit},
	{"backup", "FILE", 1, 1, CMD_LOCAL, "write all of an installation into one encrypted file",
		"Database and keys, while everything runs.", backup_options, NULL, cmd_backup},
	{"restore", "FILE", 1, 1, CMD_LOCAL, "make a data folder from a backup",
		"The folder must hold no installation.", backup_options, NULL, cmd_restore},
	{"version", "", 0, 0, CMD_LOCAL, "the version of this program", NULL, NULL, NULL,
		cmd_version},
	{"help", "[COMMAND | query]", 0, 2, CMD_LOCAL, "what there is, or one thing explained",
		NULL, help_options, NULL, cmd_help},
	{NULL},
};
