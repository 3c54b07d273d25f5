// SPDX-License-Identifier: Apache-2.0
/*
 * Containers: Docker and Podman by their own inspect, LXC by its folders and cgroups.
 *
 * A Docker container that is off may still tell the address it had, which by now is another's. It
 * has none in a report.
 */
#include "base/arena.h"
#include "base/file.h"
#include "probe/linux/host.h"
#include <stdlib.h>
#include <string.h>

#define AT_ONCE 100 /* containers asked for in one command */
#define IDS_MAX (4096 * 80)

static void inspect(struct host *h, const char *program, char *const *ids, size_t count)
{
	const char *argv[AT_ONCE + 3] = {program, "inspect"};
	size_t first = h->list->count;
	struct buf text;

	for (size_t i = 0; i < count; i++)
		argv[2 + i] = ids[i];
	buf_init(&text, GUESTS_TEXT_MAX);
	if (host_run(h, argv, &text) == 0)
		host_parse(h, guests_docker, program, &text);
	for (size_t i = first; i < h->list->count; i++)
		if (h->list->items[i]->state == GUEST_OFF ||
			h->list->items[i]->state == GUEST_CRASHED)
			h->list->items[i]->macs_count = 0;
	buf_release(&text);
}

static void list_engine(struct host *h, const char *program)
{
	const char *const argv[] = {program, "ps", "-aq", "--no-trunc", NULL};
	char *ids[AT_ONCE], *at, *line;
	size_t n = 0;
	struct buf text;

	buf_init(&text, IDS_MAX);
	if (host_run(h, argv, &text) == 0 && text.data) {
		for (at = text.data; (line = guest_line(&at));) {
			if (!*line || line[0] == '-')
				continue;
			ids[n++] = line;
			if (n == AT_ONCE) {
				inspect(h, program, ids, n);
				n = 0;
			}
		}
		if (n > 0)
			inspect(h, program, ids, n);
	}
	buf_release(&text);
}

void host_list_docker(struct host *h)
{
	list_engine(h, "docker");
}

void host_list_podman(struct host *h)
{
	list_engine(h, "podman");
}

/* ---- LXC ---- */

/* Of the second version of cgroups, or the first with systemd's or the freezer's tree. */
static const char *const cgroups[] = {"/sys/fs/cgroup/lxc.payload.%s", "/sys/fs/cgroup/lxc/%s",
	"/sys/fs/cgroup/freezer/lxc.payload.%s", "/sys/fs/cgroup/freezer/lxc/%s",
	"/sys/fs/cgroup/systemd/lxc.payload.%s", "/sys/fs/cgroup/systemd/lxc/%s"};

static bool is_frozen(const char *root, const char *cgroup)
{
	char line[32];
	char *v2 = xasprintf("%s%s/cgroup.freeze", root, cgroup),
	     *v1 = xasprintf("%s%s/freezer.state", root, cgroup);
	bool frozen = (file_line(v2, line, sizeof(line)) == 0 && strcmp(line, "1") == 0) ||
		(file_line(v1, line, sizeof(line)) == 0 && strcmp(line, "FROZEN") == 0);
	free(v2);
	free(v1);
	return frozen;
}

enum guest_state host_lxc_state(const char *root, const char *name)
{
	for (size_t i = 0; i < sizeof(cgroups) / sizeof(cgroups[0]); i++) {
		size_t prefix = strlen(cgroups[i]) - 2;
		char *cgroup = xasprintf("%.*s%s", (int)prefix, cgroups[i], name);
		bool there = host_exists(root, "%s", cgroup),
		     frozen = there && is_frozen(root, cgroup);
		free(cgroup);
		if (there)
			return frozen ? GUEST_PAUSED : GUEST_RUNNING;
	}
	return GUEST_OFF;
}

static void add_lxc(struct host *h, const char *folder, const char *name)
{
	size_t first = h->list->count;
	char *path = xasprintf("%s/%s/config", folder, name);

	/* Proxmox keeps its own containers there too, and lists them itself. */
	if (!host_exists(h->root, "/etc/pve/lxc/%s.conf", name) &&
		host_parse_file(h, guests_lxc, path) == 1) {
		struct guest *g = h->list->items[first];
		g->container = arena_strdup(h->list->arena, name);
		if (!g->name)
			g->name = g->container;
		g->state = host_lxc_state(h->root, name);
	}
	free(path);
}

void host_list_lxc(struct host *h)
{
	host_each(h, "/var/lib/lxc", add_lxc);
}
