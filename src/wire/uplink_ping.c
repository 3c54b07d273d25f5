/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child's datagrams: a keepalive every keepalive_ms proves that UDP reaches the parent and back and keeps
 * the way through a NAT open. An unanswered one is repeated soon; four unanswered ones mean that the channel
 * is dead (the parent forgot it, or UDP is dropped): the child holds a request and asks for a new channel.
 */
#include "base/clock.h"
#include "base/text.h"
#include "wire/uplink_internal.h"
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define UNANSWERED_MAX 4
#define REPEAT_MS 1500
#define FIRST_REPEAT_MS 400

static void timer_in(struct uplink *u, int64_t ms)
{
	struct timeval tv = {ms / 1000, ms % 1000 * 1000};

	event_add(u->channel.timer, &tv);
}

static void keepalive_send(struct uplink *u)
{
	struct ping p = {PING_KEEPALIVE, u->channel.id, ++u->channel.out_seq};
	uint8_t wire[PING_BYTES];

	ping_encode(&p, u->channel.key, wire);
	(void)!send(u->channel.fd, wire, sizeof wire, MSG_DONTWAIT | MSG_NOSIGNAL);
	u->channel.unanswered++;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct uplink *u = arg;
	struct uplink_channel *c = &u->channel;

	if (c->unanswered < UNANSWERED_MAX) {
		int64_t repeat = c->proven ? REPEAT_MS : FIRST_REPEAT_MS << c->unanswered;
		keepalive_send(u);
		timer_in(u, repeat);
		return;
	}
	bool was = c->proven;
	uplink_channel_close(u);
	if (was) { /* it did work: ask for a new channel at once */
		uplink_set_mode(u, UPLINK_HELD, "UDP answers from the parent stopped");
		u->better_mono = 0;
		u->come = true;
	} else {
		uplink_set_mode(u, UPLINK_HELD, "no UDP answer comes back from the parent");
		u->better_mono = clock_mono_ms() + uplink_jitter(u->conf.better_ms);
	}
	uplink_step_in(u, 0);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct uplink *u = arg;
	struct uplink_channel *c = &u->channel;
	uint8_t data[PING_BYTES + 1];
	struct ping p;
	ssize_t n;

	for (int i = 0;
		i < 16 && c->fd >= 0 && (n = recv(fd, data, sizeof data, MSG_DONTWAIT)) >= 0; i++) {
		if (ping_decode(data, (size_t)n, c->key, &p) < 0 || p.channel != c->id ||
			p.type == PING_KEEPALIVE || p.seq <= c->in_seq) {
			u->counts.datagrams_bad++;
			continue;
		}
		c->in_seq = p.seq;
		c->unanswered = 0;
		if (!c->proven || u->mode != UPLINK_PING)
			uplink_set_mode(u, UPLINK_PING, "UDP from the parent arrives");
		c->proven = true;
		timer_in(u, uplink_jitter(u->conf.keepalive_ms));
		if (p.type == PING_PING) {
			u->counts.pings++;
			u->come = true;
		}
		uplink_step_in(u, 0);
	}
}

void uplink_channel_close(struct uplink *u)
{
	struct uplink_channel *c = &u->channel;

	if (c->readable)
		event_free(c->readable);
	if (c->timer)
		event_free(c->timer);
	if (c->fd >= 0)
		close(c->fd);
	memset(c, 0, sizeof *c);
	c->fd = -1;
}

static int udp_connect(struct uplink *u, int port)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;
	int fd;

	if (httpc_remote(u->line.http, &ss, &len) < 0)
		return -1;
	if (ss.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&ss)->sin6_port = htons((uint16_t)port);
	else
		((struct sockaddr_in *)&ss)->sin_port = htons((uint16_t)port);
	fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&ss, len) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int uplink_channel_open(struct uplink *u, const struct json *ping)
{
	struct uplink_channel *c = &u->channel;
	const char *channel = json_str(json_get(ping, "channel")),
		   *key = json_str(json_get(ping, "key"));
	uint8_t id[8], secret[PING_KEY_BYTES];
	int64_t port;

	if (!channel || !key || json_to_int(json_get(ping, "port"), &port) < 0 || port < 1 ||
		port > 65535 || text_unhex(channel, id, sizeof id) < 0 ||
		text_unhex(key, secret, sizeof secret) < 0)
		return -1;
	uplink_channel_close(u);
	c->fd = udp_connect(u, (int)port);
	if (c->fd < 0)
		return -1;
	for (size_t i = 0; i < sizeof id; i++)
		c->id = c->id << 8 | id[i];
	memcpy(c->key, secret, sizeof secret);
	c->readable = event_new(u->conf.base, c->fd, EV_READ | EV_PERSIST, on_readable, u);
	c->timer = event_new(u->conf.base, -1, 0, on_timer, u);
	event_add(c->readable, NULL);
	keepalive_send(u);
	timer_in(u, FIRST_REPEAT_MS);
	return 0;
}
