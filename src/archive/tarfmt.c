/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See tarfmt.h. Names of fields and their widths are those of POSIX.1-2017, pax, "ustar Interchange
 * Format".
 */
#include "archive/tarfmt.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Where the fields of a header block begin, and what those hold that are the same in all of ours.
 */
enum {
	AT_NAME = 0,
	AT_MODE = 100,
	AT_UID = 108,
	AT_GID = 116,
	AT_SIZE = 124,
	AT_MTIME = 136,
	AT_CHECKSUM = 148,
	AT_TYPE = 156,
	AT_MAGIC = 257,
	AT_DEVMAJOR = 329,
	AT_DEVMINOR = 337,
	NAME_BYTES = 100,
	NUMBER_BYTES = 8, /* of the short numbers: digits and a NUL */
	LONG_NUMBER_BYTES = 12,
	CHECKSUM_BYTES = 8
};

#define FILE_MODE     0640
#define MTIME_MAX     ((int64_t)TARFMT_SIZE_MAX) /* the year 2242 */
#define TYPE_FILE     '0'
#define TYPE_EXTENDED 'x'

/* What the block of an extended header is called: who does not know them extracts it as a file. */
#define EXTENDED_NAME "PaxHeader"

#define RECORD_MAX (LAYOUT_NAME_SIZE + 16) /* "170 path=NAME\n" */

_Static_assert(RECORD_MAX <= TARFMT_BLOCK_BYTES, "an extended header has one block of content");

static const char magic[8] = {'u', 's', 't', 'a', 'r', '\0', '0', '0'}; /* and the version */

static void put_octal(uint8_t *field, size_t width, uint64_t value)
{
	field[width - 1] = '\0';
	for (size_t i = width - 1; i-- > 0; value >>= 3)
		field[i] = (uint8_t)('0' + (value & 7));
}

/* Whatever is no digit ends it: tarfmt_parse makes the field again and compares. */
static uint64_t get_octal(const uint8_t *field, size_t width)
{
	uint64_t value = 0;

	for (size_t i = 0; i < width - 1 && field[i] >= '0' && field[i] <= '7'; i++)
		value = value << 3 | (uint64_t)(field[i] - '0');
	return value;
}

/* One block; the checksum counts its own field as spaces, and ends in NUL and space. */
static void make_block(const char *name, uint64_t size, int64_t mtime_s, char type, uint8_t *b)
{
	unsigned sum = 0;

	memset(b, 0, TARFMT_BLOCK_BYTES);
	memcpy(b + AT_NAME, name, strnlen(name, NAME_BYTES)); /* of 100 bytes: without a NUL */
	put_octal(b + AT_MODE, NUMBER_BYTES, FILE_MODE);
	put_octal(b + AT_UID, NUMBER_BYTES, 0);
	put_octal(b + AT_GID, NUMBER_BYTES, 0);
	put_octal(b + AT_SIZE, LONG_NUMBER_BYTES, size);
	put_octal(b + AT_MTIME, LONG_NUMBER_BYTES, (uint64_t)mtime_s);
	memset(b + AT_CHECKSUM, ' ', CHECKSUM_BYTES);
	b[AT_TYPE] = (uint8_t)type;
	memcpy(b + AT_MAGIC, magic, sizeof(magic));
	put_octal(b + AT_DEVMAJOR, NUMBER_BYTES, 0);
	put_octal(b + AT_DEVMINOR, NUMBER_BYTES, 0);
	for (size_t i = 0; i < TARFMT_BLOCK_BYTES; i++)
		sum += b[i];
	put_octal(b + AT_CHECKSUM, CHECKSUM_BYTES - 1, sum);
}

/*
 * "LENGTH path=NAME\n", where LENGTH counts its own digits, too: three, as a name that needs this
 * has more than 100 bytes. Returns that length.
 */
static size_t make_record(const char *name, char *buf)
{
	size_t len = 3 + strlen(" path=\n") + strlen(name);

	(void)snprintf(buf, RECORD_MAX, "%zu path=%s\n", len, name);
	return len;
}

size_t tarfmt_header_bytes(const char *name)
{
	return strlen(name) <= NAME_BYTES ? TARFMT_BLOCK_BYTES : TARFMT_HEADER_MAX_BYTES;
}

