/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the note that a writer leaves of its policy: what it says comes back, to the right
 * files, for as long as there are any, and nothing that lies in its place does harm.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/runpolicy.h"
#include "support/adoptrig.h"
#include "support/tempdir.h"

static const struct frames_talk talks[] = {{.family = 4, .port = {40000, 443}, .number = 1},
    {.family = 6, .port = {40001, 443}, .number = 2},
    {.family = 4, .port = {40002, 443}, .number = 3}};

static const struct record none = {.snaplen = PACKET_MAX_CAPLEN};

static const struct record runs[] = {
    {.snaplen = PACKET_MAX_CAPLEN},
    {.snaplen = 0},
    {.snaplen = 96, .policy = {.payload = PAYLOAD_ZERO}},
    {.snaplen = 1500, .policy = {.payload = PAYLOAD_BYTES}},
    {.snaplen = PACKET_MAX_CAPLEN,
	.policy = {.payload = PAYLOAD_BYTES,
	    .payload_bytes = 262144,
	    .addresses = ADDRESSES_NETBLOCK,
	    .v4_bits = 24,
	    .v6_bits = 48}},
    {.snaplen = 262143, .policy = {.addresses = ADDRESSES_NETBLOCK, .v6_bits = 128, .macs = true}},
    {.snaplen = 1, .policy = {.addresses = ADDRESSES_CRYPTOPAN, .macs = true}},
};

#define RUNS (sizeof(runs) / sizeof(runs[0]))

static void check_policy(const struct record *r, const struct record *want)
{
	ck_assert_int_eq(r->policy.payload, want->policy.payload);
	ck_assert_uint_eq(r->policy.payload_bytes, want->policy.payload_bytes);
	ck_assert_int_eq(r->policy.addresses, want->policy.addresses);
	ck_assert_uint_eq(r->policy.v4_bits, want->policy.v4_bits);
	ck_assert_uint_eq(r->policy.v6_bits, want->policy.v6_bits);
	ck_assert_int_eq(r->policy.macs, want->policy.macs);
	ck_assert_uint_eq(r->snaplen, want->snaplen);
}

static const char *note_name(uint64_t serial)
{
	static char name[64];

	(void)snprintf(name, sizeof(name), "%016llx~policy", (unsigned long long)serial);
	return name;
}

/* Stages the first packets of a flow under the archive's next number. Returns: its name. */
static const char *stage(struct adoptrig *f, const struct frames_talk *t)
{
	static char names[8][64];
	static unsigned next;
	char *name = names[next++ % 8];
	struct flowfile *file = malloc(sizeof(*file));

	ck_assert_ptr_nonnull(file);
	(void)snprintf(
	    name, sizeof(names[0]), "%016llx.-", (unsigned long long)archive_serial(f->archive));
	adoptrig_crashed(file, t, "", 2);
	adoptrig_stage(f, name, file->bytes, file->len);
	free(file);
	return name;
}

static void begin(struct adoptrig *f, const struct record *run, uint64_t *serial)
{
	ck_assert_int_eq(runpolicy_begin(f->archive, run, serial), 0);
}

/* As the next writer does it. */
static void reopen(struct adoptrig *f)
{
	archive_close(f->archive);
	ck_assert_int_eq(archive_open(f->dir, ARCHIVE_WRITE, &f->archive), 0);
}

static size_t left(const struct adoptrig *f)
{
	return tempdir_count(f->staging);
}

/* ---- one note -------------------------------------------------------------------------------- */

START_TEST(what_is_noted_comes_back)
{
	struct adoptrig f;

	adoptrig_begin(&f);
	for (size_t i = 0; i < RUNS; i++) {
		struct record r;
		uint64_t serial, read_serial = 0;

		begin(&f, &runs[i], &serial);
		ck_assert(runpolicy_name_valid(note_name(serial), &read_serial));
		ck_assert_uint_eq(read_serial, serial);
		ck_assert_int_eq(tempdir_mode(tempdir_path(f.staging, note_name(serial))) & 022, 0);
		/* Whatever was there before. */
		memset(&r, 0, sizeof(r));
		r.policy = runs[(i + 3) % RUNS].policy;
		r.part = 7;
		ck_assert_int_eq(runpolicy_read(f.archive, serial, &r), 0);
		check_policy(&r, &runs[i]);
		ck_assert_uint_eq(r.part, 7);
		runpolicy_end(f.archive, serial);
		ck_assert_uint_eq(left(&f), 0);
	}
	adoptrig_end(&f);
}
END_TEST

