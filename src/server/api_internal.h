/* SPDX-License-Identifier: Apache-2.0 */
/* What api.c (calls), api_who.c (who may) and api_events.c (streams) share. */
#ifndef HIM_SERVER_API_INTERNAL_H
#define HIM_SERVER_API_INTERNAL_H

#include "server/api.h"
#include "server/call.h"
#include "server/rate.h"

struct follower;

struct api {
	struct server *s;
	struct rate *addresses, *users; /* tries at passwords */
	int hashing;                    /* passwords being hashed now */
	struct follower *streams;
	int64_t streams_n;
	struct event *tick;
	uid_t owner; /* of the data folder */
	bool stopped;
};

void streams_close(struct api *api);
void streams_tick(struct api *api);

#endif
