/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's API over libcurl's easy interface.
 *
 * Where the server is: --server; else the Unix socket of the chosen data folder; else that of a data folder here, when a
 * server runs in it; else the last login. TLS trusts one CA only, the one pinned at login; since every certificate of the
 * server carries the name him-server, that is the host of the URL, and curl is told where it really is.
 */
#include "cli/api.h"
#include "base/text.h"
#include "cli/session.h"
#include "cli/sse.h"
#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX (512u << 20)
#define CALL_MS 120000L
#define RESUME_MAX_S 15

struct api {
	struct arena *arena; /* lives longer than what one command keeps */
	CURL *curl;
	struct session_login login; /* token and ca NULL on the Unix socket */
	const char *socket;         /* NULL: TLS */
	const char *where;          /* in sentences */
	char reason[CURL_ERROR_SIZE];
};

/* ---- paths ---- */

const char *api_segment(struct cli *c, const char *text)
{
	char *escaped = curl_easy_escape(NULL, text, (int)strlen(text));
	const char *kept = arena_strdup(c->arena, escaped ? escaped : "");

	curl_free(escaped);
	return kept;
}

const char *api_path(struct cli *c, const char *path, ...)
{
	const char *name, *value, *made = path;
	va_list ap;

	va_start(ap, path);
	while ((name = va_arg(ap, const char *))) {
		value = va_arg(ap, const char *);
		if (value)
			made = arena_printf(c->arena, "%s%c%s=%s", made,
				strchr(made, '?') ? '&' : '?', name, api_segment(c, value));
	}
	va_end(ap);
	return made;
}

/* ---- where the server is ---- */

static int use_socket(struct cli *c, struct api *api, const char *home, struct err *e)
{
	const char *path = arena_printf(c->arena, "%s/server.sock", home);

	if (strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path)
		return err_set(e, ERR_USAGE, "the path %s is too long for a socket", path);
	if (access(path, W_OK) < 0 && errno == ENOENT)
		return err_set(e, ERR_UNAVAILABLE,
			"no server runs here: there is no %s (him up starts one)", path);
	if (access(path, W_OK) < 0)
		return err_set(e, ERR_FORBIDDEN,
			"%s is another's: use him login, or be its owner or root", path);
	api->socket = path;
	api->where = path;
	api->login.url = "http://him-server";
	return 0;
}

static int use_login(struct cli *c, struct api *api, const char *server, struct err *e)
{
	const char *url = NULL;
	int found;

	if (server && session_url(c->arena, server, &url, e) < 0)
		return -1;
	found = session_load(c->arena, url, &api->login, e);
	if (found < 0)
		return -1;
	if (found == 0 && url)
		return err_set(
			e, ERR_UNAUTHORIZED, "you are not logged in to %s: him login %s", url, url);
	if (found == 0)
		return err_set(e, ERR_UNAVAILABLE,
			"no server runs here and you are not logged in to another: him up, or him "
			"login URL");
	api->where = api->login.url;
	return 0;
}

static int choose(struct cli *c, struct api *api, struct err *e)
{
	const char *home;

	if (c->server)
		return use_login(c, api, c->server, e);
	home = cli_home(c);
	if (c->home || access(arena_printf(c->arena, "%s/server.sock", home), W_OK) == 0)
		return use_socket(c, api, home, e);
	return use_login(c, api, NULL, e);
}

/* ---- handles ---- */

/* URL on a handle, with the host that the server's certificate is made for. */
static void set_url(CURL *h, const char *url, const char *path, struct curl_slist **connect)
{
	const char *host = url + strlen("https://"), *port = strrchr(host, ':');
	char text[512], to[600];

	snprintf(text, sizeof text, "him-server:%s:%s", port + 1, host);
	*connect = curl_slist_append(NULL, text);
	snprintf(to, sizeof to, "https://him-server:%s", port + 1);
	char *whole = xasprintf("%s%s", to, path);
	curl_easy_setopt(h, CURLOPT_URL, whole);
	free(whole);
	curl_easy_setopt(h, CURLOPT_CONNECT_TO, *connect);
}

