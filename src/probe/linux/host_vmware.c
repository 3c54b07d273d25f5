// SPDX-License-Identifier: Apache-2.0
/*
 * VMware: the registered .vmx files by vim-cmd (ESXi), vmware-cmd (ESX, Server) or vmrun
 * (Workstation, which lists those that run), each file read; who runs by one list of processes
 * instead of a question a machine.
 *
 * A path is written with the name of a datastore in one list and its UUID in another; what they
 * have in common is the machine's folder and file.
 */
#include "base/arena.h"
#include "base/text.h"
#include "probe/linux/host.h"
#include <stdlib.h>
#include <string.h>

static void add_vmx(struct host *h, const char *path, enum guest_state state)
{
	size_t first = h->list->count;

	if (host_parse_file(h, guests_vmx, path) != 1)
		return;
	struct guest *g = h->list->items[first];
	g->local = arena_strdup(h->list->arena, path);
	if (state != GUEST_UNKNOWN)
		g->state = state;
}

/* "1  web  [datastore1] web/web.vmx  debian6_64Guest  vmx-10": the path, in place. */
static char *path_of_row(char *row)
{
	char *open = strchr(row, '['), *close = open ? strchr(open, ']') : NULL;
	char *end = close ? strstr(close, ".vmx") : NULL;

	if (!end)
		return NULL;
	end[4] = 0;
	*close = 0;
	return xasprintf("/vmfs/volumes/%s/%s", open + 1, text_trim(close + 1));
}

static bool list_paths(struct host *h, const char *const *argv, enum guest_state state)
{
	char *at, *line, *path;
	struct buf text;
	bool asked;

	buf_init(&text, GUESTS_TEXT_MAX);
	asked = host_run(h, argv, &text) == 0;
	for (at = text.data; asked && at && (line = guest_line(&at));) {
		path = line[0] == '/' ? xstrdup(text_trim(line)) : path_of_row(line);
		if (path)
			add_vmx(h, path, state);
		free(path);
	}
	buf_release(&text);
	return asked;
}

/* The last two parts of a path. */
static const char *tail(const char *path)
{
	const char *at = path + strlen(path);
	for (int slashes = 0; at > path; at--)
		if (at[-1] == '/' && ++slashes == 2)
			break;
	return at;
}

static void mark_running(struct host *h, const char *path)
{
	for (size_t i = h->before; i < h->list->count; i++) {
		struct guest *g = h->list->items[i];
		if (g->local && strcmp(tail(g->local), tail(path)) == 0)
			g->state = GUEST_RUNNING;
	}
}

/* "   Config File: /vmfs/volumes/4f59…/web/web.vmx" */
static void take_states(struct host *h)
{
	const char *const argv[] = {"esxcli", "vm", "process", "list", NULL};
	char *at, *line, *value;
	struct buf text;

	buf_init(&text, GUESTS_TEXT_MAX);
	if (host_run(h, argv, &text) == 0) {
		for (size_t i = h->before; i < h->list->count; i++)
			if (h->list->items[i]->state == GUEST_UNKNOWN)
				h->list->items[i]->state = GUEST_OFF;
		for (at = text.data; at && (line = guest_line(&at));) {
			line = text_trim(line);
			value = guest_pair(line, ':');
			if (value && strcmp(line, "Config File") == 0)
				mark_running(h, value);
		}
	}
	buf_release(&text);
}

void host_list_vmware(struct host *h)
{
	static const char *const vim[] = {"vim-cmd", "vmsvc/getallvms", NULL},
				 *const cmd[] = {"vmware-cmd", "-l", NULL},
				 *const run[] = {"vmrun", "list", NULL};

	if (list_paths(h, vim, GUEST_UNKNOWN) ||
		(h->e->code == ERR_NONE && list_paths(h, cmd, GUEST_UNKNOWN)))
		take_states(h);
	else if (h->e->code == ERR_NONE)
		list_paths(h, run, GUEST_RUNNING);
}
