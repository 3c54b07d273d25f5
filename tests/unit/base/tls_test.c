/* SPDX-License-Identifier: Apache-2.0 */
/* TLS contexts against each other, in memory: who is let in, who is not, what is resumed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/arena.h"
#include "net.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#define SERVER_URI "him://server/s"
#define AGENT_URI "him://agent/a"
#define DAY 86400

struct world {
	struct net_cert ca, other_ca, server, agent, stranger, expired, expired_server, plain,
		plain_server;
};

static struct world w;

static int make_world(void **state)
{
	net_ca(&w.ca);
	net_ca(&w.other_ca);
	net_issue(&w.ca, &(struct net_leaf){"URI:" SERVER_URI, "serverAuth,clientAuth", DAY},
		&w.server);
	net_issue(&w.ca, &(struct net_leaf){"URI:" AGENT_URI, "clientAuth", DAY}, &w.agent);
	net_issue(&w.other_ca, &(struct net_leaf){"URI:" AGENT_URI, "serverAuth,clientAuth", DAY},
		&w.stranger);
	net_issue(&w.ca, &(struct net_leaf){"URI:" AGENT_URI, "clientAuth", -3600}, &w.expired);
	net_issue(&w.ca, &(struct net_leaf){"URI:" SERVER_URI, "serverAuth", -3600},
		&w.expired_server);
	net_issue(&w.ca, &(struct net_leaf){"URI:" AGENT_URI, NULL, DAY}, &w.plain);
	net_issue(&w.ca, &(struct net_leaf){"URI:" SERVER_URI, NULL, DAY}, &w.plain_server);
	return 0;
}

static int end_world(void **state)
{
	struct net_cert *all = (struct net_cert *)&w;

	for (size_t i = 0; i < sizeof w / sizeof *all; i++)
		net_cert_free(&all[i]);
	return 0;
}

static SSL_CTX *server_ctx(const struct net_cert *id, enum tls_client_cert want)
{
	struct err e = ERR_INIT;
	SSL_CTX *ctx = tls_server_ctx(&(struct tls_identity){id->cert, id->key},
		want == TLS_CERT_NONE ? NULL : w.ca.cert, want, 100, &e);

	if (!ctx)
		fail_msg("%s", e.text);
	return ctx;
}

static SSL_CTX *client_ctx(const struct net_cert *id, const char *ca, const uint8_t *pin)
{
	struct tls_identity identity = {id ? id->cert : NULL, id ? id->key : NULL};
	struct err e = ERR_INIT;
	SSL_CTX *ctx = tls_client_ctx(id ? &identity : NULL, ca, pin, &e);

	if (!ctx)
		fail_msg("%s", e.text);
	return ctx;
}

/* ---- one connection ---- */

struct met {
	bool ok;                        /* both sides were content, and a byte went each way */
	struct tls_peer client, server; /* as the other side sees it */
	SSL_SESSION *session;
};

static bool pass_byte(SSL *from, SSL *to)
{
	char c = 'x';

	return SSL_write(from, &c, 1) == 1 && SSL_read(to, &c, 1) == 1;
}

static bool shake(SSL *client, SSL *server)
{
	int c = 0, s = 0;

	for (int turn = 0; turn < 10 && (c != 1 || s != 1); turn++) {
		c = SSL_do_handshake(client);
		s = SSL_do_handshake(server);
	}
	return c == 1 && s == 1 && pass_byte(client, server) && pass_byte(server, client);
}

/* Uses up `session`. */
static struct met meet(SSL_CTX *client_side, SSL_CTX *server_side, SSL_SESSION *session)
{
	struct met m = {0};
	SSL *client = SSL_new(client_side), *server = SSL_new(server_side);
	BIO *a, *b;

