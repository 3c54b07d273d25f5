// SPDX-License-Identifier: Apache-2.0
/*
 * Which machine am I in, over real machines of the labs: every file that is read of each, and the
 * verdict (tests/data/detect/labs.json, made by tests/labs/record).
 */
#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "probe/probe.h"
#include "root.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void make_root(const struct json *c, const char *root)
{
	struct json_iter files = json_iter(json_get(c, "files"));
	struct json_iter binary = json_iter(json_get(c, "binary"));

	while (json_next(&files))
		root_text(root, files.key, json_str(files.value));
	while (json_next(&binary)) {
		const char *coded = json_str(binary.value);
		struct buf data;
		buf_init(&data, 1 << 20);
		assert_int_equal(text_unbase64(coded, strlen(coded), &data), 0);
		root_file(root, binary.key, buf_str(&data), data.len);
		buf_release(&data);
	}
	/* Folders that were there and empty. */
	for (size_t i = 0; i < json_len(json_get(c, "exists")); i++) {
		char *path = xasprintf("%s/.keep", json_str(json_at(json_get(c, "exists"), i)));
		root_text(root, path, "");
		free(path);
	}
}

static void check(const struct json *c)
{
	struct json_iter want = json_iter(json_get(c, "expected"));
	char *root = root_make();
	struct json *got = NULL;

	make_root(c, root);
	assert_int_equal(probe_detect(root, NULL, &got, NULL), 0);
	while (json_next(&want)) {
		const char *is = json_str(json_get(got, want.key)), *should = json_str(want.value);
		if (is != should && (!is || !should || strcmp(is, should) != 0))
			fail_msg("%s: %s is %s, not %s", json_str(json_get(c, "name")), want.key,
				is ? is : "null", should ? should : "null");
	}
	json_free(got);
	root_remove(root);
}

static void test_recorded(void **state)
{
	struct buf text;
	struct err e = ERR_INIT;

	buf_init(&text, 1 << 20);
	assert_int_equal(file_read(TEST_DATA "/detect/labs.json", &text, &e), 0);
	struct json *all = json_parse(buf_str(&text), text.len, &e);
	const struct json *cases = json_get(all, "cases");
	assert_int_equal(json_len(cases), 3);
	for (size_t i = 0; i < json_len(cases); i++)
		check(json_at(cases, i));
	json_free(all);
	buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recorded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
