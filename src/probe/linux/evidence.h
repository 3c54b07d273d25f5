/* SPDX-License-Identifier: Apache-2.0 */
/* The evidence of a Linux machine: which file says which fact. */
#ifndef HIM_PROBE_LINUX_EVIDENCE_H
#define HIM_PROBE_LINUX_EVIDENCE_H

#include "probe/evidence.h"
#include "probe/subject.h"

/* Fills all of ev. A captured machine (env->root not "") may have beside its folders `cpuid` (the
 * hypervisor's signature, one line), `dmidecode.txt` and `uname`, for what only the living
 * machine could be asked. */
void evidence_gather(const struct probe_env *env, struct evidence *ev);

/* Asks this processor (cpuid_x86_64.c, cpuid_other.c): the flag and the signature; where there is
 * no such instruction, nothing. */
void evidence_ask_cpu(struct evidence *ev);

#endif
