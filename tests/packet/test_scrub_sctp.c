/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of packet/scrub_sctp, and of packet/scrub_ports. Chunks lie in memory of their exact size,
 * behind bytes that must stay, and are scrubbed twice: the second time nothing may be cut.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "packet/scrub_private.h"
#include "support/random.h"

enum { LEAD = 4 };

/* Bytes that are left of n, LEAD and all. */
static uint32_t scrub_once(const uint8_t *in, uint32_t n)
{
	struct scrubbing x = {.keep = n, .hides = true};
	bool cut;

	x.bytes = malloc(n);
	ck_assert(n == 0 || x.bytes != NULL);
	memcpy(x.bytes, in, n);
	cut = scrub_sctp(&x, LEAD);
	ck_assert_uint_le(x.keep, n);
	ck_assert(cut == (x.keep < n));
	ck_assert_mem_eq(x.bytes, in, n);
	free(x.bytes);
	return x.keep;
}

static uint32_t scrub(const uint8_t *in, uint32_t n)
{
	uint32_t keep = scrub_once(in, n);

	ck_assert_uint_eq(scrub_once(in, keep), keep);
	ck_assert_uint_ge(keep, n < LEAD ? n : LEAD);
	return keep;
}

#define SIZE(literal)  ((uint32_t)sizeof(literal) - 1)
#define SCRUB(literal) (scrub((const uint8_t *)"LEAD" literal, LEAD + SIZE(literal)) - LEAD)

#define DATA      "\x00\x03\x00\x15TSN1STSNPPIDabcde\0\0\0" /* 21 bytes, padded to 24 */
#define SACK      "\x03\x00\x00\x18TSN1RWND\x00\x01\x00\x01\x00\x02\x00\x03TSN9"
#define SHUTDOWN  "\x07\x00\x00\x08TSN1"
#define INIT      "\x01\x00\x00\x1cTAG1RWND\x00\x0a\x00\x0aTSN1\x00\x05\x00\x08\xc0\x00\x02\x01"
#define HEARTBEAT "\x04\x00\x00\x0c\x00\x01\x00\x08\xc0\x00\x02\x01"

START_TEST(chunks_that_hold_no_address_stay)
{
	ck_assert_uint_eq(SCRUB(DATA SACK DATA SHUTDOWN), 24 + 24 + 24 + 8);
	ck_assert_uint_eq(SCRUB("\x08\x00\x00\x04"), 4);
	ck_assert_uint_eq(SCRUB("\x0b\x00\x00\x04" DATA), 28);
	ck_assert_uint_eq(SCRUB("\x0c\x00\x00\x08TSN1\x0d\x00\x00\x08TSN1" DATA), 40);
	ck_assert_uint_eq(SCRUB("\x0e\x01\x00\x04"), 4);
	ck_assert_uint_eq(SCRUB("\x40\x03\x00\x15TSN1SIrsMID1PPIDa\0\0\0"), 24);
	ck_assert_uint_eq(SCRUB("\xc0\x00\x00\x0cTSN1\x00\x01\x00\x02" DATA), 36);
	ck_assert_uint_eq(SCRUB("\xc2\x00\x00\x10TSN1\x00\x01\x00\x00MID1" DATA), 40);
	ck_assert_uint_eq(SCRUB(""), 0);
}
END_TEST

START_TEST(from_the_first_other_chunk_on_all_is_cut)
{
	ck_assert_uint_eq(SCRUB(INIT), 0);
	ck_assert_uint_eq(SCRUB(HEARTBEAT DATA), 0);
	ck_assert_uint_eq(SCRUB(DATA HEARTBEAT DATA), 24);
	ck_assert_uint_eq(SCRUB(SACK SHUTDOWN INIT), 32);
}
END_TEST

START_TEST(of_all_types_eleven_stay)
{
	static const uint8_t stay[] = {0, 3, 7, 8, 11, 12, 13, 14, 64, 192, 194};
	uint8_t in[LEAD + 60] = "LEAD";

	for (unsigned type = 0; type < 256; type++) {
		uint32_t kept = 0;

		in[LEAD] = (uint8_t)type;
		for (uint8_t size = 0; size <= 60; size++) {
			in[LEAD + 3] = size;
			kept += scrub(in, LEAD + 60) > LEAD;
		}
		ck_assert((kept > 0) == (memchr(stay, (int)type, sizeof stay) != NULL));
	}
}
END_TEST

