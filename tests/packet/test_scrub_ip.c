/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of packet/scrub_ip: IPv4, its options, its checksum, quoted headers. What it shares with
 * IPv6 is in test_scrub_ipv6.c and test_scrub_ip_random.c too.
 */
#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "iprig.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

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

static void put_options(struct frame *f, const char *bytes, uint32_t n)
{
	ipframe_put(f, bytes, n);
	while (f->size % 4 != 0)
		PUT(f, "\x00");
	f->bytes[0] = (uint8_t)(0x40 | f->size / 4);
	ipframe_put_tcp(f);
	ipframe_finish(f, 0);
	iprig_mend4(f, 0);
}

static struct frame with_options(const char *bytes, uint32_t n)
{
	struct frame f = {.size = 0};

	ipframe_put_ipv4(&f, DECODE_TCP);
	put_options(&f, bytes, n);
	return f;
}

#define WITH_OPTIONS(literal) with_options(literal, sizeof(literal) - 1)

/* Scrubs a header with these options, and fails the test unless they become those. */
static void assert_becomes(const char *options, const char *wanted, uint32_t n)
{
	struct frame f = with_options(options, n);

	iprig_own(&rig, &f, 0, f.size);
	ck_assert_int_eq(rig.rv, 0);
	ck_assert_mem_eq(rig.x.bytes + 20, wanted, n);
	ck_assert_uint_eq(rig.x.keep, f.size);
	ck_assert_uint_eq(rig.h.l4_off, 20 + (n + 3) / 4 * 4);
	ck_assert_uint_eq(iprig_sum4(rig.x.bytes), 0xffff);
	ck_assert_mem_eq(rig.x.bytes + rig.h.l4_off, f.bytes + rig.h.l4_off, f.size - rig.h.l4_off);
}

#define BECOMES(options, wanted)                                                    \
	do {                                                                        \
		_Static_assert(sizeof(options) == sizeof(wanted), "nothing moves"); \
		assert_becomes(options, wanted, sizeof(options) - 1);               \
	} while (0)

START_TEST(both_ends_are_replaced_and_the_checksum_is_right_for_them)
{
	struct frame f = WITH_OPTIONS("");

	iprig_own(&rig, &f, 0, f.size);
	ck_assert_int_eq(rig.rv, 0);
	ck_assert_mem_eq(rig.x.bytes + 12, "\xc0\x00\x02\x00\xc6\x33\x64\x00", 8);
	ck_assert_uint_eq(iprig_sum4(rig.x.bytes), 0xffff);
	ck_assert(rig.h.changed);
	ck_assert_uint_eq(rig.h.version, 4);
	ck_assert_uint_eq(rig.h.proto, DECODE_TCP);
	ck_assert_uint_eq(rig.h.l4_off, 20);
	ck_assert_uint_eq(rig.h.src_at, 12);
	ck_assert_uint_eq(rig.h.dst_at, 16);
	ck_assert(!rig.h.fragment);
}
END_TEST

START_TEST(an_end_that_is_exempt_stays)
{
	struct frame f = WITH_OPTIONS("");

	f.bytes[12] = 10;
	iprig_own(&rig, &f, 0, f.size);
	ck_assert_mem_eq(rig.x.bytes + 12, "\x0a\x00\x02\x01\xc6\x33\x64\x00", 8);
	ck_assert(rig.h.changed);
	f.bytes[16] = 10;
	iprig_own(&rig, &f, 0, f.size);
	ck_assert_mem_eq(rig.x.bytes, f.bytes, f.size);
	ck_assert(!rig.h.changed);
	f.bytes[12] = 192;
	iprig_own(&rig, &f, 0, f.size);
	ck_assert_mem_eq(rig.x.bytes + 12, "\xc0\x00\x02\x00\x0a\x33\x64\x02", 8);
	iprig_quoted(&rig, &f, 0, f.size);
	ck_assert_mem_eq(rig.x.bytes + 12, "\xc0\x00\x02\x00\x0a\x33\x64\x02", 8);
	ck_assert(rig.h.changed);
	f.bytes[12] = 10;
	iprig_quoted(&rig, &f, 0, f.size);
	ck_assert(!rig.h.changed);
}
END_TEST

