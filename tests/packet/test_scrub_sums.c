/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of checksums: right before is right after where a packet is stored whole, and zero in every
 * other case; and so that no bit of what is kept, checksums and lengths among it, tells a bit that
 * is masked. The sums that they are held against are made byte by byte, see scrubrig.h.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "scrubrig.h"
#include "support/quick.h"
#include "support/random.h"

#define NETBLOCK     .addresses = ADDRESSES_NETBLOCK, .v4_bits = 24, .v6_bits = 48
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { POLICIES = 4 };

static const struct policy policies[POLICIES] = {
    {.payload = PAYLOAD_FULL, NETBLOCK},
    {.payload = PAYLOAD_BYTES, NETBLOCK},
    {.payload = PAYLOAD_BYTES, .payload_bytes = 8, NETBLOCK},
    {.payload = PAYLOAD_ZERO, NETBLOCK},
};

static struct scrubrig rigs[POLICIES];

static void open_all(void)
{
	for (int i = 0; i < POLICIES; i++)
		scrubrig_open(&rigs[i], &policies[i], NULL);
}

static void close_all(void)
{
	for (int i = 0; i < POLICIES; i++)
		scrubrig_close(&rigs[i]);
}

/* Is all of so much payload stored, as it was or as zeros? */
static bool is_whole(int i, uint32_t payload)
{
	return policies[i].payload != PAYLOAD_BYTES || payload <= policies[i].payload_bytes;
}

/* What a checksum is in the input. PARTIAL: the sum of the pseudo-header, which the network card
 * goes on from. */
enum state { RIGHT, PARTIAL, WRONG, ABSENT, STATES };

static void set_state(struct shaped *m, uint8_t proto, enum state state)
{
	static const uint8_t nothing[1];
	uint32_t n = m->end - m->l4;
	uint16_t sum;

	scrubrig_sums(m, proto);
	if (m->sum_at == 0 || m->sum_size != 2 || state == RIGHT)
		return;
	if (proto == DECODE_ICMP && state == PARTIAL)
		return; /* it has no pseudo-header */
	sum = scrubrig_segment_sum(m->f.bytes + m->net, proto, nothing, 0);
	sum = (uint16_t)(sum + n + (sum + n > 0xffff));
	if (state == WRONG)
		m->f.bytes[m->sum_at] ^= 0x10;
	else
		ipframe_set16(&m->f, m->sum_at, state == PARTIAL ? sum : 0);
}

static uint32_t at16(const uint8_t *b)
{
	return (uint32_t)b[0] << 8 | b[1];
}

/* Is the transport's checksum of a frame that is kept whole right, and the IP header's? */
static bool is_right(const struct shaped *m, uint8_t proto, const uint8_t *kept)
{
	const uint8_t *l4 = kept + m->l4;
	uint32_t n = m->end - m->l4;

	if (proto == DECODE_ICMP)
		return scrubrig_sum(0, l4, n) == 0xffff;
	return scrubrig_segment_sum(kept + m->net, proto, l4, n) == 0xffff;
}

static bool is_ip_right(const struct shaped *m, const uint8_t *kept)
{
	const uint8_t *ip = kept + m->net;

	return ip[0] >> 4 == 6 || scrubrig_sum(0, ip, (ip[0] & 0xfu) * 4) == 0xffff;
}

/* ---- one checksum in all its states ---------------------------------------------------------- */

static void check_sum(const struct shape *s, enum state state, int i)
{
	struct shaped m;
	uint32_t sum;

	scrubrig_shape(&m, s);
	random_fill(&(struct random){s->payload + 77u}, m.f.bytes + m.header_end, s->payload);
	set_state(&m, s->proto, state);
	scrubrig_frame(&rigs[i], &m.f, ETHERNET);
	quick_assert(is_ip_right(&m, rigs[i].kept));
	sum = at16(rigs[i].kept + m.sum_at);
	if (state == RIGHT && is_whole(i, s->payload)) {
		if (!is_right(&m, s->proto, rigs[i].kept))
			ck_abort_msg("policy %d, %u bytes: %04x is not right", i, s->payload, sum);
	} else if (sum != 0) {
		ck_abort_msg("policy %d, %u bytes: %04x in state %d", i, s->payload, sum, state);
	}
}

