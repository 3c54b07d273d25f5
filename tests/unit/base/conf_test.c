// SPDX-License-Identifier: Apache-2.0
/* Settings: defaults, file, command line in this order; errors that say where; help from the same table. */
#include "base/conf.h"
#include "base/file.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

struct settings {
	char *listen, *name;
	int64_t workers, every_ms, spool_bytes;
	bool quiet, tls;
};

#define AT(member) offsetof(struct settings, member)

static const struct conf_item table[] = {
	{"listen", CONF_STRING, AT(listen), "0.0.0.0:7443", 0, 40, "where to listen"},
	{"name", CONF_STRING, AT(name), NULL, 0, 8, "what to be called"},
	{"workers", CONF_INT, AT(workers), "4", 1, 64, "threads"},
	{"every", CONF_DURATION, AT(every_ms), "1m", 1000, 86400000, "how often"},
	{"spool", CONF_SIZE, AT(spool_bytes), "64M", 1024, 1LL << 40, "room on disk"},
	{"quiet", CONF_BOOL, AT(quiet), NULL, 0, 0, "say less"},
	{"tls", CONF_BOOL, AT(tls), "true", 0, 0, "encrypt"},
	{NULL},
};

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct settings));
	return conf_defaults(table, *state, NULL);
}

static int teardown(void **state)
{
	struct settings *s = *state;
	conf_release(table, s);
	assert_null(s->listen);
	conf_release(table, s);
	free(s);
	return 0;
}

static int take(struct settings *s, const char *text, struct err *e)
{
	return conf_text(table, s, text, strlen(text), "x.conf", e);
}

static void test_defaults(void **state)
{
	struct settings *s = *state;
	assert_string_equal(s->listen, "0.0.0.0:7443");
	assert_null(s->name);
	assert_int_equal(s->workers, 4);
	assert_int_equal(s->every_ms, 60000);
	assert_int_equal(s->spool_bytes, 64 << 20);
	assert_false(s->quiet);
	assert_true(s->tls);
}

static void test_text(void **state)
{
	struct settings *s = *state;
	struct err e = ERR_INIT;
	assert_int_equal(take(s,
				 "# a comment\n\n  name = a = b  \r\nworkers=8\nevery =\t90s\n"
				 "spool = 1G\nquiet = yes\ntls = off\nlisten =",
				 &e),
		0);
	assert_string_equal(s->name, "a = b");
	assert_string_equal(s->listen, "");
	assert_int_equal(s->workers, 8);
	assert_int_equal(s->every_ms, 90000);
	assert_int_equal(s->spool_bytes, 1 << 30);
	assert_true(s->quiet);
	assert_false(s->tls);
	assert_int_equal(take(s, "", &e), 0);
	assert_int_equal(take(s, "workers = 9\nworkers = 10", &e), 0);
	assert_int_equal(s->workers, 10);
}

static const struct {
	const char *text, *error, *field;
} refused[] = {
	{"\n\nworkers = many", "x.conf line 3: workers must be a whole number", "workers"},
	{"workers = 65", "x.conf line 1: workers is 65; it must be 1 to 64", "workers"},
	{"every = 1ms", "every is 1ms; it must be 1s to 1d", "every"},
	{"spool = lots", "spool must be a size", "spool"},
	{"tls = maybe", "tls must be true or false, not 'maybe'", "tls"},
	{"name = 123456789", "name has 9 characters; the limit is 8", "name"},
	{"worker = 3", "unknown setting 'worker'; did you mean 'workers'?", "worker"},
	{"frobnicate = 3", "unknown setting 'frobnicate'", "frobnicate"},
	{"= 3", "unknown setting ''", ""},
	{"# fine\nlisten", "x.conf line 2: 'listen' is not NAME = VALUE", ""},
	{"name = \xff", "x.conf is not a text in UTF-8", ""},
};

