// SPDX-License-Identifier: Apache-2.0
/*
 * The administrator's rules: a parser that takes a file whole or refuses it, and a matcher.
 *
 * A condition is a key of a small table with a pattern; for addresses the pattern is a network,
 * parsed once. Rules live in an arena and never change, so a machine that has no file pays
 * nothing, and one that has pays a few comparisons an hour.
 */
#include "probe/providers.h"
#include "base/arena.h"
#include "base/text.h"
#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONDITIONS 8
#define VALUE_MAX 200

enum about { ABOUT_DMI, ABOUT_NAME, ABOUT_IP, ABOUT_MAC, ABOUT_GATEWAY };

struct wish {
	enum about about;
	enum fact fact; /* ABOUT_DMI */
	const char *key, *pattern;
	int family; /* ABOUT_IP */
	uint8_t address[16];
	unsigned bits;
};

struct rule {
	struct rule *next;
	const char *provider, *network;
	int line;
	struct wish wishes[CONDITIONS];
	size_t n;
};

struct providers {
	struct arena *arena;
	struct providers *then; /* asked where none of these fits */
	struct rule *first, **end;
	char *name;
	size_t n;
	bool network;
};

static const struct {
	const char *key;
	enum about about;
} keys[] = {
	{"host.name", ABOUT_NAME},
	{"host.ip", ABOUT_IP},
	{"host.mac", ABOUT_MAC},
	{"him.gateway.mac", ABOUT_GATEWAY},
};

/* ---- patterns ---- */

/* Walks back to the last * only, so it costs at most both lengths multiplied. */
static bool fits(const char *pattern, const char *text)
{
	const char *star = NULL, *mark = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = pattern++;
			mark = text;
		} else if (*pattern == '?' ||
			tolower((unsigned char)*pattern) == tolower((unsigned char)*text)) {
			pattern++, text++;
		} else if (star) {
			pattern = star + 1;
			text = ++mark;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == 0;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;
	uint8_t mask = (uint8_t)(0xff00 >> rest);

	return memcmp(a, b, whole) == 0 && (rest == 0 || ((a[whole] ^ b[whole]) & mask) == 0);
}

/* "192.0.2.7/24", "2001:db8::1/64", or one without a length. */
static int network_parse(
	const char *text, int *family, uint8_t out[16], unsigned *bits, struct err *e)
{
	char address[64];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	int64_t length;

	*family = memchr(text, ':', n) ? AF_INET6 : AF_INET;
	if (n >= sizeof(address))
		return err_field(e, ERR_INVALID, "host.ip", "'%.60s' is no network", text);
	memcpy(address, text, n);
	address[n] = 0;
	memset(out, 0, 16);
	if (inet_pton(*family, address, out) != 1)
		return err_field(e, ERR_INVALID, "host.ip",
			"'%.60s' is no network; write 192.0.2.0/24 or 2001:db8::/32", text);
	length = *family == AF_INET ? 32 : 128;
	if (slash && text_int(slash + 1, "host.ip", 0, length, &length, e))
		return -1;
	*bits = (unsigned)length;
	return 0;
}

/* ---- the parser ---- */

static int add_rule(struct providers *p, const char *provider, int line, struct err *e)
{
	struct rule *r;

	if (text_label(provider, "provider", 64, e))
		return -1;
	if (p->n == PROVIDERS_RULES)
		return err_set(e, ERR_TOO_LARGE, "there are more than %d rules", PROVIDERS_RULES);
	r = arena_alloc(p->arena, sizeof(*r));
	r->provider = arena_strdup(p->arena, provider);
	r->network = NULL;
	r->line = line;
	*p->end = r;
	p->end = &r->next;
	p->n++;
	return 0;
}

static struct rule *last_rule(const struct providers *p)
{
	struct rule *r = p->first;
	while (r && r->next)
		r = r->next;
	return r;
}

