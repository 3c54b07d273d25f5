/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's loop runs in a thread, so that the test may wait as a person would: in a blocking HTTP client. Rows are made
 * on a connection of the test's own; everything else goes through the API. Nothing waits for a time: a stream ends when it
 * has seen what it waits for, and LIMIT_MS is only there for a test that fails.
 */
#include "world.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "server/api.h"
#include "server/dispatch.h"
#include "server/facts.h"
#include "server/rate.h"
#include "store/store_people.h"
#include "store/store_trust.h"
#include <curl/curl.h>
#include <event2/thread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- opening ---- */

static struct server_conf settings = {.listen = (char *)"127.0.0.1",
	.addresses = (char *)"server.example,127.0.0.1",
	.cert_ms = 86400000,
	.late_ms = 75000,
	.offline_ms = 180000,
	.grace_ms = 60000};

static int admit(void *ctx, const struct tls_peer *peer, const char *id, enum pki_role role,
	bool *renew_only, struct err *e)
{
	return 0;
}

static void nothing_said(void *ctx, const struct hub_hello *h)
{
}

static void nobody_there(void *ctx, const struct hub_presence *p)
{
}

static void *run(void *arg)
{
	event_base_loop(arg, EVLOOP_NO_EXIT_ON_EMPTY);
	return NULL;
}

static void listeners(struct world *w)
{
	struct http_conf conf = {.max_headers_bytes = 32768,
		.max_body_bytes = 2u << 20,
		.idle_ms = 60000,
		.max_connections = 100,
		.handler = api_handle,
		.ctx = w->s->api};
	struct tls_identity id = {w->s->keys.tls_cert, w->s->keys.tls_key};
	struct err e = ERR_INIT;

	w->s->local = http_server_open(w->s->base, &conf, &e);
	assert_int_equal(http_listen_unix(w->s->local, w->socket, 0600, &e), 0);
	conf.tls = tls_server_ctx(&id, NULL, TLS_CERT_NONE, 100, &e);
	w->s->people = http_server_open(w->s->base, &conf, &e);
	SSL_CTX_free(conf.tls);
	assert_int_equal(http_listen(w->s->people, "127.0.0.1", 0, &w->port, &e), 0);
	w->s->port = w->port;
	w->s->machines_port = w->port;
}

void world_open(struct world *w)
{
	static const struct hub_ops ops = {
		.admit = admit, .hello = nothing_said, .presence = nobody_there};
	struct hub_conf hub = {.ops = &ops,
		.late_ms = 75000,
		.offline_ms = 180000,
		.hold_max_ms = 60000,
		.mail_max_bytes = 1u << 20};
	struct err e = ERR_INIT;
	char path[100];

	memset(w, 0, sizeof *w);
	evthread_use_pthreads();
	signal(SIGPIPE, SIG_IGN);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	w->arena = arena_new();
	snprintf(w->home, sizeof w->home, "/tmp/him-api-XXXXXX");
	assert_non_null(mkdtemp(w->home));
	snprintf(w->socket, sizeof w->socket, "%s/server.sock", w->home);
	snprintf(w->ca, sizeof w->ca, "%s/keys/ca.pem", w->home);
	snprintf(w->record, sizeof w->record, "%s/exchanges", w->home);
	w->recorder = fopen(w->record, "we");
	settings.home = w->home;
	w->s = xcalloc(1, sizeof *w->s);
	w->s->conf = &settings;
	w->s->base = event_base_new();
	w->s->started_ms = clock_now_ms();
	w->s->enrol_rate = rate_new(5, 300000);
	snprintf(w->s->generation, sizeof w->s->generation, "1");
	facts_addresses(w->s);
	assert_int_equal(keys_open(&w->s->keys, w->home, (const char *const *)w->s->names,
				 settings.cert_ms, &e),
		0);
	snprintf(path, sizeof path, "%s/server.db", w->home);
	w->s->store = store_open(path, w->s->base, server_migrations, &e);
	assert_non_null(w->s->store);
	w->db = db_open(path, DB_WRITE, &e);
	hub.base = w->s->base;
	w->s->hub = hub_new(&hub);
	w->s->api = api_open(w->s, &e);
	assert_non_null(w->s->api);
	listeners(w);
	assert_int_equal(pthread_create(&w->loop, NULL, run, w->s->base), 0);
}

