// SPDX-License-Identifier: Apache-2.0
/*
 * `him-agent guests`: reads, parses, prints. What is printed for people leaves out what a terminal
 * has no room for; --json has everything.
 */
#include "agent/guests.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "probe/guests.h"
#include "probe/guests_host.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

static int read_listing(const char *kind, const char *file, struct guests *list, struct err *e)
{
	struct buf text;
	int rc;

	buf_init(&text, GUESTS_TEXT_MAX);
	rc = file_read(file, &text, e);
	if (rc == 0) {
		rc = guests_parse(kind, buf_str(&text), text.len, list, e);
		if (rc < 0 && e->code != ERR_USAGE)
			err_where(e, "%s", strcmp(file, "-") == 0 ? "standard input" : file);
	}
	buf_release(&text);
	return rc;
}

/* Foreign text, fit for a terminal. */
static void add_cell(struct buf *out, const char *text, int width)
{
	int n = 0;
	for (; text && *text; text++, n++)
		buf_addc(out, iscntrl((unsigned char)*text) ? '?' : *text);
	if (n == 0)
		n = buf_addc(out, '-') == 0;
	do
		buf_addc(out, ' ');
	while (++n <= width);
}

static void print_table(const struct guests *list, struct buf *out)
{
	char size[32], count[32];

	buf_printf(out, "%-14s %-24s %-10s %5s %9s  %-36s  %s\n", "PLATFORM", "NAME", "STATE",
		"VCPUS", "MEMORY", "UUID", "MAC");
	for (size_t i = 0; i < list->count; i++) {
		const struct guest *g = list->items[i];
		add_cell(out, g->platform, 14);
		add_cell(out, g->name, 24);
		add_cell(out, guest_state_word(g->state), 10);
		snprintf(count, sizeof count, "%lld", (long long)g->vcpus);
		buf_printf(out, "%5s %9s  ", g->vcpus ? count : "-",
			g->memory_bytes ? text_size_format(g->memory_bytes, size) : "-");
		add_cell(out, g->uuid ? g->uuid : g->container, 36);
		for (size_t k = 0; k < g->macs_count; k++)
			buf_printf(out, "%s%s", k ? "," : " ", g->macs[k]);
		buf_addc(out, '\n');
	}
}

static int print_json(const struct guests *list, struct buf *out)
{
	struct json *all = guests_json(list);
	int rc = json_print(all, out);

	json_free(all);
	return rc < 0 ? rc : buf_addc(out, '\n');
}

static void list_host(struct guests *list)
{
	struct json *errors = json_object();
	struct json_iter it;

	guests_host("", NULL, list, errors, NULL);
	for (it = json_iter(errors); json_next(&it);)
		log_warn("%s: not all guests could be listed: %s", it.key, json_str(it.value));
	json_free(errors);
}

int guests_word(const char *kind, const char *file, bool as_json, struct buf *out, struct err *e)
{
	struct guests list;
	int rc;

	if (!kind != !file)
		return err_set(
			e, ERR_USAGE, "guests takes both --kind KIND and a FILE, or neither");
	guests_init(&list);
	rc = kind ? read_listing(kind, file, &list, e) : 0;
	if (!kind)
		list_host(&list);
	if (rc == 0 && as_json)
		rc = print_json(&list, out);
	else if (rc == 0)
		print_table(&list, out);
	if (rc == 0 && out->full)
		rc = err_set(e, ERR_TOO_LARGE, "the list is over %zu bytes", out->max);
	guests_release(&list);
	return rc;
}

int guests_records_word(const char *without, struct buf *out, struct err *e)
{
	struct json *told = json_object(), *errors = json_object(), *slow = json_array();
	struct guests list;
	int rc;

	guests_init(&list);
	guests_host("", without, &list, errors, slow);
	json_set(told, "guests", guests_records(&list));
	json_set(told, "errors", errors);
	json_set(told, "slow", slow);
	rc = json_print(told, out) < 0 || buf_addc(out, '\n') < 0
		? err_set(e, ERR_TOO_LARGE, "the list is over %zu bytes", out->max)
		: 0;
	json_free(told);
	guests_release(&list);
	return rc;
}
