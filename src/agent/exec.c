/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor: one small process a job, forked by the agent and independent of it from then on.
 *
 * Order, and why: take the lock (who holds it is running this job), read the spec, find the user, make the limits, write
 * JOB.started (from here on it may have had an effect and is never run again), fork, watch, end everything it
 * left behind, write JOB.outcome.json. As child subreaper it is the parent of every orphan below, so a double fork
 * does not escape. Only where the order wants daemons (it starts guests), what left the command's process group stays.
 *
 * The command gets: standard input from /dev/null, a session of its own, its user's home as working folder (else /), and
 * the environment PATH HOME USER LOGNAME SHELL LANG HIM_ACTION HIM_HOME plus what the action adds.
 */
#include "agent/exec.h"
#include "agent/exec_limits.h"
#include "agent/exec_output.h"
#include "agent/exec_user.h"
#include "agent/job_spec.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAFE_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define LIVE_FD 3
#define GRACE_MS 2000 /* between SIGTERM and SIGKILL */
#define DRAIN_MS 500  /* output that is still in the pipes when the command has ended */
#define DEPTH_MAX 64

struct exec {
	const char *job; /* what its files begin with */
	char id[64];
	struct arena *arena;
	struct job_spec spec;
	struct exec_user user;
	struct limits limits;
	struct output out, err;
	int out_fd, err_fd, signal_fd, live_fd;
	pid_t pid;
	bool ended, timed_out, cancelled, killed;
	int status;
	int64_t started_ms, ended_ms, timeout_mono, kill_mono;
};

static void path_of(const struct exec *x, const char *name, char out[1200])
{
	snprintf(out, 1200, "%s.%s", x->job, name);
}

/* ---- the outcome ---- */

static void outcome_write(struct exec *x, struct json *j)
{
	char path[1200];
	struct buf b;

	path_of(x, "outcome.json", path);
	buf_init(&b, 1u << 20);
	/* What is in the spool is synced; lost before that, the outcome is unknown. */
	if (json_print(j, &b) == 0)
		(void)file_write_soft(path, b.data, b.len, 0600, NULL);
	buf_release(&b);
}

static struct json *outcome_head(const struct exec *x, const char *state, const char *reason)
{
	struct json *j = json_object();

	json_set_string(j, "action", x->id);
	json_set_string(j, "state", state);
	if (reason)
		json_set_string(j, "reason", reason);
	return j;
}

static int refuse(struct exec *x, const char *reason)
{
	struct json *j = outcome_head(x, "refused", reason);

	outcome_write(x, j);
	json_free(j);
	return 0;
}

static const char *signal_word(int sig)
{
	const char *word = sigabbrev_np(sig);

	return word ? word : "UNKNOWN";
}

static void outcome_end(struct exec *x, const char *why_not)
{
	bool by_signal = WIFSIGNALED(x->status), done = !by_signal && WEXITSTATUS(x->status) == 0;
	const char *state = x->timed_out ? "timed_out"
		: x->cancelled           ? "cancelled"
		: done && !why_not       ? "done"
					 : "failed";
	struct json *j = outcome_head(x, state, NULL), *limits = json_object();
	char reason[200], lasted[32];

	if (why_not)
		json_set_string(j, "reason", why_not);
	else if (x->timed_out) {
		snprintf(reason, sizeof reason, "it ran longer than %s",
			text_duration_format(x->spec.timeout_ms, lasted));
		json_set_string(j, "reason", reason);
	} else if (limits_out_of_memory(&x->limits)) {
		snprintf(reason, sizeof reason,
			"the kernel ended it: it wanted more memory than its limit of %s",
			text_size_format(x->spec.memory_bytes, lasted));
		json_set_string(j, "reason", reason);
	} else if (x->spec.attach &&
		(x->out.whole_bytes < x->out.bytes || x->err.whole_bytes < x->err.bytes)) {
		json_set_string(j, "reason",
			"the whole output is over 16 MiB: only its beginning is kept as an "
			"attachment");
	}
	if (!why_not && by_signal)
		json_set_string(j, "signal", signal_word(WTERMSIG(x->status)));
	else if (!why_not)
		json_set_int(j, "exit", WEXITSTATUS(x->status));
	json_set_int(j, "started", x->started_ms);
	json_set_int(j, "ended", x->ended_ms);
	json_set_string(limits, "cpu", x->limits.cpu);
	json_set_string(limits, "memory", x->limits.memory);
	json_set(j, "limits", limits);
	output_json(&x->out, "stdout", j);
	output_json(&x->err, "stderr", j);
	outcome_write(x, j);
	json_free(j);
}

