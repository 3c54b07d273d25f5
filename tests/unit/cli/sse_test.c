// SPDX-License-Identifier: Apache-2.0
/* Server-sent events: what a stream says, however it is cut into pieces. */
#include "cli/sse.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

struct seen {
	struct buf text; /* "kind/id/data;" an event */
	int stop_after;
};

static bool note(void *ctx, const char *kind, const char *id, const char *data)
{
	struct seen *s = ctx;

	buf_printf(&s->text, "%s/%s/%s;", kind, id ? id : "-", data);
	return --s->stop_after != 0;
}

static const struct {
	const char *stream, *seen;
} rows[] = {
	{"data: a\n\n", "message/-/a;"},
	{"event: machine.online\nid: 7\ndata: {\"x\":1}\n\n", "machine.online/7/{\"x\":1};"},
	{"data:a\ndata: b\ndata\ndata:  c\n\n", "message/-/a\nb\n\n c;"},
	{": a comment\n\nid: 3\n\ndata: a\n\n", "message/-/a;"},
	{"id: 1\ndata: a\n\ndata: b\n\n", "message/1/a;message/-/b;"},
	{"data: a\r\n\r\ndata: b\r\rdata: c\n\n", "message/-/a;message/-/b;message/-/c;"},
	{"\xef\xbb\xbf"
	 "data: a\n\n",
		"message/-/a;"},
	{"retry: 10\nnonsense\ndata: a\nevent: x\n\n", "x/-/a;"},
	{"data: never ended\n", ""},
	{"data\n\n", "message/-/;"},
	{"\n\n\n", ""},
};

static void test_streams(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (size_t piece = 1; piece <= 7; piece += 3) {
			size_t len = strlen(rows[i].stream);
			struct seen seen = {.stop_after = -1};
			struct sse s;
			buf_init(&seen.text, 4096);
			sse_init(&s, note, &seen);
			for (size_t at = 0; at < len; at += piece)
				assert_int_equal(sse_feed(&s, rows[i].stream + at,
							 at + piece > len ? len - at : piece),
					0);
			assert_string_equal(buf_str(&seen.text), rows[i].seen);
			sse_release(&s);
			buf_release(&seen.text);
		}
}

static void test_resume(void **state)
{
	struct seen seen = {.stop_after = -1};
	struct sse s;

	buf_init(&seen.text, 4096);
	sse_init(&s, note, &seen);
	sse_feed(&s, "id: 41\ndata: a\n\nid: 42\ndata: b", 30);
	assert_string_equal(s.id, "41"); /* 42 is not whole: it must come again */
	sse_reset(&s);
	sse_feed(&s, "data: c\n\n", 9);
	assert_string_equal(buf_str(&seen.text), "message/41/a;message/-/c;");
	sse_release(&s);
	buf_release(&seen.text);
}

static void test_stop_and_limits(void **state)
{
	struct seen seen = {.stop_after = 1};
	char much[4096];
	int rc = 0;
	struct sse s;

	buf_init(&seen.text, 4096);
	sse_init(&s, note, &seen);
	assert_int_equal(sse_feed(&s, "data: a\n\ndata: b\n\n", 18), 1);
	assert_string_equal(buf_str(&seen.text), "message/-/a;");
	sse_reset(&s);
	memset(much, 'x', sizeof much);
	for (size_t i = 0; i <= SSE_LINE_MAX / sizeof much && rc == 0; i++)
		rc = sse_feed(&s, much, sizeof much);
	assert_int_equal(rc, -1);
	sse_release(&s);
	buf_release(&seen.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_resume),
		cmocka_unit_test(test_stop_and_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
