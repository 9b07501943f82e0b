/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of packet/decode: IPv4 and IPv6 with all that may stand before the transport, each packet
 * also cut at every length. Frames lie in memory of their exact size, so that the address sanitizer
 * sees a single byte too many. Most packets are raw IP: packet/link has tests of its own.
 */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ipframe.h"
#include "packet/decode.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

START_TEST(tcp_over_ipv4_over_ethernet_is_read_whole)
{
	struct frame f = {.size = 0};
	struct decoded d;

	PUT(&f, "\x00\x1b\x21\x01\x02\x03\x00\x1b\x21\x04\x05\x06\x08\x00");
	ipframe_put_ipv4(&f, DECODE_TCP);
	ipframe_put_tcp(&f);
	ipframe_finish(&f, 14);
	PUT(&f, "padding");
	ck_assert_int_eq(ipframe_decode(&f, ETHERNET, &d), DECODE_OK);
	ipframe_assert_ipv4_ends(&d);
	ipframe_assert_tcp(&d, 34);
	ck_assert_uint_eq(d.net_off, 14);
	ck_assert(!d.first_fragment);
	ck_assert_uint_eq(d.vlan[0], 0);
	ck_assert_uint_eq(d.vlan[1], 0);
}
END_TEST

START_TEST(tcp_over_ipv6_over_vlans_is_read_whole)
{
	struct frame f = {.size = 0};
	struct decoded d;

	PUT(&f, "\x00\x1b\x21\x01\x02\x03\x00\x1b\x21\x04\x05\x06");
	PUT(&f, "\x88\xa8\x00\x07\x81\x00\x20\x08\x86\xdd");
	ipframe_put_ipv6(&f, DECODE_TCP);
	ipframe_put_tcp(&f);
	ipframe_finish(&f, 22);
	ck_assert_int_eq(ipframe_decode(&f, ETHERNET, &d), DECODE_OK);
	ipframe_assert_ipv6_ends(&d);
	ipframe_assert_tcp(&d, 62);
	ck_assert_uint_eq(d.net_off, 22);
	ck_assert_uint_eq(d.vlan[0], 7);
	ck_assert_uint_eq(d.vlan[1], 8);
}
END_TEST

START_TEST(ipv4_options_are_stepped_over)
{
	struct frame f = {.size = 0};
	struct decoded d;

	ipframe_put_ipv4(&f, DECODE_TCP);
	PUT(&f, "\x94\x04\x00\x00\x01\x01\x01\x00");
	f.bytes[0] = 0x47;
	ipframe_put_tcp(&f);
	ipframe_finish(&f, 0);
	ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_OK);
	ipframe_assert_tcp(&d, 28);
}
END_TEST

START_TEST(an_ipv4_total_length_of_zero_reaches_to_the_end_of_the_frame)
{
	struct frame f = {.size = 0};
	struct decoded d;

	ipframe_put_ipv4(&f, DECODE_TCP);
	ipframe_put_tcp(&f);
	ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_OK);
	ipframe_assert_tcp(&d, 20);
	ck_assert_int_eq(ipframe_decode_cut(&f, RAW, 40, 70000, &d), DECODE_OK);
	ck_assert_uint_eq(d.end_off, 70000);
	ck_assert_int_eq(ipframe_decode_cut(&f, RAW, 20, 20, &d), DECODE_MALFORMED);
}
END_TEST

START_TEST(an_ip_packet_longer_than_its_frame_still_has_its_ports)
{
	struct frame f = {.size = 0};
	struct decoded d;

	ipframe_put_ipv4(&f, DECODE_TCP);
	ipframe_put_tcp(&f);
	ipframe_set16(&f, 2, 1500);
	ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_OK);
	ck_assert_uint_eq(d.sport, 40000);
	ck_assert_uint_eq(d.end_off, 1500);
	f.size = 0;
	ipframe_put_ipv6(&f, DECODE_TCP);
	ipframe_put_tcp(&f);
	ipframe_set16(&f, 4, 1460);
	ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_OK);
	ck_assert_uint_eq(d.end_off, 1500);
}
END_TEST

