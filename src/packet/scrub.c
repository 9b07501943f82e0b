/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See scrub.h. What may be kept is decided first, from lengths alone, and only that is copied; then
 * the headers are rewritten from the outside in, each cutting what it cannot vouch for; checksums
 * come last. Whether something is done depends on policy, lengths and types, and on whether the
 * input's checksum was right: never on the bits that are to be hidden.
 */
#include "packet/scrub.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "packet/checksum.h"
#include "packet/scrub_private.h"

enum {
	PORTS_SIZE = 4,
	TCP_SIZE = 20,
	TCP_SIZE_MAX = 60,
	UDP_SIZE = 8,
	UDP_LENGTH_MAX = 65535,
	ICMP_SIZE = 8,
	SCTP_SIZE = 12,
	DCCP_SIZE = 12
};

struct scrub {
	/* set at start, then read-only */
	struct policy policy;
	struct anonymizer *anonymizer;

	/* owned by the demux thread */
	unsigned computed[2]; /* by role_of: what the last packet that told of it has told */
	uint8_t bytes[PACKET_MAX_CAPLEN];
};

/* Where the parts of a transport segment end, by its own lengths; each may lie beyond caplen. */
struct segment {
	uint32_t header_end; /* of what is known to be header */
	uint32_t end;
	uint32_t there; /* captured up to here, and no padding of the link layer's */
	bool sound;     /* what follows the header is payload; else nobody knows what it is */
};

int scrub_new(const struct anonymizer_config *config, struct scrub **ret_scrub)
{
	struct scrub *s = calloc(1, sizeof(*s));
	int rv;

	if (s == NULL)
		return -ENOMEM;
	s->policy = config->policy;
	s->computed[0] = s->computed[1] = SCRUB_IP_COMPUTED | SCRUB_L4_COMPUTED;
	rv = anonymizer_new(config, &s->anonymizer);
	if (rv != 0) {
		scrub_free(s);
		return rv;
	}
	*ret_scrub = s;
	return 0;
}

const struct policy *scrub_policy(const struct scrub *s)
{
	return &s->policy;
}

bool scrub_address(struct scrubbing *x, uint8_t family, uint32_t off)
{
	uint8_t *addr = x->bytes + off;

	if (x->policy->addresses == ADDRESSES_KEPT ||
	    anonymizer_is_exempt(x->anonymizer, family, addr))
		return false;
	anonymizer_map(x->anonymizer, family, addr);
	return true;
}

/* ---- what is header, and what payload -------------------------------------------------------- */

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* A header of `size` bytes, if the segment is that long; else what names the flow is all of it. */
static void fixed_header(const struct decoded *d, uint32_t size, struct segment *g)
{
	g->sound = size <= g->end - d->l4_off;
	g->header_end = g->sound ? d->l4_off + size : least(d->l4_off + PORTS_SIZE, g->end);
}

static void tcp_header(const struct packet *p, const struct decoded *d, struct segment *g)
{
	fixed_header(d, TCP_SIZE, g);
	if (!g->sound && d->first_fragment) { /* the rest of the header is in the next one */
		g->header_end = g->end;
		g->sound = true;
	}
	if (!g->sound || !d->has_tcp)
		return;
	g->header_end = d->payload_off;
	g->sound = p->data[d->l4_off + 12] >> 4 << 2 == (int)(d->payload_off - d->l4_off);
}

/* What lies behind the length in the header is none of UDP's. RFC 768; 0 where it exceeds 16 bits.
 */
static void udp_header(const struct packet *p, const struct decoded *d, struct segment *g)
{
	const uint8_t *udp = p->data + d->l4_off;
	uint32_t all = g->end - d->l4_off, length;

	fixed_header(d, UDP_SIZE, g);
	if (!g->sound || d->first_fragment || g->there - d->l4_off < UDP_SIZE)
		return;
	length = (uint32_t)udp[4] << 8 | udp[5];
	if (length == 0 && all > UDP_LENGTH_MAX)
		return;
	g->sound = length >= UDP_SIZE && length <= all;
	if (g->sound)
		g->end = d->l4_off + length;
}

