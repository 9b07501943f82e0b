/* SPDX-License-Identifier: BSD-2-Clause */
/* See flowfile.h. */
#include "support/flowfile.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/clk.h"
#include "packet/decode.h"
#include "pcapfile/gzmember.h"
#include "pcapfile/pcapfmt.h"
#include "support/quick.h"

void flowfile_add_raw(struct flowfile *f, const void *bytes, size_t len)
{
	struct gzmember *gz;

	quick_assert(f->len + gzmember_bound(len) <= sizeof(f->bytes) && f->members < 64);
	quick_assert(gzmember_new((struct codec){CODEC_ZLIB, 1}, &gz) == 0);
	f->member[f->members++] = f->len;
	f->len += gzmember_write(gz, bytes, len, f->bytes + f->len);
	gzmember_free(gz);
}

/* From the addresses of a frame: end 0 is the lower one. */
void flowfile_key(struct flowkey *ret_key, const struct frames_talk *t)
{
	struct flowkey *k = ret_key;
	struct frames_packet p = {.from = 0};
	uint8_t buf[FRAMES_MAX];
	struct packet packet;
	size_t n = t->family == 4 ? 4 : 16;
	const uint8_t *ip = buf + 14 + (t->vlan != 0 ? 4 : 0);

	memset(k, 0, sizeof(*k));
	frames_make(t, &p, buf, &packet);
	memcpy(k->addr[0], ip + (t->family == 4 ? 12 : 8), n);
	memcpy(k->addr[1], ip + (t->family == 4 ? 12 : 8) + n, n);
	k->port[0] = t->port[0];
	k->port[1] = t->port[1];
	k->linktype = FRAMES_LINKTYPE;
	k->family = (uint8_t)t->family;
	k->proto = DECODE_TCP;
}

void flowfile_begin(struct flowfile *f, const struct frames_talk *t, const char *uuid)
{
	uint8_t header[PCAPFMT_FILE_HEADER_BYTES];

	memset(f, 0, sizeof(*f));
	pcapfmt_file_header(FRAMES_LINKTYPE, header);
	flowfile_add_raw(f, header, sizeof(header));
	flowfile_key(&f->record.key, t);
	(void)snprintf(f->record.uuid, sizeof(f->record.uuid), "%s", uuid);
	f->record.tally.vlan = t->vlan;
	f->record.snaplen = PACKET_MAX_CAPLEN;
	f->record.end_reason = END_FIN;
}

void flowfile_count(struct record *r, const struct frames_packet *p, uint32_t bytes)
{
	struct tally *t = &r->tally;

	if (t->captured_bytes == 0) {
		t->first_ns = p->ts_ns;
		r->day = clk_day(p->ts_ns);
	}
	t->last_ns = p->ts_ns;
	t->pkts[p->from]++;
	t->bytes[p->from] += bytes;
	t->captured_bytes += bytes;
	t->tcp_flags[p->from] |= p->flags;
}

void flowfile_add(
    struct flowfile *f, const struct frames_talk *t, const struct frames_packet *p, size_t count)
{
	static uint8_t records[FLOWFILE_MAX];
	uint8_t frame[FRAMES_MAX];
	size_t len = 0;

	for (size_t i = 0; i < count; i++) {
		struct packet packet;

		frames_make(t, &p[i], frame, &packet);
		quick_assert(len + packet.caplen + PCAPFMT_RECORD_HEADER_BYTES <= sizeof(records));
		pcapfmt_record_header(&packet, packet.caplen, records + len);
		memcpy(records + len + PCAPFMT_RECORD_HEADER_BYTES, frame, packet.caplen);
		len += PCAPFMT_RECORD_HEADER_BYTES + packet.caplen;
		flowfile_count(&f->record, &p[i], packet.caplen);
	}
	flowfile_add_raw(f, records, len);
}

void flowfile_end_text(struct flowfile *f, const char *text, size_t len)
{
	quick_assert(f->len + len + GZMEMBER_EXTRA_OVERHEAD <= sizeof(f->bytes) && f->members < 64);
	f->member[f->members++] = f->len;
	f->len += gzmember_write_extra(RECORD_ID, text, len, f->bytes + f->len);
	f->record.length = f->len;
}

void flowfile_end(struct flowfile *f)
{
	char json[RECORD_JSON_MAX];

	flowfile_end_text(f, json, record_format(&f->record, json));
}

void flowfile_ordinary(
    struct flowfile *f, const struct frames_talk *t, const char *uuid, int64_t first_ns)
{
	const struct frames_packet p[] = {
	    {0, TCP_SYN, 100, 0, first_ns},
	    {1, TCP_SYN | TCP_ACK, 900, 0, first_ns + 1001},
	    {0, TCP_ACK, 101, 0, first_ns + 2002},
	    {0, TCP_ACK | TCP_PSH, 101, 300, first_ns + 3003},
	    {1, TCP_ACK, 901, 1400, first_ns + 999999999},
	    {1, TCP_ACK | TCP_FIN, 2301, 7, first_ns + 1000000001},
	    {0, TCP_ACK | TCP_FIN, 401, 0, first_ns + 1000000002},
	    {1, TCP_ACK, 2309, 0, first_ns + 1000000003},
	};

	flowfile_begin(f, t, uuid);
	flowfile_add(f, t, p, 3);
	flowfile_add(f, t, p + 3, 1);
	flowfile_add(f, t, p + 4, 4);
}
