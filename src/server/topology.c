/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From news to a component, from a component to an answer.
 *
 * A report that touches interfaces, firmware or guests makes the sightings of its source anew; only those that differ from
 * what is stored are seeds. The component of the seeds is loaded, the resolver asked, and its answer settled
 * (topology_settle.c), all in the transaction of the report. The same happens when a source comes or goes, when a person
 * says something, and at the time the resolver asked for.
 */
#include "server/topology.h"
#include "core/resolve.h"
#include "server/sightings.h"
#include "store/store_event.h"
#include "store/store_ingest.h"
#include "store/store_link.h"
#include "store/store_machine.h"
#include "store/store_setting.h"
#include <stdio.h>
#include <string.h>

#define DUE_MAX 200
#define DUE_WORK 1000 /* sightings after which the rest waits for the next time */
#define PRUNE_MAX 1000
#define PRUNE_AFTER_MS (30LL * 86400000)
#define ABOVE_DEPTH 16
#define TRIES_MAX 3

/* ---- the stored document ---- */

static int section(struct topology *t, const char *agent, const char *name, struct json **out)
{
	struct stmt *s = db_prepare(
		t->db, "SELECT body FROM sections WHERE agent = ?1 AND section = ?2", t->e);
	const char *text = NULL;
	int got;

	*out = NULL;
	if (!s)
		return -1;
	bind_text(s, 1, agent);
	bind_text(s, 2, name);
	got = db_step(s, t->e);
	if (got > 0)
		text = col_text(s, 0);
	if (text)
		*out = json_parse(text, strlen(text), NULL);
	db_done(s);
	return got < 0 ? -1 : 0;
}

static int told_now(struct topology *t, const char *agent, struct told **out, size_t *n)
{
	struct json *attributes, *nic = NULL, *guests = NULL;
	int rc = -1;

	if (section(t, agent, "attributes", &attributes) == 0 &&
		section(t, agent, "nic", &nic) == 0 && section(t, agent, "guests", &guests) == 0) {
		struct document_parts d = {attributes, nic, guests};
		sightings_make(agent, &d, t->arena, out, n);
		rc = 0;
	}
	json_free(attributes);
	json_free(nic);
	json_free(guests);
	return rc;
}

/* ---- what changed of what a source says ---- */

static const struct sighting *find(const struct sighting *rows, size_t n, const char *ref)
{
	size_t low = 0, high = n;

	while (low < high) { /* rows are in the order of their refs */
		size_t at = (low + high) / 2;
		int c = strcmp(rows[at].ref, ref);
		if (c == 0)
			return &rows[at];
		if (c < 0)
			low = at + 1;
		else
			high = at;
	}
	return NULL;
}

static bool runs(const struct sighting *s)
{
	return !s->power || strcmp(s->power, "running") == 0;
}

static void seed(struct rows *seeds, struct arena *a, const char *source, const char *ref)
{
	*(struct sighting_name *)rows_add(seeds, a, sizeof(struct sighting_name)) =
		(struct sighting_name){source, ref};
}

static int rename_listed(struct topology *t, const struct sighting *was, const struct told *x)
{
	struct machine_told told = {.id = was->machine,
		.name = x->s.name,
		.was = was->name,
		.kind = x->s.kind,
		.vcpus = x->s.vcpus,
		.memory_bytes = x->s.memory_bytes};
	const char **macs = arena_alloc(t->arena, (x->n + 1) * sizeof *macs);

	if (!was->machine || !*x->s.ref)
		return 0;
	for (size_t i = 0; i < x->n; i++)
		if (strcmp(x->keys[i].kind, resolve_key_word(RESOLVE_MAC)) == 0)
			macs[told.n_macs++] = x->keys[i].value;
	told.macs = macs;
	return machine_tell(t->db, &told, t->e);
}

/* Keeps what differs; seeds grows by each. */
static int keep(
	struct topology *t, const char *agent, bool back, struct rows *seeds, size_t *guests)
{
	struct sighting *was;
	struct told *now;
	size_t n_was, n_now;
	char machine[64];
	bool *stays;

	if (sighting_list(t->db, agent, t->arena, &was, &n_was, t->e) < 0 ||
		told_now(t, agent, &now, &n_now) < 0)
		return -1;
	if (sighting_machine_of(t->db, agent, machine, t->e) < 0)
		return -1;
	stays = arena_alloc(t->arena, n_was + 1);
	for (size_t i = 0; i < n_now; i++) {
		struct sighting *s = &now[i].s;
		const struct sighting *old = find(was, n_was, s->ref);
		if (old)
			stays[old - was] = true;
		if (old && old->digest && strcmp(old->digest, s->digest) == 0 &&
			!(back && !*s->ref))
			continue;
		s->machine = *s->ref || !*machine ? NULL : machine; /* what it spoke for so far */
		s->changed = t->now_ms;
		s->since = old && runs(old) == runs(s) ? old->since : t->now_ms;
		if (sighting_put(t->db, s, now[i].keys, now[i].n, t->e) < 0 ||
			(old && rename_listed(t, old, &now[i]) < 0))
			return -1;
		seed(seeds, t->arena, s->source, s->ref);
	}
	for (size_t i = 0; i < n_was; i++) {
		if (stays[i])
			continue;
		if (sighting_end(t->db, agent, was[i].ref, t->now_ms, t->e) < 0)
			return -1;
		seed(seeds, t->arena, was[i].source, was[i].ref);
	}
	*guests = n_now - 1;
	return 0;
}

