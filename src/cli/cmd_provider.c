/* SPDX-License-Identifier: Apache-2.0 */
/* him provider: the rules that give machines a provider, shown and replaced. What they may say the server knows. */
#include "base/file.h"
#include "base/text.h"
#include "cli/api.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "probe/providers.h"
#include <stdio.h>
#include <string.h>

static int show(struct cli *c, const struct json *j, bool whole, struct err *e)
{
	const char *rules = json_str(json_get(j, "rules"));

	if (c->json)
		return cli_print_json(c, j, e);
	if (whole && rules)
		printf("%s", format_clean(c->arena, rules, strlen(rules)));
	return 0;
}

int cmd_provider_list(struct cli *c, const struct args *a, struct err *e)
{
	struct json *j = NULL;
	int rc = api_get(c, "/providers", &j, e);

	if (rc == 0)
		rc = show(c, j, true, e);
	json_free(j);
	return rc;
}

int cmd_provider_set(struct cli *c, const struct args *a, struct err *e)
{
	const char *path = a->words[0];
	struct json *order = json_object(), *j = NULL;
	struct buf b;
	int rc;

	buf_init(&b, PROVIDERS_MAX);
	rc = file_read(path, &b, e);
	if (rc == 0 && (strlen(buf_str(&b)) != b.len || !text_utf8_valid(buf_str(&b), b.len)))
		rc = err_field(e, ERR_INVALID, "rules", "%s is not text in UTF-8", path);
	if (rc == 0) {
		json_set_string(order, "rules", buf_str(&b));
		rc = api_call(c, "POST", "/providers", order, &j, e);
	}
	if (rc == 0)
		rc = show(c, j, false, e);
	json_free(order);
	json_free(j);
	buf_release(&b);
	return rc;
}
