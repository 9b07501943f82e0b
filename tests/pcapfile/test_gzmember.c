/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of gzip members: zlib reads what every codec writes, no member is longer than promised, the
 * same input gives the same bytes, and the record member is found where it is and nowhere else.
 */
#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "pcapfile/gzmember.h"
#include "support/gzcheck.h"
#include "support/quick.h"
#include "support/random.h"

/* Sizes around what matters: igzip's small members, stored blocks of 65535, chunks, super-packets.
 */
static const size_t sizes[] = {
    0, 1, 2, 100, 8191, 8192, 8193, 65519, 65520, 65534, 65535, 65536, 131070, 131071, 262160};
#define SIZES ((int)(sizeof(sizes) / sizeof(sizes[0])))
#define MOST  262160u

enum content { CONSTANT, TEXT, PACKETS, RANDOM, MIXED, CONTENTS };

static uint8_t input[MOST];

static void make_input(enum content content, size_t len)
{
	struct random r = {1 + (uint64_t)content};

	for (size_t i = 0; i < len; i++) {
		uint64_t x = random_next(&r) >> 32;

		switch (content) {
		case CONSTANT:
			input[i] = 0;
			break;
		case TEXT:
			input[i] = (uint8_t) "GET / HTTP/1.1\r\nHost: example.net\r\n"[i % 35];
			break;
		case PACKETS: /* records with headers alike and noise between */
			input[i] = i % 1514 < 70 ? (uint8_t)(i % 1514) : (uint8_t)(x & 0x1f);
			break;
		case MIXED:
			input[i] = i / 20000 % 2 ? (uint8_t)x : 7;
			break;
		default:
			input[i] = (uint8_t)x;
		}
	}
}

/* All codecs that are built in: "none", zlib:1..9, isal:0..3. */
static int each_codec(struct codec *codecs)
{
	static const char *const texts[] = {"none", "zlib:1", "zlib:2", "zlib:3", "zlib:4",
	    "zlib:5", "zlib:6", "zlib:7", "zlib:8", "zlib:9", "isal:0", "isal:1", "isal:2",
	    "isal:3"};
	int n = 0;

	for (int i = 0; i < 14; i++)
		if (codec_parse(texts[i], &codecs[n]) == 0)
			n++;
	ck_assert_int_ge(n, 10);
	return n;
}

/* Does the same input give the same bytes? See codec_default on ISA-L from level 1 on. */
static bool reproducible(struct codec c)
{
	return c.kind != CODEC_ISAL || c.level == 0;
}

/* Compresses input[0..len) into a buffer of exactly the promised size, so that ASan sees any
 * excess. */
static uint8_t *compress_input(struct gzmember *gz, size_t len, size_t *ret_len)
{
	uint8_t *out = malloc(gzmember_bound(len));

	ck_assert_ptr_nonnull(out);
	*ret_len = gzmember_write(gz, input, len, out);
	quick_assert(*ret_len <= gzmember_bound(len));
	return out;
}

static void check_member(struct gzmember *gz, size_t len, const char *codec)
{
	/* ID1 ID2, deflate, no flags, mtime 0, XFL 0, OS 255 */
	static const uint8_t header[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};
	struct gzcheck g;
	size_t n, again_n;
	uint8_t *out = compress_input(gz, len, &n), *again;

	ck_assert_mem_eq(out, header, sizeof(header));
	ck_assert_msg(gzcheck_inflate(out, n, &g) == 0, "%s: %zu bytes do not inflate", codec, len);
	ck_assert_uint_eq(g.members, 1);
	ck_assert_uint_eq(g.len, len);
	ck_assert(memcmp(g.bytes, input, len) == 0);
	again = compress_input(gz, len, &again_n);
	if (strncmp(codec, "isal:", 5) != 0 || codec[5] == '0') { /* see reproducible */
		ck_assert_uint_eq(again_n, n);
		ck_assert_mem_eq(again, out, n);
	}
	free(g.bytes);
	free(out);
	free(again);
}

