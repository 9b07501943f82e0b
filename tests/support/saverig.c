/* SPDX-License-Identifier: BSD-2-Clause */
/* See saverig.h. */
#include "support/saverig.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/rescan.h"
#include "archive/segment.h"
#include "base/clk.h"
#include "packet/decode.h"
#include "pcapfile/pcapfmt.h"
#include "save/uuidgen.h"
#include "support/flowfile.h"
#include "support/gzcheck.h"
#include "support/quick.h"
#include "support/records.h"
#include "support/rows.h"
#include "support/tempdir.h"

enum store_kind saverig_store = STORE_FILES;

void saverig_start(
    struct saverig *rig, const char *dir, int threads, const char *codec, enum sync_mode sync)
{
	struct savers_config config = {.threads = threads, .sync = sync, .store = saverig_store};

	memset(rig, 0, sizeof(*rig));
	rig->dir = dir != NULL ? dir : tempdir_new();
	ck_assert_int_eq(archive_open(rig->dir, ARCHIVE_WRITE, &rig->archive), 0);
	ck_assert_int_eq(
	    catalog_start(
		&(struct catalog_config){.archive = rig->archive, .sync = sync}, &rig->catalog),
	    0);
	ck_assert_int_eq(slab_new(8 * SLAB_MIN_BYTES, &rig->slab), 0);
	ck_assert_int_eq(codec_parse(codec, &config.codec), 0);
	ck_assert_int_eq(names_new(rig->archive, rig->catalog, &rig->names), 0);
	config.names = rig->names;
	config.archive = rig->archive;
	config.catalog = rig->catalog;
	config.slab = rig->slab;
	config.ledger = &rig->ledger;
	ck_assert_int_eq(savers_start(&config, &rig->savers), 0);
}

void saverig_stop(struct saverig *rig)
{
	savers_stop(rig->savers);
	names_free(rig->names);
	catalog_stop(rig->catalog, &rig->indexed);
	if (slab_live_bytes(rig->slab) > 0)
		slab_wait(rig->slab);
	ck_assert_uint_eq(slab_live_bytes(rig->slab), 0);
	ck_assert_uint_eq(rig->indexed.failed, 0);
	ck_assert_uint_eq(ledger_get(&rig->ledger.packets_read),
	    ledger_get(&rig->ledger.packets_archived) + ledger_skipped(&rig->ledger) +
		ledger_dropped(&rig->ledger));
}

void saverig_close(struct saverig *rig)
{
	slab_free(rig->slab);
	archive_close(rig->archive);
}

void saverig_flow_begin(
    struct saverig *rig, struct saverig_flow *flow, uint32_t number, int64_t first_ns)
{
	struct record *r = &flow->all;

	memset(flow, 0, sizeof(*flow));
	flow->talk = (struct frames_talk){.family = number % 2 ? 6 : 4,
	    .port = {(uint16_t)(1024 + number), 443},
	    .number = (uint8_t)number};
	flow->seq = number * 1000;
	flowfile_key(&r->key, &flow->talk);
	r->snaplen = PACKET_MAX_CAPLEN;
	r->tally.first_ns = first_ns;
	r->day = clk_day(first_ns);
	(void)snprintf(r->interface, sizeof(r->interface), "eth%u", (unsigned)(number % 3));
	flow->next = (struct batch){.route = number,
	    .serial = archive_serial(rig->archive),
	    .origin_ns = first_ns,
	    .origin_seq = flow->seq};
}

static void keep(struct saverig_flow *flow, const void *bytes, size_t len)
{
	if (flow->want_room - flow->want_len < len) {
		flow->want_room = flow->want_room * 2 + len + 4096;
		flow->want = realloc(flow->want, flow->want_room);
		quick_assert(flow->want != NULL);
	}
	memcpy(flow->want + flow->want_len, bytes, len);
	flow->want_len += len;
}

/* Room for len bytes at the end of the flow's chunks. */
static uint8_t *room(struct saverig *rig, struct saverig_flow *flow, uint32_t len)
{
	struct chunk **link = &flow->next.chunks;
	uint8_t *at;

	while (*link != NULL && (chunk_room(*link) < len || (*link)->next != NULL))
		link = &(*link)->next;
	while (*link == NULL && slab_get(rig->slab, len, link) != 0)
		slab_wait(rig->slab);
	at = (*link)->data + (*link)->used;
	(*link)->used += len;
	(*link)->records++;
	return at;
}