/*
 * The packets that its name was made of may be lost. 0: no events, and the form of a made name;
 * 1: events could name; 2: another form; 3: another version of UUIDs; 4: nothing is noted.
 */
START_TEST(a_name_whose_packets_are_lost_is_made_where_no_event_could_give_it)
{
	static const char *const names[] = {"7e3f0c52-9d1b-5c64-a0f7-3b8d2e6194ca",
	    "7e3f0c52-9d1b-5c64-a0f7-3b8d2e6194ca", "7E3F0C52-9D1B-5C64-A0F7-3B8D2E6194CA",
	    "7e3f0c52-9d1b-4c64-a0f7-3b8d2e6194ca", "7e3f0c52-9d1b-5c64-a0f7-3b8d2e6194ca"};
	struct record run = {
	    .snaplen = PACKET_MAX_CAPLEN, .uuid_source = _i == 1 ? UUID_EVENT : UUID_GENERATED};
	struct flowfile *file = malloc(sizeof(*file));
	struct adoptrig f;
	uint64_t serial;
	char name[64];

	ck_assert_ptr_nonnull(file);
	adoptrig_begin(&f);
	if (_i != 4)
		begin(&f, &run, &serial);
	adoptrig_crashed(file, &talks[0], "", 2);
	(void)snprintf(name, sizeof(name), "%016llx.%s",
	    (unsigned long long)archive_serial(f.archive), names[_i]);
	adoptrig_stage(&f, name, file->bytes, file->len);
	free(file);
	ck_assert_int_eq(adoptrig_adopt(&f), 0);
	ck_assert_int_eq(f.told[0].what, ADOPT_PUBLISHED);
	ck_assert_int_eq(f.told[0].record.uuid_source, _i == 0 ? UUID_GENERATED : UUID_EVENT);
	adoptrig_end(&f);
}
END_TEST

START_TEST(a_note_is_numbered_below_all_that_its_run_stages_and_above_what_was_there)
{
	uint64_t first, second;
	struct adoptrig f;

	adoptrig_begin(&f);
	adoptrig_stage(&f, "0000000000000123.-", "x", 1);
	reopen(&f);
	begin(&f, &none, &first);
	ck_assert_uint_gt(first, 0x123);
	ck_assert_uint_gt(archive_serial(f.archive), first);
	reopen(&f);
	begin(&f, &none, &second); /* no file of ours, but the note alone, was left by the other */
	ck_assert_uint_gt(second, first);
	adoptrig_end(&f);
}
END_TEST

START_TEST(a_note_that_cannot_be_written_is_told)
{
	uint64_t serial = 42, next;
	struct adoptrig f;

	adoptrig_begin(&f);
	next = archive_serial(f.archive) + 1;
	adoptrig_stage(&f, note_name(next), "", 0); /* its name is taken */
	ck_assert_int_eq(runpolicy_begin(f.archive, &none, &serial), -EEXIST);
	ck_assert_uint_eq(serial, 42);
	adoptrig_end(&f);
}
END_TEST

START_TEST(a_note_that_cannot_be_written_leaves_nothing)
{
	uint64_t serial = 42;
	struct adoptrig f;
	int rv;

	adoptrig_begin(&f);
	tempdir_limit(3);
	rv = runpolicy_begin(f.archive, &none, &serial);
	tempdir_limit(UINT64_MAX);
	ck_assert_int_eq(rv, -EFBIG);
	ck_assert_uint_eq(serial, 42);
	ck_assert_uint_eq(left(&f), 0);
	adoptrig_end(&f);
}
END_TEST

