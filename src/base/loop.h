/* SPDX-License-Identifier: Apache-2.0 */
/* The end of an event loop. */
#ifndef HIM_BASE_LOOP_H
#define HIM_BASE_LOOP_H

struct event_base;

/* Frees the loop and what libevent still has to free: to be called when the owner has freed all that is its own, so that no callback
 * of the owner's can run any more. */
void loop_free(struct event_base *base);

#endif
