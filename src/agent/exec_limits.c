/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroups by their files. Nothing is assumed: each step is tried, and what cannot be had is stood in for by nice (CPU) and
 * RLIMIT_DATA (memory), which hold for each process alone, so the result says which it was.
 */
#include "agent/exec_limits.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOT "/sys/fs/cgroup"
#define PERIOD_US 100000
#define NICE 10

static int put(const char *dir, const char *file, const char *text)
{
	char path[400];
	int fd, rc;

	snprintf(path, sizeof path, "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	rc = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
	close(fd);
	return rc;
}

static int make(const char *parent, const char *id, char out[300])
{
	char group[200];

	snprintf(group, sizeof group, "%s/him", parent);
	if (mkdir(group, 0755) < 0 && access(group, W_OK) < 0)
		return -1;
	snprintf(out, 300, "%s/%s", group, id);
	if (mkdir(out, 0755) == 0 || access(out, W_OK) == 0)
		return 0;
	out[0] = '\0';
	return -1;
}

static void v2(struct limits *l, const char *id)
{
	char text[64], parent[] = ROOT "/him";

	(void)put(ROOT, "cgroup.subtree_control", "+cpu +memory");
	if (mkdir(parent, 0755) < 0 && access(parent, W_OK) < 0)
		return;
	(void)put(parent, "cgroup.subtree_control", "+cpu +memory");
	if (make(ROOT, id, l->groups[0]) < 0)
		return;
	snprintf(text, sizeof text, "%lld %d", (long long)l->cpu_percent * PERIOD_US / 100,
		PERIOD_US);
	if (put(l->groups[0], "cpu.max", text) == 0)
		l->cpu = "cgroup2";
	snprintf(text, sizeof text, "%lld", (long long)l->memory_bytes);
	if (put(l->groups[0], "memory.max", text) == 0) {
		l->memory = "cgroup2";
		(void)put(l->groups[0], "memory.swap.max", "0");
	}
}

static void v1(struct limits *l, const char *id)
{
	char text[64];

	snprintf(text, sizeof text, "%lld", (long long)l->cpu_percent * PERIOD_US / 100);
	if (make(ROOT "/cpu", id, l->groups[0]) == 0 &&
		put(l->groups[0], "cpu.cfs_quota_us", text) == 0)
		l->cpu = "cgroup1";
	snprintf(text, sizeof text, "%lld", (long long)l->memory_bytes);
	if (make(ROOT "/memory", id, l->groups[1]) == 0 &&
		put(l->groups[1], "memory.limit_in_bytes", text) == 0) {
		l->memory = "cgroup1";
		(void)put(l->groups[1], "memory.memsw.limit_in_bytes", text);
	}
}

void limits_open(struct limits *l, const char *id, int64_t cpu_percent, int64_t memory_bytes)
{
	memset(l, 0, sizeof *l);
	l->cpu = "nice";
	l->memory = "rlimit";
	l->cpu_percent = cpu_percent;
	l->memory_bytes = memory_bytes;
	if (access(ROOT "/cgroup.controllers", F_OK) == 0)
		v2(l, id);
	else
		v1(l, id);
}

void limits_none(struct limits *l)
{
	*l = (struct limits){.cpu = "none", .memory = "none"};
}

void limits_enter(const struct limits *l)
{
	for (int i = 0; i < LIMIT_GROUPS; i++)
		if (l->groups[i][0])
			(void)put(l->groups[i], "cgroup.procs", "0");
	if (strcmp(l->cpu, "nice") == 0)
		(void)setpriority(PRIO_PROCESS, 0, NICE);
	if (strcmp(l->memory, "rlimit") == 0) {
		struct rlimit r = {(rlim_t)l->memory_bytes, (rlim_t)l->memory_bytes};
		(void)setrlimit(RLIMIT_DATA, &r);
	}
}

static bool counted(const char *dir, const char *file)
{
	char path[400], line[128];
	bool some = false;
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, file);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		some |= strncmp(line, "oom_kill ", 9) == 0 && strtol(line + 9, NULL, 10) > 0;
	if (f)
		fclose(f);
	return some;
}

bool limits_out_of_memory(const struct limits *l)
{
	if (strcmp(l->memory, "cgroup2") == 0)
		return counted(l->groups[0], "memory.events");
	return strcmp(l->memory, "cgroup1") == 0 && counted(l->groups[1], "memory.oom_control");
}

void limits_close(const struct limits *l)
{
	for (int i = 0; i < LIMIT_GROUPS; i++)
		for (int try = 0; l->groups[i][0] && rmdir(l->groups[i]) < 0 && try < 20; try++)
			usleep(5000); /* the kernel lets go of a group a moment after its last process */
}
