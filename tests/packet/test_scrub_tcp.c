/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of packet/scrub_tcp. Whatever is scrubbed lies in memory of its exact size, between bytes
 * that must stay, and is scrubbed twice: the second time nothing may change.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "packet/scrub_private.h"
#include "support/random.h"

enum { LEAD = 4, TAIL = 4, ROOM = 300 };

static const struct policy headers = {.payload = PAYLOAD_BYTES};
static const struct policy macs = {.macs = true};
static const struct policy netblock = {
    .addresses = ADDRESSES_NETBLOCK, .v4_bits = 24, .v6_bits = 48};

static const uint8_t stays[4] = {203, 0, 113, 9};

static bool is_exempt(uint8_t family, const uint8_t addr[16], void *arg)
{
	(void)arg;
	return family == 4 && memcmp(addr, stays, sizeof stays) == 0;
}

/* What is left of a packet */
struct left {
	uint8_t bytes[ROOM];
	uint32_t keep;
	bool written;
};

/* Options from LEAD to end, in the first n bytes of a packet. */
static void scrub_once(
    const struct policy *policy, const uint8_t *in, uint32_t n, uint32_t end, struct left *ret_left)
{
	static const uint8_t key[CRYPTOPAN_KEY_BYTES] = {1};
	struct anonymizer_config config = {.policy = *policy, .key = key, .exempt = is_exempt};
	struct packet packet = {.data = in, .caplen = n, .origlen = ROOM};
	struct scrubbing x = {.policy = policy, .packet = &packet, .keep = n};

	ck_assert_uint_le(n, ROOM);
	x.hides = policy->addresses != ADDRESSES_KEPT || policy->macs;
	x.bytes = malloc(n);
	ck_assert(n == 0 || x.bytes != NULL);
	ck_assert_int_eq(anonymizer_new(&config, &x.anonymizer), 0);
	memcpy(x.bytes, in, n);
	ret_left->written = scrub_tcp_options(&x, LEAD, end);
	ck_assert_uint_le(x.keep, n);
	ret_left->keep = x.keep;
	memcpy(ret_left->bytes, x.bytes, x.keep);
	if (!ret_left->written) {
		ck_assert_uint_eq(x.keep, n);
		ck_assert_mem_eq(x.bytes, in, n);
	}
	anonymizer_free(x.anonymizer);
	free(x.bytes);
}

static struct left scrub_part(
    const struct policy *policy, const uint8_t *in, uint32_t n, uint32_t end)
{
	struct left left, again;

	scrub_once(policy, in, n, end, &left);
	scrub_once(policy, left.bytes, left.keep, end, &again);
	ck_assert_uint_eq(again.keep, left.keep);
	ck_assert_mem_eq(again.bytes, left.bytes, left.keep);
	return left;
}

/* Options alone, between LEAD and TAIL, which must stay if anything behind the options does. */
static struct left scrub(const struct policy *policy, const void *options, uint32_t size)
{
	uint8_t in[ROOM];
	struct left left;

	ck_assert_uint_le(size, ROOM - LEAD - TAIL);
	memcpy(in, "LEAD", LEAD);
	memcpy(in + LEAD, options, size);
	memcpy(in + LEAD + size, "TAIL", TAIL);
	left = scrub_part(policy, in, LEAD + size + TAIL, LEAD + size);
	ck_assert_mem_eq(left.bytes, "LEAD", LEAD);
	if (left.keep > LEAD + size) {
		ck_assert_uint_eq(left.keep, LEAD + size + TAIL);
		ck_assert_mem_eq(left.bytes + LEAD + size, "TAIL", TAIL);
	}
	return left;
}

#define SIZE(literal)          ((uint32_t)sizeof(literal) - 1)
#define SCRUB(policy, literal) scrub(policy, literal, SIZE(literal))

