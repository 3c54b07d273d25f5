/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hub's datagrams: keepalives come in, answers and pings go out, only ever to the address that the
 * child's own authenticated keepalive came from. A ping says nothing but "come"; the worst that a replayed
 * or lost one can do is a needless exchange or a late one. One ping a burst, again after 1, 2, 4 and
 * 8 s while the child has not come; then its next keepalive brings it up again.
 */
#include "base/clock.h"
#include "base/id.h"
#include "wire/hub_internal.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

#define PING_TRIES 5
#define DATAGRAMS_A_TURN 256 /* so that a flood cannot keep the loop from its other work */

static void datagram_send(struct hub *h, struct hub_child *c, char type)
{
	struct ping p = {type, c->channel.id, ++c->channel.out_seq};
	uint8_t wire[PING_BYTES];

	ping_encode(&p, c->channel.key, wire);
	/* A lost datagram is what the protocol expects; errors of sendto are losses too. */
	(void)!sendto(h->udp_fd, wire, sizeof wire, MSG_DONTWAIT | MSG_NOSIGNAL,
		(struct sockaddr *)&c->channel.addr, c->channel.addr_len);
}

bool hub_ping_send(struct hub *h, struct hub_child *c)
{
	if (!c->channel.id || !c->channel.addr_len || h->udp_fd < 0)
		return false;
	if (c->ping_tries > 0)
		return true;
	c->ping_tries = 1;
	c->ping_next_mono = clock_mono_ms() + 1000;
	hub_alarm(c);
	datagram_send(h, c, PING_PING);
	h->counts.pings++;
	return true;
}

int64_t hub_ping_due(const struct hub_child *c)
{
	return c->ping_tries > 0 && c->ping_tries < PING_TRIES ? c->ping_next_mono : INT64_MAX;
}

void hub_ping_again(struct hub *h, struct hub_child *c, int64_t mono)
{
	if (mono < hub_ping_due(c))
		return;
	if (!c->channel.addr_len || !hub_mail_urgent(h, c)) {
		c->ping_tries = 0;
		return;
	}
	datagram_send(h, c, PING_PING);
	h->counts.pings++;
	c->ping_next_mono = mono + (1000 << c->ping_tries);
	c->ping_tries++;
}

static void keepalive(struct hub *h, struct hub_child *c, const struct ping *p,
	const struct sockaddr_storage *from, socklen_t from_len)
{
	if (p->type != PING_KEEPALIVE || p->seq <= c->channel.in_seq)
		return;
	c->channel.in_seq = p->seq;
	memcpy(&c->channel.addr, from, from_len);
	c->channel.addr_len = from_len;
	h->counts.keepalives++;
	hub_seen(h, c);
	datagram_send(h, c, PING_ANSWER);
	if (hub_mail_urgent(h, c)) {
		c->ping_tries = 0;
		hub_ping_send(h, c);
	}
}

static void on_datagram(evutil_socket_t fd, short what, void *arg)
{
	struct hub *h = arg;
	uint8_t data[PING_BYTES + 1];
	struct sockaddr_storage from;
	struct hub_child *c;
	struct ping p;
	uint64_t channel;

	for (int i = 0; i < DATAGRAMS_A_TURN; i++) {
		socklen_t from_len = sizeof from;
		ssize_t n = recvfrom(
			fd, data, sizeof data, MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);
		if (n < 0)
			return;
		c = NULL;
		if (ping_peek(data, (size_t)n, &channel) == 0)
			HASH_FIND(hh_channel, h->channels, &channel, sizeof channel, c);
		if (c && ping_decode(data, (size_t)n, c->channel.key, &p) == 0)
			keepalive(h, c, &p, &from, from_len);
		else
			h->counts.bad_datagrams++;
	}
}

void hub_channel_end(struct hub *h, struct hub_child *c)
{
	if (!c->channel.id)
		return;
	HASH_DELETE(hh_channel, h->channels, c);
	memset(&c->channel, 0, sizeof c->channel);
}

void hub_channel_new(struct hub *h, struct hub_child *c)
{
	hub_channel_end(h, c);
	do
		random_bytes(&c->channel.id, sizeof c->channel.id);
	while (c->channel.id == 0);
	random_bytes(c->channel.key, sizeof c->channel.key);
	HASH_ADD(hh_channel, h->channels, channel.id, sizeof c->channel.id, c);
}

static int udp_bind(const char *host, int port, struct err *e)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC,
				.ai_socktype = SOCK_DGRAM,
				.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE},
			*ai;
	char service[8];
	int fd, off = 0;

	snprintf(service, sizeof service, "%d", port);
	if (getaddrinfo(host, service, &hints, &ai) != 0)
		return err_field(e, ERR_INVALID, "listen", "'%s' is not a numeric address", host);
	fd = socket(ai->ai_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0 && ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (fd < 0 || bind(fd, ai->ai_addr, ai->ai_addrlen) < 0) {
		err_errno(e, "cannot bind UDP port %d of %s", port, host);
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(ai);
	return fd;
}

int hub_listen_udp(struct hub *h, const char *host, int port, struct err *e)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;
	int fd = udp_bind(host, port, e);

	if (fd < 0 && port != 0)
		fd = udp_bind(host, 0, e);
	if (fd < 0)
		return -1;
	if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0) {
		close(fd);
		return err_errno(e, "cannot read the UDP port");
	}
	h->udp_fd = fd;
	h->udp_port = ntohs(ss.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&ss)->sin6_port
						     : ((struct sockaddr_in *)&ss)->sin_port);
	h->udp = event_new(h->conf.base, fd, EV_READ | EV_PERSIST, on_datagram, h);
	event_add(h->udp, NULL);
	return h->udp_port;
}

void hub_udp_close(struct hub *h)
{
	if (h->udp)
		event_free(h->udp);
	if (h->udp_fd >= 0)
		close(h->udp_fd);
	h->udp = NULL;
	h->udp_fd = -1;
}
