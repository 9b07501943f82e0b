/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of where parts lie, and of how much memory they take: segments, parts that were moved or
 * removed since they were found, buffers that are given back and filled again.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "archive/layout.h"
#include "archive/pack.h"
#include "base/clk.h"
#include "fetch/flowfile.h"
#include "fetchrig.h"
#include "support/quick.h"

#define UUID_A   "0aaaaaaa-1111-5111-8111-111111111111"
#define UUID_B   "0bbbbbbb-2222-5222-8222-222222222222"
#define UUID_D   "0d27a6e1-4c3f-5b98-8c05-91e6d3f7b4a0"
#define UUID_C   "0ccccccc-3333-5333-8333-333333333333"
#define DAY      "2026/01/01/"
#define FILE_A   DAY UUID_A ".pcap.gz"
#define SEGMENT1 DAY "flows-1.tar"
#define SEGMENT2 DAY "flows-2.tar"

static struct fetchrig rig;

static void set_up(void)
{
	fetchrig_set_up(&rig);
}

static void tear_down(void)
{
	fetchrig_tear_down(&rig);
}

static const struct built_part three[3] = {{.uuid = UUID_A,
					       .first_ns = BUILDER_NOON,
					       .step_ns = 10,
					       .packets = 30,
					       .member_packets = 4,
					       .payload_bytes = 700},
    {.uuid = UUID_B, .first_ns = BUILDER_NOON + 1, .step_ns = 10, .packets = 20},
    {.uuid = UUID_C, .first_ns = BUILDER_NOON + 2, .step_ns = 10, .packets = 10}};

static void add_three(enum indexed indexed, struct record r[3])
{
	for (size_t i = 0; i < 3; i++)
		r[i] = *builder_add(rig.builder, &three[i], indexed);
}

static void add_rows(const struct record *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		builder_add_row(rig.builder, &r[i]);
	builder_end_writer(rig.builder, ENDS_CLEANLY);
}

/* All packets of the three, merged. */
static void check_three(void)
{
	static const unsigned members[3] = {30, 20, 10};
	struct seen *s = fetchrig_read(&rig, 60);
	size_t at = 0;

	ck_assert_str_eq(rig.complaints.text, "");
	for (unsigned n = 0; n < 30; n++)
		for (size_t i = 0; i < 3; i++)
			if (n < members[i])
				fetchrig_check(&s[at++], &three[i], n);
	free(s);
}

/* ---- segments ---- */

START_TEST(parts_in_a_segment_are_given_as_those_in_files)
{
	struct record r[3];

	add_three(NOT_INDEXED, r);
	fetchrig_segment(&rig, 1, r, 3);
	add_rows(r, 3);
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	check_three();
}
END_TEST

START_TEST(a_name_that_needs_a_long_header_is_no_obstacle)
{
	char uuid[LAYOUT_UUID_SIZE];
	const struct built_part p = {
	    .uuid = uuid, .first_ns = BUILDER_NOON, .step_ns = 5, .number = 7};
	struct record r[1];
	struct seen *s;

	memset(uuid, 'x', LAYOUT_UUID_MAX);
	uuid[LAYOUT_UUID_MAX] = '\0';
	r[0] = *builder_add(rig.builder, &p, NOT_INDEXED);
	fetchrig_segment(&rig, 3, r, 1);
	add_rows(r, 1);
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	s = fetchrig_read(&rig, 4);
	ck_assert_str_eq(rig.complaints.text, "");
	ck_assert_int_eq(s[3].ts_ns, BUILDER_NOON + 15);
	free(s);
}
END_TEST

