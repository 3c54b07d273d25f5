/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes down. A relay may have read, delayed, doubled or made up any of it, so nothing is believed that
 * the server did not sign, and an action is for us only when our own id leads to its root. Plain answers
 * (committed, resend, full) free or ask for what we keep, so they are under the key that we share with the server.
 *
 * A signed record travels before the `give` that refers to it, in the same answer; so records live as views
 * into the answer and nothing is kept between two.
 */
#include "agent/agent.h"
#include "agent/rules.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "wire/reply.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORDS_MAX 256 /* signed records in one answer that gives may refer to */
/* Most commands are quick: no request is held before their result can go, or it needs a connection of its own, which costs more than
 * all else. So long a second order may wait. */
#define RESULT_SOON_MS 700

struct batch {
	struct agent *a;
	struct signed_record records[RECORDS_MAX];
	size_t n;
};

/* ---- time ---- */

static void time_path(const struct agent *a, char out[1200])
{
	snprintf(out, 1200, "%s/signed-time", a->dir);
}

void order_load_time(struct agent *a)
{
	char path[1200], line[32];

	time_path(a, path);
	if (file_line(path, line, sizeof line) == 0)
		(void)text_int(line, "signed-time", 0, INT64_MAX, &a->signed_time_ms, NULL);
	a->signed_time_saved_ms = a->signed_time_ms;
}

static void time_seen(struct agent *a, int64_t issued)
{
	char path[1200], line[32];

	if (issued <= a->signed_time_ms)
		return;
	a->signed_time_ms = issued;
	if (issued - a->signed_time_saved_ms < 3600000)
		return;
	time_path(a, path);
	snprintf(line, sizeof line, "%lld", (long long)issued);
	if (file_write(path, line, strlen(line), 0600, NULL) == 0)
		a->signed_time_saved_ms = issued;
}

int64_t order_now(const struct agent *a)
{
	int64_t now = clock_now_ms();

	return now > a->signed_time_ms ? now : a->signed_time_ms;
}

/* ---- signed records ---- */

static void forged(struct agent *a, const char *what)
{
	a->forged++;
	log_limited(LOG_ERROR_, what, 3600000,
		"refused %s that the server did not sign (parent %s)", what,
		uplink_parent(a->uplink));
}

static void take_sign(struct batch *b, const struct frame *f)
{
	struct agent *a = b->a;
	struct signed_record r;
	struct err e = ERR_INIT;

	if (signed_parse(f, &r, &e) < 0 || !signed_check(&r, a->id.trust.signing)) {
		forged(a, "a record");
		return;
	}
	time_seen(a, r.issued);
	if (strcmp(r.type, "relays") == 0) {
		int got = identity_take_relays(&a->id, f, &e);
		if (got > 0 && identity_save(&a->id, &e) == 0)
			a->parents_stale = true;
		else if (got < 0 || e.code)
			log_warn("the list of relays was not taken: %s", e.text);
	} else if (strcmp(r.type, "providers") == 0) {
		rules_take(a, f, &r);
	} else if (b->n < RECORDS_MAX) {
		b->records[b->n++] = r;
	}
}

static const struct signed_record *record_of(const struct batch *b, const char *id)
{
	for (size_t i = 0; i < b->n; i++)
		if (strcmp(b->records[i].id, id) == 0)
			return &b->records[i];
	return NULL;
}

static void take_action(struct agent *a, const struct signed_record *r, const struct frame *give)
{
	struct err e = ERR_INIT;
	char reason[256], late[32];
	int64_t index, now = order_now(a);

	if (jobs_known(a->jobs, r->id)) {
		jobs_again(a->jobs, r->id);
		return;
	}
	if (frame_int(give, "index", &index) < 0 ||
		!merkle_check(a->id.id, (uint64_t)index, (uint64_t)r->count,
			(const uint8_t *)give->body, give->body_len, r->root)) {
		forged(a, "an action for another machine");
		return;
	}
	if (r->deadline <= now) {
		snprintf(reason, sizeof reason, "it came %s after its deadline, by %s",
			text_duration_format(now - r->deadline, late),
			now > a->signed_time_ms ? "this machine's clock"
						: "the newest time that the server signed");
		outcome_refuse(a, r->id, "expired", reason);
		return;
	}
	uplink_linger(a->uplink, RESULT_SOON_MS);
	if (jobs_take(a->jobs, r->id, r->body, r->len, r->deadline, &e) < 0)
		outcome_refuse(a, r->id, "refused", e.text);
}

static void take_cancel(struct agent *a, const struct signed_record *r)
{
	char id[ID_SIZE];

	if (r->len != ID_LEN)
		return;
	memcpy(id, r->body, ID_LEN);
	id[ID_LEN] = '\0';
	if (id_valid(id))
		jobs_cancel(a->jobs, id);
}

/* We are one of two with the same identity, and the server tells us to become our own. It tells us again for as long as we
 * say something in a stream that has ended, and we ask again for as long as it tells us. */
