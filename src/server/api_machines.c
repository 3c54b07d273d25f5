/* SPDX-License-Identifier: Apache-2.0 */
/* Machines: lists, counts, facets, one of them, and what can be done to one. */
#include "base/text.h"
#include "server/call.h"
#include "store/store_action.h"
#include "store/store_event.h"
#include "store/store_ingest.h"
#include "store/store_machine.h"
#include "store/store_trust.h"
#include "base/id.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_MAX 1000

_Static_assert(sizeof(struct param) == sizeof(struct target_param), "a query's parameters are the store's");

static const struct param *params_of(const struct target_sql *sql, struct arena *a)
{
	struct param *list = arena_alloc(a, (sql->n + 1) * sizeof *list);

	for (size_t i = 0; i < sql->n; i++)
		list[i] = (struct param){sql->params[i].is_int, sql->params[i].i, sql->params[i].text};
	return list;
}

/* ---- cursors: hex of "ID value" of the last row ---- */

static const char *field_text(const struct machine *m, const struct model_field *f, struct arena *a)
{
	const void *at = model_at(m, f);

	switch (f->type) {
	case MODEL_TEXT:
		return *(const char *const *)at ? *(const char *const *)at : "";
	case MODEL_INT:
	case MODEL_TIME:
		return arena_printf(a, "%lld", *(const int64_t *)at == MODEL_ABSENT ? 0LL : (long long)*(const int64_t *)at);
	default:
		return "";
	}
}

static const char *cursor_make(const struct machine *m, const struct model_field *sort, struct arena *a)
{
	const char *text = arena_printf(a, "%s %s", m->id, field_text(m, sort, a));
	size_t len = strlen(text);
	char *hex = arena_alloc(a, 2 * len + 1);

	text_hex(text, len, hex);
	return hex;
}

static int cursor_take(struct call *c, struct machine_page *p)
{
	const char *hex = call_query(c, "after");
	size_t len = hex ? strlen(hex) / 2 : 0;
	char *text;

	if (!hex)
		return 0;
	text = arena_alloc(c->arena, len + 1);
	if (len < ID_LEN + 1 || len > 4096 || text_unhex(hex, text, len) < 0 || text[ID_LEN] != ' ')
		return err_field(&c->job.err, ERR_INVALID, "after", "after must be the next of the page before");
	text[ID_LEN] = '\0';
	if (!id_valid(text))
		return err_field(&c->job.err, ERR_INVALID, "after", "after must be the next of the page before");
	p->after_id = text;
	p->after_value = text + ID_LEN + 1;
	return 0;
}

static int sort_take(struct call *c, struct machine_page *p)
{
	const char *name = call_query(c, "sort");

	p->sort = model_field(&model_records[MODEL_machine], "name");
	if (!name)
		return 0;
	p->descending = *name == '-';
	p->sort = model_field(&model_records[MODEL_machine], name + p->descending);
	if (!p->sort || p->sort->flags & HIDDEN)
		return err_field(&c->job.err, ERR_INVALID, "sort", "'%.60s' is not a field of a machine", name);
	return 0;
}

