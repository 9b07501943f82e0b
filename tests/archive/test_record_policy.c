/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the words that tell in the index what is hidden in a part: one spelling for each policy,
 * and nothing else is read.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "archive/record.h"
#include "support/quick.h"

static const struct {
	struct policy policy;
	uint8_t exempt;
	const char *text;
} known[] = {
    {{0}, 0, ""},
    {{.payload = PAYLOAD_BYTES}, 0, "payload=headers"},
    {{.payload = PAYLOAD_ZERO}, 0, "payload=zero"},
    {{.payload = PAYLOAD_BYTES, .payload_bytes = 128}, 0, "payload=128"},
    {{.addresses = ADDRESSES_NETBLOCK, .v4_bits = 24, .v6_bits = 48}, 0,
	"anonymize=netblock:24,48"},
    {{.addresses = ADDRESSES_CRYPTOPAN}, 1, "anonymize=cryptopan exempt=low"},
    {{.macs = true}, 0, "mac"},
    {{.payload = PAYLOAD_ZERO, .macs = true}, 0, "payload=zero mac"},
    {{.payload = PAYLOAD_BYTES,
	 .payload_bytes = PACKET_MAX_CAPLEN,
	 .addresses = ADDRESSES_NETBLOCK,
	 .v4_bits = 32,
	 .v6_bits = 128,
	 .macs = true},
	3, "payload=262144 anonymize=netblock:32,128 mac exempt=both"},
    {{.addresses = ADDRESSES_CRYPTOPAN, .macs = true}, 2, "anonymize=cryptopan mac exempt=high"},
};

START_TEST(a_policy_has_one_spelling_and_comes_back_from_it)
{
	struct record r, got;
	char text[RECORD_POLICY_SIZE];

	memset(&r, 0, sizeof(r));
	memset(&got, 0x5a, sizeof(got));
	got.snaplen = 77;
	r.policy = known[_i].policy;
	r.exempt = known[_i].exempt;
	ck_assert_ptr_eq(record_policy_text(&r, text), text);
	ck_assert_str_eq(text, known[_i].text);
	ck_assert_int_eq(record_parse_policy_text(text, &got), 0);
	ck_assert_int_eq(got.policy.payload, r.policy.payload);
	ck_assert_uint_eq(got.policy.payload_bytes, r.policy.payload_bytes);
	ck_assert_int_eq(got.policy.addresses, r.policy.addresses);
	ck_assert_uint_eq(got.policy.v4_bits, r.policy.v4_bits);
	ck_assert_uint_eq(got.policy.v6_bits, r.policy.v6_bits);
	ck_assert_int_eq(got.policy.macs, r.policy.macs);
	ck_assert_uint_eq(got.exempt, r.exempt);
	ck_assert_uint_eq(got.snaplen, 77);
}
END_TEST

START_TEST(other_spellings_are_refused_and_change_nothing)
{
	static const char *const bad[] = {" ", "mac ", " mac", "mac mac", "mac  exempt=low",
	    "exempt=low mac", "mac payload=zero", "payload=full", "payload=0", "payload=0128",
	    "payload=1KiB", "payload=262145", "payload=", "payload", "anonymize=none",
	    "anonymize=netblock", "anonymize=netblock:33,48", "anonymize=netblock:24",
	    "anonymize=netblock:24,48,", "exempt=none", "exempt=", "exempt=left", "MAC", "macs",
	    "mac\n", "nothing", "payload=zero payload=zero", "payload=zero,mac",
	    ("mac exempt=both and much more of that kind than any policy could ever be made to"
	     " say of itself")};
	struct record r, before;

	memset(&r, 0x5a, sizeof(r));
	before = r;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(
		    record_parse_policy_text(bad[i], &r) == -EBADMSG, "'%s' was read", bad[i]);
		ck_assert_mem_eq(&r, &before, sizeof(r));
	}
}
END_TEST

/* Whatever is read is what would be written. */
START_TEST(every_byte_may_be_any_other_byte)
{
	char text[RECORD_POLICY_SIZE], again[RECORD_POLICY_SIZE];
	struct record r;

	memset(&r, 0, sizeof(r));
	(void)strcpy(text, known[_i].text);
	for (size_t at = 0; text[at] != '\0'; at++) {
		for (int c = 0; c < 256; c++) {
			text[at] = (char)c;
			if (record_parse_policy_text(text, &r) == 0)
				quick_assert(strcmp(record_policy_text(&r, again), text) == 0);
		}
		text[at] = known[_i].text[at];
	}
}
END_TEST

static Suite *record_policy_suite(void)
{
	const int count = (int)(sizeof(known) / sizeof(known[0]));
	Suite *s = suite_create("record_policy");
	TCase *t = tcase_create("record_policy");

	tcase_add_loop_test(t, a_policy_has_one_spelling_and_comes_back_from_it, 0, count);
	tcase_add_test(t, other_spellings_are_refused_and_change_nothing);
	tcase_add_loop_test(t, every_byte_may_be_any_other_byte, 0, count);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(record_policy_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
