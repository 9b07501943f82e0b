/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of finding flows: by the index, by file names where it lags behind, and what they add up
 * to. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive_builder.h"
#include "base/clk.h"
#include "fetch/flowsum.h"
#include "fetch/query.h"
#include "fetch/unindexed.h"
#include "fetchrig.h"

#define UUID_A "0aaaaaaa-1111-5111-8111-111111111111"
#define UUID_B "0aaaaaaa-2222-5222-8222-222222222222"
#define UUID_C "0bbbbbbb-3333-5333-8333-333333333333"
#define UUID_M "host_1577836800_00000000000012AB"

static struct builder *b;
static struct query *q;
static struct complaints complaints;

static void set_up(void)
{
	b = builder_new();
	memset(&complaints, 0, sizeof(complaints));
}

static void tear_down(void)
{
	query_free(q);
	q = NULL;
	builder_free(b);
}

/* Flows that a search gives, in the order of their UUIDs. */
static const struct query_flow *find_words(
    const char *const *words, size_t n, enum dayindex_match match, size_t *ret_n)
{
	struct query_words w = {words, n, match};

	query_free(q);
	ck_assert_int_eq(query_new(builder_reader(b), builder_complain, &complaints, &q), 0);
	ck_assert_int_eq(query_find(q, &w), 0);
	ck_assert_int_eq(query_group(q), 0);
	return query_flows(q, ret_n);
}

static const struct query_flow *find_one(const char *word, enum dayindex_match match, size_t *ret_n)
{
	return find_words(&word, 1, match, ret_n);
}

static const struct query_flow *find_all(size_t *ret_n)
{
	return find_words(NULL, 0, DAYINDEX_PREFIX, ret_n);
}

static void add(const char *uuid, enum indexed indexed)
{
	builder_add(b, &(struct built_part){.uuid = uuid}, indexed);
}

static void check_uuid(const struct query_flow *f, const char *uuid)
{
	char buf[LAYOUT_UUID_SIZE];

	ck_assert_str_eq(partlist_uuid(f->parts[0], buf), uuid);
}

