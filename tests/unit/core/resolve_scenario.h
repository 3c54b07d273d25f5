/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scenario file of tests/data/topology: sightings over time and the right answers. One JSON object:
 *
 *	why      what is known to go wrong, and why
 *	hosts    sources that may list others
 *	steps    what happens, in order. Each changes what the step before left, and is resolved with the ids answered so far:
 *	  say        in words
 *	  now        seconds; 1000 more than the step before when not given. What is live is seen now
 *	  sightings  new and changed ones; members not given stay:
 *	             name "SOURCE" or "SOURCE/KEY"; on ("" for listed ones when not given), live (true), ended, running (true),
 *	             context, kind ("physical", "vm", "container", "unknown"), since (now), keys: ["[~]KIND VALUE[ @SCOPE]"];
 *	             ~: on an interface that is not its own
 *	  gone       names that are no more
 *	  words      "A = B", "A != B"
 *	  above      "GUEST > HOST": links of machines that are not in the step
 *	  machines   {id: "names"}, all of them. A new machine's id is the name of its first member
 *	  nowhere    {name: reason}, all that have no machine
 *	  links      "GUEST > HOST", with " as of" when its source is not live: all that are certain
 *	  doubt      "GUEST ? HOST REASON", all in doubt
 *	  absorbed   {id: id or null}, all of them
 *	  why        "A B KIND REASON": evidence that must be there; B and KIND may be -
 *	  again      seconds after which it must be resolved again; 0 (when not given) never
 */
#ifndef HIM_TESTS_RESOLVE_SCENARIO_H
#define HIM_TESTS_RESOLVE_SCENARIO_H

#include "base/buf.h"
#include <stddef.h>

struct scenario_count {
	size_t steps;
	size_t pairs_right, pairs_wrong, pairs_missed; /* of sightings in one machine */
	size_t links_right, links_wrong, links_missed; /* certain ones */
};

/* Runs one file and adds to *count. Differences are added to problems, a line each. */
void scenario_run(const char *path, struct scenario_count *count, struct buf *problems);

#endif