START_TEST(a_chunk_of_a_length_that_it_cannot_have_is_cut)
{
	ck_assert_uint_eq(SCRUB(DATA "\x00\x03\x00\x00TSN1STSNPPID"), 24);
	ck_assert_uint_eq(SCRUB(DATA "\x00\x03\x00\x03TSN1STSNPPID"), 24);
	ck_assert_uint_eq(SCRUB(DATA "\x00\x03\x00\x0fTSN1STSNPPID"), 24);
	ck_assert_uint_eq(SCRUB(DATA "\x03\x00\x00\x0fTSN1RWND\0\0\0\0"), 24);
	ck_assert_uint_eq(SCRUB(DATA "\x40\x03\x00\x13TSN1SIrsMID1PPI"), 24);
	ck_assert_uint_eq(SCRUB(DATA "\xc0\x00\x00\x07TSN1"), 24);
	/* Nor may those of one length have another. */
	ck_assert_uint_eq(SCRUB(DATA "\x07\x00\x00\x0cTSN1\xc0\x00\x02\x01"), 24);
	ck_assert_uint_eq(SCRUB(DATA "\x0b\x00\x00\x08\xc0\x00\x02\x01"), 24);
	ck_assert_uint_eq(SCRUB(DATA "\x0e\x00\x00\x08\xc0\x00\x02\x01"), 24);
}
END_TEST

START_TEST(a_chunk_that_was_captured_in_part_stays_if_its_type_may)
{
	static const uint8_t good[] = "LEAD" SACK SHUTDOWN DATA;
	static const uint8_t bad[] = "LEAD" SACK HEARTBEAT DATA;

	for (uint32_t n = 0; n < sizeof good; n++)
		ck_assert_uint_eq(scrub(good, n), n);
	for (uint32_t n = 0; n < sizeof bad; n++)
		ck_assert_uint_eq(scrub(bad, n), n < LEAD + 24 ? n : LEAD + 24);
}
END_TEST

START_TEST(random_chunks_are_scrubbed_once_and_for_all)
{
	static const uint8_t types[] = {0, 0, 0, 3, 3, 7, 8, 11, 12, 13, 14, 64, 192, 194, 1, 4, 6};
	struct random r = {.state = 9};
	uint8_t in[LEAD + 120];

	for (int round = 0; round < 30000; round++) {
		random_fill(&r, in, sizeof in);
		for (uint32_t at = LEAD; at + 4 <= sizeof in; at += (in[at + 3] + 3u) & ~3u) {
			in[at] = types[random_below(&r, sizeof types)];
			in[at + 2] = 0;
			in[at + 3] = (uint8_t)(4 + random_below(&r, 28));
		}
		(void)scrub(in, (uint32_t)random_below(&r, sizeof in + 1));
	}
}
END_TEST

/* ---- packet/scrub_ports ---- */

START_TEST(tunnels_and_what_assigns_addresses_are_known_by_either_port)
{
	static const uint16_t ports[] = {67, 68, 500, 520, 521, 546, 547, 1701, 2123, 2152, 2268,
	    3386, 3478, 3544, 4341, 4342, 4500, 4754, 4789, 4790, 5246, 5247, 5351, 6080, 6081,
	    6635, 6636, 8472, 8805};

	for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
		ck_assert(scrub_hides_behind(ports[i], 40000));
		ck_assert(scrub_hides_behind(40000, ports[i]));
		ck_assert(scrub_hides_behind(ports[i], ports[i]));
	}
}
END_TEST

START_TEST(applications_and_ports_given_out_by_chance_are_not)
{
	static const uint16_t ports[] = {
	    0, 7, 53, 69, 123, 161, 443, 514, 1194, 1900, 3784, 5060, 5353, 5355, 11211, 27015};

	for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++)
		ck_assert(!scrub_hides_behind(ports[i], 40000));
	for (unsigned port = 32768; port < 65536; port++)
		ck_assert(!scrub_hides_behind((uint16_t)port, 443));
}
END_TEST

static Suite *scrub_sctp_suite(void)
{
	Suite *s = suite_create("scrub_sctp");
	TCase *t = tcase_create("chunks");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, chunks_that_hold_no_address_stay);
	tcase_add_test(t, from_the_first_other_chunk_on_all_is_cut);
	tcase_add_test(t, of_all_types_eleven_stay);
	tcase_add_test(t, a_chunk_of_a_length_that_it_cannot_have_is_cut);
	tcase_add_test(t, a_chunk_that_was_captured_in_part_stays_if_its_type_may);
	tcase_add_test(t, random_chunks_are_scrubbed_once_and_for_all);
	suite_add_tcase(s, t);
	t = tcase_create("ports");
	tcase_add_test(t, tunnels_and_what_assigns_addresses_are_known_by_either_port);
	tcase_add_test(t, applications_and_ports_given_out_by_chance_are_not);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(scrub_sctp_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
