// SPDX-License-Identifier: Apache-2.0
/*
 * Xen as its own tools print it: the S-expressions of xend and early libxl, the JSON of libxl, and
 * the table of `xl list`.
 *
 * S-expressions are walked once, without a tree: what counts is the path of names to an atom, such
 * as domain/device/vif/mac. Early libxl nests the name below create_info and calls the memory
 * max_memkb; both shapes are rows of one table.
 *
 * Domain 0 is the host and no guest, whatever it is called; so is a domain called Domain-0 where
 * no number is told.
 */
#include "probe/guests.h"
#include "base/text.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64
#define ATOM_MAX 4096

/* ---- S-expressions ---- */

struct walk {
	const char *at, *end;
	struct guests *list;
	struct guest *guest;
	char *names[DEPTH_MAX]; /* of the lists we are in; NULL until its first atom was read */
	size_t depth, found;
	int64_t memory, memory_max;
	bool has_id;
	struct err *e;
};

static int fail(struct walk *w, const char *what)
{
	return err_set(w->e, ERR_INVALID, "no S-expression of domains: %s", what);
}

/* A bare or quoted atom, into `out`. */
static int read_atom(struct walk *w, char out[ATOM_MAX])
{
	size_t n = 0;
	char quote = *w->at == '\'' || *w->at == '"' ? *w->at++ : 0;

	for (; w->at < w->end; w->at++) {
		char c = *w->at;
		if (quote ? c == quote : isspace((unsigned char)c) || c == '(' || c == ')')
			break;
		if (c == '\\' && quote && w->at + 1 < w->end)
			c = *++w->at;
		if (n + 1 >= ATOM_MAX)
			return fail(w, "an atom is too long");
		out[n++] = c;
	}
	out[n] = 0;
	if (quote && w->at++ >= w->end)
		return fail(w, "a quoted atom has no end");
	return 0;
}

static bool is_at(const struct walk *w, const char *const *path)
{
	for (size_t i = 0; i < w->depth; i++)
		if (!path[i] || !w->names[i] || strcmp(path[i], w->names[i]) != 0)
			return false;
	return !path[w->depth];
}

enum fact {
	FACT_ID,
	FACT_NAME,
	FACT_UUID,
	FACT_VCPUS,
	FACT_MEMORY,
	FACT_MAX,
	FACT_STATE,
	FACT_MAC
};

static const struct {
	const char *path[5];
	enum fact fact;
	int64_t unit;
} facts[] = {
	{{"domain", "domid"}, FACT_ID},
	{{"domain", "id"}, FACT_ID},
	{{"domain", "name"}, FACT_NAME},
	{{"domain", "uuid"}, FACT_UUID},
	{{"domain", "vcpus"}, FACT_VCPUS},
	{{"domain", "memory"}, FACT_MEMORY, 1 << 20},
	{{"domain", "maxmem"}, FACT_MAX, 1 << 20},
	{{"domain", "state"}, FACT_STATE},
	{{"domain", "device", "vif", "mac"}, FACT_MAC},
	{{"domain", "create_info", "name"}, FACT_NAME},
	{{"domain", "create_info", "uuid"}, FACT_UUID},
	{{"domain", "build_info", "max_vcpus"}, FACT_VCPUS},
	{{"domain", "build_info", "target_memkb"}, FACT_MEMORY, 1024},
	{{"domain", "build_info", "max_memkb"}, FACT_MAX, 1024},
	{{"domain", "max_vcpus"}, FACT_VCPUS},
	{{"domain", "target_memkb"}, FACT_MEMORY, 1024},
	{{"domain", "max_memkb"}, FACT_MAX, 1024},
};

static int take_fact(struct walk *w, size_t row, const char *atom)
{
	struct guest *g = w->guest;

	switch (facts[row].fact) {
	case FACT_ID:
		w->has_id = strcmp(atom, "None") != 0 && strcmp(atom, "-1") != 0;
		g->ignored = strcmp(atom, "0") == 0;
		return 0;
	case FACT_NAME:
		return guest_name(w->list, g, atom, w->e);
	case FACT_UUID:
		return guest_uuid(w->list, g, atom) ? 0 : fail(w, "a uuid is none");
	case FACT_VCPUS:
		g->vcpus = guest_count(atom, "");
		return 0;
	case FACT_MEMORY:
		w->memory = guest_amount(atom, facts[row].unit);
		return 0;
	case FACT_MAX:
		w->memory_max = guest_amount(atom, facts[row].unit);
		return 0;
	case FACT_STATE:
		g->state = guest_state_letters(atom);
		return 0;
	case FACT_MAC:
		guest_mac(w->list, g, atom, strlen(atom));
		return 0;
	}
	return 0;
}

