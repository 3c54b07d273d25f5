// SPDX-License-Identifier: Apache-2.0
/* Login records. */
#include "probe/linux/user.h"
#include <assert.h>
#include <string.h>

static int each(void *ctx, const struct utmp_login *l, struct err *e)
{
	assert(l->user[0] && strlen(l->user) <= 32 && strlen(l->line) <= 32 && l->since_ms >= 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	utmp_parse(data, size, each, NULL, NULL);
	return 0;
}
