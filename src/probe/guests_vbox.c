// SPDX-License-Identifier: Apache-2.0
/*
 * VirtualBox: `VBoxManage list vms` ("name" {uuid}), its --long form and showvminfo ("Memory size:
 * 855MB"), and --machinereadable (memory=855). The form is known by the line itself, so that
 * several outputs may follow one another.
 *
 * In the long form USB filters and shared folders have a "Name:" too. A machine's is the one that
 * "Guest OS:" follows, with nothing but "Groups:" between.
 */
#include "probe/guests.h"
#include "base/text.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>

struct vbox {
	struct guests *list;
	struct guest *guest; /* the machine we are in */
	struct err *e;
};

static int begin(struct vbox *v, const char *name)
{
	v->guest = guests_add(v->list, v->e);
	return v->guest ? guest_name(v->list, v->guest, name, v->e) : -1;
}

/* "Name:" of a machine and not of a filter: what do the next lines say? */
static bool is_machine(const char *rest)
{
	for (int i = 0; i < 2; i++) {
		if (strncmp(rest, "Guest OS:", 9) == 0)
			return true;
		rest += strcspn(rest, "\n");
		rest += *rest == '\n';
	}
	return false;
}

static void set_uuid(struct vbox *v, const char *text)
{
	if (!v->guest->uuid)
		guest_uuid(v->list, v->guest, text);
}

/* "powered off (since 2010-10-14T11:53:05.000000000)" */
static void set_state(struct vbox *v, char *text)
{
	char *since = strstr(text, " (");
	if (since)
		*since = 0;
	v->guest->state = guest_state(text);
}

static void set_mac(struct vbox *v, const char *text)
{
	const char *mac = strstr(text, "MAC:");
	if (!mac)
		return;
	mac += 4 + strspn(mac + 4, " ");
	guest_mac(v->list, v->guest, mac, strcspn(mac, ", "));
}

/* What follows a label at the beginning of a line; NULL when the line has another one. Newer
 * versions leave the colon out where the label fills its column. */
static char *after(char *line, const char *label)
{
	size_t n = strlen(label);
	if (strncmp(line, label, n) != 0 || (line[n] != ':' && line[n] != ' '))
		return NULL;
	line += n + strspn(line + n, " ");
	return text_trim(line + (*line == ':'));
}

static int long_line(struct vbox *v, char *line, const char *rest)
{
	char *value;

	if ((value = after(line, "Name")) && is_machine(rest))
		return begin(v, value);
	if (!v->guest)
		return 0;
	if ((value = after(line, "UUID")))
		set_uuid(v, value);
	else if ((value = after(line, "Memory size")) && v->guest->memory_bytes == 0)
		v->guest->memory_bytes = guest_amount(value, 1 << 20);
	else if ((value = after(line, "Number of CPUs")) && v->guest->vcpus == 0)
		v->guest->vcpus = guest_count(value, "");
	else if ((value = after(line, "State")) && v->guest->state == GUEST_UNKNOWN)
		set_state(v, value);
	else if (strncmp(line, "NIC ", 4) == 0 && isdigit((unsigned char)line[4]))
		set_mac(v, line);
	return 0;
}

/* A quoted text in place, \" undone; NULL when it has no end. *next is behind it. */
static char *unquote(char *text, char **next)
{
	char *out = ++text, *start = text;

	for (; *text && *text != '"'; text++)
		if (*text == '\\' && (text[1] == '"' || text[1] == '\\'))
			*out++ = *++text;
		else
			*out++ = *text;
	if (!*text)
		return NULL;
	*next = text + 1;
	*out = 0;
	return start;
}

/* "name" {uuid} */
static int short_line(struct vbox *v, char *line)
{
	char *rest, *name = unquote(line, &rest);

	if (!name || begin(v, name))
		return name ? -1 : err_set(v->e, ERR_INVALID, "a name has no end");
	if (!guest_uuid(v->list, v->guest, rest))
		return err_set(v->e, ERR_INVALID, "'%.60s' is no {UUID}", rest);
	v->guest = NULL;
	return 0;
}

/* name="x", memory=855, macaddress1="080027…" */
static int machine_line(struct vbox *v, char *line, char *value)
{
	char *rest, *key = line;

	*value++ = 0;
	if (*value == '"' && !(value = unquote(value, &rest)))
		return err_set(v->e, ERR_INVALID, "the value of '%.60s' has no end", key);
	if (strcmp(key, "name") == 0)
		return begin(v, value);
	if (!v->guest)
		return 0;
	if (strcmp(key, "UUID") == 0)
		set_uuid(v, value);
	else if (strcmp(key, "memory") == 0)
		v->guest->memory_bytes = guest_amount(value, 1 << 20);
	else if (strcmp(key, "cpus") == 0)
		v->guest->vcpus = guest_count(value, "");
	else if (strcmp(key, "VMState") == 0)
		set_state(v, value);
	else if (strncmp(key, "macaddress", 10) == 0)
		guest_mac(v->list, v->guest, value, strlen(value));
	return 0;
}

/* KEY=VALUE without a blank in the key, which the long form never has. */
static char *equals_of(char *line)
{
	size_t n = strcspn(line, "= :\t");
	if (line[0] == '"')
		return NULL;
	return n > 0 && line[n] == '=' ? line + n : NULL;
}

int guests_vbox(const char *text, size_t len, struct guests *list, struct err *e)
{
	char *at = arena_strndup(list->arena, text, len), *line;
	struct vbox v = {list, NULL, e};
	size_t before = list->count;
	bool any = false;

	while ((line = guest_line(&at))) {
		char *equals = equals_of(line);
		any = any || *text_trim(line);
		if (line[0] == '"' && strchr(line, '{') ? short_line(&v, line)
				: equals                ? machine_line(&v, line, equals)
							: long_line(&v, line, at))
			return -1;
	}
	return !any || list->count > before
		? 0
		: err_set(e, ERR_INVALID, "there is no virtual machine in it");
}
