/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dispatch: from open items in the database to mail in the hub. Items are read in pages by a reader thread, with their
 * Merkle paths; the loop posts them, each to the direct child on the way, with the rest of the way as its
 * route. Posting twice is harmless (the same key replaces, relays and agents know what they have), so whenever in doubt
 * everything open is given again.
 */
#include "server/dispatch.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "server/power.h"
#include "wire/sign.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 500
#define DEPTH_MAX 16 /* relays above each other */

/* ---- the way down ---- */

/* From the agent's relay up to a direct child: *top is that child, route the relays after it. -1: it is not known where. */
static int way(struct server *s, const struct down *d, char top[ID_SIZE], char *route, size_t size)
{
	const char *chain[DEPTH_MAX];
	struct relay_node *node;
	const char *at = d->relay && *d->relay ? d->relay : "";
	size_t n = 0, len = 0;

	route[0] = '\0';
	while (*at && n < DEPTH_MAX) {
		chain[n++] = at;
		HASH_FIND_STR(s->relays, at, node);
		at = node ? node->parent : "";
	}
	if (n == 0) { /* a direct child, or one of which only the way it came is known */
		snprintf(top, ID_SIZE, "%s",
			d->relay || !d->child || !*d->child ? d->agent : d->child);
		return 0;
	}
	if (n == DEPTH_MAX)
		return -1;
	snprintf(top, ID_SIZE, "%s", chain[n - 1]);
	for (size_t i = n - 1; i-- > 0;)
		len += (size_t)snprintf(route + len, size - len, "%s%s", len ? "," : "", chain[i]);
	return 0;
}

void dispatch_down(struct server *s, const struct down *d)
{
	char top[ID_SIZE], route[DEPTH_MAX * (ID_LEN + 1)], key[160];
	const char *attrs[16] = {"agent", d->agent, "route", route};
	struct hub_post p = {.child = top, .key = key, .record = d->record, .lazy = d->lazy};
	struct err e = ERR_INIT;
	struct buf frame;
	size_t n = 4;

	if (way(s, d, top, route, sizeof route) < 0) {
		log_limited(LOG_ERROR_, "way", 3600000,
			"relays hang in a circle or too deep above agent %s", d->agent);
		return;
	}
	if (d->record) {
		attrs[n++] = "record";
		attrs[n++] = d->record;
	}
	for (size_t i = 0; d->attrs && d->attrs[i] && n < 14; i++)
		attrs[n++] = d->attrs[i];
	attrs[n] = NULL;
	snprintf(key, sizeof key, "%s:%s:%s", d->kind, d->agent, d->which ? d->which : "");
	buf_init(&frame, FRAME_BODY_MAX + 2 * FRAME_LINE_MAX);
	if (frame_add(&frame, d->kind, attrs, d->body, d->len) == 0) {
		p.frame = frame.data;
		p.len = frame.len;
		if (hub_post(s->hub, &p, &e) < 0)
			log_limited(LOG_WARN_, "post", 60000,
				"mail for %s waits in the database: %s", d->agent, e.text);
	}
	buf_release(&frame);
}

/* ---- open items ---- */

struct give_job {
	struct store_job job;
	struct server *s;
	struct arena *arena;
	const char *action, *agent;
	const char **relays;
	size_t relays_n;
	char after_action[ID_SIZE], after_agent[ID_SIZE];
	struct open_item *items;
	size_t n;
	struct frame_of {
		const char *id;
		struct bytes frame;
		struct frame_of *next;
	} * frames;
	bool direct; /* only items of this server's own children */
};

static void give_start(struct give_job *g);

static int frame_load(struct give_job *g, struct db *db, const char *id, struct err *e)
{
	struct frame_of *f;
	struct action a;
	int got;

	for (f = g->frames; f; f = f->next)
		if (strcmp(f->id, id) == 0)
			return 0;
	got = action_get(db, id, g->arena, &a, e);
	if (got <= 0)
		return got;
	f = arena_alloc(g->arena, sizeof *f);
	f->id = a.id;
	f->frame = a.frame;
	f->next = g->frames;
	g->frames = f;
	return 0;
}

static int give_work(struct store_job *job, struct db *db)
{
	struct give_job *g = (struct give_job *)job;

	if (action_open(db, g->action, g->agent, g->relays, g->relays_n, PAGE, g->after_action,
		    g->after_agent, g->arena, &g->items, &g->n, &job->err) < 0)
		return -1;
	for (size_t i = 0; i < g->n; i++)
		if (frame_load(g, db, g->items[i].action, &job->err) < 0)
			return -1;
	return 0;
}

