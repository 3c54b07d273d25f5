/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sockets a server listens on. They are made here and handed to evhttp, because what an accepted connection is to have
 * (no delay, keepalive) is inherited from them, and because evhttp knows nothing of Unix sockets.
 */
#include "base/http_internal.h"
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024
#define KEEPALIVE_S 60

static int tcp_socket(int family)
{
	int one = 1, keepalive = KEEPALIVE_S;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &keepalive, sizeof keepalive);
	return fd;
}

static int bind_socket(const char *host, int port, struct err *e)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC,
				.ai_socktype = SOCK_STREAM,
				.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE},
			*ai;
	char service[8];
	int fd;

	snprintf(service, sizeof service, "%d", port);
	if (getaddrinfo(host, service, &hints, &ai) != 0)
		return err_field(e, ERR_INVALID, "listen", "'%s' is not a numeric address", host);
	fd = tcp_socket(ai->ai_family);
	if (fd < 0 || bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
		if (errno == EADDRINUSE)
			err_set(e, ERR_CONFLICT, "port %d of %s is taken by another program", port,
				host);
		else
			err_errno(e, "cannot listen on %s port %d", host, port);
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(ai);
	return fd;
}

int http_listen(struct http_server *s, const char *host, int port, int *bound, struct err *e)
{
	int fd = bind_socket(host, port, e);
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;

	if (fd < 0)
		return -1;
	if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0 ||
		evhttp_accept_socket(s->http, fd) < 0) {
		err_errno(e, "cannot listen on %s port %d", host, port);
		close(fd);
		return -1;
	}
	if (bound)
		*bound = ntohs(ss.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&ss)->sin6_port
							: ((struct sockaddr_in *)&ss)->sin_port);
	return 0;
}

/* Whether somebody answers at that socket: else it is a file left behind. A full backlog answers, too. */
static bool alive(const struct sockaddr_un *un)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool yes = fd >= 0 &&
		(connect(fd, (const struct sockaddr *)un, sizeof *un) == 0 || errno == EAGAIN);

	if (fd >= 0)
		close(fd);
	return yes;
}

/* Makes room at the path, which must hold nothing but a dead socket. */
static int clear_path(const struct sockaddr_un *un, struct err *e)
{
	struct stat st;

	if (lstat(un->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : err_errno(e, "cannot listen at %s", un->sun_path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(
			e, ERR_CONFLICT, "%s is in the way and is not a socket", un->sun_path);
	if (alive(un))
		return err_set(e, ERR_CONFLICT, "another server answers at %s", un->sun_path);
	return unlink(un->sun_path) < 0 ? err_errno(e, "cannot remove %s", un->sun_path) : 0;
}

int http_listen_unix(struct http_server *s, const char *path, mode_t mode, struct err *e)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	mode_t old;
	int fd, rc;

	if (strlen(path) >= sizeof un.sun_path)
		return err_set(e, ERR_INVALID,
			"the path %.60s… is too long for a Unix socket (at most %zu bytes)", path,
			sizeof un.sun_path - 1);
	snprintf(un.sun_path, sizeof un.sun_path, "%s", path);
	if (clear_path(&un, e) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	old = umask(0777 & ~mode);
	rc = fd < 0 ? -1 : bind(fd, (struct sockaddr *)&un, sizeof un);
	umask(old);
	if (rc < 0 || listen(fd, BACKLOG) < 0 || evhttp_accept_socket(s->http, fd) < 0) {
		err_errno(e, "cannot listen at %s", path);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return 0;
}
