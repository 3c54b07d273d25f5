// SPDX-License-Identifier: Apache-2.0
/* utmp in both widths of its time, and bytes that are none. */
#include "probe/linux/user.h"
#include "root.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void put(uint8_t *record, int16_t type, const char *user, const char *line, const char *host)
{
	memcpy(record, &type, sizeof(type));
	memcpy(record + 8, line, strlen(line));
	memcpy(record + 44, user, strlen(user));
	memcpy(record + 76, host, strlen(host));
}

static void put_time(uint8_t *record, size_t size, int64_t seconds)
{
	uint32_t narrow = (uint32_t)seconds;
	if (size == 384)
		memcpy(record + 340, &narrow, sizeof(narrow));
	else
		memcpy(record + 344, &seconds, sizeof(seconds));
}

static int list(void *ctx, const struct utmp_login *l, struct err *e)
{
	char line[512];
	snprintf(line, sizeof(line), "%s@%s %s %lld\n", l->user, l->line, l->host,
		(long long)l->since_ms);
	return buf_adds(ctx, line);
}

static void expect(const void *data, size_t len, const char *want)
{
	struct err e = ERR_INIT;
	struct buf got;
	buf_init(&got, 4096);
	int r = utmp_parse(data, len, list, &got, &e);
	if (want) {
		assert_int_equal(r, 0);
		assert_string_equal(buf_str(&got), want);
	} else {
		assert_int_equal(r, -1);
		assert_true(e.text[0]);
	}
	buf_release(&got);
}

static void test_widths(void **state)
{
	static const size_t sizes[] = {384, 400};
	for (size_t i = 0; i < 2; i++) {
		uint8_t file[3 * 400] = {0};
		put(file, 2, "reboot", "~", "6.1.0");
		put(file + sizes[i], 7, "root", "pts/0", "192.0.2.9");
		put_time(file + sizes[i], sizes[i], 1700000000);
		put(file + 2 * sizes[i], 8, "gone", "pts/1", "");
		expect(file, 3 * sizes[i], "root@pts/0 192.0.2.9 1700000000000\n");
	}
}

static void test_full_fields(void **state)
{
	uint8_t file[384] = {0};
	char user[33], line[33], want[512];
	memset(user, 'u', 32);
	memset(line, 'l', 32);
	user[32] = line[32] = 0;
	put(file, 7, user, line, "");
	put_time(file, 384, 0xffffffff);
	snprintf(want, sizeof(want), "%s@%s  4294967295000\n", user, line);
	expect(file, sizeof(file), want);
}

static void test_no_records(void **state)
{
	uint8_t file[400] = {0};
	expect(file, 0, "");
	expect(file, 100, NULL);
	file[0] = 10;
	expect(file, 384, NULL);
	expect(file, 400, NULL);
}

static void test_section(void **state)
{
	uint8_t file[3 * 384] = {0};
	put(file, 7, "ann", "pts/0", "192.0.2.9");
	put(file + 384, 7, "ann", "pts/1", "");
	put(file + 768, 7, "bob", "tty1", "");
	put_time(file, 384, 1700000000);
	char *root = root_make();
	root_file(root, "/run/utmp", file, sizeof(file));
	struct json *doc = root_document(root);
	assert_json(json_get(doc, "user"),
		"{\"ann@pts/0\":{\"from\":\"192.0.2.9\",\"since\":1700000000000},\"ann@pts/"
		"1\":{},\"bob@tty1\":{}}");
	assert_json(json_get(json_get(doc, "attributes"), "him.users"), "2");
	json_free(doc);
	root_remove(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_widths),
		cmocka_unit_test(test_full_fields),
		cmocka_unit_test(test_no_records),
		cmocka_unit_test(test_section),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
