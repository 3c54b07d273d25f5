/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing byte buffer that cannot be made without its ceiling. Once an addition would pass the
 * ceiling the buffer is `full`: that addition and all later ones add nothing and return -1, so a
 * caller may check once at the end. Data is always followed by a NUL that len does not count.
 */
#ifndef HIM_BASE_BUF_H
#define HIM_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *data; /* NULL until the first addition; buf_str() never returns NULL */
	size_t len, cap, max;
	bool full;
};

void buf_init(struct buf *b, size_t max); /* max: at most SIZE_MAX / 2 */
/* Accepts NULL and zeroed; leaves an empty buffer with the same max. */
void buf_release(struct buf *b);
void buf_clear(struct buf *b); /* len 0, not full, memory kept */
int buf_add(struct buf *b, const void *data, size_t len);
int buf_adds(struct buf *b, const char *s);
int buf_addc(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
void buf_drop_front(struct buf *b, size_t n); /* n <= len */
const char *buf_str(const struct buf *b);
char *buf_steal(struct buf *b); /* the caller frees; never NULL; the buffer is empty after */

#endif
