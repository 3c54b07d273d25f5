// SPDX-License-Identifier: Apache-2.0
/*
 * Keys: one spelling for each, and which of them say anything at all.
 *
 * - A UUID is spelt in the smaller of its two byte orders (ESX and Hyper-V swap the first three groups of what the
 *   guest reads), so that equality of text is equality in either order. Xen's and SMBIOS' are one space of values:
 *   a PV guest has no SMBIOS and reads the same number elsewhere.
 * - A MAC's text has no scope: an unknown scope matches every one. Whether two scopes allow a match is asked later.
 * - What many machines are made with is never believed: tables below, each value seen in the wild as a vendor's default.
 * - A container's own agent reads its host's SMBIOS and its host's cloud identity: those are not its keys.
 * - /etc/machine-id never counts: every clone of an image has the image's. It is told so in *why*.
 */
#include "core/resolve_internal.h"
#include <ctype.h>
#include <string.h>

/* Word: the start of a key's text, and its name in JSON. Points: how much one shared key of the kind says. */
static const struct {
	const char *word;
	int points;
} kinds[RESOLVE_KEY_KINDS] = {
	[RESOLVE_AGENT] = {"agent", 200}, /* minted by the server for one installation */
	[RESOLVE_MAC] = {"mac", 40},      /* unique by design, copied by people; often several */
	[RESOLVE_UUID] = {"uuid",
		60}, /* made by the hypervisor for one guest; copied by careless clones */
	[RESOLVE_XEN] = {"xen", 60},       /* the same number, read elsewhere */
	[RESOLVE_SERIAL] = {"serial", 40}, /* a vendor's sticker: unique within the vendor */
	[RESOLVE_CLOUD] = {"cloud", 80},   /* never used twice by its provider */
	[RESOLVE_VSPHERE] = {"vsphere",
		80}, /* a vCenter keeps it unique and changes it in clones */
	[RESOLVE_CONTAINER] = {"container", 80}, /* 256 random bits, or a runtime's id */
	[RESOLVE_MACHINE_ID] = {"machine-id", 0},
};

/* In one byte order; the other is tried too. One byte all over ("000…", "fff…") is refused without a row. */
static const char *const never_uuids[] = {
	"03000200040005000006000700080009", /* American Megatrends' example */
	"123456781234567890abcddeefaabbcc", /* counting */
	"000102030405060708090a0b0c0d0e0f", /* counting */
	"00112233445566778899aabbccddeeff", /* counting */
	"0123456789abcdef0123456789abcdef", /* counting */
	"11111111222233334444555555555555", /* counting */
	"07090201010303010807060504030201", /* a board maker's default */
	"4c4c454400002010802080c04f202020", /* Dell, without a service tag */
	"890e2d14cacd45d1ae66bc80e8bfeb0f", /* one board's firmware, on every board */
	"8e275844178f44a8aceba7d7e5178c63", /* the same story */
	"dc698397fa544cf282c8b1b5307a6a7f", /* the same story */
};

/* What stands where nobody wrote a serial; lower case. One character all over is refused without a row. */
static const char *const never_serials[] = {"none", "n/a", "na", "not specified", "not settable",
	"not available", "not applicable", "not present", "unknown", "undefined", "invalid",
	"empty", "null", "nil", "default", "default string", "to be filled",
	"to be filled by o.e.m.", "to be filled by oem", "tobefilledbyo.e.m.", "oem", "o.e.m.",
	"filled by oem", "system serial number", "system serial#", "serial number", "serial",
	"chassis serial number", "base board serial number", "board serial number", "0123456789",
	"123456789", "1234567890", "9876543210", "123456", "12345678", "sys-1234567890",
	"mb-1234567890", "ssn12345678901234567", "type2 - board serial number", "00000000000",
	"xx-xx-xx"};