static void take_fork(struct agent *a, const struct signed_record *r)
{
	struct err e = ERR_INIT;
	struct json *j = json_parse(r->body, r->len, NULL);
	const char *agent = json_str(json_get(j, "agent")),
		   *stream = json_str(json_get(j, "stream"));
	struct buf body;

	buf_init(&body, 65536);
	if (agent && stream && strcmp(agent, a->id.id) == 0 &&
		strcmp(stream, spool_stream(a->spool)) == 0) {
		if (!identity_forking(&a->id))
			log_warn("this installation is a copy of another one: asking for an "
				 "identity of its own");
		if (identity_renew(&a->id, true, &body, &e) < 0 ||
			spool_volatile(a->spool, "fork", body.data, body.len, &a->live) < 0)
			log_limited(LOG_ERROR_, "fork", 3600000,
				"cannot ask for a new identity: %s", e.text);
		uplink_wake(a->uplink);
	}
	buf_release(&body);
	json_free(j);
}

static void take_give(struct batch *b, const struct frame *f)
{
	struct agent *a = b->a;
	const struct signed_record *r;
	char agent[ID_SIZE], record[ID_SIZE];

	if (frame_text(f, "agent", agent, sizeof agent) < 0 || strcmp(agent, a->id.id) != 0 ||
		frame_text(f, "record", record, sizeof record) < 0)
		return; /* not ours: nothing to answer */
	r = record_of(b, record);
	if (!r)
		return; /* its record was forged, or did not come along; the server gives it again */
	if (strcmp(r->type, "action") == 0)
		take_action(a, r, f);
	else if (strcmp(r->type, "cancel") == 0)
		take_cancel(a, r);
	else if (strcmp(r->type, "fork") == 0)
		take_fork(a, r);
}

/* ---- plain answers ---- */

static void take_committed(struct batch *b, const struct frame *f)
{
	struct agent *a = b->a;
	struct err e = ERR_INIT;
	char stream[STREAM_LEN + 1];
	int64_t seq;

	if (frame_text(f, "stream", stream, sizeof stream) < 0 || frame_int(f, "seq", &seq) < 0)
		return;
	if (spool_committed(a->spool, stream, seq) < 0) {
		log_warn("the server has more of this stream than was sent: this is a restored "
			 "snapshot");
		if (spool_restart(a->spool, &e) < 0)
			log_error("cannot begin a new stream: %s", e.text);
		uplink_stream(a->uplink, spool_stream(a->spool));
		a->pending = false;
		report_full(a);
		return;
	}
	report_committed(a, stream, seq);
	ask_soon(a);
	outcome_pump(a);
}

static void take_resend(struct batch *b, const struct frame *f)
{
	char stream[STREAM_LEN + 1];
	int64_t seq;

	if (frame_text(f, "stream", stream, sizeof stream) == 0 && frame_int(f, "seq", &seq) == 0)
		outcome_missing(b->a, stream, seq, spool_resend(b->a->spool, stream, seq));
	uplink_wake(b->a->uplink);
}

static void take_full(struct batch *b, const struct frame *f)
{
	report_full(b->a);
}

static void take_cert(struct batch *b, const struct frame *f)
{
	struct agent *a = b->a;
	struct err e = ERR_INIT;
	char old[ID_SIZE];

	memcpy(old, a->id.id, sizeof old);
	int got = identity_renewed(&a->id, f->body, f->body_len, &e);
	if (got < 0)
		log_limited(LOG_ERROR_, "cert", 3600000,
			"a certificate that came was not taken: %s", e.text);
	if (got <= 0)
		return;
	a->tls_stale = true;
	if (strcmp(old, a->id.id) == 0)
		return;
	log_warn("this installation is now agent %s; it was a copy of %s", a->id.id, old);
	buf_clear(&a->live); /* said in the old name */
	buf_clear(&a->renewal);
	if (spool_adopt(a->spool, a->id.id, a->id.mac, &e) < 0)
		log_error("cannot take the spool along: %s", e.text);
	uplink_stream(a->uplink, spool_stream(a->spool));
	a->pending = false;
	a->full_after_mono = 0; /* nobody asked this one before */
	report_full(a);
}

static const struct {
	const char *kind;
	bool addressed; /* has an agent attribute that must be us */
	bool reply;     /* under the key that we share with the server */
	bool soon;      /* the parent shall know at once that it came */
	void (*take)(struct batch *b, const struct frame *f);
} kinds[] = {
	{"sign", false, false, true, take_sign},
	{"give", true, false, true, take_give},
	{"committed", true, true, false, take_committed},
	{"resend", true, true, true, take_resend},
	{"full", true, true, true, take_full},
	{"cert", true, false, true, take_cert},
};

/* True when it is worth an acknowledgement of its own. */
static bool take(struct batch *b, const struct frame *f)
{
	char agent[ID_SIZE];

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (!frame_is(f, kinds[i].kind))
			continue;
		if (kinds[i].addressed &&
			(frame_text(f, "agent", agent, sizeof agent) < 0 ||
				strcmp(agent, b->a->id.id) != 0))
			return true; /* also what came for the one we were before a fork */
		if (kinds[i].reply && !reply_check(f, b->a->id.mac))
			forged(b->a, "an answer");
		else
			kinds[i].take(b, f);
		return kinds[i].soon;
	}
	return true;
}

bool order_frames(struct agent *a, const char *frames, size_t len)
{
	struct batch *b = xcalloc(1, sizeof *b);
	struct err e = ERR_INIT;
	struct frame f;
	size_t pos = 0;
	bool soon = false;
	int got;

	b->a = a;
	while ((got = frame_next(frames, len, &pos, &f, &e)) > 0)
		soon |= take(b, &f);
	if (got < 0)
		log_limited(
			LOG_WARN_, "frames", 3600000, "the parent sent a bad frame: %s", e.text);
	free(b);
	return soon || got < 0;
}
