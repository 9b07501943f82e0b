/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of packet/decode: fragments, extension headers, and what else makes an IPv6 packet
 * different from what it seems.
 */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ipframe.h"
#include "packet/decode.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

START_TEST(an_extension_that_passes_the_end_of_the_packet_is_malformed)
{
	static const uint8_t extensions[] = {HOP_BY_HOP, ROUTING, OPTIONS, AH, 135, 139, 140};
	struct frame f;
	struct decoded d;

	for (size_t i = 0; i < COUNT(extensions); i++) {
		f.size = 0;
		ipframe_put_ipv6(&f, extensions[i]);
		ipframe_put_extension(&f, DECODE_TCP);
		ipframe_put_tcp(&f);
		ipframe_finish(&f, 0);
		f.bytes[41] = 200;
		ck_assert_int_eq(ipframe_decode_cut(&f, RAW, f.size, 4000, &d), DECODE_MALFORMED);
	}
}
END_TEST

START_TEST(sixteen_extensions_are_walked_and_seventeen_are_not)
{
	struct frame f = {.size = 0};
	struct decoded d;

	ipframe_put_ipv6(&f, OPTIONS);
	for (int n = 1; n < DECODE_MAX_EXTHDRS; n++)
		ipframe_put_extension(&f, OPTIONS);
	ipframe_put_extension(&f, DECODE_TCP);
	ipframe_put_tcp(&f);
	ipframe_finish(&f, 0);
	ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_OK);
	ipframe_assert_tcp(&d, 40 + 8 * DECODE_MAX_EXTHDRS);
	f.size = 0;
	ipframe_put_ipv6(&f, OPTIONS);
	for (int n = 0; n < DECODE_MAX_EXTHDRS; n++)
		ipframe_put_extension(&f, OPTIONS);
	ipframe_put_extension(&f, DECODE_TCP);
	ipframe_put_tcp(&f);
	ipframe_finish(&f, 0);
	ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_MALFORMED);
}
END_TEST

START_TEST(ipv6_extensions_have_no_meaning_in_ipv4)
{
	struct frame f = {.size = 0};
	struct decoded d;

	ipframe_put_ipv4(&f, 60);
	ipframe_put_extension(&f, DECODE_TCP);
	ipframe_put_tcp(&f);
	ipframe_finish(&f, 0);
	ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_OK);
	ck_assert_uint_eq(d.proto, 60);
	ck_assert_uint_eq(d.sport, 0);
}
END_TEST

START_TEST(a_later_ipv4_fragment_has_its_addresses_and_its_id)
{
	struct frame f = {.size = 0};
	struct decoded d;

	ipframe_put_ipv4(&f, DECODE_TCP);
	ipframe_put_tcp(&f);
	ipframe_finish(&f, 0);
	for (uint16_t where = 1; where < 0x4000; where = (uint16_t)(where * 2 + 1)) {
		ipframe_set16(&f, 6, where);
		ck_assert_int_eq(ipframe_decode_cut(&f, RAW, 20, f.size, &d), DECODE_FRAGMENT);
		ipframe_assert_ipv4_ends(&d);
		ck_assert_uint_eq(d.proto, DECODE_TCP);
		ck_assert_uint_eq(d.frag_id, 0xabcd);
		ck_assert_uint_eq(d.end_off, f.size);
		ck_assert_int_eq(ipframe_decode_cut(&f, RAW, 19, f.size, &d), DECODE_TRUNCATED);
	}
	f.bytes[0] = 0x4f; /* options beyond the packet */
	ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_MALFORMED);
}
END_TEST

START_TEST(a_first_ipv4_fragment_is_read_and_marked)
{
	struct frame f = {.size = 0};
	struct decoded d;

	ipframe_put_ipv4(&f, DECODE_TCP);
	ipframe_put_tcp(&f);
	ipframe_finish(&f, 0);
	ipframe_set16(&f, 6, 0x2000);
	ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_OK);
	ipframe_assert_tcp(&d, 20);
	ck_assert(d.first_fragment);
	ck_assert_uint_eq(d.frag_id, 0xabcd);
	ipframe_set16(&f, 6, 0xc000); /* reserved, don't fragment */
	ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_OK);
	ck_assert(!d.first_fragment);
	ipframe_set16(&f, 6, 0x2000);
	ipframe_set16(&f, 2, 23); /* too small to hold the ports */
	ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_MALFORMED);
}
END_TEST