static void test_refused(void **state)
{
	struct settings *s = *state;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct err e = ERR_INIT;
		if (take(s, refused[i].text, &e) != -1)
			fail_msg("'%s' was taken", refused[i].text);
		if (!strstr(e.text, refused[i].error))
			fail_msg("'%s' gave '%s'", refused[i].text, e.text);
		assert_string_equal(e.field, refused[i].field);
	}
	assert_int_equal(s->workers, 4);
	assert_int_equal(s->every_ms, 60000);
	assert_null(s->name);
	assert_int_equal(conf_text(table, s, "name=a\0\nworkers=x", 17, "x.conf", NULL), -1);
}

static void test_file(void **state)
{
	struct settings *s = *state;
	struct err e = ERR_INIT;
	char folder[] = "/tmp/him-conf-test-XXXXXX";
	assert_non_null(mkdtemp(folder));
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(conf_file(table, s, "absent.conf", &e), 0);
	assert_int_equal(e.code, ERR_NONE);
	assert_int_equal(conf_file(table, s, "absent.conf", NULL), 0);
	assert_int_equal(file_write("x.conf", "workers = 7\n", 12, 0600, &e), 0);
	assert_int_equal(conf_file(table, s, "x.conf", &e), 0);
	assert_int_equal(s->workers, 7);
	assert_int_equal(conf_file(table, s, folder, &e), -1);
	assert_int_equal(e.code, ERR_IO);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(file_remove_tree(folder, &e), 0);
}

static int args(struct settings *s, const char *line, int *rest, struct err *e)
{
	char *argv[32] = {(char[]){"him"}}, *copy = strdup(line), *save = NULL;
	int argc = 1, rc;
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	rc = conf_args(table, s, argc, argv, rest, e);
	free(copy);
	return rc;
}

static void test_args(void **state)
{
	static const struct {
		const char *line;
		int rest;
	} rows[] = {{"", 1}, {"list", 1}, {"--workers 9 list", 3}, {"--workers=9 list", 2},
		{"--quiet list --tls", 2}, {"--tls=false --quiet=true -- --workers", 4},
		{"- --quiet", 1}, {"-q", 1}, {"--name --quiet", 3}, {"--name= x", 2}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e = ERR_INIT;
		int rest = -1;
		if (args(*state, rows[i].line, &rest, &e) < 0)
			fail_msg("%s: %s", rows[i].line, e.text);
		assert_int_equal(rest, rows[i].rest);
	}
	struct settings *s = *state;
	assert_int_equal(s->workers, 9);
	assert_true(s->quiet);
	assert_false(s->tls);
	assert_string_equal(s->name, "");
}

static void test_args_refused(void **state)
{
	static const struct {
		const char *line, *error;
	} rows[] = {{"--workers", "--workers needs a value"}, {"--workers x", "workers must be"},
		{"--wrokers 5", "did you mean 'workers'?"}, {"--tls=perhaps", "true or false"},
		{"--=5", "unknown setting ''"}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e = ERR_INIT;
		int rest = -1;
		assert_int_equal(args(*state, rows[i].line, &rest, &e), -1);
		if (!strstr(e.text, rows[i].error))
			fail_msg("'%s' gave '%s'", rows[i].line, e.text);
		assert_int_equal(err_exit(e.code), 2);
		assert_int_equal(rest, -1);
	}
}

static void test_help_names_every_row(void **state)
{
	struct buf out;
	buf_init(&out, 10000);
	conf_help(table, &out);
	assert_non_null(strstr(buf_str(&out), "--listen VALUE "));
	assert_non_null(strstr(buf_str(&out), "[0.0.0.0:7443]\n"));
	assert_non_null(strstr(buf_str(&out), "  --quiet "));
	for (const struct conf_item *i = table; i->name; i++)
		assert_non_null(strstr(buf_str(&out), i->help));
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
		cmocka_unit_test_setup_teardown(test_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_args, setup, teardown),
		cmocka_unit_test_setup_teardown(test_args_refused, setup, teardown),
		cmocka_unit_test(test_help_names_every_row),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
