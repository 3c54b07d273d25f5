/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making what was resolved so: a machine a group, a link where something runs on something, an event where that changed.
 *
 * - A group that an agent speaks for is that agent's machine; one that only lists know is a machine without an agent, at the
 *   site of its host.
 * - A machine that no group keeps goes into the one that took its sightings, with its history.
 * - Links are compared with those that are open: what still holds is not touched, so a report that changes nothing writes
 *   nothing.
 * - A guest that runs on another host than before has moved, once, whichever host told first.
 */
#include "base/id.h"
#include "core/resolve.h"
#include "server/topology.h"
#include "store/store_event.h"
#include "store/store_link.h"
#include <stdio.h>
#include <string.h>

#define EVIDENCE_MAX 8
#define GONE "gone" /* power of what no host lists any more */

struct settle {
	struct topology *t;
	const struct component *c;
	const struct resolve_input *in;
	const struct resolve_output *out;
	const char **ids; /* a group's machine */
};

static int event(struct settle *s, struct event_row v)
{
	s->t->effects->events = true;
	v.time = s->t->now_ms;
	return event_put(s->t->db, &v, s->t->e);
}

static bool own(const struct seen *x)
{
	return !*x->s.ref;
}

/* Name and site of a machine, "" where it has none. */
struct label {
	const char *name, *site;
};

static int label(struct settle *s, const char *id, struct label *out)
{
	struct stmt *q = db_prepare(
		s->t->db, "SELECT COALESCE(name, id), site FROM machines WHERE id = ?1", s->t->e);
	int got;

	*out = (struct label){id, NULL};
	if (!q)
		return -1;
	bind_text(q, 1, id);
	got = db_step(q, s->t->e);
	if (got > 0)
		*out = (struct label){arena_strdup(s->t->arena, col_text(q, 0)),
			arena_strdup(s->t->arena, col_text(q, 1))};
	db_done(q);
	return got < 0 ? -1 : 0;
}

/* ---- machines ---- */

/* The listed sighting that speaks best for a group: said now before ended, the newest first; NULL: none. */
static const struct seen *listing(const struct settle *s, const struct resolve_group *g)
{
	const struct seen *best = NULL;

	for (size_t i = 0; i < g->n; i++) {
		const struct seen *x = &s->c->seen[s->out->members[g->first + i]];
		if (own(x) || (best && !best->s.gone && x->s.gone))
			continue;
		if (!best || (best->s.gone && !x->s.gone) || x->s.changed > best->s.changed)
			best = x;
	}
	return best;
}

static int tell(struct settle *s, const char *id, const struct seen *x)
{
	struct machine_told told = {.id = id,
		.name = x->s.name,
		.kind = x->s.kind,
		.vcpus = x->s.vcpus,
		.memory_bytes = x->s.memory_bytes};
	const char **macs = arena_alloc(s->t->arena, (x->n_keys + 1) * sizeof *macs);

	for (size_t i = 0; i < x->n_keys; i++)
		if (strcmp(x->keys[i].k.kind, resolve_key_word(RESOLVE_MAC)) == 0)
			macs[told.n_macs++] = x->keys[i].k.value;
	told.macs = macs;
	return machine_tell(s->t->db, &told, s->t->e);
}

/* A new machine that only lists know. */
static int make_listed(struct settle *s, size_t g)
{
	const struct seen *x = listing(s, &s->out->groups[g]);

	if (!x)
		return 0;
	return machine_listed(
		       s->t->db, s->ids[g], x->s.name, x->source_site, s->t->now_ms, s->t->e) < 0
		? -1
		: tell(s, s->ids[g], x);
}

/* The machine is that of the agent that speaks for the group. */
static int give(struct settle *s, size_t g)
{
	const struct seen *x = &s->c->seen[s->out->groups[g].self];
	struct stmt *q;
	char agent[64], site[64] = "", name[256] = "";
	int got = machine_agent(s->t->db, s->ids[g], agent, s->t->e);

	if (got < 0 || strcmp(agent, x->s.source) == 0)
		return got < 0 ? -1 : 0;
	q = db_prepare(s->t->db, "SELECT site FROM agents WHERE id = ?1", s->t->e);
	if (!q)
		return -1;
	bind_text(q, 1, x->s.source);
	if (db_step(q, s->t->e) > 0 && col_text(q, 0))
		snprintf(site, sizeof site, "%s", col_text(q, 0));
	db_done(q);
	snprintf(name, sizeof name, "%s", x->s.name ? x->s.name : "");
	effect_add(s->t->effects, EFFECT_FULL, x->s.source, NULL, NULL, 0);
	return machine_give(s->t->db, s->ids[g], x->s.source, name, site, s->t->now_ms, s->t->e);
}

