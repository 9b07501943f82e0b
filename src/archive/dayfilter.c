/* SPDX-License-Identifier: BSD-2-Clause */
/* See dayfilter.h. */
#include "archive/dayfilter.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "archive/dayrow.h"
#include "archive/dayschema.h"
#include "base/clk.h"
#include "base/fileio.h"
#include "packet/hash.h"
#include "pcapfile/pcapfmt.h"

#define MAGIC       "FKNAMES1"
#define BLOCK_BYTES 64u
#define CRC_AT      60u
#define BLOCK_BITS  480u
#define BITS        4
#define BITS_A_NAME 12u /* one in a hundred that is not there seems to be */
#define BLOCKS_MAX  (UINT32_C(1) << 18)
#define MOST_TICKS  25
#define SPREAD      UINT64_C(0x9e3779b97f4a7c15)

struct dayfilter {
	int fd; /* that it is read from; -1: it was made */
	uint32_t blocks;
	uint8_t *bytes;    /* of blocks, where it was made */
	struct stat index; /* that it was made of */
};

/* ---- bits -------------------------------------------------------------------------------------
 */

static uint64_t hash_name(const char *uuid)
{
	static const struct hash_key key = {0, 0};
	uint64_t words[(LAYOUT_UUID_SIZE + 7) / 8] = {0};
	size_t len = strlen(uuid), n = (len + 7) / 8;

	memcpy(words, uuid, len);
	for (size_t i = 0; i < n; i++)
		words[i] = le64toh(words[i]);
	return hash_words(&key, words, n);
}

static uint32_t block_of(const struct dayfilter *f, uint64_t hash)
{
	return (uint32_t)((hash >> 32) * f->blocks >> 32);
}

static unsigned bit_of(uint64_t hash, int i)
{
	return (unsigned)(hash * SPREAD >> (48 - 16 * i) & 0xffff) % BLOCK_BITS;
}

static uint32_t crc_of(const uint8_t block[BLOCK_BYTES], uint32_t number)
{
	uint8_t le[4];

	pcapfmt_put_le32(le, number);
	return (uint32_t)crc32(crc32(0, block, CRC_AT), le, sizeof(le));
}

static void put64(uint8_t *to, uint64_t v)
{
	pcapfmt_put_le32(to, (uint32_t)v);
	pcapfmt_put_le32(to + 4, (uint32_t)(v >> 32));
}

static void add(struct dayfilter *f, const char *uuid)
{
	uint64_t hash = hash_name(uuid);
	uint8_t *block = f->bytes + (size_t)block_of(f, hash) * BLOCK_BYTES;

	for (int i = 0; i < BITS; i++)
		block[bit_of(hash, i) / 8] |= (uint8_t)(1u << bit_of(hash, i) % 8);
}

/* ---- making it --------------------------------------------------------------------------------
 */

static int new_filter(uint64_t names, struct dayfilter **ret_filter)
{
	struct dayfilter *f = calloc(1, sizeof(*f));
	uint64_t blocks = (names * BITS_A_NAME + BLOCK_BITS - 1) / BLOCK_BITS;

	if (f == NULL)
		return -ENOMEM;
	f->fd = -1;
	f->blocks = blocks == 0 ? 1 : blocks > BLOCKS_MAX ? BLOCKS_MAX : (uint32_t)blocks;
	f->bytes = calloc(f->blocks, BLOCK_BYTES);
	if (f->bytes == NULL) {
		dayfilter_free(f);
		return -ENOMEM;
	}
	*ret_filter = f;
	return 0;
}

static int add_names(struct dayfilter *f, sqlite3 *db)
{
	sqlite3_stmt *st;
	int rc = sqlite3_prepare_v2(db, "SELECT uuid FROM flow ORDER BY uuid", -1, &st, NULL);
	char name[LAYOUT_UUID_SIZE];
	int rv = 0;

	if (rc != SQLITE_OK)
		return dayschema_errno(rc);
	while (rv == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW)
		if ((rv = dayrow_column_uuid(st, 0, name)) == 0)
			add(f, name);
	(void)sqlite3_finalize(st); /* repeats the error of step */
	return rv != 0 ? rv : dayschema_errno(rc);
}

static int64_t changed_ns(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * CLK_SECOND_NS + st->st_mtim.tv_nsec;
}

/*
 * Files have their times from a clock that ticks: in the tick of the last change another one would
 * leave the same time. Where the kernel has finer ones (since 6.13), the clock comes after them by
 * a tick or two. Returns: 0; -EAGAIN that tick is not over, as when the clock has been set back.
 */
static int wait_for_tick(const struct stat *index)
{
	struct timespec now, tick;

	if (clock_getres(CLOCK_REALTIME_COARSE, &tick) != 0)
		return -errno;
	for (int i = 0; i < MOST_TICKS; i++) {
		if (clock_gettime(CLOCK_REALTIME_COARSE, &now) != 0)
			return -errno;
		if (now.tv_sec * CLK_SECOND_NS + now.tv_nsec > changed_ns(index))
			return 0;
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &tick, NULL); /* signals: not here */
	}
	return -EAGAIN;
}

static int make(struct dayfilter **ret_filter, sqlite3 *db, int day_fd)
{
	struct dayfilter *f;
	int64_t names = 0;
	int rv = dayschema_int(db, "SELECT count(*) FROM flow", &names);

	if (rv == 0)
		rv = new_filter((uint64_t)names, &f);
	if (rv != 0)
		return rv;
	if (fstatat(day_fd, LAYOUT_INDEX, &f->index, AT_SYMLINK_NOFOLLOW) != 0)
		rv = -errno;
	if (rv == 0)
		rv = add_names(f, db);
	if (rv == 0)
		rv = wait_for_tick(&f->index);
	if (rv != 0) {
		dayfilter_free(f);
		return rv;
	}
	*ret_filter = f;
	return 0;
}

