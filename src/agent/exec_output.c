/* SPDX-License-Identifier: Apache-2.0 */
/* Keeping output. The first 32 KiB go to the head; everything after it goes through a ring that holds the last 32 KiB, so
 * the count of what was dropped is exact: all bytes less head less ring. */
#include "agent/exec_output.h"
#include "base/text.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LIVE_PER_SECOND (16 << 10)

void output_init(struct output *o, const char *whole_path)
{
	memset(o, 0, sizeof *o);
	o->whole_fd = whole_path
		? open(whole_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)
		: -1;
	o->budget = LIVE_PER_SECOND;
}

void output_release(struct output *o)
{
	if (o->whole_fd >= 0) {
		(void)fsync(o->whole_fd);
		close(o->whole_fd);
	}
	o->whole_fd = -1;
}

static void whole_add(struct output *o, const char *data, size_t len)
{
	if (o->whole_fd < 0)
		return;
	if (o->whole_bytes + (int64_t)len > (int64_t)OUTPUT_WHOLE_MAX)
		len = OUTPUT_WHOLE_MAX - (size_t)o->whole_bytes;
	if (len && write(o->whole_fd, data, len) == (ssize_t)len)
		o->whole_bytes += (int64_t)len;
}

static void tail_add(struct output *o, const char *data, size_t len)
{
	if (len >= OUTPUT_TAIL) {
		memcpy(o->tail, data + len - OUTPUT_TAIL, OUTPUT_TAIL);
		o->tail_at = 0;
		o->tail_len = OUTPUT_TAIL;
		return;
	}
	for (size_t done = 0; done < len;) {
		size_t at = (o->tail_at + o->tail_len) % OUTPUT_TAIL, room = OUTPUT_TAIL - at,
		       n = len - done;
		if (n > room)
			n = room;
		memcpy(o->tail + at, data + done, n);
		done += n;
		o->tail_len += n;
		if (o->tail_len > OUTPUT_TAIL) {
			o->tail_at = (o->tail_at + o->tail_len - OUTPUT_TAIL) % OUTPUT_TAIL;
			o->tail_len = OUTPUT_TAIL;
		}
	}
}

void output_add(struct output *o, const char *data, size_t len)
{
	size_t n = OUTPUT_HEAD - o->head_len;

	whole_add(o, data, len);
	o->bytes += (int64_t)len;
	if (n > len)
		n = len;
	memcpy(o->head + o->head_len, data, n);
	o->head_len += n;
	tail_add(o, data + n, len - n);
}

int64_t output_dropped(const struct output *o)
{
	return o->bytes - (int64_t)(o->head_len + o->tail_len);
}

void output_json(const struct output *o, const char *name, struct json *out)
{
	char member[32];
	struct buf kept, text;
	size_t first = OUTPUT_TAIL - o->tail_at;

	if (first > o->tail_len)
		first = o->tail_len;
	buf_init(&kept, OUTPUT_HEAD + OUTPUT_TAIL);
	buf_init(&text, 2 * (OUTPUT_HEAD + OUTPUT_TAIL));
	buf_add(&kept, o->head, o->head_len);
	buf_add(&kept, o->tail + o->tail_at, first);
	buf_add(&kept, o->tail, o->tail_len - first);
	text_base64(kept.data ? kept.data : "", kept.len, &text);
	json_set_string(out, name, buf_str(&text));
	snprintf(member, sizeof member, "%s_bytes", name);
	json_set_int(out, member, o->bytes);
	snprintf(member, sizeof member, "%s_dropped", name);
	json_set_int(out, member, output_dropped(o));
	buf_release(&kept);
	buf_release(&text);
}

void output_live(struct output *o, int fd, int stream, int64_t offset, const char *data, size_t len,
	int64_t mono_ms)
{
	char piece[LIVE_HEAD + LIVE_PIECE];

	if (mono_ms - o->budget_mono_ms >= 1000) {
		o->budget_mono_ms = mono_ms;
		o->budget = LIVE_PER_SECOND;
	}
	while (len > 0 && o->budget > 0) {
		size_t n = len < LIVE_PIECE ? len : LIVE_PIECE;
		if (n > (size_t)o->budget)
			n = (size_t)o->budget;
		piece[0] = (char)stream;
		for (int i = 0; i < 8; i++)
			piece[1 + i] = (char)(offset >> (56 - 8 * i));
		for (int i = 0; i < 4; i++)
			piece[9 + i] = (char)(n >> (24 - 8 * i));
		memcpy(piece + LIVE_HEAD, data, n);
		if (write(fd, piece, LIVE_HEAD + n) != (ssize_t)(LIVE_HEAD + n))
			return; /* full, or nobody reads: live is best effort */
		o->budget -= (int64_t)n;
		offset += (int64_t)n;
		data += n;
		len -= n;
	}
}
