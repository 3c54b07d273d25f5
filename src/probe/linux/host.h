/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom this machine hosts. A platform is one row of a table and one file: how to see that it is
 * here, which folders change when its guests do, and how to list them. host.c has the table and
 * what the platforms share.
 *
 * Below a root folder (a captured machine) no program is started: what one would print is read
 * from ROOT/commands/COMMAND LINE, with '_' for each '/'; without that file the program is absent.
 */
#ifndef HIM_PROBE_LINUX_HOST_H
#define HIM_PROBE_LINUX_HOST_H

#include "base/buf.h"
#include "probe/guests.h"
#include <limits.h>

#define HOST_WATCHES 6

struct host {
	const char *root; /* "" for this machine */
	int64_t until_ms; /* monotonic; no program runs on after it */
	struct guests *list;
	size_t before;        /* guests in the list that other platforms found */
	const char *platform; /* of those that are added */
	struct err *e;        /* the first thing that went wrong */
};

struct platform {
	const char *name;
	bool (*is_here)(const char *root);
	/* Folders, "/" after the name: with the folders in them. What may be absent, may. */
	const char *watches[HOST_WATCHES];
	bool silent; /* it changes without a trace in folders: list at every poll */
	/* What can be listed is added even when something fails. */
	void (*list)(struct host *h);
};

extern const struct platform platforms[];
extern const size_t platforms_count;

/* ---- for platforms ---- */

bool host_exists(const char *root, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Is there such a program in the folders where programs are? */
bool host_has_program(const char *root, const char *name);

/* Fills an empty buffer with what a program prints. -1 when it fails, hangs or prints too much; only
 * when it is absent nothing is noted in h->e. A code other than 0 is a failure. */
int host_run(struct host *h, const char *const *argv, struct buf *out);

/* Notes what went wrong, the first time, and where. */
void host_note(struct host *h, const char *where, const struct err *why);

/* Parses a text into the list; what does not parse adds nothing and is noted. The count of guests
 * added. */
size_t host_parse(struct host *h, guests_parser *parse, const char *where, const struct buf *text);

/* The same for a file below the root; 0 when it is absent. */
size_t host_parse_file(struct host *h, guests_parser *parse, const char *path);

/* The guest this platform added before with that UUID, or else name; NULL when there is none. */
struct guest *host_find(const struct host *h, const char *uuid, const char *name);

/* Calls each with every name in a folder, in order, those that begin with a dot left out. */
void host_each(struct host *h, const char *folder,
	void (*each)(struct host *h, const char *folder, const char *name));

/* The process whose number stands in a file is alive. */
bool host_pid_alive(const char *root, const char *file);

/* Calls each with every process whose name ("comm") begins so. */
void host_each_process(
	struct host *h, const char *const *names, void (*each)(struct host *h, const char *pid));

/* ---- platforms that several files use ---- */

/* A container of LXC by its cgroup: running, paused or off. */
enum guest_state host_lxc_state(const char *root, const char *name);

bool host_is_libvirt_here(const char *root, const char *driver);

/* The platforms' own. */
void host_list_libvirt_qemu(struct host *h);
void host_list_libvirt_lxc(struct host *h);
void host_list_xen(struct host *h);
void host_list_vmware(struct host *h);
void host_list_vbox(struct host *h);
void host_list_proxmox(struct host *h);
void host_list_qemu(struct host *h);
void host_list_docker(struct host *h);
void host_list_podman(struct host *h);
void host_list_lxc(struct host *h);

#endif
