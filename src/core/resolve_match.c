// SPDX-License-Identifier: Apache-2.0
/*
 * Who is whom, in five steps; a group only grows, and join() is the only place where two become one:
 *
 *   1. What people said, newest first.
 *   2. Keys that two live agents claim are disqualified.
 *   3. Agents that fell silent join the newer one on the same hardware.
 *   4. Each listed one joins the agent that matches clearly best. All choose before any joins, so that of the records
 *      of one source only one gets an agent.
 *   5. What is left (machines without an agent) is matched among itself, hosts before their guests.
 *
 * Clearly best: enough points, and more than twice the runner-up's. Where nothing is clear, whoever was one with it
 * before holds it; else it is ambiguous, in no group. So a newcomer that claims another's keys can disqualify them, and
 * still takes nothing: neither the machine nor its link.
 */
#include "core/resolve_internal.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A choice: who it is that x is. */
struct pick {
	uint32_t x, rank; /* rank NOBODY: nobody */
	int score;
	bool several; /* there was more than one candidate */
	bool held;
	bool doubtful;           /* held, and would be ambiguous if it were not */
	enum resolve_reason why; /* MATCHED, HELD, DOM0, SAID, AMBIGUOUS, ALONE */
};

/* ---- choosing ---- */

static int best_of(const struct resolver *r, bool alive_only)
{
	int best = 0;

	for (uint32_t i = 0; i < r->candidates_n; i++) {
		const struct candidate *c = &r->candidates[i];
		if (!c->dropped && c->score > best && (!alive_only || r->known[c->root].alive))
			best = c->score;
	}
	return best;
}

/* Takes out groups that x may not join, and dead ones where a live one is as good. */
static void drop_hopeless(struct resolver *r, uint32_t x)
{
	uint32_t root = resolve_root(r, x);
	int alive;

	for (uint32_t i = 0; i < r->candidates_n; i++)
		r->candidates[i].dropped |= !resolve_allowed(r, root, r->candidates[i].root);
	alive = best_of(r, true);
	for (uint32_t i = 0; alive && i < r->candidates_n; i++) {
		struct candidate *c = &r->candidates[i];
		c->dropped |= r->known[x].live && !c->held && !r->known[c->root].alive &&
			c->score <= alive;
	}
}

/* The one that x was one with before, if it is one. */
static const struct candidate *holder(const struct resolver *r)
{
	const struct candidate *held = NULL;
	bool tie = false;

	for (uint32_t i = 0; i < r->candidates_n; i++) {
		const struct candidate *c = &r->candidates[i];
		if (!c->held || c->dropped)
			continue;
		tie = held && held->score == c->score;
		if (!held || c->score > held->score)
			held = c;
	}
	return tie ? NULL : held;
}

/* From the candidates gathered for x. min: points to join. */
static struct pick choose(struct resolver *r, uint32_t x, int min)
{
	struct pick p = {.x = x, .rank = NOBODY, .why = RESOLVE_ALONE};
	const struct candidate *best = NULL, *claimed = NULL, *held;
	int second = 0, claims_n = 0;

	drop_hopeless(r, x);
	p.several = r->candidates_n > 1;
	held = holder(r);
	for (uint32_t i = 0; i < r->candidates_n; i++) {
		const struct candidate *c = &r->candidates[i];
		if (c->dropped)
			continue;
		if (!best || c->score > best->score) {
			second = best ? best->score : 0;
			best = c;
		} else if (c->score > second) {
			second = c->score;
		}
		if (c->claimed >= min) {
			claimed = c;
			claims_n++;
		}
	}
	if (best && best->score >= min && best->score > 2 * second) {
		p.why = RESOLVE_MATCHED;
	} else if (held) {
		p.doubtful = best->score >= min || claims_n > 1;
		best = held;
		p.why = RESOLVE_HELD;
	} else if (best && (best->score >= min || claims_n > 1)) {
		p.why = RESOLVE_AMBIGUOUS;
	} else if (claims_n == 1) { /* who else claims it is out of the question */
		best = claimed;
		p.why = RESOLVE_MATCHED;
	} else {
		return p;
	}
	p.rank = best->rank;
	p.score = best->score;
	p.held = best->held;
	return p;
}

