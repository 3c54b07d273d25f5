// SPDX-License-Identifier: Apache-2.0
/*
 * Which machine am I in: gathers the evidence, reads the administrator's rules and tells the
 * verdict. A file of rules that is wrong leaves its sentence in the report; the built-in tables
 * count all the same.
 */
#include "probe/linux/evidence.h"
#include "probe/linux/look.h"
#include "probe/probe.h"
#include "probe/providers.h"
#include "probe/virt.h"
#include <string.h>

/* The file's, then the server's. NULL without an error when there are none; where one of the two is wrong, the other with
 * an error. */
static struct providers *read_rules(const struct probe_env *env, struct err *e)
{
	struct providers *own = NULL, *server = NULL;
	struct buf text;

	buf_init(&text, PROVIDERS_MAX);
	if (subject_read(env, PROVIDERS_FILE, &text, e) == 0 && text.len > 0)
		own = providers_parse(buf_str(&text), text.len, PROVIDERS_FILE, e);
	buf_release(&text);
	if (env->rules)
		server = providers_parse(env->rules, strlen(env->rules), "the server's rules", e);
	if (!own)
		return server;
	providers_then(own, server);
	return own;
}

/* Judges the machine; `around` is looked up only where a rule asks for it. */
static void judge(const struct probe_env *env, const struct providers *rules, struct virt *out)
{
	struct json *attributes = json_object(), *nics = json_object();
	struct subject_out found = {attributes, nics, NULL, NULL, 1024};
	struct surroundings around = {"", nics, NULL};
	struct probe_identity who;
	struct evidence ev;

	evidence_gather(env, &ev);
	if (rules && probe_identity(env->root, &who, NULL) == 0)
		around.name = who.name;
	if (providers_need_network(rules))
		nic_look(env, &found, NULL);
	around.gateway_mac = json_str(json_get(attributes, "him.gateway.mac"));
	virt_judge(&ev, rules, &around, out);
	json_free(attributes);
	json_free(nics);
}

int machine_look(const struct probe_env *env, struct subject_out *out, struct err *e)
{
	struct err why = ERR_INIT;
	struct providers *rules = read_rules(env, &why);
	struct virt v;

	judge(env, rules, &v);
	json_set_string(out->attributes, "him.kind", v.kind);
	json_set_string(out->attributes, "him.virt.role", v.role);
	json_set_string(out->attributes, "him.network", v.network);
	if (v.hypervisor)
		json_set_string(out->attributes, "him.hypervisor", v.hypervisor);
	if (v.mode)
		json_set_string(out->attributes, "him.virt.mode", v.mode);
	if (v.container)
		json_set_string(out->attributes, "him.container", v.container);
	if (v.provider)
		json_set_string(out->attributes, "cloud.provider", v.provider);
	json_free(v.why);
	providers_free(rules);
	if (why.code == ERR_NONE)
		return 0;
	*e = why;
	return -1;
}

int probe_detect(const char *root, const char *rules_text, struct json **out, struct err *e)
{
	struct probe_env env = {root ? root : "", rules_text};
	struct err why = ERR_INIT;
	struct providers *rules;
	struct virt v;

	if (probe_check_root(env.root, e))
		return -1;
	rules = read_rules(&env, &why);
	if (why.code != ERR_NONE) {
		providers_free(rules);
		*e = why;
		return -1;
	}
	judge(&env, rules, &v);
	*out = virt_json(&v);
	json_free(v.why);
	providers_free(rules);
	return 0;
}
