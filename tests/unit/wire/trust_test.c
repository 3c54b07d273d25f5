/* SPDX-License-Identifier: Apache-2.0 */
/* The trust document: with the right fingerprint all of it is believed, with anything changed nothing is. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/json.h"
#include "kit.h"
#include <string.h>

static struct kit_ca ca, other;
static struct trust trust;
static char text[PKI_PEM_MAX], foreign[PKI_PEM_MAX];

static int make(void **state)
{
	uint8_t seed[SIGN_KEY_BYTES];
	struct trust t;

	kit_ca(&ca);
	kit_ca(&other);
	kit_trust(&other, &t, seed, foreign);
	kit_trust(&ca, &trust, seed, text);
	return 0;
}

static void test_round_trip(void **state)
{
	struct err e = ERR_INIT;
	struct trust t;

	assert_int_equal(trust_parse(text, strlen(text), ca.pin, &t, &e), 0);
	assert_memory_equal(&t, &trust, sizeof t);
}

static void test_wrong_pin(void **state)
{
	struct err e = ERR_INIT;
	struct trust t;
	uint8_t pin[PKI_PIN_BYTES];

	assert_int_equal(trust_parse(text, strlen(text), other.pin, &t, &e), -1);
	assert_int_equal(e.code, ERR_FORBIDDEN);
	assert_string_equal(e.field, "ca-fingerprint");
	assert_int_equal(trust_parse(foreign, strlen(foreign), ca.pin, &t, &e), -1);
	for (size_t i = 0; i < sizeof pin; i++) {
		memcpy(pin, ca.pin, sizeof pin);
		pin[i] ^= 0x80;
		assert_int_equal(trust_parse(text, strlen(text), pin, &t, &e), -1);
	}
}

/* Each member replaced by what another installation says there, which is well formed; NULL takes it away. */
static void test_every_member_counts(void **state)
{
	static const char *const members[] = {"ca", "signing", "box", "server", "signature"};

	for (size_t i = 0; i < 3 * sizeof members / sizeof *members; i++) {
		const char *m = members[i / 3];
		struct json *j = json_parse(text, strlen(text), NULL),
			    *f = json_parse(foreign, strlen(foreign), NULL);
		struct err e = ERR_INIT;
		struct trust t;
		struct buf b;
		if (i % 3 == 0)
			json_set_string(j, m,
				strcmp(m, "server") == 0 ? KIT_RELAY : json_str(json_get(f, m)));
		else if (i % 3 == 1)
			json_set_string(j, m, "nonsense");
		else
			json_del(j, m);
		buf_init(&b, PKI_PEM_MAX);
		assert_int_equal(json_print(j, &b), 0);
		assert_int_equal(trust_parse(b.data, b.len, ca.pin, &t, &e), -1);
		assert_true(e.code && strncmp(e.text, "the trust document: ", 20) == 0);
		buf_release(&b);
		json_free(j);
		json_free(f);
	}
}

/* Two certificates in one text: the fingerprint of one must not vouch for the key of the other, in either order. */
static void test_a_second_ca_is_refused(void **state)
{
	const struct kit_ca *orders[][2] = {{&other, &ca}, {&ca, &other}},
			    *signers[] = {&ca, &other};

	for (int i = 0; i < 4; i++) {
		struct trust t = trust;
		struct err e = ERR_INIT;
		struct buf b;
		buf_init(&b, 65536);
		strcpy(t.ca, orders[i / 2][0]->cert);
		strcat(t.ca, orders[i / 2][1]->cert);
		assert_int_equal(trust_print(&t, signers[i % 2]->key, &b, &e), 0);
		assert_int_equal(trust_parse(b.data, b.len, ca.pin, &t, &e), -1);
		assert_int_equal(e.code, ERR_FORBIDDEN);
		buf_release(&b);
	}
}

static void test_no_document(void **state)
{
	static const char *const bad[] = {"", "{", "[]", "null", "{\"ca\":1}", "{\"more\":\"\"}"};
	struct trust t;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err e = ERR_INIT;
		assert_int_equal(trust_parse(bad[i], strlen(bad[i]), ca.pin, &t, &e), -1);
		assert_true(e.code && e.text[0]);
	}
}

static void test_cut_anywhere(void **state)
{
	struct err e = ERR_INIT;
	struct trust t;

	for (size_t len = 0; len < strlen(text); len++)
		assert_int_equal(trust_parse(text, len, ca.pin, &t, &e), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_wrong_pin),
		cmocka_unit_test(test_every_member_counts),
		cmocka_unit_test(test_a_second_ca_is_refused),
		cmocka_unit_test(test_no_document),
		cmocka_unit_test(test_cut_anywhere),
	};

	return cmocka_run_group_tests(tests, make, NULL);
}
