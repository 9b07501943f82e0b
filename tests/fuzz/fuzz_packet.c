/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A frame of any link type through decoding and scrubbing.
 *
 * Input: link type (16 bits), policy (8), exempt ends (2 bits of 8; bit 7: the upper bits of the
 * link type tell the length of an FCS), how much longer or shorter the frame was (16, signed), then
 * the frame as it was captured.
 *
 * Holds: what was decoded lies in the frame and in order; the bytes before IP that hold addresses
 * do not overlap; a scrubbed packet is no longer than the frame, decodes to the same words but for
 * its addresses, has the key that scrub_key says, does not depend on what was scrubbed before, and
 * stays as it is when it is scrubbed again.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz_support.h"
#include "packet/link.h"
#include "packet/scrub.h"
#include "support/decodedwords.h"

#define FUZZ_POLICIES 32u

struct pair {
	struct scrub *one, *other;
};

static struct policy policy_of(unsigned n)
{
	static const struct policy payloads[4] = {{.payload = PAYLOAD_FULL},
	    {.payload = PAYLOAD_BYTES, .payload_bytes = 0},
	    {.payload = PAYLOAD_BYTES, .payload_bytes = 20}, {.payload = PAYLOAD_ZERO}};
	struct policy p = payloads[n & 3];

	p.addresses = (n >> 2 & 3) == 0   ? ADDRESSES_KEPT
		      : (n >> 2 & 3) == 3 ? ADDRESSES_CRYPTOPAN
					  : ADDRESSES_NETBLOCK;
	if (p.addresses == ADDRESSES_NETBLOCK && (n >> 2 & 3) == 1) {
		p.v4_bits = 24;
		p.v6_bits = 48;
	}
	p.macs = n >> 4 & 1;
	return p;
}

/* Two of one policy, which see different packets. */
static const struct pair *scrubs_of(unsigned n)
{
	static const uint8_t key[CRYPTOPAN_KEY_BYTES] = "a key that is known to everybody";
	static struct pair pairs[FUZZ_POLICIES];
	struct anonymizer_config c = {.policy = policy_of(n), .key = key};

	if (pairs[n].one == NULL) {
		fuzz_check(scrub_new(&c, &pairs[n].one) == 0);
		fuzz_check(scrub_new(&c, &pairs[n].other) == 0);
	}
	return &pairs[n];
}

static void check_spans(const struct packet *p)
{
	struct link_span spans[LINK_MAX_SPANS];
	struct link link;
	unsigned n = link_spans(p, spans);

	if (link_decode(p, &link) != LINK_IP) {
		fuzz_check(n == 0);
		return;
	}
	fuzz_check(link.net_off <= p->caplen && link.end_off >= link.net_off);
	fuzz_check(n <= LINK_MAX_SPANS && link.vlans <= LINK_MAX_VLANS);
	for (unsigned i = 0; i < n; i++) {
		fuzz_check(spans[i].off <= link.net_off);
		fuzz_check(spans[i].len <= link.net_off - spans[i].off);
		for (unsigned j = 0; j < i; j++)
			fuzz_check(spans[i].off >= spans[j].off + spans[j].len ||
				   spans[j].off >= spans[i].off + spans[i].len);
	}
}

static void check_decoded(
    const struct packet *p, enum decode_result result, const struct decoded *d)
{
	fuzz_check(d->family == 4 || d->family == 6);
	fuzz_check(d->net_off <= p->caplen && d->net_off <= d->end_off);
	fuzz_check(d->vlan[0] < 4096 && d->vlan[1] < 4096);
	if (result == DECODE_FRAGMENT)
		return;
	fuzz_check(d->l4_off > d->net_off && d->l4_off <= p->caplen);
	fuzz_check(d->payload_off >= d->l4_off && d->payload_off <= d->end_off);
	fuzz_check(d->has_tcp || d->tcp_flags == 0);
	fuzz_check(!d->has_tcp || d->proto == DECODE_TCP);
}

#define SAME(word) fuzz_check(a->word == b->word);

static void check_words(const struct decoded *a, const struct decoded *b)
{
	DECODED_WORDS(SAME)
}

static void scrub_one(struct scrub *s, const struct packet *p, struct decoded d, unsigned exempt,
    struct scrubbed *out)
{
	struct scrub_flow flow = {
	    .exempt = exempt, .computed = SCRUB_IP_COMPUTED | SCRUB_L4_COMPUTED};

	if (d.l4_off == 0) { /* a fragment: the ports are those of its flow */
		d.sport = 40000;
		d.dport = 443;
	}
	scrub_packet(s, p, &d, &flow, out);
}

