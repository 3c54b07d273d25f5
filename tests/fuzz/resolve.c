// SPDX-License-Identifier: Apache-2.0
/* The resolver on any sightings: what must hold of every answer holds, in every order, and when fed back. */
#include "core/resolve_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct resolve_input in;

	resolve_from_bytes(data, size, a, &in);
	resolve_check_all(&in, a);
	arena_free(a);
	return 0;
}
