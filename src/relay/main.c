/* SPDX-License-Identifier: Apache-2.0 */
/* him-relay: run (also without a word), enroll, version, help. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "relay/relay.h"
#include "wire/enrol.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MINUTE 60000
#define HOUR (60 * MINUTE)
#define OFFSET(member) offsetof(struct relay_conf, member)

static const struct conf_item settings[] = {
	{"home", CONF_STRING, OFFSET(home), NULL, 0, 900,
		"data folder; HIM_HOME, else /var/lib/him"},
	{"listen", CONF_STRING, OFFSET(listen), "0.0.0.0", 0, 64, "numeric address to listen on"},
	{"port", CONF_INT, OFFSET(port), "8445", 0, 65535,
		"port for children, TCP and UDP; 0 picks one"},
	{"udp", CONF_BOOL, OFFSET(udp), "true", 0, 0, "offer the ping channel"},
	{"address", CONF_STRING, OFFSET(addresses), NULL, 0, 1000,
		"where children reach it, HOST or HOST:PORT, joined by commas"},
	{"parent", CONF_STRING, OFFSET(parents), NULL, 0, 4000,
		"HOST:PORT of the relay or server to hang on, joined by commas, instead of the "
		"server"},
	{"spool-max", CONF_SIZE, OFFSET(spool_max_bytes), "1G", 1 << 20, 1LL << 44,
		"cap of the spool on disk"},
	{"mail-max", CONF_SIZE, OFFSET(mail_max_bytes), "256M", 1 << 20, 1LL << 40,
		"cap of the mailboxes"},
	{"hold", CONF_DURATION, OFFSET(hold_ms), "55s", 1000, 10 * MINUTE,
		"how long its request is held above"},
	{"retry-max", CONF_DURATION, OFFSET(retry_max_ms), "30s", 500, HOUR,
		"longest pause between tries"},
	{"late", CONF_DURATION, OFFSET(late_ms), "75s", 1000, 24 * HOUR,
		"silence after which a child is late"},
	{"offline", CONF_DURATION, OFFSET(offline_ms), "3m", 1000, 24 * HOUR,
		"silence after which it is offline"},
	{"log-level", CONF_STRING, OFFSET(log_level), "info", 0, 16,
		"error, warning, info or debug"},
	{"clock-offset", CONF_DURATION, OFFSET(clock_offset_ms), "0", -400000LL * 24 * HOUR,
		400000LL * 24 * HOUR, "for tests: how wrong this clock is"},
	{"server", CONF_STRING, OFFSET(server), NULL, 0, 300,
		"enroll: HOST:PORT of the server or a relay"},
	{"ca-fingerprint", CONF_STRING, OFFSET(ca_fingerprint), NULL, 0, 100,
		"enroll: SHA-256 of the CA's public key, hex"},
	{"token-file", CONF_STRING, OFFSET(token_file), "-", 0, 1024,
		"enroll: file with the token; - is standard input"},
	{"name", CONF_STRING, OFFSET(name), NULL, 0, 255,
		"enroll: name to begin with; the host name"},
	{NULL},
};

static int do_enroll(const struct relay_conf *c, struct err *e)
{
	struct enrol_request r = {.role = PKI_RELAY, .server = c->server, .timeout_ms = 60000};
	char host[256] = "", dir[1024];
	struct identity old;
	struct buf token;
	int rc = -1;

	snprintf(dir, sizeof dir, "%s/relay", c->home);
	if (identity_load(dir, &old, NULL) == 0) {
		printf("already enrolled as %s\n", old.id);
		identity_release(&old);
		return 0;
	}
	if (!c->server || !c->ca_fingerprint)
		return err_set(e, ERR_USAGE, "enroll needs --server and --ca-fingerprint");
	if (gethostname(host, sizeof host - 1) < 0)
		return err_errno(e, "cannot read the host name");
	buf_init(&token, 4096);
	if (enrol_pin_parse(c->ca_fingerprint, r.pin, e) == 0 &&
		file_read(c->token_file, &token, e) == 0) {
		r.token = token.data ? text_trim(token.data) : "";
		r.name = c->name ? c->name : host;
		rc = enrol_run(&r, dir, e);
	}
	if (token.data)
		explicit_bzero(token.data, token.len);
	buf_release(&token);
	if (rc == 0)
		printf("enrolled; identity in %s\n", dir);
	return rc;
}

static int do_version(const struct relay_conf *c, struct err *e)
{
	printf("him-relay %s\n", HIM_VERSION);
	return 0;
}

static int do_help(const struct relay_conf *c, struct err *e)
{
	struct buf b;

	buf_init(&b, 65536);
	conf_help(settings, &b);
	printf("him-relay [run|enroll|version|help] [OPTIONS]\n\n%s", buf_str(&b));
	buf_release(&b);
	return 0;
}

static const struct {
	const char *word;
	int (*run)(const struct relay_conf *c, struct err *e);
} words[] = {{"run", relay_run}, {"enroll", do_enroll}, {"version", do_version}, {"help", do_help}};

static int settings_load(struct relay_conf *c, int argc, char **argv, struct err *e)
{
	const char *home = getenv("HIM_HOME");
	char path[1200];
	int rest;

	/* Twice: the home on the command line says where the file is, and the command line wins over it. */
	if (conf_defaults(settings, c, e) < 0 || conf_args(settings, c, argc, argv, &rest, e) < 0)
		return -1;
	if (!c->home)
		c->home = xstrdup(home && *home ? home : "/var/lib/him");
	snprintf(path, sizeof path, "%s/relay.conf", c->home);
	if (conf_file(settings, c, path, e) < 0 || conf_args(settings, c, argc, argv, &rest, e) < 0)
		return -1;
	if (rest < argc)
		return err_set(e, ERR_USAGE, "unexpected argument '%s'", argv[rest]);
	return 0;
}

int main(int argc, char **argv)
{
	struct relay_conf c = {0};
	struct err e = ERR_INIT;
	enum log_level level = LOG_INFO_;
	size_t w = 0, n = sizeof words / sizeof *words;
	int rc = -1;

	log_open("him-relay", level);
	if (argc > 1 && argv[1][0] != '-') {
		while (w < n && strcmp(words[w].word, argv[1]) != 0)
			w++;
		argc--;
		argv++;
	}
	if (w == n)
		err_set(&e, ERR_USAGE, "unknown word '%s'; him-relay help lists them", argv[0]);
	else if (settings_load(&c, argc, argv, &e) == 0) {
		if (log_level_parse(c.log_level, &level) == 0)
			log_open("him-relay", level);
		clock_set_offset_ms(c.clock_offset_ms);
		setenv("HIM_HOME", c.home, 1);
		rc = words[w].run(&c, &e);
	}
	if (rc < 0)
		log_error("%s", e.text);
	conf_release(settings, &c);
	return rc < 0 ? err_exit(e.code) : 0;
}
