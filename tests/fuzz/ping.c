/* SPDX-License-Identifier: Apache-2.0 */
/* A datagram is what was coded, or nothing. */
#include "wire/ping.h"
#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t key[PING_KEY_BYTES] = {7};
	uint8_t again[PING_BYTES];
	uint64_t channel;
	struct ping p;

	if (ping_peek(data, size, &channel) == 0 && ping_decode(data, size, key, &p) == 0) {
		ping_encode(&p, key, again);
		assert(memcmp(again, data, PING_BYTES) == 0);
	}
	return 0;
}