START_TEST(only_names_of_notes_are_names_of_notes)
{
	static const char *const bad[] = {"", "~policy", "0000000000000001", "0000000000000001.-",
	    "0000000000000001~policy ", "0000000000000001~polic", "000000000000001~policy",
	    "00000000000000011~policy", "000000000000000A~policy", "000000000000000g~policy",
	    "0000000000000001.~policy", " 000000000000001~policy", "0x00000000000001~policy",
	    "-000000000000001~policy", "0000000000000001~policy~policy"};
	uint64_t serial = 42;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!runpolicy_name_valid(bad[i], &serial), "%s", bad[i]);
	ck_assert_uint_eq(serial, 42);
	ck_assert(runpolicy_name_valid("ffffffffffffffff~policy", &serial));
	ck_assert_uint_eq(serial, UINT64_MAX);
}
END_TEST

START_TEST(what_is_no_note_is_refused)
{
	static const char *const texts[] = {"", "{", "[]", "x", "{\"v\":1,\"payload\":\"some\"}",
	    "{\"v\":1,\"payload\":\"262145\"}", "{\"v\":1,\"anonymize\":\"netblock:33,48\"}",
	    "{\"v\":1,\"anonymize\":\"rot13\"}", "{\"v\":1,\"snaplen\":262145}",
	    "{\"v\":1,\"snaplen\":-1}", "{\"v\":1,\"snaplen\":\"96\"}"};
	struct adoptrig f;

	adoptrig_begin(&f);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct record r = {.snaplen = 77, .policy = {.payload = PAYLOAD_ZERO}};

		adoptrig_stage(&f, note_name(i + 1), texts[i], strlen(texts[i]));
		ck_assert_msg(runpolicy_read(f.archive, i + 1, &r) == -EBADMSG, "%s", texts[i]);
		ck_assert_uint_eq(r.snaplen, 77); /* and nothing was taken from it */
		ck_assert_int_eq(r.policy.payload, PAYLOAD_ZERO);
	}
	ck_assert_int_eq(runpolicy_read(f.archive, 99, &(struct record){0}), -ENOENT);
	adoptrig_end(&f);
}
END_TEST

START_TEST(a_note_of_any_size_or_kind_is_read_without_harm)
{
	enum { HUGE = 1 << 20 };
	char *huge = malloc(HUGE);
	struct record r = none;
	struct adoptrig f;

	adoptrig_begin(&f);
	memset(huge, ' ', HUGE);
	memcpy(huge, "{\"v\":1}", 7);
	adoptrig_stage(&f, note_name(1), huge, HUGE);
	(void)runpolicy_read(f.archive, 1, &r);
	memset(huge, '[', HUGE);
	adoptrig_stage(&f, note_name(2), huge, HUGE);
	ck_assert_int_ne(runpolicy_read(f.archive, 2, &r), 0);
	ck_assert_int_eq(mkfifo(tempdir_path(f.staging, note_name(3)), 0600), 0);
	ck_assert_int_ne(runpolicy_read(f.archive, 3, &r), 0); /* nobody ever writes to it */
	ck_assert_int_eq(mkdir(tempdir_path(f.staging, note_name(4)), 0700), 0);
	ck_assert_int_ne(runpolicy_read(f.archive, 4, &r), 0);
	ck_assert_int_eq(symlink(note_name(1), tempdir_path(f.staging, note_name(5))), 0);
	ck_assert_int_eq(runpolicy_read(f.archive, 5, &r), -ELOOP);
	free(huge);
	adoptrig_end(&f);
}
END_TEST

START_TEST(a_note_cut_anywhere_tells_nothing)
{
	struct record r = runs[4];
	char json[RECORD_JSON_MAX];
	size_t len = record_format_policy(&r, json);
	struct adoptrig f;

	adoptrig_begin(&f);
	for (size_t n = 0; n < len - 1; n++) { /* the line feed at its end is for people */
		adoptrig_stage(&f, note_name(n + 1), json, n);
		r = none;
		ck_assert_int_eq(runpolicy_read(f.archive, n + 1, &r), -EBADMSG);
		check_policy(&r, &none);
	}
	adoptrig_end(&f);
}
END_TEST

/* ---- how long it stays ----------------------------------------------------------------------- */