/* ---- the child ---- */

static void environment(struct exec *x, const char **env)
{
	size_t n = 0;

	env[n++] = "PATH=" SAFE_PATH;
	env[n++] = "LANG=C.UTF-8";
	env[n++] = arena_printf(x->arena, "HOME=%s", x->user.home);
	env[n++] = arena_printf(x->arena, "USER=%s", x->user.name);
	env[n++] = arena_printf(x->arena, "LOGNAME=%s", x->user.name);
	env[n++] = arena_printf(x->arena, "SHELL=%s", x->user.shell);
	env[n++] = arena_printf(x->arena, "HIM_ACTION=%s", x->id);
	if (getenv("HIM_HOME"))
		env[n++] = arena_printf(x->arena, "HIM_HOME=%s", getenv("HIM_HOME"));
	for (size_t i = 0; x->spec.env[i]; i++) { /* the action's own win */
		size_t name = strcspn(x->spec.env[i], "="), k = 0;
		while (k < n && strncmp(env[k], x->spec.env[i], name + 1) != 0)
			k++;
		env[k] = x->spec.env[i];
		n += k == n;
	}
	env[n] = NULL;
}

/* The script as a file that exists only in memory: no folder that its user must reach, nothing left behind. */
static int script_fd(const struct exec *x)
{
	int fd = memfd_create("him-script", 0); /* inherited: the interpreter opens /dev/fd/N */
	size_t len = strlen(x->spec.script);

	if (fd < 0 || write(fd, x->spec.script, len) != (ssize_t)len || fchmod(fd, 0755) < 0 ||
		lseek(fd, 0, SEEK_SET) < 0) /* perl reads the descriptor itself */
		return -1;
	return fd;
}

static void child_fail(int fd, const char *what)
{
	char text[300];
	int n = snprintf(text, sizeof text, "%s: %s", what, strerror(errno));

	(void)!write(fd, text, (size_t)n);
	_exit(127);
}

static int become(const struct exec *x)
{
	if (getuid() != 0)
		return getuid() == x->user.uid ? 0 : (errno = EPERM, -1);
	return setgroups(x->user.groups_n, x->user.groups) < 0 ||
			setresgid(x->user.gid, x->user.gid, x->user.gid) < 0 ||
			setresuid(x->user.uid, x->user.uid, x->user.uid) < 0
		? -1
		: 0;
}

static void child(struct exec *x, const char **env, int out, int err, int fail)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC),
	    script = x->spec.script ? script_fd(x) : -1;
	const char **argv;
	sigset_t none;

	if (null < 0 || (x->spec.script && script < 0))
		child_fail(fail, "cannot prepare");
	setsid();
	limits_enter(&x->limits);
	dup2(null, 0);
	dup2(out, 1);
	dup2(err, 2);
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (become(x) < 0)
		child_fail(fail, "cannot become the user");
	if (chdir(x->user.home) < 0 && chdir("/") < 0)
		child_fail(fail, "cannot enter a folder");
	umask(022);
	if (!x->spec.script) {
		environ = (char **)(uintptr_t)env; /* it is looked for in its own PATH, not ours */
		execvp(x->spec.command[0], (char *const *)(uintptr_t)x->spec.command);
		child_fail(fail, x->spec.command[0]);
	}
	argv = arena_alloc(x->arena, (x->spec.command_n + 2) * sizeof *argv);
	argv[0] = "script";
	memcpy(argv + 1, x->spec.command, x->spec.command_n * sizeof *argv);
	fexecve(script, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
	child_fail(fail, "the script's interpreter");
}

/* ---- ending the tree ---- */

static int children_of(pid_t pid, int sig, int depth)
{
	char path[64], list[4096], *p, *end;
	int n = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
	f = depth < DEPTH_MAX ? fopen(path, "re") : NULL;
	if (!f)
		return 0;
	while (fgets(list, sizeof list, f))
		for (p = list;; p = end) {
			long child_pid = strtol(p, &end, 10);
			if (end == p)
				break;
			n += 1 + children_of((pid_t)child_pid, sig, depth + 1);
			kill((pid_t)child_pid, sig);
		}
	fclose(f);
	return n;
}

