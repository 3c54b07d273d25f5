/* SPDX-License-Identifier: Apache-2.0 */
/* Parsers of the subject os. */
#ifndef HIM_PROBE_LINUX_OS_H
#define HIM_PROBE_LINUX_OS_H

#include "base/json.h"
#include <stddef.h>
#include <stdint.h>

/* os-release(5): assignments as a shell reads them. Fills the object `out` with its variables,
 * unquoted; the last of several counts. Lines that are no assignment are passed over, as a shell
 * would. */
void os_release_parse(const char *text, size_t len, struct json *out);

/* /proc/stat: the line btime, in ms. -1 when there is none. */
int os_boot_parse(const char *text, size_t len, int64_t *ms);

#endif
