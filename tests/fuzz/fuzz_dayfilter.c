/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The filter of names that lies beside an index, from a stranger.
 *
 * Input: flags (8 bits), then the file. Where MENDED is set, magic, the index that it belongs to
 * and the checksums of its blocks are made right; the number of blocks stays as it is.
 *
 * Holds: it is told to be none, or it answers, and the same twice; of a filter that is all zeros in
 * a sound block every name is lacking.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "archive/dayfilter.h"
#include "fuzz/fuzz_support.h"
#include "pcapfile/pcapfmt.h"

enum { MENDED = 1 };

#define DAY         20455 /* 2026-01-02 */
#define DAY_PATH    "2026/01/02/"
#define CHANGED_S   INT64_C(1767312000)
#define BLOCK_BYTES 64u /* see dayfilter.h for what is where */
#define CRC_AT      60u

static struct archive *archive(void)
{
	static struct archive *a;

	if (a == NULL)
		fuzz_check(archive_open(fuzz_dir(), ARCHIVE_READ, &a) == 0);
	return a;
}

/* An index that never changes; a filter is not held against what it holds. */
static void put_index(void)
{
	const struct timespec at[2] = {{.tv_sec = CHANGED_S}, {.tv_sec = CHANGED_S}};
	static bool there;
	char path[4096];

	if (there)
		return;
	fuzz_write_at(DAY_PATH LAYOUT_INDEX, "index", 5);
	(void)snprintf(path, sizeof(path), "%s/" DAY_PATH LAYOUT_INDEX, fuzz_dir());
	fuzz_check(utimensat(AT_FDCWD, path, at, 0) == 0);
	there = true;
}

static void put_crc(uint8_t *block, uint32_t number)
{
	uint8_t le[4];

	pcapfmt_put_le32(le, number);
	pcapfmt_put_le32(block + CRC_AT, (uint32_t)crc32(crc32(0, block, CRC_AT), le, sizeof(le)));
}

static void mend(uint8_t *file, size_t len)
{
	uint64_t changed = (uint64_t)CHANGED_S * 1000000000;

	if (len < BLOCK_BYTES)
		return;
	memcpy(file, "FKNAMES1", 8);
	memset(file + 8, 0, 16);
	file[8] = 5;
	pcapfmt_put_le32(file + 16, (uint32_t)changed);
	pcapfmt_put_le32(file + 20, (uint32_t)(changed >> 32));
	memset(file + 28, 0, CRC_AT - 28);
	pcapfmt_put_le32(file + CRC_AT, (uint32_t)crc32(0, file, CRC_AT));
	for (uint32_t i = 0; (i + 2) * BLOCK_BYTES <= len; i++)
		put_crc(file + (i + 1) * BLOCK_BYTES, i);
}

static bool is_zero(const uint8_t *block)
{
	static const uint8_t zeros[CRC_AT];

	return memcmp(block, zeros, CRC_AT) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"a", "3f2a0000-0000-4000-8000-000000000001",
	    "host_1577836800_00000000000012AB", "x.y-z", "0"};
	struct fuzz_input in = {data, size};
	bool mended = fuzz_u8(&in) & MENDED;
	uint8_t *file = fuzz_copy(in.at, in.left);
	struct dayfilter *f;
	int rv;

	put_index();
	if (mended)
		mend(file, in.left);
	fuzz_write_at(DAY_PATH DAYFILTER_NAME, file, in.left);
	rv = dayfilter_open(archive(), DAY, &f);
	fuzz_check(rv == 0 || rv == -ENOENT);
	for (size_t i = 0; rv == 0 && i < sizeof(names) / sizeof(names[0]); i++) {
		bool lacks = dayfilter_lacks(f, names[i]);

		fuzz_check(dayfilter_lacks(f, names[i]) == lacks);
		if (mended && in.left == 2 * BLOCK_BYTES && pcapfmt_get_le32(file + 24) == 1 &&
		    is_zero(file + BLOCK_BYTES))
			fuzz_check(lacks);
	}
	if (rv == 0)
		dayfilter_free(f);
	free(file);
	return 0;
}