/* Rows for what x chose, and for what it did not. The candidates are those of x. */
static void tell_choice(struct resolver *r, const struct pick *p, int min)
{
	for (uint32_t i = 0; i < r->candidates_n; i++) {
		const struct candidate *c = &r->candidates[i];
		enum resolve_reason why = RESOLVE_BEATEN;
		bool chosen = p->rank != NOBODY && c->root == resolve_root(r, p->rank);
		if (p->why == RESOLVE_AMBIGUOUS && 2 * c->score >= p->score)
			why = RESOLVE_AMBIGUOUS;
		else if (p->why == RESOLVE_OTHER_RECORD && chosen)
			why = RESOLVE_OTHER_RECORD;
		else if (c->score < min)
			why = RESOLVE_WEAK;
		if (chosen &&
			(p->why == RESOLVE_MATCHED || p->why == RESOLVE_HELD ||
				p->why == RESOLVE_REINSTALLED))
			resolve_tell_pair(r, p->x, c->rank, RESOLVE_COUNTED,
				p->why == RESOLVE_HELD ? RESOLVE_HELD : RESOLVE_MATCHED);
		else
			resolve_tell_pair(r, p->x, c->rank, RESOLVE_LOST, why);
	}
}

/* ---- 3: agents that fell silent ---- */

static bool wants_newer_self(const struct resolver *r, uint32_t x, uint32_t y)
{
	const struct resolve_sighting *old = r->known[x].s, *new = r->known[y].s;

	if (!r->known[y].self || resolve_overlap(old, new) > RESOLVE_OVERLAP_MS)
		return false;
	if (new->live || new->seen_ms != old->seen_ms)
		return new->live || new->seen_ms > old->seen_ms;
	return y < x;
}

/* For each machine id, the self that it stays with: a live one before a silent one, then the first to enrol. */
static uint32_t *keepers(struct resolver *r)
{
	uint32_t *keeper = arena_alloc(r->scratch, r->hints_n * sizeof *keeper);

	memset(keeper, 0xff, r->hints_n * sizeof *keeper);
	for (uint32_t i = 0; i < r->n; i++) {
		const struct known *k = &r->known[i];
		const struct resolve_sighting *s = k->s, *best;
		if (!k->self || !k->believed || k->hint == NOBODY)
			continue;
		best = keeper[k->hint] == NOBODY ? NULL : r->known[keeper[k->hint]].s;
		if (!best || (s->live && !best->live) ||
			(s->live == best->live && s->since_ms < best->since_ms))
			keeper[k->hint] = i;
	}
	return keeper;
}

static int newest_first(const void *a, const void *b, void *ctx)
{
	const struct resolver *r = ctx;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	int64_t s = r->known[x].s->seen_ms, t = r->known[y].s->seen_ms;

	return s != t ? (s > t ? -1 : 1) : (x > y) - (x < y);
}

static void join_silent(struct resolver *r, uint32_t x, uint32_t keeper)
{
	struct pick p;

	resolve_gather(r, x, wants_newer_self);
	p = choose(r, x, POINTS_REINSTALL);
	if (p.why == RESOLVE_MATCHED)
		p.why = RESOLVE_REINSTALLED;
	tell_choice(r, &p, POINTS_REINSTALL);
	if (p.why == RESOLVE_REINSTALLED || p.why == RESOLVE_HELD) {
		resolve_join(r, x, p.rank);
	} else if (keeper != NOBODY && keeper != x &&
		resolve_allowed(r, resolve_root(r, x), resolve_root(r, keeper))) {
		/* Its hardware may have changed since: what was one machine stays one. */
		resolve_join(r, x, keeper);
		resolve_note(r, x, keeper, RESOLVE_COUNTED, RESOLVE_HELD);
		p.why = RESOLVE_HELD;
	}
	if (p.why == RESOLVE_REINSTALLED || p.why == RESOLVE_HELD)
		resolve_place_as(r, x, p.why);
}

static void place_selfs(struct resolver *r)
{
	uint32_t *silent = arena_alloc(r->scratch, r->n * sizeof *silent), n = 0;
	uint32_t *keeper = keepers(r);

	for (uint32_t i = 0; i < r->n; i++) {
		if (!r->known[i].self || !r->known[i].believed)
			continue;
		resolve_place_as(r, i, RESOLVE_OWN_AGENT);
		if (!r->known[i].live)
			silent[n++] = i;
	}
	qsort_r(silent, n, sizeof *silent, newest_first, r);
	for (uint32_t i = 0; i < n; i++)
		join_silent(r, silent[i],
			r->known[silent[i]].hint == NOBODY ? NOBODY
							   : keeper[r->known[silent[i]].hint]);
}

