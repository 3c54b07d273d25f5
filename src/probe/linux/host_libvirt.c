// SPDX-License-Identifier: Apache-2.0
/*
 * libvirt without libvirt: its drivers keep the whole of a running domain in RUN/NAME.xml, with the
 * state, written anew at every change, and the definitions of all in ETC/NAME.xml. No process is
 * needed for a thousand guests, and none runs when nothing changes.
 *
 * A status file outlives a daemon that was killed; it counts while the process in NAME.pid lives.
 * What is defined and does not run is off, or suspended when its memory was saved.
 */
#include "base/arena.h"
#include "base/text.h"
#include "probe/linux/host.h"
#include <stdlib.h>
#include <string.h>

bool host_is_libvirt_here(const char *root, const char *driver)
{
	return host_exists(root, "/var/run/libvirt/%s", driver) ||
		host_exists(root, "/etc/libvirt/%s", driver);
}

static void add_running(struct host *h, const char *folder, const char *file)
{
	size_t first = h->list->count;
	char *path, *pid;

	if (!text_ends(file, ".xml"))
		return;
	path = xasprintf("%s/%s", folder, file);
	pid = xasprintf("%s/%.*s.pid", folder, (int)strlen(file) - 4, file);
	if (host_pid_alive(h->root, pid))
		host_parse_file(h, guests_libvirt_xml, path);
	for (size_t i = first; i < h->list->count; i++)
		if (h->list->items[i]->state == GUEST_UNKNOWN)
			h->list->items[i]->state = GUEST_RUNNING;
	free(path);
	free(pid);
}

static void add_defined(struct host *h, const char *folder, const char *file)
{
	size_t first = h->list->count;
	char *path;

	if (!text_ends(file, ".xml"))
		return;
	path = xasprintf("%s/%s", folder, file);
	if (host_parse_file(h, guests_libvirt_xml, path) == 1) {
		struct guest *g = h->list->items[first];
		h->list->count = first;
		if (!host_find(h, g->uuid, g->name)) {
			h->list->count = first + 1;
			g->state = g->name &&
					host_exists(h->root, "/var/lib%s/save/%s.save",
						folder + strlen("/etc"), g->name)
				? GUEST_SUSPENDED
				: GUEST_OFF;
		}
	}
	free(path);
}

void host_list_libvirt_qemu(struct host *h)
{
	host_each(h, "/var/run/libvirt/qemu", add_running);
	host_each(h, "/etc/libvirt/qemu", add_defined);
}

void host_list_libvirt_lxc(struct host *h)
{
	host_each(h, "/var/run/libvirt/lxc", add_running);
	host_each(h, "/etc/libvirt/lxc", add_defined);
}
