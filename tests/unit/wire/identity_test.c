/* SPDX-License-Identifier: Apache-2.0 */
/* identity.json: what was saved is loaded, what is damaged is a sentence, a renewal survives a restart and takes only its own
 * answer, and parents are whom the server's signed list names. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/file.h"
#include "kit.h"
#include "wire/identity.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define OTHER "01dddddddddddddddddddddddd"

static struct kit_ca ca;
static struct trust trust;
static uint8_t seed[SIGN_KEY_BYTES];
static char dir[64], path[128], trust_text[PKI_PEM_MAX];
static struct identity mine;

static int make(void **state)
{
	struct kit_leaf leaf;
	struct err e = ERR_INIT;

	snprintf(dir, sizeof dir, "/tmp/him-identity.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/identity.json", dir);
	kit_ca(&ca);
	kit_trust(&ca, &trust, seed, trust_text);
	kit_leaf(&ca, PKI_AGENT, KIT_AGENT, &leaf);
	memset(&mine, 0, sizeof mine);
	buf_init(&mine.relays, FRAME_BODY_MAX);
	snprintf(mine.dir, sizeof mine.dir, "%s", dir);
	mine.role = PKI_AGENT;
	snprintf(mine.id, sizeof mine.id, "%s", KIT_AGENT);
	snprintf(mine.site, sizeof mine.site, "north");
	snprintf(mine.trust_text, sizeof mine.trust_text, "%s", trust_text);
	memcpy(mine.pin, ca.pin, sizeof mine.pin);
	snprintf(mine.key, sizeof mine.key, "%s", leaf.key);
	snprintf(mine.cert, sizeof mine.cert, "%s", leaf.chain);
	box_keygen(mine.box, mine.box_pub);
	return identity_save(&mine, &e);
}

static int clean(void **state)
{
	identity_release(&mine);
	return file_remove_tree(dir, NULL);
}

static void load(struct identity *i)
{
	struct err e = ERR_INIT;

	assert_int_equal(identity_load(dir, i, &e), 0);
}

static void test_saved_and_loaded(void **state)
{
	uint8_t mac[MAC_KEY_BYTES];
	struct identity i;
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	load(&i);
	assert_int_equal(i.role, PKI_AGENT);
	assert_string_equal(i.id, KIT_AGENT);
	assert_string_equal(i.site, "north");
	assert_string_equal(i.key, mine.key);
	assert_string_equal(i.cert, mine.cert);
	assert_string_equal(i.trust_text, trust_text);
	assert_memory_equal(&i.trust, &trust, sizeof trust);
	assert_memory_equal(i.box_pub, mine.box_pub, sizeof i.box_pub);
	assert_int_equal(
		mac_key_derive(mine.box, trust.box, mine.box_pub, trust.box, KIT_AGENT, mac), 0);
	assert_memory_equal(i.mac, mac, sizeof mac);
	assert_true(i.not_before_ms == KIT_FROM_MS && i.not_after_ms == KIT_TO_MS);
	assert_false(i.next_key[0]);
	assert_int_equal(i.relays.len, 0);
	identity_release(&i);
}

static void test_not_enrolled(void **state)
{
	struct err e = ERR_INIT;
	struct identity i;

	assert_int_equal(file_remove(path, NULL), 0);
	assert_int_equal(identity_load(dir, &i, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
}

/* The file with one member changed ("" takes it away), or cut: never half an identity, always a sentence with its path. */
static void test_damaged(void **state)
{
	static const char *const table[][2] = {{"role", "server"}, {"role", "person"},
		{"role", "relay"}, {"role", ""}, {"id", OTHER}, {"id", ""}, {"key", "nonsense"},
		{"key", ""}, {"cert", "nonsense"}, {"cert", ""}, {"box", "00"}, {"box", ""},
		{"pin", "zz"}, {"pin", ""}, {"pin", DIGEST_ZERO}, {"trust", "{}"}, {"trust", ""},
		{"next_box", "zz"}, {"relays", "!"}, {"relays", "bm8gZnJhbWU="}};
	struct buf whole;

	buf_init(&whole, 1 << 20);
	assert_int_equal(file_read(path, &whole, NULL), 0);
	for (size_t k = 0; k < sizeof table / sizeof *table + 4; k++) {
		struct json *j = json_parse(whole.data, whole.len, NULL);
		struct err e = ERR_INIT;
		struct identity i;
		struct buf b;
		buf_init(&b, 1 << 20);
		if (k < sizeof table / sizeof *table) {
			if (*table[k][1])
				json_set_string(j, table[k][0], table[k][1]);
			else
				json_del(j, table[k][0]);
			json_print(j, &b);
		} else { /* nothing of it, a quarter, a half, three quarters */
			buf_add(&b, whole.data, whole.len * (k - sizeof table / sizeof *table) / 4);
		}
		assert_int_equal(file_write(path, b.data ? b.data : "", b.len, 0600, NULL), 0);
		assert_int_equal(identity_load(dir, &i, &e), -1);
		assert_true(e.code && e.code != ERR_NOT_FOUND && strstr(e.text, path));
		assert_false(i.key[0]);
		buf_release(&b);
		json_free(j);
	}
	buf_release(&whole);
}

