/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings by table: one row says name, type, default, limits and help, and serves the file
 * (`name = value`, # comments), the command line (--name value, --name=value, --flag) and the help text.
 * The last to speak wins: defaults, file, command line.
 */
#ifndef HIM_BASE_CONF_H
#define HIM_BASE_CONF_H

#include "base/buf.h"
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

enum conf_type {
	CONF_STRING,
	CONF_INT,
	CONF_BOOL,
	CONF_DURATION, /* int64 ms */
	CONF_SIZE,     /* int64 bytes */
};

struct conf_item {
	const char *name; /* "listen" */
	enum conf_type type;
	size_t offset;       /* of a char *, int64_t or bool in the settings struct */
	const char *initial; /* as text; NULL: NULL, 0, false */
	int64_t min, max;    /* for numbers; for strings max is the length */
	const char *help;
};

/* A table ends with a row whose name is NULL. Strings in `settings` are owned by it: conf_release. */
int conf_defaults(const struct conf_item *table, void *settings, struct err *e);
/* The text of a settings file, UTF-8; `name` is what errors call it: "NAME line N: …". */
int conf_text(const struct conf_item *table, void *settings, const char *text, size_t len,
	const char *name, struct err *e);
/* The same from a file of at most 1 MiB. Absent file: 0. */
int conf_file(const struct conf_item *table, void *settings, const char *path, struct err *e);
/* Takes options from argv[1..]; stops at "--" or the first word without "--"; *rest is its index.
 * Unknown options name the nearest known one. */
int conf_args(const struct conf_item *table, void *settings, int argc, char **argv, int *rest,
	struct err *e);
void conf_release(const struct conf_item *table, void *settings);
void conf_help(const struct conf_item *table, struct buf *out);

#endif
