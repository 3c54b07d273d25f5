// SPDX-License-Identifier: Apache-2.0
/* os-release and the line btime of /proc/stat, from the same bytes. */
#include "probe/linux/os.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json *out = json_object();
	struct buf text;
	int64_t boot;

	os_release_parse((const char *)data, size, out);
	buf_init(&text, 16 << 20);
	json_print(out, &text);
	json_free(json_parse(buf_str(&text), text.len, NULL));
	buf_release(&text);
	json_free(out);
	os_boot_parse((const char *)data, size, &boot);
	return 0;
}
