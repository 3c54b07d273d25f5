/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames: what every exchanged body is made of (docs/protocol.md). A header line of attributes, then
 * bytes. Parsing borrows from the input; nothing is copied or re-printed.
 */
#ifndef HIM_WIRE_FRAME_H
#define HIM_WIRE_FRAME_H

#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_LINE_MAX 1024
#define FRAME_ATTRS_MAX 16
#define FRAME_BODY_MAX (1u << 20)
#define FRAMES_MAX (8u << 20) /* of one exchanged body */
#define FRAMES_TYPE "application/vnd.him.frames"

struct frame_view { /* a slice of somebody's bytes */
	const char *data;
	size_t len;
};

struct frame {
	char kind[17];
	size_t attrs;
	struct frame_view name[FRAME_ATTRS_MAX], value[FRAME_ATTRS_MAX]; /* borrowed */
	const char *body; /* borrowed, not NUL-terminated */
	size_t body_len;
	const char *raw; /* the whole frame as it came, borrowed */
	size_t raw_len;
};

/* Takes the frame at data[*pos..len) and moves *pos behind it. 1: a frame; 0: *pos is at the end;
 * -1: malformed, e says where. */
int frame_next(const char *data, size_t len, size_t *pos, struct frame *out, struct err *e);

/* The value of an attribute copied into out as a string: 0, or -1 when absent or longer than size-1. */
int frame_text(const struct frame *f, const char *name, char *out, size_t size);
/* The same as a decimal int64 >= 0. */
int frame_int(const struct frame *f, const char *name, int64_t *out);
bool frame_is(const struct frame *f, const char *kind);

/* Appends a frame. attrs: NULL-terminated name, value, name, value … strings (a NULL value ends the
 * list too; use "" for empty). Names, values and sizes out of the format are a bug (assert). -1 when
 * out's ceiling is hit; out is then as before. */
int frame_add(
	struct buf *out, const char *kind, const char *const *attrs, const void *body, size_t len);

/* Appends f with the attribute `name` given a new value (which f must have). */
int frame_add_with(struct buf *out, const struct frame *f, const char *name, const char *value);

#endif
