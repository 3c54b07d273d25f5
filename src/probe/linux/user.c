// SPDX-License-Identifier: Apache-2.0
/*
 * Who is logged in, from utmp. The file is an array of the C library's struct, whose times are
 * 32 bits wide on x86-64 and 64 on arm64. Both are read here, so that a captured machine can be
 * looked at on another one: the right width is the one that divides the file and gives every
 * record a type that exists.
 *
 * Names are taken as bytes and cleaned on their way into the document; a name without an end is
 * cut by its field.
 */
#include "probe/linux/user.h"
#include "probe/linux/look.h"
#include <stdio.h>
#include <string.h>

#define UTMP_MAX (4 * 1024 * 1024)
#define TYPE_USER 7 /* a user's process; 9 is the last type there is */
#define TYPE_LAST 9

enum { LINE_AT = 8, LINE_LEN = 32, USER_AT = 44, USER_LEN = 32, HOST_AT = 76, HOST_LEN = 256 };

static const struct layout {
	size_t record, seconds_at, seconds_len;
} layouts[] = {{384, 340, 4}, {400, 344, 8}};

static int16_t type_of(const uint8_t *record)
{
	int16_t type;
	memcpy(&type, record, sizeof(type));
	return type;
}

static bool fits(const struct layout *l, const uint8_t *data, size_t len)
{
	if (len % l->record != 0)
		return false;
	for (size_t at = 0; at < len; at += l->record)
		if (type_of(data + at) < 0 || type_of(data + at) > TYPE_LAST)
			return false;
	return true;
}

static void take_text(char *out, const uint8_t *field, size_t len)
{
	memcpy(out, field, len);
	out[len] = 0;
}

static int64_t seconds_of(const struct layout *l, const uint8_t *record)
{
	uint32_t narrow; /* read without a sign it lasts until 2106 */
	int64_t wide;
	if (l->seconds_len == sizeof(narrow)) {
		memcpy(&narrow, record + l->seconds_at, sizeof(narrow));
		return narrow;
	}
	memcpy(&wide, record + l->seconds_at, sizeof(wide));
	return wide >= 0 && wide < INT64_MAX / 1000 ? wide : 0;
}

int utmp_parse(const void *data, size_t len,
	int (*each)(void *ctx, const struct utmp_login *login, struct err *e), void *ctx,
	struct err *e)
{
	const uint8_t *bytes = data;
	const struct layout *l = &layouts[0];

	if (len == 0)
		return 0;
	if (!fits(l, bytes, len) && !fits(++l, bytes, len))
		return err_set(e, ERR_INVALID, "utmp holds no login records");
	for (size_t at = 0; at < len; at += l->record) {
		struct utmp_login login;
		take_text(login.user, bytes + at + USER_AT, USER_LEN);
		take_text(login.line, bytes + at + LINE_AT, LINE_LEN);
		take_text(login.host, bytes + at + HOST_AT, HOST_LEN);
		login.since_ms = seconds_of(l, bytes + at) * 1000;
		if (type_of(bytes + at) == TYPE_USER && login.user[0] && each(ctx, &login, e))
			return -1;
	}
	return 0;
}

struct looking {
	struct subject_out *out;
	struct json *people; /* names met */
};

static int add(void *ctx, const struct utmp_login *login, struct err *e)
{
	struct looking *l = ctx;
	char key[sizeof(login->user) + sizeof(login->line) + 1];
	struct json *user = json_object();

	subject_text(user, "from", login->host);
	if (login->since_ms > 0)
		json_set_int(user, "since", login->since_ms);
	json_set_bool(l->people, login->user, true);
	snprintf(key, sizeof(key), "%s@%s", login->user, login->line);
	return subject_add(l->out, key, user, e);
}

int user_look(const struct probe_env *env, struct subject_out *out, struct err *e)
{
	static const char *const files[] = {"/run/utmp", "/var/run/utmp"};
	struct looking l = {out, json_object()};
	struct buf data;
	int r = 0;

	buf_init(&data, UTMP_MAX);
	for (size_t i = 0; i < 2 && r == 0 && data.len == 0; i++)
		r = subject_read(env, files[i], &data, e);
	if (r == 0)
		r = utmp_parse(buf_str(&data), data.len, add, &l, e);
	if (r == 0)
		json_set_int(out->attributes, "him.users", (int64_t)json_len(l.people));
	buf_release(&data);
	json_free(l.people);
	return r;
}
