/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What envelopes say, a function a kind: reports, results, whole outputs, renewals, forks, and what is said in passing (live
 * output, presence, who was told). All run in the writer thread, inside the transaction of their batch, after ingest.c found
 * that the envelope is its sender's and new. A body that is not what it should be is refused and leaves nothing.
 */
#include "server/ingest_internal.h"
#include "base/log.h"
#include "base/text.h"
#include "server/dispatch.h"
#include "server/power.h"
#include "server/sightings.h"
#include "server/topology.h"
#include "store/store_action.h"
#include "store/store_event.h"
#include "store/store_ingest.h"
#include "store/store_machine.h"
#include "store/store_trust.h"
#include <stdlib.h>
#include <string.h>

#define OUTPUT_MAX 65536 /* kept of each output */
#define TOLD_MAX 10000
#define CHILDREN_MAX 10000

static bool is_world(enum err_code code)
{
	return code == ERR_IO || code == ERR_NO_SPACE || code == ERR_UNAVAILABLE;
}

int ingest_attempt(struct db *db, int (*work)(void *ctx, struct err *e), void *ctx, struct err *e)
{
	if (db_savepoint(db, e) < 0)
		return -1;
	if (work(ctx, e) == 0)
		return db_release(db, e) < 0 ? -1 : 1;
	if (is_world(e->code) || !db_in_transaction(db))
		return -1;
	db_rollback_to(db);
	return 0;
}

static int topology_work(void *ctx, struct err *e)
{
	struct said *x = ctx;
	struct topology t = {x->db, x->b->arena, &x->b->effects, x->b->now_ms, e};

	return topology_report(&t, x->env.agent);
}

/* What the report means for which machines there are. The report is taken whatever comes of that. */
static int topology_of(struct said *x)
{
	struct err bad = ERR_INIT;
	int got;

	if (strcmp(x->agent.role, "agent") != 0)
		return 0;
	got = ingest_attempt(x->db, topology_work, x, &bad);
	if (got < 0)
		*x->e = bad;
	if (got == 0)
		log_limited(LOG_ERROR_, "topology", 60000,
			"what agent %s said of machines is not looked at: %s", x->env.agent,
			bad.text);
	return got < 0 ? -1 : 0;
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
		ingest_reply(x, EFFECT_FULL, "full", 0);
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
		return ingest_refuse(x, bad.text);
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
		return ingest_refuse(x, bad.text);
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
		return ingest_refuse(x, bad.text);
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
		rc = ingest_refuse(x, bad.text);
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

	return csr ? certify(x, csr, x->env.agent)
		   : ingest_refuse(x, "a renewal without a request");
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
	ingest_reply(x, EFFECT_FULL, "full", 0);
	/* What was given to the one may have been taken by the other, while they were the same. */
	effect_add(&x->b->effects, EFFECT_MOVED, x->env.agent, x->relay, NULL, 0);
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
		return ingest_refuse(x, "a fork without its keys");
	got = trust_fork(x->db, x->env.agent, box, x->b->arena, &fork, x->e);
	if (got < 0 || ingest_ended(x->db, x->env.agent, x->env.stream, &ended, x->e) < 0)
		return -1;
	ended |= strcmp(x->key->cloned, x->env.stream) == 0; /* or two of it say different things */
	if (got > 0 ? fork.revoked != 0 : !ended)
		return ingest_refuse(x, "it was not told to fork");
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
		return ingest_refuse(x, bad.text);
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
		return ingest_refuse(x, "only a relay may say who was told");
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
		return ingest_refuse(x, "only a relay may say who is there");
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

int ingest_kind(struct said *x)
{
	struct err bad = ERR_INIT;
	int rc = 0;

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (strcmp(kinds[i].kind, x->env.kind) != 0)
			continue;
		if (kinds[i].json && !(x->body = json_parse(x->env.body, x->env.len, &bad)))
			return ingest_refuse(x, bad.text);
		rc = kinds[i].take(x);
		json_free(x->body);
		x->body = NULL;
		return rc;
	}
	return ingest_refuse(x, "an unknown kind");
}
