/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ingest: one job a batch of envelopes, in the writer thread. For each: who says it (a trusted agent, by its
 * row), is it theirs (the MAC), is it new (its stream), what does it say (ingest_kinds.c). What is refused is logged once,
 * counted, and leaves nothing; the batch goes on.
 *
 * The relay that brought it is believed nothing but that it brought it.
 */
#include "server/ingest_internal.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "server/refused.h"
#include "store/store_event.h"
#include "store/store_ingest.h"
#include "store/store_trust.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 200000            /* derived MAC keys kept: 130 bytes each */
#define INBOX_MAX_BYTES (64 << 20) /* of reports that are not read yet */

struct ingest *ingest_new(void)
{
	struct ingest *i = xcalloc(1, sizeof *i);

	i->refused = refused_new();
	i->inbox_max_bytes = INBOX_MAX_BYTES;
	i->again = true;
	return i;
}

void ingest_free(struct ingest *i)
{
	struct mac_key *k, *ktmp;

	if (!i)
		return;
	HASH_ITER (hh, i->keys, k, ktmp) {
		HASH_DEL(i->keys, k);
		explicit_bzero(k, sizeof *k);
		free(k);
	}
	refused_free(i->refused);
	free(i);
}

/* ---- who says it ---- */

static struct mac_key *key_of(struct server *s, const struct agent *a)
{
	struct ingest *i = s->ingest;
	struct mac_key *k;
	uint8_t box[BOX_KEY_BYTES];

	HASH_FIND_STR(i->keys, a->id, k);
	if (k && a->box && strcmp(k->box, a->box) == 0)
		return k;
	if (!a->box || text_unhex(a->box, box, sizeof box) < 0)
		return NULL;
	if (!k && HASH_COUNT(i->keys) >= KEYS_MAX) {
		struct mac_key *oldest = i->keys;
		HASH_DEL(i->keys, oldest);
		free(oldest);
	}
	if (!k) {
		k = xcalloc(1, sizeof *k);
		snprintf(k->agent, sizeof k->agent, "%s", a->id);
		HASH_ADD_STR(i->keys, agent, k);
	}
	snprintf(k->box, sizeof k->box, "%s", a->box);
	if (mac_key_derive(s->keys.box, box, box, s->keys.box_pub, a->id, k->key) < 0)
		return NULL;
	return k;
}

int ingest_refuse(struct said *x, const char *why)
{
	struct event_row v = {.kind = "security.refused",
		.severity = "warning",
		.site = x->agent.site,
		.machine = x->agent.machine};

	x->b->counts.refused++;
	if (!refused_is_news(x->b->s->ingest->refused, x->b->child, x->env.agent, x->b->now_ms))
		return 0;
	log_warn("refused a %s in the name of %s, brought by %s: %s", x->env.kind, x->env.agent,
		x->b->child, why);
	v.text = arena_printf(x->b->arena, "refused a %s in the name of %s, brought by %s: %s",
		x->env.kind, x->env.agent, x->b->child, why);
	x->b->effects.events = true;
	return event_put(x->db, &v, x->e);
}

int ingest_speaker(struct said *x)
{
	int got = trust_speaker(x->db, x->env.agent, x->b->arena, &x->agent, &x->relay, x->e);

	if (got > 0 && !x->agent.revoked)
		x->key = key_of(x->b->s, &x->agent);
	return got > 0 ? x->key != NULL : got;
}

/* 1: it may speak and it is theirs; 0: refused; -1: the database failed. */
static int authenticate(struct said *x)
{
	if (ingest_speaker(x) < 0)
		return -1;
	if (!x->agent.id)
		return ingest_refuse(x, "there is no such agent");
	if (x->agent.revoked)
		return ingest_refuse(x, "it is revoked");
	if (!x->key || !envelope_check(&x->env, x->key->key))
		return ingest_refuse(x, "it is not under its key: forged or damaged");
	return 1;
}

void ingest_reply(struct said *x, enum effect_kind kind, const char *word, int64_t seq)
{
	const char *stream = kind == EFFECT_FULL ? "" : x->env.stream;
	struct reply r = {word, x->env.agent, stream, seq};
	struct effect *f =
		effect_add(&x->b->effects, kind, x->env.agent, x->relay, x->env.stream, seq);
	char mac[DIGEST_LEN + 1];

	reply_mac(&r, x->key->key, mac);
	f->mac = arena_strdup(x->b->arena, mac);
}

