// SPDX-License-Identifier: Apache-2.0
/*
 * What runs on what. Every listed one that has a group claims that its group runs on its host's group. Of a guest's claims
 *
 *   - said live and running beats everything, and of two such the newer (a move) unless both stand for longer than a
 *     move takes: then it is ambiguous;
 *   - else the newest that is known: an offline host's last word counts from when it was heard, a live host's "not
 *     running" from when it began.
 *
 * Certain links make no circle: of a circle one claim is refused, and its guest takes its next best. Which one: that of
 * a guest whose own agent sees bare metal, else the newest, for a guest that lies came after its host.
 */
#include "core/resolve_internal.h"
#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX                                                                                 \
	64 /* of refusing and taking the next best; after them a refused guest has no link */

struct claim {
	uint32_t guest, host; /* groups */
	uint32_t x;           /* rank of the listed one that says so */
	bool refused;
	bool now;        /* live and running */
	int64_t when_ms; /* what it is as new as */
};

/* What stands for one guest: its claims, best first, and what came of them. */
struct verdict {
	uint32_t first, n;
	uint32_t best; /* index of a claim; NOBODY: none */
	enum resolve_reason reason;
};

struct linker {
	struct resolver *r;
	const struct resolve_output *out;
	struct claim *claims;
	uint32_t claims_n;
	struct verdict *verdicts; /* by group */
	uint32_t *next;           /* by node: groups, then machines above the context */
	uint32_t nodes_n;
	uint32_t *walked;
};

static const struct resolve_sighting *says(const struct linker *l, const struct claim *c)
{
	return l->r->known[c->x].s;
}

/* ---- claims, best first ---- */

/* Of one guest. */
static int compare_claims(const void *a, const void *b, void *ctx)
{
	const struct claim *c = a, *d = b;
	const struct resolve_sighting *s, *t;

	if (c->now != d->now)
		return c->now ? -1 : 1;
	if (c->when_ms != d->when_ms)
		return c->when_ms > d->when_ms ? -1 : 1;
	s = says(ctx, c);
	t = says(ctx, d);
	if (s->running != t->running)
		return s->running ? -1 : 1;
	if (s->live != t->live)
		return s->live ? -1 : 1;
	return (c->x > d->x) - (c->x < d->x);
}

/* A live "it runs" and any "it does not" are as new as their beginning, an offline host's "it runs" as its last word. */
static struct claim new_claim(const struct known *k, uint32_t guest, uint32_t host, uint32_t x)
{
	bool now = k->live && k->running;

	return (struct claim){.guest = guest,
		.host = host,
		.x = x,
		.now = now,
		.when_ms = now || !k->running ? k->s->since_ms : k->s->seen_ms};
}

static void add_claim(struct linker *l, uint32_t x, const size_t *group_of)
{
	struct known *k = &l->r->known[x];
	size_t guest = group_of[x], host = k->parent == NOBODY ? RESOLVE_NONE : group_of[k->parent];

	if (k->self || !k->believed || !k->level || k->ended || guest == RESOLVE_NONE)
		return;
	if (host == RESOLVE_NONE)
		resolve_note(l->r, x, k->parent, RESOLVE_LOST, RESOLVE_NO_HOST);
	else if (host != guest)
		l->claims[l->claims_n++] = new_claim(k, (uint32_t)guest, (uint32_t)host, x);
	else if (k->reason != RESOLVE_DOM0)
		resolve_note(l->r, x, k->parent, RESOLVE_REFUSED, RESOLVE_OWN_GUEST);
}

