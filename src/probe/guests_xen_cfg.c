// SPDX-License-Identifier: Apache-2.0
/*
 * A domain's configuration file as xl reads it: NAME = VALUE, a value being a number, a text in
 * quotes or a list of values in brackets over any number of lines; '#' begins a comment. xm read
 * such files as Python, so there are some with statements between; what is not NAME = VALUE is
 * passed over up to the end of its line.
 *
 * xl takes one processor where none is said. Memory is the larger of maxmem and memory. An
 * interface without mac= gets a new address at every start, which is none to tell.
 */
#include "probe/guests.h"
#include "base/text.h"
#include <ctype.h>
#include <string.h>

#define VALUE_MAX 4096

struct cfg {
	const char *at, *end;
	struct guests *list;
	struct guest *guest;
	int64_t memory, memory_max, vcpus, vcpus_max;
	struct err *e;
};

static int fail(struct cfg *c, const char *what)
{
	return err_set(c->e, ERR_INVALID, "no domain configuration: %s", what);
}

/* White space and comments; line ends only where a value may go on in the next line. */
static void skip_blank(struct cfg *c, bool lines)
{
	while (c->at < c->end) {
		if (*c->at == '#')
			while (c->at < c->end && *c->at != '\n')
				c->at++;
		else if (*c->at == '\\' && c->at + 1 < c->end && c->at[1] == '\n')
			c->at += 2;
		else if (isspace((unsigned char)*c->at) && (lines || *c->at != '\n'))
			c->at++;
		else
			return;
	}
}

static void skip_line(struct cfg *c)
{
	while (c->at < c->end && *c->at != '\n')
		c->at++;
}

/* A text in quotes. Three quotes in a row are Python's, over several lines. */
static int read_quoted(struct cfg *c, char out[VALUE_MAX])
{
	char quote = *c->at;
	size_t n = 0, quotes = 1;

	if (c->end - c->at >= 3 && c->at[1] == quote && c->at[2] == quote)
		quotes = 3;
	for (c->at += quotes; c->at < c->end; c->at++) {
		char ch = *c->at;
		if (ch == quote && (size_t)(c->end - c->at) >= quotes &&
			(quotes == 1 || (c->at[1] == quote && c->at[2] == quote)))
			break;
		if (ch == '\n' && quotes == 1)
			return fail(c, "a text in quotes has no end");
		if (ch == '\\' && c->at + 1 < c->end)
			ch = *++c->at;
		if (n + 1 >= VALUE_MAX)
			return fail(c, "a text is too long");
		out[n++] = ch;
	}
	out[n] = 0;
	if (c->at >= c->end)
		return fail(c, "a text in quotes has no end");
	c->at += quotes;
	return 0;
}

static int read_bare(struct cfg *c, char out[VALUE_MAX])
{
	size_t n = 0;
	for (; c->at < c->end && !strchr(" \t\r\n,];#", *c->at); c->at++) {
		if (n + 1 >= VALUE_MAX)
			return fail(c, "a value is too long");
		out[n++] = *c->at;
	}
	out[n] = 0;
	return 0;
}

static int read_value(struct cfg *c, char out[VALUE_MAX])
{
	if (c->at < c->end && (*c->at == '"' || *c->at == '\''))
		return read_quoted(c, out);
	return read_bare(c, out);
}

/* "mac=00:16:3e:…,bridge=xenbr0": the address. */
static void take_vif(struct cfg *c, const char *vif)
{
	while (*vif) {
		size_t len = strcspn(vif, ",");
		const char *part = vif;
		while (isspace((unsigned char)*part))
			part++;
		if (strncasecmp(part, "mac", 3) == 0) {
			const char *value = part + 3 + strspn(part + 3, " \t");
			if (*value == '=' && value < vif + len) {
				guest_mac(c->list, c->guest, value + 1,
					(size_t)(vif + len - value - 1));
				return;
			}
		}
		vif += len + (vif[len] == ',');
	}
}

