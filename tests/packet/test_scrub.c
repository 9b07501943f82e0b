/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of what is kept of a frame under each policy: where it is cut, what is zeros, for every
 * transport, whatever its lengths say. For checksums see test_scrub_sums.c, for what is in headers
 * test_scrub_ip.c and its neighbours.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "scrubrig.h"
#include "support/quick.h"

#define NETBLOCK .addresses = ADDRESSES_NETBLOCK, .v4_bits = 24, .v6_bits = 48

enum { ALL = UINT32_MAX, POLICIES = 9 };

/* What a policy leaves of the payload; zeros: the rest is there as zeros. */
static const struct {
	struct policy policy;
	uint32_t payload;
	bool zeros, hides;
} policies[POLICIES] = {
    {{.payload = PAYLOAD_FULL}, ALL, true, false},
    {{.payload = PAYLOAD_BYTES}, 0, false, false},
    {{.payload = PAYLOAD_BYTES, .payload_bytes = 8}, 8, false, false},
    {{.payload = PAYLOAD_BYTES, .payload_bytes = 262144}, 262144, false, false},
    {{.payload = PAYLOAD_ZERO}, 0, true, false},
    {{.payload = PAYLOAD_FULL, NETBLOCK}, ALL, true, true},
    {{.payload = PAYLOAD_BYTES, NETBLOCK}, 0, false, true},
    {{.payload = PAYLOAD_BYTES, .payload_bytes = 8, NETBLOCK}, 8, false, true},
    {{.payload = PAYLOAD_ZERO, NETBLOCK}, 0, true, true},
};

