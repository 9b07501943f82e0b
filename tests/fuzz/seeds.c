/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes inputs to begin with, for every fuzz target: DIR/TARGET/NNN-NAME. They come from the
 * project's own generators, and are the same in every run.
 *
 *     seeds DIR
 */
#include "fuzz/seeds.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int out;
static unsigned written;

void seeds_u8(struct fuzz_bytes *b, unsigned v)
{
	uint8_t byte = (uint8_t)v;

	fuzz_put(b, &byte, 1);
}

void seeds_u16(struct fuzz_bytes *b, unsigned v)
{
	seeds_u8(b, v >> 8);
	seeds_u8(b, v);
}

void seeds_u32(struct fuzz_bytes *b, uint32_t v)
{
	seeds_u16(b, v >> 16);
	seeds_u16(b, v & 0xffff);
}

void seeds_u64(struct fuzz_bytes *b, uint64_t v)
{
	seeds_u32(b, (uint32_t)(v >> 32));
	seeds_u32(b, (uint32_t)v);
}

void seeds_text8(struct fuzz_bytes *b, const char *text)
{
	fuzz_check(strlen(text) < 256);
	seeds_u8(b, (unsigned)strlen(text));
	fuzz_put(b, text, strlen(text));
}

void seeds_part(struct fuzz_bytes *b, const void *bytes, size_t len)
{
	fuzz_check(len < 65536);
	seeds_u16(b, (unsigned)len);
	fuzz_put(b, bytes, len);
}

void seeds_write(const char *target, const char *name, struct fuzz_bytes *b)
{
	char path[300];
	int fd;

	fuzz_check(fileio_mkdirs(out, target, 0755) == 0);
	(void)snprintf(path, sizeof(path), "%s/%03u-%s", target, written++, name);
	fd = openat(out, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	fuzz_check(fd >= 0);
	fuzz_check(fileio_write(fd, b->bytes, b->len) == 0);
	fileio_close(fd);
	fuzz_free(b);
}

void seeds_word(const char *target, unsigned kind, const char *text)
{
	struct fuzz_bytes b = {0};

	seeds_u8(&b, kind);
	fuzz_put(&b, text, strlen(text));
	seeds_write(target, "word", &b);
}

/* The generators assert by Check, which needs a test around them. */
START_TEST(write_all)
{
	seeds_packets();
	seeds_archives();
	seeds_indexes();
	seeds_texts();
}
END_TEST

static int run_within_check(void)
{
	Suite *suite = suite_create("seeds");
	TCase *tcase = tcase_create("seeds");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, write_all);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed;
}

int main(int argc, char **argv)
{
	int failed;

	if (argc != 2) {
		(void)fprintf(stderr, "usage: seeds DIR\n");
		return 2;
	}
	if (fileio_mkdirs(AT_FDCWD, argv[1], 0755) != 0 ||
	    (out = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
		(void)fprintf(stderr, "seeds: cannot make '%s': %s\n", argv[1], strerror(errno));
		return 1;
	}
	failed = run_within_check();
	(void)printf("%u seeds\n", written);
	fileio_close(out);
	return failed > 0;
}