START_TEST(what_was_decided_for_a_flow_goes_for_its_packets)
{
	struct frame f = WITH_OPTIONS("");
	struct scrub_ip h = {.exempt = SCRUB_DST_EXEMPT};

	f.bytes[12] = 10; /* exempt by now, but not when the flow began */
	iprig_own(&rig, &f, 0, f.size);
	memcpy(rig.x.bytes, f.bytes, f.size);
	ck_assert_int_eq(scrub_ip(&rig.x, &h), 0);
	ck_assert_mem_eq(rig.x.bytes + 12, "\x0a\x00\x02\x00\xc6\x33\x64\x02", 8);
}
END_TEST

START_TEST(a_header_counts_as_changed_even_if_no_bit_of_it_is)
{
	struct frame f = WITH_OPTIONS("");

	f.bytes[15] = f.bytes[19] = 0;
	iprig_mend4(&f, 0);
	iprig_own(&rig, &f, 0, f.size);
	ck_assert_mem_eq(rig.x.bytes, f.bytes, f.size);
	ck_assert(rig.h.changed);
	f.bytes[11] ^= 1;
	iprig_own(&rig, &f, 0, f.size);
	ck_assert_mem_eq(rig.x.bytes + 10, "\0\0", 2);
}
END_TEST

START_TEST(a_wrong_checksum_becomes_zero_where_something_changes)
{
	struct frame f = WITH_OPTIONS("\x94\x04\x00\x00");

	f.bytes[10] ^= 0x40;
	iprig_own(&rig, &f, 0, f.size);
	ck_assert_mem_eq(rig.x.bytes + 10, "\0\0", 2);
	reopen(&iprig_kept);
	iprig_own(&rig, &f, 0, f.size);
	ck_assert_mem_eq(rig.x.bytes, f.bytes, f.size);
	ck_assert(!rig.h.changed);
}
END_TEST

START_TEST(recorded_addresses_are_replaced_and_free_slots_are_blanked)
{
	BECOMES("\x07\x0b\x08\xc0\x00\x02\x07\xc0\x00\x02\x08", /* one recorded */
	    "\x07\x0b\x08\xc0\x00\x02\x00\x00\x00\x00\x00");
	BECOMES("\x07\x0b\x0c\xc0\x00\x02\x07\xc0\x00\x02\x08", /* full */
	    "\x07\x0b\x0c\xc0\x00\x02\x00\xc0\x00\x02\x00");
	BECOMES("\x07\x0b\x04\xc0\x00\x02\x07\xc0\x00\x02\x08", /* empty */
	    "\x07\x0b\x04\x00\x00\x00\x00\x00\x00\x00\x00");
	BECOMES("\x07\x0b\x0a\xc0\x00\x02\x07\xc0\x00\x02\x08", /* between two slots */
	    "\x07\x0b\x0a\xc0\x00\x02\x00\x00\x00\x00\x00");
	BECOMES("\x07\x0b\x00\xc0\x00\x02\x07\xc0\x00\x02\x08", /* before them all */
	    "\x07\x0b\x00\x00\x00\x00\x00\x00\x00\x00\x00");
	BECOMES("\x07\x0a\xff\xc0\x00\x02\x07\xc0\x00\x02", /* a slot too short */
	    "\x07\x0a\xff\xc0\x00\x02\x00\x00\x00\x00");
	BECOMES("\x07\x0b\x0c\x0a\x00\x02\x07\xc0\x00\x02\x08", /* one exempt */
	    "\x07\x0b\x0c\x0a\x00\x02\x07\xc0\x00\x02\x00");
	BECOMES("\x07\x02\x07\x03\xff", "\x07\x02\x07\x03\xff"); /* no room at all */
	ck_assert_uint_eq(rig.h.dst_at, 16);
}
END_TEST

