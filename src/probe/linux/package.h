/* SPDX-License-Identifier: Apache-2.0 */
/* Parser of the subject package: dpkg's status file, read in pieces, because it is megabytes of
 * which a few words matter. */
#ifndef HIM_PROBE_LINUX_PACKAGE_H
#define HIM_PROBE_LINUX_PACKAGE_H

#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>

#define DPKG_VALUE_MAX 512 /* of a name, version or architecture */

struct dpkg_package {
	char name[DPKG_VALUE_MAX], version[DPKG_VALUE_MAX], arch[DPKG_VALUE_MAX];
};

struct dpkg_parser {
	/* Called for each installed package; -1 (with e filled) ends the parsing. */
	int (*each)(void *ctx, const struct dpkg_package *p, struct err *e);
	void *ctx;
	struct dpkg_package package;
	char status[DPKG_VALUE_MAX];
	char line[DPKG_VALUE_MAX + 64]; /* as much of the line as may matter */
	size_t line_len;                /* of the whole line so far */
	size_t line_number;
	bool in_paragraph;
};

void dpkg_init(struct dpkg_parser *p,
	int (*each)(void *, const struct dpkg_package *, struct err *), void *ctx);
int dpkg_feed(struct dpkg_parser *p, const char *data, size_t len, struct err *e);
int dpkg_end(struct dpkg_parser *p, struct err *e); /* after the last piece */

#endif
