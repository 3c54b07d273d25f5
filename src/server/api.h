/* SPDX-License-Identifier: Apache-2.0 */
/* What people talk to, from the outside: the handler of their listeners, and the bell that wakes event streams. */
#ifndef HIM_SERVER_API_H
#define HIM_SERVER_API_H

#include "server/server.h"

struct api *api_open(struct server *s, struct err *e);
void api_stop(struct api *api);  /* ends its streams; calls under way go on */
void api_close(struct api *api); /* after the last call's job. Both accept NULL */

void api_handle(void *api, struct http_req *req); /* api is a struct api */

/* In the loop, after a commit: events were added. */
void api_events(struct api *api);
/* Live output of a running command: only streams that asked for this action, and may see that agent's machine, get it. */
void api_live(struct api *api, const char *action, const char *agent, const char *json, size_t len);

#endif
