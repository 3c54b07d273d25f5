/* SPDX-License-Identifier: Apache-2.0 */
/* Parser of the subject user. */
#ifndef HIM_PROBE_LINUX_USER_H
#define HIM_PROBE_LINUX_USER_H

#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

struct utmp_login {
	char user[33], line[33], host[257];
	int64_t since_ms;
};

/* utmp(5), of this or the other width of time (records of 384 bytes on x86-64, of 400 on arm64),
 * byte order ours. Calls each for everybody logged in; -1 of each ends it. Fails when the bytes
 * are no such records. */
int utmp_parse(const void *data, size_t len,
	int (*each)(void *ctx, const struct utmp_login *login, struct err *e), void *ctx,
	struct err *e);

#endif
