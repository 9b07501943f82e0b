/* SPDX-License-Identifier: BSD-2-Clause */
/* See rig.h: reading back what was published, and what must hold for all of it. */
#include "rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "archive/dayindex.h"
#include "archive/rescan.h"
#include "fetch/verify.h"
#include "pcapfile/capreader.h"

static uint32_t file_crc(int fd, uint64_t *ret_bytes)
{
	uint8_t buffer[16384];
	uLong crc = crc32(0, NULL, 0);
	ssize_t n;

	*ret_bytes = 0;
	while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
		crc = crc32(crc, buffer, (uInt)n);
		*ret_bytes += (uint64_t)n;
	}
	rig_must(n == 0);
	return (uint32_t)crc;
}

/* Which of the packets that were sent is this? */
static uint32_t number_of(const struct rig *r, const struct packet *p)
{
	uint32_t crc = (uint32_t)crc32(0, p->data, p->caplen), n = 0;

	if (p->linktype == FRAME_ETHERNET) {
		rig_must(p->caplen >= 14);
		n = frame_number(p->data);
	} else {
		while (
		    n < r->sent_count && (r->sent[n].crc != crc || r->sent[n].ts_ns != p->ts_ns ||
					     r->sent[n].linktype != p->linktype))
			n++;
	}
	rig_must(n < r->sent_count); /* it was sent */
	rig_must(r->config.policy != NULL || r->sent[n].crc == crc);
	return n;
}

static void take_packet(struct rig *r, struct rig_file *f, int32_t index, const struct packet *p)
{
	uint32_t n = number_of(r, p);
	struct rig_sent *s = &r->sent[n];

	if (s->file != RIG_NO_FILE)
		ck_abort_msg("packet %u was published twice", n);
	rig_must(p->ts_ns == s->ts_ns && p->linktype == s->linktype);
	if (r->config.policy != NULL && p->caplen < s->kept)
		s->kept = p->caplen;
	rig_must(p->caplen == s->kept && p->origlen == s->origlen);
	if (f->count > 0 && n < f->numbers[f->count - 1] && !r->config.held_fragments)
		ck_abort_msg("packet %u stands behind %u", n, f->numbers[f->count - 1]);
	if ((f->count & (f->count - 1)) == 0) {
		f->numbers =
		    realloc(f->numbers, (f->count ? f->count * 2 : 1) * sizeof(*f->numbers));
		rig_must(f->numbers != NULL);
	}
	f->numbers[f->count++] = n;
	s->file = index;
}

static void read_packets(struct rig *r, struct rig_file *f, int32_t index, int fd)
{
	struct capreader *reader;
	struct packet p;
	int rv;

	rig_must(capreader_open_extent(&(struct extent){fd, 0, EXTENT_REST}, &reader) == 0);
	while ((rv = capreader_next(reader, &p)) == 1)
		take_packet(r, f, index, &p);
	rig_must(rv == 0);
	capreader_close(reader);
	rig_must(f->count > 0);
}

struct reading {
	struct rig *rig;
	int32_t day;
	uint64_t bytes;
};

static int read_file(int dirfd, const char *name, void *arg)
{
	struct reading *x = arg;
	struct rig *r = x->rig;
	char error[RESCAN_ERROR_SIZE] = "", day[LAYOUT_DAY_SIZE];
	struct rig_file f = {.count = 0};
	uint64_t bytes;
	int fd, rv = rescan_file(dirfd, x->day, name, &f.record, error);

	if (rv != 0)
		ck_abort_msg("%s: %s", name, error);
	(void)snprintf(f.path, sizeof(f.path), "%s/%s", layout_day_path(x->day, day), name);
	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	rig_must(fd >= 0);
	f.crc = file_crc(fd, &bytes);
	rig_must(bytes == f.record.length);
	x->bytes += bytes;
	read_packets(r, &f, (int32_t)r->file_count, fd);
	(void)close(fd);
	if ((r->file_count & (r->file_count - 1)) == 0) {
		r->files = realloc(r->files, (r->file_count ? r->file_count * 2 : 1) * sizeof(f));
		rig_must(r->files != NULL);
	}
	r->files[r->file_count++] = f;
	return 0;
}

