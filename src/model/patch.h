/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON merge patches (RFC 7396): what an agent sends instead of its whole document, and what the
 * server lays over the document it has.
 *
 * In a merge patch null means "take it away", so a document cannot hold null members; both
 * functions read one as no member at all. Nulls inside arrays are values like any other: arrays
 * travel whole.
 */
#ifndef HIM_MODEL_PATCH_H
#define HIM_MODEL_PATCH_H

#include "base/json.h"

/* The smallest patch that makes `to` out of `from`; NULL when nothing differs. Both are
 * borrowed, the caller frees the result. A missing value is NULL or JSON null: patch_diff(NULL,
 * doc) is all of doc. */
struct json *patch_diff(const struct json *from, const struct json *to);

/* Lays patch over target and returns the result. Takes target over (changed in place when both
 * are objects, freed when not); patch is borrowed and must not be part of target. Cannot fail: a
 * patch that removes what is not there removes nothing. patch_apply(NULL, doc) is doc without
 * null members. */
struct json *patch_apply(struct json *target, const struct json *patch);

/* The same on text: adds the text of the result to out. text: an object as json_print made it, without
 * null members. patch: an object, used up (empty or in parts after). -1 with e: text is no such object. What does
 * not fit leaves out full, as ever. */
int patch_text(const char *text, size_t len, struct json *patch, struct buf *out, struct err *e);

#endif
