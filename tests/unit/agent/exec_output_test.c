/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of an output, exact at every boundary and however it came in pieces, and what goes out live. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "agent/exec_output.h"
#include "base/file.h"
#include "base/text.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>

#define KIB 1024
#define SIZE_MAX_ (300 * KIB)
#define N(a) (sizeof(a) / sizeof *(a))

static char data[SIZE_MAX_];
static struct output o;

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void assert_int(const struct json *j, const char *name, int64_t want)
{
	int64_t v = -1;

	assert_int_equal(json_to_int(json_get(j, name), &v), 0);
	assert_int_equal(v, want);
}

static void check(size_t total)
{
	size_t head = least(total, OUTPUT_HEAD), tail = least(total - head, OUTPUT_TAIL);
	struct json *j = json_object();
	const char *text;
	struct buf kept;

	assert_int_equal(output_dropped(&o), total - head - tail);
	output_json(&o, "stdout", j);
	assert_int(j, "stdout_bytes", (int64_t)total);
	assert_int(j, "stdout_dropped", (int64_t)(total - head - tail));
	text = json_str(json_get(j, "stdout"));
	buf_init(&kept, SIZE_MAX_);
	assert_int_equal(text_unbase64(text, strlen(text), &kept), 0);
	assert_int_equal(kept.len, head + tail);
	assert_memory_equal(buf_str(&kept), data, head);
	assert_memory_equal(buf_str(&kept) + head, data + total - tail, tail);
	buf_release(&kept);
	json_free(j);
}

static void test_boundaries(void **state)
{
	static const size_t sizes[] = {0, 1, 32 * KIB - 1, 32 * KIB, 32 * KIB + 1, 64 * KIB - 1,
		64 * KIB, 64 * KIB + 1, 96 * KIB, 300 * KIB};
	static const size_t pieces[] = {
		1, 7, 4096, 32 * KIB - 1, 32 * KIB, 32 * KIB + 1, 65536, SIZE_MAX_};

	for (size_t s = 0; s < N(sizes); s++)
		for (size_t p = 0; p < N(pieces); p++) {
			output_init(&o, NULL);
			for (size_t at = 0; at < sizes[s]; at += pieces[p])
				output_add(&o, data + at, least(pieces[p], sizes[s] - at));
			check(sizes[s]);
			output_release(&o);
		}
}

static void test_whole_up_to_its_limit(void **state)
{
	char path[] = "/tmp/him-output.XXXXXX";
	int fd = mkstemp(path);
	int64_t written = 0;
	struct buf b;

	assert_true(fd >= 0);
	close(fd);
	output_init(&o, path);
	assert_true(o.whole_fd >= 0);
	for (; written <= (int64_t)OUTPUT_WHOLE_MAX; written += sizeof data)
		output_add(&o, data, sizeof data);
	assert_int_equal(o.bytes, written);
	assert_int_equal(o.whole_bytes, OUTPUT_WHOLE_MAX);
	output_release(&o);
	buf_init(&b, OUTPUT_WHOLE_MAX + 1);
	assert_int_equal(file_read(path, &b, NULL), 0);
	assert_int_equal(b.len, OUTPUT_WHOLE_MAX);
	for (size_t at = 0; at < b.len; at += sizeof data)
		assert_memory_equal(b.data + at, data, least(sizeof data, b.len - at));
	buf_release(&b);
	unlink(path);
}

/* Reads the pieces in the pipe and checks that they are whole and in order; returns their bytes. */
static size_t pieces_of(int fd, int stream, int64_t offset)
{
	unsigned char head[LIVE_HEAD];
	char text[LIVE_PIECE];
	size_t sum = 0;

	while (read(fd, head, sizeof head) == sizeof head) {
		size_t len = (size_t)head[9] << 24 | (size_t)head[10] << 16 |
			(size_t)head[11] << 8 | head[12];
		int64_t at = 0;
		for (int i = 0; i < 8; i++)
			at = at << 8 | head[1 + i];
		assert_int_equal(head[0], stream);
		assert_true(len > 0 && len <= LIVE_PIECE);
		assert_int_equal(at, offset + (int64_t)sum);
		assert_int_equal(read(fd, text, len), len);
		assert_memory_equal(text, data + sum, len);
		sum += len;
	}
	return sum;
}

static void test_live_within_its_budget(void **state)
{
	int fd[2];

	assert_int_equal(pipe2(fd, O_NONBLOCK), 0);
	output_init(&o, NULL);
	output_live(&o, fd[1], 1, 0, data, 5000, 1000000);
	assert_int_equal(pieces_of(fd[0], 1, 0), 5000);
	output_live(&o, fd[1], 1, 5000, data, sizeof data, 1000999); /* the same second */
	assert_int_equal(pieces_of(fd[0], 1, 5000), 16 * KIB - 5000);
	output_live(&o, fd[1], 1, 0, data, 10, 1000999);
	assert_int_equal(pieces_of(fd[0], 1, 0), 0);
	output_live(&o, fd[1], 2, 77, data, sizeof data, 1001000);
	assert_int_equal(pieces_of(fd[0], 2, 77), 16 * KIB);
	output_release(&o);
	close(fd[0]);
	close(fd[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_boundaries),
		cmocka_unit_test(test_whole_up_to_its_limit),
		cmocka_unit_test(test_live_within_its_budget),
	};

	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (char)(i * 2654435761u >> 13);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
