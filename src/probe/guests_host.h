/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom this host has, and when to look again. Looking starts programs and waits for them, at most
 * GUESTS_LOOK_MS in all; a resident program lets a child look and only watches.
 */
#ifndef HIM_PROBE_GUESTS_HOST_H
#define HIM_PROBE_GUESTS_HOST_H

#include "base/json.h"
#include "probe/guest.h"

#define GUESTS_LOOK_MS 45000

/* Longer than this a platform that does not answer should not take: the others wait for it. */
#define GUESTS_SLOW_MS 4000

/* Adds the guests of every platform that is here; root as in probe_open. errors, an object, gets a
 * sentence for each platform that could not tell all of them, by its name. slow, an array or NULL,
 * gets the names of those that took over GUESTS_SLOW_MS and could not tell all. without, names joined by commas or NULL,
 * is not asked, which is an error too: its guests are not known. */
void guests_host(const char *root, const char *without, struct guests *list, struct json *errors,
	struct json *slow);

/* ---- watching ---- */

struct guests_watch;

/* Nothing is known to it at first, so that everything is new. */
struct guests_watch *guests_watch_open(const char *root);
void guests_watch_close(struct guests_watch *w); /* accepts NULL */

/* Readable when something happened in a folder; -1 where there is no such thing. */
int guests_watch_fd(const struct guests_watch *w);

/* Takes what happened. False when nothing did. */
bool guests_watch_drain(struct guests_watch *w);

/* Compares with the last time, and watches the folders that came since. True when the guests may
 * be others: a platform came or went, a folder or a process did, or a platform is here whose
 * changes leave no trace. Costs a stat for every file of the folders and process of the machine. */
bool guests_watch_changed(struct guests_watch *w);

#endif
