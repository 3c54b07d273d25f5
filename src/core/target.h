/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The query language: which machines are meant. One for the command line, the API, the page and targets.
 *
 *	web* os.type:linux host.memory>=8GiB (site:lab or site:rennes) not state:offline
 *
 *	query  = and { "or" and }            and = not { ["and"] not }        not = { "not" } ( "(" query ")" | term )
 *	term   = pattern | field op value { "," value }                       op  = : = != < <= > >=
 *
 * - A bare word is a pattern for the name, or the host name, of a machine; `*` alone is every machine.
 * - `*` is any text, `?` any one character; without them the whole text must match. Case never counts.
 * - "…" holds blanks, commas and parentheses together; \ takes any mark's meaning away, inside quotes too.
 * - `field:a,b` is one of them; `field:*` has any value; `!=` is `not field:…`, so it hits machines without a value too.
 * - Sizes (8GiB, 512M), durations (90s, 30d) for the fields that are such.
 * - Times: `seen<10m` was within the last 10 minutes, `boot>30d` more than 30 days ago (an age is compared);
 *   `created>2026-01-02`, `created<2026-01-02T03:04:05Z` after and before (a date is compared; a day is all of it, in UTC).
 * - `ip:` and `mac:` look at every address of a machine; `ip:10.0.0.0/8` is a network.
 *
 * A query is parsed once, into a tree in the caller's arena. The tree becomes SQL text in which every value is a
 * parameter, and prints itself in one canonical form.
 */
#ifndef HIM_CORE_TARGET_H
#define HIM_CORE_TARGET_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TARGET_TEXT_MAX 4096
#define TARGET_TERMS_MAX 64 /* values count: `state:online,late` is two */
#define TARGET_DEPTH_MAX 16 /* of parentheses and `not` */

struct target_query;

/* -1: e says what is wrong and in which column (e->field is "query"). Empty text is an error: say `*`. */
int target_parse(const char *text, struct arena *a, const struct target_query **out, struct err *e);

/* The canonical form, with full names: parsing it gives a tree with the same canonical form (unless that is longer than
 * TARGET_TEXT_MAX). */
const char *target_print(const struct target_query *q, struct arena *a);

/* The sites a person may see; all: everywhere. */
struct target_scope {
	bool all;
	const char *const *sites;
	size_t n;
};

struct target_param {
	bool is_int;
	int64_t i;
	const char *text;
};

/* A condition on machines m, as SQL that SQLite and PostgreSQL understand, with parameters ?1 … ?n. */
struct target_sql {
	const char *where;
	const struct target_param *params;
	size_t n;
};

/* q NULL is every machine. The scope stands outside the whole query and is AND-ed to it, so that no query can reach
 * beyond it. now_ms: what ages count from. All of *out lives in the arena. */
void target_sql(const struct target_query *q, const struct target_scope *scope, int64_t now_ms,
	struct arena *a, struct target_sql *out);

/* What can be asked for, for help and completion. i from 0; NULL ends. */
struct target_name {
	const char *name, *alias; /* alias: short for it; NULL when there is none */
	const char *values;       /* "text", "number", "size", "duration", "time", "address" … */
	const char *doc;
};
bool target_name(size_t i, struct target_name *out);

#endif
