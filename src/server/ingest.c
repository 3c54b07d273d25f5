/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ingest: one job a batch of envelopes, in the writer thread. For each: who says it (a trusted agent, by its
 * row), is it theirs (the MAC), is it new (its stream), what does it say (a table by kind). What is refused is logged once,
 * counted, and leaves nothing; the batch goes on.
 *
 * The relay that brought it is believed nothing but that it brought it.
 */
#include "server/ingest.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "server/dispatch.h"
#include "server/effect.h"
#include "server/power.h"
#include "server/sightings.h"
#include "server/topology.h"
#include "store/store_action.h"
#include "store/store_event.h"
#include "store/store_ingest.h"
#include "store/store_machine.h"
#include "store/store_trust.h"
#include "wire/reply.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define KEYS_MAX 200000  /* derived MAC keys kept: 130 bytes each */
#define OUTPUT_MAX 65536 /* kept of each output */
#define TOLD_MAX 10000
#define CHILDREN_MAX 10000
#define REFUSALS_MAX 10000
#define REFUSED_EVERY_MS 3600000

struct mac_key {
	char agent[ID_SIZE];
	char box[65];
	uint8_t key[MAC_KEY_BYTES];
	char cloned[STREAM_LEN + 1]; /* the stream by which a copy was last noticed */
	UT_hash_handle hh;
};

struct refusal { /* by whom, in whose name: said once an hour, however often it is tried */
	char key[2 * ID_LEN + 2];
	int64_t said_ms;
	UT_hash_handle hh;
};

struct ingest {
	struct mac_key *keys;
	struct refusal *refusals;
};

struct batch {
	struct store_job job;
	struct server *s;
	struct arena *arena;
	struct effects effects;
	struct server_counts counts;
	char child[ID_SIZE];
	char *frames;
	size_t len;
	uint64_t ticket;
	int64_t now_ms;
	char forked[STREAM_LEN +
		1]; /* the stream that was last told to fork: once a batch is enough */
};

struct said { /* one envelope, and what is known of who says it */
	struct batch *b;
	struct db *db;
	struct envelope env;
	struct agent agent;
	struct mac_key *key;
	const char *relay; /* its machine hangs on; NULL unknown */
	char digest[DIGEST_LEN + 1];
	struct json *body; /* parsed where the kind needs it */
	struct err *e;
};

struct ingest *ingest_new(void)
{
	return xcalloc(1, sizeof(struct ingest));
}

