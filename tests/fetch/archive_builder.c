/* SPDX-License-Identifier: BSD-2-Clause */
/* See archive_builder.h. */
#include "archive_builder.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "archive/dayindex.h"
#include "archive/store.h"
#include "base/clk.h"
#include "base/fileio.h"
#include "packet/decode.h"
#include "pcapfile/capreader.h"
#include "pcapfile/gzmember.h"
#include "pcapfile/pcapfmt.h"

struct builder {
	char dir[PATH_MAX];
	struct archive *writer;
	struct archive *reader;
	struct store *store;
	struct gzmember *gz;
	struct dayindex *index; /* of index_day */
	int32_t index_day;
	struct record record;
};

/* A buffer that grows. */
struct bytes {
	uint8_t *at;
	size_t n, room;
};

static uint8_t *grow(struct bytes *b, size_t n)
{
	if (b->room - b->n < n) {
		b->room = (b->n + n) * 2;
		b->at = realloc(b->at, b->room);
		ck_assert_ptr_nonnull(b->at);
	}
	b->n += n;
	return b->at + b->n - n;
}

struct builder *builder_new(void)
{
	struct builder *b = calloc(1, sizeof(*b));
	const char *tmp = getenv("TMPDIR");

	ck_assert_ptr_nonnull(b);
	(void)snprintf(
	    b->dir, sizeof(b->dir), "%s/flowkeep-test-XXXXXX", tmp != NULL ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(b->dir));
	ck_assert_int_eq(archive_open(b->dir, ARCHIVE_WRITE, &b->writer), 0);
	ck_assert_int_eq(
	    store_new(&(struct store_config){.archive = b->writer, .sync = SYNC_NONE}, &b->store),
	    0);
	ck_assert_int_eq(gzmember_new(codec_default(), &b->gz), 0);
	return b;
}

const char *builder_dir(const struct builder *b)
{
	return b->dir;
}

