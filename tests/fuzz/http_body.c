// SPDX-License-Identifier: Apache-2.0
/* A request as it comes: its bytes through the whole listener (a Unix socket: no TLS in between), and as a body of zstd by
 * themselves. What was packed unpacks to the same. */
#include "base/arena.h"
#include "base/http.h"
#include "base/zbody.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BODY_MAX 65536

static struct event_base *base;
static struct http_server *http;
static struct sockaddr_un address = {.sun_family = AF_UNIX};

static void serve(void *ctx, struct http_req *r)
{
	size_t len;
	const char *body = http_body(r, &len), *q = http_query(r, "q"), *c = http_cookie(r, "c");

	assert(len <= BODY_MAX && http_path(r)[0] == '/');
	assert(strlen(http_raw_query(r)) >= (q ? 1 : 0));
	if (c)
		assert(!strchr(c, ';') && strlen(c) < strlen(http_header(r, "Cookie")));
	http_reply(r, 200, http_header(r, "Content-Type"), body, len);
}

static void tidy(void)
{
	unlink(address.sun_path);
}

static void once(void)
{
	struct http_conf conf = {.max_headers_bytes = 4096,
		.max_body_bytes = BODY_MAX,
		.idle_ms = 10000,
		.handler = serve};

	base = event_base_new();
	http = http_server_open(base, &conf, NULL);
	snprintf(address.sun_path, sizeof address.sun_path, "/tmp/him-fuzz-%d", (int)getpid());
	assert(http_listen_unix(http, address.sun_path, 0600, NULL) == 0);
	atexit(tidy);
}

static void ask(const uint8_t *data, size_t size)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
	send(fd, data, size, MSG_NOSIGNAL);
	for (int i = 0; i < 6; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	close(fd);
	for (int i = 0; i < 3; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

static void unpack(const uint8_t *data, size_t size)
{
	struct buf packed, plain;

	buf_init(&plain, BODY_MAX);
	if (zbody_decode(data, size, &plain, NULL) == 0)
		assert(plain.len <= BODY_MAX);
	buf_clear(&plain);
	buf_init(&packed, 2 * BODY_MAX);
	if (size <= BODY_MAX) {
		assert(zbody_encode(data, size, &packed) == 0);
		assert(zbody_decode(packed.data, packed.len, &plain, NULL) == 0);
		assert(plain.len == size && (!size || memcmp(plain.data, data, size) == 0));
	}
	buf_release(&packed);
	buf_release(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!base)
		once();
	ask(data, size);
	unpack(data, size);
	return 0;
}
