/* SPDX-License-Identifier: Apache-2.0 */
/* The last step of adding a machine in one line: from an enrolled agent to a running one. */
#include "agent/service.h"
#include "base/arena.h"
#include "base/file.h"
#include "base/proc.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNIT "/etc/systemd/system/him-agent.service"
#define SYSTEMCTL_MS 60000

static int systemctl(const char *const *argv, struct err *e)
{
	struct buf out;
	int code = 1, rc;

	buf_init(&out, 65536);
	rc = proc_run(argv, SYSTEMCTL_MS, &out, &code, e);
	buf_release(&out);
	return rc == 0 && code != 0
		? err_set(e, ERR_IO, "systemctl %s ended with %d", argv[1], code)
		: rc;
}

static int with_systemd(const char *exe, const char *home, struct err *e)
{
	static const char *const reload[] = {"systemctl", "daemon-reload", NULL};
	static const char *const enable[] = {
		"systemctl", "enable", "--now", "him-agent.service", NULL};
	/* KillMode=process: commands that run outlive a restart of the agent, which finds them again. */
	char *unit =
		xasprintf("[Unit]\nDescription=HIM "
			  "agent\nAfter=network-online.target\nWants=network-online.target\n\n"
			  "[Service]\nType=exec\nEnvironment=HIM_HOME=%s\nExecStart=%s\nRestart="
			  "always\nRestartSec=5\n"
			  "KillMode=process\nUMask=0077\n\n[Install]\nWantedBy=multi-user.target\n",
			home, exe);
	int rc = file_write(UNIT, unit, strlen(unit), 0644, e);

	free(unit);
	if (rc == 0 && systemctl(reload, e) == 0 && systemctl(enable, e) == 0)
		printf("running as him-agent.service\n");
	else
		rc = -1;
	return rc;
}

static int in_background(const char *exe, const char *home, struct err *e)
{
	const char *argv[] = {exe, "--home", home, NULL};
	char *path = xasprintf("%s/agent/log", home);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	pid_t pid = fd < 0 ? err_errno(e, "cannot write %s", path) : proc_spawn(argv, NULL, fd, e);

	if (pid > 0)
		printf("running in the background as process %d, log in %s; no systemd here: start "
		       "it after a boot with %s\n",
			(int)pid, path, exe);
	if (fd >= 0)
		close(fd);
	free(path);
	return pid > 0 ? 0 : -1;
}

int service_install(const char *home, struct err *e)
{
	char exe[1024], identity[1100];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

	if (n <= 0)
		return err_errno(e, "cannot find the path of this program");
	exe[n] = '\0';
	snprintf(identity, sizeof identity, "%s/agent/identity.json", home);
	if (!file_exists(identity))
		return err_set(e, ERR_USAGE, "not enrolled: run him-agent enroll first");
	return file_exists("/run/systemd/system") ? with_systemd(exe, home, e)
						  : in_background(exe, home, e);
}
