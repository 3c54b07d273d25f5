/* SPDX-License-Identifier: Apache-2.0 */
/* The health of every part, the audit log, versions. */
#include "cli/api.h"
#include "cli/commands.h"
#include "cli/format.h"
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <string.h>

const struct list audit_list = {
	"audit", MODEL_audit, "time,who,what,object,from,detail", NULL, 1000};

int cmd_audit(struct cli *c, const struct args *a, struct err *e)
{
	return list_print(c, a, &audit_list, "/audit", e);
}

static const char *text_of(const struct json *j, const char *key)
{
	const char *text = json_str(json_get(j, key));

	return text ? text : "";
}

static void print_parts(const struct cli *c, const struct json *parts)
{
	static const char *const names[] = {"name", "state", "text"};
	struct libscols_table *t = scols_new_table();

	scols_table_enable_colors(t, c->color);
	scols_table_new_column(t, "PART", 0.1, 0);
	scols_table_new_column(t, "STATE", 0.1, 0);
	scols_table_new_column(t, "", 0.5, c->terminal ? SCOLS_FL_WRAP : 0);
	for (size_t i = 0; i < json_len(parts); i++) {
		struct libscols_line *line = scols_table_new_line(t, NULL);
		for (size_t k = 0; k < 3; k++)
			scols_line_set_data(line, k, text_of(json_at(parts, i), names[k]));
		if (c->color && *format_color(text_of(json_at(parts, i), "state")))
			scols_cell_set_color(scols_line_get_cell(line, 1),
				format_color(text_of(json_at(parts, i), "state")));
	}
	scols_print_table(t);
	scols_unref_table(t);
}

static void print_server(const struct cli *c, const struct json *s)
{
	int64_t port = 0, machines = 0;

	json_to_int(json_get(s, "port"), &port);
	json_to_int(json_get(s, "machines_port"), &machines);
	printf("server          %s, version %s, since %s\n", text_of(s, "id"),
		text_of(s, "version"), text_of(s, "started"));
	printf("addresses      ");
	for (size_t i = 0; i < json_len(json_get(s, "addresses")); i++)
		printf(" %s", json_str(json_at(json_get(s, "addresses"), i)));
	printf("; port %lld for people, %lld for machines\n", (long long)port, (long long)machines);
	printf("CA fingerprint  %s\n\n", text_of(s, "ca_fingerprint"));
	fflush(stdout);
}

int cmd_status(struct cli *c, const struct args *a, struct err *e)
{
	struct json *status = NULL;
	const char *overall;
	int rc = 0;

	if (api_get(c, "/status", &status, e) < 0)
		return -1;
	overall = arena_strdup(c->arena, text_of(status, "overall"));
	if (c->json) {
		rc = cli_print_json(c, status, e);
	} else {
		print_server(c, json_get(status, "server"));
		print_parts(c, json_get(status, "parts"));
		printf("\noverall %s%s%s\n", c->color ? format_color(overall) : "", overall,
			c->color && *format_color(overall) ? FORMAT_PLAIN : "");
	}
	json_free(status);
	return rc < 0 ? -1 : strcmp(overall, "ok") != 0;
}

int cmd_version(struct cli *c, const struct args *a, struct err *e)
{
	printf("him %s\n", HIM_VERSION);
	return 0;
}
