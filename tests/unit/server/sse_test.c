/* SPDX-License-Identifier: Apache-2.0 */
/* The framing of server-sent events: one event, one block, whatever the data holds. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "server/sse.h"
#include <string.h>

static void framed(void **state)
{
	struct json *j = json_object();
	struct buf b;

	buf_init(&b, 1000);
	json_set_string(j, "text", "two\nlines\r\n\n: and a trap\ndata: x");
	assert_int_equal(sse_print("machine.online", 42, j, &b), 0);
	assert_string_equal(buf_str(&b),
		"id: 42\nevent: machine.online\n"
		"data: {\"text\":\"two\\nlines\\r\\n\\n: and a trap\\ndata: x\"}\n\n");
	buf_clear(&b);
	assert_int_equal(sse_print("out\nput: x\r", 0, j, &b), 0);
	assert_memory_equal(buf_str(&b), "event: output:x\ndata: {", 23);
	json_free(j);
	buf_release(&b);
}

static void over_the_ceiling(void **state)
{
	struct json *j = json_object();
	struct buf b;

	buf_init(&b, 20);
	assert_int_equal(sse_print("machine.online", 1, j, &b), -1);
	json_free(j);
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(framed), cmocka_unit_test(over_the_ceiling)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
