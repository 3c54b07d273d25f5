// SPDX-License-Identifier: Apache-2.0
/* The administrator's rules: refused with a sentence, or applied to a machine. */
#include "probe/providers.h"
#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char nics[] =
		"{\"e\":{\"mac\":\"00:16:3e:01:02:03\",\"address\":{\"192.0.2.77/24\":"
		"\"global\",\"2001:db8::1/64\":\"global\"}}}";
	struct err e = ERR_INIT;
	struct providers *p = providers_parse((const char *)data, size, "rules", &e);
	struct virt v = {.why = json_array()};
	struct evidence ev = {0};
	struct surroundings around = {
		"web1.example", json_parse(nics, sizeof(nics) - 1, NULL), "00:00:5e:00:01:01"};

	assert(p || e.text[0]);
	evidence_set(&ev, FACT_SYS_VENDOR, "QEMU", 4);
	if (p) {
		providers_apply(p, &ev, &around, &v);
		assert(!v.provider || v.network);
	}
	providers_free(p);
	json_free((struct json *)around.nics);
	json_free(v.why);
	return 0;
}
