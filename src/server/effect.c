/* SPDX-License-Identifier: Apache-2.0 */
/* The list of effects, and the table of what each does in the loop. */
#include "server/effect.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/id.h"
#include "server/api.h"
#include "server/dispatch.h"
#include "wire/sign.h"
#include <stdio.h>
#include <string.h>

void effects_init(struct effects *list, struct arena *arena)
{
	list->arena = arena;
	list->first = NULL;
	list->last = &list->first;
	list->events = false;
}

struct effect *effect_add(struct effects *list, enum effect_kind kind, const char *agent,
	const char *relay, const char *stream, int64_t seq)
{
	struct effect *f = arena_alloc(list->arena, sizeof *f);

	f->kind = kind;
	f->agent = arena_strdup(list->arena, agent);
	f->relay = arena_strdup(list->arena, relay);
	f->stream = arena_strdup(list->arena, stream);
	f->seq = seq;
	*list->last = f;
	list->last = &f->next;
	return f;
}

static void numbered(
	struct server *s, const struct effect *f, const char *child, const char *kind, bool lazy)
{
	char seq[24];
	const char *attrs[] = {"stream", f->stream, "seq", seq, "mac", f->mac, NULL};
	struct down d = {.kind = kind,
		.agent = f->agent,
		.relay = f->relay,
		.child = child,
		.which = f->stream,
		.attrs = attrs,
		.lazy = lazy};

	snprintf(seq, sizeof seq, "%lld", (long long)f->seq);
	dispatch_down(s, &d);
}

static void do_committed(struct server *s, const struct effect *f, const char *child)
{
	numbered(s, f, child, "committed", true);
}

static void do_resend(struct server *s, const struct effect *f, const char *child)
{
	numbered(s, f, child, "resend", false);
}

static void do_full(struct server *s, const struct effect *f, const char *child)
{
	const char *attrs[] = {"mac", f->mac, NULL};
	struct down d = {.kind = "full",
		.agent = f->agent,
		.relay = f->relay,
		.child = child,
		.attrs = attrs};

	dispatch_down(s, &d);
}

static void do_cert(struct server *s, const struct effect *f, const char *child)
{
	struct down d = {.kind = "cert",
		.agent = f->agent,
		.relay = f->relay,
		.child = child,
		.body = f->data,
		.len = f->len};

	dispatch_down(s, &d);
}

/* A signed record for one instance: it names the stream, which only that instance has. */
static void do_fork(struct server *s, const struct effect *f, const char *child)
{
	struct signed_record r = {.type = "fork", .issued = clock_now_ms(), .root = DIGEST_ZERO};
	const char *attrs[] = {"index", "0", NULL};
	struct down d = {.kind = "give",
		.agent = f->agent,
		.relay = f->relay,
		.child = child,
		.record = r.id,
		.which = r.id,
		.attrs = attrs};
	struct buf frame;
	char body[128];

	id_new(r.id);
	r.len = (size_t)snprintf(
		body, sizeof body, "{\"agent\":\"%s\",\"stream\":\"%s\"}", f->agent, f->stream);
	r.body = body;
	buf_init(&frame, 4096);
	if (signed_add(&frame, &r, s->keys.sign_seed) == 0) {
		hub_record(s->hub, r.id, frame.data, frame.len);
		dispatch_down(s, &d);
	}
	buf_release(&frame);
}

static void do_moved(struct server *s, const struct effect *f, const char *child)
{
	dispatch_agent(s, f->agent);
}

static void do_relay(struct server *s, const struct effect *f, const char *child)
{
	presence_relay_at(s, f->agent, f->relay, f->stream);
	if (f->seq && strcmp(f->stream, "offline") == 0)
		presence_relay_lost(s, f->agent, f->seq);
}

static void do_live(struct server *s, const struct effect *f, const char *child)
{
	api_live(s->api, f->stream, f->agent, f->data, f->len);
}

static void do_relays(struct server *s, const struct effect *f, const char *child)
{
	lists_relays(s);
}

static void do_events(struct server *s, const struct effect *f, const char *child)
{
	api_events(s->api);
}

void effects_run(struct server *s, struct effects *list, const char *child)
{
	static void (*const table[])(struct server *, const struct effect *, const char *) = {
		[EFFECT_COMMITTED] = do_committed,
		[EFFECT_RESEND] = do_resend,
		[EFFECT_FULL] = do_full,
		[EFFECT_CERT] = do_cert,
		[EFFECT_FORK] = do_fork,
		[EFFECT_MOVED] = do_moved,
		[EFFECT_RELAY] = do_relay,
		[EFFECT_LIVE] = do_live,
		[EFFECT_RELAYS] = do_relays,
		[EFFECT_EVENTS] = do_events,
	};

	for (const struct effect *f = list->first; f; f = f->next)
		table[f->kind](s, f, child);
	if (list->events)
		api_events(s->api);
}