/* RFC 4340 section 5.1: the header tells its own length, in words. */
static void dccp_header(const struct packet *p, const struct decoded *d, struct segment *g)
{
	uint32_t size;

	fixed_header(d, DCCP_SIZE, g);
	if (!g->sound || g->there - d->l4_off <= PORTS_SIZE)
		return;
	size = p->data[d->l4_off + 4] * 4u;
	g->sound = size >= DCCP_SIZE && size <= g->end - d->l4_off;
	if (g->sound)
		g->header_end = d->l4_off + size;
}

static void segment_header(const struct packet *p, const struct decoded *d, struct segment *g)
{
	switch (d->proto) {
	case DECODE_TCP:
		tcp_header(p, d, g);
		break;
	case DECODE_UDP:
		udp_header(p, d, g);
		break;
	case DECODE_UDPLITE:
		fixed_header(d, UDP_SIZE, g);
		break;
	case DECODE_SCTP:
		fixed_header(d, SCTP_SIZE, g);
		break;
	case DECODE_DCCP:
		dccp_header(p, d, g);
		break;
	case DECODE_ICMP:
	case DECODE_ICMP6:
		g->header_end = least(d->l4_off + ICMP_SIZE, g->end);
		break;
	}
}

static struct segment segment_of(const struct packet *p, const struct decoded *d)
{
	struct segment g = {.header_end = d->l4_off,
	    .end = d->end_off,
	    .there = least(p->caplen, d->frame_end),
	    .sound = true};

	if (d->l4_off == 0) /* a later fragment */
		g.header_end = g.end;
	else
		segment_header(p, d, &g);
	return g;
}

/* What of a packet may be kept at all, as far as lengths tell. */
static uint32_t limit_of(const struct policy *policy, const struct segment *g)
{
	uint64_t end = g->end;

	if (!g->sound || policy->payload == PAYLOAD_ZERO)
		end = g->header_end;
	else if (policy->payload == PAYLOAD_BYTES)
		end = (uint64_t)g->header_end + policy->payload_bytes;
	if (end > g->end)
		end = g->end;
	return end < g->there ? (uint32_t)end : g->there;
}

/* ---- checksums ------------------------------------------------------------------------------- */

/* Where a transport's checksum stands in its header, and whether we can make it right. */
struct field {
	uint8_t off, size;
	bool internet; /* RFC 1071, over the whole segment */
	bool pseudo;   /* and over the pseudo-header */
};

static const struct field *field_of(uint8_t proto)
{
	static const struct field tcp = {16, 2, true, true}, udp = {6, 2, true, true},
				  icmp = {2, 2, true, false}, icmp6 = {2, 2, true, true},
				  other = {6, 2, false, true}, sctp = {8, 4, false, false};

	switch (proto) {
	case DECODE_TCP:
		return &tcp;
	case DECODE_UDP:
		return &udp;
	case DECODE_ICMP:
		return &icmp;
	case DECODE_ICMP6:
		return &icmp6;
	case DECODE_DCCP:
	case DECODE_UDPLITE: /* may cover less than the segment: RFC 4340 9.2, RFC 3828 3.1 */
		return &other;
	case DECODE_SCTP: /* CRC32c: RFC 9260 appendix A */
		return &sctp;
	default:
		return NULL;
	}
}

/* Adds the pseudo-header, with the addresses that stand in `bytes`. RFC 9293 3.1, RFC 8200 8.1 */
static uint64_t add_pseudo(
    uint64_t sum, const uint8_t *bytes, const struct scrub_ip *h, uint8_t proto, uint32_t length)
{
	const uint8_t tail[8] = {(uint8_t)(length >> 24), (uint8_t)(length >> 16),
	    (uint8_t)(length >> 8), (uint8_t)length, 0, 0, 0, proto};
	size_t size = h->version == 4 ? 4 : 16;

	sum = checksum_add(sum, bytes + h->src_at, size);
	sum = checksum_add(sum, bytes + h->dst_at, size);
	return checksum_add(sum, tail, sizeof(tail));
}

