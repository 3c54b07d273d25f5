// SPDX-License-Identifier: Apache-2.0
/*
 * The CPUID instruction. Bit 31 of ECX in leaf 1 says that a hypervisor is there; from leaf
 * 0x40000000 on it names itself, and one that offers several interfaces (KVM with Microsoft's
 * first, Xen with the same) puts its own 0x100 further on. Without the bit those leaves hold
 * whatever the processor has there, so they are not read.
 */
#include "probe/linux/evidence.h"
#include <cpuid.h>
#include <stdint.h>
#include <string.h>

#define FIRST 0x40000000u
#define STEP 0x100u
#define INTERFACES 4

static void signature(uint32_t leaf, char out[13])
{
	uint32_t a, b, c, d;

	__cpuid(leaf, a, b, c, d);
	memcpy(out, &b, 4);
	memcpy(out + 4, &c, 4);
	memcpy(out + 8, &d, 4);
	out[12] = 0;
}

void evidence_ask_cpu(struct evidence *ev)
{
	uint32_t a, b, c, d;
	char text[13];

	if (!__get_cpuid(1, &a, &b, &c, &d))
		return;
	evidence_set(ev, FACT_CPUID_READ, "yes", 3);
	if (!(c & UINT32_C(0x80000000))) {
		evidence_set(ev, FACT_CPU_HYPERVISOR, "no", 2);
		return;
	}
	evidence_set(ev, FACT_CPU_HYPERVISOR, "yes", 3);
	for (uint32_t i = 0; i < INTERFACES; i++) {
		signature(FIRST + i * STEP, text);
		if (i == 0 || memcmp(text, "KVMKVMKVM", 9) == 0 ||
			memcmp(text, "XenVMMXenVMM", 12) == 0)
			evidence_set(ev, FACT_CPUID, text, strlen(text));
	}
}
