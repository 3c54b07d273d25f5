/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's one struct. server.c wires it; ingest.c takes what comes up, dispatch.c sends what goes down,
 * presence.c knows who is there, enrol.c lets newcomers in, trust.c signs lists and revokes; api_*.c and page.c
 * are what people see.
 */
#ifndef HIM_SERVER_SERVER_H
#define HIM_SERVER_SERVER_H

#include "base/http.h"
#include "server/keys.h"
#include "store/jobs.h"
#include "wire/hub.h"
#include <event2/event.h>
#include <uthash.h>

struct server_conf {
	char *home, *listen, *addresses, *agent_binary, *log_level;
	int64_t port, machines_port, cert_ms, late_ms, offline_ms, grace_ms, clock_offset_ms;
};

struct api;

struct revoked_id {
	char id[ID_SIZE];
	UT_hash_handle hh;
};

/* Where a relay hangs, in memory: routes are found by walking up. Few, so a hash of all of them. */
struct relay_node {
	char id[ID_SIZE];
	char parent[ID_SIZE]; /* "": directly here */
	struct server *server;
	struct event *stale; /* when those of its machines that did not come back are gone */
	int64_t stale_since_ms;
	UT_hash_handle hh;
};

struct server_counts { /* since the start, for /metrics */
	uint64_t envelopes, reports, results, duplicates, refused, clones, enrolled, enrol_refused;
};

struct server {
	const struct server_conf *conf;
	struct event_base *base;
	struct store *store;
	struct keys keys;
	char generation[24]; /* of the database; restoring a backup begins a new one */
	struct http_server *people, *local, *machines;
	int port, machines_port;
	char **names;           /* "DNS:…", "IP:…", NULL-terminated: the certificate's */
	struct json *addresses; /* host names and addresses without ports */
	struct hub *hub;
	struct api *api;
	struct event *timer;
	bool overdue_busy;
	int64_t daily_mono, time_mono;
	struct rate *enrol_rate;
	int64_t started_ms;
	struct revoked_id *revoked;
	int64_t revoked_version, relays_version;
	struct relay_node *relays;
	struct ingest *ingest; /* belongs to the writer thread */
	struct server_counts counts;
	char agent_path[1024],
		agent_sha256[DIGEST_LEN +
			1]; /* the static agent handed out; "" when there is none */
};

int server_run(const struct server_conf *conf, struct err *e);

#endif