/* The first atom of a list is its name; a (domain begins a guest. */
static int take_atom(struct walk *w, const char *atom)
{
	char **name = &w->names[w->depth - 1];

	if (*name) {
		for (size_t i = 0; w->guest && i < sizeof(facts) / sizeof(facts[0]); i++)
			if (is_at(w, facts[i].path))
				return take_fact(w, i, atom);
		return 0;
	}
	if (w->depth == 1 && strcmp(atom, "vm") == 0) /* as xend keeps those that do not run */
		atom = "domain";
	*name = xstrdup(atom);
	if (w->depth == 1 && strcmp(atom, "domain") == 0) {
		w->guest = guests_add(w->list, w->e);
		w->memory = w->memory_max = 0;
		w->has_id = false;
		w->found++;
		return w->guest ? 0 : -1;
	}
	return 0;
}

static int close_list(struct walk *w)
{
	struct guest *g = w->guest;

	if (w->depth == 0)
		return fail(w, "a ')' is too much");
	free(w->names[--w->depth]);
	if (w->depth > 0 || !g)
		return 0;
	w->guest = NULL;
	g->memory_bytes = w->memory_max > w->memory ? w->memory_max : w->memory;
	if (!w->has_id)
		g->state = GUEST_OFF;
	return g->name ? 0 : fail(w, "a domain has no name");
}

static int walk_on(struct walk *w)
{
	char atom[ATOM_MAX];

	if (isspace((unsigned char)*w->at)) {
		w->at++;
		return 0;
	}
	if (*w->at == ')') {
		w->at++;
		return close_list(w);
	}
	if (*w->at == '(') {
		w->at++;
		if (w->depth >= DEPTH_MAX)
			return fail(w, "its lists are too deep");
		w->names[w->depth++] = NULL;
		return 0;
	}
	if (w->depth == 0)
		return fail(w, "something stands outside of a list");
	return read_atom(w, atom) ? -1 : take_atom(w, atom);
}

int guests_xen_sxp(const char *text, size_t len, struct guests *list, struct err *e)
{
	struct walk w = {.at = text, .end = text + len, .list = list, .e = e};
	int rc = 0;

	while (rc == 0 && w.at < w.end)
		rc = walk_on(&w);
	if (rc == 0 && w.depth > 0)
		rc = fail(&w, "a list has no end");
	if (rc == 0 && w.found == 0)
		rc = fail(&w, "there is no domain");
	while (w.depth > 0)
		free(w.names[--w.depth]);
	return rc;
}

/* ---- libxl's JSON ---- */

static int64_t kib(const struct json *build, const char *key)
{
	int64_t n = 0;
	return json_to_int(json_get(build, key), &n) == 0 && n > 0 && n < INT64_MAX / 1024
		? n * 1024
		: 0;
}

static int add_config(struct guests *list, const struct json *config, struct err *e)
{
	const struct json *info = json_get(config, "c_info"), *build = json_get(config, "b_info"),
			  *nics = json_get(config, "nics");
	const char *name = json_str(json_get(info, "name")),
		   *uuid = json_str(json_get(info, "uuid"));
	struct guest *g = guests_add(list, e);
	int64_t max = kib(build, "max_memkb"), target = kib(build, "target_memkb");

	if (!g)
		return -1;
	if (json_type(info) != JSON_OBJECT)
		return err_set(e, ERR_INVALID, "a domain has no c_info");
	if (name && guest_name(list, g, name, e))
		return -1;
	if (uuid && !guest_uuid(list, g, uuid))
		return err_set(e, ERR_INVALID, "'%.60s' is no UUID", uuid);
	json_to_int(json_get(build, "max_vcpus"), &g->vcpus);
	if (g->vcpus < 0)
		g->vcpus = 0;
	if (g->vcpus == 0)
		g->vcpus = (int64_t)json_len(json_get(build, "avail_vcpus"));
	g->memory_bytes = max > target ? max : target;
	for (size_t i = 0; i < json_len(nics); i++) {
		const char *mac = json_str(json_get(json_at(nics, i), "mac"));
		if (mac)
			guest_mac(list, g, mac, strlen(mac));
	}
	return 0;
}

