/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files as wholes. Reading works on /proc and /sys too, whose sizes lie; writing goes to a temporary name in
 * the same folder, is synced, renamed and the folder synced, so that a crash leaves the old or the new.
 */
#include "base/file.h"
#include "base/id.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PATH_BYTES 4096
#define TREE_DEPTH_MAX 64

int file_read(const char *path, struct buf *out, struct err *e)
{
	bool in = strcmp(path, "-") == 0;
	int fd = in ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC), rc = 0;
	size_t before = out->len;
	char chunk[16384];
	ssize_t n;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(e, ERR_NOT_FOUND, "there is no %s", path);
	if (fd < 0)
		return err_errno(e, "cannot open %s", path);
	while ((n = read(fd, chunk, sizeof chunk)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			rc = err_errno(e, "cannot read %s", path);
		else if (buf_add(out, chunk, (size_t)n) < 0)
			rc = err_set(e, ERR_TOO_LARGE, "%s is over the limit of %zu bytes", path,
				out->max - before);
		if (rc < 0)
			break;
	}
	if (!in)
		close(fd);
	return rc;
}

int file_line(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char line[4096];
	ssize_t n;
	size_t len;

	if (fd < 0)
		return -1;
	n = read(fd, line, sizeof line - 1);
	close(fd);
	if (n < 0)
		return -1;
	line[n] = '\0';
	len = strcspn(line, "\n");
	while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t' || line[len - 1] == '\r'))
		len--;
	if (len >= size || len == sizeof line - 1)
		return -1;
	memcpy(out, line, len);
	out[len] = '\0';
	return 0;
}

static void folder_of(const char *path, char out[PATH_BYTES])
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		snprintf(out, PATH_BYTES, ".");
	else
		snprintf(out, PATH_BYTES, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

int file_sync_dir(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (fd < 0)
		return err_errno(e, "cannot open %s", path);
	rc = fsync(fd) < 0 ? err_errno(e, "cannot sync %s", path) : 0;
	close(fd);
	return rc;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Closes what was written, well or not, and gives it its name; what failed leaves no file. */
static int publish(int fd, bool good, const char *temp, const char *path, struct err *e)
{
	int rc = good ? 0 : err_errno(e, "cannot write %s", path);

	close(fd);
	if (rc == 0 && rename(temp, path) < 0)
		rc = err_errno(e, "cannot replace %s", path);
	if (rc < 0)
		unlink(temp);
	return rc;
}

static int sync_folder_of(const char *path, struct err *e)
{
	char folder[PATH_BYTES];

	folder_of(path, folder);
	return file_sync_dir(folder, e);
}

static int replace(
	const char *path, const void *data, size_t len, mode_t mode, bool sync, struct err *e)
{
	char temp[PATH_BYTES];
	uint32_t random;
	int fd;

	random_bytes(&random, sizeof random);
	if (snprintf(temp, sizeof temp, "%s.%08x~", path, random) >= (int)sizeof temp)
		return err_set(e, ERR_INVALID, "the path %.80s... is too long", path);
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return err_errno(e, "cannot write %s", path);
	bool good =
		fchmod(fd, mode) == 0 && write_all(fd, data, len) == 0 && (!sync || fsync(fd) == 0);
	return publish(fd, good, temp, path, e);
}

int file_write(const char *path, const void *data, size_t len, mode_t mode, struct err *e)
{
	return replace(path, data, len, mode, true, e) < 0 ? -1 : sync_folder_of(path, e);
}

int file_write_over(const char *old, const char *path, const void *data, size_t len, struct err *e)
{
	int fd = open(old, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return err_errno(e, "cannot write %s", old);
	bool good =
		ftruncate(fd, (off_t)len) == 0 && write_all(fd, data, len) == 0 && fsync(fd) == 0;
	return publish(fd, good, old, path, e) < 0 ? -1 : sync_folder_of(path, e);
}

int file_write_soft(const char *path, const void *data, size_t len, mode_t mode, struct err *e)
{
	return replace(path, data, len, mode, false, e);
}

int file_mkdirs(const char *path, mode_t mode, struct err *e)
{
	char part[PATH_BYTES];
	struct stat st;

	if (!*path)
		return err_set(e, ERR_INVALID, "a folder needs a name");
	if (snprintf(part, sizeof part, "%s", path) >= (int)sizeof part)
		return err_set(e, ERR_INVALID, "the path %.80s... is too long", path);
	for (char *p = part + 1;; p++) {
		char c = *p;
		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (mkdir(part, mode) < 0 && errno != EEXIST)
			return err_errno(e, "cannot make the folder %s", part);
		*p = c;
		if (c == '\0')
			break;
	}
	if (stat(path, &st) < 0)
		return err_errno(e, "cannot look at %s", path);
	return S_ISDIR(st.st_mode) ? 0 : err_set(e, ERR_CONFLICT, "%s is not a folder", path);
}

int file_remove(const char *path, struct err *e)
{
	if (unlink(path) < 0 && errno != ENOENT)
		return err_errno(e, "cannot remove %s", path);
	return 0;
}

/* A descriptor is held a level. Whatever is no folder goes at the first try, so no link is ever followed. */
static int remove_below(int parent, const char *name, int depth)
{
	int fd, rc = 0;
	struct dirent *d;
	DIR *dir;

	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (depth > TREE_DEPTH_MAX) {
		errno = ELOOP;
		return -1;
	}
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -1;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -1;
	}
	while (rc == 0 && (d = readdir(dir)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			rc = remove_below(dirfd(dir), d->d_name, depth + 1);
	int why = errno;
	closedir(dir);
	errno = why;
	return rc < 0 ? -1 : unlinkat(parent, name, AT_REMOVEDIR);
}

int file_remove_tree(const char *path, struct err *e)
{
	char name[PATH_BYTES];
	int len = snprintf(name, sizeof name, "%s", path);

	if (len >= (int)sizeof name)
		return err_set(e, ERR_INVALID, "the path %.80s... is too long", path);
	while (len > 1 && name[len - 1] == '/') /* "link/" would be what the link points to */
		name[--len] = '\0';
	if (remove_below(AT_FDCWD, name, 0) < 0 && errno != ENOENT)
		return err_errno(e, "cannot remove %s", path);
	return 0;
}

bool file_exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

int64_t file_free_bytes(const char *path)
{
	struct statvfs v;

	return statvfs(path, &v) < 0 ? -1 : (int64_t)v.f_bavail * (int64_t)v.f_frsize;
}

int file_lock(const char *path, pid_t *holder, struct err *e)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600), n;
	char pid[24] = "";

	if (holder)
		*holder = 0;
	if (fd < 0)
		return err_errno(e, "cannot open %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		bool held = errno == EWOULDBLOCK;
		err_errno(e, "cannot lock %s", path);
		if (held) {
			(void)file_line(path, pid, sizeof pid);
			err_set(e, ERR_CONFLICT, "%s is held by process %s", path,
				*pid ? pid : "?");
			if (holder)
				*holder = (pid_t)strtol(pid, NULL, 10);
		}
		close(fd);
		return -1;
	}
	n = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)n, 0) != n) {
		err_errno(e, "cannot write %s", path);
		close(fd);
		return -1;
	}
	return fd;
}
