/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the pcapng blocks that we write: their bytes spelled out, and what our own reader makes
 * of them.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "captest.h"
#include "pcapfile/pcapngfmt.h"
#include "support/quick.h"

START_TEST(a_section_is_these_bytes)
{
	static const uint8_t want[] = {0x0a, 0x0d, 0x0d, 0x0a, 52, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a,
	    1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, /* what made it */ 4, 0, 3, 0, 'f',
	    'o', 'o', 0, /* a comment */ 1, 0, 8, 0, 'o', 'f', ' ', 'i', 't', 's', ' ', 'o', 0, 0,
	    0, 0, 52, 0, 0, 0};
	uint8_t buf[PCAPNGFMT_SECTION_MAX];

	memset(buf, 0xee, sizeof(buf));
	ck_assert_uint_eq(pcapngfmt_section("foo", "of its o", buf), sizeof(want));
	ck_assert_mem_eq(buf, want, sizeof(want));
	ck_assert_uint_eq(buf[sizeof(want)], 0xee);
}
END_TEST

START_TEST(a_section_without_texts_has_no_options)
{
	uint8_t buf[PCAPNGFMT_SECTION_MAX];

	ck_assert_uint_eq(pcapngfmt_section("", "", buf), 28);
	ck_assert_uint_eq(buf[4], 28);
	ck_assert_uint_eq(buf[24], 28);
}
END_TEST

START_TEST(an_interface_is_these_bytes)
{
	static const uint8_t want[] = {1, 0, 0, 0, 40, 0, 0, 0, 101, 0, 0, 0, 0, 0, 4, 0,
	    /* name */ 2, 0, 4, 0, 'e', 't', 'h', '0', /* nanoseconds */ 9, 0, 1, 0, 9, 0, 0, 0,
	    /* end */ 0, 0, 0, 0, 40, 0, 0, 0};
	uint8_t buf[PCAPNGFMT_INTERFACE_MAX];

	memset(buf, 0xee, sizeof(buf));
	ck_assert_uint_eq(pcapngfmt_interface(101, "eth0", buf), sizeof(want));
	ck_assert_mem_eq(buf, want, sizeof(want));
	ck_assert_uint_eq(buf[sizeof(want)], 0xee);
	ck_assert_uint_eq(pcapngfmt_interface(101, "", buf), sizeof(want) - 8);
	ck_assert(pcapngfmt_linktype_fits(65535) && !pcapngfmt_linktype_fits(65536));
}
END_TEST

START_TEST(a_packet_is_these_bytes)
{
	static const uint8_t want[] = {6, 0, 0, 0, 60, 0, 0, 0, 3, 0, 0, 0, /* time: halves */ 4, 3,
	    2, 1, 8, 7, 6, 5, 5, 0, 0, 0, 0xdc, 5, 0, 0, 'h', 'e', 'l', 'l', 'o', 0, 0, 0, 1, 0, 1,
	    0, 'x', 0, 0, 0, 1, 0, 4, 0, 'f', 'o', 'u', 'r', 0, 0, 0, 0, 60, 0, 0, 0};
	const struct packet p = {.ts_ns = 0x0102030405060708,
	    .caplen = 5,
	    .origlen = 1500,
	    .interface = 3,
	    .data = (const uint8_t *)"hello"};
	const char *comments[] = {"x", "four"};
	uint8_t buf[80];

	memset(buf, 0xee, sizeof(buf));
	ck_assert_uint_eq(pcapngfmt_packet_bytes(5, comments, 2), sizeof(want));
	ck_assert_uint_eq(pcapngfmt_packet(&p, comments, 2, buf), sizeof(want));
	ck_assert_mem_eq(buf, want, sizeof(want));
	ck_assert_uint_eq(buf[sizeof(want)], 0xee);
	ck_assert_uint_eq(pcapngfmt_packet(&p, NULL, 0, buf), 40);
}
END_TEST

START_TEST(a_text_that_is_too_long_is_cut)
{
	static char text[3 * PCAPNGFMT_TEXT_MAX];
	const char *comments[] = {text, text};
	const struct packet p = {.caplen = 0};
	uint8_t *buf = malloc(PCAPNGFMT_SECTION_MAX);

	memset(text, 'x', sizeof(text) - 1);
	ck_assert_uint_le(pcapngfmt_section(text, text, buf), PCAPNGFMT_SECTION_MAX);
	ck_assert_uint_le(pcapngfmt_interface(1, text, buf), PCAPNGFMT_INTERFACE_MAX);
	free(buf);
	buf = malloc(pcapngfmt_packet_bytes(0, comments, 2));
	ck_assert_uint_eq(
	    pcapngfmt_packet(&p, comments, 2, buf), pcapngfmt_packet_bytes(0, comments, 2));
	free(buf);
}
END_TEST

/* Packet n of captest, with comments of different lengths. */
static void put_packet(struct image *f, unsigned n, uint32_t interface)
{
	char text[3][8] = {"", "one", "second"};
	const char *comments[] = {text[n % 3], text[(n + 1) % 3]};
	struct image bytes = {0};
	struct packet p = {.ts_ns = INT64_C(1500000000123456789) + n,
	    .caplen = n * 7,
	    .origlen = n * 7 + 9,
	    .interface = interface};
	uint8_t block[1024];

	image_put_packet(&bytes, n, p.caplen);
	p.data = bytes.bytes;
	quick_assert(pcapngfmt_packet_bytes(p.caplen, comments, n % 3) <= sizeof(block));
	image_put(f, block, pcapngfmt_packet(&p, comments, n % 3, block));
	image_free(&bytes);
}

START_TEST(what_was_written_is_read_back)
{
	uint8_t block[PCAPNGFMT_SECTION_MAX];
	const struct reading *r;
	struct image f = {0};

	image_put(&f, block, pcapngfmt_section("flowkeep", "50 packets", block));
	image_put(&f, block, pcapngfmt_interface(1, "eth0", block));
	image_put(&f, block, pcapngfmt_interface(101, "", block));
	for (unsigned n = 0; n < 50; n++)
		put_packet(&f, n, n % 2);
	r = read_image(&f);
	ck_assert_int_eq(r->result, 0);
	ck_assert_str_eq(r->error, "");
	ck_assert_uint_eq(r->skipped, 0);
	ck_assert_uint_eq(r->packets, 50);
	for (unsigned n = 0; n < 50; n++) {
		ck_assert_int_eq(r->packet[n].ts_ns, INT64_C(1500000000123456789) + n);
		ck_assert_uint_eq(r->packet[n].caplen, n * 7);
		ck_assert_uint_eq(r->packet[n].origlen, n * 7 + 9);
		ck_assert_uint_eq(r->packet[n].linktype, n % 2 == 0 ? 1 : 101);
		ck_assert_uint_eq(r->packet[n].interface, n % 2);
		ck_assert(n == 0 || r->packet[n].number == n);
	}
	ck_assert_str_eq(r->name[0], "eth0");
	ck_assert_str_eq(r->name[1], "(none)");
	image_free(&f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pcapfile/pcapngfmt");
	TCase *bytes = tcase_create("bytes");
	SRunner *runner;
	int failed;

	tcase_add_test(bytes, a_section_is_these_bytes);
	tcase_add_test(bytes, a_section_without_texts_has_no_options);
	tcase_add_test(bytes, an_interface_is_these_bytes);
	tcase_add_test(bytes, a_packet_is_these_bytes);
	tcase_add_test(bytes, a_text_that_is_too_long_is_cut);
	tcase_add_test(bytes, what_was_written_is_read_back);
	suite_add_tcase(suite, bytes);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
