/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of machines: the list with its search, and one with what is known of it. */
#include "server/page_internal.h"
#include "store/store_trust.h"
#include <string.h>

#define ROWS 100
#define LATEST 10
#define ENTRIES_MAX 200 /* of one section: the rest is said in a line */

/* ---- the list ---- */

static const struct {
	const char *field, *word, *class;
} columns[] = {
	{"state", "State", "t"},
	{"name", "Name", ""},
	{"him.site", "Site", ""},
	{"host.ip", "Address", ""},
	{"os.description", "System", ""},
	{"him.cpu.threads", "CPU", "n"},
	{"host.memory", "Memory", "n"},
	{"him.version", "Agent", ""},
	{"seen", "Heard", "t"},
};

/* A column's head sorts by it; the one it is sorted by turns around. */
static void head(struct call *c, const char *query, size_t i)
{
	const char *sort = call_query(c, "sort");
	bool down = sort && *sort == '-',
	     here = strcmp(sort ? sort + down : "name", columns[i].field) == 0;

	html_add(&c->out, "<th class=\"%s\"><a href=\"/?%s%ssort=%s%s\"", columns[i].class, query,
		*query ? "&" : "", here && !down ? "-" : "", columns[i].field);
	if (here)
		html_add(&c->out, " aria-sort=%s", down ? "descending" : "ascending");
	html_add(&c->out, ">%s</a></th>", columns[i].word);
}

static void row(struct call *c, const struct machine *m)
{
	struct buf *b = &c->out;
	const char *system = m->os_description ? m->os_description : m->os_name;

	html_add(b, "<tr><td>");
	if (!m->agent && m->power)
		page_power(b, m->power);
	else
		page_state(b, m->revoked ? "revoked" : m->state);
	html_add(b,
		"</td><td><a href=\"/machines/%s\">%s</a></td><td>%s</td><td "
		"class=t>%s</td><td>%s</td>",
		m->id, m->name && *m->name ? m->name : m->id, m->site, m->ip, system);
	html_add(b, "<td class=n>%s</td><td class=n>%s</td><td>%s</td><td class=t>",
		page_number(c->arena, m->cpu_threads), page_size(c->arena, m->memory),
		m->him_version);
	page_time(c, m->seen);
	html_add(b, "</td></tr>\n");
}

static void table(struct call *c, const char *query, const struct machine *rows, size_t n)
{
	html_add(&c->out, "<div class=wide><table><thead><tr>");
	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
		head(c, query, i);
	html_add(&c->out, "</tr></thead><tbody>\n");
	for (size_t i = 0; i < n; i++)
		row(c, &rows[i]);
	html_add(&c->out, "</tbody></table></div>\n");
}

static void search(struct call *c, const char *query)
{
	html_add(&c->out,
		"<form class=search action=/ role=search><input name=query value=\"%s\" "
		"maxlength=4096 aria-label=\"Query\""
		" placeholder=\"web* os.type:linux state:online "
		"host.memory&gt;=8GiB\"><button>Find</button></form>\n",
		query);
}

/* What was asked for stays in the box when it cannot be understood. */
static int misunderstood(struct call *c, const char *query)
{
	struct err e = c->job.err;

	if (strcmp(e.field, "query") != 0)
		return -1;
	c->job.err = ERR_INIT;
	c->status = 400;
	page_begin(c, "Machines", "/");
	html_add(&c->out, "<h1>Machines</h1>\n<p class=sub>&nbsp;</p>\n");
	search(c, query);
	html_add(&c->out, "<p class=wrong role=alert>%s</p>\n", e.text);
	page_end(c);
	return 0;
}

int page_machines(struct call *c, struct db *db)
{
	const char *query = call_query(c, "query"), *sort = call_query(c, "sort"), *next,
		   *asked = "";
	struct machines_where where;
	struct machine *rows;
	int64_t count;
	size_t n;

	query = query ? query : "";
	if (call_where(c, query, &where) < 0 ||
		machine_count(db, where.text, where.params, where.n, &count, &c->job.err) < 0 ||
		machines_page(c, db, query, ROWS, &rows, &n, &next) < 0)
		return misunderstood(c, query);
	if (*query)
		asked = arena_printf(c->arena, "query=%s", html_url(query, c->arena));
	page_begin(c, "Machines", "/");
	html_add(&c->out, "<h1>Machines</h1>\n<p class=sub>%s %s</p>\n",
		page_number(c->arena, count),
		*query               ? "fit the query"
			: count == 1 ? "machine"
				     : "machines");
	search(c, query);
	if (n > 0)
		table(c, asked, rows, n);
	else
		html_add(&c->out, "<p class=none>%s</p>\n",
			*query ? "No machine fits."
			       : "No machine yet: `him enroll` prints the line that adds one.");
	if (sort)
		asked = arena_printf(c->arena, "%s%ssort=%s", asked, *asked ? "&" : "",
			html_url(sort, c->arena));
	page_next(c, "/", asked, next);
	page_end(c);
	return 0;
}

