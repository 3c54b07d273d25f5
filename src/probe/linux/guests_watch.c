// SPDX-License-Identifier: Apache-2.0
/*
 * When the guests of this host may be others.
 *
 * Watching has two legs. inotify tells at once that something happened in a folder; the stamp, a
 * hash over what the folders hold and which processes run guests, tells at every poll, also where
 * inotify sees nothing (file systems of other machines, more folders than there are watches). Files
 * deeper inside do not count in the stamp: logs grow there all day.
 *
 * A folder that is not there yet is awaited: the nearest folder above that is there is watched for
 * that one name, step by step until it comes. All the world writes to some of those (/run, /var/lib), so
 * what else happens there is read and forgotten. Nothing is added or removed while nothing changes.
 */
#include "base/arena.h"
#include "probe/guests_host.h"
#include "probe/linux/host.h"
#include "probe/subject.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define WATCHES_MAX 4096
#define STEPS_MAX 16 /* down a path, when all of it comes at once */
#define EVENTS                                                                                     \
	(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE_SELF |   \
		IN_ONLYDIR)
#define EVENTS_ABOVE (IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_ONLYDIR | IN_MASK_ADD)

struct awaited {
	const char *folder; /* NULL: it is there */
	size_t above;       /* so many bytes of its name are the folder that is watched */
	int wd;             /* -1: none */
	bool only;          /* that is watched for what is awaited alone */
};

struct guests_watch {
	char *root;
	int fd;              /* inotify */
	int watches, newest; /* how many there are; the highest number, which only new ones pass */
	uint64_t stamp;
	bool looked;
	struct awaited *awaited; /* HOST_WATCHES for each platform */
	size_t n_awaited;
};

static uint64_t hash_stat(uint64_t hash, const struct stat *st)
{
	uint64_t v[] = {st->st_ino, (uint64_t)st->st_size, (uint64_t)st->st_mtim.tv_sec,
		(uint64_t)st->st_mtim.tv_nsec};
	return subject_hash(hash, v, sizeof(v));
}

/* ---- folders that are there ---- */

/* Adding a folder again changes nothing and gives the same number. */
static void watch(struct guests_watch *w, const char *path)
{
	int n = w->fd >= 0 && w->watches < WATCHES_MAX ? inotify_add_watch(w->fd, path, EVENTS)
						       : -1;
	if (n > w->newest) {
		w->newest = n;
		w->watches++;
	}
	for (size_t i = 0; n >= 0 && i < w->n_awaited; i++)
		w->awaited[i].only = w->awaited[i].only && w->awaited[i].wd != n;
}

/* ---- folders that are not ---- */

/* Room for the root and the first len bytes of a folder; false when it is too long. */
static bool path_to(const struct guests_watch *w, const char *folder, size_t len, char *path)
{
	int n = snprintf(path, PATH_MAX, "%s%.*s", w->root, (int)len, folder);
	if (n == 0)
		snprintf(path, PATH_MAX, "/");
	return n < PATH_MAX;
}

/* How many bytes of its name are the nearest folder above it that is there. */
static size_t nearest(const struct guests_watch *w, const char *folder)
{
	size_t len = strlen(folder) - 1; /* a slash at the end parts nothing */
	char path[PATH_MAX];

	do {
		while (len > 0 && folder[len] != '/')
			len--;
	} while (len > 0 && (!path_to(w, folder, len, path) || access(path, F_OK) != 0) && len--);
	return len;
}

static bool is_awaited_there(const struct guests_watch *w, int wd)
{
	for (size_t i = 0; i < w->n_awaited; i++)
		if (w->awaited[i].wd == wd && w->awaited[i].only)
			return true;
	return false;
}

static void leave(struct guests_watch *w, struct awaited *at)
{
	int wd = at->wd;
	bool only = at->only;

	at->wd = -1;
	at->only = false;
	if (wd >= 0 && only && !is_awaited_there(w, wd))
		inotify_rm_watch(w->fd, wd);
}

