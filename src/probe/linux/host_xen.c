// SPDX-License-Identifier: Apache-2.0
/*
 * Xen, from domain 0. XenServer is asked by xe (its domains have no configuration that xl knows),
 * others by xl, old ones by xm. xl tells a domain's configuration and its state in two listings; a
 * pause leaves no trace in any folder, so both are asked at every poll.
 *
 * What does not run has a configuration file, xl's own or libvirt's.
 */
#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "probe/linux/host.h"
#include <stdlib.h>
#include <string.h>

/* Every guest has a state in the table, by name: names are unique on one host. */
static void take_states(struct host *h)
{
	const char *const argv[] = {"xl", "list", NULL};
	struct err why = ERR_INIT;
	struct guests table;
	struct buf text;

	buf_init(&text, GUESTS_TEXT_MAX);
	guests_init(&table);
	if (host_run(h, argv, &text) == 0 &&
		guests_xen_table(buf_str(&text), text.len, &table, &why))
		host_note(h, "xl list", &why);
	for (size_t i = 0; i < table.count; i++) {
		struct guest *g = host_find(h, NULL, table.items[i]->name);
		if (g && g->state == GUEST_UNKNOWN)
			g->state = table.items[i]->state;
	}
	guests_release(&table);
	buf_release(&text);
}

static bool ask(struct host *h, const char *const *argv, guests_parser *parse)
{
	struct buf text;
	bool asked;

	buf_init(&text, GUESTS_TEXT_MAX);
	asked = host_run(h, argv, &text) == 0;
	if (asked)
		host_parse(h, parse, argv[0], &text);
	buf_release(&text);
	return asked;
}

/* "INSTALLATION_UUID='…'" */
static bool own_uuid(const char *root, char out[64])
{
	char *path = xasprintf("%s/etc/xensource-inventory", root), *at;
	struct buf text;
	bool found = false;

	buf_init(&text, 65536);
	if (file_read(path, &text, NULL) == 0 &&
		(at = strstr(buf_str(&text), "INSTALLATION_UUID='"))) {
		size_t n = strspn(at += strlen("INSTALLATION_UUID='"), "0123456789abcdefABCDEF-");
		found = n == 36;
		if (found) {
			memcpy(out, at, n);
			out[n] = 0;
		}
	}
	buf_release(&text);
	free(path);
	return found;
}

/* A pool knows the machines of all its hosts: only those that are here. The interfaces follow as
 * blocks of the same text, because they tell of machines by UUID. */
static bool ask_xe(struct host *h)
{
	char uuid[64];
	struct buf text;
	bool asked;

	if (!own_uuid(h->root, uuid))
		return false;
	char *here = xasprintf("resident-on=%s", uuid);
	const char *const machines[] = {
		"xe", "vm-list", here, "is-control-domain=false", "params=all", NULL};
	const char *const interfaces[] = {"xe", "vif-list", "params=uuid,vm-uuid,MAC", NULL};
	buf_init(&text, GUESTS_TEXT_MAX);
	asked = host_run(h, machines, &text) == 0;
	if (asked) {
		buf_addc(&text, '\n');
		host_run(h, interfaces, &text);
		host_parse(h, guests_xe, "xe", &text);
	}
	buf_release(&text);
	free(here);
	return asked;
}

/* One of a configuration that runs already is known by its UUID, or its name where it has none. */
static void add_off(struct host *h, const char *path, guests_parser *parse)
{
	size_t first = h->list->count;

	if (host_parse_file(h, parse, path) != 1)
		return;
	struct guest *g = h->list->items[first];
	h->list->count = first;
	if (!host_find(h, g->uuid, g->name) && !host_find(h, NULL, g->name)) {
		h->list->count = first + 1;
		g->state = GUEST_OFF;
	}
}

static void add_file(struct host *h, const char *folder, const char *file)
{
	bool xml = text_ends(file, ".xml");
	char *path = xasprintf("%s/%s", folder, file);

	if (xml || text_ends(file, ".cfg"))
		add_off(h, path, xml ? guests_libvirt_xml : guests_xen_cfg);
	free(path);
}

void host_list_xen(struct host *h)
{
	static const char *const xl[] = {"xl", "list", "-l", NULL},
				 *const xm[] = {"xm", "list", "-l", NULL};

	if (!ask_xe(h)) {
		if (ask(h, xl, guests_xen_json))
			take_states(h);
		else if (h->e->code == ERR_NONE)
			ask(h, xm, guests_xen_sxp);
	}
	host_each(h, "/etc/libvirt/libxl", add_file);
	host_each(h, "/etc/xen", add_file);
}
