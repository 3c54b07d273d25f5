/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity.json: everything an enrolled agent or relay is, in one file, so that no crash can leave half of
 * it. The trust document is kept as it came and checked again against the pin at every start; the MAC key
 * is derived anew and never stored.
 */
#include "wire/identity.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "wire/frame.h"
#include <stdio.h>
#include <string.h>

#define IDENTITY_MAX 262144

static void path_of(const struct identity *i, char out[1100])
{
	snprintf(out, 1100, "%s/identity.json", i->dir);
}

/* ---- coding ---- */

static int take_hex(const struct json *j, const char *key, void *out, size_t len, struct err *e)
{
	const char *s = json_str(json_get(j, key));

	if (!s || text_unhex(s, out, len) < 0)
		return err_field(e, ERR_INVALID, key, "%s must be %zu bytes in hex", key, len);
	return 0;
}

static int take_text(const struct json *j, const char *key, char *out, size_t size, struct err *e)
{
	const char *s = "";

	if (json_take_string(j, key, false, size - 1, &s, e) < 0)
		return -1;
	snprintf(out, size, "%s", s);
	return 0;
}

static int take_relays(const struct json *j, struct identity *i, struct err *e)
{
	const char *s = json_str(json_get(j, "relays"));
	struct frame f;
	size_t pos = 0;
	struct buf b;
	int rc = 0;

	if (!s || !*s)
		return 0;
	buf_init(&b, FRAME_BODY_MAX);
	if (text_unbase64(s, strlen(s), &b) < 0 || frame_next(b.data, b.len, &pos, &f, e) <= 0)
		rc = err_field(e, ERR_INVALID, "relays", "relays is not a signed list");
	else if (identity_take_relays(i, &f, e) < 0)
		rc = -1;
	buf_release(&b);
	return rc;
}

static int decode(const struct json *j, struct identity *i, struct err *e)
{
	const char *role = json_str(json_get(j, "role")), *trust = json_str(json_get(j, "trust"));
	struct pki_cert cert;

	if (!role || pki_role_parse(role, &i->role) < 0)
		return err_field(e, ERR_INVALID, "role", "role must be agent or relay");
	if (take_text(j, "id", i->id, sizeof i->id, e) < 0 ||
		take_text(j, "site", i->site, sizeof i->site, e) < 0 ||
		take_text(j, "key", i->key, sizeof i->key, e) < 0 ||
		take_text(j, "cert", i->cert, sizeof i->cert, e) < 0 ||
		take_text(j, "next_key", i->next_key, sizeof i->next_key, e) < 0 ||
		take_hex(j, "box", i->box, sizeof i->box, e) < 0 ||
		take_hex(j, "pin", i->pin, sizeof i->pin, e) < 0)
		return -1;
	if (json_has(j, "next_box") &&
		take_hex(j, "next_box", i->next_box, sizeof i->next_box, e) < 0)
		return -1;
	if (!trust || trust_parse(trust, strlen(trust), i->pin, &i->trust, e) < 0)
		return trust ? -1 : err_field(e, ERR_INVALID, "trust", "trust is missing");
	if (take_text(j, "trust", i->trust_text, sizeof i->trust_text, e) < 0)
		return -1;
	if (pki_cert_check(i->cert, i->trust.ca, i->key, &cert, e) < 0)
		return -1;
	if (cert.role != i->role || strcmp(cert.id, i->id) != 0)
		return err_field(e, ERR_INVALID, "cert", "the certificate is not that of %s %s",
			role, i->id);
	i->not_before_ms = cert.not_before_ms;
	i->not_after_ms = cert.not_after_ms;
	if (box_public(i->box, i->box_pub) < 0 ||
		mac_key_derive(i->box, i->trust.box, i->box_pub, i->trust.box, i->id, i->mac) < 0)
		return err_field(e, ERR_INVALID, "box", "box is not a usable key");
	return take_relays(j, i, e);
}

int identity_load(const char *dir, struct identity *out, struct err *e)
{
	char path[1100];
	struct json *j = NULL;
	struct buf b;
	int rc = -1;

	memset(out, 0, sizeof *out);
	buf_init(&out->relays, FRAME_BODY_MAX);
	snprintf(out->dir, sizeof out->dir, "%s", dir);
	path_of(out, path);
	buf_init(&b, IDENTITY_MAX + FRAME_BODY_MAX * 2);
	if (file_read(path, &b, e) < 0)
		goto out;
	j = json_parse(b.data, b.len, e);
	if (!j || decode(j, out, e) < 0)
		err_where(e, "%s", path);
	else
		rc = 0;
out:
	json_free(j);
	explicit_bzero(b.data ? b.data : path, b.data ? b.len : 0);
	buf_release(&b);
	if (rc < 0)
		identity_release(out);
	return rc;
}

void identity_release(struct identity *i)
{
	if (!i)
		return;
	buf_release(&i->relays);
	explicit_bzero(i, sizeof *i);
}

