/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is there. Relays say which of their children came and went; the hub says it of the server's own. A change is one
 * row, one event, and, when somebody came or moved, a look for what is open for them. Where relays hang is kept in memory
 * too: it is the map by which everything goes down.
 */
#include "base/clock.h"
#include "base/log.h"
#include "server/api.h"
#include "server/dispatch.h"
#include "server/topology.h"
#include "store/store_event.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- in the writer thread ---- */

static int machine_event(
	struct db *db, const struct presence *p, struct effects *effects, struct err *e)
{
	struct event_row v = {
		.severity = "info", .kind = arena_printf(effects->arena, "machine.%s", p->state)};
	struct machine m;

	if (machine_by_agent(db, p->agent, effects->arena, &m, e) <= 0)
		return 0;
	v.machine = m.id;
	v.site = m.site;
	v.text = arena_printf(effects->arena, "%s is %s", m.name ? m.name : m.id, p->state);
	if (strcmp(p->state, "offline") == 0)
		v.severity = "warning";
	effects->events = true;
	return event_put(db, &v, e);
}

/* Who came or went counts for what it says of others, and an agent that was thought to be gone speaks again. */
static int seen_anew(struct db *db, const struct presence *p, bool changed, int64_t now_ms,
	struct effects *effects, struct err *e)
{
	struct topology t = {db, effects->arena, effects, now_ms, e};

	if (strcmp(p->state, "late") == 0)
		return 0;
	return changed                            ? topology_source(&t, p->agent)
		: strcmp(p->state, "online") == 0 ? topology_back(&t, p->agent)
						  : 0;
}

static int relay_apply(
	struct db *db, const struct presence *p, struct effects *effects, struct err *e)
{
	struct event_row v = {.severity = strcmp(p->state, "offline") == 0 ? "error" : "info"};
	bool changed;

	if (presence_relay(db, p, &changed, e) < 0)
		return -1;
	effect_add(effects, EFFECT_RELAY, p->agent, p->relay, p->state, changed ? p->since_ms : 0);
	if (!changed)
		return 0;
	v.kind = arena_printf(effects->arena, "relay.%s", p->state);
	v.text = arena_printf(effects->arena, "relay %s is %s", p->agent, p->state);
	effects->events = true;
	return event_put(db, &v, e);
}

int presence_apply(struct db *db, const struct presence *p, bool is_relay, int64_t now_ms,
	struct effects *effects, struct err *e)
{
	bool moved, changed;

	if (is_relay)
		return relay_apply(db, p, effects, e);
	if (presence_machine(db, p, &moved, &changed, e) < 0)
		return -1;
	if (strcmp(p->state, "online") == 0 && (moved || changed))
		effect_add(effects, EFFECT_MOVED, p->agent, p->relay, NULL, 0);
	if (seen_anew(db, p, changed, now_ms, effects, e) < 0)
		return -1;
	return changed && strcmp(p->state, "late") != 0 ? machine_event(db, p, effects, e) : 0;
}

/* ---- from the hub ---- */

struct presence_job {
	struct store_job job;
	struct server *s;
	struct arena *arena;
	struct effects effects;
	struct presence p;
	bool is_relay;
	/* of a hello */
	const char *addresses, *version, *spool, *notice;
	int64_t spool_bytes, spool_max_bytes;
	/* of a relay that is gone: everything below it */
	const char **cut;
	size_t cut_n;
	int64_t stale_since;
};

static struct presence_job *job_new(struct server *s, int (*work)(struct store_job *, struct db *))
{
	struct presence_job *j = xcalloc(1, sizeof *j);

	j->s = s;
	j->arena = arena_new();
	j->job.work = work;
	effects_init(&j->effects, j->arena);
	return j;
}

static void job_done(struct store_job *job)
{
	struct presence_job *j = (struct presence_job *)job;

	if (job->err.code)
		log_limited(LOG_ERROR_, "presence", 60000, "a change of presence is not kept: %s",
			job->err.text);
	else
		effects_run(j->s, &j->effects, "");
	arena_free(j->arena);
	free(j);
}

static void job_start(struct presence_job *j)
{
	j->job.done = job_done;
	store_write(j->s->store, &j->job);
}

static int child_work(struct store_job *job, struct db *db)
{
	struct presence_job *j = (struct presence_job *)job;

	return presence_apply(db, &j->p, j->is_relay, clock_now_ms(), &j->effects, &job->err);
}

static int lost_work(struct store_job *job, struct db *db)
{
	struct presence_job *j = (struct presence_job *)job;
	struct event_row v = {.kind = "relay.cut", .severity = "error"};
	int64_t cut;

	if (presence_cut(db, j->cut, j->cut_n, j->p.since_ms, "its relay cannot be reached", &cut,
		    &job->err) < 0)
		return -1;
	v.text = arena_printf(j->arena, "%lld machine%s offline: %s relay cannot be reached",
		(long long)cut, cut == 1 ? " is" : "s are", cut == 1 ? "its" : "their");
	j->effects.events = cut > 0;
	return cut > 0 ? event_put(db, &v, &job->err) : 0;
}

static void cut_below(struct server *s, struct presence_job *j, const char *relay)
{
	struct relay_node *node, *tmp;

	j->cut = arena_alloc(j->arena, (HASH_COUNT(s->relays) + 1) * sizeof *j->cut);
	HASH_ITER (hh, s->relays, node, tmp) {
		struct relay_node *at = node;
		for (int depth = 0; at && depth < 16; depth++) {
			if (strcmp(at->id, relay) == 0) {
				j->cut[j->cut_n++] = arena_strdup(j->arena, node->id);
				break;
			}
			struct relay_node *up;
			HASH_FIND_STR(s->relays, at->parent, up);
			at = up;
		}
	}
}