/* Nothing that counts speaks of it any more: it runs nowhere that is known. */
static int orphan(struct settle *s, const char *machine, bool agent)
{
	struct link *open;
	size_t n;

	if (link_hosts(s->t->db, machine, s->t->arena, &open, &n, s->t->e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (link_end(s->t->db, open[i].id, s->t->now_ms, s->t->e) < 0 ||
			machine_recount(s->t->db, open[i].host, s->t->e) < 0)
			return -1;
	return machine_placed(s->t->db, machine, agent ? NULL : GONE, NULL, NULL, s->t->e) < 0 ? -1
											       : 0;
}

/* A machine that no group keeps. */
static int absorb(struct settle *s, const struct resolve_absorbed *x)
{
	const struct resolve_group *g = x->into == RESOLVE_NONE ? NULL : &s->out->groups[x->into];
	char agent[64];
	struct label was, now;
	int got = machine_agent(s->t->db, x->machine, agent, s->t->e);
	bool take;

	if (got > 0 && !g)
		return orphan(s, x->machine, *agent != '\0');
	if (got <= 0 || g->context)
		return got < 0 ? -1 : 0;
	take = g->self != RESOLVE_NONE && strcmp(agent, s->c->seen[g->self].s.source) == 0;
	if (label(s, x->machine, &was) < 0 ||
		machine_absorb(s->t->db, s->ids[x->into], x->machine, take, s->t->e) < 0 ||
		label(s, s->ids[x->into], &now) < 0)
		return -1;
	return event(s,
		(struct event_row){.kind = "machine.merged",
			.site = now.site,
			.machine = s->ids[x->into],
			.text = arena_printf(
				s->t->arena, "%s was found to be %s", was.name, now.name)});
}

/* The agents that spoke for a machine before another does now: silent, until they say something again. */
static int end_silent(struct settle *s, const struct resolve_group *g)
{
	for (size_t i = 0; i < g->n; i++) {
		size_t m = s->out->members[g->first + i];
		const struct seen *x = &s->c->seen[m];
		if (m != g->self && own(x) && !x->s.gone &&
			sighting_end(s->t->db, x->s.source, "",
				x->source_seen ? x->source_seen : s->t->now_ms, s->t->e) < 0)
			return -1;
	}
	return 0;
}

static int settle_machines(struct settle *s)
{
	const struct resolve_output *out = s->out;

	for (size_t g = 0; g < out->groups_n; g++) {
		const struct resolve_group *group = &out->groups[g];
		char *id = arena_alloc(s->t->arena, ID_SIZE);
		s->ids[g] = group->machine;
		if (group->machine || group->context)
			continue;
		id_new(id);
		s->ids[g] = id;
		if (group->self == RESOLVE_NONE && make_listed(s, g) < 0)
			return -1;
	}
	for (size_t i = 0; i < out->absorbed_n; i++)
		if (absorb(s, &out->absorbed[i]) < 0)
			return -1;
	for (size_t g = 0; g < out->groups_n; g++) {
		const struct resolve_group *group = &out->groups[g];
		if (group->context || group->self == RESOLVE_NONE)
			continue;
		if (end_silent(s, group) < 0 || give(s, g) < 0)
			return -1;
	}
	return 0;
}

static int settle_places(struct settle *s)
{
	bool again = s->out->again_ms != 0; /* kept with one of them */

	for (size_t i = 0; i < s->c->n; i++) {
		const struct seen *x = &s->c->seen[i];
		size_t g = s->out->places[i].group;
		const char *machine = g == RESOLVE_NONE ? x->s.machine : s->ids[g];
		int64_t at = again ? s->out->again_ms : 0;
		if (x->context)
			continue;
		again = false;
		if ((machine && (!x->s.machine || strcmp(machine, x->s.machine) != 0)) ||
			at != x->s.again)
			if (sighting_place(s->t->db, &x->s, machine, at, s->t->e) < 0)
				return -1;
	}
	return 0;
}

/* ---- links ---- */

/* The first piece of evidence about a sighting: they stand in the order of their sightings. */
static size_t evidence_of(const struct settle *s, size_t sighting)
{
	size_t from = 0, to = s->out->evidence_n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;
		if (s->out->evidence[mid].a < sighting)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

/* Why, as a list of sentences. */
static const char *evidence(struct settle *s, const struct resolve_link *l)
{
	const struct seen *x = &s->c->seen[l->sighting];
	struct json *list = json_array();
	const char *text;
	struct buf b;

	json_add(list,
		json_string(arena_printf(
			s->t->arena, "the link %s", resolve_reason_sentence(l->reason))));
	for (size_t i = evidence_of(s, l->sighting); i < s->out->evidence_n &&
		s->out->evidence[i].a == l->sighting && json_len(list) < EVIDENCE_MAX;
		i++) {
		const struct resolve_evidence *v = &s->out->evidence[i];
		if (v->verdict != RESOLVE_COUNTED || v->key == RESOLVE_NONE)
			continue;
		json_add(list,
			json_string(arena_printf(s->t->arena, "%s %s %s", x->keys[v->key].k.kind,
				x->keys[v->key].k.value, resolve_reason_sentence(v->reason))));
	}
	buf_init(&b, 16384);
	text = json_print(list, &b) == 0 ? arena_strdup(s->t->arena, buf_str(&b)) : NULL;
	buf_release(&b);
	json_free(list);
	return text;
}

/* Whether a resolved link is one to keep: a guest that its host lists no more runs there no more. */
static bool holds(const struct settle *s, const struct resolve_link *l)
{
	return !s->c->seen[l->sighting].s.gone;
}

/* Who sees the guest reads this; a host of another site is none of theirs. */
static const char *host_name(const struct label *host, const struct label *guest)
{
	bool same = host->site && guest->site && strcmp(host->site, guest->site) == 0;

	return same ? host->name : "a host of another site";
}

static int moved(struct settle *s, const struct link *x)
{
	struct label guest, from, to;
	char host[64];

	if (link_came_from(s->t->db, x->guest, x->host, host, s->t->e) < 0)
		return -1;
	if (!*host)
		return 0;
	struct move v = {
		.time = s->t->now_ms, .machine = x->guest, .from_host = host, .to_host = x->host};
	if (move_put(s->t->db, &v, s->t->e) < 0 || label(s, x->guest, &guest) < 0 ||
		label(s, host, &from) < 0 || label(s, x->host, &to) < 0)
		return -1;
	return event(s,
		(struct event_row){.kind = "machine.moved",
			.site = guest.site,
			.machine = x->guest,
			.text = arena_printf(s->t->arena, "%s moved from %s to %s", guest.name,
				host_name(&from, &guest), host_name(&to, &guest))});
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_link(const struct link *a, const struct link *b)
{
	return a->certain == b->certain && same_text(a->source, b->source) &&
		same_text(a->ref, b->ref) && same_text(a->evidence, b->evidence);
}

/* One link of a guest that should be: it begins, or changes, or is as it was. */
static int settle_link(struct settle *s, const struct resolve_link *l, const struct link *open)
{
	struct link x = {.guest = s->ids[l->guest],
		.host = s->ids[l->host],
		.began = s->t->now_ms,
		.certain = l->certain,
		.source = s->c->seen[l->sighting].s.source,
		.ref = s->c->seen[l->sighting].s.ref,
		.evidence = evidence(s, l),
		.id = open ? open->id : 0};

	if (open && same_link(open, &x))
		return 0;
	if ((open ? link_change(s->t->db, &x, s->t->e) : link_begin(s->t->db, &x, s->t->e)) < 0 ||
		machine_recount(s->t->db, x.host, s->t->e) < 0)
		return -1;
	return x.certain && !(open && open->certain) ? moved(s, &x) : 0;
}

static const struct link *open_to(const struct link *open, size_t n, const char *host)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(open[i].host, host) == 0)
			return &open[i];
	return NULL;
}

/* *first moves over the group's rows of out->links. */
static int settle_links(struct settle *s, size_t g, const struct resolve_link *rows, size_t n_rows)
{
	struct link *open;
	size_t n;

	if (link_hosts(s->t->db, s->ids[g], s->t->arena, &open, &n, s->t->e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;
		while (k < n_rows &&
			(!holds(s, &rows[k]) || strcmp(s->ids[rows[k].host], open[i].host) != 0))
			k++;
		if (k < n_rows)
			continue;
		if (link_end(s->t->db, open[i].id, s->t->now_ms, s->t->e) < 0 ||
			machine_recount(s->t->db, open[i].host, s->t->e) < 0)
			return -1;
	}
	for (size_t i = 0; i < n_rows; i++) {
		size_t k = 0; /* two listings of one host make one link: the first, best one */
		while (k < i && (rows[k].host != rows[i].host || !holds(s, &rows[k])))
			k++;
		if (holds(s, &rows[i]) && k == i &&
			settle_link(s, &rows[i], open_to(open, n, s->ids[rows[i].host])) < 0)
			return -1;
	}
	return 0;
}

/* ---- columns of the machine ---- */

static int power_event(struct settle *s, const char *id, const char *was, const char *is)
{
	struct label guest;

	/* A guest whose agent has just fallen silent had no power since its host let it go. */
	if (!is || (!was && strcmp(is, GONE) != 0) || (was && strcmp(was, is) == 0))
		return 0;
	if (label(s, id, &guest) < 0)
		return -1;
	return event(s,
		(struct event_row){.kind = "machine.power",
			.site = guest.site,
			.machine = id,
			.text = arena_printf(s->t->arena,
				strcmp(is, GONE) == 0 ? "%s is %s: no host lists it any more"
						      : "%s is %s, its host says",
				guest.name, is)});
}

static int power_was(struct settle *s, const char *id, char was[64])
{
	struct stmt *q = db_prepare(s->t->db, "SELECT power FROM machines WHERE id = ?1", s->t->e);
	int got;

	*was = '\0';
	if (!q)
		return -1;
	bind_text(q, 1, id);
	got = db_step(q, s->t->e);
	if (got > 0 && col_text(q, 0))
		snprintf(was, 64, "%s", col_text(q, 0));
	db_done(q);
	return got < 0 ? -1 : 0;
}

/* Its agent talks, or talked for a while after its host had let it go: it runs, or ran, somewhere unseen. */
static bool outlived(const struct settle *s, const struct resolve_group *g, const struct seen *says)
{
	const struct seen *self = g->self == RESOLVE_NONE ? NULL : &s->c->seen[g->self];

	return self &&
		(s->in->sightings[g->self].live ||
			self->source_seen > says->s.gone + RESOLVE_OVERLAP_MS);
}

static int settle_columns(
	struct settle *s, size_t g, const struct resolve_link *rows, size_t n_rows)
{
	const struct resolve_group *group = &s->out->groups[g];
	const struct seen *says = listing(s, group);
	const char *host = NULL, *power;
	struct label at = {0};
	char was[64];
	int changed;

	for (size_t i = 0; i < n_rows; i++)
		if (rows[i].certain && holds(s, &rows[i])) {
			host = s->ids[rows[i].host];
			says = &s->c->seen[rows[i].sighting];
			break;
		}
	power = !says                      ? NULL
		: !says->s.gone            ? says->s.power
		: outlived(s, group, says) ? NULL
					   : GONE;
	if (host && label(s, host, &at) < 0)
		return -1;
	if (says && !says->s.gone && group->self == RESOLVE_NONE && tell(s, s->ids[g], says) < 0)
		return -1;
	if (power_was(s, s->ids[g], was) < 0)
		return -1;
	changed = machine_placed(s->t->db, s->ids[g], power, host, at.site, s->t->e);
	if (changed < 0)
		return -1;
	return changed ? power_event(s, s->ids[g], *was ? was : NULL, power) : 0;
}

/* A site marks no machine as a host that itself is somebody's guest: what its site marked before is taken back. */
static int settle_mark(struct settle *s, size_t g)
{
	bool by_site;
	int got;

	if (!s->out->groups[g].listed || s->out->groups[g].self == RESOLVE_NONE)
		return 0;
	got = machine_marked(s->t->db, s->ids[g], &by_site, s->t->e);
	if (got <= 0 || !by_site)
		return got < 0 ? -1 : 0;
	if (machine_mark(s->t->db, s->ids[g], 0, NULL, s->t->e) < 0)
		return -1;
	return topology_source(s->t, s->c->seen[s->out->groups[g].self].s.source);
}

int topology_settle(struct topology *t, const struct component *c, const struct resolve_input *in,
	const struct resolve_output *out)
{
	struct settle s = {.t = t, .c = c, .in = in, .out = out};
	size_t at = 0;

	s.ids = arena_alloc(t->arena, (out->groups_n + 1) * sizeof *s.ids);
	if (settle_machines(&s) < 0 || settle_places(&s) < 0)
		return -1;
	for (size_t g = 0; g < out->groups_n; g++) {
		size_t first;
		while (at < out->links_n && out->links[at].guest < g)
			at++;
		first = at;
		while (at < out->links_n && out->links[at].guest == g)
			at++;
		if (out->groups[g].context || !s.ids[g])
			continue;
		if (settle_links(&s, g, out->links + first, at - first) < 0 ||
			settle_columns(&s, g, out->links + first, at - first) < 0)
			return -1;
	}
	for (size_t g = 0; g < out->groups_n; g++)
		if (!out->groups[g].context && settle_mark(&s, g) < 0)
			return -1;
	return 0;
}
