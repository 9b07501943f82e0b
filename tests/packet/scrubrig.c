/* SPDX-License-Identifier: BSD-2-Clause */
/* See scrubrig.h. */
#include "scrubrig.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "support/decodedwords.h"
#include "support/quick.h"

void scrubrig_open(struct scrubrig *r, const struct policy *policy, anonymizer_exempt_fn *exempt)
{
	static const uint8_t key[CRYPTOPAN_KEY_BYTES] = "a key that is known to everybody";
	struct anonymizer_config c = {.policy = *policy, .key = key, .exempt = exempt};

	memset(r, 0, sizeof(*r));
	r->policy = *policy;
	ck_assert_int_eq(scrub_new(&c, &r->scrub), 0);
	ck_assert_int_eq(scrub_new(&c, &r->other), 0);
}

static void let_go(struct scrubrig *r)
{
	free(r->raw);
	free(r->kept);
	r->raw = r->kept = NULL;
}

void scrubrig_close(struct scrubrig *r)
{
	let_go(r);
	scrub_free(r->scrub);
	scrub_free(r->other);
}

static uint8_t *copy_of(const uint8_t *bytes, uint32_t n)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);

	quick_assert(copy != NULL);
	memcpy(copy, bytes, n);
	return copy;
}

/* Of a sender whose checksums are known to be computed: a right one is right. */
static void scrub(struct scrub *s, const struct packet *p, const struct decoded *d, unsigned exempt,
    struct scrubbed *out)
{
	struct scrub_flow flow = {
	    .exempt = exempt, .computed = SCRUB_IP_COMPUTED | SCRUB_L4_COMPUTED};

	scrub_packet(s, p, d, &flow, out);
}

/* A frame that fills a scrub's memory with what must not be seen again. */
static void stain(struct scrub *s)
{
	static uint8_t bytes[2048] = {0x45, 0, 8, 0, 0, 0, 0, 0, 64, DECODE_UDP};
	struct packet p = {
	    .caplen = sizeof(bytes), .origlen = sizeof(bytes), .linktype = RAW, .data = bytes};
	struct decoded d;
	struct scrubbed out;

	memset(bytes + 12, 0xee, sizeof(bytes) - 12);
	bytes[24] = (sizeof(bytes) - 20) >> 8;
	bytes[25] = (sizeof(bytes) - 20) & 0xff;
	quick_assert(decode_packet(&p, &d) == DECODE_OK);
	scrub(s, &p, &d, 0, &out);
}

#define SAME(word)                                                                             \
	if (a->word != b->word)                                                                \
		ck_abort_msg("decodes to another " #word ": %ju, not %ju", (uintmax_t)b->word, \
		    (uintmax_t)a->word);

/* The words of both; a: as captured. */
static void check_words(const struct decoded *a, const struct decoded *b)
{
	DECODED_WORDS(SAME)
}

/* What scrub_key makes of the captured key is the key of what came out. */
static void check_key(
    struct scrubrig *r, const struct packet *p, const struct decoded *after, unsigned exempt)
{
	struct flowkey raw, said, found;
	enum side sender = flowkey_make(&r->decoded, p->linktype, VLAN_KEY_YES, &raw), low, now;
	unsigned ends = (exempt & SCRUB_SRC_EXEMPT ? 1u << sender : 0) |
			(exempt & SCRUB_DST_EXEMPT ? 1u << !sender : 0);

	low = scrub_key(r->scrub, &raw, ends, &said);
	now = flowkey_make(after, p->linktype, VLAN_KEY_YES, &found);
	quick_assert(flowkey_equal(&said, &found));
	quick_assert(now == flowkey_sender(r->src, r->dst, after->sport, after->dport));
	if (!flowkey_ends_equal(&said) && !flowkey_ends_equal(&raw))
		quick_assert((enum side)(sender ^ low) == now);
}

static void check_decoding(struct scrubrig *r, const struct packet *p, unsigned exempt)
{
	struct packet q = *p;
	struct decoded d;
	enum decode_result result;

	q.data = r->kept;
	q.caplen = r->kept_len;
	q.origlen = r->origlen;
	result = decode_packet(&q, &d);
	if (result != r->result)
		ck_abort_msg("decodes to %d, not %d", (int)result, (int)r->result);
	check_words(&r->decoded, &d);
	quick_assert(memcmp(d.src, r->src, 16) == 0 && memcmp(d.dst, r->dst, 16) == 0);
	if (result == DECODE_OK)
		check_key(r, p, &d, exempt);
}