/* By guest, and of each best first. */
static void sort_claims(struct linker *l)
{
	struct claim *sorted = arena_alloc(l->r->scratch, l->claims_n * sizeof *sorted);
	uint32_t at = 0;

	for (uint32_t i = 0; i < l->claims_n; i++)
		l->verdicts[l->claims[i].guest].n++;
	for (size_t g = 0; g < l->out->groups_n; g++) {
		l->verdicts[g].first = at;
		at += l->verdicts[g].n;
		l->verdicts[g].n = 0;
	}
	for (uint32_t i = 0; i < l->claims_n; i++) {
		struct verdict *v = &l->verdicts[l->claims[i].guest];
		sorted[v->first + v->n++] = l->claims[i];
	}
	for (size_t g = 0; g < l->out->groups_n; g++)
		if (l->verdicts[g].n > 1)
			qsort_r(&sorted[l->verdicts[g].first], l->verdicts[g].n, sizeof *sorted,
				compare_claims, l);
	l->claims = sorted;
}

/* ---- one guest ---- */

static bool runs_now(const struct linker *l, const struct claim *c)
{
	return !c->refused && c->now;
}

/* Another host that says the same for as long as the best does. */
static bool rivals(const struct linker *l, const struct claim *best, const struct claim *c)
{
	return c != best && runs_now(l, c) && c->host != best->host &&
		resolve_overlap(says(l, best), says(l, c)) > RESOLVE_OVERLAP_MS;
}

/* It runs there and is said to run there; or its host says that it is off, while its own agent talks on. */
static enum resolve_reason when_not_running(struct linker *l, const struct claim *best)
{
	const struct resolve_sighting *s = says(l, best);
	size_t self = l->out->groups[best->guest].self;
	const struct resolve_sighting *agent =
		self == RESOLVE_NONE ? NULL : &l->r->in->sightings[self];

	if (!s->live || s->running || !agent || !agent->live)
		return RESOLVE_LAST_KNOWN;
	if (resolve_overlap(s, agent) > RESOLVE_SILENCE_MS)
		return RESOLVE_SAYS_OFF;
	resolve_again(l->r, s->since_ms, RESOLVE_SILENCE_MS);
	return RESOLVE_LAST_KNOWN;
}

static void judge(struct linker *l, uint32_t guest)
{
	struct verdict *v = &l->verdicts[guest];
	const struct claim *best;

	v->best = NOBODY;
	for (uint32_t i = v->first; i < v->first + v->n && v->best == NOBODY; i++)
		if (!l->claims[i].refused)
			v->best = i;
	l->next[guest] = NOBODY;
	if (v->best == NOBODY)
		return;
	best = &l->claims[v->best];
	v->reason = runs_now(l, best) ? RESOLVE_RUNS_THERE : when_not_running(l, best);
	for (uint32_t i = v->best + 1; i < v->first + v->n && runs_now(l, best); i++) {
		const struct claim *c = &l->claims[i];
		if (rivals(l, best, c))
			v->reason = RESOLVE_TWO_HOSTS;
		else if (runs_now(l, c) && c->host != best->host)
			resolve_again(l->r, says(l, best)->since_ms, RESOLVE_OVERLAP_MS);
	}
	if (v->reason == RESOLVE_RUNS_THERE || v->reason == RESOLVE_LAST_KNOWN)
		l->next[guest] = best->host;
}

static void refuse(struct linker *l, struct claim *c, bool last)
{
	struct verdict *v = &l->verdicts[c->guest];

	c->refused = true;
	resolve_note(l->r, c->x, l->r->known[c->x].parent, RESOLVE_REFUSED, RESOLVE_CYCLE);
	for (uint32_t i = v->first; last && i < v->first + v->n; i++)
		l->claims[i].refused = true;
	judge(l, c->guest);
}

/* ---- circles ---- */

/* Is c the one to refuse rather than d? */
static bool less_credible(const struct linker *l, const struct claim *c, const struct claim *d)
{
	const struct resolve_group *g = &l->out->groups[c->guest], *h = &l->out->groups[d->guest];
	const struct resolve_sighting *s = l->r->in->sightings;
	bool bare = g->self != RESOLVE_NONE && s[g->self].kind == RESOLVE_PHYSICAL;
	bool other = h->self != RESOLVE_NONE && s[h->self].kind == RESOLVE_PHYSICAL;

	if (bare != other)
		return bare;
	if (says(l, c)->since_ms != says(l, d)->since_ms)
		return says(l, c)->since_ms > says(l, d)->since_ms;
	return c->x < d->x;
}