/* The byte behind a part is the next header's: it must not be looked at. */
START_TEST(nothing_outside_of_the_part_is_read)
{
	struct record r[3];
	size_t n;

	add_three(NOT_INDEXED, r);
	fetchrig_segment(&rig, 1, r, 3);
	r[0].length -= 20; /* ends in its record member */
	add_rows(r, 1);
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	free(builder_read_pcap(rig.out_path, &n));
	ck_assert_uint_eq(n, 30);
	ck_assert_ptr_nonnull(strstr(rig.complaints.text,
	    SEGMENT1 ": " UUID_A ".pcap.gz: cut: it ends inside a gzip member"));
}
END_TEST

START_TEST(a_segment_that_is_cut_gives_what_is_there)
{
	struct record r[3];
	size_t n;

	add_three(NOT_INDEXED, r);
	fetchrig_segment(&rig, 1, r, 3);
	add_rows(r, 3);
	builder_cut(rig.builder, SEGMENT1, r[1].offset + 10);
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	free(builder_read_pcap(rig.out_path, &n));
	ck_assert_uint_eq(n, 30);
	ck_assert_uint_eq(rig.complaints.count, 2);
	ck_assert_ptr_nonnull(strstr(rig.complaints.text, UUID_B ".pcap.gz: cut"));
	ck_assert_ptr_nonnull(strstr(rig.complaints.text, UUID_C ".pcap.gz: empty"));
}
END_TEST

/* ---- parts that move ---- */

/* Answers from the records in arg, three of them: where a part lies "now". */
static unsigned located;

static int locate(struct part *p, void *records)
{
	const struct record *r = records;
	char uuid[LAYOUT_UUID_SIZE];

	located++;
	for (size_t i = 0; i < 3; i++) {
		if (strcmp(r[i].uuid, partlist_uuid(p, uuid)) != 0)
			continue;
		if (r[i].length == 0)
			return -ENOENT;
		p->segment = r[i].segment;
		p->offset = r[i].offset;
		return 0;
	}
	return -EIO;
}

/* Index and query tell of files; then they are packed. */
START_TEST(a_part_that_was_packed_since_is_found_in_its_segment)
{
	struct record r[3];

	add_three(INDEXED, r);
	builder_end_writer(rig.builder, ENDS_CLEANLY);
	fetchrig_segment(&rig, 2, r, 3);
	rig.locate = locate;
	rig.locate_arg = r;
	located = 0;
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	check_three();
	ck_assert_uint_eq(located, 3); /* once for each */
}
END_TEST

START_TEST(a_part_that_was_removed_since_is_said_to_be)
{
	struct record r[3];
	size_t n;

	add_three(INDEXED, r);
	builder_end_writer(rig.builder, ENDS_CLEANLY);
	builder_remove(rig.builder, FILE_A);
	r[0].length = 0;
	rig.locate = locate;
	rig.locate_arg = r;
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	ck_assert_str_eq(rig.complaints.text, FILE_A ": removed since it was found\n");
	free(builder_read_pcap(rig.out_path, &n));
	ck_assert_uint_eq(n, 30);
	ck_assert_uint_eq(rig.totals.bad_parts, 1);
}
END_TEST

START_TEST(a_part_that_the_index_still_tells_of_is_missing)
{
	struct record r[3];

	add_three(INDEXED, r);
	builder_end_writer(rig.builder, ENDS_CLEANLY);
	builder_remove(rig.builder, FILE_A);
	rig.locate = locate;
	rig.locate_arg = r;
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	ck_assert_str_eq(rig.complaints.text, FILE_A ": missing\n");
}
END_TEST

static int ask_query(struct part *p, void *rig_arg)
{
	return query_locate(((struct fetchrig *)rig_arg)->query, p);
}

static void pack_days(void)
{
	struct pack_config config = {.segment_bytes = 1 << 20};
	struct pack_totals totals;
	int32_t day = clk_day(BUILDER_NOON);

	ck_assert_int_eq(archive_open(builder_dir(rig.builder), ARCHIVE_TEND, &config.archive), 0);
	ck_assert_int_eq(archive_lock_day(config.archive, day), 0);
	ck_assert_int_eq(pack_day(&config, day, &totals), 0);
	ck_assert_uint_eq(totals.parts, 3);
	archive_unlock_day(config.archive, day, ARCHIVE_UNLOCK_CLEAN);
	archive_close(config.archive);
}

