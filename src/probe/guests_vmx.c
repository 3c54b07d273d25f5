// SPDX-License-Identifier: Apache-2.0
/*
 * VMware: a .vmx file, lines of KEY = "VALUE", keys in any case. `.encoding` says in what the
 * values are written; in a value |22 is a byte in hex and %2f one that vSphere does not allow in a
 * name.
 *
 * What the file leaves out has a value all the same: VMware gives a machine one processor and 32
 * MiB. One that was never switched on has no uuid.bios: it is taken as all zero, as libvirt takes
 * it; no report makes a key of that.
 *
 * An adapter counts when it is present. addressType says which of its two addresses is in force.
 */
#include "probe/guests.h"
#include "base/text.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ADAPTERS 10 /* VMware's own limit */
#define MEMORY_DEFAULT (INT64_C(32) << 20)
#define NIL_UUID "00000000-0000-0000-0000-000000000000"

struct adapter {
	bool present;
	const char *type, *generated, *address;
};

struct vmx {
	const char *name, *uuid, *memory, *vcpus, *encoding, *saved;
	struct adapter adapters[ADAPTERS];
	bool known; /* a key that only such files have */
};

/* "ethernet3.address": the part behind the dot, and which adapter. */
static const char *adapter_key(const char *key, size_t *index)
{
	char *dot;

	if (strncasecmp(key, "ethernet", 8) != 0 || !isdigit((unsigned char)key[8]))
		return NULL;
	unsigned long n = strtoul(key + 8, &dot, 10);
	if (*dot != '.' || n >= ADAPTERS)
		return NULL;
	*index = n;
	return dot + 1;
}

static void take_adapter(struct adapter *a, const char *key, const char *value)
{
	if (strcasecmp(key, "present") == 0)
		a->present = strcasecmp(value, "true") == 0 || strcmp(value, "1") == 0 ||
			strcasecmp(value, "yes") == 0;
	else if (strcasecmp(key, "addressType") == 0)
		a->type = value;
	else if (strcasecmp(key, "generatedAddress") == 0)
		a->generated = value;
	else if (strcasecmp(key, "address") == 0)
		a->address = value;
}

static void take(struct vmx *v, const char *key, const char *value)
{
	const struct {
		const char *key;
		const char **field;
	} keys[] = {{"displayName", &v->name}, {"uuid.bios", &v->uuid}, {"memsize", &v->memory},
		{"numvcpus", &v->vcpus}, {".encoding", &v->encoding},
		{"checkpoint.vmState", &v->saved}};
	size_t index;
	const char *rest = adapter_key(key, &index);

	if (rest)
		take_adapter(&v->adapters[index], rest, value);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcasecmp(key, keys[i].key) == 0)
			*keys[i].field = value;
	if (strcasecmp(key, "config.version") == 0 || strcasecmp(key, "virtualHW.version") == 0 ||
		strcasecmp(key, "displayName") == 0 || strcasecmp(key, "guestOS") == 0 ||
		strcasecmp(key, "memsize") == 0)
		v->known = true;
}

/* One KEY = "VALUE" line, cut in place. */
static int take_line(struct vmx *v, char *line, struct err *e)
{
	char *value, *end;

	line = text_trim(line);
	if (!*line || *line == '#')
		return 0;
	value = strchr(line, '=');
	if (!value || value == line)
		return err_set(e, ERR_INVALID, "'%.60s' is not KEY = \"VALUE\"", line);
	*value++ = 0;
	value = text_trim(value);
	if (*value == '"' || *value == '\'') {
		end = strchr(value + 1, *value);
		if (!end)
			return err_set(
				e, ERR_INVALID, "the value of '%.60s' has no end", text_trim(line));
		*end = 0;
		value++;
	}
	take(v, text_trim(line), value);
	return 0;
}

/* windows-1252 above ASCII where it is not Latin 1; 0 where it has no character. */
static const uint16_t windows_1252[32] = {0x20ac, 0, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
	0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017d, 0, 0, 0x2018, 0x2019, 0x201c, 0x201d,
	0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0, 0x017e, 0x0178};

