// SPDX-License-Identifier: Apache-2.0
/*
 * LXC: a container's configuration, KEY = VALUE, of the third version (lxc.net.0.hwaddr,
 * lxc.uts.name) and those before (lxc.network.hwaddr, one for every lxc.network.type;
 * lxc.utsname), with limits of both versions of cgroups. What lxc-info prints is the same with
 * a line "State: RUNNING" and others like it before.
 *
 * A hwaddr with an 'x' is a template that is filled in at every start.
 */
#include "probe/guests.h"
#include "base/text.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define INTERFACES 64

struct lxc {
	const char *name, *memory, *cpuset, *quota, *state, *info_name;
	const char *macs[INTERFACES]; /* by its number, or in order */
	size_t macs_count;
	bool known;
};

static const struct {
	const char *key;
	size_t field;
} keys[] = {
	{"lxc.utsname", offsetof(struct lxc, name)},
	{"lxc.uts.name", offsetof(struct lxc, name)},
	{"lxc.cgroup.memory.limit_in_bytes", offsetof(struct lxc, memory)},
	{"lxc.cgroup2.memory.max", offsetof(struct lxc, memory)},
	{"lxc.cgroup.cpuset.cpus", offsetof(struct lxc, cpuset)},
	{"lxc.cgroup2.cpuset.cpus", offsetof(struct lxc, cpuset)},
	{"lxc.cgroup2.cpu.max", offsetof(struct lxc, quota)},
};

static void take_mac(struct lxc *c, const char *key, const char *value)
{
	char *dot;

	if (strcmp(key, "lxc.network.hwaddr") == 0 && c->macs_count < INTERFACES) {
		c->macs[c->macs_count++] = value;
	} else if (strncmp(key, "lxc.net.", 8) == 0 && isdigit((unsigned char)key[8])) {
		unsigned long n = strtoul(key + 8, &dot, 10);
		if (n >= INTERFACES || strcmp(dot, ".hwaddr") != 0)
			return;
		c->macs[n] = value;
		if (c->macs_count <= n)
			c->macs_count = n + 1;
	}
}

static void take(struct lxc *c, const char *key, const char *value)
{
	c->known = c->known || strncmp(key, "lxc.", 4) == 0;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(key, keys[i].key) == 0)
			*(const char **)((char *)c + keys[i].field) = value;
	take_mac(c, key, value);
}

/* "State:   RUNNING"; lxc-info has more such lines. */
static int take_info(struct lxc *c, char *line, struct err *e)
{
	if (text_starts(line, "lxc.")) /* "lxc.net.0.hwaddr invalid": it has no such key */
		return 0;
	char *value = guest_pair(line, ':');
	bool state = value && strcasecmp(line, "state") == 0;

	if (!value)
		return err_set(e, ERR_INVALID, "'%.60s' is not KEY = VALUE", line);
	if (state)
		c->state = value;
	if (strcasecmp(line, "name") == 0)
		c->info_name = value;
	c->known = c->known || state;
	return 0;
}

static int take_line(struct lxc *c, char *line, struct err *e)
{
	char *value, *equals, *colon;

	line = text_trim(line);
	if (!*line || *line == '#')
		return 0;
	equals = strchr(line, '=');
	colon = strchr(line, ':');
	if (!equals || (colon && colon < equals && strncmp(line, "lxc.", 4) != 0))
		return take_info(c, line, e);
	value = guest_pair(line, '=');
	if (!value)
		return err_set(e, ERR_INVALID, "'%.60s' has no key", line);
	take(c, line, value);
	return 0;
}

/* "200000 100000" of cpu.max: so much of every so much, rounded up. */
static int64_t processors(const struct lxc *c)
{
	int64_t quota, period;
	const char *blank;

	if (c->cpuset)
		return guest_cpuset(c->cpuset);
	blank = c->quota ? strpbrk(c->quota, " \t") : NULL;
	if (!blank)
		return 0;
	quota = strtoll(c->quota, NULL, 10);
	period = guest_count(blank, "");
	return quota > 0 && quota < INT64_C(1000000000000) && period > 0
		? (quota + period - 1) / period
		: 0;
}

int guests_lxc(const char *text, size_t len, struct guests *list, struct err *e)
{
	char *at = arena_strndup(list->arena, text, len), *line;
	struct lxc c = {0};
	struct guest *g;

	while ((line = guest_line(&at)))
		if (take_line(&c, line, e))
			return -1;
	if (!c.known)
		return err_set(e, ERR_INVALID, "it has no key of a container's configuration");
	g = guests_add(list, e);
	if (!g)
		return -1;
	if (!c.name)
		c.name = c.info_name;
	if (c.name && guest_name(list, g, c.name, e))
		return -1;
	g->state = c.state ? guest_state(c.state) : GUEST_UNKNOWN;
	g->memory_bytes = c.memory ? guest_amount(c.memory, 1) : 0;
	g->vcpus = processors(&c);
	for (size_t i = 0; i < c.macs_count; i++)
		if (c.macs[i])
			guest_mac(list, g, c.macs[i], strlen(c.macs[i]));
	return 0;
}