static void set_ca(CURL *h, const char *ca)
{
	struct curl_blob blob = {
		.data = (void *)(uintptr_t)ca, .len = strlen(ca), .flags = CURL_BLOB_COPY};

	curl_easy_setopt(h, CURLOPT_CAINFO_BLOB, &blob);
	curl_easy_setopt(h, CURLOPT_CAPATH, NULL);
}

static void set_common(CURL *h, char *reason)
{
	curl_easy_setopt(h, CURLOPT_ERRORBUFFER, reason);
	curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h, CURLOPT_PROXY, "");
	curl_easy_setopt(h, CURLOPT_NETRC, CURL_NETRC_IGNORED);
	curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(h, CURLOPT_USERAGENT, "him/" HIM_VERSION);
	curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT, 15L);
	curl_easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(h, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
}

void api_close(struct api *api)
{
	if (!api)
		return;
	curl_easy_cleanup(api->curl);
	arena_free(api->arena);
	free(api);
}

static int api_open(struct cli *c, struct err *e)
{
	struct arena *brief = c->arena;
	struct api *api;
	int rc;

	if (c->api)
		return 0;
	api = xcalloc(1, sizeof *api);
	c->arena = api->arena = arena_new();
	rc = choose(c, api, e);
	c->arena = brief;
	if (rc < 0) {
		api_close(api);
		return -1;
	}
	api->curl = curl_easy_init();
	c->api = api;
	return 0;
}

/* ---- one request ---- */

struct request {
	CURL *h;
	struct curl_slist *headers, *connect;
	struct buf body; /* what is sent */
	struct buf answer;
	struct sse *sse; /* a stream's reader; NULL: an ordinary answer */
	FILE *to;        /* a download's file */
	int stop;        /* what sse_feed said, or -1: the file could not be written */
};

static size_t receive(char *data, size_t size, size_t n, void *ctx)
{
	struct request *r = ctx;
	long status = 0;
	size_t len = size * n;

	curl_easy_getinfo(r->h, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200 && r->sse)
		return (r->stop = sse_feed(r->sse, data, len)) ? 0 : len;
	if (status == 200 && r->to)
		return fwrite(data, 1, len, r->to) == len ? len : (r->stop = -1, (size_t)0);
	return buf_add(&r->answer, data, len) == 0 ? len : 0;
}

static void prepare(struct request *r, const struct api *api, const char *path)
{
	if (api->socket) {
		char *url = xasprintf("http://him-server%s", path);
		curl_easy_setopt(r->h, CURLOPT_URL, url);
		free(url);
		curl_easy_setopt(r->h, CURLOPT_UNIX_SOCKET_PATH, api->socket);
	} else {
		char *bearer = xasprintf("Authorization: Bearer %s", api->login.token);
		set_url(r->h, api->login.url, path, &r->connect);
		set_ca(r->h, api->login.ca);
		r->headers = curl_slist_append(r->headers, bearer);
		explicit_bzero(bearer, strlen(bearer));
		free(bearer);
	}
}