static int list(struct call *c, struct db *db)
{
	struct machine_page p = {0};
	struct target_sql sql;
	struct machine *rows;
	struct json *array = json_array();
	size_t n;

	c->json = json_object();
	json_set(c->json, "machines", array);
	if (call_limit(c, PAGE_MAX, &p.limit, &c->job.err) < 0 || sort_take(c, &p) < 0 || cursor_take(c, &p) < 0 ||
		call_where(c, call_query(c, "query"), &sql, &c->job.err) < 0)
		return -1;
	p.where = sql.where;
	p.params = params_of(&sql, c->arena);
	p.n_params = sql.n;
	if (machine_list(db, &p, c->now_ms, c->arena, &rows, &n, &c->job.err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		json_add(array, call_record(&model_records[MODEL_machine], &rows[i], false));
	json_set_string(c->json, "next", (int)n == p.limit ? cursor_make(&rows[n - 1], p.sort, c->arena) : NULL);
	return 0;
}

static int count(struct call *c, struct db *db)
{
	struct target_sql sql;
	int64_t n;

	if (call_where(c, call_query(c, "query"), &sql, &c->job.err) < 0 ||
		machine_count(db, sql.where, params_of(&sql, c->arena), sql.n, &n, &c->job.err) < 0)
		return -1;
	c->json = json_object();
	json_set_int(c->json, "count", n);
	return 0;
}

static int facets(struct call *c, struct db *db)
{
	const char *name = call_query(c, "field");
	const struct model_field *f = name ? model_field(&model_records[MODEL_machine], name) : NULL;
	struct target_sql sql;
	struct facet *rows;
	struct json *array;
	size_t n;
	int limit;

	if (!f || f->flags & HIDDEN || !(f->flags & QUERY))
		return err_field(&c->job.err, ERR_INVALID, "field", "field must be a field of a machine that can be asked for");
	if (call_limit(c, PAGE_MAX, &limit, &c->job.err) < 0 || call_where(c, call_query(c, "query"), &sql, &c->job.err) < 0 ||
		machine_facets(db, sql.where, params_of(&sql, c->arena), sql.n, f, limit, c->arena, &rows, &n, &c->job.err) < 0)
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

static int one(struct call *c, struct db *db)
{
	struct machine m;
	struct section *sections;
	struct result *results;
	struct json *all = json_object(), *latest = json_array();
	size_t n, k;

	c->json = NULL;
	if (find(c, db, &m) < 0 || machine_sections(db, m.agent, c->arena, &sections, &n, &c->job.err) < 0 ||
		result_list_of_machine(db, m.id, 10, c->arena, &results, &k, &c->job.err) < 0) {
		json_free(all);
		json_free(latest);
		return -1;
	}
	c->json = call_record(&model_records[MODEL_machine], &m, true);
	for (size_t i = 0; i < n; i++)
		json_set(all, sections[i].section, json_parse(sections[i].body, strlen(sections[i].body), NULL));
	for (size_t i = 0; i < k; i++)
		json_add(latest, call_record(&model_records[MODEL_result], &results[i], false));
	json_set(c->json, "sections", all);
	json_set(c->json, "results", latest);
	return 0;
}

static int name_check(const char *name, struct err *e)
{
	if (!*name || strlen(name) > 255)
		return err_field(e, ERR_INVALID, "name", "a name has 1 to 255 characters");
	for (const char *p = name; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return err_field(e, ERR_INVALID, "name", "a name holds no control characters");
	return 0;
}

static int rename_one(struct call *c, struct db *db)
{
	static const char *const keys[] = {"name", NULL};
	const char *name = NULL;
	struct machine m;
	struct json *detail;

	if (call_body(c, keys) < 0 || json_take_string(c->body, "name", true, 255, &name, &c->job.err) < 0 ||
		name_check(name, &c->job.err) < 0 || find(c, db, &m) < 0)
		return -1;
	detail = json_object();
	json_set_string(detail, "from", m.name);
	json_set_string(detail, "to", name);
	if (call_audit(c, db, "machine.rename", m.id, detail) < 0 || machine_rename(db, m.id, name, &c->job.err) < 0)
		return -1;
	c->params[0] = m.id;
	return one(c, db);
}

static int revoke_one(struct call *c, struct db *db)
{
	struct machine m;
	struct event_row v = {.kind = "machine.revoked", .severity = "warning"};

	if (find(c, db, &m) < 0 || trust_revoke(db, m.agent, c->now_ms, &c->job.err) < 0 ||
		call_audit(c, db, "machine.revoke", m.id, NULL) < 0)
		return -1;
	v.machine = m.id;
	v.site = m.site;
	v.text = arena_printf(c->arena, "%s was cut off by %s", m.name ? m.name : m.id, c->who);
	c->effects.events = c->revoked = true;
	c->status = 204;
	return event_put(db, &v, &c->job.err);
}

static int forget_one(struct call *c, struct db *db)
{
	struct machine m;

	if (find(c, db, &m) < 0 || machine_forget(db, m.id, c->now_ms, &c->job.err) < 0)
		return -1;
	if (!m.revoked && trust_revoke(db, m.agent, c->now_ms, &c->job.err) < 0)
		return -1;
	c->revoked = true;
	c->status = 204;
	return call_audit(c, db, "machine.forget", m.id, NULL);
}

static int refresh_one(struct call *c, struct db *db)
{
	struct machine m;

	if (find(c, db, &m) < 0 || ingest_forget_base(db, m.agent, &c->job.err) < 0)
		return -1;
	c->refresh_agent = m.agent;
	c->refresh_relay = m.relay;
	c->status = 202;
	return 0;
}

static int relays(struct call *c, struct db *db)
{
	struct json *array = json_array();
	struct relay *rows;
	size_t n;

	c->json = json_object();
	json_set(c->json, "relays", array);
	json_set(c->json, "next", NULL);
	if (relay_list(db, &c->scope, c->arena, &rows, &n, &c->job.err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (rows[i].state && strcmp(rows[i].state, "online") == 0)
			rows[i].seen = c->now_ms;
		json_add(array, call_record(&model_records[MODEL_relay], &rows[i], false));
	}
	return 0;
}

static int relay_revoke(struct call *c, struct db *db)
{
	struct relay r;
	int got = relay_get(db, c->params[0], c->arena, &r, &c->job.err);

	if (got == 0)
		return err_field(&c->job.err, ERR_NOT_FOUND, "relay", "there is no relay %.60s", c->params[0]);
	if (got < 0 || trust_revoke(db, r.id, c->now_ms, &c->job.err) < 0)
		return -1;
	c->revoked = c->relays = true;
	c->status = 204;
	return call_audit(c, db, "relay.revoke", r.id, NULL);
}

const struct route routes_machines[] = {
	{HTTP_GET, "/api/v1/machines", ROLE_VIEWER, 0, list},
	{HTTP_GET, "/api/v1/machines/count", ROLE_VIEWER, 0, count},
	{HTTP_GET, "/api/v1/machines/facets", ROLE_VIEWER, 0, facets},
	{HTTP_GET, "/api/v1/machines/{}", ROLE_VIEWER, 0, one},
	{HTTP_DELETE, "/api/v1/machines/{}", ROLE_ADMINISTRATOR, ROUTE_WRITE, forget_one},
	{HTTP_POST, "/api/v1/machines/{}/rename", ROLE_OPERATOR, ROUTE_WRITE, rename_one},
	{HTTP_POST, "/api/v1/machines/{}/revoke", ROLE_ADMINISTRATOR, ROUTE_WRITE, revoke_one},
	{HTTP_POST, "/api/v1/machines/{}/refresh", ROLE_OPERATOR, ROUTE_WRITE, refresh_one},
	{HTTP_GET, "/api/v1/relays", ROLE_VIEWER, 0, relays},
	{HTTP_POST, "/api/v1/relays/{}/revoke", ROLE_ADMINISTRATOR, ROUTE_WRITE | ROUTE_EVERYWHERE, relay_revoke},
	{.pattern = NULL},
};