START_TEST(a_checksum_that_was_right_is_right_where_the_packet_is_whole_and_else_zero)
{
	static const struct shape shapes[] = {{4, DECODE_TCP, 0, 20, 0, 0},
	    {4, DECODE_TCP, 40, 60, 0, 6}, {6, DECODE_TCP, 16, 32, 0, 6},
	    {4, DECODE_UDP, 4, 8, 0, 6}, {6, DECODE_UDP, 0, 8, 0, 0},
	    {6, DECODE_ICMP6, 8, 8, 0, 3}};
	static const uint16_t payloads[] = {0, 1, 2, 7, 8, 9, 31, 32, 33, 500, 801};

	for (size_t n = 0; n < COUNT(shapes); n++)
		for (size_t p = 0; p < COUNT(payloads); p++)
			for (int i = 0; i < POLICIES; i++)
				for (enum state state = RIGHT; state < STATES; state++) {
					struct shape s = shapes[n];

					s.payload = payloads[p];
					check_sum(&s, state, i);
				}
}
END_TEST

/* Carries are lost, if at all, where bytes are large: so many are looked at. */
START_TEST(right_checksums_stay_right_whatever_the_bytes_are)
{
	const int rounds = (int)quick_rounds(4000, 120);
	struct random random = {4711};

	for (int n = 0; n < rounds; n++) {
		struct shape s = {n % 2 ? 4 : 6, n % 3 ? DECODE_TCP : DECODE_UDP, 0,
		    n % 3 == 0   ? 8
		    : n % 3 == 1 ? 20
				 : 40,
		    (uint16_t)random_below(&random, 200), 0};
		int i = n % 5 < 3 ? 0 : 3;
		struct shaped m;

		scrubrig_shape(&m, &s);
		random_fill(&random, m.f.bytes + m.l4, s.proto == DECODE_TCP ? 12 : 4);
		random_fill(&random, m.f.bytes + m.header_end, s.payload);
		if (s.header == 40) /* a cookie, which is blanked, and padding that is none */
			memcpy(m.f.bytes + m.l4 + 20,
			    "\x22\x0a\xff"
			    "cookies\x00\xff\xfe\xfd",
			    14);
		random_fill(&random, m.f.bytes + m.net + (s.version == 4 ? 12 : 8),
		    s.version == 4 ? 8 : 32);
		if (s.proto == DECODE_UDP)
			memset(m.f.bytes + m.l4, 0x20, 4); /* no port of a tunnel */
		scrubrig_sums(&m, s.proto);
		scrubrig_frame(&rigs[i], &m.f, ETHERNET);
		quick_assert(is_ip_right(&m, rigs[i].kept));
		if (!is_right(&m, s.proto, rigs[i].kept))
			ck_abort_msg("frame %d is not right any more", n);
	}
}
END_TEST

START_TEST(an_icmp_message_without_addresses_keeps_its_checksum_unless_payload_goes)
{
	for (uint16_t payload = 0; payload < 40; payload++)
		for (int i = 0; i < POLICIES; i++) {
			struct shape s = {4, DECODE_ICMP, 0, 8, payload, 2};
			struct shaped m;

			scrubrig_shape(&m, &s);
			scrubrig_sums(&m, DECODE_ICMP);
			scrubrig_frame(&rigs[i], &m.f, ETHERNET);
			if (is_whole(i, payload))
				quick_assert(is_right(&m, DECODE_ICMP, rigs[i].kept));
			else
				quick_assert(at16(rigs[i].kept + m.sum_at) == 0);
		}
}
END_TEST

/* A word of the payload or the ports. Returns: the checksum that comes out. */
static uint32_t sum_with(int i, uint32_t word)
{
	struct shape s = {4, DECODE_UDP, 0, 8, 2, 0};
	struct shaped m;

	scrubrig_shape(&m, &s);
	ipframe_set16(&m.f, i == 0 ? m.header_end : m.l4, word);
	scrubrig_sums(&m, DECODE_UDP);
	if (at16(m.f.bytes + m.sum_at) == 0)
		ipframe_set16(&m.f, m.sum_at, 0xffff);
	scrubrig_frame(&rigs[i], &m.f, ETHERNET);
	quick_assert(at16(rigs[i].kept + m.sum_at) != 0);
	quick_assert(is_right(&m, DECODE_UDP, rigs[i].kept));
	return at16(rigs[i].kept + m.sum_at);
}

START_TEST(a_datagram_whose_checksum_comes_out_as_zero_says_ffff)
{
	/*
	 * What makes the sum of all others 0xffff, RFC 768; found by going through all words. A
	 * sample has it, too: it is the word that is missing where the word is 0.
	 */
	for (int i = 0; i < POLICIES; i += 3) {
		uint32_t first = i == 0 ? sum_with(i, 0) % QUICK_STRIDE : 0;
		unsigned seen = 0;

		for (uint32_t word = first; word < 65536; word += i == 0 ? QUICK_STRIDE : 65535)
			seen += sum_with(i, word) == 0xffff;
		ck_assert_uint_ge(seen, i == 0); /* else nothing was shown */
	}
}
END_TEST

