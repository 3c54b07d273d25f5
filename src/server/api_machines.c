/* SPDX-License-Identifier: Apache-2.0 */
/* Machines: lists, counts, facets, one of them, and what can be done to one. */
#include "base/text.h"
#include "server/call.h"
#include "server/cursor.h"
#include "server/impact.h"
#include "server/topology.h"
#include "store/store_action.h"
#include "store/store_event.h"
#include "store/store_ingest.h"
#include "store/store_link.h"
#include "store/store_machine.h"
#include "store/store_tree.h"
#include "store/store_trust.h"
#include "wire/reply.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_MAX 1000
#define RESULTS_LATEST 10
#define CHAIN_MAX 8

/* ---- pages ---- */

static bool is_number(const struct model_field *f)
{
	return f->type == MODEL_INT || f->type == MODEL_TIME;
}

static const char *field_text(const struct machine *m, const struct model_field *f, struct arena *a)
{
	const void *at = model_at(m, f);
	int64_t number;

	if (!is_number(f))
		return *(const char *const *)at ? *(const char *const *)at : "";
	number = *(const int64_t *)at;
	if (number == MODEL_ABSENT)
		number = 0;
	if (strcmp(f->name, "seen") == 0 && m->state && strcmp(m->state, "online") == 0)
		number = MACHINE_SEEN_NOW;
	return arena_printf(a, "%lld", (long long)number);
}

static int page_take(struct call *c, struct machine_page *p, struct cursor *at)
{
	const char *name = call_query(c, "sort"), *after = call_query(c, "after");

	p->descending = name && *name == '-';
	p->sort = model_field(&model_records[MODEL_machine], name ? name + p->descending : "name");
	if (!p->sort || p->sort->flags & HIDDEN)
		return err_field(&c->job.err, ERR_INVALID, "sort",
			"'%.60s' is not a field of a machine", name);
	/* The order and the cursor would tell what the answer does not. */
	if (strcmp(p->sort->name, "him.host") == 0 && !c->scope.all)
		return err_field(&c->job.err, ERR_FORBIDDEN, "sort",
			"who does not see every site cannot sort by him.host");
	*at = (struct cursor){
		.sort = p->sort->name, .descending = p->descending, .number = is_number(p->sort)};
	if (after && cursor_take(after, at, c->arena, &c->job.err) < 0)
		return -1;
	p->after_id = at->id;
	p->after_value = at->value;
	return 0;
}

/* The cursor after the last row of a full page; NULL when the page was not full. */
static const char *page_next(struct call *c, const struct machine_page *p,
	const struct machine *rows, size_t n, struct cursor *at)
{
	if ((int)n < p->limit)
		return NULL;
	at->id = rows[n - 1].id;
	at->value = field_text(&rows[n - 1], p->sort, c->arena);
	return cursor_make(at, c->arena);
}

void machine_mask(const struct call *c, struct machine *m)
{
	if (m->runs_on && !scope_has(&c->scope, m->runs_on_site))
		m->runs_on = NULL;
}

int machines_page(struct call *c, struct db *db, const char *query, int limit,
	struct machine **rows, size_t *n, const char **next)
{
	struct machine_page p = {.limit = limit};
	struct machines_where where;
	struct cursor at;

	if (page_take(c, &p, &at) < 0 || call_where(c, query, &where) < 0)
		return -1;
	p.where = where.text;
	p.params = where.params;
	p.n_params = where.n;
	if (machine_list(db, &p, c->now_ms, c->arena, rows, n, &c->job.err) < 0)
		return -1;
	*next = page_next(c, &p, *rows, *n, &at);
	for (size_t i = 0; i < *n; i++)
		machine_mask(c, &(*rows)[i]);
	if (!*next && (int)*n == limit)
		return err_field(&c->job.err, ERR_TOO_LARGE, "sort",
			"values of %s are too long to page by", p.sort->name);
	return 0;
}

static int list(struct call *c, struct db *db)
{
	struct machine *rows;
	struct json *array;
	const char *next;
	size_t n;
	int limit;

	if (call_limit(c, PAGE_MAX, &limit) < 0 ||
		machines_page(c, db, call_query(c, "query"), limit, &rows, &n, &next) < 0)
		return -1;
	c->json = json_object();
	json_set(c->json, "machines", array = json_array());
	for (size_t i = 0; i < n; i++)
		json_add(array, call_record(&model_records[MODEL_machine], &rows[i], false));
	json_set_string(c->json, "next", next);
	return 0;
}

