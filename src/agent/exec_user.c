/* SPDX-License-Identifier: Apache-2.0 */
/* The two files of users and groups, by hand; a user who stands elsewhere (LDAP …) is asked of getent. */
#include "agent/exec_user.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/text.h"
#include <stdio.h>
#include <string.h>

#define FILE_MAX (8u << 20)
#define GETENT_MS 10000

int exec_user_passwd(char *text, const char *name, struct exec_user *out)
{
	char *fields[7], *next;
	int64_t uid, gid;

	for (char *line = text; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (text_split(line, ":", fields, 7) != 7 || strcmp(fields[0], name) != 0)
			continue;
		if (text_int(fields[2], "uid", 0, UINT32_MAX - 1, &uid, NULL) < 0 ||
			text_int(fields[3], "gid", 0, UINT32_MAX - 1, &gid, NULL) < 0)
			return 0;
		snprintf(out->name, sizeof out->name, "%s", fields[0]);
		snprintf(out->home, sizeof out->home, "%s", *fields[5] ? fields[5] : "/");
		snprintf(out->shell, sizeof out->shell, "%s", *fields[6] ? fields[6] : "/bin/sh");
		out->uid = (uid_t)uid;
		out->gid = (gid_t)gid;
		return 1;
	}
	return 0;
}

static bool listed(char *members, const char *name)
{
	for (char *p = members; p;) {
		char *comma = strchr(p, ',');
		size_t len = comma ? (size_t)(comma - p) : strlen(p);
		if (len == strlen(name) && memcmp(p, name, len) == 0)
			return true;
		p = comma ? comma + 1 : NULL;
	}
	return false;
}

void exec_user_groups(char *text, const char *name, struct exec_user *out)
{
	char *fields[4], *next;
	int64_t gid;

	out->groups[0] = out->gid;
	out->groups_n = 1;
	for (char *line = text; line && *line && out->groups_n < USER_GROUPS_MAX; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (text_split(line, ":", fields, 4) == 4 && listed(fields[3], name) &&
			text_int(fields[2], "gid", 0, UINT32_MAX - 1, &gid, NULL) == 0 &&
			(gid_t)gid != out->gid)
			out->groups[out->groups_n++] = (gid_t)gid;
	}
}

static int read_or_ask(const char *path, const char *database, const char *name, struct buf *out)
{
	const char *argv[] = {"getent", database, name, NULL};
	int code = 1;

	buf_clear(out);
	if (path)
		return file_read(path, out, NULL);
	return proc_run(argv, GETENT_MS, out, &code, NULL) == 0 && code == 0 ? 0 : -1;
}

int exec_user_find(const char *name, struct exec_user *out, struct err *e)
{
	struct buf b;
	int found = 0;

	memset(out, 0, sizeof *out);
	buf_init(&b, FILE_MAX);
	if (read_or_ask("/etc/passwd", NULL, NULL, &b) == 0 && b.data)
		found = exec_user_passwd(b.data, name, out);
	if (!found && read_or_ask(NULL, "passwd", name, &b) == 0 && b.data)
		found = exec_user_passwd(b.data, name, out);
	if (found) {
		buf_clear(&b);
		(void)read_or_ask("/etc/group", NULL, NULL, &b);
		exec_user_groups(b.data ? b.data : (char[]){""}, name, out);
	}
	buf_release(&b);
	return found ? 0
		     : err_field(e, ERR_NOT_FOUND, "as", "there is no user '%.60s' on this machine",
			       name);
}