#define ASSERT_STAYS(policy, literal) assert_becomes(policy, literal, literal, SIZE(literal))
#define ASSERT_BECOMES(policy, from, to)                                           \
	do {                                                                       \
		_Static_assert(sizeof(from) == sizeof(to), "options do not move"); \
		assert_becomes(policy, from, to, SIZE(from));                      \
	} while (0)

/* All of it is kept, and it counts as written to unless nothing changes. */
static void assert_becomes(
    const struct policy *policy, const void *from, const void *to, uint32_t size)
{
	struct left left = scrub(policy, from, size);

	ck_assert_uint_eq(left.keep, LEAD + size + TAIL);
	ck_assert_mem_eq(left.bytes + LEAD, to, size);
	ck_assert(left.written == (memcmp(from, to, size) != 0));
}

static void assert_cut(const struct policy *policy, const void *options, uint32_t size, uint32_t at)
{
	struct left left = scrub(policy, options, size);

	ck_assert_uint_eq(left.keep, LEAD + at);
	ck_assert(left.written);
	ck_assert_mem_eq(left.bytes + LEAD, options, at);
}

#define ASSERT_CUT(policy, literal, at) assert_cut(policy, literal, SIZE(literal), at)

#define SACK_PERMITTED "\x04\x02"
#define WINDOW_SCALE   "\x03\x03\x07"
#define MSS            "\x02\x04\x05\xb4"
#define USER_TIMEOUT   "\x1c\x04\x80\x3c"
#define TIMESTAMPS     "\x08\x0a\x01\x02\x03\x04\x05\x06\x07\x08"
#define NOP            "\x01"
#define EIGHT          "\x11\x12\x13\x14\x15\x16\x17\x18"
#define ZEROS8         "\0\0\0\0\0\0\0\0"

START_TEST(options_that_hold_no_address_stay)
{
	ASSERT_STAYS(&netblock, MSS SACK_PERMITTED TIMESTAMPS NOP WINDOW_SCALE);
	ASSERT_STAYS(&netblock, USER_TIMEOUT);
	ASSERT_STAYS(&netblock, NOP NOP "\x05\x0a" EIGHT);
	ASSERT_STAYS(&netblock, NOP NOP "\x05\x12" EIGHT EIGHT);
	ASSERT_STAYS(&netblock, NOP NOP "\x05\x1a" EIGHT EIGHT EIGHT);
	ASSERT_STAYS(&netblock, NOP NOP "\x05\x22" EIGHT EIGHT EIGHT EIGHT);
	ASSERT_STAYS(&netblock, NOP NOP NOP NOP);
	ASSERT_STAYS(&netblock, "");
}
END_TEST

/* An option of this kind and size, whose other bytes are none of them zero */
static void make_option(uint8_t kind, uint32_t size, uint8_t *ret_option)
{
	for (uint32_t i = 2; i < size; i++)
		ret_option[i] = (uint8_t)(0x80 | i);
	ret_option[0] = kind;
	ret_option[1] = (uint8_t)size;
}

static void assert_blanked(const uint8_t *option, uint32_t size)
{
	uint8_t blank[40] = {option[0], option[1]};

	assert_becomes(&netblock, option, blank, size);
	assert_becomes(&headers, option, option, size);
}

START_TEST(options_of_other_kinds_or_lengths_are_blanked_where_addresses_are_hidden)
{
	static const uint8_t stay[][2] = {
	    {2, 4}, {3, 3}, {4, 2}, {5, 10}, {5, 18}, {5, 26}, {5, 34}, {8, 10}, {28, 4}};
	uint8_t option[40];
	unsigned stayed = 0;

	for (unsigned kind = 2; kind < 256; kind++)
		for (uint32_t size = 2; size <= sizeof option; size++) {
			bool stays_whole = size == 2;

			if (kind == 30 && size > 2)
				continue;
			for (size_t i = 0; i < sizeof stay / sizeof stay[0]; i++)
				if (stay[i][0] == kind && stay[i][1] == size) {
					stays_whole = true;
					stayed++;
				}
			make_option((uint8_t)kind, size, option);
			if (stays_whole)
				assert_becomes(&netblock, option, option, size);
			else
				assert_blanked(option, size);
		}
	ck_assert_uint_eq(stayed, sizeof stay / sizeof stay[0]);
}
END_TEST

