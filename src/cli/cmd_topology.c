/* SPDX-License-Identifier: Apache-2.0 */
/* Why machines are one or two, where they moved, what stops with them, and people's word in it. */
#include "base/clock.h"
#include "cli/api.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/when.h"
#include <stdio.h>
#include <string.h>

static const char *text_of(const struct cli *c, const struct json *j, const char *key)
{
	const char *text = json_str(json_get(j, key));

	return text ? format_clean(c->arena, text, strlen(text)) : "";
}

static int64_t int_of(const struct json *j, const char *key)
{
	int64_t v = 0;

	json_to_int(json_get(j, key), &v);
	return v;
}

static bool bool_of(const struct json *j, const char *key)
{
	bool v = false;

	json_to_bool(json_get(j, key), &v);
	return v;
}

static const char *machine_path(struct cli *c, const char *who, const char *what)
{
	return arena_printf(c->arena, "/machines/%s%s", api_segment(c, who), what);
}

static const char *or_id(const char *name, const char *id)
{
	return *name ? name : id;
}

/* ---- why ---- */

static const struct json *by_number(const struct json *list, int64_t n)
{
	for (size_t i = 0; i < json_len(list); i++)
		if (int_of(json_at(list, i), "n") == n)
			return json_at(list, i);
	return NULL;
}

static void print_links(const struct cli *c, const struct json *links)
{
	for (size_t i = 0; i < json_len(links); i++) {
		const struct json *l = json_at(links, i), *why = json_get(l, "evidence");
		const char *until = text_of(c, l, "until");
		printf("%s %s %s since %s%s%s\n", *until ? "ran on" : "runs on",
			or_id(text_of(c, l, "name"), text_of(c, l, "him.host")),
			bool_of(l, "certain") ? "" : "(not certain)", text_of(c, l, "from"),
			*until ? ", until " : "", until);
		for (size_t k = 0; k < json_len(why); k++) {
			const char *text = json_str(json_at(why, k));
			printf("    %s\n", text ? format_clean(c->arena, text, strlen(text)) : "");
		}
	}
}

static void print_sighting(const struct cli *c, const struct json *s)
{
	const struct json *keys = json_get(s, "keys");
	const char *gone = text_of(c, s, "gone"), *source = text_of(c, s, "source_name"),
		   *power = text_of(c, s, "him.power");

	source = or_id(source, text_of(c, s, "source"));
	printf("[%lld] ", (long long)int_of(s, "n"));
	if (*text_of(c, s, "ref"))
		printf("%s %s it as %s (%s)%s%s", source, *gone ? "listed" : "lists",
			text_of(c, s, "name"), text_of(c, s, "platform"), *power ? ", " : "",
			power);
	else
		printf("%s speaks of itself", source);
	printf("; said %s%s%s%s\n", text_of(c, s, "changed"), *gone ? ", until " : "", gone,
		bool_of(s, "live") || *gone ? "" : "; it is away now");
	printf("    %s\n", text_of(c, s, "text"));
	for (size_t i = 0; i < json_len(keys); i++) {
		const struct json *k = json_at(keys, i);
		const char *scope = text_of(c, k, "scope");
		printf("    %-10s %s%s%s%s\n", text_of(c, k, "kind"), text_of(c, k, "value"),
			*scope ? " in " : "", scope,
			bool_of(k, "foreign") ? " (not its own interface)" : "");
	}
}

static void print_evidence(
	const struct cli *c, const struct json *list, const struct json *sightings)
{
	for (size_t i = 0; i < json_len(list); i++) {
		const struct json *v = json_at(list, i);
		const char *key = text_of(c, v, "key");
		bool two = by_number(sightings, int_of(v, "b")) &&
			json_type(json_get(v, "b")) == JSON_INT;
		printf("  [%lld]", (long long)int_of(v, "a"));
		if (two)
			printf(" and [%lld]", (long long)int_of(v, "b"));
		printf(": %s %s (%s", *key ? key : "it", text_of(c, v, "text"),
			text_of(c, v, "verdict"));
		if (int_of(v, "score"))
			printf(", %+lld", (long long)int_of(v, "score"));
		printf(")\n");
	}
}