static void set_hex(struct json *j, const char *key, const void *data, size_t len)
{
	char hex[2 * 64 + 1];

	text_hex(data, len, hex);
	json_set_string(j, key, hex);
	explicit_bzero(hex, sizeof hex);
}

static int encode(const struct identity *i, struct json *j, struct err *e)
{
	static const uint8_t none[BOX_KEY_BYTES];
	struct buf b;

	json_set_string(j, "role", pki_role_word(i->role));
	json_set_string(j, "id", i->id);
	json_set_string(j, "site", i->site);
	json_set_string(j, "key", i->key);
	json_set_string(j, "cert", i->cert);
	if (i->next_key[0])
		json_set_string(j, "next_key", i->next_key);
	if (memcmp(i->next_box, none, sizeof none) != 0)
		set_hex(j, "next_box", i->next_box, sizeof i->next_box);
	set_hex(j, "box", i->box, sizeof i->box);
	set_hex(j, "pin", i->pin, sizeof i->pin);
	json_set_string(j, "trust", i->trust_text);
	buf_init(&b, FRAME_BODY_MAX * 2);
	if (text_base64(i->relays.data, i->relays.len, &b) < 0) {
		buf_release(&b);
		return err_field(
			e, ERR_TOO_LARGE, "relays", "the list of relays is over its limit");
	}
	json_set_string(j, "relays", buf_str(&b));
	buf_release(&b);
	return 0;
}

int identity_save(const struct identity *i, struct err *e)
{
	struct json *j = json_object();
	char path[1100];
	struct buf b;
	int rc;

	buf_init(&b, IDENTITY_MAX + FRAME_BODY_MAX * 2);
	path_of(i, path);
	rc = encode(i, j, e);
	if (rc == 0)
		rc = json_print_pretty(j, &b);
	if (rc == 0)
		rc = file_mkdirs(i->dir, 0700, e);
	if (rc == 0)
		rc = file_write(path, b.data, b.len, 0600, e);
	if (b.data)
		explicit_bzero(b.data, b.len);
	buf_release(&b);
	json_free(j);
	return rc;
}

/* ---- renewal ---- */

static void body_string(struct json *j, const char *key, const struct buf *b)
{
	json_set_string(j, key, buf_str(b));
}

bool identity_forking(const struct identity *i)
{
	static const uint8_t none[BOX_KEY_BYTES];

	return memcmp(i->next_box, none, sizeof none) != 0;
}

int identity_renew(struct identity *i, bool fork, struct buf *body, struct err *e)
{
	struct json *j = json_object();
	struct buf key, csr;
	uint8_t pub[BOX_KEY_BYTES];
	int rc = -1;

	buf_init(&key, PKI_PEM_MAX - 1);
	buf_init(&csr, PKI_PEM_MAX);
	if (i->next_key[0])
		buf_adds(&key, i->next_key);
	else if (pki_keygen(&key, e) < 0)
		goto out;
	if (pki_csr(buf_str(&key), &csr, e) < 0)
		goto out;
	snprintf(i->next_key, sizeof i->next_key, "%s", buf_str(&key));
	body_string(j, "csr", &csr);
	if (fork) {
		if (!identity_forking(i))
			box_keygen(i->next_box, pub);
		else if (box_public(i->next_box, pub) < 0) {
			err_set(e, ERR_INTERNAL, "the next key cannot be used");
			goto out;
		}
		set_hex(j, "box", pub, sizeof pub);
	}
	if (identity_save(i, e) == 0)
		rc = json_print(j, body);
out:
	if (key.data)
		explicit_bzero(key.data, key.len);
	buf_release(&key);
	buf_release(&csr);
	json_free(j);
	return rc;
}

static int adopt(struct identity *i, const char *chain, const struct pki_cert *cert, struct err *e)
{
	if (strcmp(cert->id, i->id) != 0) { /* a fork's answer: another agent from here on */
		if (!identity_forking(i))
			return err_set(e, ERR_PROTOCOL, "a certificate for %s came, but we are %s",
				cert->id, i->id);
		memcpy(i->id, cert->id, sizeof i->id);
		memcpy(i->box, i->next_box, sizeof i->box);
		if (box_public(i->box, i->box_pub) < 0 ||
			mac_key_derive(
				i->box, i->trust.box, i->box_pub, i->trust.box, i->id, i->mac) < 0)
			return err_set(
				e, ERR_INTERNAL, "cannot derive the key of the new identity");
	}
	memset(i->next_box, 0, sizeof i->next_box);
	snprintf(i->key, sizeof i->key, "%s", i->next_key);
	snprintf(i->cert, sizeof i->cert, "%s", chain);
	i->next_key[0] = '\0';
	i->not_before_ms = cert->not_before_ms;
	i->not_after_ms = cert->not_after_ms;
	return identity_save(i, e) < 0 ? -1 : 1;
}

