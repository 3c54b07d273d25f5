// SPDX-License-Identifier: Apache-2.0
/* Numbers as people write them: values, limits, refusals, and what we write reads back exactly. */
#include "base/text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define REFUSED INT64_MIN

struct row {
	const char *text;
	int64_t value;
};

typedef int parser(
	const char *s, const char *field, int64_t min, int64_t max, int64_t *out, struct err *e);

static void run(parser *parse, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct err e = ERR_INIT;
		int64_t v = REFUSED;
		int rc = parse(rows[i].text, "it", INT64_MIN + 1, INT64_MAX, &v, &e);
		if (v != rows[i].value || (rc == 0) != (v != REFUSED))
			fail_msg("'%s': %lld, not %lld: %s", rows[i].text, (long long)v,
				(long long)rows[i].value, e.text);
		if (rc < 0) {
			assert_string_equal(e.field, "it");
			assert_int_equal(e.code, ERR_INVALID);
		}
	}
}

#define RUN(parse, rows) run(parse, rows, sizeof(rows) / sizeof((rows)[0]))

static void test_int(void **state)
{
	static const struct row rows[] = {{"0", 0}, {"-5", -5}, {"007", 7},
		{"9223372036854775807", INT64_MAX}, {"9223372036854775808", REFUSED}, {"", REFUSED},
		{"-", REFUSED}, {"+5", REFUSED}, {" 5", REFUSED}, {"5 ", REFUSED}, {"5x", REFUSED},
		{"0x10", REFUSED}, {"1.5", REFUSED}, {"1e3", REFUSED}};
	RUN(text_int, rows);
}

static void test_duration(void **state)
{
	static const struct row rows[] = {{"90s", 90000}, {"5m", 300000}, {"1h", 3600000},
		{"2d", 172800000}, {"1w", 604800000}, {"250ms", 250}, {"30", 30000}, {"0", 0},
		{"1h30m", 5400000}, {"1d2h3m4s5ms", 93784005}, {"1.5h", 5400000}, {"0.5", 500},
		{"1H", 3600000}, {"-5m", -300000}, {"0.0005s", 1},
		{"9223372036854775807ms", INT64_MAX}, {"9223372036854775808ms", REFUSED},
		{"9223372036854775807ms1ms", REFUSED}, {"99999999999999999999", REFUSED},
		{"", REFUSED}, {"-", REFUSED}, {"--5m", REFUSED}, {"h", REFUSED}, {"5x", REFUSED},
		{"1h30", REFUSED}, {"5 m", REFUSED}, {"5m ", REFUSED}, {" 5m", REFUSED},
		{"1e3s", REFUSED}, {"0x1s", REFUSED}, {"1.s", REFUSED}, {".5s", REFUSED},
		{"1.5.5", REFUSED}, {"5min", REFUSED}, {"1h-30m", REFUSED}};
	RUN(text_duration, rows);
}

static void test_size(void **state)
{
	static const struct row rows[] = {{"1024", 1024}, {"256M", 268435456}, {"8GiB", 8589934592},
		{"1.5G", 1610612736}, {"512KB", 512000}, {"1kib", 1024}, {"2T", 2199023255552},
		{"1PB", 1000000000000000}, {"7B", 7}, {"0", 0},
		{"9007199254740993", 9007199254740993}, {"9223372036854775807", INT64_MAX},
		{"0.1K", 102}, {"8191.5P", 9222809086901354496}, {"8192P", REFUSED},
		{"9223372036854775808", REFUSED}, {"", REFUSED}, {"-1", REFUSED}, {"G", REFUSED},
		{"1GG", REFUSED}, {"1 G", REFUSED}, {"1XB", REFUSED}, {"1.G", REFUSED},
		{"1e3", REFUSED}, {"1G1M", REFUSED}};
	RUN(text_size, rows);
}

static void test_limits_are_named(void **state)
{
	struct err e = ERR_INIT;
	int64_t v = 7;
	assert_int_equal(text_int("11", "tries", 1, 10, &v, &e), -1);
	assert_string_equal(e.text, "tries is 11; it must be 1 to 10");
	assert_int_equal(text_duration("10ms", "every", 1000, 60000, &v, &e), -1);
	assert_string_equal(e.text, "every is 10ms; it must be 1s to 1m");
	assert_int_equal(text_size("1K", "spool", 1 << 20, 1LL << 30, &v, &e), -1);
	assert_string_equal(e.text, "spool is 1K; it must be 1.0 MiB to 1.0 GiB");
	assert_int_equal(v, 7);
}

static void test_durations_read_back(void **state)
{
	static const int64_t values[] = {0, 1, 999, 1000, 1001, 59999, 60000, 3600000, 5400000,
		86400000, 93784005, 604800000, INT64_MAX, -1, -5400000, INT64_MIN + 1};
	char out[32];
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		int64_t back = 0;
		assert_ptr_equal(text_duration_format(values[i], out), out);
		assert_int_equal(
			text_duration(out, "it", INT64_MIN + 1, INT64_MAX, &back, NULL), 0);
		assert_true(back == values[i]);
	}
	assert_string_equal(text_duration_format(5400000, out), "1h30m");
	assert_string_equal(text_duration_format(0, out), "0s");
	assert_string_equal(text_duration_format(INT64_MIN, out), "-106751991167d7h12m55s808ms");
}

static void test_size_format(void **state)
{
	static const struct row rows[] = {{"0 B", 0}, {"1023 B", 1023}, {"1.0 KiB", 1024},
		{"7.8 GiB", 8375186227}, {"8192.0 PiB", INT64_MAX}, {"-2.0 KiB", -2048}};
	char out[32];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_string_equal(text_size_format(rows[i].value, out), rows[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_int),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_limits_are_named),
		cmocka_unit_test(test_durations_read_back),
		cmocka_unit_test(test_size_format),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
