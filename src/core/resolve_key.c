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
static const struct spelt never_uuids[] = {
	{0x0300020004000500, 0x0006000700080009}, /* American Megatrends' example */
	{0x1234567812345678, 0x90abcddeefaabbcc}, /* counting */
	{0x0001020304050607, 0x08090a0b0c0d0e0f}, /* counting */
	{0x0011223344556677, 0x8899aabbccddeeff}, /* counting */
	{0x0123456789abcdef, 0x0123456789abcdef}, /* counting */
	{0x1111111122223333, 0x4444555555555555}, /* counting */
	{0x0709020101030301, 0x0807060504030201}, /* a board maker's default */
	{0x4c4c454400002010, 0x802080c04f202020}, /* Dell, without a service tag */
	{0x890e2d14cacd45d1, 0xae66bc80e8bfeb0f}, /* one board's firmware, on every board */
	{0x8e275844178f44a8, 0xaceba7d7e5178c63}, /* the same story */
	{0xdc698397fa544cf2, 0x82c8b1b5307a6a7f}, /* the same story */
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

/* MACs that many interfaces have. n: how many of the bytes decide. */
static const struct {
	uint64_t mac;
	unsigned n;
} never_macs[] = {
	{0xfeffffffffff, 6}, /* the near end of every Xen vif */
	{0x00005e000100, 5}, /* VRRP, CARP: whoever is master */
	{0x00005e000200, 5}, /* VRRP for IPv6 */
	{0x00000c07ac00, 5}, /* HSRP */
	{0x00000c9f0000, 4}, /* HSRP, second version: f0 … ff follow */
	{0x005056c00000, 5}, /* vmnet1, vmnet8 of every VMware Workstation */
	{0x0a0027000000, 5}, /* host-only network of every VirtualBox */
	{0x001c42000000, 5}, /* host-only network of every Parallels */
	{0x02004c4f4f50, 6}, /* Windows' loopback adapter */
	{0x204153594eff, 6}, /* Windows' RAS adapter */
	{0x505054503030, 6}, /* Windows' PPTP adapter */
	{0x33506f453030, 6}, /* Windows' PPPoE adapter */
	{0x005345000000, 6}, /* Windows' PPP adapter */
	{0x00059a3c0000, 4}, /* a VPN client's adapter, the same everywhere */
	{0x00090ffe0000, 5}, /* another VPN client's */
};

/* What a hex digit is worth, and one: what is 0 here is no digit. */
static const unsigned char digits[256] = {['0'] = 1,
	['1'] = 2,
	['2'] = 3,
	['3'] = 4,
	['4'] = 5,
	['5'] = 6,
	['6'] = 7,
	['7'] = 8,
	['8'] = 9,
	['9'] = 10,
	['a'] = 11,
	['b'] = 12,
	['c'] = 13,
	['d'] = 14,
	['e'] = 15,
	['f'] = 16,
	['A'] = 11,
	['B'] = 12,
	['C'] = 13,
	['D'] = 14,
	['E'] = 15,
	['F'] = 16};

/* The number whose hex digits are s; separators are skipped. false: another character, or not exactly n digits. */
static bool hex_value(const char *s, const char *separators, unsigned n, struct spelt *out)
{
	unsigned len = 0;

	out->high = out->low = 0;
	for (; *s; s++) {
		unsigned digit = digits[(unsigned char)*s];
		if (!digit && strchr(separators, *s))
			continue;
		if (!digit || len++ == n)
			return false;
		out->high = out->high << 4 | out->low >> 60;
		out->low = out->low << 4 | (digit - 1);
	}
	return len == n;
}

static bool all_the_same(const char *s)
{
	return strspn(s, (const char[]){*s, '\0'}) == strlen(s);
}

/* A UUID's first three groups in the other byte order. */
static uint64_t swap_groups(uint64_t high)
{
	uint64_t a = __builtin_bswap32((uint32_t)(high >> 32)),
		 b = __builtin_bswap16((uint16_t)(high >> 16)),
		 c = __builtin_bswap16((uint16_t)high);

	return a << 32 | b << 16 | c;
}

static enum resolve_reason spell_uuid(const char *value, struct spelt *out)
{
	uint64_t one, other;

	if (!hex_value(value, "-{} ", 32, out))
		return RESOLVE_MALFORMED;
	one = out->high;
	other = swap_groups(one);
	out->high = one < other ? one : other;
	if (one == out->low && one == (one & 0xff) * 0x0101010101010101) /* one byte all over */
		return RESOLVE_NEVER;
	for (size_t i = 0; i < sizeof never_uuids / sizeof *never_uuids; i++)
		if (out->low == never_uuids[i].low &&
			(one == never_uuids[i].high || other == never_uuids[i].high))
			return RESOLVE_NEVER;
	return RESOLVE_MATCHED;
}

static enum resolve_reason spell_mac(const char *value, struct spelt *out)
{
	if (!hex_value(value, ":-.", 12, out))
		return RESOLVE_MALFORMED;
	if (out->low >> 40 & 1 || out->low == 0)
		return RESOLVE_NEVER;
	for (size_t i = 0; i < sizeof never_macs / sizeof *never_macs; i++)
		if ((out->low ^ never_macs[i].mac) >> (48 - 8 * never_macs[i].n) == 0)
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

/* "word value" or "word scope/value". */
static enum resolve_reason spell_words(
	const struct resolve_key *k, const char *scope, char out[RESOLVE_CONNECT_MAX])
{
	const char *word = kinds[k->kind].word;
	size_t n = strlen(word);

	memcpy(out, word, n);
	out[n++] = ' ';
	if (*scope) {
		spell_text(scope, out + n);
		n += strlen(out + n);
		out[n++] = '/';
	}
	return k->kind == RESOLVE_SERIAL ? spell_serial(k->value, out + n)
					 : spell_text(k->value, out + n);
}

enum resolve_reason resolve_key_spell(const struct resolve_sighting *s, size_t i, struct spelt *out,
	char text[RESOLVE_CONNECT_MAX])
{
	const struct resolve_key *k = &s->keys[i];
	const char *scope = k->scope ? k->scope : "";
	enum resolve_reason why;

	*out = (struct spelt){.kind = k->kind == RESOLVE_XEN ? RESOLVE_UUID : (uint32_t)k->kind};
	if (!k->value || strlen(k->value) > RESOLVE_VALUE_MAX || strlen(scope) > RESOLVE_VALUE_MAX)
		return RESOLVE_MALFORMED;
	why = standing(s, k);
	if (why != RESOLVE_MATCHED)
		return why;
	if (out->kind == RESOLVE_UUID)
		return spell_uuid(k->value, out);
	if (out->kind == RESOLVE_MAC)
		return spell_mac(k->value, out);
	out->text = text;
	return spell_words(k, scope, text);
}

void resolve_scope_spell(const char *scope, struct spelt *out)
{
	*out = (struct spelt){.kind = RESOLVE_MAC};
	if (!hex_value(scope, ":-.", 12, out))
		out->text = scope;
}

/* The last n hex digits of v. */
static char *put_hex(char *to, uint64_t v, unsigned n)
{
	while (n--)
		*to++ = "0123456789abcdef"[v >> 4 * n & 15];
	return to;
}

static void put_mac(char *to, uint64_t mac)
{
	for (unsigned i = 0; i < 6; i++) {
		to = put_hex(to, mac >> (40 - 8 * i), 2);
		*to++ = i < 5 ? ':' : '\0';
	}
}

bool resolve_connects(const struct resolve_sighting *s, size_t i, char out[RESOLVE_CONNECT_MAX])
{
	struct spelt spelt;

	out[0] = '\0';
	if ((*s->key && !s->host) || resolve_key_spell(s, i, &spelt, out) != RESOLVE_MATCHED)
		return false;
	if (spelt.text)
		return true;
	out = stpcpy(stpcpy(out, kinds[spelt.kind].word), " ");
	if (spelt.kind == RESOLVE_MAC)
		put_mac(out, spelt.low);
	else
		*put_hex(put_hex(out, spelt.high, 16), spelt.low, 16) = '\0';
	return true;
}

bool resolve_key_is_zero(const struct resolve_key *k)
{
	struct spelt u;

	return (k->kind == RESOLVE_UUID || k->kind == RESOLVE_XEN) && k->value &&
		hex_value(k->value, "-{} ", 32, &u) && u.high == 0 && u.low == 0;
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