/* ---- one ---- */

static void fact(struct call *c, const char *word, const char *value)
{
	if (value && *value && strcmp(value, "–") != 0)
		html_add(&c->out, "<dt>%s</dt><dd>%s</dd>\n", word, value);
}

static void fact_time(struct call *c, const char *word, int64_t ms)
{
	if (ms == 0)
		return;
	html_add(&c->out, "<dt>%s</dt><dd>", word);
	page_time(c, ms);
	html_add(&c->out, "</dd>\n");
}

static void facts(struct call *c, const struct machine *m)
{
	struct arena *a = c->arena;

	html_add(&c->out, "<div class=facts><dl>\n");
	fact(c, "Host name", m->host_name);
	fact(c, "Address", m->ip);
	fact(c, "MAC", m->mac);
	fact(c, "Gateway", m->gateway_ip);
	fact(c, "System", m->os_description ? m->os_description : m->os_name);
	fact(c, "Kernel", m->kernel);
	fact_time(c, "Booted", m->boot);
	fact(c, "Time zone", m->timezone);
	html_add(&c->out, "</dl><dl>\n");
	fact(c, "Vendor", m->host_vendor);
	fact(c, "Model", m->host_model);
	fact(c, "Serial", m->host_serial);
	fact(c, "Type", m->host_type);
	fact(c, "Processor", m->cpu_model);
	fact(c, "Cores",
		m->cpu_cores == MODEL_ABSENT
			? NULL
			: arena_printf(a, "%s in %s sockets, %s threads",
				  page_number(a, m->cpu_cores), page_number(a, m->cpu_sockets),
				  page_number(a, m->cpu_threads)));
	fact(c, "Memory", page_size(a, m->memory));
	fact(c, "Disks", page_size(a, m->disk));
	fact(c, "Packages", page_number(a, m->packages));
	html_add(&c->out, "</dl><dl>\n");
	fact(c, "Agent", m->him_version);
	fact(c, "Channel",
		m->channel ? arena_printf(a, "%s%s%s", m->channel, m->channel_reason ? ": " : "",
				     m->channel_reason ? m->channel_reason : "")
			   : NULL);
	fact_time(c, "Heard", m->seen);
	fact_time(c, "Last report", m->reported);
	fact_time(c, "Known since", m->created);
	fact_time(c, "Revoked", m->revoked);
	fact(c, "Clock",
		m->clock_skew_ms == MODEL_ABSENT || m->clock_skew_ms == 0
			? NULL
			: arena_printf(a, "%s %s",
				  page_span(a,
					  m->clock_skew_ms < 0 ? -m->clock_skew_ms
							       : m->clock_skew_ms),
				  m->clock_skew_ms < 0 ? "behind" : "ahead"));
	fact(c, "Relay", m->relay);
	fact(c, "Machine id", m->id);
	fact(c, "Agent id", m->agent);
	html_add(&c->out, "</dl></div>\n");
}

/* A section of the document as a table: the key of an entry, then some of its members. */
struct member {
	const char *name, *word;
	bool size;
};
struct shown {
	const char *section, *title, *key;
	struct member members[6];
};
static const struct shown sections_shown[] = {
	{"nic", "Interfaces", "Name",
		{{"state", "State"}, {"kind", "Kind"}, {"mac", "MAC"}, {"address", "Addresses"},
			{"mtu", "MTU"}, {"master", "Part of"}}},
	{"filesystem", "File systems", "Mounted at",
		{{"type", "Type"}, {"source", "Source"}, {"size", "Size", true},
			{"used_percent", "Used %"}}},
	{"disk", "Disks", "Name",
		{{"kind", "Kind"}, {"vendor", "Vendor"}, {"model", "Model"}, {"serial", "Serial"},
			{"size", "Size", true}}},
	{"user", "Logged in", "Who", {{"from", "From"}}},
};

static const char *keys_joined(struct arena *a, const struct json *object)
{
	const char *text = "";

	for (struct json_iter it = json_iter(object); json_next(&it);)
		text = arena_printf(a, "%s%s%s", text, *text ? ", " : "", it.key);
	return text;
}

static const char *member_text(struct arena *a, const struct json *v, bool size)
{
	int64_t n;
	bool yes;

	if (json_type(v) == JSON_OBJECT)
		return keys_joined(a, v);
	if (json_to_int(v, &n) == 0)
		return size ? page_size(a, n) : arena_printf(a, "%lld", (long long)n);
	if (json_to_bool(v, &yes) == 0)
		return yes ? "yes" : "no";
	return json_str(v);
}

