/* SPDX-License-Identifier: Apache-2.0 */
/* The tables that model.def makes, and what of a record an answer shows. */
#include "model/model.h"
#include "base/arena.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Each field lies inside its struct after the one before, has a word of its own and says what it is. */
static void tables(void **state)
{
	for (size_t i = 0; i < MODEL_COUNT; i++) {
		const struct model_record *r = &model_records[i];
		size_t keys = 0;
		assert_ptr_equal(model_find(r->name), r);
		assert_true(r->doc[0]);
		for (size_t j = 0; j < r->n; j++) {
			const struct model_field *f = &r->fields[j];
			if (model_field(r, f->name) != f || !f->doc[0] || f->offset >= r->size ||
				(j && f->offset <= r->fields[j - 1].offset))
				fail_msg("%s.%s", r->name, f->name);
			assert_false(f->flags & AGENT && r != &model_records[MODEL_machine]);
			keys += f->flags & KEY;
		}
		assert_true(keys > 0);
	}
	assert_null(model_find("unicorn"));
	assert_null(model_field(&model_records[MODEL_machine], "unicorn"));
}

static struct json *shown(enum model_id id, const void *record, bool whole)
{
	struct json *j = json_object();

	model_json(&model_records[id], record, whole, j);
	return j;
}

/* Whatever a secret holds, no answer has it. */
static void hidden_stays_hidden(void **state)
{
	for (size_t i = 0; i < MODEL_COUNT; i++) {
		const struct model_record *r = &model_records[i];
		char *record = xcalloc(1, r->size);
		struct json *j = shown((enum model_id)i, record, true);
		for (size_t f = 0; f < r->n; f++)
			if (json_has(j, r->fields[f].name) == !!(r->fields[f].flags & HIDDEN))
				fail_msg("%s.%s", r->name, r->fields[f].name);
		json_free(j);
		free(record);
	}
	assert_true(model_field(&model_records[MODEL_user], "password")->flags & HIDDEN);
	assert_true(model_field(&model_records[MODEL_token], "hash")->flags & HIDDEN);
	assert_true(model_field(&model_records[MODEL_session], "hash")->flags & HIDDEN);
	assert_true(model_field(&model_records[MODEL_session], "csrf")->flags & HIDDEN);
}

static void values(void **state)
{
	struct machine m = {.id = "m1",
		.name = NULL,
		.memory = MODEL_ABSENT,
		.swap = 0,
		.created = 1700000000000};
	struct json *j = shown(MODEL_machine, &m, true);
	int64_t n = -1;

	assert_string_equal(json_str(json_get(j, "id")), "m1");
	assert_true(json_has(j, "name") && json_type(json_get(j, "name")) == JSON_NULL);
	assert_true(
		json_has(j, "host.memory") && json_type(json_get(j, "host.memory")) == JSON_NULL);
	assert_int_equal(json_to_int(json_get(j, "him.swap"), &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(strncmp(json_str(json_get(j, "created")), "2023-11-14T22:13:20", 19), 0);
	assert_int_equal(json_type(json_get(j, "seen")), JSON_NULL);
	json_free(j);
}

static void json_inside(void **state)
{
	struct action a = {
		.command = "[\"id\",\"-u\"]", .env = NULL, .attach = true, .script = "#!/bin/sh\n"};
	struct json *one = shown(MODEL_action, &a, true), *list = shown(MODEL_action, &a, false);
	bool attach = false;

	assert_int_equal(json_len(json_get(one, "command")), 2);
	assert_int_equal(json_type(json_get(one, "env")), JSON_NULL);
	json_to_bool(json_get(one, "attach"), &attach);
	assert_true(attach);
	assert_string_equal(json_str(json_get(one, "script")), "#!/bin/sh\n");
	assert_false(json_has(list, "script"));
	json_free(one);
	json_free(list);
}

static void bytes(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		const char *text, *base64; /* NULL: none */
	} rows[] = {
		{"", 0, "", NULL},
		{NULL, 0, "", NULL},
		{"h\xc3\xa9\n", 4, "h\xc3\xa9\n", NULL},
		{"a\xff", 2, "a\xef\xbf\xbd", "Yf8="},
		{"a\0b", 3,
			"a\xef\xbf\xbd"
			"b",
			"YQBi"},
		{"\xff\xff\xff\xff\xff\xff\xff\xff", 8,
			"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
			"\xef\xbf\xbd\xef\xbf\xbd",
			"//////////8="},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct result r = {.stdout_ = {rows[i].data, rows[i].len}};
		struct json *j = shown(MODEL_result, &r, true),
			    *list = shown(MODEL_result, &r, false);
		const char *base64 = json_str(json_get(j, "stdout_base64"));
		assert_string_equal(json_str(json_get(j, "stdout")), rows[i].text);
		assert_true(!base64 == !rows[i].base64 &&
			(!base64 || strcmp(base64, rows[i].base64) == 0));
		assert_false(json_has(list, "stdout") || json_has(list, "stdout_base64"));
		json_free(j);
		json_free(list);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(tables),
		cmocka_unit_test(hidden_stays_hidden), cmocka_unit_test(values),
		cmocka_unit_test(json_inside), cmocka_unit_test(bytes)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
