/* SPDX-License-Identifier: Apache-2.0 */
/* Envelopes: the form of an `up` frame and its MAC. The MAC covers the body as it came, never re-printed. */
#include "wire/envelope.h"
#include "base/text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *kind;
	bool is_volatile, may_be_numbered;
} kinds[] = {{"report", false, true}, {"result", false, true}, {"attach", false, true},
	{"fork", true, true}, /* was numbered once */
	{"renew", true, false}, {"missing", true, false}, {"live", true, false},
	{"presence", true, false}, {"notified", true, false}};

static int kind_at(const char *kind)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].kind, kind) == 0)
			return (int)i;
	return -1;
}

bool envelope_seq_fits(const char *kind, int64_t seq)
{
	int at = kind_at(kind);

	return at >= 0 && (seq == 0 ? kinds[at].is_volatile : kinds[at].may_be_numbered);
}

static bool is_hex(const char *s, size_t len)
{
	return strlen(s) == len && strspn(s, "0123456789abcdef") == len;
}

int envelope_parse(const struct frame *f, struct envelope *out, struct err *e)
{
	memset(out, 0, sizeof *out);
	if (!frame_is(f, "up"))
		return err_set(e, ERR_PROTOCOL, "a %s frame is no envelope", f->kind);
	if (frame_text(f, "kind", out->kind, sizeof out->kind) < 0 || kind_at(out->kind) < 0)
		return err_field(e, ERR_PROTOCOL, "kind", "an envelope has no known kind");
	if (frame_text(f, "agent", out->agent, sizeof out->agent) < 0 || !id_valid(out->agent))
		return err_field(e, ERR_PROTOCOL, "agent", "an envelope names no agent");
	if (frame_text(f, "stream", out->stream, sizeof out->stream) < 0 ||
		!is_hex(out->stream, STREAM_LEN))
		return err_field(e, ERR_PROTOCOL, "stream",
			"an envelope's stream must be %d hex digits", STREAM_LEN);
	if (frame_int(f, "seq", &out->seq) < 0 || !envelope_seq_fits(out->kind, out->seq))
		return err_field(e, ERR_PROTOCOL, "seq", "an envelope of kind %s has the wrong seq",
			out->kind);
	if (frame_text(f, "prev", out->prev, sizeof out->prev) < 0 ||
		!is_hex(out->prev, DIGEST_LEN))
		return err_field(e, ERR_PROTOCOL, "prev",
			"an envelope's prev must be %d hex digits", DIGEST_LEN);
	if (frame_text(f, "mac", out->mac, sizeof out->mac) < 0 || !is_hex(out->mac, DIGEST_LEN))
		return err_field(e, ERR_PROTOCOL, "mac", "an envelope's mac must be %d hex digits",
			DIGEST_LEN);
	out->body = f->body;
	out->len = f->body_len;
	return 0;
}

/* Over a short head and the body, without copying the body: the head's length is fixed by its own newlines. */
static void mac_compute(
	const struct envelope *env, const uint8_t key[MAC_KEY_BYTES], char out[DIGEST_LEN + 1])
{
	char head[256];
	int n = snprintf(head, sizeof head, "him-up-1\n%s\n%s\n%s\n%lld\n%s\n", env->kind,
		env->agent, env->stream, (long long)env->seq, env->prev);

	mac_hex(key, head, (size_t)n, env->body, env->len, out);
}

bool envelope_check(const struct envelope *env, const uint8_t key[MAC_KEY_BYTES])
{
	char mac[DIGEST_LEN + 1];

	mac_compute(env, key, mac);
	return text_equal_const_time(mac, env->mac, DIGEST_LEN);
}

int envelope_add(struct buf *out, const struct envelope *env, const uint8_t key[MAC_KEY_BYTES])
{
	char seq[24], mac[DIGEST_LEN + 1];
	const char *attrs[] = {"kind", env->kind, "agent", env->agent, "stream", env->stream, "seq",
		seq, "prev", env->prev, "mac", mac, NULL};

	if (env->len > FRAME_BODY_MAX)
		return -1;
	snprintf(seq, sizeof seq, "%lld", (long long)env->seq);
	mac_compute(env, key, mac);
	return frame_add(out, "up", attrs, env->body, env->len);
}

void stream_new(char out[STREAM_LEN + 1])
{
	uint8_t random[STREAM_LEN / 2];

	random_bytes(random, sizeof random);
	text_hex(random, sizeof random, out);
}
