// SPDX-License-Identifier: Apache-2.0
/*
 * File systems: what is mounted where, how large it is and about how full.
 *
 * A mount table is mostly noise: kernel interfaces, memory, images, and one disk bound to fifty
 * places by a container engine. What is told is each real file system once, at its shortest
 * mount point.
 *
 * Asking a dead network file system for its size hangs for ever, and so does walking a path
 * through it. A file system that lives on another machine or in a user's process is therefore
 * never asked, nor is anything mounted below one.
 */
#include "probe/linux/filesystem.h"
#include "base/text.h"
#include "probe/linux/look.h"
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#define MOUNTINFO_MAX (32 * 1024 * 1024)

/* Hold no files of their own, or only until the next boot, or are images that never change. */
static const char *const unreal_types[] = {"autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2",
	"configfs", "cpuset", "debugfs", "devpts", "devtmpfs", "efivarfs", "erofs", "fusectl",
	"hugetlbfs", "mqueue", "nsfs", "proc", "pstore", "ramfs", "rootfs", "rpc_pipefs",
	"securityfs", "selinuxfs", "smackfs", "squashfs", "sysfs", "tmpfs", "tracefs"};

static const char *const network_types[] = {"9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs",
	"fuse", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "pvfs2",
	"smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs"};

static bool is_one_of(const char *word, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

bool mount_is_network(const struct mount *m)
{
	return text_starts(m->type, "fuse.") ||
		is_one_of(m->type, network_types, sizeof(network_types) / sizeof(network_types[0]));
}

static bool is_real(const struct mount *m)
{
	if (is_one_of(m->type, unreal_types, sizeof(unreal_types) / sizeof(unreal_types[0])))
		return false;
	/* a container's layers; for the container itself its root */
	return strcmp(m->type, "overlay") != 0 || strcmp(m->point, "/") == 0;
}

/* ---- parsing ---- */

/* The kernel writes blank, tab, newline and backslash as \ and three octal digits. In place. */
static void unescape(char *s)
{
	char *to = s;
	while (*s) {
		unsigned char c = (unsigned char)*s++;
		if (c == '\\' && s[0] >= '0' && s[0] <= '3' && s[1] >= '0' && s[1] <= '7' &&
			s[2] >= '0' && s[2] <= '7') {
			c = (unsigned char)((s[0] - '0') << 6 | (s[1] - '0') << 3 | (s[2] - '0'));
			s += 3;
		}
		*to++ = (char)c;
	}
	*to = 0;
}

static bool has_option(const char *options, const char *wanted)
{
	size_t n = strlen(wanted);
	for (const char *p = options; p; p = strchr(p, ','), p = p ? p + 1 : NULL)
		if (strncmp(p, wanted, n) == 0 && (p[n] == ',' || p[n] == 0))
			return true;
	return false;
}

static int device_number(char *text, struct mount *m)
{
	int64_t major, minor;
	char *colon = strchr(text, ':');
	if (!colon)
		return -1;
	*colon = 0;
	if (text_int(text, "major", 0, UINT32_MAX, &major, NULL) ||
		text_int(colon + 1, "minor", 0, UINT32_MAX, &minor, NULL))
		return -1;
	m->major = (uint32_t)major;
	m->minor = (uint32_t)minor;
	return 0;
}

/* id parent major:minor root point options [optional]… - type source super-options */
static int parse_line(char *line, struct mount *m)
{
	enum { ID, PARENT, DEVICE, ROOT, POINT, OPTIONS, REST, FIELDS };
	char *field[FIELDS];

	if (text_split(line, " ", field, FIELDS) != FIELDS)
		return -1;
	char *tail = field[REST]; /* no optional fields: the dash comes at once */
	if (text_starts(tail, "- "))
		tail += 2;
	else if ((tail = strstr(tail, " - ")))
		tail += 3;
	else
		return -1;
	char *end[3] = {NULL, NULL, NULL};
	if (text_split(tail, " ", end, 3) < 2 || !end[0][0] || device_number(field[DEVICE], m))
		return -1;
	m->root = field[ROOT];
	m->point = field[POINT];
	m->type = end[0];
	m->source = end[1];
	m->read_only = has_option(field[OPTIONS], "ro") || (end[2] && has_option(end[2], "ro"));
	unescape(field[ROOT]);
	unescape(field[POINT]);
	unescape(end[0]);
	unescape(end[1]);
	return 0;
}

static size_t count_lines(const char *text, size_t len)
{
	size_t n = 1;
	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n';
	return n;
}

int mountinfo_parse(
	const char *text, size_t len, struct arena *a, struct mount **out, size_t *n, struct err *e)
{
	const char *end = text + len;
	size_t lines = count_lines(text, len);

	*n = 0;
	if (lines > MOUNTS_MAX)
		return err_set(
			e, ERR_TOO_LARGE, "more than %d file systems are mounted", MOUNTS_MAX);
	*out = arena_alloc(a, lines * sizeof(**out));
	while (text < end) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		if (!eol)
			eol = end;
		struct mount *m = &(*out)[*n];
		if (eol > text && parse_line(arena_strndup(a, text, (size_t)(eol - text)), m))
			return err_set(
				e, ERR_INVALID, "line %zu of mountinfo is not a mount", *n + 1);
		if (eol > text) {
			m->order = *n;
			++*n;
		}
		text = eol < end ? eol + 1 : end;
	}
	return 0;
}

/* ---- picking ---- */