void world_close(struct world *w)
{
	struct revoked_id *x, *tmp;
	struct err e = ERR_INIT;

	event_base_loopbreak(w->s->base);
	pthread_join(w->loop, NULL);
	fclose(w->recorder);
	db_close(w->db);
	api_stop(
		w->s->api); /* in the server's own order: what is queued in the store still needs both */
	http_server_close(w->s->people);
	http_server_close(w->s->local);
	store_close(w->s->store);
	hub_free(w->s->hub);
	api_close(w->s->api);
	HASH_ITER (hh, w->s->revoked, x, tmp) {
		HASH_DEL(w->s->revoked, x);
		free(x);
	}
	rate_free(w->s->enrol_rate);
	facts_free(w->s);
	keys_release(&w->s->keys);
	event_base_loop(w->s->base, EVLOOP_NONBLOCK); /* what libevent frees a turn later */
	event_base_free(w->s->base);
	free(w->s);
	for (struct owned *o = w->answers; o; o = o->next)
		json_free(o->json);
	arena_free(w->arena);
	file_remove_tree(w->home, &e);
}

/* ---- asking ---- */

struct transfer {
	struct world *w;
	const struct ask *q;
	struct buf body, headers;
	size_t seen; /* events */
	bool begun, over;
	pthread_t helper;
};

/* Events that end in what came after `from`: an empty line after one that is no comment. */
static size_t count_events(const struct buf *b, size_t from)
{
	size_t n = 0;

	for (size_t i = from > 1 ? from : 1; i < b->len; i++) {
		size_t line = i - 1;
		if (b->data[i] != '\n' || b->data[i - 1] != '\n')
			continue;
		while (line > 0 && b->data[line - 1] != '\n')
			line--;
		n += b->data[line] != ':';
	}
	return n;
}

static void *meanwhile(void *arg)
{
	struct transfer *t = arg;

	t->q->meanwhile(t->w, t->q->ctx);
	return NULL;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t from = t->body.len;

	assert_int_equal(buf_add(&t->body, data, size * n), 0);
	t->seen += t->q->events ? count_events(&t->body, from) : 0;
	t->over = t->q->events && t->seen >= t->q->events;
	return t->over ? 0 : size * n; /* 0 ends the transfer */
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	assert_int_equal(buf_add(&t->headers, data, size * n), 0);
	if (size * n == 2 && t->q->meanwhile &&
		!t->begun) { /* the empty line: the stream is open */
		t->begun = true;
		assert_int_equal(pthread_create(&t->helper, NULL, meanwhile, t), 0);
	}
	return size * n;
}

