// SPDX-License-Identifier: Apache-2.0
/* Processors without an instruction that names the hypervisor: arm64 and the rest. */
#include "probe/linux/evidence.h"

void evidence_ask_cpu(struct evidence *ev)
{
}
