/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed boxes: only the right key opens them, a changed or missing byte never does, and both sides get the same keys. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/text.h"
#include "wire/seal.h"
#include <string.h>

#define AGENT "01aaaaaaaaaaaaaaaaaaaaaaaa"
#define TEXT "{\"token\":\"secret\"}"

struct side {
	uint8_t secret[BOX_KEY_BYTES], pub[BOX_KEY_BYTES];
};

static struct side side(void)
{
	struct side s;

	box_keygen(s.secret, s.pub);
	return s;
}

static int open_request(const struct side *s, const void *box, size_t len)
{
	uint8_t key[SEAL_SECRET_BYTES];
	struct err e = ERR_INIT;
	struct buf text;
	int rc;

	buf_init(&text, 4096);
	rc = seal_open_request(s->secret, box, len, &text, key, &e);
	if (rc < 0)
		assert_int_equal(e.code, ERR_UNAUTHORIZED);
	else
		assert_string_equal(buf_str(&text), TEXT);
	buf_release(&text);
	return rc;
}

static void test_request_opens_with_its_key_only(void **state)
{
	struct side server = side(), other = side();
	uint8_t key[SEAL_SECRET_BYTES];
	struct err e = ERR_INIT;
	struct buf box;

	buf_init(&box, 4096);
	assert_int_equal(seal_request(server.pub, TEXT, strlen(TEXT), &box, key, &e), 0);
	assert_int_equal(open_request(&server, box.data, box.len), 0);
	assert_int_equal(open_request(&other, box.data, box.len), -1);
	for (size_t i = 0; i < box.len; i++) {
		assert_int_equal(open_request(&server, box.data, i), -1);
		box.data[i] ^= 1;
		assert_int_equal(open_request(&server, box.data, box.len), -1);
		box.data[i] ^= 1;
	}
	buf_release(&box);
}

static void test_answer_under_the_key_of_the_request(void **state)
{
	struct side server = side();
	uint8_t asker[SEAL_SECRET_BYTES], answerer[SEAL_SECRET_BYTES];
	struct err e = ERR_INIT;
	struct buf box, text;

	buf_init(&box, 4096);
	buf_init(&text, 4096);
	assert_int_equal(seal_request(server.pub, TEXT, strlen(TEXT), &box, asker, &e), 0);
	assert_int_equal(
		seal_open_request(server.secret, box.data, box.len, &text, answerer, &e), 0);
	assert_memory_equal(asker, answerer, sizeof asker);
	/* the request's own ciphertext is no answer: it was sealed for another purpose */
	assert_int_equal(seal_open_answer(asker, box.data + 32, box.len - 32, &text, &e), -1);
	buf_clear(&box);
	buf_clear(&text);
	assert_int_equal(seal_answer(answerer, "yes", 3, &box, &e), 0);
	assert_int_equal(seal_open_answer(asker, box.data, box.len, &text, &e), 0);
	assert_string_equal(buf_str(&text), "yes");
	for (size_t i = 0; i < box.len; i++) {
		assert_int_equal(seal_open_answer(asker, box.data, i, &text, &e), -1);
		box.data[i] ^= 1;
		assert_int_equal(seal_open_answer(asker, box.data, box.len, &text, &e), -1);
		box.data[i] ^= 1;
	}
	assert_int_equal(text.len, 3); /* what did not open left nothing behind */
	buf_release(&box);
	buf_release(&text);
}

static void test_nothing_to_say_can_be_sealed(void **state)
{
	struct side server = side();
	uint8_t key[SEAL_SECRET_BYTES];
	struct err e = ERR_INIT;
	struct buf box, text;

	buf_init(&box, 4096);
	buf_init(&text, 4096);
	assert_int_equal(seal_request(server.pub, "", 0, &box, key, &e), 0);
	assert_int_equal(box.len, 32 + 12 + 16);
	assert_int_equal(seal_open_request(server.secret, box.data, box.len, &text, key, &e), 0);
	assert_int_equal(text.len, 0);
	buf_release(&box);
	buf_release(&text);
}

