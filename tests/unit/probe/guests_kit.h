/* SPDX-License-Identifier: Apache-2.0 */
/* Listings and what they say, a row each. */
#ifndef HIM_TESTS_PROBE_GUESTS_KIT_H
#define HIM_TESTS_PROBE_GUESTS_KIT_H

#include "probe/guests.h"

struct guests_case {
	const char *what, *kind, *text;
	/* A line for each guest: "NAME UUID MAC,MAC MEMORY VCPUS STATE", '-' for what is not known,
	 * and the container's id behind it where there is one. NULL: an error, whose sentence has
	 * `sentence` in it. */
	const char *want, *sentence;
};

void guests_check(const struct guests_case *cases, size_t count);

/* The same for one listing of len bytes; the caller frees. NULL when it is an error, then in *e. */
char *guests_lines(const char *kind, const char *text, size_t len, struct err *e);

#define GUESTS_CHECK(cases) guests_check(cases, sizeof(cases) / sizeof((cases)[0]))

#endif