START_TEST(source_routes_are_addresses_whatever_their_pointer)
{
	static const uint8_t types[] = {131, 137};
	struct frame f;

	BECOMES("\x83\x0b\x04\xc0\x00\x02\x07\xc0\x00\x02\x08",
	    "\x83\x0b\x04\xc0\x00\x02\x00\xc0\x00\x02\x00");
	BECOMES("\x89\x0c\x0d\xc0\x00\x02\x07\xc0\x00\x02\x08\x63",
	    "\x89\x0c\x0d\xc0\x00\x02\x00\xc0\x00\x02\x00\x00");
	for (size_t i = 0; i < COUNT(types); i++) {
		f = WITH_OPTIONS("\x01\x83\x0b\x08\xc0\x00\x02\x07\xc0\x00\x02\x08");
		f.bytes[21] = types[i];
		iprig_own(&rig, &f, 0, f.size);
		ck_assert_uint_eq(rig.h.dst_at, 28);
		f.bytes[23] = 9; /* at no address that is whole */
		iprig_own(&rig, &f, 0, f.size);
		ck_assert_uint_eq(rig.h.dst_at, 16);
		f.bytes[23] = 12;
		iprig_own(&rig, &f, 0, f.size);
		ck_assert_uint_eq(rig.h.dst_at, 16);
		f.bytes[23] = 3;
		iprig_own(&rig, &f, 0, f.size);
		ck_assert_uint_eq(rig.h.dst_at, 16);
	}
	BECOMES("\x83\x06\x04\xc0\x00\x02", "\x83\x06\x04\x00\x00\x00"); /* no address */
	ck_assert_uint_eq(rig.h.dst_at, 16);
}
END_TEST

START_TEST(time_stamps_stay_and_the_addresses_beside_them_are_replaced)
{
	BECOMES("\x44\x0c\x0d\x00\x01\x02\x03\x04\x05\x06\x07\x08", /* no addresses */
	    "\x44\x0c\x0d\x00\x01\x02\x03\x04\x05\x06\x07\x08");
	BECOMES("\x44\x0c\x09\x00\x01\x02\x03\x04\x05\x06\x07\x08",
	    "\x44\x0c\x09\x00\x01\x02\x03\x04\x00\x00\x00\x00");
	BECOMES("\x44\x14\x0d\xf1\xc0\x00\x02\x07\x01\x02\x03\x04" /* one written */
		"\xc0\x00\x02\x08\x05\x06\x07\x08",
	    "\x44\x14\x0d\xf1\xc0\x00\x02\x00\x01\x02\x03\x04"
	    "\x00\x00\x00\x00\x00\x00\x00\x00");
	BECOMES("\x44\x14\x15\x01\xc0\x00\x02\x07\x01\x02\x03\x04" /* both */
		"\xc0\x00\x02\x08\x05\x06\x07\x08",
	    "\x44\x14\x15\x01\xc0\x00\x02\x00\x01\x02\x03\x04"
	    "\xc0\x00\x02\x00\x05\x06\x07\x08");
	BECOMES("\x44\x14\x0d\x03\xc0\x00\x02\x07\x01\x02\x03\x04" /* whoever will write */
		"\xc0\x00\x02\x08\x05\x06\x07\x08",
	    "\x44\x14\x0d\x03\xc0\x00\x02\x00\x01\x02\x03\x04"
	    "\xc0\x00\x02\x00\x05\x06\x07\x08");
	BECOMES("\x44\x08\x05\x02\xc0\x00\x02\x07", "\x44\x08\x00\x00\x00\x00\x00\x00");
	BECOMES("\x44\x08\x09\x05\x01\x02\x03\x04", "\x44\x08\x00\x00\x00\x00\x00\x00");
	BECOMES("\x44\x03\x05", "\x44\x03\x00");
}
END_TEST