/* False when nobody is left: whoever loses its parent becomes our child. */
static bool reap(struct exec *x)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == x->pid) {
			x->ended = true;
			x->status = status;
			x->ended_ms = clock_now_ms();
		}
	return pid == 0;
}

/* A signal for the command and what it started; daemons that are to stay are not meant. */
static void signal_tree(const struct exec *x, int sig)
{
	if (x->spec.daemons)
		kill(-x->pid, sig);
	else
		children_of(getpid(), sig, 0);
}

/* Ends all that is left, for certain: new ones may be born while we look. */
static void kill_all(struct exec *x)
{
	if (x->spec.daemons) {
		kill(-x->pid, SIGKILL);
		return;
	}
	for (int i = 0; reap(x) && children_of(getpid(), SIGKILL, 0) > 0 && i < 500; i++)
		usleep(2000);
}

/* ---- watching ---- */

static bool take_output(struct exec *x, int *fd, struct output *o, int stream)
{
	char data[65536];
	ssize_t n = read(*fd, data, sizeof data);

	if (n > 0) {
		if (x->live_fd >= 0)
			output_live(
				o, x->live_fd, stream, o->bytes, data, (size_t)n, clock_mono_ms());
		output_add(o, data, (size_t)n);
		return true;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	close(*fd);
	*fd = -1;
	return false;
}

static void on_signals(struct exec *x)
{
	struct signalfd_siginfo info;

	while (read(x->signal_fd, &info, sizeof info) == sizeof info)
		if (info.ssi_signo == SIGTERM)
			x->cancelled = !x->timed_out;
	reap(x);
}

static void deadlines(struct exec *x, int64_t now)
{
	if (!x->timed_out && !x->cancelled && now >= x->timeout_mono)
		x->timed_out = true;
	if ((x->timed_out || x->cancelled) && !x->kill_mono) {
		signal_tree(x, SIGTERM);
		x->kill_mono = now + GRACE_MS;
	} else if (x->kill_mono && !x->killed && now >= x->kill_mono) {
		x->killed = true;
		kill_all(x);
	}
}

static void watch(struct exec *x)
{
	while (!x->ended) {
		struct pollfd p[3] = {
			{x->out_fd, POLLIN, 0}, {x->err_fd, POLLIN, 0}, {x->signal_fd, POLLIN, 0}};
		int64_t now = clock_mono_ms(),
			until = x->kill_mono && !x->killed ? x->kill_mono : x->timeout_mono,
			left = until - now;
		if (x->killed || left > 60000)
			left = 60000;
		poll(p, 3, left > 0 ? (int)left : 0);
		if (p[0].revents)
			take_output(x, &x->out_fd, &x->out, 1);
		if (p[1].revents)
			take_output(x, &x->err_fd, &x->err, 2);
		if (p[2].revents)
			on_signals(x);
		deadlines(x, clock_mono_ms());
	}
	kill_all(x); /* what it left in the background ends with it */
	for (int64_t end = clock_mono_ms() + DRAIN_MS;
		(x->out_fd >= 0 || x->err_fd >= 0) && clock_mono_ms() < end;) {
		struct pollfd p[2] = {{x->out_fd, POLLIN, 0}, {x->err_fd, POLLIN, 0}};
		if (poll(p, 2, 50) <= 0)
			continue;
		if (p[0].revents)
			take_output(x, &x->out_fd, &x->out, 1);
		if (p[1].revents)
			take_output(x, &x->err_fd, &x->err, 2);
	}
}

/* ---- one job ---- */

/* On the disk before anything is executed. What counts is that the name is there, so it is one more of the lock. */
static int mark_started(const struct exec *x)
{
	char lock[1200], path[1200];

	path_of(x, "lock", lock);
	path_of(x, "started", path);
	return link(lock, path) < 0 ? -1 : file_sync_dir(dirname(lock), NULL);
}

static int run(struct exec *x)
{
	const char **env = arena_alloc(x->arena, 300 * sizeof *env);
	int out[2], err[2], fail[2];
	char why[300] = "", path[1200], *whole_out = NULL, *whole_err = NULL;
	ssize_t n;

	environment(x, env);
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0 || pipe2(fail, O_CLOEXEC) < 0)
		return refuse(x, "this machine has no room for another pipe");
	if (x->spec.attach) {
		path_of(x, "stdout.full", path);
		whole_out = arena_strdup(x->arena, path);
		path_of(x, "stderr.full", path);
		whole_err = arena_strdup(x->arena, path);
	}
	output_init(&x->out, whole_out);
	output_init(&x->err, whole_err);
	x->started_ms = clock_now_ms();
	if (mark_started(x) < 0)
		return refuse(x,
			"it cannot be journalled that it starts: the disk is full or cannot be "
			"written");
	x->timeout_mono = clock_mono_ms() + x->spec.timeout_ms;
	/* Our memory, until it executes: what it changes of it (environ) we have no more use for. */
	x->pid = vfork();
	if (x->pid == 0)
		child(x, env, out[1], err[1], fail[1]);
	close(out[1]);
	close(err[1]);
	close(fail[1]);
	x->out_fd = out[0];
	x->err_fd = err[0];
	if (x->pid < 0) {
		x->ended_ms = clock_now_ms();
		outcome_end(x, "this machine cannot start another process");
		return 0;
	}
	n = read(fail[0], why, sizeof why - 1); /* nothing, once it executes */
	why[n > 0 ? n : 0] = '\0';
	fcntl(x->out_fd, F_SETFL, O_NONBLOCK);
	fcntl(x->err_fd, F_SETFL, O_NONBLOCK);
	watch(x);
	outcome_end(x, n > 0 ? why : NULL);
	return 0;
}