/* Fills a scrub's memory with what must not be seen again. */
static void stain(struct scrub *s)
{
	static uint8_t bytes[2048] = {
	    0x45, 0, 8, 0, 0, 0, 0, 0, 64, DECODE_UDP, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2};
	const struct packet p = {
	    .caplen = sizeof(bytes), .origlen = sizeof(bytes), .linktype = 101, .data = bytes};
	struct decoded d;
	struct scrubbed out;

	memset(bytes + 20, 0xee, sizeof(bytes) - 20);
	bytes[24] = (sizeof(bytes) - 20) >> 8;
	bytes[25] = (sizeof(bytes) - 20) & 0xff;
	fuzz_check(decode_packet(&p, &d) == DECODE_OK);
	scrub_one(s, &p, d, 0, &out);
}

static void check_key(struct scrub *s, const struct packet *p, const struct decoded *before,
    const struct decoded *after, unsigned exempt)
{
	struct flowkey raw, said, found;
	enum side sender = flowkey_make(before, p->linktype, VLAN_KEY_YES, &raw), low, now;
	unsigned ends = (exempt & SCRUB_SRC_EXEMPT ? 1u << sender : 0) |
			(exempt & SCRUB_DST_EXEMPT ? 1u << !sender : 0);

	low = scrub_key(s, &raw, ends, &said);
	now = flowkey_make(after, p->linktype, VLAN_KEY_YES, &found);
	fuzz_check(flowkey_equal(&said, &found));
	if (!flowkey_ends_equal(&said) && !flowkey_ends_equal(&raw))
		fuzz_check((enum side)(sender ^ low) == now);
}

static void check_same(const struct packet *a, const struct packet *b)
{
	fuzz_check(a->caplen == b->caplen && a->origlen == b->origlen);
	fuzz_check(a->caplen == 0 || memcmp(a->data, b->data, a->caplen) == 0);
}

static void check_scrubbed(unsigned number, const struct packet *p, enum decode_result result,
    const struct decoded *d, unsigned exempt)
{
	const struct pair *s = scrubs_of(number);
	struct policy policy = policy_of(number);
	uint8_t *raw = fuzz_copy(p->data, p->caplen), *copy;
	struct scrubbed out, again;
	struct packet kept;
	struct decoded after;

	scrub_one(s->one, p, *d, exempt, &out);
	fuzz_check(p->caplen == 0 || memcmp(raw, p->data, p->caplen) == 0);
	fuzz_check(out.packet.caplen <= p->caplen);
	fuzz_check(policy.payload != PAYLOAD_ZERO || out.packet.caplen == p->caplen);
	kept = out.packet;
	kept.data = copy = fuzz_copy(out.packet.data, out.packet.caplen);
	fuzz_check(decode_packet(&kept, &after) == result);
	check_words(d, &after);
	fuzz_check(memcmp(after.src, out.src, 16) == 0 && memcmp(after.dst, out.dst, 16) == 0);
	if (result == DECODE_OK)
		check_key(s->one, p, d, &after, exempt);
	stain(s->other);
	scrub_one(s->other, p, *d, exempt, &again);
	check_same(&kept, &again.packet);
	if (policy.addresses != ADDRESSES_CRYPTOPAN && !policy.macs) {
		scrub_one(s->other, &kept, after, exempt, &again);
		check_same(&kept, &again.packet);
	}
	free(raw);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	struct packet p = {.ts_ns = 1700000000123456789, .linktype = fuzz_u16(&in), .interface = 3};
	unsigned policy = fuzz_u8(&in) % FUZZ_POLICIES, bits = fuzz_u8(&in), exempt = bits & 3;
	int16_t more = (int16_t)fuzz_u16(&in);
	uint8_t *frame;
	struct decoded d = {0}, again = {0};
	enum decode_result result;

	if (in.left > PACKET_MAX_CAPLEN)
		return 0;
	frame = fuzz_copy(in.at, in.left);
	p.data = frame;
	if (bits & 0x80)
		p.linktype |= 0xf0030000u; /* pcap-savefile(5) */
	p.caplen = (uint32_t)in.left;
	p.origlen = more < 0 && (uint32_t)-more > p.caplen ? 0 : p.caplen + (uint32_t)more;
	check_spans(&p);
	result = decode_packet(&p, &d);
	fuzz_check(decode_packet(&p, &again) == result);
	fuzz_check(link_known(p.linktype) || result == DECODE_LINKTYPE);
	if (result == DECODE_OK || result == DECODE_FRAGMENT) {
		check_decoded(&p, result, &d);
		if (policy != 0) /* 0 keeps all: nobody scrubs then */
			check_scrubbed(policy, &p, result, &d, exempt);
	}
	free(frame);
	return 0;
}
