/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small things about text: numbers with limits, durations, sizes, hex, base64, UTF-8, words.
 * Parsers take the whole string or refuse it with a sentence that names `field` and the limit.
 */
#ifndef HIM_BASE_TEXT_H
#define HIM_BASE_TEXT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int text_int(
	const char *s, const char *field, int64_t min, int64_t max, int64_t *out, struct err *e);

/* "90s", "5m", "1h", "2d", "1w", "250ms"; a bare number is seconds. Result in ms. */
int text_duration(const char *s, const char *field, int64_t min_ms, int64_t max_ms, int64_t *out_ms,
	struct err *e);
/* "1h30m"-like shortest exact form of ms; returns out. */
char *text_duration_format(int64_t ms, char out[32]);

/* "256M", "8GiB", "1.5G", "512KB", "1024": K M G T P with or without iB are powers of 1024;
 * KB MB GB TB PB powers of 1000. Result in bytes. */
int text_size(
	const char *s, const char *field, int64_t min, int64_t max, int64_t *out, struct err *e);
char *text_size_format(int64_t bytes, char out[32]); /* "7.8 GiB" */

void text_hex(const void *data, size_t len, char *out); /* out: 2*len+1 bytes, lower case */
int text_unhex(const char *s, void *out, size_t len);   /* exactly len bytes, else -1 */
int text_base64(const void *data, size_t len, struct buf *out);
/* Strict (no white space, right padding). Appends to out. -1 when malformed or over out's ceiling. */
int text_unbase64(const char *s, size_t len, struct buf *out);
/* Base64url without padding (RFC 4648 section 5), for tokens. */
int text_base64url(const void *data, size_t len, struct buf *out);

bool text_utf8_valid(const char *s, size_t len); /* a NUL byte is not taken for text */
/* Appends s with every invalid byte replaced by U+FFFD, NUL bytes included. */
int text_utf8_clean(const char *s, size_t len, struct buf *out);

bool text_equal_const_time(const void *a, const void *b, size_t len);
bool text_starts(const char *s, const char *prefix);
bool text_ends(const char *s, const char *suffix);

/* Letters, digits, '.', '_', '-': site names, user names, host labels. 1..max characters. */
int text_label(const char *s, const char *field, size_t max, struct err *e);

/* The one of words[0..n) with the least edit distance to s, or NULL when none is near (distance over
 * a third of its length, at least 2 allowed). Matching ignores case. */
const char *text_nearest(const char *s, const char *const *words, size_t n);

/* Splits a line at any of the characters in `seps`, in place, empty fields kept. Returns the count,
 * at most max (the last one holds the rest). */
size_t text_split(char *line, const char *seps, char **fields, size_t max);
char *text_trim(char *s); /* in place; returns s moved past leading white space */

#endif
