/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the bytes of pcap files as we write them, spelled out.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "pcapfile/pcapfmt.h"

START_TEST(the_file_header_is_these_24_bytes)
{
	static const uint8_t want[] = {0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	    0, 0, 4, 0, 0x71, 0, 0, 0, 0xee};
	uint8_t buf[25];

	memset(buf, 0xee, sizeof(buf)); /* the last byte stays */
	pcapfmt_file_header(113, buf);
	ck_assert_mem_eq(buf, want, sizeof(want));
	pcapfmt_file_header(0x12345678, buf);
	ck_assert_uint_eq(pcapfmt_get_le32(buf + 20), 0x12345678);
}
END_TEST

START_TEST(a_record_header_is_these_16_bytes)
{
	static const uint8_t want[] = {
	    0x78, 0x56, 0x34, 0x12, 0xff, 0xc9, 0x9a, 0x3b, 96, 0, 0, 0, 0xdc, 5, 0, 0, 0xee};
	struct packet p = {
	    .ts_ns = INT64_C(0x12345678) * 1000000000 + 999999999, .caplen = 100, .origlen = 1500};
	uint8_t buf[17];

	memset(buf, 0xee, sizeof(buf));
	pcapfmt_record_header(&p, 96, buf);
	ck_assert_mem_eq(buf, want, sizeof(want));
}
END_TEST

START_TEST(times_from_1970_to_2106_fit_and_no_others)
{
	int64_t last = INT64_C(4294967295) * 1000000000 + 999999999;
	struct packet p = {.ts_ns = last, .caplen = 262144, .origlen = UINT32_MAX};
	uint8_t buf[16];

	ck_assert(pcapfmt_time_fits(0));
	ck_assert(pcapfmt_time_fits(last));
	ck_assert(!pcapfmt_time_fits(-1));
	ck_assert(!pcapfmt_time_fits(last + 1));
	ck_assert(!pcapfmt_time_fits(INT64_MIN));
	ck_assert(!pcapfmt_time_fits(INT64_MAX));
	pcapfmt_record_header(&p, 262144, buf);
	ck_assert_uint_eq(pcapfmt_get_le32(buf), UINT32_MAX);
	ck_assert_uint_eq(pcapfmt_get_le32(buf + 4), 999999999);
	ck_assert_uint_eq(pcapfmt_get_le32(buf + 8), 262144);
	ck_assert_uint_eq(pcapfmt_get_le32(buf + 12), UINT32_MAX);
}
END_TEST

START_TEST(numbers_are_little_endian_at_any_address)
{
	uint8_t buf[8] = {0};

	for (size_t at = 0; at < 4; at++) {
		pcapfmt_put_le32(buf + at, 0xa1b2c3d4u);
		ck_assert_uint_eq(buf[at], 0xd4);
		ck_assert_uint_eq(buf[at + 3], 0xa1);
		ck_assert_uint_eq(pcapfmt_get_le32(buf + at), 0xa1b2c3d4u);
	}
}
END_TEST

static Suite *pcapfmt_suite(void)
{
	Suite *s = suite_create("pcapfmt");
	TCase *t = tcase_create("pcapfmt");

	tcase_add_test(t, the_file_header_is_these_24_bytes);
	tcase_add_test(t, a_record_header_is_these_16_bytes);
	tcase_add_test(t, times_from_1970_to_2106_fit_and_no_others);
	tcase_add_test(t, numbers_are_little_endian_at_any_address);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(pcapfmt_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
