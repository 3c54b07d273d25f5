// SPDX-License-Identifier: Apache-2.0
/*
 * What all subjects need: files below a root folder, text that is fit for JSON, a section with a
 * ceiling. Nothing here knows a platform.
 *
 * Foreign text (a disk's model, a mount point, a user's terminal) may be any bytes. It is
 * cleaned in one place, here, on its way into a document: white space around it goes, invalid
 * UTF-8 becomes U+FFFD.
 */
#include "probe/subject.h"
#include "base/file.h"
#include "base/text.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX (64 * 1024) /* of one value; sources are capped lower, so this never cuts */

static int path_v(const struct probe_env *env, char out[PATH_MAX], const char *fmt, va_list ap)
{
	size_t root = strlen(env->root);
	if (root >= PATH_MAX)
		return -1;
	memcpy(out, env->root, root + 1);
	int n = vsnprintf(out + root, PATH_MAX - root, fmt, ap);
	return n < 0 || (size_t)n >= PATH_MAX - root ? -1 : 0;
}

int subject_path(const struct probe_env *env, char out[PATH_MAX], const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int r = path_v(env, out, fmt, ap);
	va_end(ap);
	return r;
}

int subject_read(const struct probe_env *env, const char *path, struct buf *out, struct err *e)
{
	char full[PATH_MAX];
	struct err why = ERR_INIT;

	if (subject_path(env, full, "%s", path) || file_read(full, out, &why) == 0)
		return 0;
	buf_clear(out);
	if (why.code != ERR_TOO_LARGE)
		return 0;
	if (e)
		*e = why;
	return -1;
}

static bool line_v(const struct probe_env *env, char *out, size_t size, const char *fmt, va_list ap)
{
	char path[PATH_MAX];
	if (path_v(env, path, fmt, ap) || file_line(path, out, size))
		return false;
	char *start = text_trim(out);
	memmove(out, start, strlen(start) + 1);
	return out[0] != 0;
}

bool subject_line(const struct probe_env *env, char *out, size_t size, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	bool found = line_v(env, out, size, fmt, ap);
	va_end(ap);
	return found;
}

bool subject_number(const struct probe_env *env, int64_t *out, const char *fmt, ...)
{
	char line[32];
	va_list ap;
	va_start(ap, fmt);
	bool found = line_v(env, line, sizeof(line), fmt, ap);
	va_end(ap);
	return found && text_int(line, "", INT64_MIN, INT64_MAX, out, NULL) == 0;
}

void subject_text(struct json *object, const char *key, const char *text)
{
	size_t len = strlen(text);
	while (len > 0 && isspace((unsigned char)*text))
		text++, len--;
	while (len > 0 && isspace((unsigned char)text[len - 1]))
		len--;
	if (len == 0)
		return;

	struct buf clean;
	buf_init(&clean, TEXT_MAX);
	if (text_utf8_clean(text, len, &clean) == 0)
		json_set_string(object, key, buf_str(&clean));
	buf_release(&clean);
}

int subject_add(struct subject_out *out, const char *key, struct json *value, struct err *e)
{
	struct buf clean;
	int r = -1;

	buf_init(&clean, TEXT_MAX);
	if (text_utf8_clean(key, strlen(key), &clean)) {
		err_set(e, ERR_TOO_LARGE, "a name is over %d bytes", TEXT_MAX);
	} else if (json_len(out->section) >= out->max && !json_has(out->section, buf_str(&clean))) {
		err_set(e, ERR_TOO_LARGE, "there are more than %zu entries", out->max);
	} else {
		json_set(out->section, buf_str(&clean), value);
		value = NULL;
		r = 0;
	}
	json_free(value);
	buf_release(&clean);
	return r;
}

int64_t subject_steady_percent(double exact, const struct json *before)
{
	int64_t told;
	if (json_to_int(before, &told) == 0 && exact - (double)told < 5 && (double)told - exact < 5)
		return told;
	return (int64_t)(exact / 5 + 0.5) * 5;
}

uint64_t subject_hash(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *p = data;
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * UINT64_C(1099511628211);
	return hash;
}
