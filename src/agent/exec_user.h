/* SPDX-License-Identifier: Apache-2.0 */
/* Users without the C library's lookups, which a static program must not use: /etc/passwd and /etc/group, else getent. */
#ifndef HIM_AGENT_EXEC_USER_H
#define HIM_AGENT_EXEC_USER_H

#include "base/err.h"
#include <sys/types.h>

#define USER_GROUPS_MAX 256

struct exec_user {
	char name[65], home[1024], shell[256];
	uid_t uid;
	gid_t gid, groups[USER_GROUPS_MAX];
	size_t groups_n;
};

/* ERR_NOT_FOUND when there is no such user. */
int exec_user_find(const char *name, struct exec_user *out, struct err *e);

/* The parsers: a whole passwd or group file's text (changed in place). 1 found, 0 not. */
int exec_user_passwd(char *text, const char *name, struct exec_user *out);
void exec_user_groups(char *text, const char *name, struct exec_user *out);

#endif