/* start is on a circle. false: it is made of links above the context alone, which are not ours. */
static bool break_circle(struct linker *l, uint32_t start, bool last)
{
	struct claim *worst = NULL;
	uint32_t at = start;

	do {
		if (at < l->out->groups_n && l->verdicts[at].best != NOBODY) {
			struct claim *c = &l->claims[l->verdicts[at].best];
			if (!worst || less_credible(l, c, worst))
				worst = c;
		}
		at = l->next[at];
	} while (at != start);
	if (worst)
		refuse(l, worst, last);
	return worst != NULL;
}

static bool break_circles(struct linker *l, bool last)
{
	bool broken = false;

	memset(l->walked, 0, l->nodes_n * sizeof *l->walked);
	for (uint32_t i = 0; i < l->nodes_n; i++) {
		uint32_t at = i;
		while (at != NOBODY && !l->walked[at]) {
			l->walked[at] = i + 1;
			at = l->next[at];
		}
		if (at != NOBODY && l->walked[at] == i + 1)
			broken |= break_circle(l, at, last);
	}
	return broken;
}

static bool leads_to(const struct linker *l, uint32_t from, uint32_t to)
{
	for (uint32_t steps = 0; from != NOBODY && steps <= l->nodes_n;
		steps++, from = l->next[from])
		if (from == to)
			return true;
	return false;
}

/* Of a guest in doubt, hosts that run on it are no candidates. */
static bool drop_impossible(struct linker *l, uint32_t guest)
{
	const struct verdict *v = &l->verdicts[guest];

	if (v->best == NOBODY || v->reason != RESOLVE_TWO_HOSTS)
		return false;
	for (uint32_t i = v->first; i < v->first + v->n; i++)
		if (!l->claims[i].refused && leads_to(l, l->claims[i].host, guest)) {
			refuse(l, &l->claims[i], false);
			return true;
		}
	return false;
}

static void settle_circles(struct linker *l)
{
	bool again = true;

	for (unsigned round = 0; again; round++) {
		again = break_circles(l, round >= ROUNDS_MAX);
		for (uint32_t g = 0; !again && round < ROUNDS_MAX && g < l->out->groups_n; g++)
			again = drop_impossible(l, g);
	}
}

/* ---- what is known above the context ---- */

struct named_node {
	const char *id;
	uint32_t node;
};

static int by_id(const void *a, const void *b)
{
	const struct named_node *x = a, *y = b;
	int c = strcmp(x->id, y->id);
	return c ? c : (x->node > y->node) - (x->node < y->node);
}

/* The node of a machine id, or NOBODY. */
static uint32_t find_node(const struct named_node *names, size_t n, const char *id)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(names[middle].id, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < n && strcmp(names[low].id, id) == 0 ? names[low].node : NOBODY;
}

/* Links of context groups and of machines that only `above` names; those of full groups are being decided here. */
static void link_above(struct linker *l)
{
	const struct resolve_input *in = l->r->in;
	const struct resolve_output *out = l->out;
	struct named_node *names =
		arena_alloc(l->r->scratch, (out->groups_n + 2 * in->above_n) * sizeof *names);
	size_t n = 0;

	for (size_t i = 0; i < out->groups_n; i++)
		if (out->groups[i].machine)
			names[n++] = (struct named_node){out->groups[i].machine, (uint32_t)i};
	for (size_t i = 0; i < in->above_n; i++) {
		names[n++] = (struct named_node){in->above[i].guest, l->nodes_n++};
		names[n++] = (struct named_node){in->above[i].host, l->nodes_n++};
	}
	qsort(names, n, sizeof *names, by_id);
	for (size_t i = 0; i < in->above_n; i++) {
		uint32_t guest = find_node(names, n, in->above[i].guest);
		if (guest >= out->groups_n || out->groups[guest].context)
			l->next[guest] = find_node(names, n, in->above[i].host);
	}
}

