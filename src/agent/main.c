/* SPDX-License-Identifier: Apache-2.0 */
/*
 * him-agent: one static binary. A word says what it does: none (run the agent), enroll, probe, detect …;
 * the table below has them all.
 */
#include "agent/agent.h"
#include "agent/guests.h"
#include "agent/metadata.h"
#include "agent/rules.h"
#include "agent/service.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "wire/enrol.h"
#include <malloc.h>
#include <openssl/ssl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE 60000
#define HOUR (60 * MINUTE)
#define OFFSET(member) offsetof(struct agent_conf, member)

static const struct conf_item settings[] = {
	{"home", CONF_STRING, OFFSET(home), NULL, 0, 900,
		"data folder; HIM_HOME, else /var/lib/him"},
	{"parent", CONF_STRING, OFFSET(parents), NULL, 0, 4000,
		"HOST:PORT of the relays to hang on, joined by commas, instead of the server's "
		"list"},
	{"report-interval", CONF_DURATION, OFFSET(report_ms), "60s", 1000, 24 * HOUR,
		"how often to look at the machine"},
	{"spool-max", CONF_SIZE, OFFSET(spool_max_bytes), "32M", 1 << 20, 1LL << 40,
		"cap of the spool"},
	{"jobs", CONF_INT, OFFSET(jobs), "8", 1, 256, "commands run at the same time"},
	{"hold", CONF_DURATION, OFFSET(hold_ms), "55s", 1000, 10 * MINUTE,
		"how long a request is held open"},
	{"poll", CONF_DURATION, OFFSET(poll_ms), "30s", 1000, HOUR,
		"interval where only polling works"},
	{"keepalive", CONF_DURATION, OFFSET(keepalive_ms), "25s", 500, 5 * MINUTE,
		"interval of UDP keepalives"},
	{"better", CONF_DURATION, OFFSET(better_ms), "10m", 1000, 24 * HOUR,
		"how often a better way down is tried again"},
	{"retry-max", CONF_DURATION, OFFSET(retry_max_ms), "60s", 500, HOUR,
		"longest pause between tries"},
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
	{"root", CONF_STRING, OFFSET(root), "", 0, 1024,
		"probe, detect: look at a captured machine below this folder"},
	{"kind", CONF_STRING, OFFSET(kind), NULL, 0, 64,
		"guests: what the FILE behind it is: virsh-dumpxml, xl-list-l, vmx …"},
	{"without", CONF_STRING, OFFSET(without), NULL, 0, 200,
		"guests: platforms that are not asked, joined by commas"},
	{"records", CONF_BOOL, OFFSET(records), NULL, 0, 0,
		"guests: print records as reports have them, and what went wrong"},
	{"metadata", CONF_BOOL, OFFSET(metadata), NULL, 0, 0,
		"detect: ask the cloud's metadata service too"},
	{"json", CONF_BOOL, OFFSET(json), NULL, 0, 0,
		"guests, detect: print JSON; probe: the same (it always does)"},
	{NULL},
};

static int do_run(const struct agent_conf *c, struct err *e)
{
	return agent_run(c, e);
}

static int read_token(const char *path, char *out, size_t size, struct err *e)
{
	struct buf b;
	int rc = 0;

	buf_init(&b, 4096);
	if (file_read(path, &b, e) < 0)
		rc = err_where(e, "token");
	else if (snprintf(out, size, "%s", text_trim(b.data ? b.data : (char[]){""})) >=
			(int)size ||
		!*out)
		rc = err_field(e, ERR_INVALID, "token",
			"a token is one line of at most %zu characters", size - 1);
	if (b.data)
		explicit_bzero(b.data, b.len);
	buf_release(&b);
	return rc;
}

static int do_enroll(const struct agent_conf *c, struct err *e)
{
	struct enrol_request r = {.role = PKI_AGENT, .server = c->server, .timeout_ms = 60000};
	struct probe_identity who;
	char token[256] = "", dir[1024];
	struct identity old;
	int rc = -1;

	snprintf(dir, sizeof dir, "%s/agent", c->home);
	if (identity_load(dir, &old, NULL) == 0) {
		printf("already enrolled as %s\n", old.id);
		identity_release(&old);
		return 0;
	}
	if (!c->server || !c->ca_fingerprint)
		return err_set(e, ERR_USAGE, "enroll needs --server and --ca-fingerprint");
	if (enrol_pin_parse(c->ca_fingerprint, r.pin, e) < 0 ||
		read_token(c->token_file, token, sizeof token, e) < 0 ||
		probe_identity("", &who, e) < 0)
		return -1;
	r.token = token;
	r.name = c->name ? c->name : who.name;
	rc = enrol_run(&r, dir, e);
	explicit_bzero(token, sizeof token);
	if (rc == 0)
		printf("enrolled; identity in %s\n", dir);
	return rc;
}

/* What the server told the agent of this machine; nothing for a captured one. */
static char *rules_of(const struct agent_conf *c)
{
	return c->root && *c->root ? NULL : rules_kept(c->home);
}

static int do_probe(const struct agent_conf *c, struct err *e)
{
	char *rules = rules_of(c);
	struct buf b;
	int rc;

	buf_init(&b, 8u << 20);
	rc = probe_print(c->root, rules, &b, e);
	free(rules);
	if (rc == 0)
		printf("%s\n", buf_str(&b));
	buf_release(&b);
	return rc;
}

/* The verdict for people: a line a value, then the reasons. */
static void print_verdict(struct json *verdict)
{
	struct json_iter it = json_iter(verdict);
	struct json *why = json_get(verdict, "why");

	while (json_next(&it))
		if (it.value != why)
			printf("%-16s %s\n", it.key, json_str(it.value) ? json_str(it.value) : "-");
	for (size_t i = 0; i < json_len(why); i++)
		printf("%s %s\n", i ? "   " : "why", json_str(json_at(why, i)));
}

