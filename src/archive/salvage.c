/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See salvage.h. A file is gone through twice: up to the first packet that tells the flow, as
 * fragments may come before it, then whole, to add up.
 */
#include "archive/salvage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fileio.h"
#include "packet/decode.h"
#include "pcapfile/gzmember.h"
#include "pcapfile/memberscan.h"
#include "pcapfile/pcapfmt.h"

/* Savers put no more than this into a member, unless it is a single record. */
#define MEMBER_BYTES 65536u

#define RECORD_BYTES (PCAPFMT_RECORD_HEADER_BYTES + PACKET_MAX_CAPLEN)

/* Bits of the link type field that nobody may set (pcap-savefile(5)): our own reader refuses them.
 */
#define LINKTYPE_RESERVED 0x0bff0000u

struct salvager {
	struct memberscan *scan;
};

enum walk_kind { WALK_KEY, WALK_SUMS };

/* One going through a file. */
struct walk {
	enum walk_kind kind;
	struct salvage *salvage;
	struct extent extent;
	uint32_t linktype;
	bool begun;    /* the file header was seen */
	bool has_key;  /* WALK_KEY: it is found */
	bool record;   /* the record was seen */
	bool hopeless; /* not even what came before can be used */
	uint64_t pkts;
	struct fault fault;
};

/* How a walk goes on: 1 to the next member, 0 it has all it wants, -EBADMSG not with this one. */
__attribute__((format(printf, 2, 3))) static int refuse_file(struct walk *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fault_setv(&w->fault, 0, fmt, ap); /* the error is ours */
	va_end(ap);
	w->hopeless = true;
	return -EBADMSG;
}

static int take_file_header(struct walk *w, const struct memberscan_member *m)
{
	uint8_t header[PCAPFMT_FILE_HEADER_BYTES];

	if (m->data_len != sizeof(header))
		return refuse_file(w, "it does not begin as a flow file");
	w->linktype = pcapfmt_get_le32(m->data + 20);
	pcapfmt_file_header(w->linktype, header);
	if (memcmp(m->data, header, sizeof(header)) != 0 || (w->linktype & LINKTYPE_RESERVED) != 0)
		return refuse_file(w, "its pcap header is not that of a flow file");
	w->begun = true;
	return 1;
}

/* Is the empty member a record? Nothing else of ours is empty. */
static int take_record(struct walk *w, const struct memberscan_member *m)
{
	uint8_t bytes[RECORD_JSON_MAX + GZMEMBER_EXTRA_OVERHEAD];
	ssize_t n;
	size_t len;

	if (m->length > sizeof(bytes))
		return fault_set(&w->fault, -EBADMSG,
		    "the empty member at byte %" PRIu64 " is no record", m->offset);
	n = fileio_pread_extent(&w->extent, bytes, (size_t)m->length, m->offset);
	if (n < 0)
		return fault_set(&w->fault, (int)n, "read: %s", strerror((int)-n));
	if (gzmember_find_extra(RECORD_ID, bytes, (size_t)n, &len) == NULL ||
	    len + GZMEMBER_EXTRA_OVERHEAD != m->length)
		return fault_set(&w->fault, -EBADMSG,
		    "the empty member at byte %" PRIu64 " is no record", m->offset);
	w->record = true;
	return 1;
}

/* Length of the packet record at p, header included; 0 where it is not whole. */
static size_t record_bytes(const uint8_t *p, size_t have)
{
	uint32_t caplen;

	if (have < PCAPFMT_RECORD_HEADER_BYTES)
		return 0;
	caplen = pcapfmt_get_le32(p + 8);
	if (caplen > PACKET_MAX_CAPLEN || have - PCAPFMT_RECORD_HEADER_BYTES < caplen)
		return 0;
	return PCAPFMT_RECORD_HEADER_BYTES + caplen;
}

/* Does the member hold whole packet records and nothing else, as savers make them? */
static bool holds_records(const struct memberscan_member *m)
{
	size_t n;

	for (size_t at = 0; at < m->data_len; at += n) {
		n = record_bytes(m->data + at, m->data_len - at);
		if (n == 0 || (m->data_len > MEMBER_BYTES && n < m->data_len))
			return false;
	}
	return true;
}

/* The same as pcapreader makes of it. */
static struct packet packet_at(const struct walk *w, const uint8_t *p)
{
	return (struct packet){
	    .ts_ns = (int64_t)pcapfmt_get_le32(p) * 1000000000 + pcapfmt_get_le32(p + 4),
	    .caplen = pcapfmt_get_le32(p + 8),
	    .origlen = pcapfmt_get_le32(p + 12),
	    .linktype = w->linktype,
	    .data = p + PCAPFMT_RECORD_HEADER_BYTES};
}

/* Returns 1; 0 where the packet tells the flow. */
static int find_key(struct walk *w, const struct packet *p)
{
	struct salvage *s = w->salvage;
	struct decoded d;

	if (decode_packet(p, &d) != DECODE_OK)
		return 1;
	(void)flowkey_make(&d, p->linktype, VLAN_KEY_NO, &s->sums.key);
	s->origin_ns = p->ts_ns;
	s->origin_seq = d.has_tcp ? d.seq : 0;
	memcpy(s->vlan, d.vlan, sizeof(s->vlan));
	w->has_key = true;
	return 0;
}

