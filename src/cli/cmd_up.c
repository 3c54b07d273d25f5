/* SPDX-License-Identifier: Apache-2.0 */
/*
 * him up: server, relay and agent on this machine, from nothing or from where they stopped. It makes what is missing (it
 * enrols relay and agent with tokens of its own), waits until this machine was seen, says what it found, and then keeps
 * the three running until it is told to stop. Its data is one folder; several can run side by side.
 *
 * him down: tells the one that keeps that folder to stop, and waits for it.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/text.h"
#include "cli/api.h"
#include "cli/commands.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_MS 60000 /* a program may take so long to be ready on a slow machine */
#define STOP_MS 30000
#define RELAY_PORT 8445
#define SITE "local"

struct part {
	const char *name; /* "server" */
	const char *argv[16];
	pid_t pid;
	int64_t started_mono;
	int failures;
};

struct up {
	struct cli *c;
	const char *home, *bin, *sbin, *port;
	struct part server, relay, agent;
	char people[64], machines[64], relay_at[64], relay_port[8], fingerprint[80],
		addresses[1024];
	int log;
	bool new; /* nothing was here before */
};

/* ---- where things are ---- */

static const char *home_of(struct cli *c, const char *bin)
{
	const char *tree;

	if (c->home)
		return c->home;
	tree = arena_printf(c->arena, "%s/../meson.build", bin);
	return file_exists(tree) ? realpath(arena_printf(c->arena, "%s/..", bin), NULL) : NULL;
}

static int places(struct up *u, struct err *e)
{
	char exe[1024];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	const char *tree;

	if (n <= 0)
		return err_errno(e, "cannot find the folder of this program");
	exe[n] = '\0';
	*strrchr(exe, '/') = '\0';
	u->bin = arena_strdup(u->c->arena, exe);
	u->sbin = u->bin;
	if (!file_exists(arena_printf(u->c->arena, "%s/him-agent", u->bin)))
		u->sbin = arena_printf(u->c->arena, "%s/../sbin", u->bin);
	tree = home_of(u->c, u->bin);
	u->home = u->c->home ? u->c->home
		: tree       ? arena_printf(u->c->arena, "%s/var", tree)
			     : "/var/lib/him";
	u->c->home = u->home;
	return 0;
}

static const char *at(struct up *u, const char *name)
{
	return arena_printf(u->c->arena, "%s/%s", u->home, name);
}

/* ---- starting one ---- */

static int start(struct up *u, struct part *p, struct err *e)
{
	const char *env[] = {arena_printf(u->c->arena, "HIM_HOME=%s", u->home), NULL};
	int fd = open(at(u, arena_printf(u->c->arena, "log/%s.log", p->name)),
		O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_errno(e, "cannot write the log of %s", p->name);
	p->pid = proc_spawn(p->argv, env, fd, e);
	close(fd);
	p->started_mono = clock_mono_ms();
	return p->pid < 0 ? -1 : 0;
}

/* What it said last: the reason why it ended. */
static const char *last_line(struct up *u, const struct part *p)
{
	char *text, *nl;
	struct buf b;

	buf_init(&b, 64u << 20);
	(void)file_read(at(u, arena_printf(u->c->arena, "log/%s.log", p->name)), &b, NULL);
	text = arena_strdup(u->c->arena, text_trim(b.data ? b.data : (char[]){""}));
	buf_release(&b);
	nl = strrchr(text, '\n');
	return nl ? nl + 1 : text;
}

static int still_runs(struct up *u, struct part *p, struct err *e)
{
	int status;

	if (waitpid(p->pid, &status, WNOHANG) != p->pid)
		return 0;
	p->pid = 0;
	return err_set(e, ERR_UNAVAILABLE, "him-%s ended: %s", p->name, last_line(u, p));
}

static void pause_ms(int64_t ms)
{
	struct timespec ts = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&ts, NULL);
}

/* ---- the server ---- */

static int take_status(struct up *u, const struct json *status, struct err *e)
{
	const struct json *s = json_get(status, "server"), *list = json_get(s, "addresses");
	const char *pin = json_str(json_get(s, "ca_fingerprint"));
	int64_t port = 0, machines = 0;
	size_t n = 0;

	if (!pin || json_to_int(json_get(s, "port"), &port) < 0 ||
		json_to_int(json_get(s, "machines_port"), &machines) < 0)
		return err_set(e, ERR_PROTOCOL, "the server's status says nothing of its ports");
	snprintf(u->people, sizeof u->people, "127.0.0.1:%lld", (long long)port);
	snprintf(u->machines, sizeof u->machines, "127.0.0.1:%lld", (long long)machines);
	snprintf(u->fingerprint, sizeof u->fingerprint, "%s", pin);
	for (size_t i = 0; i < json_len(list) && n < sizeof u->addresses; i++) {
		const char *a = json_str(json_at(list, i));
		n += (size_t)snprintf(u->addresses + n, sizeof u->addresses - n,
			strchr(a, ':') ? "%s[%s]:%s" : "%s%s:%s", n ? "," : "", a, u->relay_port);
	}
	return 0;
}

