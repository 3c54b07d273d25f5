/* SPDX-License-Identifier: Apache-2.0 */
/* The body of an action, as an agent takes it: what is accepted keeps every limit. */
#include "agent/job_spec.h"
#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct err e = ERR_INIT;
	struct job_spec s;

	if (job_spec_parse((const char *)data, size, a, &s, &e) == 0) {
		assert(s.timeout_ms >= 1000 && s.cpu_percent >= 1 && s.memory_bytes >= 16 << 20);
		assert(s.command_n > 0 || s.script);
		assert(!s.command[s.command_n] && s.as);
	} else {
		assert(e.code && e.text[0]);
	}
	arena_free(a);
	return 0;
}
