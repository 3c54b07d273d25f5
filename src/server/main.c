/* SPDX-License-Identifier: Apache-2.0 */
/* him-server: run (also without a word), version, help. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "server/server.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE 60000
#define HOUR (60 * MINUTE)
#define DAY (24LL * HOUR)
#define OFFSET(member) offsetof(struct server_conf, member)

static const struct conf_item settings[] = {
	{"home", CONF_STRING, OFFSET(home), NULL, 0, 900,
		"data folder; HIM_HOME, else /var/lib/him"},
	{"listen", CONF_STRING, OFFSET(listen), "0.0.0.0", 0, 64, "numeric address to listen on"},
	{"port", CONF_INT, OFFSET(port), "0", 0, 65535,
		"port for people: API, page, enrolment; 0 is 8443, or a free one when that is "
		"taken"},
	{"machines-port", CONF_INT, OFFSET(machines_port), "0", 0, 65535,
		"port for relays and agents, TCP and UDP; 0 is 8444, or a free one when that is "
		"taken"},
	{"address", CONF_STRING, OFFSET(addresses), NULL, 0, 1000,
		"names and addresses people and machines reach this server by, joined by commas"},
	{"certificate-lifetime", CONF_DURATION, OFFSET(cert_ms), "90d", 5000, 3650 * DAY,
		"of what it issues"},
	{"late", CONF_DURATION, OFFSET(late_ms), "75s", 1000, DAY,
		"silence after which a child is late"},
	{"offline", CONF_DURATION, OFFSET(offline_ms), "3m", 1000, DAY,
		"silence after which it is offline"},
	{"grace", CONF_DURATION, OFFSET(grace_ms), "10m", 1000, 30 * DAY,
		"how long after deadline and timeout an outcome is waited for"},
	{"agent-binary", CONF_STRING, OFFSET(agent_binary), NULL, 0, 1000,
		"the static him-agent it hands out; the one beside this program"},
	{"log-level", CONF_STRING, OFFSET(log_level), "info", 0, 16,
		"error, warning, info or debug"},
	{"clock-offset", CONF_DURATION, OFFSET(clock_offset_ms), "0", -400000LL * DAY,
		400000LL * DAY, "for tests: how wrong this clock is"},
	{NULL},
};

static int do_version(const struct server_conf *c, struct err *e)
{
	printf("him-server %s\n", HIM_VERSION);
	return 0;
}

static int do_help(const struct server_conf *c, struct err *e)
{
	struct buf b;

	buf_init(&b, 65536);
	conf_help(settings, &b);
	printf("him-server [run|version|help] [OPTIONS]\n\n%s", buf_str(&b));
	buf_release(&b);
	return 0;
}

static const struct {
	const char *word;
	int (*run)(const struct server_conf *c, struct err *e);
} words[] = {{"run", server_run}, {"version", do_version}, {"help", do_help}};

static int settings_load(struct server_conf *c, int argc, char **argv, struct err *e)
{
	const char *home = getenv("HIM_HOME");
	char path[1200];
	int rest;

	/* Twice: the home on the command line says where the file is, and the command line wins over it. */
	if (conf_defaults(settings, c, e) < 0 || conf_args(settings, c, argc, argv, &rest, e) < 0)
		return -1;
	if (!c->home)
		c->home = xstrdup(home && *home ? home : "/var/lib/him");
	snprintf(path, sizeof path, "%s/server.conf", c->home);
	if (conf_file(settings, c, path, e) < 0 || conf_args(settings, c, argc, argv, &rest, e) < 0)
		return -1;
	if (rest < argc)
		return err_set(e, ERR_USAGE, "unexpected argument '%s'", argv[rest]);
	return 0;
}

int main(int argc, char **argv)
{
	struct server_conf c = {0};
	struct err e = ERR_INIT;
	enum log_level level = LOG_INFO_;
	size_t w = 0, n = sizeof words / sizeof *words;
	int rc = -1;

	log_open("him-server", level);
	if (argc > 1 && argv[1][0] != '-') {
		while (w < n && strcmp(words[w].word, argv[1]) != 0)
			w++;
		argc--;
		argv++;
	}
	if (w == n)
		err_set(&e, ERR_USAGE, "unknown word '%s'; him-server help lists them", argv[0]);
	else if (settings_load(&c, argc, argv, &e) == 0) {
		if (log_level_parse(c.log_level, &level) == 0)
			log_open("him-server", level);
		clock_set_offset_ms(c.clock_offset_ms);
		setenv("HIM_HOME", c.home, 1);
		rc = words[w].run(&c, &e);
	}
	if (rc < 0)
		log_error("%s", e.text);
	conf_release(settings, &c);
	return rc < 0 ? err_exit(e.code) : 0;
}
