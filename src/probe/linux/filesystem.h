/* SPDX-License-Identifier: Apache-2.0 */
/* Parser of the subject filesystem. */
#ifndef HIM_PROBE_LINUX_FILESYSTEM_H
#define HIM_PROBE_LINUX_FILESYSTEM_H

#include "base/arena.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MOUNTS_MAX 65536

struct mount {
	uint32_t major, minor;
	const char *root;   /* what of the file system is mounted: "/", or a folder of it */
	const char *point;  /* where */
	const char *type;   /* "ext4", "nfs4", "fuse.sshfs" */
	const char *source; /* what, as it was asked for */
	bool read_only;     /* the mount or the file system */
	size_t order; /* place in the list: a later one hides an earlier one at the same point */
};

/* /proc/PID/mountinfo (proc(5)). Fills *out with an array of the arena's. Fails on a line that
 * is none and on more than MOUNTS_MAX of them. */
int mountinfo_parse(const char *text, size_t len, struct arena *a, struct mount **out, size_t *n,
	struct err *e);

/* Picks the mounts that are told: real file systems, not hidden by a later mount, and each once
 * however often it is bound to another place. Reorders `mounts`, puts them first and returns how
 * many they are. */
size_t mounts_pick(struct mount *mounts, size_t n);

bool mount_is_network(
	const struct mount *m); /* asking it may hang: it lives elsewhere or in user space */

#endif
