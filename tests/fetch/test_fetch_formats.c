/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of what fetched parts are written as: pcapng, gzip, and members copied as they are. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fetchrig.h"
#include "pcapfile/capreader.h"
#include "support/gzcheck.h"

#define UUID_A "0aaaaaaa-1111-5111-8111-111111111111"
#define UUID_B "0bbbbbbb-2222-5222-8222-222222222222"
#define UUID_C "0ccccccc-3333-5333-8333-333333333333"
#define DAY    "2026/01/01/"
#define FILE_A DAY UUID_A ".pcap.gz"
#define FILE_B DAY UUID_B ".pcap.gz"

static struct fetchrig rig;

static void set_up(void)
{
	fetchrig_set_up(&rig);
}

static void tear_down(void)
{
	fetchrig_tear_down(&rig);
}

/* Two of Ethernet on different interfaces, one of raw IP on an unknown one; interleaved. */
static const struct built_part three[3] = {{.uuid = UUID_A,
					       .first_ns = BUILDER_NOON + 123456789,
					       .step_ns = 30,
					       .packets = 6,
					       .interface = "eth0"},
    {.uuid = UUID_B,
	.first_ns = BUILDER_NOON + 123456799,
	.step_ns = 30,
	.packets = 6,
	.interface = "wlan \"1\""},
    {.uuid = UUID_C,
	.first_ns = BUILDER_NOON + 123456809,
	.step_ns = 30,
	.packets = 6,
	.raw_ip = true}};

static void add(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		builder_add(rig.builder, &three[i], INDEXED);
	builder_end_writer(rig.builder, ENDS_CLEANLY);
}

/* How often a text stands in bytes. */
static unsigned count(const uint8_t *bytes, size_t n, const char *text)
{
	size_t len = strlen(text);
	unsigned found = 0;

	for (size_t i = 0; i + len <= n; i++)
		found += memcmp(bytes + i, text, len) == 0;
	return found;
}

static unsigned count_in_output(const char *text)
{
	size_t n;
	uint8_t *bytes = fetchrig_bytes(&rig, NULL, &n);
	unsigned found = count(bytes, n, text);

	free(bytes);
	return found;
}

/* ---- pcapng ---- */

START_TEST(pcapng_holds_several_link_types_and_interfaces)
{
	struct seen *s;
	struct capreader *r;
	struct packet p;

	add(3);
	rig.as = FETCH_AS_PCAPNG;
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	s = fetchrig_read(&rig, 18);
	for (unsigned i = 0; i < 18; i++) {
		fetchrig_check(&s[i], &three[i % 3], i / 3);
		ck_assert_uint_eq(s[i].linktype, i % 3 == 2 ? 101 : 1);
	}
	free(s);
	ck_assert_int_eq(capreader_open(rig.out_path, &r), 0);
	for (unsigned i = 0; i < 18; i++) {
		const char *name;

		ck_assert_int_eq(capreader_next(r, &p), 1);
		name = capreader_interface_name(r, p.interface);
		if (i % 3 == 2)
			ck_assert_ptr_null(name);
		else
			ck_assert_str_eq(name, three[i % 3].interface);
	}
	capreader_close(r);
}
END_TEST

START_TEST(pcapng_tells_the_flow_of_every_packet_and_each_record_once)
{
	add(3);
	rig.as = FETCH_AS_PCAPNG;
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	for (unsigned i = 0; i < 3; i++) {
		char text[80];

		(void)snprintf(text, sizeof(text), "flow %s", three[i].uuid);
		ck_assert_uint_eq(count_in_output(text), 6);
		(void)snprintf(text, sizeof(text), "\"uuid\":\"%s\"", three[i].uuid);
		ck_assert_uint_eq(count_in_output(text), 1);
	}
	ck_assert_uint_eq(count_in_output("3 flows"), 1);
	ck_assert_uint_eq(count_in_output("\"interface\":\"eth0\""), 1);
}
END_TEST

