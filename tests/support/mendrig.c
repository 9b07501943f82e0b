/* SPDX-License-Identifier: BSD-2-Clause */
/* See mendrig.h. */
#include "support/mendrig.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/dayindex.h"
#include "archive/tarfmt.h"
#include "base/fileio.h"
#include "packet/decode.h"
#include "support/quick.h"
#include "support/tempdir.h"

#define T0 (RECORDS_DAY_NS + INT64_C(3723123456789))

static void make_flow(struct flowfile *f, unsigned n)
{
	struct frames_talk t = {
	    .family = n % 2 ? 6 : 4, .port = {40000, 443}, .number = (uint8_t)n};
	const struct frames_packet p[] = {{0, TCP_SYN, 1, 0, T0 + n},
	    {1, TCP_SYN | TCP_ACK, 7, 0, T0 + n + 1000},
	    {0, TCP_ACK | TCP_PSH, 2, (uint16_t)(100 + 37 * n), T0 + n + 2000}};
	char uuid[40];

	(void)snprintf(uuid, sizeof(uuid), "3f2a8c1d-0000-5000-8000-%012x", n);
	flowfile_begin(f, &t, uuid);
	flowfile_add(f, &t, p, 2);
	flowfile_add(f, &t, p + 2, 1);
	f->record.day = RECORDS_DAY;
	flowfile_end(f);
}

void mendrig_begin(struct mendrig *f)
{
	memset(f, 0, sizeof(*f));
	f->dir = tempdir_new();
	ck_assert_int_eq(archive_open(f->dir, ARCHIVE_WRITE, &f->archive), 0);
	ck_assert_int_eq(
	    fileio_mkdirs(archive_root(f->archive), MENDRIG_DAY_DIR, ARCHIVE_DIR_MODE), 0);
	f->day = strdup(tempdir_path(f->dir, MENDRIG_DAY_DIR));
	f->flows = calloc(MENDRIG_FLOWS, sizeof(*f->flows));
	ck_assert_ptr_nonnull(f->flows);
	for (unsigned i = 0; i < MENDRIG_FLOWS; i++)
		make_flow(&f->flows[i], i);
}

void mendrig_end(struct mendrig *f)
{
	archive_close(f->archive);
	free(f->flows);
	free(f->day);
}

const char *mendrig_path(const struct mendrig *f, const char *name)
{
	return tempdir_path(f->day, name);
}

void mendrig_file(struct mendrig *f, unsigned n)
{
	const struct flowfile *flow = &f->flows[n];
	char name[LAYOUT_NAME_SIZE];

	(void)layout_file_name(flow->record.uuid, 0, name);
	tempdir_write(mendrig_path(f, name), flow->bytes, flow->len);
}

void mendrig_bytes(struct mendrig_segment *s, const void *bytes, size_t len)
{
	s->bytes = realloc(s->bytes, s->len + len + 1);
	quick_assert(s->bytes != NULL);
	memcpy(s->bytes + s->len, bytes, len);
	s->len += len;
}

void mendrig_zeros(struct mendrig_segment *s, size_t len)
{
	static const uint8_t zeros[65536];

	quick_assert(len <= sizeof(zeros));
	mendrig_bytes(s, zeros, len);
}

uint64_t mendrig_member(struct mendrig_segment *s, const struct flowfile *flow, uint32_t part)
{
	uint8_t header[TARFMT_HEADER_MAX_BYTES];
	char name[LAYOUT_NAME_SIZE];
	uint64_t offset;

	(void)layout_file_name(flow->record.uuid, part, name);
	mendrig_bytes(s, header, tarfmt_header(name, flow->len, T0 / 1000000000, header));
	offset = s->len;
	mendrig_bytes(s, flow->bytes, flow->len);
	mendrig_zeros(s, tarfmt_padding(flow->len));
	return offset;
}

void mendrig_put(struct mendrig *f, const struct mendrig_segment *s, uint32_t number)
{
	char name[LAYOUT_SEGMENT_SIZE];

	tempdir_write(mendrig_path(f, layout_segment_name(number, name)), s->bytes, s->len);
}

void mendrig_free(struct mendrig_segment *s)
{
	free(s->bytes);
	*s = (struct mendrig_segment){0};
}

static void note_bad(int32_t day, const char *name, const char *error, void *arg)
{
	struct mendrig *f = arg;
	struct mendrig_bad *b = &f->bad[f->bad_count++];

	quick_assert(f->bad_count <= MENDRIG_BAD && day == RECORDS_DAY && error[0] != '\0');
	(void)snprintf(b->name, sizeof(b->name), "%s", name);
	(void)snprintf(b->error, sizeof(b->error), "%s", error);
}

int mendrig_mend(struct mendrig *f, enum mend_how how)
{
	const struct mend_config c = {.how = how, .bad = note_bad, .arg = f};

	f->bad_count = 0;
	return mend_day(f->archive, RECORDS_DAY, &c, &f->totals);
}

void mendrig_mended(struct mendrig *f, enum mend_how how, size_t bad)
{
	int rv = mendrig_mend(f, how);

	ck_assert_int_eq(rv, 0);
	ck_assert_uint_eq(f->totals.damaged, f->bad_count);
	if (f->bad_count != bad)
		ck_abort_msg("%zu complaints, the last of '%s': %s", f->bad_count,
		    f->bad_count > 0 ? f->bad[f->bad_count - 1].name : "",
		    f->bad_count > 0 ? f->bad[f->bad_count - 1].error : "");
}

int mendrig_row(struct mendrig *f, const char *uuid, uint32_t part, struct record *ret_record)
{
	struct dayindex *x;
	int rv;

	ck_assert_int_eq(dayindex_open(f->archive, RECORDS_DAY, DAYINDEX_READ, &x), 0);
	rv = dayindex_find(x, uuid, part, ret_record);
	dayindex_close(x);
	ck_assert_int_ge(rv, 0);
	return rv;
}

void mendrig_check_row(struct mendrig *f, unsigned n, uint32_t segment, uint64_t offset)
{
	struct record r;

	if (mendrig_row(f, f->flows[n].record.uuid, 0, &r) != 1)
		ck_abort_msg("flow %u has no row", n);
	records_check_equal(&r, &f->flows[n].record);
	ck_assert_uint_eq(r.segment, segment);
	ck_assert_uint_eq(r.offset, offset);
}

void mendrig_check_rows(struct mendrig *f, uint64_t rows)
{
	struct dayindex_summary sum;
	struct dayindex *x;

	ck_assert_uint_eq(f->totals.rows, rows);
	ck_assert_int_eq(dayindex_open(f->archive, RECORDS_DAY, DAYINDEX_READ, &x), 0);
	ck_assert_int_eq(dayindex_summary(x, &sum), 0);
	dayindex_close(x);
	ck_assert_uint_eq(sum.parts, rows);
}

void mendrig_check_segment(struct mendrig *f, uint32_t number, const void *bytes, size_t len)
{
	static const uint8_t zeros[TARFMT_END_BYTES];
	char name[LAYOUT_SEGMENT_SIZE];
	size_t got_len;
	uint8_t *got = tempdir_read(mendrig_path(f, layout_segment_name(number, name)), &got_len);

	ck_assert_uint_eq(got_len, len + sizeof(zeros));
	ck_assert_mem_eq(got, bytes, len);
	ck_assert_mem_eq(got + len, zeros, sizeof(zeros));
	free(got);
}
