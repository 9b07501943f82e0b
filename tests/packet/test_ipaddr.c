/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of packet/ipaddr: addresses that stand for others, and their texts. */
#include <check.h>
#include <stdlib.h>

#include "packet/ipaddr.h"

static const uint8_t v4[16] = {192, 0, 2, 1};
static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, 192, 0, 2, 1};

START_TEST(an_ipv4_address_is_mapped_and_unmapped)
{
	uint8_t addr[16];

	memset(addr, 0xee, sizeof(addr));
	ipaddr_map(v4, addr);
	ck_assert_mem_eq(addr, mapped, 16);
	ck_assert(ipaddr_is_mapped(addr));
	ipaddr_unmap(addr);
	ck_assert_mem_eq(addr, v4, 16);
}
END_TEST

START_TEST(no_bit_of_the_prefix_may_be_another)
{
	for (int bit = 0; bit < 8 * IPADDR_MAPPED_BYTES; bit++) {
		uint8_t addr[16];

		memcpy(addr, mapped, sizeof(addr));
		addr[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert(!ipaddr_is_mapped(addr));
	}
	ck_assert(!ipaddr_is_mapped(v4));
}
END_TEST

START_TEST(texts_of_both_families_are_read)
{
	static const uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
	uint8_t addr[16];

	memset(addr, 0xee, sizeof(addr));
	ck_assert_uint_eq(ipaddr_parse("192.0.2.1", addr), 4);
	ck_assert_mem_eq(addr, v4, 16);
	ck_assert_uint_eq(ipaddr_parse("2001:db8::1", addr), 6);
	ck_assert_mem_eq(addr, v6, 16);
	ck_assert_uint_eq(ipaddr_parse("::ffff:192.0.2.1", addr), 6);
	ck_assert_mem_eq(addr, mapped, 16);
}
END_TEST

START_TEST(what_is_no_address_is_refused)
{
	static const char *const texts[] = {
	    "", "192.0.2", "192.0.2.256", "192.0.2.1 ", "192.0.2.1/24", "2001:db8", ":", "host"};
	uint8_t addr[16];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_uint_eq(ipaddr_parse(texts[i], addr), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ipaddr");
	TCase *t = tcase_create("ipaddr");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(t, an_ipv4_address_is_mapped_and_unmapped);
	tcase_add_test(t, no_bit_of_the_prefix_may_be_another);
	tcase_add_test(t, texts_of_both_families_are_read);
	tcase_add_test(t, what_is_no_address_is_refused);
	suite_add_tcase(suite, t);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