/* What is asked for is in the body; returns its request. */
static void asked(const struct buf *body, bool fork, char csr[PKI_PEM_MAX])
{
	struct json *j = json_parse(body->data, body->len, NULL);

	assert_non_null(json_str(json_get(j, "csr")));
	assert_int_equal(json_has(j, "box"), fork);
	snprintf(csr, PKI_PEM_MAX, "%s", json_str(json_get(j, "csr")));
	json_free(j);
}

static void renew(struct identity *i, bool fork, char csr[PKI_PEM_MAX])
{
	struct err e = ERR_INIT;
	struct buf body;

	buf_init(&body, FRAME_BODY_MAX);
	assert_int_equal(identity_renew(i, fork, &body, &e), 0);
	asked(&body, fork, csr);
	buf_release(&body);
}

static void test_renewal_over_a_restart(void **state)
{
	char csr[PKI_PEM_MAX], chain[PKI_PEM_MAX];
	struct kit_leaf stranger;
	struct identity i;
	struct err e = ERR_INIT;

	load(&i);
	assert_false(identity_renew_due(&i, KIT_FROM_MS));
	assert_true(identity_renew_due(&i, KIT_TO_MS));
	assert_int_equal(
		identity_renewed(&i, i.cert, strlen(i.cert), &e), 0); /* nothing was asked */
	renew(&i, false, csr);
	identity_release(&i);
	load(&i);
	kit_leaf(&ca, PKI_AGENT, KIT_AGENT, &stranger);
	assert_int_equal(identity_renewed(&i, stranger.chain, strlen(stranger.chain), &e), -1);
	kit_sign(&ca, PKI_RELAY, KIT_AGENT, csr, chain);
	assert_int_equal(identity_renewed(&i, chain, strlen(chain), &e), -1); /* another role */
	kit_sign(&ca, PKI_AGENT, OTHER, csr, chain);
	assert_int_equal(
		identity_renewed(&i, chain, strlen(chain), &e), -1); /* no fork was asked */
	assert_string_equal(i.id, KIT_AGENT);
	assert_string_equal(i.key, mine.key);
	kit_sign(&ca, PKI_AGENT, KIT_AGENT, csr, chain);
	assert_int_equal(identity_renewed(&i, chain, strlen(chain), &e), 1);
	identity_release(&i);
	load(&i);
	assert_string_equal(i.cert, chain);
	assert_string_not_equal(i.key, mine.key);
	assert_false(i.next_key[0]);
	assert_int_equal(identity_renewed(&i, chain, strlen(chain), &e), 0);
	identity_release(&i);
}

static void test_fork_is_another_agent(void **state)
{
	char csr[PKI_PEM_MAX], chain[PKI_PEM_MAX];
	struct identity i;
	struct err e = ERR_INIT;

	load(&i);
	renew(&i, true, csr);
	identity_release(&i);
	load(&i);
	kit_sign(&ca, PKI_AGENT, OTHER, csr, chain);
	assert_int_equal(identity_renewed(&i, chain, strlen(chain), &e), 1);
	identity_release(&i);
	load(&i);
	assert_string_equal(i.id, OTHER);
	assert_memory_not_equal(i.box_pub, mine.box_pub, sizeof i.box_pub);
	identity_release(&i);
}

/* It asks until it is answered, and is the same one each time; a renewal's answer ends the asking. */
static void test_a_fork_is_asked_again(void **state)
{
	char csr[PKI_PEM_MAX], chain[PKI_PEM_MAX];
	uint8_t box[BOX_KEY_BYTES];
	struct identity i;
	struct err e = ERR_INIT;

	load(&i);
	assert_false(identity_forking(&i));
	renew(&i, true, csr);
	memcpy(box, i.next_box, sizeof box);
	identity_release(&i);
	load(&i);
	assert_true(identity_forking(&i));
	renew(&i, true, csr);
	assert_memory_equal(i.next_box, box, sizeof box);
	kit_sign(&ca, PKI_AGENT, KIT_AGENT, csr, chain);
	assert_int_equal(identity_renewed(&i, chain, strlen(chain), &e), 1);
	assert_false(identity_forking(&i));
	identity_release(&i);
}

