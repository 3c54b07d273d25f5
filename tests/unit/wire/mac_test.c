/* SPDX-License-Identifier: Apache-2.0 */
/* Sums against the published ones: FIPS 180-4 for SHA-256, RFC 4231 (cases 1 and 2) for HMAC-SHA-256. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "wire/mac.h"
#include <pthread.h>
#include <string.h>

static void digests(void **state)
{
	static const struct {
		const char *text, *digest;
	} rows[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	};
	char out[DIGEST_LEN + 1];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		digest_hex(rows[i].text, strlen(rows[i].text), out);
		assert_string_equal(out, rows[i].digest);
	}
	digest_hex(NULL, 0, out);
	assert_string_equal(out, rows[0].digest);
}

/* A key that is shorter than ours is the same key with zeros behind it. Where a text is cut does not matter. */
static void macs(void **state)
{
	static const struct {
		uint8_t key[MAC_KEY_BYTES];
		const char *text, *mac;
	} rows[] = {
		{{11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 11},
			"Hi There",
			"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		{"Jefe", "what do ya want for nothing?",
			"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
	};
	char out[DIGEST_LEN + 1];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *text = rows[i].text;
		size_t len = strlen(text);
		for (size_t cut = 0; cut <= len; cut++) {
			mac_hex(rows[i].key, text, cut, cut < len ? text + cut : NULL, len - cut,
				out);
			assert_string_equal(out, rows[i].mac);
		}
	}
}

static void *in_a_thread(void *arg)
{
	macs(arg);
	return NULL;
}

/* Each thread has its own context, gone with it. */
static void threads(void **state)
{
	pthread_t t[4];

	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, in_a_thread, state), 0);
	macs(state);
	for (size_t i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests), cmocka_unit_test(macs), cmocka_unit_test(threads)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
