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

/* The unit that begins at s; NULL: none. *len: its letters. */
static const struct unit *unit_at(const char *s, const struct unit *units, size_t n, size_t *len)
{
	*len = 0;
	while (isalpha((unsigned char)s[*len]))
		(*len)++;
	for (size_t i = 0; i < n; i++)
		if (strlen(units[i].word) == *len && strncasecmp(units[i].word, s, *len) == 0)
			return &units[i];
	return NULL;
}

/*
 * One "1.5G" at *s: its value in the unit's base; *s moves behind it. -1: not one, or it does not fit 64 bits.
 * Whole numbers stay exact; only the fraction, which is below one unit, goes through a double.
 */
static int quantity(const char **s, const struct unit *units, size_t n, int64_t *out)
{
	const struct unit *unit;
	const char *p = *s;
	int64_t whole = 0;
	double fraction = 0, scale = 1;
	size_t len;

	if (!isdigit((unsigned char)*p))
		return -1;
	for (; isdigit((unsigned char)*p); p++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
			__builtin_add_overflow(whole, *p - '0', &whole))
			return -1;
	if (*p == '.' && !isdigit((unsigned char)*++p))
		return -1;
	for (; isdigit((unsigned char)*p); p++)
		fraction += (*p - '0') * (scale /= 10);
	unit = unit_at(p, units, n, &len);
	if (!unit || __builtin_mul_overflow(whole, unit->factor, &whole) ||
		__builtin_add_overflow(
			whole, (int64_t)(fraction * (double)unit->factor + 0.5), out))
		return -1;
	*s = p + len;
	return 0;
}

int text_duration(const char *s, const char *field, int64_t min_ms, int64_t max_ms, int64_t *out_ms,
	struct err *e)
{
	const char *first = *s == '-' ? s + 1 : s, *p = first;
	int64_t sum = 0, part;
	char low[32], high[32];

	do {
		const char *begin = p;
		if (quantity(&p, time_units, sizeof time_units / sizeof *time_units, &part) < 0 ||
			(isdigit((unsigned char)p[-1]) && begin > first) || /* 1h30: of what? */
			__builtin_add_overflow(sum, part, &sum))
			return err_field(e, ERR_INVALID, field,
				"%s must be a duration such as 90s, 5m, 1h or 2d, not '%.60s'",
				field, s);
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
	uint64_t left = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;
	int len = snprintf(out, 32, ms == 0 ? "0s" : ms < 0 ? "-" : "");

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		uint64_t factor = (uint64_t)parts[i].factor;
		if (left >= factor) /* the longest, "-106751991167d7h12m55s808ms", fits */
			len += snprintf(out + len, (size_t)(32 - len), "%llu%s",
				(unsigned long long)(left / factor), parts[i].word);
		left %= factor;
	}
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