START_TEST(pcapng_of_one_part_begins_with_its_record)
{
	add(1);
	rig.as = FETCH_AS_PCAPNG;
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	/* of the section, and of the first packet */
	ck_assert_uint_eq(count_in_output("{\"v\":1,\"uuid\":\"" UUID_A "\""), 2);
	ck_assert_uint_eq(count_in_output("}\n"), 0);
	ck_assert_uint_eq(count_in_output("eth0"), 3);
}
END_TEST

START_TEST(pcapng_of_one_flow_says_how_many_parts_it_has)
{
	struct built_part p = three[0];

	builder_add(rig.builder, &p, INDEXED);
	p.number = 1;
	p.first_ns += 15;
	builder_add(rig.builder, &p, INDEXED);
	builder_end_writer(rig.builder, ENDS_CLEANLY);
	rig.as = FETCH_AS_PCAPNG;
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	ck_assert_uint_eq(count_in_output("flow " UUID_A ", 2 parts"), 1);
	ck_assert_uint_eq(count_in_output("\"uuid\""), 2);
	free(fetchrig_read(&rig, 12));
}
END_TEST

/* A record that cannot be read is no comment; the packets are there. */
START_TEST(a_record_that_is_none_is_left_out)
{
	uint64_t size;

	add(1);
	size = builder_size(rig.builder, FILE_A);
	builder_flip_byte(rig.builder, FILE_A, size - 20);
	rig.as = FETCH_AS_PCAPNG;
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	ck_assert_uint_eq(count_in_output("\"uuid\""), 0);
	ck_assert_uint_eq(count_in_output("flow " UUID_A), 7);
	free(fetchrig_read(&rig, 6));
}
END_TEST

START_TEST(pcapng_with_little_memory_is_the_same)
{
	size_t n, want_n;
	uint8_t *want, *have;

	add(3);
	rig.as = FETCH_AS_PCAPNG;
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	want = fetchrig_bytes(&rig, NULL, &want_n);
	rig.budget_bytes = 1;
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	ck_assert_uint_gt(rig.totals.evictions, 0);
	have = fetchrig_bytes(&rig, NULL, &n);
	ck_assert_uint_eq(n, want_n);
	ck_assert_mem_eq(have, want, n);
	free(have);
	free(want);
}
END_TEST

/* ---- gzip ---- */

START_TEST(gzip_holds_what_would_be_written_plain)
{
	static const enum fetch_as as[] = {FETCH_AS_PCAP, FETCH_AS_PCAPNG};
	size_t n, want_n;
	uint8_t *want, *have;
	struct gzcheck z;

	add(2);
	rig.as = as[_i];
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	want = fetchrig_bytes(&rig, NULL, &want_n);
	rig.form = OUTFILE_GZIP;
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	have = fetchrig_bytes(&rig, NULL, &n);
	ck_assert_int_eq(gzcheck_inflate(have, n, &z), 0);
	ck_assert_uint_eq(z.len, want_n);
	ck_assert_mem_eq(z.bytes, want, want_n);
	ck_assert_uint_eq(rig.totals.bytes, want_n);
	free(fetchrig_read(&rig, 12));
	free(z.bytes);
	free(have);
	free(want);
}
END_TEST

/* ---- raw ---- */

START_TEST(raw_of_one_part_is_the_file_as_it_lies)
{
	size_t n, want_n;
	uint8_t *want, *have;

	add(1);
	rig.as = FETCH_AS_RAW;
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	want = fetchrig_bytes(&rig, FILE_A, &want_n);
	have = fetchrig_bytes(&rig, NULL, &n);
	ck_assert_uint_eq(n, want_n);
	ck_assert_mem_eq(have, want, n);
	ck_assert_uint_eq(rig.totals.bytes, n);
	ck_assert_uint_eq(rig.totals.pkts, 6);
	free(have);
	free(want);
}
END_TEST