START_TEST(zlib_reads_every_codec_at_every_size)
{
	struct codec codecs[14];
	int n = each_codec(codecs);
	char name[CODEC_TEXT_SIZE];
	struct gzmember *gz;

	if (_i >= n)
		return; /* built without isal */
	ck_assert_int_eq(gzmember_new(codecs[_i], &gz), 0);
	for (int content = 0; content < CONTENTS; content++) {
		make_input((enum content)content, MOST);
		for (int s = 0; s < SIZES; s++)
			check_member(gz, sizes[s], codec_text(codecs[_i], name));
	}
	gzmember_free(gz);
}
END_TEST

START_TEST(a_member_does_not_depend_on_what_was_written_before)
{
	struct codec codecs[14];
	int n = each_codec(codecs);
	struct gzmember *used, *fresh;

	if (_i >= n || !reproducible(codecs[_i]))
		return; /* built without isal, or it makes no such promise */
	ck_assert_int_eq(gzmember_new(codecs[_i], &used), 0);
	for (int s = 0; s < SIZES; s++) {
		size_t len, fresh_len;
		uint8_t *out, *fresh_out;

		make_input(RANDOM, MOST);
		free(compress_input(used, sizes[SIZES - 1 - s], &len));
		make_input(PACKETS, MOST);
		out = compress_input(used, sizes[s], &len);
		ck_assert_int_eq(gzmember_new(codecs[_i], &fresh), 0);
		fresh_out = compress_input(fresh, sizes[s], &fresh_len);
		gzmember_free(fresh);
		ck_assert_uint_eq(len, fresh_len);
		ck_assert_mem_eq(out, fresh_out, len);
		free(out);
		free(fresh_out);
	}
	gzmember_free(used);
}
END_TEST

START_TEST(random_bytes_cost_no_more_than_stored_and_constant_ones_shrink)
{
	struct codec codecs[14];
	int n = each_codec(codecs);

	for (int i = 0; i < n; i++) {
		struct gzmember *gz;
		size_t len;

		ck_assert_int_eq(gzmember_new(codecs[i], &gz), 0);
		make_input(RANDOM, MOST);
		free(compress_input(gz, 65520, &len));
		ck_assert_uint_le(len, 65520 + 5 + 18);
		free(compress_input(gz, 100, &len));
		ck_assert_uint_le(len, 100 + 5 + 18);
		make_input(CONSTANT, MOST);
		free(compress_input(gz, 65520, &len));
		if (codecs[i].kind != CODEC_NONE)
			ck_assert_uint_lt(len, 65520 / 20);
		gzmember_free(gz);
	}
}
END_TEST

/* Level 0 of ISA-L alone goes by samples: what makes them longer is stored, whatever is between. */
START_TEST(at_level_0_long_members_are_judged_by_two_samples)
{
	struct codec codecs[14];
	int n = each_codec(codecs);
	struct random r = {77};

	for (int i = 0; i < n; i++) {
		bool judged = codecs[i].kind == CODEC_ISAL && codecs[i].level == 0;
		struct gzmember *gz;
		size_t one, both, shorter;

		ck_assert_int_eq(gzmember_new(codecs[i], &gz), 0);
		make_input(CONSTANT, MOST);
		random_fill(&r, input + 16384, 2048);
		free(compress_input(gz, 65536, &one));
		random_fill(&r, input + 49152, 2048);
		free(compress_input(gz, 65536, &both));
		make_input(CONSTANT, MOST);
		random_fill(&r, input + 4095, 2048);
		random_fill(&r, input + 12285, 2048);
		free(compress_input(gz, 16383, &shorter));
		gzmember_free(gz);
		if (codecs[i].kind == CODEC_NONE)
			continue;
		ck_assert_uint_lt(one, 4000);
		ck_assert_uint_lt(shorter, 8000);
		if (judged)
			ck_assert_uint_eq(both, gzmember_bound(65536));
		else
			ck_assert_uint_lt(both, 8000);
	}
}
END_TEST

START_TEST(members_of_any_codec_follow_each_other)
{
	struct codec codecs[14];
	int n = each_codec(codecs);
	uint8_t *file = malloc(14 * gzmember_bound(70000));
	struct gzcheck g;
	size_t len = 0;

	make_input(PACKETS, MOST);
	for (int i = 0; i < n; i++) {
		struct gzmember *gz;

		ck_assert_int_eq(gzmember_new(codecs[i], &gz), 0);
		len += gzmember_write(gz, input + (size_t)i * 5000, 5000, file + len);
		gzmember_free(gz);
	}
	len += gzmember_write_extra("FK", "{}", 2, file + len);
	ck_assert_int_eq(gzcheck_inflate(file, len, &g), 0);
	ck_assert_uint_eq(g.members, (unsigned)n + 1);
	ck_assert_uint_eq(g.len, (size_t)n * 5000);
	ck_assert_mem_eq(g.bytes, input, g.len);
	free(g.bytes);
	free(file);
}
END_TEST

