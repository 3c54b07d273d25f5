// SPDX-License-Identifier: Apache-2.0
/* The log: standard error goes to a pipe, and the lines that come out are read. */
#include "base/log.h"
#include "base/clock.h"
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static int pipes[2], errors;

static int begin(void **state)
{
	errors = dup(STDERR_FILENO);
	return pipe(pipes) == 0 && dup2(pipes[1], STDERR_FILENO) >= 0 && close(pipes[1]) == 0 ? 0
											      : -1;
}

static int end(void **state)
{
	dup2(errors, STDERR_FILENO);
	close(errors);
	close(pipes[0]);
	unsetenv("JOURNAL_STREAM");
	return 0;
}

/* All that was written since begin(). Ends the redirection. */
static const char *written(void)
{
	static char text[16384];
	dup2(errors, STDERR_FILENO);
	ssize_t n = read(pipes[0], text, sizeof text - 1);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void test_levels(void **state)
{
	char when[CLOCK_TEXT];
	int64_t ms;
	log_open("him-test", LOG_WARN_);
	log_error("broken: %d", 7);
	log_warn("odd");
	log_info("unheard");
	log_debug("unheard");
	const char *text = written();
	assert_int_equal(sscanf(text, "%31s", when), 1);
	assert_int_equal(clock_parse(when, &ms), 0);
	assert_memory_equal(text + strlen(when), " error him-test: broken: 7\n", 27);
	assert_non_null(strstr(text, " warning him-test: odd\n"));
	assert_null(strstr(text, "unheard"));
}

static void test_under_systemd(void **state)
{
	setenv("JOURNAL_STREAM", "8:1", 1);
	log_open("him-test", LOG_DEBUG_);
	log_error("a");
	log_warn("b");
	log_info("c");
	log_debug("d");
	assert_string_equal(written(), "<3>a\n<4>b\n<6>c\n<7>d\n");
}

static void test_one_event_is_one_line(void **state)
{
	char large[9000];
	memset(large, 'x', sizeof large - 1);
	large[sizeof large - 1] = '\0';
	setenv("JOURNAL_STREAM", "8:1", 1);
	log_open("him-test", LOG_INFO_);
	log_info("peer said: %s", "x\n<3>forged\r\x1b[2J");
	log_info("%s", large);
	const char *text = written(), *second = strchr(text, '\n') + 1;
	assert_memory_equal(text, "<6>peer said: x <3>forged  [2J\n", 31);
	assert_true(strlen(second) > 2000);
	assert_ptr_equal(strchr(second, '\n'), second + strlen(second) - 1);
}

static void test_limited(void **state)
{
	char key[32];
	setenv("JOURNAL_STREAM", "8:1", 1);
	log_open("him-test", LOG_INFO_);
	for (int i = 0; i < 4; i++)
		log_limited(LOG_WARN_, "first", 3600000, "first %d", i);
	log_limited(LOG_WARN_, "now", 0, "always");
	log_limited(LOG_WARN_, "now", 0, "always");
	log_limited(LOG_DEBUG_, "quiet", 0, "unheard");
	for (int i = 0; i < 100; i++) {
		snprintf(key, sizeof key, "key %d", i);
		log_limited(LOG_WARN_, key, 7200000, "%s", key);
	}
	const char *text = written();
	assert_memory_equal(text, "<4>first 0\n<4>always\n<4>always\n<4>key 0\n", 40);
	assert_null(strstr(text, "first 1"));
	assert_null(strstr(text, "unheard"));
	assert_non_null(strstr(text, "key 99"));
}

static void test_limited_counts(void **state)
{
	setenv("JOURNAL_STREAM", "8:1", 1);
	log_open("him-test", LOG_INFO_);
	struct pollfd more = {.fd = pipes[0], .events = POLLIN};
	char want[64], got[64] = "";
	int counted = 0;
	log_limited(LOG_WARN_, "count", 30, "lost");
	assert_int_equal(read(pipes[0], got, sizeof got), 8);
	for (;; counted++) {
		log_limited(LOG_WARN_, "count", 30, "lost");
		if (poll(&more, 1, 1) > 0)
			break;
	}
	if (counted)
		snprintf(want, sizeof want, "<4>lost (%d more like it)\n", counted);
	else
		snprintf(want, sizeof want, "<4>lost\n");
	assert_string_equal(written(), want);
}

static void test_level_words(void **state)
{
	enum log_level level = LOG_ERROR_;
	assert_int_equal(log_level_parse("debug", &level), 0);
	assert_int_equal(level, LOG_DEBUG_);
	assert_int_equal(log_level_parse("warning", &level), 0);
	assert_int_equal(level, LOG_WARN_);
	assert_int_equal(log_level_parse("loud", &level), -1);
	assert_int_equal(level, LOG_WARN_);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_levels, begin, end),
		cmocka_unit_test_setup_teardown(test_under_systemd, begin, end),
		cmocka_unit_test_setup_teardown(test_one_event_is_one_line, begin, end),
		cmocka_unit_test_setup_teardown(test_limited, begin, end),
		cmocka_unit_test_setup_teardown(test_limited_counts, begin, end),
		cmocka_unit_test(test_level_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