START_TEST(the_note_stays_as_long_as_something_that_was_staged_after_it)
{
	uint64_t serial;
	struct adoptrig f;
	const char *name;

	adoptrig_begin(&f);
	adoptrig_stage(
	    &f, "0000000000000005.old", "x", 1); /* of an earlier run, which did not end */
	reopen(&f);
	begin(&f, &runs[3], &serial);
	name = stage(&f, &talks[0]);
	runpolicy_end(f.archive, serial);
	ck_assert(tempdir_exists(tempdir_path(f.staging, note_name(serial))));
	ck_assert_int_eq(unlink(tempdir_path(f.staging, name)), 0);
	runpolicy_end(f.archive, serial);
	ck_assert(!tempdir_exists(tempdir_path(f.staging, note_name(serial))));
	ck_assert_uint_eq(left(&f), 1);
	runpolicy_end(f.archive, serial); /* once more does nothing */
	ck_assert_uint_eq(left(&f), 1);
	adoptrig_end(&f);
}
END_TEST

START_TEST(notes_of_other_runs_do_not_keep_one)
{
	uint64_t first, second;
	struct adoptrig f;

	adoptrig_begin(&f);
	begin(&f, &runs[3], &first);
	begin(&f, &runs[2], &second);
	runpolicy_end(f.archive, first);
	ck_assert(!tempdir_exists(tempdir_path(f.staging, note_name(first))));
	ck_assert(tempdir_exists(tempdir_path(f.staging, note_name(second))));
	adoptrig_end(&f);
}
END_TEST

/* ---- adoption -------------------------------------------------------------------------------- */

/* What was told of a flow by its number among the talks. */
static const struct record *adopted(const struct adoptrig *f, const char *name)
{
	for (size_t i = 0; i < f->count; i++)
		if (strcmp(f->told[i].name, name) == 0 && f->told[i].what == ADOPT_PUBLISHED)
			return &f->told[i].record;
	ck_abort_msg("%s was not adopted", name);
	return NULL;
}

START_TEST(each_staged_file_is_adopted_under_the_policy_of_its_own_run)
{
	const char *before, *one, *two;
	uint64_t serial;
	struct adoptrig f;

	adoptrig_begin(&f);
	before = stage(&f, &talks[0]); /* by a version that left no notes */
	begin(&f, &runs[3], &serial);
	one = stage(&f, &talks[1]);
	begin(&f, &runs[6], &serial);
	begin(&f, &runs[4], &serial);
	two = stage(&f, &talks[2]);
	reopen(&f);
	ck_assert_int_eq(adoptrig_adopt(&f), 0);
	ck_assert_uint_eq(f.totals.published, 3);
	ck_assert_uint_eq(f.totals.damaged + f.totals.failed, 0); /* notes count as neither */
	ck_assert_uint_eq(f.count, 3);
	check_policy(adopted(&f, before), &none);
	check_policy(adopted(&f, one), &runs[3]);
	check_policy(adopted(&f, two), &runs[4]);
	ck_assert_uint_eq(left(&f), 0);
	adoptrig_check_sound(&f, 3);
	adoptrig_end(&f);
}
END_TEST

START_TEST(a_published_file_says_what_the_note_said)
{
	char error[RESCAN_ERROR_SIZE], name[LAYOUT_NAME_SIZE];
	uint64_t serial;
	struct adoptrig f;
	struct record r;
	int dir;

	adoptrig_begin(&f);
	begin(&f, &runs[4], &serial);
	(void)stage(&f, &talks[0]);
	ck_assert_int_eq(adoptrig_adopt(&f), 0);
	dir = archive_open_day(f.archive, RECORDS_DAY);
	ck_assert_int_ge(dir, 0);
	(void)layout_file_name(f.told[0].record.uuid, 0, name);
	ck_assert_int_eq(rescan_file(dir, RECORDS_DAY, name, &r, error), 0);
	(void)close(dir); /* only a directory */
	check_policy(&r, &runs[4]);
	ck_assert_int_eq(r.end_reason, END_CRASH);
	ck_assert_uint_eq(r.exempt, 0);
	adoptrig_end(&f);
}
END_TEST