static void give_one(struct server *s, const struct open_item *x)
{
	char index[24];
	const char *attrs[] = {"index", index, NULL};
	struct down d = {.kind = "give",
		.agent = x->agent,
		.relay = x->relay ? x->relay : NULL,
		.which = x->action,
		.record = x->action,
		.attrs = attrs,
		.body = x->path.data,
		.len = x->path.len};

	if (!x->relay)
		return; /* it was never here: it is given when it comes */
	snprintf(index, sizeof index, "%lld", (long long)x->leaf);
	dispatch_down(s, &d);
}

static void give_free(struct give_job *g)
{
	arena_free(g->arena);
	free(g);
}

static void give_done(struct store_job *job)
{
	struct give_job *g = (struct give_job *)job, *next;

	if (job->err.code) {
		log_limited(LOG_ERROR_, "give", 60000, "open actions cannot be read: %s",
			job->err.text);
		give_free(g);
		return;
	}
	for (struct frame_of *f = g->frames; f; f = f->next)
		hub_record(g->s->hub, f->id, f->frame.data, f->frame.len);
	for (size_t i = 0; i < g->n; i++)
		give_one(g->s, &g->items[i]);
	if (g->n == PAGE) { /* the next page, in an arena of its own */
		next = xcalloc(1, sizeof *next);
		*next = *g;
		next->arena = arena_new();
		next->frames = NULL;
		next->action = arena_strdup(next->arena, g->action);
		next->agent = arena_strdup(next->arena, g->agent);
		next->relays = arena_alloc(next->arena, (g->relays_n + 1) * sizeof *next->relays);
		for (size_t i = 0; i < g->relays_n; i++)
			next->relays[i] = arena_strdup(next->arena, g->relays[i]);
		snprintf(next->after_action, ID_SIZE, "%s", g->items[g->n - 1].action);
		snprintf(next->after_agent, ID_SIZE, "%s", g->items[g->n - 1].agent);
		give_start(next);
	}
	give_free(g);
}

static void give_start(struct give_job *g)
{
	g->job.work = give_work;
	g->job.done = give_done;
	store_read(g->s->store, &g->job);
}

static struct give_job *give_new(struct server *s)
{
	struct give_job *g = xcalloc(1, sizeof *g);

	g->s = s;
	g->arena = arena_new();
	return g;
}

void dispatch_action(struct server *s, const char *action)
{
	struct give_job *g = give_new(s);

	g->action = arena_strdup(g->arena, action);
	give_start(g);
}

void dispatch_agent(struct server *s, const char *agent)
{
	struct give_job *g = give_new(s);

	g->agent = arena_strdup(g->arena, agent);
	give_start(g);
}

/* Whether `node` hangs (somewhere) below `relay`. */
static bool below(struct server *s, const struct relay_node *node, const char *relay)
{
	for (int depth = 0; node && depth < DEPTH_MAX; depth++) {
		if (strcmp(node->id, relay) == 0)
			return true;
		struct relay_node *up;
		HASH_FIND_STR(s->relays, node->parent, up);
		node = up;
	}
	return false;
}

void dispatch_below(struct server *s, const char *relay)
{
	struct give_job *g = give_new(s);
	struct relay_node *node, *tmp;

	g->relays = arena_alloc(g->arena, (HASH_COUNT(s->relays) + 1) * sizeof *g->relays);
	if (!*relay)
		g->relays[g->relays_n++] = ""; /* those that hang here directly */
	HASH_ITER (hh, s->relays, node, tmp)
		if (*relay && below(s, node, relay))
			g->relays[g->relays_n++] = arena_strdup(g->arena, node->id);
	give_start(g);
}

/* ---- cancelling ---- */

struct cancel_job {
	struct store_job job;
	struct server *s;
	struct arena *arena;
	const char *action;
	struct open_item *items;
	size_t n;
};

static int cancel_work(struct store_job *job, struct db *db)
{
	struct cancel_job *c = (struct cancel_job *)job;
	const char **agents;
	struct machine m;

	if (action_unended(db, c->action, c->arena, &agents, &c->n, &job->err) < 0)
		return -1;
	c->items = arena_alloc(c->arena, (c->n + 1) * sizeof *c->items);
	for (size_t i = 0; i < c->n; i++) {
		c->items[i].agent = agents[i];
		if (machine_by_agent(db, agents[i], c->arena, &m, &job->err) > 0)
			c->items[i].relay = m.relay ? m.relay : "";
	}
	return 0;
}