/* ---- 4: listed ones to agents ---- */

/* A container is no virtual machine; and a source lists others, not itself. */
static bool wants_self(const struct resolver *r, uint32_t x, uint32_t y)
{
	const struct known *listed = &r->known[x], *self = &r->known[y];
	unsigned a = listed->kind, b = self->kind;

	if (!self->self || y == listed->source_self)
		return false;
	return a == RESOLVE_UNKNOWN || b == RESOLVE_UNKNOWN ||
		(a == RESOLVE_CONTAINED) == (b == RESOLVE_CONTAINED);
}

/* Xen lists its own domain with a UUID of zeros: that is the host. */
static bool is_dom0(const struct resolver *r, uint32_t x)
{
	const struct known *k = &r->known[x];

	if (k->source_self == NOBODY || k->parent != k->source_self)
		return false;
	for (uint32_t i = 0; i < k->keys_n; i++) {
		const struct known_key *key = &r->keys[k->key_first + i];
		if (key->why == RESOLVE_NEVER && resolve_key_is_zero(&k->s->keys[i]))
			return true;
	}
	return false;
}

static struct pick choose_self(struct resolver *r, uint32_t x)
{
	struct pick p = {.x = x, .rank = r->known[x].source_self, .why = RESOLVE_DOM0};

	if (r->known[resolve_root(r, x)].has_self)
		p.why = RESOLVE_SAID;
	else if (!is_dom0(r, x)) {
		resolve_gather(r, x, wants_self);
		p = choose(r, x, POINTS_JOIN);
	}
	return p;
}

/* For the contest: whose agent which record of which source wants. */
struct wish {
	uint32_t source, root, pick;
	int score;
};

static int by_wish(const void *a, const void *b)
{
	const struct wish *x = a, *y = b;
	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	if (x->root != y->root)
		return x->root < y->root ? -1 : 1;
	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return (x->pick > y->pick) - (x->pick < y->pick);
}

/* Several live records of one source want one agent: the clearly better gets it, else the one that had it, else the only
 * one that runs, else none. */
static void settle_contest(struct resolver *r, struct pick *picks, const struct wish *w, size_t n)
{
	size_t held = 0, running = 0, holder_at = 0, runner_at = 0, winner = n;

	for (size_t i = 0; i < n; i++) {
		const struct pick *p = &picks[w[i].pick];
		if (p->held && held++ == 0)
			holder_at = i;
		if (r->known[p->x].running && running++ == 0)
			runner_at = i;
	}
	if (w[0].score > 2 * w[1].score)
		winner = 0;
	else if (held == 1)
		winner = holder_at;
	else if (running == 1)
		winner = runner_at;
	for (size_t i = 0; i < n; i++) {
		struct pick *p = &picks[w[i].pick];
		if (i != winner)
			p->why = winner == n || (p->why == RESOLVE_HELD && p->doubtful)
				? RESOLVE_AMBIGUOUS
				: RESOLVE_OTHER_RECORD;
	}
}

static void hold_contests(struct resolver *r, struct pick *picks, uint32_t n)
{
	struct wish *wishes = arena_alloc(r->scratch, n * sizeof *wishes);
	size_t m = 0;

	for (uint32_t i = 0; i < n; i++)
		if ((picks[i].why == RESOLVE_MATCHED || picks[i].why == RESOLVE_HELD) &&
			r->known[picks[i].x].live)
			wishes[m++] = (struct wish){r->known[picks[i].x].source,
				resolve_root(r, picks[i].rank), i, picks[i].score};
	qsort(wishes, m, sizeof *wishes, by_wish);
	for (size_t i = 0, first = 0; i < m; i++)
		if (i + 1 == m || wishes[i + 1].source != wishes[i].source ||
			wishes[i + 1].root != wishes[i].root) {
			if (i > first)
				settle_contest(r, picks, &wishes[first], i + 1 - first);
			first = i + 1;
		}
}