/* ---- streams ---- */

static int clone_seen(struct said *x)
{
	struct event_row v = {.kind = "machine.cloned",
		.severity = "warning",
		.site = x->agent.site,
		.machine = x->agent.machine,
		.text = "two installations speak with the identity of this machine: one of them "
			"gets its own"};

	if (strcmp(x->b->forked, x->env.stream) != 0)
		effect_add(&x->b->effects, EFFECT_FORK, x->env.agent, x->relay, x->env.stream, 0);
	snprintf(x->b->forked, sizeof x->b->forked, "%s", x->env.stream);
	if (strcmp(x->key->cloned, x->env.stream) == 0)
		return 0; /* it asks again until it is told, and that is not another event */
	snprintf(x->key->cloned, sizeof x->key->cloned, "%s", x->env.stream);
	x->b->counts.clones++;
	x->b->effects.events = true;
	log_limited(LOG_WARN_, x->env.stream, 3600000,
		"agent %s: two installations share its identity", x->env.agent);
	return event_put(x->db, &v, x->e);
}

static int durable(struct said *x)
{
	struct ingest_envelope v = {
		x->env.agent, x->env.stream, x->digest, x->env.prev, x->env.seq};
	enum ingest_verdict verdict;
	int64_t committed;

	digest_hex(x->env.body, x->env.len, x->digest);
	if (ingest_advance(x->db, &v, x->b->now_ms, &verdict, &committed, x->e) < 0)
		return -1;
	switch (verdict) {
	case INGEST_TAKE:
		if ((x->b->notes && strcmp(x->env.kind, "report") == 0 ? ingest_note(x)
								       : ingest_kind(x)) < 0)
			return -1;
		ingest_reply(x, EFFECT_COMMITTED, "committed", committed);
		return 0;
	case INGEST_DUPLICATE:
		x->b->counts.duplicates++;
		ingest_reply(x, EFFECT_COMMITTED, "committed", committed);
		return 0;
	case INGEST_GAP:
		ingest_reply(x, EFFECT_RESEND, "resend", committed + 1);
		return 0;
	default:
		return clone_seen(x);
	}
}

/* ---- the job ---- */

static int work(struct store_job *job, struct db *db)
{
	struct batch *b = (struct batch *)job;
	struct frame f;
	size_t pos = 0;
	int rc;

	if (ingest_begin(b, db, &job->err) < 0)
		return -1;
	while (frame_next(b->frames, b->len, &pos, &f, &job->err) > 0) {
		struct said x = {.b = b, .db = db, .e = &job->err};
		if (envelope_parse(&f, &x.env, &job->err) < 0)
			continue; /* the hub has checked it */
		b->counts.envelopes++;
		rc = authenticate(&x);
		if (rc > 0)
			rc = x.env.seq ? durable(&x) : ingest_kind(&x);
		if (rc < 0)
			return -1;
	}
	return 0;
}

static void counts_add(struct server_counts *to, const struct server_counts *c)
{
	to->envelopes += c->envelopes;
	to->reports += c->reports;
	to->results += c->results;
	to->duplicates += c->duplicates;
	to->refused += c->refused;
	to->clones += c->clones;
}

void ingest_settle(struct batch *b)
{
	counts_add(&b->s->counts, &b->counts);
	effects_run(b->s, &b->effects, b->child);
}

static void done(struct store_job *job)
{
	struct batch *b = (struct batch *)job;

	if (job->err.code)
		log_limited(
			LOG_ERROR_, "ingest", 60000, "envelopes are not taken: %s", job->err.text);
	else
		ingest_settle(b);
	if (b->noted)
		ingest_read(b->s);
	hub_taken(b->s->hub, b->ticket, &job->err);
	arena_free(b->arena);
	free(b->frames);
	free(b);
}

void ingest_take(
	struct server *s, const char *child, const char *frames, size_t len, uint64_t ticket)
{
	struct batch *b = xcalloc(1, sizeof *b);

	b->job.work = work;
	b->job.done = done;
	b->s = s;
	b->arena = arena_new();
	b->frames = memcpy(xmalloc(len + 1), frames, len);
	b->len = len;
	b->ticket = ticket;
	b->now_ms = clock_now_ms();
	snprintf(b->child, sizeof b->child, "%s", child);
	store_write(s->store, &b->job);
}
