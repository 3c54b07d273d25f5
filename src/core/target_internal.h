/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of a query, and what its files share. */
#ifndef HIM_CORE_TARGET_INTERNAL_H
#define HIM_CORE_TARGET_INTERNAL_H

#include "core/target.h"
#include "model/model.h"

enum target_sort {
	TARGET_TEXT, /* compared without case */
	TARGET_WORD, /* one of a few words */
	TARGET_ID,   /* lower case as it is made, so that its index serves */
	TARGET_NUMBER,
	TARGET_SIZE,
	TARGET_DURATION, /* ms */
	TARGET_TIME,
	TARGET_IP,
	TARGET_MAC,
	TARGET_HOST, /* an id, and another machine's name for that id */
};

struct target_field {
	const char *name, *alias, *doc;
	const char *column; /* of machines; NULL: any of its addresses */
	enum target_sort sort;
	const char *const *words; /* of a TARGET_WORD, NULL-terminated */
};

enum target_op { TARGET_IS, TARGET_LESS, TARGET_AT_MOST, TARGET_MORE, TARGET_AT_LEAST };

/* A value as it stands in the text: quotes are gone, a backslash still stands before what it makes plain. */
struct target_value {
	const char *glob;
	bool any;          /* a lone `*` */
	bool relative;     /* a time: low is an age */
	int64_t low, high; /* numbers: both the same; times: from low, before high */
	struct target_value *next;
};

enum target_kind { TARGET_AND, TARGET_OR, TARGET_NOT, TARGET_TERM };

struct target_query {
	enum target_kind kind;
	struct target_query *first, *next; /* operands: a list; NOT has one */
	const struct target_field *field;  /* of a TERM; NULL: a bare word */
	enum target_op op;
	struct target_value *values;
};

/* By name or alias, without case; made in the arena. NULL: e names the nearest one. */
const struct target_field *target_field(const char *name, struct arena *a, struct err *e);

/* Reads glob as the field asks. e without the column. */
int target_value_read(const struct target_field *f, enum target_op op, struct target_value *v,
	struct arena *a, struct err *e);

/* glob without its backslashes; wild: it holds `*` or `?` (that stay). */
char *target_plain(const char *glob, struct arena *a, bool *wild);

/* "10.0.0.0/12" as the LIKE patterns that hit exactly its addresses in canonical text: at most TARGET_NET_MAX, calls add
 * for each. -1: not a network, or one that patterns cannot tell. */
#define TARGET_NET_MAX 128
int target_network(
	const char *text, void (*add)(void *ctx, const char *like), void *ctx, struct err *e);
/* An address in the text the probes write: lower case, shortest form. -1: it is none. */
int target_ip(const char *text, char out[64]);
int target_mac(const char *text, char out[64]);

#endif