START_TEST(checksums_over_a_part_or_of_another_kind_are_zeroed_where_they_would_be_wrong)
{
	for (int i = 0; i < POLICIES; i++)
		for (int n = 0; n < 2; n++) {
			const uint8_t proto = n ? DECODE_DCCP : DECODE_UDPLITE;
			struct shaped m;

			scrubrig_shape(&m, &(struct shape){4, proto, 0, n ? 12 : 8, 20, 0});
			ipframe_set16(&m.f, m.sum_at, 0x1234);
			scrubrig_frame(&rigs[i], &m.f, ETHERNET);
			ck_assert_uint_eq(at16(rigs[i].kept + m.sum_at), 0);
		}
}
END_TEST

START_TEST(the_sum_of_sctp_which_is_over_no_address_stays_where_the_packet_is_whole)
{
	static const uint8_t sum[4] = {0x12, 0x34, 0x56, 0x78}, zeros[4];

	for (int i = 0; i < POLICIES; i++) {
		struct shaped m;

		scrubrig_shape(&m, &(struct shape){4, DECODE_SCTP, 0, 12, 40, 0});
		memcpy(m.f.bytes + m.sum_at, sum, 4);
		scrubrig_frame(&rigs[i], &m.f, ETHERNET);
		ck_assert_mem_eq(
		    rigs[i].kept + m.sum_at, policies[i].payload == PAYLOAD_FULL ? sum : zeros, 4);
	}
}
END_TEST

START_TEST(the_checksum_of_what_was_captured_in_part_or_is_a_fragment_is_zeroed)
{
	for (uint8_t version = 4; version <= 6; version += 2)
		for (int i = 0; i < POLICIES; i++) {
			struct shaped m;

			scrubrig_shape(&m, &(struct shape){version, DECODE_TCP, 8, 20, 30, 0});
			scrubrig_sums(&m, DECODE_TCP);
			for (uint32_t n = m.sum_at + 2; n < m.f.size; n++) {
				quick_assert(scrubrig_cut(&rigs[i], &m.f, ETHERNET, n));
				quick_assert(at16(rigs[i].kept + m.sum_at) == 0);
			}
			if (version == 6)
				continue;
			ipframe_set16(&m.f, m.net + 6, 0x2000);
			scrubrig_frame(&rigs[i], &m.f, ETHERNET);
			quick_assert(at16(rigs[i].kept + m.sum_at) == 0);
		}
}
END_TEST

START_TEST(a_wrong_checksum_of_an_ipv4_header_is_zeroed)
{
	struct shaped m;

	scrubrig_shape(&m, &(struct shape){4, DECODE_TCP, 0, 20, 0, 0});
	scrubrig_sums(&m, DECODE_TCP);
	m.f.bytes[m.net + 11] ^= 1;
	for (int i = 0; i < POLICIES; i++) {
		scrubrig_frame(&rigs[i], &m.f, ETHERNET);
		ck_assert_uint_eq(at16(rigs[i].kept + m.net + 10), 0);
	}
}
END_TEST

/* Where nothing is hidden or cut, nobody may touch a checksum: it is the evidence of a fault. */
START_TEST(a_packet_that_nothing_was_done_to_keeps_its_checksum_right_or_wrong)
{
	static const struct policy kept[] = {
	    {.payload = PAYLOAD_BYTES}, {.payload = PAYLOAD_ZERO}, {.macs = true}};
	struct scrubrig r;
	struct shaped m;

	scrubrig_shape(&m, &(struct shape){4, DECODE_TCP, 0, 20, 0, 0});
	ipframe_set16(&m.f, m.sum_at, 0x1234);
	ipframe_set16(&m.f, m.net + 10, 0x4321);
	for (size_t n = 0; n < COUNT(kept); n++) {
		scrubrig_open(&r, &kept[n], NULL);
		scrubrig_frame(&r, &m.f, ETHERNET);
		ck_assert_uint_eq(at16(r.kept + m.sum_at), 0x1234);
		ck_assert_uint_eq(at16(r.kept + m.net + 10), 0x4321);
		scrubrig_close(&r);
	}
}
END_TEST

