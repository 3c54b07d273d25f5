/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of the page of one machine: what it runs on, and what runs on it. Who does not see a host sees nothing of it; who sees
 * a host is told how many guests of other sites it has, but not which.
 */
#include "server/impact.h"
#include "server/page_internal.h"
#include "store/store_tree.h"
#include <string.h>

#define HOSTS_MAX 16
#define GUESTS_SHOWN 200

static const char *name_of(const struct tree_machine *m)
{
	return m->name && *m->name ? m->name : m->id;
}

/* ---- what it runs on ---- */

/* The host of a link. 1: there, and seen by who asks. */
static int host_of(struct call *c, struct db *db, const struct link *l, struct tree_machine *host)
{
	int got = tree_machine(db, l->host, c->arena, host, &c->job.err);

	return got > 0 ? scope_has(&c->scope, host->site) : got;
}

static void host_link(struct call *c, const char *before, const struct tree_machine *host)
{
	html_add(&c->out, "%s<a href=\"/machines/%s\">%s</a>", before, host->id, name_of(host));
}

/* Where it was last, of one that runs nowhere now. */
static int last_host(struct call *c, struct db *db, const struct machine *m)
{
	struct tree_machine host;
	struct link *links;
	size_t n;
	int got;

	if (link_history(db, m->id, 1, c->arena, &links, &n, &c->job.err) < 0)
		return -1;
	got = n ? host_of(c, db, &links[0], &host) : 0;
	if (got <= 0)
		return got;
	html_add(&c->out, "<span>");
	host_link(c, "last on ", &host);
	html_add(&c->out, ", until ");
	page_time(c, links[0].until);
	html_add(&c->out, "</span>");
	return 0;
}

int page_runs_on(struct call *c, struct db *db, const struct machine *m)
{
	struct link *links;
	size_t n, shown = 0;

	if (tree_links(db, m->id, TREE_UP, 0, HOSTS_MAX, c->arena, &links, &n, &c->job.err) < 0)
		return -1;
	if (m->power) {
		html_add(&c->out, "<span>");
		page_power(&c->out, m->power);
		html_add(&c->out, "</span>");
	}
	for (size_t i = 0; i < n; i++) {
		struct tree_machine host;
		int got = host_of(c, db, &links[i], &host);
		if (got < 0)
			return -1;
		if (got == 0)
			continue;
		html_add(&c->out, shown == 0 ? "<span>" : "");
		host_link(c,
			shown++ > 0                ? " or "
				: links[i].certain ? "on "
						   : "perhaps on ",
			&host);
		if (host.state && strcmp(host.state, "offline") == 0) {
			html_add(&c->out, ", as it said ");
			page_time(c, host.seen);
		}
	}
	html_add(&c->out, shown > 0 ? "</span>" : "");
	return n == 0 && m->power ? last_host(c, db, m) : 0;
}

/* ---- what runs on it ---- */

static void guest_row(struct call *c, const struct tree_guest *g)
{
	struct buf *b = &c->out;
	const char *kind = g->m.kind;

	if (kind && g->m.container && strcmp(kind, "container") == 0)
		kind = arena_printf(c->arena, "%s (%s)", kind, g->m.container);
	html_add(b, "<tr><td>");
	if (g->m.power)
		page_power(b, g->m.power);
	html_add(b, "</td><td>");
	if (g->m.agent)
		page_state(b, g->m.revoked ? "revoked" : g->m.state);
	html_add(b,
		"</td><td><a href=\"/machines/%s\">%s</a></td><td>%s</td><td>%s</td><td>%s</td>"
		"<td class=dim>%s</td></tr>\n",
		g->m.id, name_of(&g->m), g->m.site, kind, g->m.os, g->certain ? "" : "not certain");
}

int page_guests(struct call *c, struct db *db, const struct machine *m)
{
	struct buf *b = &c->out;
	struct tree_guests guests;

	if (tree_guests(db, m->id, &c->scope, GUESTS_SHOWN, c->arena, &guests, &c->job.err) < 0)
		return -1;
	if (guests.all == 0)
		return 0;
	html_add(b, "<h2>Guests</h2>\n");
	if (guests.n > 0)
		html_add(b,
			"<div class=wide><table><thead><tr><th>Its host says</th><th>Its agent</th>"
			"<th>Name</th><th>Site</th><th>Kind</th><th>System</th><th></th></tr>"
			"</thead><tbody>\n");
	for (size_t i = 0; i < guests.n; i++)
		guest_row(c, &guests.list[i]);
	if (guests.n > 0)
		html_add(b, "</tbody></table></div>\n");
	if ((int64_t)guests.n < guests.within)
		html_add(b, "<p class=dim><a href=\"/?query=%s\">%s in all</a></p>\n",
			html_url(arena_printf(c->arena, "host:%s", m->id), c->arena),
			page_number(c->arena, guests.within));
	if (guests.within < guests.all)
		html_add(b, "<p class=dim>%s%s at other sites.</p>\n",
			page_number(c->arena, guests.all - guests.within),
			guests.within ? " more" : "");
	return 0;
}
