/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of jobs share: a folder and a loop a test, actions with real supervisors and commands, what came of them. */
#ifndef HIM_TEST_JOBS_KIT_H
#define HIM_TEST_JOBS_KIT_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "agent/jobs.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"

#define LIMIT_MS 60000
#define DEADLINE 1000000 /* by a clock that the tests set */
#define WEEK_MS 604800000LL
#define N(a) (sizeof(a) / sizeof *(a))

struct jobs_kit {
	char one[ID_SIZE],
		two[ID_SIZE]; /* actions: new ones for each test, so that several runs may be under way */
	char dir[64], go[96]; /* a command that waits does so until `go` exists */
	struct event_base *base;
	struct jobs *jobs;
	struct json *outcome; /* the last one */
	int outcomes, started;
	int64_t live;
};

extern struct jobs_kit t;

/* Runs the loop until the condition holds. */
#define UNTIL(condition)                                                                           \
	do {                                                                                       \
		int64_t end_ = clock_mono_ms() + LIMIT_MS;                                         \
		while (!(condition) && clock_mono_ms() < end_) {                                   \
			struct timeval tv_ = {0, 5000};                                            \
			event_base_loopexit(t.base, &tv_);                                         \
			event_base_dispatch(t.base);                                               \
		}                                                                                  \
		assert_true(condition);                                                            \
	} while (0)

/* As a new agent finds the folder. */
void reopen(int running_max, int64_t now_ms);
/* For a test: a folder, two actions, a loop. */
int make(void **state);
/* How many processes there are of that action; each gets the signal when it is not 0. */
int alive(const char *action, int sig);
int clean(void **state);
/* The body of an action that runs text in a shell, with more members. */
void take_shell(const char *action, const char *text, const char *more);
void take(const char *action, const char *body);
/* Leaves one line in `effects` and waits until let_go(). */
void take_waiting(const char *action);
void let_go(void);
/* Of the last outcome. */
const char *member(const char *name);
int64_t number(const char *name);
void assert_output(const char *name, const char *want);
/* Whether an action has that file. */
bool there(const char *action, const char *name);
/* How many commands of take_waiting() ran. */
size_t effects(void);

#define JOB(test) cmocka_unit_test_setup_teardown(test, make, clean)

#endif
