/* SPDX-License-Identifier: Apache-2.0 */
/* Machines: the list, one of them whole, and what can be done to one. */
#include "base/clock.h"
#include "cli/api.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/format.h"
#include "cli/terminal.h"
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <string.h>

const struct list machine_list = {"machines", MODEL_machine,
	"name,state,seen,him.site,host.ip,os.description,him.cpu.threads,host.memory", NULL, 1000};

int cmd_machines(struct cli *c, const struct args *a, struct err *e)
{
	return list_print(c, a, &machine_list,
		api_path(c, "/machines", "query", a->n_words ? a->words[0] : NULL, "sort",
			args_get(a, "sort"), NULL),
		e);
}

static const char *machine_path(struct cli *c, const struct args *a, const char *what)
{
	return arena_printf(c->arena, "/machines/%s%s", api_segment(c, a->words[0]), what);
}

/* ---- one, whole ---- */

static void print_fields(const struct cli *c, const struct json *m)
{
	const struct model_record *r = &model_records[MODEL_machine];
	const char *notice = json_str(json_get(m, "notice"));
	const struct json *hosts = json_get(m, "runs_on");

	for (size_t i = 0; i < r->n; i++) {
		const char *name = r->fields[i].name, *text;
		if (r->fields[i].flags & HIDDEN || strcmp(name, "notice") == 0)
			continue;
		text = list_value(c, MODEL_machine, name, json_get(m, name));
		text = format_clean(c->arena, text, strlen(text));
		if (!*text)
			continue;
		bool colored = c->color && strcmp(name, "state") == 0;
		printf("%-22s %s%s%s\n", name, colored ? format_color(text) : "", text,
			colored && *format_color(text) ? FORMAT_PLAIN : "");
	}
	for (size_t i = 0; i < json_len(hosts); i++) {
		const struct json *h = json_at(hosts, i);
		const char *name = json_str(json_get(h, "name"));
		bool certain = true;
		json_to_bool(json_get(h, "certain"), &certain);
		name = name ? name : json_str(json_get(h, "him.host"));
		printf("%-22s %s%s, since %s\n", i ? "which runs on" : "runs on",
			name ? format_clean(c->arena, name, strlen(name)) : "",
			certain ? "" : " (not certain)",
			list_value(c, MODEL_machine, "state_since", json_get(h, "from")));
	}
	if (notice)
		printf("\n%s\n", format_clean(c->arena, notice, strlen(notice)));
}

/* The members that any entry of a section has, in the order of their first appearance: at most max. */
static size_t section_members(const struct json *section, const char **names, size_t max)
{
	size_t n = 0;

	for (struct json_iter it = json_iter(section); json_next(&it);)
		for (struct json_iter m = json_iter(it.value); json_next(&m);) {
			size_t i = 0;
			while (i < n && strcmp(names[i], m.key) != 0)
				i++;
			if (i == n && n < max)
				names[n++] = m.key;
		}
	return n;
}

/* "192.0.2.7/24 fe80::1/64" for a map, text for everything else. */
static const char *member_text(const struct cli *c, const char *name, const struct json *v)
{
	const char *line = "";

	if (json_type(v) != JSON_OBJECT)
		return strcmp(name, "size") == 0 ? list_value(c, MODEL_machine, "him.disk", v)
						 : format_json(c->arena, v);
	for (struct json_iter it = json_iter(v); json_next(&it);)
		line = arena_printf(c->arena, "%s%s%s", line, *line ? " " : "", it.key);
	return line;
}

/* A section is a table: a row an entry, or, when its entries are plain values, two columns. */
static void print_section(const struct cli *c, const char *name, const struct json *section)
{
	struct libscols_table *t = scols_new_table();
	const char *members[24];
	size_t n = section_members(section, members, 24);

	scols_table_new_column(t, name, 0.1, 0);
	for (size_t i = 0; i < n; i++)
		scols_table_new_column(t, members[i], 0.1, c->terminal ? SCOLS_FL_TRUNC : 0);
	if (n == 0)
		scols_table_new_column(t, "", 0.1, 0);
	for (struct json_iter it = json_iter(section); json_next(&it);) {
		struct libscols_line *line = scols_table_new_line(t, NULL);
		scols_line_set_data(line, 0, it.key);
		for (size_t i = 0; i < n; i++)
			scols_line_set_data(line, i + 1,
				member_text(c, members[i], json_get(it.value, members[i])));
		if (n == 0)
			scols_line_set_data(line, 1, format_json(c->arena, it.value));
	}
	printf("\n");
	fflush(stdout);
	scols_print_table(t);
	scols_unref_table(t);
}

static void print_sections(const struct cli *c, const struct json *sections, bool packages)
{
	char n[32];

	for (struct json_iter it = json_iter(sections); json_next(&it);) {
		bool brief = strcmp(it.key, "package") == 0 && !packages;
		if (strcmp(it.key, "attributes") == 0 || json_len(it.value) == 0)
			continue;
		if (brief)
			printf("\n%s packages; --packages lists them\n",
				format_count((int64_t)json_len(it.value), n));
		else
			print_section(c, it.key, it.value);
	}
}

static void print_results(const struct cli *c, const struct json *results)
{
	if (json_len(results))
		printf("\nlatest actions\n");
	for (size_t i = 0; i < json_len(results); i++) {
		const struct json *r = json_at(results, i);
		const char *id = json_str(json_get(r, "action")),
			   *text = progress_outcome(r, c->arena);
		printf("%s  %s  %s\n", id ? id : "",
			list_value(c, MODEL_result, "updated", json_get(r, "updated")),
			format_clean(c->arena, text, strlen(text)));
	}
}

int cmd_show(struct cli *c, const struct args *a, struct err *e)
{
	struct json *m = NULL;
	int rc = 0;

	if (api_get(c, machine_path(c, a, ""), &m, e) < 0)
		return -1;
	if (c->json) {
		rc = cli_print_json(c, m, e);
	} else {
		print_fields(c, m);
		print_sections(c, json_get(m, "sections"), args_flag(a, "packages"));
		print_results(c, json_get(m, "results"));
	}
	json_free(m);
	return rc;
}

/* ---- what can be done to one ---- */

int cmd_machine_rename(struct cli *c, const struct args *a, struct err *e)
{
	struct json *body = json_object();
	int rc;

	json_set_string(body, "name", a->words[1]);
	rc = api_call(c, "POST", machine_path(c, a, "/rename"), body, NULL, e);
	json_free(body);
	return rc;
}

/* Asks first, unless --yes stands there. 0 go on, 1 no. */
static int sure(const struct args *a, const char *question, struct err *e)
{
	int yes;

	if (args_flag(a, "yes"))
		return 0;
	yes = terminal_confirm(question, "say --yes", e);
	return yes < 0 ? -1 : !yes;
}

int cmd_machine_revoke(struct cli *c, const struct args *a, struct err *e)
{
	int no = sure(a,
		arena_printf(c->arena,
			"Cut %s off at once? Its agent must enrol again to come back.",
			a->words[0]),
		e);

	return no ? no : api_call(c, "POST", machine_path(c, a, "/revoke"), NULL, NULL, e);
}

int cmd_machine_forget(struct cli *c, const struct args *a, struct err *e)
{
	int no = sure(
		a, arena_printf(c->arena, "Forget all that is known about %s?", a->words[0]), e);

	return no ? no : api_call(c, "DELETE", machine_path(c, a, ""), NULL, NULL, e);
}

int cmd_machine_refresh(struct cli *c, const struct args *a, struct err *e)
{
	return api_call(c, "POST", machine_path(c, a, "/refresh"), NULL, NULL, e);
}
