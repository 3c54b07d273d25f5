/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What came of an action: from the job's folder into the spool. A job keeps its outcome until it is in the
 * spool; a spool that is full makes it wait there, so nothing is lost. Whole outputs follow in chunks, only
 * while the spool is at most half full, and the job's folder is freed after the last one.
 */
#include "agent/agent.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES (256u << 10)
#define LIVE_MAX (256u << 10)
#define SAID_MAX (64u << 10)
#define SOON_MS 400 /* a command that ends sooner sends one envelope: its result */

struct attachment_pump {
	char action[ID_SIZE];
	int stream; /* 0 stdout, 1 stderr, 2 both are done */
	int64_t offset;
	struct attachment_pump *next;
};

static const char *const streams[] = {"stdout", "stderr"};

/* ---- into the spool ---- */

static int add_json(struct agent *a, const char *kind, struct json *j, struct err *e)
{
	struct buf b;
	int rc;

	buf_init(&b, FRAME_BODY_MAX);
	rc = json_print(j, &b) < 0 ? err_set(e, ERR_TOO_LARGE, "a %s is over its limit", kind)
				   : spool_add(a->spool, kind, b.data, b.len, NULL, e);
	buf_release(&b);
	if (rc == 0)
		uplink_wake(a->uplink);
	return rc;
}

static struct json *state_json(const char *action, const char *state)
{
	struct json *j = json_object();

	json_set_string(j, "action", action);
	json_set_string(j, "state", state);
	return j;
}

void outcome_refuse(struct agent *a, const char *action, const char *state, const char *reason)
{
	struct json *j = state_json(action, state);
	struct err e = ERR_INIT;

	json_set_string(j, "reason", reason);
	if (add_json(a, "result", j, &e) < 0)
		log_limited(LOG_WARN_, "refuse", 60000, "a refusal could not be sent: %s", e.text);
	json_free(j);
}

/* Best effort: not kept, and not said while too much waits to be. j is freed. */
static void say(struct agent *a, const char *kind, struct json *j)
{
	struct buf b;

	buf_init(&b, SAID_MAX);
	if (json_print(j, &b) == 0 && a->live.len + b.len + FRAME_LINE_MAX < LIVE_MAX) {
		spool_volatile(a->spool, kind, b.data, b.len, &a->live);
		uplink_wake(a->uplink);
	}
	buf_release(&b);
	json_free(j);
}

/* It runs longer than a moment: the server shall know. Best effort, so not worth a place in the spool. */
void outcome_started(void *ctx, const char *action, int64_t started_ms)
{
	struct json *j = state_json(action, "running");

	json_set_int(j, "started", started_ms);
	say(ctx, "live", j);
}

/* The server asked for a stream from `from` on, and up to `upto` nothing of it is here any more: it need not wait for that. */
void outcome_missing(struct agent *a, const char *stream, int64_t from, int64_t upto)
{
	struct json *j;

	if (upto < from)
		return;
	j = json_object();
	json_set_string(j, "stream", stream);
	json_set_int(j, "upto", upto);
	say(a, "missing", j);
}

void outcome_live(void *ctx, const char *action, const char *name, int64_t offset, const void *data,
	size_t len)
{
	struct json *j = json_object();
	struct buf text;

	buf_init(&text, 2 * len + 8);
	text_base64(data, len, &text);
	json_set_string(j, "action", action);
	json_set_string(j, "name", name);
	json_set_int(j, "offset", offset);
	json_set_string(j, "data", buf_str(&text));
	buf_release(&text);
	say(ctx, "live", j);
}

/* ---- whole outputs ---- */

static int pump_chunk(struct agent *a, struct attachment_pump *p, bool *end, struct err *e)
{
	struct json *j;
	struct buf data, text;
	int64_t total = 0;
	int rc;

	buf_init(&data, CHUNK_BYTES);
	buf_init(&text, 2 * CHUNK_BYTES);
	rc = jobs_attachment(a->jobs, p->action, streams[p->stream], p->offset, &data, &total);
	*end = rc < 0 || p->offset + (int64_t)data.len >= total;
	if (rc == 0 && data.len) {
		j = json_object();
		text_base64(data.data, data.len, &text);
		json_set_string(j, "action", p->action);
		json_set_string(j, "name", streams[p->stream]);
		json_set_int(j, "offset", p->offset);
		json_set_int(j, "total", total);
		json_set_string(j, "data", buf_str(&text));
		rc = add_json(a, "attach", j, e);
		json_free(j);
		if (rc == 0)
			p->offset += (int64_t)data.len;
	} else {
		rc = 0;
	}
	buf_release(&data);
	buf_release(&text);
	return rc;
}

void outcome_pump(struct agent *a)
{
	struct attachment_pump *p;
	struct err e = ERR_INIT;
	bool end;

	jobs_retry_outcomes(a->jobs);
	while ((p = a->pumps) && spool_room(a->spool, 2 * CHUNK_BYTES)) {
		if (p->stream < 2 && pump_chunk(a, p, &end, &e) < 0)
			return;
		if (p->stream < 2 && !end)
			continue;
		p->offset = 0;
		if (++p->stream < 2)
			continue;
		a->pumps = p->next;
		jobs_reported(a->jobs, p->action);
		free(p);
	}
}

void outcome_ended(void *ctx, const char *action, const char *json, size_t len)
{
	struct agent *a = ctx;
	struct attachment_pump *p, **at = &a->pumps;
	struct err e = ERR_INIT;

	for (p = a->pumps; p; p = p->next)
		if (strcmp(p->action, action) == 0)
			return; /* in the spool already; its outputs follow */
	if (spool_add(a->spool, "result", json, len, NULL, &e) < 0) {
		log_limited(LOG_WARN_, "result", 60000, "a result waits: %s", e.text);
		return;
	}
	uplink_wake(a->uplink);
	if (!jobs_has_attachments(a->jobs, action)) {
		jobs_reported(a->jobs, action);
		return;
	}
	p = xcalloc(1, sizeof *p);
	snprintf(p->action, sizeof p->action, "%s", action);
	while (*at)
		at = &(*at)->next;
	*at = p;
	outcome_pump(a);
}

void outcome_close(struct agent *a)
{
	while (a->pumps) {
		struct attachment_pump *p = a->pumps;
		a->pumps = p->next;
		free(p);
	}
}