/* The flow's ports, where a fragment has none. */
static struct decoded in_its_flow(const struct scrubrig *r, const struct decoded *d)
{
	struct decoded named = *d;

	if (r->result == DECODE_FRAGMENT) {
		named.sport = r->sport;
		named.dport = r->dport;
	}
	return named;
}

static void check_same(const struct scrubrig *r, const struct scrubbed *s, const char *when)
{
	uint32_t n = r->kept_len < s->packet.caplen ? r->kept_len : s->packet.caplen, at = 0;

	if (s->packet.caplen != r->kept_len)
		ck_abort_msg("%s: %u bytes, not %u", when, s->packet.caplen, r->kept_len);
	while (at < n && r->kept[at] == s->packet.data[at])
		at++;
	if (at < n)
		ck_abort_msg(
		    "%s: byte %u is %02x, not %02x", when, at, s->packet.data[at], r->kept[at]);
	quick_assert(memcmp(s->src, r->src, 16) == 0 && memcmp(s->dst, r->dst, 16) == 0);
}

/* By another that has seen other frames; and then what came out, once more. */
static void check_again(struct scrubrig *r, const struct packet *p, unsigned exempt)
{
	struct decoded d = in_its_flow(r, &r->decoded);
	struct packet q = *p;
	struct scrubbed out;

	stain(r->other);
	scrub(r->other, p, &d, exempt, &out);
	check_same(r, &out, "after other frames");
	if (r->policy.addresses == ADDRESSES_CRYPTOPAN || r->policy.macs)
		return;
	q.data = r->kept;
	q.caplen = r->kept_len;
	q.origlen = r->origlen;
	quick_assert(decode_packet(&q, &d) == r->result);
	d = in_its_flow(r, &d);
	stain(r->other);
	scrub(r->other, &q, &d, exempt, &out);
	check_same(r, &out, "scrubbed again");
}

bool scrubrig_run(struct scrubrig *r, const uint8_t *bytes, const struct packet *p, unsigned exempt)
{
	struct packet q = *p;
	struct scrubbed out;
	struct decoded d;

	let_go(r);
	q.data = r->raw = copy_of(bytes, p->caplen);
	r->result = decode_packet(&q, &r->decoded);
	if (r->result != DECODE_OK && r->result != DECODE_FRAGMENT)
		return false;
	d = in_its_flow(r, &r->decoded);
	scrub(r->scrub, &q, &d, exempt, &out);
	quick_assert(memcmp(bytes, r->raw, p->caplen) == 0);
	/* Only a cut frame whose length was a lie, as more of it had been captured, has another. */
	r->origlen = out.packet.origlen;
	quick_assert(out.packet.caplen <= p->caplen);
	quick_assert(
	    r->origlen == p->origlen ||
	    (p->origlen < p->caplen && r->origlen == p->caplen && out.packet.caplen < p->caplen));
	quick_assert(out.packet.ts_ns == p->ts_ns && out.packet.linktype == p->linktype &&
		     out.packet.interface == p->interface);
	if (r->policy.payload == PAYLOAD_ZERO)
		quick_assert(out.packet.caplen == p->caplen);
	r->kept_len = out.packet.caplen;
	r->kept = copy_of(out.packet.data, r->kept_len);
	memcpy(r->src, out.src, 16);
	memcpy(r->dst, out.dst, 16);
	check_decoding(r, &q, exempt);
	check_again(r, &q, exempt);
	return true;
}

bool scrubrig_cut(struct scrubrig *r, const struct frame *f, uint32_t linktype, uint32_t caplen)
{
	struct packet p = {.ts_ns = 1700000000123456789,
	    .caplen = caplen,
	    .origlen = f->size,
	    .linktype = linktype,
	    .interface = 3};

	return scrubrig_run(r, f->bytes, &p, 0);
}

void scrubrig_frame(struct scrubrig *r, const struct frame *f, uint32_t linktype)
{
	quick_assert(scrubrig_cut(r, f, linktype, f->size));
}

/* ---- sums ---- */

