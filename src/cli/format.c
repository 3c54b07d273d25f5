/* SPDX-License-Identifier: Apache-2.0 */
/* How values look to people. Every function is pure: what time it is, is said by the caller. */
#include "cli/format.h"
#include "base/buf.h"
#include "base/text.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SECOND ((int64_t)1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* ---- times ---- */

char *format_age(int64_t ms, int64_t now_ms, char out[32])
{
	static const struct {
		int64_t below, unit;
		const char *word;
	} steps[] = {{90 * SECOND, SECOND, "s"}, {90 * MINUTE, MINUTE, "min"},
		{48 * HOUR, HOUR, "h"}, {INT64_MAX, DAY, "days"}};
	int64_t age = now_ms - ms, size = age < 0 ? -age : age;
	size_t i = 0;

	if (size < 2 * SECOND) {
		snprintf(out, 32, "just now");
		return out;
	}
	while (size >= steps[i].below)
		i++;
	snprintf(out, 32, "%s%" PRId64 " %s%s", age < 0 ? "in " : "", size / steps[i].unit,
		steps[i].word, age < 0 ? "" : " ago");
	return out;
}

char *format_span(int64_t ms, char out[32])
{
	if (ms < SECOND)
		snprintf(out, 32, "%" PRId64 " ms", ms);
	else if (ms < MINUTE)
		snprintf(out, 32, "%" PRId64 ".%" PRId64 " s", ms / SECOND, ms % SECOND / 100);
	else if (ms < HOUR)
		snprintf(out, 32, "%" PRId64 " min %" PRId64 " s", ms / MINUTE,
			ms % MINUTE / SECOND);
	else if (ms < 2 * DAY)
		snprintf(out, 32, "%" PRId64 " h %" PRId64 " min", ms / HOUR, ms % HOUR / MINUTE);
	else
		snprintf(out, 32, "%" PRId64 " days %" PRId64 " h", ms / DAY, ms % DAY / HOUR);
	return out;
}

char *format_count(int64_t n, char out[32])
{
	char digits[24];
	int len = snprintf(digits, sizeof digits, "%" PRIu64, n < 0 ? -(uint64_t)n : (uint64_t)n);
	char *to = out;

	if (n < 0)
		*to++ = '-';
	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return out;
}

/* ---- colours ---- */

#define GREEN "\033[32m"
#define RED "\033[31m"
#define YELLOW "\033[33m"
#define BLUE "\033[34m"

const char *format_color(const char *state)
{
	static const struct {
		const char *state, *color;
	} colors[] = {{"online", GREEN}, {"done", GREEN}, {"ok", GREEN}, {"late", YELLOW},
		{"warning", YELLOW}, {"degraded", YELLOW}, {"cancelled", YELLOW},
		{"expired", YELLOW}, {"offline", RED}, {"failed", RED}, {"timed_out", RED},
		{"refused", RED}, {"error", RED}, {"failing", RED}, {"running", BLUE},
		{"fetched", BLUE}, {"notified", BLUE}, {"open", BLUE}};

	for (size_t i = 0; state && i < sizeof colors / sizeof *colors; i++)
		if (strcmp(colors[i].state, state) == 0)
			return colors[i].color;
	return "";
}

/* ---- text ---- */

char *format_clean(struct arena *a, const char *text, size_t len)
{
	struct buf valid, out;
	char *made;

	buf_init(&valid, 3 * len + 1);
	buf_init(&out, 12 * len + 1);
	text_utf8_clean(text, len, &valid);
	for (size_t i = 0; i < valid.len; i++) {
		unsigned char c = (unsigned char)valid.data[i];
		bool c1 = c == 0xc2 &&
			(unsigned char)valid.data[i + 1] < 0xa0; /* controls again, in two bytes */
		if ((c < 0x20 && c != '\t' && c != '\n') || c == 0x7f)
			buf_printf(&out, "\\x%02x", c);
		else if (c1)
			buf_printf(&out, "\\x%02x", (unsigned char)valid.data[++i]);
		else
			buf_addc(&out, (char)c);
	}
	made = arena_strndup(a, buf_str(&out), out.len);
	buf_release(&valid);
	buf_release(&out);
	return made;
}

char *format_word(struct arena *a, const char *word)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,+@%^";
	struct buf b;
	char *made;

	if (*word && word[strspn(word, plain)] == '\0')
		return arena_strdup(a, word);
	buf_init(&b, 4 * strlen(word) + 3);
	buf_addc(&b, '\'');
	for (; *word; word++)
		buf_adds(&b, *word == '\'' ? "'\\''" : (char[]){*word, '\0'});
	buf_addc(&b, '\'');
	made = arena_strdup(a, buf_str(&b));
	buf_release(&b);
	return made;
}

char *format_command(struct arena *a, const struct json *words)
{
	char *line = arena_strdup(a, "");

	for (size_t i = 0; i < json_len(words); i++) {
		const char *word = json_str(json_at(words, i));
		line = arena_printf(
			a, "%s%s%s", line, i ? " " : "", format_word(a, word ? word : ""));
	}
	return line;
}

char *format_json(struct arena *a, const struct json *v)
{
	struct buf b;
	char *made;

	if (json_type(v) == JSON_NULL)
		return arena_strdup(a, "");
	if (json_type(v) == JSON_STRING)
		return arena_strdup(a, json_str(v));
	buf_init(&b, 1 << 20);
	if (json_print(v, &b) < 0) {
		buf_clear(&b);
		buf_adds(&b, "(too long to show)");
	}
	made = arena_strdup(a, buf_str(&b));
	buf_release(&b);
	return made;
}
