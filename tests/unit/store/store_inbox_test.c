/* SPDX-License-Identifier: Apache-2.0 */
/* The inbox: in order, with every byte, and always knowing how much waits. */
#include "kit.h"
#include "store/store_inbox.h"
#include <string.h>

static void put(struct kit *k, struct inbox_span *span, const char *agent, const char *body)
{
	struct noted v = {.agent = agent,
		.digest = "d",
		.taken = NOW,
		.body = {(const uint8_t *)body, strlen(body)}};

	ok(k, inbox_put(k->db, span, &v, &k->e));
}

static void waits(struct kit *k, int64_t bytes)
{
	struct inbox_span span = {-1, -1};

	ok(k, inbox_span(k->db, &span, &k->e));
	assert_int_equal(span.end - span.begin, bytes);
}

/* The bodies of the oldest, one after the other with a slash behind each. */
static void oldest(struct kit *k, int64_t bytes, const char *bodies, int64_t *last)
{
	char text[64] = "";
	struct noted *rows;
	size_t n;

	ok(k, inbox_oldest(k->db, bytes, k->a, &rows, &n, &k->e));
	for (size_t i = 0; i < n; i++) {
		strncat(text, rows[i].body.data ? rows[i].body.data : "", rows[i].body.len);
		strcat(text, "/");
		assert_string_equal(rows[i].digest, "d");
		assert_int_equal(rows[i].taken, NOW);
		if (last)
			*last = rows[i].id;
	}
	assert_string_equal(text, bodies);
}

static void first_in_first_out(void **state)
{
	struct kit *k = *state;
	struct inbox_span span;
	int64_t last;

	waits(k, 0);
	oldest(k, 1000, "", NULL);
	ok(k, inbox_span(k->db, &span, &k->e));
	put(k, &span, "a", "one");
	put(k, &span, "b", "three");
	put(k, &span, "a", "");
	put(k, &span, "a", "four");
	waits(k, 4 + 6 + 1 + 5);
	oldest(k, 1000, "one/three//four/", NULL);
	oldest(k, 1, "one/", NULL);
	oldest(k, 4, "one/", NULL);
	oldest(k, 5, "one/three/", &last);
	ok(k, inbox_drop(k->db, last, &k->e));
	waits(k, 1 + 5);
	oldest(k, 1, "/", NULL); /* an empty one is one */
	put(k, &span, "c", "five");
	waits(k, 1 + 5 + 5);
	oldest(k, 1000, "/four/five/", &last);
	ok(k, inbox_drop(k->db, last, &k->e));
	waits(k, 0);
	ok(k, inbox_span(k->db, &span, &k->e)); /* and it begins anew */
	put(k, &span, "d", "12345678");
	waits(k, 9);
	oldest(k, 1, "12345678/", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(first_in_first_out, kit_setup, kit_teardown)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
