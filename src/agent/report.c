/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports: what the machine is, as a merge patch against what the server has committed.
 *
 * base.json holds the document of the last committed report and its digest, pending.json that of the one
 * on its way. At most one is on its way: while a server is away for a week nothing piles up. When anything
 * is in doubt (a file is missing, a crash came between) the base is forgotten and a full report goes out;
 * the server asks for one too when the digests disagree.
 *
 * Where the probes see a cloud, its metadata service is asked once, and the first report waits for that: an
 * agent that starts shall not tell a machine without its region and then one with it. A service that does not
 * answer is asked again later, without waiting.
 */
#include "agent/agent.h"
#include "agent/guests.h"
#include "agent/pace.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "model/patch.h"
#include <stdio.h>
#include <string.h>

#define CLOUD_AGAIN_MS (10 * 60 * 1000)
#define FULL_EVERY_MS 10000 /* the most often that a full report can be asked out of us */
#define SPEAK_EVERY_MS 5000 /* and any report at all */

static void path_of(const struct agent *a, const char *name, char out[1200])
{
	snprintf(out, 1200, "%s/%s", a->dir, name);
}

static struct json *file_json(const struct agent *a, const char *name)
{
	char path[1200];
	struct json *j = NULL;
	struct buf b;

	path_of(a, name, path);
	buf_init(&b, 2 * PROBE_DOCUMENT_MAX);
	if (file_read(path, &b, NULL) == 0)
		j = json_parse(b.data, b.len, NULL);
	buf_release(&b);
	return j;
}

static int json_file(const struct agent *a, const char *name, const struct json *j, struct err *e)
{
	char path[1200];
	struct buf b;
	int rc;

	path_of(a, name, path);
	buf_init(&b, 2 * PROBE_DOCUMENT_MAX);
	rc = json_print(j, &b) < 0 ? err_set(e, ERR_TOO_LARGE, "%s is over its limit", name)
				   : file_write(path, b.data, b.len, 0600, e);
	buf_release(&b);
	return rc;
}

static void forget(struct agent *a, const char *name)
{
	char path[1200];

	path_of(a, name, path);
	(void)file_remove(path, NULL);
}

/* ---- making one ---- */

static struct json *body_make(const struct agent *a, struct json *doc, struct json **patch)
{
	struct json *base = a->base_digest[0] ? file_json(a, "base.json") : NULL, *body;

	*patch = base ? patch_diff(json_get(base, "doc"), doc) : json_copy(doc);
	if (!*patch && a->speak)
		*patch = json_object();
	if (!*patch) {
		json_free(base);
		return NULL;
	}
	body = json_object();
	json_set_string(body, "base", base ? a->base_digest : "");
	json_set_int(body, "made", clock_now_ms());
	json_set(body, "doc", *patch);
	json_free(base);
	return body;
}

static int send_report(struct agent *a, struct json *doc, struct json *body, struct err *e)
{
	struct json *pending = json_object();
	struct buf text;
	int rc = -1;

	buf_init(&text, FRAME_BODY_MAX);
	if (json_print(body, &text) < 0)
		err_set(e, ERR_TOO_LARGE, "the report is over the limit of %u bytes",
			FRAME_BODY_MAX);
	else if (spool_add(a->spool, "report", text.data, text.len, &a->pending_seq, e) == 0)
		rc = 0;
	if (rc == 0) {
		snprintf(a->pending_stream, sizeof a->pending_stream, "%s", spool_stream(a->spool));
		digest_hex(text.data, text.len, a->pending_digest);
		json_set_string(pending, "stream", a->pending_stream);
		json_set_int(pending, "seq", a->pending_seq);
		json_set_string(pending, "digest", a->pending_digest);
		json_set(pending, "doc", json_copy(doc));
		a->pending = true;
		a->full_due = false;
		if (json_file(a, "pending.json", pending, e) < 0)
			rc = -1; /* the report goes out; its commit will find no base, and a full one follows */
		uplink_wake(a->uplink);
	}
	json_free(pending);
	buf_release(&text);
	return rc;
}

/* ---- the cloud's metadata service ---- */

static void timer_in(struct agent *a, int64_t ms);

static void on_cloud(void *ctx, const struct imds_facts *facts, const struct err *e)
{
	struct agent *a = ctx;

	a->cloud_waits = false;
	a->cloud_known = facts != NULL;
	if (facts)
		a->cloud = *facts;
	else
		log_limited(LOG_WARN_, "cloud", 3600000, "%s", e->text);
	metadata_free(a->metadata); /* facts and e are its own, so not before */
	a->metadata = NULL;
	a->unsent = true;
	timer_in(a, 1);
}

static void cloud_ask(struct agent *a)
{
	int64_t now = clock_mono_ms();

	if (!a->cloud_service || a->cloud_known || a->metadata || now < a->cloud_after_mono)
		return;
	a->cloud_waits = a->cloud_after_mono == 0;
	a->cloud_after_mono = now + CLOUD_AGAIN_MS;
	a->metadata = metadata_start(a->base, a->cloud_service->provider, on_cloud, a);
}

static void cloud_tell(struct agent *a, struct json *doc)
{
	struct json *attributes = json_get(doc, "attributes");
	const char *provider = json_str(json_get(attributes, "cloud.provider"));

	a->cloud_service = provider ? imds_service(provider) : NULL;
	if (a->cloud_service)
		imds_attributes(&a->cloud, attributes);
}

