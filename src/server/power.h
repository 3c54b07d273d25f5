/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power: turning machines off, and on again. A power action is a signed action like any other; what it runs is power.sh. One
 * that restarts a machine is done when the machine is back, with a new boot time.
 */
#ifndef HIM_SERVER_POWER_H
#define HIM_SERVER_POWER_H

#include "server/effect.h"
#include "server/server.h"
#include "store/store_action.h"

#define POWER_OFF "off"
#define POWER_REBOOT "reboot"
#define POWER_START "start" /* guests again, after a reboot: made by the server itself */

/* Makes x, whose timeout is set, one: kind, script, command. how: off or reboot. */
int power_make(struct action *x, const char *how, bool with_guests, struct arena *a, struct err *e);

/* A result says done: 1 when it is that of a machine that must come back first. It was noted then, and is no final state. */
int power_waits(struct db *db, const struct result *r, struct err *e);

/* An agent told when its machine booted. What waited for that is done; guests that were shut down with it are started, by an
 * action of its own. *ended: an action ended. */
int power_back(struct server *s, struct db *db, const char *agent, int64_t now_ms,
	struct effects *effects, bool *ended, struct err *e);

#endif
