// SPDX-License-Identifier: Apache-2.0
/*
 * Proxmox: one file a guest in /etc/pve, whose name is the guest's number. A machine runs while the
 * process of its pid file lives, a container while it has a cgroup.
 */
#include "base/arena.h"
#include "base/text.h"
#include "probe/linux/host.h"
#include <stdlib.h>
#include <string.h>

static struct guest *add(struct host *h, const char *folder, const char *file, const char *word)
{
	size_t first = h->list->count;
	char *path = xasprintf("%s/%s", folder, file);
	struct guest *g = NULL;

	if (text_ends(file, ".conf") && host_parse_file(h, guests_proxmox, path) == 1) {
		g = h->list->items[first];
		g->local = arena_strndup(h->list->arena, file, strlen(file) - 5);
		if (!g->name) /* as Proxmox shows it then */
			g->name = arena_printf(h->list->arena, "%s %s", word, g->local);
	}
	free(path);
	return g;
}

static void add_machine(struct host *h, const char *folder, const char *file)
{
	struct guest *g = add(h, folder, file, "VM");
	char *pid;

	if (!g)
		return;
	pid = xasprintf("/var/run/qemu-server/%s.pid", g->local);
	if (host_pid_alive(h->root, pid))
		g->state = GUEST_RUNNING;
	else if (g->state != GUEST_SUSPENDED)
		g->state = GUEST_OFF;
	free(pid);
}

static void add_container(struct host *h, const char *folder, const char *file)
{
	struct guest *g = add(h, folder, file, "CT");

	if (!g)
		return;
	g->container = g->local;
	g->state = host_lxc_state(h->root, g->local);
}

void host_list_proxmox(struct host *h)
{
	host_each(h, "/etc/pve/qemu-server", add_machine);
	host_each(h, "/etc/pve/lxc", add_container);
}
