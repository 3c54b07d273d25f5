/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From documents to sightings, and from those to what the resolver takes.
 *
 * An agent's own keys are its interfaces' MACs, inside the network of its gateway, and what firmware and cloud call the
 * machine; a listed guest's are what its host gave it. Nothing is judged here: which key counts, and how much, is the
 * resolver's. A document is made by somebody else's machine, so everything in it may be missing, or of another type.
 */
#include "server/sightings.h"
#include "core/resolve.h"
#include "core/resolve_nic.h"
#include "wire/envelope.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define NICS_MAX 1024
#define GUEST_MACS_MAX 256
#define UUID_LEN 36
#define MACHINE_ID_LEN 32
#define DIGESTED_MAX ((SIGHTING_KEYS_MAX + 4) * (2 * SIGHTING_TEXT_MAX + 64))

/* ---- making ---- */

static bool counts(const char *text)
{
	return text && *text && strlen(text) <= SIGHTING_TEXT_MAX;
}

static const char *text_of(const struct json *j)
{
	const char *text = json_str(j);

	return counts(text) ? text : NULL;
}

static const char *text_at(const struct json *o, const char *key)
{
	return text_of(json_get(o, key));
}

static void key_add(struct told *t, enum resolve_key_kind kind, const char *scope,
	const char *value, bool foreign)
{
	if (!value || t->n == SIGHTING_KEYS_MAX)
		return;
	t->keys[t->n++] = (struct sighting_key){.source = t->s.source,
		.ref = t->s.ref,
		.kind = resolve_key_word(kind),
		.scope = scope ? scope : "",
		.value = value,
		.not_own = foreign};
}

static enum resolve_kind kind_of(const char *word)
{
	if (!word)
		return RESOLVE_UNKNOWN;
	return strcmp(word, "physical") == 0     ? RESOLVE_PHYSICAL
		: strcmp(word, "vm") == 0        ? RESOLVE_VM
		: strcmp(word, "container") == 0 ? RESOLVE_CONTAINED
						 : RESOLVE_UNKNOWN;
}

static void own_macs(
	struct told *t, const struct json *section, const char *gateway, struct arena *a)
{
	size_t n = json_len(section) < NICS_MAX ? json_len(section) : NICS_MAX, k = 0;
	struct resolve_nic *nics = arena_alloc(a, (n + 1) * sizeof *nics);
	bool foreign;

	for (struct json_iter it = json_iter(section); k < n && json_next(&it); k++)
		nics[k] = (struct resolve_nic){arena_strdup(a, it.key), text_at(it.value, "kind"),
			text_at(it.value, "mac"), text_at(it.value, "permanent_mac"),
			text_at(it.value, "master"), text_at(it.value, "parent")};
	for (size_t i = 0; i < k; i++) {
		const char *mac = resolve_nic_mac(nics, k, i, kind_of(t->s.kind), &foreign);
		key_add(t, RESOLVE_MAC, gateway, arena_strdup(a, mac), foreign);
	}
}

static bool is_machine_id(const char *text)
{
	return text && strlen(text) == MACHINE_ID_LEN &&
		strspn(text, "0123456789abcdef") == MACHINE_ID_LEN;
}

static void make_own(
	struct told *t, const char *source, const struct document_parts *d, struct arena *a)
{
	const struct json *at = d->attributes;
	const char *gateway = arena_strdup(a, text_at(at, "him.gateway.mac")),
		   *id = arena_strdup(a, text_at(at, "host.id")),
		   *provider = arena_strdup(a, text_at(at, "cloud.provider"));

