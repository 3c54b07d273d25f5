// SPDX-License-Identifier: Apache-2.0
/*
 * The time zone by its name. /etc/localtime is a link into the zone database on nearly all
 * systems, and its target is read as text, so the database need not be there; /etc/timezone is
 * the older way. A system without either runs on UTC.
 */
#include "probe/linux/look.h"
#include "base/text.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* What stands behind "zoneinfo/", and behind the variants with and without leap seconds. */
static const char *zone_of(const char *target)
{
	static const char *const variants[] = {"posix/", "right/"};
	const char *zone = strstr(target, "zoneinfo/");
	if (!zone)
		return NULL;
	zone += strlen("zoneinfo/");
	for (size_t i = 0; i < 2; i++)
		if (text_starts(zone, variants[i]))
			zone += strlen(variants[i]);
	return zone;
}

int time_look(const struct probe_env *env, struct subject_out *out, struct err *e)
{
	char path[PATH_MAX], target[PATH_MAX], line[128];
	const char *zone = NULL;

	if (subject_path(env, path, "/etc/localtime"))
		return 0;
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	bool absent = n < 0 && errno == ENOENT;
	if (n > 0) {
		target[n] = 0;
		zone = zone_of(target);
	}
	if (!zone && subject_line(env, line, sizeof(line), "/etc/timezone"))
		zone = line;
	if (!zone && absent)
		zone = "UTC";
	if (zone)
		subject_text(out->attributes, "him.timezone", zone);
	return 0;
}