/* First bytes of MACs that many interfaces have. n: how many bytes decide. */
static const struct {
	unsigned char bytes[6], n;
} never_macs[] = {
	{{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff}, 6}, /* the near end of every Xen vif */
	{{0x00, 0x00, 0x5e, 0x00, 0x01}, 5},       /* VRRP, CARP: whoever is master */
	{{0x00, 0x00, 0x5e, 0x00, 0x02}, 5},       /* VRRP for IPv6 */
	{{0x00, 0x00, 0x0c, 0x07, 0xac}, 5},       /* HSRP */
	{{0x00, 0x00, 0x0c, 0x9f}, 4},             /* HSRP, second version: f0 … ff follow */
	{{0x00, 0x50, 0x56, 0xc0, 0x00}, 5},       /* vmnet1, vmnet8 of every VMware Workstation */
	{{0x0a, 0x00, 0x27, 0x00, 0x00}, 5},       /* host-only network of every VirtualBox */
	{{0x00, 0x1c, 0x42, 0x00, 0x00}, 5},       /* host-only network of every Parallels */
	{{0x02, 0x00, 0x4c, 0x4f, 0x4f, 0x50}, 6}, /* Windows' loopback adapter */
	{{0x20, 0x41, 0x53, 0x59, 0x4e, 0xff}, 6}, /* Windows' RAS adapter */
	{{0x50, 0x50, 0x54, 0x50, 0x30, 0x30}, 6}, /* Windows' PPTP adapter */
	{{0x33, 0x50, 0x6f, 0x45, 0x30, 0x30}, 6}, /* Windows' PPPoE adapter */
	{{0x00, 0x53, 0x45, 0x00, 0x00, 0x00}, 6}, /* Windows' PPP adapter */
	{{0x00, 0x05, 0x9a, 0x3c}, 4},             /* a VPN client's adapter, the same everywhere */
	{{0x00, 0x09, 0x0f, 0xfe, 0x00}, 5},       /* another VPN client's */
};

static int nibble(char c)
{
	return c >= '0' && c <= '9'    ? c - '0'
		: c >= 'a' && c <= 'f' ? c - 'a' + 10
		: c >= 'A' && c <= 'F' ? c - 'A' + 10
				       : -1;
}

/* The hex digits of s, lower case, into out; separators are skipped. false: another character, or not exactly n digits. */
static bool hex_digits(const char *s, const char *separators, size_t n, char *out)
{
	size_t len = 0;

	for (; *s; s++) {
		if (nibble(*s) < 0 && strchr(separators, *s))
			continue;
		if (nibble(*s) < 0 || len == n)
			return false;
		out[len++] = "0123456789abcdef"[nibble(*s)];
	}
	out[len] = '\0';
	return len == n;
}

static bool all_the_same(const char *s)
{
	return strspn(s, (const char[]){*s, '\0'}) == strlen(s);
}

static void swap_pairs(char *s, size_t pairs)
{
	for (size_t i = 0; i < pairs / 2; i++) {
		char pair[2];
		char *a = s + 2 * i, *b = s + 2 * (pairs - 1 - i);
		memcpy(pair, a, 2);
		memcpy(a, b, 2);
		memcpy(b, pair, 2);
	}
}

static enum resolve_reason spell_uuid(const char *value, char *out)
{
	char hex[33], other[33];

	if (!hex_digits(value, "-{} ", 32, hex))
		return RESOLVE_MALFORMED;
	memcpy(other, hex, 33);
	swap_pairs(other, 4);
	swap_pairs(other + 8, 2);
	swap_pairs(other + 12, 2);
	memcpy(out, strcmp(other, hex) < 0 ? other : hex, 33);
	if (memcmp(hex, hex + 2, 30) == 0) /* one byte all over */
		return RESOLVE_NEVER;
	for (size_t i = 0; i < sizeof never_uuids / sizeof *never_uuids; i++)
		if (memcmp(hex, never_uuids[i], 32) == 0 || memcmp(other, never_uuids[i], 32) == 0)
			return RESOLVE_NEVER;
	return RESOLVE_MATCHED;
}

static enum resolve_reason spell_mac(const char *value, char *out)
{
	char hex[13];
	unsigned char b[6];

	if (!hex_digits(value, ":-.", 12, hex))
		return RESOLVE_MALFORMED;
	for (size_t i = 0; i < 6; i++)
		b[i] = (unsigned char)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
	for (size_t i = 0; i < 6; i++) {
		memcpy(out + 3 * i, hex + 2 * i, 2);
		out[3 * i + 2] = i < 5 ? ':' : '\0';
	}
	if (b[0] & 1 || memcmp(b, "\0\0\0\0\0", 6) == 0)
		return RESOLVE_NEVER;
	for (size_t i = 0; i < sizeof never_macs / sizeof *never_macs; i++)
		if (memcmp(b, never_macs[i].bytes, never_macs[i].n) == 0)
			return RESOLVE_NEVER;
	return RESOLVE_MATCHED;
}

/* Lower case, without blanks at its ends. */
static enum resolve_reason spell_text(const char *value, char *out)
{
	size_t len = strlen(value);