static void add_utf8(struct buf *out, unsigned c)
{
	if (c >= 0x800)
		buf_printf(
			out, "%c%c%c", 0xe0 | c >> 12, 0x80 | (c >> 6 & 0x3f), 0x80 | (c & 0x3f));
	else if (c >= 0x80)
		buf_printf(out, "%c%c", 0xc0 | c >> 6, 0x80 | (c & 0x3f));
	else
		buf_addc(out, (char)c);
}

static bool is_western(const char *encoding)
{
	static const char *const names[] = {
		"windows-1252", "cp1252", "ISO-8859-1", "latin1", "ISO-8859-15", "US-ASCII"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcasecmp(encoding, names[i]) == 0)
			return true;
	return false;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'          ? c - '0'
		: isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
					     : -1;
}

/* Undoes |XX and %XX; the bytes are of the file's encoding still. A NUL stays as it is written. */
static void unescape(const char *text, struct buf *out)
{
	for (; *text; text++) {
		int high = (*text == '|' || *text == '%') ? hex_digit(text[1]) : -1;
		int low = high >= 0 ? hex_digit(text[2]) : -1;
		if (low < 0 || (high == 0 && low == 0)) {
			buf_addc(out, *text);
			continue;
		}
		buf_addc(out, (char)(high << 4 | low));
		text += 2;
	}
}

static int take_name(struct guests *list, struct guest *g, const struct vmx *v, struct err *e)
{
	struct buf bytes, out;
	int rc;

	buf_init(&bytes, 8 * GUEST_TEXT_MAX);
	buf_init(&out, 24 * GUEST_TEXT_MAX);
	unescape(v->name, &bytes);
	bool western = v->encoding && is_western(v->encoding);
	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.data[i];
		if (!western || c < 0x80)
			buf_addc(&out, (char)c);
		else
			add_utf8(&out,
				c < 0xa0 && windows_1252[c - 0x80] ? windows_1252[c - 0x80] : c);
	}
	rc = bytes.full || out.full
		? err_set(e, ERR_TOO_LARGE, "displayName is over %d bytes", GUEST_TEXT_MAX)
		: guest_name(list, g, buf_str(&out), e);
	buf_release(&bytes);
	buf_release(&out);
	return rc;
}

static void take_macs(struct guests *list, struct guest *g, const struct vmx *v)
{
	for (size_t i = 0; i < ADAPTERS; i++) {
		const struct adapter *a = &v->adapters[i];
		bool fixed = a->type && strcasecmp(a->type, "static") == 0;
		const char *mac = fixed ? a->address : a->generated;
		if (a->present && mac)
			guest_mac(list, g, mac, strlen(mac));
	}
}

int guests_vmx(const char *text, size_t len, struct guests *list, struct err *e)
{
	char *at = arena_strndup(list->arena, text, len), *line;
	struct vmx v = {0};
	struct guest *g;

	if (strncmp(at, "\xef\xbb\xbf", 3) == 0)
		at += 3;
	while ((line = guest_line(&at)))
		if (take_line(&v, line, e))
			return -1;
	if (!v.known)
		return err_set(e, ERR_INVALID, "it has no key of a .vmx file");
	g = guests_add(list, e);
	if (!g || (v.name && take_name(list, g, &v, e)))
		return -1;
	if (v.uuid && !guest_uuid(list, g, v.uuid))
		return err_set(e, ERR_INVALID, "uuid.bios '%.60s' is no UUID", v.uuid);
	if (!v.uuid)
		g->uuid = NIL_UUID;
	g->memory_bytes = v.memory ? guest_amount(v.memory, 1 << 20) : MEMORY_DEFAULT;
	g->vcpus = v.vcpus ? guest_count(v.vcpus, "") : 1;
	if (v.saved && *v.saved)
		g->state = GUEST_SUSPENDED;
	take_macs(list, g, &v);
	return 0;
}