START_TEST(files_whose_note_cannot_be_read_stay_until_it_can)
{
	const char *one, *two;
	uint64_t first, second;
	struct adoptrig f;

	adoptrig_begin(&f);
	begin(&f, &runs[4], &first);
	one = stage(&f, &talks[0]);
	begin(&f, &runs[6], &second);
	two = stage(&f, &talks[1]);
	ck_assert_int_eq(
	    rename(tempdir_path(f.staging, note_name(second)), tempdir_path(f.dir, "aside")), 0);
	ck_assert_int_eq(mkfifo(tempdir_path(f.staging, note_name(second)), 0600), 0);
	ck_assert_int_eq(adoptrig_adopt(&f), 0);
	check_policy(adopted(&f, one), &runs[4]);
	ck_assert_uint_eq(f.totals.failed, 1);
	ck_assert_uint_eq(left(&f), 2);
	reopen(&f);
	ck_assert_int_eq(
	    rename(tempdir_path(f.dir, "aside"), tempdir_path(f.staging, note_name(second))), 0);
	ck_assert_int_eq(adoptrig_adopt(&f), 0);
	check_policy(adopted(&f, two), &runs[6]);
	ck_assert_uint_eq(left(&f), 0);
	adoptrig_end(&f);
}
END_TEST

START_TEST(the_note_of_a_file_that_cannot_be_adopted_stays_with_it)
{
	char damaged[64];
	uint64_t first, second;
	struct adoptrig f;
	const char *one;

	adoptrig_begin(&f);
	begin(&f, &runs[3], &first);
	(void)snprintf(
	    damaged, sizeof(damaged), "%016llx.-", (unsigned long long)archive_serial(f.archive));
	adoptrig_stage(&f, damaged, "what is no gzip file at all, and long enough for one", 50);
	begin(&f, &runs[2], &second);
	one = stage(&f, &talks[1]);
	for (int again = 0; again < 2; again++) {
		ck_assert_int_eq(adoptrig_adopt(&f), 0);
		ck_assert_uint_eq(f.totals.damaged, 1);
		if (!again)
			check_policy(adopted(&f, one), &runs[2]);
		ck_assert(tempdir_exists(tempdir_path(f.staging, note_name(first))));
		ck_assert(!tempdir_exists(tempdir_path(f.staging, note_name(second))));
		reopen(&f);
	}
	ck_assert_int_eq(unlink(tempdir_path(f.staging, damaged)), 0);
	ck_assert_int_eq(adoptrig_adopt(&f), 0);
	ck_assert_uint_eq(left(&f), 0);
	adoptrig_end(&f);
}
END_TEST

static Suite *runpolicy_suite(void)
{
	Suite *s = suite_create("runpolicy");
	TCase *t = tcase_create("runpolicy");

	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(
	    t, a_name_whose_packets_are_lost_is_made_where_no_event_could_give_it, 0, 5);
	tcase_add_test(t, what_is_noted_comes_back);
	tcase_add_test(
	    t, a_note_is_numbered_below_all_that_its_run_stages_and_above_what_was_there);
	tcase_add_test(t, a_note_that_cannot_be_written_is_told);
	tcase_add_test(t, a_note_that_cannot_be_written_leaves_nothing);
	tcase_add_test(t, only_names_of_notes_are_names_of_notes);
	tcase_add_test(t, what_is_no_note_is_refused);
	tcase_add_test(t, a_note_of_any_size_or_kind_is_read_without_harm);
	tcase_add_test(t, a_note_cut_anywhere_tells_nothing);
	tcase_add_test(t, the_note_stays_as_long_as_something_that_was_staged_after_it);
	tcase_add_test(t, notes_of_other_runs_do_not_keep_one);
	tcase_add_test(t, each_staged_file_is_adopted_under_the_policy_of_its_own_run);
	tcase_add_test(t, a_published_file_says_what_the_note_said);
	tcase_add_test(t, files_whose_note_cannot_be_read_stay_until_it_can);
	tcase_add_test(t, the_note_of_a_file_that_cannot_be_adopted_stays_with_it);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(runpolicy_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
