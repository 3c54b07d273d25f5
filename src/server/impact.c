/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Impact: a walk down the open links. Each machine is looked at once, each by an index. A guest that is off does not stop; one
 * of which it is not known where it runs is not counted, and said; a list of a host that is away is as old as that host.
 */
#include "server/impact.h"
#include "base/clock.h"
#include <string.h>
#include <uthash.h>

#define SENTENCES_MAX 100

struct met {
	const char *id;
	UT_hash_handle hh;
};

struct step {
	const char *id;
	int depth;
};

struct walk {
	struct db *db;
	struct arena *arena;
	const struct scope *scope;
	struct met *met;
	struct rows todo, guests, unknown; /* struct step, impact_guest, const char * */
	int64_t hidden, off;
	struct err *e;
};

bool scope_has(const struct scope *s, const char *site)
{
	if (s->all)
		return true;
	for (size_t i = 0; site && i < s->n; i++)
		if (strcmp(s->sites[i], site) == 0)
			return true;
	return false;
}

static bool meet(struct walk *w, const char *id)
{
	struct met *m;

	HASH_FIND_STR(w->met, id, m);
	if (m)
		return false;
	m = arena_alloc(w->arena, sizeof *m);
	m->id = id;
	HASH_ADD_KEYPTR(hh, w->met, m->id, strlen(m->id), m);
	return true;
}

static void todo(struct walk *w, const char *id, int depth)
{
	*(struct step *)rows_add(&w->todo, w->arena, sizeof(struct step)) =
		(struct step){id, depth};
}

static void unknown(struct walk *w, const char *sentence)
{
	if (w->unknown.n < SENTENCES_MAX)
		*(const char **)rows_add(&w->unknown, w->arena, sizeof(const char *)) = sentence;
}

static const char *name_of(const struct walk *w, const struct tree_machine *m)
{
	if (!scope_has(w->scope, m->site))
		return "a machine outside your sites";
	return m->name ? m->name : m->id;
}

static bool runs(const struct tree_machine *m)
{
	static const char *const stopped[] = {"off", "crashed", "gone"};

	for (size_t i = 0; m->power && i < sizeof stopped / sizeof *stopped; i++)
		if (strcmp(m->power, stopped[i]) == 0)
			return false;
	return true;
}

/* What cannot be known of a host. */
static void doubts(struct walk *w, const struct tree_machine *m, bool guests)
{
	char at[CLOCK_TEXT];

	if (guests && m->state && strcmp(m->state, "offline") == 0)
		unknown(w,
			arena_printf(w->arena, "%s is offline: what runs on it is as of %s",
				name_of(w, m), clock_format(m->seen, at)));
	if (!guests && m->agent && !m->marked && m->hypervisor && m->kind &&
		strcmp(m->kind, "physical") == 0)
		unknown(w,
			arena_printf(w->arena,
				"%s can host guests (%s), and its list of them is not believed "
				"(him machine host)",
				name_of(w, m), m->hypervisor));
}

static int take(struct walk *w, const struct tree_machine *host, const struct link *l, int depth)
{
	struct impact_guest g = {.host = host->id, .host_name = name_of(w, host), .depth = depth};
	int got;

	if (!l->certain) {
		got = tree_machine(w->db, l->guest, w->arena, &g.m, w->e);
		if (got > 0)
			unknown(w,
				arena_printf(w->arena, "%s may run on %s, or elsewhere",
					name_of(w, &g.m), name_of(w, host)));
		return got < 0 ? -1 : 0;
	}
	if (!meet(w, l->guest))
		return 0;
	got = tree_machine(w->db, l->guest, w->arena, &g.m, w->e);
	if (got <= 0)
		return got;
	if (!runs(&g.m)) {
		w->off++;
		return 0;
	}
	if (scope_has(w->scope, g.m.site))
		*(struct impact_guest *)rows_add(&w->guests, w->arena, sizeof g) = g;
	else
		w->hidden++;
	todo(w, g.m.id, depth);
	return 0;
}

static int look(struct walk *w, const struct step *at)
{
	struct tree_machine m;
	struct link *links;
	size_t n;
	int got = tree_machine(w->db, at->id, w->arena, &m, w->e);

	if (got <= 0)
		return got;
	if (tree_links(w->db, at->id, TREE_DOWN, 0, IMPACT_MAX, w->arena, &links, &n, w->e) < 0)
		return -1;
	doubts(w, &m, n > 0);
	for (size_t i = 0; i < n; i++)
		if (take(w, &m, &links[i], at->depth + 1) < 0)
			return -1;
	return 0;
}

