/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a report, and what a merge patch makes of it. */
#include "model/patch.h"
#include "store/store_ingest.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ingest_report r;
	struct err e = ERR_INIT;
	struct json *made;

	if (ingest_report_parse((const char *)data, size, &r, &e) == 0) {
		assert(json_type(r.doc) == JSON_OBJECT && r.base && r.made >= 0);
		made = patch_apply(json_object(), r.doc);
		assert(json_type(made) == JSON_OBJECT);
		json_free(made);
		json_free(r.body);
	} else {
		assert(e.code && e.text[0]);
	}
	return 0;
}