/* All that a row says, as one line. */
static void row_text(const struct record *r, char *buf, size_t size)
{
	char a[46], b[46];
	const struct tally *t = &r->tally;

	(void)snprintf(buf, size,
	    "%s~%u day %d %s:%u %s:%u proto %u linktype %u vlan %u+%u %u client %d ns %" PRId64
	    " %" PRId64 " pkts %" PRIu64 " %" PRIu64 " bytes %" PRIu64 " %" PRIu64 " %" PRIu64
	    " truncated %" PRIu64 " flags %02x %02x %s %s '%s' snaplen %u lost %" PRIu64
	    " cut %" PRIu64 " %" PRIu64 " length %" PRIu64,
	    r->uuid, r->part, r->day, flowkey_addr_text(&r->key, SIDE_LOW, a), r->key.port[0],
	    flowkey_addr_text(&r->key, SIDE_HIGH, b), r->key.port[1], r->key.proto, r->key.linktype,
	    r->key.vlan[0], r->key.vlan[1], t->vlan, (int)r->client, t->first_ns, t->last_ns,
	    t->pkts[0], t->pkts[1], t->bytes[0], t->bytes[1], t->captured_bytes, t->truncated_pkts,
	    t->tcp_flags[0], t->tcp_flags[1], record_end_reason_name(r->end_reason),
	    record_uuid_source_name(r->uuid_source), r->interface, r->snaplen, r->lost_pkts,
	    r->cut_duration_pkts, r->cut_bytes_pkts, r->length);
}

static int by_name(const void *x, const void *y)
{
	const struct rig_file *a = x, *b = y;
	int order = strcmp(a->record.uuid, b->record.uuid);

	return order != 0 ? order
			  : (a->record.part > b->record.part) - (a->record.part < b->record.part);
}

static int by_first_number(const void *x, const void *y)
{
	const struct rig_file *a = x, *b = y;

	return (a->numbers[0] > b->numbers[0]) - (a->numbers[0] < b->numbers[0]);
}

struct rows {
	const struct rig *rig;
	uint64_t count;
};

static int check_row(const struct record *row, void *arg)
{
	struct rows *x = arg;
	struct rig_file wanted = {.record = *row};
	const struct rig_file *f =
	    bsearch(&wanted, x->rig->files, x->rig->file_count, sizeof(*f), by_name);
	char of_row[1024], of_file[1024];

	if (f == NULL)
		ck_abort_msg("a row without a file: %s~%u", row->uuid, row->part);
	row_text(row, of_row, sizeof(of_row));
	row_text(&f->record, of_file, sizeof(of_file));
	if (strcmp(of_row, of_file) != 0)
		ck_abort_msg("the row says\n%s\nits file\n%s", of_row, of_file);
	x->count++;
	return 0;
}

static void read_days(struct rig *r, struct archive *a, struct reading *x)
{
	struct rows rows = {r, 0};
	int32_t *days;
	size_t n;

	ck_assert_int_eq(archive_days(a, &days, &n), 0);
	for (size_t i = 0; i < n; i++) {
		x->day = days[i];
		ck_assert_int_eq(rescan_day(a, days[i], read_file, x), 0);
	}
	if (r->file_count > 0)
		qsort(r->files, r->file_count, sizeof(*r->files), by_name);
	for (size_t i = 0; i < n; i++) {
		struct dayindex *index;

		ck_assert_int_eq(dayindex_open(a, days[i], DAYINDEX_READ, &index), 0);
		ck_assert_int_eq(dayindex_select(index, NULL, DAYINDEX_EXACT, check_row, &rows), 0);
		dayindex_close(index);
	}
	free(days);
	ck_assert_uint_eq(rows.count, r->file_count);
}

/* Nothing is left in the staging area, and no day is listed as unfinished. */
static void check_tidy(const struct rig *r)
{
	char path[96];
	DIR *d;
	int entries = 0;

	(void)snprintf(path, sizeof(path), "%s/.staging", r->dir);
	d = opendir(path);
	ck_assert_ptr_nonnull(d);
	while (readdir(d) != NULL)
		entries++;
	(void)closedir(d);
	ck_assert_int_eq(entries, 2);
	(void)snprintf(path, sizeof(path), "%s/.dirty", r->dir);
	ck_assert_int_ne(access(path, F_OK), 0);
}

