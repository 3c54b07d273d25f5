/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be asked of a machine, and how its values are read. The fields are model.def's rows flagged QUERY; the table
 * below adds only what that list does not say: short names, units, the few words a field may hold. `ip` and `mac` without
 * more are no columns: they are every address the machine has.
 */
#include "core/target_internal.h"
#include "base/clock.h"
#include "base/text.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DAY_MS 86400000LL

static const char *const states[] = {"online", "late", "offline", "never", NULL};
static const char *const powers[] = {
	"running", "paused", "suspended", "off", "crashed", "gone", NULL};
static const char *const kinds[] = {"physical", "vm", "container", NULL};
static const char *const roles[] = {"guest", "host", "none", NULL};
static const char *const networks[] = {"proprietary", "private", "public", NULL};
static const char *const channels[] = {"ping", "held", "poll", NULL};

/* name, alias, what its values are, its words. A field that is not here has no alias, and the sort of its column. */
static const struct hint {
	const char *name, *alias;
	enum target_sort sort;
	const char *const *words;
} hints[] = {
	{"id", NULL, TARGET_ID},
	{"agent", NULL, TARGET_ID},
	{"relay", NULL, TARGET_ID},
	{"state", NULL, TARGET_WORD, states},
	{"channel", NULL, TARGET_WORD, channels},
	{"him.site", "site", TARGET_TEXT},
	{"clock_skew_ms", "skew", TARGET_DURATION},
	{"him.version", "version", TARGET_TEXT},
	{"host.name", "hostname", TARGET_TEXT},
	{"host.type", "type", TARGET_TEXT},
	{"host.arch", "arch", TARGET_TEXT},
	{"him.host.vendor", "vendor", TARGET_TEXT},
	{"him.host.model", "model", TARGET_TEXT},
	{"him.host.serial", "serial", TARGET_TEXT},
	{"him.host.uuid", "uuid", TARGET_TEXT},
	{"os.type", "os", TARGET_TEXT},
	{"him.os.id", "distro", TARGET_TEXT},
	{"him.os.kernel", "kernel", TARGET_TEXT},
	{"him.os.boot", "boot", TARGET_TIME},
	{"host.cpu.model.name", "cpu", TARGET_TEXT},
	{"him.cpu.sockets", "sockets", TARGET_NUMBER},
	{"him.cpu.cores", "cores", TARGET_NUMBER},
	{"him.cpu.threads", "threads", TARGET_NUMBER},
	{"host.memory", "memory", TARGET_SIZE},
	{"him.swap", "swap", TARGET_SIZE},
	{"him.disk", "disk", TARGET_SIZE},
	{"him.packages", "packages", TARGET_NUMBER},
	{"him.users", "users", TARGET_NUMBER},
	{"him.timezone", "timezone", TARGET_TEXT},
	{"host.ip", NULL, TARGET_IP},
	{"host.mac", NULL, TARGET_MAC},
	{"him.gateway.ip", "gateway", TARGET_IP},
	{"him.gateway.mac", NULL, TARGET_MAC},
	{"him.kind", "kind", TARGET_WORD, kinds},
	{"him.hypervisor", "hypervisor", TARGET_TEXT},
	{"him.virt.role", "role", TARGET_WORD, roles},
	{"him.container", "container", TARGET_TEXT},
	{"him.network", "network", TARGET_WORD, networks},
	{"cloud.provider", "provider", TARGET_TEXT},
	{"cloud.account.id", "account", TARGET_TEXT},
	{"cloud.region", "region", TARGET_TEXT},
	{"cloud.availability_zone", "zone", TARGET_TEXT},
	{"him.power", "power", TARGET_WORD, powers},
	{"him.host", "host", TARGET_HOST},
	{"him.guests", "guests", TARGET_NUMBER},
	{"him.host.marked", "marked", TARGET_TIME},
};

static const struct target_field anywhere[] = {
	{"ip", NULL, "any address of any of its interfaces", NULL, TARGET_IP, NULL},
	{"mac", NULL, "any MAC of any of its interfaces, aa:bb:…", NULL, TARGET_MAC, NULL},
};

#define ANYWHERE (sizeof anywhere / sizeof *anywhere)

/* The i-th field that can be asked for. */
static bool field_at(size_t i, struct target_field *out)
{
	const struct model_record *r = &model_records[MODEL_machine];

	if (i < ANYWHERE) {
		*out = anywhere[i];
		return true;
	}
	i -= ANYWHERE;
	for (size_t k = 0; k < r->n; k++) {
		const struct model_field *f = &r->fields[k];
		if (!(f->flags & (QUERY | KEY)) || i-- > 0)
			continue;
		*out = (struct target_field){f->name, NULL, f->doc, f->column, TARGET_TEXT, NULL};
		out->sort = f->type == MODEL_TIME ? TARGET_TIME
			: f->type == MODEL_TEXT   ? TARGET_TEXT
						  : TARGET_NUMBER;
		for (size_t h = 0; h < sizeof hints / sizeof *hints; h++)
			if (strcmp(hints[h].name, f->name) == 0) {
				out->alias = hints[h].alias;
				out->sort = hints[h].sort;
				out->words = hints[h].words;
			}
		return true;
	}
	return false;
}

static void unknown(const char *name, struct err *e)
{
	const char *words[160], *near;
	struct target_field f;
	size_t n = 0;

	for (size_t i = 0; field_at(i, &f) && n < 158; i++) {
		words[n++] = f.name;
		if (f.alias)
			words[n++] = f.alias;
	}
	near = text_nearest(name, words, n);
	if (near)
		err_set(e, ERR_INVALID, "there is no field '%.60s'; did you mean '%s'?", name,
			near);
	else
		err_set(e, ERR_INVALID,
			"there is no field '%.60s'; a name that holds ':' goes into quotes", name);
}