static void cancel_done(struct store_job *job)
{
	struct cancel_job *c = (struct cancel_job *)job;
	struct signed_record r = {.type = "cancel",
		.issued = clock_now_ms(),
		.deadline = clock_now_ms() + 7 * 86400000LL,
		.root = DIGEST_ZERO,
		.body = c->action,
		.len = strlen(c->action)};
	const char *attrs[] = {"index", "0", NULL};
	struct buf frame;

	buf_init(&frame, 4096);
	id_new(r.id);
	if (!job->err.code && c->n > 0 && signed_add(&frame, &r, c->s->keys.sign_seed) == 0) {
		hub_record(c->s->hub, r.id, frame.data, frame.len);
		for (size_t i = 0; i < c->n; i++) {
			struct down d = {.kind = "give",
				.agent = c->items[i].agent,
				.relay = c->items[i].relay,
				.record = r.id,
				.which = r.id,
				.attrs = attrs};
			if (c->items[i].relay)
				dispatch_down(c->s, &d);
		}
	} else if (job->err.code) {
		log_error("action %s is cancelled, but its machines could not be told: %s",
			c->action, job->err.text);
	}
	buf_release(&frame);
	arena_free(c->arena);
	free(c);
}

void dispatch_cancel(struct server *s, const char *action)
{
	struct cancel_job *c = xcalloc(1, sizeof *c);

	c->job.work = cancel_work;
	c->job.done = cancel_done;
	c->s = s;
	c->arena = arena_new();
	c->action = arena_strdup(c->arena, action);
	store_read(s->store, &c->job);
}

/* ---- signing ---- */

static int order_body(const struct action *x, struct buf *out, struct err *e)
{
	struct json *j = json_object();
	int rc;

	json_set(j, "command",
		x->command ? json_parse(x->command, strlen(x->command), e) : json_array());
	json_set_string(j, "script", x->script);
	json_set_int(j, "timeout_ms", x->timeout_ms);
	json_set_int(j, "cpu_percent", x->cpu_percent);
	json_set_int(j, "memory_bytes", x->memory_bytes);
	json_set_string(j, "as", x->run_as);
	json_set(j, "env", x->env ? json_parse(x->env, strlen(x->env), e) : json_object());
	json_set_bool(j, "attach", x->attach);
	/* Guests are processes that outlive who started them. */
	if (strcmp(x->kind, POWER_START) == 0)
		json_set_bool(j, "daemons", true);
	rc = json_print(j, out);
	json_free(j);
	return rc < 0 ? err_field(e, ERR_TOO_LARGE, "script",
				"script, command and env together are over 512 KiB")
		      : 0;
}

int dispatch_sign(const struct server *s, struct action *action, const struct target *targets,
	size_t n, struct arena *a, struct merkle **m, struct err *e)
{
	char(*ids)[ID_SIZE] = xcalloc(n, sizeof *ids);
	struct signed_record r = {.type = "action",
		.issued = action->made,
		.deadline = action->deadline,
		.count = (int64_t)n};
	struct buf body, frame;
	int rc = -1;

	*m = NULL;
	buf_init(&body, 512u << 10);
	buf_init(&frame, FRAME_BODY_MAX + FRAME_LINE_MAX);
	for (size_t i = 0; i < n; i++)
		snprintf(ids[i], ID_SIZE, "%s", targets[i].agent);
	snprintf(r.id, sizeof r.id, "%s", action->id);
	if (order_body(action, &body, e) < 0)
		goto out;
	*m = merkle_new((const char(*)[ID_SIZE])ids, n);
	merkle_root(*m, r.root);
	r.body = body.data;
	r.len = body.len;
	if (signed_add(&frame, &r, s->keys.sign_seed) < 0) {
		err_set(e, ERR_TOO_LARGE, "the action is over its limit");
		goto out;
	}
	action->frame.data = arena_memdup(a, frame.data, frame.len);
	action->frame.len = frame.len;
	rc = 0;
out:
	free(ids);
	buf_release(&body);
	buf_release(&frame);
	return rc;
}

size_t dispatch_path(void *merkle, size_t leaf, uint8_t *out)
{
	return merkle_path(merkle, leaf, out) * MERKLE_STEP;
}
