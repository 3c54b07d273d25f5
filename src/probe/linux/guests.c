// SPDX-License-Identifier: Apache-2.0
/*
 * Runs through the platforms (host.h): lists their guests, and watches for when they change.
 *
 * Watching has two legs. inotify tells at once that something happened in a folder; the stamp, a
 * hash over what the folders hold and which processes run guests, tells at every poll, also where
 * inotify sees nothing (file systems of other machines, more folders than there are watches). Files
 * deeper inside do not count in the stamp: logs grow there all day.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "probe/guests_host.h"
#include "probe/linux/host.h"
#include "probe/linux/look.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define WATCHES_MAX 4096
#define EVENTS                                                                                     \
	(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE_SELF |   \
		IN_ONLYDIR)

static bool is_without(const char *names, const char *name)
{
	size_t n = strlen(name);
	for (const char *at = names; at && *at; at += strcspn(at, ","), at += *at == ',')
		if (strncmp(at, name, n) == 0 && (at[n] == ',' || !at[n]))
			return true;
	return false;
}

void guests_host(const char *root, const char *without, struct guests *list, struct json *errors,
	struct json *slow)
{
	struct host h = {.root = root, .until_ms = clock_mono_ms() + GUESTS_LOOK_MS, .list = list};

	for (size_t i = 0; i < platforms_count; i++) {
		const struct platform *p = &platforms[i];
		int64_t began = clock_mono_ms();
		struct err e = ERR_INIT;
		if (!p->is_here(root))
			continue;
		h.before = list->count;
		h.platform = p->name;
		h.e = &e;
		if (is_without(without, p->name))
			err_set(&e, ERR_UNAVAILABLE,
				"it took too long and is left alone for a while");
		else
			p->list(&h);
		if (e.code != ERR_NONE)
			json_set_string(errors, p->name, e.text);
		/* One that answers, if late, is not to blame: on a busy host everything is slow. */
		if (slow && e.code != ERR_NONE && clock_mono_ms() - began > GUESTS_SLOW_MS)
			json_add(slow, json_string(p->name));
	}
	guests_settle(list);
}

int guests_look(const struct probe_env *env, struct subject_out *out, struct err *e)
{
	struct json *errors = json_object();
	struct guests list;
	struct json_iter it;
	int rc = 0;

	guests_init(&list);
	guests_host(env->root, NULL, &list, errors, NULL);
	struct json *records = guests_records(&list);
	for (it = json_iter(records); rc == 0 && json_next(&it);)
		rc = subject_add(out, it.key, json_copy(it.value), e);
	for (it = json_iter(errors); rc == 0 && json_next(&it);)
		rc = err_set(e, ERR_UNAVAILABLE, "%s: %s", it.key, json_str(it.value));
	json_free(records);
	json_free(errors);
	guests_release(&list);
	return rc;
}

/* ---- watching ---- */

struct guests_watch {
	char *root;
	int fd;              /* inotify */
	int watches, newest; /* how many there are; the highest number, which only new ones pass */
	uint64_t stamp;
	bool looked;
};

static uint64_t hash_add(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *p = data;
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * UINT64_C(1099511628211);
	return hash;
}

static uint64_t hash_stat(uint64_t hash, const struct stat *st)
{
	uint64_t v[] = {st->st_ino, (uint64_t)st->st_size, (uint64_t)st->st_mtim.tv_sec,
		(uint64_t)st->st_mtim.tv_nsec};
	return hash_add(hash, v, sizeof(v));
}

/* Adding a folder again changes nothing and gives the same number. */
static void watch(struct guests_watch *w, const char *path)
{
	int n = w->fd >= 0 && w->watches < WATCHES_MAX ? inotify_add_watch(w->fd, path, EVENTS)
						       : -1;
	if (n > w->newest) {
		w->newest = n;
		w->watches++;
	}
}

/* A folder that is not there yet: the one above says when it comes, unless all the world writes there. */
static void watch_above(struct guests_watch *w, const char *folder)
{
	static const char *const shared[] = {"/etc", "/root/.config", "/run", "/sys/fs/cgroup",
		"/sys/fs/cgroup/systemd", "/var/lib", "/var/run"};
	size_t n = strlen(folder);
	char above[PATH_MAX];

	while (n > 1 && folder[--n] != '/')
		;
	for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
		if (strlen(shared[i]) == n && strncmp(folder, shared[i], n) == 0)
			return;
	if (snprintf(above, sizeof(above), "%s%.*s", w->root, (int)n, folder) < PATH_MAX)
		watch(w, above);
}

/* The sum over the entries, so that their order does not matter. */
static uint64_t folder_stamp(struct guests_watch *w, const char *folder)
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
		watch_above(w, folder);
		return 0;
	}
	watch(w, path);
	while ((d = readdir(dir))) {
		if (d->d_name[0] == '.' || fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		sum += hash_stat(hash_add(7, d->d_name, strlen(d->d_name)), &st);
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
	p->sum += hash_add(11, pid, strlen(pid)) + (stat(path, &st) == 0 ? st.st_ino : 0);
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
	return w;
}

void guests_watch_close(struct guests_watch *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		close(w->fd);
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

/* A folder that is gone frees its watch. */
static bool take_events(struct guests_watch *w, const char *events, size_t len)
{
	struct inotify_event one;
	bool any = false;

	for (size_t at = 0; at + sizeof(one) <= len; at += sizeof(one) + one.len) {
		memcpy(&one, events + at, sizeof(one));
		if (one.mask & IN_IGNORED)
			w->watches--;
		any = any || is_news(events + at + sizeof(one), one.len);
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

bool guests_watch_changed(struct guests_watch *w)
{
	uint64_t stamp = hash_add(UINT64_C(14695981039346656037), "", 1);
	bool silent = false;

	for (size_t i = 0; i < platforms_count; i++) {
		const struct platform *p = &platforms[i];
		if (!p->is_here(w->root)) {
			for (size_t k = 0; k < HOST_WATCHES && p->watches[k]; k++)
				watch_above(w, p->watches[k]);
			continue;
		}
		stamp = hash_add(stamp, p->name, strlen(p->name));
		silent = silent || p->silent;
		for (size_t k = 0; k < HOST_WATCHES && p->watches[k]; k++) {
			uint64_t folder = folder_stamp(w, p->watches[k]);
			stamp = hash_add(stamp, &folder, sizeof(folder));
		}
	}
	uint64_t processes = process_stamp(w->root);
	stamp = hash_add(stamp, &processes, sizeof(processes));
	bool changed = silent || !w->looked || stamp != w->stamp;
	w->stamp = stamp;
	w->looked = true;
	return changed;
}
