// SPDX-License-Identifier: Apache-2.0
/*
 * What the platforms share: files and folders below a root, programs with a time limit and a cap on
 * what they print, processes by name. Nothing here knows a platform.
 *
 * A program has PROGRAM_MS, and all together have until host->until_ms: however many hang, a look
 * ends in time.
 */
#include "probe/linux/host.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/text.h"
#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRAM_MS 10000

bool host_exists(const char *root, const char *fmt, ...)
{
	char path[PATH_MAX];
	size_t n = strlen(root);
	va_list ap;
	int len;

	if (n >= sizeof(path))
		return false;
	memcpy(path, root, n);
	va_start(ap, fmt);
	len = vsnprintf(path + n, sizeof(path) - n, fmt, ap);
	va_end(ap);
	return len >= 0 && (size_t)len < sizeof(path) - n && access(path, F_OK) == 0;
}

bool host_has_program(const char *root, const char *name)
{
	static const char *const folders[] = {
		"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"};
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (host_exists(root, "%s/%s", folders[i], name))
			return true;
	return false;
}

void host_note(struct host *h, const char *where, const struct err *why)
{
	if (h->e->code != ERR_NONE)
		return;
	*h->e = *why;
	err_where(h->e, "%s", where);
}

static int read_recorded(struct host *h, const char *line, struct buf *out)
{
	char *path = xasprintf("%s/commands/%s", h->root, line);
	for (char *at = path + strlen(h->root) + strlen("/commands/"); *at; at++)
		if (*at == '/')
			*at = '_';
	int rc = file_read(path, out, NULL);
	free(path);
	return rc;
}

static int run(struct host *h, const char *const *argv, struct buf *out, struct err *why)
{
	int64_t left = h->until_ms - clock_mono_ms();
	int code = 0;

	if (left <= 0)
		return err_set(why, ERR_UNAVAILABLE, "no time was left for it");
	if (proc_run(argv, left < PROGRAM_MS ? left : PROGRAM_MS, out, &code, why))
		return -1;
	return code == 0 ? 0 : err_set(why, ERR_UNAVAILABLE, "it ended with code %d", code);
}

int host_run(struct host *h, const char *const *argv, struct buf *out)
{
	struct err why = ERR_INIT;
	struct buf line;
	int rc;

	buf_init(&line, 4096);
	for (size_t i = 0; argv[i] && i < 8; i++)
		buf_printf(&line, "%s%.512s", i ? " " : "", argv[i]);
	rc = h->root[0] ? read_recorded(h, buf_str(&line), out) : run(h, argv, out, &why);
	if (rc && !h->root[0] && why.code != ERR_NOT_FOUND)
		host_note(h, argv[0], &why);
	buf_release(&line);
	return rc;
}

size_t host_parse(struct host *h, guests_parser *parse, const char *where, const struct buf *text)
{
	struct err why = ERR_INIT;
	size_t before = h->list->count;

	if (parse(buf_str(text), text->len, h->list, &why)) {
		h->list->count = before;
		host_note(h, where, &why);
	}
	for (size_t i = before; i < h->list->count; i++)
		h->list->items[i]->platform = h->platform;
	return h->list->count - before;
}

size_t host_parse_file(struct host *h, guests_parser *parse, const char *path)
{
	char *full = xasprintf("%s%s", h->root, path);
	struct err why = ERR_INIT;
	struct buf text;
	size_t n = 0;

	buf_init(&text, GUESTS_TEXT_MAX);
	if (file_read(full, &text, &why) == 0)
		n = host_parse(h, parse, path, &text);
	else if (why.code != ERR_NOT_FOUND)
		host_note(h, path, &why);
	buf_release(&text);
	free(full);
	return n;
}

struct guest *host_find(const struct host *h, const char *uuid, const char *name)
{
	for (size_t i = h->before; i < h->list->count; i++) {
		struct guest *g = h->list->items[i];
		if (uuid && g->uuid ? strcmp(uuid, g->uuid) == 0
				    : name && g->name && strcmp(name, g->name) == 0)
			return g;
	}
	return NULL;
}

static int is_visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

void host_each(struct host *h, const char *folder,
	void (*each)(struct host *h, const char *folder, const char *name))
{
	char *full = xasprintf("%s%s", h->root, folder);
	struct dirent **names = NULL;
	int n = scandir(full, &names, is_visible, alphasort);

	for (int i = 0; i < n; i++) {
		each(h, folder, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	free(full);
}

bool host_pid_alive(const char *root, const char *file)
{
	char line[32], *path = xasprintf("%s%s", root, file);
	int64_t pid;
	bool alive = file_line(path, line, sizeof(line)) == 0 &&
		text_int(text_trim(line), "", 1, INT32_MAX, &pid, NULL) == 0 &&
		host_exists(root, "/proc/%lld", (long long)pid);
	free(path);
	return alive;
}

void host_each_process(
	struct host *h, const char *const *names, void (*each)(struct host *h, const char *pid))
{
	char path[PATH_MAX], comm[32];
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/proc", h->root);
	dir = opendir(path);
	while (dir && (d = readdir(dir))) {
		if (!isdigit((unsigned char)d->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "%s/proc/%s/comm", h->root, d->d_name);
		if (file_line(path, comm, sizeof(comm)))
			continue;
		for (size_t i = 0; names[i]; i++)
			if (text_starts(comm, names[i])) {
				each(h, d->d_name);
				break;
			}
	}
	if (dir)
		closedir(dir);
}
