/* SPDX-License-Identifier: Apache-2.0 */
/* The server about itself: addresses, certificate names, ports that stay, the agent binary beside it. */
#include "server/facts.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMES_MAX 48
#define AGENT_MAX (256u << 20)

static bool has(const struct json *list, const char *text)
{
	for (size_t i = 0; i < json_len(list); i++)
		if (strcmp(json_str(json_at(list, i)), text) == 0)
			return true;
	return false;
}

static void add(struct json *list, const char *text)
{
	if (*text && json_len(list) < NAMES_MAX - 6 && !has(list, text))
		json_add(list, json_string(text));
}

static void add_interfaces(struct json *list)
{
	struct ifaddrs *all, *i;
	char text[INET6_ADDRSTRLEN];

	if (getifaddrs(&all) < 0)
		return;
	for (i = all; i; i = i->ifa_next) {
		if (!i->ifa_addr || i->ifa_flags & IFF_LOOPBACK || !(i->ifa_flags & IFF_UP))
			continue;
		if (i->ifa_addr->sa_family == AF_INET)
			inet_ntop(AF_INET, &((struct sockaddr_in *)i->ifa_addr)->sin_addr, text,
				sizeof text);
		else if (i->ifa_addr->sa_family == AF_INET6 &&
			!IN6_IS_ADDR_LINKLOCAL(&((struct sockaddr_in6 *)i->ifa_addr)->sin6_addr))
			inet_ntop(AF_INET6, &((struct sockaddr_in6 *)i->ifa_addr)->sin6_addr, text,
				sizeof text);
		else
			continue;
		add(list, text);
	}
	freeifaddrs(all);
}

static bool numeric(const char *text)
{
	unsigned char x[16];

	return inet_pton(AF_INET, text, x) == 1 || inet_pton(AF_INET6, text, x) == 1;
}

void facts_addresses(struct server *s)
{
	static const char *const always[] = {
		"DNS:him-server", "DNS:localhost", "IP:127.0.0.1", "IP:::1"};
	char *copy = xstrdup(s->conf->addresses ? s->conf->addresses : ""), *fields[16],
	     host[256] = "";
	size_t n = *copy ? text_split(copy, ",", fields, 16) : 0, k = 0;

	s->addresses = json_array();
	for (size_t i = 0; i < n; i++)
		add(s->addresses, text_trim(fields[i]));
	if (n == 0) {
		add_interfaces(s->addresses);
		if (gethostname(host, sizeof host - 1) == 0 && strchr(host, '.'))
			add(s->addresses, host);
		if (json_len(s->addresses) == 0)
			add(s->addresses, "127.0.0.1");
	}
	free(copy);
	s->names = xcalloc(NAMES_MAX, sizeof *s->names);
	for (size_t i = 0; i < 4; i++)
		s->names[k++] = xstrdup(always[i]);
	for (size_t i = 0; i < json_len(s->addresses) && k < NAMES_MAX - 1; i++) {
		const char *a = json_str(json_at(s->addresses, i));
		if (strcmp(a, "127.0.0.1") != 0 && strcmp(a, "localhost") != 0)
			s->names[k++] = xasprintf("%s:%s", numeric(a) ? "IP" : "DNS", a);
	}
}

void facts_free(struct server *s)
{
	for (size_t i = 0; s->names && s->names[i]; i++)
		free(s->names[i]);
	free(s->names);
	json_free(s->addresses);
}

/* ---- the agent ---- */

static int file_sha256(const char *path, char out[DIGEST_LEN + 1])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned char digest[32], data[65536];
	FILE *f = fopen(path, "rbe");
	size_t n;
	int rc = -1;

	if (f && md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1) {
		while ((n = fread(data, 1, sizeof data, f)) > 0)
			EVP_DigestUpdate(md, data, n);
		if (!ferror(f) && EVP_DigestFinal_ex(md, digest, NULL) == 1) {
			text_hex(digest, sizeof digest, out);
			rc = 0;
		}
	}
	if (f)
		fclose(f);
	EVP_MD_CTX_free(md);
	return rc;
}

void facts_agent(struct server *s)
{
	static const char *const places[] = {
		"him-agent", "../sbin/him-agent"}; /* in a build folder, installed */
	char exe[900];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

	if (s->conf->agent_binary)
		snprintf(s->agent_path, sizeof s->agent_path, "%s", s->conf->agent_binary);
	else if (n > 0) {
		exe[n] = '\0';
		*strrchr(exe, '/') = '\0';
		for (size_t i = 0; i < 2 && !(i > 0 && file_exists(s->agent_path)); i++)
			snprintf(s->agent_path, sizeof s->agent_path, "%s/%s", exe, places[i]);
	}
	if (file_sha256(s->agent_path, s->agent_sha256) < 0)
		s->agent_path[0] = s->agent_sha256[0] = '\0';
}

/* ---- ports ---- */

static void ports_path(const struct server *s, char out[1100])
{
	snprintf(out, 1100, "%s/server/ports", s->conf->home);
}

int facts_port(const struct server *s, const char *name, int64_t setting)
{
	char path[1100];
	struct json *j;
	struct buf b;
	int64_t port = setting;

	ports_path(s, path);
	buf_init(&b, 4096);
	if (file_read(path, &b, NULL) == 0) {
		j = json_parse(b.data, b.len, NULL);
		json_to_int(json_get(j, name), &port);
		json_free(j);
	}
	buf_release(&b);
	return (int)port;
}

int facts_ports_save(const struct server *s, struct err *e)
{
	char path[1100], text[100];

	ports_path(s, path);
	snprintf(text, sizeof text, "{\"people\":%d,\"machines\":%d}\n", s->port, s->machines_port);
	return file_write(path, text, strlen(text), 0600, e);
}