char *builder_packet_text(const struct built_part *p, unsigned packet, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%s %u %u", p->uuid, p->number, packet);
	return buf;
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* TCP: a SYN, a SYN with ACK, then data; a FIN each in the last two. */
static void put_tcp(struct bytes *f, const struct built_part *p, unsigned packet)
{
	bool reply = packet % 2 == 1;
	unsigned port = p->client_port ? p->client_port : 50000,
		 packets = p->packets ? p->packets : 4;
	uint8_t *t = grow(f, 20), flags = packet < 2 ? TCP_SYN : TCP_PSH;

	memset(t, 0, 20);
	put16(t, reply ? 443 : port);
	put16(t + 2, reply ? port : 443);
	put16(t + 4, packet);
	t[12] = 5 << 4;
	t[13] =
	    (uint8_t)(flags | (packet > 0 ? TCP_ACK : 0) | (packet + 2 >= packets ? TCP_FIN : 0));
	put16(t + 14, 65535);
}

static void put_ip(struct bytes *f, const struct built_part *p, unsigned packet, size_t payload)
{
	const uint8_t host = p->client_host ? p->client_host : 1;
	const uint8_t client4[4] = {192, 0, 2, host}, server4[4] = {198, 51, 100, 7};
	const uint8_t client6[16] = {0x20, 1, 0xd, 0xb8, [15] = host};
	const uint8_t server6[16] = {0x20, 1, 0xd, 0xb8, [15] = 2};
	size_t size = p->ipv6 ? 16 : 4, header = p->ipv6 ? 40 : 20;
	const uint8_t *client = p->ipv6 ? client6 : client4, *server = p->ipv6 ? server6 : server4;
	bool reply = packet % 2 == 1;
	uint8_t *h = grow(f, header), *src = h + header - 2 * size;

	memset(h, 0, header);
	h[0] = p->ipv6 ? 0x60 : 0x45;
	put16(p->ipv6 ? h + 4 : h + 2, (unsigned)(20 + payload + (p->ipv6 ? 0 : 20)));
	h[p->ipv6 ? 6 : 9] = DECODE_TCP;
	h[p->ipv6 ? 7 : 8] = 64;
	memcpy(src, reply ? server : client, size);
	memcpy(src + size, reply ? client : server, size);
}

static void make_frame(const struct built_part *p, unsigned packet, struct bytes *f)
{
	char text[160];
	size_t n = strlen(builder_packet_text(p, packet, text, sizeof(text))) + 1;
	size_t payload = p->payload_bytes > n ? p->payload_bytes : n;
	uint8_t *ether = p->raw_ip ? NULL : grow(f, 14);

	if (ether != NULL) {
		memset(ether, 2, 12);
		put16(ether + 12, p->ipv6 ? 0x86dd : 0x0800);
	}
	put_ip(f, p, packet, payload);
	put_tcp(f, p, packet);
	memset(grow(f, payload), 0, payload);
	memcpy(f->at + f->n - payload, text, n);
}

/* Appends a packet's record, and adds it up. */
static void put_packet(const struct built_part *p, unsigned n, struct bytes *records,
    struct record *r, struct tally_roles *roles)
{
	struct bytes frame = {0};
	struct packet packet = {.linktype = p->raw_ip ? 101 : 1};
	struct decoded d;
	enum side sender;

	make_frame(p, n, &frame);
	packet.ts_ns = (p->first_ns ? p->first_ns : BUILDER_NOON) +
		       (int64_t)n * (p->step_ns ? p->step_ns : BUILDER_SECOND);
	packet.caplen = packet.origlen = (uint32_t)frame.n;
	packet.data = frame.at;
	ck_assert_int_eq(decode_packet(&packet, &d), DECODE_OK);
	sender = flowkey_make(&d, packet.linktype, VLAN_KEY_NO, &r->key);
	tally_add(&r->tally, &packet, packet.caplen, &d, sender);
	tally_roles_add(roles, &d, sender);
	pcapfmt_record_header(&packet, packet.caplen, grow(records, PCAPFMT_RECORD_HEADER_BYTES));
	memcpy(grow(records, frame.n), frame.at, frame.n);
	free(frame.at);
}

static void put_member(struct builder *b, struct bytes *file, const void *in, size_t n)
{
	size_t bound = gzmember_bound(n);
	uint8_t *out = grow(file, bound);

	file->n -= bound - gzmember_write(b->gz, in, n, out);
}

static void put_packets(
    struct builder *b, const struct built_part *p, struct bytes *file, struct record *r)
{
	unsigned packets = p->packets ? p->packets : 4,
		 per_member = p->member_packets ? p->member_packets : packets;
	struct tally_roles roles = {0};
	struct bytes records = {0};

	for (unsigned n = 0; n < packets; n++) {
		put_packet(p, n, &records, r, &roles);
		if ((n + 1) % per_member == 0 || n + 1 == packets) {
			put_member(b, file, records.at, records.n);
			records.n = 0;
		}
	}
	r->client = tally_client(&roles, &r->key);
	free(records.at);
}

static void make_file(
    struct builder *b, const struct built_part *p, struct bytes *file, struct record *r)
{
	uint8_t header[PCAPFMT_FILE_HEADER_BYTES];
	char json[RECORD_JSON_MAX];
	size_t n;

	memset(r, 0, sizeof(*r));
	pcapfmt_file_header(p->raw_ip ? 101 : 1, header);
	put_member(b, file, header, sizeof(header));
	put_packets(b, p, file, r);
	r->end_reason = p->end_reason;
	r->lost_pkts = p->lost_pkts;
	r->part = p->number;
	r->snaplen = PACKET_MAX_CAPLEN;
	(void)snprintf(r->uuid, sizeof(r->uuid), "%s", p->uuid);
	(void)snprintf(r->interface, sizeof(r->interface), "%s", p->interface ? p->interface : "");
	n = record_format(r, json);
	(void)gzmember_write_extra(RECORD_ID, json, n, grow(file, n + GZMEMBER_EXTRA_OVERHEAD));
}

void builder_commit(struct builder *b)
{
	if (b->index == NULL)
		return;
	ck_assert_int_eq(dayindex_commit(b->index), 0);
	dayindex_close(b->index);
	archive_leave_day(b->writer, b->index_day);
	b->index = NULL;
}

void builder_add_row(struct builder *b, const struct record *r)
{
	if (b->index != NULL && b->index_day != r->day)
		builder_commit(b);
	if (b->index == NULL) {
		int fd = archive_touch_day(b->writer, r->day);

		ck_assert_int_ge(fd, 0);
		fileio_close(fd);
		ck_assert_int_eq(dayindex_open(b->writer, r->day, DAYINDEX_WRITE, &b->index), 0);
		ck_assert_int_eq(dayindex_begin(b->index), 0);
		b->index_day = r->day;
	}
	ck_assert_int_eq(dayindex_insert(b->index, r), 0);
}

const struct record *builder_add(
    struct builder *b, const struct built_part *p, enum indexed indexed)
{
	struct record *r = &b->record;
	enum store_result result;
	struct store_part part;
	struct bytes file = {0};

	make_file(b, p, &file, r);
	part = (struct store_part){.uuid = p->uuid,
	    .day = clk_day(r->tally.first_ns),
	    .serial = archive_serial(b->writer),
	    .part = p->number};
	ck_assert_int_eq(store_publish(b->store, &part, file.at, file.n, &result), 0);
	ck_assert_int_eq(result, STORE_PUBLISHED);
	ck_assert_uint_eq(part.part, p->number);
	free(file.at);
	r->day = part.day;
	r->length = part.length;
	if (indexed == INDEXED)
		builder_add_row(b, r);
	return r;
}

void builder_stage(struct builder *b, const char *uuid)
{
	struct store_part part = {.uuid = uuid, .serial = archive_serial(b->writer)};

	ck_assert_int_eq(store_stage(b->store, &part, STORE_STAGE_CREATE, "not looked at", 13), 0);
}

static void strike_days(struct archive *a)
{
	int32_t *days;
	size_t n;

	ck_assert_int_eq(archive_dirty_days(a, &days, &n), 0);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(archive_strike_day(a, days[i]), 0);
	free(days);
}

void builder_end_writer(struct builder *b, enum ending ending)
{
	builder_commit(b);
	store_free(b->store); /* leaves its days */
	if (b->writer != NULL && ending == ENDS_CLEANLY)
		strike_days(b->writer);
	archive_close(b->writer);
	b->store = NULL;
	b->writer = NULL;
}

struct archive *builder_reader(struct builder *b)
{
	builder_commit(b);
	archive_close(b->reader);
	ck_assert_int_eq(archive_open(b->dir, ARCHIVE_READ, &b->reader), 0);
	return b->reader;
}

static int open_path(const struct builder *b, const char *path, int flags)
{
	char whole[PATH_MAX * 2];
	int fd;

	(void)snprintf(whole, sizeof(whole), "%s/%s", b->dir, path);
	fd = open(whole, flags | O_CLOEXEC, 0644);
	ck_assert_msg(fd >= 0, "%s: %s", whole, strerror(errno));
	return fd;
}

void builder_flip_byte(const struct builder *b, const char *path, uint64_t offset)
{
	int fd = open_path(b, path, O_RDWR);
	uint8_t byte;

	ck_assert_int_eq(fileio_pread(fd, &byte, 1, offset), 1);
	byte ^= 0x10;
	ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)offset), 1);
	fileio_close(fd);
}