static void section(struct call *c, const struct shown *x, const struct json *body)
{
	struct buf *b = &c->out;
	size_t left = ENTRIES_MAX;

	if (json_len(body) == 0)
		return;
	html_add(b, "<h2>%s</h2>\n<div class=wide><table><thead><tr><th>%s</th>", x->title, x->key);
	for (size_t i = 0; i < 6 && x->members[i].name; i++)
		html_add(b, "<th class=\"%s\">%s</th>", x->members[i].size ? "n" : "",
			x->members[i].word);
	html_add(b, "</tr></thead><tbody>\n");
	for (struct json_iter it = json_iter(body); left > 0 && json_next(&it); left--) {
		html_add(b, "<tr><td>%s</td>", it.key);
		for (size_t i = 0; i < 6 && x->members[i].name; i++)
			html_add(b, "<td class=\"%s\">%s</td>", x->members[i].size ? "n" : "",
				member_text(c->arena, json_get(it.value, x->members[i].name),
					x->members[i].size));
		html_add(b, "</tr>\n");
	}
	html_add(b, "</tbody></table></div>\n");
	if (json_len(body) > ENTRIES_MAX)
		html_add(b, "<p class=dim>%s in all.</p>\n",
			page_number(c->arena, (int64_t)json_len(body)));
}

static void sections(struct call *c, const struct section *rows, size_t n)
{
	for (size_t k = 0; k < sizeof sections_shown / sizeof *sections_shown; k++)
		for (size_t i = 0; i < n; i++) {
			struct json *body;
			if (strcmp(rows[i].section, sections_shown[k].section) != 0 ||
				!rows[i].body)
				continue;
			body = json_parse(rows[i].body, strlen(rows[i].body), NULL);
			section(c, &sections_shown[k], body);
			json_free(body);
		}
}

static void latest(struct call *c, const struct result *rows, size_t n)
{
	struct buf *b = &c->out;

	if (n == 0)
		return;
	html_add(b,
		"<h2>Latest actions</h2>\n<div class=wide><table><thead><tr><th>Result</th><th "
		"class=n>Exit</th><th>Reason</th>"
		"<th>When</th><th>Action</th></tr></thead><tbody>\n");
	for (size_t i = 0; i < n; i++) {
		html_add(b, "<tr><td>");
		page_state(b, rows[i].state);
		html_add(b, "</td><td class=n>%s</td><td>%s</td><td class=t>",
			rows[i].exit_code == MODEL_ABSENT
				? rows[i].signal
				: page_number(c->arena, rows[i].exit_code),
			rows[i].reason);
		page_time(c, rows[i].updated);
		html_add(b, "</td><td class=id><a href=\"/actions/%s/%s\">%s</a></td></tr>\n",
			rows[i].action, rows[i].agent, rows[i].action);
	}
	html_add(b, "</tbody></table></div>\n");
}

static int line_of_facts(struct call *c, struct db *db, const struct machine *m)
{
	int64_t since = m->revoked ? m->revoked : m->state_since;

	html_add(&c->out, "<p class=sub>");
	if (m->agent || !m->power) {
		html_add(&c->out, "<span>");
		page_state(&c->out, m->revoked ? "revoked" : m->state);
		if (since)
			html_add(&c->out, " for %s",
				page_span(c->arena, c->now_ms > since ? c->now_ms - since : 0));
		html_add(&c->out, "</span>");
	}
	if (page_runs_on(c, db, m) < 0)
		return -1;
	html_add(&c->out, "<span>site %s</span></p>\n", m->site);
	return 0;
}

int page_machine(struct call *c, struct db *db)
{
	const char *name;
	struct machine m;
	struct section *rows;
	struct result *results;
	size_t n, k;

	if (machine_find(db, c->params[0], &c->scope, c->now_ms, c->arena, &m, &c->job.err) < 0 ||
		machine_sections(db, m.agent, c->arena, &rows, &n, &c->job.err) < 0 ||
		result_list_of_machine(db, m.id, LATEST, c->arena, &results, &k, &c->job.err) < 0)
		return -1;
	name = m.name && *m.name ? m.name : m.id;
	page_begin(c, name, "");
	html_add(&c->out, "<h1>%s</h1>\n", name);
	if (line_of_facts(c, db, &m) < 0)
		return -1;
	if (m.notice && *m.notice)
		html_add(&c->out, "<p class=note>%s</p>\n", m.notice);
	facts(c, &m);
	if (page_guests(c, db, &m) < 0)
		return -1;
	latest(c, results, k);
	sections(c, rows, n);
	page_end(c);
	return 0;
}
