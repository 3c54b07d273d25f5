/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The jobs of an agent: taken (journalled), started when there is a slot, watched, reported. Whatever crashes, the files of a job
 * say what may still be done: nothing is ever run twice. They are named by the action's id, a dot, and
 *
 *	spec       first line: deadline; then the action's body     -> fetched
 *	lock       whoever holds it runs the job; its pid
 *	started    the supervisor has begun                         -> never again
 *	outcome.json                                                -> to be reported
 *	stdout.full, stderr.full  whole outputs, on request
 *	reported   the outcome is in the spool; most else is gone   -> known until a week after its deadline
 * A small outcome stays until the deadline, for a server that lost what it had heard (a restored backup) gives the action again.
 */
#ifndef HIM_AGENT_JOBS_H
#define HIM_AGENT_JOBS_H

#include "base/buf.h"
#include "base/err.h"
#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

struct jobs;

struct jobs_ops {
	void (*on_started)(void *ctx, const char *action,
		int64_t started_ms); /* it runs for more than a moment */
	void (*on_live)(void *ctx, const char *action, const char *name, int64_t offset,
		const void *data, size_t len);
	/* An outcome (JSON, the body of a result). Repeated by jobs_retry_outcomes until jobs_reported. */
	void (*on_outcome)(void *ctx, const char *action, const char *json, size_t len);
};

struct jobs_conf {
	const char *dir;
	struct event_base *base;
	int running_max;
	const struct jobs_ops *ops;
	void *ctx;
	int64_t now_ms; /* by the agent's reckoning, for deadlines of what was found */
};

/* Opens the folder; what was running is found again (outcomes come from the loop, not from here). */
struct jobs *jobs_open(const struct jobs_conf *conf, struct err *e);
void jobs_close(struct jobs *j); /* running commands go on. Accepts NULL */

bool jobs_known(const struct jobs *j, const char *action);
/* Journals it; it starts when there is a slot. -1: the body is not valid (ERR_INVALID, ERR_TOO_LARGE), or it cannot be
 * journalled. */
int jobs_take(struct jobs *j, const char *action, const char *body, size_t len, int64_t deadline_ms,
	struct err *e);
/* It was given again: when its outcome is reported and still here, on_outcome() is called with it once more. */
void jobs_again(struct jobs *j, const char *action);
void jobs_cancel(struct jobs *j, const char *action);
void jobs_reported(struct jobs *j, const char *action);
void jobs_retry_outcomes(struct jobs *j);
void jobs_forget_before(struct jobs *j, int64_t now_ms); /* what cannot be given any more */

bool jobs_has_attachments(const struct jobs *j, const char *action);
/* A chunk of a whole output from offset on, as much as out takes; *total its size. -1: there is none. */
int jobs_attachment(const struct jobs *j, const char *action, const char *name, int64_t offset,
	struct buf *out, int64_t *total);

int jobs_running(const struct jobs *j);

#endif
