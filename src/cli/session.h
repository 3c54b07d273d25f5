/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logins of this person: ~/.config/him/login.json (mode 0600), for each server its URL, user, token and pinned CA, and
 * which of them was the last. Text in, text out is one half; the file is the other.
 */
#ifndef HIM_CLI_SESSION_H
#define HIM_CLI_SESSION_H

#include "base/arena.h"
#include "base/err.h"

struct session_login {
	const char *url, *user, *token, *ca;
};

/* "host", "host:port", "https://host:port/" as "https://host:port". */
int session_url(struct arena *a, const char *text, const char **url, struct err *e);

/* url NULL: the last one. 1 found, 0 none. */
int session_load(struct arena *a, const char *url, struct session_login *out, struct err *e);
int session_save(struct arena *a, const struct session_login *login,
	struct err *e); /* becomes the last one */
int session_forget(struct arena *a, const char *url, struct err *e);

#endif