/* Due at two thirds; asked again ever more often until the end, never more than once a second. */
static void test_when_to_renew(void **state)
{
	struct identity i = {.not_before_ms = 0, .not_after_ms = 90000};

	assert_int_equal(identity_renew_wait_ms(&i, 0, 300000), 60000);
	assert_int_equal(identity_renew_wait_ms(&i, 0, 7000), 7000);
	assert_int_equal(identity_renew_wait_ms(&i, 59500, 300000), 1000);
	assert_int_equal(identity_renew_wait_ms(&i, 60000, 300000), 7500);
	assert_int_equal(identity_renew_wait_ms(&i, 80000, 300000), 2500);
	assert_int_equal(identity_renew_wait_ms(&i, 89999, 300000), 1000);
	assert_int_equal(identity_renew_wait_ms(&i, 90000, 300000), 10000);
	assert_int_equal(identity_renew_wait_ms(&i, 200000, 300000), 10000);
}

static int take_list(
	struct identity *i, const char *version, const char *body, const uint8_t by[SIGN_KEY_BYTES])
{
	struct signed_record r = {.type = "relays",
		.issued = 1,
		.root = DIGEST_ZERO,
		.body = body,
		.len = strlen(body)};
	struct err e = ERR_INIT;
	struct frame f;
	struct buf b;
	size_t pos = 0;
	int rc;

	snprintf(r.id, sizeof r.id, "%s", version);
	buf_init(&b, FRAME_BODY_MAX);
	assert_int_equal(signed_add(&b, &r, by), 0);
	assert_int_equal(frame_next(b.data, b.len, &pos, &f, &e), 1);
	rc = identity_take_relays(i, &f, &e);
	buf_release(&b);
	return rc;
}

static void assert_parents(const struct identity *i, const char *want)
{
	const char *out[8];
	char has[256] = "";
	struct json *doc;
	size_t n = identity_parents(i, &doc, out, 8);

	for (size_t k = 0; k < n; k++)
		snprintf(has + strlen(has), sizeof has - strlen(has), "%s ", out[k]);
	assert_string_equal(has, want);
	json_free(doc);
}

static void test_parents(void **state)
{
	static const char list[] =
		"{\"relays\":[{\"id\":\"" KIT_RELAY
		"\",\"addresses\":[\"r1:1\"],\"site\":\"north\"},"
		"{\"id\":\"" OTHER "\",\"addresses\":[\"r2:1\",\"r2:2\"],\"site\":\"south\"}],"
		"\"servers\":[{\"id\":\"" KIT_SERVER "\",\"addresses\":[\"s:1\"]}]}";
	uint8_t stranger[SIGN_KEY_BYTES] = {1};
	struct identity i;
	struct err e = ERR_INIT;

	load(&i);
	assert_parents(&i, "");
	assert_int_equal(identity_judge(&i, "him://server/" KIT_SERVER, &e), 0);
	assert_int_equal(identity_judge(&i, "him://relay/" KIT_RELAY, &e), -1);
	assert_int_equal(take_list(&i, "5", list, stranger), -1);
	assert_int_equal(take_list(&i, "word", list, seed), -1);
	assert_int_equal(take_list(&i, "5", "no json", seed), -1);
	assert_int_equal(take_list(&i, "5", list, seed), 1);
	assert_int_equal(take_list(&i, "5", "{}", seed), 0);
	assert_int_equal(take_list(&i, "4", "{}", seed), 0);
	assert_int_equal(identity_save(&i, &e), 0);
	identity_release(&i);
	load(&i);
	assert_int_equal(i.relays_version, 5);
	assert_parents(&i, "r1:1 s:1 ");
	snprintf(i.site, sizeof i.site, "nowhere");
	assert_parents(&i, "r1:1 r2:1 r2:2 s:1 ");
	i.role = PKI_RELAY;
	assert_parents(&i, "s:1 ");
	assert_int_equal(identity_judge(&i, "him://relay/" KIT_RELAY, &e), 0);
	assert_int_equal(identity_judge(&i, "him://agent/" KIT_RELAY, &e), -1);
	assert_int_equal(identity_judge(&i, "him://server/" OTHER, &e), -1);
	assert_int_equal(identity_judge(&i, "nonsense", &e), -1);
	identity_release(&i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_saved_and_loaded, make, clean),
		cmocka_unit_test_setup_teardown(test_not_enrolled, make, clean),
		cmocka_unit_test_setup_teardown(test_damaged, make, clean),
		cmocka_unit_test_setup_teardown(test_renewal_over_a_restart, make, clean),
		cmocka_unit_test_setup_teardown(test_fork_is_another_agent, make, clean),
		cmocka_unit_test_setup_teardown(test_a_fork_is_asked_again, make, clean),
		cmocka_unit_test(test_when_to_renew),
		cmocka_unit_test_setup_teardown(test_parents, make, clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