static const char *header(struct world *w, const char *headers, const char *name)
{
	for (const char *p = headers; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		if (strncasecmp(p, name, strlen(name)) == 0 && p[strlen(name)] == ':') {
			p += strlen(name) + 1;
			p += strspn(p, " ");
			return arena_strndup(w->arena, p, strcspn(p, "\r\n"));
		}
	return NULL;
}

static struct curl_slist *head_of(struct world *w, const struct ask *q)
{
	struct curl_slist *h = NULL;
	const char *type = q->form ? "application/x-www-form-urlencoded" : "application/json";

	h = curl_slist_append(h, "Expect:");
	if (q->body)
		h = curl_slist_append(h, arena_printf(w->arena, "Content-Type: %s", type));
	if (q->bearer)
		h = curl_slist_append(
			h, arena_printf(w->arena, "Authorization: Bearer %s", q->bearer));
	if (q->cookie || q->form_cookie)
		h = curl_slist_append(h,
			arena_printf(w->arena, "Cookie: %s=%s",
				q->cookie ? "him_session" : "him_form",
				q->cookie ? q->cookie : q->form_cookie));
	if (q->site)
		h = curl_slist_append(h, arena_printf(w->arena, "Sec-Fetch-Site: %s", q->site));
	if (q->csrf)
		h = curl_slist_append(h, arena_printf(w->arena, "X-HIM-CSRF: %s", q->csrf));
	if (q->last_event)
		h = curl_slist_append(
			h, arena_printf(w->arena, "Last-Event-ID: %s", q->last_event));
	return h;
}

static void record(struct world *w, const struct ask *q, const struct answer *x)
{
	struct json *j = json_object();
	struct buf b;

	buf_init(&b, 16u << 20);
	json_set_string(j, "method", q->method);
	json_set_string(j, "path", q->path);
	json_set_string(j, "sent", q->body);
	json_set_int(j, "status", x->status);
	json_set_string(j, "type", x->type);
	json_set(j, "body", json_string_len(x->text, x->len));
	json_print(j, &b);
	fprintf(w->recorder, "%s\n", buf_str(&b));
	fflush(w->recorder);
	buf_release(&b);
	json_free(j);
}

static void take(struct world *w, struct transfer *t, long status, struct answer *x)
{
	const char *cookie;

	x->status = (int)status;
	x->headers = arena_strdup(w->arena, buf_str(&t->headers));
	x->text = arena_memdup(w->arena, buf_str(&t->body), t->body.len + 1); /* with its NUL */
	x->len = t->body.len;
	x->type = header(w, x->headers, "Content-Type");
	x->location = header(w, x->headers, "Location");
	cookie = header(w, x->headers, "Set-Cookie");
	if (cookie)
		x->cookie = arena_strndup(
			w->arena, strchr(cookie, '=') + 1, strcspn(strchr(cookie, '=') + 1, ";"));
	if (x->len && x->type && strstr(x->type, "json")) {
		struct owned *o = arena_alloc(w->arena, sizeof *o);
		x->json = o->json = json_parse(x->text, x->len, NULL);
		assert_non_null(x->json);
		o->next = w->answers;
		w->answers = o;
	}
}

struct answer world_ask(struct world *w, const struct ask *q)
{
	struct transfer t = {.w = w, .q = q};
	struct answer x = {0};
	struct curl_slist *head = head_of(w, q);
	CURL *c = curl_easy_init();
	long status = 0;
	CURLcode rc;

	buf_init(&t.body, 16u << 20);
	buf_init(&t.headers, 65536);
	curl_easy_setopt(c, CURLOPT_URL,
		q->owner ? arena_printf(w->arena, "http://local%s", q->path)
			 : arena_printf(w->arena, "https://127.0.0.1:%d%s", w->port, q->path));
	if (q->owner)
		curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, w->socket);
	curl_easy_setopt(c, CURLOPT_CAINFO, w->ca);
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, q->method);
	curl_easy_setopt(c, CURLOPT_NOBODY, (long)(strcmp(q->method, "HEAD") == 0));
	if (q->body)
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, q->body);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, head);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, &t);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, &t);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)LIMIT_MS);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	rc = curl_easy_perform(c);
	if (rc != CURLE_OK && !t.over)
		fail_msg("%s %s: %s; it said: %.400s", q->method, q->path, curl_easy_strerror(rc),
			buf_str(&t.body));
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	if (t.begun)
		pthread_join(t.helper, NULL);
	take(w, &t, status, &x);
	record(w, q, &x);
	curl_slist_free_all(head);
	curl_easy_cleanup(c);
	buf_release(&t.body);
	buf_release(&t.headers);
	return x;
}

static struct json *asserted(struct world *w, const struct ask *q, int status)
{
	struct answer x = world_ask(w, q);

	if (x.status != status)
		fail_msg("%s %s: %d instead of %d: %.600s", q->method, q->path, x.status, status,
			x.text);
	return x.json;
}

struct json *owner_get(struct world *w, const char *path, int status)
{
	return asserted(w, &(struct ask){.method = "GET", .path = path, .owner = true}, status);
}

struct json *owner_post(struct world *w, const char *path, const char *body, int status)
{
	return asserted(w,
		&(struct ask){
			.method = "POST", .path = path, .body = body ? body : "", .owner = true},
		status);
}

struct json *user_ask(struct world *w, const char *bearer, const char *method, const char *path,
	const char *body, int status)
{
	return asserted(w,
		&(struct ask){.method = method, .path = path, .body = body, .bearer = bearer},
		status);
}

/* ---- rows ---- */

static const char *made_id(struct world *w, const char *kind, char mark)
{
	char id[ID_SIZE];

	memset(id, mark, ID_LEN);
	id[ID_LEN] = '\0';
	memcpy(id, kind, strlen(kind));
	return arena_strdup(w->arena, id);
}

const char *world_agent(struct world *w, char mark)
{
	return made_id(w, "01agent", mark);
}

