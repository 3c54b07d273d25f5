/* SPDX-License-Identifier: Apache-2.0 */
/* How much of a core the agent's own work may take. */
#ifndef HIM_AGENT_PACE_H
#define HIM_AGENT_PACE_H

#include <stdint.h>

#define PACE_PERCENT 2
#define PACE_PAUSE_MAX_MS 3600000

/* CPU this process has used so far: not that of the commands it runs, which have limits of their own. */
int64_t pace_cpu_us(void);

/* The pause before the next look at the machine: wanted_ms, or so long that used_us, the CPU used since the last look, is at
 * most PACE_PERCENT of it; an hour at most, unless more is wanted. */
int64_t pace_pause_ms(int64_t wanted_ms, int64_t used_us);

#endif
