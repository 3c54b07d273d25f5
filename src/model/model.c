/* SPDX-License-Identifier: Apache-2.0 */
/* The tables that model.def makes, and the walker from a struct to JSON. */
#include "model/model.h"
#include "base/text.h"
#include <stdio.h>
#include <string.h>

#define FIELD(member, type, name, flags, doc)                                                      \
	{#member, name, MODEL_##type, flags, offsetof(struct RECORD_NAME, member), doc},

#define RECORD_NAME machine
static const struct model_field machine_fields[] = {MACHINE_FIELDS(FIELD)};
#undef RECORD_NAME
#define RECORD_NAME agent
static const struct model_field agent_fields[] = {AGENT_FIELDS(FIELD)};
#undef RECORD_NAME
#define RECORD_NAME stream
static const struct model_field stream_fields[] = {STREAM_FIELDS(FIELD)};
#undef RECORD_NAME
#define RECORD_NAME relay
static const struct model_field relay_fields[] = {RELAY_FIELDS(FIELD)};
#undef RECORD_NAME
#define RECORD_NAME action
static const struct model_field action_fields[] = {ACTION_FIELDS(FIELD)};
#undef RECORD_NAME
#define RECORD_NAME result
static const struct model_field result_fields[] = {RESULT_FIELDS(FIELD)};
#undef RECORD_NAME
#define RECORD_NAME attachment
static const struct model_field attachment_fields[] = {ATTACHMENT_FIELDS(FIELD)};
#undef RECORD_NAME
#define RECORD_NAME event_row
static const struct model_field event_row_fields[] = {EVENT_FIELDS(FIELD)};
#undef RECORD_NAME
#define RECORD_NAME token
static const struct model_field token_fields[] = {TOKEN_FIELDS(FIELD)};
#undef RECORD_NAME
#define RECORD_NAME user
static const struct model_field user_fields[] = {USER_FIELDS(FIELD)};
#undef RECORD_NAME
#define RECORD_NAME grant
static const struct model_field grant_fields[] = {GRANT_FIELDS(FIELD)};
#undef RECORD_NAME
#define RECORD_NAME session
static const struct model_field session_fields[] = {SESSION_FIELDS(FIELD)};
#undef RECORD_NAME
#define RECORD_NAME audit
static const struct model_field audit_fields[] = {AUDIT_FIELDS(FIELD)};
#undef RECORD_NAME
#define RECORD_NAME section
static const struct model_field section_fields[] = {SECTION_FIELDS(FIELD)};
#undef RECORD_NAME
#define RECORD_NAME noted
static const struct model_field noted_fields[] = {NOTED_FIELDS(FIELD)};
#undef RECORD_NAME
#define RECORD_NAME address
static const struct model_field address_fields[] = {ADDRESS_FIELDS(FIELD)};
#undef RECORD_NAME
#define RECORD_NAME sighting
static const struct model_field sighting_fields[] = {SIGHTING_FIELDS(FIELD)};
#undef RECORD_NAME
#define RECORD_NAME sighting_key
static const struct model_field sighting_key_fields[] = {SIGHTING_KEY_FIELDS(FIELD)};
#undef RECORD_NAME
#define RECORD_NAME link
static const struct model_field link_fields[] = {LINK_FIELDS(FIELD)};
#undef RECORD_NAME
#define RECORD_NAME move
static const struct model_field move_fields[] = {MOVE_FIELDS(FIELD)};
#undef RECORD_NAME
#define RECORD_NAME decision
static const struct model_field decision_fields[] = {DECISION_FIELDS(FIELD)};
#undef RECORD_NAME
#define RECORD_NAME setting
static const struct model_field setting_fields[] = {SETTING_FIELDS(FIELD)};
#undef RECORD_NAME

#define RECORD(record, table, fields, doc)                                                         \
	{#record, #table, doc, record##_fields, sizeof record##_fields / sizeof *record##_fields,  \
		sizeof(struct record)},
const struct model_record model_records[MODEL_COUNT] = {MODEL_RECORDS(RECORD)};

const struct model_record *model_find(const char *name)
{
	for (size_t i = 0; i < MODEL_COUNT; i++)
		if (strcmp(model_records[i].name, name) == 0)
			return &model_records[i];
	return NULL;
}

const struct model_field *model_field(const struct model_record *r, const char *name)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->fields[i].name, name) == 0)
			return &r->fields[i];
	return NULL;
}

static void bytes_json(const struct bytes *b, const char *name, struct json *out)
{
	char other[96];
	struct buf text;

	buf_init(&text, 4 * b->len + 16);
	if (text_utf8_valid(b->data ? b->data : "", b->len)) {
		json_set(out, name, json_string_len(b->data ? b->data : "", b->len));
		buf_release(&text);
		return;
	}
	text_utf8_clean(b->data, b->len, &text);
	json_set(out, name, json_string_len(buf_str(&text), text.len));
	buf_clear(&text);
	text_base64(b->data, b->len, &text);
	snprintf(other, sizeof other, "%s_base64", name);
	json_set_string(out, other, buf_str(&text));
	buf_release(&text);
}

static void field_json(const struct model_field *f, const void *at, struct json *out)
{
	const char *text =
		f->type == MODEL_TEXT || f->type == MODEL_JSON ? *(const char *const *)at : NULL;
	int64_t number = f->type == MODEL_INT || f->type == MODEL_TIME ? *(const int64_t *)at : 0;

	switch (f->type) {
	case MODEL_TEXT:
		json_set_string(out, f->name, text);
		break;
	case MODEL_JSON:
		json_set(out, f->name, text && *text ? json_parse(text, strlen(text), NULL) : NULL);
		break;
	case MODEL_INT:
		json_set(out, f->name, number == MODEL_ABSENT ? NULL : json_int(number));
		break;
	case MODEL_TIME:
		json_set_time(out, f->name, number);
		break;
	case MODEL_BOOL:
		json_set_bool(out, f->name, *(const bool *)at);
		break;
	default:
		bytes_json(at, f->name, out);
	}
}

void model_json(const struct model_record *r, const void *record, bool whole, struct json *out)
{
	for (size_t i = 0; i < r->n; i++)
		if (!(r->fields[i].flags & HIDDEN) && (whole || !(r->fields[i].flags & BIGBODY)))
			field_json(&r->fields[i], model_at(record, &r->fields[i]), out);
}
