/* SPDX-License-Identifier: Apache-2.0 */
/* zstd for bodies. Unpacking streams into a buffer with a ceiling, so a small body cannot become a large one. Contexts are
 * made per thread once: making one costs more than most bodies. */
#include "base/zbody.h"
#include "base/arena.h"
#include <stdlib.h>
#include <zstd.h>

#define LEVEL 1
#define WINDOW_LOG_MAX 23 /* 8 MiB: what a frame may ask us to remember */

static _Thread_local ZSTD_DCtx *unpack;
static _Thread_local ZSTD_CCtx *pack;

int zbody_decode(const void *data, size_t len, struct buf *out, struct err *e)
{
	ZSTD_inBuffer in = {data, len, 0};
	char chunk[65536];
	size_t left = 1;

	if (!unpack && !(unpack = ZSTD_createDCtx()))
		abort();
	ZSTD_DCtx_reset(unpack, ZSTD_reset_session_only);
	ZSTD_DCtx_setParameter(unpack, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
	while (left > 0) {
		ZSTD_outBuffer to = {chunk, sizeof chunk, 0};
		size_t before = in.pos;
		left = ZSTD_decompressStream(unpack, &to, &in);
		if (ZSTD_isError(left))
			return err_set(e, ERR_INVALID, "the body is not zstd: %s",
				ZSTD_getErrorName(left));
		if (buf_add(out, chunk, to.pos) < 0)
			return err_set(e, ERR_TOO_LARGE,
				"the body unpacks to more than the limit of %zu bytes", out->max);
		if (left > 0 && in.pos == before && to.pos == 0)
			return err_set(
				e, ERR_INVALID, "the body ends in the middle of its zstd frame");
	}
	return in.pos == len ? 0 : err_set(e, ERR_INVALID, "the body goes on after its zstd frame");
}

void zbody_trim(void)
{
	ZSTD_freeDCtx(unpack); /* both accept NULL */
	ZSTD_freeCCtx(pack);
	unpack = NULL;
	pack = NULL;
}

int zbody_encode(const void *data, size_t len, struct buf *out)
{
	size_t bound = ZSTD_compressBound(len), n;
	void *packed = xmalloc(bound);
	int rc;

	if (!pack && !(pack = ZSTD_createCCtx()))
		abort();
	n = ZSTD_compressCCtx(pack, packed, bound, data, len, LEVEL);
	rc = ZSTD_isError(n) ? -1 : buf_add(out, packed, n);
	free(packed);
	return rc;
}
