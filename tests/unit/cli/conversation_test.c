// SPDX-License-Identifier: Apache-2.0
/*
 * The whole program against a server that says what is written: tests/data/conversations/NAME.talk, a file each.
 *
 *	$ him|machines|web*			the command line, its words parted by |
 *	> GET /api/v1/machines?query=web%2A	a request that must come; a body that must come follows, if any
 *	+ Last-Event-ID: 7			a header that it must have
 *	< 200					what is answered, and its body
 *	= 0					the exit code, and what stands on standard output
 *	!					what stands on standard error; "! ~" holds this somewhere
 */
#include "base/buf.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/cli.h"
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define STEPS_MAX 8
#define WORDS_MAX 20

struct step {
	char *request, *header, *body; /* header, body NULL: not looked at */
	int status;
	char *answer;
};

struct talk {
	char *line;
	struct step steps[STEPS_MAX];
	int n, code;
	char *out, *err;
	bool err_part;
};

static char home[] = "/tmp/him-cli.XXXXXX";

/* ---- reading a conversation ---- */

/* The lines up to the next mark, as one text whose last newline is there or not; NULL: none. *at moves. */
static char *take_text(struct arena *a, char **at, bool newline)
{
	char *begin = *at, *p = *at, *text;

	while (*p && !strchr("$>+<=!", *p))
		p += strcspn(p, "\n") + (p[strcspn(p, "\n")] == '\n');
	*at = p;
	text = arena_strndup(a, begin, (size_t)(p - begin));
	if (!newline && *text)
		text[strlen(text) - 1] = '\0';
	return text;
}

/* The rest of a mark's line. */
static char *take_line(struct arena *a, char **at)
{
	size_t len = strcspn(*at, "\n");
	char *line = arena_strndup(a, *at, len);

	*at += len + ((*at)[len] == '\n');
	return text_trim(line);
}

static void read_talk(struct arena *a, char *at, struct talk *t)
{
	while (*at) {
		char mark = *at++, *line = take_line(a, &at);
		struct step *s = &t->steps[t->n ? t->n - 1 : 0];
		assert_true(t->n < STEPS_MAX);
		if (mark == '$') {
			t->line = line;
		} else if (mark == '>') {
			s = &t->steps[t->n++];
			s->request = line;
			s->body = take_text(a, &at, false);
		} else if (mark == '+') {
			s->header = line;
			s->body = take_text(a, &at, false);
		} else if (mark == '<') {
			s->status = (int)strtol(line, NULL, 10);
			s->answer = take_text(a, &at, false);
		} else if (mark == '=') {
			t->code = (int)strtol(line, NULL, 10);
			t->out = take_text(a, &at, true);
		} else {
			t->err_part = *line == '~';
			t->err = t->err_part ? line + 1 : take_text(a, &at, true);
		}
	}
}

/* ---- the server ---- */

static void read_request(int fd, struct buf *b)
{
	char piece[4096], *end, *length;
	size_t want = 0;
	ssize_t n;

	while ((n = read(fd, piece, sizeof piece)) > 0) {
		buf_add(b, piece, (size_t)n);
		end = strstr(b->data, "\r\n\r\n");
		length = strcasestr(b->data, "content-length:");
		want = end && length && length < end ? strtoul(length + 15, NULL, 10) : 0;
		if (end && b->len >= (size_t)(end + 4 - b->data) + want)
			return;
	}
}

static bool fits(const struct step *s, const char *got)
{
	const char *body = strstr(got, "\r\n\r\n");
	size_t len = strlen(s->request);

	if (s->header && !strstr(got, s->header))
		return false;
	return strncmp(got, s->request, len) == 0 && got[len] == ' ' &&
		(!*s->body || (body && strcmp(body + 4, s->body) == 0));
}

/* Answers one request; false when it is not the one that should come. */
static bool answer(int fd, const struct step *s)
{
	const char *type = text_starts(s->answer, "event:") ? "text/event-stream"
		: s->status < 400                           ? "application/json"
							    : "application/problem+json";
	struct buf got;
	bool good;

	buf_init(&got, 1 << 20);
	read_request(fd, &got);
	good = fits(s, buf_str(&got));
	if (!good)
		dprintf(STDERR_FILENO, "expected '%s' '%s', got '%s'\n", s->request, s->body,
			buf_str(&got));
	dprintf(fd, "HTTP/1.1 %d X\r\nContent-Type: %s\r\nConnection: close\r\n",
		good ? s->status : 500, type);
	dprintf(fd, "Content-Length: %zu\r\n\r\n%s", good ? strlen(s->answer) : 0,
		good ? s->answer : "");
	buf_release(&got);
	return good;
}