START_TEST(an_ipv4_header_that_lies_is_malformed)
{
	struct frame good = {.size = 0}, f;
	struct decoded d;

	ipframe_put_ipv4(&good, DECODE_TCP);
	ipframe_put_tcp(&good);
	ipframe_finish(&good, 0);
	f = good;
	f.bytes[0] = 0x44; /* shorter than a header */
	ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_MALFORMED);
	f = good;
	ipframe_set16(&f, 2, 19); /* the same of the packet */
	ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_MALFORMED);
	f = good;
	f.bytes[0] = 0x4f; /* options beyond the packet */
	ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_MALFORMED);
	f = good;
	f.bytes[0] = 0x55; /* no such version */
	ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_MALFORMED);
	f = good;
	f.bytes[0] = 0x65; /* not what the link layer said */
	ck_assert_int_eq(ipframe_decode(&f, 228, &d), DECODE_MALFORMED);
	ck_assert_int_eq(ipframe_decode(&good, 229, &d), DECODE_MALFORMED);
	ck_assert_int_eq(ipframe_decode(&good, 228, &d), DECODE_OK);
}
END_TEST

START_TEST(padding_is_never_taken_for_ports)
{
	struct frame f = {.size = 0};
	struct decoded d;

	ipframe_put_ipv4(&f, DECODE_TCP);
	ipframe_put_tcp(&f);
	for (uint32_t n = 0; n < 4; n++) {
		ipframe_set16(&f, 2, 20 + n);
		ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_MALFORMED);
	}
	ipframe_set16(&f, 2, 24);
	ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_OK);
	ck_assert_uint_eq(d.sport, 40000);
	ck_assert(!d.has_tcp);
	ck_assert_uint_eq(d.payload_off, 24);
	ipframe_set16(&f, 2, 39);
	ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_OK);
	ck_assert(!d.has_tcp);
	ck_assert_uint_eq(d.payload_off, 39);
	ipframe_set16(&f, 2, 40);
	ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_OK);
	ck_assert(d.has_tcp);
	ck_assert_uint_eq(d.payload_off, 40);
}
END_TEST

START_TEST(a_first_fragment_may_hold_the_beginning_of_a_tcp_header)
{
	enum { MORE = 0x2000 };
	struct frame f = {.size = 0};
	struct decoded d;

	ipframe_put_ipv4(&f, DECODE_TCP);
	ipframe_put_tcp(&f);
	ipframe_set16(&f, 6, MORE);
	ipframe_set16(&f, 2, 33);
	ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_OK);
	ck_assert(!d.has_tcp);
	ipframe_set16(&f, 2, 34);
	ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_OK);
	ck_assert(d.has_tcp);
	ck_assert_uint_eq(d.payload_off, 34);
}
END_TEST

START_TEST(a_tcp_data_offset_that_lies_costs_no_packet)
{
	struct frame f = {.size = 0};
	struct decoded d;

	ipframe_put_ipv4(&f, DECODE_TCP);
	ipframe_put_tcp(&f);
	ipframe_finish(&f, 0);
	f.bytes[32] = 0x40;
	ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_OK);
	ck_assert_uint_eq(d.payload_off, 40);
	f.bytes[32] = 0xf0;
	ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_OK);
	ck_assert_uint_eq(d.payload_off, 40);
	ck_assert(d.has_tcp);
}
END_TEST

/* Packets whose ports are readable from the byte `need` on; each builds one in f. */
static uint32_t plain_ipv4(struct frame *f)
{
	ipframe_put_ipv4(f, DECODE_TCP);
	ipframe_put_tcp(f);
	return 24;
}

static uint32_t plain_ipv6(struct frame *f)
{
	ipframe_put_ipv6(f, DECODE_TCP);
	ipframe_put_tcp(f);
	return 44;
}

static uint32_t ipv4_with_ah(struct frame *f)
{
	ipframe_put_ipv4(f, AH);
	ipframe_put_ah(f, DECODE_TCP);
	ipframe_put_tcp(f);
	return 48;
}

static uint32_t ipv6_with_everything(struct frame *f)
{
	ipframe_put_ipv6(f, HOP_BY_HOP);
	ipframe_put_extension(f, OPTIONS);
	ipframe_put_extension(f, ROUTING);
	ipframe_put_extension(f, FRAGMENT);
	ipframe_put_fragment(f, AH, 1);
	ipframe_put_ah(f, 135);
	ipframe_put_extension(f, 139);
	ipframe_put_extension(f, 140);
	ipframe_put_extension(f, DECODE_UDP);
	PUT(f, "\x00\x35\x80\x00\x00\x0c\x00\x00"
	       "data");
	return 40 + 3 * 8 + 8 + 24 + 3 * 8 + 4;
}

