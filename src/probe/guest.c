// SPDX-License-Identifier: Apache-2.0
/*
 * One form for what the platforms say in many: see guest.h. The words of all platforms stand in one
 * table, because no word means two things on two of them.
 *
 * What is taken for true: text that does not parse as a MAC, UUID or amount is left out, never
 * guessed. A parser decides whether that is worth an error; a wrong key would tie two machines
 * together, a missing one only leaves them apart.
 */
#include "probe/guest.h"
#include "base/text.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void guests_init(struct guests *list)
{
	*list = (struct guests){.arena = arena_new()};
}

void guests_release(struct guests *list)
{
	arena_free(list->arena);
	*list = (struct guests){0};
}

struct guest *guests_add(struct guests *list, struct err *e)
{
	if (list->count >= GUESTS_MAX) {
		err_set(e, ERR_TOO_LARGE, "there are more than %d guests", GUESTS_MAX);
		return NULL;
	}
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 16;
		struct guest **items = arena_alloc(list->arena, room * sizeof(*items));
		if (list->count > 0)
			memcpy(items, list->items, list->count * sizeof(*items));
		list->items = items;
		list->room = room;
	}
	return list->items[list->count++] = arena_alloc(list->arena, sizeof(struct guest));
}

void guests_settle(struct guests *list)
{
	size_t kept = 0;
	for (size_t i = 0; i < list->count; i++)
		if (!list->items[i]->ignored)
			list->items[kept++] = list->items[i];
	list->count = kept;
}

/* ---- printing ---- */

static struct json *text_or_null(const char *text)
{
	return text ? json_string_len(text, strlen(text)) : json_null();
}

static struct json *count_or_null(int64_t n)
{
	return n > 0 ? json_int(n) : json_null();
}

struct json *guests_json(const struct guests *list)
{
	struct json *all = json_array();

	for (size_t i = 0; i < list->count; i++) {
		const struct guest *g = list->items[i];
		struct json *o = json_object(), *macs = json_array();
		for (size_t k = 0; k < g->macs_count; k++)
			json_add(macs, json_string(g->macs[k]));
		json_set(o, "name", text_or_null(g->name));
		json_set(o, "uuid", text_or_null(g->uuid));
		json_set(o, "host.mac", macs);
		json_set(o, "memory_bytes", count_or_null(g->memory_bytes));
		json_set(o, "vcpus", count_or_null(g->vcpus));
		json_set(o, "state", text_or_null(guest_state_word(g->state)));
		if (g->platform)
			json_set_string(o, "platform", g->platform);
		if (g->container)
			json_set(o, "container.id", text_or_null(g->container));
		json_add(all, o);
	}
	return all;
}

static bool is_nil(const char *uuid)
{
	return strspn(uuid, "0-") == strlen(uuid);
}

static struct json *record_of(const struct guest *g, const char *uuid)
{
	const char *state = guest_state_word(g->state);
	struct json *o = json_object(), *macs = json_array();

	if (g->platform)
		json_set_string(o, "platform", g->platform);
	if (g->name)
		json_set(o, "name", text_or_null(g->name));
	if (uuid)
		json_set_string(o, "uuid", uuid);
	for (size_t i = 0; i < g->macs_count; i++)
		json_add(macs, json_string(g->macs[i]));
	if (g->macs_count > 0)
		json_set(o, "mac", macs);
	else
		json_free(macs);
	if (state)
		json_set_string(o, "state", state);
	if (g->vcpus > 0)
		json_set_int(o, "vcpus", g->vcpus);
	if (g->memory_bytes > 0)
		json_set_int(o, "memory_bytes", g->memory_bytes);
	if (g->container)
		json_set(o, "container_id", text_or_null(g->container));
	return o;
}

struct json *guests_records(const struct guests *list)
{
	struct json *all = json_object();
	struct buf key;

	buf_init(&key, 8 * GUEST_TEXT_MAX);
	for (size_t i = 0; i < list->count; i++) {
		const struct guest *g = list->items[i];
		const char *uuid = g->uuid && !is_nil(g->uuid) ? g->uuid : NULL;
		const char *what = uuid ? uuid : g->container ? g->container : g->local;
		if (!what)
			what = g->name ? g->name : "?";
		buf_clear(&key);
		buf_printf(&key, "%s:", g->platform ? g->platform : "?");
		text_utf8_clean(what, strlen(what), &key);
		for (int n = 2; json_has(all, buf_str(&key)) && n < 1000; n++) {
			buf_clear(&key);
			buf_printf(&key, "%s:", g->platform ? g->platform : "?");
			text_utf8_clean(what, strlen(what), &key);
			buf_printf(&key, "#%d", n);
		}
		json_set(all, buf_str(&key), record_of(g, uuid));
	}
	buf_release(&key);
	return all;
}

/* ---- texts ---- */

char *guest_line(char **at)
{
	char *line = *at;
	if (!*line)
		return NULL;
	char *end = line + strcspn(line, "\n");
	*at = *end ? end + 1 : end;
	*end = 0;
	if (end > line && end[-1] == '\r')
		end[-1] = 0;
	return line;
}