/* {"domid":N,"config":{…}}, or the configuration alone. */
static int add_domain(struct guests *list, const struct json *domain, struct err *e)
{
	int64_t id = -1;

	if (json_type(domain) != JSON_OBJECT)
		return err_set(e, ERR_INVALID, "a domain is no object");
	if (!json_has(domain, "config"))
		return json_has(domain, "c_info")
			? add_config(list, domain, e)
			: err_set(e, ERR_INVALID, "a domain has neither config nor c_info");
	json_to_int(json_get(domain, "domid"), &id);
	if (add_config(list, json_get(domain, "config"), e))
		return -1;
	list->items[list->count - 1]->ignored = id == 0;
	return 0;
}

int guests_xen_json(const char *text, size_t len, struct guests *list, struct err *e)
{
	size_t skip = 0;
	int rc = 0;

	while (skip < len && isspace((unsigned char)text[skip]))
		skip++;
	if (skip < len && text[skip] == '(') /* what xl printed before 4.2 */
		return guests_xen_sxp(text, len, list, e);
	struct json *all = json_parse(text, len, e);
	if (!all)
		return -1;
	if (json_type(all) == JSON_ARRAY)
		for (size_t i = 0; rc == 0 && i < json_len(all); i++)
			rc = add_domain(list, json_at(all, i), e);
	else
		rc = add_domain(list, all, e);
	json_free(all);
	return rc;
}

/* ---- the table ---- */

static bool is_number(const char *word)
{
	return *word && strspn(word, "0123456789.") == strlen(word);
}

static bool is_state(const char *word)
{
	size_t len = strlen(word);
	return len >= 5 && len <= 6 && strspn(word, "rbpscd-") == len;
}

/* Cuts the last word off a row. */
static char *last_word(char *row)
{
	char *end = row + strlen(row);
	while (end > row && isspace((unsigned char)end[-1]))
		*--end = 0;
	while (end > row && !isspace((unsigned char)end[-1]))
		end--;
	return end;
}

/* NAME [ID] MEM [CPU] VCPUS STATE TIME [UUID …], read from the back: a name may hold blanks. The
 * first Xen had a column CPU: the processor it is on. */
static int table_row(struct guests *list, char *row, bool has_cpu, struct err *e)
{
	struct guest *g = guests_add(list, e);
	size_t fixed = has_cpu ? 3 : 2, n;
	char *words[4] = {NULL}, *word; /* VCPUS, CPU, MEM, ID */

	if (!g)
		return -1;
	for (word = last_word(row); word > row && !is_state(word); word = last_word(row)) {
		guest_uuid(list, g, word);
		*word = 0;
	}
	if (word <= row)
		return err_set(e, ERR_INVALID, "'%.60s' is no row of a table of domains", row);
	g->state = guest_state_letters(word);
	*word = 0;
	for (n = 0; n <= fixed; n++) {
		word = last_word(row);
		if (word <= row || !is_number(word))
			break;
		words[n] = word;
		word[-1] = 0;
	}
	if (n < fixed)
		return err_set(e, ERR_INVALID, "'%.60s' has no memory and processors", row);
	const char *id = words[fixed];
	if (!id) /* one that xend keeps and that does not run */
		g->state = GUEST_OFF;
	g->vcpus = guest_count(words[0], "");
	g->memory_bytes = guest_amount(words[fixed - 1], 1 << 20);
	if (guest_name(list, g, row, e))
		return -1;
	if (!g->name)
		return err_set(e, ERR_INVALID, "a domain has no name");
	g->ignored = id ? strcmp(id, "0") == 0 : strcmp(g->name, "Domain-0") == 0;
	return 0;
}

int guests_xen_table(const char *text, size_t len, struct guests *list, struct err *e)
{
	char *at = arena_strndup(list->arena, text, len), *line;
	bool head = false, has_cpu = false;

	while ((line = guest_line(&at))) {
		if (!*text_trim(line))
			continue;
		if (!head && strncmp(line, "Name", 4) == 0 && strstr(line, "Mem")) {
			head = true;
			has_cpu = strstr(line, " CPU ") != NULL;
		} else if (!head) {
			return err_set(e, ERR_INVALID,
				"it does not begin with the head of a table of domains");
		} else if (table_row(list, line, has_cpu, e)) {
			return -1;
		}
	}
	return head ? 0 : err_set(e, ERR_INVALID, "there is no table of domains in it");
}
