/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line an event on standard error. Lines are built whole and written with one call, so that several
 * programs may share a file. Under systemd (JOURNAL_STREAM) a line carries its level and no time.
 */
#include "base/log.h"
#include "base/clock.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048
#define KEYS 64

static const struct {
	const char *word;
	int syslog;
} levels[] = {{"error", 3}, {"warning", 4}, {"info", 6}, {"debug", 7}};

static const char *log_program = "him";
static enum log_level log_level = LOG_INFO_;
static int journal = -1;

void log_open(const char *program, enum log_level level)
{
	log_program = program;
	log_level = level;
	journal = getenv("JOURNAL_STREAM") != NULL;
}

int log_level_parse(const char *word, enum log_level *out)
{
	for (int i = 0; i < 4; i++)
		if (strcmp(levels[i].word, word) == 0) {
			*out = (enum log_level)i;
			return 0;
		}
	return -1;
}

static void write_line(enum log_level level, const char *text, uint64_t more)
{
	char line[LINE_MAX_BYTES + 256], time[CLOCK_TEXT], count[48] = "";
	int n;

	if (more)
		snprintf(count, sizeof count, " (%llu more like it)", (unsigned long long)more);
	if (journal == 1)
		n = snprintf(line, sizeof line, "<%d>%s%s\n", levels[level].syslog, text, count);
	else
		n = snprintf(line, sizeof line, "%s %s %s: %s%s\n",
			clock_format(clock_now_ms(), time), levels[level].word, log_program, text,
			count);
	if (n > (int)sizeof line - 1)
		n = (int)sizeof line - 1;
	(void)!write(STDERR_FILENO, line, (size_t)n);
}

static void log_text(enum log_level level, uint64_t more, const char *fmt, va_list ap)
{
	char text[LINE_MAX_BYTES];

	vsnprintf(text, sizeof text, fmt, ap);
	for (char *p = text; *p; p++) /* what a peer wrote must not begin a line of its own */
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	write_line(level, text, more);
}

#define LOG_FUNCTION(name, level)                                                                  \
	void name(const char *fmt, ...)                                                            \
	{                                                                                          \
		va_list ap;                                                                        \
                                                                                                   \
		if (log_level < (level))                                                           \
			return;                                                                    \
		va_start(ap, fmt);                                                                 \
		log_text(level, 0, fmt, ap);                                                       \
		va_end(ap);                                                                        \
	}

LOG_FUNCTION(log_error, LOG_ERROR_)
LOG_FUNCTION(log_warn, LOG_WARN_)
LOG_FUNCTION(log_info, LOG_INFO_)
LOG_FUNCTION(log_debug, LOG_DEBUG_)

void log_limited(enum log_level level, const char *key, int64_t every_ms, const char *fmt, ...)
{
	static struct {
		char key[48];
		int64_t next_mono;
		uint64_t more;
	} said[KEYS];
	int64_t now = clock_mono_ms();
	int oldest = 0, at = -1;
	uint64_t more;
	va_list ap;

	if (log_level < level)
		return;
	for (int i = 0; i < KEYS && at < 0; i++) {
		if (strncmp(said[i].key, key, sizeof said[i].key - 1) == 0)
			at = i;
		else if (said[i].next_mono < said[oldest].next_mono)
			oldest = i;
	}
	if (at >= 0 && now < said[at].next_mono) {
		said[at].more++;
		return;
	}
	more = at >= 0 ? said[at].more : 0;
	at = at >= 0 ? at : oldest;
	snprintf(said[at].key, sizeof said[at].key, "%s", key);
	said[at].next_mono = now + every_ms;
	said[at].more = 0;
	va_start(ap, fmt);
	log_text(level, more, fmt, ap);
	va_end(ap);
}