START_TEST(an_option_longer_than_any_header_has_room_for_is_blanked)
{
	uint8_t option[64 + 4], blank[sizeof option] = {2, sizeof option};

	make_option(2, sizeof option, option);
	assert_becomes(&netblock, option, blank, sizeof option);
}
END_TEST

START_TEST(options_that_hold_zeros_count_as_blanked_like_any)
{
	struct left left = SCRUB(&netblock, "\x22\x0a" ZEROS8); /* Fast Open */

	ck_assert(left.written);
	ck_assert_uint_eq(left.keep, LEAD + 10 + TAIL);
	ck_assert(!SCRUB(&netblock, "\x22\x02").written); /* which asks for a cookie */
	ck_assert(!SCRUB(&headers, "\x22\x0a" ZEROS8).written);
}
END_TEST

START_TEST(what_follows_the_end_of_options_is_blanked_under_any_policy)
{
	const struct policy *policies[] = {&netblock, &macs, &headers};

	for (int i = 0; i < 3; i++) {
		ASSERT_BECOMES(policies[i], MSS "\x00\x00\x00\x01", MSS "\0\0\0\0");
		ASSERT_BECOMES(policies[i], "\x00" MSS NOP NOP NOP, ZEROS8);
		ASSERT_STAYS(policies[i], MSS ZEROS8);
		ASSERT_STAYS(policies[i], MSS NOP NOP NOP "\0");
	}
	/* Not even if an option before has been blanked. */
	ck_assert(SCRUB(&netblock, "\x1b\x08" ZEROS8 "\0\0").written);
}
END_TEST

START_TEST(options_that_contradict_themselves_are_cut)
{
	const struct policy *policies[] = {&netblock, &macs, &headers};

	for (int i = 0; i < 3; i++) {
		ASSERT_CUT(policies[i], MSS "\x08\x00" EIGHT, 4);
		ASSERT_CUT(policies[i], MSS "\x08\x01" EIGHT, 4);
		ASSERT_CUT(policies[i], MSS "\xfd\x0b" EIGHT, 4);
		ASSERT_CUT(policies[i], MSS "\xfd\xff" EIGHT, 4);
		ASSERT_CUT(policies[i], MSS NOP NOP NOP "\x08", 7);
		ASSERT_CUT(policies[i], MSS NOP NOP NOP "\xfd", 7);
		ASSERT_CUT(policies[i], "\x02\x05\x05\xb4", 0);
	}
}
END_TEST

/* Where the last of the options ends that are wholly within the first n bytes: each of size[] */
static uint32_t whole_options(const uint32_t *sizes, size_t count, uint32_t n)
{
	uint32_t at = LEAD;

	for (size_t i = 0; i < count && at + sizes[i] <= n; i++)
		at += sizes[i];
	return at;
}

START_TEST(an_option_that_was_captured_in_part_is_cut)
{
	static const uint8_t in[] = "LEAD" MSS SACK_PERMITTED TIMESTAMPS "\xfd\x0a" EIGHT NOP
				    "\x1e\x08\x34\x01\xc6\x33\x64\x17" USER_TIMEOUT;
	static const uint32_t sizes[] = {4, 2, 10, 10, 1, 8, 4};
	const uint32_t end = sizeof in - 1, blanked = LEAD + 26;
	struct left whole = scrub_part(&netblock, in, end, end), left;

	ck_assert_uint_eq(whole.keep, end);
	for (uint32_t n = LEAD; n <= end; n++) {
		left = scrub_part(&netblock, in, n, end);
		ck_assert_uint_eq(left.keep, whole_options(sizes, 7, n));
		ck_assert_mem_eq(left.bytes, whole.bytes, left.keep);
		ck_assert(left.written == (left.keep < n || n >= blanked));
		left = scrub_part(&headers, in, n, end);
		ck_assert_uint_eq(left.keep, whole_options(sizes, 7, n));
		ck_assert_mem_eq(left.bytes, in, left.keep);
	}
	for (uint32_t n = 0; n < LEAD; n++)
		ck_assert_uint_eq(scrub_part(&netblock, in, n, end).keep, n);
}
END_TEST