size_t tarfmt_header(const char *name, uint64_t size, int64_t mtime_s, uint8_t *out)
{
	char record[RECORD_MAX];
	uint8_t *at = out;

	assert(size <= TARFMT_SIZE_MAX && strlen(name) < LAYOUT_NAME_SIZE);
	if (mtime_s < 0)
		mtime_s = 0;
	else if (mtime_s > MTIME_MAX)
		mtime_s = MTIME_MAX;
	if (strlen(name) > NAME_BYTES) {
		size_t n = make_record(name, record);

		make_block(EXTENDED_NAME, n, mtime_s, TYPE_EXTENDED, at);
		at += TARFMT_BLOCK_BYTES;
		memset(at, 0, TARFMT_BLOCK_BYTES);
		memcpy(at, record, n);
		at += TARFMT_BLOCK_BYTES;
	}
	make_block(name, size, mtime_s, TYPE_FILE, at);
	return (size_t)(at - out) + TARFMT_BLOCK_BYTES;
}

static bool is_zero(const uint8_t *block)
{
	static const uint8_t zeros[TARFMT_BLOCK_BYTES];

	return memcmp(block, zeros, TARFMT_BLOCK_BYTES) == 0;
}

/* The name in an extended header, as far as it can be one. */
static bool get_long_name(const uint8_t *content, char *ret_name)
{
	const char *text = (const char *)content;
	const char *path = memmem(text, TARFMT_BLOCK_BYTES, " path=", 6);
	const char *end;

	if (path == NULL)
		return false;
	path += 6;
	end = memchr(path, '\n', TARFMT_BLOCK_BYTES - (size_t)(path - text));
	if (end == NULL || end - path >= LAYOUT_NAME_SIZE)
		return false;
	memcpy(ret_name, path, (size_t)(end - path));
	ret_name[end - path] = '\0';
	return true;
}

/* Is the first block one that stands before the content of an extended header of ours? */
static bool is_extended(const uint8_t *b)
{
	uint8_t again[TARFMT_BLOCK_BYTES];
	uint64_t size = get_octal(b + AT_SIZE, LONG_NUMBER_BYTES);
	int64_t mtime_s = (int64_t)get_octal(b + AT_MTIME, LONG_NUMBER_BYTES);

	make_block(EXTENDED_NAME, size, mtime_s, TYPE_EXTENDED, again);
	return memcmp(b, again, sizeof(again)) == 0;
}

/*
 * There is one spelling of each header, the one that we write: what the fields seem to say is
 * written again and compared, so that nothing is left to check field by field.
 */
int tarfmt_parse(const uint8_t *buf, size_t len, struct tarfmt_entry *ret_entry)
{
	struct tarfmt_entry e = {.header_bytes = TARFMT_BLOCK_BYTES};
	uint8_t again[TARFMT_HEADER_MAX_BYTES];
	const uint8_t *last = buf;
	int64_t mtime_s;

	if (len < TARFMT_BLOCK_BYTES)
		return -ENODATA;
	if (is_zero(buf))
		return 0;
	if (buf[AT_TYPE] == TYPE_EXTENDED) {
		if (!is_extended(buf))
			return -EBADMSG;
		if (len < TARFMT_HEADER_MAX_BYTES)
			return -ENODATA;
		e.header_bytes = TARFMT_HEADER_MAX_BYTES;
		last = buf + 2 * TARFMT_BLOCK_BYTES;
		if (!get_long_name(buf + TARFMT_BLOCK_BYTES, e.name))
			return -EBADMSG;
	} else {
		memcpy(e.name, buf + AT_NAME, NAME_BYTES); /* e is zero: a NUL follows */
	}
	e.size = get_octal(last + AT_SIZE, LONG_NUMBER_BYTES);
	mtime_s = (int64_t)get_octal(last + AT_MTIME, LONG_NUMBER_BYTES);
	if (e.name[0] == '\0' || tarfmt_header_bytes(e.name) != e.header_bytes ||
	    tarfmt_header(e.name, e.size, mtime_s, again) != e.header_bytes ||
	    memcmp(buf, again, e.header_bytes) != 0)
		return -EBADMSG;
	*ret_entry = e;
	return 1;
}