static int key_find(const char *key, struct wish *out, struct err *e)
{
	static const char *const words[] = {"network", "host.name", "host.ip", "host.mac",
		"him.gateway.mac", "dmi.sys_vendor", "dmi.product_name", "dmi.product_version",
		"dmi.product_serial", "dmi.product_uuid", "dmi.product_family", "dmi.bios_vendor",
		"dmi.bios_version", "dmi.board_vendor", "dmi.board_name", "dmi.board_asset_tag",
		"dmi.chassis_vendor", "dmi.chassis_asset_tag"};
	const char *near;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(keys[i].key, key) == 0) {
			out->about = keys[i].about;
			return 0;
		}
	out->about = ABOUT_DMI;
	out->fact = text_starts(key, "dmi.") ? evidence_named(key + 4) : FACTS;
	if (out->fact != FACTS)
		return 0;
	near = text_nearest(key, words, sizeof(words) / sizeof(words[0]));
	return near ? err_field(e, ERR_INVALID, key, "unknown key '%.60s'; did you mean '%s'?", key,
			      near)
		    : err_field(e, ERR_INVALID, key, "unknown key '%.60s'", key);
}

static int set_network(struct rule *r, const char *value, struct err *e)
{
	static const char *const words[] = {"proprietary", "private", "public"};

	if (r->network)
		return err_field(e, ERR_INVALID, "network", "network stands twice in this rule");
	for (size_t i = 0; i < 3; i++)
		if (strcmp(words[i], value) == 0) {
			r->network = words[i];
			return 0;
		}
	return err_field(e, ERR_INVALID, "network",
		"network must be proprietary, private or public, not '%.60s'", value);
}

static int add_wish(
	struct providers *p, struct rule *r, const char *key, const char *value, struct err *e)
{
	struct wish w = {0};

	if (!*value)
		return err_field(e, ERR_INVALID, key, "%.60s has no value", key);
	if (strlen(value) > VALUE_MAX)
		return err_field(e, ERR_TOO_LARGE, key, "%.60s has %zu characters; the limit is %d",
			key, strlen(value), VALUE_MAX);
	if (strcmp(key, "network") == 0)
		return set_network(r, value, e);
	if (key_find(key, &w, e))
		return -1;
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->wishes[i].key, key) == 0)
			return err_field(e, ERR_INVALID, key,
				"%.60s stands twice in this rule; write a second rule", key);
	if (r->n == CONDITIONS)
		return err_set(e, ERR_TOO_LARGE, "a rule has at most %d conditions", CONDITIONS);
	if (w.about == ABOUT_IP && network_parse(value, &w.family, w.address, &w.bits, e))
		return -1;
	w.key = arena_strdup(p->arena, key);
	w.pattern = arena_strdup(p->arena, value);
	p->network |= w.about == ABOUT_IP || w.about == ABOUT_MAC || w.about == ABOUT_GATEWAY;
	r->wishes[r->n++] = w;
	return 0;
}

static int has_conditions(const struct rule *r, struct err *e)
{
	return !r || r->n > 0
		? 0
		: err_set(e, ERR_INVALID,
			  "the rule of '%s' has no condition; it would fit every machine",
			  r->provider);
}

static int take_line(struct providers *p, char *line, int number, struct err *e)
{
	char *text = text_trim(line), *equals;
	size_t n = strlen(text);

	if (!*text || *text == '#')
		return 0;
	if (*text == '[') {
		if (text[n - 1] != ']')
			return err_set(e, ERR_INVALID, "a rule begins with [PROVIDER]");
		text[n - 1] = 0;
		return has_conditions(last_rule(p), e)
			? -1
			: add_rule(p, text_trim(text + 1), number, e);
	}
	equals = strchr(text, '=');
	if (!equals)
		return err_set(e, ERR_INVALID, "a line is 'key = pattern' or [PROVIDER]");
	if (!p->first)
		return err_set(e, ERR_INVALID, "a rule begins with [PROVIDER]");
	*equals = 0;
	return add_wish(p, last_rule(p), text_trim(text), text_trim(equals + 1), e);
}

