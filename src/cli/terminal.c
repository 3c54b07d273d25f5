/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The person at the terminal. Secrets come from the terminal itself, without echo, or from standard input; never from
 * the command line, where other users of the machine could read them.
 */
#include "cli/terminal.h"
#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

int terminal_width(void)
{
	struct winsize w;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : 80;
}

static int open_terminal(const char *instead, struct err *e)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);

	return fd >= 0 ? fd : err_set(e, ERR_USAGE, "there is no terminal to ask on: %s", instead);
}

#define CTRL_C '\003'

/* A line from fd, a byte at a time so that nothing after it is taken. Its length; -1: end, too long, or the mark `stop`. */
static int read_line(int fd, char *out, size_t size, char stop)
{
	size_t n = 0;
	ssize_t got;
	char c;

	while ((got = read(fd, &c, 1)) == 1 && c != '\n') {
		if (n + 1 >= size || c == stop)
			return -1;
		out[n++] = c;
	}
	out[n] = '\0';
	if (n && out[n - 1] == '\r')
		out[--n] = '\0';
	return got < 0 || (got == 0 && n == 0) ? -1 : (int)n;
}

static void put(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len > 0) {
		ssize_t n = write(fd, text, len);
		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

int terminal_secret(
	const char *prompt, const char *instead, char out[SECRET_MAX + 1], struct err *e)
{
	struct termios before, quiet;
	sigset_t stops, old;
	int fd = open_terminal(instead, e), n;
	bool changed;

	if (fd < 0)
		return -1;
	/* Stopped or interrupted in the middle, the terminal would stay without echo: those signals wait. */
	sigemptyset(&stops);
	sigaddset(&stops, SIGINT);
	sigaddset(&stops, SIGTSTP);
	sigprocmask(SIG_BLOCK, &stops, &old);
	put(fd, prompt);
	changed = tcgetattr(fd, &before) == 0;
	if (changed) {
		quiet = before;
		quiet.c_lflag &= (tcflag_t) ~(ECHO | ISIG);
		quiet.c_cc[VEOL] = CTRL_C; /* no signal now, but it ends the line */
		tcsetattr(fd, TCSAFLUSH, &quiet);
	}
	n = read_line(fd, out, SECRET_MAX + 1, CTRL_C);
	if (changed)
		tcsetattr(fd, TCSAFLUSH, &before);
	put(fd, "\n");
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(fd);
	return n > 0 ? 0 : err_set(e, ERR_USAGE, "nothing was entered");
}

int terminal_new_secret(
	const char *prompt, const char *instead, char out[SECRET_MAX + 1], struct err *e)
{
	char again[SECRET_MAX + 1];
	bool same;

	for (int i = 0; i < 3; i++) {
		if (terminal_secret(prompt, instead, out, e) < 0 ||
			terminal_secret("Once more: ", instead, again, e) < 0)
			return -1;
		same = strcmp(out, again) == 0;
		explicit_bzero(again, sizeof again);
		if (same)
			return 0;
		fprintf(stderr, "They differ.\n");
	}
	return err_set(e, ERR_USAGE, "the two entries differed three times");
}

int terminal_confirm(const char *question, const char *instead, struct err *e)
{
	char line[64] = "";
	int fd = open_terminal(instead, e);

	if (fd < 0)
		return -1;
	put(fd, question);
	put(fd, " [y/N] ");
	(void)read_line(fd, line, sizeof line, CTRL_C);
	close(fd);
	return tolower((unsigned char)line[0]) == 'y';
}

int terminal_stdin_line(const char *what, char out[SECRET_MAX + 1], struct err *e)
{
	int n = read_line(STDIN_FILENO, out, SECRET_MAX + 1, '\0');

	return n > 0
		? 0
		: err_set(e, ERR_USAGE, "standard input holds no %s (one line of at most %d bytes)",
			  what, SECRET_MAX);
}
