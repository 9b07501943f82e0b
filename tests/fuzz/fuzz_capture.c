/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A capture file: pcap or pcapng, plain or gzip'd.
 *
 * Input: flags (8 bits), then the file; where GZIPPED is set, the file is made of it by wrapping it
 * in a member of stored blocks, whose checksums are right: else hardly any mutation would get by.
 * CHUNKED cuts it into several members.
 *
 * Holds: a packet is within limits; where reading ends it ends for good, and says why in words; it
 * reads the same by its path and as an extent that lies in a longer file; and what was read,
 * written as pcap and as pcapng, is read again as it was.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz/fuzz_support.h"
#include "packet/hash.h"
#include "pcapfile/capreader.h"
#include "pcapfile/gzmember.h"
#include "pcapfile/pcapfmt.h"
#include "pcapfile/pcapngfmt.h"

enum { GZIPPED = 1, CHUNKED = 2, COMPARED = 4 };

#define COPIED_MAX (64u << 10) /* bytes of packets that are written again */

/* What came of reading. */
struct outcome {
	int result;
	uint64_t packets, skipped, sum;
	char error[256];
};

/* Packets to be written in our own formats. */
struct copies {
	struct fuzz_bytes pcap, pcapng;
	uint64_t packets, sum; /* of those that are there */
	uint32_t linktype;
};

static uint64_t sum_of(uint64_t sum, const struct packet *p)
{
	const uint64_t words[] = {(uint64_t)p->ts_ns, p->caplen, p->origlen, p->linktype};
	const struct hash_key key = {sum, 1};

	sum = hash_words(&key, words, sizeof(words) / sizeof(words[0]));
	for (uint32_t i = 0; i < p->caplen; i++)
		sum = sum * 31 + p->data[i];
	return sum;
}

static void copy_packet(struct copies *c, const struct packet *p)
{
	uint8_t head[PCAPFMT_RECORD_HEADER_BYTES];
	uint8_t *block;
	struct packet q = *p;

	if (!pcapfmt_time_fits(p->ts_ns) || p->ts_ns < 0 || c->pcap.len > COPIED_MAX ||
	    !pcapngfmt_linktype_fits(p->linktype))
		return;
	if (c->packets == 0) {
		uint8_t section[PCAPNGFMT_SECTION_MAX];

		c->linktype = p->linktype;
		pcapfmt_file_header(p->linktype, section);
		fuzz_put(&c->pcap, section, PCAPFMT_FILE_HEADER_BYTES);
		fuzz_put(&c->pcapng, section, pcapngfmt_section("fuzz", "", section));
		fuzz_put(&c->pcapng, section, pcapngfmt_interface(p->linktype, "fuzz0", section));
	}
	if (p->linktype != c->linktype) /* a pcap has one */
		return;
	q.interface = 0;
	pcapfmt_record_header(p, p->caplen, head);
	fuzz_put(&c->pcap, head, sizeof(head));
	fuzz_put(&c->pcap, p->data, p->caplen);
	block = malloc(pcapngfmt_packet_bytes(p->caplen, NULL, 0));
	fuzz_check(block != NULL);
	fuzz_put(&c->pcapng, block, pcapngfmt_packet(&q, NULL, 0, block));
	free(block);
	c->packets++;
	c->sum = sum_of(c->sum, p);
}

/* The texts tell offsets; those of capreader_error are there if, and only if, there is an error. */
static void check_end(struct capreader *r, const struct outcome *o)
{
	struct packet p;

	for (int i = 0; i < 2; i++)
		fuzz_check(capreader_next(r, &p) == o->result);
	fuzz_check(!capreader_ready(r));
	fuzz_check(o->result == 0 || fuzz_printable(o->error));
	fuzz_check(o->result != 0 || o->error[0] == '\0');
	fuzz_check(o->skipped == 0 || fuzz_printable(capreader_skipped_error(r)));
}

static void read_packets(struct capreader *r, struct outcome *o, struct copies *copies)
{
	struct packet p;
	bool ready = false;

	while ((o->result = capreader_next(r, &p)) == 1) {
		const char *name = capreader_interface_name(r, p.interface);

		fuzz_check(p.caplen <= PACKET_MAX_CAPLEN);
		fuzz_check(name == NULL || strlen(name) <= 255);
		o->packets++;
		o->sum = sum_of(o->sum, &p);
		if (copies != NULL)
			copy_packet(copies, &p);
		ready = capreader_ready(r);
	}
	fuzz_check(!ready);
	fuzz_check(o->result == 0 || o->result == -ENODATA || o->result == -EBADMSG);
}

