/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why two sightings are one machine, and people's word in it: merge, split, undo; and which hosts are believed.
 *
 * A person's word is kept against sightings, not machines: machines are what follows from it. What it led to is looked at
 * in the same transaction, so that a word that cannot be followed is refused with the reason, and leaves nothing.
 */
#include "base/id.h"
#include "base/text.h"
#include "core/resolve.h"
#include "server/call.h"
#include "server/impact.h"
#include "server/topology.h"
#include "store/store_event.h"
#include "store/store_link.h"
#include "store/store_machine.h"
#include "store/store_setting.h"
#include "store/store_tree.h"
#include <stdio.h>
#include <string.h>

#define KEYS_SHOWN 64

static int find(struct call *c, struct db *db, const char *who, struct machine *m)
{
	return machine_find(db, who, &c->scope, c->now_ms, c->arena, m, &c->job.err);
}

static const char *name_of(const struct machine *m)
{
	return m->name ? m->name : m->id;
}

static struct topology topology(struct call *c, struct db *db)
{
	return (struct topology){db, c->arena, &c->effects, c->now_ms, &c->job.err};
}

/* ---- why ---- */

struct why {
	struct call *c;
	struct db *db;
	struct component comp;
	struct resolve_input in;
	struct resolve_output out;
	bool *shown; /* a sighting: of a machine, and by a source, that the caller may see */
};

static int seeds_of(
	struct call *c, struct db *db, const struct machine *m, struct rows *seeds, bool gone)
{
	struct seen *rows;
	size_t n;

