/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings: one table walked three ways (file, command line, help). A row knows where its member stands in the
 * caller's struct and of which type it is; set_value() is the only place that writes there, and it writes nothing
 * when the value is refused.
 */
#include "base/conf.h"
#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES (1u << 20)
#define NAMES_MAX 128

static void *member(const struct conf_item *i, void *settings)
{
	return (char *)settings + i->offset;
}

static int set_bool(const char *text, const struct conf_item *i, bool *out, struct err *e)
{
	static const char *const yes[] = {"true", "yes", "on", "1"},
				 *const no[] = {"false", "no", "off", "0"};

	for (size_t k = 0; k < 4; k++)
		if (strcmp(text, yes[k]) == 0 || strcmp(text, no[k]) == 0) {
			*out = strcmp(text, yes[k]) == 0;
			return 0;
		}
	return err_field(
		e, ERR_INVALID, i->name, "%s must be true or false, not '%.60s'", i->name, text);
}

static int set_value(const struct conf_item *i, void *settings, const char *text, struct err *e)
{
	char **string = member(i, settings);

	switch (i->type) {
	case CONF_STRING:
		if (i->max > 0 && strlen(text) > (size_t)i->max)
			return err_field(e, ERR_TOO_LARGE, i->name,
				"%s has %zu characters; the limit is %lld", i->name, strlen(text),
				(long long)i->max);
		free(*string);
		*string = xstrdup(text);
		return 0;
	case CONF_INT:
		return text_int(text, i->name, i->min, i->max, member(i, settings), e);
	case CONF_DURATION:
		return text_duration(text, i->name, i->min, i->max, member(i, settings), e);
	case CONF_SIZE:
		return text_size(text, i->name, i->min, i->max, member(i, settings), e);
	default:
		return set_bool(text, i, member(i, settings), e);
	}
}

static const struct conf_item *find(
	const struct conf_item *table, const char *name, size_t len, struct err *e)
{
	const char *names[NAMES_MAX], *near;
	char given[64]; /* as much of it as an error carries */
	size_t n = 0;

	for (const struct conf_item *i = table; i->name; i++) {
		if (strlen(i->name) == len && memcmp(i->name, name, len) == 0)
			return i;
		if (n < NAMES_MAX)
			names[n++] = i->name;
	}
	snprintf(given, sizeof given, "%.*s", (int)len, name);
	near = text_nearest(given, names, n);
	if (near)
		err_field(e, ERR_USAGE, given, "unknown setting '%s'; did you mean '%s'?", given,
			near);
	else
		err_field(e, ERR_USAGE, given, "unknown setting '%s'", given);
	return NULL;
}

int conf_defaults(const struct conf_item *table, void *settings, struct err *e)
{
	for (const struct conf_item *i = table; i->name; i++)
		if (i->initial && set_value(i, settings, i->initial, e) < 0)
			return -1;
	return 0;
}

static int take_line(const struct conf_item *table, void *settings, char *line, struct err *e)
{
	const struct conf_item *i;
	char *name, *value;

	name = text_trim(line);
	if (!*name || *name == '#')
		return 0;
	value = strchr(name, '=');
	if (!value)
		return err_set(e, ERR_INVALID, "'%.60s' is not NAME = VALUE", name);
	*value++ = '\0';
	name = text_trim(name);
	i = find(table, name, strlen(name), e);
	return i ? set_value(i, settings, text_trim(value), e) : -1;
}

int conf_text(const struct conf_item *table, void *settings, const char *text, size_t len,
	const char *name, struct err *e)
{
	char *copy, *at, *next;
	int rc = 0, line = 0;

	if (!text_utf8_valid(text, len))
		return err_set(e, ERR_INVALID, "%s is not a text in UTF-8", name);
	copy = xstrndup(text, len);
	for (at = copy; rc == 0 && at; at = next) {
		line++;
		next = strchr(at, '\n');
		if (next)
			*next++ = '\0';
		rc = take_line(table, settings, at, e);
		if (rc < 0)
			err_where(e, "%s line %d", name, line);
	}
	free(copy);
	return rc;
}

int conf_file(const struct conf_item *table, void *settings, const char *path, struct err *e)
{
	struct err own = ERR_INIT;
	struct buf text;
	int rc;

	if (!e)
		e = &own;
	buf_init(&text, FILE_BYTES);
	rc = file_read(path, &text, e);
	if (rc == 0)
		rc = conf_text(table, settings, buf_str(&text), text.len, path, e);
	else if (e->code == ERR_NOT_FOUND) {
		*e = ERR_INIT;
		rc = 0;
	}
	buf_release(&text);
	return rc;
}

int conf_args(const struct conf_item *table, void *settings, int argc, char **argv, int *rest,
	struct err *e)
{
	int k = 1;

	for (; k < argc && strncmp(argv[k], "--", 2) == 0 && argv[k][2]; k++) {
		const char *name = argv[k] + 2, *equals = strchr(name, '='), *value;
		const struct conf_item *i =
			find(table, name, equals ? (size_t)(equals - name) : strlen(name), e);
		if (!i)
			return -1;
		if (equals)
			value = equals + 1;
		else if (i->type == CONF_BOOL)
			value = "true";
		else if (k + 1 < argc)
			value = argv[++k];
		else
			return err_field(e, ERR_USAGE, i->name, "--%s needs a value", i->name);
		if (set_value(i, settings, value, e) < 0)
			return -1;
	}
	if (k < argc && strcmp(argv[k], "--") == 0)
		k++;
	*rest = k;
	return 0;
}

void conf_release(const struct conf_item *table, void *settings)
{
	for (const struct conf_item *i = table; i->name; i++)
		if (i->type == CONF_STRING) {
			char **string = member(i, settings);
			free(*string);
			*string = NULL;
		}
}

void conf_help(const struct conf_item *table, struct buf *out)
{
	char name[64];

	for (const struct conf_item *i = table; i->name; i++) {
		snprintf(
			name, sizeof name, "--%s%s", i->name, i->type == CONF_BOOL ? "" : " VALUE");
		buf_printf(out, "  %-26s %s", name, i->help);
		if (i->initial && *i->initial)
			buf_printf(out, " [%s]", i->initial);
		buf_addc(out, '\n');
	}
}
