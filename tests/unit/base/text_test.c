// SPDX-License-Identifier: Apache-2.0
/* Text: hex and base64 against known vectors, UTF-8 at every boundary, words and near misses. */
#include "base/text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void test_hex(void **state)
{
	char out[9];
	uint8_t back[4] = {0};
	text_hex("\x00\x7f\x80\xff", 4, out);
	assert_string_equal(out, "007f80ff");
	assert_int_equal(text_unhex("007F80fF", back, 4), 0);
	assert_memory_equal(back, "\x00\x7f\x80\xff", 4);
	assert_int_equal(text_unhex("007f80", back, 4), -1);
	assert_int_equal(text_unhex("007f80ff0", back, 4), -1);
	assert_int_equal(text_unhex("007f80ff00", back, 4), -1);
	assert_int_equal(text_unhex("007f80fg", back, 4), -1);
	assert_int_equal(text_unhex("007f80@f", back, 4), -1);
	assert_int_equal(text_unhex("", back, 0), 0);
}

/* RFC 4648, section 10, and what the two alphabets differ in. */
static const struct {
	const char *plain, *base64, *url;
} vectors[] = {{"", "", ""}, {"f", "Zg==", "Zg"}, {"fo", "Zm8=", "Zm8"}, {"foo", "Zm9v", "Zm9v"},
	{"foob", "Zm9vYg==", "Zm9vYg"}, {"fooba", "Zm9vYmE=", "Zm9vYmE"},
	{"foobar", "Zm9vYmFy", "Zm9vYmFy"}, {"\xfb\xff\xfe", "+//+", "-__-"}};

static void test_base64(void **state)
{
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		struct buf b;
		buf_init(&b, 100);
		assert_int_equal(text_base64(vectors[i].plain, strlen(vectors[i].plain), &b), 0);
		assert_string_equal(buf_str(&b), vectors[i].base64);
		buf_clear(&b);
		assert_int_equal(text_base64url(vectors[i].plain, strlen(vectors[i].plain), &b), 0);
		assert_string_equal(buf_str(&b), vectors[i].url);
		buf_clear(&b);
		assert_int_equal(
			text_unbase64(vectors[i].base64, strlen(vectors[i].base64), &b), 0);
		assert_string_equal(buf_str(&b), vectors[i].plain);
		buf_release(&b);
	}
}

static void test_base64_refused(void **state)
{
	static const char *const texts[] = {"Z", "Zg",
		"Zg=", "Zh==", "Zm9=", "Zg==Zg==", "=Zg=", "====", "Z===", "Zg= =", "Zm9v\n",
		"Zm9v ", "Zm-v", "Zm_v", "Zm8=Zm8=", "\xff\xff=="};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct buf b;
		buf_init(&b, 100);
		if (text_unbase64(texts[i], strlen(texts[i]), &b) == 0)
			fail_msg("'%s' was taken", texts[i]);
		buf_release(&b);
	}
	struct buf small;
	buf_init(&small, 3);
	assert_int_equal(text_unbase64("Zm9vYg==", 8, &small), -1);
	assert_int_equal(text_base64("foob", 4, &small), -1);
	buf_release(&small);
}

static const struct {
	const char *bytes;
	bool valid;
	const char *clean;
} utf8[] = {
	{"", true, NULL},
	{"plain", true, NULL},
	{"\x7f", true, NULL},
	{"\xc2\x80", true, NULL},
	{"\xdf\xbf", true, NULL},
	{"\xe0\xa0\x80", true, NULL},
	{"\xed\x9f\xbf", true, NULL},
	{"\xee\x80\x80", true, NULL},
	{"\xef\xbf\xbf", true, NULL},
	{"\xf0\x90\x80\x80", true, NULL},
	{"\xf4\x8f\xbf\xbf", true, NULL},
	{"\x80", false, "?"},
	{"\xc0\xaf", false, "??"},
	{"\xc1\xbf", false, "??"},
	{"\xe0\x9f\xbf", false, "???"},
	{"\xed\xa0\x80", false, "???"},
	{"\xf0\x8f\xbf\xbf", false, "????"},
	{"\xf4\x90\x80\x80", false, "????"},
	{"\xf5\x80\x80\x80", false, "????"},
	{"\xff", false, "?"},
	{"a\xe2\x82", false, "a??"},
	{"\xe2\x82z", false, "??z"},
	{"x\xc3\xa9\xc3", false, "x\xc3\xa9?"},
};

