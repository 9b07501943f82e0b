/* SPDX-License-Identifier: BSD-2-Clause */
/* See rows.h. */
#include "support/rows.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/quick.h"
#include "support/records.h"
#include "support/tempdir.h"

int rows_collect(const struct record *r, void *arg)
{
	struct rows *rows = arg;

	if (rows->count == rows->room) {
		rows->room = rows->room * 2 + 64;
		rows->record = realloc(rows->record, rows->room * sizeof(*r));
		quick_assert(rows->record != NULL);
	}
	rows->record[rows->count++] = *r;
	return 0;
}

void rows_free(struct rows *rows)
{
	free(rows->record);
	memset(rows, 0, sizeof(*rows));
}

int rows_select(struct archive *a, int32_t day, const char *uuid, enum dayindex_match match,
    struct rows *ret_rows)
{
	struct dayindex *x;
	int rv = dayindex_open(a, day, DAYINDEX_READ, &x);

	memset(ret_rows, 0, sizeof(*ret_rows));
	if (rv != 0)
		return rv;
	rv = dayindex_select(x, uuid, match, rows_collect, ret_rows);
	dayindex_close(x);
	return rv;
}

struct archive *rows_archive(const char *name, char **ret_index)
{
	const char *dir = tempdir_path(tempdir_new(), name);
	struct archive *a;
	int fd;

	ck_assert_int_eq(archive_open(dir, ARCHIVE_WRITE, &a), 0);
	fd = archive_touch_day(a, RECORDS_DAY);
	ck_assert_int_ge(fd, 0);
	(void)close(fd); /* only a directory */
	*ret_index = strdup(tempdir_path(dir, "2026/01/02/flows.sqlite"));
	ck_assert_ptr_nonnull(*ret_index);
	return a;
}

void rows_place(uint64_t n, struct record *r)
{
	static const struct policy policies[] = {{0}, {.payload = PAYLOAD_BYTES},
	    {.payload = PAYLOAD_BYTES, .payload_bytes = 128},
	    {.payload = PAYLOAD_ZERO, .addresses = ADDRESSES_CRYPTOPAN, .macs = true},
	    {.addresses = ADDRESSES_NETBLOCK, .v4_bits = 24, .v6_bits = 48}};

	r->policy = policies[n % 5];
	r->exempt = (uint8_t)(n % 5 > 2 ? n % 4 : 0);
	r->segment = (uint32_t)(n % 3);
	r->offset = r->segment != 0 ? 512 + n * 1024 : 0;
}

void rows_check_equal(const struct record *a, const struct record *b)
{
	char mine[RECORD_POLICY_SIZE], other[RECORD_POLICY_SIZE];

	records_check_equal(a, b);
	ck_assert_str_eq(record_policy_text(a, mine), record_policy_text(b, other));
	ck_assert_uint_eq(a->segment, b->segment);
	ck_assert_uint_eq(a->offset, b->offset);
}

void rows_insert(struct archive *a, const struct record *records, size_t count)
{
	struct dayindex *x;

	ck_assert_int_eq(dayindex_open(a, RECORDS_DAY, DAYINDEX_WRITE, &x), 0);
	ck_assert_int_eq(dayindex_begin(x), 0);
	for (size_t i = 0; i < count; i++)
		quick_assert(dayindex_insert(x, &records[i]) == 0);
	ck_assert_int_eq(dayindex_commit(x), 0);
	dayindex_close(x);
}