static int take_lines(struct providers *p, char *text, int *number, struct err *e)
{
	for (char *line = text; line;) {
		char *eol = strchr(line, '\n');
		if (eol)
			*eol = 0;
		++*number;
		if (take_line(p, line, *number, e))
			return -1;
		line = eol ? eol + 1 : NULL;
	}
	return has_conditions(last_rule(p), e);
}

struct providers *providers_parse(const char *text, size_t len, const char *name, struct err *e)
{
	struct providers *p;
	char *copy;
	int number = 0, r;

	if (len > PROVIDERS_MAX) {
		err_set(e, ERR_TOO_LARGE, "%s has %zu bytes; the limit is %d", name, len,
			PROVIDERS_MAX);
		return NULL;
	}
	if (!text_utf8_valid(text, len)) {
		err_set(e, ERR_INVALID, "%s is not UTF-8 text", name);
		return NULL;
	}
	p = xcalloc(1, sizeof(*p));
	p->arena = arena_new();
	p->name = arena_strdup(p->arena, name);
	p->end = &p->first;
	copy = xstrndup(text, len);
	r = take_lines(p, copy, &number, e);
	free(copy);
	if (r) {
		err_where(e, "%s line %d", name, number);
		providers_free(p);
		return NULL;
	}
	return p;
}

void providers_free(struct providers *p)
{
	if (!p)
		return;
	providers_free(p->then);
	arena_free(p->arena);
	free(p);
}

void providers_then(struct providers *p, struct providers *then)
{
	assert(!p->then);
	p->then = then;
}

bool providers_need_network(const struct providers *p)
{
	return p && (p->network || providers_need_network(p->then));
}

/* ---- the matcher ---- */

static bool has_address(const struct json *nics, const struct wish *w)
{
	struct json_iter nic = json_iter(nics);

	while (json_next(&nic)) {
		struct json_iter it = json_iter(json_get(nic.value, "address"));
		while (json_next(&it)) {
			uint8_t own[16];
			unsigned bits;
			int family;
			if (network_parse(it.key, &family, own, &bits, NULL) == 0 &&
				family == w->family && same_bits(own, w->address, w->bits))
				return true;
		}
	}
	return false;
}

static bool has_mac(const struct json *nics, const char *pattern)
{
	struct json_iter nic = json_iter(nics);

	while (json_next(&nic)) {
		const char *mac = json_str(json_get(nic.value, "mac"));
		if (mac && fits(pattern, mac))
			return true;
	}
	return false;
}

static bool holds(
	const struct wish *w, const struct evidence *ev, const struct surroundings *around)
{
	switch (w->about) {
	case ABOUT_DMI:
		return evidence_text(ev, w->fact)[0] &&
			fits(w->pattern, evidence_text(ev, w->fact));
	case ABOUT_NAME:
		return around && around->name[0] && fits(w->pattern, around->name);
	case ABOUT_IP:
		return around && has_address(around->nics, w);
	case ABOUT_MAC:
		return around && has_mac(around->nics, w->pattern);
	case ABOUT_GATEWAY:
		return around && around->gateway_mac && fits(w->pattern, around->gateway_mac);
	}
	return false;
}

void providers_apply(const struct providers *p, const struct evidence *ev,
	const struct surroundings *around, struct virt *out)
{
	for (const struct rule *r = p->first; r; r = r->next) {
		bool all = true;
		for (size_t i = 0; i < r->n && all; i++)
			all = holds(&r->wishes[i], ev, around);
		if (!all)
			continue;
		char *why = xasprintf("the rule of line %d in %s fits", r->line, p->name);
		json_add(out->why, json_string(why));
		free(why);
		out->provider = r->provider;
		out->network = r->network ? r->network : "public";
		return;
	}
	if (p->then)
		providers_apply(p->then, ev, around, out);
}
