// SPDX-License-Identifier: Apache-2.0
/* dpkg's status file: what comes out must not depend on the pieces it came in. */
#include "probe/linux/package.h"
#include <assert.h>
#include <stdint.h>
#include <string.h>

static int count(void *ctx, const struct dpkg_package *p, struct err *e)
{
	size_t *n = ctx;
	assert(p->name[0] && p->version[0]);
	*n = *n * 31 + strlen(p->name) + strlen(p->version) + strlen(p->arch);
	return 0;
}

static int parse(const char *data, size_t size, size_t piece, size_t *sum)
{
	struct dpkg_parser p;
	*sum = 0;
	dpkg_init(&p, count, sum);
	for (size_t at = 0; at < size; at += piece)
		if (dpkg_feed(&p, data + at, size - at < piece ? size - at : piece, NULL))
			return -1;
	return dpkg_end(&p, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t whole, pieces;
	int a = parse((const char *)data, size, size + 1, &whole);
	int b = parse((const char *)data, size, 3, &pieces);
	assert(a == b && whole == pieces);
	return 0;
}