START_TEST(unknown_options_are_blanked_behind_their_length)
{
	BECOMES("\x94\x04\x12\x34\x19\x08\x01\x02\x03\x04\x05\x06",
	    "\x94\x04\x12\x34\x19\x08\x01\x02\x03\x04\x05\x06");
	BECOMES("\x0b\x04\x12\x34\x0c\x04\x12\x34\x88\x04\x12\x34",
	    "\x0b\x04\x12\x34\x0c\x04\x12\x34\x88\x04\x12\x34");
	BECOMES("\x94\x08\x00\x00\xc0\x00\x02\x07", /* longer than one is */
	    "\x94\x08\x00\x00\x00\x00\x00\x00");
	BECOMES("\x52\x0c\x00\x01\x00\x01\x00\x01\xc0\x00\x02\x07", /* traceroute, RFC 1393 */
	    "\x52\x0c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00");
	BECOMES("\x82\x02\x01\x9e\x06\xc0\x00\x02\x07", "\x82\x02\x01\x9e\x06\x00\x00\x00\x00");
}
END_TEST

START_TEST(unknown_options_are_blanked_also_where_only_hardware_addresses_are_hidden)
{
	reopen(&iprig_macs);
	BECOMES("\x9e\x06\xc0\x00\x02\x07\x01", "\x9e\x06\x00\x00\x00\x00\x01");
	ck_assert(rig.h.changed);
	BECOMES("\x83\x0b\x04\xc0\x00\x02\x07\xc0\x00\x02\x08",
	    "\x83\x0b\x04\xc0\x00\x02\x07\xc0\x00\x02\x08");
	ck_assert(!rig.h.changed);
	ck_assert_mem_eq(rig.x.bytes + 12, "\xc0\x00\x02\x01\xc6\x33\x64\x02", 8);
}
END_TEST

START_TEST(options_stay_where_nothing_is_hidden)
{
	reopen(&iprig_kept);
	BECOMES("\x9e\x06\xc0\x00\x02\x07\x44\x08\x05\x02\xc0\x00\x02\x07\x07\x07\x04\x01\x02\x03"
		"\x04",
	    "\x9e\x06\xc0\x00\x02\x07\x44\x08\x05\x02\xc0\x00\x02\x07\x07\x07\x04\x01\x02\x03"
	    "\x04");
	ck_assert(!rig.h.changed);
}
END_TEST

START_TEST(padding_and_options_that_contradict_themselves_are_blanked_under_any_policy)
{
	static const struct policy *const policies[] = {&iprig_netblock, &iprig_macs, &iprig_kept};

	for (size_t i = 0; i < COUNT(policies); i++) {
		reopen(policies[i]);
		BECOMES("\x01\x00padding", "\x01\x00\0\0\0\0\0\0\0");
		ck_assert(rig.h.changed);
		BECOMES("\x01\x07\x00hidden", "\x01\0\0\0\0\0\0\0\0"); /* too short */
		ck_assert(rig.h.changed);
		BECOMES("\x01\x07\x01hidden", "\x01\0\0\0\0\0\0\0\0");
		BECOMES("\x94\x04\x01\x02\x9e\x05hi", "\x94\x04\x01\x02\0\0\0\0"); /* too long */
		BECOMES("\x83\xff\x04\xc0\x00\x02\x07\x01", "\0\0\0\0\0\0\0\0");
		ck_assert_uint_eq(rig.h.dst_at, 16);
		BECOMES("\x01\x01\x01\x83", "\x01\x01\x01\0"); /* without a length */
	}
	BECOMES("\x01\x00\x00\x00", "\x01\x00\x00\x00"); /* addresses are kept: nothing to do */
	ck_assert(!rig.h.changed);
}
END_TEST