static bool zero_policy(int i)
{
	return policies[i].policy.payload == PAYLOAD_ZERO;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Where a frame that is sound is cut, or its zeros begin. */
static uint32_t sound_end(const struct shaped *m, int i)
{
	return least(m->end, m->header_end + least(policies[i].payload, 1000));
}

static void blank(uint8_t *bytes, uint32_t from, uint32_t to)
{
	for (; from < to; from++)
		bytes[from] = 0;
}

/* The frame as it should come out, but for checksums; it is kept up to `keep`, then come zeros. */
static void expect(const struct shaped *m, int i, uint32_t keep, uint8_t *want)
{
	uint8_t *ip = want + m->net;
	bool v4 = m->f.bytes[m->net] >> 4 == 4;

	memcpy(want, m->f.bytes, m->f.size);
	memset(want + keep, 0, m->f.size - keep);
	if (!policies[i].hides)
		return;
	if (m->proto == DECODE_DCCP) /* options, of any form; RFC 4340 section 5.1 */
		blank(want, m->l4 + (want[m->l4 + 8] & 1 ? 16 : 12), m->header_end);
	ip[19] = v4 ? 0 : ip[19];
	ip[15] = v4 ? 0 : ip[15];
	if (!v4) {
		memset(ip + 14, 0, 10);
		memset(ip + 30, 0, 10);
	}
}

static bool is_sum(const struct shaped *m, uint32_t at)
{
	bool v4 = m->f.bytes[m->net] >> 4 == 4;

	return (v4 && (at == m->net + 10 || at == m->net + 11)) ||
	       (m->sum_at != 0 && at - m->sum_at < m->sum_size);
}

/* Fails unless the frame, of which caplen bytes were captured, was kept up to there. */
static void check_kept(const struct scrubrig *r, const struct shaped *m, int i, uint32_t caplen,
    uint32_t keep, bool zeros)
{
	uint8_t want[sizeof(m->f.bytes)];
	uint32_t size = zeros ? caplen : least(keep, caplen);

	if (r->kept_len != size)
		ck_abort_msg(
		    "policy %d: %u bytes of %u are kept, not %u", i, r->kept_len, caplen, size);
	expect(m, i, keep, want);
	for (uint32_t at = 0; at < size; at++)
		if (r->kept[at] != want[at] && !is_sum(m, at))
			ck_abort_msg("policy %d: byte %u of %u is %02x, not %02x", i, at, caplen,
			    r->kept[at], want[at]);
}

/* One for each policy, for all frames of a test. */
static struct scrubrig rigs[POLICIES];

static void open_all(void)
{
	for (int i = 0; i < POLICIES; i++)
		scrubrig_open(&rigs[i], &policies[i].policy, NULL);
}

static void close_all(void)
{
	for (int i = 0; i < POLICIES; i++)
		scrubrig_close(&rigs[i]);
}

/* Of a whole frame that was kept up to there: does a trailer of zeros follow? */
static bool has_trailer(const struct shaped *m, int i, uint32_t keep)
{
	return policies[i].zeros && (zero_policy(i) || keep == m->end);
}

/* Fails unless policy i keeps a whole frame up to there. */
static void check_one(const struct shaped *m, int i, uint32_t keep)
{
	scrubrig_frame(&rigs[i], &m->f, ETHERNET);
	check_kept(&rigs[i], m, i, m->f.size, keep, has_trailer(m, i, keep));
}

/* Of a frame that cannot be vouched for behind `keep`: all policies do the same. */
static void check_unsound(const struct shaped *m, uint32_t keep)
{
	for (int i = 0; i < POLICIES; i++)
		check_one(m, i, keep);
}

/* ---- lengths that agree ---------------------------------------------------------------------- */

static const uint16_t payloads[] = {0, 1, 8, 9, 513};
static const uint16_t paddings[] = {0, 18};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* All payloads and paddings behind this header, of all of which a sample is taken, under all
 * policies. */
static void check_header(uint8_t version, uint8_t ip_bytes, uint8_t proto, uint8_t header)
{
	static unsigned n;
	struct shaped m;

	for (size_t p = 0; p < COUNT(payloads); p++)
		for (size_t q = 0; q < COUNT(paddings); q++) {
			if (n++ % QUICK_STRIDE != 0)
				continue;
			for (int i = 0; i < POLICIES; i++) {
				scrubrig_shape(&m, &(struct shape){version, proto, ip_bytes, header,
						       payloads[p], paddings[q]});
				check_one(&m, i,
				    proto == 47 && policies[i].hides ? m.l4 : sound_end(&m, i));
			}
		}
}

START_TEST(a_frame_ends_where_its_transport_header_and_the_payload_asked_for_do)
{
	static const struct {
		uint8_t proto, header;
	} transports[] = {{DECODE_TCP, 20}, {DECODE_TCP, 32}, {DECODE_TCP, 60}, {DECODE_UDP, 8},
	    {DECODE_UDPLITE, 8}, {DECODE_SCTP, 12}, {DECODE_DCCP, 12}, {DECODE_DCCP, 28},
	    {DECODE_ICMP, 8}, {DECODE_ICMP6, 8}, {47, 0}};

	for (size_t t = 0; t < COUNT(transports); t++) {
		uint8_t proto = transports[t].proto;

		for (uint8_t bytes = 0; bytes <= 40 && proto != DECODE_ICMP6; bytes += 4)
			check_header(4, bytes, proto, transports[t].header);
		for (uint8_t bytes = 0; bytes <= 40 && proto != DECODE_ICMP; bytes += 8)
			check_header(6, bytes, proto, transports[t].header);
	}
}
END_TEST

START_TEST(a_frame_that_was_captured_in_part_is_kept_as_far_as_it_goes)
{
	static const struct shape shapes[] = {{4, DECODE_TCP, 12, 32, 30, 9},
	    {6, DECODE_TCP, 16, 20, 30, 0}, {4, DECODE_UDP, 0, 8, 30, 3},
	    {6, DECODE_UDP, 8, 8, 30, 3}, {4, DECODE_SCTP, 0, 12, 30, 3},
	    {4, DECODE_DCCP, 0, 16, 30, 3}, {4, DECODE_UDPLITE, 0, 8, 30, 3},
	    {4, DECODE_ICMP, 8, 8, 30, 3}, {6, DECODE_ICMP6, 8, 8, 30, 3}, {4, 47, 4, 0, 30, 3},
	    {6, 47, 16, 0, 30, 3}};

	for (size_t n = 0; n < COUNT(shapes); n++)
		for (int i = 0; i < POLICIES; i++) {
			struct shaped m;
			unsigned decoded = 0;
			uint32_t keep;

			scrubrig_shape(&m, &shapes[n]);
			keep = shapes[n].proto == 47 && policies[i].hides ? m.l4 : sound_end(&m, i);
			for (uint32_t caplen = m.f.size % QUICK_STRIDE; caplen <= m.f.size;
			     caplen += QUICK_STRIDE) {
				bool all = policies[i].zeros &&
					   least(keep, caplen) == least(m.end, caplen);

				if (!scrubrig_cut(&rigs[i], &m.f, ETHERNET, caplen))
					continue;
				check_kept(&rigs[i], &m, i, caplen, least(keep, caplen),
				    all || zero_policy(i));
				decoded++;
			}
			ck_assert_uint_gt(decoded, 30 / QUICK_STRIDE); /* else nothing was shown */
		}
}
END_TEST

/* Total length 0: segmentation offload fills it in later, and the frame's end counts. */
START_TEST(without_a_length_in_the_ip_header_the_frame_tells_it)
{
	struct shaped m;

	for (int i = 0; i < POLICIES; i++) {
		scrubrig_shape(&m, &(struct shape){4, DECODE_TCP, 8, 32, 200, 0});
		ipframe_set16(&m.f, m.net + 2, 0);
		check_one(&m, i, sound_end(&m, i));
	}
}
END_TEST

START_TEST(a_jumbogram_is_a_packet_like_any)
{
	static const uint8_t jumbo[8] = {DECODE_UDP, 0, 0xc2, 4, 0, 0, 0, 0};

	for (int i = 0; i < POLICIES; i++) {
		struct shaped m;

		scrubrig_shape(&m, &(struct shape){6, DECODE_UDP, 8, 8, 200, 5});
		m.f.bytes[m.net + 6] = HOP_BY_HOP;
		ipframe_set16(&m.f, m.net + 4, 0);
		memcpy(m.f.bytes + m.net + 40, jumbo, sizeof(jumbo));
		ipframe_set16(&m.f, m.net + 46, m.end - m.net - 40);
		check_one(&m, i, sound_end(&m, i));
	}
}
END_TEST

/* ---- lengths that do not --------------------------------------------------------------------- */

START_TEST(a_tcp_header_of_an_impossible_length_counts_as_20_bytes)
{
	struct shaped m;

	for (uint8_t version = 4; version <= 6; version += 2)
		for (uint8_t words = 0; words < 16; words++) {
			scrubrig_shape(&m, &(struct shape){version, DECODE_TCP, 8, 20, 17, 4});
			m.f.bytes[m.l4 + 12] = (uint8_t)(words << 4);
			if (words >= 5 && words <= 9) /* the payload has room for those */
				continue;
			check_unsound(&m, m.l4 + 20);
		}
}
END_TEST

START_TEST(of_a_tcp_segment_without_room_for_a_header_the_ports_stay)
{
	struct shaped m;

	for (uint8_t version = 4; version <= 6; version += 2)
		for (uint16_t size = 0; size < 20; size++) {
			scrubrig_shape(&m, &(struct shape){version, DECODE_TCP, 8, 0, size, 9});
			memset(m.f.bytes + m.l4 + 10, 0x50, 9); /* whatever the words there are */
			m.sum_at = 0;
			if (size >= 4) {
				check_unsound(&m, m.l4 + 4);
				continue;
			}
			ck_assert(!scrubrig_cut(&rigs[1], &m.f, ETHERNET, m.f.size));
		}
}
END_TEST

START_TEST(a_datagram_whose_length_is_a_lie_ends_with_its_header)
{
	static const uint16_t lies[] = {0, 1, 7, 109, 110, 0x8000, 0xffff}; /* 108 would be true */
	struct shaped m;

	for (uint8_t version = 4; version <= 6; version += 2)
		for (size_t n = 0; n < COUNT(lies); n++) {
			scrubrig_shape(&m, &(struct shape){version, DECODE_UDP, 0, 8, 100, 4});
			ipframe_set16(&m.f, m.l4 + 4, lies[n]);
			check_unsound(&m, m.header_end);
		}
}
END_TEST

START_TEST(what_lies_behind_a_datagram_in_its_packet_is_padding)
{
	static const uint16_t lengths[] = {8, 9, 16, 17, 107};
	struct shaped m;

	for (size_t n = 0; n < COUNT(lengths); n++)
		for (int i = 0; i < POLICIES; i++) {
			scrubrig_shape(&m, &(struct shape){4, DECODE_UDP, 0, 8, 100, 4});
			ipframe_set16(&m.f, m.l4 + 4, lengths[n]);
			m.end = m.l4 + lengths[n];
			check_one(&m, i, sound_end(&m, i));
		}
}
END_TEST

START_TEST(of_a_segment_without_room_for_its_header_the_ports_stay)
{
	static const struct {
		uint8_t proto, header;
	} transports[] = {
	    {DECODE_UDP, 8}, {DECODE_UDPLITE, 8}, {DECODE_SCTP, 12}, {DECODE_DCCP, 12}};
	struct shaped m;

	for (size_t t = 0; t < COUNT(transports); t++)
		for (uint8_t size = 4; size < transports[t].header; size++) {
			scrubrig_shape(&m, &(struct shape){4, transports[t].proto, 0, size, 0, 9});
			m.sum_at = 0; /* what would be one is none */
			check_unsound(&m, m.l4 + 4);
		}
}
END_TEST

START_TEST(a_dccp_header_of_an_impossible_length_counts_as_12_bytes)
{
	static const uint8_t words[] = {0, 1, 2, 12, 200, 255}; /* 11 words are all there is */
	struct shaped m;

	for (size_t n = 0; n < COUNT(words); n++) {
		scrubrig_shape(&m, &(struct shape){4, DECODE_DCCP, 0, 12, 32, 4});
		m.f.bytes[m.l4 + 4] = words[n];
		check_unsound(&m, m.l4 + 12);
	}
}
END_TEST

START_TEST(an_icmp_message_may_be_shorter_than_its_header)
{
	for (uint8_t size = 1; size < 8; size++)
		for (int i = 0; i < POLICIES; i++) {
			struct shaped m;

			scrubrig_shape(&m, &(struct shape){4, DECODE_ICMP, 0, size, 0, 9});
			m.f.bytes[m.l4] = 3; /* without identifier; errors quote nothing here */
			check_one(&m, i, m.end);
		}
}
END_TEST

/* The link layer says that less is there than IP does: what lies behind its end was never IP's. */
static void in_pppoe(struct shaped *m, uint32_t length)
{
	static const uint8_t session[8] = {0x11, 0, 0, 9, 0, 0, 0, 0x21};
	struct frame f = m->f;

	memcpy(f.bytes + 12, "\x88\x64", 2);
	memcpy(f.bytes + 14, session, sizeof(session));
	ipframe_set16(&f, 18, length + 2);
	memcpy(f.bytes + 22, m->f.bytes + 14, m->f.size - 14);
	f.size += 8;
	m->f = f;
	m->net += 8;
	m->l4 += 8;
	m->header_end += 8;
	m->end += 8;
	m->sum_at += 8;
}

/* The marker of the padding must not be there, whatever the policy. */
static void check_no_padding(const struct shaped *m)
{
	for (int i = 0; i < POLICIES; i++) {
		scrubrig_frame(&rigs[i], &m->f, ETHERNET);
		for (uint32_t at = m->l4 + 4; at < rigs[i].kept_len; at++)
			if (rigs[i].kept[at] == 0x5a)
				ck_abort_msg("policy %d: padding is kept from byte %u on", i, at);
	}
}

START_TEST(what_lies_behind_the_end_that_the_link_layer_tells_is_not_kept)
{
	struct shaped m;

	for (uint8_t size = 4; size <= 20; size += 4) {
		scrubrig_shape(&m, &(struct shape){4, DECODE_TCP, 0, size, 0, 60});
		if (size >= 16)
			m.f.bytes[m.l4 + 12] = 0xf0;
		ipframe_set16(&m.f, m.net + 2, 80);
		in_pppoe(&m, 20u + size);
		check_no_padding(&m);
		scrubrig_shape(&m, &(struct shape){4, DECODE_UDP, 0, least(size, 8), 0, 60});
		ipframe_set16(&m.f, m.net + 2, 80);
		ipframe_set16(&m.f, m.l4 + 4, 60);
		in_pppoe(&m, 20u + least(size, 8));
		check_no_padding(&m);
	}
}
END_TEST

/* ---- fragments ------------------------------------------------------------------------------- */

/* Makes a packet a fragment, bytes from the datagram's start. */
static void be_fragment(struct shaped *m, uint32_t offset, bool more)
{
	if (m->f.bytes[m->net] >> 4 == 4) {
		ipframe_set16(&m->f, m->net + 6, offset / 8 | (more ? 0x2000u : 0));
		return;
	}
	m->f.bytes[m->net + 6] = FRAGMENT; /* what followed the extension follows it */
	ipframe_set16(&m->f, m->net + 42, offset | (more ? 1u : 0));
}

START_TEST(a_first_fragment_is_kept_like_a_whole_packet)
{
	static const struct {
		uint8_t proto, header;
	} transports[] = {{DECODE_TCP, 20}, {DECODE_TCP, 40}, {DECODE_UDP, 8}, {DECODE_SCTP, 12},
	    {DECODE_ICMP, 8}};
	struct shaped m;

	for (size_t t = 0; t < COUNT(transports); t++)
		for (uint8_t version = 4; version <= 6; version += 2)
			for (int i = 0; i < POLICIES; i++) {
				if (version == 6 && transports[t].proto == DECODE_ICMP)
					continue;
				scrubrig_shape(&m, &(struct shape){version, transports[t].proto, 8,
						       transports[t].header, 64, 3});
				be_fragment(&m, 0, true);
				check_one(&m, i, sound_end(&m, i));
			}
}
END_TEST

START_TEST(a_first_fragment_may_hold_a_part_of_a_tcp_header)
{
	struct shaped m;

	for (uint8_t size = 4; size < 20; size++)
		for (int i = 0; i < POLICIES; i++) {
			scrubrig_shape(&m, &(struct shape){4, DECODE_TCP, 0, size, 0, 7});
			be_fragment(&m, 0, true);
			if (size < 18)
				m.sum_at = 0;
			check_one(&m, i, m.end);
		}
}
END_TEST

/* Where a later fragment of these bytes ends. */
static uint32_t later_end(const struct shaped *m, int i, bool data)
{
	if (policies[i].policy.payload != PAYLOAD_FULL || (policies[i].hides && !data))
		return m->l4;
	return m->end;
}

START_TEST(a_later_fragment_is_cut_behind_its_ip_headers_unless_it_can_only_be_payload)
{
	static const struct {
		uint8_t proto;
		uint16_t offset, sport, dport;
		bool data;
	} places[] = {{DECODE_TCP, 8, 1, 80, false}, {DECODE_TCP, 56, 1, 80, false},
	    {DECODE_TCP, 64, 1, 80, true}, {DECODE_UDP, 8, 5000, 53, true},
	    {DECODE_UDP, 1480, 4789, 5000, false}, {DECODE_UDP, 1480, 5000, 4789, false},
	    {DECODE_UDP, 1480, 68, 67, false}, {DECODE_ICMP, 1480, 0, 0, false},
	    {DECODE_SCTP, 1480, 1, 2, false}, {47, 1480, 0, 0, false},
	    {OPTIONS, 1480, 0, 0, false}};

	for (size_t n = 0; n < COUNT(places); n++)
		for (uint8_t version = 4; version <= 6; version += 2)
			for (int i = 0; i < POLICIES; i++) {
				struct shaped m;
				uint32_t keep;

				scrubrig_shape(
				    &m, &(struct shape){version, places[n].proto, 8, 0, 72, 3});
				be_fragment(&m, places[n].offset, n % 2);
				m.sum_at = 0;
				rigs[i].sport = places[n].sport;
				rigs[i].dport = places[n].dport;
				scrubrig_frame(&rigs[i], &m.f, ETHERNET);
				quick_assert(rigs[i].result == DECODE_FRAGMENT);
				keep = later_end(&m, i, places[n].data);
				check_kept(
				    &rigs[i], &m, i, m.f.size, keep, has_trailer(&m, i, keep));
			}
}
END_TEST

/* ---- protocols that hold addresses ----------------------------------------------------------- */

START_TEST(tunnels_in_udp_end_with_their_header_where_addresses_are_hidden)
{
	static const uint16_t ports[] = {4789, 6081, 2152, 3544, 1701, 4341, 5247, 500, 67, 520};

	for (size_t n = 0; n < COUNT(ports); n++)
		for (uint32_t at = 0; at <= 2; at += 2)
			for (int i = 0; i < POLICIES; i++) {
				struct shaped m;

				scrubrig_shape(&m, &(struct shape){4, DECODE_UDP, 0, 8, 50, 0});
				ipframe_set16(&m.f, m.l4 + at, ports[n]);
				check_one(
				    &m, i, policies[i].hides ? m.header_end : sound_end(&m, i));
			}
}
END_TEST

START_TEST(hiding_hardware_addresses_alone_cuts_what_hiding_addresses_does)
{
	static const struct policy macs = {.macs = true};
	static const uint8_t protos[] = {4, 41, 47, 50, 97, 137};
	struct scrubrig r;
	struct shaped m;

	scrubrig_open(&r, &macs, NULL);
	for (size_t n = 0; n < COUNT(protos); n++) {
		scrubrig_shape(&m, &(struct shape){4, protos[n], 0, 0, 50, 0});
		scrubrig_frame(&r, &m.f, ETHERNET);
		ck_assert_uint_eq(r.kept_len, m.l4);
	}
	scrubrig_shape(&m, &(struct shape){4, DECODE_UDP, 0, 8, 50, 0});
	ipframe_set16(&m.f, m.l4, 4789);
	scrubrig_frame(&r, &m.f, ETHERNET);
	ck_assert_uint_eq(r.kept_len, m.header_end);
	scrubrig_close(&r);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("scrub");
	TCase *t = tcase_create("lengths");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 300);
	tcase_add_checked_fixture(t, open_all, close_all);
	tcase_add_test(t, a_frame_ends_where_its_transport_header_and_the_payload_asked_for_do);
	tcase_add_test(t, a_frame_that_was_captured_in_part_is_kept_as_far_as_it_goes);
	tcase_add_test(t, without_a_length_in_the_ip_header_the_frame_tells_it);
	tcase_add_test(t, a_jumbogram_is_a_packet_like_any);
	tcase_add_test(t, a_tcp_header_of_an_impossible_length_counts_as_20_bytes);
	tcase_add_test(t, of_a_tcp_segment_without_room_for_a_header_the_ports_stay);
	tcase_add_test(t, a_datagram_whose_length_is_a_lie_ends_with_its_header);
	tcase_add_test(t, what_lies_behind_a_datagram_in_its_packet_is_padding);
	tcase_add_test(t, of_a_segment_without_room_for_its_header_the_ports_stay);
	tcase_add_test(t, a_dccp_header_of_an_impossible_length_counts_as_12_bytes);
	tcase_add_test(t, an_icmp_message_may_be_shorter_than_its_header);
	tcase_add_test(t, what_lies_behind_the_end_that_the_link_layer_tells_is_not_kept);
	tcase_add_test(t, a_first_fragment_is_kept_like_a_whole_packet);
	tcase_add_test(t, a_first_fragment_may_hold_a_part_of_a_tcp_header);
	tcase_add_test(
	    t, a_later_fragment_is_cut_behind_its_ip_headers_unless_it_can_only_be_payload);
	tcase_add_test(t, tunnels_in_udp_end_with_their_header_where_addresses_are_hidden);
	tcase_add_test(t, hiding_hardware_addresses_alone_cuts_what_hiding_addresses_does);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