char *guest_pair(char *line, char separator)
{
	char *value = strchr(line, separator);
	if (!value)
		return NULL;
	*value++ = 0;
	char *end = line + strlen(line);
	while (end > line && isspace((unsigned char)end[-1]))
		*--end = 0;
	return *line ? text_trim(value) : NULL;
}

int guest_text(struct guests *list, const char **field, const char *text, size_t len, struct err *e)
{
	while (len > 0 && isspace((unsigned char)*text))
		text++, len--;
	while (len > 0 && isspace((unsigned char)text[len - 1]))
		len--;
	if (len > GUEST_TEXT_MAX)
		return err_set(e, ERR_TOO_LARGE, "a name is over %d bytes", GUEST_TEXT_MAX);
	*field = len > 0 ? arena_strndup(list->arena, text, len) : NULL;
	return 0;
}

int guest_name(struct guests *list, struct guest *g, const char *text, struct err *e)
{
	return guest_text(list, &g->name, text, strlen(text), e);
}

bool guest_uuid(struct guests *list, struct guest *g, const char *text)
{
	char out[37];
	size_t n = 0;

	for (; *text; text++) {
		if (strchr("-{} \t\r\n", *text))
			continue;
		if (!isxdigit((unsigned char)*text) || n >= 36)
			return false;
		if (n == 8 || n == 13 || n == 18 || n == 23)
			out[n++] = '-';
		out[n++] = (char)tolower((unsigned char)*text);
	}
	if (n != 36)
		return false;
	g->uuid = arena_strndup(list->arena, out, n);
	return true;
}

/* One group of an address; moves *at behind it and its separator. -1 when there is none. */
static int mac_octet(const char **at, const char *end, bool separated, bool last)
{
	char digits[3] = {0};
	size_t n = 0;
	while (n < 2 && *at < end && isxdigit((unsigned char)**at))
		digits[n++] = *(*at)++;
	if (n == 0 || (!separated && n != 2))
		return -1;
	if (last)
		return *at == end ? (int)strtol(digits, NULL, 16) : -1;
	if (separated) {
		if (*at == end || (**at != ':' && **at != '-'))
			return -1;
		(*at)++;
	}
	return (int)strtol(digits, NULL, 16);
}