/* ---- the record member ------------------------------------------------------------------------
 */

static const char text[] = "{\"v\":1,\"uuid\":\"abc\",\"packets\":3}\n";
#define TEXT_LEN (sizeof(text) - 1)

START_TEST(a_text_of_any_length_is_found_at_the_end_of_a_file)
{
	static const size_t lens[] = {
	    0, 1, 34, 250, 251, 252, 253, 1024, 65530, GZMEMBER_MAX_EXTRA};
	size_t len = lens[_i], room = 100 + len + GZMEMBER_EXTRA_OVERHEAD, found_len, n;
	uint8_t *file = malloc(room);
	const char *found;
	struct gzcheck *g = calloc(1, sizeof(*g));
	struct random r = {5};

	random_fill(&r, file, 100);
	memset(input, 'x', len);
	n = gzmember_write_extra("FK", input, len, file + 100);
	ck_assert_uint_eq(n, len + GZMEMBER_EXTRA_OVERHEAD);
	found = gzmember_find_extra("FK", file, room, &found_len);
	ck_assert_ptr_eq(found, file + 100 + 16);
	ck_assert_uint_eq(found_len, len);
	/* As zlib sees it: an empty member with one subfield. */
	ck_assert_int_eq(gzcheck_inflate(file + 100, n, g), 0);
	ck_assert_uint_eq(g->len, 0);
	ck_assert_uint_eq(g->members, 1);
	ck_assert_uint_eq(g->extra_len, len + 4);
	ck_assert_mem_eq(g->extra, "FK", 2);
	ck_assert_uint_eq(g->extra[2] | (unsigned)g->extra[3] << 8, len);
	ck_assert(memcmp(g->extra + 4, input, len) == 0);
	free(g->bytes);
	free(g);
	free(file);
}
END_TEST

START_TEST(the_record_member_has_no_time_and_no_system)
{
	static const uint8_t header[10] = {0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255};
	uint8_t out[TEXT_LEN + GZMEMBER_EXTRA_OVERHEAD];

	ck_assert_uint_eq(gzmember_write_extra("FK", text, TEXT_LEN, out), sizeof(out));
	ck_assert_mem_eq(out, header, sizeof(header));
}
END_TEST

START_TEST(a_record_member_that_is_altered_in_its_frame_is_not_found)
{
	uint8_t file[20 + TEXT_LEN + GZMEMBER_EXTRA_OVERHEAD];
	size_t found_len = 4711;

	memset(file, 0x55, 20);
	(void)gzmember_write_extra("FK", text, TEXT_LEN, file + 20);
	for (size_t at = 20; at < sizeof(file); at++) {
		if (at >= 36 && at < 36 + TEXT_LEN)
			continue; /* its text is for record_parse to judge */
		for (int bit = 0; bit < 8; bit++) {
			file[at] ^= (uint8_t)(1u << bit);
			quick_assert(
			    gzmember_find_extra("FK", file, sizeof(file), &found_len) == NULL);
			quick_assert(found_len == 4711);
			file[at] ^= (uint8_t)(1u << bit);
		}
	}
	ck_assert_ptr_null(gzmember_find_extra("FL", file, sizeof(file), &found_len));
	ck_assert_ptr_null(gzmember_find_extra("KF", file, sizeof(file), &found_len));
	ck_assert_ptr_nonnull(gzmember_find_extra("FK", file, sizeof(file), &found_len));
}
END_TEST

