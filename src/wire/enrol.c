/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enrolment from below: fetch the trust document over a connection whose CA has the pinned fingerprint,
 * check it, seal token and request to the server's box key, open the answer. It works the same through a
 * relay, which sees neither the token nor the answer. Nothing is written before everything is checked.
 */
#include "wire/enrol.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/httpc.h"
#include "base/loop.h"
#include "base/text.h"
#include "wire/frame.h"
#include <event2/dns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX (2u << 20)

struct enrolment {
	const struct enrol_request *r;
	struct event_base *base;
	struct httpc *http;
	struct identity id;
	uint8_t answer_key[SEAL_SECRET_BYTES];
	bool done;
	struct err *e;
	int rc;
};

int enrol_pin_parse(const char *text, uint8_t pin[PKI_PIN_BYTES], struct err *e)
{
	char hex[2 * PKI_PIN_BYTES + 1];
	size_t n = 0;

	for (; *text; text++) {
		if (*text == ':')
			continue;
		if (n == sizeof hex - 1)
			n = sizeof hex; /* too long, whatever follows */
		if (n < sizeof hex - 1)
			hex[n++] = *text;
	}
	hex[n < sizeof hex ? n : sizeof hex - 1] = '\0';
	if (n != sizeof hex - 1 || text_unhex(hex, pin, PKI_PIN_BYTES) < 0)
		return err_field(e, ERR_INVALID, "ca-fingerprint",
			"a CA fingerprint is 64 hex digits (SHA-256 of the CA's public key)");
	return 0;
}

static void finish(struct enrolment *n, int rc)
{
	n->done = true;
	n->rc = rc;
	event_base_loopbreak(n->base);
}

/* ---- the answer ---- */

static int answer_error(const struct json *j, struct err *e)
{
	const struct json *x = json_get(j, "error");
	const char *text = json_str(json_get(x, "text")), *field = json_str(json_get(x, "field"));
	int64_t status = 0;

	if (!x)
		return 0;
	json_to_int(json_get(x, "status"), &status);
	return err_field(e, err_from_http((int)status), field ? field : "", "%s",
		text ? text : "the server refused");
}

static int answer_take(struct enrolment *n, const struct json *j)
{
	const char *id = "", *cert = "", *site = "", *relays = "";
	struct identity *i = &n->id;
	struct frame f;
	size_t pos = 0;
	struct buf b;
	int rc = 0;

	if (answer_error(j, n->e) < 0 || json_take_string(j, "id", true, ID_LEN, &id, n->e) < 0 ||
		json_take_string(j, "cert", true, PKI_PEM_MAX - 1, &cert, n->e) < 0 ||
		json_take_string(j, "site", false, sizeof i->site - 1, &site, n->e) < 0 ||
		json_take_string(j, "relays", false, ANSWER_MAX, &relays, n->e) < 0)
		return -1;
	snprintf(i->id, sizeof i->id, "%s", id);
	snprintf(i->cert, sizeof i->cert, "%s", cert);
	snprintf(i->site, sizeof i->site, "%s", site);
	buf_init(&b, FRAME_BODY_MAX + FRAME_LINE_MAX);
	if (*relays &&
		(text_unbase64(relays, strlen(relays), &b) < 0 ||
			frame_next(b.data, b.len, &pos, &f, n->e) <= 0 ||
			identity_take_relays(i, &f, n->e) < 0))
		rc = err_where(n->e, "the list of relays in the answer");
	buf_release(&b);
	return rc < 0 ? -1 : identity_save(i, n->e);
}

static void on_enrolled(void *ctx, const struct httpc_answer *a)
{
	struct enrolment *n = ctx;
	struct json *j = NULL;
	struct buf text;
	int rc = -1;

	buf_init(&text, ANSWER_MAX);
	if (a->status == 0)
		*n->e = a->e;
	else if (a->status != 200)
		err_set(n->e, err_from_http(a->status),
			"the server answered the enrolment with status %d", a->status);
	else if (seal_open_answer(n->answer_key, a->body, a->len, &text, n->e) == 0 &&
		(j = json_parse(text.data, text.len, n->e)))
		rc = answer_take(n, j);
	json_free(j);
	buf_release(&text);
	finish(n, rc);
}

/* ---- the request ---- */