static int spec_load(struct exec *x, struct err *e)
{
	char path[1200], *body;
	struct buf b;
	int rc;

	path_of(x, "spec", path);
	buf_init(&b, JOB_SPEC_MAX + 64);
	rc = file_read(path, &b, e);
	body = rc == 0 ? strchr(buf_str(&b), '\n') : NULL; /* after the deadline's line */
	if (body)
		rc = job_spec_parse(
			body + 1, b.len - (size_t)(body + 1 - b.data), x->arena, &x->spec, e);
	buf_release(&b);
	return body ? rc : -1;
}

static int signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	sigdelset(&set, SIGINT); /* blocked and never read: the terminal's Ctrl-C is not for us */
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int supervise(const char *job, int live)
{
	struct exec x = {.job = job, .out_fd = -1, .err_fd = -1, .live_fd = live};
	struct err e = ERR_INIT;
	char path[1200];
	int lock;

	snprintf(x.id, sizeof x.id, "%.60s", strrchr(job, '/') ? strrchr(job, '/') + 1 : job);
	path_of(&x, "lock", path);
	lock = file_lock(path, NULL, &e);
	if (lock < 0)
		return 1;
	path_of(&x, "started", path);
	if (file_exists(path))
		return 1; /* never twice */
	x.arena = arena_new();
	x.signal_fd = signals_open();
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	if (spec_load(&x, &e) < 0 || exec_user_find(x.spec.as, &x.user, &e) < 0) {
		refuse(&x, e.text);
	} else {
		if (x.spec.daemons)
			limits_none(&x.limits);
		else
			limits_open(&x.limits, x.id, x.spec.cpu_percent, x.spec.memory_bytes);
		run(&x);
		limits_close(&x.limits);
		output_release(&x.out);
		output_release(&x.err);
	}
	arena_free(x.arena);
	return 0;
}

/* Nothing of the agent's reaches into it: no descriptor, no handler, no terminal. */
static void detach(int live)
{
	sigset_t none;
	int null;

	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	setsid();
	prctl(PR_SET_NAME, "him-agent-job", 0, 0, 0);
	if (live >= 0) {
		dup2(live, LIVE_FD);
		fcntl(LIVE_FD, F_SETFD, FD_CLOEXEC);
		fcntl(LIVE_FD, F_SETFL, O_NONBLOCK);
	}
	null = open("/dev/null", O_RDWR);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	closefrom(live >= 0 ? LIVE_FD + 1 : LIVE_FD);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* A fork is enough, and executing ourselves would cost as much again as all of the rest of a short job: the pages of a program as
 * small as this are copied sooner than its libraries set themselves up. */
pid_t exec_start(const char *job, int live)
{
	sigset_t all, before;
	pid_t pid;

	sigfillset(&all);
	/* A handler of the agent's must not run in the child. */
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0) {
		detach(live);
		_exit(supervise(job, live >= 0 ? LIVE_FD : -1));
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return pid;
}
