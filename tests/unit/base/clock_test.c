// SPDX-License-Identifier: Apache-2.0
/* Time: known instants both ways, what is no instant, every day of eight centuries there and back. */
#include "base/clock.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const struct {
	const char *text;
	int64_t ms;
	const char *again; /* as we write it; NULL: the same */
} instants[] = {
	{"1970-01-01T00:00:00Z", 0, NULL},
	{"1970-01-01T00:00:00.001Z", 1, NULL},
	{"1969-12-31T23:59:59.999Z", -1, NULL},
	{"2000-02-29T12:00:00Z", 951825600000, NULL},
	{"2026-01-02T03:04:05.678Z", 1767323045678, NULL},
	{"2026-01-02T03:04:05.6789123Z", 1767323045678, "2026-01-02T03:04:05.678Z"},
	{"2026-01-02T03:04:05.6Z", 1767323045600, "2026-01-02T03:04:05.600Z"},
	{"2026-01-02t03:04:05z", 1767323045000, "2026-01-02T03:04:05Z"},
	{"2026-01-02 03:04:05Z", 1767323045000, "2026-01-02T03:04:05Z"},
	{"2026-01-02T03:04:05+00:00", 1767323045000, "2026-01-02T03:04:05Z"},
	{"2026-01-02T08:49:05+05:45", 1767323045000, "2026-01-02T03:04:05Z"},
	{"2026-01-01T19:04:05-08:00", 1767323045000, "2026-01-02T03:04:05Z"},
	{"2016-12-31T23:59:60Z", 1483228800000, "2017-01-01T00:00:00Z"},
	{"0000-01-01T00:00:00Z", -62167219200000, NULL},
	{"9999-12-31T23:59:59.999Z", 253402300799999, NULL},
};

static void test_instants(void **state)
{
	for (size_t i = 0; i < sizeof instants / sizeof *instants; i++) {
		char out[CLOCK_TEXT];
		int64_t ms;
		if (clock_parse(instants[i].text, &ms) < 0)
			fail_msg("%s was refused", instants[i].text);
		if (ms != instants[i].ms)
			fail_msg("%s gave %lld", instants[i].text, (long long)ms);
		assert_ptr_equal(clock_format(ms, out), out);
		assert_string_equal(out, instants[i].again ? instants[i].again : instants[i].text);
	}
}

static void test_refused(void **state)
{
	static const char *const texts[] = {"", "2026", "2026-01-02", "2026-01-02T03:04:05",
		"2026-01-02T03:04Z", "2026-13-02T03:04:05Z", "2026-00-02T03:04:05Z",
		"2026-01-00T03:04:05Z", "2026-01-32T03:04:05Z", "2026-02-29T03:04:05Z",
		"2100-02-29T03:04:05Z", "2026-04-31T03:04:05Z", "2026-01-02T24:04:05Z",
		"2026-01-02T03:60:05Z", "2026-01-02T03:04:61Z", "2026-01-02T03:04:05.Z",
		"2026-01-02T03:04:05.1234567890Z", "2026-01-02T03:04:05+24:00",
		"2026-01-02T03:04:05+05:60", "2026-01-02T03:04:05+0500", "2026-01-02T03:04:05ZZ",
		" 2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z ", "+026-01-02T03:04:05Z",
		"2026-1-2T03:04:05Z", "2026-01-02X03:04:05Z", "2026-01-02T-3:04:05Z"};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		int64_t ms = 77;
		if (clock_parse(texts[i], &ms) != -1)
			fail_msg("'%s' was taken", texts[i]);
		assert_int_equal(ms, 77);
	}
}

static void test_every_day(void **state)
{
	char before[CLOCK_TEXT] = "";
	for (int64_t day = -146097; day < 146097; day++) {
		int64_t ms = day * 86400000 + 86399999, back;
		char out[CLOCK_TEXT];
		clock_format(ms, out);
		if (clock_parse(out, &back) < 0 || back != ms || strcmp(before, out) >= 0)
			fail_msg("%s after %s", out, before);
		memcpy(before, out, sizeof before);
	}
}

static void test_the_ends_of_time_fit(void **state)
{
	char out[CLOCK_TEXT];
	assert_string_equal(clock_format(INT64_MAX, out), "292278994-08-17T07:12:55.807Z");
	assert_string_equal(clock_format(INT64_MIN, out), "-292275055-05-16T16:47:04.192Z");
}

static void test_clocks_run(void **state)
{
	int64_t us = clock_mono_us(), ms = clock_mono_ms(), now = clock_now_ms();
	assert_true(us / 1000 <= ms);
	assert_true(clock_mono_us() >= us);
	assert_true(now > 1700000000000);
	clock_set_offset_ms(-500000000);
	assert_true(clock_now_ms() < now);
	clock_set_offset_ms(0);
	assert_true(clock_now_ms() >= now);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_instants),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_every_day),
		cmocka_unit_test(test_the_ends_of_time_fit),
		cmocka_unit_test(test_clocks_run),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