static void test_utf8(void **state)
{
	for (size_t i = 0; i < sizeof utf8 / sizeof *utf8; i++) {
		size_t len = strlen(utf8[i].bytes);
		struct buf got, want;
		if (text_utf8_valid(utf8[i].bytes, len) != utf8[i].valid)
			fail_msg("row %zu", i);
		buf_init(&got, 100);
		buf_init(&want, 100);
		for (const char *p = utf8[i].clean ? utf8[i].clean : utf8[i].bytes; *p; p++)
			*p == '?' ? buf_adds(&want, "\xef\xbf\xbd") : buf_addc(&want, *p);
		assert_int_equal(text_utf8_clean(utf8[i].bytes, len, &got), 0);
		assert_string_equal(buf_str(&got), buf_str(&want));
		assert_true(text_utf8_valid(buf_str(&got), got.len));
		buf_release(&got);
		buf_release(&want);
	}
	struct buf b;
	assert_false(text_utf8_valid("a\0b", 3));
	buf_init(&b, 100);
	text_utf8_clean("a\0b", 3, &b);
	assert_string_equal(buf_str(&b),
		"a\xef\xbf\xbd"
		"b");
	buf_release(&b);
	buf_init(&b, 2);
	assert_int_equal(text_utf8_clean("\xff", 1, &b), -1);
	buf_release(&b);
}

static void test_compare(void **state)
{
	assert_true(text_equal_const_time("abc", "abd", 2));
	assert_false(text_equal_const_time("abc", "abd", 3));
	assert_true(text_equal_const_time("", "", 0));
	assert_true(text_starts("agent.log", "agent"));
	assert_true(text_starts("x", ""));
	assert_false(text_starts("age", "agent"));
	assert_true(text_ends("agent.log", ".log"));
	assert_false(text_ends("log", "a.log"));
}

static void test_label(void **state)
{
	struct err e = ERR_INIT;
	assert_int_equal(text_label("rack-7_b.example", "site", 16, &e), 0);
	assert_int_equal(text_label("", "site", 16, &e), -1);
	assert_string_equal(e.text, "site must have 1 to 16 characters");
	assert_int_equal(text_label("12345678901234567", "site", 16, &e), -1);
	assert_int_equal(text_label("a b", "site", 16, &e), -1);
	assert_int_equal(text_label("a/b", "site", 16, &e), -1);
	assert_int_equal(text_label("\xc3\xa9", "site", 16, &e), -1);
	assert_string_equal(e.field, "site");
}

static void test_nearest(void **state)
{
	static const char *const words[] = {"listen", "data", "interval", "tls", "on"};
	static const struct {
		const char *given, *near;
	} rows[] = {{"listen", "listen"}, {"lisen", "listen"}, {"LISTEN", "listen"},
		{"intreval", "interval"}, {"interwall", "interval"}, {"dta", "data"},
		{"tsl", "tls"}, {"frobnicate", NULL}, {"", NULL}, {"zz", NULL}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *near = text_nearest(rows[i].given, words, 5);
		if (rows[i].near ? !near || strcmp(near, rows[i].near) != 0 : near != NULL)
			fail_msg("%s: %s", rows[i].given, near ? near : "nothing");
	}
	assert_null(text_nearest("x", words, 0));
	char endless[5000];
	memset(endless, 'a', sizeof endless - 1);
	endless[sizeof endless - 1] = '\0';
	assert_null(text_nearest(endless, words, 5));
}

static void test_split_and_trim(void **state)
{
	char *f[4], a[] = "one::two:three:four", b[] = "", c[] = "a b\tc", d[] = " \t x y \n",
		    e[] = "   ";
	assert_int_equal(text_split(a, ":", f, 4), 4);
	assert_string_equal(f[0], "one");
	assert_string_equal(f[1], "");
	assert_string_equal(f[2], "two");
	assert_string_equal(f[3], "three:four");
	assert_int_equal(text_split(b, ":", f, 4), 1);
	assert_string_equal(f[0], "");
	assert_int_equal(text_split(c, " \t", f, 4), 3);
	assert_string_equal(f[2], "c");
	assert_int_equal(text_split(c, " ", f, 0), 0);
	assert_string_equal(text_trim(d), "x y");
	assert_string_equal(text_trim(e), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_base64_refused),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_label),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_split_and_trim),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
