/* SPDX-License-Identifier: Apache-2.0 */
/* Logins of this person, in one small file that only they can read. */
#include "cli/session.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/api.h"
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX (1u << 20)

static const char *folder(struct arena *a)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	struct passwd *pw;

	if (config && *config == '/')
		return arena_printf(a, "%s/him", config);
	if (!home || *home != '/') {
		pw = getpwuid(geteuid());
		home = pw ? pw->pw_dir : "/";
	}
	return arena_printf(a, "%s/.config/him", home);
}

static const char *path_of(struct arena *a)
{
	return arena_printf(a, "%s/login.json", folder(a));
}

int session_url(struct arena *a, const char *text, const char **url, struct err *e)
{
	const char *host = text_starts(text, "https://") ? text + 8 : text, *port;
	size_t len = strlen(host);
	int64_t number = API_PORT;

	while (len && host[len - 1] == '/')
		len--;
	host = arena_strndup(a, host, len);
	port = strrchr(host, ':');
	if (port && strchr(port, ']'))
		port = NULL; /* the colons of an IPv6 address in its brackets */
	if (port && text_int(port + 1, "server", 1, 65535, &number, e) < 0)
		return -1;
	len = port ? (size_t)(port - host) : len;
	if (len == 0 || strcspn(host, "/?#@ %") != strlen(host) ||
		(*host != '[' && memchr(host, ':', len)))
		return err_field(e, ERR_USAGE, "server",
			"the server is a URL such as https://him.example:8443, not '%.80s'", text);
	*url = arena_printf(a, "https://%.*s:%d", (int)len, host, (int)number);
	return 0;
}

/* The file as JSON; an empty object when there is none. */
static struct json *read_all(struct arena *a, struct err *e)
{
	const char *path = path_of(a);
	struct json *j = NULL;
	struct err why = ERR_INIT;
	struct buf b;

	buf_init(&b, FILE_MAX);
	if (file_read(path, &b, &why) == 0) {
		j = json_parse(buf_str(&b), b.len, e);
		if (!j)
			err_where(e, "%s", path);
	} else if (why.code == ERR_NOT_FOUND) {
		j = json_object();
	} else if (e) {
		*e = why;
	}
	buf_release(&b);
	return j;
}

static int write_all(struct arena *a, const struct json *j, struct err *e)
{
	struct buf b;
	int rc;

	buf_init(&b, FILE_MAX);
	rc = json_print_pretty(j, &b) < 0
		? err_set(e, ERR_TOO_LARGE, "%s is full of logins", path_of(a))
		: 0;
	if (rc == 0)
		rc = file_mkdirs(folder(a), 0700, e);
	if (rc == 0)
		rc = file_write(path_of(a), buf_str(&b), b.len, 0600, e);
	buf_release(&b);
	return rc;
}

int session_load(struct arena *a, const char *url, struct session_login *out, struct err *e)
{
	struct json *all = read_all(a, e), *one;

	if (!all)
		return -1;
	if (!url)
		url = arena_strdup(a, json_str(json_get(all, "last")));
	one = url ? json_get(json_get(all, "servers"), url) : NULL;
	out->url = url;
	out->user = arena_strdup(a, json_str(json_get(one, "user")));
	out->token = arena_strdup(a, json_str(json_get(one, "token")));
	out->ca = arena_strdup(a, json_str(json_get(one, "ca")));
	json_free(all);
	return out->token && out->ca;
}

int session_save(struct arena *a, const struct session_login *login, struct err *e)
{
	struct json *all = read_all(a, e), *one = json_object();
	int rc;

	if (!all) {
		json_free(one);
		return -1;
	}
	json_set_string(one, "user", login->user);
	json_set_string(one, "token", login->token);
	json_set_string(one, "ca", login->ca);
	if (!json_get(all, "servers"))
		json_set(all, "servers", json_object());
	json_set(json_get(all, "servers"), login->url, one);
	json_set_string(all, "last", login->url);
	rc = write_all(a, all, e);
	json_free(all);
	return rc;
}

int session_forget(struct arena *a, const char *url, struct err *e)
{
	struct json *all = read_all(a, e);
	const char *last;
	int rc;

	if (!all)
		return -1;
	if (json_get(all, "servers"))
		json_del(json_get(all, "servers"), url);
	last = json_str(json_get(all, "last"));
	if (last && strcmp(last, url) == 0)
		json_del(all, "last");
	rc = write_all(a, all, e);
	json_free(all);
	return rc;
}
