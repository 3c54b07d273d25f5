/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor of one job. It outlives the agent; what it finds stands in JOB.outcome.json. */
#ifndef HIM_AGENT_EXEC_H
#define HIM_AGENT_EXEC_H

#include <sys/types.h>

/* Starts the supervisor of the job whose files are named JOB.spec and so on (jobs.h), a process of its own session that keeps
 * none of our descriptors but standard error and `live`, a pipe for live output (-1: none). Returns its pid, or -1. It exits with 0, or with 1 when the job runs
 * already or was started before. To be called by a process of one thread. */
pid_t exec_start(const char *job, int live);

#endif
