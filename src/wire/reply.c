/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HMAC-SHA-256 over the line-wise text of an answer. The first line differs from that of envelopes, so that nothing an agent
 * ever sent up can come back down as an answer. An old answer that comes again says what was true then and is true for ever:
 * what is committed stays committed.
 */
#include "wire/reply.h"
#include "base/text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void reply_mac(const struct reply *r, const uint8_t key[MAC_KEY_BYTES], char out[DIGEST_LEN + 1])
{
	char text[256];
	int n = snprintf(text, sizeof text, "him-down-1\n%s\n%s\n%s\n%lld\n", r->kind, r->agent,
		r->stream, (long long)r->seq);

	if (n < 0 || (size_t)n >= sizeof text)
		abort();
	mac_hex(key, text, (size_t)n, NULL, 0, out);
}

bool reply_check(const struct frame *f, const uint8_t key[MAC_KEY_BYTES])
{
	char agent[ID_SIZE] = "", stream[STREAM_LEN + 1] = "", mac[DIGEST_LEN + 1],
	     right[DIGEST_LEN + 1];
	struct reply r = {f->kind, agent, stream, 0};

	if (frame_text(f, "mac", mac, sizeof mac) < 0 || strlen(mac) != DIGEST_LEN)
		return false;
	(void)frame_text(f, "agent", agent, sizeof agent);
	(void)frame_text(f, "stream", stream, sizeof stream);
	(void)frame_int(f, "seq", &r.seq);
	reply_mac(&r, key, right);
	return text_equal_const_time(mac, right, DIGEST_LEN);
}