static int count(struct call *c, struct db *db)
{
	struct machines_where where;
	int64_t n;

	if (call_where(c, call_query(c, "query"), &where) < 0 ||
		machine_count(db, where.text, where.params, where.n, &n, &c->job.err) < 0)
		return -1;
	c->json = json_object();
	json_set_int(c->json, "count", n);
	return 0;
}

static int facets(struct call *c, struct db *db)
{
	const char *name = call_query(c, "field");
	const struct model_field *f =
		name ? model_field(&model_records[MODEL_machine], name) : NULL;
	struct machines_where where;
	struct facet *rows;
	struct json *array;
	size_t n;
	int limit;

	if (!name)
		return err_field(&c->job.err, ERR_INVALID, "field",
			"field must say by which field to count");
	if (!f || f->flags & HIDDEN || !(f->flags & QUERY))
		return err_field(&c->job.err, ERR_INVALID, "field",
			"'%.60s' is not a field that machines can be asked by", name);
	/* Where machines run is told machine by machine, each as far as the caller may see. */
	if (strcmp(name, "him.host") == 0 && !c->scope.all)
		return err_field(&c->job.err, ERR_FORBIDDEN, "field",
			"who does not see every site cannot count by %s", name);
	if (call_limit(c, PAGE_MAX, &limit) < 0 ||
		call_where(c, call_query(c, "query"), &where) < 0 ||
		machine_facets(db, where.text, where.params, where.n, f, limit, c->arena, &rows, &n,
			&c->job.err) < 0)
		return -1;
	c->json = json_object();
	json_set_string(c->json, "field", name);
	json_set(c->json, "facets", array = json_array());
	for (size_t i = 0; i < n; i++) {
		struct json *x = json_object();
		json_set_string(x, "value", rows[i].value);
		json_set_int(x, "count", rows[i].count);
		json_add(array, x);
	}
	return 0;
}

/* ---- one ---- */

static int find(struct call *c, struct db *db, struct machine *m)
{
	return machine_find(db, c->params[0], &c->scope, c->now_ms, c->arena, m, &c->job.err);
}

/* What it runs on, and that on, as far as the caller may see; of each its name and since when. */
static int runs_on(struct call *c, struct db *db, const struct machine *m, struct json *out)
{
	struct json *array = json_array();
	const char *id = m->id;

	json_set(out, "runs_on", array);
	for (int depth = 0; id && depth < CHAIN_MAX; depth++) {
		struct tree_machine host;
		struct link *links;
		struct json *j;
		size_t n;
		int got = 0;
		if (link_hosts(db, id, c->arena, &links, &n, &c->job.err) < 0 ||
			(n &&
				(got = tree_machine(
					 db, links[0].host, c->arena, &host, &c->job.err)) < 0))
			return -1;
		if (got == 0 || !scope_has(&c->scope, host.site))
			break;
		json_add(array, j = json_object());
		json_set_string(j, "him.host", host.id);
		json_set_string(j, "name", host.name);
		json_set_bool(j, "certain", links[0].certain);
		json_set_time(j, "from", links[0].began);
		id = links[0].certain ? host.id : NULL;
	}
	return 0;
}

static int one(struct call *c, struct db *db)
{
	struct machine m;
	struct section *sections;
	struct result *results;
	struct json *all, *latest;
	size_t n, k;

	if (find(c, db, &m) < 0 ||
		machine_sections(db, m.agent, c->arena, &sections, &n, &c->job.err) < 0 ||
		result_list_of_machine(
			db, m.id, RESULTS_LATEST, c->arena, &results, &k, &c->job.err) < 0)
		return -1;
	machine_mask(c, &m);
	c->json = call_record(&model_records[MODEL_machine], &m, true);
	json_set(c->json, "sections", all = json_object());
	json_set(c->json, "results", latest = json_array());
	for (size_t i = 0; i < n; i++)
		if (sections[i].body)
			json_set(all, sections[i].section,
				json_parse(sections[i].body, strlen(sections[i].body), NULL));
	for (size_t i = 0; i < k; i++)
		json_add(latest, call_record(&model_records[MODEL_result], &results[i], false));
	return runs_on(c, db, &m, c->json);
}

