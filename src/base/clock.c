/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wall and monotonic time, and RFC 3339 both ways. The calendar is computed here (Gregorian, also before 1582), so
 * that neither time zones nor a libc's idea of them get in. A leap second counts as the first of the next minute.
 */
#include "base/clock.h"
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY_MS 86400000LL

static int64_t offset_ms;

void clock_set_offset_ms(int64_t offset)
{
	offset_ms = offset;
}

static int64_t read_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_now_ms(void)
{
	return read_us(CLOCK_REALTIME) / 1000 + offset_ms;
}

int64_t clock_mono_us(void)
{
	return read_us(CLOCK_BOOTTIME);
}

int64_t clock_mono_ms(void)
{
	return clock_mono_us() / 1000;
}

/* Days since 1970-01-01 of a civil date, and back. Years count from March so that the leap day is last. */
static int64_t days_of(int64_t y, int m, int d)
{
	y -= m <= 2;
	int64_t era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;
	int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void civil_of(int64_t days, int64_t *y, int *m, int *d)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097, doe = days - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*d = (int)(doy - (153 * mp + 2) / 5 + 1);
	*m = (int)(mp < 10 ? mp + 3 : mp - 9);
	*y = yoe + era * 400 + (*m <= 2);
}

char *clock_format(int64_t ms, char out[CLOCK_TEXT])
{
	int64_t days = ms / DAY_MS - (ms % DAY_MS < 0), rest = (ms % DAY_MS + DAY_MS) % DAY_MS, y;
	int m, d, sec = (int)(rest / 1000), frac = (int)(rest % 1000), n;

	civil_of(days, &y, &m, &d);
	n = snprintf(out, CLOCK_TEXT, "%04lld-%02d-%02dT%02d:%02d:%02d", (long long)y, m, d,
		sec / 3600, sec / 60 % 60, sec % 60);
	if (n < 0 || n > CLOCK_TEXT - 6)
		n = CLOCK_TEXT - 6;
	if (frac)
		snprintf(out + n, (size_t)(CLOCK_TEXT - n), ".%03dZ", frac);
	else
		snprintf(out + n, (size_t)(CLOCK_TEXT - n), "Z");
	return out;
}

static bool digits(const char **s, int n, int *out)
{
	*out = 0;
	for (int i = 0; i < n; i++, (*s)++) {
		if (!isdigit((unsigned char)**s))
			return false;
		*out = *out * 10 + (**s - '0');
	}
	return true;
}

static bool literal(const char **s, char c)
{
	if (**s != c)
		return false;
	(*s)++;
	return true;
}

static bool date(const char **s, int *y, int *mo, int *d)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	if (!digits(s, 4, y) || !literal(s, '-') || !digits(s, 2, mo) || !literal(s, '-') ||
		!digits(s, 2, d) || *mo < 1 || *mo > 12)
		return false;
	bool leap = *y % 4 == 0 && (*y % 100 != 0 || *y % 400 == 0);
	return *d >= 1 && *d <= days[*mo - 1] + (*mo == 2 && leap);
}

static bool fraction(const char **s, int *ms)
{
	int scale = 100, n = 0;

	*ms = 0;
	if (!literal(s, '.'))
		return true;
	for (; isdigit((unsigned char)**s) && n < 9; (*s)++, n++, scale /= 10)
		*ms += (**s - '0') * scale;
	return n > 0;
}

static bool zone(const char **s, int *minutes)
{
	int h, m, sign = **s == '-' ? -1 : 1;

	*minutes = 0;
	if (literal(s, 'Z') || literal(s, 'z'))
		return true;
	if (!literal(s, '+') && !literal(s, '-'))
		return false;
	if (!digits(s, 2, &h) || !literal(s, ':') || !digits(s, 2, &m) || h > 23 || m > 59)
		return false;
	*minutes = sign * (h * 60 + m);
	return true;
}

int clock_parse(const char *text, int64_t *ms)
{
	const char *s = text;
	int y, mo, d, h, mi, se, frac, off;

	if (!date(&s, &y, &mo, &d) || !(literal(&s, 'T') || literal(&s, 't') || literal(&s, ' ')) ||
		!digits(&s, 2, &h) || !literal(&s, ':') || !digits(&s, 2, &mi) ||
		!literal(&s, ':') || !digits(&s, 2, &se) || h > 23 || mi > 59 || se > 60 ||
		!fraction(&s, &frac) || !zone(&s, &off) || *s)
		return -1;
	*ms = days_of(y, mo, d) * DAY_MS + ((h * 60LL + mi - off) * 60 + se) * 1000 + frac;
	return 0;
}