static void wait_above(struct guests_watch *w, struct awaited *at, size_t above)
{
	char path[PATH_MAX];
	int n = -1;

	if (w->fd >= 0 && w->watches < WATCHES_MAX && path_to(w, at->folder, above, path))
		n = inotify_add_watch(w->fd, path, EVENTS_ABOVE);
	bool only = n > w->newest || (n >= 0 && is_awaited_there(w, n));
	if (n > w->newest) {
		w->newest = n;
		w->watches++;
	}
	if (n != at->wd)
		leave(w, at);
	at->wd = n;
	at->only = only;
	at->above = above;
}

/* What comes while it is not watched yet is seen by looking again. */
static void await(struct guests_watch *w, struct awaited *at, const char *folder)
{
	char path[PATH_MAX];

	at->folder = folder;
	for (int step = 0; step < STEPS_MAX; step++) {
		size_t above = nearest(w, folder);
		if (at->wd >= 0 && at->above == above)
			return;
		wait_above(w, at, above);
		if (at->wd < 0)
			return; /* there are no more watches: the poll sees it */
		if (path_to(w, folder, strlen(folder), path) && access(path, F_OK) == 0)
			watch(w, path);
	}
}

static void came(struct guests_watch *w, struct awaited *at)
{
	leave(w, at);
	at->folder = NULL;
}

/* The step that a folder waits for. */
static bool is_step(const struct awaited *at, const char *name, size_t size)
{
	size_t n = strnlen(name, size);
	const char *step = at->folder + at->above + 1;

	return n > 0 && strncmp(step, name, n) == 0 && (step[n] == '/' || step[n] == '\0');
}

/* ---- the stamp ---- */