const char *world_machine(
	struct world *w, char mark, const char *name, const char *site, const char *state)
{
	struct agent x = {.id = world_agent(w, mark),
		.machine = made_id(w, "01mach", mark),
		.role = "agent",
		.site = site,
		.token = "t",
		.box = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
		.cert_until = clock_now_ms() + 86400000};
	struct err e = ERR_INIT;

	assert_int_equal(trust_enrol(w->db, &x, name, NULL, clock_now_ms(), &e), 0);
	world_sql(w,
		arena_printf(w->arena,
			"UPDATE machines SET state = '%s', host_name = name, os_id = 'debian', "
			"memory = 8589934592"
			" WHERE id = '%s'",
			state, x.machine));
	return x.machine;
}

static void section(struct world *w, char mark, const char *name, const char *body)
{
	world_sql(w,
		arena_printf(w->arena,
			"INSERT INTO sections (agent, section, body) VALUES ('%s', '%s', '%s') ON "
			"CONFLICT (agent, section) DO UPDATE SET body = excluded.body",
			world_agent(w, mark), name, body));
}

void world_reports(struct world *w, char mark, const char *guests)
{
	const char *list = "";

	section(w, mark, "attributes",
		arena_printf(w->arena, "{\"him.kind\":\"%s\"}", guests ? "physical" : "vm"));
	section(w, mark, "nic",
		arena_printf(w->arena,
			"{\"eth0\":{\"kind\":\"physical\",\"mac\":\"52:54:00:00:01:%02x\"}}",
			mark));
	for (; guests && *guests; guests++)
		list = arena_printf(w->arena,
			"%s%s\"qemu:%c\":{\"platform\":\"qemu\",\"name\":\"guest-%c\",\"mac\":["
			"\"52:54:00:00:01:%02x\"],\"state\":\"running\"}",
			list, *list ? "," : "", *guests, *guests, *guests);
	section(w, mark, "guests", arena_printf(w->arena, "{%s}", list));
}

const char *world_user(struct world *w, const char *name, const char *site, const char *role)
{
	struct session x = {.user = name,
		.kind = "api",
		.made = clock_now_ms(),
		.used = clock_now_ms(),
		.expires = clock_now_ms() + 3600000};
	const char *secret = arena_printf(w->arena, "secret-of-%s-that-is-long-enough", name);
	struct err e = ERR_INIT;
	char hash[65], id[ID_SIZE];

	id_new(id);
	secret_hash(secret, hash);
	x.id = id;
	x.hash = hash;
	assert_int_equal(
		user_create(w->db, name, "correct horse battery", false, clock_now_ms(), &e), 0);
	if (site)
		assert_int_equal(grant_set(w->db, name, site, role, &e), 0);
	assert_int_equal(session_create(w->db, &x, &e), 0);
	return secret;
}

void world_sql(struct world *w, const char *sql)
{
	struct err e = ERR_INIT;

	if (db_exec(w->db, sql, &e) < 0)
		fail_msg("%s: %s", sql, e.text);
}

int64_t world_int(struct world *w, const char *sql)
{
	struct err e = ERR_INIT;
	struct stmt *s = db_prepare_once(w->db, sql, &e);
	int64_t v;

	if (!s || db_step(s, &e) != 1)
		fail_msg("%s: %s", sql, e.text);
	v = col_int(s, 0);
	db_done(s);
	return v;
}

/* ---- the loop ---- */

struct errand {
	struct server *s;
	void (*fn)(struct server *s, void *ctx);
	void *ctx;
	sem_t done;
};

static void do_errand(evutil_socket_t fd, short what, void *arg)
{
	struct errand *x = arg;

	x->fn(x->s, x->ctx);
	sem_post(&x->done);
}

void world_in_loop(struct world *w, void (*fn)(struct server *s, void *ctx), void *ctx)
{
	struct errand x = {w->s, fn, ctx};
	struct timeval now = {0, 0};

	sem_init(&x.done, 0, 0);
	event_base_once(w->s->base, -1, EV_TIMEOUT, do_errand, &x, &now);
	sem_wait(&x.done);
	sem_destroy(&x.done);
}

/* ---- looking ---- */

const char *text_of(const struct json *j, const char *key)
{
	const char *s = json_str(json_get(j, key));

	return s ? s : "";
}

int64_t int_of(const struct json *j, const char *key)
{
	int64_t v = INT64_MIN;

	(void)json_to_int(json_get(j, key), &v);
	return v;
}

bool contains(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}