	BIO_new_bio_pair(&a, 65536, &b, 65536);
	SSL_set_bio(client, a, a);
	SSL_set_bio(server, b, b);
	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
	if (session)
		SSL_set_session(client, session);
	SSL_SESSION_free(session);
	m.ok = shake(client, server);
	tls_peer(server, &m.client);
	tls_peer(client, &m.server);
	if (m.ok)
		m.session = SSL_get1_session(client);
	SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_set_shutdown(server, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(client);
	SSL_free(server);
	ERR_clear_error();
	return m;
}

static void test_who_is_let_in(void **state)
{
	static const struct {
		const char *name;
		const struct net_cert *server, *client,
			*ca; /* ca: the one that the client trusts */
		enum tls_client_cert want;
		bool ok;
	} rows[] = {
		{"both with our certificates", &w.server, &w.agent, &w.ca, TLS_CERT_REQUIRED, true},
		{"a server as a client", &w.server, &w.server, &w.ca, TLS_CERT_REQUIRED, true},
		{"no client certificate, none asked for", &w.server, NULL, &w.ca, TLS_CERT_NONE,
			true},
		{"no client certificate, one may be shown", &w.server, NULL, &w.ca,
			TLS_CERT_OPTIONAL, true},
		{"a client certificate that may be shown", &w.server, &w.agent, &w.ca,
			TLS_CERT_OPTIONAL, true},
		{"no client certificate, one is required", &w.server, NULL, &w.ca,
			TLS_CERT_REQUIRED, false},
		{"a client of another CA", &w.server, &w.stranger, &w.ca, TLS_CERT_REQUIRED, false},
		{"a client of another CA that need not have shown any", &w.server, &w.stranger,
			&w.ca, TLS_CERT_OPTIONAL, false},
		{"a server of another CA", &w.stranger, &w.agent, &w.ca, TLS_CERT_REQUIRED, false},
		{"a client that trusts another CA", &w.server, &w.agent, &w.other_ca,
			TLS_CERT_REQUIRED, false},
		{"an agent's certificate at a server", &w.agent, &w.agent, &w.ca, TLS_CERT_REQUIRED,
			false},
		{"a server's only certificate at a client", &w.server, &w.expired_server, &w.ca,
			TLS_CERT_REQUIRED, false},
		{"a client that does not say what it is for", &w.server, &w.plain, &w.ca,
			TLS_CERT_REQUIRED, false},
		{"a server that does not say what it is for", &w.plain_server, &w.agent, &w.ca,
			TLS_CERT_REQUIRED, false},
		{"an expired client: dates are judged elsewhere", &w.server, &w.expired, &w.ca,
			TLS_CERT_REQUIRED, true},
		{"an expired server", &w.expired_server, &w.agent, &w.ca, TLS_CERT_REQUIRED, true},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		SSL_CTX *s = server_ctx(rows[i].server, rows[i].want);
		SSL_CTX *c = client_ctx(rows[i].client, rows[i].ca->cert, NULL);
		struct met m = meet(c, s, NULL);
		if (m.ok != rows[i].ok)
			fail_msg("%s: %s", rows[i].name, m.ok ? "was let in" : "was refused");
		SSL_SESSION_free(m.session);
		SSL_CTX_free(c);
		SSL_CTX_free(s);
	}
}

static void test_pin(void **state)
{
	const struct net_cert *leaf_only = &w.server;
	SSL_CTX *s = server_ctx(&w.server, TLS_CERT_NONE), *c;
	uint8_t pin[32];
	struct met m;

	net_pin(&w.ca, pin);
	c = client_ctx(NULL, NULL, pin);
	m = meet(c, s, NULL);
	assert_true(m.ok);
	assert_string_equal(m.server.uri, SERVER_URI);
	SSL_SESSION_free(m.session);
	SSL_CTX_free(s);

	/* The right CA is pinned, another one answers. */
	s = server_ctx(&w.stranger, TLS_CERT_NONE);
	assert_false(meet(c, s, NULL).ok);
	SSL_CTX_free(s);

	/* The right CA is pinned, an agent of it plays the server. */
	s = server_ctx(&w.agent, TLS_CERT_NONE);
	assert_false(meet(c, s, NULL).ok);
	SSL_CTX_free(s);

	/* The CA is sent along, but did not sign the leaf. */
	char *mixed = xasprintf("%.*s%s",
		(int)(strstr(w.stranger.cert, "-----END CERTIFICATE-----\n") - w.stranger.cert) +
			26,
		w.stranger.cert, w.ca.cert);
	s = server_ctx(&(struct net_cert){mixed, w.stranger.key}, TLS_CERT_NONE);
	assert_false(meet(c, s, NULL).ok);
	SSL_CTX_free(s);
	SSL_CTX_free(c);
	free(mixed);

	/* One bit off. */
	pin[31] ^= 1;
	c = client_ctx(NULL, NULL, pin);
	s = server_ctx(leaf_only, TLS_CERT_NONE);
	assert_false(meet(c, s, NULL).ok);
	SSL_CTX_free(c);
	SSL_CTX_free(s);
}

static void test_peer(void **state)
{
	static const struct {
		const char *names, *uri;
	} rows[] = {
		{"URI:him://agent/a", "him://agent/a"},
		{"DNS:localhost,URI:him://agent/a,IP:127.0.0.1", "him://agent/a"},
		{"URI:him://agent/a,URI:him://agent/b", ""},
		{"DNS:him.example", ""},
		{NULL, ""},
	};
	SSL_CTX *s = server_ctx(&w.server, TLS_CERT_REQUIRED);

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct net_cert id;
		net_issue(&w.ca, &(struct net_leaf){rows[i].names, "clientAuth", DAY}, &id);
		SSL_CTX *c = client_ctx(&id, w.ca.cert, NULL);
		struct met m = meet(c, s, NULL);
		assert_true(m.ok && m.client.present && !m.client.resumed);
		assert_string_equal(m.client.uri, rows[i].uri);
		assert_true(llabs(m.client.not_after_ms - clock_now_ms() - DAY * 1000L) < 600000);
		assert_true(llabs(clock_now_ms() - DAY * 1000L - m.client.not_before_ms) < 600000);
		SSL_SESSION_free(m.session);
		SSL_CTX_free(c);
		net_cert_free(&id);
	}
	SSL_CTX_free(s);
}