static uint32_t icmp_echo(struct frame *f)
{
	ipframe_put_ipv4(f, DECODE_ICMP);
	PUT(f, "\x08\x00\x00\x00\x12\x34\x00\x01"
	       "data");
	return 26;
}

static uint32_t icmp_unreachable(struct frame *f)
{
	ipframe_put_ipv4(f, DECODE_ICMP);
	PUT(f, "\x03\x01\x00\x00\x12\x34\x00\x01"
	       "data");
	return 21;
}

static uint32_t sctp(struct frame *f)
{
	ipframe_put_ipv6(f, DECODE_SCTP);
	PUT(f, "\x0b\x59\x0b\x5a\x00\x00\x00\x01\x00\x00\x00\x00\x01\x00\x00\x04");
	return 44;
}

static uint32_t esp(struct frame *f)
{
	ipframe_put_ipv6(f, HOP_BY_HOP);
	ipframe_put_extension(f, ESP);
	PUT(f, "\x00\x00\x00\x01\x00\x00\x00\x02");
	return 48;
}

static uint32_t (*const builders[])(struct frame *) = {plain_ipv4, plain_ipv6, ipv4_with_ah,
    ipv6_with_everything, icmp_echo, icmp_unreachable, sctp, esp};

START_TEST(a_packet_cut_by_the_capture_is_truncated_until_its_ports_are_there)
{
	struct frame f = {.size = 0};
	struct decoded d;
	uint32_t need = builders[_i](&f);
	enum decode_result result;

	ipframe_finish(&f, 0);
	for (uint32_t n = 0; n <= f.size; n++) {
		result = ipframe_decode_cut(&f, RAW, n, f.size, &d);
		ck_assert_msg(result == (n < need ? DECODE_TRUNCATED : DECODE_OK), "cut at %u: %d",
		    n, (int)result);
		if (result != DECODE_OK)
			continue;
		ck_assert_uint_le(d.l4_off, n);
		ck_assert_uint_le(d.payload_off, d.end_off);
		ck_assert_uint_eq(d.end_off, f.size);
		ck_assert(d.has_tcp == (d.proto == DECODE_TCP && n >= d.l4_off + 14));
	}
}
END_TEST

START_TEST(a_packet_that_was_short_on_the_wire_is_malformed)
{
	struct frame f = {.size = 0};
	struct decoded d;
	uint32_t need = builders[_i](&f);
	enum decode_result result;

	ipframe_finish(&f, 0);
	for (uint32_t n = 0; n <= f.size; n++) {
		result = ipframe_decode_cut(&f, RAW, n, n, &d);
		ck_assert_msg(result == (n < need ? DECODE_MALFORMED : DECODE_OK), "%u bytes: %d",
		    n, (int)result);
	}
}
END_TEST

/* Only the first IP header counts; what others carry is payload. */
START_TEST(protocols_without_ports_and_tunnels_have_ports_zero)
{
	static const uint8_t protocols[] = {2, 4, 41, 47, ESP, NOTHING, 89, 97, 115, 137, 255};
	struct frame f;
	struct decoded d;

	for (size_t i = 0; i < COUNT(protocols); i++) {
		f.size = 0;
		ipframe_put_ipv6(&f, protocols[i]);
		ipframe_put_ipv4(&f, DECODE_TCP);
		ipframe_put_tcp(&f);
		ipframe_finish(&f, 40);
		ipframe_finish(&f, 0);
		ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_OK);
		ipframe_assert_ipv6_ends(&d);
		ck_assert_uint_eq(d.proto, protocols[i]);
		ck_assert_uint_eq(d.sport, 0);
		ck_assert_uint_eq(d.dport, 0);
		ck_assert(!d.has_tcp);
		ck_assert_uint_eq(d.l4_off, 40);
		ck_assert_uint_eq(d.payload_off, 40);
	}
}
END_TEST

START_TEST(an_empty_packet_of_a_portless_protocol_is_whole)
{
	struct frame f = {.size = 0};
	struct decoded d;

	ipframe_put_ipv6(&f, NOTHING);
	ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_OK);
	ck_assert_uint_eq(d.proto, NOTHING);
	ck_assert_uint_eq(d.l4_off, 40);
	ck_assert_uint_eq(d.end_off, 40);
}
END_TEST

