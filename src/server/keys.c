/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HOME/keys: ca.key ca.pem (the CA), sign.key (Ed25519 seed, hex), box.key (X25519 secret, hex), server.id,
 * and the server's own tls.key tls.pem, which are renewed from the CA and may be lost.
 *
 * server.id is written last at the first start. Once it is there, a key that is missing is an error, never
 * a reason to make a new one: a CA that changed silently would cut off every machine.
 */
#include "server/keys.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SKEW_MS                                                                                    \
	3600000LL /* certificates begin an hour ago, or a tenth of their life: clocks differ */

const char *const keys_files[] = {"ca.key", "ca.pem", "sign.key", "box.key", "server.id", NULL};

static void path_of(const struct keys *k, const char *name, char out[1100])
{
	snprintf(out, 1100, "%s/%s", k->dir, name);
}

static int load_text(const struct keys *k, const char *name, char *out, size_t size, struct err *e)
{
	char path[1100];
	struct buf b;
	int rc;

	path_of(k, name, path);
	buf_init(&b, size - 1);
	rc = file_read(path, &b, e);
	if (rc == 0) {
		memcpy(out, buf_str(&b), b.len + 1);
		explicit_bzero(b.data ? b.data : path, b.data ? b.len : 0);
	}
	buf_release(&b);
	return rc;
}

static int save_text(const struct keys *k, const char *name, const char *text, struct err *e)
{
	char path[1100];

	path_of(k, name, path);
	return file_write(path, text, strlen(text), 0600, e);
}

static int load_hex(const struct keys *k, const char *name, uint8_t out[32], struct err *e)
{
	char hex[80];
	int rc = load_text(k, name, hex, sizeof hex, e);

	if (rc == 0 && text_unhex(text_trim(hex), out, 32) < 0)
		rc = err_set(e, ERR_INVALID, "%s/%s is not 64 hex digits", k->dir, name);
	explicit_bzero(hex, sizeof hex);
	return rc;
}

static int save_hex(const struct keys *k, const char *name, const uint8_t data[32], struct err *e)
{
	char hex[65];
	int rc;

	text_hex(data, 32, hex);
	rc = save_text(k, name, hex, e);
	explicit_bzero(hex, sizeof hex);
	return rc;
}

/* ---- the first start ---- */

static int make_all(struct keys *k, struct err *e)
{
	struct buf key, cert;
	int rc = -1;

	buf_init(&key, sizeof k->ca_key - 1);
	buf_init(&cert, sizeof k->ca_cert - 1);
	id_new(k->id);
	sign_keygen(k->sign_seed, k->sign_pub);
	box_keygen(k->box, k->box_pub);
	if (pki_ca_new(clock_now_ms() - SKEW_MS, &key, &cert, e) == 0) {
		snprintf(k->ca_key, sizeof k->ca_key, "%s", buf_str(&key));
		snprintf(k->ca_cert, sizeof k->ca_cert, "%s", buf_str(&cert));
		/* The id is written last: its presence says that all of them are there. */
		rc = save_text(k, "ca.key", k->ca_key, e) < 0 ||
				save_text(k, "ca.pem", k->ca_cert, e) < 0 ||
				save_hex(k, "sign.key", k->sign_seed, e) < 0 ||
				save_hex(k, "box.key", k->box, e) < 0 ||
				save_text(k, "server.id", k->id, e) < 0
			? -1
			: 0;
	}
	if (key.data)
		explicit_bzero(key.data, key.len);
	buf_release(&key);
	buf_release(&cert);
	k->fresh = true;
	return rc;
}

static int load_all(struct keys *k, struct err *e)
{
	char id[64];

	if (load_text(k, "server.id", id, sizeof id, e) < 0 ||
		load_text(k, "ca.key", k->ca_key, sizeof k->ca_key, e) < 0 ||
		load_text(k, "ca.pem", k->ca_cert, sizeof k->ca_cert, e) < 0 ||
		load_hex(k, "sign.key", k->sign_seed, e) < 0 ||
		load_hex(k, "box.key", k->box, e) < 0)
		return err_where(e, "the installation's keys are not complete");
	if (!id_valid(text_trim(id)))
		return err_set(e, ERR_INVALID, "%s/server.id is not an id", k->dir);
	snprintf(k->id, sizeof k->id, "%s", text_trim(id));
	if (sign_public(k->sign_seed, k->sign_pub) < 0 || box_public(k->box, k->box_pub) < 0)
		return err_set(e, ERR_INVALID, "%s holds a key that cannot be used", k->dir);
	return 0;
}