static enum decode_result decode_ipv6_fragment(uint16_t where, struct decoded *ret)
{
	struct frame f = {.size = 0};

	ipframe_put_ipv6(&f, HOP_BY_HOP);
	ipframe_put_extension(&f, FRAGMENT);
	ipframe_put_fragment(&f, DECODE_TCP, where);
	ipframe_put_tcp(&f);
	ipframe_finish(&f, 0);
	return ipframe_decode(&f, RAW, ret);
}

START_TEST(ipv6_fragments_are_told_apart)
{
	struct decoded d;

	ck_assert_int_eq(decode_ipv6_fragment(0x0009, &d), DECODE_FRAGMENT);
	ipframe_assert_ipv6_ends(&d);
	ck_assert_uint_eq(d.proto, DECODE_TCP);
	ck_assert_uint_eq(d.frag_id, 0xdeadbeef);
	ck_assert_uint_eq(d.end_off, 84);
	ck_assert_int_eq(decode_ipv6_fragment(0xfff8, &d), DECODE_FRAGMENT);
	ck_assert_int_eq(decode_ipv6_fragment(0x0001, &d), DECODE_OK);
	ipframe_assert_tcp(&d, 56);
	ck_assert(d.first_fragment);
	ck_assert_uint_eq(d.frag_id, 0xdeadbeef);
}
END_TEST

START_TEST(all_fragments_of_a_datagram_name_the_same_protocol)
{
	struct frame f;
	struct decoded d;

	for (uint16_t where = 1; where <= 9; where += 8) {
		f.size = 0;
		ipframe_put_ipv6(&f, FRAGMENT);
		ipframe_put_fragment(&f, OPTIONS, where);
		ipframe_put_extension(&f, DECODE_TCP);
		ipframe_put_tcp(&f);
		ipframe_finish(&f, 0);
		ck_assert_int_eq(
		    ipframe_decode(&f, RAW, &d), where == 1 ? DECODE_OK : DECODE_FRAGMENT);
		ck_assert_uint_eq(d.frag_proto, OPTIONS);
		ck_assert_uint_eq(d.proto, where == 1 ? DECODE_TCP : OPTIONS);
		f.size = 0;
		ipframe_put_ipv4(&f, AH);
		ipframe_put_ah(&f, DECODE_TCP);
		ipframe_put_tcp(&f);
		ipframe_finish(&f, 0);
		ipframe_set16(&f, 6, where == 1 ? 0x2000 : 0x0001);
		ck_assert_int_eq(
		    ipframe_decode(&f, RAW, &d), where == 1 ? DECODE_OK : DECODE_FRAGMENT);
		ck_assert_uint_eq(d.frag_proto, AH);
	}
}
END_TEST

START_TEST(an_atomic_fragment_is_no_fragment)
{
	struct decoded d;

	ck_assert_int_eq(decode_ipv6_fragment(0x0000, &d), DECODE_OK);
	ipframe_assert_tcp(&d, 56);
	ck_assert(!d.first_fragment);
	ck_assert_int_eq(decode_ipv6_fragment(0x0006, &d), DECODE_OK); /* reserved bits */
	ck_assert(!d.first_fragment);
}
END_TEST

static enum decode_result decode_mapped(bool source, bool destination, struct decoded *ret)
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
	struct frame f = {.size = 0};

	ipframe_put_ipv6(&f, DECODE_TCP);
	ipframe_put_tcp(&f);
	ipframe_finish(&f, 0);
	if (source) {
		memcpy(f.bytes + 8, prefix, sizeof prefix);
		memcpy(f.bytes + 20, "\xc0\x00\x02\x01", 4);
	}
	if (destination) {
		memcpy(f.bytes + 24, prefix, sizeof prefix);
		memcpy(f.bytes + 36, "\xc6\x33\x64\x02", 4);
	}
	return ipframe_decode(&f, RAW, ret);
}

