/* SPDX-License-Identifier: Apache-2.0 */
/* The trust document: JSON, with the CA's signature over the line-wise text of what matters. */
#include "wire/trust.h"
#include "base/json.h"
#include "base/text.h"
#include <stdio.h>
#include <string.h>

static size_t signed_text(const struct trust *t, char *out, size_t size)
{
	char signing[65], box[65];

	text_hex(t->signing, sizeof t->signing, signing);
	text_hex(t->box, sizeof t->box, box);
	return (size_t)snprintf(out, size, "him-trust-1\n%s\n%s\n%s\n", t->server, signing, box);
}

int trust_print(const struct trust *t, const char *ca_key, struct buf *out, struct err *e)
{
	struct json *j = json_object();
	char text[512], hex[65];
	struct buf sig;
	int rc;

	buf_init(&sig, 4096);
	rc = pki_sign(ca_key, text, signed_text(t, text, sizeof text), &sig, e);
	json_set_string(j, "ca", t->ca);
	text_hex(t->signing, sizeof t->signing, hex);
	json_set_string(j, "signing", hex);
	text_hex(t->box, sizeof t->box, hex);
	json_set_string(j, "box", hex);
	json_set_string(j, "server", t->server);
	json_set_string(j, "signature", buf_str(&sig));
	if (rc == 0 && json_print(j, out) < 0)
		rc = err_set(e, ERR_TOO_LARGE, "the trust document is over its limit");
	json_free(j);
	buf_release(&sig);
	return rc;
}

static int take(const struct json *j, struct trust *t, const char **signature, struct err *e)
{
	static const char *const keys[] = {"ca", "signing", "box", "server", "signature", NULL};
	const char *ca = "", *signing = "", *box = "", *server = "";

	if (json_only(j, keys, e) < 0 ||
		json_take_string(j, "ca", true, sizeof t->ca - 1, &ca, e) < 0 ||
		json_take_string(j, "signing", true, 64, &signing, e) < 0 ||
		json_take_string(j, "box", true, 64, &box, e) < 0 ||
		json_take_string(j, "server", true, ID_LEN, &server, e) < 0 ||
		json_take_string(j, "signature", true, 512, signature, e) < 0)
		return -1;
	if (!id_valid(server))
		return err_field(e, ERR_INVALID, "server", "server must be an id");
	if (text_unhex(signing, t->signing, sizeof t->signing) < 0 ||
		text_unhex(box, t->box, sizeof t->box) < 0)
		return err_field(
			e, ERR_INVALID, "signing", "signing and box must be 64 hex digits each");
	snprintf(t->ca, sizeof t->ca, "%s", ca);
	snprintf(t->server, sizeof t->server, "%s", server);
	return 0;
}

int trust_parse(const char *text, size_t len, const uint8_t pin[PKI_PIN_BYTES], struct trust *out,
	struct err *e)
{
	struct json *j = json_parse(text, len, e);
	const char *signature = "";
	uint8_t has[PKI_PIN_BYTES];
	char signed_[512];
	int rc = -1;

	memset(out, 0, sizeof *out);
	if (!j || take(j, out, &signature, e) < 0 || pki_pin(out->ca, has, e) < 0)
		;
	else if (!text_equal_const_time(has, pin, sizeof has))
		err_field(e, ERR_FORBIDDEN, "ca-fingerprint",
			"the CA has another fingerprint than the one given: this is not the server "
			"you want");
	else if (!pki_verify(
			 out->ca, signed_, signed_text(out, signed_, sizeof signed_), signature))
		err_set(e, ERR_FORBIDDEN, "the trust document is not signed by its CA");
	else
		rc = 0;
	json_free(j);
	return rc < 0 ? err_where(e, "the trust document") : 0;
}