static void print_why(const struct cli *c, const struct json *j)
{
	const struct json *sightings = json_get(j, "sightings"),
			  *decisions = json_get(j, "decisions");

	printf("%s (%s)\n", text_of(c, j, "name"), text_of(c, j, "machine"));
	print_links(c, json_get(j, "runs_on"));
	printf("\nwhat is said\n");
	for (size_t i = 0; i < json_len(sightings); i++)
		print_sighting(c, json_at(sightings, i));
	if (json_len(json_get(j, "evidence")))
		printf("\nhow it was weighed\n");
	print_evidence(c, json_get(j, "evidence"), sightings);
	if (json_len(decisions))
		printf("\nwhat people said\n");
	for (size_t i = 0; i < json_len(decisions); i++) {
		const struct json *d = json_at(decisions, i);
		const char *undone = text_of(c, d, "undone");
		printf("  %s  %s  %s%s%s\n", text_of(c, d, "id"), text_of(c, d, "made"),
			text_of(c, d, "text"), *undone ? "; undone " : "", undone);
	}
}

int cmd_why(struct cli *c, const struct args *a, struct err *e)
{
	struct json *j = NULL;
	int rc = api_get(c,
		api_path(c, machine_path(c, a->words[0], "/why"), "other",
			a->n_words > 1 ? a->words[1] : NULL, NULL),
		&j, e);

	if (rc == 0 && c->json)
		rc = cli_print_json(c, j, e);
	else if (rc == 0)
		print_why(c, j);
	json_free(j);
	return rc;
}

/* ---- moves ---- */

static char *named(struct arena *a, const struct json *row, const char *key)
{
	const char *id = json_str(json_get(row, key)),
		   *name = json_str(json_get(row, arena_printf(a, "%s_name", key)));

	name = name ? name : id;
	return name ? format_clean(a, name, strlen(name)) : arena_strdup(a, "");
}

static char *move_machine(struct arena *a, const struct json *row)
{
	return named(a, row, "machine");
}

static char *move_from(struct arena *a, const struct json *row)
{
	return named(a, row, "from");
}

static char *move_to(struct arena *a, const struct json *row)
{
	return named(a, row, "to");
}

static const struct column move_columns[] = {
	{"machine", "which machine", move_machine},
	{"from", "what it ran on; empty outside your sites", move_from},
	{"to", "what it runs on since", move_to},
	{NULL},
};

const struct list move_list = {"moves", MODEL_move, "time,machine,from,to", move_columns, 1000};

int cmd_moves(struct cli *c, const struct args *a, struct err *e)
{
	const char *since = args_get(a, "since");
	char time[CLOCK_TEXT];
	int64_t ms;

	if (since && when_parse(since, "since", clock_now_ms(), &ms, e) < 0)
		return -1;
	return list_print(c, a, &move_list,
		api_path(c, "/moves", "query", a->n_words ? a->words[0] : NULL, "since",
			since ? clock_format(ms, time) : NULL, NULL),
		e);
}

/* ---- impact ---- */

void impact_print(const struct cli *c, const struct json *j, FILE *to)
{
	const struct json *guests = json_get(j, "guests"), *sites = json_get(j, "sites"),
			  *unknown = json_get(j, "unknown");
	int64_t stops = int_of(j, "stops");

	fprintf(to, "%lld machine%s stop%s with it\n", (long long)stops, stops == 1 ? "" : "s",
		stops == 1 ? "s" : "");
	for (size_t i = 0; i < json_len(guests); i++) {
		const struct json *g = json_at(guests, i);
		fprintf(to, "%*s%s  %s on %s, site %s\n", (int)(2 * int_of(g, "depth")), "",
			or_id(text_of(c, g, "name"), text_of(c, g, "id")),
			text_of(c, g, "him.kind"), text_of(c, g, "host_name"),
			text_of(c, g, "him.site"));
	}
	if (int_of(j, "more"))
		fprintf(to, "  %lld more\n", (long long)int_of(j, "more"));
	for (size_t i = 0; i < json_len(sites); i++)
		fprintf(to, "site %s: %lld\n", text_of(c, json_at(sites, i), "him.site"),
			(long long)int_of(json_at(sites, i), "machines"));
	if (int_of(j, "hidden"))
		fprintf(to, "%lld of them outside your sites\n", (long long)int_of(j, "hidden"));
	if (int_of(j, "stopped"))
		fprintf(to, "%lld do not run now\n", (long long)int_of(j, "stopped"));
	for (size_t i = 0; i < json_len(unknown); i++) {
		const char *text = json_str(json_at(unknown, i));
		fprintf(to, "not known: %s\n",
			text ? format_clean(c->arena, text, strlen(text)) : "");
	}
}