START_TEST(protocols_with_ports_give_them)
{
	static const struct {
		uint8_t proto;
		uint32_t header;
	} cases[] = {{DECODE_UDP, 8}, {DECODE_UDPLITE, 8}, {DECODE_SCTP, 12}, {DECODE_DCCP, 12}};
	struct frame f;
	struct decoded d;

	for (size_t i = 0; i < COUNT(cases); i++) {
		f.size = 0;
		ipframe_put_ipv4(&f, cases[i].proto);
		PUT(&f, "\x00\x35\x80\x01\x00\x10\x00\x00\x00\x00\x00\x00"
			"data");
		ipframe_finish(&f, 0);
		ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_OK);
		ck_assert_uint_eq(d.proto, cases[i].proto);
		ck_assert_uint_eq(d.sport, 53);
		ck_assert_uint_eq(d.dport, 0x8001);
		ck_assert_uint_eq(d.payload_off, 20 + cases[i].header);
		ck_assert(!d.has_tcp);
		ipframe_set16(&f, 2, 26); /* a header that does not fit */
		ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_OK);
		ck_assert_uint_eq(d.payload_off, 26);
	}
}
END_TEST

static void assert_icmp_id(uint8_t proto, uint8_t type, uint16_t id)
{
	struct frame f = {.size = 0};
	struct decoded d;

	if (proto == DECODE_ICMP)
		ipframe_put_ipv4(&f, proto);
	else
		ipframe_put_ipv6(&f, proto);
	ipframe_put(&f, &type, 1);
	PUT(&f, "\x00\x00\x00\x12\x34\x00\x01"
		"data");
	ipframe_finish(&f, 0);
	ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_OK);
	ck_assert_uint_eq(d.proto, proto);
	ck_assert_uint_eq(d.sport, id);
	ck_assert_uint_eq(d.dport, id);
	ck_assert_uint_eq(d.payload_off, d.l4_off);
}

START_TEST(icmp_queries_have_their_identifier_and_errors_have_none)
{
	for (unsigned int type = 0; type < 256; type++) {
		bool query = type == 0 || type == 8 || (type >= 13 && type <= 16);
		bool echo6 = type == 128 || type == 129;

		assert_icmp_id(DECODE_ICMP, (uint8_t)type, query ? 0x1234 : 0);
		assert_icmp_id(DECODE_ICMP6, (uint8_t)type, echo6 ? 0x1234 : 0);
	}
}
END_TEST

START_TEST(what_the_link_layer_refuses_has_its_own_answer)
{
	struct frame f = {.size = 0};
	struct decoded d;

	PUT(&f, "\x00\x1b\x21\x01\x02\x03\x00\x1b\x21\x04\x05\x06\x08\x06\x00\x01\x08\x00");
	ck_assert_int_eq(ipframe_decode(&f, ETHERNET, &d), DECODE_NOT_IP);
	ck_assert_int_eq(ipframe_decode(&f, 147, &d), DECODE_LINKTYPE);
	ck_assert_int_eq(ipframe_decode(&f, 189, &d), DECODE_NOT_IP);
	ck_assert_int_eq(ipframe_decode_cut(&f, ETHERNET, 13, 60, &d), DECODE_TRUNCATED);
	ck_assert_int_eq(ipframe_decode_cut(&f, ETHERNET, 13, 13, &d), DECODE_MALFORMED);
}
END_TEST

START_TEST(an_ip_packet_ends_where_its_link_header_says)
{
	struct frame f = {.size = 0};
	struct decoded d;

	PUT(&f, "\x11\x00\x00\x07\x00\x00\x00\x21"); /* PPPoE */
	ipframe_put_ipv4(&f, DECODE_TCP);
	ipframe_put_tcp(&f);
	ipframe_finish(&f, 8);
	ipframe_set16(&f, 4, 2 + 23);
	ck_assert_int_eq(ipframe_decode(&f, 51, &d), DECODE_MALFORMED);
	ipframe_set16(&f, 4, 2 + 24);
	ck_assert_int_eq(ipframe_decode(&f, 51, &d), DECODE_OK);
	ck_assert_uint_eq(d.sport, 40000);
	ck_assert(!d.has_tcp);
}
END_TEST

static uint32_t random_state;

/* xorshift32: the same numbers in every run */
static uint32_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state;
}

