// SPDX-License-Identifier: Apache-2.0
/*
 * The whole program against a server that says what is written here: each row is a command line, the requests it must
 * make with their answers, and what it must print and return.
 */
#include "base/buf.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/cli.h"
#include <fcntl.h>
#include <setjmp.h>
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
	const char *request; /* "GET /api/v1/machines?limit=1000" */
	const char *body;    /* NULL: not looked at */
	int status;
	const char *answer;
};

struct row {
	const char *line; /* words parted by '|' */
	struct step steps[STEPS_MAX];
	int code;
	const char *out, *err; /* err beginning with ~: holds this */
};

static char home[] = "/tmp/him-cli.XXXXXX";

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

	return strncmp(got, s->request, len) == 0 && got[len] == ' ' &&
		(!s->body || (body && strcmp(body + 4, s->body) == 0));
}

/* Answers one request; false when it is not the one that should come. */
static bool answer(int fd, const struct step *s)
{
	const char *type = s->status < 400 ? s->status == 200 && s->answer && *s->answer == 'e'
			? "text/event-stream"
			: "application/json"
					   : "application/problem+json";
	struct buf got;
	bool good;

	buf_init(&got, 1 << 20);
	read_request(fd, &got);
	good = fits(s, buf_str(&got));
	if (!good)
		dprintf(STDERR_FILENO, "expected '%s' '%s', got '%s'\n", s->request,
			s->body ? s->body : "", buf_str(&got));
	dprintf(fd,
		"HTTP/1.1 %d X\r\nContent-Type: %s\r\nConnection: close\r\nContent-Length: "
		"%zu\r\n\r\n%s",
		good ? s->status : 500, type, good && s->answer ? strlen(s->answer) : 0,
		good && s->answer ? s->answer : "");
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
static pid_t serve(int listener, const struct step *steps)
{
	bool good = true;
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	alarm(60);
	for (int i = 0; i < STEPS_MAX && steps[i].request && good; i++) {
		int fd = accept(listener, NULL, NULL);
		good = answer(fd, &steps[i]);
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

static bool err_fits(const char *want, const char *got)
{
	return *want == '~' ? strstr(got, want + 1) != NULL : strcmp(want, got) == 0;
}

static void run_row(const struct row *r)
{
	char path[80], *out, *err;
	int listener, code, status = 0;
	pid_t pid;

	snprintf(path, sizeof path, "%s/server.sock", home);
	listener = listen_at(path);
	pid = serve(listener, r->steps);
	code = run(r->line);
	out = content("out");
	err = content("err");
	close(listener);
	if (code != r->code || strcmp(out, r->out) != 0 || !err_fits(r->err, err)) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		fail_msg("%s: exit %d, not %d\n-- out\n%s\n-- not\n%s\n-- err\n%s\n-- not\n%s",
			r->line, code, r->code, out, r->out, err, r->err);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0)
		fail_msg("%s: not every request came", r->line);
	free(out);
	free(err);
}

/* ---- the conversations ---- */

#define MACHINE(id, name, state)                                                                   \
	"{\"id\":\"" id "\",\"name\":\"" name "\",\"state\":\"" state                              \
	"\",\"him.site\":\"lab\",\"host.memory\":8589934592,"                                      \
	"\"seen\":\"2026-01-02T03:04:05Z\"}"
#define A "/api/v1/actions/01x"
#define ORDER(query, command, more)                                                                \
	"{\"query\":\"" query "\",\"command\":" command more                                       \
	",\"env\":{},\"timeout_ms\":60000,\"deadline_ms\":3600000,"                                \
	"\"cpu_percent\":50,\"memory_bytes\":268435456,\"as\":\"root\",\"attach\":false}"
#define PROBLEM(word, detail, field)                                                               \
	"{\"type\":\"urn:him:error:" word "\",\"title\":\"X\",\"status\":400,\"detail\":\"" detail \
	"\",\"field\":\"" field "\"}"
#define RESULT(n, name, state, more)                                                               \
	"{\"agent\":\"01arz3ndektsv4rrffq69g5fa" n "\",\"machine\":\"m" n "\",\"name\":\"" name    \
	"\",\"state\":\"" state "\"" more "}"

static const struct row rows[] =
	{
		{"him|machines",
			{{"GET /api/v1/machines?limit=1000", NULL, 200,
				"{\"machines\":[" MACHINE("1", "web1", "online") "," MACHINE(
					"2", "web2", "late") "],\"next\":null}"}},
			0,
			"NAME STATE  SEEN                 SITE IP OS DESCRIPTION CPU THREADS  "
			"MEMORY\n"
			"web1 online 2026-01-02T03:04:05Z lab                                8.0 "
			"GiB\n"
			"web2 late   2026-01-02T03:04:05Z lab                                8.0 "
			"GiB\n",
			""},
		{"him|machines|web*|-o|name,id|--no-headings|--sort|-seen",
			{{"GET /api/v1/machines?query=web%2A&sort=-seen&limit=1000", NULL, 200,
				"{\"machines\":[" MACHINE(
					"1", "web1", "online") "],\"next\":null}"}},
			0, "web1 1\n", ""},
		{"him|machines|--json",
			{{"GET /api/v1/machines?limit=1000", NULL, 200,
				 "{\"machines\":[{\"id\":\"1\"},{\"id\":\"2\"}],\"next\":\"c 2\"}"},
				{"GET /api/v1/machines?limit=1000&after=c%202", NULL, 200,
					"{\"machines\":[{\"id\":\"3\"}],\"next\":null}"}},
			0,
			"{\"machines\":[\n{\"id\":\"1\"},\n{\"id\":\"2\"},\n{\"id\":\"3\"}\n],"
			"\"next\":null}\n",
			""},
		{"him|machines|--json|--limit|2",
			{{"GET /api/v1/machines?limit=2", NULL, 200,
				"{\"machines\":[{\"id\":\"1\"},{\"id\":\"2\"}],\"next\":\"c2\"}"}},
			0, "{\"machines\":[\n{\"id\":\"1\"},\n{\"id\":\"2\"}\n],\"next\":\"c2\"}\n",
			""},
		{"him|relays|--json",
			{{"GET /api/v1/relays", NULL, 200, "{\"relays\":[],\"next\":null}"}}, 0,
			"{\"relays\":[],\"next\":null}\n", ""},
		{"him|machines|stat:x",
			{{"GET /api/v1/machines?query=stat%3Ax&limit=1000", NULL, 400,
				PROBLEM("invalid", "column 1: no", "query")}},
			2, "", "him: column 1: no (query)\n"},
		{"him|machines|-o|nam", {{NULL}}, 2, "",
			"him: there is no column 'nam'; did you mean 'name'?; --help lists them\n"},
		{"him|show|web/1",
			{{"GET /api/v1/machines/web%2F1", NULL, 404,
				PROBLEM("not-found", "there is no machine 'web/1'", "machine")}},
			2, "", "him: there is no machine 'web/1'\n"},
		{"him|status",
			{{"GET /api/v1/status", NULL, 403, PROBLEM("forbidden", "not you", "")}}, 3,
			"", "him: not you\n"},
		{"him|audit", {{"GET /api/v1/audit?limit=1000", NULL, 502, "<html>"}}, 3, "",
			"~answers with status 502"},
		{"him|run|*", {{NULL}}, 2, "",
			"him: what is to run? him run QUERY -- COMMAND…, or --script FILE\n"},
		{"him|run|(a|--|x", {{NULL}}, 2, "",
			"him: column 1: this parenthesis is not closed (query)\n"},
		{"him|run|*|--cpu|half|--|x", {{NULL}}, 2, "",
			"him: cpu must be a whole number, not 'half'\n"},
		{"him|run|*|--env|X|--|x", {{NULL}}, 2, "",
			"him: --env takes NAME=VALUE, not 'X'\n"},
		{"him|run|nobody|--|true",
			{{"POST /api/v1/actions", ORDER("nobody", "[\"true\"]", ""), 404,
				PROBLEM("not-found", "no machine fits 'nobody'", "query")}},
			2, "", "him: no machine fits 'nobody' (query)\n"},
		{"him|run|web*|--|echo|a b",
			{{"POST /api/v1/actions", ORDER("web*", "[\"echo\",\"a b\"]", ""), 201,
				"{\"id\":\"01x\"}"}},
			0, "01x\n", ""},
		{"him|run|*|--dry-run|--|x",
			{{"POST /api/v1/actions", NULL, 200, "{\"count\":12}"}}, 0, "12\n", ""},
		{"him|run|--wait|*|--|id",
			{{"POST /api/v1/actions", NULL, 201, "{\"id\":\"01x\"}"},
				{"GET " A, NULL, 200,
					"{\"id\":\"01x\",\"state\":\"open\",\"targets\":2,\"done\":"
					"0,\"waiting\":2}"},
				{"GET " A, NULL, 200,
					"{\"id\":\"01x\",\"state\":\"open\",\"targets\":2,\"done\":"
					"1,\"running\":1}"},
				{"GET " A "/results?output=1&limit=100", NULL, 200,
					"{\"results\":[" RESULT("a", "web1", "done",
						",\"stdout\":\"one\\ntwo\",\"stderr\":\"\"") "," RESULT("b",
						"web2", "running", "") "],\"next\":null}"},
				{"GET " A, NULL, 200,
					"{\"id\":\"01x\",\"state\":\"ended\",\"targets\":2,"
					"\"done\":1,\"failed\":1}"},
				{"GET " A "/results?output=1&limit=100", NULL, 200,
					"{\"results\":[" RESULT("a", "web1", "done",
						",\"stdout\":\"one\\ntwo\"") "," RESULT("b", "web2",
						"failed",
						",\"exit\":3,\"stdout\":\"\",\"stderr_base64\":\"/"
						"wo=\"") "],\"next\":null}"}},
			1, "web1: one\nweb1: two\n",
			"web2: \xff\nweb2: failed: exit 3\n2 machines: 1 done, 1 failed\n"},
		{"him|run|--wait|--json|*|--|id",
			{{"POST /api/v1/actions", NULL, 201, "{\"id\":\"01x\"}"},
				{"GET " A, NULL, 200,
					"{\"id\":\"01x\",\"state\":\"ended\",\"targets\":1,"
					"\"done\":1}"},
				{"GET " A "/results?output=1&limit=100", NULL, 200,
					"{\"results\":[{\"name\":\"web1\"}],\"next\":null}"}},
			0,
			"{\"id\":\"01x\",\"state\":\"ended\",\"targets\":1,\"done\":1,\"results\":["
			"\n{\"name\":\"web1\"}\n],\"next\":null}\n",
			""},
		{"him|action|01x",
			{{"GET " A, NULL, 200,
				 "{\"id\":\"01x\",\"by\":\"anna\",\"query\":\"*\",\"command\":["
				 "\"id\",\"-u\"],\"timeout_ms\":60000,"
				 "\"cpu_percent\":50,\"memory_bytes\":268435456,\"as\":\"root\","
				 "\"made\":\"2026-01-02T03:04:05Z\",\"state\":\"ended\","
				 "\"targets\":2,\"done\":1,\"refused\":1}"},
				{"GET " A "/results?state=refused&limit=10", NULL, 200,
					"{\"results\":[" RESULT("b", "web2", "refused",
						",\"reason\":\"there is no user 'x'\"") "],"
											"\"next\":"
											"null}"}},
			0,
			"id         01x\nby         anna\nquery      *\nmade       "
			"2026-01-02T03:04:05Z\ncommand    id -u\n"
			"limits     1 min 0 s, 50% of a core, 256.0 MiB, as root\nprogress   "
			"[#################] 2/2  1 done, 1 refused\n"
			"  web2: refused: there is no user 'x'\n",
			""},
		{"him|cancel|01x",
			{{"POST " A "/cancel", "", 202,
				"{\"state\":\"open\",\"targets\":1,\"running\":1}"}},
			0, "cancelling; 1 machine: 1 running\n", ""},
		{"him|token|create|--site|lab|--uses|3",
			{{"POST /api/v1/tokens",
				"{\"role\":\"agent\",\"site\":\"lab\",\"uses\":3,\"expires_ms\":"
				"86400000}",
				201, "{\"id\":\"1\",\"token\":\"secret\"}"}},
			0, "secret\n", ""},
		{"him|enroll",
			{{"POST /api/v1/enrol-line", NULL, 201,
				"{\"line\":\"curl x | sh\",\"token\":\"1\"}"}},
			0, "curl x | sh\n", ""},
		{"him|user|grant|anna|--site|lab|--role|none",
			{{"POST /api/v1/users/anna/grants", "{\"site\":\"lab\",\"role\":null}", 204,
				NULL}},
			0, "", ""},
		{"him|machine|revoke|web1|--yes",
			{{"POST /api/v1/machines/web1/revoke", "", 204, NULL}}, 0, "", ""},
		{"him|machine|forget|web1|--yes",
			{{"DELETE /api/v1/machines/web1", NULL, 409,
				PROBLEM("conflict", "it is online", "machine")}},
			1, "", "him: it is online (machine)\n"},
		{"him|events|--limit|1|-o|kind,text",
			{{"GET /api/v1/events?newest=1&limit=1", NULL, 200,
				"{\"events\":[{\"id\":3,\"kind\":\"machine.online\",\"text\":"
				"\"web1 is online\"}],\"next\":\"3\"}"}},
			0, "KIND           TEXT\nmachine.online web1 is online\n", ""},
		{"him|user|list",
			{{"GET /api/v1/users", NULL, 200,
				"{\"users\":[{\"name\":\"anna\",\"must_change\":false,\"grants\":["
				"{\"him.site\":\"*\",\"role\":\"viewer\"},{\"him.site\":\"lab\","
				"\"role\":\"operator\"}]}],\"next\":null}"}},
			0,
			"NAME GRANTS                             MADE MUST CHANGE DISABLED\n"
			"anna viewer everywhere, operator at lab      false       \n",
			""},
};

static void test_conversations(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		run_row(&rows[i]);
	}
}

/* A stream that is cut is taken up again after the last whole event. */
static void test_follow(void **state)
{
	static const struct row r = {"him|events|--follow|--json|--kind|machine.*",
		{{"GET /api/v1/events?newest=1&kind=machine.%2A&limit=10", NULL, 200,
			 "{\"events\":[{\"id\":7}],\"next\":null}"},
			{"GET /api/v1/events/stream?kind=machine.%2A&after=7", NULL, 200,
				"event: x\nid: 8\ndata: {\"id\":8}\n\ndata: {\"cut"},
			{"GET /api/v1/events/stream?kind=machine.%2A&after=7", NULL, 200,
				"event: x\nid: 9\ndata: {\"id\":9}\n\n"},
			{"GET /api/v1/events/stream?kind=machine.%2A&after=7", NULL, 403,
				PROBLEM("forbidden", "no more", "")}},
		3, "{\"id\":7}\n{\"id\":8}\n{\"id\":9}\n", "him: no more\n"};

	run_row(&r);
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
	assert_non_null(strstr(err, "cannot reach the server at"));
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
		cmocka_unit_test(test_follow),
		cmocka_unit_test(test_no_server),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
