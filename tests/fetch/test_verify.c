/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of checking an archive: what is sound, and everything that is not. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/dayindex.h"
#include "archive_builder.h"
#include "base/clk.h"
#include "fetch/verify.h"

#define UUID_A "0aaaaaaa-1111-5111-8111-111111111111"
#define UUID_B "0bbbbbbb-2222-5222-8222-222222222222"
#define UUID_M "host_1577836800_00000000000012AB"
#define DAY    "2026/01/01/"
#define FILE_A DAY UUID_A ".pcap.gz"
#define FILE_B DAY UUID_B ".pcap.gz"

static struct builder *b;
static struct complaints damage, notices;
static struct verify_totals totals;
static uint64_t progress_calls;
static struct record late_row; /* comes while the first file is read */

static void set_up(void)
{
	b = builder_new();
	late_row = (struct record){0};
}

static void tear_down(void)
{
	builder_free(b);
}

static void take_damage(const char *path, const char *what, void *arg)
{
	(void)arg;
	builder_complain(path, what, &damage);
}

static void take_notice(const char *path, const char *what, void *arg)
{
	(void)arg;
	builder_complain(path, what, &notices);
}

static void take_progress(const struct verify_totals *t, void *arg)
{
	(void)arg;
	ck_assert_uint_eq(t->files, ++progress_calls);
	if (progress_calls == 1 && late_row.length > 0) {
		builder_add_row(b, &late_row);
		builder_commit(b);
	}
}

static void verify(void)
{
	const struct verify_hooks hooks = {
	    .damage = take_damage, .notice = take_notice, .progress = take_progress};

	memset(&damage, 0, sizeof(damage));
	memset(&notices, 0, sizeof(notices));
	progress_calls = 0;
	ck_assert_int_eq(verify_archive(builder_reader(b), &hooks, &totals), 0);
	ck_assert_uint_eq(totals.damage, damage.count);
	ck_assert_uint_eq(totals.files, progress_calls);
}

/* One thing is wrong, and this is what is said of it. */
static void check_damage(const char *text)
{
	verify();
	ck_assert_str_eq(damage.text, text);
}

static struct record add(const char *uuid, enum indexed indexed)
{
	return *builder_add(b, &(struct built_part){.uuid = uuid, .interface = "eth0"}, indexed);
}

START_TEST(a_sound_archive_has_no_damage)
{
	uint64_t bytes = add(UUID_A, INDEXED).length;

	bytes += builder_add(b,
	    &(struct built_part){.uuid = UUID_A,
		.number = 1,
		.ipv6 = true,
		.packets = 300,
		.first_ns = BUILDER_NOON + CLK_DAY_NS,
		.member_packets = 7},
	    INDEXED)
		     ->length;
	bytes +=
	    builder_add(b, &(struct built_part){.uuid = UUID_A, .number = 2, .packets = 3}, INDEXED)
		->length;
	bytes +=
	    builder_add(b, &(struct built_part){.uuid = UUID_M, .raw_ip = true}, INDEXED)->length;
	builder_end_writer(b, ENDS_CLEANLY);
	verify();
	ck_assert_str_eq(damage.text, "");
	ck_assert_str_eq(notices.text, "");
	ck_assert_uint_eq(totals.days, 2);
	ck_assert_uint_eq(totals.files, 4);
	ck_assert_uint_eq(totals.rows, 4);
	ck_assert_uint_eq(totals.bytes, bytes);
	ck_assert_uint_eq(totals.pending, 0);
}
END_TEST