START_TEST(an_exact_uuid_finds_its_flow_and_no_other)
{
	const struct query_flow *f;
	size_t n;

	add(UUID_A, INDEXED);
	add(UUID_B, INDEXED);
	add(UUID_M, INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	f = find_one(UUID_B, DAYINDEX_EXACT, &n);
	ck_assert_uint_eq(n, 1);
	check_uuid(&f[0], UUID_B);
	ck_assert_uint_eq(f[0].count, 1);
	f = find_one(UUID_M, DAYINDEX_EXACT, &n);
	ck_assert_uint_eq(n, 1);
	check_uuid(&f[0], UUID_M);
	(void)find_one("0aaaaaaa", DAYINDEX_EXACT, &n);
	ck_assert_uint_eq(n, 0);
	ck_assert_uint_eq(complaints.count, 0);
}
END_TEST

START_TEST(a_prefix_finds_all_that_begin_so)
{
	const struct query_flow *f;
	size_t n;

	add(UUID_C, INDEXED);
	add(UUID_B, INDEXED);
	add(UUID_A, INDEXED);
	add(UUID_M, INDEXED);
	add("0aaaaaaa-text", INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	f = find_one("0aaaaaaa-", DAYINDEX_PREFIX, &n);
	ck_assert_uint_eq(n, 3);
	check_uuid(&f[0], UUID_A);
	check_uuid(&f[1], UUID_B);
	check_uuid(&f[2], "0aaaaaaa-text");
	(void)find_one("0b", DAYINDEX_PREFIX, &n);
	ck_assert_uint_eq(n, 1);
	(void)find_one("host_15", DAYINDEX_PREFIX, &n);
	ck_assert_uint_eq(n, 1);
	(void)find_one("HOST", DAYINDEX_PREFIX, &n);
	ck_assert_uint_eq(n, 0);
}
END_TEST

START_TEST(overlapping_words_give_each_part_once)
{
	const char *words[] = {"0aaaaaaa", "0", UUID_A};
	const struct query_flow *f;
	size_t n;

	add(UUID_A, INDEXED);
	add(UUID_B, NOT_INDEXED);
	builder_end_writer(b, IS_KILLED);
	f = find_words(words, 3, DAYINDEX_PREFIX, &n);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(f[0].count, 1);
	ck_assert_uint_eq(f[1].count, 1);
}
END_TEST

/* Parts of a flow over two days, and what they come to. */
static void add_three_parts(void)
{
	builder_add(b,
	    &(struct built_part){.uuid = UUID_A,
		.number = 2,
		.first_ns = BUILDER_NOON + CLK_DAY_NS,
		.packets = 1,
		.end_reason = END_RST,
		.interface = "eth1"},
	    INDEXED);
	builder_add(b,
	    &(struct built_part){
		.uuid = UUID_A, .packets = 5, .end_reason = END_IDLE, .interface = "eth0"},
	    INDEXED);
	builder_add(b,
	    &(struct built_part){.uuid = UUID_A,
		.number = 1,
		.first_ns = BUILDER_NOON + 60 * BUILDER_SECOND,
		.packets = 3,
		.end_reason = END_IDLE},
	    INDEXED);
}

START_TEST(parts_over_two_days_are_one_flow_in_the_order_of_time)
{
	const struct query_flow *f;
	struct flowsum s;
	size_t n;

	add_three_parts();
	add(UUID_B, INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	f = find_all(&n);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(f[0].count, 3);
	for (uint32_t i = 0; i < 3; i++)
		ck_assert_uint_eq(f[0].parts[i]->number, i);
	flowsum_make(&f[0], &s);
	ck_assert_int_eq(s.start_ns, BUILDER_NOON);
	ck_assert_int_eq(s.end_ns, BUILDER_NOON + CLK_DAY_NS);
	ck_assert_uint_eq(s.parts, 3);
	ck_assert_uint_eq(s.client_pkts, 3 + 2 + 1); /* even packets are the client's */
	ck_assert_uint_eq(s.server_pkts, 2 + 1 + 0);
	ck_assert_uint_eq(s.client_bytes + s.server_bytes, s.captured_bytes);
	ck_assert_uint_eq(s.first->key.port[s.client], 50000);
	ck_assert_uint_eq(s.last->end_reason, END_RST);
	ck_assert_str_eq(s.first->interface, "eth0");
	ck_assert_str_eq(f[0].parts[1]->interface, "");
	ck_assert_str_eq(f[0].parts[2]->interface, "eth1");
}
END_TEST

START_TEST(flags_are_letters_in_the_order_of_their_bits)
{
	char buf[FLOWSUM_FLAGS_SIZE];

	ck_assert_str_eq(flowsum_flags(0xff, buf), "FSRPAUEC");
	ck_assert_str_eq(flowsum_flags(0x12, buf), "SA");
	ck_assert_str_eq(flowsum_flags(0, buf), "");
}
END_TEST

START_TEST(losses_and_flags_of_all_parts_and_sides_count)
{
	const struct query_flow *f;
	struct flowsum s;
	size_t n;

	builder_add(b, &(struct built_part){.uuid = UUID_A, .packets = 2, .lost_pkts = 5}, INDEXED);
	builder_add(b,
	    &(struct built_part){.uuid = UUID_A, .number = 1, .packets = 1, .lost_pkts = 70},
	    INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	f = find_all(&n);
	ck_assert_uint_eq(n, 1);
	flowsum_make(&f[0], &s);
	ck_assert_uint_eq(s.lost_pkts, 75);
	ck_assert_uint_eq(s.tcp_flags, 0x13); /* the ACK is only in the server's packet */
	ck_assert_uint_eq(s.truncated_pkts, 0);
}
END_TEST

START_TEST(other_ends_or_families_under_one_uuid_are_other_flows)
{
	const struct query_flow *f;
	size_t n;

	builder_add(b, &(struct built_part){.uuid = UUID_M}, INDEXED);
	builder_add(
	    b, &(struct built_part){.uuid = UUID_M, .number = 1, .client_port = 50001}, INDEXED);
	builder_add(b, &(struct built_part){.uuid = UUID_M, .number = 2, .ipv6 = true}, INDEXED);
	builder_add(b,
	    &(struct built_part){
		.uuid = UUID_M, .number = 3, .first_ns = BUILDER_NOON + BUILDER_SECOND},
	    INDEXED);
	builder_add(
	    b, &(struct built_part){.uuid = UUID_M, .number = 4, .client_host = 9}, INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	f = find_one(UUID_M, DAYINDEX_EXACT, &n);
	ck_assert_uint_eq(n, 4);
	ck_assert_uint_eq(f[0].count + f[1].count + f[2].count + f[3].count, 5);
	for (size_t i = 0; i < n; i++) {
		check_uuid(&f[i], UUID_M);
		ck_assert_uint_eq(f[i].count, f[i].parts[0]->number == 0 ? 2 : 1);
	}
}
END_TEST

START_TEST(flows_sort_by_start_and_then_by_uuid)
{
	static const char *const want[] = {UUID_C, UUID_A, UUID_B, UUID_M};
	const struct query_flow *f;
	size_t n;

	builder_add(b, &(struct built_part){.uuid = UUID_B}, INDEXED);
	builder_add(b, &(struct built_part){.uuid = UUID_M, .first_ns = BUILDER_NOON + 1}, INDEXED);
	builder_add(b, &(struct built_part){.uuid = UUID_A}, INDEXED);
	builder_add(b, &(struct built_part){.uuid = UUID_C, .first_ns = BUILDER_NOON - CLK_DAY_NS},
	    INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	(void)find_all(&n);
	query_sort(q, QUERY_BY_START, false);
	f = query_flows(q, &n);
	ck_assert_uint_eq(n, 4);
	for (size_t i = 0; i < n; i++)
		check_uuid(&f[i], want[i]);
}
END_TEST

START_TEST(flows_sort_by_what_is_asked_and_equal_ones_by_start_then_uuid)
{
	static const struct {
		enum query_order by;
		bool descending;
		const char *order;
	} cases[] = {{QUERY_BY_START, false, "CBAM"}, {QUERY_BY_START, true, "MABC"},
	    {QUERY_BY_END, false, "BAMC"}, {QUERY_BY_END, true, "CMAB"},
	    {QUERY_BY_DURATION, false, "MBAC"}, {QUERY_BY_DURATION, true, "CBAM"},
	    {QUERY_BY_PACKETS, false, "CMBA"}, {QUERY_BY_PACKETS, true, "BACM"},
	    {QUERY_BY_BYTES, false, "CBAM"}, {QUERY_BY_BYTES, true, "MBAC"}};
	const struct query_flow *f;
	char order[8] = "";
	size_t n;

	builder_add(b, &(struct built_part){.uuid = UUID_A, .first_ns = BUILDER_NOON + 1}, INDEXED);
	builder_add(b, &(struct built_part){.uuid = UUID_B}, INDEXED);
	builder_add(b,
	    &(struct built_part){
		.uuid = UUID_C, .first_ns = BUILDER_NOON - 1, .packets = 2, .step_ns = CLK_DAY_NS},
	    INDEXED);
	builder_add(b,
	    &(struct built_part){.uuid = UUID_M,
		.first_ns = BUILDER_NOON + BUILDER_SECOND * 5,
		.packets = 2,
		.payload_bytes = 9000},
	    INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	(void)find_all(&n);
	query_sort(q, cases[_i].by, cases[_i].descending);
	f = query_flows(q, &n);
	ck_assert_uint_eq(n, 4);
	for (size_t i = 0; i < n; i++) {
		char uuid[LAYOUT_UUID_SIZE];

		(void)partlist_uuid(f[i].parts[0], uuid);
		order[i] = uuid[0] == 'h' ? 'M' : uuid[1] == 'b' ? 'C' : uuid[9] == '1' ? 'A' : 'B';
	}
	ck_assert_str_eq(order, cases[_i].order);
}
END_TEST

START_TEST(a_flow_is_open_while_more_of_it_is_staged_or_its_last_part_says_so)
{
	static const char *const names[] = {UUID_A, UUID_B, UUID_C};
	const struct query_flow *f;
	struct flowsum s;
	size_t n;

	add(UUID_A, INDEXED);
	add(UUID_B, INDEXED);
	builder_add(b, &(struct built_part){.uuid = UUID_C, .end_reason = END_CONTINUED}, INDEXED);
	builder_stage(b, UUID_B);
	builder_stage(b, LAYOUT_UNNAMED);
	builder_write(b, ".staging/" UUID_A, "not of ours", 11);
	f = find_all(&n);
	ck_assert_uint_eq(n, 3);
	for (size_t i = 0; i < n; i++) {
		check_uuid(&f[i], names[i]);
		flowsum_make(&f[i], &s);
		ck_assert(f[i].staged == (i == 1));
		ck_assert(s.open == (i > 0));
	}
	/* its next part */
	builder_write(b, ".staging/00000000000000aa." UUID_A "~1", "", 0);
	f = find_one(UUID_A, DAYINDEX_EXACT, &n);
	ck_assert(n == 1 && f[0].staged);
	builder_add(b,
	    &(struct built_part){
		.uuid = UUID_C, .number = 1, .first_ns = BUILDER_NOON + 60 * BUILDER_SECOND},
	    INDEXED);
	f = find_one(UUID_C, DAYINDEX_EXACT, &n);
	ck_assert_uint_eq(f[0].count, 2);
	flowsum_make(&f[0], &s);
	ck_assert(!s.open);
}
END_TEST

/* Part 0 of a flow is found in the third day, and the first day has an index that is damaged. */
START_TEST(days_before_that_where_a_name_of_ours_begins_are_not_asked)
{
	struct record r;
	size_t n;

	builder_add(b, &(struct built_part){.uuid = UUID_B}, INDEXED);
	r = *builder_add(b,
	    &(struct built_part){.uuid = UUID_A, .first_ns = BUILDER_NOON + 2 * CLK_DAY_NS},
	    NOT_INDEXED);
	r.uuid_source = _i == 0 ? UUID_GENERATED : UUID_EVENT;
	builder_add_row(b, &r);
	builder_add(b,
	    &(struct built_part){
		.uuid = UUID_A, .number = 1, .first_ns = BUILDER_NOON + 4 * CLK_DAY_NS},
	    INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	builder_write(b, "2026/01/01/flows.sqlite", "this never was an index", 23);
	ck_assert_uint_eq(find_one(UUID_A, DAYINDEX_EXACT, &n)[0].count, 2);
	ck_assert_uint_eq(complaints.count, _i == 0 ? 0 : 1);
}
END_TEST

START_TEST(a_part_that_was_moved_is_located_and_one_that_is_gone_is_not)
{
	struct fetchrig g = {.builder = b};
	struct part old;
	struct record r;
	size_t n;

	r = *builder_add(b, &(struct built_part){.uuid = UUID_A}, INDEXED);
	builder_commit(b);
	old = *find_one(UUID_A, DAYINDEX_EXACT, &n)[0].parts[0];
	ck_assert_uint_eq(old.segment, 0);
	fetchrig_segment(&g, 7, &r, 1);
	builder_add_row(b, &r);
	builder_commit(b);
	if (_i == 0)
		builder_end_writer(b, ENDS_CLEANLY);
	ck_assert_int_eq(query_locate(q, &old), 0);
	ck_assert_uint_eq(old.segment, 7);
	ck_assert_uint_eq(old.offset, r.offset);
	ck_assert_uint_eq(old.length, r.length);
	ck_assert(!old.pinned);
	old.number = 1;
	ck_assert_int_eq(query_locate(q, &old), -ENOENT);
	old.number = 0;
	old.day++;
	ck_assert_int_eq(query_locate(q, &old), -ENOENT);
	ck_assert_str_eq(complaints.text, "");
}
END_TEST

START_TEST(where_a_part_lies_is_told_by_its_path)
{
	struct record r = {.day = 20454, .uuid = UUID_A, .part = 2};
	struct partlist *l;
	char path[PARTLIST_PATH_SIZE];

	ck_assert_int_eq(partlist_new(&l), 0);
	ck_assert_int_eq(partlist_add(l, &r), 0);
	r.segment = 4294967295;
	r.offset = 512;
	r.policy.payload = PAYLOAD_ZERO;
	r.exempt = 2;
	partlist_set_pinned(l, true);
	ck_assert_int_eq(partlist_add(l, &r), 0);
	ck_assert_str_eq(partlist_path(partlist_at(l, 0), path), "2026/01/01/" UUID_A "~2.pcap.gz");
	ck_assert_str_eq(
	    partlist_path(partlist_at(l, 1), path), "pinned/2026/01/01/flows-4294967295.tar");
	ck_assert_uint_eq(partlist_at(l, 1)->offset, 512);
	ck_assert_uint_eq(partlist_at(l, 1)->policy.payload, PAYLOAD_ZERO);
	ck_assert_uint_eq(partlist_at(l, 1)->exempt, 2);
	partlist_free(l);
}
END_TEST

START_TEST(the_lower_bound_is_the_first_flow_that_is_not_before)
{
	size_t n;

	add(UUID_A, INDEXED);
	add(UUID_C, INDEXED);
	add(UUID_M, INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	(void)find_all(&n);
	ck_assert_uint_eq(n, 3);
	ck_assert_uint_eq(query_lower_bound(q, "0"), 0);
	ck_assert_uint_eq(query_lower_bound(q, UUID_A), 0);
	ck_assert_uint_eq(query_lower_bound(q, "0aaaaaaa-2"), 1);
	ck_assert_uint_eq(query_lower_bound(q, "0c"), 2);
	ck_assert_uint_eq(query_lower_bound(q, "i"), 3);
}
END_TEST

/* A writer at work, or killed: in both cases the files of its last group have no rows. */
static const enum { AT_WORK, KILLED } writers[] = {AT_WORK, KILLED};

START_TEST(a_part_in_a_dirty_day_is_found_before_it_is_indexed)
{
	const struct query_flow *f;
	size_t n;

	add(UUID_A, INDEXED);
	builder_add(b,
	    &(struct built_part){
		.uuid = UUID_A, .number = 1, .first_ns = BUILDER_NOON + 60 * BUILDER_SECOND},
	    NOT_INDEXED);
	/* after some numbers that lie in another day */
	builder_add(b,
	    &(struct built_part){
		.uuid = UUID_A, .number = 9, .first_ns = BUILDER_NOON + 120 * BUILDER_SECOND},
	    NOT_INDEXED);
	add(UUID_M, NOT_INDEXED);
	if (writers[_i] == KILLED)
		builder_end_writer(b, IS_KILLED);
	f = find_one(UUID_A, DAYINDEX_EXACT, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(f[0].count, 3);
	ck_assert_uint_eq(f[0].parts[2]->number, 9);
	ck_assert_uint_eq(f[0].parts[2]->tally.pkts[0] + f[0].parts[2]->tally.pkts[1], 4);
	f = find_one("host_", DAYINDEX_PREFIX, &n);
	ck_assert_uint_eq(n, 1);
	check_uuid(&f[0], UUID_M);
	f = find_all(&n);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(f[0].count, 3);
	ck_assert_str_eq(complaints.text, "");
}
END_TEST

START_TEST(a_file_that_the_index_knows_is_not_read_again)
{
	size_t n;

	add(UUID_A, INDEXED);
	builder_end_writer(b, IS_KILLED);
	builder_cut(b, "2026/01/01/" UUID_A ".pcap.gz", 100);
	(void)find_one(UUID_A, DAYINDEX_EXACT, &n);
	ck_assert_uint_eq(n, 1);
	(void)find_all(&n);
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(complaints.text, "");
}
END_TEST

START_TEST(a_dirty_day_without_any_index_gives_its_files)
{
	size_t n;

	add(UUID_A, NOT_INDEXED);
	add(UUID_B, NOT_INDEXED);
	builder_end_writer(b, IS_KILLED);
	(void)find_one(UUID_B, DAYINDEX_EXACT, &n);
	ck_assert_uint_eq(n, 1);
	(void)find_all(&n);
	ck_assert_uint_eq(n, 2);
	ck_assert_str_eq(complaints.text, "");
}
END_TEST

START_TEST(files_of_a_clean_day_are_not_looked_at)
{
	size_t n;

	add(UUID_A, INDEXED);
	add(UUID_B, NOT_INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	(void)find_one(UUID_B, DAYINDEX_EXACT, &n);
	ck_assert_uint_eq(n, 0);
	(void)find_all(&n);
	ck_assert_uint_eq(n, 1);
}
END_TEST

START_TEST(a_torn_file_without_a_row_is_named_and_the_others_found)
{
	size_t n;

	add(UUID_A, NOT_INDEXED);
	add(UUID_B, NOT_INDEXED);
	builder_end_writer(b, IS_KILLED);
	builder_cut(b, "2026/01/01/" UUID_A ".pcap.gz", 100);
	(void)find_all(&n);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(complaints.count, 1);
	ck_assert_ptr_nonnull(strstr(complaints.text, "2026/01/01/" UUID_A ".pcap.gz: "));
}
END_TEST

/* Two days, of which the first loses its index. */
static void add_two_days(void)
{
	add(UUID_A, INDEXED);
	builder_add(b, &(struct built_part){.uuid = UUID_B, .first_ns = BUILDER_NOON + CLK_DAY_NS},
	    INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
}

START_TEST(a_day_without_index_is_named_once_and_the_others_searched)
{
	struct query_words w = {.match = DAYINDEX_PREFIX};
	size_t n;

	add_two_days();
	builder_remove(b, "2026/01/01/flows.sqlite");
	(void)find_all(&n);
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(query_find(q, &w), 0);
	ck_assert_uint_eq(complaints.count, 1);
	ck_assert_ptr_nonnull(strstr(complaints.text, "2026/01/01/flows.sqlite: missing"));
}
END_TEST

START_TEST(a_damaged_index_is_named_and_the_others_searched)
{
	size_t n;

	add_two_days();
	if (_i == 0)
		builder_write(b, "2026/01/01/flows.sqlite", "this never was an index", 23);
	else
		builder_wipe(b, "2026/01/01/flows.sqlite", 4096,
		    builder_size(b, "2026/01/01/flows.sqlite") - 4096);
	(void)find_one(UUID_B, DAYINDEX_EXACT, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(complaints.count, 1);
	ck_assert_ptr_nonnull(strstr(complaints.text, "2026/01/01/flows.sqlite: damaged"));
}
END_TEST

/* It is damaged, and nobody sees it but who has a reason to look: its filter counts. */
START_TEST(an_index_that_surely_lacks_a_name_is_not_asked)
{
	char path[PATH_MAX];
	struct timespec times[2];
	struct stat st;
	size_t n;

	add_two_days();
	(void)snprintf(path, sizeof(path), "%s/2026/01/01/flows.sqlite", builder_dir(b));
	ck_assert_int_eq(stat(path, &st), 0);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	builder_wipe(b, "2026/01/01/flows.sqlite", 4096, (size_t)st.st_size - 4096);
	ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
	(void)find_one(UUID_B, DAYINDEX_EXACT, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(complaints.count, 0);
	(void)find_one(UUID_B, DAYINDEX_PREFIX, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(complaints.count, 1);
	(void)find_words((const char *const[]){UUID_B, UUID_A}, 2, DAYINDEX_EXACT, &n);
	ck_assert_uint_eq(complaints.count, 2);
}
END_TEST

START_TEST(an_empty_day_needs_no_index)
{
	size_t n;

	add_two_days();
	builder_remove(b, "2026/01/01/flows.sqlite");
	builder_remove(b, "2026/01/01/" UUID_A ".pcap.gz");
	(void)find_all(&n);
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(complaints.text, "");
}
END_TEST

START_TEST(a_day_that_was_begun_after_the_archive_was_opened_is_no_damage)
{
	struct query_words w = {.match = DAYINDEX_PREFIX};
	struct archive *early = builder_reader(b);
	size_t n;

	add(UUID_A, NOT_INDEXED);
	ck_assert_int_eq(query_new(early, builder_complain, &complaints, &q), 0);
	ck_assert_int_eq(query_find(q, &w), 0);
	ck_assert_int_eq(query_group(q), 0);
	(void)query_flows(q, &n);
	ck_assert_uint_eq(n, 0);
	ck_assert_str_eq(complaints.text, "");
}
END_TEST

START_TEST(a_staged_flow_is_told_by_its_whole_name_or_its_beginning)
{
	const char *words[] = {UUID_A, "host_", UUID_B, "host_1577836800_00000000000012A"};
	struct query_words w = {words, 4, DAYINDEX_EXACT};
	bool staged[4] = {false};

	ck_assert_int_eq(unindexed_staged(builder_reader(b), &w, staged), 0);
	ck_assert(!staged[0] && !staged[1] && !staged[2] && !staged[3]);
	builder_stage(b, UUID_A);
	builder_stage(b, UUID_M);
	ck_assert_int_eq(unindexed_staged(builder_reader(b), &w, staged), 0);
	ck_assert(staged[0] && !staged[1] && !staged[2] && !staged[3]);
	w.match = DAYINDEX_PREFIX;
	ck_assert_int_eq(unindexed_staged(builder_reader(b), &w, staged), 0);
	ck_assert(staged[0] && staged[1] && !staged[2] && staged[3]);
}
END_TEST

START_TEST(a_directory_that_is_no_archive_is_told_from_one)
{
	char dir[PATH_MAX];
	struct archive *a;

	(void)snprintf(dir, sizeof(dir), "%s-empty-XXXXXX", builder_dir(b));
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(query_open_archive(dir, &a), -ENOMEDIUM);
	ck_assert_int_eq(rmdir(dir), 0);
	ck_assert_int_eq(query_open_archive(dir, &a), -ENOENT);
	ck_assert_int_eq(query_open_archive("/dev/null", &a), -ENOTDIR);
	ck_assert_int_eq(query_open_archive(builder_dir(b), &a), 0);
	archive_close(a);
}
END_TEST

START_TEST(thousands_of_parts_are_found_each_once)
{
	const unsigned flows = 3000;
	size_t n;
	char uuid[LAYOUT_UUID_SIZE];
	struct record r = *builder_add(b, &(struct built_part){.uuid = UUID_A}, NOT_INDEXED);

	/* rows are all that a search of a clean day looks at */
	for (unsigned i = 0; i < flows; i++) {
		(void)snprintf(r.uuid, sizeof(r.uuid),
		    i % 2 ? "name-%05u" : "%08u-0000-5000-8000-000000000000", i);
		(void)snprintf(r.interface, sizeof(r.interface), "eth%u", i % 70);
		builder_add_row(b, &r);
	}
	builder_end_writer(b, ENDS_CLEANLY);
	(void)find_all(&n);
	ck_assert_uint_eq(n, flows);
	for (unsigned i = 0; i < flows; i++) {
		const struct query_flow *f;
		size_t at;
		char interface[16];

		(void)snprintf(uuid, sizeof(uuid),
		    i % 2 ? "name-%05u" : "%08u-0000-5000-8000-000000000000", i);
		(void)snprintf(interface, sizeof(interface), "eth%u", i % 70);
		at = query_lower_bound(q, uuid);
		f = &query_flows(q, &n)[at];
		check_uuid(f, uuid);
		ck_assert_str_eq(f->parts[0]->interface, interface);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fetch/query");
	TCase *t = tcase_create("query");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, an_exact_uuid_finds_its_flow_and_no_other);
	tcase_add_test(t, a_prefix_finds_all_that_begin_so);
	tcase_add_test(t, overlapping_words_give_each_part_once);
	tcase_add_test(t, parts_over_two_days_are_one_flow_in_the_order_of_time);
	tcase_add_test(t, flags_are_letters_in_the_order_of_their_bits);
	tcase_add_test(t, losses_and_flags_of_all_parts_and_sides_count);
	tcase_add_test(t, other_ends_or_families_under_one_uuid_are_other_flows);
	tcase_add_test(t, flows_sort_by_start_and_then_by_uuid);
	tcase_add_loop_test(
	    t, flows_sort_by_what_is_asked_and_equal_ones_by_start_then_uuid, 0, 10);
	tcase_add_test(t, a_flow_is_open_while_more_of_it_is_staged_or_its_last_part_says_so);
	tcase_add_loop_test(t, days_before_that_where_a_name_of_ours_begins_are_not_asked, 0, 2);
	tcase_add_loop_test(t, a_part_that_was_moved_is_located_and_one_that_is_gone_is_not, 0, 2);
	tcase_add_test(t, where_a_part_lies_is_told_by_its_path);
	tcase_add_test(t, the_lower_bound_is_the_first_flow_that_is_not_before);
	tcase_add_loop_test(t, a_part_in_a_dirty_day_is_found_before_it_is_indexed, 0, 2);
	tcase_add_test(t, a_file_that_the_index_knows_is_not_read_again);
	tcase_add_test(t, a_dirty_day_without_any_index_gives_its_files);
	tcase_add_test(t, files_of_a_clean_day_are_not_looked_at);
	tcase_add_test(t, a_torn_file_without_a_row_is_named_and_the_others_found);
	tcase_add_test(t, a_day_without_index_is_named_once_and_the_others_searched);
	tcase_add_loop_test(t, a_damaged_index_is_named_and_the_others_searched, 0, 2);
	tcase_add_test(t, an_index_that_surely_lacks_a_name_is_not_asked);
	tcase_add_test(t, an_empty_day_needs_no_index);
	tcase_add_test(t, a_day_that_was_begun_after_the_archive_was_opened_is_no_damage);
	tcase_add_test(t, a_staged_flow_is_told_by_its_whole_name_or_its_beginning);
	tcase_add_test(t, a_directory_that_is_no_archive_is_told_from_one);
	tcase_add_test(t, thousands_of_parts_are_found_each_once);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