static void send_now(struct agent *a, struct json *doc, struct err *e)
{
	struct json *patch, *body = body_make(a, doc, &patch);

	if (!body || send_report(a, doc, body, e) == 0)
		a->unsent = a->speak = false;
	json_free(body);
}

static void report_now(struct agent *a)
{
	struct err e = ERR_INIT;
	struct json *doc;

	/* A document without the guests would take them all away. */
	if (!hosted_known(a) || a->pending || a->cloud_waits)
		return;
	a->soon = false;
	if ((a->base_digest[0] && !a->unsent && !probe_changed(a->probe)))
		return;
	a->unsent = true;
	doc = json_object();
	if (probe_collect(a->probe, doc, &e) == 0) {
		cloud_tell(a, doc);
		cloud_ask(a);
		if (!a->cloud_waits)
			send_now(a, doc, &e);
	}
	if (e.code != ERR_NONE)
		log_limited(LOG_WARN_, "report", 3600000, "no report: %s", e.text);
	json_free(doc);
	agent_trim(); /* a look at the packages takes a few hundred KiB */
}

/* ---- when ---- */

static void timer_in(struct agent *a, int64_t ms)
{
	struct timeval tv = {ms / 1000, ms % 1000 * 1000};

	event_add(a->report_timer, &tv);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct agent *a = arg;
	int64_t wanted, cpu;
	uint16_t r;

	report_now(a);
	cloud_ask(a);
	random_bytes(&r, sizeof r);
	wanted = a->conf->report_ms * 3 / 4 + a->conf->report_ms / 2 * r / 65536;
	cpu = pace_cpu_us();
	timer_in(a, pace_pause_ms(wanted, cpu - a->look_cpu_us));
	a->look_cpu_us = cpu;
}

static void full_soon(struct agent *a)
{
	int64_t now = clock_mono_ms(), wait = a->full_after_mono - now;

	timer_in(a, wait > 0 ? wait : 1);
	a->full_after_mono = (wait > 0 ? now + wait : now) + FULL_EVERY_MS;
}

void report_committed(struct agent *a, const char *stream, int64_t seq)
{
	struct err e = ERR_INIT;
	struct json *pending, *base;

	if (!a->pending || strcmp(stream, a->pending_stream) != 0 || seq < a->pending_seq)
		return;
	a->pending = false;
	a->base_digest[0] = '\0';
	pending = file_json(a, "pending.json");
	if (!a->full_due && pending && json_str(json_get(pending, "digest")) &&
		strcmp(json_str(json_get(pending, "digest")), a->pending_digest) == 0) {
		base = json_object();
		json_set_string(base, "digest", a->pending_digest);
		json_set(base, "doc", json_copy(json_get(pending, "doc")));
		if (json_file(a, "base.json", base, &e) == 0)
			memcpy(a->base_digest, a->pending_digest, sizeof a->base_digest);
		else
			log_limited(LOG_WARN_, "base", 3600000,
				"cannot keep the base of reports: %s", e.text);
		json_free(base);
	}
	json_free(pending);
	forget(a, "pending.json");
	agent_trim();
	if (a->full_due) /* asked for while this one was on its way */
		full_soon(a);
	else if (a->soon)
		timer_in(a, 1);
}

void report_soon(struct agent *a)
{
	a->soon = true;
	timer_in(a, 1);
}

void report_full(struct agent *a)
{
	a->base_digest[0] = '\0';
	a->full_due = true;
	forget(a, "base.json");
	if (!a->pending)
		full_soon(a);
}

void report_speak(struct agent *a)
{
	int64_t now = clock_mono_ms(), wait = a->speak_after_mono - now;

	if (a->speak)
		return;
	a->unsent = a->speak = true;
	timer_in(a, wait > 0 ? wait : 1);
	a->speak_after_mono = (wait > 0 ? now + wait : now) + SPEAK_EVERY_MS;
}

int report_open(struct agent *a, struct err *e)
{
	struct json *base = file_json(a, "base.json"), *pending = file_json(a, "pending.json");
	const char *digest = json_str(json_get(base, "digest")),
		   *stream = json_str(json_get(pending, "stream"));
	const char *next = json_str(json_get(pending, "digest"));

	a->probe = probe_open("");
	a->report_timer = event_new(a->base, -1, 0, on_timer, a);
	hosted_open(a, json_get(pending ? pending : base, "doc"));
	if (digest && !pending)
		snprintf(a->base_digest, sizeof a->base_digest, "%s", digest);
	if (stream && next && json_to_int(json_get(pending, "seq"), &a->pending_seq) == 0 &&
		spool_holds(a->spool, stream, a->pending_seq)) {
		a->pending = true;
		snprintf(a->pending_stream, sizeof a->pending_stream, "%s", stream);
		snprintf(a->pending_digest, sizeof a->pending_digest, "%s", next);
	} else if (pending) {
		forget(a, "pending.json");
	}
	json_free(base);
	json_free(pending);
	a->look_cpu_us = pace_cpu_us(); /* what the start took is not a look's */
	timer_in(a, 1);
	return a->probe ? 0 : err_set(e, ERR_INTERNAL, "cannot open the probes");
}

void report_close(struct agent *a)
{
	metadata_free(a->metadata);
	a->metadata = NULL;
	hosted_close(a);
	probe_close(a->probe);
	if (a->report_timer)
		event_free(a->report_timer);
}
