// SPDX-License-Identifier: Apache-2.0
/* Every parser of evidence over the same bytes, then the verdict: it has a kind and a role. */
#include "probe/virt.h"
#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parsers[])(struct evidence * ev, const char *text, size_t len) = {
		evidence_dmidecode, evidence_cpuinfo, evidence_cpuid, evidence_uname,
		evidence_command, evidence_environ, evidence_cgroup, evidence_status,
		evidence_modules, evidence_sysinfo};
	struct evidence all = {0};

	for (size_t i = 0; i <= sizeof(parsers) / sizeof(parsers[0]); i++) {
		struct evidence ev = {0};
		struct virt v;
		if (i == sizeof(parsers) / sizeof(parsers[0])) {
			evidence_smbios_raw(&all, data, size);
			ev = all;
		} else {
			parsers[i](&ev, (const char *)data, size);
			parsers[i](&all, (const char *)data, size);
		}
		virt_judge(&ev, NULL, NULL, &v);
		assert(v.kind && v.role && v.network);
		json_free(virt_json(&v));
		json_free(v.why);
	}
	return 0;
}
