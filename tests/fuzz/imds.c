// SPDX-License-Identifier: Apache-2.0
/* The same bytes as an answer to every request of every provider; what is taken is one line. */
#include "probe/imds.h"
#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct imds_service *s;

	for (size_t i = 0; (s = imds_at(i)); i++)
		for (size_t k = 0; k < IMDS_REQUESTS && s->requests[k].method; k++) {
			struct imds_facts f = {0};
			struct err e = ERR_INIT;
			char token[IMDS_TOKEN] = "";
			int rc =
				imds_read(&s->requests[k], (const char *)data, size, &f, token, &e);
			assert(rc == 0 || e.text[0]);
			assert(!strpbrk(token, "\r\n"));
			for (size_t n = 0; n < IMDS_FACTS; n++)
				assert(!strpbrk(f.text[n], "\r\n <"));
		}
	return 0;
}
