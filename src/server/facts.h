/* SPDX-License-Identifier: Apache-2.0 */
/* What the server knows of itself: by which names it is reached, and the agent it hands out. */
#ifndef HIM_SERVER_FACTS_H
#define HIM_SERVER_FACTS_H

#include "server/server.h"

/* Fills s->addresses (from the settings, else host name and numeric addresses of this machine) and s->names. */
void facts_addresses(struct server *s);
/* Finds the static agent and its SHA-256; none is no error. */
void facts_agent(struct server *s);
void facts_free(struct server *s);

/* Ports are kept in HOME/server/ports, so that a restart takes the same ones. *port: the setting; explicit: it was set by
 * a person. Returns the port to try first. */
int facts_port(const struct server *s, const char *name, int64_t setting);
int facts_ports_save(const struct server *s, struct err *e);

#endif