static struct outcome read_all(int opened, struct capreader *r, struct copies *copies)
{
	struct outcome o = {.result = opened};

	fuzz_check(r != NULL);
	if (opened == 0)
		read_packets(r, &o, copies);
	else
		fuzz_check(opened == -ENODATA || opened == -EBADMSG || opened == -ENOTSUP);
	(void)snprintf(o.error, sizeof(o.error), "%s", capreader_error(r));
	o.skipped = capreader_skipped(r);
	if (opened == 0)
		check_end(r, &o);
	else
		fuzz_check(fuzz_printable(o.error));
	capreader_close(r);
	return o;
}

static struct outcome read_extent(const struct extent *e, struct copies *copies)
{
	struct capreader *r = NULL;
	int opened = capreader_open_extent(e, &r);

	return read_all(opened, r, copies);
}

static struct outcome read_path(const struct extent *e)
{
	struct capreader *r = NULL;
	char path[64];
	int opened;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", e->fd);
	opened = capreader_open(path, &r);
	return read_all(opened, r, NULL);
}

static void put_member(struct fuzz_bytes *f, const uint8_t *bytes, size_t len)
{
	static struct gzmember *gz;
	uint8_t *member = malloc(gzmember_bound(len));

	if (gz == NULL)
		fuzz_check(gzmember_new((struct codec){CODEC_NONE, 0}, &gz) == 0);
	fuzz_check(member != NULL);
	fuzz_put(f, member, gzmember_write(gz, bytes, len, member));
	free(member);
}

static void make_file(struct fuzz_input *in, struct fuzz_bytes *f)
{
	uint8_t flags = fuzz_u8(in);
	size_t len, piece = flags & CHUNKED ? in->left / 3 + 1 : in->left;

	if (!(flags & GZIPPED)) {
		fuzz_put(f, in->at, in->left);
		return;
	}
	do {
		const uint8_t *bytes = fuzz_take(in, piece, &len);

		put_member(f, bytes, len);
	} while (in->left > 0);
}

static void check_copies(struct copies *c)
{
	struct fuzz_bytes *const forms[] = {&c->pcap, &c->pcapng};

	for (size_t i = 0; c->packets > 0 && i < 2; i++) {
		struct extent e = fuzz_file(forms[i]->bytes, forms[i]->len);
		struct outcome o = read_extent(&e, NULL);

		fuzz_check(o.result == 0 && o.packets == c->packets && o.sum == c->sum);
		fuzz_check(o.skipped == 0);
	}
	fuzz_free(&c->pcap);
	fuzz_free(&c->pcapng);
}

static void check_equal(const struct outcome *a, const struct outcome *b)
{
	fuzz_check(a->result == b->result && a->packets == b->packets && a->sum == b->sum);
	fuzz_check(a->skipped == b->skipped && strcmp(a->error, b->error) == 0);
}

static void compare(const struct fuzz_bytes *f, const struct outcome *o)
{
	struct fuzz_bytes longer = {0};
	struct extent e = fuzz_file(f->bytes, f->len);
	struct outcome again = read_path(&e);

	check_equal(o, &again);
	fuzz_put_zeros(&longer, 7);
	fuzz_put(&longer, f->bytes, f->len);
	fuzz_put(&longer, "behind", 6);
	e = fuzz_file(longer.bytes, longer.len);
	e.offset = 7;
	e.length = f->len;
	again = read_extent(&e, NULL);
	fuzz_check(o->result == again.result && o->packets == again.packets && o->sum == again.sum);
	fuzz_free(&longer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	struct fuzz_bytes f = {0};
	struct copies copies = {0};
	bool compared = size > 0 && (data[0] & COMPARED);
	struct outcome o;
	struct extent e;

	make_file(&in, &f);
	e = fuzz_file(f.bytes, f.len);
	o = read_extent(&e, compared ? &copies : NULL);
	if (compared) {
		compare(&f, &o);
		check_copies(&copies);
	}
	fuzz_free(&f);
	return 0;
}