START_TEST(a_quoted_header_may_end_anywhere)
{
	struct frame f = WITH_OPTIONS("\x07\x0b\x0c\xc0\x00\x02\x07\xc0\x00\x02\x08");

	for (uint32_t n = 0; n < 20; n++) {
		iprig_quoted(&rig, &f, 0, n);
		ck_assert_int_eq(rig.rv, -EBADMSG);
		ck_assert_uint_eq(rig.x.keep, 0);
	}
	for (uint32_t n = 20; n < 32; n++) {
		iprig_quoted(&rig, &f, 0, n);
		ck_assert_int_eq(rig.rv, -EBADMSG);
		ck_assert_uint_eq(rig.x.keep, 20);
		ck_assert_mem_eq(rig.x.bytes + 10, "\0\0\xc0\x00\x02\x00\xc6\x33\x64\x00", 10);
		ck_assert(rig.h.changed);
	}
	for (uint32_t n = 32; n <= f.size; n++) {
		iprig_quoted(&rig, &f, 0, n);
		ck_assert_int_eq(rig.rv, 0);
		ck_assert_uint_eq(rig.x.keep, n);
		ck_assert_uint_eq(rig.h.l4_off, 32);
		ck_assert_uint_eq(iprig_sum4(rig.x.bytes), 0xffff);
	}
}
END_TEST

START_TEST(a_quoted_header_may_be_none)
{
	struct frame f = WITH_OPTIONS("");

	f.bytes[6] = NOTHING; /* IPv6's next header */
	for (unsigned first = 0; first < 256; first++) {
		f.bytes[0] = (uint8_t)first;
		iprig_quoted(&rig, &f, 0, 40);
		if ((first >> 4 == 4 && (first & 0xf) >= 5 && (first & 0xf) <= 10) ||
		    first >> 4 == 6) {
			ck_assert_int_eq(rig.rv, 0);
			continue;
		}
		ck_assert_int_eq(rig.rv, -EBADMSG);
		ck_assert_uint_eq(rig.x.keep, first >> 4 == 4 && (first & 0xf) > 10 ? 20 : 0);
	}
}
END_TEST

START_TEST(fragments_are_told_apart)
{
	struct frame f = WITH_OPTIONS("\x94\x04\x00\x00");

	ipframe_set16(&f, 6, 0x2000);
	iprig_own(&rig, &f, 0, f.size);
	ck_assert_int_eq(rig.rv, 0);
	ck_assert(rig.h.fragment);
	ck_assert_uint_eq(rig.h.frag_off, 0);
	ipframe_set16(&f, 6, 0x1fff);
	iprig_own(&rig, &f, 0, f.size);
	ck_assert_int_eq(rig.rv, 0);
	ck_assert(rig.h.fragment);
	ck_assert_uint_eq(rig.h.frag_off, 0x1fff * 8);
	ck_assert_uint_eq(rig.h.proto, DECODE_TCP);
	ck_assert_uint_eq(rig.h.l4_off, 24);
	ipframe_set16(&f, 6, 0xc000); /* reserved, don't fragment */
	iprig_own(&rig, &f, 0, f.size);
	ck_assert(!rig.h.fragment);
}
END_TEST

START_TEST(a_later_fragment_whose_options_were_not_captured_is_cut_before_them)
{
	struct frame f = WITH_OPTIONS("\x07\x0b\x0c\xc0\x00\x02\x07\xc0\x00\x02\x08");

	ipframe_set16(&f, 6, 0x0001);
	iprig_mend4(&f, 0);
	for (uint32_t n = 20; n < 32; n++) {
		iprig_own(&rig, &f, 0, n);
		ck_assert_int_eq(rig.rv, -EBADMSG);
		ck_assert_uint_eq(rig.x.keep, 20);
		ck_assert_mem_eq(rig.x.bytes + 10, "\0\0\xc0\x00\x02\x00\xc6\x33\x64\x00", 10);
		ck_assert(rig.h.fragment);
	}
	f.bytes[9] = AH; /* what follows is in the middle of it */
	iprig_own(&rig, &f, 0, f.size);
	ck_assert_int_eq(rig.rv, 0);
	ck_assert_uint_eq(rig.h.l4_off, 32);
	ck_assert_mem_eq(rig.x.bytes + 32, f.bytes + 32, f.size - 32);
}
END_TEST

static struct frame authenticated(void)
{
	struct frame f = {.size = 0};

	ipframe_put_ipv4(&f, AH);
	ipframe_put_ah(&f, DECODE_TCP);
	ipframe_put_tcp(&f);
	ipframe_finish(&f, 0);
	iprig_mend4(&f, 0);
	return f;
}