/* A segment that is stored whole, of which [off, split) may have been rewritten and the rest not.
 */
struct summing {
	const struct scrub_ip *ip;
	const struct field *field;
	uint8_t proto;
	uint32_t off, split, end;
};

/* Adds what may have been rewritten to the sum over the rest. */
static uint64_t add_head(uint64_t sum, const uint8_t *bytes, const struct summing *m)
{
	sum = checksum_add(sum, bytes + m->off, m->split - m->off);
	if (m->field->pseudo)
		sum = add_pseudo(sum, bytes, m->ip, m->proto, m->end - m->off);
	return sum;
}

/* Is this what a driver leaves in the field for its card: nothing, or the pseudo-header's sum, with
 * the length in it or without? */
static bool is_left_open(const uint8_t *raw, const struct summing *m)
{
	const uint8_t *field = raw + m->off + m->field->off;
	uint16_t sum, forms[2];

	memcpy(&sum, field, sizeof(sum));
	if (sum == 0 || !m->field->pseudo)
		return sum == 0;
	forms[0] = checksum_fold(add_pseudo(0, raw, m->ip, m->proto, m->end - m->off));
	forms[1] = checksum_fold(add_pseudo(0, raw, m->ip, m->proto, 0));
	return sum == forms[0] || sum == forms[1];
}

/*
 * Right in the input: right for what is stored. Else 0: a wrong one may be a partial one, which is
 * the sum of the addresses. Bytes behind x->keep count as the zeros that will be there.
 */
static void mend(struct scrubbing *x, const struct summing *m)
{
	const uint8_t *raw = x->packet->data;
	uint8_t *at = x->bytes + m->off + m->field->off;
	uint64_t rest = checksum_add(0, raw + m->split, m->end - m->split);
	bool right = checksum_fold(add_head(rest, raw, m)) == 0xffff;
	uint16_t sum;

	if (m->proto == DECODE_UDP && at[0] == 0 && at[1] == 0)
		return; /* there is none: RFC 768 */
	memset(at, 0, 2);
	if (!scrub_trusts(x, SCRUB_L4_COMPUTED, right, is_left_open(raw, m)))
		return;
	if (x->policy->payload == PAYLOAD_ZERO) {
		memset(x->bytes + x->keep, 0, m->end - x->keep);
		rest = 0;
	}
	sum = (uint16_t)~checksum_fold(add_head(rest, x->bytes, m));
	if (sum == 0 && m->proto == DECODE_UDP)
		sum = 0xffff;
	memcpy(at, &sum, sizeof(sum));
}

/* ---- transports ------------------------------------------------------------------------------ */

/*
 * What stands between the generic header and the payload: acknowledgments, and options of which
 * nobody knows what they hold. RFC 4340 section 5.1: the generic header has 12 or 16 bytes.
 */
static bool blank_dccp_options(
    struct scrubbing *x, const struct decoded *d, const struct segment *g)
{
	enum { FLAGS_AT = 8, EXTENDED = 0x01, EXTENDED_SIZE = 16 };
	uint32_t off = d->l4_off + DCCP_SIZE;

	if (!scrub_has(x, d->l4_off, FLAGS_AT + 1))
		return false;
	if (x->bytes[d->l4_off + FLAGS_AT] & EXTENDED)
		off = d->l4_off + EXTENDED_SIZE;
	if (off >= g->header_end)
		return false;
	scrub_blank(x, off, g->header_end - off);
	return true;
}

