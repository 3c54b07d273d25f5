/* SPDX-License-Identifier: Apache-2.0 */
/* How the installation is: health of every part in words, figures for Prometheus, and small things that need no login. */
#include "base/clock.h"
#include "base/text.h"
#include "server/api_internal.h"
#include "server/embedded.h"
#include "store/store_inbox.h"
#include "store/store_machine.h"
#include <stdio.h>
#include <string.h>

#define DISK_LOW (256LL << 20)
#define QUEUE_LONG 5000
#define HOUR_MS 3600000

enum health { HEALTH_OK, HEALTH_DEGRADED, HEALTH_FAILING };
static const char *const health_words[] = {"ok", "degraded", "failing"};

struct health_list {
	struct json *parts;
	enum health worst;
	struct arena *a;
};

static void part(struct health_list *h, const char *name, enum health state, const char *text)
{
	struct json *x = json_object();

	json_set_string(x, "name", name);
	json_set_string(x, "state", health_words[state]);
	json_set_string(x, "text", text);
	json_add(h->parts, x);
	if (state > h->worst)
		h->worst = state;
}

static void database_part(struct health_list *h, const struct store_stats *st)
{
	if (st->failed && st->full)
		part(h, "database", HEALTH_FAILING,
			"the disk is full: nothing is taken until there is room");
	else
		part(h, "database", HEALTH_OK,
			arena_printf(h->a,
				"%lld commits since the start, the last one took %lld ms",
				(long long)st->commits, (long long)st->last_commit_us / 1000));
}

static void disk_part(struct health_list *h, const struct store_stats *st)
{
	char free[32];

	if (st->free_bytes < 0) {
		part(h, "disk", HEALTH_DEGRADED,
			"how much is free on the database's disk cannot be told");
		return;
	}
	text_size_format(st->free_bytes, free);
	part(h, "disk", st->free_bytes < DISK_LOW ? HEALTH_DEGRADED : HEALTH_OK,
		arena_printf(h->a, st->free_bytes < DISK_LOW ? "only %s are free" : "%s are free",
			free));
}

static void queue_part(struct call *c, struct health_list *h, const struct store_stats *st)
{
	bool full = st->queued_writes > QUEUE_LONG || st->queued_reads > QUEUE_LONG;

	part(h, "queue", full ? HEALTH_DEGRADED : HEALTH_OK,
		arena_printf(h->a,
			"%lld writes and %lld reads wait for the database, %lld messages for "
			"machines",
			(long long)st->queued_writes, (long long)st->queued_reads,
			(long long)c->figures->hub.mail));
}

/* What a relay is worth to those who hang on it. */
static void relay_part(struct health_list *h, const struct relay *r)
{
	const char *name = arena_printf(h->a, "relay %s", r->name ? r->name : r->id),
		   *state = r->state ? r->state : "never";
	bool online = strcmp(state, "online") == 0;

	if (r->notice && *r->notice)
		part(h, name, online ? HEALTH_DEGRADED : HEALTH_FAILING, r->notice);
	else if (online)
		part(h, name, HEALTH_OK,
			arena_printf(h->a, "%lld machines hang on it", (long long)r->children));
	else if (strcmp(state, "never") == 0)
		part(h, name, HEALTH_DEGRADED, "it is enrolled and was never heard");
	else
		part(h, name, strcmp(state, "late") == 0 ? HEALTH_DEGRADED : HEALTH_FAILING,
			arena_printf(h->a, "it is %s; %lld machines hang on it", state,
				(long long)r->children));
}

