/* SPDX-License-Identifier: Apache-2.0 */
/* An event loop, its beginning and its end, and one thing that its buffers need. */
#ifndef HIM_BASE_LOOP_H
#define HIM_BASE_LOOP_H

struct event_base;
struct bufferevent;

/* A loop that tells the kernel once a turn what it waits for, and not at each change of mind. Never NULL. No descriptor with an
 * event on it may be a dup() of another one that has one too. */
struct event_base *loop_new(void);

/* What is to be written, and was added in parts (head and body of a message), becomes one piece when it is small: one write, and one
 * record over TLS, instead of several. */
void loop_gather(struct bufferevent *bev);

/* Frees the loop and what libevent still has to free: to be called when the owner has freed all that is its own, so that no callback
 * of the owner's can run any more. */
void loop_free(struct event_base *base);

#endif