static int compare_number(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/* By mount point, the one on top first. */
static int by_point(const void *x, const void *y)
{
	const struct mount *a = x, *b = y;
	int c = strcmp(a->point, b->point);
	return c ? c : compare_number(b->order, a->order);
}

/* Several mounts of one device can be told apart when they show separate trees: subvolumes of
 * btrfs, exports of a server. Elsewhere they are the same files bound to another place. */
static bool has_trees(const struct mount *m)
{
	return strcmp(m->type, "btrfs") == 0 || mount_is_network(m);
}

static int compare_identity(const struct mount *a, const struct mount *b)
{
	int c = compare_number(a->major, b->major);
	if (c == 0)
		c = compare_number(a->minor, b->minor);
	if (c == 0)
		c = strcmp(a->type, b->type);
	if (c == 0 && has_trees(a))
		c = strcmp(a->source, b->source);
	if (c == 0 && has_trees(a))
		c = strcmp(a->root, b->root);
	return c;
}

/* By what is mounted, the shortest way to it first. */
static int by_identity(const void *x, const void *y)
{
	const struct mount *a = x, *b = y;
	int c = compare_identity(a, b);
	if (c == 0)
		c = compare_number(strlen(a->point), strlen(b->point));
	return c ? c : strcmp(a->point, b->point);
}

size_t mounts_pick(struct mount *mounts, size_t n)
{
	size_t kept = 0, told = 0;

	qsort(mounts, n, sizeof(*mounts), by_point);
	const char *point = NULL;
	for (size_t i = 0; i < n; i++) {
		bool on_top = !point || strcmp(point, mounts[i].point) != 0;
		point = mounts[i].point;
		if (on_top && is_real(&mounts[i]))
			mounts[kept++] = mounts[i];
	}
	qsort(mounts, kept, sizeof(*mounts), by_identity);
	for (size_t i = 0; i < kept; i++)
		if (told == 0 || compare_identity(&mounts[told - 1], &mounts[i]) != 0)
			mounts[told++] = mounts[i];
	return told;
}

/* ---- looking ---- */

static bool is_below(const char *path, const char *folder)
{
	size_t n = strlen(folder);
	while (n > 0 && folder[n - 1] == '/')
		n--;
	return strncmp(path, folder, n) == 0 && path[n] == '/';
}

/* The mount points of all network file systems, told or not. */
static size_t find_network(const struct mount *mounts, size_t n, const char **points)
{
	size_t found = 0;
	for (size_t i = 0; i < n; i++)
		if (mount_is_network(&mounts[i]))
			points[found++] = mounts[i].point;
	return found;
}

static bool may_hang(const struct mount *m, const char *const *network, size_t n)
{
	if (mount_is_network(m))
		return true;
	for (size_t i = 0; i < n; i++)
		if (is_below(m->point, network[i]))
			return true;
	return false;
}

static void tell_size(const struct mount *m, struct json *fs, const struct json *before)
{
	struct statvfs st;
	if (statvfs(m->point, &st) || st.f_blocks == 0 || st.f_bfree > st.f_blocks ||
		st.f_blocks > INT64_MAX / 2 / (st.f_frsize ? st.f_frsize : 1))
		return;
	/* datasets of zfs share one pool: each one's size moves with what the others write */
	if (strcmp(m->type, "zfs") != 0)
		json_set_int(fs, "size", (int64_t)(st.f_blocks * st.f_frsize));

	double used = (double)(st.f_blocks - st.f_bfree), room = used + (double)st.f_bavail;
	if (room > 0)
		json_set_int(fs, "used_percent",
			subject_steady_percent(
				100 * used / room, json_get(before, "used_percent")));
	if (st.f_files > 0 && st.f_ffree <= st.f_files)
		json_set_int(fs, "inodes_used_percent",
			subject_steady_percent(
				100 * (double)(st.f_files - st.f_ffree) / (double)st.f_files,
				json_get(before, "inodes_used_percent")));
}

static int tell(const struct probe_env *env, const struct mount *m, bool hang,
	struct subject_out *out, struct err *e)
{
	struct json *fs = json_object();
	subject_text(fs, "type", m->type);
	subject_text(fs, "source", m->source);
	if (mount_is_network(m))
		json_set_bool(fs, "network", true);
	if (m->read_only)
		json_set_bool(fs, "read_only", true);
	if (!hang && !env->root[0])
		tell_size(m, fs, json_get(out->section_before, m->point));
	return subject_add(out, m->point, fs, e);
}

/* The first process sees the machine as it is; a service manager may have given us another view. */
static int read_mounts(const struct probe_env *env, struct buf *text, struct err *e)
{
	if (subject_read(env, "/proc/1/mountinfo", text, e))
		return -1;
	return text->len > 0 ? 0 : subject_read(env, "/proc/self/mountinfo", text, e);
}

int filesystem_look(const struct probe_env *env, struct subject_out *out, struct err *e)
{
	struct arena *a = arena_new();
	struct mount *mounts;
	struct buf text;
	size_t n;

	buf_init(&text, MOUNTINFO_MAX);
	int r = read_mounts(env, &text, e);
	if (r == 0)
		r = mountinfo_parse(buf_str(&text), text.len, a, &mounts, &n, e);
	if (r == 0) {
		const char **network = arena_alloc(a, (n + 1) * sizeof(*network));
		size_t networks = find_network(mounts, n, network);
		size_t told = mounts_pick(mounts, n);
		for (size_t i = 0; i < told && r == 0; i++)
			r = tell(env, &mounts[i], may_hang(&mounts[i], network, networks), out, e);
	}
	buf_release(&text);
	arena_free(a);
	return r;
}