START_TEST(an_interface_name_of_any_letters_is_sound)
{
	static const char *const names[] = {
	    "W\xc3\xa4hlverbindung", "\xe4\xbb\xa5\xe5\xa4\xaa\xe7\xbd\x91", "a\"b\\c\td\x7f"};

	builder_add(b, &(struct built_part){.uuid = UUID_A, .interface = names[_i]}, INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	check_damage("");
}
END_TEST

START_TEST(a_flipped_byte_in_a_packet_is_damage)
{
	uint64_t size = add(UUID_A, INDEXED).length;

	add(UUID_B, INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	builder_flip_byte(b, FILE_A, size / 4);
	verify();
	ck_assert_uint_eq(damage.count, 1);
	ck_assert_ptr_nonnull(strstr(damage.text, FILE_A ": "));
	ck_assert_uint_eq(totals.files, 2);
}
END_TEST

START_TEST(a_file_cut_anywhere_is_damage)
{
	uint64_t size = add(UUID_A, INDEXED).length;

	builder_end_writer(b, ENDS_CLEANLY);
	while (size-- > 0) {
		builder_cut(b, FILE_A, size);
		verify();
		ck_assert_uint_eq(damage.count, 1);
		ck_assert_ptr_nonnull(strstr(damage.text, FILE_A ": "));
	}
}
END_TEST

START_TEST(a_row_without_file_is_damage)
{
	add(UUID_A, INDEXED);
	add(UUID_B, INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	builder_remove(b, FILE_A);
	check_damage(FILE_A ": in the index, but the file is missing\n");
	ck_assert_uint_eq(totals.rows, 2);
	ck_assert_uint_eq(totals.files, 1);
}
END_TEST

START_TEST(a_file_without_row_is_damage_in_a_clean_day)
{
	add(UUID_A, INDEXED);
	add(UUID_B, NOT_INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	check_damage(FILE_B ": not in the index; 'flowkeep reindex' adds it\n");
	ck_assert_uint_eq(totals.files, 2);
}
END_TEST

START_TEST(a_file_without_row_is_none_while_a_writer_is_at_it)
{
	add(UUID_A, INDEXED);
	add(UUID_B, NOT_INDEXED);
	check_damage("");
	ck_assert_uint_eq(totals.pending, 1);
	ck_assert_uint_eq(totals.files, 2);
}
END_TEST

/* A row in an index that is there, or in one that is only made then. */
START_TEST(a_row_that_comes_while_the_day_is_checked_is_seen)
{
	add(UUID_A, _i == 0 ? INDEXED : NOT_INDEXED);
	late_row = _i == 0 ? add(UUID_B, NOT_INDEXED) : add(UUID_M, NOT_INDEXED);
	check_damage("");
	ck_assert_uint_eq(totals.pending, _i == 0 ? 0 : 1);
	ck_assert_uint_eq(totals.rows, _i == 0 ? 2 : 1);
	ck_assert_uint_eq(totals.files, 2);
}
END_TEST

START_TEST(a_day_that_a_writer_has_just_begun_is_sound)
{
	add(UUID_A, NOT_INDEXED);
	check_damage("");
	ck_assert_uint_eq(totals.pending, 1);
}
END_TEST

START_TEST(what_a_killed_writer_left_is_damage_that_its_next_start_mends)
{
	add(UUID_A, INDEXED);
	add(UUID_B, NOT_INDEXED);
	builder_end_writer(b, IS_KILLED);
	check_damage(FILE_B
	    ": not in the index; the next start of a writer, or 'flowkeep reindex', adds it\n");
}
END_TEST

START_TEST(a_killed_day_without_index_is_one_damage)
{
	add(UUID_A, NOT_INDEXED);
	add(UUID_B, NOT_INDEXED);
	builder_end_writer(b, IS_KILLED);
	check_damage(DAY "flows.sqlite: missing; the next start of a writer, or 'flowkeep "
			 "reindex', makes it anew\n");
	ck_assert_uint_eq(totals.files, 2);
}
END_TEST

START_TEST(a_missing_index_is_damage_and_the_files_are_still_read)
{
	uint64_t size = add(UUID_A, INDEXED).length;

	add(UUID_B, INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	builder_remove(b, DAY "flows.sqlite");
	check_damage(DAY "flows.sqlite: missing; 'flowkeep reindex' makes it anew\n");
	builder_flip_byte(b, FILE_A, size / 4);
	verify();
	ck_assert_uint_eq(damage.count, 2);
	ck_assert_ptr_nonnull(strstr(damage.text, FILE_A ": "));
}
END_TEST

/* All of it, or just the rows. */
START_TEST(a_filter_that_hides_parts_is_damage)
{
	(void)add(UUID_A, INDEXED);
	(void)add(UUID_B, INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	builder_hide_names(b, DAY "flows.sqlite-names");
	check_damage(DAY "flows.sqlite-names: hides 2 parts of the index; 'flowkeep reindex' makes "
			 "it anew\n");
}
END_TEST

START_TEST(a_damaged_index_is_one_damage_and_the_files_are_still_read)
{
	add(UUID_A, INDEXED);
	add(UUID_B, INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	if (_i == 0)
		builder_write(b, DAY "flows.sqlite", "nothing that SQLite ever wrote", 30);
	else
		builder_wipe(b, DAY "flows.sqlite", 4096, 4096);
	check_damage(DAY "flows.sqlite: damaged; 'flowkeep reindex' makes it anew\n");
	ck_assert_uint_eq(totals.files, 2);
}
END_TEST

/* Each changes one field of a row; the file says otherwise. */
#define CHANGE(name, statement)                     \
	static void change_##name(struct record *r) \
	{                                           \
		statement;                          \
	}

CHANGE(length, r->length++)
CHANGE(start, r->tally.first_ns++)
CHANGE(end, r->tally.last_ns--)
CHANGE(client_packets, r->tally.pkts[r->client]++)
CHANGE(client_bytes, r->tally.bytes[r->client]++)
CHANGE(server_packets, r->tally.pkts[!r->client]++)
CHANGE(server_bytes, r->tally.bytes[!r->client]++)
CHANGE(captured, r->tally.captured_bytes++)
CHANGE(truncated, r->tally.truncated_pkts++)
CHANGE(client_flags, r->tally.tcp_flags[r->client] ^= 4)
CHANGE(server_flags, r->tally.tcp_flags[!r->client] ^= 4)
CHANGE(vlan, r->tally.vlan = 7)
CHANGE(snaplen, r->snaplen = 96)
CHANGE(lost, r->lost_pkts = 1)
CHANGE(cut_duration, r->cut_duration_pkts = 1)
CHANGE(cut_bytes, r->cut_bytes_pkts = 1)
CHANGE(proto, r->key.proto = 17)
CHANGE(linktype, r->key.linktype = 101)
CHANGE(vlan_key, r->key.vlan[1] = 9)
CHANGE(port, r->key.port[0]++)
CHANGE(client, r->client = (enum side) !r->client)
CHANGE(end_reason, r->end_reason = END_CRASH)
CHANGE(source, r->uuid_source = UUID_EVENT)
CHANGE(interface, r->interface[0] = 'x')

#define SAYS(name, text)            \
	{                           \
		text, change_##name \
	}

static const struct {
	const char *says;
	void (*change)(struct record *r);
} changes[] = {SAYS(length, "says length"), SAYS(start, "says start_ns"), SAYS(end, "says end_ns"),
    SAYS(client_packets, "says client_packets 3, the file 2"),
    SAYS(client_bytes, "says client_bytes"), SAYS(server_packets, "says server_packets"),
    SAYS(server_bytes, "says server_bytes"), SAYS(captured, "says captured_bytes"),
    SAYS(truncated, "says truncated 1, the file 0"), SAYS(client_flags, "says client_flags"),
    SAYS(server_flags, "says server_flags"), SAYS(vlan, "says vlan 7, the file 0"),
    SAYS(snaplen, "says snaplen 96"), SAYS(lost, "says lost_packets"),
    SAYS(cut_duration, "says cut_duration"), SAYS(cut_bytes, "says cut_bytes"),
    SAYS(proto, "another protocol"), SAYS(linktype, "another link type"),
    SAYS(vlan_key, "another VLAN key"), SAYS(port, "other ends"),
    SAYS(client, "another client and server"), SAYS(end_reason, "another end_reason"),
    SAYS(source, "another uuid_source"), SAYS(interface, "another interface")};

START_TEST(a_row_that_differs_from_its_file_is_damage)
{
	struct record r = add(UUID_A, INDEXED);

	changes[_i].change(&r);
	builder_add_row(b, &r);
	builder_end_writer(b, ENDS_CLEANLY);
	verify();
	ck_assert_uint_eq(damage.count, 1);
	ck_assert_ptr_nonnull(strstr(damage.text, FILE_A ": "));
	ck_assert_msg(strstr(damage.text, changes[_i].says) != NULL, "%s, not: %s", damage.text,
	    changes[_i].says);
}
END_TEST

START_TEST(a_file_under_the_name_of_another_flow_is_damage)
{
	uint8_t bytes[4096];
	size_t n = (size_t)add(UUID_A, INDEXED).length;
	char path[4096 + 128];
	FILE *f;

	builder_end_writer(b, ENDS_CLEANLY);
	(void)snprintf(path, sizeof(path), "%s/" FILE_A, builder_dir(b));
	f = fopen(path, "rb");
	ck_assert(f != NULL && fread(bytes, 1, sizeof(bytes), f) == n);
	(void)fclose(f);
	builder_write(b, FILE_B, bytes, n);
	check_damage(FILE_B ": its record names another flow\n");
}
END_TEST

START_TEST(names_that_flowkeep_does_not_make_are_noticed)
{
	add(UUID_A, INDEXED);
	builder_end_writer(b, ENDS_CLEANLY);
	builder_write(b, DAY "notes.txt", "x", 1);
	builder_write(b, DAY UUID_A "~01.pcap.gz", "x", 1);
	builder_write(b, DAY "flows.sqlite-wal", "", 0);
	check_damage("");
	ck_assert_uint_eq(notices.count, 2);
	ck_assert_ptr_nonnull(strstr(notices.text, DAY "notes.txt: not a file of flowkeep\n"));
	ck_assert_ptr_nonnull(
	    strstr(notices.text, DAY UUID_A "~01.pcap.gz: not a file of flowkeep\n"));
	ck_assert_uint_eq(totals.files, 1);
}
END_TEST

START_TEST(an_empty_archive_is_sound)
{
	builder_end_writer(b, ENDS_CLEANLY);
	check_damage("");
	ck_assert_uint_eq(totals.days, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fetch/verify");
	TCase *t = tcase_create("verify");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, a_sound_archive_has_no_damage);
	tcase_add_loop_test(t, an_interface_name_of_any_letters_is_sound, 0, 3);
	tcase_add_test(t, a_flipped_byte_in_a_packet_is_damage);
	tcase_add_test(t, a_file_cut_anywhere_is_damage);
	tcase_add_test(t, a_row_without_file_is_damage);
	tcase_add_test(t, a_file_without_row_is_damage_in_a_clean_day);
	tcase_add_test(t, a_file_without_row_is_none_while_a_writer_is_at_it);
	tcase_add_loop_test(t, a_row_that_comes_while_the_day_is_checked_is_seen, 0, 2);
	tcase_add_test(t, a_day_that_a_writer_has_just_begun_is_sound);
	tcase_add_test(t, what_a_killed_writer_left_is_damage_that_its_next_start_mends);
	tcase_add_test(t, a_killed_day_without_index_is_one_damage);
	tcase_add_test(t, a_missing_index_is_damage_and_the_files_are_still_read);
	tcase_add_loop_test(t, a_damaged_index_is_one_damage_and_the_files_are_still_read, 0, 2);
	tcase_add_test(t, a_filter_that_hides_parts_is_damage);
	tcase_add_loop_test(t, a_row_that_differs_from_its_file_is_damage, 0,
	    (int)(sizeof(changes) / sizeof(changes[0])));
	tcase_add_test(t, a_file_under_the_name_of_another_flow_is_damage);
	tcase_add_test(t, names_that_flowkeep_does_not_make_are_noticed);
	tcase_add_test(t, an_empty_archive_is_sound);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
