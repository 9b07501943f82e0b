/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of AES-128 against the published values of FIPS 197 and SP 800-38A, and of derived keys. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "packet/aes128.h"

/* FIPS 197, appendix C.1 */
static const uint8_t fips_key[16] = {
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f};
static const uint8_t fips_plain[16] = {
    0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
static const uint8_t fips_sealed[16] = {
    0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30, 0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4, 0xc5, 0x5a};

START_TEST(a_block_becomes_what_the_standard_says)
{
	struct aes128 *a;
	uint8_t sealed[16];

	ck_assert_int_eq(aes128_new(fips_key, &a), 0);
	aes128_encrypt(a, fips_plain, sizeof(fips_plain), sealed);
	ck_assert_mem_eq(sealed, fips_sealed, sizeof(sealed));
	aes128_free(a);
}
END_TEST

START_TEST(blocks_do_not_depend_on_each_other_nor_on_calls_before)
{
	struct aes128 *a;
	uint8_t blocks[3][16] = {{0}, {1, 2, 3}, {0}};

	memcpy(blocks[2], fips_plain, 16);
	ck_assert_int_eq(aes128_new(fips_key, &a), 0);
	aes128_encrypt(a, blocks, sizeof(blocks), blocks); /* in place */
	ck_assert_mem_eq(blocks[2], fips_sealed, 16);
	memcpy(blocks[0], fips_plain, 16);
	aes128_encrypt(a, blocks[0], 16, blocks[1]);
	ck_assert_mem_eq(blocks[1], fips_sealed, 16);
	ck_assert_mem_eq(blocks[0], fips_plain, 16);
	aes128_free(a);
}
END_TEST

/* RFC 4231, test case 2 */
START_TEST(a_derived_key_is_the_beginning_of_the_mac_over_its_label)
{
	static const uint8_t want[16] = {0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04,
	    0x24, 0x26, 0x08, 0x95, 0x75, 0xc7};
	uint8_t got[AES128_KEY_BYTES];

	ck_assert_int_eq(
	    aes128_derive_key((const uint8_t *)"Jefe", 4, "what do ya want for nothing?", got), 0);
	ck_assert_mem_eq(got, want, sizeof(got));
}
END_TEST

START_TEST(freeing_nothing_is_fine)
{
	aes128_free(NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("aes128");
	TCase *t = tcase_create("values");
	SRunner *runner;
	int failed;

	tcase_add_test(t, a_block_becomes_what_the_standard_says);
	tcase_add_test(t, blocks_do_not_depend_on_each_other_nor_on_calls_before);
	tcase_add_test(t, a_derived_key_is_the_beginning_of_the_mac_over_its_label);
	tcase_add_test(t, freeing_nothing_is_fine);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