/* 1: it speaks for a machine; 0: another agent speaks for what was its machine. */
static int speaks(struct topology *t, const char *agent)
{
	struct stmt *s = db_prepare(t->db, "SELECT 1 FROM machines WHERE agent = ?1", t->e);
	int got;

	if (!s)
		return -1;
	bind_text(s, 1, agent);
	got = db_step(s, t->e);
	db_done(s);
	return got;
}

/* Whether some host lists it: such a one is never marked as a host by itself. */
static int listed(struct topology *t, const char *machine)
{
	struct seen *rows;
	size_t n;

	if (sighting_of_machine(t->db, machine, t->arena, &rows, &n, t->e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (*rows[i].s.ref && !rows[i].s.gone && rows[i].marked && !rows[i].revoked)
			return 1;
	return 0;
}

/* Marks a machine that hosts something, where its site says that such are hosts. 1: done now. */
static int mark_by_site(struct topology *t, const char *agent)
{
	struct machine m;
	const char *value = NULL;
	int is, got = machine_by_agent(t->db, agent, t->arena, &m, t->e);

	if (got <= 0 || m.marked || m.revoked || !m.site)
		return got < 0 ? -1 : 0;
	if (setting_get(t->db, arena_printf(t->arena, TOPOLOGY_AUTO "%s", m.site), t->arena, &value,
		    t->e) < 0)
		return -1;
	if (!value || strcmp(value, "on") != 0)
		return 0;
	is = listed(t, m.id);
	if (is != 0)
		return is < 0 ? -1 : 0;
	return machine_mark(t->db, m.id, t->now_ms, MARKED_BY_SITE, t->e) < 0 ? -1 : 1;
}

int topology_report(struct topology *t, const char *agent)
{
	struct rows seeds = {0};
	size_t guests;
	int speaking = speaks(t, agent), marked;

	if (speaking < 0 || keep(t, agent, speaking == 0, &seeds, &guests) < 0)
		return -1;
	if (seeds.n == 0)
		return 0;
	if (topology_resolve(t, seeds.data, seeds.n) < 0)
		return -1;
	marked = guests ? mark_by_site(t, agent) : 0;
	return marked < 0 ? -1 : marked ? topology_source(t, agent) : 0;
}

int topology_back(struct topology *t, const char *agent)
{
	char machine[64];
	int speaking = speaks(t, agent);

	if (speaking != 0)
		return speaking < 0 ? -1 : 0;
	if (sighting_machine_of(t->db, agent, machine, t->e) < 0)
		return -1;
	return *machine ? topology_report(t, agent) : 0;
}

/* *work grows by how much there was to look at. */
static int look_again(struct topology *t, const char *agent, size_t *work)
{
	struct rows seeds = {0};
	struct sighting *rows;
	size_t n;

	if (sighting_list(t->db, agent, t->arena, &rows, &n, t->e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		seed(&seeds, t->arena, rows[i].source, rows[i].ref);
	*work += n;
	return n ? topology_resolve(t, seeds.data, seeds.n) : 0;
}

int topology_source(struct topology *t, const char *agent)
{
	size_t work = 0;

	return look_again(t, agent, &work);
}

/* What it lists runs on it no more; who lists it lists another machine from now on. */
int topology_forget(struct topology *t, const char *agent)
{
	struct rows seeds = {0};
	struct sighting *rows;
	struct seen *others;
	char machine[64];
	size_t n, k;

	if (sighting_list(t->db, agent, t->arena, &rows, &n, t->e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!*rows[i].ref)
			continue;
		if (sighting_end(t->db, agent, rows[i].ref, t->now_ms, t->e) < 0)
			return -1;
		seed(&seeds, t->arena, agent, rows[i].ref);
	}
	if ((seeds.n && topology_resolve(t, seeds.data, seeds.n) < 0) ||
		sighting_machine_of(t->db, agent, machine, t->e) < 0 ||
		sighting_of_machine(t->db, machine, t->arena, &others, &k, t->e) < 0 ||
		sighting_forget(t->db, agent, t->e) < 0)
		return -1;
	seeds = (struct rows){0};
	for (size_t i = 0; i < k; i++) {
		if (strcmp(others[i].s.source, agent) == 0)
			continue;
		if (sighting_place(t->db, &others[i].s, NULL, 0, t->e) < 0)
			return -1;
		seed(&seeds, t->arena, others[i].s.source, others[i].s.ref);
	}
	return seeds.n ? topology_resolve(t, seeds.data, seeds.n) : 0;
}

/* ---- resolving ---- */

static int above(struct topology *t, const struct component *c, struct resolve_input *in)
{
	struct rows list = {0};

	for (size_t i = 0; i < c->n; i++) {
		const char *at = c->seen[i].context ? c->seen[i].s.machine : NULL;
		for (int depth = 0; at && depth < ABOVE_DEPTH; depth++) {
			struct link *links;
			size_t n;
			if (link_hosts(t->db, at, t->arena, &links, &n, t->e) < 0)
				return -1;
			if (n == 0 || !links[0].certain)
				break;
			*(struct resolve_above *)rows_add(
				&list, t->arena, sizeof(struct resolve_above)) =
				(struct resolve_above){links[0].guest, links[0].host};
			at = links[0].host;
		}
	}
	in->above = list.data;
	in->above_n = list.n;
	return 0;
}

static void words(struct topology *t, const struct component *c, struct rows *out)
{
	for (size_t w = 0; w < c->n_words; w++)
		for (size_t i = 0; i < c->n; i++) {
			if (!c->seen[i].s.anchor ||
				strcmp(c->seen[i].s.anchor, c->words[w].one) != 0)
				continue;
			for (size_t k = 0; k < c->n; k++)
				if (k != i && c->seen[k].s.anchor &&
					strcmp(c->seen[k].s.anchor, c->words[w].other) == 0)
					*(struct resolve_word *)rows_add(
						out, t->arena, sizeof(struct resolve_word)) =
						(struct resolve_word){i, k,
							strcmp(c->words[w].kind, "merge") == 0,
							c->words[w].made};
		}
}

/* Two agents that enrolled at different sites are never one machine: a token of one site must not reach into another. */
static bool keep_sites_apart(struct topology *t, const struct component *c,
	const struct resolve_output *out, struct rows *list)
{
	size_t before = list->n;

	for (size_t g = 0; g < out->groups_n; g++) {
		const struct resolve_group *group = &out->groups[g];
		for (size_t i = 1; group->self != RESOLVE_NONE && i < group->n; i++) {
			size_t m = out->members[group->first + i];
			const char *site = c->seen[group->self].source_site,
				   *other = c->seen[m].source_site;
			if (*c->seen[m].s.ref || !site || !other || strcmp(site, other) == 0)
				continue;
			*(struct resolve_word *)rows_add(
				list, t->arena, sizeof(struct resolve_word)) =
				(struct resolve_word){group->self, m, false, INT64_MAX};
		}
	}
	return list->n > before;
}

int topology_look(struct topology *t, const struct sighting_name *seeds, size_t n,
	struct component *c, struct resolve_input *in, struct resolve_output *out)
{
	struct resolve_sighting *list;
	struct rows said = {0};

	memset(in, 0, sizeof *in);
	if (component_load(t->db, seeds, n, RESOLVE_SHARERS_MAX, t->arena, c, t->e) < 0 ||
		above(t, c, in) < 0)
		return -1;
	list = arena_alloc(t->arena, (c->n + 1) * sizeof *list);
	for (size_t i = 0; i < c->n; i++)
		sightings_resolve(&c->seen[i], t->now_ms, t->arena, &list[i]);
	words(t, c, &said);
	in->sightings = list;
	in->sightings_n = c->n;
	for (int i = 0; i < TRIES_MAX; i++) {
		in->words = said.data;
		in->words_n = said.n;
		resolve(in, t->arena, out);
		if (!keep_sites_apart(t, c, out, &said))
			break;
	}
	return 0;
}

int topology_resolve(struct topology *t, const struct sighting_name *seeds, size_t n)
{
	struct resolve_output out;
	struct resolve_input in;
	struct component c;

	return topology_look(t, seeds, n, &c, &in, &out) < 0 ? -1
							     : topology_settle(t, &c, &in, &out);
}

/* Of what is due, what an agent says of itself stands for all that it says: a lost relay leaves one row for each of its own. */
int topology_due(struct topology *t, bool prune)
{
	struct sighting_name *names;
	struct rows listed = {0};
	size_t n, work = 0;
	int64_t pruned;

	if (sighting_due(t->db, t->now_ms, DUE_MAX, t->arena, &names, &n, t->e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (*names[i].ref)
			seed(&listed, t->arena, names[i].source, names[i].ref);
		else if (work < DUE_WORK && look_again(t, names[i].source, &work) < 0)
			return -1;
	}
	if (listed.n && topology_resolve(t, listed.data, listed.n) < 0)
		return -1;
	return prune ? sighting_prune(t->db, t->now_ms - PRUNE_AFTER_MS, PRUNE_MAX, &pruned, t->e)
		     : 0;
}

/* ---- hosts ---- */

int topology_mark(struct topology *t, const struct machine *m, bool on, const char *by)
{
	if (!m->agent)
		return err_field(t->e, ERR_CONFLICT, "machine",
			"%s has no agent, so it lists nothing", m->name ? m->name : m->id);
	if (machine_mark(t->db, m->id, on ? t->now_ms : 0, by, t->e) < 0 ||
		topology_report(t, m->agent) < 0 || topology_source(t, m->agent) < 0)
		return -1;
	return machine_recount(t->db, m->id, t->e);
}
