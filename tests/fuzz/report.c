/* SPDX-License-Identifier: Apache-2.0 */
/* A report's body: what the parser takes is what its contract says, and a document grown of it stays one that can be printed. */
#include "model/patch.h"
#include "store/store_ingest.h"
#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ingest_report r;
	struct err e = ERR_INIT;
	struct json *document;
	struct buf text, again;

	if (ingest_report_parse((const char *)data, size, &r, &e) < 0) {
		assert(e.code != ERR_NONE && e.text[0] && !r.body);
		return 0;
	}
	assert(strlen(r.base) <= 64 && r.made >= 0 && json_type(r.doc) == JSON_OBJECT);
	for (struct json_iter it = json_iter(r.doc); json_next(&it);)
		assert(*it.key && strlen(it.key) <= 32 &&
			(json_type(it.value) == JSON_OBJECT || json_type(it.value) == JSON_NULL));
	document = patch_apply(NULL, r.doc);
	buf_init(&text, 64 << 20);
	buf_init(&again, 64 << 20);
	assert(json_print(document, &text) == 0);
	assert(patch_text(text.data, text.len, r.doc, &again, &e) == 0);
	json_free(document);
	document = json_parse(again.data, again.len, &e); /* what is stored can be read */
	assert(document && strcmp(text.data, again.data) == 0);
	json_free(document);
	buf_release(&again);
	buf_release(&text);
	json_free(r.body);
	return 0;
}