bool guest_mac(struct guests *list, struct guest *g, const char *text, size_t len)
{
	const char *end = text + len;
	uint8_t mac[6] = {0};

	while (text < end && isspace((unsigned char)*text))
		text++;
	while (text < end && isspace((unsigned char)end[-1]))
		end--;
	bool separated =
		memchr(text, ':', (size_t)(end - text)) || memchr(text, '-', (size_t)(end - text));
	for (size_t i = 0; i < 6; i++) {
		int octet = mac_octet(&text, end, separated, i == 5);
		if (octet < 0)
			return false;
		mac[i] = (uint8_t)octet;
	}
	if (memcmp(mac, "\0\0\0\0\0\0", 6) == 0 || g->macs_count >= GUEST_MACS_MAX)
		return false;
	if (!g->macs)
		g->macs = arena_alloc(list->arena, 4 * sizeof(*g->macs));
	else if (g->macs_count >= 4 && (g->macs_count & (g->macs_count - 1)) == 0)
		g->macs = memcpy(arena_alloc(list->arena, 2 * g->macs_count * sizeof(*g->macs)),
			g->macs, g->macs_count * sizeof(*g->macs));
	g->macs[g->macs_count++] = arena_printf(list->arena, "%02x:%02x:%02x:%02x:%02x:%02x",
		mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return true;
}

bool guest_has_mac(const struct guest *g, const char *mac)
{
	for (size_t i = 0; i < g->macs_count; i++)
		if (strcasecmp(g->macs[i], mac) == 0)
			return true;
	return false;
}

/* ---- numbers ---- */

/* The unit at `text`: "", "b", "KiB", "MB", "g"… 0 when it is none. */
static int64_t unit_of(const char *text, int64_t none)
{
	static const char letters[] = "kmgtp";
	const char *found;

	while (isspace((unsigned char)*text))
		text++;
	size_t len = strlen(text);
	while (len > 0 && isspace((unsigned char)text[len - 1]))
		len--;
	if (len == 0)
		return none;
	if ((len == 1 && tolower((unsigned char)*text) == 'b') ||
		(len == 5 && strncasecmp(text, "bytes", 5) == 0))
		return 1;
	found = strchr(letters, tolower((unsigned char)*text));
	if (!found ||
		(len > 1 && strncasecmp(text + 1, "b", len - 1) != 0 &&
			strncasecmp(text + 1, "ib", len - 1) != 0 &&
			strncasecmp(text + 1, "byte", len - 1) != 0))
		return 0;
	return INT64_C(1) << (10 * (found - letters + 1));
}

int64_t guest_amount(const char *text, int64_t unit_bytes)
{
	int64_t whole = 0, unit;
	double part = 0, step = 1;

	while (isspace((unsigned char)*text))
		text++;
	if (!isdigit((unsigned char)*text))
		return 0;
	for (; isdigit((unsigned char)*text); text++) {
		if (whole > (INT64_MAX - 9) / 10)
			return 0;
		whole = 10 * whole + (*text - '0');
	}
	if (*text == '.')
		for (text++; isdigit((unsigned char)*text); text++)
			part += (*text - '0') * (step /= 10);
	unit = unit_of(text, unit_bytes);
	if (unit <= 0 || whole > INT64_MAX / unit)
		return 0;
	whole *= unit;
	return part > 0 && whole < INT64_MAX - unit ? whole + (int64_t)(part * (double)unit)
						    : whole;
}

int64_t guest_count(const char *text, const char *ends)
{
	int64_t n = 0;

	while (isspace((unsigned char)*text))
		text++;
	for (; isdigit((unsigned char)*text); text++) {
		n = 10 * n + (*text - '0');
		if (n > 1000000)
			return 0;
	}
	return !*text || isspace((unsigned char)*text) || strchr(ends, *text) ? n : 0;
}

int64_t guest_cpuset(const char *text)
{
	int64_t n = 0;

	for (;;) {
		char *end;
		while (isspace((unsigned char)*text))
			text++;
		bool out = *text == '^';
		text += out;
		if (!isdigit((unsigned char)*text))
			return 0;
		long first = strtol(text, &end, 10), last = first;
		if (*end == '-' && isdigit((unsigned char)end[1]))
			last = strtol(end + 1, &end, 10);
		if (first > 65535 || last > 65535 || last < first)
			return 0;
		n += (out ? -1 : 1) * (last - first + 1);
		for (text = end; isspace((unsigned char)*text); text++)
			;
		if (!*text)
			return n > 0 ? n : 0;
		if (*text++ != ',')
			return 0;
	}
}

/* ---- states ---- */

static const struct {
	const char *word;
	enum guest_state state;
} words[] = {
	/* libvirt (virsh list, and the state of a status file) */
	{"running", GUEST_RUNNING},
	{"idle", GUEST_RUNNING},
	{"blocked", GUEST_RUNNING},
	{"in shutdown", GUEST_RUNNING}, /* asked to stop, and still there */
	{"shutdown", GUEST_RUNNING},    /* the same in a status file */
	{"shut off", GUEST_OFF},
	{"shutoff", GUEST_OFF},
	{"no state", GUEST_UNKNOWN},
	{"nostate", GUEST_UNKNOWN},
	{"crashed", GUEST_CRASHED},
	{"dying", GUEST_OFF},
	{"paused", GUEST_PAUSED},
	{"pmsuspended", GUEST_SUSPENDED},
	/* xe */
	{"halted", GUEST_OFF},
	{"suspended", GUEST_SUSPENDED},
	/* VMware */
	{"powered on", GUEST_RUNNING},
	{"powered off", GUEST_OFF},
	/* LXC */
	{"stopped", GUEST_OFF},
	{"starting", GUEST_RUNNING},
	{"stopping", GUEST_RUNNING},
	{"aborting", GUEST_RUNNING},
	{"freezing", GUEST_RUNNING},
	{"thawed", GUEST_RUNNING},
	{"frozen", GUEST_PAUSED},
	/* VirtualBox */
	{"poweroff", GUEST_OFF},
	{"saved", GUEST_SUSPENDED},
	{"aborted-saved", GUEST_SUSPENDED},
	{"aborted", GUEST_CRASHED},
	{"guru meditation", GUEST_CRASHED},
	{"gurumeditation", GUEST_CRASHED},
	{"stuck", GUEST_CRASHED},
	{"teleported", GUEST_OFF},
	{"teleporting", GUEST_RUNNING},
	{"live snapshotting", GUEST_RUNNING},
	{"livesnapshotting", GUEST_RUNNING},
	{"online snapshotting", GUEST_RUNNING},
	{"onlinesnapshotting", GUEST_RUNNING},
	{"saving", GUEST_RUNNING},
	{"restoring", GUEST_RUNNING},
	/* Docker, Podman */
	{"restarting", GUEST_RUNNING},
	{"created", GUEST_OFF},
	{"configured", GUEST_OFF},
	{"initialized", GUEST_OFF},
	{"exited", GUEST_OFF},
	{"removing", GUEST_OFF},
	{"dead", GUEST_CRASHED},
	/* ours */
	{"off", GUEST_OFF},
};

enum guest_state guest_state(const char *word)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(word, words[i].word) == 0)
			return words[i].state;
	return GUEST_UNKNOWN;
}

const char *guest_state_word(enum guest_state state)
{
	static const char *const names[] = {NULL,
#define GUEST_STATE_WORD(name, word) word,
		GUEST_STATES(GUEST_STATE_WORD)
#undef GUEST_STATE_WORD
	};
	return names[state];
}

enum guest_state guest_state_letters(const char *letters)
{
	static const struct {
		char letter;
		enum guest_state state;
	} order[] = {{'c', GUEST_CRASHED}, {'d', GUEST_OFF}, {'s', GUEST_OFF}, {'p', GUEST_PAUSED},
		{'b', GUEST_RUNNING}, {'r', GUEST_RUNNING}};

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (strchr(letters, order[i].letter))
			return order[i].state;
	return GUEST_RUNNING;
}
