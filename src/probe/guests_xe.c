// SPDX-License-Identifier: Apache-2.0
/*
 * XenServer and XCP-ng: what xe prints of a pool's machines, blocks of
 *
 *	uuid ( RO)           : a444ab5d-…
 *	    name-label ( RW): core-02
 *
 * with an empty line between. A virtual interface is a block too; it says whose it is by vm-uuid
 * and ties its MAC to a machine listed before. Templates, snapshots and control domains are no
 * guests. The memory is what the machine has now; one that is off has none, and says what it may
 * have.
 */
#include "probe/guests.h"
#include "base/text.h"
#include <string.h>
#include <strings.h>

struct block {
	const char *uuid, *name, *state, *memory, *memory_max, *memory_static, *vcpus, *vm, *mac;
	bool not_a_guest, any;
};

static void take(struct block *b, const char *key, const char *value)
{
	const struct {
		const char *key;
		const char **field;
	} keys[] = {{"uuid", &b->uuid}, {"name-label", &b->name}, {"power-state", &b->state},
		{"memory-actual", &b->memory}, {"memory-dynamic-max", &b->memory_max},
		{"memory-static-max", &b->memory_static}, {"VCPUs-max", &b->vcpus},
		{"vm-uuid", &b->vm}, {"MAC", &b->mac}};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(key, keys[i].key) == 0)
			*keys[i].field = value;
	if ((strcmp(key, "is-a-template") == 0 || strcmp(key, "is-a-snapshot") == 0 ||
		    strcmp(key, "is-control-domain") == 0) &&
		strcmp(value, "true") == 0)
		b->not_a_guest = true;
	b->any = true;
}

static int add_mac(struct guests *list, const struct block *b)
{
	struct guest probe = {0};

	if (b->mac && guest_uuid(list, &probe, b->vm))
		for (size_t i = 0; i < list->count; i++)
			if (list->items[i]->uuid && strcmp(list->items[i]->uuid, probe.uuid) == 0)
				guest_mac(list, list->items[i], b->mac, strlen(b->mac));
	return 0;
}

static int add_guest(struct guests *list, const struct block *b, struct err *e)
{
	const char *amounts[] = {b->memory, b->memory_max, b->memory_static};
	struct guest *g = guests_add(list, e);

	if (!g || (b->name && guest_name(list, g, b->name, e)))
		return -1;
	if (!b->uuid || !guest_uuid(list, g, b->uuid))
		return err_set(e, ERR_INVALID, "a machine has no uuid");
	g->ignored = b->not_a_guest;
	g->state = b->state ? guest_state(b->state) : GUEST_UNKNOWN;
	g->vcpus = b->vcpus ? guest_count(b->vcpus, "") : 0;
	for (size_t i = 0; i < 3 && g->memory_bytes == 0; i++)
		g->memory_bytes = amounts[i] ? guest_amount(amounts[i], 1) : 0;
	return 0;
}

static int finish(struct guests *list, struct block *b, struct err *e)
{
	int rc = !b->any ? 0 : b->vm ? add_mac(list, b) : add_guest(list, b, e);
	*b = (struct block){0};
	return rc;
}

/* "   name-label ( RW): core-02": the key without what may be done to it. A line without a key goes
 * on with a text of the line before. */
static int take_line(struct block *b, char *line, struct err *e)
{
	char *value = strchr(line, ':'), *mode;

	if (!value)
		return b->any
			? 0
			: err_set(e, ERR_INVALID, "'%.60s' is not KEY: VALUE", text_trim(line));
	*value++ = 0;
	mode = strchr(line, '(');
	if (mode)
		*mode = 0;
	take(b, text_trim(line), text_trim(value));
	return 0;
}

int guests_xe(const char *text, size_t len, struct guests *list, struct err *e)
{
	char *at = arena_strndup(list->arena, text, len), *line;
	struct block b = {0};

	while ((line = guest_line(&at))) {
		const char *word = line + strspn(line, " \t");
		bool begins = strncmp(word, "uuid (", 6) == 0 || strncmp(word, "uuid:", 5) == 0;
		/* A description may hold empty lines. */
		if ((begins || (!*word && b.vm)) && finish(list, &b, e))
			return -1;
		if (*word && take_line(&b, line, e))
			return -1;
	}
	return finish(list, &b, e);
}