int identity_renewed(struct identity *i, const char *chain, size_t len, struct err *e)
{
	char pem[PKI_PEM_MAX];
	struct pki_cert cert;

	if (!i->next_key[0])
		return 0;
	if (len >= sizeof pem)
		return err_set(e, ERR_TOO_LARGE,
			"a certificate chain of %zu bytes is over the limit", len);
	memcpy(pem, chain, len);
	pem[len] = '\0';
	if (pki_cert_check(pem, i->trust.ca, i->next_key, &cert, e) < 0)
		return -1;
	if (cert.role != i->role)
		return err_set(e, ERR_PROTOCOL, "a certificate of role %s came for a %s",
			pki_role_word(cert.role), pki_role_word(i->role));
	return adopt(i, pem, &cert, e);
}

static int64_t renew_at(const struct identity *i)
{
	return i->not_before_ms + (i->not_after_ms - i->not_before_ms) / 3 * 2;
}

bool identity_renew_due(const struct identity *i, int64_t now_ms)
{
	return now_ms >= renew_at(i);
}

#define ENDED_WAIT_MS 10000

int64_t identity_renew_wait_ms(const struct identity *i, int64_t now_ms, int64_t max_ms)
{
	int64_t wait = identity_renew_due(i, now_ms) ? (i->not_after_ms - now_ms) / 4
						     : renew_at(i) - now_ms;

	if (now_ms >= i->not_after_ms) /* ended; or a clock is wrong, and then no haste helps */
		wait = ENDED_WAIT_MS;

	return wait < 1000 ? 1000 : wait > max_ms ? max_ms : wait;
}

/* ---- parents ---- */

int identity_take_relays(struct identity *i, const struct frame *f, struct err *e)
{
	struct signed_record r;
	struct json *j;
	int64_t version;

	if (signed_parse(f, &r, e) < 0)
		return -1;
	if (strcmp(r.type, "relays") != 0 || !signed_check(&r, i->trust.signing))
		return err_set(
			e, ERR_FORBIDDEN, "a list of relays came that the server did not sign");
	if (text_int(r.id, "version", 0, INT64_MAX, &version, e) < 0)
		return -1;
	if (version <= i->relays_version && i->relays.len)
		return 0;
	j = json_parse(r.body, r.len, e);
	if (!j)
		return -1;
	json_free(j);
	buf_clear(&i->relays);
	if (buf_add(&i->relays, f->raw, f->raw_len) < 0)
		return err_set(e, ERR_TOO_LARGE, "the list of relays is over its limit");
	i->relays_version = version;
	return 1;
}

static struct json *relays_doc(const struct identity *i)
{
	struct frame f;
	size_t pos = 0;

	if (!i->relays.len || frame_next(i->relays.data, i->relays.len, &pos, &f, NULL) <= 0)
		return json_object();
	return json_parse(f.body, f.body_len, NULL);
}

static size_t add_addresses(const struct json *list, const struct identity *i, const char *site,
	const char **out, size_t n, size_t max)
{
	for (size_t k = 0; k < json_len(list); k++) {
		const struct json *r = json_at(list, k), *addresses = json_get(r, "addresses");
		const char *id = json_str(json_get(r, "id")), *of = json_str(json_get(r, "site"));
		if ((id && strcmp(id, i->id) == 0) || (site && (!of || strcmp(of, site) != 0)))
			continue;
		for (size_t a = 0; a < json_len(addresses) && n < max; a++)
			if (json_str(json_at(addresses, a)))
				out[n++] = json_str(json_at(addresses, a));
	}
	return n;
}

size_t identity_parents(const struct identity *i, struct json **doc, const char **out, size_t max)
{
	struct json *j = *doc = relays_doc(i);
	size_t n = 0;

	if (i->role ==
		PKI_AGENT) { /* a relay hangs on the server unless it is told another parent */
		n = add_addresses(json_get(j, "relays"), i, i->site, out, n, max);
		if (n == 0)
			n = add_addresses(json_get(j, "relays"), i, NULL, out, n, max);
	}
	return add_addresses(json_get(j, "servers"), i, NULL, out, n, max);
}

int identity_judge(const struct identity *i, const char *uri, struct err *e)
{
	struct json *j = NULL;
	const struct json *list;
	enum pki_role role;
	char id[ID_SIZE];
	bool listed = false;

	if (pki_uri_parse(uri, &role, id) < 0)
		return err_set(e, ERR_FORBIDDEN, "the parent shows the name '%s'", uri);
	if (role == PKI_SERVER && strcmp(id, i->trust.server) == 0)
		return 0;
	if (role == PKI_RELAY) {
		j = relays_doc(i);
		list = json_get(j, "relays");
		for (size_t k = 0; k < json_len(list) && !listed; k++) {
			const char *other = json_str(json_get(json_at(list, k), "id"));
			listed = other && strcmp(other, id) == 0;
		}
		json_free(j);
	}
	return listed ? 0
		      : err_set(e, ERR_FORBIDDEN,
				"%s is not the server nor a relay of its signed list", uri);
}

SSL_CTX *identity_client_ctx(const struct identity *i, struct err *e)
{
	struct tls_identity id = {i->cert, i->key};

	return tls_client_ctx(&id, i->trust.ca, NULL, e);
}
