// SPDX-License-Identifier: Apache-2.0
/* A time from any text reads back from what we write; and so does the time that the first bytes are. */
#include "base/clock.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void check(int64_t ms)
{
	char out[CLOCK_TEXT];
	int64_t back;
	clock_format(ms, out);
	if (out[0] != '-' && out[4] == '-') /* a year from 0000 to 9999, as RFC 3339 has it */
		assert(clock_parse(out, &back) == 0 && back == ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	int64_t ms;
	memcpy(text, data, size);
	text[size] = '\0';
	if (clock_parse(text, &ms) == 0)
		check(ms);
	if (size >= sizeof ms) {
		memcpy(&ms, data, sizeof ms);
		check(ms);
		check(ms % 253402300800000); /* mostly a year on paper */
	}
	free(text);
	return 0;
}