/* In a transaction that has read: nobody changes the index before it ends. */
int dayfilter_make(sqlite3 *db, int day_fd, struct dayfilter **ret_filter)
{
	int rv = dayschema_exec(db, "BEGIN");

	if (rv != 0)
		return rv;
	rv = make(ret_filter, db, day_fd);
	(void)dayschema_exec(db, "COMMIT"); /* of nothing */
	return rv;
}

static void head(const struct dayfilter *f, uint8_t ret[BLOCK_BYTES])
{
	memset(ret, 0, BLOCK_BYTES);
	memcpy(ret, MAGIC, 8);
	put64(ret + 8, (uint64_t)f->index.st_size);
	put64(ret + 16, (uint64_t)changed_ns(&f->index));
	pcapfmt_put_le32(ret + 24, f->blocks);
	pcapfmt_put_le32(ret + CRC_AT, (uint32_t)crc32(0, ret, CRC_AT));
}

static int write_blocks(struct dayfilter *f, int fd)
{
	uint8_t first[BLOCK_BYTES];
	int rv;

	for (uint32_t i = 0; i < f->blocks; i++) {
		uint8_t *block = f->bytes + (size_t)i * BLOCK_BYTES;

		pcapfmt_put_le32(block + CRC_AT, crc_of(block, i));
	}
	head(f, first);
	rv = fileio_write(fd, first, BLOCK_BYTES);
	return rv != 0 ? rv : fileio_write(fd, f->bytes, (size_t)f->blocks * BLOCK_BYTES);
}

int dayfilter_remove(int day_fd)
{
	return unlinkat(day_fd, DAYFILTER_NAME, 0) == 0 || errno == ENOENT ? 0 : -errno;
}

/* What a kill leaves of it has blocks that do not count. */
int dayfilter_write(struct dayfilter *f, int day_fd)
{
	int fd, rv = dayfilter_remove(day_fd);

	if (rv != 0)
		return rv;
	fd = openat(day_fd, DAYFILTER_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
	    ARCHIVE_FILE_MODE);
	if (fd < 0)
		return -errno;
	rv = write_blocks(f, fd);
	fileio_close(fd);
	if (rv != 0)
		(void)dayfilter_remove(day_fd); /* what is there of it does not count */
	return rv;
}

/* ---- asking it --------------------------------------------------------------------------------
 */

/* An index with a log has rows that are only there. */
static bool is_at_rest(int day_fd, struct stat *ret_st)
{
	struct stat log;

	return fstatat(day_fd, LAYOUT_INDEX, ret_st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(ret_st->st_mode) &&
	       fstatat(day_fd, LAYOUT_INDEX "-wal", &log, AT_SYMLINK_NOFOLLOW) != 0 &&
	       errno == ENOENT;
}

static bool counts_for(const uint8_t first[BLOCK_BYTES], const struct stat *index)
{
	uint8_t want[16];

	put64(want, (uint64_t)index->st_size);
	put64(want + 8, (uint64_t)changed_ns(index));
	return memcmp(first, MAGIC, 8) == 0 && memcmp(first + 8, want, sizeof(want)) == 0 &&
	       pcapfmt_get_le32(first + CRC_AT) == (uint32_t)crc32(0, first, CRC_AT) &&
	       pcapfmt_get_le32(first + 24) > 0;
}

static int open_in(int day_fd, struct dayfilter *f)
{
	uint8_t first[BLOCK_BYTES];
	struct stat index;

	if (!is_at_rest(day_fd, &index))
		return -ENOENT;
	f->fd = openat(
	    day_fd, DAYFILTER_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (f->fd < 0)
		return -errno;
	if (pread(f->fd, first, sizeof(first), 0) != (ssize_t)sizeof(first) ||
	    !counts_for(first, &index))
		return -ENOENT;
	f->blocks = pcapfmt_get_le32(first + 24);
	return 0;
}

int dayfilter_open(const struct archive *a, int32_t day, struct dayfilter **ret_filter)
{
	struct dayfilter *f = calloc(1, sizeof(*f));
	int day_fd, rv;

	if (f == NULL)
		return -ENOMEM;
	f->fd = -1;
	day_fd = archive_open_day(a, day);
	rv = day_fd < 0 ? day_fd : open_in(day_fd, f);
	if (day_fd >= 0)
		fileio_close(day_fd);
	if (rv != 0) {
		dayfilter_free(f);
		return rv;
	}
	*ret_filter = f;
	return 0;
}

bool dayfilter_lacks(const struct dayfilter *f, const char *uuid)
{
	uint64_t hash;
	uint8_t block[BLOCK_BYTES];
	uint32_t number;

	if (strlen(uuid) >= LAYOUT_UUID_SIZE)
		return true;
	hash = hash_name(uuid);
	number = block_of(f, hash);
	if (pread(f->fd, block, sizeof(block), (off_t)BLOCK_BYTES * (1 + (off_t)number)) !=
		(ssize_t)sizeof(block) ||
	    pcapfmt_get_le32(block + CRC_AT) != crc_of(block, number))
		return false;
	for (int i = 0; i < BITS; i++)
		if ((block[bit_of(hash, i) / 8] >> bit_of(hash, i) % 8 & 1) == 0)
			return true;
	return false;
}

void dayfilter_free(struct dayfilter *f)
{
	if (f == NULL)
		return;
	if (f->fd >= 0)
		fileio_close(f->fd);
	free(f->bytes);
	free(f);
}
