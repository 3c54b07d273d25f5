/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nouns as C: structs and descriptor tables made from model.def, and walkers over them. One walker
 * makes an answer's JSON; the store has another that fills a struct from a row.
 */
#ifndef HIM_MODEL_MODEL_H
#define HIM_MODEL_MODEL_H

#include "base/json.h"
#include "model/model.def"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum model_flag {
	KEY = 1,
	INDEX = 2,
	HIDDEN = 4,
	AGENT = 8,
	QUERY = 16,
	NULLABLE = 32,
	BIGBODY = 64,
	ASSIGNED = 128
};

enum model_type { MODEL_TEXT, MODEL_INT, MODEL_TIME, MODEL_BOOL, MODEL_BYTES, MODEL_JSON };

/* An INT that is NULLABLE and not known. */
#define MODEL_ABSENT INT64_MIN

struct bytes {
	const void *data;
	size_t len;
};

#define MODEL_C_TEXT const char *
#define MODEL_C_JSON const char *
#define MODEL_C_INT int64_t
#define MODEL_C_TIME int64_t
#define MODEL_C_BOOL bool
#define MODEL_C_BYTES struct bytes
#define MODEL_MEMBER(member, type, name, flags, doc) MODEL_C_##type member;
#define MODEL_STRUCT(record, table, fields, doc)                                                   \
	struct record {                                                                            \
		fields(MODEL_MEMBER)                                                               \
	};
MODEL_RECORDS(MODEL_STRUCT)

struct model_field {
	const char *column; /* the member's word, also in SQL */
	const char *name;   /* in JSON and queries */
	enum model_type type;
	int flags;
	size_t offset;
	const char *doc;
};

struct model_record {
	const char *name, *table, *doc;
	const struct model_field *fields;
	size_t n, size;
};

enum model_id {
#define MODEL_ID(record, table, fields, doc) MODEL_##record,
	MODEL_RECORDS(MODEL_ID) MODEL_COUNT
};

extern const struct model_record model_records[MODEL_COUNT];

const struct model_record *model_find(const char *name); /* by record name; NULL */
const struct model_field *model_field(
	const struct model_record *r, const char *name); /* by JSON name; NULL */

static inline void *model_at(const void *record, const struct model_field *f)
{
	return (char *)(uintptr_t)record + f->offset;
}

/* Adds the record's members to `out`. HIDDEN never; BIGBODY only when `whole`. BYTES that are not UTF-8 stand
 * cleaned under their name and as they are under NAME_base64. */
void model_json(const struct model_record *r, const void *record, bool whole, struct json *out);

#endif
