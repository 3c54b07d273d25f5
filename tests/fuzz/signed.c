/* SPDX-License-Identifier: Apache-2.0 */
/* A signed record that is accepted by form is never accepted under a key that did not sign it. */
#include "wire/sign.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t seed[SIGN_KEY_BYTES], pub[SIGN_KEY_BYTES];
	struct signed_record r;
	struct err e = ERR_INIT;
	struct frame f;
	size_t pos = 0;

	if (!pub[0] && !pub[1])
		sign_keygen(seed, pub);
	while (frame_next((const char *)data, size, &pos, &f, &e) > 0)
		if (signed_parse(&f, &r, &e) == 0)
			assert(!signed_check(&r, pub));
	/* And the path of a Merkle tree, of any bytes. */
	assert(!merkle_check(
		"01aaaaaaaaaaaaaaaaaaaaaaaa", size, size + 1, data, size, DIGEST_ZERO));
	return 0;
}