#define V4     "\xc6\x33\x64\x17" /* 198.51.100.23 */
#define V4_NEW "\xc6\x33\x64\x00"
#define V6                         \
	"\x20\x01\x0d\xb8\x00\x01" \
	"BCDEFGHIJK" /* 2001:db8:1:4243:... */
#define V6_NEW                     \
	"\x20\x01\x0d\xb8\x00\x01" \
	"\0\0\0\0\0\0\0\0\0\0"
#define PORT "\x01\xbb"

START_TEST(the_address_of_add_addr_is_replaced_and_its_hmac_blanked)
{
	/* MPTCP 0 */
	ASSERT_BECOMES(&netblock, "\x1e\x08\x34\x05" V4, "\x1e\x08\x34\x05" V4_NEW);
	ASSERT_BECOMES(&netblock, "\x1e\x0a\x34\x05" V4 PORT, "\x1e\x0a\x34\x05" V4_NEW PORT);
	ASSERT_BECOMES(&netblock, "\x1e\x14\x36\x05" V6, "\x1e\x14\x36\x05" V6_NEW);
	ASSERT_BECOMES(&netblock, "\x1e\x16\x36\x05" V6 PORT, "\x1e\x16\x36\x05" V6_NEW PORT);
	/* MPTCP 1: echoed */
	ASSERT_BECOMES(&netblock, "\x1e\x08\x31\x05" V4, "\x1e\x08\x31\x05" V4_NEW);
	ASSERT_BECOMES(&netblock, "\x1e\x0a\x31\x05" V4 PORT, "\x1e\x0a\x31\x05" V4_NEW PORT);
	ASSERT_BECOMES(&netblock, "\x1e\x14\x31\x05" V6, "\x1e\x14\x31\x05" V6_NEW);
	ASSERT_BECOMES(&netblock, "\x1e\x16\x31\x05" V6 PORT, "\x1e\x16\x31\x05" V6_NEW PORT);
	/* with an HMAC */
	ASSERT_BECOMES(&netblock, "\x1e\x10\x30\x05" V4 EIGHT, "\x1e\x10\x30\x05" V4_NEW ZEROS8);
	ASSERT_BECOMES(
	    &netblock, "\x1e\x12\x30\x05" V4 PORT EIGHT, "\x1e\x12\x30\x05" V4_NEW PORT ZEROS8);
	ASSERT_BECOMES(&netblock, "\x1e\x1c\x30\x05" V6 EIGHT, "\x1e\x1c\x30\x05" V6_NEW ZEROS8);
	ASSERT_BECOMES(
	    &netblock, "\x1e\x1e\x30\x05" V6 PORT EIGHT, "\x1e\x1e\x30\x05" V6_NEW PORT ZEROS8);
}
END_TEST