/* As network cards take them: more than a frame of theirs has room for, in one. */
START_TEST(super_packets_of_64_KiB_and_more_are_sums_like_any)
{
	static const uint32_t sizes[] = {65535, 65575, 65576, 131072, PACKET_MAX_CAPLEN};
	uint8_t *bytes = malloc(PACKET_MAX_CAPLEN);
	struct frame head = {.size = 0};

	ipframe_put_ipv6(&head, DECODE_TCP);
	ipframe_put_tcp(&head);
	for (size_t n = 0; n < COUNT(sizes); n++)
		for (int i = 0; i < POLICIES; i++) {
			uint32_t size = sizes[n], length = size - 40;
			struct packet p = {.caplen = size, .origlen = size, .linktype = RAW};
			uint16_t sum;

			memset(bytes, 0xff, size);
			memcpy(bytes, head.bytes, head.size);
			bytes[4] = bytes[5] = 0; /* "BIG TCP", or what fits the field */
			if (length <= UINT16_MAX) {
				bytes[4] = (uint8_t)(length >> 8);
				bytes[5] = (uint8_t)length;
			}
			sum = (uint16_t)~scrubrig_segment_sum(
			    bytes, DECODE_TCP, bytes + 40, size - 40);
			bytes[56] = (uint8_t)(sum >> 8);
			bytes[57] = (uint8_t)sum;
			ck_assert(scrubrig_run(&rigs[i], bytes, &p, 0));
			if (policies[i].payload == PAYLOAD_BYTES) {
				ck_assert_uint_eq(rigs[i].kept_len, 64 + policies[i].payload_bytes);
				ck_assert_uint_eq(at16(rigs[i].kept + 56), 0);
				continue;
			}
			ck_assert_uint_eq(rigs[i].kept_len, size);
			ck_assert_uint_eq(scrubrig_segment_sum(rigs[i].kept, DECODE_TCP,
					      rigs[i].kept + 40, size - 40),
			    0xffff);
		}
	free(bytes);
}
END_TEST

/* ---- what is masked cannot be told ----------------------------------------------------------- */

/* What came out first of all values, to hold the others against. */
struct first {
	uint8_t *kept;
	uint32_t len;
};

static void check_alike(struct first *f, const struct scrubrig *r, uint32_t value)
{
	if (f->kept == NULL) {
		f->len = r->kept_len;
		f->kept = malloc(f->len + 1);
		quick_assert(f->kept != NULL);
		memcpy(f->kept, r->kept, f->len);
		return;
	}
	if (f->len != r->kept_len)
		ck_abort_msg("value %u is %u bytes, not %u", value, r->kept_len, f->len);
	for (uint32_t at = 0; at < f->len; at++)
		if (f->kept[at] != r->kept[at])
			ck_abort_msg("value %u: byte %u is %02x, not %02x", value, at, r->kept[at],
			    f->kept[at]);
}

/* The masked bits of an end become those of `value`: all 256 of IPv4, any of the 80 bits of IPv6.
 */
static void set_masked(struct shaped *m, int end, uint32_t value)
{
	uint8_t *ip = m->f.bytes + m->net;

	if (ip[0] >> 4 == 4)
		ip[end ? 19 : 15] = (uint8_t)value;
	else
		random_fill(&(struct random){value * 77 + 1}, ip + (end ? 30 : 14), 10);
}

static const struct shape told[] = {{4, DECODE_TCP, 0, 20, 0, 6}, {4, DECODE_TCP, 8, 32, 61, 0},
    {6, DECODE_TCP, 8, 32, 61, 0}, {4, DECODE_UDP, 0, 8, 30, 0}, {6, DECODE_UDP, 0, 8, 31, 3},
    {4, DECODE_ICMP, 0, 8, 30, 0}, {6, DECODE_ICMP6, 0, 8, 30, 0}, {4, DECODE_SCTP, 0, 12, 30, 0},
    {4, DECODE_DCCP, 0, 12, 30, 0}, {6, DECODE_UDPLITE, 0, 8, 30, 0}, {4, 47, 0, 0, 30, 0}};

/* The other end may be exempt: then it is kept, and all else goes as before. */
static void check_masked(const struct shape *s, enum state state, int end, unsigned exempt)
{
	for (int i = 0; i < POLICIES; i++) {
		struct first first = {NULL, 0};

		for (uint32_t value = 0; value < (s->version == 4 ? 256 : 64);
		     value += QUICK_STRIDE) {
			struct shaped m;
			struct packet p;

			scrubrig_shape(&m, s);
			set_masked(&m, end, value);
			set_state(&m, s->proto, state);
			p = (struct packet){
			    .caplen = m.f.size, .origlen = m.f.size, .linktype = ETHERNET};
			quick_assert(scrubrig_run(&rigs[i], m.f.bytes, &p, exempt));
			check_alike(&first, &rigs[i], value);
		}
		free(first.kept);
	}
}