static int server_ready(struct up *u, struct err *e)
{
	int64_t end = clock_mono_ms() + START_MS;
	struct json *status = NULL;

	while (clock_mono_ms() < end) {
		if (still_runs(u, &u->server, e) < 0)
			return -1;
		if (api_get(u->c, "/status", &status, e) == 0) {
			int rc = take_status(u, status, e);
			json_free(status);
			return rc;
		}
		pause_ms(50);
	}
	return err_where(e, "the server did not get ready");
}

/* ---- enrolling relay and agent ---- */

static int enrol(
	struct up *u, const char *program, const char *role, const char *server, struct err *e)
{
	struct json *order = json_object(), *token = NULL;
	const char *file = at(u, "enrol.token"), *secret;
	const char *argv[] = {program, "enroll", "--home", u->home, "--server", server,
		"--ca-fingerprint", u->fingerprint, "--token-file", file, NULL};
	struct buf out;
	int code = 1, rc;

	json_set_string(order, "role", role);
	json_set_string(order, "site", SITE);
	rc = api_call(u->c, "POST", "/tokens", order, &token, e);
	secret = json_str(json_get(token, "token"));
	if (rc == 0)
		rc = file_write(file, secret ? secret : "", secret ? strlen(secret) : 0, 0600, e);
	buf_init(&out, 65536);
	if (rc == 0)
		rc = proc_run(argv, START_MS, &out, &code, e);
	(void)file_remove(file, NULL);
	if (rc == 0 && code != 0)
		rc = err_set(e, ERR_UNAVAILABLE,
			"the %s of this machine could not enrol (exit code %d)", role, code);
	buf_release(&out);
	json_free(token);
	json_free(order);
	return rc;
}

/* A new installation believes the machines of its own site about their guests; somebody who knows better says so later. */
static int believe_hosts(struct up *u, struct err *e)
{
	struct json *body = json_object();
	int rc;

	json_set_bool(body, "automatic", true);
	rc = api_call(u->c, "POST", "/sites/" SITE "/hosts", body, NULL, e);
	json_free(body);
	u->new = true;
	return rc;
}

static int relay_ready(struct up *u, struct err *e)
{
	int64_t end = clock_mono_ms() + START_MS, port;
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	bool open = false;

	if (text_int(u->relay_port, "port", 1, 65535, &port, e) < 0)
		return -1;
	sin.sin_port = htons((uint16_t)port);
	while (!open && clock_mono_ms() < end) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (still_runs(u, &u->relay, e) < 0)
			return -1;
		open = fd >= 0 && connect(fd, (struct sockaddr *)&sin, sizeof sin) == 0;
		if (fd >= 0)
			close(fd);
		if (!open)
			pause_ms(50);
	}
	return open ? 0 : err_set(e, ERR_UNAVAILABLE, "the relay did not get ready");
}

/* The port it had, else the usual one, else any that is free. */
static int relay_port(struct up *u, struct err *e)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(RELAY_PORT)};
	socklen_t len = sizeof sin;
	int fd;

	if (file_line(at(u, "relay/port"), u->relay_port, sizeof u->relay_port) == 0)
		return 0;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&sin, sizeof sin) < 0) {
		sin.sin_port = 0;
		(void)bind(fd, (struct sockaddr *)&sin, sizeof sin);
	}
	if (fd < 0 || getsockname(fd, (struct sockaddr *)&sin, &len) < 0)
		err_errno(e, "cannot find a free port for the relay");
	else
		snprintf(u->relay_port, sizeof u->relay_port, "%d", ntohs(sin.sin_port));
	if (fd >= 0)
		close(fd);
	return *u->relay_port
		? file_write(at(u, "relay/port"), u->relay_port, strlen(u->relay_port), 0600, e)
		: -1;
}