static int name_check(const char *name, struct err *e)
{
	if (!*name || strlen(name) > 255)
		return err_field(e, ERR_INVALID, "name", "a name has 1 to 255 characters");
	for (const char *p = name; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return err_field(
				e, ERR_INVALID, "name", "a name holds no control characters");
	return 0;
}

/* What was done to a machine, for those who watch. verb: "renamed to X", "cut off" … */
static int changed(
	struct call *c, struct db *db, const struct machine *m, const char *kind, const char *verb)
{
	struct event_row v = {.kind = kind,
		.site = m->site,
		.machine = m->id,
		.text = arena_printf(
			c->arena, "%s was %s by %s", m->name ? m->name : m->id, verb, c->who)};

	c->effects.events = true;
	return event_put(db, &v, &c->job.err);
}

static int rename_one(struct call *c, struct db *db)
{
	static const char *const keys[] = {"name", NULL};
	const char *name = NULL;
	struct json *detail;
	struct machine m;

	if (call_body(c, keys) < 0 ||
		json_take_string(c->body, "name", true, 255, &name, &c->job.err) < 0 ||
		name_check(name, &c->job.err) < 0 || find(c, db, &m) < 0)
		return -1;
	detail = json_object();
	json_set_string(detail, "from", m.name);
	json_set_string(detail, "to", name);
	if (call_audit(c, db, "machine.rename", m.id, detail) < 0 ||
		machine_rename(db, m.id, name, &c->job.err) < 0 ||
		changed(c, db, &m, "machine.renamed",
			arena_printf(c->arena, "renamed to %s", name)) < 0)
		return -1;
	c->params[0] = m.id;
	return one(c, db);
}

static int has_agent(struct call *c, const struct machine *m)
{
	return m->agent ? 0
			: err_field(&c->job.err, ERR_CONFLICT, "machine",
				  "%s has no agent: only the list of its host knows it",
				  m->name ? m->name : m->id);
}

/* A machine without an agent would come back as long as a host lists it. */
static int not_listed(struct call *c, struct db *db, const struct machine *m)
{
	struct seen *rows;
	size_t n;

	if (sighting_of_machine(db, m->id, c->arena, &rows, &n, &c->job.err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (!rows[i].s.gone && rows[i].marked && !rows[i].revoked)
			return err_field(&c->job.err, ERR_CONFLICT, "machine",
				"a host lists %s: it would come back", m->name ? m->name : m->id);
	return 0;
}

static int revoke_one(struct call *c, struct db *db)
{
	struct machine m;

	c->status = 204;
	c->revoked = true;
	struct topology t = {db, c->arena, &c->effects, c->now_ms, &c->job.err};

	if (find(c, db, &m) < 0 || has_agent(c, &m) < 0 ||
		trust_revoke(db, m.agent, c->now_ms, &c->job.err) < 0 ||
		topology_source(&t, m.agent) < 0 ||
		call_audit(c, db, "machine.revoke", m.id, NULL) < 0)
		return -1;
	return changed(c, db, &m, "machine.revoked", "cut off");
}

static int forget_one(struct call *c, struct db *db)
{
	struct machine m;

	c->status = 204;
	c->revoked = true;
	struct topology t = {db, c->arena, &c->effects, c->now_ms, &c->job.err};

	if (find(c, db, &m) < 0 || (!m.agent && not_listed(c, db, &m) < 0) ||
		machine_may_forget(&m, &c->job.err) < 0 ||
		(m.agent && topology_forget(&t, m.agent) < 0) ||
		machine_forget(db, m.id, c->now_ms, &c->job.err) < 0 ||
		(m.agent && !m.revoked && trust_revoke(db, m.agent, c->now_ms, &c->job.err) < 0) ||
		call_audit(c, db, "machine.forget", m.id, NULL) < 0)
		return -1;
	return changed(c, db, &m, "machine.forgotten", "forgotten");
}

/* The order for a full report, under the key of its agent. */
static int refresh_mac(struct call *c, struct db *db, const char *agent)
{
	const struct keys *k = &c->s->keys;
	struct reply r = {"full", agent, "", 0};
	uint8_t box[BOX_KEY_BYTES], key[MAC_KEY_BYTES];
	char mac[DIGEST_LEN + 1];
	struct agent a;
	int got = trust_agent(db, agent, c->arena, &a, &c->job.err);

	if (got < 0)
		return -1;
	if (got == 0 || !a.box || text_unhex(a.box, box, sizeof box) < 0 ||
		mac_key_derive(k->box, box, box, k->box_pub, agent, key) < 0)
		return err_set(&c->job.err, ERR_CONFLICT, "this machine has no agent to ask");
	reply_mac(&r, key, mac);
	explicit_bzero(key, sizeof key);
	c->refresh_mac = arena_strdup(c->arena, mac);
	return 0;
}

static int refresh_one(struct call *c, struct db *db)
{
	struct machine m;

	if (find(c, db, &m) < 0 || has_agent(c, &m) < 0 ||
		ingest_forget_base(db, m.agent, &c->job.err) < 0 ||
		refresh_mac(c, db, m.agent) < 0 ||
		call_audit(c, db, "machine.refresh", m.id, NULL) < 0)
		return -1;
	c->refresh_agent = m.agent;
	c->refresh_relay = m.relay;
	c->status = 202;
	return 0;
}

static int relays(struct call *c, struct db *db)
{
	struct json *array;
	struct relay *rows;
	size_t n;

	if (relay_list(db, &c->scope, c->arena, &rows, &n, &c->job.err) < 0)
		return -1;
	c->json = json_object();
	json_set(c->json, "relays", array = json_array());
	json_set(c->json, "next", NULL);
	for (size_t i = 0; i < n; i++) {
		if (rows[i].state && strcmp(rows[i].state, "online") == 0)
			rows[i].seen = c->now_ms;
		json_add(array, call_record(&model_records[MODEL_relay], &rows[i], false));
	}
	return 0;
}

static int relay_revoke(struct call *c, struct db *db)
{
	struct event_row v = {.kind = "relay.revoked", .severity = "warning"};
	struct relay r;
	int got = relay_get(db, c->params[0], c->arena, &r, &c->job.err);

	if (got == 0)
		return err_field(&c->job.err, ERR_NOT_FOUND, "relay", "there is no relay %.60s",
			c->params[0]);
	if (got < 0 || trust_revoke(db, r.id, c->now_ms, &c->job.err) < 0 ||
		call_audit(c, db, "relay.revoke", r.id, NULL) < 0)
		return -1;
	v.site = r.site;
	v.text = arena_printf(
		c->arena, "relay %s was cut off by %s", r.name ? r.name : r.id, c->who);
	c->revoked = c->relays = c->effects.events = true;
	c->status = 204;
	return event_put(db, &v, &c->job.err);
}

const struct route routes_machines[] = {
	{HTTP_GET, "/api/v1/machines", ROLE_VIEWER, 0, list, "query sort limit after"},
	{HTTP_GET, "/api/v1/machines/count", ROLE_VIEWER, 0, count, "query"},
	{HTTP_GET, "/api/v1/machines/facets", ROLE_VIEWER, 0, facets, "query field limit"},
	{HTTP_GET, "/api/v1/machines/{}", ROLE_VIEWER, 0, one},
	{HTTP_DELETE, "/api/v1/machines/{}", ROLE_ADMINISTRATOR, ROUTE_WRITE, forget_one},
	{HTTP_POST, "/api/v1/machines/{}/rename", ROLE_OPERATOR, ROUTE_WRITE, rename_one},
	{HTTP_POST, "/api/v1/machines/{}/revoke", ROLE_ADMINISTRATOR, ROUTE_WRITE, revoke_one},
	{HTTP_POST, "/api/v1/machines/{}/refresh", ROLE_OPERATOR, ROUTE_WRITE, refresh_one},
	{HTTP_GET, "/api/v1/relays", ROLE_VIEWER, 0, relays},
	{HTTP_POST, "/api/v1/relays/{}/revoke", ROLE_ADMINISTRATOR, ROUTE_WRITE | ROUTE_EVERYWHERE,
		relay_revoke},
	{.pattern = NULL},
};