START_TEST(no_value_of_what_is_masked_makes_a_difference)
{
	static const enum state states[] = {RIGHT, PARTIAL, ABSENT};

	for (size_t n = 0; n < COUNT(told); n++)
		for (int end = 0; end < 2; end++)
			for (size_t state = 0; state < COUNT(states); state++) {
				check_masked(&told[n], states[state], end, 0);
				check_masked(&told[n], states[state], end,
				    end ? SCRUB_SRC_EXEMPT : SCRUB_DST_EXEMPT);
			}
}
END_TEST

START_TEST(nor_does_it_where_a_packet_was_captured_in_part_or_is_a_fragment)
{
	for (size_t n = 0; n < COUNT(told); n++)
		for (int i = 0; i < POLICIES; i++)
			for (uint32_t cut = 0; cut < 70; cut += QUICK_STRIDE) {
				struct first first = {NULL, 0};

				for (uint32_t value = 0; value < 256; value += 51) {
					struct shaped m;

					scrubrig_shape(&m, &told[n]);
					set_masked(&m, 0, value);
					/* What is in the place of a checksum in a later fragment
					 * is payload. */
					if (cut % 4 != 3)
						set_state(&m, told[n].proto, RIGHT);
					if (cut % 2 && told[n].version == 4)
						ipframe_set16(
						    &m.f, m.net + 6, cut % 4 == 1 ? 0x2000 : 0x40);
					if (cut < m.f.size &&
					    scrubrig_cut(&rigs[i], &m.f, ETHERNET, m.f.size - cut))
						check_alike(&first, &rigs[i], value);
				}
				free(first.kept);
			}
}
END_TEST

/* 198.51.100 and 2001:db8::/48 as the world knows them; the ends are decided for a flow, by bits.
 */
START_TEST(ends_that_are_exempt_by_their_bits_stay_as_they_are)
{
	for (uint8_t version = 4; version <= 6; version += 2)
		for (unsigned exempt = 0; exempt < 4; exempt++)
			for (int i = 0; i < POLICIES; i++) {
				uint32_t n = version == 4 ? 4 : 16, at = version == 4 ? 12 : 8;
				struct shaped m;
				struct packet p;

				scrubrig_shape(
				    &m, &(struct shape){version, DECODE_TCP, 0, 20, 0, 0});
				set_masked(&m, 1, 9);
				scrubrig_sums(&m, DECODE_TCP);
				p = (struct packet){
				    .caplen = m.f.size, .origlen = m.f.size, .linktype = ETHERNET};
				quick_assert(scrubrig_run(&rigs[i], m.f.bytes, &p, exempt));
				for (uint32_t end = 0; end < 2; end++) {
					const uint8_t *was = m.f.bytes + m.net + at + end * n;
					const uint8_t *is = rigs[i].kept + m.net + at + end * n;
					bool stays = exempt >> end & 1;

					quick_assert((memcmp(was, is, n) == 0) == stays);
					quick_assert(memcmp(was, is, version == 4 ? 3 : 6) == 0);
				}
				quick_assert(is_right(&m, DECODE_TCP, rigs[i].kept));
			}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("scrub: checksums");
	TCase *t = tcase_create("sums");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 300);
	tcase_add_checked_fixture(t, open_all, close_all);
	tcase_add_test(
	    t, a_checksum_that_was_right_is_right_where_the_packet_is_whole_and_else_zero);
	tcase_add_test(t, right_checksums_stay_right_whatever_the_bytes_are);
	tcase_add_test(t, an_icmp_message_without_addresses_keeps_its_checksum_unless_payload_goes);
	tcase_add_test(t, a_datagram_whose_checksum_comes_out_as_zero_says_ffff);
	tcase_add_test(
	    t, checksums_over_a_part_or_of_another_kind_are_zeroed_where_they_would_be_wrong);
	tcase_add_test(t, the_sum_of_sctp_which_is_over_no_address_stays_where_the_packet_is_whole);
	tcase_add_test(t, the_checksum_of_what_was_captured_in_part_or_is_a_fragment_is_zeroed);
	tcase_add_test(t, a_wrong_checksum_of_an_ipv4_header_is_zeroed);
	tcase_add_test(t, a_packet_that_nothing_was_done_to_keeps_its_checksum_right_or_wrong);
	tcase_add_test(t, super_packets_of_64_KiB_and_more_are_sums_like_any);
	tcase_add_test(t, no_value_of_what_is_masked_makes_a_difference);
	tcase_add_test(t, nor_does_it_where_a_packet_was_captured_in_part_or_is_a_fragment);
	tcase_add_test(t, ends_that_are_exempt_by_their_bits_stay_as_they_are);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