static int start_all(struct up *u, struct err *e)
{
	const char *server = arena_printf(u->c->arena, "%s/him-server", u->bin),
		   *relay = arena_printf(u->c->arena, "%s/him-relay", u->bin);
	const char *agent = arena_printf(u->c->arena, "%s/him-agent", u->sbin);

	if (file_mkdirs(at(u, "log"), 0700, e) < 0 || file_mkdirs(at(u, "relay"), 0700, e) < 0 ||
		relay_port(u, e) < 0)
		return -1;
	u->server = (struct part){
		"server", {server, "--home", u->home, u->port ? "--port" : NULL, u->port}};
	if (start(u, &u->server, e) < 0 || server_ready(u, e) < 0)
		return -1;
	if (!file_exists(at(u, "relay/identity.json")) &&
		(believe_hosts(u, e) < 0 || enrol(u, relay, "relay", u->people, e) < 0))
		return -1;
	u->relay = (struct part){"relay",
		{relay, "--home", u->home, "--port", u->relay_port, "--parent", u->machines,
			"--address", u->addresses}};
	if (start(u, &u->relay, e) < 0 || relay_ready(u, e) < 0)
		return -1;
	snprintf(u->relay_at, sizeof u->relay_at, "127.0.0.1:%s", u->relay_port);
	if (!file_exists(at(u, "agent/identity.json")) &&
		enrol(u, agent, "agent", u->relay_at, e) < 0)
		return -1;
	u->agent = (struct part){"agent", {agent, "--home", u->home, "--parent", u->relay_at}};
	return start(u, &u->agent, e);
}

/* ---- what was found ---- */

static const char *str(const struct json *j, const char *key)
{
	const char *s = json_str(json_get(j, key));

	return s ? s : "";
}

static void print_machine(const struct json *m)
{
	int64_t threads = 0, memory = 0, packages = 0;
	char size[32];

	json_to_int(json_get(m, "him.cpu.threads"), &threads);
	json_to_int(json_get(m, "host.memory"), &memory);
	json_to_int(json_get(m, "him.packages"), &packages);
	printf("  %s (%s), %s %s, kernel %s\n", str(m, "name"), str(m, "state"), str(m, "os.name"),
		str(m, "os.version"), str(m, "him.os.kernel"));
	printf("    %s, %lld logical processors, %s memory, %lld packages\n",
		str(m, "host.cpu.model.name"), (long long)threads, text_size_format(memory, size),
		(long long)packages);
	printf("    address %s, MAC %s, gateway %s; orders reach it by %s\n", str(m, "host.ip"),
		str(m, "host.mac"), str(m, "him.gateway.ip"), str(m, "channel"));
}

/* Waits until the agent's first report is in, and the machine is online. */
static int first_report(struct up *u, struct json **page, struct err *e)
{
	int64_t end = clock_mono_ms() + START_MS;

	while (clock_mono_ms() < end) {
		const struct json *m;
		if (still_runs(u, &u->agent, e) < 0 || still_runs(u, &u->relay, e) < 0 ||
			still_runs(u, &u->server, e) < 0 ||
			api_get(u->c, "/machines?limit=5&sort=created", page, e) < 0)
			return -1;
		for (size_t i = 0; i < json_len(json_get(*page, "machines")); i++) {
			m = json_at(json_get(*page, "machines"), i);
			if (strcmp(str(m, "state"), "online") == 0 && *str(m, "reported"))
				return 0;
		}
		json_free(*page);
		*page = NULL;
		pause_ms(100);
	}
	return err_set(e, ERR_UNAVAILABLE,
		"this machine's agent did not report in time; see %s/log/agent.log", u->home);
}

static void print_found(struct up *u, const struct json *page)
{
	const struct json *list = json_get(page, "machines");
	char password[128];

	printf("HIM runs here; its data is in %s\n\nfound:\n", u->home);
	for (size_t i = 0; i < json_len(list); i++)
		print_machine(json_at(list, i));
	printf("\nserver          https://%.*s:%s\n", (int)strcspn(u->addresses, ":,"),
		u->addresses, strchr(u->people, ':') + 1);
	printf("CA fingerprint  %s\n", u->fingerprint);
	if (file_line(at(u, "server/first-password"), password, sizeof password) == 0)
		printf("first login     user admin, one-time password %s\n", password);
	explicit_bzero(password, sizeof password);
	if (u->new)
		printf("hosts           what machines of site " SITE
		       " say of their guests is believed; "
		       "him site hosts " SITE " off ends that\n");
	printf("\ntry             %s/him machines\n                %s/him tree\n                "
	       "%s/him run --wait '*' -- uname "
	       "-a\n                %s/him enroll --site lab\n",
		u->bin, u->bin, u->bin, u->bin);
	fflush(stdout);
}

/* ---- keeping them running, stopping them ---- */