uint16_t scrubrig_sum(uint32_t sum, const uint8_t *bytes, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

uint16_t scrubrig_segment_sum(const uint8_t *ip, uint8_t proto, const uint8_t *segment, uint32_t n)
{
	bool v4 = ip[0] >> 4 == 4;
	uint32_t sum = scrubrig_sum(0, ip + (v4 ? 12 : 8), v4 ? 8 : 32);

	return scrubrig_sum(sum + proto + (n >> 16) + (n & 0xffff), segment, n);
}

/* ---- shapes ---- */

static void put_many(struct frame *f, uint8_t byte, uint32_t n)
{
	while (n-- > 0)
		ipframe_put(f, &byte, 1);
}

static void put_ip(struct shaped *m, const struct shape *s)
{
	uint8_t extension[4] = {s->proto, (uint8_t)(s->ip_bytes / 8 - 1), 1,
	    (uint8_t)(s->ip_bytes - 4)}; /* padding, RFC 8200 section 4.2 */

	m->net = m->f.size;
	if (s->version == 4) {
		ipframe_put_ipv4(&m->f, s->proto);
		m->f.bytes[m->net] = (uint8_t)(0x40 | (20 + s->ip_bytes) / 4);
		m->f.bytes[m->net + 15] = 77;
		put_many(&m->f, 1, s->ip_bytes); /* no operation */
		return;
	}
	ipframe_put_ipv6(&m->f, s->ip_bytes > 0 ? OPTIONS : s->proto);
	memcpy(m->f.bytes + m->net + 12, "\x00\x01\x00\x02", 4);
	m->f.bytes[m->net + 21] = 1;
	m->f.bytes[m->net + 23] = 0x77;
	if (s->ip_bytes > 0) {
		ipframe_put(&m->f, extension, 4);
		put_many(&m->f, 0, s->ip_bytes - 4u);
	}
}

static void put_transport(struct shaped *m, const struct shape *s)
{
	static const uint8_t ports[4] = {0x9c, 0x40, 0x01, 0xbb};
	uint8_t *h = m->f.bytes + m->f.size;

	m->l4 = m->f.size;
	put_many(&m->f, 1, s->header); /* TCP's no operation */
	m->header_end = m->f.size;
	m->sum_size = 2;
	memcpy(h, ports, s->header < 4 ? s->header : 4);
	if (s->proto == DECODE_TCP) {
		h[12] = (uint8_t)(s->header / 4 << 4);
		m->sum_at = m->l4 + 16;
	} else if (s->proto == DECODE_UDP || s->proto == DECODE_UDPLITE) {
		ipframe_set16(&m->f, m->l4 + 4,
		    s->proto == DECODE_UDP ? (uint32_t)(s->header + s->payload) : 8u);
		m->sum_at = m->l4 + 6;
	} else if (s->proto == DECODE_DCCP) {
		h[4] = s->header / 4;
		m->sum_at = m->l4 + 6;
	} else if (s->proto == DECODE_SCTP) {
		m->sum_at = m->l4 + 8;
		m->sum_size = 4;
	} else if (s->proto == DECODE_ICMP || s->proto == DECODE_ICMP6) {
		h[0] = s->proto == DECODE_ICMP ? 8 : 128; /* echo */
		m->sum_at = m->l4 + 2;
	}
	if (m->sum_at != 0)
		memset(m->f.bytes + m->sum_at, 0, m->sum_size);
}

void scrubrig_shape(struct shaped *m, const struct shape *s)
{
	static const uint8_t data_chunk[4] = {0, 3, 0x40, 0};

	memset(m, 0, sizeof(*m));
	m->proto = s->proto;
	PUT(&m->f, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02");
	ipframe_put(&m->f, s->version == 4 ? "\x08\x00" : "\x86\xdd", 2);
	put_ip(m, s);
	put_transport(m, s);
	put_many(&m->f, 0xa5, s->payload);
	if (s->proto == DECODE_SCTP)
		memcpy(m->f.bytes + m->header_end, data_chunk, s->payload < 4 ? s->payload : 4);
	ipframe_finish(&m->f, m->net);
	m->end = m->f.size;
	put_many(&m->f, 0x5a, s->padding);
}

void scrubrig_sums(struct shaped *m, uint8_t proto)
{
	const uint8_t *ip = m->f.bytes + m->net;
	bool v4 = ip[0] >> 4 == 4;
	uint16_t sum;

	if (v4) {
		ipframe_set16(&m->f, m->net + 10, 0);
		sum = scrubrig_sum(0, ip, (ip[0] & 0xfu) * 4);
		ipframe_set16(&m->f, m->net + 10, (uint16_t)~sum);
	}
	if (m->sum_at == 0 || m->sum_size != 2)
		return;
	ipframe_set16(&m->f, m->sum_at, 0);
	sum = proto == DECODE_ICMP
		  ? scrubrig_sum(0, m->f.bytes + m->l4, m->end - m->l4)
		  : scrubrig_segment_sum(ip, proto, m->f.bytes + m->l4, m->end - m->l4);
	ipframe_set16(&m->f, m->sum_at, (uint16_t)~sum);
}