START_TEST(an_add_addr_of_no_known_form_is_blanked)
{
	static const bool known[16][41] = {
	    [0] = {[8] = 1, [10] = 1, [16] = 1, [18] = 1, [20] = 1, [22] = 1, [28] = 1, [30] = 1},
	    [1] = {[8] = 1, [10] = 1, [16] = 1, [18] = 1, [20] = 1, [22] = 1, [28] = 1, [30] = 1},
	    [4] = {[8] = 1, [10] = 1, [16] = 1, [18] = 1},
	    [6] = {[20] = 1, [22] = 1, [28] = 1, [30] = 1},
	};
	uint8_t option[40];

	for (uint8_t version = 0; version < 16; version++)
		for (uint32_t size = 3; size <= 40; size++) {
			make_option(30, size, option);
			option[2] = 0x30 | version;
			if (known[version][size])
				ck_assert_uint_eq(
				    scrub(&netblock, option, size).bytes[LEAD + 2], option[2]);
			else
				assert_blanked(option, size);
		}
}
END_TEST

START_TEST(an_exempt_address_stays_in_add_addr_without_its_hmac)
{
	struct left left = SCRUB(&netblock, "\x1e\x08\x34\x05\xcb\x00\x71\x09");

	ck_assert_mem_eq(left.bytes + LEAD, "\x1e\x08\x34\x05\xcb\x00\x71\x09", 8);
	ASSERT_BECOMES(&netblock, "\x1e\x10\x30\x05\xcb\x00\x71\x09" EIGHT,
	    "\x1e\x10\x30\x05\xcb\x00\x71\x09" ZEROS8);
}
END_TEST

START_TEST(where_hardware_addresses_alone_are_hidden_the_address_of_add_addr_stays)
{
	ASSERT_STAYS(&macs, "\x1e\x08\x34\x05" V4);
	ASSERT_STAYS(&macs, "\x1e\x16\x36\x05" V6 PORT);
	ASSERT_BECOMES(&macs, "\xfd\x0a" EIGHT, "\xfd\x0a" ZEROS8);
}
END_TEST

START_TEST(the_masked_octet_decides_nothing)
{
	uint8_t option[16] = "\x1e\x10\x30\x05\xcb\x00\x71\x00";
	struct left first, left;

	for (unsigned octet = 0; octet < 256; octet++) {
		if (octet == stays[3])
			continue;
		option[7] = (uint8_t)octet;
		for (int i = 8; i < 16; i++)
			option[i] = (uint8_t)(octet + (unsigned)i);
		left = scrub(&netblock, option, sizeof option);
		if (octet == 0)
			first = left;
		ck_assert(left.written);
		ck_assert_uint_eq(left.keep, first.keep);
		ck_assert_mem_eq(left.bytes, first.bytes, left.keep);
	}
}
END_TEST

START_TEST(other_messages_of_mptcp_stay_if_they_have_their_lengths)
{
	static const struct {
		uint8_t subtype, sizes[12];
	} stay[] = {
	    {0, {4, 12, 20, 22, 24}},
	    {1, {12, 16, 24}},
	    {2, {4, 8, 12, 14, 16, 18, 20, 22, 24, 26, 28}},
	    {4, {4, 5, 6, 7, 8, 9, 10, 11, 12, 39, 40}},
	    {5, {3, 4}},
	    {6, {12}},
	    {7, {12}},
	    {8, {4}},
	};
	uint8_t option[40];

	for (size_t i = 0; i < sizeof stay / sizeof stay[0]; i++)
		for (uint32_t size = 3; size <= sizeof option; size++) {
			make_option(30, size, option);
			option[2] = (uint8_t)(stay[i].subtype << 4 | 1);
			if (memchr(stay[i].sizes, (int)size, sizeof stay[i].sizes) != NULL)
				assert_becomes(&netblock, option, option, size);
			else if (stay[i].subtype != 4)
				assert_blanked(option, size);
		}
	for (uint8_t subtype = 9; subtype < 16; subtype++)
		for (uint32_t size = 3; size <= sizeof option; size++) {
			make_option(30, size, option);
			option[2] = (uint8_t)(subtype << 4);
			assert_blanked(option, size);
		}
	ASSERT_STAYS(&netblock, "\x1e\x02" NOP NOP);
}
END_TEST

static const uint8_t planted[4] = {0xf1, 0xf2, 0xf3, 0xf4};