/* ---- the answer ---- */

static void emit(struct linker *l, struct resolve_output *out, uint32_t guest)
{
	const struct verdict *v = &l->verdicts[guest];
	const struct claim *best = v->best == NOBODY ? NULL : &l->claims[v->best];

	for (uint32_t i = v->first; best && i < v->first + v->n; i++) {
		const struct claim *c = &l->claims[i];
		if (c == best || (v->reason == RESOLVE_TWO_HOSTS && rivals(l, best, c)))
			out->links[out->links_n++] = (struct resolve_link){c->guest, c->host,
				l->r->known[c->x].input,
				v->reason == RESOLVE_RUNS_THERE || v->reason == RESOLVE_LAST_KNOWN,
				says(l, c)->live, v->reason};
		else if (!c->refused && c->host != best->host)
			resolve_note(l->r, c->x, best->x, RESOLVE_LOST, RESOLVE_OLDER);
	}
}

/* A listed one that may be any of several: a link in doubt for each. */
static void emit_maybes(struct linker *l, struct resolve_output *out, const size_t *group_of)
{
	for (size_t i = 0; i < l->r->maybes_n; i++) {
		const struct maybe *m = &l->r->maybes[i];
		const struct known *k = &l->r->known[m->x];
		size_t guest = group_of[m->rank],
		       host = k->parent == NOBODY ? RESOLVE_NONE : group_of[k->parent];
		if (k->placed || k->ended || guest == RESOLVE_NONE || host == RESOLVE_NONE ||
			guest == host)
			continue;
		out->links[out->links_n++] = (struct resolve_link){
			guest, host, k->input, false, k->live, RESOLVE_WHICH_GUEST};
	}
}

static int by_guest(const void *a, const void *b)
{
	const struct resolve_link *x = a, *y = b;
	if (x->guest != y->guest)
		return x->guest < y->guest ? -1 : 1;
	if (x->certain != y->certain)
		return x->certain ? -1 : 1;
	return x->host != y->host ? (x->host < y->host ? -1 : 1)
				  : (x->sighting > y->sighting) - (x->sighting < y->sighting);
}

/* Most answers are. */
static bool in_order(const struct resolve_output *out)
{
	for (size_t i = 1; i < out->links_n; i++)
		if (by_guest(&out->links[i - 1], &out->links[i]) > 0)
			return false;
	return true;
}

void resolve_links(
	struct resolver *r, struct arena *a, struct resolve_output *out, const size_t *group_of)
{
	uint32_t groups_n = (uint32_t)out->groups_n;
	size_t nodes = out->groups_n + 2 * r->in->above_n;
	struct linker l = {.r = r, .out = out, .nodes_n = groups_n};

	l.claims = arena_alloc(r->scratch, r->n * sizeof *l.claims);
	l.verdicts = arena_alloc(r->scratch, groups_n * sizeof *l.verdicts);
	l.next = arena_alloc(r->scratch, nodes * sizeof *l.next);
	l.walked = arena_alloc(r->scratch, nodes * sizeof *l.walked);
	memset(l.next, 0xff, nodes * sizeof *l.next);
	for (uint32_t i = 0; i < r->n; i++)
		add_claim(&l, i, group_of);
	sort_claims(&l);
	for (uint32_t g = 0; g < groups_n; g++)
		judge(&l, g);
	if (r->in->above_n)
		link_above(&l);
	settle_circles(&l);
	out->links = arena_alloc(a, (l.claims_n + r->maybes_n) * sizeof *out->links);
	for (uint32_t g = 0; g < groups_n; g++)
		emit(&l, out, g);
	emit_maybes(&l, out, group_of);
	if (!in_order(out))
		qsort(out->links, out->links_n, sizeof *out->links, by_guest);
}
