/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold of every answer of the resolver, whatever it was asked: for its unit tests and its fuzz target.
 */
#ifndef HIM_TESTS_RESOLVE_CHECK_H
#define HIM_TESTS_RESOLVE_CHECK_H

#include "core/resolve.h"
#include <stddef.h>
#include <stdint.h>

/* Sightings, words and all, from any bytes: few sources, keys and machines, so that they meet. */
void resolve_from_bytes(
	const uint8_t *data, size_t size, struct arena *a, struct resolve_input *in);

/* Live agents apart, indices in range, a machine id once, certain links without circles and one a guest … Aborts. */
void resolve_check(const struct resolve_input *in, const struct resolve_output *out);

/* The answer as lines in names alone, sorted: equal for equal answers. Without evidence when brief. */
const char *resolve_print(const struct resolve_input *in, const struct resolve_output *out,
	bool brief, struct arena *a);

/* The input in another order, by seed. */
void resolve_shuffle(const struct resolve_input *in, unsigned seed, struct arena *a,
	struct resolve_input *other);

/* The input with every sighting's machine as answered; groups without an id get one. Ungrouped ones lose theirs. */
void resolve_feed_back(const struct resolve_input *in, const struct resolve_output *out,
	struct arena *a, struct resolve_input *next);

/* All of the above: invariants, the same answer in other orders, the same groups and links when fed back. */
void resolve_check_all(const struct resolve_input *in, struct arena *a);

#endif