void saverig_packets(
    struct saverig *rig, struct saverig_flow *flow, unsigned count, uint16_t payload)
{
	for (unsigned i = 0; i < count; i++) {
		uint64_t n = flow->all.tally.pkts[0] + flow->all.tally.pkts[1];
		struct frames_packet f = {.from = n % 3 == 1,
		    .flags = n == 0 ? TCP_SYN : TCP_ACK,
		    .seq = flow->seq,
		    .payload = payload,
		    .ts_ns = flow->next.origin_ns + (int64_t)n * 1000000};
		uint8_t frame[FRAMES_MAX], header[PCAPFMT_RECORD_HEADER_BYTES], *at;
		struct packet p;

		frames_make(&flow->talk, &f, frame, &p);
		pcapfmt_record_header(&p, p.caplen, header);
		at = room(rig, flow, sizeof(header) + p.caplen);
		memcpy(at, header, sizeof(header));
		memcpy(at + sizeof(header), frame, p.caplen);
		keep(flow, at, sizeof(header) + p.caplen);
		flowfile_count(&flow->all, &f, p.caplen);
		flow->seq += payload + 1u;
		ledger_add(&rig->ledger.packets_read, 1);
		ledger_add(&rig->ledger.bytes_read, p.caplen);
	}
}

static void put(struct saverig *rig, struct saverig_flow *flow, enum batch_kind kind)
{
	flow->next.kind = kind;
	flow->next.record = flow->all;
	quick_assert(savers_put(rig->savers, &flow->next, SAVERS_WAIT) == 0);
	quick_assert(flow->next.chunks == NULL);
	flow->next.staged = true;
}

void saverig_flush(struct saverig *rig, struct saverig_flow *flow)
{
	put(rig, flow, BATCH_FLUSH);
}

void saverig_end(struct saverig *rig, struct saverig_flow *flow, enum end_reason reason)
{
	flow->all.end_reason = reason;
	put(rig, flow, BATCH_CLOSE);
}

void saverig_lost(struct saverig_flow *flow, size_t want_len_before)
{
	flow->want_len = want_len_before;
}

void saverig_flow_free(struct saverig_flow *flow)
{
	free(flow->want);
}

/* What the file holds beside its packets: the header of flowkeep-archive(5), and the record. */
static unsigned check_bytes(const struct saverig_flow *flow, const struct extent *e)
{
	uint8_t header[PCAPFMT_FILE_HEADER_BYTES], *bytes;
	struct gzcheck *g = calloc(1, sizeof(*g));
	unsigned members;

	pcapfmt_file_header(FRAMES_LINKTYPE, header);
	bytes = malloc(e->length + 1);
	ck_assert_int_eq(fileio_pread_extent(e, bytes, e->length + 1, 0), (ssize_t)e->length);
	ck_assert_int_eq(gzcheck_inflate(bytes, e->length, g), 0);
	ck_assert_uint_eq(g->len, sizeof(header) + flow->want_len);
	ck_assert_mem_eq(g->bytes, header, sizeof(header));
	ck_assert(memcmp(g->bytes + sizeof(header), flow->want, flow->want_len) == 0);
	ck_assert_uint_gt(g->extra_len, 4);
	ck_assert_mem_eq(g->extra, "FK", 2);
	members = g->members;
	free(g->bytes);
	free(g);
	free(bytes);
	return members;
}

unsigned saverig_check(struct saverig *rig, const struct saverig_flow *flow, struct record *ret_row)
{
	char uuid[LAYOUT_UUID_SIZE], name[LAYOUT_NAME_SIZE], error[RESCAN_ERROR_SIZE] = "";
	struct extent e;
	struct record again;
	struct rows rows;
	unsigned members;
	int dirfd;

	(void)strcpy(uuid, flow->all.uuid);
	if (uuid[0] == '\0')
		(void)uuidgen_flow(
		    &flow->all.key, flow->next.origin_ns, flow->next.origin_seq, uuid);
	for (int32_t day = flow->all.day; day <= flow->all.day + 1; day++) {
		if (rows_select(rig->archive, day, uuid, DAYINDEX_EXACT, &rows) == 0 &&
		    rows.count > 0)
			break;
		rows_free(&rows);
	}
	ck_assert_msg(rows.count == 1, "%zu rows of %s", rows.count, uuid);
	*ret_row = rows.record[0];
	rows_free(&rows);
	dirfd = archive_open_day(rig->archive, ret_row->day);
	ck_assert_int_ge(dirfd, 0);
	(void)layout_file_name(uuid, ret_row->part, name);
	e = (struct extent){.offset = ret_row->offset, .length = ret_row->length};
	e.fd = ret_row->segment != 0 ? segment_open(dirfd, ret_row->segment)
				     : openat(dirfd, name, O_RDONLY);
	ck_assert_int_ge(e.fd, 0);
	ck_assert_msg(rescan_extent(&e, &again, error) == 0, "%s: %s", name, error);
	ck_assert((ret_row->segment != 0) == (saverig_store == STORE_SEGMENTS));
	again.part = ret_row->part;
	again.day = ret_row->day;
	again.segment = ret_row->segment;
	again.offset = ret_row->offset;
	records_check_equal(&again, ret_row);
	members = check_bytes(flow, &e);
	(void)close(e.fd);
	(void)close(dirfd); /* only a directory */
	return members;
}