	if (sighting_of_machine(db, m->id, c->arena, &rows, &n, &c->job.err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (gone || !rows[i].s.gone)
			*(struct sighting_name *)rows_add(
				seeds, c->arena, sizeof(struct sighting_name)) =
				(struct sighting_name){rows[i].s.source, rows[i].s.ref};
	return 0;
}

static int visible(struct why *w)
{
	w->shown = arena_alloc(w->c->arena, w->comp.n + 1);
	for (size_t i = 0; i < w->comp.n; i++) {
		const struct seen *x = &w->comp.seen[i];
		struct tree_machine m = {0};
		if (x->context || !scope_has(&w->c->scope, x->source_site))
			continue;
		if (x->s.machine &&
			tree_machine(w->db, x->s.machine, w->c->arena, &m, &w->c->job.err) < 0)
			return -1;
		w->shown[i] = !x->s.machine || scope_has(&w->c->scope, m.site);
	}
	return 0;
}

static struct json *sighting_json(struct why *w, size_t i)
{
	const struct seen *x = &w->comp.seen[i];
	const struct resolve_place *p = &w->out.places[i];
	struct json *j = json_object(), *keys = json_array();

	json_set_int(j, "n", (int64_t)i);
	json_set_string(j, "source", x->s.source);
	json_set_string(j, "source_name", x->source_name);
	json_set_string(j, "ref", x->s.ref);
	json_set_string(j, "platform", x->s.platform);
	json_set_string(j, "name", x->s.name);
	json_set_string(j, "him.power", x->s.power);
	json_set_string(j, "machine", p->group == RESOLVE_NONE ? NULL : x->s.machine);
	json_set_time(j, "first", x->s.first);
	json_set_time(j, "changed", x->s.changed);
	json_set_time(j, "gone", x->s.gone);
	json_set_bool(j, "live", w->in.sightings[i].live);
	json_set_string(j, "reason", resolve_reason_word(p->reason));
	json_set_string(j, "text",
		arena_printf(w->c->arena, "this sighting %s", resolve_reason_sentence(p->reason)));
	for (size_t k = 0; k < x->n_keys && k < KEYS_SHOWN; k++) {
		struct json *key = json_object();
		json_set_string(key, "kind", x->keys[k].k.kind);
		json_set_string(key, "scope", x->keys[k].k.scope);
		json_set_string(key, "value", x->keys[k].k.value);
		json_set_bool(key, "foreign", x->keys[k].k.not_own);
		json_add(keys, key);
	}
	json_set(j, "keys", keys);
	return j;
}

static struct json *evidence_json(struct why *w, const struct resolve_evidence *v)
{
	const struct seen *x = &w->comp.seen[v->a];
	const struct sighting_key *k = v->key == RESOLVE_NONE ? NULL : &x->keys[v->key].k;
	struct json *j = json_object();

	json_set_int(j, "a", (int64_t)v->a);
	json_set(j, "b", v->b == RESOLVE_NONE ? NULL : json_int((int64_t)v->b));
	json_set_string(j, "key", k ? arena_printf(w->c->arena, "%s %s", k->kind, k->value) : NULL);
	json_set_int(j, "score", v->score);
	json_set_string(j, "verdict", resolve_verdict_word(v->verdict));
	json_set_string(j, "reason", resolve_reason_word(v->reason));
	json_set_string(j, "text", resolve_reason_sentence(v->reason));
	return j;
}

static int runs_on_json(struct why *w, const struct machine *m, struct json *out)
{
	struct json *array = json_array();
	struct link *links;
	size_t n;

	json_set(out, "runs_on", array);
	if (link_history(w->db, m->id, 20, w->c->arena, &links, &n, &w->c->job.err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct tree_machine host;
		struct json *j;
		int got = tree_machine(w->db, links[i].host, w->c->arena, &host, &w->c->job.err);
		if (got < 0)
			return -1;
		if (got == 0 || !scope_has(&w->c->scope, host.site))
			continue;
		json_add(array, j = json_object());
		json_set_string(j, "him.host", host.id);
		json_set_string(j, "name", host.name);
		json_set_bool(j, "certain", links[i].certain);
		json_set_time(j, "from", links[i].began);
		json_set_time(j, "until", links[i].until);
		json_set(j, "evidence",
			links[i].evidence
				? json_parse(links[i].evidence, strlen(links[i].evidence), NULL)
				: json_array());
	}
	return 0;
}

static int decisions_json(struct why *w, const struct machine *m, struct json *out)
{
	struct json *array = json_array();
	struct decision *rows;
	size_t n;

	json_set(out, "decisions", array);
	if (decision_of_machine(w->db, m->id, w->c->arena, &rows, &n, &w->c->job.err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		json_add(array, call_record(&model_records[MODEL_decision], &rows[i], false));
	return 0;
}

static int why(struct call *c, struct db *db)
{
	struct why w = {.c = c, .db = db};
	const char *with = call_query(c, "other");
	struct topology t = topology(c, db);
	struct machine m, other;
	struct rows seeds = {0};
	struct json *sightings, *evidence;

	if (find(c, db, c->params[0], &m) < 0 || seeds_of(c, db, &m, &seeds, true) < 0 ||
		(with &&
			(find(c, db, with, &other) < 0 ||
				seeds_of(c, db, &other, &seeds, true) < 0)) ||
		topology_look(&t, seeds.data, seeds.n, &w.comp, &w.in, &w.out) < 0 ||
		visible(&w) < 0)
		return -1;
	c->json = json_object();
	json_set_string(c->json, "machine", m.id);
	json_set_string(c->json, "name", m.name);
	json_set_string(c->json, "other", with ? other.id : NULL);
	json_set(c->json, "sightings", sightings = json_array());
	json_set(c->json, "evidence", evidence = json_array());
	for (size_t i = 0; i < w.comp.n; i++)
		if (w.shown[i])
			json_add(sightings, sighting_json(&w, i));
	for (size_t i = 0; i < w.out.evidence_n; i++) {
		const struct resolve_evidence *v = &w.out.evidence[i];
		if (w.shown[v->a] && (v->b == RESOLVE_NONE || w.shown[v->b]))
			json_add(evidence, evidence_json(&w, v));
	}
	return runs_on_json(&w, &m, c->json) < 0 ? -1 : decisions_json(&w, &m, c->json);
}

/* ---- people's words ---- */

static bool own(const struct seen *x)
{
	return !*x->s.ref;
}

/* Sightings of a machine: those said now, and what its own agent said last. */
static int now_of(
	struct call *c, struct db *db, const struct machine *m, struct seen **out, size_t *n)
{
	size_t all, k = 0;

	if (sighting_of_machine(db, m->id, c->arena, out, &all, &c->job.err) < 0)
		return -1;
	for (size_t i = 0; i < all; i++)
		if (!(*out)[i].s.gone || own(&(*out)[i]))
			(*out)[k++] = (*out)[i];
	*n = k;
	return k ? 0
		 : err_field(&c->job.err, ERR_CONFLICT, "machine",
			   "nothing is said of %s now, so there is nothing to decide", name_of(m));
}

/* The sighting that stands for a machine: its agent's, else the first. */
static const struct seen *standing(const struct seen *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (own(&rows[i]))
			return &rows[i];
	return &rows[0];
}

struct word {
	const char *kind, *text;
	const struct seen *one, *other;
	const struct machine *m, *with;
};

/* Keeps it, resolves what it touches, and puts its record into `list`. */
static int say(struct call *c, struct db *db, const struct word *w, struct json *list)
{
	char *id = arena_alloc(c->arena, ID_SIZE);
	struct decision x = {.id = id,
		.kind = w->kind,
		.one = w->one->s.anchor,
		.other = w->other->s.anchor,
		.machine = w->m->id,
		.with_machine = w->with->id,
		.text = w->text,
		.by = c->who,
		.made = c->now_ms};
	struct sighting_name seeds[] = {
		{w->one->s.source, w->one->s.ref}, {w->other->s.source, w->other->s.ref}};
	struct topology t = topology(c, db);

	id_new(id);
	if (decision_put(db, &x, &c->job.err) < 0 || topology_resolve(&t, seeds, 2) < 0)
		return -1;
	json_add(list, call_record(&model_records[MODEL_decision], &x, false));
	return 0;
}

static int told(
	struct call *c, struct db *db, const char *kind, const struct machine *m, const char *text)
{
	struct event_row v = {.kind = kind, .site = m->site, .machine = m->id, .text = text};
	struct json *detail = json_object();

	json_set_string(detail, "text", text);
	c->effects.events = true;
	return call_audit(c, db, kind, m->id, detail) < 0 ? -1 : event_put(db, &v, &c->job.err);
}

static int machine_now(struct call *c, struct db *db, const struct seen *x, const char **out)
{
	struct stmt *s = db_prepare(
		db, "SELECT machine FROM sightings WHERE source = ?1 AND ref = ?2", &c->job.err);
	int got;

	*out = "";
	if (!s)
		return -1;
	bind_text(s, 1, x->s.source);
	bind_text(s, 2, x->s.ref);
	got = db_step(s, &c->job.err);
	if (got > 0 && col_text(s, 0))
		*out = arena_strdup(c->arena, col_text(s, 0));
	db_done(s);
	return got < 0 ? -1 : 0;
}

static int merge(struct call *c, struct db *db)
{
	static const char *const keys[] = {"with", NULL};
	struct machine m, with;
	struct seen *rows, *others;
	const char *who = NULL, *a, *b;
	struct json *list;
	size_t n, k;

	if (call_body(c, keys) < 0 ||
		json_take_string(c->body, "with", true, 255, &who, &c->job.err) < 0 ||
		find(c, db, c->params[0], &m) < 0 || find(c, db, who, &with) < 0)
		return -1;
	if (strcmp(m.id, with.id) == 0)
		return err_field(&c->job.err, ERR_INVALID, "with", "a machine is itself already");
	if (now_of(c, db, &m, &rows, &n) < 0 || now_of(c, db, &with, &others, &k) < 0)
		return -1;
	struct word w = {.kind = "merge",
		.one = standing(rows, n),
		.other = standing(others, k),
		.m = &m,
		.with = &with,
		.text = arena_printf(
			c->arena, "%s is %s, says %s", name_of(&with), name_of(&m), c->who)};
	c->json = json_object();
	json_set(c->json, "decisions", list = json_array());
	if (say(c, db, &w, list) < 0 || machine_now(c, db, w.one, &a) < 0 ||
		machine_now(c, db, w.other, &b) < 0)
		return -1;
	if (strcmp(a, b) != 0)
		return err_field(&c->job.err, ERR_CONFLICT, "with",
			"%s and %s stay two: two agents that are both alive, or of two sites, are "
			"never one machine (him why tells more)",
			name_of(&m), name_of(&with));
	json_set_string(c->json, "machine", a);
	return told(c, db, "machine.merge", &m, w.text);
}

/* The listed ones that are to be parted: of one host, or all. */
static bool to_part(const struct seen *x, const char *from)
{
	return !own(x) &&
		(!from || strcmp(from, x->s.source) == 0 ||
			(x->source_machine && strcmp(from, x->source_machine) == 0) ||
			(x->source_name && strcmp(from, x->source_name) == 0));
}

/* Who sees the machine reads this; a host of another site is none of theirs. */
static const char *listing_host(const struct seen *x, const struct machine *m)
{
	if (!x->source_site || !m->site || strcmp(x->source_site, m->site) != 0)
		return "a host of another site";
	return x->source_name ? x->source_name : x->s.source;
}

static int split(struct call *c, struct db *db)
{
	static const char *const keys[] = {"from", NULL};
	const char *from = NULL, *a, *b;
	const struct seen *stays;
	struct json *list;
	struct seen *rows;
	struct machine m;
	size_t n;

	if ((c->body && call_body(c, keys) < 0) ||
		json_take_string(c->body, "from", false, 255, &from, &c->job.err) < 0 ||
		find(c, db, c->params[0], &m) < 0 || now_of(c, db, &m, &rows, &n) < 0)
		return -1;
	c->json = json_object();
	json_set(c->json, "decisions", list = json_array());
	stays = standing(rows, n);
	for (size_t i = 0; i < n; i++) {
		struct word w = {.kind = "split",
			.one = &rows[i],
			.other = stays,
			.m = &m,
			.with = &m,
			.text = arena_printf(c->arena, "what %s lists as %s is not %s, says %s",
				listing_host(&rows[i], &m),
				rows[i].s.name ? rows[i].s.name : rows[i].s.ref, name_of(&m),
				c->who)};
		if (&rows[i] == stays || !to_part(&rows[i], from))
			continue;
		if (say(c, db, &w, list) < 0 || machine_now(c, db, w.one, &a) < 0 ||
			machine_now(c, db, stays, &b) < 0)
			return -1;
		if (strcmp(a, b) == 0)
			return err_field(&c->job.err, ERR_CONFLICT, "machine",
				"%s stays one machine (him why tells why)", name_of(&m));
		if (told(c, db, "machine.split", &m, w.text) < 0)
			return -1;
	}
	if (json_len(list) == 0)
		return err_field(&c->job.err, ERR_CONFLICT, "machine",
			"only one source speaks of %s: there is nothing to split", name_of(&m));
	json_set_string(c->json, "machine", m.id);
	return 0;
}

/* Every sighting that the word is about is looked at again without it. */
static int undo(struct call *c, struct db *db)
{
	struct topology t = topology(c, db);
	struct rows seeds = {0};
	struct decision x;
	struct machine m;
	const char *anchors[2];
	int got = decision_get(db, c->params[0], c->arena, &x, &c->job.err);

	if (got == 0 || (got > 0 && find(c, db, x.machine, &m) < 0))
		return err_field(&c->job.err, ERR_NOT_FOUND, "id", "there is no decision %.60s",
			c->params[0]);
	anchors[0] = x.one;
	anchors[1] = x.other;
	for (int i = 0; got > 0 && i < 2; i++) {
		struct sighting_name *names;
		size_t n;
		got = sighting_anchored(db, anchors[i], c->arena, &names, &n, &c->job.err) < 0 ? -1
											       : 1;
		for (size_t k = 0; got > 0 && k < n; k++)
			*(struct sighting_name *)rows_add(&seeds, c->arena, sizeof *names) =
				names[k];
	}
	if (got < 0 || decision_undo(db, x.id, c->who, c->now_ms, &c->job.err) < 0 ||
		topology_resolve(&t, seeds.data, seeds.n) < 0 ||
		decision_get(db, x.id, c->arena, &x, &c->job.err) < 0)
		return -1;
	c->json = call_record(&model_records[MODEL_decision], &x, false);
	return told(c, db, "machine.undo", &m,
		arena_printf(c->arena, "undone by %s: %s", c->who, x.text ? x.text : x.kind));
}

/* ---- hosts ---- */

static int host(struct call *c, struct db *db)
{
	static const char *const keys[] = {"host", NULL};
	struct topology t = topology(c, db);
	struct machine m;
	bool on = true;

	if (call_body(c, keys) < 0 || json_take_bool(c->body, "host", &on, &c->job.err) < 0 ||
		find(c, db, c->params[0], &m) < 0 || topology_mark(&t, &m, on, c->who) < 0 ||
		told(c, db, "machine.host", &m,
			arena_printf(c->arena, "%s: its list of guests is %s, says %s", name_of(&m),
				on ? "believed" : "not believed any more", c->who)) < 0 ||
		find(c, db, m.id, &m) < 0)
		return -1;
	machine_mask(c, &m);
	c->json = call_record(&model_records[MODEL_machine], &m, true);
	return 0;
}

static int site_hosts(struct call *c, struct db *db)
{
	static const char *const keys[] = {"automatic", NULL};
	const char *site = c->params[0];
	struct json *detail;
	bool on = true;

	if (text_label(site, "site", 64, &c->job.err) < 0 || call_body(c, keys) < 0 ||
		json_take_bool(c->body, "automatic", &on, &c->job.err) < 0)
		return -1;
	if (!scope_has(&c->scope, site))
		return err_field(
			&c->job.err, ERR_NOT_FOUND, "site", "there is no site %.60s", site);
	detail = json_object();
	json_set_bool(detail, "automatic", on);
	if (setting_set(db, arena_printf(c->arena, TOPOLOGY_AUTO "%s", site), on ? "on" : "off",
		    &c->job.err) < 0 ||
		call_audit(c, db, "site.hosts", site, detail) < 0)
		return -1;
	c->json = json_object();
	json_set_string(c->json, "him.site", site);
	json_set_bool(c->json, "automatic", on);
	return 0;
}

const struct route routes_topology[] = {
	{HTTP_GET, "/api/v1/machines/{}/why", ROLE_VIEWER, 0, why, "other"},
	{HTTP_POST, "/api/v1/machines/{}/merge", ROLE_ADMINISTRATOR, ROUTE_WRITE, merge},
	{HTTP_POST, "/api/v1/machines/{}/split", ROLE_ADMINISTRATOR, ROUTE_WRITE, split},
	{HTTP_POST, "/api/v1/machines/{}/host", ROLE_ADMINISTRATOR, ROUTE_WRITE, host},
	{HTTP_POST, "/api/v1/decisions/{}/undo", ROLE_ADMINISTRATOR, ROUTE_WRITE, undo},
	{HTTP_POST, "/api/v1/sites/{}/hosts", ROLE_ADMINISTRATOR, ROUTE_WRITE, site_hosts},
	{.pattern = NULL},
};
