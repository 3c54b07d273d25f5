/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list such as that of the relays: signed by the server, with a version that only grows, handed down to everybody. It is
 * kept as the frame it came in, so that what is read at the next start is checked like what comes. What the rules say is the
 * probes' affair, also that they are wrong.
 */
#include "agent/rules.h"
#include "agent/agent.h"
#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "probe/providers.h"
#include <stdio.h>

#define KEPT_MAX (PROVIDERS_MAX + 2 * FRAME_LINE_MAX)

/* Reads the kept frame into an empty buffer of KEPT_MAX; the record points into it. */
static int kept(const char *dir, struct buf *b, struct signed_record *r, struct err *e)
{
	char path[1200];
	struct frame f;
	size_t pos = 0;

	snprintf(path, sizeof path, "%s/providers", dir);
	if (file_read(path, b, e) < 0)
		return -1;
	if (frame_next(b->data, b->len, &pos, &f, e) <= 0 || signed_parse(&f, r, e) < 0)
		return err_set(e, ERR_INVALID, "%s is no signed list", path);
	return 0;
}

static int put_in_force(struct agent *a, const struct signed_record *r, struct err *e)
{
	int64_t version;
	char *text;

	if (text_int(r->id, "version", 0, INT64_MAX, &version, e) < 0)
		return -1;
	if (r->len > PROVIDERS_MAX)
		return err_set(e, ERR_TOO_LARGE, "the rules have %zu bytes; the limit is %d",
			r->len, PROVIDERS_MAX);
	text = xstrndup(r->body, r->len);
	probe_rules(a->probe, *text ? text : NULL);
	free(text);
	a->rules_version = version;
	return 0;
}

void rules_open(struct agent *a)
{
	struct signed_record r;
	struct err e = ERR_INIT;
	struct buf b;

	buf_init(&b, KEPT_MAX);
	if (kept(a->dir, &b, &r, &e) == 0 &&
		(!signed_check(&r, a->id.trust.signing) || put_in_force(a, &r, &e) < 0))
		err_set(&e, ERR_INVALID, "the server did not sign them, or they are too many");
	if (e.code && e.code != ERR_NOT_FOUND)
		log_warn("the kept rules for providers are not used: %s", e.text);
	buf_release(&b);
}

void rules_take(struct agent *a, const struct frame *f, const struct signed_record *r)
{
	struct err e = ERR_INIT;
	char path[1200];
	int64_t version;

	if (text_int(r->id, "version", 0, INT64_MAX, &version, &e) == 0 &&
		version <= a->rules_version)
		return;
	snprintf(path, sizeof path, "%s/providers", a->dir);
	if (e.code || put_in_force(a, r, &e) < 0 ||
		file_write(path, f->raw, f->raw_len, 0600, &e) < 0)
		log_warn("the rules for providers were not taken: %s", e.text);
	else
		report_soon(a);
}

char *rules_kept(const char *home)
{
	struct signed_record r;
	char dir[1024], *text = NULL;
	struct buf b;

	snprintf(dir, sizeof dir, "%s/agent", home);
	buf_init(&b, KEPT_MAX);
	if (kept(dir, &b, &r, NULL) == 0 && r.len > 0)
		text = xstrndup(r.body, r.len);
	buf_release(&b);
	return text;
}
