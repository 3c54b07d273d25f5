/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thing seen from two sides: what a report, a change of presence or a person's word means for which machines there are
 * and what runs on what. Everything happens in the writer's job that brings the news, in its transaction.
 */
#ifndef HIM_SERVER_TOPOLOGY_H
#define HIM_SERVER_TOPOLOGY_H

#include "server/effect.h"
#include "store/db.h"
#include "store/store_sighting.h"

struct topology {
	struct db *db;
	struct arena *arena;
	struct effects *effects;
	int64_t now_ms;
	struct err *e;
};

/* An agent's document changed: its sightings are made anew, and what changed of them is resolved. */
int topology_report(struct topology *t, const char *agent);
/* It came or went, was cut off, or its list is believed from now on or no longer: all it says is looked at again. */
int topology_source(struct topology *t, const char *agent);
/* It speaks, although another agent speaks for what was its machine: it gets one of its own. Else nothing. */
int topology_back(struct topology *t, const char *agent);
/* Nothing that it said counts any more: it is about to be forgotten. Called while its machine is there. */
int topology_forget(struct topology *t, const char *agent);
/* These, and what hangs together with them. */
int topology_resolve(struct topology *t, const struct sighting_name *seeds, size_t n);
/* A portion of what is due to be looked at again, and what is long over. */
int topology_due(struct topology *t, bool prune);

/* Somebody says that the list of this machine is believed, or no longer. ERR_CONFLICT for one without an agent. */
int topology_mark(struct topology *t, const struct machine *m, bool on, const char *by);
/* The setting, with a site's name behind it, that is "on" where machines that host something are marked by themselves:
 * never one that some host lists. */
#define TOPOLOGY_AUTO "hosts.auto:"

/* ---- for answers ---- */

struct resolve_input;
struct resolve_output;
/* Loads the component of these and resolves it, writing nothing. */
int topology_look(struct topology *t, const struct sighting_name *seeds, size_t n,
	struct component *c, struct resolve_input *in, struct resolve_output *out);

/* topology_settle.c: makes what was resolved so. */
int topology_settle(struct topology *t, const struct component *c, const struct resolve_input *in,
	const struct resolve_output *out);

#endif
