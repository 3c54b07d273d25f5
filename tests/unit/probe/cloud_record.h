/* SPDX-License-Identifier: Apache-2.0 */
/* The records of cloud machines (tests/data/detect/clouds.jsonl and the larger list it is from): what such a machine
 * shows, and what it is. */
#ifndef HIM_TESTS_PROBE_CLOUD_RECORD_H
#define HIM_TESTS_PROBE_CLOUD_RECORD_H

#include "probe/evidence.h"

struct verdict {
	const char *kind, *hypervisor, *role, *container, *provider;
};

void cloud_record_evidence(const struct json *record, struct evidence *ev);
/* The name of the machine's type says whether it is a bare one. */
struct verdict cloud_record_expected(const struct json *record);

#endif
