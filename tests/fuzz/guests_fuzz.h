/* SPDX-License-Identifier: Apache-2.0 */
/* A listing of one kind; whatever it says, the guests are in their one form. */
#ifndef HIM_TESTS_FUZZ_GUESTS_FUZZ_H
#define HIM_TESTS_FUZZ_GUESTS_FUZZ_H

#include "probe/guests.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static inline int guests_fuzz(const char *kind, const uint8_t *data, size_t size)
{
	char *text = xmalloc(size + 1); /* of its exact length: reading behind it is seen */
	struct guests list;

	memcpy(text, data, size);
	text[size] = 0;
	guests_init(&list);
	if (guests_parse(kind, text, size, &list, NULL) == 0) {
		for (size_t i = 0; i < list.count; i++) {
			const struct guest *g = list.items[i];
			assert(!g->uuid || strlen(g->uuid) == 36);
			assert(!g->name || (*g->name && strlen(g->name) <= GUEST_TEXT_MAX));
			assert(g->memory_bytes >= 0 && g->vcpus >= 0);
			for (size_t k = 0; k < g->macs_count; k++)
				assert(strlen(g->macs[k]) == 17);
		}
		json_free(guests_json(&list));
	}
	guests_release(&list);
	free(text);
	return 0;
}

#endif