/* The same with the index itself: what was found lay in files, and is packed before it is read. */
START_TEST(the_index_knows_where_pack_has_put_a_part)
{
	struct record r[3];
	const struct part **parts;
	struct flowfile_packet k;
	struct flowfile_pool *pool;
	struct partfile_places places = {.locate = ask_query, .locate_arg = &rig};
	struct flowfile *f;
	size_t n;

	add_three(INDEXED, r);
	builder_end_writer(rig.builder, ENDS_CLEANLY);
	parts = fetchrig_parts(&rig, &n);
	ck_assert_uint_eq(n, 3);
	places.archive = rig.archive;
	pack_days();
	ck_assert_int_eq(flowfile_pool_new(&places, &pool), 0);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(parts[i]->segment, 0);
		ck_assert_int_eq(flowfile_open(pool, parts[i], &f), 0);
		for (unsigned j = 0; j < three[i].packets; j++)
			ck_assert_int_eq(flowfile_next(f, &k), 1);
		ck_assert_int_eq(flowfile_next(f, &k), 0);
		ck_assert_uint_gt(flowfile_part(f)->segment, 0);
		flowfile_close(f);
	}
	flowfile_pool_free(pool);
	free(parts);
}
END_TEST

/* Gives out what was found earlier. The caller frees. */
static uint8_t *fetch_found(const struct part *const *parts, size_t count, size_t *ret_n)
{
	struct fetch_job job = {.places = {rig.archive, ask_query, &rig},
	    .parts = parts,
	    .count = count,
	    .flows = count,
	    .as = rig.as,
	    .bad = builder_complain,
	    .bad_arg = &rig.complaints};

	ck_assert_int_eq(outfile_new(rig.out_path, OUTFILE_PLAIN, &job.out), 0);
	ck_assert_int_eq(fetch_parts(&job, &rig.totals), 0);
	ck_assert_int_eq(outfile_commit(job.out), 0);
	outfile_free(job.out);
	ck_assert_str_eq(rig.complaints.text, "");
	ck_assert_uint_eq(rig.totals.pkts, 60);
	return fetchrig_bytes(&rig, NULL, ret_n);
}

/* pcap, pcapng and raw: that it was moved between search and reading shows nowhere. */
START_TEST(what_was_packed_since_it_was_found_comes_out_as_before)
{
	static const enum fetch_as forms[] = {FETCH_AS_PCAP, FETCH_AS_PCAPNG, FETCH_AS_RAW};
	struct record r[3];
	const struct part **parts;
	uint8_t *before, *after;
	size_t n, before_n, after_n;

	rig.as = forms[_i];
	add_three(INDEXED, r);
	builder_end_writer(rig.builder, ENDS_CLEANLY);
	parts = fetchrig_parts(&rig, &n);
	ck_assert_uint_eq(n, 3);
	before = fetch_found(parts, n, &before_n);
	pack_days();
	after = fetch_found(parts, n, &after_n);
	ck_assert_uint_eq(after_n, before_n);
	ck_assert_mem_eq(after, before, before_n);
	free(after);
	free(before);
	free(parts);
}
END_TEST

/* Says each time that the part lies in the next segment, where a record says. */
static int wander(struct part *p, void *record)
{
	p->segment = ++located;
	p->offset = ((const struct record *)record)->offset;
	return 0;
}

