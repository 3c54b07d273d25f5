/* SPDX-License-Identifier: Apache-2.0 */
/* Parsers of the subject cpu. */
#ifndef HIM_PROBE_LINUX_CPU_H
#define HIM_PROBE_LINUX_CPU_H

#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

#define CPU_MAX 8192 /* logical processors; the kernel's own ceiling */

/* What /proc/cpuinfo tells. Texts are "" and counts 0 where it does not. */
struct cpuinfo {
	char vendor[64];
	char model_name[256];
	char family[32], model[32], stepping[32];
	int sockets, cores, threads;
};

/* Fills out from /proc/cpuinfo of x86 or ARM. Sockets and cores are counted from the ids x86
 * gives; ARM gives none, so they stay 0. More than CPU_MAX processors are an error. */
int cpuinfo_parse(const char *text, size_t len, struct cpuinfo *out, struct err *e);

/* The kernel's lists of processors: "0-3,8". *first is the first of them. Returns how many they
 * are, -1 when the text is no such list, is empty or names a processor at CPU_MAX or above. each
 * (may be NULL) is called for every one, in order. */
int cpu_list_parse(const char *text, int *first, void (*each)(void *ctx, int cpu), void *ctx);

#endif