static void test_over_the_ceiling_is_a_sentence(void **state)
{
	struct side server = side();
	uint8_t key[SEAL_SECRET_BYTES];
	struct err e = ERR_INIT;
	struct buf box, text;

	buf_init(&box, 64);
	assert_int_equal(seal_request(server.pub, TEXT, strlen(TEXT), &box, key, &e), -1);
	assert_int_equal(e.code, ERR_TOO_LARGE);
	buf_release(&box);
	buf_init(&box, 4096);
	buf_init(&text, 4);
	e = ERR_INIT;
	assert_int_equal(seal_request(server.pub, TEXT, strlen(TEXT), &box, key, &e), 0);
	assert_int_equal(seal_open_request(server.secret, box.data, box.len, &text, key, &e), -1);
	assert_int_equal(e.code, ERR_TOO_LARGE);
	buf_release(&box);
	buf_release(&text);
}

/* Points of small order would make a secret that everybody knows (RFC 7748, section 6.1). */
static void test_small_order_is_refused(void **state)
{
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	struct side server = side();

	for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
		uint8_t point[BOX_KEY_BYTES], key[SEAL_SECRET_BYTES];
		char box[32 + 12 + 16 + 4] = "";
		struct err e = ERR_INIT;
		struct buf out;
		buf_init(&out, 4096);
		assert_int_equal(text_unhex(points[i], point, sizeof point), 0);
		assert_int_equal(seal_request(point, TEXT, strlen(TEXT), &out, key, &e), -1);
		assert_int_equal(e.code, ERR_INVALID);
		memcpy(box, point, sizeof point);
		assert_int_equal(open_request(&server, box, sizeof box), -1);
		assert_int_equal(
			mac_key_derive(server.secret, point, point, server.pub, AGENT, key), -1);
		buf_release(&out);
	}
}

/* RFC 7748, section 6.1: Alice's private and public key. */
static void test_x25519_known_answer(void **state)
{
	uint8_t secret[BOX_KEY_BYTES], pub[BOX_KEY_BYTES];
	char hex[65];

	text_unhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a", secret,
		sizeof secret);
	assert_int_equal(box_public(secret, pub), 0);
	text_hex(pub, sizeof pub, hex);
	assert_string_equal(
		hex, "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
}

static void test_mac_key_is_the_same_on_both_sides(void **state)
{
	struct side agent = side(), server = side(), other = side();
	uint8_t a[MAC_KEY_BYTES], s[MAC_KEY_BYTES], x[MAC_KEY_BYTES];

	assert_int_equal(
		mac_key_derive(agent.secret, server.pub, agent.pub, server.pub, AGENT, a), 0);
	assert_int_equal(
		mac_key_derive(server.secret, agent.pub, agent.pub, server.pub, AGENT, s), 0);
	assert_memory_equal(a, s, sizeof a);
	mac_key_derive(other.secret, agent.pub, agent.pub, server.pub, AGENT, x);
	assert_memory_not_equal(a, x, sizeof a);
	mac_key_derive(agent.secret, server.pub, server.pub, agent.pub, AGENT, x);
	assert_memory_not_equal(a, x, sizeof a);
	mac_key_derive(
		agent.secret, server.pub, agent.pub, server.pub, "01bbbbbbbbbbbbbbbbbbbbbbbb", x);
	assert_memory_not_equal(a, x, sizeof a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_opens_with_its_key_only),
		cmocka_unit_test(test_answer_under_the_key_of_the_request),
		cmocka_unit_test(test_nothing_to_say_can_be_sealed),
		cmocka_unit_test(test_over_the_ceiling_is_a_sentence),
		cmocka_unit_test(test_small_order_is_refused),
		cmocka_unit_test(test_x25519_known_answer),
		cmocka_unit_test(test_mac_key_is_the_same_on_both_sides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
