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
#define TICK_MS 20 /* how often a child with silent output is looked at */

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

static pid_t spawn(const char *path, const char *const *argv, const char *const *env, int in,
	int out, int errors, bool session, struct err *e)
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
	rc = posix_spawn(&pid, path, &files, &attr, (char *const *)(uintptr_t)argv,
		(char *const *)(uintptr_t)env);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	if (rc == 0)
		return pid;
	errno = rc;
	err_errno(e, "cannot start %s", path);
	if (e && rc != EAGAIN && rc != ENOMEM) /* the file's fault, not the machine's */
		e->code = ERR_NOT_FOUND;
	return -1;
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

/* It has ended, and is still there to be reaped: so its process group's number is not another's yet. */
static bool has_ended(pid_t pid)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
		info.si_pid == pid;
}

/* Collects until the output ends, or the child did and what it left running is silent; then waits for the child. */
static int collect(pid_t pid, int fd, int64_t until, struct buf *out, struct err *e)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	bool ended = false;
	int n, rc = 1;

	while (rc > 0) {
		if (clock_mono_ms() >= until)
			return err_set(e, ERR_UNAVAILABLE, "it did not end in time");
		n = poll(&p, 1, ended ? 0 : TICK_MS);
		if (n < 0 && errno != EINTR)
			return err_errno(e, "cannot wait for the output");
		if (n > 0)
			rc = read_some(fd, out, e);
		else if (ended)
			rc = 0;
		else
			ended = has_ended(pid);
	}
	while (rc == 0 && !has_ended(pid)) {
		if (clock_mono_ms() >= until)
			return err_set(e, ERR_UNAVAILABLE, "it did not end in time");
		(void)poll(NULL, 0, 1);
	}
	return rc;
}

int proc_run(
	const char *const *argv, int64_t timeout_ms, struct buf *out, int *exit_code, struct err *e)
{
	static const char *const env[] = {"PATH=" SAFE_PATH, "LC_ALL=C", "LANG=C", "HOME=/", NULL};
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
	rc = pid < 0 ? -1 : collect(pid, pipes[0], until, out, e);
	close(pipes[0]);
	if (pid < 0)
		return -1;
	kill(-pid, SIGKILL); /* it, when it is late, and whatever it left behind */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (rc < 0)
		return err_where(e, "%s", argv[0]);
	*exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return 0;
}

/* Ours, with `more` put before and in the place of equal names. The caller frees the array. */
static const char **environment_with(const char *const *more)
{
	size_t n = 0, ours = 0, given = 0;
	const char **all;

	while (environ[ours])
		ours++;
	while (more && more[given])
		given++;
	all = xcalloc(ours + given + 1, sizeof *all);
	for (; n < given; n++)
		all[n] = more[n];
	for (size_t i = 0; i < ours; i++) {
		bool replaced = false;
		for (size_t k = 0; k < given && !replaced; k++)
			replaced = strncmp(environ[i], more[k], strcspn(more[k], "=") + 1) == 0;
		if (!replaced)
			all[n++] = environ[i];
	}
	return all;
}

pid_t proc_spawn(const char *const *argv, const char *const *env, int log_fd, struct err *e)
{
	char path[PATH_BYTES];
	const char **all;
	int null;
	pid_t pid;

	if (look_up(argv[0], path, e) < 0)
		return -1;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return err_errno(e, "cannot open /dev/null");
	all = environment_with(env);
	pid = spawn(path, argv, all, null, log_fd, log_fd, true, e);
	free(all);
	close(null);
	return pid;
}
