// SPDX-License-Identifier: Apache-2.0
/*
 * Proxmox: one file of /etc/pve/qemu-server or /etc/pve/lxc, lines KEY: VALUE. Whatever follows the
 * first [section] is a snapshot or a change to come and says nothing of the guest as it is.
 *
 * A network is a list whose first part is model=MAC (machines) or that has hwaddr= (containers).
 * Proxmox gives a machine one processor and 512 MiB where nothing is said, and a container
 * 512 MiB. A template cannot run and is no guest.
 */
#include "probe/guests.h"
#include "base/text.h"
#include <ctype.h>
#include <string.h>

#define MEMORY_DEFAULT (INT64_C(512) << 20)
#define NETS 32
#define KEY_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

struct conf {
	const char *nets[NETS], *name, *memory, *cores, *sockets, *smbios, *lock;
	bool container, template, any;
};

static void take(struct conf *c, const char *key, const char *value)
{
	const struct {
		const char *key;
		const char **field;
	} keys[] = {{"name", &c->name}, {"hostname", &c->name}, {"memory", &c->memory},
		{"cores", &c->cores}, {"sockets", &c->sockets}, {"smbios1", &c->smbios},
		{"lock", &c->lock}};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(key, keys[i].key) == 0)
			*keys[i].field = value;
	if (strncmp(key, "net", 3) == 0 && isdigit((unsigned char)key[3])) {
		int64_t n = guest_count(key + 3, "");
		if (n < NETS)
			c->nets[n] = value;
	}
	c->container = c->container || strcmp(key, "rootfs") == 0 || strcmp(key, "hostname") == 0;
	c->template = c->template || (strcmp(key, "template") == 0 && strcmp(value, "1") == 0);
	c->any = true;
}

/* The first part whose value is a MAC: its name is the model, or macaddr, or hwaddr. */
static void take_net(struct guests *list, struct guest *g, const char *net)
{
	for (const char *part = net; *part;) {
		size_t len = strcspn(part, ",");
		const char *equals = memchr(part, '=', len);
		if (equals && guest_mac(list, g, equals + 1, (size_t)(part + len - equals - 1)))
			return;
		part += len + (part[len] == ',');
	}
}

static void take_smbios(struct guests *list, struct guest *g, const char *smbios)
{
	const char *uuid = strstr(smbios, "uuid=");
	if (uuid && (uuid == smbios || uuid[-1] == ','))
		guest_uuid(list, g, arena_strndup(list->arena, uuid + 5, strcspn(uuid + 5, ",")));
}

static int64_t memory_of(const char *text)
{
	return text ? guest_amount(text + (text_starts(text, "current=") ? 8 : 0), 1 << 20)
		    : MEMORY_DEFAULT;
}

static int64_t processors(const struct conf *c)
{
	int64_t cores = c->cores ? guest_count(c->cores, "") : 0;
	int64_t sockets = c->sockets ? guest_count(c->sockets, "") : 1;

	if (c->container)
		return cores;
	return (cores > 0 ? cores : 1) * (sockets > 0 ? sockets : 1);
}

int guests_proxmox(const char *text, size_t len, struct guests *list, struct err *e)
{
	char *at = arena_strndup(list->arena, text, len), *line, *value;
	struct conf c = {0};
	struct guest *g;

	while ((line = guest_line(&at))) {
		line = text_trim(line);
		if (*line == '[')
			break;
		if (!*line || *line == '#')
			continue;
		value = guest_pair(line, ':');
		if (!value || strspn(line, KEY_CHARACTERS) != strlen(line))
			return err_set(e, ERR_INVALID, "'%.60s' is not KEY: VALUE", line);
		take(&c, line, value);
	}
	if (!c.any)
		return err_set(e, ERR_INVALID, "there is nothing of a guest in it");
	g = guests_add(list, e);
	if (!g || (c.name && guest_name(list, g, c.name, e)))
		return -1;
	g->ignored = c.template;
	g->memory_bytes = memory_of(c.memory);
	g->vcpus = processors(&c);
	if (c.smbios)
		take_smbios(list, g, c.smbios);
	if (c.lock && strcmp(c.lock, "suspended") == 0)
		g->state = GUEST_SUSPENDED;
	for (size_t i = 0; i < NETS; i++)
		if (c.nets[i])
			take_net(list, g, c.nets[i]);
	return 0;
}
