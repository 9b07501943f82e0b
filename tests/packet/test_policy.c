/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the policy's words: what users write, and what a record says.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "packet/policy.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* What a field must not be left at, nor be changed to by a refusal. */
static const struct policy untouched = {.payload = PAYLOAD_ZERO,
    .payload_bytes = 77,
    .addresses = ADDRESSES_NETBLOCK,
    .v4_bits = 9,
    .v6_bits = 99,
    .macs = true};

static void assert_same(const struct policy *a, const struct policy *b)
{
	ck_assert_int_eq(a->payload, b->payload);
	ck_assert_uint_eq(a->payload_bytes, b->payload_bytes);
	ck_assert_int_eq(a->addresses, b->addresses);
	ck_assert_uint_eq(a->v4_bits, b->v4_bits);
	ck_assert_uint_eq(a->v6_bits, b->v6_bits);
	ck_assert(a->macs == b->macs);
}

START_TEST(payload_texts_mean_what_they_say)
{
	static const struct {
		const char *text;
		enum policy_payload payload;
		uint32_t bytes;
		const char *printed;
	} cases[] = {
	    {"full", PAYLOAD_FULL, 0, "full"},
	    {"zero", PAYLOAD_ZERO, 0, "zero"},
	    {"headers", PAYLOAD_BYTES, 0, "headers"},
	    {"0", PAYLOAD_BYTES, 0, "headers"},
	    {"1", PAYLOAD_BYTES, 1, "1"},
	    {"64", PAYLOAD_BYTES, 64, "64"},
	    {"1KiB", PAYLOAD_BYTES, 1024, "1024"},
	    {"1.5K", PAYLOAD_BYTES, 1500, "1500"},
	    {"262144", PAYLOAD_BYTES, 262144, "262144"},
	    {"256KiB", PAYLOAD_BYTES, 262144, "262144"},
	};
	char buf[POLICY_TEXT_SIZE];

	for (size_t i = 0; i < N(cases); i++) {
		struct policy p = untouched, wanted = untouched;

		wanted.payload = cases[i].payload;
		wanted.payload_bytes = cases[i].bytes;
		ck_assert_int_eq(policy_parse_payload(cases[i].text, &p), 0);
		assert_same(&p, &wanted);
		ck_assert_ptr_eq(policy_payload_text(&p, buf), buf);
		ck_assert_str_eq(buf, cases[i].printed);
	}
}
END_TEST

START_TEST(address_texts_mean_what_they_say)
{
	static const struct {
		const char *text;
		enum policy_addresses addresses;
		uint8_t v4_bits, v6_bits;
		const char *printed;
	} cases[] = {
	    {"none", ADDRESSES_KEPT, 0, 0, "none"},
	    {"cryptopan", ADDRESSES_CRYPTOPAN, 0, 0, "cryptopan"},
	    {"netblock", ADDRESSES_NETBLOCK, 24, 48, "netblock:24,48"},
	    {"netblock:24,48", ADDRESSES_NETBLOCK, 24, 48, "netblock:24,48"},
	    {"netblock:0,0", ADDRESSES_NETBLOCK, 0, 0, "netblock:0,0"},
	    {"netblock:8,128", ADDRESSES_NETBLOCK, 8, 128, "netblock:8,128"},
	    {"netblock:32,128", ADDRESSES_NETBLOCK, 32, 128, "netblock:32,128"},
	};
	char buf[POLICY_TEXT_SIZE];

	for (size_t i = 0; i < N(cases); i++) {
		struct policy p = untouched, wanted = untouched;

		wanted.addresses = cases[i].addresses;
		wanted.v4_bits = cases[i].v4_bits;
		wanted.v6_bits = cases[i].v6_bits;
		ck_assert_int_eq(policy_parse_addresses(cases[i].text, &p), 0);
		assert_same(&p, &wanted);
		ck_assert_ptr_eq(policy_addresses_text(&p, buf), buf);
		ck_assert_str_eq(buf, cases[i].printed);
	}
}
END_TEST

