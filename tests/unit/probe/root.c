// SPDX-License-Identifier: Apache-2.0
/* See root.h. */
#include "root.h"
#include "base/arena.h"
#include "base/file.h"
#include "probe/probe.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

char *root_make(void)
{
	const char *base = getenv("TMPDIR");
	char *root = xasprintf("%s/him-root-XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(root))
		fail_msg("cannot make %s", root);
	return root;
}

void root_remove(char *root)
{
	struct err e = ERR_INIT;
	if (file_remove_tree(root, &e))
		fail_msg("%s", e.text);
	free(root);
}

void root_file(const char *root, const char *path, const void *data, size_t len)
{
	struct err e = ERR_INIT;
	char *full = xasprintf("%s%s", root, path);
	char *folder = xstrdup(full);
	*strrchr(folder, '/') = 0;
	if (file_mkdirs(folder, 0755, &e) || file_write(full, data, len, 0644, &e))
		fail_msg("%s", e.text);
	free(folder);
	free(full);
}

void root_text(const char *root, const char *path, const char *text)
{
	root_file(root, path, text, strlen(text));
}

struct json *root_document(const char *root)
{
	struct err e = ERR_INIT;
	struct probe_ctx *p = probe_open(root);
	struct json *doc = json_object();
	if (probe_collect(p, doc, &e))
		fail_msg("%s", e.text);
	probe_close(p);
	return doc;
}

void assert_json(const struct json *got, const char *want)
{
	struct err e = ERR_INIT;
	struct json *expected = json_parse(want, strlen(want), &e);
	if (!expected)
		fail_msg("the expectation is no JSON: %s", e.text);
	if (!json_equal(got, expected)) {
		struct buf text;
		buf_init(&text, 16 << 20);
		json_print_pretty(got, &text);
		fail_msg("got %s\nexpected %s", buf_str(&text), want);
	}
	json_free(expected);
}
