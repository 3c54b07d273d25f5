/* SPDX-License-Identifier: Apache-2.0 */
/* ULIDs: 48 bits of milliseconds and 80 random bits, in Crockford's base 32, lower case. */
#include "base/id.h"
#include "base/clock.h"
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

void random_bytes(void *out, size_t len)
{
	uint8_t *p = out;

	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			abort();
		p += n;
		len -= (size_t)n;
	}
}

void id_new(char out[ID_SIZE])
{
	int64_t now = clock_now_ms();
	uint64_t ms = now > 0 ? (uint64_t)now : 0; /* a clock before 1970 must not sort last */
	uint8_t random[16];

	random_bytes(random, sizeof random);
	for (int i = 9; i >= 0; i--, ms >>= 5)
		out[i] = alphabet[ms & 31];
	for (int i = 0; i < 16; i++)
		out[10 + i] = alphabet[random[i] & 31];
	out[ID_LEN] = '\0';
}

bool id_valid(const char *s)
{
	size_t n = strnlen(s, ID_SIZE);

	return n == ID_LEN && strspn(s, alphabet) == ID_LEN;
}