static int do_detect(const struct agent_conf *c, struct err *e)
{
	struct json *verdict = NULL;
	struct imds_facts facts = {0};
	const char *provider;
	char *rules = rules_of(c);
	struct buf b;
	int rc = probe_detect(c->root, rules, &verdict, e);

	free(rules);
	if (rc < 0)
		return -1;
	provider = json_str(json_get(verdict, "cloud.provider"));
	if (c->metadata && provider && metadata_ask(provider, &facts, e) < 0) {
		json_free(verdict);
		return -1;
	}
	imds_attributes(&facts, verdict);
	buf_init(&b, 1u << 20);
	if (!c->json)
		print_verdict(verdict);
	else if (json_print(verdict, &b) == 0)
		printf("%s\n", buf_str(&b));
	buf_release(&b);
	json_free(verdict);
	return 0;
}

static int do_guests(const struct agent_conf *c, struct err *e)
{
	struct buf b;
	int rc;

	buf_init(&b, 64u << 20);
	rc = c->records ? guests_records_word(c->without, &b, e)
			: guests_word(c->kind, c->file, c->json, &b, e);
	if (rc == 0)
		fwrite(buf_str(&b), 1, b.len, stdout);
	buf_release(&b);
	return rc;
}

static int do_service(const struct agent_conf *c, struct err *e)
{
	return service_install(c->home, e);
}

static int do_version(const struct agent_conf *c, struct err *e)
{
	printf("him-agent %s\n", HIM_VERSION);
	return 0;
}

static int do_help(const struct agent_conf *c, struct err *e);

static const struct {
	const char *word, *help;
	int (*run)(const struct agent_conf *c, struct err *e);
	bool takes_file;
} words[] = {
	{"run", "run the agent (also without a word)", do_run},
	{"enroll", "enrol this machine with a token and the CA's fingerprint", do_enroll},
	{"probe", "print what this machine says of itself", do_probe},
	{"detect", "say which machine this is: physical, VM or container, on what, where",
		do_detect},
	{"guests",
		"print the guests of this host; with --kind KIND FILE those of a recorded listing",
		do_guests, true},
	{"service", "make the enrolled agent run, now and after every boot", do_service},
	{"version", "print the version", do_version},
	{"help", "print this", do_help},
};

static int do_help(const struct agent_conf *c, struct err *e)
{
	struct buf b;

	buf_init(&b, 65536);
	printf("him-agent [WORD] [OPTIONS]\n\n");
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		printf("  %-10s %s\n", words[i].word, words[i].help);
	conf_help(settings, &b);
	printf("\n%s", buf_str(&b));
	buf_release(&b);
	return 0;
}

/* The options, and the word between or behind them. */
static int take_args(struct agent_conf *c, int argc, char **argv, int *rest, struct err *e)
{
	if (conf_args(settings, c, argc, argv, rest, e) < 0)
		return -1;
	if (*rest == argc)
		return 0;
	c->file = argv[*rest];
	argc -= *rest;
	argv += *rest;
	return conf_args(settings, c, argc, argv, rest, e) < 0 ? -1
		: *rest == argc                                ? 0
				: err_set(e, ERR_USAGE, "unexpected argument '%s'", argv[*rest]);
}

static int settings_load(
	struct agent_conf *c, bool takes_file, int argc, char **argv, struct err *e)
{
	const char *home = getenv("HIM_HOME");
	char path[1200];
	int rest;

	/* Twice: the home on the command line says where the file is, and the command line wins over it. */
	if (conf_defaults(settings, c, e) < 0 || take_args(c, argc, argv, &rest, e) < 0)
		return -1;
	if (!c->home)
		c->home = xstrdup(home && *home ? home : "/var/lib/him");
	snprintf(path, sizeof path, "%s/agent.conf", c->home);
	if (conf_file(settings, c, path, e) < 0 || take_args(c, argc, argv, &rest, e) < 0)
		return -1;
	if (c->file && !takes_file)
		return err_set(e, ERR_USAGE, "unexpected argument '%s'", c->file);
	return 0;
}

/* A resident program shall be small: large blocks go back to the system at once, and OpenSSL reads no configuration and
 * keeps no texts of errors that it may never have. */
static void stay_small(void)
{
	mallopt(M_MMAP_THRESHOLD, 32 << 10);
	mallopt(M_TRIM_THRESHOLD, 32 << 10);
	mallopt(M_TOP_PAD, 8 << 10);
	OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_SSL_STRINGS |
			OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS,
		NULL);
}

int main(int argc, char **argv)
{
	struct agent_conf c = {0};
	struct err e = ERR_INIT;
	enum log_level level = LOG_INFO_;
	int rc = -1;
	size_t w = 0;

	stay_small();
	log_open("him-agent", level);
	if (argc > 1 && argv[1][0] != '-') {
		for (w = 0; w < sizeof words / sizeof *words; w++)
			if (strcmp(words[w].word, argv[1]) == 0)
				break;
		argc--;
		argv++;
	}
	if (w == sizeof words / sizeof *words)
		err_set(&e, ERR_USAGE, "unknown word '%s'; him-agent help lists them", argv[0]);
	else if (settings_load(&c, words[w].takes_file, argc, argv, &e) == 0) {
		if (log_level_parse(c.log_level, &level) == 0)
			log_open("him-agent", level);
		clock_set_offset_ms(c.clock_offset_ms);
		setenv("HIM_HOME", c.home, 1);
		rc = words[w].run(&c, &e);
	}
	if (rc < 0)
		log_error("%s", e.text);
	conf_release(settings, &c);
	return rc < 0 ? err_exit(e.code) : 0;
}
