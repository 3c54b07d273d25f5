/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libevent frees a connection some turns after its owner did: callbacks that it has put off hold references, and the loop that is
 * freed drops such callbacks without their references. A connection that was being made in that moment would never be freed.
 */
#include "base/loop.h"
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>

#define TURNS 3          /* what was put off may put off one more */
#define GATHER_MAX 16000 /* less than a TLS record */

struct event_base *loop_new(void)
{
	struct event_config *conf = event_config_new();
	struct event_base *base = NULL;

	if (conf && event_config_set_flag(conf, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST) == 0)
		base = event_base_new_with_config(conf);
	if (!base)
		abort();
	event_config_free(conf);
	return base;
}

void loop_gather(struct bufferevent *bev)
{
	struct evbuffer *out = bufferevent_get_output(bev);

	if (evbuffer_get_length(out) <= GATHER_MAX)
		evbuffer_pullup(out, -1);
}

void loop_free(struct event_base *base)
{
	for (int i = 0; base && i < TURNS; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	if (base)
		event_base_free(base);
}
