/* SPDX-License-Identifier: Apache-2.0 */
/* What a job is to do: the body of a signed action, checked field by field. */
#ifndef HIM_AGENT_JOB_SPEC_H
#define HIM_AGENT_JOB_SPEC_H

#include "base/arena.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOB_SPEC_MAX (600u << 10)

struct job_spec {
	const char **command; /* NULL-terminated; with a script its arguments */
	size_t command_n;
	const char *script; /* NULL: none */
	int64_t timeout_ms, cpu_percent, memory_bytes;
	const char *as;
	const char **env; /* "K=V", NULL-terminated */
	bool attach;
	bool daemons; /* what leaves its process group outlives it, under no limit */
};

/* Texts live in the arena. -1: e names the field and the limit. */
int job_spec_parse(
	const char *text, size_t len, struct arena *a, struct job_spec *out, struct err *e);

#endif