/* Parts are numbered from 0 without a gap, and follow each other; sorted by name here. */
static void check_parts(struct rig *r)
{
	for (uint32_t i = 0; i < r->file_count; i++) {
		const struct rig_file *f = &r->files[i], *before = i > 0 ? f - 1 : NULL;
		bool first = before == NULL || strcmp(before->record.uuid, f->record.uuid) != 0;

		r->flow_count += first;
		rig_must(f->record.part == (first ? 0 : before->record.part + 1));
		if (first)
			continue;
		if (r->config.shared_uuids)
			continue;
		rig_must(flowkey_equal(&f->record.key, &before->record.key));
		if (!r->config.held_fragments)
			rig_must(f->numbers[0] > before->numbers[before->count - 1]);
	}
}

static void check_ledger(const struct rig *r, const struct reading *x)
{
	const struct ledger *l = &r->ledger;
	uint64_t read = 0, archived = 0, pkts = 0, lost = 0;

	for (uint32_t i = 0; i < r->sent_count; i++) {
		read += r->sent[i].caplen;
		if (r->sent[i].file != RIG_NO_FILE) {
			archived += r->sent[i].kept;
			pkts++;
		}
	}
	for (uint32_t i = 0; i < r->file_count; i++)
		lost += r->files[i].record.lost_pkts;
	ck_assert_int_eq(ledger_balanced(l), 1);
	ck_assert_uint_eq(ledger_get(&l->packets_read), r->sent_count);
	ck_assert_uint_eq(ledger_get(&l->bytes_read), read);
	ck_assert_uint_eq(ledger_get(&l->packets_archived), pkts);
	ck_assert_uint_eq(ledger_get(&l->bytes_archived), archived);
	ck_assert_uint_eq(ledger_get(&l->bytes_written), x->bytes);
	ck_assert_uint_eq(ledger_get(&l->files), r->file_count);
	ck_assert_uint_le(lost, ledger_dropped(l));
	if (r->config.mode == KEEPER_WAIT)
		ck_assert_uint_eq(ledger_dropped(l), 0);
	/* An event names flows that idle and go on, or names one that has a name already. */
	if (!r->config.some_all_cut && !r->config.events)
		ck_assert_uint_eq(ledger_get(&l->flows), r->flow_count);
}

void rig_read(struct rig *r)
{
	struct reading x = {.rig = r};
	struct archive *a;

	ck_assert_int_eq(archive_open(r->dir, ARCHIVE_READ, &a), 0);
	read_days(r, a, &x);
	archive_close(a);
	check_tidy(r);
	check_parts(r);
	check_ledger(r, &x);
	if (r->file_count > 0)
		qsort(r->files, r->file_count, sizeof(*r->files), by_first_number);
	for (uint32_t i = 0; i < r->file_count; i++)
		for (uint32_t j = 0; j < r->files[i].count; j++)
			r->sent[r->files[i].numbers[j]].file = (int32_t)i;
}

static void found(const char *path, const char *what, void *arg)
{
	(void)arg;
	ck_abort_msg("%s: %s", path, what);
}

static void progress(const struct verify_totals *so_far, void *arg)
{
	(void)so_far;
	(void)arg;
}

void rig_verify(const struct rig *r)
{
	const struct verify_hooks hooks = {.damage = found, .notice = found, .progress = progress};
	struct verify_totals totals;
	struct archive *a;

	ck_assert_int_eq(archive_open(r->dir, ARCHIVE_READ, &a), 0);
	ck_assert_int_eq(verify_archive(a, &hooks, &totals), 0);
	archive_close(a);
	ck_assert_uint_eq(totals.damage, 0);
	ck_assert_uint_eq(totals.files, r->file_count);
}

char *rig_text(const struct rig *r)
{
	struct rig_file *files = malloc((r->file_count + 1) * sizeof(*files));
	char *text = NULL, line[1024];
	size_t size;
	FILE *f = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(files);
	ck_assert_ptr_nonnull(f);
	if (r->file_count > 0) {
		memcpy(files, r->files, r->file_count * sizeof(*files));
		qsort(files, r->file_count, sizeof(*files), by_name);
	}
	for (uint32_t i = 0; i < r->file_count; i++) {
		row_text(&files[i].record, line, sizeof(line));
		fprintf(f, "%s %08x %08lx %s\n", files[i].path, files[i].crc,
		    crc32(0, (const Bytef *)files[i].numbers,
			(uInt)(files[i].count * sizeof(*files[i].numbers))),
		    line);
	}
	ck_assert_int_eq(fclose(f), 0);
	free(files);
	return text;
}
