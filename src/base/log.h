/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs' log: one line an event on standard error, `2026-01-02T03:04:05.678Z LEVEL program: text`
 * (with JOURNAL_STREAM set: `<N>text`, systemd's levels, no time). Libraries never log; programs do,
 * once, where an error stops. Never log a secret. The agent's log is short: log_limited() says a
 * repeated thing once and then counts.
 */
#ifndef HIM_BASE_LOG_H
#define HIM_BASE_LOG_H

#include <stdint.h>

enum log_level { LOG_ERROR_, LOG_WARN_, LOG_INFO_, LOG_DEBUG_ };

void log_open(const char *program, enum log_level level); /* program is kept by pointer */
int log_level_parse(
	const char *word, enum log_level *out); /* error warning info debug; -1 unknown */
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A line that may repeat: says it when `key` (static string or caller's buffer, copied) was not said
 * within every_ms, else counts it; the next time said, "(N more like it)" is added. Holds 64 keys. */
void log_limited(enum log_level level, const char *key, int64_t every_ms, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