static int64_t number_of(const char *value)
{
	int64_t n = 0;
	if (value[0] == '0' && (value[1] == 'x' || value[1] == 'X')) {
		for (value += 2; isxdigit((unsigned char)*value) && n < (1 << 28); value++)
			n = 16 * n +
				(isdigit((unsigned char)*value)
						? *value - '0'
						: tolower((unsigned char)*value) - 'a' + 10);
		return *value ? 0 : n;
	}
	n = guest_amount(value, 1);
	return n < INT64_C(1) << 40 ? n : 0;
}

static int take(struct cfg *c, const char *key, const char *value)
{
	const struct {
		const char *key;
		int64_t *number;
	} numbers[] = {{"memory", &c->memory}, {"maxmem", &c->memory_max}, {"vcpus", &c->vcpus},
		{"maxvcpus", &c->vcpus_max}};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (strcmp(key, numbers[i].key) == 0)
			*numbers[i].number = number_of(value);
	if (strcmp(key, "name") == 0)
		return guest_name(c->list, c->guest, value, c->e);
	if (strcmp(key, "uuid") == 0 && !guest_uuid(c->list, c->guest, value))
		return fail(c, "its uuid is none");
	if (strcmp(key, "vif") == 0)
		take_vif(c, value);
	return 0;
}

/* The values of a list; lists in lists are gone through too. */
static int read_list(struct cfg *c, const char *key)
{
	char value[VALUE_MAX];
	int depth = 0;

	do {
		skip_blank(c, true);
		if (c->at >= c->end)
			return fail(c, "a list has no end");
		if (*c->at == '[' || *c->at == '(') {
			c->at++;
			depth++;
		} else if (*c->at == ']' || *c->at == ')') {
			c->at++;
			depth--;
		} else if (*c->at == ',' || *c->at == '+' || *c->at == ';') {
			c->at++;
		} else if (read_value(c, value) ||
			(strcmp(key, "vif") == 0 && take(c, key, value))) {
			return -1;
		}
	} while (depth > 0);
	return 0;
}

static int statement(struct cfg *c)
{
	char key[64], value[VALUE_MAX];
	size_t n = 0;

	while (c->at < c->end &&
		(isalnum((unsigned char)*c->at) || *c->at == '_' || *c->at == '-')) {
		if (n + 1 < sizeof(key))
			key[n++] = *c->at;
		c->at++;
	}
	key[n] = 0;
	skip_blank(c, false);
	if (n == 0 || c->at >= c->end || *c->at != '=' || (c->at + 1 < c->end && c->at[1] == '=')) {
		skip_line(c);
		return 0;
	}
	c->at++;
	skip_blank(c, false);
	if (c->at < c->end && *c->at == '[') {
		if (read_list(c, key))
			return -1;
	} else if (read_value(c, value) || take(c, key, value)) {
		return -1;
	}
	skip_blank(c, false);
	if (c->at < c->end && *c->at == ';')
		c->at++;
	else
		skip_line(c);
	return 0;
}

int guests_xen_cfg(const char *text, size_t len, struct guests *list, struct err *e)
{
	struct cfg c = {.at = text, .end = text + len, .list = list, .e = e};

	c.guest = guests_add(list, e);
	if (!c.guest)
		return -1;
	for (skip_blank(&c, true); c.at < c.end; skip_blank(&c, true))
		if (statement(&c))
			return -1;
	if (!c.guest->name)
		return fail(&c, "there is no name in it");
	c.memory = c.memory_max > c.memory ? c.memory_max : c.memory;
	c.guest->memory_bytes = c.memory << 20;
	c.vcpus = c.vcpus_max > c.vcpus ? c.vcpus_max : c.vcpus;
	c.guest->vcpus = c.vcpus > 0 ? c.vcpus : 1;
	return 0;
}
