// SPDX-License-Identifier: Apache-2.0
/*
 * Containers of Docker and Podman: the JSON of `inspect`, an array of objects or one object.
 *
 * A container has no UUID; its id, 64 hex digits, goes into container.id. It has one MAC in each
 * network; the old field besides them repeats the first. One that does not run keeps only the
 * address somebody asked for. A limit of 0 is none.
 */
#include "probe/guests.h"
#include <string.h>

static void add_mac(struct guests *list, struct guest *g, const struct json *mac)
{
	const char *text = json_str(mac);
	if (text && !guest_has_mac(g, text))
		guest_mac(list, g, text, strlen(text));
}

static void take_macs(struct guests *list, struct guest *g, const struct json *container)
{
	const struct json *settings = json_get(container, "NetworkSettings");
	const struct json *networks = json_get(settings, "Networks");
	struct json_iter it;

	if (json_type(networks) == JSON_OBJECT)
		for (it = json_iter(networks); json_next(&it);)
			add_mac(list, g, json_get(it.value, "MacAddress"));
	add_mac(list, g, json_get(settings, "MacAddress"));
	if (g->macs_count == 0)
		add_mac(list, g, json_get(json_get(container, "Config"), "MacAddress"));
}

/* Docker before 1.10 has no Status. */
static enum guest_state state_of(const struct json *state)
{
	const char *status = json_str(json_get(state, "Status"));
	bool on = false, paused = false;

	if (status)
		return guest_state(status);
	if (json_to_bool(json_get(state, "Running"), &on))
		return GUEST_UNKNOWN;
	json_to_bool(json_get(state, "Paused"), &paused);
	return paused ? GUEST_PAUSED : on ? GUEST_RUNNING : GUEST_OFF;
}

static int64_t positive(const struct json *host, const char *key)
{
	int64_t n = 0;
	return json_to_int(json_get(host, key), &n) == 0 && n > 0 ? n : 0;
}

/* Whole processors it may use: a limit in billionths, a share of every period, or a set. */
static int64_t processors(const struct json *host)
{
	int64_t nano = positive(host, "NanoCpus"), quota = positive(host, "CpuQuota"),
		period = positive(host, "CpuPeriod"), count = positive(host, "CpuCount");
	const char *set = json_str(json_get(host, "CpusetCpus"));

	if (nano > 0)
		return nano / 1000000000 + (nano % 1000000000 > 0);
	if (quota > 0)
		period = period > 0 ? period : 100000;
	if (quota > 0)
		return quota / period + (quota % period > 0);
	if (set && *set)
		return guest_cpuset(set);
	return count;
}

static int add(struct guests *list, const struct json *container, struct err *e)
{
	const char *id = json_str(json_get(container, "Id")),
		   *name = json_str(json_get(container, "Name"));
	const struct json *host = json_get(container, "HostConfig");
	struct guest *g;

	if (!id)
		id = json_str(json_get(container, "ID"));
	if (!id || !*id)
		return err_set(e, ERR_INVALID, "a container has no Id");
	g = guests_add(list, e);
	if (!g || guest_text(list, &g->container, id, strlen(id), e))
		return -1;
	if (name && guest_name(list, g, name + (*name == '/'), e))
		return -1;
	g->state = state_of(json_get(container, "State"));
	g->memory_bytes = positive(host, "Memory");
	g->vcpus = processors(host);
	take_macs(list, g, container);
	return 0;
}

int guests_docker(const char *text, size_t len, struct guests *list, struct err *e)
{
	struct json *all = json_parse(text, len, e);
	int rc = 0;

	if (!all)
		return -1;
	if (json_type(all) == JSON_ARRAY)
		for (size_t i = 0; rc == 0 && i < json_len(all); i++)
			rc = add(list, json_at(all, i), e);
	else
		rc = add(list, all, e);
	json_free(all);
	return rc;
}
