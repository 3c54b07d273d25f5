// SPDX-License-Identifier: Apache-2.0
/* Query strings and forms: what is taken is text, every field is found again, and encoding it again gives the same form. */
#include "server/form.h"
#include "base/buf.h"
#include "base/text.h"
#include "server/html.h"
#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct form f, again;
	struct buf b;

	buf_init(&b, 6 * size + 100);
	if (form_parse((const char *)data, size, a, &f, NULL) == 0) {
		for (size_t i = 0; i < f.n; i++) {
			assert(text_utf8_valid(f.fields[i].name, strlen(f.fields[i].name)));
			assert(text_utf8_valid(f.fields[i].value, strlen(f.fields[i].value)));
			assert(form_get(&f, f.fields[i].name) == f.fields[i].value);
			buf_printf(&b, "&%s=%s", html_url(f.fields[i].name, a),
				html_url(f.fields[i].value, a));
		}
		assert(form_parse(buf_str(&b), b.len, a, &again, NULL) == 0 && again.n == f.n);
		for (size_t i = 0; i < f.n; i++)
			assert(strcmp(form_get(&again, f.fields[i].name), f.fields[i].value) == 0);
		(void)form_only(&f, "query sort limit after", a, NULL);
	}
	buf_release(&b);
	arena_free(a);
	return 0;
}