static void assert_no_address(const struct left *left)
{
	ck_assert_ptr_null(memmem(left->bytes, left->keep, planted, sizeof planted));
}

START_TEST(an_address_planted_in_an_option_that_is_not_known_is_gone)
{
	struct random r = {.state = 20};
	uint8_t in[LEAD + 40 + TAIL] = "LEAD";

	for (int round = 0; round < 1000; round++) {
		uint32_t size = 6 + (uint32_t)random_below(&r, 35);

		random_fill(&r, in + LEAD, sizeof in - LEAD);
		in[LEAD] = (uint8_t)(31 + random_below(&r, 225));
		in[LEAD + 1] = (uint8_t)size;
		memcpy(in + LEAD + 2 + random_below(&r, size - 5), planted, sizeof planted);
		for (uint32_t n = LEAD; n <= LEAD + size; n++) {
			struct left left = scrub_part(&netblock, in, n, LEAD + size);

			assert_no_address(&left);
		}
	}
}
END_TEST

START_TEST(random_options_are_scrubbed_once_and_for_all)
{
	static const uint8_t kinds[] = {0, 1, 1, 2, 3, 4, 5, 8, 19, 28, 30, 30, 30, 34, 253};
	const struct policy *policies[] = {&netblock, &macs, &headers};
	struct random r = {.state = 4};
	uint8_t in[LEAD + 40 + TAIL] = "LEAD";

	for (int round = 0; round < 30000; round++) {
		uint32_t end = LEAD + (uint32_t)random_below(&r, 41), at = LEAD;
		uint32_t n = (uint32_t)random_below(&r, end + TAIL + 1);
		struct left left;

		random_fill(&r, in + LEAD, sizeof in - LEAD);
		while (at < end) { /* something like options, most of the time */
			in[at] = kinds[random_below(&r, sizeof kinds)];
			in[at + 1] = (uint8_t)random_below(&r, 20);
			at += in[at] > 1 && in[at + 1] > 1 ? in[at + 1] : 1;
		}
		left = scrub_part(policies[round % 3], in, n, end);
		ck_assert_mem_eq(left.bytes, in, n < LEAD ? n : LEAD);
		if (left.keep > end) {
			ck_assert_uint_eq(left.keep, n);
			ck_assert_mem_eq(left.bytes + end, in + end, n - end);
		}
	}
}
END_TEST

static Suite *scrub_tcp_suite(void)
{
	Suite *s = suite_create("scrub_tcp");
	TCase *t = tcase_create("scrub_tcp");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, options_that_hold_no_address_stay);
	tcase_add_test(t, options_of_other_kinds_or_lengths_are_blanked_where_addresses_are_hidden);
	tcase_add_test(t, an_option_longer_than_any_header_has_room_for_is_blanked);
	tcase_add_test(t, options_that_hold_zeros_count_as_blanked_like_any);
	tcase_add_test(t, what_follows_the_end_of_options_is_blanked_under_any_policy);
	tcase_add_test(t, options_that_contradict_themselves_are_cut);
	tcase_add_test(t, an_option_that_was_captured_in_part_is_cut);
	tcase_add_test(t, the_address_of_add_addr_is_replaced_and_its_hmac_blanked);
	tcase_add_test(t, an_add_addr_of_no_known_form_is_blanked);
	tcase_add_test(t, an_exempt_address_stays_in_add_addr_without_its_hmac);
	tcase_add_test(t, where_hardware_addresses_alone_are_hidden_the_address_of_add_addr_stays);
	tcase_add_test(t, the_masked_octet_decides_nothing);
	tcase_add_test(t, other_messages_of_mptcp_stay_if_they_have_their_lengths);
	tcase_add_test(t, an_address_planted_in_an_option_that_is_not_known_is_gone);
	tcase_add_test(t, random_options_are_scrubbed_once_and_for_all);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(scrub_tcp_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