static int set_body(struct request *r, const char *method, const struct json *body, struct err *e)
{
	curl_easy_setopt(r->h, CURLOPT_CUSTOMREQUEST, method);
	if (body && json_print(body, &r->body) < 0)
		return err_set(e, ERR_TOO_LARGE, "the request is over %zu bytes", r->body.max);
	if (body || strcmp(method, "POST") == 0) {
		r->headers = curl_slist_append(r->headers, "Content-Type: application/json");
		curl_easy_setopt(r->h, CURLOPT_POSTFIELDS, buf_str(&r->body));
		curl_easy_setopt(r->h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
	}
	return 0;
}

/* problem+json as an error of ours; what else may come says at least its status. */
static int problem(const struct request *r, long status, const char *where, struct err *e)
{
	static const char urn[] = "urn:him:error:";
	struct json *j = json_parse(buf_str(&r->answer), r->answer.len, NULL);
	const char *type = json_str(json_get(j, "type")), *detail = json_str(json_get(j, "detail"));
	const char *field = json_str(json_get(j, "field"));
	enum err_code code = err_from_http((int)status);

	for (int k = ERR_NONE + 1; type && text_starts(type, urn) && k < ERR_CODES; k++)
		if (strcmp(err_word((enum err_code)k), type + strlen(urn)) == 0)
			code = (enum err_code)k;
	if (detail)
		err_field(e, code, field ? field : "", "%s", detail);
	else
		err_set(e, code, "%s answers with status %ld", where, status);
	json_free(j);
	return -1;
}

static int unreachable(CURLcode rc, const char *reason, const char *where, struct err *e)
{
	const char *why = *reason ? reason : curl_easy_strerror(rc);

	if (rc == CURLE_PEER_FAILED_VERIFICATION)
		return err_set(e, ERR_UNAVAILABLE,
			"%s does not show a certificate of the CA pinned at login: %s", where, why);
	if (rc == CURLE_COULDNT_CONNECT && *where == '/')
		return err_set(
			e, ERR_UNAVAILABLE, "no server answers at %s (him up starts one)", where);
	if (rc == CURLE_WRITE_ERROR)
		return err_set(e, ERR_TOO_LARGE, "%s answers with more than can be taken", where);
	return err_set(e, ERR_UNAVAILABLE, "cannot reach the server at %s: %s", where, why);
}

static void request_init(struct request *r, CURL *h, char *reason)
{
	memset(r, 0, sizeof *r);
	buf_init(&r->body, 16 << 20);
	buf_init(&r->answer, ANSWER_MAX);
	r->h = h;
	*reason = '\0';
	curl_easy_reset(h);
	set_common(h, reason);
	curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, receive);
	curl_easy_setopt(h, CURLOPT_WRITEDATA, r);
	/* A POST without this waits for "100 Continue", which nobody sends. */
	r->headers = curl_slist_append(NULL, "Expect:");
}

static void request_release(struct request *r)
{
	curl_slist_free_all(r->headers);
	curl_slist_free_all(r->connect);
	if (r->body.data)
		explicit_bzero(r->body.data, r->body.len);
	buf_release(&r->body);
	buf_release(&r->answer);
}

/* Sends it. The status, or -1. */
static long send_to(struct request *r, const char *reason, const char *where, struct err *e)
{
	long status = 0;
	CURLcode rc;

	curl_easy_setopt(r->h, CURLOPT_HTTPHEADER, r->headers);
	rc = curl_easy_perform(r->h);
	curl_easy_getinfo(r->h, CURLINFO_RESPONSE_CODE, &status);
	if (rc != CURLE_OK && !(r->stop && rc == CURLE_WRITE_ERROR))
		return unreachable(rc, reason, where, e);
	return status >= 200 && status < 300 ? status : problem(r, status, where, e);
}

/* The same to the server that was chosen: when it does not know us, how to change that. */
static long perform(struct request *r, const struct api *api, const char *reason, struct err *e)
{
	long status = send_to(r, reason, api->where, e);

	if (status < 0 && e->code == ERR_UNAUTHORIZED && !api->socket)
		err_where(e, "the login at %s does not hold any more (him login %s)", api->where,
			api->where);
	return status;
}

int api_call(struct cli *c, const char *method, const char *path, const struct json *body,
	struct json **out, struct err *e)
{
	struct request r;
	int rc = -1;