	t->keys = arena_alloc(a, SIGHTING_KEYS_MAX * sizeof *t->keys);
	t->s = (struct sighting){.source = source,
		.ref = "",
		.anchor = arena_printf(a, "%s ", source),
		.kind = arena_strdup(a, text_at(at, "him.kind")),
		.name = arena_strdup(a, text_at(at, "host.name")),
		.vcpus = MODEL_ABSENT,
		.memory_bytes = MODEL_ABSENT};
	own_macs(t, d->nic, gateway, a);
	key_add(t, RESOLVE_UUID, NULL, arena_strdup(a, text_at(at, "him.host.uuid")), false);
	key_add(t, RESOLVE_SERIAL, arena_strdup(a, text_at(at, "him.host.vendor")),
		arena_strdup(a, text_at(at, "him.host.serial")), false);
	if (is_machine_id(id))
		key_add(t, RESOLVE_MACHINE_ID, NULL, id, false);
	else if (provider) /* a cloud's own id stands in its place */
		key_add(t, RESOLVE_CLOUD, provider, id, false);
}

static bool holds_containers(const char *platform)
{
	static const char *const words[] = {"docker", "podman", "lxc", "libvirt-lxc"};

	for (size_t i = 0; platform && i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i], platform) == 0)
			return true;
	return false;
}

static int64_t int_or_absent(const struct json *o, const char *key)
{
	int64_t v;

	return json_to_int(json_get(o, key), &v) == 0 && v > 0 ? v : MODEL_ABSENT;
}

/* A key with a UUID in it means the same guest on every host; others mean it on this one only. */
static const char *anchor_of(const char *source, const char *ref, struct arena *a)
{
	const char *colon = strrchr(ref, ':');

	return colon && strlen(colon + 1) >= UUID_LEN ? arena_printf(a, "* %s", ref)
						      : arena_printf(a, "%s %s", source, ref);
}

static void make_guest(struct told *t, const char *source, const struct json_iter *it,
	const char *gateway, struct arena *a)
{
	const struct json *g = it->value, *macs = json_get(g, "mac");
	const char *platform = arena_strdup(a, text_at(g, "platform")),
		   *ref = arena_strdup(a, it->key);
	size_t n = json_len(macs) < GUEST_MACS_MAX ? json_len(macs) : GUEST_MACS_MAX;

	t->keys = arena_alloc(a, (n + 4) * sizeof *t->keys);
	t->s = (struct sighting){.source = source,
		.ref = ref,
		.anchor = anchor_of(source, ref, a),
		.kind = holds_containers(platform) ? "container" : "vm",
		.name = arena_strdup(a, text_at(g, "name")),
		.platform = platform,
		.power = arena_strdup(a, text_at(g, "state")),
		.vcpus = int_or_absent(g, "vcpus"),
		.memory_bytes = int_or_absent(g, "memory_bytes")};
	for (size_t i = 0; i < n; i++)
		key_add(t, RESOLVE_MAC, gateway, arena_strdup(a, text_of(json_at(macs, i))), false);
	key_add(t, RESOLVE_UUID, NULL, arena_strdup(a, text_at(g, "uuid")), false);
	key_add(t, RESOLVE_CONTAINER, NULL, arena_strdup(a, text_at(g, "container_id")), false);
}

/* ---- what others find them by, and whether they changed ---- */

static void connect(struct told *t, struct arena *a)
{
	struct resolve_key *keys = arena_alloc(a, (t->n + 1) * sizeof *keys);
	struct resolve_sighting s = {.source = t->s.source,
		.key = t->s.ref,
		.on = *t->s.ref ? "" : NULL,
		.host = true, /* whether its list is believed is no matter of its keys */
		.live = true,
		.kind = kind_of(t->s.kind),
		.keys = keys,
		.keys_n = t->n};
	char text[RESOLVE_CONNECT_MAX];

	for (size_t i = 0; i < t->n; i++) {
		resolve_key_kind(t->keys[i].kind, &keys[i].kind);
		keys[i].scope = t->keys[i].scope;
		keys[i].value = t->keys[i].value;
		keys[i].foreign = t->keys[i].not_own;
	}
	for (size_t i = 0; i < t->n; i++)
		if (resolve_connects(&s, i, text))
			t->keys[i].connects = arena_strdup(a, text);
}

/* With its length before it, so that no text can pass for two. */
static void digest_text(struct buf *b, const char *text)
{
	buf_printf(b, "%zu:%s\n", text ? strlen(text) : 0, text ? text : "");
}

