/* SPDX-License-Identifier: Apache-2.0 */
/* him-agent service: makes an enrolled agent run, now and after every boot where the system has a way for that. */
#ifndef HIM_AGENT_SERVICE_H
#define HIM_AGENT_SERVICE_H

#include "base/err.h"

/* With systemd: a unit, enabled and started. Without: the agent in the background, and a sentence that says so. */
int service_install(const char *home, struct err *e);

#endif
