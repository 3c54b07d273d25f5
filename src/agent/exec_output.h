/* SPDX-License-Identifier: Apache-2.0 */
/* What a command writes: the head and the tail are kept, what lies between is counted, and on request all of it is
 * written to a file. */
#ifndef HIM_AGENT_EXEC_OUTPUT_H
#define HIM_AGENT_EXEC_OUTPUT_H

#include "base/json.h"
#include <stdint.h>

#define OUTPUT_HEAD (32u << 10)
#define OUTPUT_TAIL (32u << 10)
#define OUTPUT_WHOLE_MAX (16u << 20)

struct output {
	char head[OUTPUT_HEAD], tail[OUTPUT_TAIL]; /* tail: a ring */
	size_t head_len, tail_at, tail_len;
	int64_t bytes;       /* in all */
	int whole_fd;        /* -1: not kept */
	int64_t whole_bytes; /* written there */
	/* live */
	int64_t budget_mono_ms, budget;
};

/* whole_path NULL: the whole is not kept. */
void output_init(struct output *o, const char *whole_path);
void output_release(struct output *o);
void output_add(struct output *o, const char *data, size_t len);
int64_t output_dropped(const struct output *o);
/* NAME (base64 of head and tail), NAME_bytes, NAME_dropped. */
void output_json(const struct output *o, const char *name, struct json *out);
/* Sends a piece to the agent through the live pipe, within 16 KiB a second; what does not go is not sent. */
void output_live(struct output *o, int fd, int stream, int64_t offset, const char *data, size_t len,
	int64_t mono_ms);

#define LIVE_HEAD 13    /* 1 byte stream, 8 bytes offset, 4 bytes length, big endian */
#define LIVE_PIECE 4000 /* with its head below PIPE_BUF: written whole or not at all */

#endif