START_TEST(a_record_member_is_not_found_where_bytes_are_missing_or_follow)
{
	enum { LEN = TEXT_LEN + GZMEMBER_EXTRA_OVERHEAD };
	uint8_t *file = malloc(LEN + 1);
	size_t found_len;

	(void)gzmember_write_extra("FK", text, TEXT_LEN, file);
	for (size_t len = 0; len <= LEN; len++) {
		uint8_t *exact = malloc(len + 1); /* so that ASan sees a read before or beyond it */

		memcpy(exact, file, len);
		ck_assert_int_eq(
		    gzmember_find_extra("FK", exact, len, &found_len) != NULL, len == LEN);
		memcpy(exact, file + LEN - len, len);
		ck_assert_int_eq(
		    gzmember_find_extra("FK", exact, len, &found_len) != NULL, len == LEN);
		free(exact);
	}
	file[LEN] = 0;
	ck_assert_ptr_null(gzmember_find_extra("FK", file, LEN + 1, &found_len));
	free(file);
}
END_TEST

START_TEST(any_tail_is_searched_without_harm)
{
	struct random r = {77};
	uint8_t buf[300];
	size_t len;

	for (int i = 0; i < 20000; i++) {
		size_t n = random_below(&r, sizeof(buf));
		uint8_t *exact = malloc(n + 1);

		for (size_t b = 0; b < n; b++) /* few values, so that frames nearly come about */
			exact[b] =
			    (uint8_t) "\x1f\x8b\x08\x04\x00\x03\xff\x46\x4b\x04"[random_below(
				&r, 10)];
		(void)gzmember_find_extra("FK", exact, n, &len);
		free(exact);
	}
}
END_TEST

/* ---- names of codecs --------------------------------------------------------------------------
 */

START_TEST(codecs_have_names_that_are_read_back)
{
	struct codec codecs[14], again;
	int n = each_codec(codecs);
	char name[CODEC_TEXT_SIZE];

	for (int i = 0; i < n; i++) {
		ck_assert_int_eq(codec_parse(codec_text(codecs[i], name), &again), 0);
		ck_assert_int_eq(again.kind, codecs[i].kind);
		ck_assert_int_eq(again.level, codecs[i].level);
	}
	ck_assert_int_eq(codec_parse("zlib", &again), 0);
	ck_assert_str_eq(codec_text(again, name), "zlib:1");
	ck_assert_str_eq(codec_text((struct codec){CODEC_NONE, 0}, name), "none");
	ck_assert_int_eq(codec_parse(codec_text(codec_default(), name), &again), 0);
	ck_assert(reproducible(again));
	ck_assert_int_eq(again.kind, codec_parse("isal", &again) == 0 ? CODEC_ISAL : CODEC_ZLIB);
}
END_TEST

START_TEST(what_is_no_codec_is_refused)
{
	static const char *const bad[] = {"", "zlib:0", "zlib:10", "zlib:", "zlib:x", "zlib:-1",
	    "zlib:1x", "zlib1", "zlib :1", " zlib", "ZLIB", "gzip", "none:0", "none:", "none:1",
	    "isal:4", "isal:", "isal:-1", "isal:11", "isa", "isall", "nonee", "zlib:1:1", "zli"};
	struct codec c = {CODEC_NONE, 4711};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int rv = codec_parse(bad[i], &c);

		ck_assert_msg(
		    rv == -EINVAL || (rv == -ENOTSUP && bad[i][0] == 'i'), "'%s'", bad[i]);
		ck_assert_int_eq(c.level, 4711);
	}
}
END_TEST

static Suite *gzmember_suite(void)
{
	Suite *s = suite_create("gzmember");
	TCase *t = tcase_create("gzmember");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, zlib_reads_every_codec_at_every_size, 0, 14);
	tcase_add_loop_test(t, a_member_does_not_depend_on_what_was_written_before, 0, 14);
	tcase_add_test(t, random_bytes_cost_no_more_than_stored_and_constant_ones_shrink);
	tcase_add_test(t, at_level_0_long_members_are_judged_by_two_samples);
	tcase_add_test(t, members_of_any_codec_follow_each_other);
	tcase_add_loop_test(t, a_text_of_any_length_is_found_at_the_end_of_a_file, 0, 10);
	tcase_add_test(t, the_record_member_has_no_time_and_no_system);
	tcase_add_test(t, a_record_member_that_is_altered_in_its_frame_is_not_found);
	tcase_add_test(t, a_record_member_is_not_found_where_bytes_are_missing_or_follow);
	tcase_add_test(t, any_tail_is_searched_without_harm);
	tcase_add_test(t, codecs_have_names_that_are_read_back);
	tcase_add_test(t, what_is_no_codec_is_refused);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(gzmember_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
