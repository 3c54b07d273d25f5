/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree: machines that a query fits, what they run on and what runs on them, now or at a time.
 *
 * Few machines are walked from, link by link; of many, all links are read at once, which is cheaper. Who may not see a host sees
 * its guests without it; who may not see a guest sees, at its host, that there is one more.
 */
#include "base/clock.h"
#include "server/call.h"
#include "server/impact.h"
#include "store/store_machine.h"
#include "store/store_tree.h"
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define TREE_MAX 20000
#define WALK_MAX 200 /* machines that are walked from */

struct node {
	struct tree_machine m;
	bool hit;                /* the query fits it */
	bool up_done, down_done; /* its links were looked at */
	bool hidden;             /* outside the caller's sites */
	int64_t hidden_guests;
	struct rows hosts; /* struct link: what it runs on */
	struct node *next;
	UT_hash_handle hh;
};

struct tree {
	struct call *c;
	struct db *db;
	int64_t at_ms; /* 0: now */
	struct node *known, *first, **last;
	size_t n;
};

static struct node *node_add(struct tree *t, const struct tree_machine *m)
{
	struct node *node = arena_alloc(t->c->arena, sizeof *node);

	node->m = *m;
	node->hidden = !scope_has(&t->c->scope, m->site);
	HASH_ADD_KEYPTR(hh, t->known, node->m.id, strlen(node->m.id), node);
	*t->last = node;
	t->last = &node->next;
	t->n++;
	return node;
}

/* The node of a machine, read where it is not there yet. NULL without an error: there is no such machine. */
static int node_of(struct tree *t, const char *id, struct node **out)
{
	struct tree_machine m;
	int got;

	HASH_FIND_STR(t->known, id, *out);
	if (*out)
		return 0;
	if (t->n >= TREE_MAX)
		return err_field(&t->c->job.err, ERR_TOO_LARGE, "query",
			"the tree has more than %d machines: ask for fewer at a time", TREE_MAX);
	got = tree_machine(t->db, id, t->c->arena, &m, &t->c->job.err);
	if (got > 0)
		*out = node_add(t, &m);
	return got < 0 ? -1 : 0;
}

static void hang(struct tree *t, struct node *guest, const struct link *l)
{
	const struct link *have = guest->hosts.data;

	for (size_t i = 0; i < guest->hosts.n; i++)
		if (have[i].id == l->id)
			return;
	*(struct link *)rows_add(&guest->hosts, t->c->arena, sizeof *l) = *l;
}