START_TEST(mapped_addresses_are_folded_if_both_are_mapped)
{
	struct decoded d;

	ck_assert_int_eq(decode_mapped(true, true, &d), DECODE_OK);
	ipframe_assert_ipv4_ends(&d);
	ipframe_assert_tcp(&d, 40);
	ck_assert_int_eq(decode_mapped(true, false, &d), DECODE_OK);
	ck_assert_uint_eq(d.family, 6);
	ck_assert_int_eq(decode_mapped(false, true, &d), DECODE_OK);
	ck_assert_uint_eq(d.family, 6);
	ck_assert_uint_eq(d.src[0], 0x20);
}
END_TEST

START_TEST(a_jumbogram_has_the_length_of_its_option)
{
	struct frame f = {.size = 0};
	struct decoded d;

	ipframe_put_ipv6(&f, HOP_BY_HOP);
	PUT(&f, "\x06\x01\x00\x01\x04\x00\x00\x00\x00\xc2\x04\x00\x01\x11\x70\x00");
	ipframe_put_tcp(&f);
	ck_assert_int_eq(ipframe_decode_cut(&f, RAW, f.size, 70040, &d), DECODE_OK);
	ck_assert_uint_eq(d.sport, 40000);
	ck_assert_uint_eq(d.end_off, 40 + 0x11170);
	for (uint32_t n = 0; n < 60; n++)
		ck_assert_int_eq(ipframe_decode_cut(&f, RAW, n, 70040, &d), DECODE_TRUNCATED);
	f.bytes[51] = 0xff; /* 4 GiB */
	f.bytes[52] = 0xff;
	f.bytes[53] = 0xff;
	f.bytes[54] = 0xff;
	ck_assert_int_eq(ipframe_decode_cut(&f, RAW, f.size, 70040, &d), DECODE_MALFORMED);
}
END_TEST

START_TEST(a_jumbo_option_cut_off_by_its_own_header_says_nothing)
{
	struct frame f = {.size = 0};
	struct decoded d;

	ipframe_put_ipv6(&f, HOP_BY_HOP);
	PUT(&f, "\x06\x00\x01\x02\x00\x00\xc2\x04");
	ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_MALFORMED);
	PUT(&f, "\x00\x01\x11\x70");
	ipframe_put_tcp(&f);
	ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_MALFORMED);
}
END_TEST

START_TEST(a_payload_length_of_zero_is_believed_unless_the_frame_is_beyond_it)
{
	struct frame f = {.size = 0};
	struct decoded d;

	ipframe_put_ipv6(&f, DECODE_TCP);
	ipframe_put_tcp(&f);
	ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_MALFORMED);
	ck_assert_int_eq(ipframe_decode_cut(&f, RAW, f.size, 40 + 65535, &d), DECODE_MALFORMED);
	ck_assert_int_eq(ipframe_decode_cut(&f, RAW, f.size, 40 + 65536, &d), DECODE_OK);
	ck_assert_uint_eq(d.dport, 443);
	ck_assert_uint_eq(d.end_off, 40 + 65536);
	f.size = 0;
	ipframe_put_ipv6(&f, HOP_BY_HOP); /* without the option */
	ipframe_put_extension(&f, DECODE_TCP);
	ipframe_put_tcp(&f);
	ck_assert_int_eq(ipframe_decode(&f, RAW, &d), DECODE_MALFORMED);
}
END_TEST

static Suite *extensions_suite(void)
{
	Suite *s = suite_create("packet/decode, extensions");
	TCase *t = tcase_create("extensions");

	tcase_add_test(t, an_extension_that_passes_the_end_of_the_packet_is_malformed);
	tcase_add_test(t, sixteen_extensions_are_walked_and_seventeen_are_not);
	tcase_add_test(t, ipv6_extensions_have_no_meaning_in_ipv4);
	tcase_add_test(t, a_later_ipv4_fragment_has_its_addresses_and_its_id);
	tcase_add_test(t, a_first_ipv4_fragment_is_read_and_marked);
	tcase_add_test(t, ipv6_fragments_are_told_apart);
	tcase_add_test(t, all_fragments_of_a_datagram_name_the_same_protocol);
	tcase_add_test(t, an_atomic_fragment_is_no_fragment);
	tcase_add_test(t, mapped_addresses_are_folded_if_both_are_mapped);
	tcase_add_test(t, a_jumbogram_has_the_length_of_its_option);
	tcase_add_test(t, a_jumbo_option_cut_off_by_its_own_header_says_nothing);
	tcase_add_test(t, a_payload_length_of_zero_is_believed_unless_the_frame_is_beyond_it);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(extensions_suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
