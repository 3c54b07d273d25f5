/* SPDX-License-Identifier: Apache-2.0 */
/* An envelope that is accepted by form is never accepted under a key that it was not made with, nor any frame as an answer. */
#include "wire/reply.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t key[MAC_KEY_BYTES] = {1, 2, 3};
	struct err e = ERR_INIT;
	struct envelope env;
	struct frame f;
	size_t pos = 0;

	while (frame_next((const char *)data, size, &pos, &f, &e) > 0) {
		assert(!reply_check(&f, key));
		if (envelope_parse(&f, &env, &e) == 0) {
			assert(envelope_seq_fits(env.kind, env.seq));
			assert(!envelope_check(&env, key));
		}
	}
	return 0;
}
