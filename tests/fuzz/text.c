// SPDX-License-Identifier: Apache-2.0
/* Numbers, durations, sizes, base64, hex, UTF-8 and near words on any text: what we write, we read back. */
#include "base/text.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void check_numbers(const char *text)
{
	char out[32];
	int64_t v, back;
	if (text_duration(text, "it", INT64_MIN + 1, INT64_MAX, &v, NULL) == 0)
		assert(text_duration(text_duration_format(v, out), "it", v, v, &back, NULL) == 0);
	if (text_size(text, "it", 0, INT64_MAX, &v, NULL) == 0)
		text_size_format(v, out);
	if (text_int(text, "it", INT64_MIN, INT64_MAX, &v, NULL) == 0 && v >= 0 && *text != '-')
		assert(text_size(text, "it", v, v, &back, NULL) == 0);
}

static void check_base64(const char *text, size_t size)
{
	struct buf plain, again;
	buf_init(&plain, size * 2 + 4);
	buf_init(&again, size * 2 + 4);
	if (text_unbase64(text, size, &plain) == 0) {
		assert(text_base64(buf_str(&plain), plain.len, &again) == 0);
		assert(again.len == size && memcmp(buf_str(&again), text, size) == 0);
	}
	buf_clear(&plain);
	buf_clear(&again);
	assert(text_base64(text, size, &again) == 0);
	assert(text_unbase64(buf_str(&again), again.len, &plain) == 0);
	assert(plain.len == size && memcmp(buf_str(&plain), text, size) == 0);
	buf_release(&plain);
	buf_release(&again);
}

static void check_utf8(const char *text, size_t size)
{
	struct buf clean;
	buf_init(&clean, size * 3);
	assert(text_utf8_clean(text, size, &clean) == 0);
	assert(text_utf8_valid(buf_str(&clean), clean.len));
	bool same = clean.len == size && memcmp(buf_str(&clean), text, size) == 0;
	assert(same == text_utf8_valid(text, size));
	buf_release(&clean);
}

static void check_words(char *text)
{
	static const char *const words[] = {"listen", "interval", "tls"};
	uint8_t bytes[8];
	char hex[17], *fields[5];
	struct err e = ERR_INIT;
	if (text_unhex(text, bytes, sizeof bytes) == 0) {
		text_hex(bytes, sizeof bytes, hex);
		assert(strcasecmp(hex, text) == 0);
	}
	(void)text_nearest(text, words, 3);
	(void)text_label(text, "it", 64, &e);
	assert(text_split(text, ":, ", fields, 5) >= 1);
	(void)text_trim(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	check_numbers(text);
	check_base64(text, size);
	check_utf8(text, size);
	check_words(text);
	free(text);
	return 0;
}
