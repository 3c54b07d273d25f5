// SPDX-License-Identifier: Apache-2.0
/*
 * Asking the kernel by rtnetlink: one socket, one request, answers until it says done. A dump
 * that the kernel had to interrupt because something changed meanwhile is asked for again; after
 * a few tries the last one is taken as it is, since the next look comes soon.
 */
#include "probe/linux/netlink.h"
#include "base/arena.h"
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define RECEIVE_BYTES (256 * 1024) /* the kernel fills at most 32 KiB at once today */
#define TRIES 4

static int open_socket(struct err *e)
{
	struct timeval limit = {.tv_sec = 5};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return err_errno(e, "cannot open a netlink socket");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0)
		return fd;
	err_errno(e, "cannot set up a netlink socket");
	close(fd);
	return -1;
}

static int ask(int fd, int type, struct err *e)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg body; /* the longest of the four */
		struct rtattr attribute;
		uint32_t mask;
	} request = {
		.h = {.nlmsg_type = (uint16_t)type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};

	request.h.nlmsg_len = NLMSG_LENGTH(sizeof(request.body));
	if (type == RTM_GETLINK) { /* counters are not wanted */
		request.attribute.rta_type = IFLA_EXT_MASK;
		request.attribute.rta_len = RTA_LENGTH(sizeof(request.mask));
		request.mask = RTEXT_FILTER_SKIP_STATS;
		request.h.nlmsg_len = sizeof(request);
	}
	if (send(fd, &request, request.h.nlmsg_len, 0) < 0)
		return err_errno(e, "cannot ask the kernel by netlink");
	return 0;
}

/* A router's table may hold a million routes: only default ones are kept. */
static bool is_kept(const struct nlmsghdr *h, const char *message)
{
	struct rtmsg route;
	if (h->nlmsg_type != RTM_NEWROUTE || h->nlmsg_len < NLMSG_LENGTH(sizeof(route)))
		return true;
	memcpy(&route, message + NLMSG_HDRLEN, sizeof(route));
	return route.rtm_dst_len == 0;
}

struct answer {
	struct buf *out;
	bool done, interrupted;
};

/* The messages of one piece; the kernel never splits one. */
static int take_messages(struct answer *a, const char *data, size_t len, struct err *e)
{
	while (len >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr h;
		memcpy(&h, data, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > len)
			break;
		size_t whole = NLMSG_ALIGN(h.nlmsg_len) < len ? NLMSG_ALIGN(h.nlmsg_len) : len;
		if (is_kept(&h, data) && buf_add(a->out, data, whole))
			return err_set(e, ERR_TOO_LARGE,
				"the kernel's netlink answer is over %zu bytes", a->out->max);
		if (h.nlmsg_flags & NLM_F_DUMP_INTR)
			a->interrupted = true;
		if (h.nlmsg_type == NLMSG_DONE || h.nlmsg_type == NLMSG_ERROR)
			a->done = true;
		data += whole;
		len -= whole;
	}
	return len == 0 ? 0 : err_set(e, ERR_PROTOCOL, "the kernel's netlink answer is cut short");
}

static int receive(int fd, struct answer *a, struct err *e)
{
	char *piece = xmalloc(RECEIVE_BYTES);
	int r = 0;

	while (r == 0 && !a->done) {
		ssize_t n = recv(fd, piece, RECEIVE_BYTES, MSG_TRUNC);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = err_errno(e, "the kernel does not answer by netlink");
		else if (n == 0 || n > RECEIVE_BYTES)
			r = err_set(e, ERR_PROTOCOL, "the kernel's netlink answer is cut short");
		else
			r = take_messages(a, piece, (size_t)n, e);
	}
	free(piece);
	return r;
}

int netlink_dump(int request, struct buf *out, struct err *e)
{
	struct answer a = {.out = out, .interrupted = true};
	int r = 0;
	int fd = open_socket(e);
	if (fd < 0)
		return -1;
	for (int i = 0; i < TRIES && r == 0 && a.interrupted; i++) {
		buf_clear(out);
		a.done = a.interrupted = false;
		r = ask(fd, request, e);
		if (r == 0)
			r = receive(fd, &a, e);
	}
	close(fd);
	return r;
}