static void test_resumption(void **state)
{
	SSL_CTX *s = server_ctx(&w.server, TLS_CERT_REQUIRED),
		*c = client_ctx(&w.agent, w.ca.cert, NULL);
	struct met first = meet(c, s, NULL), m = first;

	assert_false(first.client.resumed);
	for (int i = 0; i < 5; i++) {
		m = meet(c, s, m.session);
		assert_true(m.ok && m.client.resumed && m.server.resumed && m.client.present);
		assert_string_equal(m.client.uri, AGENT_URI);
		assert_string_equal(m.server.uri, SERVER_URI);
		assert_memory_equal(m.client.fingerprint, first.client.fingerprint, 32);
		assert_int_equal(m.client.not_after_ms, first.client.not_after_ms);
	}
	/* Forgotten: the next one is a full handshake, and resumes again after. */
	tls_forget(s, "him://agent/b");
	m = meet(c, s, m.session);
	assert_true(m.client.resumed);
	tls_forget(s, AGENT_URI);
	assert_int_equal(SSL_CTX_sess_number(s), 0);
	m = meet(c, s, m.session);
	assert_true(m.ok && !m.client.resumed);
	m = meet(c, s, m.session);
	assert_true(m.ok && m.client.resumed);
	SSL_SESSION_free(m.session);
	SSL_CTX_free(c);
	SSL_CTX_free(s);
}

static void test_no_cache(void **state)
{
	struct tls_identity id = {w.server.cert, w.server.key};
	SSL_CTX *s = tls_server_ctx(&id, NULL, TLS_CERT_NONE, 0, NULL),
		*c = client_ctx(NULL, w.ca.cert, NULL);
	struct met m = meet(c, s, NULL);

	assert_true(m.ok);
	m = meet(c, s, m.session);
	assert_true(m.ok && !m.client.resumed);
	SSL_SESSION_free(m.session);
	SSL_CTX_free(c);
	SSL_CTX_free(s);
}

static void test_only_tls_1_3(void **state)
{
	SSL_CTX *s = server_ctx(&w.server, TLS_CERT_NONE), *c = SSL_CTX_new(TLS_client_method());

	SSL_CTX_set_max_proto_version(c, TLS1_2_VERSION);
	assert_false(meet(c, s, NULL).ok);
	SSL_CTX_free(c);
	SSL_CTX_free(s);
}

static char *encrypted(const char *key_pem)
{
	BIO *in = BIO_new_mem_buf(key_pem, -1), *out = BIO_new(BIO_s_mem());
	EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
	char *data, *text;
	long len;

	PEM_write_bio_PKCS8PrivateKey(out, key, EVP_aes_256_cbc(), "secret", 6, NULL, NULL);
	len = BIO_get_mem_data(out, &data);
	text = xstrndup(data, (size_t)len);
	EVP_PKEY_free(key);
	BIO_free(in);
	BIO_free(out);
	return text;
}

static void test_bad_identities(void **state)
{
	char *locked = encrypted(w.server.key),
	     *damaged = xasprintf("%s-----BEGIN CERTIFICATE-----\nAAAA\n"
				  "-----END CERTIFICATE-----\n",
		     w.server.cert);
	const struct {
		struct tls_identity id;
		const char *ca, *says;
	} rows[] = {
		{{w.server.cert, w.agent.key}, w.ca.cert,
			"the certificate cannot be used with its key"},
		{{"", w.server.key}, w.ca.cert, "the certificate cannot be used with its key"},
		{{w.server.cert, "nonsense"}, w.ca.cert, "the private key cannot be used"},
		{{w.server.cert, locked}, w.ca.cert, "the private key cannot be used"},
		{{damaged, w.server.key}, w.ca.cert, "the certificate's chain cannot be used"},
		{{w.server.cert, w.server.key}, "nonsense", "the CA's certificate cannot be used"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct err e = ERR_INIT;
		assert_null(tls_server_ctx(&rows[i].id, rows[i].ca, TLS_CERT_REQUIRED, 10, &e));
		assert_int_equal(e.code, ERR_INVALID);
		if (strncmp(e.text, rows[i].says, strlen(rows[i].says)) != 0)
			fail_msg("row %zu: %s", i, e.text);
		assert_null(tls_client_ctx(&rows[i].id, rows[i].ca, NULL, &e));
	}
	free(locked);
	free(damaged);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_is_let_in),
		cmocka_unit_test(test_pin),
		cmocka_unit_test(test_peer),
		cmocka_unit_test(test_resumption),
		cmocka_unit_test(test_no_cache),
		cmocka_unit_test(test_only_tls_1_3),
		cmocka_unit_test(test_bad_identities),
	};

	return cmocka_run_group_tests(tests, make_world, end_world);
}
