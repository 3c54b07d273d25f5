/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Child processes for probes and the CLI: run an argument vector (never a shell), with a time limit
 * and a cap on what it prints. Blocking; the event loop's programs call it only where that is meant.
 */
#ifndef HIM_BASE_PROC_H
#define HIM_BASE_PROC_H

#include "base/buf.h"
#include "base/err.h"
#include <stdint.h>
#include <sys/types.h>

/* Runs argv (NULL-terminated; argv[0] looked up in a fixed safe PATH) with standard output appended
 * to out, input and errors from/to /dev/null, locale C. *exit_code: 0-255, 128+N for signal N.
 * A child over timeout_ms is killed with its process group: ERR_UNAVAILABLE. Output over the ceiling
 * kills it too: ERR_TOO_LARGE. Cannot be started: ERR_NOT_FOUND. */
int proc_run(const char *const *argv, int64_t timeout_ms, struct buf *out, int *exit_code,
	struct err *e);

/* Starts argv detached in its own session with output to log_fd, close-on-exec for all else.
 * env: NULL-terminated "K=V" added to ours, may be NULL. Returns the pid. */
pid_t proc_spawn(const char *const *argv, const char *const *env, int log_fd, struct err *e);

#endif
