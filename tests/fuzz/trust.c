/* SPDX-License-Identifier: Apache-2.0 */
/* A trust document of a stranger is refused, whatever it says. */
#include "wire/trust.h"
#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t pin[PKI_PIN_BYTES] = {9};
	struct trust *t = malloc(sizeof *t);
	struct err e = ERR_INIT;

	assert(trust_parse((const char *)data, size, pin, t, &e) < 0);
	assert(e.code && e.text[0]);
	free(t);
	return 0;
}