START_TEST(every_number_of_bits_and_bytes_comes_back_from_its_text)
{
	char buf[POLICY_TEXT_SIZE];

	for (unsigned v4 = 0; v4 <= 32; v4++)
		for (unsigned v6 = 0; v6 <= 128; v6++) {
			struct policy p = {.addresses = ADDRESSES_NETBLOCK,
					  .v4_bits = (uint8_t)v4,
					  .v6_bits = (uint8_t)v6},
				      back = {0};

			ck_assert_int_eq(
			    policy_parse_addresses(policy_addresses_text(&p, buf), &back), 0);
			assert_same(&back, &p);
		}
	for (uint32_t bytes = 0; bytes <= 262144; bytes += bytes < 2000 ? 1 : 997) {
		struct policy p = {.payload = PAYLOAD_BYTES, .payload_bytes = bytes}, back = {0};

		ck_assert_int_eq(policy_parse_payload(policy_payload_text(&p, buf), &back), 0);
		assert_same(&back, &p);
	}
}
END_TEST

START_TEST(other_payload_texts_are_refused_and_change_nothing)
{
	static const char *const texts[] = {"", " ", "Full", "full ", "fullx", "header", "headers,",
	    "zeros", "-1", "+1", " 1", "1 ", "0x10", "1X", "262145", "257KiB", "1M", "1,2", "none",
	    "18446744073709551616", "99999999999999999999999999999999999999999"};

	for (size_t i = 0; i < N(texts); i++) {
		struct policy p = untouched;

		ck_assert_msg(
		    policy_parse_payload(texts[i], &p) == -EINVAL, "'%s' was taken", texts[i]);
		assert_same(&p, &untouched);
	}
}
END_TEST

START_TEST(other_address_texts_are_refused_and_change_nothing)
{
	static const char *const texts[] = {"", "None", "none ", "netblock ",
	    "netblock:", "netblock,24,48", "netblock:24", "netblock:24,", "netblock:,48",
	    "netblock:,", "netblock:33,48", "netblock:24,129", "netblock:24,48,",
	    "netblock:24,48,0", "netblock:24, 48", "netblock: 24,48", "netblock:-1,48",
	    "netblock:24,-1", "netblock:24.5,48", "netblock:24,4x", "netblock:280,48",
	    "netblock:24,304", "netblock:0024,48", "netblock:4294967320,48", "netblocks",
	    "netblock24,48", "cryptopan:", "cryptopan:24,48", "crypto-pan", "full"};

	for (size_t i = 0; i < N(texts); i++) {
		struct policy p = untouched;

		ck_assert_msg(
		    policy_parse_addresses(texts[i], &p) == -EINVAL, "'%s' was taken", texts[i]);
		assert_same(&p, &untouched);
	}
}
END_TEST

START_TEST(all_zeros_keep_packets_as_they_came)
{
	struct policy p = {0};
	char buf[POLICY_TEXT_SIZE];

	ck_assert(policy_is_none(&p));
	ck_assert(!policy_needs_key(&p));
	ck_assert_str_eq(policy_payload_text(&p, buf), "full");
	ck_assert_str_eq(policy_addresses_text(&p, buf), "none");
}
END_TEST

START_TEST(anything_else_is_a_policy_and_secrets_need_a_key)
{
	static const struct {
		struct policy policy;
		bool needs_key;
	} cases[] = {
	    {{.payload = PAYLOAD_BYTES}, false},
	    {{.payload = PAYLOAD_ZERO}, false},
	    {{.addresses = ADDRESSES_NETBLOCK, .v4_bits = 32, .v6_bits = 128}, false},
	    {{.addresses = ADDRESSES_CRYPTOPAN}, true},
	    {{.macs = true}, true},
	};

	for (size_t i = 0; i < N(cases); i++) {
		ck_assert(!policy_is_none(&cases[i].policy));
		ck_assert(policy_needs_key(&cases[i].policy) == cases[i].needs_key);
	}
}
END_TEST

static Suite *policy_suite(void)
{
	Suite *s = suite_create("policy");
	TCase *t = tcase_create("policy");

	tcase_add_test(t, payload_texts_mean_what_they_say);
	tcase_add_test(t, address_texts_mean_what_they_say);
	tcase_add_test(t, every_number_of_bits_and_bytes_comes_back_from_its_text);
	tcase_add_test(t, other_payload_texts_are_refused_and_change_nothing);
	tcase_add_test(t, other_address_texts_are_refused_and_change_nothing);
	tcase_add_test(t, all_zeros_keep_packets_as_they_came);
	tcase_add_test(t, anything_else_is_a_policy_and_secrets_need_a_key);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(policy_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
