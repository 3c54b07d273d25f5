// SPDX-License-Identifier: Apache-2.0
/*
 * Memory and swap, in all. How much of it is free changes by the second and is no fact about the
 * machine: it belongs to measurements, not here.
 */
#include "probe/linux/memory.h"
#include "base/text.h"
#include "probe/linux/look.h"
#include <string.h>

#define MEMINFO_MAX (64 * 1024)

/* value: "  16316412 kB". */
static int kilobytes(
	const char *name, const char *value, const char *end, int64_t *out, struct err *e)
{
	char copy[64];
	size_t len = (size_t)(end - value);
	int64_t kb;

	if (len >= sizeof(copy))
		return err_set(e, ERR_INVALID, "%s in meminfo is no number", name);
	memcpy(copy, value, len);
	copy[len] = 0;
	char *digits = text_trim(copy);
	if (text_ends(digits, " kB"))
		digits[strlen(digits) - 3] = 0;
	if (text_int(digits, name, 0, INT64_MAX / 1024, &kb, e))
		return -1;
	*out = kb * 1024;
	return 0;
}

int meminfo_parse(const char *text, size_t len, struct meminfo *out, struct err *e)
{
	struct {
		const char *name;
		int64_t *value;
	} wanted[] = {{"MemTotal:", &out->memory_bytes}, {"SwapTotal:", &out->swap_bytes}};
	const char *end = text + len;

	out->memory_bytes = out->swap_bytes = -1;
	while (text < end) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		if (!eol)
			eol = end;
		for (size_t i = 0; i < 2; i++) {
			size_t n = strlen(wanted[i].name);
			if ((size_t)(eol - text) < n || memcmp(text, wanted[i].name, n) != 0)
				continue;
			if (kilobytes(wanted[i].name, text + n, eol, wanted[i].value, e))
				return -1;
		}
		text = eol < end ? eol + 1 : end;
	}
	return 0;
}

int memory_look(const struct probe_env *env, struct subject_out *out, struct err *e)
{
	struct meminfo info;
	struct buf text;

	buf_init(&text, MEMINFO_MAX);
	int r = subject_read(env, "/proc/meminfo", &text, e);
	if (r == 0)
		r = meminfo_parse(buf_str(&text), text.len, &info, e);
	buf_release(&text);
	if (r)
		return -1;
	if (info.memory_bytes >= 0)
		json_set_int(out->attributes, "host.memory", info.memory_bytes);
	if (info.swap_bytes >= 0)
		json_set_int(out->attributes, "him.swap", info.swap_bytes);
	return 0;
}