static int trust_make(struct keys *k, struct err *e)
{
	struct trust t;

	memset(&t, 0, sizeof t);
	memcpy(t.server, k->id, sizeof t.server);
	snprintf(t.ca, sizeof t.ca, "%s", k->ca_cert);
	memcpy(t.signing, k->sign_pub, sizeof t.signing);
	memcpy(t.box, k->box_pub, sizeof t.box);
	buf_init(&k->trust, 65536);
	return trust_print(&t, k->ca_key, &k->trust, e);
}

/* ---- the server's own certificate ---- */

static int tls_make(struct keys *k, const char *const *names, struct err *e)
{
	struct pki_issue in = {.ca_key = k->ca_key,
		.ca_cert = k->ca_cert,
		.role = PKI_SERVER,
		.id = k->id,
		.names = names};
	struct buf key, csr, chain;
	int rc = -1;

	buf_init(&key, sizeof k->tls_key - 1);
	buf_init(&csr, PKI_PEM_MAX);
	buf_init(&chain, sizeof k->tls_cert - 1);
	in.not_before_ms = clock_now_ms() - SKEW_MS;
	in.not_after_ms = clock_now_ms() + k->cert_ms;
	if (pki_keygen(&key, e) == 0 && pki_csr(buf_str(&key), &csr, e) == 0) {
		in.csr = buf_str(&csr);
		rc = pki_issue(&in, &chain, e);
	}
	if (rc == 0) {
		snprintf(k->tls_key, sizeof k->tls_key, "%s", buf_str(&key));
		snprintf(k->tls_cert, sizeof k->tls_cert, "%s", buf_str(&chain));
		k->tls_not_before_ms = in.not_before_ms;
		k->tls_not_after_ms = in.not_after_ms;
		rc = save_text(k, "tls.key", k->tls_key, e) < 0 ||
				save_text(k, "tls.pem", k->tls_cert, e) < 0
			? -1
			: 0;
	}
	if (key.data)
		explicit_bzero(key.data, key.len);
	buf_release(&key);
	buf_release(&csr);
	buf_release(&chain);
	return rc;
}

int keys_renew(struct keys *k, const char *const *names, bool force, struct err *e)
{
	int64_t due = k->tls_not_before_ms + (k->tls_not_after_ms - k->tls_not_before_ms) / 3 * 2;

	if (!force && clock_now_ms() < due)
		return 0;
	return tls_make(k, names, e) < 0 ? -1 : 1;
}

int keys_open(
	struct keys *k, const char *home, const char *const *names, int64_t cert_ms, struct err *e)
{
	char path[1100];

	memset(k, 0, sizeof *k);
	k->cert_ms = cert_ms;
	snprintf(k->dir, sizeof k->dir, "%s/keys", home);
	path_of(k, "server.id", path);
	if (file_mkdirs(k->dir, 0700, e) < 0)
		return -1;
	/* Killed in the middle of its first start it left some files but no id; nobody can have enrolled. */
	if (file_exists(path) ? load_all(k, e) < 0 : make_all(k, e) < 0)
		return -1;
	if (trust_make(k, e) < 0 || pki_pin(k->ca_cert, k->pin, e) < 0)
		return -1;
	/* Always a new one at a start: names and addresses may have changed, and it costs a millisecond. */
	return keys_renew(k, names, true, e) < 0 ? -1 : 0;
}

void keys_release(struct keys *k)
{
	buf_release(&k->trust);
	explicit_bzero(k, sizeof *k);
}

int keys_issue(const struct keys *k, const char *csr, enum pki_role role, const char *id,
	struct buf *chain, int64_t *not_after_ms, struct err *e)
{
	struct pki_issue in = {
		.ca_key = k->ca_key, .ca_cert = k->ca_cert, .csr = csr, .role = role, .id = id};

	in.not_before_ms = clock_now_ms() - (k->cert_ms / 10 < SKEW_MS ? k->cert_ms / 10 : SKEW_MS);
	in.not_after_ms = clock_now_ms() + k->cert_ms;
	*not_after_ms = in.not_after_ms;
	return pki_issue(&in, chain, e);
}
