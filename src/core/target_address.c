/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses are kept as text. A network is told by the beginnings its addresses have in canonical text: whole parts as
 * they are, a part that the prefix cuts by every value it leaves. For IPv4 that always works (at most 128 patterns).
 * IPv6 text leaves zeros out, so a prefix works when none of its whole groups is 0 and a group that it cuts has all four
 * digits; any other is refused rather than guessed.
 */
#include "core/target_internal.h"
#include "base/text.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct network {
	uint8_t bytes[16];
	int bits;
	void (*add)(void *ctx, const char *like);
	void *ctx;
};

static void emit(const struct network *n, const char *like)
{
	if (n->add)
		n->add(n->ctx, like);
}

static int network4(const struct network *n)
{
	char head[32] = "", like[48];
	int whole = n->bits / 8, rest = n->bits % 8, len = 0;
	int span = rest ? 1 << (8 - rest) : 1;

	for (int i = 0; i < whole; i++)
		len += snprintf(head + len, sizeof head - (size_t)len, "%d%s", n->bytes[i],
			i < 3 ? "." : "");
	if (!rest) {
		/* /0 is whatever has three points. */
		const char *tail = whole == 0 ? "%.%.%.%" : whole < 4 ? "%" : "";
		snprintf(like, sizeof like, "%s%s", head, tail);
		emit(n, like);
		return 0;
	}
	int first = n->bytes[whole] & ~(span - 1) & 0xff;
	for (int i = 0; i < span; i++) {
		snprintf(like, sizeof like, "%s%d%s", head, first + i, whole < 3 ? ".%" : "");
		emit(n, like);
	}
	return 0;
}

static int network6(const struct network *n, const char *text, struct err *e)
{
	char head[64] = "", like[80];
	int whole = n->bits / 16, rest = n->bits % 16, len = 0;
	unsigned group =
		whole < 8 ? (unsigned)(n->bytes[2 * whole] << 8 | n->bytes[2 * whole + 1]) : 0;

	for (int i = 0; i < whole; i++) {
		unsigned g = (unsigned)(n->bytes[2 * i] << 8 | n->bytes[2 * i + 1]);
		if (g == 0 && n->bits < 128)
			return err_set(e, ERR_INVALID,
				"'%.60s' has a group of zeros in its prefix; write a pattern with "
				"*",
				text);
		len += snprintf(head + len, sizeof head - (size_t)len, "%x:", g);
	}
	if (!rest) {
		snprintf(like, sizeof like, "%s%%", whole ? head : "%:");
		emit(n, like);
		return 0;
	}
	group &= 0xffffu << (16 - rest);
	if (group < 0x1000)
		return err_set(e, ERR_INVALID,
			"'%.60s' cuts a group of few digits; use a multiple of 16", text);
	int shown = (rest + 3) / 4, span = 1 << (4 * shown - rest);
	for (int i = 0; i < span; i++) {
		snprintf(like, sizeof like, "%s%x%.*s%s", head,
			(group >> (16 - 4 * shown)) + (unsigned)i, 4 - shown, "___",
			whole < 7 ? ":%" : "");
		emit(n, like);
	}
	return 0;
}

int target_network(
	const char *text, void (*add)(void *ctx, const char *like), void *ctx, struct err *e)
{
	struct network n = {.add = add, .ctx = ctx};
	const char *slash = strchr(text, '/');
	char address[64], exact[64];
	int64_t bits;
	int family;

	if (!slash || slash - text >= (int)sizeof address)
		return err_set(e, ERR_INVALID, "'%.60s' is not a network such as 10.0.0.0/8", text);
	snprintf(address, sizeof address, "%.*s", (int)(slash - text), text);
	family = strchr(address, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(family, address, n.bytes) != 1)
		return err_set(e, ERR_INVALID, "'%.60s' is not a network such as 10.0.0.0/8", text);
	if (text_int(slash + 1, "the length of the prefix", 0, family == AF_INET ? 32 : 128, &bits,
		    e) < 0)
		return -1;
	n.bits = (int)bits;
	if (family == AF_INET)
		return network4(&n);
	if (n.bits < 128)
		return network6(&n, text, e);
	inet_ntop(AF_INET6, n.bytes, exact, sizeof exact);
	emit(&n, exact);
	return 0;
}

int target_ip(const char *text, char out[64])
{
	uint8_t bytes[16];
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;

	return inet_pton(family, text, bytes) == 1 && inet_ntop(family, bytes, out, 64) ? 0 : -1;
}

int target_mac(const char *text, char out[64])
{
	if (strlen(text) != 17)
		return -1;
	for (int i = 0; i < 17; i++) {
		bool mark = i % 3 == 2;
		if (mark ? text[i] != ':' && text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return -1;
		out[i] = mark ? ':' : (char)tolower((unsigned char)text[i]);
	}
	out[17] = '\0';
	return 0;
}