int impact_find(struct db *db, const char *const *machines, size_t n, const struct scope *scope,
	struct arena *a, struct impact *out, struct err *e)
{
	struct walk w = {.db = db, .arena = a, .scope = scope, .e = e};
	int rc = 0;

	/* One that is asked about is met as a guest all the same, when it runs on another one: it stops with that. */
	for (size_t i = 0; i < n; i++)
		todo(&w, machines[i], 0);
	for (size_t i = 0; rc == 0 && i < w.todo.n; i++) {
		struct step at = ((struct step *)w.todo.data)[i];
		rc = w.todo.n > IMPACT_MAX ? err_field(e, ERR_TOO_LARGE, "query",
						     "more than %d machines stop", IMPACT_MAX)
					   : look(&w, &at);
	}
	HASH_CLEAR(hh, w.met);
	*out = (struct impact){.guests = w.guests.data,
		.n = w.guests.n,
		.hidden = w.hidden,
		.off = w.off,
		.unknown = w.unknown.data,
		.unknown_n = w.unknown.n};
	return rc;
}

int impact_confirmed(const struct impact *x, int64_t confirm, struct err *e)
{
	int64_t stops = (int64_t)x->n + x->hidden;

	if (confirm == stops || (confirm == MODEL_ABSENT && stops == 0 && x->unknown_n == 0))
		return 0;
	if (confirm != MODEL_ABSENT)
		return err_field(e, ERR_CONFLICT, "confirm",
			"%lld machine%s would stop with it now, not %lld: look again",
			(long long)stops, stops == 1 ? "" : "s", (long long)confirm);
	if (stops == 0)
		return err_field(e, ERR_CONFLICT, "confirm",
			"it is not known what stops with it: %s; confirm 0 says that this is fine",
			x->unknown[0]);
	return err_field(e, ERR_CONFLICT, "confirm",
		"%lld machine%s would stop with it: confirm %lld says that this is meant",
		(long long)stops, stops == 1 ? "" : "s", (long long)stops);
}

/* ---- as JSON ---- */

static struct json *guest_json(const struct impact_guest *g)
{
	struct json *j = json_object();

	json_set_string(j, "id", g->m.id);
	json_set_string(j, "name", g->m.name);
	json_set_string(j, "him.site", g->m.site);
	json_set_string(j, "state", g->m.state);
	json_set_string(j, "him.kind", g->m.kind);
	json_set_string(j, "him.power", g->m.power);
	json_set_string(j, "him.host", g->host);
	json_set_string(j, "host_name", g->host_name);
	json_set_int(j, "depth", g->depth);
	return j;
}

static struct json *sites_json(const struct impact *x)
{
	struct json *sites = json_object(), *list = json_array();

	for (size_t i = 0; i < x->n; i++) {
		const char *site = x->guests[i].m.site ? x->guests[i].m.site : "";
		int64_t count = 0;
		json_to_int(json_get(sites, site), &count);
		json_set_int(sites, site, count + 1);
	}
	for (struct json_iter it = json_iter(sites); json_next(&it);) {
		struct json *j = json_object();
		int64_t count = 0;
		json_to_int(it.value, &count);
		json_set_string(j, "him.site", it.key);
		json_set_int(j, "machines", count);
		json_add(list, j);
	}
	json_free(sites);
	return list;
}

struct json *impact_json(const struct impact *x, size_t max)
{
	struct json *j = json_object(), *guests = json_array(), *unknowns = json_array();
	size_t named = x->n < max ? x->n : max;

	json_set_int(j, "stops", (int64_t)x->n + x->hidden);
	for (size_t i = 0; i < named; i++)
		json_add(guests, guest_json(&x->guests[i]));
	json_set(j, "guests", guests);
	json_set_int(j, "more", (int64_t)(x->n - named));
	json_set_int(j, "hidden", x->hidden);
	json_set_int(j, "stopped", x->off);
	json_set(j, "sites", sites_json(x));
	for (size_t i = 0; i < x->unknown_n; i++)
		json_add(unknowns, json_string(x->unknown[i]));
	json_set(j, "unknown", unknowns);
	return j;
}
