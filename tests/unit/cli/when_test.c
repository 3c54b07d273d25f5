/* SPDX-License-Identifier: Apache-2.0 */
/* Times as people say them, in a zone two hours ahead of UTC. */
#include "base/clock.h"
#include "cli/when.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

static void understood(void **state)
{
	static const struct {
		const char *text, *is;
	} cases[] = {
		{"2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"},
		{"2026-01-02T03:04:05+01:00", "2026-01-02T02:04:05Z"},
		{"2026-01-02", "2026-01-01T22:00:00Z"},
		{"14:05", "2026-06-15T12:05:00Z"},
		{"14:05:30", "2026-06-15T12:05:30Z"},
		{"20:00", "2026-06-14T18:00:00Z"}, /* was last yesterday */
		{"2h ago", "2026-06-15T11:00:00Z"},
		{"90s", "2026-06-15T12:58:30Z"},
		{"1w ago", "2026-06-08T13:00:00Z"},
	};
	struct err e = ERR_INIT;
	int64_t now, ms;
	char text[CLOCK_TEXT];

	assert_int_equal(clock_parse("2026-06-15T13:00:00Z", &now), 0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(when_parse(cases[i].text, "at", now, &ms, &e), 0);
		assert_string_equal(clock_format(ms, text), cases[i].is);
	}
}

static void refused(void **state)
{
	static const char *const cases[] = {"", "soon", "25:00", "14:05 ago", "2026-13-01", "ago",
		"-2h ago", "2h  ago x", "2h ago2h ago2h ago2h ago2h ago2h ago"};
	struct err e;
	int64_t ms;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		e = ERR_INIT;
		assert_int_equal(when_parse(cases[i], "at", 0, &ms, &e), -1);
		assert_int_equal(e.code, ERR_USAGE);
		assert_string_equal(e.field, "at");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(understood),
		cmocka_unit_test(refused),
	};

	setenv("TZ", "HIM-2", 1);
	tzset();
	return cmocka_run_group_tests_name("when", tests, NULL, NULL);
}