static int walk_up(struct tree *t, struct node *node)
{
	struct link *links;
	size_t n;

	if (node->up_done)
		return 0;
	node->up_done = true;
	if (tree_links(t->db, node->m.id, TREE_UP, t->at_ms, TREE_MAX, t->c->arena, &links, &n,
		    &t->c->job.err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct node *host;
		if (node_of(t, links[i].host, &host) < 0)
			return -1;
		if (host)
			hang(t, node, &links[i]);
	}
	return 0;
}

static int walk_down(struct tree *t, struct node *node)
{
	struct link *links;
	size_t n;

	if (node->down_done || node->hidden)
		return 0;
	node->down_done = true;
	if (tree_links(t->db, node->m.id, TREE_DOWN, t->at_ms, TREE_MAX, t->c->arena, &links, &n,
		    &t->c->job.err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct node *guest;
		if (node_of(t, links[i].guest, &guest) < 0)
			return -1;
		if (!guest)
			continue;
		hang(t, guest, &links[i]);
		node->hidden_guests += guest->hidden;
	}
	return 0;
}

/* From the machines that fit: down to all that runs on them, then up to all that they run on. */
static int walk(struct tree *t)
{
	for (struct node *node = t->first; node; node = node->next)
		if (walk_down(t, node) < 0)
			return -1;
	for (struct node *node = t->first; node; node = node->next)
		if (!node->hidden && walk_up(t, node) < 0)
			return -1;
	return 0;
}

static int read_all(struct tree *t)
{
	struct link *links;
	size_t n;

	if (tree_all_links(
		    t->db, t->at_ms, 10 * TREE_MAX, t->c->arena, &links, &n, &t->c->job.err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct node *guest, *host;
		HASH_FIND_STR(t->known, links[i].guest, guest);
		HASH_FIND_STR(t->known, links[i].host, host);
		if (!guest && !host)
			continue;
		if (node_of(t, links[i].guest, &guest) < 0 || node_of(t, links[i].host, &host) < 0)
			return -1;
		if (!guest || !host)
			continue;
		hang(t, guest, &links[i]);
		if (!host->hidden)
			host->hidden_guests += guest->hidden;
	}
	return 0;
}

/* ---- groups ---- */

static const char *join(struct arena *a, const char *const *parts, size_t n)
{
	const char *text = "";

	for (size_t i = 0; i < n; i++)
		if (parts[i] && *parts[i])
			text = arena_printf(a, "%s%s%s", text, *text ? " " : "", parts[i]);
	return text;
}

static const char *by_site(struct arena *a, const struct tree_machine *m)
{
	return m->site;
}

static const char *by_network(struct arena *a, const struct tree_machine *m)
{
	const char *parts[] = {
		m->network, m->gateway_mac ? "behind" : NULL, m->gateway_ip, m->gateway_mac};

	return join(a, parts, 4);
}

static const char *by_cloud(struct arena *a, const struct tree_machine *m)
{
	const char *parts[] = {m->provider, m->account, m->region, m->zone};

	return m->provider ? join(a, parts, 4) : NULL;
}

typedef const char *group_of(struct arena *a, const struct tree_machine *m);
static const struct {
	const char *word;
	group_of *of;
} groups[] = {{"network", by_network}, {"site", by_site}, {"cloud", by_cloud}};

static int by_take(struct call *c, group_of **out)
{
	const char *by = call_query(c, "by");

	*out = NULL;
	for (size_t i = 0; by && i < sizeof groups / sizeof *groups; i++)
		if (strcmp(groups[i].word, by) == 0)
			*out = groups[i].of;
	return !by || *out ? 0
			   : err_field(&c->job.err, ERR_INVALID, "by",
				     "by is network, site or cloud, not '%.30s'", by);
}

/* ---- the answer ---- */

/* What is not known is left out: of ten thousand machines that is half of the answer. */
static void put(struct json *j, const char *key, const char *text)
{
	if (text)
		json_set_string(j, key, text);
}

static void put_time(struct json *j, const char *key, int64_t ms)
{
	if (ms)
		json_set_time(j, key, ms);
}

static struct json *host_json(struct tree *t, const struct link *l)
{
	struct json *j;
	struct node *host;

	HASH_FIND_STR(t->known, l->host, host);
	if (!host || host->hidden)
		return NULL;
	j = json_object();
	json_set_string(j, "him.host", l->host);
	json_set_bool(j, "certain", l->certain);
	put_time(j, "from", l->began);
	put_time(j, "until", l->until);
	/* What an absent host last said. */
	if (!t->at_ms && host->m.state && strcmp(host->m.state, "offline") == 0)
		put_time(j, "as_of", host->m.seen);
	return j;
}

static struct json *node_json(struct tree *t, const struct node *node, group_of *of)
{
	const struct tree_machine *m = &node->m;
	struct json *j = json_object(), *hosts = json_array(), *h;
	const struct link *links = node->hosts.data;

	json_set_string(j, "id", m->id);
	json_set_string(j, "name", m->name);
	json_set_string(j, "him.site", m->site);
	put(j, "him.kind", m->kind);
	put(j, "him.hypervisor", m->hypervisor);
	put(j, "him.container", m->container);
	put(j, "os.description", m->os);
	put(j, "state", t->at_ms ? NULL : m->revoked ? "revoked" : m->state);
	put(j, "him.power", t->at_ms ? NULL : m->power);
	json_set_bool(j, "agent", m->agent != NULL);
	json_set_bool(j, "hit", node->hit);
	for (size_t i = 0; i < node->hosts.n; i++)
		if ((h = host_json(t, &links[i])))
			json_add(hosts, h);
	json_set(j, "runs_on", hosts);
	if (node->hidden_guests)
		json_set_int(j, "hidden_guests", node->hidden_guests);
	put(j, "group", of ? of(t->c->arena, m) : NULL);
	return j;
}

static int time_take(struct call *c, const char *name, int64_t *out)
{
	const char *text = call_query(c, name);

	*out = 0;
	if (!text || clock_parse(text, out) == 0)
		return 0;
	return err_field(&c->job.err, ERR_INVALID, name,
		"%s is a time such as 2026-01-02T03:04:05Z, not '%.60s'", name, text);
}

static int hits(struct tree *t, size_t *n)
{
	struct machines_where where;
	struct tree_machine *rows;
	struct call *c = t->c;

	if (call_where(c, call_query(c, "query"), &where) < 0 ||
		tree_machines(t->db, where.text, where.params, where.n, TREE_MAX, c->arena, &rows,
			n, &c->job.err) < 0)
		return -1;
	for (size_t i = 0; i < *n; i++)
		if (!t->at_ms || rows[i].created <= t->at_ms)
			node_add(t, &rows[i])->hit = true;
	return 0;
}

/* A machine at a time: a tree of JSON for all of them takes longer to take apart than to print. */
static void print_nodes(struct tree *t, group_of *of)
{
	struct buf *out = &t->c->out;
	const char *comma = "";
	char time[CLOCK_TEXT];

	if (t->at_ms)
		buf_printf(out, "{\"at\":\"%s\",\"machines\":[", clock_format(t->at_ms, time));
	else
		buf_adds(out, "{\"at\":null,\"machines\":[");
	for (const struct node *node = t->first; node; node = node->next) {
		struct json *j;
		if (node->hidden)
			continue;
		j = node_json(t, node, of);
		buf_adds(out, comma);
		json_print(j, out);
		json_free(j);
		comma = ",";
	}
	buf_adds(out, "]}");
	t->c->type = "application/json";
}

static int tree(struct call *c, struct db *db)
{
	struct tree t = {.c = c, .db = db, .last = &t.first};
	group_of *of;
	size_t n;
	int rc;

	if (time_take(c, "at", &t.at_ms) < 0 || by_take(c, &of) < 0)
		return -1;
	rc = hits(&t, &n);
	if (rc == 0)
		rc = n <= WALK_MAX ? walk(&t) : read_all(&t);
	if (rc == 0)
		print_nodes(&t, of);
	HASH_CLEAR(hh, t.known);
	return rc;
}

/* ---- moves ---- */

static int host_name(struct call *c, struct db *db, const char *id, struct json *j, const char *key)
{
	struct tree_machine m;
	int got = tree_machine(db, id, c->arena, &m, &c->job.err);
	bool seen = got > 0 && scope_has(&c->scope, m.site);

	json_set_string(j, key, seen ? m.id : NULL);
	json_set_string(
		j, arena_printf(c->arena, "%s_name", key), seen ? (m.name ? m.name : m.id) : NULL);
	return got < 0 ? -1 : 0;
}

static int moves(struct call *c, struct db *db)
{
	const char *after = call_query(c, "after");
	struct move_page p = {0};
	struct machines_where where;
	struct json *array;
	struct move *rows;
	size_t n;
	char *end;

	if (time_take(c, "since", &p.since_ms) < 0 || call_limit(c, 1000, &p.limit) < 0 ||
		call_where(c, call_query(c, "query"), &where) < 0)
		return -1;
	if (after) {
		p.before = strtoll(after, &end, 10);
		if (*end || p.before <= 0)
			return err_field(&c->job.err, ERR_INVALID, "after",
				"after must be the next of the page before");
	}
	p.where = where.text;
	p.params = where.params;
	p.n_params = where.n;
	if (move_list(db, &p, c->arena, &rows, &n, &c->job.err) < 0)
		return -1;
	c->json = json_object();
	json_set(c->json, "moves", array = json_array());
	for (size_t i = 0; i < n; i++) {
		struct json *j = json_object();
		json_add(array, j);
		json_set_int(j, "id", rows[i].id);
		json_set_time(j, "time", rows[i].time);
		if (host_name(c, db, rows[i].machine, j, "machine") < 0 ||
			host_name(c, db, rows[i].from_host, j, "from") < 0 ||
			host_name(c, db, rows[i].to_host, j, "to") < 0)
			return -1;
	}
	json_set_string(c->json, "next",
		(int)n == p.limit ? arena_printf(c->arena, "%lld", (long long)rows[n - 1].id)
				  : NULL);
	return 0;
}

/* ---- impact ---- */

static int impact(struct call *c, struct db *db)
{
	const char *query = call_query(c, "query");
	struct machines_where where;
	struct tree_machine *rows;
	struct impact x;
	const char **ids;
	size_t n;
	int limit;

	if (!query || !*query)
		return err_field(&c->job.err, ERR_INVALID, "query",
			"query must say which machines are meant");
	if (call_limit(c, 1000, &limit) < 0 || call_where(c, query, &where) < 0 ||
		tree_machines(db, where.text, where.params, where.n, TREE_MAX, c->arena, &rows, &n,
			&c->job.err) < 0)
		return -1;
	if (n == 0)
		return err_field(
			&c->job.err, ERR_NOT_FOUND, "query", "no machine fits '%.200s'", query);
	ids = arena_alloc(c->arena, n * sizeof *ids);
	for (size_t i = 0; i < n; i++)
		ids[i] = rows[i].id;
	if (impact_find(db, ids, n, &c->scope, c->arena, &x, &c->job.err) < 0)
		return -1;
	c->json = impact_json(&x, (size_t)limit);
	json_set_int(c->json, "machines", (int64_t)n);
	return 0;
}

static int impact_one(struct call *c, struct db *db)
{
	struct machine m;
	struct impact x;
	int limit;

	if (call_limit(c, 1000, &limit) < 0 ||
		machine_find(db, c->params[0], &c->scope, c->now_ms, c->arena, &m, &c->job.err) <
			0 ||
		impact_find(db, &m.id, 1, &c->scope, c->arena, &x, &c->job.err) < 0)
		return -1;
	c->json = impact_json(&x, (size_t)limit);
	json_set_int(c->json, "machines", 1);
	return 0;
}

const struct route routes_tree[] = {
	{HTTP_GET, "/api/v1/tree", ROLE_VIEWER, 0, tree, "query at by"},
	{HTTP_GET, "/api/v1/moves", ROLE_VIEWER, 0, moves, "query since limit after"},
	{HTTP_GET, "/api/v1/impact", ROLE_VIEWER, 0, impact, "query limit"},
	{HTTP_GET, "/api/v1/machines/{}/impact", ROLE_VIEWER, 0, impact_one, "limit"},
	{.pattern = NULL},
};
