/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of packet/scrub_ip: IPv6 and its extension headers.
 */
#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "iprig.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* 2001:db8:5:6:7:8:9:N, and what is left of it */
#define ADDR(n) "\x20\x01\x0d\xb8\x00\x05\x00\x06\x00\x07\x00\x08\x00\x09\x00" n
#define MASKED  "\x20\x01\x0d\xb8\x00\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
#define ZEROS   "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

enum { MOBILITY = 135, HIP = 139, SHIM6 = 140 };

static struct iprig rig;

static void open_netblock(void)
{
	iprig_open(&rig, &iprig_netblock);
}

static void close_rig(void)
{
	iprig_close(&rig);
}

/* Goes on under another policy. */
static void reopen(const struct policy *policy)
{
	iprig_close(&rig);
	iprig_open(&rig, policy);
}

/* A packet with one extension header: next header and length are put before these bytes. */
static struct frame with_extension(uint8_t type, const char *bytes, uint32_t n)
{
	struct frame f = {.size = 0};

	ipframe_put_ipv6(&f, type);
	PUT(&f, "\x06\x00");
	ipframe_put(&f, bytes, n);
	ck_assert_uint_eq(f.size % 8, 0);
	f.bytes[41] = (uint8_t)(n / 8);
	ipframe_put_tcp(&f);
	ipframe_finish(&f, 0);
	return f;
}

#define WITH_EXTENSION(type, literal) with_extension(type, literal, sizeof(literal) - 1)

/* Scrubs that packet, and fails the test unless the extension becomes the other, which is changed.
 */
static void assert_becomes(uint8_t type, const char *bytes, const char *wanted, uint32_t n)
{
	struct frame f = with_extension(type, bytes, n);

	iprig_own(&rig, &f, 0, f.size);
	ck_assert_int_eq(rig.rv, 0);
	ck_assert_mem_eq(rig.x.bytes, f.bytes, 8);
	ck_assert_mem_eq(rig.x.bytes + 40, f.bytes + 40, 2);
	ck_assert_mem_eq(rig.x.bytes + 42, wanted, n);
	ck_assert_mem_eq(rig.x.bytes + 42 + n, f.bytes + 42 + n, f.size - 42 - n);
	ck_assert_uint_eq(rig.x.keep, f.size);
	ck_assert_uint_eq(rig.h.proto, DECODE_TCP);
	ck_assert_uint_eq(rig.h.l4_off, 42 + n);
}

#define BECOMES(type, literal, wanted)                                              \
	do {                                                                        \
		_Static_assert(sizeof(literal) == sizeof(wanted), "nothing moves"); \
		assert_becomes(type, literal, wanted, sizeof(literal) - 1);         \
	} while (0)