static void remember_maybes(struct resolver *r, const struct pick *p)
{
	for (uint32_t i = 0; i < r->candidates_n; i++) {
		const struct candidate *c = &r->candidates[i];
		if (c->dropped || 2 * c->score < p->score || c->claimed < POINTS_JOIN)
			continue;
		if (r->maybes_n == r->maybes_cap) {
			r->maybes_cap = r->maybes_cap ? 2 * r->maybes_cap : 64;
			r->maybes = xrealloc(r->maybes, r->maybes_cap * sizeof *r->maybes);
		}
		r->maybes[r->maybes_n++] = (struct maybe){p->x, c->rank};
	}
}

/* The candidates again, for telling: most have one, which needs no second look. */
static void tell_self(struct resolver *r, struct pick *p)
{
	if (!p->several && p->rank != NOBODY && p->why == RESOLVE_MATCHED) {
		resolve_tell_pair(r, p->x, p->rank, RESOLVE_COUNTED, RESOLVE_MATCHED);
		return;
	}
	resolve_gather(r, p->x, wants_self);
	drop_hopeless(r, p->x);
	tell_choice(r, p, POINTS_JOIN);
	if (p->why == RESOLVE_AMBIGUOUS)
		remember_maybes(r, p);
}

/* x may not be what it chose. If only an old bond had made that clear, it is in doubt; else it is looked at in step 5. */
static void lose_pick(struct resolver *r, struct pick *p, bool own_guest)
{
	if (own_guest)
		resolve_note(r, p->x, p->rank, RESOLVE_REFUSED, RESOLVE_OWN_GUEST);
	if (p->why != RESOLVE_HELD || !p->doubtful)
		return;
	p->why = RESOLVE_AMBIGUOUS;
	resolve_gather(r, p->x, wants_self);
	drop_hopeless(r, p->x);
	remember_maybes(r, p);
	r->known[p->x].reason = RESOLVE_AMBIGUOUS;
}

static void join_pick(struct resolver *r, struct pick *p)
{
	uint32_t parent = r->known[p->x].parent, root = resolve_root(r, p->x), to;
	bool own_guest;

	if (p->why == RESOLVE_SAID || r->known[root].has_self) {
		resolve_place_as(r, p->x, RESOLVE_SAID);
		return;
	}
	if (p->why == RESOLVE_AMBIGUOUS)
		r->known[p->x].reason = RESOLVE_AMBIGUOUS;
	if (p->why != RESOLVE_MATCHED && p->why != RESOLVE_HELD && p->why != RESOLVE_DOM0)
		return;
	to = resolve_root(r, p->rank);
	own_guest = p->why != RESOLVE_DOM0 && parent != NOBODY && resolve_root(r, parent) == to;
	if (own_guest || !resolve_allowed(r, root, to)) {
		lose_pick(r, p, own_guest);
		return;
	}
	resolve_join(r, root, to);
	resolve_place_as(r, p->x, p->why);
}

static void place_listed(struct resolver *r)
{
	struct pick *picks = arena_alloc(r->scratch, r->n * sizeof *picks);
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->n; i++)
		if (r->known[i].believed && !r->known[i].self)
			picks[n++] = choose_self(r, i);
	hold_contests(r, picks, n);
	for (uint32_t i = 0; i < n; i++)
		if (picks[i].why != RESOLVE_SAID && picks[i].why != RESOLVE_DOM0)
			tell_self(r, &picks[i]);
	for (unsigned level = 0; level < 3; level++) /* hosts before their guests */
		for (uint32_t i = 0; i < n; i++)
			if (r->known[picks[i].x].level == level)
				join_pick(r, &picks[i]);
}

/* ---- 5: machines without an agent ---- */

static bool wants_agentless(const struct resolver *r, uint32_t x, uint32_t y)
{
	return !r->known[y].self && r->known[y].placed && y != x;
}

/* Two records run in two places that are known, at the same time: not a move, but two. */
static bool both_run(struct resolver *r, uint32_t x, uint32_t y)
{
	const struct known *a = &r->known[x], *b = &r->known[y];
	int64_t since = a->s->since_ms > b->s->since_ms ? a->s->since_ms : b->s->since_ms;

	if (!a->live || !b->live || !a->running || !b->running)
		return false;
	if (a->parent == NOBODY || b->parent == NOBODY || !r->known[a->parent].placed ||
		!r->known[b->parent].placed ||
		resolve_root(r, a->parent) == resolve_root(r, b->parent))
		return false;
	if (resolve_overlap(a->s, b->s) > RESOLVE_OVERLAP_MS)
		return true;
	resolve_again(r, since, RESOLVE_OVERLAP_MS);
	return false;
}

