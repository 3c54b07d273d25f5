/* SPDX-License-Identifier: Apache-2.0 */
/* What makes foreign text harmless in a page and in a link. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "server/html.h"
#include <string.h>

static void escaped(void **state)
{
	static const char *const rows[][2] = {
		{"plain", "plain"},
		{"<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"},
		{"\" onmouseover='x' &amp;", "&quot; onmouseover=&#39;x&#39; &amp;amp;"},
		{"a\tb\nc", "a\tb\nc"},
		{"a\x01\x1b[31m\x7f", "a\xef\xbf\xbd\xef\xbf\xbd[31m\xef\xbf\xbd"},
		{"\xff\xc3", "\xef\xbf\xbd\xef\xbf\xbd"},
		{"caf\xc3\xa9", "caf\xc3\xa9"},
		{"", ""},
		{NULL, ""},
	};
	struct buf b;

	buf_init(&b, 1000);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		buf_clear(&b);
		html_text(&b, rows[i][0]);
		assert_string_equal(buf_str(&b), rows[i][1]);
	}
	buf_release(&b);
}

static void markup(void **state)
{
	struct buf b;

	buf_init(&b, 1000);
	html_add(&b, "<a href=\"%s\">50%% %s</a>", "/?q=\"", "<b>");
	assert_string_equal(buf_str(&b), "<a href=\"/?q=&quot;\">50% &lt;b&gt;</a>");
	buf_release(&b);
}

static void links(void **state)
{
	struct arena *a = arena_new();

	assert_string_equal(html_url("web* os.type:linux&x=1#\xc3\xa9", a),
		"web%2A%20os.type%3Alinux%26x%3D1%23%C3%A9");
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escaped), cmocka_unit_test(markup), cmocka_unit_test(links)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
