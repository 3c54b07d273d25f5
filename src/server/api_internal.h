/* SPDX-License-Identifier: Apache-2.0 */
/* What api.c (calls) and api_events.c (streams) share. */
#ifndef HIM_SERVER_API_INTERNAL_H
#define HIM_SERVER_API_INTERNAL_H

#include "server/api.h"
#include "server/call.h"
#include "server/rate.h"

struct follower;

struct api {
	struct server *s;
	struct rate *rate;
	struct follower *streams;
	struct event *tick;
	uid_t owner; /* of the data folder */
};

void streams_close(struct api *api);
void streams_tick(struct api *api);

#endif
