/* SPDX-License-Identifier: Apache-2.0 */
/* How the installation is: health of every part in words, figures for Prometheus, and small things that need no login. */
#include "base/clock.h"
#include "base/text.h"
#include "server/api_internal.h"
#include "store/store_machine.h"
#include <stdio.h>
#include <string.h>

#define DISK_LOW (256LL << 20)
#define QUEUE_LONG 5000

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
	char free[32];

	text_size_format(st->free_bytes, free);
	if (st->full)
		part(h, "database", HEALTH_FAILING, "the disk is full: nothing is taken until there is room");
	else if (st->free_bytes >= 0 && st->free_bytes < DISK_LOW)
		part(h, "database", HEALTH_DEGRADED, arena_printf(h->a, "only %s are free on its disk", free));
	else if (st->queued_writes > QUEUE_LONG)
		part(h, "database", HEALTH_DEGRADED, arena_printf(h->a, "%lld writes are waiting", (long long)st->queued_writes));
	else
		part(h, "database", HEALTH_OK, arena_printf(h->a, "%s free, last commit took %lld ms", free,
			(long long)st->last_commit_us / 1000));
}

static int relays_part(struct call *c, struct db *db, struct health_list *h)
{
	struct scope all = {.all = true};
	struct relay *rows;
	size_t n;

	if (relay_list(db, &all, c->arena, &rows, &n, &c->job.err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const char *name = arena_printf(c->arena, "relay %s", rows[i].name ? rows[i].name : rows[i].id);
		const char *state = rows[i].state ? rows[i].state : "never";
		if (rows[i].revoked)
			continue;
		if (rows[i].notice && *rows[i].notice)
			part(h, name, strcmp(state, "online") == 0 ? HEALTH_DEGRADED : HEALTH_FAILING, rows[i].notice);
		else if (strcmp(state, "online") == 0)
			part(h, name, HEALTH_OK, arena_printf(c->arena, "%lld machines hang on it", (long long)rows[i].children));
		else
			part(h, name, strcmp(state, "late") == 0 ? HEALTH_DEGRADED : HEALTH_FAILING,
				arena_printf(c->arena, "it is %s; %lld machines hang on it", state, (long long)rows[i].children));
	}
	return 0;
}

static void certificate_part(struct call *c, struct health_list *h)
{
	int64_t left = c->s->keys.tls_not_after_ms - c->now_ms;
	char text[32];

	text_duration_format(left / 3600000 * 3600000, text);
	part(h, "certificate", left > 0 ? HEALTH_OK : HEALTH_FAILING,
		left > 0 ? arena_printf(c->arena, "the server's certificate is good for %s more and renews by itself", text)
			 : "the server's certificate has ended");
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
	int64_t machines = 0, offline = 0;

	c->json = json_object();
	json_set(c->json, "parts", h.parts);
	store_stats(c->s->store, &st);
	database_part(&h, &st);
	certificate_part(c, &h);
	if (relays_part(c, db, &h) < 0 || machine_count(db, "1 = 1", NULL, 0, &machines, &c->job.err) < 0 ||
		machine_count(db, "m.state = 'offline' AND m.revoked = 0", NULL, 0, &offline, &c->job.err) < 0)
		return -1;
	part(&h, "machines", HEALTH_OK, arena_printf(c->arena, "%lld known, %lld of them offline", (long long)machines, (long long)offline));
	if (c->s->counts.refused)
		part(&h, "security", HEALTH_OK, arena_printf(c->arena, "%llu requests or records were refused since the start",
			(unsigned long long)c->s->counts.refused));
	json_set_string(c->json, "overall", health_words[h.worst]);
	json_set(c->json, "server", server_json(c));
	return 0;
}

/* ---- Prometheus ---- */

static void metric(struct buf *b, const char *name, const char *type, const char *help, double value)
{
	buf_printf(b, "# HELP him_%s %s\n# TYPE him_%s %s\nhim_%s %.17g\n", name, help, name, type, name, value);
}

static int states_metric(struct call *c, struct db *db, struct buf *b)
{
	const struct model_field *f = model_field(&model_records[MODEL_machine], "state");
	struct facet *rows;
	size_t n;

	if (machine_facets(db, "1 = 1", NULL, 0, f, 10, c->arena, &rows, &n, &c->job.err) < 0)
		return -1;
	buf_adds(b, "# HELP him_machines Machines by state.\n# TYPE him_machines gauge\n");
	for (size_t i = 0; i < n; i++)
		buf_printf(b, "him_machines{state=\"%s\"} %lld\n", rows[i].value ? rows[i].value : "", (long long)rows[i].count);
	return 0;
}

static int metrics(struct call *c, struct db *db)
{
	const struct server_counts *k = &c->s->counts;
	struct store_stats st;
	struct buf b;
	int rc;

	store_stats(c->s->store, &st);
	buf_init(&b, 1u << 20);
	rc = states_metric(c, db, &b);
	metric(&b, "envelopes_total", "counter", "Envelopes taken.", (double)k->envelopes);
	metric(&b, "reports_total", "counter", "Reports taken.", (double)k->reports);
	metric(&b, "results_total", "counter", "Results taken.", (double)k->results);
	metric(&b, "duplicates_total", "counter", "Envelopes that came again.", (double)k->duplicates);
	metric(&b, "refused_total", "counter", "Requests and records refused.", (double)k->refused);
	metric(&b, "clones_total", "counter", "Times two installations spoke with one identity.", (double)k->clones);
	metric(&b, "enrolled_total", "counter", "Agents and relays enrolled.", (double)k->enrolled);
	metric(&b, "enrol_refused_total", "counter", "Enrolments refused.", (double)k->enrol_refused);
	metric(&b, "store_commits_total", "counter", "Commits of the database.", (double)st.commits);
	metric(&b, "store_writes_total", "counter", "Writes in those commits.", (double)st.committed);
	metric(&b, "store_queue", "gauge", "Writes waiting.", (double)st.queued_writes);
	metric(&b, "store_commit_seconds", "gauge", "How long the last commit took.", (double)st.last_commit_us / 1e6);
	metric(&b, "disk_free_bytes", "gauge", "Free on the database's disk.", (double)st.free_bytes);
	metric(&b, "up_seconds", "counter", "Since the server started.", (double)(c->now_ms - c->s->started_ms) / 1000);
	c->type = "text/plain; version=0.0.4; charset=utf-8";
	c->bytes = arena_memdup(c->arena, buf_str(&b), b.len);
	c->bytes_len = b.len;
	buf_release(&b);
	return rc;
}

static int healthz(struct call *c, struct db *db)
{
	c->type = "text/plain";
	c->bytes = "ok\n";
	c->bytes_len = 3;
	return 0;
}

static int version(struct call *c, struct db *db)
{
	c->json = json_object();
	json_set_string(c->json, "version", HIM_VERSION);
	return 0;
}

const struct route routes_status[] = {
	{HTTP_GET, "/api/v1/status", ROLE_VIEWER, 0, status},
	{HTTP_GET, "/api/v1/version", ROLE_NONE, ROUTE_PUBLIC, version},
	{HTTP_GET, "/metrics", ROLE_VIEWER, ROUTE_EVERYWHERE, metrics},
	{HTTP_GET, "/healthz", ROLE_NONE, ROUTE_PUBLIC, healthz},
	{.pattern = NULL},
};
