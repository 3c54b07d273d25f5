/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libevent frees a connection some turns after its owner did: callbacks that it has put off hold references, and the loop that is
 * freed drops such callbacks without their references. A connection that was being made in that moment would never be freed.
 */
#include "base/loop.h"
#include <event2/event.h>

#define TURNS 3 /* what was put off may put off one more */

void loop_free(struct event_base *base)
{
	for (int i = 0; base && i < TURNS; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	if (base)
		event_base_free(base);
}
