/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as people write them: whole numbers, durations ("90s", "1h30m"), sizes ("8GiB"). All or nothing. */
#include "base/text.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int text_int(
	const char *s, const char *field, int64_t min, int64_t max, int64_t *out, struct err *e)
{
	char *end;
	long long v;

	errno = 0;
	v = strtoll(s, &end, 10);
	if (!*s || *end || isspace((unsigned char)*s) || *s == '+' || (errno && errno != ERANGE))
		return err_field(
			e, ERR_INVALID, field, "%s must be a whole number, not '%.60s'", field, s);
	if (errno == ERANGE || v < min || v > max)
		return err_field(e, ERR_INVALID, field, "%s is %.30s; it must be %lld to %lld",
			field, s, (long long)min, (long long)max);
	*out = v;
	return 0;
}

struct unit {
	const char *word;
	int64_t factor;
};

static const struct unit time_units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000},
	{"d", 86400000}, {"w", 604800000}, {"", 1000}};

static const struct unit size_units[] = {{"", 1}, {"B", 1}, {"K", 1LL << 10}, {"M", 1LL << 20},
	{"G", 1LL << 30}, {"T", 1LL << 40}, {"P", 1LL << 50}, {"KiB", 1LL << 10},
	{"MiB", 1LL << 20}, {"GiB", 1LL << 30}, {"TiB", 1LL << 40}, {"PiB", 1LL << 50},
	{"KB", 1000}, {"MB", 1000000}, {"GB", 1000000000}, {"TB", 1000000000000},
	{"PB", 1000000000000000}};

/* One "1.5G" at *s: its value in the unit's base; *s moves behind it. -1: not one, or it does not fit. */
static int quantity(const char **s, const struct unit *units, size_t n, int64_t *out)
{
	char *end, word[8];
	double v;
	size_t len = 0;

	if (!isdigit((unsigned char)**s))
		return -1;
	v = strtod(*s, &end);
	for (const char *p = *s; p < end; p++)
		if (!isdigit((unsigned char)*p) && *p != '.')
			return -1; /* no hex, no exponent */
	while (isalpha((unsigned char)end[len]) && len < sizeof word - 1)
		len++;
	snprintf(word, sizeof word, "%.*s", (int)len, end);
	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(units[i].word, word) != 0)
			continue;
		v *= (double)units[i].factor;
		if (v >= 9.2e18)
			return -1;
		*out = (int64_t)(v + 0.5);
		*s = end + len;
		return 0;
	}
	return -1;
}

int text_duration(const char *s, const char *field, int64_t min_ms, int64_t max_ms, int64_t *out_ms,
	struct err *e)
{
	const char *p = *s == '-' ? s + 1 : s;
	int64_t sum = 0, part;
	char low[32], high[32];

	do {
		if (quantity(&p, time_units, sizeof time_units / sizeof *time_units, &part) < 0 ||
			sum > INT64_MAX - part)
			return err_field(e, ERR_INVALID, field,
				"%s must be a duration such as 90s, 5m, 1h or 2d, not '%.60s'",
				field, s);
		sum += part;
	} while (*p);
	if (*s == '-')
		sum = -sum;
	if (sum < min_ms || sum > max_ms)
		return err_field(e, ERR_INVALID, field, "%s is %.30s; it must be %s to %s", field,
			s, text_duration_format(min_ms, low), text_duration_format(max_ms, high));
	*out_ms = sum;
	return 0;
}

char *text_duration_format(int64_t ms, char out[32])
{
	static const struct unit parts[] = {
		{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
	size_t len = 0;

	out[0] = '\0';
	if (ms < 0) {
		out[len++] = '-';
		ms = -ms;
	}
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		if (ms < parts[i].factor)
			continue;
		len += (size_t)snprintf(out + len, 32 - len, "%lld%s",
			(long long)(ms / parts[i].factor), parts[i].word);
		ms %= parts[i].factor;
		if (len >= 31)
			break;
	}
	if (!out[0])
		snprintf(out, 32, "0s");
	return out;
}

int text_size(
	const char *s, const char *field, int64_t min, int64_t max, int64_t *out, struct err *e)
{
	const char *p = s;
	char low[32], high[32];
	int64_t v;

	if (quantity(&p, size_units, sizeof size_units / sizeof *size_units, &v) < 0 || *p)
		return err_field(e, ERR_INVALID, field,
			"%s must be a size such as 512M, 8GiB or 1.5T, not '%.60s'", field, s);
	if (v < min || v > max)
		return err_field(e, ERR_INVALID, field, "%s is %.30s; it must be %s to %s", field,
			s, text_size_format(min, low), text_size_format(max, high));
	*out = v;
	return 0;
}

char *text_size_format(int64_t bytes, char out[32])
{
	static const char *const words[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	double v = (double)bytes;
	size_t i = 0;

	for (; (v >= 1024 || v <= -1024) && i < sizeof words / sizeof *words - 1; i++)
		v /= 1024;
	snprintf(out, 32, i == 0 ? "%.0f %s" : "%.1f %s", v, words[i]);
	return out;
}