void builder_wipe(const struct builder *b, const char *path, uint64_t offset, size_t n)
{
	int fd = open_path(b, path, O_RDWR);
	char *zeros = calloc(1, n);

	ck_assert_ptr_nonnull(zeros);
	ck_assert_int_eq(pwrite(fd, zeros, n, (off_t)offset), (ssize_t)n);
	free(zeros);
	fileio_close(fd);
}

void builder_hide_names(const struct builder *b, const char *path)
{
	uint8_t block[64] = {0};
	int fd = open_path(b, path, O_RDWR);

	ck_assert_uint_eq(builder_size(b, path), 2 * sizeof(block));
	/* its sum covers its number, too: 0 */
	pcapfmt_put_le32(block + 60, (uint32_t)crc32(0, block, sizeof(block)));
	ck_assert_int_eq(pwrite(fd, block, sizeof(block), sizeof(block)), sizeof(block));
	fileio_close(fd);
}

void builder_cut(const struct builder *b, const char *path, uint64_t bytes)
{
	int fd = open_path(b, path, O_RDWR);

	ck_assert_int_eq(ftruncate(fd, (off_t)bytes), 0);
	fileio_close(fd);
}

void builder_remove(const struct builder *b, const char *path)
{
	char whole[PATH_MAX * 2];

	(void)snprintf(whole, sizeof(whole), "%s/%s", b->dir, path);
	ck_assert_int_eq(unlink(whole), 0);
}

void builder_write(const struct builder *b, const char *path, const void *bytes, size_t n)
{
	int fd = open_path(b, path, O_WRONLY | O_CREAT | O_TRUNC);

	ck_assert_int_eq(fileio_write(fd, bytes, n), 0);
	fileio_close(fd);
}

uint64_t builder_size(const struct builder *b, const char *path)
{
	int fd = open_path(b, path, O_RDONLY);
	uint64_t size = 0;

	ck_assert_int_eq(fileio_size(fd, &size), 0);
	fileio_close(fd);
	return size;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void builder_free(struct builder *b)
{
	builder_end_writer(b, IS_KILLED);
	archive_close(b->reader);
	gzmember_free(b->gz);
	ck_assert_int_eq(nftw(b->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	free(b);
}

struct seen *builder_read_pcap(const char *path, size_t *ret_count)
{
	struct seen *all = NULL;
	struct capreader *r;
	struct packet p;
	size_t n = 0;
	int rv;

	ck_assert_msg(capreader_open(path, &r) == 0, "%s: %s", path, capreader_error(r));
	while ((rv = capreader_next(r, &p)) == 1) {
		struct decoded d;

		all = realloc(all, (n + 1) * sizeof(*all));
		ck_assert_ptr_nonnull(all);
		ck_assert_int_eq(decode_packet(&p, &d), DECODE_OK);
		all[n] = (struct seen){.ts_ns = p.ts_ns, .linktype = p.linktype};
		(void)snprintf(
		    all[n++].text, sizeof(all->text), "%s", (const char *)p.data + d.payload_off);
	}
	ck_assert_msg(rv == 0, "%s: %s", path, capreader_error(r));
	capreader_close(r);
	*ret_count = n;
	return all;
}

void builder_complain(const char *path, const char *reason, void *complaints)
{
	struct complaints *c = complaints;
	size_t n = strlen(c->text);

	c->count++;
	(void)snprintf(c->text + n, sizeof(c->text) - n, "%s: %s\n", path, reason);
}
