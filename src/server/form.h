/* SPDX-License-Identifier: Apache-2.0 */
/* Query strings and the bodies of HTML forms: application/x-www-form-urlencoded. */
#ifndef HIM_SERVER_FORM_H
#define HIM_SERVER_FORM_H

#include "base/arena.h"
#include "base/err.h"
#include <stddef.h>

#define FORM_FIELDS_MAX 32

struct form {
	struct {
		const char *name, *value; /* decoded, valid UTF-8; value "" when there is no "=" */
	} fields[FORM_FIELDS_MAX];
	size_t n;
};

/* Reads text[0..len) whole, or refuses it: a % without two hex digits, a NUL, what is not UTF-8, a name twice, too many
 * fields. e names the field. Strings live in the arena. text may be NULL when len is 0. */
int form_parse(const char *text, size_t len, struct arena *a, struct form *out, struct err *e);
const char *form_get(const struct form *f, const char *name); /* NULL when absent */

/* No other names than these, a list of words with blanks between (NULL: none at all). The error names the nearest one. */
int form_only(const struct form *f, const char *names, struct arena *a, struct err *e);

#endif