START_TEST(both_ends_are_replaced_unless_they_are_exempt)
{
	struct frame f = {.size = 0};

	ipframe_put_ipv6(&f, DECODE_TCP);
	ipframe_put_tcp(&f);
	ipframe_finish(&f, 0);
	iprig_own(&rig, &f, 0, f.size);
	ck_assert_int_eq(rig.rv, 0);
	ck_assert_mem_eq(rig.x.bytes, f.bytes, 8);
	ck_assert_mem_eq(rig.x.bytes + 8, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0", 16);
	ck_assert_mem_eq(rig.x.bytes + 24, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0", 16);
	ck_assert_mem_eq(rig.x.bytes + 40, f.bytes + 40, f.size - 40);
	ck_assert(rig.h.changed);
	ck_assert_uint_eq(rig.h.version, 6);
	ck_assert_uint_eq(rig.h.src_at, 8);
	ck_assert_uint_eq(rig.h.dst_at, 24);
	ck_assert_uint_eq(rig.h.l4_off, 40);
	f.bytes[8] = f.bytes[24] = 0xfd;
	iprig_own(&rig, &f, 0, f.size);
	ck_assert_mem_eq(rig.x.bytes, f.bytes, f.size);
	ck_assert(!rig.h.changed);
	iprig_quoted(&rig, &f, 0, f.size);
	ck_assert_mem_eq(rig.x.bytes, f.bytes, f.size);
	ck_assert(!rig.h.changed);
}
END_TEST

START_TEST(mapped_addresses_become_what_ipv4_ones_become)
{
	static const uint8_t mapped[] = {
	    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1}; /* ::ffff:192.0.2.1 */
	struct frame f = {.size = 0};

	ipframe_put_ipv6(&f, DECODE_TCP);
	ipframe_put_tcp(&f);
	ipframe_finish(&f, 0);
	memcpy(f.bytes + 8, mapped, 16);
	memcpy(f.bytes + 24, mapped, 16);
	f.bytes[36] = 10; /* exempt */
	iprig_own(&rig, &f, 0, f.size);
	ck_assert_mem_eq(rig.x.bytes + 8, mapped, 15);
	ck_assert_uint_eq(rig.x.bytes[23], 0);
	ck_assert_mem_eq(rig.x.bytes + 24, f.bytes + 24, 16);
}
END_TEST

START_TEST(options_without_addresses_stay)
{
	static const uint8_t types[] = {HOP_BY_HOP, OPTIONS};

	for (size_t i = 0; i < COUNT(types); i++) {
		BECOMES(types[i], "\x05\x02\x12\x34\x01\x00", "\x05\x02\x12\x34\x01\x00");
		BECOMES(types[i], "\x04\x01\x12\x00\x00\x00", "\x04\x01\x12\x00\x00\x00");
		BECOMES(types[i], "\xc2\x04\x01\x02\x03\x04", "\xc2\x04\x01\x02\x03\x04");
		BECOMES(types[i], "\x30\x04\x01\x02\x03\x04", "\x30\x04\x01\x02\x03\x04");
		BECOMES(types[i], "\x26\x06\x01\x02\x03\x04\x05\x06\x01\x04\x00\x00\x00\x00",
		    "\x26\x06\x01\x02\x03\x04\x05\x06\x01\x04\x00\x00\x00\x00");
		BECOMES(types[i], "\x0f\x0a\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x01\x00",
		    "\x0f\x0a\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x01\x00");
		BECOMES(types[i], "\x07\x08\x01\x02\x03\x04\x05\x06\x07\x08\x01\x02\x00\x00",
		    "\x07\x08\x01\x02\x03\x04\x05\x06\x07\x08\x01\x02\x00\x00");
	}
}
END_TEST

START_TEST(unknown_options_are_blanked_behind_their_length)
{
	static const uint8_t types[] = {HOP_BY_HOP, OPTIONS};

	for (size_t i = 0; i < COUNT(types); i++) {
		BECOMES(types[i], "\x1e\x04\x01\x02\x03\x04", "\x1e\x04\x00\x00\x00\x00");
		BECOMES(types[i], "\x63\x04\x01\x02\x03\x04", "\x63\x04\x00\x00\x00\x00");
		BECOMES(types[i], "\x05\x04\x01\x02\x03\x04", "\x05\x04\x00\x00\x00\x00");
		BECOMES(types[i], "\xc9\x04\x01\x02\x03\x04", "\xc9\x04\x00\x00\x00\x00");
		BECOMES(types[i], "\x1e\x00\x1e\x02\x03\x04", "\x1e\x00\x1e\x02\x00\x00");
		BECOMES(types[i], "\xc2\x02\xc0\x00\x01\x00", "\xc2\x02\x00\x00\x01\x00");
	}
	reopen(&iprig_macs);
	BECOMES(OPTIONS, "\x1e\x04\x01\x02\x03\x04", "\x1e\x04\x00\x00\x00\x00");
	ck_assert(rig.h.changed);
	ck_assert_uint_eq(rig.x.bytes[23], 1); /* addresses are kept */
	reopen(&iprig_kept);
	BECOMES(OPTIONS, "\x1e\x04\x01\x02\x03\x04", "\x1e\x04\x01\x02\x03\x04");
	ck_assert(!rig.h.changed);
}
END_TEST

START_TEST(an_option_that_has_not_its_length_is_unknown)
{
	static const uint8_t types[] = {0x04, 0x05, 0x0f, 0x26, 0x30, 0xc2};
	char bytes[] = "\x00\x03mrk\x00", wanted[] = "\x00\x03\x00\x00\x00\x00";

	for (size_t i = 0; i < COUNT(types); i++) {
		bytes[0] = wanted[0] = (char)types[i];
		BECOMES(OPTIONS, bytes, wanted);
		ck_assert(rig.h.changed);
	}
}
END_TEST

START_TEST(padding_and_options_that_contradict_themselves_are_blanked_under_any_policy)
{
	static const struct policy *const policies[] = {&iprig_netblock, &iprig_macs, &iprig_kept};

	for (size_t i = 0; i < COUNT(policies); i++) {
		reopen(policies[i]);
		BECOMES(OPTIONS, "\x01\x04mark", "\x01\x04\0\0\0\0");
		ck_assert(rig.h.changed);
		BECOMES(OPTIONS, "\x00\x01\x04mar", "\x00\0\0\0\0\0"); /* too long */
		ck_assert(rig.h.changed);
		BECOMES(HOP_BY_HOP, "\x05\x02\x00\x00\xc9\x10", "\x05\x02\x00\x00\0\0");
		BECOMES(HOP_BY_HOP, "\xc2\x05\x01\x02\x03\x04", "\0\0\0\0\0\0");
		BECOMES(HOP_BY_HOP, "\x05\x02\x00\x00\x00\xc9", "\x05\x02\x00\x00\x00\0");
	}
	BECOMES(OPTIONS, "\x01\x04\0\0\0\0", "\x01\x04\0\0\0\0"); /* addresses are kept */
	ck_assert(!rig.h.changed);
	BECOMES(OPTIONS, "\0\0\0\0\0\0", "\0\0\0\0\0\0");
	ck_assert(!rig.h.changed);
}
END_TEST

START_TEST(a_home_address_is_replaced_and_is_what_checksums_are_over)
{
	BECOMES(OPTIONS, "\x01\x02\0\0\xc9\x10" ADDR("\x01"), "\x01\x02\0\0\xc9\x10" MASKED);
	ck_assert_uint_eq(rig.h.src_at, 48);
	ck_assert_uint_eq(rig.h.dst_at, 24);
	BECOMES(HOP_BY_HOP, "\x01\x02\0\0\xc9\x10" ADDR("\x01"), "\x01\x02\0\0\xc9\x10" MASKED);
	ck_assert_uint_eq(rig.h.src_at, 48);
	reopen(&iprig_kept);
	BECOMES(OPTIONS, "\x01\x02\0\0\xc9\x10" ADDR("\x01"), "\x01\x02\0\0\xc9\x10" ADDR("\x01"));
	ck_assert(!rig.h.changed);
	ck_assert_uint_eq(rig.h.src_at, 48);
}
END_TEST

START_TEST(an_address_in_an_extension_counts_as_changed_alone)
{
	struct frame f = WITH_EXTENSION(OPTIONS, "\x01\x02\0\0\xc9\x10" ADDR("\x01"));

	f.bytes[8] = f.bytes[24] = 0xfd;
	iprig_own(&rig, &f, 0, f.size);
	ck_assert(rig.h.changed);
	ck_assert_mem_eq(rig.x.bytes, f.bytes, 48);
	f.bytes[48] = 0xfd;
	iprig_own(&rig, &f, 0, f.size);
	ck_assert(!rig.h.changed);
	ck_assert_mem_eq(rig.x.bytes, f.bytes, f.size);
}
END_TEST

START_TEST(a_source_route_ends_at_its_last_address)
{
	BECOMES(ROUTING, "\x00\x01\x00\x00\x00\x00" ADDR("\x01") ADDR("\x02"),
	    "\x00\x01\x00\x00\x00\x00" MASKED MASKED);
	ck_assert_uint_eq(rig.h.dst_at, 64);
	BECOMES(ROUTING, "\x00\x00\x00\x00\x00\x00" ADDR("\x01") ADDR("\x02"), /* there already */
	    "\x00\x00\x00\x00\x00\x00" MASKED MASKED);
	ck_assert_uint_eq(rig.h.dst_at, 24);
	BECOMES(ROUTING, "\x00\x01\x00\x00\x00\x00" ADDR("\x01") "12345678", /* half an address */
	    "\x00\x01\x00\x00\x00\x00" MASKED "\0\0\0\0\0\0\0\0");
	ck_assert_uint_eq(rig.h.dst_at, 48);
	BECOMES(ROUTING, "\x00\x01\x00\x00\x00\x00", "\x00\x01\x00\x00\x00\x00");
	ck_assert_uint_eq(rig.h.dst_at, 24);
	BECOMES(
	    ROUTING, "\x02\x01\x00\x00\x00\x00" ADDR("\x01"), "\x02\x01\x00\x00\x00\x00" MASKED);
	ck_assert_uint_eq(rig.h.dst_at, 48);
	ck_assert_uint_eq(rig.h.src_at, 8);
}
END_TEST

START_TEST(segments_are_replaced_and_what_stands_behind_them_is_blanked)
{
	BECOMES(ROUTING, "\x04\x01\x01\x00\x00\x07" ADDR("\x01") ADDR("\x02"),
	    "\x04\x01\x01\x00\x00\x07" MASKED MASKED);
	ck_assert_uint_eq(rig.h.dst_at, 48);
	BECOMES(ROUTING, "\x04\x00\x01\x00\x00\x07" ADDR("\x01") ADDR("\x02"),
	    "\x04\x00\x01\x00\x00\x07" MASKED MASKED);
	ck_assert_uint_eq(rig.h.dst_at, 24);
	BECOMES(ROUTING, "\x04\x01\x00\x00\x00\x07" ADDR("\x01") "\x05\x06secret" ADDR("\x02"),
	    "\x04\x01\x00\x00\x00\x07" MASKED "\0\0\0\0\0\0\0\0" ZEROS);
	ck_assert_uint_eq(rig.h.dst_at, 48);
	BECOMES(ROUTING, "\x04\x01\x02\x00\x00\x07" ADDR("\x01") ADDR("\x02"), /* one too many */
	    "\x04\x01\x02\x00\x00\x07" ZEROS ZEROS);
	ck_assert_uint_eq(rig.h.dst_at, 24);
	BECOMES(ROUTING, "\x04\x01\x00\x00\x00\x07", "\x04\x01\x00\x00\x00\x07");
	ck_assert_uint_eq(rig.h.dst_at, 24);
	reopen(&iprig_kept);
	BECOMES(ROUTING, "\x04\x01\x00\x00\x00\x07" ADDR("\x01") "\x05\x06secret",
	    "\x04\x01\x00\x00\x00\x07" ADDR("\x01") "\x05\x06secret");
	ck_assert(!rig.h.changed);
	ck_assert_uint_eq(rig.h.dst_at, 48);
}
END_TEST

START_TEST(routing_headers_of_other_types_are_blanked)
{
	BECOMES(ROUTING, "\x03\x01\x98\x00\x00\x00" ADDR("\x01"), "\x03\x01\x00\x00\x00\x00" ZEROS);
	ck_assert_uint_eq(rig.h.dst_at, 24);
	BECOMES(ROUTING, "\xfd\x01\x01\x02\x03\x04", "\xfd\x01\x00\x00\x00\x00");
	reopen(&iprig_kept);
	BECOMES(ROUTING, "\xfd\x01\x01\x02\x03\x04", "\xfd\x01\x01\x02\x03\x04");
}
END_TEST

START_TEST(headers_of_mobility_and_multihoming_are_blanked)
{
	BECOMES(
	    MOBILITY, "\x05\x00\x12\x34" ADDR("\x01") "\x01\x00", "\x05\x00\x00\x00" ZEROS "\0\0");
	BECOMES(HIP, "\x01\x02\x12\x34" ADDR("\x01") "\x01\x00", "\x00\x00\x00\x00" ZEROS "\0\0");
	BECOMES(SHIM6, "\x80\x02\x12\x34\x56\x78", "\x00\x00\x00\x00\x00\x00");
	reopen(&iprig_kept);
	BECOMES(MOBILITY, "\x05\x00\x12\x34\x56\x78", "\x05\x00\x12\x34\x56\x78");
	BECOMES(HIP, "\x01\x02\x12\x34\x56\x78", "\x01\x02\x12\x34\x56\x78");
	ck_assert(!rig.h.changed);
}
END_TEST

/* Hop-by-hop, routing, fragment, authentication, destination options, TCP */
static struct frame chain(uint16_t where)
{
	struct frame f = {.size = 0};

	ipframe_put_ipv6(&f, HOP_BY_HOP);
	PUT(&f, "\x2b\x00\x01\x04\x00\x00\x00\x00");              /* at 40 */
	PUT(&f, "\x2c\x02\x02\x01\x00\x00\x00\x00" ADDR("\x01")); /* at 48 */
	ipframe_put_fragment(&f, AH, where);                      /* at 72 */
	ipframe_put_ah(&f, OPTIONS);                              /* at 80 */
	PUT(&f, "\x06\x02\x01\x02\x00\x00\xc9\x10" ADDR("\x02")); /* at 104 */
	ipframe_put_tcp(&f);                                      /* at 128 */
	ipframe_finish(&f, 0);
	return f;
}

START_TEST(a_chain_is_walked_to_its_end)
{
	static const uint16_t wheres[] = {0, 0x0001, 0x0006};
	struct frame f;

	for (size_t i = 0; i < COUNT(wheres); i++) {
		f = chain(wheres[i]);
		iprig_own(&rig, &f, 0, f.size);
		ck_assert_int_eq(rig.rv, 0);
		ck_assert_uint_eq(rig.h.l4_off, 128);
		ck_assert_uint_eq(rig.h.proto, DECODE_TCP);
		ck_assert_uint_eq(rig.h.fragment, wheres[i] & 1);
		ck_assert_uint_eq(rig.h.frag_off, 0);
		ck_assert_uint_eq(rig.h.dst_at, 56);
		ck_assert_uint_eq(rig.h.src_at, 112);
		ck_assert_mem_eq(rig.x.bytes + 56, MASKED, 16);
		ck_assert_mem_eq(rig.x.bytes + 72, f.bytes + 72, 20);
		ck_assert_mem_eq(rig.x.bytes + 92, ZEROS, 12);
		ck_assert_mem_eq(rig.x.bytes + 104, f.bytes + 104, 8);
		ck_assert_mem_eq(rig.x.bytes + 112, MASKED, 16);
		ck_assert_mem_eq(rig.x.bytes + 128, f.bytes + 128, f.size - 128);
	}
}
END_TEST

START_TEST(a_later_fragment_ends_the_walk)
{
	struct frame f = chain(0x0009);

	iprig_own(&rig, &f, 0, f.size);
	ck_assert_int_eq(rig.rv, 0);
	ck_assert(rig.h.fragment);
	ck_assert_uint_eq(rig.h.frag_off, 8);
	ck_assert_uint_eq(rig.h.l4_off, 80);
	ck_assert_uint_eq(rig.h.proto, AH);
	ck_assert_mem_eq(rig.x.bytes + 72, f.bytes + 72, f.size - 72);
	f = chain(0xfff8);
	iprig_own(&rig, &f, 0, 80);
	ck_assert_int_eq(rig.rv, 0);
	ck_assert_uint_eq(rig.h.frag_off, 0xfff8);
}
END_TEST

START_TEST(a_quoted_packet_is_cut_before_the_header_that_is_not_whole)
{
	static const uint32_t starts[] = {0, 40, 48, 72, 80, 104, 128};
	struct frame f = chain(0x0001);
	size_t i = 0;

	for (uint32_t n = 0; n <= f.size; n++) {
		if (i + 1 < COUNT(starts) && n >= starts[i + 1])
			i++;
		iprig_quoted(&rig, &f, 0, n);
		ck_assert_int_eq(rig.rv, n < 128 ? -EBADMSG : 0);
		ck_assert_uint_eq(rig.x.keep, n < 128 ? starts[i] : n);
		if (n >= 72)
			ck_assert_mem_eq(rig.x.bytes + 56, MASKED, 16);
	}
}
END_TEST

static struct frame with_extensions(int n)
{
	struct frame f = {.size = 0};

	ipframe_put_ipv6(&f, OPTIONS);
	for (; n > 1; n--)
		ipframe_put_extension(&f, OPTIONS);
	ipframe_put_extension(&f, DECODE_TCP);
	ipframe_put_tcp(&f);
	return f;
}

START_TEST(no_more_headers_are_walked_than_decoding_does)
{
	struct frame f = with_extensions(DECODE_MAX_EXTHDRS);

	iprig_quoted(&rig, &f, 0, f.size);
	ck_assert_int_eq(rig.rv, 0);
	ck_assert_uint_eq(rig.h.l4_off, 40 + 8 * DECODE_MAX_EXTHDRS);
	f = with_extensions(DECODE_MAX_EXTHDRS + 1);
	iprig_quoted(&rig, &f, 0, f.size);
	ck_assert_int_eq(rig.rv, -EBADMSG);
	ck_assert_uint_eq(rig.x.keep, 40 + 8 * DECODE_MAX_EXTHDRS);
}
END_TEST

START_TEST(extensions_of_ipv6_are_none_in_ipv4)
{
	struct frame f = {.size = 0};

	ipframe_put_ipv4(&f, OPTIONS);
	PUT(&f, "\x06\x00\x01\x04mark");
	ipframe_finish(&f, 0);
	iprig_own(&rig, &f, 0, f.size);
	ck_assert_int_eq(rig.rv, 0);
	ck_assert_uint_eq(rig.h.proto, OPTIONS);
	ck_assert_uint_eq(rig.h.l4_off, 20);
	ck_assert_mem_eq(rig.x.bytes + 20, f.bytes + 20, 8);
}
END_TEST

static Suite *scrub_ipv6_suite(void)
{
	Suite *s = suite_create("packet/scrub_ip, IPv6");
	TCase *t = tcase_create("ipv6");

	tcase_add_checked_fixture(t, open_netblock, close_rig);
	tcase_add_test(t, both_ends_are_replaced_unless_they_are_exempt);
	tcase_add_test(t, mapped_addresses_become_what_ipv4_ones_become);
	tcase_add_test(t, options_without_addresses_stay);
	tcase_add_test(t, unknown_options_are_blanked_behind_their_length);
	tcase_add_test(t, an_option_that_has_not_its_length_is_unknown);
	tcase_add_test(
	    t, padding_and_options_that_contradict_themselves_are_blanked_under_any_policy);
	tcase_add_test(t, a_home_address_is_replaced_and_is_what_checksums_are_over);
	tcase_add_test(t, an_address_in_an_extension_counts_as_changed_alone);
	tcase_add_test(t, a_source_route_ends_at_its_last_address);
	tcase_add_test(t, segments_are_replaced_and_what_stands_behind_them_is_blanked);
	tcase_add_test(t, routing_headers_of_other_types_are_blanked);
	tcase_add_test(t, headers_of_mobility_and_multihoming_are_blanked);
	tcase_add_test(t, a_chain_is_walked_to_its_end);
	tcase_add_test(t, a_later_fragment_ends_the_walk);
	tcase_add_test(t, a_quoted_packet_is_cut_before_the_header_that_is_not_whole);
	tcase_add_test(t, no_more_headers_are_walked_than_decoding_does);
	tcase_add_test(t, extensions_of_ipv6_are_none_in_ipv4);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(scrub_ipv6_suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
