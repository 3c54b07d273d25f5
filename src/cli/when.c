/* SPDX-License-Identifier: Apache-2.0 */
/* One try per way of saying it; the first that takes the whole text wins. */
#include "cli/when.h"
#include "base/clock.h"
#include "base/text.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

#define AGO_MAX_MS (36500LL * 86400000)

static int ago(const char *text, int64_t now_ms, int64_t *out)
{
	char span[32];
	int64_t ms;

	snprintf(span, sizeof span, "%s", text);
	if (text_ends(span, " ago"))
		span[strlen(span) - strlen(" ago")] = '\0';
	if (strlen(text) >= sizeof span || text_duration(span, "", 0, AGO_MAX_MS, &ms, NULL) < 0)
		return -1;
	*out = now_ms - ms;
	return 0;
}

static int day(const char *text, int64_t *out)
{
	struct tm t = {.tm_isdst = -1};
	const char *end = strptime(text, "%Y-%m-%d", &t);

	if (!end || *end)
		return -1;
	*out = (int64_t)mktime(&t) * 1000;
	return 0;
}

/* A time of day was last today, or yesterday. */
static int time_of_day(const char *text, int64_t now_ms, int64_t *out)
{
	static const char *const forms[] = {"%H:%M", "%H:%M:%S"};
	time_t now = (time_t)(now_ms / 1000);

	for (size_t i = 0; i < 2; i++) {
		struct tm t;
		const char *end;
		localtime_r(&now, &t);
		t.tm_sec = 0;
		end = strptime(text, forms[i], &t);
		if (!end || *end)
			continue;
		t.tm_isdst = -1;
		*out = (int64_t)mktime(&t) * 1000;
		if (*out > now_ms) {
			t.tm_mday--;
			t.tm_isdst = -1;
			*out = (int64_t)mktime(&t) * 1000;
		}
		return 0;
	}
	return -1;
}

int when_parse(const char *text, const char *field, int64_t now_ms, int64_t *out, struct err *e)
{
	int64_t ms;

	if (clock_parse(text, &ms) < 0 && day(text, &ms) < 0 &&
		time_of_day(text, now_ms, &ms) < 0 && ago(text, now_ms, &ms) < 0)
		return err_field(e, ERR_USAGE, field,
			"--%s takes a time such as 14:05, '2h ago', 2026-01-02 or "
			"2026-01-02T03:04:05Z, not '%.60s'",
			field, text);
	*out = ms;
	return 0;
}