void presence_child(struct server *s, const struct hub_presence *p)
{
	struct presence_job *j = job_new(s, child_work);

	j->is_relay = p->role == PKI_RELAY;
	j->p = (struct presence){.agent = arena_strdup(j->arena, p->child),
		.state = hub_state_word(p->state),
		.relay = "",
		.mode = arena_strdup(j->arena, p->mode),
		.reason = arena_strdup(j->arena, p->reason),
		.since_ms = p->since_ms,
		.seen_ms = p->seen_ms};
	if (j->is_relay)
		presence_relay_at(s, p->child, "", j->p.state);
	job_start(j);
}

void presence_relay_lost(struct server *s, const char *relay, int64_t since_ms)
{
	struct presence_job *j = job_new(s, lost_work);

	j->p.since_ms =
		since_ms < clock_now_ms() ? since_ms : clock_now_ms(); /* by its parent's clock */
	cut_below(s, j, relay);
	job_start(j);
}

static int hello_work(struct store_job *job, struct db *db)
{
	struct presence_job *j = (struct presence_job *)job;

	if (!j->is_relay) {
		if (presence_apply(db, &j->p, false, clock_now_ms(), &j->effects, &job->err) < 0)
			return -1;
		return machine_notice(db, j->p.agent, j->notice, &job->err);
	}
	effect_add(&j->effects, EFFECT_RELAYS, NULL, NULL, NULL, 0);
	return relay_facts(db, j->p.agent, j->addresses, j->version, j->spool, j->spool_bytes,
		j->spool_max_bytes, j->notice, &job->err);
}

static int stale_work(struct store_job *job, struct db *db)
{
	struct presence_job *j = (struct presence_job *)job;
	int64_t cut;

	return presence_stale(db, j->p.agent, j->stale_since, clock_now_ms(), &cut, &job->err);
}

/* A relay that started anew does not remember whom it had; those who do not come back to it are gone. */
static void on_stale(evutil_socket_t fd, short what, void *arg)
{
	struct relay_node *node = arg;
	struct presence_job *j = job_new(node->server, stale_work);

	j->p.agent = arena_strdup(j->arena, node->id);
	j->stale_since = node->stale_since_ms;
	job_start(j);
}

static void stale_later(struct server *s, const char *relay)
{
	struct timeval tv = {s->conf->offline_ms / 1000 + 1, 0};
	struct relay_node *node;

	HASH_FIND_STR(s->relays, relay, node);
	if (!node)
		return;
	if (!node->stale)
		node->stale = evtimer_new(s->base, on_stale, node);
	node->stale_since_ms = clock_now_ms();
	evtimer_add(node->stale, &tv);
}

void presence_hello(struct server *s, const struct hub_hello *h)
{
	struct presence_job *j = job_new(s, hello_work);

	j->is_relay = h->role == PKI_RELAY;
	j->p = (struct presence){.agent = arena_strdup(j->arena, h->child),
		.state = "online",
		.relay = "",
		.mode = arena_strdup(j->arena, h->mode),
		.reason = arena_strdup(j->arena, h->reason),
		.since_ms = clock_now_ms(),
		.seen_ms = clock_now_ms()};
	j->version = arena_strdup(j->arena, h->version);
	j->spool = arena_strdup(j->arena, h->spool);
	j->notice = arena_strdup(j->arena, h->notice);
	j->spool_bytes = h->spool_bytes;
	j->spool_max_bytes = h->spool_max_bytes;
	if (j->is_relay && json_type(json_get(h->json, "addresses")) == JSON_ARRAY) {
		struct buf b;
		buf_init(&b, 16384);
		if (json_print(json_get(h->json, "addresses"), &b) == 0)
			j->addresses = arena_strdup(j->arena, buf_str(&b));
		buf_release(&b);
	}
	job_start(j);
	if (j->is_relay) {
		dispatch_below(
			s, h->child); /* a new spool, or we are new: it may not have what is open */
		stale_later(s, h->child);
	}
}

/* ---- the map of relays ---- */

void presence_relay_at(struct server *s, const char *relay, const char *parent, const char *state)
{
	struct relay_node *node;
	bool moved;

	HASH_FIND_STR(s->relays, relay, node);
	if (!node) {
		node = xcalloc(1, sizeof *node);
		snprintf(node->id, sizeof node->id, "%s", relay);
		node->server = s;
		HASH_ADD_STR(s->relays, id, node);
	}
	moved = strcmp(node->parent, parent ? parent : "") != 0;
	if (strcmp(state, "online") == 0)
		snprintf(node->parent, sizeof node->parent, "%s", parent ? parent : "");
	if (moved && strcmp(state, "online") == 0)
		dispatch_below(s, relay);
}

static int load(void *ctx, struct db *db, struct err *e)
{
	struct server *s = ctx;
	struct arena *a = arena_new();
	struct scope all = {.all = true};
	struct relay *list;
	size_t n;
	int rc = relay_list(db, &all, a, &list, &n, e);

	for (size_t i = 0; rc == 0 && i < n; i++)
		presence_relay_at(s, list[i].id, list[i].route ? list[i].route : "", "online");
	arena_free(a);
	return rc;
}

int presence_load(struct server *s, struct err *e)
{
	return store_now(s->store, load, s, e);
}

void presence_free(struct server *s)
{
	struct relay_node *node, *tmp;

	HASH_ITER (hh, s->relays, node, tmp) {
		HASH_DEL(s->relays, node);
		if (node->stale)
			event_free(node->stale);
		free(node);
	}
}
