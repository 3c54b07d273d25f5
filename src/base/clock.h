/* SPDX-License-Identifier: Apache-2.0 */
/* Time. Wall times are int64 milliseconds since 1970 UTC; on paper they are RFC 3339 in UTC ("Z"). */
#ifndef HIM_BASE_CLOCK_H
#define HIM_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define CLOCK_TEXT 32 /* room for 2026-01-02T03:04:05.678Z and a NUL */

int64_t clock_now_ms(void);  /* wall clock, plus the offset below */
int64_t clock_mono_ms(void); /* never jumps; includes suspend (CLOCK_BOOTTIME) */
int64_t clock_mono_us(void);
void clock_set_offset_ms(int64_t offset); /* tests only: a clock that is wrong */

/* "2026-01-02T03:04:05Z", with ".678" when the milliseconds are not 0. Returns out. */
char *clock_format(int64_t ms, char out[CLOCK_TEXT]);

/* RFC 3339, any offset, up to 9 fractional digits (cut to ms); "T" or space. -1 when it is not one. */
int clock_parse(const char *text, int64_t *ms);

#endif