/* Is there a member of c's group that x cannot be? */
static bool is_another(struct resolver *r, uint32_t x, const struct candidate *c)
{
	uint32_t y = c->root;

	do {
		bool record = r->known[x].source == r->known[y].source && r->known[x].live &&
			r->known[y].live;
		if (record || both_run(r, x, y)) {
			resolve_note(r, x, y, RESOLVE_LOST,
				record ? RESOLVE_OTHER_RECORD : RESOLVE_BOTH_RUN);
			return true;
		}
		y = r->known[y].ring;
	} while (y != c->root);
	return false;
}

/* Another that a person put into x's group has its place: the group has chosen. */
static bool group_chose(struct resolver *r, uint32_t x)
{
	for (uint32_t y = r->known[x].ring; y != x; y = r->known[y].ring)
		if (r->known[y].placed)
			return true;
	return false;
}

static void place_agentless(struct resolver *r, uint32_t x)
{
	struct pick p;

	if (group_chose(r, x)) {
		resolve_place_as(r, x, RESOLVE_SAID);
		return;
	}
	resolve_gather(r, x, wants_agentless);
	for (uint32_t i = 0; i < r->candidates_n; i++) {
		struct candidate *c = &r->candidates[i];
		c->dropped = r->known[c->root].has_self || is_another(r, x, c);
	}
	p = choose(r, x, POINTS_JOIN);
	tell_choice(r, &p, POINTS_JOIN);
	if (p.why == RESOLVE_AMBIGUOUS) {
		remember_maybes(r, &p);
		r->known[x].reason = RESOLVE_AMBIGUOUS;
		return;
	}
	if (p.rank != NOBODY)
		resolve_join(r, x, p.rank);
	resolve_place_as(r, x, p.why);
}

/* Hosts before their guests, what is live first, and of that the older: a newcomer is compared with it. */
static int hosts_first(const void *a, const void *b, void *ctx)
{
	const struct resolver *r = ctx;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	const struct known *k = &r->known[x], *l = &r->known[y];

	if (k->level != l->level)
		return k->level < l->level ? -1 : 1;
	if (k->live != l->live)
		return k->live ? -1 : 1;
	if (k->running != l->running)
		return k->running ? -1 : 1;
	if (k->live && k->s->since_ms != l->s->since_ms)
		return k->s->since_ms < l->s->since_ms ? -1 : 1;
	return newest_first(a, b, ctx);
}

static void place_rest(struct resolver *r)
{
	uint32_t *rest = arena_alloc(r->scratch, r->n * sizeof *rest), n = 0;

	for (uint32_t i = 0; i < r->n; i++)
		if (r->known[i].believed && !r->known[i].placed &&
			r->known[i].reason != RESOLVE_AMBIGUOUS)
			rest[n++] = i;
	qsort_r(rest, n, sizeof *rest, hosts_first, r);
	for (uint32_t i = 0; i < n; i++)
		place_agentless(r, rest[i]);
}

/* Context: one group a machine. */
static void place_context(struct resolver *r)
{
	uint32_t *first = arena_alloc(r->scratch, r->hints_n * sizeof *first);

	memset(first, 0xff, r->hints_n * sizeof *first);
	for (uint32_t i = 0; i < r->n; i++) {
		struct known *k = &r->known[i];
		if (!k->context) {
			k->reason = RESOLVE_NOT_BELIEVED;
			continue;
		}
		k->live_self =
			NOBODY; /* two agents of one machine may be context: neither is judged here */
		resolve_place_as(r, i, RESOLVE_CONTEXT);
		if (first[k->hint] == NOBODY)
			first[k->hint] = i;
		else
			resolve_join(r, i, first[k->hint]);
	}
}

void resolve_match(struct resolver *r)
{
	place_context(r);
	resolve_words(r);
	resolve_clashes(r);
	resolve_tell_keys(r);
	place_selfs(r);
	place_listed(r);
	place_rest(r);
}
