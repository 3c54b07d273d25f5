/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of routes: every row can be reached, what changes something runs where changing is allowed, and nothing that
 * matters is open to nobody. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/text.h"
#include "server/call.h"
#include <string.h>

static const struct route *nth(size_t n)
{
	for (size_t t = 0; route_tables[t]; t++)
		for (const struct route *r = route_tables[t]; r->pattern; r++)
			if (n-- == 0)
				return r;
	return NULL;
}

/* Whether every path of b is one of a: segment by segment, {} takes any. */
static bool covers(const char *a, const char *b)
{
	while (*a && *b) {
		size_t n = strcspn(a + 1, "/") + 1, k = strcspn(b + 1, "/") + 1;
		if (strncmp(a, "/{}", 3) != 0 && (n != k || strncmp(a, b, n) != 0))
			return false;
		a += n;
		b += k;
	}
	return *a == *b;
}

static void every_row_can_be_reached(void **state)
{
	for (size_t i = 0; nth(i); i++)
		for (size_t k = 0; k < i; k++)
			if (nth(k)->method == nth(i)->method &&
				covers(nth(k)->pattern, nth(i)->pattern))
				fail_msg("%s is hidden by %s", nth(i)->pattern, nth(k)->pattern);
}

static void rows_are_sound(void **state)
{
	for (size_t i = 0; nth(i); i++) {
		const struct route *r = nth(i);
		bool writes = r->flags & ROUTE_WRITE, open = r->flags & ROUTE_PUBLIC;
		assert_non_null(r->handle);
		assert_true(*r->pattern == '/');
		assert_true(r->method == HTTP_GET || r->method == HTTP_POST ||
			r->method == HTTP_DELETE);
		assert_int_equal(writes, r->method != HTTP_GET);
		assert_true(!(open && r->role != ROLE_NONE));
		assert_int_equal(!!(r->flags & ROUTE_LIMITED), r->check != NULL);
		if (r->flags & ROUTE_FORM)
			assert_true(r->flags & ROUTE_PAGE && writes);
		if (writes && open) /* nobody may change anything but to log in */
			assert_true(r->flags & ROUTE_LIMITED);
	}
}

static void what_is_open(void **state)
{
	static const char *const open[] = {"/api/v1/login", "/api/v1/version", "/healthz",
		"/api/openapi.yaml", "/him/v1/file/him-agent", "/login", "/style.css"};
	size_t n = 0;

	for (size_t i = 0; nth(i); i++) {
		size_t k = 0;
		if (!(nth(i)->flags & ROUTE_PUBLIC))
			continue;
		while (k < sizeof open / sizeof *open && strcmp(open[k], nth(i)->pattern) != 0)
			k++;
		if (k == sizeof open / sizeof *open)
			fail_msg("%s is open to everybody", nth(i)->pattern);
		n++;
	}
	assert_true(n > 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_can_be_reached),
		cmocka_unit_test(rows_are_sound),
		cmocka_unit_test(what_is_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
