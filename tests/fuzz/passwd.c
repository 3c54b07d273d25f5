/* SPDX-License-Identifier: Apache-2.0 */
/* /etc/passwd and /etc/group of any content. */
#include "agent/exec_user.h"
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct exec_user u;

	memset(&u, 0, sizeof u);
	memcpy(text, data, size);
	text[size] = '\0';
	if (exec_user_passwd(text, "web", &u) > 0)
		assert(strcmp(u.name, "web") == 0 && *u.home && *u.shell);
	memcpy(text, data, size);
	text[size] = '\0';
	exec_user_groups(text, "web", &u);
	assert(u.groups_n >= 1 && u.groups_n <= USER_GROUPS_MAX && u.groups[0] == u.gid);
	free(text);
	return 0;
}
