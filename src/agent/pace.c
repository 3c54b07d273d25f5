/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's own limit: two percent of a core. What can wait is looking at the machine and reporting it, and that is
 * nearly all the agent does by itself, so the pause before the next look is stretched until the CPU used since the last
 * one, for whatever, is two percent of it. On a machine where a look is dear it is taken less often.
 *
 * Orders never wait for this. It holds on average from look to look, and is no limit inside one.
 */
#include "agent/pace.h"
#include <time.h>

int64_t pace_cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t pace_pause_ms(int64_t wanted_ms, int64_t used_us)
{
	int64_t least_ms = used_us / 1000 * 100 / PACE_PERCENT;

	if (least_ms > PACE_PAUSE_MAX_MS)
		least_ms = PACE_PAUSE_MAX_MS;
	return wanted_ms > least_ms ? wanted_ms : least_ms;
}
