/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of packets of which only a part is there: fragments, and what was captured in part. Their
 * checksum is a sum over bytes that are somewhere else, or nowhere: it tells what was hidden in
 * those, though nothing of what is there had to be hidden.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "scrubrig.h"

enum { NET = 14, L4 = NET + 20, MORE = 0x2000 };

static struct scrubrig rig;

static void open_rig(void)
{
	static const struct policy netblock = {
	    .addresses = ADDRESSES_NETBLOCK, .v4_bits = 24, .v6_bits = 48};

	scrubrig_open(&rig, &netblock, NULL);
}

static void close_rig(void)
{
	scrubrig_close(&rig);
}

/* An IPv4 packet in Ethernet with `n` bytes behind its header, which have a checksum at sum_at. */
static void begin(struct frame *f, uint8_t proto, const void *segment, uint32_t n, uint16_t where)
{
	f->size = 0;
	PUT(f, "\x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01\x08\x00");
	ipframe_put_ipv4(f, proto);
	ipframe_put(f, segment, n);
	ipframe_set16(f, NET + 2, 20 + n);
	ipframe_set16(f, NET + 6, where);
}

/* Fails unless the checksum is gone, but the bytes before it are there. */
static void assert_gone(uint32_t sum_at, uint32_t size)
{
	static const uint8_t zeros[4];

	ck_assert_uint_ge(rig.kept_len, L4 + sum_at + size);
	ck_assert_uint_eq(rig.kept[L4], rig.raw[L4]);
	ck_assert_mem_eq(rig.kept + L4 + sum_at, zeros, size);
}

static void run(const struct frame *f, uint32_t caplen, unsigned exempt)
{
	struct packet p = {.caplen = caplen, .origlen = f->size, .linktype = ETHERNET};

	ck_assert(scrubrig_run(&rig, f->bytes, &p, exempt));
}

START_TEST(an_icmp_error_that_ends_before_its_quote_keeps_no_sum_over_it)
{
	static const uint8_t types[] = {3, 4, 11, 12}, quote[28] = {0x45, [9] = 17};
	uint8_t error[36] = {0, 1, 0x12, 0x34};
	struct frame f;

	for (size_t i = 0; i < sizeof(types); i++) {
		error[0] = types[i];
		memcpy(error + 8, quote, sizeof(quote));
		begin(&f, DECODE_ICMP, error, 8, MORE); /* the quote is in the next one */
		run(&f, f.size, 0);
		assert_gone(2, 2);
		begin(&f, DECODE_ICMP, error, sizeof(error), 0);
		for (uint32_t n = 4; n <= 8; n++) {
			run(&f, L4 + n, 0);
			assert_gone(2, 2);
		}
	}
}
END_TEST

START_TEST(a_router_advertisement_without_its_routers_keeps_no_sum_over_them)
{
	static const uint8_t advertisement[8] = {9, 0, 0x12, 0x34, 1, 2, 7, 8};
	struct frame f;

	begin(&f, DECODE_ICMP, advertisement, sizeof(advertisement), MORE);
	run(&f, f.size, 0);
	assert_gone(2, 2);
}
END_TEST

START_TEST(a_first_fragment_keeps_no_sum_over_later_ones_that_are_cut)
{
	static const uint8_t echo[16] = {8, 0, 0x12, 0x34, 0, 1, 0, 1, 'd', 'a', 't', 'a'};
	static const uint8_t sctp[32] = {
	    0x13, 0x88, 0x17, 0x70, 1, 1, 1, 1, 0x12, 0x34, 0x56, 0x78, 0, 3, 0, 40};
	struct frame f;

	begin(&f, DECODE_ICMP, echo, sizeof(echo), MORE);
	run(&f, f.size, 0);
	assert_gone(2, 2);
	begin(&f, DECODE_SCTP, sctp, sizeof(sctp), MORE);
	run(&f, f.size, 0);
	assert_gone(8, 4);
}
END_TEST

/* Both ends may be told; but not who it was that a load balancer names in an option. */
START_TEST(between_ends_that_are_exempt_options_out_of_sight_leave_no_sum)
{
	static const uint8_t tcp[24] = {
	    1, 2, 3, 4, [12] = 0x80, 0x10, 4, 0, 0x12, 0x34, [20] = 1, 1, 1, 1};
	static const uint8_t vxlan[8] = {1, 2, 0x12, 0xb5, 0, 80, 0x12, 0x34}; /* to 4789 */
	struct frame f;

	begin(&f, DECODE_TCP, tcp, sizeof(tcp), MORE);
	run(&f, f.size, SCRUB_SRC_EXEMPT | SCRUB_DST_EXEMPT);
	assert_gone(16, 2);
	begin(&f, DECODE_UDP, vxlan, sizeof(vxlan), MORE);
	run(&f, f.size, SCRUB_SRC_EXEMPT | SCRUB_DST_EXEMPT);
	assert_gone(6, 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("scrub: parts");
	TCase *t = tcase_create("parts");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(t, open_rig, close_rig);
	tcase_add_test(t, an_icmp_error_that_ends_before_its_quote_keeps_no_sum_over_it);
	tcase_add_test(t, a_router_advertisement_without_its_routers_keeps_no_sum_over_them);
	tcase_add_test(t, a_first_fragment_keeps_no_sum_over_later_ones_that_are_cut);
	tcase_add_test(t, between_ends_that_are_exempt_options_out_of_sight_leave_no_sum);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
