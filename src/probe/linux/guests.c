// SPDX-License-Identifier: Apache-2.0
/* Runs through the platforms (host.h) and lists their guests. When to do so says guests_watch.c. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "probe/guests_host.h"
#include "probe/linux/host.h"
#include "probe/linux/look.h"
#include <string.h>

static bool is_without(const char *names, const char *name)
{
	size_t n = strlen(name);
	for (const char *at = names; at && *at; at += strcspn(at, ","), at += *at == ',')
		if (strncmp(at, name, n) == 0 && (at[n] == ',' || !at[n]))
			return true;
	return false;
}

void guests_host(const char *root, const char *without, struct guests *list, struct json *errors,
	struct json *slow)
{
	struct host h = {.root = root, .until_ms = clock_mono_ms() + GUESTS_LOOK_MS, .list = list};

	for (size_t i = 0; i < platforms_count; i++) {
		const struct platform *p = &platforms[i];
		int64_t began = clock_mono_ms();
		struct err e = ERR_INIT;
		if (!p->is_here(root))
			continue;
		h.before = list->count;
		h.platform = p->name;
		h.e = &e;
		if (is_without(without, p->name))
			err_set(&e, ERR_UNAVAILABLE,
				"it took too long and is left alone for a while");
		else
			p->list(&h);
		if (e.code != ERR_NONE)
			json_set_string(errors, p->name, e.text);
		/* One that answers, if late, is not to blame: on a busy host everything is slow. */
		if (slow && e.code != ERR_NONE && clock_mono_ms() - began > GUESTS_SLOW_MS)
			json_add(slow, json_string(p->name));
	}
	guests_settle(list);
}

int guests_look(const struct probe_env *env, struct subject_out *out, struct err *e)
{
	struct json *errors = json_object();
	struct guests list;
	struct json_iter it;
	int rc = 0;

	guests_init(&list);
	guests_host(env->root, NULL, &list, errors, NULL);
	struct json *records = guests_records(&list);
	for (it = json_iter(records); rc == 0 && json_next(&it);)
		rc = subject_add(out, it.key, json_copy(it.value), e);
	for (it = json_iter(errors); rc == 0 && json_next(&it);)
		rc = err_set(e, ERR_UNAVAILABLE, "%s: %s", it.key, json_str(it.value));
	json_free(records);
	json_free(errors);
	guests_release(&list);
	return rc;
}