/* Rewrites what follows IP. Returns whether anything was written to or cut, by type and lengths. */
static bool scrub_segment(struct scrubbing *x, const struct decoded *d, const struct segment *g)
{
	switch (d->proto) {
	case DECODE_TCP:
		if (g->header_end <= d->l4_off + TCP_SIZE)
			return false;
		return scrub_tcp_options(x, d->l4_off + TCP_SIZE, g->header_end);
	case DECODE_UDP:
		if (x->hides && scrub_hides_behind(d->sport, d->dport))
			scrub_cut(x, g->header_end);
		return false;
	case DECODE_ICMP:
	case DECODE_ICMP6:
		return x->hides && scrub_icmp(x, d->proto, d->l4_off);
	case DECODE_SCTP:
		return x->hides && scrub_sctp(x, g->header_end);
	case DECODE_DCCP:
		return x->hides && blank_dccp_options(x, d, g);
	case DECODE_UDPLITE:
		return false;
	default: /* tunnels, routing protocols, and what nobody has heard of */
		if (x->hides)
			scrub_cut(x, d->l4_off);
		return false;
	}
}

static void scrub_transport(
    struct scrubbing *x, const struct decoded *d, const struct segment *g, const struct scrub_ip *h)
{
	const struct field *f = field_of(d->proto);
	bool zero = x->policy->payload == PAYLOAD_ZERO;
	bool changed = scrub_segment(x, d, g), cut, whole;

	if (f == NULL)
		return;
	cut = x->keep < least(g->end, g->there);
	whole = !h->fragment && g->there >= g->end && (zero || !cut);
	changed |= (h->changed && f->pseudo) || (zero && cut);
	if (!changed && whole)
		return; /* what the sum is over is all there to be seen */
	if (whole && f->internet && scrub_has(x, d->l4_off, f->off + f->size)) {
		struct summing m = {h, f, d->proto, d->l4_off, g->header_end, g->end};

		/* ICMP messages may hold addresses anywhere; and TCP's options may be cut. */
		if (d->proto == DECODE_ICMP || d->proto == DECODE_ICMP6 || m.split > x->keep)
			m.split = g->end;
		mend(x, &m);
	} else if (changed || cut || x->hides || x->policy->payload != PAYLOAD_FULL) {
		scrub_blank(x, d->l4_off + f->off, f->size);
	}
}

/*
 * A fragment behind its first: nothing in it tells what it is. Where addresses are hidden it stays
 * only if its flow and its place say that it is application data.
 */
static void scrub_later_fragment(
    struct scrubbing *x, const struct decoded *d, const struct scrub_ip *h)
{
	bool data = h->proto == DECODE_TCP ? h->frag_off >= TCP_SIZE_MAX
					   : h->proto == DECODE_UDP && h->frag_off >= UDP_SIZE &&
						 !scrub_hides_behind(d->sport, d->dport);

	if (x->policy->payload != PAYLOAD_FULL || (x->hides && !data))
		scrub_cut(x, h->l4_off);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* The ends as decoding the scrubbed packet would tell them; see fold_mapped() there. */
static void read_ends(
    const struct scrubbing *x, const struct decoded *d, uint8_t version, struct scrubbed *r)
{
	const uint8_t *ip = x->bytes + d->net_off;
	const uint8_t *src = version == 4 ? ip + 12 : ip + 8;
	const uint8_t *dst = version == 4 ? ip + 16 : ip + 24;
	size_t size = d->family == 4 ? 4 : 16;

	if (version == 6 && d->family == 4) {
		src += 12;
		dst += 12;
	}
	memset(r->src, 0, sizeof(r->src));
	memset(r->dst, 0, sizeof(r->dst));
	memcpy(r->src, src, size);
	memcpy(r->dst, dst, size);
}

/* Does the frame's length alone say where the packet ends? See ipv4() and ipv6() in decode.c. */
static bool lacks_length(const struct packet *p, const struct decoded *d)
{
	const uint8_t *ip = p->data + d->net_off;
	const uint8_t *length = ip[0] >> 4 == 4 ? ip + 2 : ip + 4;

	return length[0] == 0 && length[1] == 0 && d->end_off == d->frame_end;
}

/*
 * A capture sees packets of its own host before the network card does, and those of others behind
 * theirs: so what is true of one server's, or one client's, is likely true of the next one's.
 */
static int role_of(uint16_t sport, uint16_t dport)
{
	return sport < dport;
}

static void note_computed(struct scrub *s, const struct decoded *d, const struct scrubbing *x)
{
	unsigned *computed = &s->computed[role_of(d->sport, d->dport)];

	*computed = (*computed & ~x->told) | (x->computed & x->told);
}

unsigned scrub_computed(const struct scrub *s, const struct flowkey *k)
{
	return s->computed[role_of(k->port[SIDE_LOW], k->port[SIDE_HIGH])] |
	       s->computed[role_of(k->port[SIDE_HIGH], k->port[SIDE_LOW])] << SCRUB_COMPUTED_BITS;
}

void scrub_packet(struct scrub *s, const struct packet *p, const struct decoded *d,
    struct scrub_flow *flow, struct scrubbed *ret_scrubbed)
{
	bool whole = d->l4_off != 0; /* else it is a later fragment */
	struct segment g = segment_of(p, d);
	struct scrubbing x = {.anonymizer = s->anonymizer,
	    .policy = &s->policy,
	    .packet = p,
	    .bytes = s->bytes,
	    .keep = limit_of(&s->policy, &g),
	    .computed = flow->computed,
	    .hides = s->policy.addresses != ADDRESSES_KEPT || s->policy.macs};
	struct scrub_ip h = {.net_off = d->net_off, .exempt = flow->exempt};

