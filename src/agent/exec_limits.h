/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of a command: cgroup v2 where it can be had, else v1, else nice and rlimits; and which one it was. */
#ifndef HIM_AGENT_EXEC_LIMITS_H
#define HIM_AGENT_EXEC_LIMITS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define LIMIT_GROUPS 2

struct limits {
	const char *cpu, *memory;       /* "cgroup2", "cgroup1", "nice", "rlimit", "none" */
	char groups[LIMIT_GROUPS][300]; /* cgroup folders to join; "" none */
	int64_t cpu_percent, memory_bytes;
};

/* Makes the groups for a job, as far as this machine lets us. */
void limits_open(struct limits *l, const char *id, int64_t cpu_percent, int64_t memory_bytes);
/* No limits: for what is to live on. */
void limits_none(struct limits *l);
/* In the child, before exec: joins the groups, sets what stands in for them. */
void limits_enter(const struct limits *l);
/* Whether the kernel ended something of it for want of memory. */
bool limits_out_of_memory(const struct limits *l);
/* Removes the groups; everything in them has ended. */
void limits_close(const struct limits *l);

#endif