static void stop(struct part *p)
{
	int64_t end = clock_mono_ms() + STOP_MS;

	if (p->pid <= 0)
		return;
	kill(p->pid, SIGTERM);
	while (waitpid(p->pid, NULL, WNOHANG) == 0) {
		if (clock_mono_ms() > end) {
			kill(p->pid, SIGKILL);
			waitpid(p->pid, NULL, 0);
			break;
		}
		pause_ms(20);
	}
	p->pid = 0;
}

static void revive(struct up *u, struct part *p)
{
	struct err e = ERR_INIT;
	int64_t lived = clock_mono_ms() - p->started_mono, wait;

	p->failures = lived > 60000 ? 0 : p->failures + 1;
	wait = p->failures > 5 ? 30000 : (1LL << p->failures) * 250;
	fprintf(stderr, "him: him-%s ended (%s); starting it again\n", p->name, last_line(u, p));
	pause_ms(wait);
	if (start(u, p, &e) < 0)
		fprintf(stderr, "him: %s\n", e.text);
}

static void keep(struct up *u, const sigset_t *set)
{
	struct part *parts[] = {&u->server, &u->relay, &u->agent};
	struct timespec tick = {5, 0};
	int sig;

	while ((sig = sigtimedwait(set, NULL, &tick)) != SIGTERM && sig != SIGINT)
		for (size_t i = 0; i < 3; i++)
			if (parts[i]->pid > 0 &&
				waitpid(parts[i]->pid, NULL, WNOHANG) == parts[i]->pid) {
				parts[i]->pid = 0;
				revive(u, parts[i]);
			}
}

/* In the background: the one who called waits until all is up, then goes. Returns the pipe to say so through; -1 in the
 * one who waited, with *code. */
static int detach(int *code)
{
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0 || (pid = fork()) < 0)
		return -1;
	if (pid == 0) {
		close(ready[0]);
		setsid();
		return ready[1];
	}
	close(ready[1]);
	*code = read(ready[0], &byte, 1) == 1 ? 0 : 3;
	close(ready[0]);
	return -1;
}

static void say_ready(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	fflush(stdout);
	(void)!write(fd, "k", 1);
	close(fd);
	for (int i = 0; i < 3; i++)
		dup2(null, i);
	close(null);
}

static int run(struct up *u, int ready, struct err *e)
{
	struct json *page = NULL;
	sigset_t set;
	int rc;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	rc = start_all(u, e);
	if (rc == 0)
		rc = first_report(u, &page, e);
	if (rc == 0) {
		print_found(u, page);
		if (ready >= 0)
			say_ready(ready);
		else
			printf("\nCtrl-C stops it; nothing is lost.\n"), fflush(stdout);
		keep(u, &set);
	}
	json_free(page);
	stop(&u->agent);
	stop(&u->relay);
	stop(&u->server);
	return rc;
}

int cmd_up(struct cli *c, const struct args *a, struct err *e)
{
	struct up u = {.c = c};
	int lock, code = 0, ready = -1, rc;
	pid_t holder;

	u.port = args_get(a, "port");
	if (places(&u, e) < 0 || file_mkdirs(u.home, 0700, e) < 0)
		return -1;
	if (args_flag(a, "detach") && (ready = detach(&code)) < 0)
		return code;
	lock = file_lock(at(&u, "up.lock"), &holder, e);
	if (lock < 0)
		return holder
			? err_set(e, ERR_CONFLICT,
				  "it runs already (process %d); him down stops it", (int)holder)
			: -1;
	rc = run(&u, ready, e);
	close(lock);
	return rc;
}

int cmd_down(struct cli *c, const struct args *a, struct err *e)
{
	struct up u = {.c = c};
	int64_t end = clock_mono_ms() + 3 * STOP_MS;
	pid_t holder = 0;
	int fd;

	if (places(&u, e) < 0)
		return -1;
	fd = file_exists(at(&u, "up.lock")) ? file_lock(at(&u, "up.lock"), &holder, e) : -1;
	if (fd >= 0)
		close(fd);
	if (!holder) {
		printf("nothing of %s runs\n", u.home);
		return 0;
	}
	if (kill(holder, SIGTERM) < 0)
		return err_errno(e, "cannot stop process %d", (int)holder);
	do {
		pause_ms(50);
		fd = file_lock(at(&u, "up.lock"), &holder, e);
	} while (fd < 0 && clock_mono_ms() < end);
	if (fd < 0)
		return err_set(e, ERR_UNAVAILABLE, "process %d does not stop", (int)holder);
	close(fd);
	*e = ERR_INIT;
	printf("stopped\n");
	return 0;
}