int cmd_impact(struct cli *c, const struct args *a, struct err *e)
{
	struct json *j = NULL;
	int rc = api_get(c,
		args_flag(a, "query")
			? api_path(c, "/impact", "query", a->words[0], "limit", "1000", NULL)
			: api_path(c, machine_path(c, a->words[0], "/impact"), "limit", "1000",
				  NULL),
		&j, e);

	if (rc == 0 && c->json)
		rc = cli_print_json(c, j, e);
	else if (rc == 0)
		impact_print(c, j, stdout);
	json_free(j);
	return rc;
}

/* ---- people's word ---- */

static int print_decided(struct cli *c, const struct json *j, struct err *e)
{
	const struct json *list = json_get(j, "decisions");

	if (c->json)
		return cli_print_json(c, j, e);
	for (size_t i = 0; i < json_len(list); i++)
		printf("%s  %s\n", text_of(c, json_at(list, i), "id"),
			text_of(c, json_at(list, i), "text"));
	return 0;
}

static int decide(struct cli *c, const char *path, struct json *body, struct err *e)
{
	struct json *answer = NULL;
	int rc = api_call(c, "POST", path, body, &answer, e);

	if (rc == 0)
		rc = print_decided(c, answer, e);
	json_free(answer);
	json_free(body);
	return rc;
}

int cmd_machine_merge(struct cli *c, const struct args *a, struct err *e)
{
	struct json *body = json_object();

	json_set_string(body, "with", a->words[1]);
	return decide(c, machine_path(c, a->words[0], "/merge"), body, e);
}

int cmd_machine_split(struct cli *c, const struct args *a, struct err *e)
{
	struct json *body = json_object();

	if (args_get(a, "from"))
		json_set_string(body, "from", args_get(a, "from"));
	return decide(c, machine_path(c, a->words[0], "/split"), body, e);
}

int cmd_machine_undo(struct cli *c, const struct args *a, struct err *e)
{
	return api_call(c, "POST",
		arena_printf(c->arena, "/decisions/%s/undo", api_segment(c, a->words[0])), NULL,
		NULL, e);
}

static int on_or_off(const char *word, bool *on, struct err *e)
{
	*on = strcmp(word, "on") == 0;
	if (*on || strcmp(word, "off") == 0)
		return 0;
	return err_set(e, ERR_USAGE, "say on or off, not '%.30s'", word);
}

static int set_flag(
	struct cli *c, const char *path, const char *key, const char *word, struct err *e)
{
	struct json *body;
	bool on;
	int rc;

	if (on_or_off(word, &on, e) < 0)
		return -1;
	body = json_object();
	json_set_bool(body, key, on);
	rc = api_call(c, "POST", path, body, NULL, e);
	json_free(body);
	return rc;
}

int cmd_machine_host(struct cli *c, const struct args *a, struct err *e)
{
	return set_flag(c, machine_path(c, a->words[0], "/host"), "host", a->words[1], e);
}

int cmd_site_hosts(struct cli *c, const struct args *a, struct err *e)
{
	return set_flag(c, arena_printf(c->arena, "/sites/%s/hosts", api_segment(c, a->words[0])),
		"automatic", a->words[1], e);
}