const struct target_field *target_field(const char *name, struct arena *a, struct err *e)
{
	struct target_field f;

	for (size_t i = 0; field_at(i, &f); i++)
		if (strcasecmp(f.name, name) == 0 || (f.alias && strcasecmp(f.alias, name) == 0))
			return arena_memdup(a, &f, sizeof f);
	unknown(name, e);
	return NULL;
}

bool target_name(size_t i, struct target_name *out)
{
	static const char *const values[] = {[TARGET_TEXT] = "text",
		[TARGET_WORD] = "word",
		[TARGET_ID] = "id",
		[TARGET_NUMBER] = "number",
		[TARGET_SIZE] = "size",
		[TARGET_DURATION] = "duration",
		[TARGET_TIME] = "time",
		[TARGET_IP] = "address",
		[TARGET_MAC] = "MAC",
		[TARGET_HOST] = "machine"};
	struct target_field f;

	if (!field_at(i, &f))
		return false;
	*out = (struct target_name){f.name, f.alias, values[f.sort], f.doc};
	return true;
}

/* ---- values ---- */

char *target_plain(const char *glob, struct arena *a, bool *wild)
{
	char *out = arena_alloc(a, strlen(glob) + 1), *to = out;

	*wild = false;
	for (; *glob; glob++) {
		if (*glob == '\\' && glob[1])
			glob++;
		else if (*glob == '*' || *glob == '?')
			*wild = true;
		*to++ = *glob;
	}
	return out;
}

static int read_word(const struct target_field *f, const char *text, struct err *e)
{
	size_t n = 0;
	const char *near;

	for (; f->words[n]; n++)
		if (strcasecmp(f->words[n], text) == 0)
			return 0;
	near = text_nearest(text, f->words, n);
	return err_set(e, ERR_INVALID, "%s is never '%.60s'; %s '%s'%s", f->name, text,
		near ? "did you mean" : "it can be such as", near ? near : f->words[0],
		near ? "?" : "");
}

static int read_address(const struct target_field *f, const char *text, struct err *e)
{
	char out[64];

	if (f->sort == TARGET_IP && strchr(text, '/'))
		return target_network(text, NULL, NULL, e);
	if (f->sort == TARGET_IP ? target_ip(text, out) == 0 : target_mac(text, out) == 0)
		return 0;
	return err_set(e, ERR_INVALID,
		"%s is an address such as %s, or a pattern of one with *, not '%.60s'", f->name,
		f->sort == TARGET_IP ? "10.0.0.7" : "52:54:00:12:34:56", text);
}

static int read_number(
	const struct target_field *f, const char *text, struct target_value *v, struct err *e)
{
	int rc;

	if (f->sort == TARGET_SIZE)
		rc = text_size(text, f->name, 0, INT64_MAX, &v->low, e);
	else if (f->sort == TARGET_DURATION)
		rc = text_duration(text, f->name, -INT64_MAX, INT64_MAX, &v->low, e);
	else
		rc = text_int(text, f->name, INT64_MIN + 1, INT64_MAX, &v->low, e);
	v->high = v->low;
	return rc;
}

static int read_time(const struct target_field *f, enum target_op op, const char *text,
	struct target_value *v, struct err *e)
{
	char day[40];

	if (strlen(text) == strlen("2026-01-02")) {
		snprintf(day, sizeof day, "%sT00:00:00Z", text);
		if (clock_parse(day, &v->low) == 0) {
			v->high = v->low + DAY_MS;
			return 0;
		}
	}
	if (clock_parse(text, &v->low) == 0) {
		v->high = v->low + 1;
		return 0;
	}
	if (text_duration(text, f->name, 0, 36500 * DAY_MS, &v->low, NULL) < 0)
		return err_set(e, ERR_INVALID,
			"%s is a time: an age such as 10m, a day such as 2026-01-02, "
			"or RFC 3339, not '%.60s'",
			f->name, text);
	if (op == TARGET_IS)
		return err_set(e, ERR_INVALID,
			"no time is exactly %.30s ago: say %s<%.30s for less or %s>%.30s for more",
			text, f->name, text, f->name, text);
	v->relative = true;
	return 0;
}

static bool has_order(const struct target_field *f)
{
	return f->sort == TARGET_NUMBER || f->sort == TARGET_SIZE || f->sort == TARGET_DURATION ||
		f->sort == TARGET_TIME;
}

int target_value_read(const struct target_field *f, enum target_op op, struct target_value *v,
	struct arena *a, struct err *e)
{
	bool wild, order = f && has_order(f);
	const char *text = target_plain(v->glob, a, &wild);

	v->any = strcmp(v->glob, "*") == 0;
	if (!f)
		return 0;
	if (op != TARGET_IS && !order)
		return err_set(e, ERR_INVALID, "%s has no order: it takes ':', '=' and '!=' only",
			f->name);
	if (v->any && op == TARGET_IS)
		return 0;
	if (wild && order)
		return err_set(
			e, ERR_INVALID, "%s takes no pattern; a lone * is any value", f->name);
	if (wild)
		return 0;
	if (f->sort == TARGET_TIME)
		return read_time(f, op, text, v, e);
	if (order)
		return read_number(f, text, v, e);
	if (f->sort == TARGET_WORD)
		return read_word(f, text, e);
	return f->sort == TARGET_IP || f->sort == TARGET_MAC ? read_address(f, text, e) : 0;
}