	if (api_open(c, e) < 0)
		return -1;
	request_init(&r, c->api->curl, c->api->reason);
	curl_easy_setopt(r.h, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(r.h, CURLOPT_TIMEOUT_MS, CALL_MS);
	prepare(&r, c->api, arena_printf(c->arena, "/api/v1%s", path));
	if (set_body(&r, method, body, e) == 0 && perform(&r, c->api, c->api->reason, e) > 0)
		rc = 0;
	if (rc == 0 && out) {
		*out = r.answer.len ? json_parse(buf_str(&r.answer), r.answer.len, e) : NULL;
		if (r.answer.len && !*out)
			rc = err_where(e, "the answer of %s", c->api->where);
	}
	request_release(&r);
	return rc;
}

int api_call_at(const char *url, const char *ca, const char *method, const char *path,
	const struct json *body, struct buf *out, struct err *e)
{
	CURL *h = curl_easy_init();
	char reason[CURL_ERROR_SIZE];
	struct request r;
	int rc = -1;

	request_init(&r, h, reason);
	curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, CALL_MS);
	set_url(h, url, path, &r.connect);
	if (ca) {
		set_ca(h, ca);
	} else {
		curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (set_body(&r, method, body, e) == 0 && send_to(&r, reason, url, e) > 0)
		rc = buf_add(out, buf_str(&r.answer), r.answer.len) < 0
			? err_set(e, ERR_PROTOCOL, "%s answers with more than can be taken", url)
			: 0;
	request_release(&r);
	curl_easy_cleanup(h);
	return rc;
}

int api_download(struct cli *c, const char *path, FILE *to, struct err *e)
{
	struct request r;
	int rc = -1;

	if (api_open(c, e) < 0)
		return -1;
	request_init(&r, c->api->curl, c->api->reason);
	r.to = to;
	curl_easy_setopt(r.h, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(r.h, CURLOPT_LOW_SPEED_TIME, CALL_MS / 1000);
	prepare(&r, c->api, arena_printf(c->arena, "/api/v1%s", path));
	if (perform(&r, c->api, c->api->reason, e) > 0)
		rc = r.stop ? err_errno(e, "cannot write the file") : 0;
	request_release(&r);
	return rc;
}

/* ---- streams ---- */

struct follower {
	bool (*on_event)(void *ctx, const struct api_event *v);
	void *ctx;
	unsigned got;
};

static bool on_sse(void *ctx, const char *kind, const char *id, const char *data)
{
	struct follower *f = ctx;
	struct api_event v = {kind, id, data};

	f->got++;
	return f->on_event(f->ctx, &v);
}

/* One connection of a stream. 1: on_event wants no more; 0: it ended; -1. */
static int stream_once(struct cli *c, CURL *h, const char *path, struct sse *sse, struct err *e)
{
	struct request r;
	long status, began = 0;
	char reason[CURL_ERROR_SIZE], id[SSE_ID_MAX + 32];

	sse_reset(sse);
	request_init(&r, h, reason);
	r.sse = sse;
	r.headers = curl_slist_append(r.headers, "Accept: text/event-stream");
	if (*sse->id) {
		snprintf(id, sizeof id, "Last-Event-ID: %s", sse->id);
		r.headers = curl_slist_append(r.headers, id);
	}
	prepare(&r, c->api, arena_printf(c->arena, "/api/v1%s", path));
	status = perform(&r, c->api, reason, e);
	curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &began);
	request_release(&r);
	if (status < 0)
		return began == 200 ? 0 : -1; /* it was cut: as good as ended */
	return r.stop < 0
		? err_set(e, ERR_PROTOCOL, "%s sends an event that is too large", c->api->where)
		: r.stop;
}

int api_follow(struct cli *c, const char *path, const char *last_id,
	bool (*on_event)(void *ctx, const struct api_event *v), void *ctx, struct err *e)
{
	struct follower f = {.on_event = on_event, .ctx = ctx};
	unsigned pause = 1;
	bool connected = false;
	struct sse sse;
	CURL *h;
	int rc;

	if (api_open(c, e) < 0)
		return -1;
	h = curl_easy_init();
	sse_init(&sse, on_sse, &f);
	snprintf(sse.id, sizeof sse.id, "%s", last_id ? last_id : "");
	for (;;) {
		f.got = 0;
		rc = stream_once(c, h, path, &sse, e);
		connected |= rc >= 0;
		if (rc > 0 || (rc < 0 && (e->code != ERR_UNAVAILABLE || !connected)))
			break;
		pause = f.got ? 1 : pause < RESUME_MAX_S ? pause * 2 : RESUME_MAX_S;
		sleep(pause);
	}
	sse_release(&sse);
	curl_easy_cleanup(h);
	return rc < 0 ? -1 : 0;
}
