/* SPDX-License-Identifier: Apache-2.0 */
/* How far an action is, in numbers and in words. No I/O. */
#ifndef HIM_CLI_PROGRESS_H
#define HIM_CLI_PROGRESS_H

#include "base/arena.h"
#include "base/json.h"
#include <stdbool.h>
#include <stdint.h>

enum progress_state { /* final ones first */
	PROGRESS_DONE,
	PROGRESS_FAILED,
	PROGRESS_TIMED_OUT,
	PROGRESS_REFUSED,
	PROGRESS_EXPIRED,
	PROGRESS_CANCELLED,
	PROGRESS_FINAL, /* how many of them are final */
	PROGRESS_RUNNING = PROGRESS_FINAL,
	PROGRESS_FETCHED,
	PROGRESS_NOTIFIED,
	PROGRESS_WAITING,
	PROGRESS_STATES
};

struct progress {
	int64_t targets, counts[PROGRESS_STATES];
	bool open;
};

extern const char *const progress_words[PROGRESS_STATES]; /* as the API calls them */

void progress_read(const struct json *action, struct progress *out);
int64_t progress_ended(const struct progress *p);
bool progress_all_done(const struct progress *p);
bool progress_is_final(const char *state);

/* "37 done, 2 failed, 1 timed out": states with nothing are left out. */
char *progress_counts(const struct progress *p, struct arena *a);
/* "40 machines: 37 done, …" */
char *progress_summary(const struct progress *p, struct arena *a);
/* "[######····] 12/40  10 done, …" in at most width characters. */
char *progress_bar(const struct progress *p, int width, struct arena *a);

/* One result: "done", "failed: exit 3", "failed: signal KILL", "refused: the reason". */
char *progress_outcome(const struct json *result, struct arena *a);

#endif
