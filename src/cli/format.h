/* SPDX-License-Identifier: Apache-2.0 */
/* How values look to people: ages, durations, sizes, states in colour, foreign text made harmless. No I/O. */
#ifndef HIM_CLI_FORMAT_H
#define HIM_CLI_FORMAT_H

#include "base/arena.h"
#include "base/json.h"
#include <stdbool.h>
#include <stdint.h>

/* "just now", "4 min ago", "3 h ago", "12 days ago", "in 2 h". */
char *format_age(int64_t ms, int64_t now_ms, char out[32]);
/* "250 ms", "12.3 s", "4 min 12 s", "3 h 20 min": the two largest parts. */
char *format_span(int64_t ms, char out[32]);
/* 1234567 as "1,234,567". */
char *format_count(int64_t n, char out[32]);

/* The SGR of a state's or severity's colour, such as "\033[32m"; "" when it has none. */
const char *format_color(const char *state);
#define FORMAT_PLAIN "\033[0m"

/* Text that came from a machine, for a terminal: control characters other than tab and newline as \xNN, so that they
 * cannot steer it; what is not UTF-8 becomes U+FFFD. */
char *format_clean(struct arena *a, const char *text, size_t len);

/* A word of an argument vector as a shell would need it: quoted only where it must be. */
char *format_word(struct arena *a, const char *word);
/* A JSON array of words, joined by blanks. */
char *format_command(struct arena *a, const struct json *words);

/* Any JSON value as one line of text: strings as they are, null as "". */
char *format_json(struct arena *a, const struct json *v);

#endif