static int relays_part(struct call *c, struct db *db, struct health_list *h)
{
	struct relay *rows;
	size_t n;

	if (relay_list(db, &c->scope, c->arena, &rows, &n, &c->job.err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (!rows[i].revoked)
			relay_part(h, &rows[i]);
	return 0;
}

static void certificate_part(struct call *c, struct health_list *h)
{
	int64_t left = c->figures->cert_until_ms - c->now_ms;
	char text[32];

	if (left <= 0) {
		part(h, "certificate", HEALTH_FAILING, "the server's certificate has ended");
		return;
	}
	text_duration_format(left > HOUR_MS ? left / HOUR_MS * HOUR_MS : left / 1000 * 1000, text);
	part(h, "certificate", HEALTH_OK,
		arena_printf(
			c->arena, "the server's is good for %s more and renews by itself", text));
}

/* Inside the caller's sites. */
static int machines_part(struct call *c, struct db *db, struct health_list *h)
{
	struct machines_where all, offline;
	int64_t known, away;

	if (call_where(c, NULL, &all) < 0 || call_where(c, "state:offline", &offline) < 0 ||
		machine_count(db, all.text, all.params, all.n, &known, &c->job.err) < 0 ||
		machine_count(db, offline.text, offline.params, offline.n, &away, &c->job.err) < 0)
		return -1;
	part(h, "machines", HEALTH_OK,
		arena_printf(c->arena, "%lld known, %lld of them offline", (long long)known,
			(long long)away));
	return 0;
}

/* Said only when there is something to say. Whose clock is wrong cannot be told: the server's may be. */
static int clocks_part(struct call *c, struct db *db, struct health_list *h)
{
	struct machines_where wrong;
	int64_t n;

	if (call_where(c, "skew>5m or skew<-5m", &wrong) < 0 ||
		machine_count(db, wrong.text, wrong.params, wrong.n, &n, &c->job.err) < 0)
		return -1;
	if (n > 0)
		part(h, "clocks", HEALTH_DEGRADED,
			arena_printf(c->arena,
				"%lld %s more than 5 min away from the server's: him machines "
				"'skew>5m or skew<-5m'",
				(long long)n, n == 1 ? "clock is" : "clocks are"));
	return 0;
}

static struct json *server_json(struct call *c)
{
	struct json *x = json_object();
	char pin[2 * PKI_PIN_BYTES + 1];

	text_hex(c->s->keys.pin, sizeof c->s->keys.pin, pin);
	json_set_string(x, "id", c->s->keys.id);
	json_set_string(x, "version", HIM_VERSION);
	json_set_int(x, "port", c->s->port);
	json_set_int(x, "machines_port", c->s->machines_port);
	json_set(x, "addresses", json_copy(c->s->addresses));
	json_set_string(x, "ca_fingerprint", pin);
	json_set_string(x, "generation", c->s->generation);
	json_set_time(x, "started", c->s->started_ms);
	return x;
}

static int status(struct call *c, struct db *db)
{
	struct health_list h = {.parts = json_array(), .a = c->arena};
	struct store_stats st;

	c->json = json_object();
	json_set(c->json, "parts", h.parts);
	store_stats(c->s->store, &st);
	database_part(&h, &st);
	disk_part(&h, &st);
	queue_part(c, &h, &st);
	certificate_part(c, &h);
	if (relays_part(c, db, &h) < 0 || machines_part(c, db, &h) < 0 ||
		clocks_part(c, db, &h) < 0)
		return -1;
	if (c->figures->counts.refused + c->figures->hub.refused)
		part(&h, "security", HEALTH_OK,
			arena_printf(c->arena,
				"%llu requests or records were refused since the start",
				(unsigned long long)(c->figures->counts.refused +
					c->figures->hub.refused)));
	json_set_string(c->json, "overall", health_words[h.worst]);
	json_set(c->json, "server", server_json(c));
	return 0;
}

/* ---- Prometheus ---- */

/* One figure: its name without him_, its type, what it is. */
struct metric {
	const char *name, *type, *help;
	double value;
};

static void metric_print(struct buf *b, const struct metric *m)
{
	buf_printf(b, "# HELP him_%s %s\n# TYPE him_%s %s\nhim_%s %.17g\n", m->name, m->help,
		m->name, m->type, m->name, m->value);
}

static int states_print(struct call *c, struct db *db, struct buf *b)
{
	const struct model_field *f = model_field(&model_records[MODEL_machine], "state");
	struct facet *rows;
	size_t n;

	if (machine_facets(db, "1 = 1", NULL, 0, f, 10, c->arena, &rows, &n, &c->job.err) < 0)
		return -1;
	buf_adds(b, "# HELP him_machines Machines by state.\n# TYPE him_machines gauge\n");
	for (size_t i = 0; i < n; i++)
		buf_printf(b, "him_machines{state=\"%s\"} %lld\n",
			rows[i].value ? rows[i].value : "", (long long)rows[i].count);
	return 0;
}

static int metrics(struct call *c, struct db *db)
{
	const struct figures *f = c->figures;
	struct store_stats st;
	struct inbox_span inbox;

	store_stats(c->s->store, &st);
	if (inbox_span(db, &inbox, &c->job.err) < 0)
		return -1;
	const struct metric list[] = {
		{"envelopes_total", "counter", "Envelopes taken.", (double)f->counts.envelopes},
		{"reports_total", "counter", "Reports taken.", (double)f->counts.reports},
		{"results_total", "counter", "Results taken.", (double)f->counts.results},
		{"duplicates_total", "counter", "Envelopes that came again.",
			(double)f->counts.duplicates},
		{"refused_total", "counter", "Requests and records refused.",
			(double)f->counts.refused + (double)f->hub.refused},
		{"clones_total", "counter", "Times two installations spoke with one identity.",
			(double)f->counts.clones},
		{"enrolled_total", "counter", "Agents and relays enrolled.",
			(double)f->counts.enrolled},
		{"enrol_refused_total", "counter", "Enrolments refused.",
			(double)f->counts.enrol_refused},
		{"children", "gauge", "Agents and relays that hang on this server directly.",
			(double)f->hub.children},
		{"children_held", "gauge", "Of them, those whose request is held.",
			(double)f->hub.held},
		{"mail", "gauge", "Messages for machines that are not acknowledged.",
			(double)f->hub.mail},
		{"mail_bytes", "gauge", "Bytes of them.", (double)f->hub.mail_bytes},
		{"exchanges_total", "counter", "Exchanges with children.",
			(double)f->hub.exchanges},
		{"pings_total", "counter", "Datagrams sent to wake children.",
			(double)f->hub.pings},
		{"machine_handshakes_total", "counter", "TLS handshakes of machines.",
			(double)f->machines.handshakes},
		{"machine_resumed_total", "counter", "Of them, resumed sessions.",
			(double)f->machines.resumed},
		{"machine_connections", "gauge", "Open connections of machines.",
			(double)f->machines.open},
		{"people_requests_total", "counter", "Requests of people.",
			(double)f->people.requests},
		{"people_connections", "gauge", "Open connections of people.",
			(double)f->people.open},
		{"streams", "gauge", "Open event streams.", (double)f->streams},
		{"store_commits_total", "counter", "Commits of the database.", (double)st.commits},
		{"store_writes_total", "counter", "Writes in those commits.", (double)st.committed},
		{"store_failed_total", "counter", "Writes whose commit failed.", (double)st.failed},
		{"store_queue", "gauge", "Writes waiting.", (double)st.queued_writes},
		{"inbox_bytes", "gauge", "Reports taken in a rush and not yet read.",
			(double)(inbox.end - inbox.begin)},
		{"store_read_queue", "gauge", "Reads waiting.", (double)st.queued_reads},
		{"store_commit_seconds", "gauge", "How long the last commit took.",
			(double)st.last_commit_us / 1e6},
		{"disk_free_bytes", "gauge", "Free on the database's disk.", (double)st.free_bytes},
		{"certificate_seconds", "gauge", "How long the server's certificate is good for.",
			(double)(f->cert_until_ms - c->now_ms) / 1000},
		{"start_time_seconds", "gauge", "When the server started, since 1970.",
			(double)c->s->started_ms / 1000},
	};
	if (states_print(c, db, &c->out) < 0)
		return -1;
	for (size_t i = 0; i < sizeof list / sizeof *list; i++)
		metric_print(&c->out, &list[i]);
	buf_printf(&c->out,
		"# HELP him_build_info The program.\n# TYPE him_build_info "
		"gauge\nhim_build_info{version=\"%s\"} 1\n",
		HIM_VERSION);
	c->type = "text/plain; version=0.0.4; charset=utf-8";
	return 0;
}

/* ---- without a login ---- */

static int healthz(struct call *c, struct db *db)
{
	struct store_stats st;

	store_stats(c->s->store, &st);
	c->status = st.full ? 503 : 200;
	c->type = "text/plain; charset=utf-8";
	buf_adds(&c->out, st.full ? "failing: the disk is full\n" : "ok\n");
	return 0;
}

static int contract(struct call *c, struct db *db)
{
	buf_add(&c->out, openapi_yaml, openapi_yaml_len);
	c->type = "application/yaml";
	return 0;
}

static int version(struct call *c, struct db *db)
{
	c->json = json_object();
	json_set_string(c->json, "version", HIM_VERSION);
	return 0;
}

const struct route routes_status[] = {
	{HTTP_GET, "/api/v1/status", ROLE_VIEWER, ROUTE_FIGURES, status},
	{HTTP_GET, "/api/v1/version", ROLE_NONE, ROUTE_PUBLIC, version},
	{HTTP_GET, "/metrics", ROLE_VIEWER, ROUTE_EVERYWHERE | ROUTE_FIGURES | ROUTE_NEARBY,
		metrics},
	{HTTP_GET, "/healthz", ROLE_NONE, ROUTE_PUBLIC, healthz},
	{HTTP_GET, "/api/openapi.yaml", ROLE_NONE, ROUTE_PUBLIC, contract},
	{.pattern = NULL},
};