static void digest(struct told *t, struct arena *a)
{
	const struct sighting *s = &t->s;
	const char *const texts[] = {s->kind, s->name, s->platform, s->power};
	char *out = arena_alloc(a, DIGEST_LEN + 1);
	struct buf b;

	buf_init(&b, DIGESTED_MAX);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		digest_text(&b, texts[i]);
	buf_printf(&b, "%lld\n%lld\n", (long long)s->vcpus, (long long)s->memory_bytes);
	for (size_t i = 0; i < t->n; i++) {
		digest_text(&b, t->keys[i].kind);
		digest_text(&b, t->keys[i].scope);
		digest_text(&b, t->keys[i].value);
		buf_printf(&b, "%d\n", t->keys[i].not_own);
	}
	assert(!b.full);
	digest_hex(buf_str(&b), b.len, out);
	buf_release(&b);
	t->s.digest = out;
}

void sightings_make(const char *source, const struct document_parts *d, struct arena *a,
	struct told **out, size_t *n)
{
	size_t guests = json_len(d->guests) < SIGHTINGS_MAX ? json_len(d->guests) : SIGHTINGS_MAX;
	struct told *list = arena_alloc(a, (guests + 1) * sizeof *list);
	const char *gateway = arena_strdup(a, text_at(d->attributes, "him.gateway.mac"));

	source = arena_strdup(a, source);
	*n = 1;
	make_own(&list[0], source, d, a);
	for (struct json_iter it = json_iter(d->guests); *n <= guests && json_next(&it);)
		if (counts(it.key) && json_type(it.value) == JSON_OBJECT)
			make_guest(&list[(*n)++], source, &it, gateway, a);
	for (size_t i = 0; i < *n; i++) {
		connect(&list[i], a);
		digest(&list[i], a);
	}
	*out = list;
}

bool sightings_touched(const struct json *doc, bool full)
{
	static const char *const attributes[] = {"host.id", "host.name", "him.host.uuid",
		"him.host.serial", "him.host.vendor", "him.gateway.mac", "him.kind",
		"cloud.provider"};
	const struct json *at = json_get(doc, "attributes");

	if (full || json_has(doc, "nic") || json_has(doc, "guests"))
		return true;
	if (json_has(doc, "attributes") && json_type(at) != JSON_OBJECT)
		return true;
	for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
		if (json_has(at, attributes[i]))
			return true;
	return false;
}

/* ---- for the resolver ---- */

static bool runs(const struct sighting *s)
{
	return !s->power || strcmp(s->power, "running") == 0;
}

void sightings_resolve(
	const struct seen *x, int64_t now_ms, struct arena *a, struct resolve_sighting *out)
{
	struct resolve_key *keys = arena_alloc(a, (x->n_keys + 1) * sizeof *keys);
	bool own = !*x->s.ref, here = x->source_state && strcmp(x->source_state, "offline") != 0;
	bool live = here && !x->s.gone && !x->revoked;

	for (size_t i = 0; i < x->n_keys; i++) {
		const struct seen_key *k = &x->keys[i];
		resolve_key_kind(k->k.kind, &keys[i].kind);
		keys[i].scope = k->k.scope;
		keys[i].value = k->k.value;
		keys[i].foreign = k->k.not_own;
		keys[i].crowded = k->crowded;
	}
	*out = (struct resolve_sighting){.source = x->s.source,
		.key = x->s.ref,
		.machine = x->s.machine,
		.on = own ? NULL : "",
		.host = x->marked && !x->revoked,
		.live = live,
		.ended = x->s.gone != 0,
		.running = own || runs(&x->s),
		.context = x->context,
		.kind = kind_of(x->s.kind),
		.since_ms = own ? x->enrolled : x->s.since,
		.seen_ms = live      ? now_ms
			: x->s.gone  ? x->s.gone
			: x->revoked ? x->revoked
				     : x->source_seen,
		.keys = keys,
		.keys_n = x->n_keys};
}