static int take_packets(struct walk *w, const struct memberscan_member *m)
{
	char error[RESCAN_ERROR_SIZE];
	size_t n;

	if (!holds_records(m))
		return fault_set(&w->fault, -EBADMSG,
		    "the member at byte %" PRIu64 " does not hold whole packets", m->offset);
	for (size_t at = 0; at < m->data_len; at += n) {
		struct packet p = packet_at(w, m->data + at);

		n = record_bytes(m->data + at, m->data_len - at);
		w->pkts++;
		if (w->kind == WALK_KEY && find_key(w, &p) == 0)
			return 0;
		if (w->kind == WALK_SUMS && rescan_add(&w->salvage->sums, &p, error) != 0)
			return refuse_file(w, "%s", error);
	}
	return 1;
}

static int take_member(struct walk *w, const struct memberscan_member *m)
{
	if (!w->begun)
		return take_file_header(w, m);
	if (w->record)
		return refuse_file(w, "more follows its record");
	return m->data_len == 0 ? take_record(w, m) : take_packets(w, m);
}

/*
 * Goes from member to member, and sets end behind the last good one.
 *
 * Returns 0 nothing more is wanted, or there; as memberscan_next.
 */
static int walk(struct salvager *v, struct walk *w)
{
	struct memberscan_member m;
	int rv;

	memberscan_begin(v->scan, &w->extent);
	w->salvage->end = 0;
	while ((rv = memberscan_next(v->scan, &m, &w->fault)) == 1) {
		rv = take_member(w, &m);
		if (rv != 1)
			break;
		w->salvage->end = m.offset + m.length;
	}
	return rv;
}

/* Is a file without one whole member what a kill leaves of our first write? */
static bool is_torn_start(const struct walk *w)
{
	static const uint8_t member[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};
	uint8_t bytes[sizeof(member)];
	ssize_t n;

	if (w->salvage->size >= gzmember_bound(PCAPFMT_FILE_HEADER_BYTES))
		return false;
	n = fileio_pread_extent(&w->extent, bytes, sizeof(bytes), 0);
	return n >= 0 && memcmp(bytes, member, (size_t)n) == 0;
}

/* A file of which no packet was found, and why the walk ended there. */
static enum salvage_state without_packets(const struct walk *w, int rv)
{
	if (rv != 0 && rv != -ENODATA)
		return SALVAGE_DAMAGED;
	if (!w->begun)
		return is_torn_start(w) ? SALVAGE_EMPTY : SALVAGE_DAMAGED;
	return w->record ? SALVAGE_DAMAGED : SALVAGE_EMPTY;
}

static int judge_without_key(const struct walk *w, int rv)
{
	struct salvage *s = w->salvage;

	if (rv != 0 && rv != -ENODATA && rv != -EBADMSG)
		return rv;
	s->state = w->pkts > 0 ? SALVAGE_DAMAGED : without_packets(w, rv);
	(void)snprintf(s->error, sizeof(s->error), "%s",
	    w->pkts > 0        ? "it has no packet that tells the flow"
	    : w->fault.text[0] ? w->fault.text
	    : w->record        ? "it has a record, but no packet"
			       : "it has no packet");
	return 0;
}

static int judge(const struct walk *w, int rv)
{
	struct salvage *s = w->salvage;

	if (rv != 0 && rv != -ENODATA && rv != -EBADMSG)
		return rv;
	(void)snprintf(s->error, sizeof(s->error), "%s", w->fault.text);
	if (w->hopeless)
		s->state = SALVAGE_DAMAGED;
	else if (!w->record)
		s->state = SALVAGE_PARTIAL;
	else if (s->end == s->size)
		s->state = SALVAGE_COMPLETE;
	else
		s->state = SALVAGE_DAMAGED; /* behind the record there is nothing of ours */
	return 0;
}

int salvage_read(struct salvager *v, const struct extent *e, struct salvage *ret_salvage)
{
	struct walk w = {.kind = WALK_KEY, .salvage = ret_salvage, .extent = *e};
	int rv;

	memset(ret_salvage, 0, sizeof(*ret_salvage));
	ret_salvage->size = e->length;
	rv = walk(v, &w);
	if (!w.has_key)
		return judge_without_key(&w, rv);
	w = (struct walk){.kind = WALK_SUMS, .salvage = ret_salvage, .extent = *e};
	return judge(&w, walk(v, &w));
}

int salvage_new(struct salvager **ret_salvager)
{
	struct salvager *v = calloc(1, sizeof(*v));
	int rv = v != NULL ? memberscan_new(RECORD_BYTES, &v->scan) : -ENOMEM;

	if (rv != 0) {
		salvage_free(v);
		return rv;
	}
	*ret_salvager = v;
	return 0;
}

void salvage_free(struct salvager *v)
{
	if (v == NULL)
		return;
	memberscan_free(v->scan);
	free(v);
}
