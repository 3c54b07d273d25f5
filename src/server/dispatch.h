/* SPDX-License-Identifier: Apache-2.0 */
/* What goes down, who is there, and the signed lists. Called in the loop unless it says otherwise. */
#ifndef HIM_SERVER_DISPATCH_H
#define HIM_SERVER_DISPATCH_H

#include "server/effect.h"
#include "server/server.h"
#include "store/store_action.h"
#include "store/store_machine.h"

/* ---- dispatch.c ---- */

/* Gives everything that is open: of an action just committed, or of an agent that came back or moved. */
void dispatch_action(struct server *s, const char *action);
void dispatch_agent(struct server *s, const char *agent);
/* Gives everything open below a relay that (re)appeared: "" is this server's own direct children. */
void dispatch_below(struct server *s, const char *relay);
/* Tells those that may still be working on it. */
void dispatch_cancel(struct server *s, const char *action);
/* Posts a plain frame for an agent. relay: where it hangs (NULL or "": through `child`, else directly). */
struct down {
	const char *kind, *agent, *relay, *child,
		*which;           /* which: what makes two of a kind different, or NULL */
	const char *record;       /* signed record it refers to, or NULL */
	const char *const *attrs; /* more attributes, or NULL */
	const void *body;
	size_t len;
	bool lazy;
};
void dispatch_down(struct server *s, const struct down *d);

/* Any thread: the signed record of an action over these targets, ready to be stored; and the paths.
 * Fills action->frame in the arena. m is freed with merkle_free by the caller. */
struct merkle;
int dispatch_sign(const struct server *s, struct action *action, const struct target *targets,
	size_t n, struct arena *a, struct merkle **m, struct err *e);
size_t dispatch_path(void *merkle, size_t leaf, uint8_t *out); /* an action_path */

/* ---- presence.c ---- */

/* In the writer thread: a change, its event and effects. */
int presence_apply(struct db *db, const struct presence *p, bool is_relay, int64_t now_ms,
	struct effects *effects, struct err *e);
/* From the hub. */
void presence_child(struct server *s, const struct hub_presence *p);
void presence_hello(struct server *s, const struct hub_hello *h);
/* In the loop: a relay is offline since then, and with it all that hangs below it. */
void presence_relay_lost(struct server *s, const char *relay, int64_t since_ms);
/* In the loop: where a relay hangs now. */
void presence_relay_at(struct server *s, const char *relay, const char *parent, const char *state);
int presence_load(struct server *s, struct err *e);
void presence_free(struct server *s);

/* ---- lists.c ---- */

/* Signs the lists anew from the database and broadcasts them. */
void lists_relays(struct server *s);
void lists_revoked(struct server *s, bool urgent);
void lists_providers(struct server *s, bool urgent); /* nothing while nobody wrote any */
void lists_time(struct server *s);
int lists_load(struct server *s, struct err *e); /* at the start, before anybody connects */
bool lists_is_revoked(const struct server *s, const char *id);
/* The signed frame of the relays' list as base64, for an enrolment's answer. In the writer thread. */
int lists_relays_frame(struct server *s, struct db *db, struct buf *frame, struct err *e);

/* ---- enrol.c ---- */
struct http_req;
void enrol_handle(struct server *s, struct http_req *req);

#endif
