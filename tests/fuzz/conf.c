// SPDX-License-Identifier: Apache-2.0
/* A settings file of any content: what is taken keeps the limits of the table, what is refused has a sentence. */
#include "base/conf.h"
#include <assert.h>
#include <stdbool.h>
#include <string.h>

struct settings {
	char *listen;
	int64_t workers, every_ms, spool_bytes;
	bool quiet;
};

static const struct conf_item table[] = {
	{"listen", CONF_STRING, offsetof(struct settings, listen), "here", 0, 12, "where"},
	{"workers", CONF_INT, offsetof(struct settings, workers), "4", 1, 64, "threads"},
	{"every", CONF_DURATION, offsetof(struct settings, every_ms), "1m", 1, 86400000,
		"how often"},
	{"spool", CONF_SIZE, offsetof(struct settings, spool_bytes), "1M", 1, 1LL << 40, "room"},
	{"quiet", CONF_BOOL, offsetof(struct settings, quiet), "no", 0, 0, "say less"},
	{NULL},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct settings s = {0};
	struct err e = ERR_INIT;
	assert(conf_defaults(table, &s, &e) == 0);
	int rc = conf_text(table, &s, (const char *)data, size, "x.conf", &e);
	assert(rc == 0 || (e.code != ERR_NONE && strstr(e.text, "x.conf")));
	assert(strlen(s.listen) <= 12);
	assert(s.workers >= 1 && s.workers <= 64);
	assert(s.every_ms >= 1 && s.every_ms <= 86400000);
	assert(s.spool_bytes >= 1 && s.spool_bytes <= 1LL << 40);
	conf_release(table, &s);
	return 0;
}
