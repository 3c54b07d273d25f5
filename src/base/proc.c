/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Child processes: an argument vector, a time limit, a cap on the output; never a shell. The child leads a
 * process group of its own, so that ending it ends what it started.
 */
#include "base/proc.h"
#include "base/arena.h"
#include "base/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAFE_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define PATH_BYTES 4096

extern char **environ;

static int look_up(const char *name, char out[PATH_BYTES], struct err *e)
{
	const char *p = SAFE_PATH;

	if (strchr(name, '/')) {
		if (snprintf(out, PATH_BYTES, "%s", name) < PATH_BYTES && access(out, X_OK) == 0)
			return 0;
		return err_set(e, ERR_NOT_FOUND, "%.200s cannot be executed", name);
	}
	while (*p) {
		size_t len = strcspn(p, ":");
		snprintf(out, PATH_BYTES, "%.*s/%s", (int)len, p, name);
		if (access(out, X_OK) == 0)
			return 0;
		p += len + (p[len] == ':');
	}
	return err_set(e, ERR_NOT_FOUND, "there is no program %.200s", name);
}

static pid_t spawn(const char *path, const char *const *argv, char **env, int in, int out,
	int errors, bool session, struct err *e)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, usual;
	pid_t pid = -1;
	int rc;

	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attr);
	posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&files, errors, STDERR_FILENO);
	posix_spawn_file_actions_addclosefrom_np(&files, 3);
	sigemptyset(&none);
	sigfillset(&usual);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &usual);
	posix_spawnattr_setflags(&attr,
		(short)(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
			(session ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP)));
	rc = posix_spawn(&pid, path, &files, &attr, (char *const *)(uintptr_t)argv, env);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	if (rc == 0)
		return pid;
	errno = rc;
	return err_errno(e, "cannot start %s", path);
}

static int read_some(int fd, struct buf *out, struct err *e)
{
	char chunk[16384];
	ssize_t n = read(fd, chunk, sizeof chunk);

	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 1
							 : err_errno(e, "cannot read the output");
	if (n > 0 && buf_add(out, chunk, (size_t)n) < 0)
		return err_set(
			e, ERR_TOO_LARGE, "it printed more than the limit of %zu bytes", out->max);
	return n > 0;
}

/* Collects until the output ends or the time is over. */
static int collect(int fd, int64_t until, struct buf *out, struct err *e)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int rc = 1;

	while (rc > 0) {
		int64_t left = until - clock_mono_ms();
		if (left <= 0)
			return err_set(e, ERR_UNAVAILABLE, "it did not end in time");
		int n = poll(&p, 1, left > 1000 ? 1000 : (int)left);
		if (n < 0 && errno != EINTR)
			return err_errno(e, "cannot wait for the output");
		if (n > 0)
			rc = read_some(fd, out, e);
	}
	return rc;
}

static int reap(pid_t pid, int64_t until, int *status)
{
	pid_t got;

	while ((got = waitpid(pid, status, WNOHANG)) == 0 && clock_mono_ms() < until)
		(void)poll(NULL, 0, 2);
	return got == pid ? 0 : -1;
}

int proc_run(
	const char *const *argv, int64_t timeout_ms, struct buf *out, int *exit_code, struct err *e)
{
	static char *env[] = {"PATH=" SAFE_PATH, "LC_ALL=C", "LANG=C", "HOME=/", NULL};
	int64_t until = clock_mono_ms() + timeout_ms;
	char path[PATH_BYTES];
	int null, pipes[2], rc, status = 0;
	pid_t pid;

	if (look_up(argv[0], path, e) < 0)
		return -1;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return err_errno(e, "cannot open /dev/null");
	if (pipe2(pipes, O_CLOEXEC) < 0) {
		close(null);
		return err_errno(e, "cannot make a pipe");
	}
	pid = spawn(path, argv, env, null, pipes[1], null, false, e);
	close(pipes[1]);
	close(null);
	rc = pid < 0 ? -1 : collect(pipes[0], until, out, e);
	close(pipes[0]);
	if (pid < 0)
		return -1;
	if (rc == 0 && reap(pid, until, &status) < 0)
		rc = err_set(e, ERR_UNAVAILABLE, "it did not end in time");
	kill(-pid, SIGKILL); /* whatever it left behind, too */
	if (rc < 0) {
		(void)waitpid(pid, NULL, 0);
		return err_where(e, "%s", argv[0]);
	}
	*exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return 0;
}

pid_t proc_spawn(const char *const *argv, const char *const *env, int log_fd, struct err *e)
{
	char path[PATH_BYTES], **all;
	size_t ours = 0, more = 0, n = 0;
	int null;
	pid_t pid;

	if (look_up(argv[0], path, e) < 0)
		return -1;
	while (environ[ours])
		ours++;
	while (env && env[more])
		more++;
	all = xcalloc(ours + more + 1, sizeof *all);
	for (size_t i = 0; i < more; i++)
		all[n++] = (char *)(uintptr_t)env[i];
	for (size_t i = 0; i < ours; i++) {
		bool replaced = false;
		for (size_t k = 0; k < more && !replaced; k++)
			replaced = strncmp(environ[i], env[k], strcspn(env[k], "=") + 1) == 0;
		if (!replaced)
			all[n++] = environ[i];
	}
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid = null < 0 ? err_errno(e, "cannot open /dev/null")
		       : spawn(path, argv, all, null, log_fd, log_fd, true, e);
	if (null >= 0)
		close(null);
	free(all);
	return pid;
}