	while (len && isspace((unsigned char)*value))
		value++, len--;
	while (len && isspace((unsigned char)value[len - 1]))
		len--;
	for (size_t i = 0; i < len; i++)
		out[i] = (char)tolower((unsigned char)value[i]);
	out[len] = '\0';
	return len ? RESOLVE_MATCHED : RESOLVE_MALFORMED;
}

static enum resolve_reason spell_serial(const char *value, char *out)
{
	enum resolve_reason why = spell_text(value, out);

	if (why != RESOLVE_MATCHED)
		return why;
	if (strlen(out) < 3 || all_the_same(out))
		return RESOLVE_NEVER;
	for (size_t i = 0; i < sizeof never_serials / sizeof *never_serials; i++)
		if (strcmp(out, never_serials[i]) == 0)
			return RESOLVE_NEVER;
	return RESOLVE_MATCHED;
}

/* More own MACs than a machine has: a liar's list would disqualify everybody's. */
static bool too_many_macs(const struct resolve_sighting *s)
{
	size_t macs = 0;

	for (size_t i = 0; i < s->keys_n && macs <= RESOLVE_MACS_MAX; i++)
		macs += s->keys[i].kind == RESOLVE_MAC && !s->keys[i].foreign;
	return macs > RESOLVE_MACS_MAX;
}

/* What speaks against key k of s before its value is looked at; RESOLVE_MATCHED when nothing does. */
static enum resolve_reason standing(const struct resolve_sighting *s, const struct resolve_key *k)
{
	bool self = !*s->key;

	if (k->foreign)
		return RESOLVE_FOREIGN;
	if (k->kind == RESOLVE_MACHINE_ID)
		return RESOLVE_WEAK;
	if (self && s->kind == RESOLVE_CONTAINED &&
		(k->kind == RESOLVE_UUID || k->kind == RESOLVE_XEN || k->kind == RESOLVE_SERIAL ||
			k->kind == RESOLVE_CLOUD))
		return RESOLVE_OUTER;
	if (self && k->kind == RESOLVE_AGENT && strcmp(k->value, s->source) != 0)
		return RESOLVE_MALFORMED;
	if (k->kind == RESOLVE_MAC && too_many_macs(s))
		return RESOLVE_TOO_MANY;
	return RESOLVE_MATCHED;
}

enum resolve_reason resolve_key_text(
	const struct resolve_sighting *s, size_t i, char out[RESOLVE_CONNECT_MAX])
{
	const struct resolve_key *k = &s->keys[i];
	const char *scope = k->scope ? k->scope : "", *word;
	enum resolve_reason why, spelt;
	bool uuid = k->kind == RESOLVE_UUID || k->kind == RESOLVE_XEN, mac = k->kind == RESOLVE_MAC;
	size_t n;

	out[0] = '\0';
	if (!k->value || strlen(k->value) > RESOLVE_VALUE_MAX || strlen(scope) > RESOLVE_VALUE_MAX)
		return RESOLVE_MALFORMED;
	why = standing(s, k);
	word = uuid ? "uuid" : kinds[k->kind].word;
	n = strlen(word);
	memcpy(out, word, n);
	out[n++] = ' ';
	out[n] = '\0';
	if (*scope && !mac && !uuid) {
		spell_text(scope, out + n);
		n += strlen(out + n);
		out[n++] = '/';
	}
	spelt = uuid                        ? spell_uuid(k->value, out + n)
		: mac                       ? spell_mac(k->value, out + n)
		: k->kind == RESOLVE_SERIAL ? spell_serial(k->value, out + n)
					    : spell_text(k->value, out + n);
	return why != RESOLVE_MATCHED ? why : spelt;
}

bool resolve_connects(const struct resolve_sighting *s, size_t i, char out[RESOLVE_CONNECT_MAX])
{
	if (*s->key && !s->host)
		return false;
	return resolve_key_text(s, i, out) == RESOLVE_MATCHED;
}

bool resolve_key_is_zero(const struct resolve_key *k)
{
	char hex[33];

	return (k->kind == RESOLVE_UUID || k->kind == RESOLVE_XEN) && k->value &&
		hex_digits(k->value, "-{} ", 32, hex) && strspn(hex, "0") == 32;
}

int resolve_key_points(enum resolve_key_kind k)
{
	return kinds[k].points;
}

const char *resolve_key_word(enum resolve_key_kind k)
{
	return kinds[k].word;
}

bool resolve_key_kind(const char *word, enum resolve_key_kind *out)
{
	for (size_t i = 0; word && i < RESOLVE_KEY_KINDS; i++)
		if (strcmp(kinds[i].word, word) == 0) {
			*out = (enum resolve_key_kind)i;
			return true;
		}
	return false;
}
