// SPDX-License-Identifier: Apache-2.0
/*
 * QEMU by its command line: of a process (/proc/PID/cmdline: words, a NUL behind each), of ps, or
 * as one would type it (quotes, backslashes, environment before the program, a line that goes on).
 *
 * Options begin with one dash or two. Their values are lists NAME=VALUE, where a comma in a value
 * is doubled and the first value may have no name; -device may be JSON. Memory is in MiB where no
 * unit says otherwise. Processors are the most there may be: maxcpus, or the number, or the
 * product of the topology. A machine without a name is called by its first disk, as people would
 * know it. What is not said (QEMU gives every machine its first MAC alike) is not told.
 */
#include "probe/guests.h"
#include "base/text.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>

#define WORDS_MAX 4096

struct words {
	char **at;
	size_t count;
};

/* ---- the words of a line ---- */

static bool is_qemu(const char *word)
{
	const char *slash = strrchr(word, '/'), *name = slash ? slash + 1 : word;
	static const char *const names[] = {"qemu", "kvm", "qemu-kvm", "qemu-dm", "kvm-spice"};

	if (strncmp(name, "qemu-system-", 12) == 0)
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* The next word of a line in the shell's spelling, in place; NULL at the end. A quote without an
 * end reaches to the end of the line. ps prints words without their quotes: JSON is taken as it
 * stands. */
static char *next_word(char **at)
{
	char *text = *at + strspn(*at, " \t\r\n"), *out = text, *start = text, quote = 0;

	if (!*text) {
		*at = text;
		return NULL;
	}
	if (*text == '{')
		out = text = text + strcspn(text, " \t\r\n");
	for (; *text && (quote || !strchr(" \t\r\n", *text)); text++) {
		if (*text == '\\' && quote != '\'' && text[1])
			*out++ = *++text;
		else if (quote ? *text == quote : *text == '\'' || *text == '"')
			quote = quote ? 0 : *text;
		else
			*out++ = *text;
	}
	*at = text + (*text != 0);
	*out = 0;
	return start;
}

/* ---- NAME=VALUE,NAME=VALUE ---- */

/* The next part of a list, in place, doubled commas undone; NULL at the end. */
static char *next_part(char **at)
{
	char *text = *at, *out = text, *start = text;

	if (!text)
		return NULL;
	for (; *text; text++) {
		if (*text == ',' && text[1] == ',')
			text++;
		else if (*text == ',')
			break;
		*out++ = *text;
	}
	*at = *text ? text + 1 : NULL;
	*out = 0;
	return start;
}

/* The value of a part when it has that name; or, for the first part, when it has no name. */
static char *part_value(char *part, const char *name, bool first)
{
	size_t n = strlen(name);
	if (strncmp(part, name, n) == 0 && part[n] == '=')
		return part + n + 1;
	return first && !strchr(part, '=') ? part : NULL;
}

/* ---- options ---- */

struct taking {
	struct guests *list;
	struct guest *guest;
	const char *disk; /* the first one */
	struct err *e;
};

static int on_name(struct taking *t, char *value)
{
	bool first = true;
	for (char *part; (part = next_part(&value)); first = false) {
		char *name = part_value(part, "guest", first);
		if (name)
			return guest_name(t->list, t->guest, name, t->e);
	}
	return 0;
}

static int on_uuid(struct taking *t, char *value)
{
	guest_uuid(t->list, t->guest, value);
	return 0;
}

static int on_smbios(struct taking *t, char *value)
{
	bool system = false;
	for (char *part, *uuid; (part = next_part(&value));) {
		system = system || strcmp(part, "type=1") == 0;
		if (system && !t->guest->uuid && (uuid = part_value(part, "uuid", false)))
			guest_uuid(t->list, t->guest, uuid);
	}
	return 0;
}

static int on_memory(struct taking *t, char *value)
{
	bool first = true;
	for (char *part; (part = next_part(&value)); first = false) {
		char *size = part_value(part, "size", first);
		if (size)
			t->guest->memory_bytes = guest_amount(size, 1 << 20);
	}
	return 0;
}

static int on_smp(struct taking *t, char *value)
{
	static const char *const levels[] = {
		"drawers", "books", "sockets", "dies", "clusters", "modules", "cores", "threads"};
	int64_t product = 1, cpus = 0, max = 0;
	bool first = true;

	for (char *part, *n; (part = next_part(&value)); first = false) {
		if ((n = part_value(part, "cpus", first)))
			cpus = guest_count(n, "");
		if ((n = part_value(part, "maxcpus", false)))
			max = guest_count(n, "");
		for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
			if ((n = part_value(part, levels[i], false)) && product < 100000)
				product *= guest_count(n, "") > 0 ? guest_count(n, "") : 1;
	}
	t->guest->vcpus = max ? max : cpus ? cpus : product;
	return 0;
}

static void json_device(struct taking *t, const char *text)
{
	struct json *device = json_parse(text, strlen(text), NULL);
	const char *mac = json_str(json_get(device, "mac"));
	if (mac)
		guest_mac(t->list, t->guest, mac, strlen(mac));
	json_free(device);
}

static int on_nic(struct taking *t, char *value)
{
	if (*value == '{') {
		json_device(t, value);
		return 0;
	}
	for (char *part, *mac; (part = next_part(&value));)
		if ((mac = part_value(part, "mac", false)) ||
			(mac = part_value(part, "macaddr", false)))
			guest_mac(t->list, t->guest, mac, strlen(mac));
	return 0;
}

static int on_disk(struct taking *t, char *value)
{
	if (!t->disk)
		t->disk = value;
	return 0;
}

static const struct {
	const char *name;
	int (*take)(struct taking *t, char *value);
} options[] = {
	{"name", on_name},
	{"uuid", on_uuid},
	{"smbios", on_smbios},
	{"m", on_memory},
	{"smp", on_smp},
	{"device", on_nic},
	{"netdev", on_nic},
	{"net", on_nic},
	{"nic", on_nic},
	{"hda", on_disk},
	{"hdb", on_disk},
	{"hdc", on_disk},
	{"hdd", on_disk},
	{"sda", on_disk},
	{"vda", on_disk},
	{"fda", on_disk},
	{"cdrom", on_disk},
};

/* words: those behind the program. */
static int take_words(struct words words, struct guests *list, struct err *e)
{
	struct taking t = {list, guests_add(list, e), NULL, e};

	if (!t.guest)
		return -1;
	t.guest->state = GUEST_RUNNING;
	for (size_t i = 0; i + 1 < words.count; i++) {
		const char *word = words.at[i];
		if (*word++ != '-')
			continue;
		word += *word == '-';
		for (size_t k = 0; k < sizeof(options) / sizeof(options[0]); k++)
			if (strcmp(word, options[k].name) == 0) {
				if (options[k].take(&t, words.at[++i]))
					return -1;
				break;
			}
	}
	return t.guest->name || !t.disk ? 0 : guest_name(list, t.guest, t.disk, e);
}

/* Whether words[i] is the program and not a word that speaks of it, as in "grep qemu": it is the
 * first word, a path, or an option follows. */
static bool is_program(const struct words *words, size_t i)
{
	if (!is_qemu(words->at[i]))
		return false;
	return i == 0 || strchr(words->at[i], '/') ||
		(i + 1 < words->count && words->at[i + 1][0] == '-');
}

/* To the words behind the program; false when there is none. */
static bool skip_program(struct words *words)
{
	for (size_t i = 0; i < words->count; i++)
		if (is_program(words, i)) {
			words->at += i + 1;
			words->count -= i + 1;
			return true;
		}
	return false;
}

/* Joins lines that end in a backslash, in place. */
static void join_lines(char *text)
{
	for (char *at = text; (at = strchr(at, '\\')); at++) {
		size_t n = at[1] == '\n' ? 2 : at[1] == '\r' && at[2] == '\n' ? 3 : 0;
		memset(at, ' ', n);
	}
}

static int take_lines(char *at, char **room, struct guests *list, struct err *e)
{
	size_t before = list->count;
	char *line, *word;

	join_lines(at);
	while ((line = guest_line(&at))) {
		struct words words = {room, 0};
		while (words.count < WORDS_MAX && (word = next_word(&line)))
			room[words.count++] = word;
		if (words.count == WORDS_MAX)
			return err_set(
				e, ERR_TOO_LARGE, "a command line has over %d words", WORDS_MAX);
		if (skip_program(&words) && take_words(words, list, e))
			return -1;
	}
	return list->count > before ? 0 : err_set(e, ERR_INVALID, "there is no QEMU in it");
}

int guests_qemu(const char *text, size_t len, struct guests *list, struct err *e)
{
	char *copy = arena_memdup(list->arena, text, len + 1);
	char **room = arena_alloc(list->arena, WORDS_MAX * sizeof(*room));
	struct words words = {room, 0};

	copy[len] = 0;
	if (!memchr(copy, 0, len))
		return take_lines(copy, room, list, e);
	for (size_t i = 0; i < len; i += strlen(copy + i) + 1) {
		if (words.count == WORDS_MAX)
			return err_set(
				e, ERR_TOO_LARGE, "a command line has over %d words", WORDS_MAX);
		room[words.count++] = copy + i;
	}
	return skip_program(&words) ? take_words(words, list, e)
				    : err_set(e, ERR_INVALID, "there is no QEMU in it");
}