START_TEST(the_check_value_of_an_authentication_header_is_blanked)
{
	struct frame f = authenticated();

	iprig_own(&rig, &f, 0, f.size);
	ck_assert_int_eq(rig.rv, 0);
	ck_assert_uint_eq(rig.h.l4_off, 44);
	ck_assert_uint_eq(rig.h.proto, DECODE_TCP);
	ck_assert_mem_eq(rig.x.bytes + 20, f.bytes + 20, 12);
	ck_assert_mem_eq(rig.x.bytes + 32, "\0\0\0\0\0\0\0\0\0\0\0", 12);
	ck_assert_mem_eq(rig.x.bytes + 44, f.bytes + 44, f.size - 44);
	reopen(&iprig_macs); /* no byte of IPv4's header changes: nor does its checksum */
	f.bytes[10] ^= 0x40;
	iprig_own(&rig, &f, 0, f.size);
	ck_assert(rig.h.changed);
	ck_assert_mem_eq(rig.x.bytes, f.bytes, 32);
	reopen(&iprig_kept);
	iprig_own(&rig, &f, 0, f.size);
	ck_assert(!rig.h.changed);
	ck_assert_mem_eq(rig.x.bytes, f.bytes, f.size);
}
END_TEST

START_TEST(a_quoted_authentication_header_that_is_not_whole_is_cut)
{
	struct frame f = authenticated();

	for (uint32_t n = 20; n < 44; n++) {
		iprig_quoted(&rig, &f, 0, n);
		ck_assert_int_eq(rig.rv, -EBADMSG);
		ck_assert_uint_eq(rig.x.keep, 20);
		ck_assert_uint_eq(iprig_sum4(rig.x.bytes), 0xffff);
	}
	iprig_quoted(&rig, &f, 0, 44);
	ck_assert_int_eq(rig.rv, 0);
	f.bytes[21] = 0; /* 8 bytes: what would be a check value belongs to what follows */
	iprig_quoted(&rig, &f, 0, f.size);
	ck_assert_uint_eq(rig.h.l4_off, 28);
	ck_assert_mem_eq(rig.x.bytes + 20, f.bytes + 20, f.size - 20);
}
END_TEST

static Suite *scrub_ip_suite(void)
{
	Suite *s = suite_create("packet/scrub_ip");
	TCase *t = tcase_create("ipv4");

	tcase_add_checked_fixture(t, open_netblock, close_rig);
	tcase_add_test(t, both_ends_are_replaced_and_the_checksum_is_right_for_them);
	tcase_add_test(t, an_end_that_is_exempt_stays);
	tcase_add_test(t, what_was_decided_for_a_flow_goes_for_its_packets);
	tcase_add_test(t, a_header_counts_as_changed_even_if_no_bit_of_it_is);
	tcase_add_test(t, a_wrong_checksum_becomes_zero_where_something_changes);
	tcase_add_test(t, recorded_addresses_are_replaced_and_free_slots_are_blanked);
	tcase_add_test(t, source_routes_are_addresses_whatever_their_pointer);
	tcase_add_test(t, time_stamps_stay_and_the_addresses_beside_them_are_replaced);
	tcase_add_test(t, unknown_options_are_blanked_behind_their_length);
	tcase_add_test(
	    t, unknown_options_are_blanked_also_where_only_hardware_addresses_are_hidden);
	tcase_add_test(t, options_stay_where_nothing_is_hidden);
	tcase_add_test(
	    t, padding_and_options_that_contradict_themselves_are_blanked_under_any_policy);
	tcase_add_test(t, a_quoted_header_may_end_anywhere);
	tcase_add_test(t, a_quoted_header_may_be_none);
	tcase_add_test(t, fragments_are_told_apart);
	tcase_add_test(t, a_later_fragment_whose_options_were_not_captured_is_cut_before_them);
	tcase_add_test(t, the_check_value_of_an_authentication_header_is_blanked);
	tcase_add_test(t, a_quoted_authentication_header_that_is_not_whole_is_cut);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(scrub_ip_suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
