/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the plain page share. A page is built in the call's `out`: page_begin, its markup, page_end. */
#ifndef HIM_SERVER_PAGE_INTERNAL_H
#define HIM_SERVER_PAGE_INTERNAL_H

#include "server/call.h"
#include "server/html.h"
#include "store/store_action.h"
#include "store/store_machine.h"

/* here: the entry of the menu that this is, "" for none. Without a user (or the owner of the data) there is no menu. */
void page_begin(struct call *c, const char *title, const char *here);
void page_end(struct call *c);

/* A state as a word and a shape. */
void page_state(struct buf *b, const char *state);
/* The same of what a host says of its guest. */
void page_power(struct buf *b, const char *power);
/* "4 min ago" with the exact time at hand; "–" for 0. */
void page_time(struct call *c, int64_t ms);
const char *page_number(struct arena *a, int64_t n); /* 1,234,567; "–" for MODEL_ABSENT */
const char *page_size(struct arena *a, int64_t bytes);
/* "12.3 s", "4 min 12 s". */
const char *page_span(struct arena *a, int64_t ms);
/* A JSON array of words as a command line to be read, not run. */
const char *page_command(struct arena *a, const struct action *x);
/* "Next page" to path with the query given (may be ""), or nothing when next is NULL. */
void page_next(struct call *c, const char *path, const char *query, const char *next);

/* Of the page of one machine. In its line of facts: what its host says of it, and that host; 0, or -1 as any handler. */
int page_runs_on(struct call *c, struct db *db, const struct machine *m);
/* A table of what runs on it, nothing where nothing does. */
int page_guests(struct call *c, struct db *db, const struct machine *m);

int page_machines(struct call *c, struct db *db);
int page_machine(struct call *c, struct db *db);
int page_actions(struct call *c, struct db *db);
int page_action(struct call *c, struct db *db);
int page_result(struct call *c, struct db *db);

#endif