static int request_body(struct enrolment *n, struct buf *out)
{
	struct json *j = json_object(), *addresses = json_array();
	char hex[2 * BOX_KEY_BYTES + 1];
	struct buf key, csr;
	int rc = -1;

	buf_init(&key, sizeof n->id.key - 1);
	buf_init(&csr, PKI_PEM_MAX);
	if (pki_keygen(&key, n->e) < 0 || pki_csr(buf_str(&key), &csr, n->e) < 0)
		goto out;
	snprintf(n->id.key, sizeof n->id.key, "%s", buf_str(&key));
	box_keygen(n->id.box, n->id.box_pub);
	text_hex(n->id.box_pub, sizeof n->id.box_pub, hex);
	json_set_string(j, "role", pki_role_word(n->r->role));
	json_set_string(j, "token", n->r->token);
	json_set_string(j, "csr", buf_str(&csr));
	json_set_string(j, "box", hex);
	json_set_string(j, "name", n->r->name);
	for (size_t k = 0; n->r->addresses && n->r->addresses[k]; k++)
		json_add(addresses, json_string(n->r->addresses[k]));
	json_set(j, "addresses", addresses);
	addresses = NULL;
	rc = json_print(j, out);
out:
	json_free(addresses);
	json_free(j);
	explicit_bzero(key.data ? key.data : hex, key.data ? key.len : 0);
	buf_release(&key);
	buf_release(&csr);
	return rc;
}

static void on_trust(void *ctx, const struct httpc_answer *a)
{
	struct enrolment *n = ctx;
	struct buf text, box;
	int rc = -1;

	buf_init(&text, 65536);
	buf_init(&box, 65536 + 256);
	if (a->status == 0)
		*n->e = a->e;
	else if (a->status != 200 || a->len >= sizeof n->id.trust_text)
		err_set(n->e, ERR_PROTOCOL, "no trust document there: status %d, %zu bytes",
			a->status, a->len);
	else if (trust_parse(a->body, a->len, n->r->pin, &n->id.trust, n->e) == 0) {
		memcpy(n->id.trust_text, a->body, a->len);
		n->id.trust_text[a->len] = '\0';
		if (request_body(n, &text) == 0)
			rc = seal_request(
				n->id.trust.box, text.data, text.len, &box, n->answer_key, n->e);
	}
	if (rc == 0)
		rc = httpc_request(n->http, "POST", "/him/v1/enrol", "application/octet-stream",
			box.data, box.len, false, n->r->timeout_ms, on_enrolled, n);
	if (text.data)
		explicit_bzero(text.data, text.len);
	buf_release(&text);
	buf_release(&box);
	if (rc < 0)
		finish(n, -1);
}

static int address_parse(const char *server, char *host, size_t size, int *port, struct err *e)
{
	const char *p = text_starts(server, "https://") ? server + 8 : server;
	size_t len = strcspn(p, "/");
	const char *colon = memrchr(p, ':', len);
	char digits[8] = "";
	int64_t value;

	if (!colon || (size_t)(colon - p) >= size || len - (size_t)(colon - p) - 1 >= sizeof digits)
		return err_field(e, ERR_INVALID, "server",
			"'%s' is not HOST:PORT or https://HOST:PORT", server);
	bool v6 = *p == '[' && colon[-1] == ']';
	snprintf(host, size, "%.*s", (int)(colon - p) - 2 * v6, p + v6);
	memcpy(digits, colon + 1, len - (size_t)(colon - p) - 1);
	if (text_int(digits, "server", 1, 65535, &value, e) < 0)
		return -1;
	*port = (int)value;
	return 0;
}

int enrol_run(const struct enrol_request *r, const char *dir, struct err *e)
{
	struct enrolment *n = calloc(1, sizeof *n);
	struct evdns_base *dns = NULL;
	SSL_CTX *tls = NULL;
	char host[256];
	int port = 0, rc = -1;

	if (!n)
		abort();
	n->r = r;
	n->e = e;
	n->id.role = r->role;
	memcpy(n->id.pin, r->pin, sizeof n->id.pin);
	buf_init(&n->id.relays, FRAME_BODY_MAX);
	snprintf(n->id.dir, sizeof n->id.dir, "%s", dir);
	if (address_parse(r->server, host, sizeof host, &port, e) < 0)
		goto out;
	tls = tls_client_ctx(NULL, NULL, r->pin, e);
	if (!tls)
		goto out;
	n->base = loop_new();
	dns = evdns_base_new(
		n->base, EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	struct httpc_conf conf = {.base = n->base,
		.dns = dns,
		.tls = tls,
		.host = host,
		.port = port,
		.max_body_bytes = ANSWER_MAX};
	n->http = httpc_new(&conf);
	rc = httpc_request(
		n->http, "GET", "/him/v1/trust", NULL, NULL, 0, false, r->timeout_ms, on_trust, n);
	if (rc == 0 && !n->done)
		event_base_dispatch(n->base);
	rc = n->done ? n->rc : -1;
out:
	httpc_free(n->http);
	if (dns)
		evdns_base_free(dns, 1);
	if (n->base)
		loop_free(n->base);
	SSL_CTX_free(tls);
	identity_release(&n->id);
	explicit_bzero(n->answer_key, sizeof n->answer_key);
	free(n);
	return rc;
}