/* Also from a segment: part behind part, all packets, one pcap header. */
START_TEST(raw_of_several_is_one_pcap)
{
	struct record r[2];
	struct seen *s;

	for (unsigned i = 0; i < 2; i++)
		r[i] = *builder_add(rig.builder, &three[i], NOT_INDEXED);
	if (_i == 1)
		fetchrig_segment(&rig, 1, r, 2);
	for (unsigned i = 0; i < 2; i++)
		builder_add_row(rig.builder, &r[i]);
	builder_end_writer(rig.builder, ENDS_CLEANLY);
	rig.as = FETCH_AS_RAW;
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	ck_assert_str_eq(rig.complaints.text, "");
	s = fetchrig_read(&rig, 12);
	for (unsigned i = 0; i < 12; i++)
		fetchrig_check(&s[i], &three[i / 6], i % 6);
	free(s);
}
END_TEST

START_TEST(raw_leaves_out_what_is_not_as_long_as_the_index_says)
{
	struct seen *s;

	add(2);
	builder_cut(rig.builder, FILE_A, builder_size(rig.builder, FILE_A) - 1);
	rig.as = FETCH_AS_RAW;
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	ck_assert_uint_eq(rig.totals.bad_parts, 1);
	ck_assert_ptr_nonnull(strstr(rig.complaints.text, FILE_A ": has "));
	s = fetchrig_read(&rig, 6); /* the second is whole, header and all */
	fetchrig_check(&s[0], &three[1], 0);
	free(s);
}
END_TEST

/* One gzip member for everything, of the length that the index says: it cannot be joined. */
START_TEST(raw_does_not_join_what_does_not_begin_with_a_header_of_its_own)
{
	uint8_t zeros[64] = {0};

	add(2);
	builder_wipe(rig.builder, FILE_B, 0, sizeof(zeros));
	rig.as = FETCH_AS_RAW;
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	ck_assert_uint_eq(rig.totals.bad_parts, 1);
	ck_assert_ptr_nonnull(strstr(rig.complaints.text, FILE_B ": does not begin with"));
	free(fetchrig_read(&rig, 6));
}
END_TEST

START_TEST(raw_of_nothing_makes_no_file)
{
	add(1);
	builder_remove(rig.builder, FILE_A);
	rig.as = FETCH_AS_RAW;
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	ck_assert_str_eq(rig.complaints.text, FILE_A ": missing\n");
	ck_assert_int_eq(access(rig.out_path, F_OK), -1);
}
END_TEST

START_TEST(raw_refuses_two_link_types)
{
	add(3);
	rig.as = FETCH_AS_RAW;
	ck_assert_int_eq(fetchrig_fetch(&rig), -EMEDIUMTYPE);
	ck_assert_int_eq(access(rig.out_path, F_OK), -1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fetch/formats");
	TCase *pcapng = tcase_create("pcapng"), *raw = tcase_create("raw");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(pcapng, set_up, tear_down);
	tcase_add_test(pcapng, pcapng_holds_several_link_types_and_interfaces);
	tcase_add_test(pcapng, pcapng_tells_the_flow_of_every_packet_and_each_record_once);
	tcase_add_test(pcapng, pcapng_of_one_part_begins_with_its_record);
	tcase_add_test(pcapng, pcapng_of_one_flow_says_how_many_parts_it_has);
	tcase_add_test(pcapng, a_record_that_is_none_is_left_out);
	tcase_add_test(pcapng, pcapng_with_little_memory_is_the_same);
	tcase_add_loop_test(pcapng, gzip_holds_what_would_be_written_plain, 0, 2);
	suite_add_tcase(suite, pcapng);
	tcase_add_checked_fixture(raw, set_up, tear_down);
	tcase_add_test(raw, raw_of_one_part_is_the_file_as_it_lies);
	tcase_add_loop_test(raw, raw_of_several_is_one_pcap, 0, 2);
	tcase_add_test(raw, raw_leaves_out_what_is_not_as_long_as_the_index_says);
	tcase_add_test(raw, raw_does_not_join_what_does_not_begin_with_a_header_of_its_own);
	tcase_add_test(raw, raw_of_nothing_makes_no_file);
	tcase_add_test(raw, raw_refuses_two_link_types);
	suite_add_tcase(suite, raw);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