void ingest_free(struct ingest *i)
{
	struct mac_key *k, *ktmp;
	struct refusal *r, *rtmp;

	if (!i)
		return;
	HASH_ITER (hh, i->keys, k, ktmp) {
		HASH_DEL(i->keys, k);
		explicit_bzero(k, sizeof *k);
		free(k);
	}
	HASH_ITER (hh, i->refusals, r, rtmp) {
		HASH_DEL(i->refusals, r);
		free(r);
	}
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

/* Whether this is worth a line and an event: a flood of forgeries must not fill the log or the database. */
static bool refusal_is_news(struct said *x)
{
	struct ingest *i = x->b->s->ingest;
	struct refusal *r;
	char key[sizeof r->key];

	snprintf(key, sizeof key, "%s/%s", x->b->child, x->env.agent);
	HASH_FIND_STR(i->refusals, key, r);
	if (r && x->b->now_ms - r->said_ms < REFUSED_EVERY_MS)
		return false;
	if (!r) {
		if (HASH_COUNT(i->refusals) >= REFUSALS_MAX) {
			r = i->refusals; /* the oldest */
			HASH_DEL(i->refusals, r);
		} else {
			r = xcalloc(1, sizeof *r);
		}
		snprintf(r->key, sizeof r->key, "%s", key);
		HASH_ADD_STR(i->refusals, key, r);
	}
	r->said_ms = x->b->now_ms;
	return true;
}

static int refuse(struct said *x, const char *why)
{
	struct event_row v = {.kind = "security.refused",
		.severity = "warning",
		.site = x->agent.site,
		.machine = x->agent.machine};

	x->b->counts.refused++;
	if (!refusal_is_news(x))
		return 0;
	log_warn("refused a %s in the name of %s, brought by %s: %s", x->env.kind, x->env.agent,
		x->b->child, why);
	v.text = arena_printf(x->b->arena, "refused a %s in the name of %s, brought by %s: %s",
		x->env.kind, x->env.agent, x->b->child, why);
	x->b->effects.events = true;
	return event_put(x->db, &v, x->e);
}

/* 1: it may speak and it is theirs; 0: refused; -1: the database failed. */
static int authenticate(struct said *x)
{
	int got = trust_speaker(x->db, x->env.agent, x->b->arena, &x->agent, &x->relay, x->e);

	if (got < 0)
		return -1;
	if (got == 0)
		return refuse(x, "there is no such agent");
	if (x->agent.revoked)
		return refuse(x, "it is revoked");
	x->key = key_of(x->b->s, &x->agent);
	if (!x->key || !envelope_check(&x->env, x->key->key))
		return refuse(x, "it is not under its key: forged or damaged");
	return 1;
}

/* An answer that only the server can make and only this agent believes. */
static void reply(struct said *x, enum effect_kind kind, const char *word, int64_t seq)
{
	const char *stream = kind == EFFECT_FULL ? "" : x->env.stream;
	struct reply r = {word, x->env.agent, stream, seq};
	struct effect *f =
		effect_add(&x->b->effects, kind, x->env.agent, x->relay, x->env.stream, seq);
	char mac[DIGEST_LEN + 1];

	reply_mac(&r, x->key->key, mac);
	f->mac = arena_strdup(x->b->arena, mac);
}

/* ---- kinds ---- */

static bool is_world(enum err_code code)
{
	return code == ERR_IO || code == ERR_NO_SPACE || code == ERR_UNAVAILABLE;
}

/* What the report means for which machines there are. The report is taken whatever comes of that. */
static int topology_of(struct said *x)
{
	struct err bad = ERR_INIT;
	struct topology t = {x->db, x->b->arena, &x->b->effects, x->b->now_ms, &bad};

	if (strcmp(x->agent.role, "agent") != 0)
		return 0;
	if (db_savepoint(x->db, x->e) < 0)
		return -1;
	if (topology_report(&t, x->env.agent) == 0)
		return db_release(x->db, x->e);
	if (is_world(bad.code) || !db_in_transaction(x->db)) {
		*x->e = bad;
		return -1;
	}
	db_rollback_to(x->db);
	log_limited(LOG_ERROR_, "topology", 60000,
		"what agent %s said of machines is not looked at: %s", x->env.agent, bad.text);
	return 0;
}

static int take_report(struct said *x)
{
	struct ingest_source from = {
		&x->agent, x->digest, strtoll(x->b->s->generation, NULL, 10), x->b->now_ms};
	struct ingest_report r;
	struct err bad = ERR_INIT;
	bool need_full, touched, booted, ended = false;
	int rc;

	x->b->counts.reports++;
	if (ingest_report_parse(x->env.body, x->env.len, &r, &bad) < 0)
		return machine_notice(x->db, x->env.agent,
			arena_printf(x->b->arena, "its report is not taken: %s", bad.text), x->e);
	touched = sightings_touched(r.doc, !*r.base); /* before it is used up */
	booted = json_has(json_get(r.doc, "attributes"), "him.os.boot");
	rc = ingest_report(x->db, &from, &r, &need_full, &bad);
	json_free(r.body);
	if (rc < 0 && (bad.code == ERR_INVALID || bad.code == ERR_TOO_LARGE))
		return machine_notice(x->db, x->env.agent,
			arena_printf(x->b->arena, "its report is not taken: %s", bad.text), x->e);
	if (rc < 0) {
		*x->e = bad;
		return -1;
	}
	if (touched && !need_full && topology_of(x) < 0)
		return -1;
	if (booted && !need_full &&
		power_back(x->b->s, x->db, x->env.agent, x->b->now_ms, &x->b->effects, &ended,
			x->e) < 0)
		return -1;
	x->b->effects.events |= ended;
	if (need_full)
		reply(x, EFFECT_FULL, "full", 0);
	return 0;
}

static struct bytes output_take(struct said *x, const char *name)
{
	const struct json *v = json_get(x->body, name);
	struct bytes out = {NULL, 0};
	struct buf b;

	if (!json_str(v))
		return out;
	buf_init(&b, OUTPUT_MAX);
	if (text_unbase64(json_str(v), json_str_len(v), &b) == 0) {
		out.data = arena_memdup(x->b->arena, b.data ? b.data : "", b.len);
		out.len = b.len;
	}
	buf_release(&b);
	return out;
}

static int64_t int_of(const struct json *body, const char *name, int64_t absent)
{
	int64_t v = absent;

	json_to_int(json_get(body, name), &v);
	return v;
}

static const char *limits_text(struct said *x)
{
	const struct json *v = json_get(x->body, "limits");
	const char *text = NULL;
	struct buf b;

	buf_init(&b, 4096);
	if (json_type(v) == JSON_OBJECT && json_print(v, &b) == 0)
		text = arena_strdup(x->b->arena, buf_str(&b));
	buf_release(&b);
	return text;
}

static int take_result(struct said *x)
{
	const char *action = NULL, *state = NULL, *reason = NULL, *signal = NULL;
	struct err bad = ERR_INIT;
	bool ended;
	int got;

	x->b->counts.results++;
	if (!x->body || json_take_string(x->body, "action", true, ID_LEN, &action, &bad) < 0 ||
		json_take_string(x->body, "state", true, 16, &state, &bad) < 0 ||
		json_take_string(x->body, "reason", false, 1024, &reason, &bad) < 0 ||
		json_take_string(x->body, "signal", false, 16, &signal, &bad) < 0)
		return refuse(x, bad.text);
	struct result r = {.action = action,
		.agent = x->env.agent,
		.state = state,
		.reason = reason,
		.signal = signal,
		.exit_code = int_of(x->body, "exit", MODEL_ABSENT),
		.started = int_of(x->body, "started", 0),
		.ended = int_of(x->body, "ended", 0),
		.updated = x->b->now_ms,
		.limits = limits_text(x),
		.stdout_ = output_take(x, "stdout"),
		.stdout_bytes = int_of(x->body, "stdout_bytes", 0),
		.stdout_dropped = int_of(x->body, "stdout_dropped", 0),
		.stderr_ = output_take(x, "stderr"),
		.stderr_bytes = int_of(x->body, "stderr_bytes", 0),
		.stderr_dropped = int_of(x->body, "stderr_dropped", 0)};
	got = strcmp(state, "done") == 0 ? power_waits(x->db, &r, &bad) : 0;
	if (got > 0)
		return 0; /* its machine must come back first */
	if (got == 0)
		got = action_final(x->db, &r, &ended, &bad);
	if (got < 0 && bad.code == ERR_INVALID)
		return refuse(x, bad.text);
	if (got < 0) {
		*x->e = bad;
		return -1;
	}
	x->b->effects.events |= ended;
	return 0;
}

static int take_attach(struct said *x)
{
	const char *action = NULL, *name = NULL, *data = "";
	struct err bad = ERR_INIT;
	struct buf b;
	int rc = 0;

	if (!x->body || json_take_string(x->body, "action", true, ID_LEN, &action, &bad) < 0 ||
		json_take_string(x->body, "name", true, 16, &name, &bad) < 0 ||
		json_take_string(x->body, "data", true, 400000, &data, &bad) < 0)
		return refuse(x, bad.text);
	buf_init(&b, 262144);
	struct attachment v = {.action = action,
		.agent = x->env.agent,
		.name = name,
		.offset = int_of(x->body, "offset", 0),
		.total = int_of(x->body, "total", 0)};
	struct scope all = {.all = true};
	struct result r;
	int got = result_get(x->db, action, x->env.agent, &all, x->b->arena, &r, x->e);
	if (got > 0 && text_unbase64(data, strlen(data), &b) == 0) {
		v.data.data = b.data;
		v.data.len = b.len;
		rc = attachment_add(x->db, &v, x->e);
	}
	buf_release(&b);
	return got < 0 ? -1 : rc;
}

/* A certificate for the agent `id`, sent to the one that speaks; id may be a new one that it is to become. */
static int certify(struct said *x, const char *csr, const char *id)
{
	bool relay = strcmp(x->agent.role, "relay") == 0;
	struct err bad = ERR_INIT;
	struct buf chain;
	int64_t until;
	int rc;

	buf_init(&chain, PKI_PEM_MAX);
	if (keys_issue(&x->b->s->keys, csr, relay ? PKI_RELAY : PKI_AGENT, id, &chain, &until,
		    &bad) < 0)
		rc = refuse(x, bad.text);
	else if ((rc = trust_cert(x->db, id, until, x->e)) == 0) {
		struct effect *f =
			effect_add(&x->b->effects, EFFECT_CERT, x->env.agent, x->relay, NULL, 0);
		f->data = arena_memdup(x->b->arena, chain.data, chain.len);
		f->len = chain.len;
	}
	buf_release(&chain);
	return rc;
}

static int take_renew(struct said *x)
{
	const char *csr = json_str(json_get(x->body, "csr"));

	return csr ? certify(x, csr, x->env.agent) : refuse(x, "a renewal without a request");
}

/* A new agent with a new machine for the copy. */
static int fork_enrol(struct said *x, struct agent *fork)
{
	struct machine old = {0};
	char id[ID_SIZE], machine[ID_SIZE];

	if (machine_by_agent(x->db, x->env.agent, x->b->arena, &old, x->e) < 0)
		return -1;
	id_new(id);
	id_new(machine);
	fork->id = arena_strdup(x->b->arena, id);
	fork->machine = arena_strdup(x->b->arena, machine);
	struct event_row v = {.kind = "machine.forked",
		.severity = "warning",
		.site = fork->site,
		.machine = fork->machine,
		.text = arena_printf(x->b->arena,
			"two installations had the identity of %s: this one is now a machine of "
			"its own",
			old.name ? old.name : x->env.agent)};
	x->b->effects.events = true;
	/* What is known of the old one may be what the copy said: whoever stays shall say everything anew. */
	reply(x, EFFECT_FULL, "full", 0);
	return ingest_forget_base(x->db, x->env.agent, x->e) < 0 ||
			trust_enrol(x->db, fork, old.name ? old.name : "copy", NULL, x->b->now_ms,
				x->e) < 0
		? -1
		: event_put(x->db, &v, x->e);
}

/* The copy becomes an agent of its own. It asks until it has its certificate: one that asks again with the same key gets
 * the same identity. Nobody but a copy may ask, or one stolen key would make any number of agents. */
static int take_fork(struct said *x)
{
	const char *csr = json_str(json_get(x->body, "csr")),
		   *box = json_str(json_get(x->body, "box"));
	struct agent fork = {0};
	uint8_t key[BOX_KEY_BYTES];
	bool ended = false;
	int got;

	if (!csr || !box || text_unhex(box, key, sizeof key) < 0 ||
		strcmp(x->agent.role, "agent") != 0)
		return refuse(x, "a fork without its keys");
	got = trust_fork(x->db, x->env.agent, box, x->b->arena, &fork, x->e);
	if (got < 0 || ingest_ended(x->db, x->env.agent, x->env.stream, &ended, x->e) < 0)
		return -1;
	ended |= strcmp(x->key->cloned, x->env.stream) == 0; /* or two of it say different things */
	if (got > 0 ? fork.revoked != 0 : !ended)
		return refuse(x, "it was not told to fork");
	if (got == 0) {
		fork = (struct agent){.role = "agent",
			.site = x->agent.site,
			.token = x->agent.token,
			.box = box,
			.forked_from = x->env.agent};
		if (fork_enrol(x, &fork) < 0)
			return -1;
	}
	return certify(x, csr, fork.id);
}

/* The answer to a resend of what is not there any more: a file that was damaged, or a database older than the agent. */
static int take_missing(struct said *x)
{
	struct ingest_envelope v = {.agent = x->env.agent};
	struct err bad = ERR_INIT;

	if (json_take_string(x->body, "stream", true, STREAM_LEN, &v.stream, &bad) < 0 ||
		json_take_int(x->body, "upto", true, 1, INT64_MAX, &v.seq, &bad) < 0)
		return refuse(x, bad.text);
	log_limited(LOG_WARN_, v.stream, 3600000,
		"agent %s: nothing is left of stream %s up to %lld", x->env.agent, v.stream,
		(long long)v.seq);
	return ingest_skip(x->db, &v, x->b->now_ms, x->e);
}

static int take_live(struct said *x)
{
	const char *action = json_str(json_get(x->body, "action")),
		   *state = json_str(json_get(x->body, "state"));
	struct effect *f;

	if (!action)
		return 0;
	if (state) {
		int got = strcmp(state, "running") == 0
			? action_progress(x->db, action, x->env.agent, "running",
				  int_of(x->body, "started", 0), x->b->now_ms, x->e)
			: 0;
		return got < 0 ? -1 : 0;
	}
	f = effect_add(&x->b->effects, EFFECT_LIVE, x->env.agent, x->relay, action, 0);
	f->data = arena_memdup(x->b->arena, x->env.body, x->env.len);
	f->len = x->env.len;
	return 0;
}

static int take_notified(struct said *x)
{
	const struct json *told = json_get(x->body, "told");

	if (strcmp(x->agent.role, "relay") != 0)
		return refuse(x, "only a relay may say who was told");
	for (size_t i = 0; i < json_len(told) && i < TOLD_MAX; i++) {
		const struct json *t = json_at(told, i);
		const char *action = json_str(json_at(t, 0)), *agent = json_str(json_at(t, 1)),
			   *state = json_str(json_at(t, 2));
		if (action && agent && state &&
			(strcmp(state, "notified") == 0 || strcmp(state, "fetched") == 0) &&
			action_progress(x->db, action, agent, state, 0, x->b->now_ms, x->e) < 0)
			return -1;
	}
	return 0;
}

static int take_presence(struct said *x)
{
	const struct json *children = json_get(x->body, "children");

	if (strcmp(x->agent.role, "relay") != 0)
		return refuse(x, "only a relay may say who is there");
	for (size_t i = 0; i < json_len(children) && i < CHILDREN_MAX; i++) {
		const struct json *c = json_at(children, i);
		struct presence p = {.agent = json_str(json_get(c, "id")),
			.state = json_str(json_get(c, "state")),
			.relay = x->env.agent,
			.mode = json_str(json_get(c, "mode")),
			.reason = json_str(json_get(c, "reason")),
			.since_ms = int_of(c, "since", x->b->now_ms),
			.seen_ms = int_of(c, "seen", x->b->now_ms)};
		const char *role = json_str(json_get(c, "role"));
		if (!p.agent || !p.state || !role)
			continue;
		if (presence_apply(x->db, &p, strcmp(role, "relay") == 0, x->b->now_ms,
			    &x->b->effects, x->e) < 0)
			return -1;
	}
	return 0;
}

static const struct {
	const char *kind;
	bool json; /* its body is parsed before */
	int (*take)(struct said *x);
} kinds[] = {
	{"report", false, take_report},
	{"result", true, take_result},
	{"attach", true, take_attach},
	{"fork", true, take_fork},
	{"renew", true, take_renew},
	{"missing", true, take_missing},
	{"live", true, take_live},
	{"notified", true, take_notified},
	{"presence", true, take_presence},
};

static int by_kind(struct said *x)
{
	struct err bad = ERR_INIT;
	int rc = 0;

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (strcmp(kinds[i].kind, x->env.kind) != 0)
			continue;
		if (kinds[i].json && !(x->body = json_parse(x->env.body, x->env.len, &bad)))
			return refuse(x, bad.text);
		rc = kinds[i].take(x);
		json_free(x->body);
		x->body = NULL;
		return rc;
	}
	return refuse(x, "an unknown kind");
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
		if (by_kind(x) < 0)
			return -1;
		reply(x, EFFECT_COMMITTED, "committed", committed);
		return 0;
	case INGEST_DUPLICATE:
		x->b->counts.duplicates++;
		reply(x, EFFECT_COMMITTED, "committed", committed);
		return 0;
	case INGEST_GAP:
		reply(x, EFFECT_RESEND, "resend", committed + 1);
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

	effects_init(&b->effects, b->arena);
	while (frame_next(b->frames, b->len, &pos, &f, &job->err) > 0) {
		struct said x = {.b = b, .db = db, .e = &job->err};
		if (envelope_parse(&f, &x.env, &job->err) < 0)
			continue; /* the hub has checked it */
		b->counts.envelopes++;
		rc = authenticate(&x);
		if (rc > 0)
			rc = x.env.seq ? durable(&x) : by_kind(&x);
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

static void done(struct store_job *job)
{
	struct batch *b = (struct batch *)job;

	if (job->err.code)
		log_limited(
			LOG_ERROR_, "ingest", 60000, "envelopes are not taken: %s", job->err.text);
	else
		counts_add(&b->s->counts, &b->counts);
	if (!job->err.code)
		effects_run(b->s, &b->effects, b->child);
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