/* It is packed, pruned and packed while it is looked for: it is not looked for without end. */
START_TEST(a_part_that_moves_while_it_is_looked_for_is_looked_for_three_times)
{
	struct record r = *builder_add(rig.builder, &three[0], INDEXED);

	builder_end_writer(rig.builder, ENDS_CLEANLY);
	fetchrig_segment(&rig, 3 + (uint32_t)_i, &r, 1);
	rig.locate = wander;
	rig.locate_arg = &r;
	located = 0;
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	ck_assert_uint_eq(located, 3);
	ck_assert_uint_eq(rig.totals.pkts, _i == 0 ? 30 : 0);
	ck_assert_str_eq(
	    rig.complaints.text, _i == 0 ? "" : DAY "flows-3.tar: " UUID_A ".pcap.gz: missing\n");
}
END_TEST

/* A segment like one of ours that holds a single part, of another name and of the same length. */
static uint8_t *make_stranger(const struct built_part *p, const struct record *r, size_t *ret_n)
{
	char uuid[] = UUID_D;
	struct built_part other = *p;
	uint8_t *bytes = NULL;

	other.uuid = uuid;
	for (char c = '1'; bytes == NULL; c++) {
		struct fetchrig elsewhere;
		struct record stranger;

		ck_assert_int_le(c, '9'); /* one of them packs as well as the first */
		uuid[sizeof(uuid) - 2] = c;
		fetchrig_set_up(&elsewhere);
		stranger = *builder_add(elsewhere.builder, &other, NOT_INDEXED);
		fetchrig_segment(&elsewhere, 1, &stranger, 1);
		if (stranger.length == r->length && stranger.offset == r->offset)
			bytes = fetchrig_bytes(&elsewhere, SEGMENT1, ret_n);
		fetchrig_tear_down(&elsewhere);
	}
	return bytes;
}

/* A segment went, and another one got its number: in it lies another part at the same place. */
START_TEST(another_part_in_its_place_is_not_taken_for_it)
{
	const struct built_part p = {.uuid = UUID_D, .first_ns = BUILDER_NOON + 1, .step_ns = 10};
	struct record r[3] = {0};
	uint8_t *bytes;
	struct seen *s;
	size_t n;

	r[0] = *builder_add(rig.builder, &p, NOT_INDEXED);
	fetchrig_segment(&rig, 1, &r[0], 1);
	add_rows(r, 1);
	bytes = fetchrig_bytes(&rig, SEGMENT1, &n);
	builder_write(rig.builder, SEGMENT2, bytes, n);
	free(bytes);
	bytes = make_stranger(&p, &r[0], &n);
	builder_write(rig.builder, SEGMENT1, bytes, n);
	free(bytes);
	r[0].segment = 2;
	rig.locate = locate;
	rig.locate_arg = r;
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	ck_assert_str_eq(rig.complaints.text, "");
	s = fetchrig_read(&rig, 4);
	for (unsigned i = 0; i < 4; i++)
		fetchrig_check(&s[i], &p, i);
	free(s);
}
END_TEST

/* ---- one part, stopped and gone on with anywhere ---- */

/* The only part of the archive, and what reads it. */
static const struct part *only_part(struct flowfile_pool **ret_pool)
{
	size_t n;
	const struct part **parts = fetchrig_parts(&rig, &n), *p = parts[0];
	struct partfile_places places = {rig.archive, rig.locate, rig.locate_arg};

	ck_assert_uint_eq(n, 1);
	free(parts);
	ck_assert_int_eq(flowfile_pool_new(&places, ret_pool), 0);
	return p;
}