	memcpy(x.bytes, p->data, x.keep);
	scrub_link(&x, d->net_off);
	if (scrub_ip(&x, &h) == 0) {
		if (whole)
			scrub_transport(&x, d, &g, &h);
		else
			scrub_later_fragment(&x, d, &h);
	}
	flow->computed = x.computed;
	note_computed(s, d, &x);
	read_ends(&x, d, h.version, ret_scrubbed);
	/* What is whole keeps its length: a trailer (padding, or a sum over all) is zeros then. */
	if (s->policy.payload == PAYLOAD_ZERO ||
	    (s->policy.payload == PAYLOAD_FULL && x.keep == least(g.end, g.there))) {
		memset(x.bytes + x.keep, 0, p->caplen - x.keep);
		x.keep = p->caplen;
	}
	ret_scrubbed->packet = *p;
	ret_scrubbed->packet.data = x.bytes;
	ret_scrubbed->packet.caplen = x.keep;
	/* Cut, such a frame would decode to another end: it was as long as what was captured. */
	if (x.keep < p->caplen && p->origlen < p->caplen && lacks_length(p, d))
		ret_scrubbed->packet.origlen = p->caplen;
}

unsigned scrub_exempt(const struct scrub *s, const struct flowkey *k)
{
	unsigned exempt = 0;

	if (s->policy.addresses == ADDRESSES_KEPT)
		return 0;
	for (int side = SIDE_LOW; side <= SIDE_HIGH; side++)
		if (anonymizer_is_exempt(s->anonymizer, k->family, k->addr[side]))
			exempt |= 1u << side;
	return exempt;
}

enum side scrub_key(
    struct scrub *s, const struct flowkey *k, unsigned exempt, struct flowkey *ret_key)
{
	struct flowkey mapped = *k;
	enum side low;

	for (int side = SIDE_LOW; side <= SIDE_HIGH; side++)
		if (!(exempt & 1u << side))
			anonymizer_map(s->anonymizer, k->family, mapped.addr[side]);
	low = flowkey_sender(
	    mapped.addr[SIDE_LOW], mapped.addr[SIDE_HIGH], k->port[SIDE_LOW], k->port[SIDE_HIGH]);
	*ret_key = mapped;
	for (int side = SIDE_LOW; low == SIDE_HIGH && side <= SIDE_HIGH; side++) {
		memcpy(ret_key->addr[side], mapped.addr[!side], sizeof(mapped.addr[0]));
		ret_key->port[side] = mapped.port[!side];
	}
	return low;
}

void scrub_free(struct scrub *s)
{
	if (s == NULL)
		return;
	anonymizer_free(s->anonymizer);
	free(s);
}
