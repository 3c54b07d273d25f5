/* SPDX-License-Identifier: Apache-2.0 */
/* A box that nobody sealed does not open. */
#include "wire/seal.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t secret[BOX_KEY_BYTES], pub[BOX_KEY_BYTES];
	uint8_t key[SEAL_SECRET_BYTES] = {0};
	struct err e = ERR_INIT;
	struct buf text;

	if (!pub[0] && !pub[1])
		box_keygen(secret, pub);
	buf_init(&text, 1u << 20);
	assert(seal_open_request(secret, data, size, &text, key, &e) < 0);
	assert(seal_open_answer(key, data, size, &text, &e) < 0);
	buf_release(&text);
	return 0;
}