/* The sum over the entries, so that their order does not matter. */
static uint64_t folder_stamp(struct guests_watch *w, const char *folder, struct awaited *at)
{
	size_t n = strlen(folder);
	bool inside = n > 1 && folder[n - 1] == '/';
	char path[PATH_MAX];
	uint64_t sum = 1;
	struct dirent *d;
	struct stat st;

	snprintf(path, sizeof(path), "%s%.*s", w->root, (int)(n - inside), folder);
	DIR *dir = opendir(path);
	if (!dir) {
		await(w, at, folder);
		return 0;
	}
	came(w, at);
	watch(w, path);
	while ((d = readdir(dir))) {
		if (d->d_name[0] == '.' || fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		sum += hash_stat(subject_hash(7, d->d_name, strlen(d->d_name)), &st);
		if (inside && S_ISDIR(st.st_mode) &&
			snprintf(path, sizeof(path), "%s%s%s", w->root, folder, d->d_name) <
				PATH_MAX)
			watch(w, path);
	}
	closedir(dir);
	return sum;
}

struct pids {
	struct host host; /* first: what host_each_process hands on is this */
	uint64_t sum;
};

static void add_pid(struct host *h, const char *pid)
{
	struct pids *p = (struct pids *)h;
	char path[PATH_MAX];
	struct stat st;
	/* The folder's time is when the process began, or a little later: another process with the
	 * same number has another. */
	snprintf(path, sizeof(path), "%s/proc/%s", h->root, pid);
	p->sum += subject_hash(11, pid, strlen(pid)) + (stat(path, &st) == 0 ? st.st_ino : 0);
}

static uint64_t process_stamp(const char *root)
{
	static const char *const names[] = {"qemu", "kvm", "VBoxHeadless", "VirtualBoxVM", NULL};
	struct pids p = {.host = {.root = root}};
	host_each_process(&p.host, names, add_pid);
	return p.sum;
}

struct guests_watch *guests_watch_open(const char *root)
{
	struct guests_watch *w = xcalloc(1, sizeof(*w));
	w->root = xstrdup(root);
	w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	w->n_awaited = platforms_count * HOST_WATCHES;
	w->awaited = xcalloc(w->n_awaited, sizeof(*w->awaited));
	for (size_t i = 0; i < w->n_awaited; i++)
		w->awaited[i].wd = -1;
	return w;
}

void guests_watch_close(struct guests_watch *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		close(w->fd);
	free(w->awaited);
	free(w->root);
	free(w);
}

int guests_watch_fd(const struct guests_watch *w)
{
	return w->fd;
}

/* The locks of Xen's tools are no news: xl makes and removes two a guest at every listing, so that each
 * look of ours would call for another. */
static bool is_news(const char *name, size_t size)
{
	static const char lock[] = "userdata-l.";

	return strncmp(name, lock, size < sizeof(lock) - 1 ? size : sizeof(lock) - 1) != 0 ||
		size == 0;
}

static bool is_event_news(
	const struct guests_watch *w, const struct inotify_event *one, const char *name)
{
	bool only = false;

	for (size_t i = 0; one->wd >= 0 && one->len > 0 && i < w->n_awaited; i++) {
		const struct awaited *at = &w->awaited[i];
		if (at->wd != one->wd || !at->only)
			continue;
		if (is_step(at, name, one->len))
			return true;
		only = true;
	}
	return !only && is_news(name, one->len);
}

/* A folder that is gone, or is awaited no more, frees its watch: that it is gone was said before. */
static void freed(struct guests_watch *w, int wd)
{
	w->watches--;
	for (size_t i = 0; i < w->n_awaited; i++)
		if (w->awaited[i].wd == wd) {
			w->awaited[i].wd = -1;
			w->awaited[i].only = false;
		}
}

static bool take_events(struct guests_watch *w, const char *events, size_t len)
{
	struct inotify_event one;
	bool any = false;

	for (size_t at = 0; at + sizeof(one) <= len; at += sizeof(one) + one.len) {
		memcpy(&one, events + at, sizeof(one));
		if (one.mask & IN_IGNORED)
			freed(w, one.wd);
		else
			any = is_event_news(w, &one, events + at + sizeof(one)) || any;
	}
	return any;
}

bool guests_watch_drain(struct guests_watch *w)
{
	char events[4096];
	bool any = false;
	ssize_t n;

	for (int i = 0; i < 1000 && (n = read(w->fd, events, sizeof(events))) > 0; i++)
		any = take_events(w, events, (size_t)n) || any;
	return any;
}

/* A platform that is not here: what it will make is awaited, or watched where it is there already, and
 * is no stamp. */
static void watch_absent(struct guests_watch *w, const char *folder, struct awaited *at)
{
	static const char *const shared[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/systemd"};
	char path[PATH_MAX];

	if (!path_to(w, folder, strlen(folder), path) || access(path, F_OK) != 0) {
		await(w, at, folder);
		return;
	}
	came(w, at);
	for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
		if (strcmp(folder, shared[i]) == 0)
			return; /* everything that runs makes its own there */
	watch(w, path);
}

bool guests_watch_changed(struct guests_watch *w)
{
	uint64_t stamp = subject_hash(UINT64_C(14695981039346656037), "", 1);
	bool silent = false;

	for (size_t i = 0; i < platforms_count; i++) {
		const struct platform *p = &platforms[i];
		struct awaited *at = w->awaited + i * HOST_WATCHES;
		bool here = p->is_here(w->root);
		if (here)
			stamp = subject_hash(stamp, p->name, strlen(p->name));
		silent = silent || (here && p->silent);
		for (size_t k = 0; k < HOST_WATCHES && p->watches[k]; k++) {
			if (!here) {
				watch_absent(w, p->watches[k], &at[k]);
				continue;
			}
			uint64_t folder = folder_stamp(w, p->watches[k], &at[k]);
			stamp = subject_hash(stamp, &folder, sizeof(folder));
		}
	}
	uint64_t processes = process_stamp(w->root);
	stamp = subject_hash(stamp, &processes, sizeof(processes));
	bool changed = silent || !w->looked || stamp != w->stamp;
	w->stamp = stamp;
	w->looked = true;
	return changed;
}