/* What must hold of every answer */
static void assert_sane(enum decode_result result, const struct decoded *d, uint32_t caplen)
{
	static const uint8_t zeros[12];

	ck_assert_int_ge((int)result, DECODE_OK);
	ck_assert_int_le((int)result, DECODE_LINKTYPE);
	if (result != DECODE_OK && result != DECODE_FRAGMENT)
		return;
	ck_assert(d->family == 4 || d->family == 6);
	ck_assert_uint_lt(d->net_off, caplen);
	ck_assert_uint_gt(d->end_off, d->net_off);
	if (d->family == 4)
		ck_assert_mem_eq(d->src + 4, zeros, sizeof zeros);
	if (result != DECODE_OK)
		return;
	ck_assert_uint_le(d->l4_off, caplen);
	ck_assert_uint_gt(d->l4_off, d->net_off);
	ck_assert_uint_ge(d->payload_off, d->l4_off);
	ck_assert_uint_le(d->payload_off, d->end_off);
	ck_assert(!d->has_tcp || (d->proto == DECODE_TCP && d->l4_off + 14 <= caplen));
}

START_TEST(packets_with_changed_bytes_are_survived)
{
	struct frame good = {.size = 0}, f;
	struct decoded d;
	uint32_t n;

	random_state = 0x1d872b41u + (uint32_t)_i;
	(void)builders[_i](&good);
	ipframe_finish(&good, 0);
	for (int round = 0; round < 4000; round++) {
		f = good;
		for (uint32_t flips = 1 + next_random() % 4; flips > 0; flips--)
			f.bytes[next_random() % f.size] = (uint8_t)(next_random() >> 8);
		n = next_random() % (f.size + 1);
		assert_sane(ipframe_decode_cut(&f, RAW, n, n + next_random() % 2 * 100, &d), &d, n);
	}
}
END_TEST

START_TEST(random_bytes_are_survived)
{
	struct frame f;
	struct decoded d;
	uint32_t n;

	random_state = 0x7f4a7c15u;
	for (int round = 0; round < 20000; round++) {
		f.size = 128;
		for (uint32_t i = 0; i < f.size; i++)
			f.bytes[i] = (uint8_t)(next_random() >> 8);
		f.bytes[0] = round % 2 ? 0x40 | (f.bytes[0] & 0xf) : 0x60;
		n = next_random() % (f.size + 1);
		assert_sane(ipframe_decode_cut(&f, RAW, n, n + next_random() % 2 * 100, &d), &d, n);
	}
}
END_TEST

static Suite *decode_suite(void)
{
	Suite *s = suite_create("packet/decode");
	TCase *t = tcase_create("decode");

	tcase_add_test(t, tcp_over_ipv4_over_ethernet_is_read_whole);
	tcase_add_test(t, tcp_over_ipv6_over_vlans_is_read_whole);
	tcase_add_test(t, ipv4_options_are_stepped_over);
	tcase_add_test(t, an_ipv4_total_length_of_zero_reaches_to_the_end_of_the_frame);
	tcase_add_test(t, an_ip_packet_longer_than_its_frame_still_has_its_ports);
	tcase_add_test(t, an_ipv4_header_that_lies_is_malformed);
	tcase_add_test(t, padding_is_never_taken_for_ports);
	tcase_add_test(t, a_first_fragment_may_hold_the_beginning_of_a_tcp_header);
	tcase_add_test(t, a_tcp_data_offset_that_lies_costs_no_packet);
	tcase_add_loop_test(t, a_packet_cut_by_the_capture_is_truncated_until_its_ports_are_there,
	    0, COUNT(builders));
	tcase_add_loop_test(
	    t, a_packet_that_was_short_on_the_wire_is_malformed, 0, COUNT(builders));
	tcase_add_test(t, protocols_without_ports_and_tunnels_have_ports_zero);
	tcase_add_test(t, an_empty_packet_of_a_portless_protocol_is_whole);
	tcase_add_test(t, protocols_with_ports_give_them);
	tcase_add_test(t, icmp_queries_have_their_identifier_and_errors_have_none);
	tcase_add_test(t, what_the_link_layer_refuses_has_its_own_answer);
	tcase_add_test(t, an_ip_packet_ends_where_its_link_header_says);
	tcase_add_loop_test(t, packets_with_changed_bytes_are_survived, 0, COUNT(builders));
	tcase_add_test(t, random_bytes_are_survived);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(decode_suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
