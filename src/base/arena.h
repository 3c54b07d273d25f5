/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory freed together: an arena belongs to one unit of work (a request, a cycle, a job).
 * Out of memory aborts; every input has a cap, so a peer cannot provoke that.
 */
#ifndef HIM_BASE_ARENA_H
#define HIM_BASE_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a);                   /* accepts NULL */
void *arena_alloc(struct arena *a, size_t size);    /* zeroed, aligned for anything */
char *arena_strdup(struct arena *a, const char *s); /* NULL gives NULL */
char *arena_strndup(struct arena *a, const char *s, size_t len);
void *arena_memdup(struct arena *a, const void *p, size_t len);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* malloc and friends that abort when memory is gone. */
void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t len);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