/* Puts A's file anew, in gzip members of so many bytes of pcap; the index says the old length. */
static void pack_anew(size_t member_bytes)
{
	size_t n, packed = 0, room = 1 << 22;
	uint8_t *in = fetchrig_gunzip(&rig, FILE_A, &n), *out = malloc(room);
	z_stream z = {0};

	quick_assert(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	for (size_t at = 0; at < n; at += member_bytes) {
		z.next_in = in + at;
		z.avail_in = (uInt)(n - at < member_bytes ? n - at : member_bytes);
		z.next_out = out + packed;
		z.avail_out = (uInt)(room - packed);
		quick_assert(deflate(&z, Z_FINISH) == Z_STREAM_END);
		packed += z.total_out;
		(void)deflateReset(&z);
	}
	(void)deflateEnd(&z);
	builder_write(rig.builder, FILE_A, out, packed);
	free(out);
	free(in);
}

/* Reads all of it; before every `every`-th packet its buffer is given back. Returns packets. */
static unsigned read_with_stops(
    struct flowfile_pool *pool, const struct part *p, unsigned every, int *ret_answer)
{
	struct flowfile_packet k, again;
	struct flowfile *f;
	unsigned n = 0;
	int rv;

	quick_assert(flowfile_open(pool, p, &f) == 0);
	while ((rv = flowfile_next(f, &k)) == 1) {
		uint32_t length = k.length;
		int64_t ts = k.ts_ns;
		uint8_t head[64];

		memcpy(head, k.bytes, 64);
		if (++n % every == 0) {
			flowfile_evict(f);
			quick_assert(flowfile_held(f) == 0 && flowfile_pool_held(pool) == 0);
		}
		quick_assert(flowfile_number(f) == n - (n % every == 0));
		quick_assert(flowfile_again(f, &again) == 1);
		quick_assert(again.length == length && again.ts_ns == ts);
		quick_assert(memcmp(again.bytes, head, 64) == 0);
		quick_assert(flowfile_number(f) == n);
		quick_assert(ts == BUILDER_NOON + (int64_t)(n - 1) * 10);
	}
	*ret_answer = rv;
	quick_assert(flowfile_next(f, &k) == rv);
	flowfile_close(f);
	quick_assert(flowfile_pool_held(pool) == 0);
	return n;
}

/* As it is written, and in one member, in large ones, and so small that packets lie in several. */
START_TEST(a_part_that_gave_its_buffer_back_goes_on_where_it_was)
{
	static const size_t member_bytes[] = {0, 1 << 22, 40000, 1000, 15};
	static const size_t limits[] = {SIZE_MAX, 20000, 1500, 1};
	struct built_part p = {.uuid = UUID_A,
	    .first_ns = BUILDER_NOON,
	    .step_ns = 10,
	    .packets = 150,
	    .member_packets = 40,
	    .payload_bytes = 700};
	struct flowfile_pool *pool;
	const struct part *part;
	int answer;

	builder_add(rig.builder, &p, INDEXED);
	builder_end_writer(rig.builder, ENDS_CLEANLY);
	if (member_bytes[_i] > 0)
		pack_anew(member_bytes[_i]);
	part = only_part(&pool);
	for (size_t l = 0; l < 4; l++) {
		flowfile_pool_limit(pool, limits[l]);
		for (unsigned every = 1; every < 160; every = every * 3 + 1) {
			quick_assert(read_with_stops(pool, part, every, &answer) == 150);
			ck_assert_int_eq(answer, _i == 0 ? 0 : -EBADMSG);
		}
	}
	flowfile_pool_free(pool);
}
END_TEST

/* However it is read, a part that is cut or damaged ends in the same way. */
START_TEST(damage_is_met_again_where_it_was)
{
	struct built_part p = {.uuid = UUID_A,
	    .first_ns = BUILDER_NOON,
	    .step_ns = 10,
	    .packets = 12,
	    .member_packets = 3,
	    .payload_bytes = 100};
	const struct part *part;
	struct flowfile_pool *pool;
	uint8_t *bytes;
	size_t size;
	int plain, stopped;

	builder_add(rig.builder, &p, INDEXED);
	builder_end_writer(rig.builder, ENDS_CLEANLY);
	bytes = fetchrig_bytes(&rig, FILE_A, &size);
	part = only_part(&pool);
	for (size_t at = 0; at < size; at++) {
		unsigned n;

		if (_i == 0)
			builder_write(rig.builder, FILE_A, bytes, at);
		else
			builder_flip_byte(rig.builder, FILE_A, at);
		flowfile_pool_limit(pool, SIZE_MAX);
		n = read_with_stops(pool, part, 1000, &plain);
		quick_assert(read_with_stops(pool, part, 1, &stopped) == n && stopped == plain);
		flowfile_pool_limit(pool, 100);
		quick_assert(read_with_stops(pool, part, 2, &stopped) == n && stopped == plain);
		if (_i == 1)
			builder_flip_byte(rig.builder, FILE_A, at);
	}
	flowfile_pool_free(pool);
	free(bytes);
}
END_TEST

START_TEST(a_part_may_move_while_it_is_read)
{
	struct built_part p = three[0];
	struct flowfile_packet k;
	struct flowfile_pool *pool;
	const struct part *part;
	struct flowfile *f;
	struct record r[3] = {0};
	char record[PARTFILE_RECORD_SIZE];

	p.payload_bytes = 30000; /* a member at a time */
	r[0] = *builder_add(rig.builder, &p, INDEXED);
	builder_end_writer(rig.builder, ENDS_CLEANLY);
	rig.locate = locate;
	rig.locate_arg = r;
	part = only_part(&pool);
	ck_assert_int_eq(flowfile_open(pool, part, &f), 0);
	for (unsigned n = 0; n < 30; n++) {
		if (n == 6)
			fetchrig_segment(&rig, 1, r, 1);
		ck_assert_int_eq(flowfile_next(f, &k), 1);
		ck_assert_int_eq(k.ts_ns, p.first_ns + (int64_t)n * p.step_ns);
	}
	ck_assert_int_eq(flowfile_next(f, &k), 0);
	ck_assert_uint_eq(flowfile_part(f)->segment, 1);
	ck_assert_uint_eq(part->segment, 0);
	ck_assert_ptr_nonnull(strstr(flowfile_record(f, record), "\"uuid\":\"" UUID_A "\""));
	flowfile_close(f);
	flowfile_pool_free(pool);
}
END_TEST

/* ---- the budget ---- */

#define MANY 300u

/* Parts that go on at the same time, some long, some short, some sparse: all of them overlap. */
static struct built_part many_part(unsigned i)
{
	return (struct built_part){.uuid = UUID_A,
	    .number = i,
	    .first_ns = BUILDER_NOON + i * 7,
	    .step_ns = 1000 + (i % 5) * 300,
	    .packets = 3 + i % 9,
	    .member_packets = 1 + i % 4,
	    .payload_bytes = 100 + (i % 11) * 900};
}

static void add_many(void)
{
	struct record *r = malloc(MANY * sizeof(*r));

	for (unsigned i = 0; i < MANY; i++) {
		struct built_part p = many_part(i);

		r[i] = *builder_add(rig.builder, &p, NOT_INDEXED);
	}
	fetchrig_segment(&rig, 1, r, MANY / 2); /* the others stay files */
	add_rows(r, MANY);
	free(r);
}

START_TEST(with_little_memory_the_same_bytes_come_out)
{
	static const size_t budgets[] = {1, 10000, 100000, 400000};
	size_t want_n, n;
	uint8_t *want, *have;

	add_many();
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	ck_assert_str_eq(rig.complaints.text, "");
	ck_assert_uint_eq(rig.totals.evictions, 0);
	want = fetchrig_bytes(&rig, NULL, &want_n);
	for (size_t i = 0; i < sizeof(budgets) / sizeof(*budgets); i++) {
		fetchrig_forget(&rig);
		rig.budget_bytes = budgets[i];
		ck_assert_int_eq(fetchrig_fetch(&rig), 0);
		ck_assert_str_eq(rig.complaints.text, "");
		ck_assert_uint_gt(rig.totals.evictions, 10);
		have = fetchrig_bytes(&rig, NULL, &n);
		ck_assert_uint_eq(n, want_n);
		ck_assert(memcmp(have, want, n) == 0);
		free(have);
	}
	free(want);
}
END_TEST

/* All at the same pace: were whole members inflated, each would be evicted for nearly every packet.
 */
START_TEST(parts_that_go_on_evenly_share_the_memory)
{
	struct built_part p = {
	    .uuid = UUID_A, .step_ns = 1000, .packets = 100, .payload_bytes = 500};
	int64_t before_ns = 0;
	struct seen *s;

	for (p.number = 0; p.number < 64; p.number++) {
		p.first_ns = BUILDER_NOON + p.number;
		builder_add(rig.builder, &p, INDEXED);
	}
	builder_end_writer(rig.builder, ENDS_CLEANLY);
	rig.budget_bytes = 256 << 10;
	ck_assert_int_eq(fetchrig_fetch(&rig), 0);
	s = fetchrig_read(&rig, 6400);
	for (size_t i = 0; i < 6400; i++) {
		quick_assert(s[i].ts_ns > before_ns);
		before_ns = s[i].ts_ns;
	}
	free(s);
	ck_assert_uint_gt(rig.totals.evictions, 0);
	ck_assert_uint_lt(rig.totals.evictions, 640);
}
END_TEST

/* A part that went while it had nothing in memory: what was given stays, the rest is named. */
START_TEST(a_part_that_goes_while_it_holds_nothing_is_named)
{
	struct flowfile_packet k;
	struct flowfile_pool *pool;
	struct flowfile *f;
	const struct part *part;

	builder_add(rig.builder, &three[0], INDEXED);
	builder_end_writer(rig.builder, ENDS_CLEANLY);
	part = only_part(&pool);
	ck_assert_int_eq(flowfile_open(pool, part, &f), 0);
	ck_assert_int_eq(flowfile_next(f, &k), 1);
	flowfile_evict(f);
	builder_remove(rig.builder, FILE_A);
	ck_assert_int_eq(flowfile_again(f, &k), -ENOENT);
	ck_assert_str_eq(flowfile_error(f), "missing");
	ck_assert_int_eq(flowfile_next(f, &k), -ENOENT);
	flowfile_close(f);
	flowfile_pool_free(pool);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fetch/places");
	TCase *place = tcase_create("place"), *memory = tcase_create("memory");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(place, set_up, tear_down);
	tcase_add_test(place, parts_in_a_segment_are_given_as_those_in_files);
	tcase_add_test(place, a_name_that_needs_a_long_header_is_no_obstacle);
	tcase_add_test(place, nothing_outside_of_the_part_is_read);
	tcase_add_test(place, a_segment_that_is_cut_gives_what_is_there);
	tcase_add_test(place, a_part_that_was_packed_since_is_found_in_its_segment);
	tcase_add_test(place, a_part_that_was_removed_since_is_said_to_be);
	tcase_add_test(place, a_part_that_the_index_still_tells_of_is_missing);
	tcase_add_test(place, the_index_knows_where_pack_has_put_a_part);
	tcase_add_loop_test(place, what_was_packed_since_it_was_found_comes_out_as_before, 0, 3);
	tcase_add_loop_test(
	    place, a_part_that_moves_while_it_is_looked_for_is_looked_for_three_times, 0, 2);
	tcase_add_test(place, another_part_in_its_place_is_not_taken_for_it);
	suite_add_tcase(suite, place);
	tcase_set_timeout(memory, 120);
	tcase_add_checked_fixture(memory, set_up, tear_down);
	tcase_add_loop_test(memory, a_part_that_gave_its_buffer_back_goes_on_where_it_was, 0, 5);
	tcase_add_loop_test(memory, damage_is_met_again_where_it_was, 0, 2);
	tcase_add_test(memory, a_part_may_move_while_it_is_read);
	tcase_add_test(memory, with_little_memory_the_same_bytes_come_out);
	tcase_add_test(memory, parts_that_go_on_evenly_share_the_memory);
	tcase_add_test(memory, a_part_that_goes_while_it_holds_nothing_is_named);
	suite_add_tcase(suite, memory);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