static int listen_at(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
	unlink(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof to), 0);
	assert_int_equal(listen(fd, 16), 0);
	return fd;
}

/* The child says by its exit code whether everything came as it should. */
static pid_t serve(int listener, const struct talk *t)
{
	bool good = true;
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	alarm(60);
	for (int i = 0; i < t->n && good; i++) {
		int fd = accept(listener, NULL, NULL);
		good = answer(fd, &t->steps[i]);
		shutdown(fd, SHUT_WR);
		close(fd);
	}
	_exit(good ? 0 : 1);
}

/* ---- the program ---- */

static int redirect(int fd, const char *name)
{
	char path[80];
	int saved = dup(fd), to;

	snprintf(path, sizeof path, "%s/%s", home, name);
	to = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	dup2(to, fd);
	close(to);
	return saved;
}

static char *content(const char *name)
{
	char path[80];
	struct buf b;

	snprintf(path, sizeof path, "%s/%s", home, name);
	buf_init(&b, 1 << 20);
	assert_int_equal(file_read(path, &b, NULL), 0);
	return buf_steal(&b);
}

static int run(const char *line)
{
	char *words[WORDS_MAX], *copy = xstrdup(line);
	size_t n = text_split(copy, "|", words, WORDS_MAX - 1);
	int out, err, code;

	words[n] = NULL;
	fflush(stdout);
	fflush(stderr);
	out = redirect(STDOUT_FILENO, "out");
	err = redirect(STDERR_FILENO, "err");
	code = cli_main((int)n, words);
	fflush(stdout);
	fflush(stderr);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close(out);
	close(err);
	free(copy);
	return code;
}

static void run_talk(const char *name, const struct talk *t)
{
	char path[80], *out, *err;
	int listener, code, status = 0;
	pid_t pid;

	snprintf(path, sizeof path, "%s/server.sock", home);
	listener = listen_at(path);
	pid = serve(listener, t);
	code = run(t->line);
	out = content("out");
	err = content("err");
	close(listener);
	if (code != t->code || strcmp(out, t->out) != 0 ||
		(t->err_part ? !strstr(err, t->err) : strcmp(err, t->err) != 0)) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		fail_msg("%s: exit %d, not %d\n-- out\n%s-- not\n%s-- err\n%s-- not\n%s", name,
			code, t->code, out, t->out, err, t->err);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0)
		fail_msg("%s: not every request came", name);
	free(out);
	free(err);
}

static void run_file(const char *name)
{
	struct arena *a = arena_new();
	struct talk t = {0};
	struct buf b;

	buf_init(&b, 1 << 20);
	assert_int_equal(file_read(arena_printf(a, "%s/%s", CONVERSATIONS, name), &b, NULL), 0);
	read_talk(a, b.data, &t);
	run_talk(name, &t);
	buf_release(&b);
	arena_free(a);
}

static int is_talk(const struct dirent *d)
{
	return text_ends(d->d_name, ".talk");
}

static void test_conversations(void **state)
{
	struct dirent **files;
	int n = scandir(CONVERSATIONS, &files, is_talk, alphasort);

	assert_true(n > 20);
	for (int i = 0; i < n; i++) {
		run_file(files[i]->d_name);
		free(files[i]);
	}
	free(files);
}

static void test_no_server(void **state)
{
	char path[80], *err;

	snprintf(path, sizeof path, "%s/server.sock", home);
	unlink(path);
	assert_int_equal(run("him|machines"), 3);
	err = content("err");
	assert_non_null(strstr(err, "no server runs here"));
	free(err);
	close(listen_at(path)); /* a socket that nobody listens at any more */
	assert_int_equal(run("him|machines"), 3);
	err = content("err");
	assert_non_null(strstr(err, "no server answers at"));
	free(err);
}

static int setup(void **state)
{
	assert_non_null(mkdtemp(home));
	setenv("HIM_HOME", home, 1);
	unsetenv("HIM_SERVER");
	return 0;
}

static int teardown(void **state)
{
	return file_remove_tree(home, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conversations),
		cmocka_unit_test(test_no_server),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
