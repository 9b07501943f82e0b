/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the schema of a day's index: the earlier version is read as it is and brought up to date
 * by who writes, the summary is exact whatever comes and goes, rows are small, and SQLite uses the
 * indexes that were made for it.
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "archive/dayindex.h"
#include "support/flowfile.h"
#include "support/quick.h"
#include "support/random.h"
#include "support/records.h"
#include "support/rows.h"
#include "support/sqlcheck.h"
#include "support/tempdir.h"

/* ---- version 1 --------------------------------------------------------------------------------
 */

#define COLUMNS_1                                                                       \
	"uuid, part, proto, linktype, vlan, client_ip, client_port, server_ip,"         \
	" server_port, start_ns, end_ns, client_packets, client_bytes, server_packets," \
	" server_bytes, captured_bytes, truncated, client_flags, server_flags,"         \
	" end_reason, uuid_source, interface, snaplen, lost_packets, cut_duration,"     \
	" cut_bytes, vlan_key, length"

/* As version 1 made it. */
#define SCHEMA_1                                                                         \
	"CREATE TABLE IF NOT EXISTS flow ("                                              \
	" uuid NOT NULL, part INTEGER NOT NULL, proto INTEGER NOT NULL,"                 \
	" linktype INTEGER NOT NULL,"                                                    \
	" vlan INTEGER NOT NULL, client_ip BLOB NOT NULL, client_port INTEGER NOT NULL," \
	" server_ip BLOB NOT NULL, server_port INTEGER NOT NULL,"                        \
	" start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL,"                           \
	" client_packets INTEGER NOT NULL, client_bytes INTEGER NOT NULL,"               \
	" server_packets INTEGER NOT NULL, server_bytes INTEGER NOT NULL,"               \
	" captured_bytes INTEGER NOT NULL, truncated INTEGER NOT NULL,"                  \
	" client_flags INTEGER NOT NULL, server_flags INTEGER NOT NULL,"                 \
	" end_reason TEXT NOT NULL, uuid_source TEXT NOT NULL, interface TEXT,"          \
	" snaplen INTEGER NOT NULL, lost_packets INTEGER NOT NULL,"                      \
	" cut_duration INTEGER NOT NULL, cut_bytes INTEGER NOT NULL,"                    \
	" vlan_key INTEGER NOT NULL, length INTEGER NOT NULL,"                           \
	" PRIMARY KEY (uuid, part)) WITHOUT ROWID"

/* Makes the index at `path` one of version 1 that has the rows it has now. */
static void make_version_1(const char *path)
{
	char sql[4096], new[512];

	(void)snprintf(new, sizeof(new), "%s.new", path);
	ck_assert_int_eq(rename(path, new), 0);
	(void)snprintf(sql, sizeof(sql),
	    "PRAGMA application_id = 0x666c6f77; PRAGMA user_version = 1; " SCHEMA_1 "; "
	    "ATTACH '%s' AS new; INSERT INTO flow SELECT " COLUMNS_1 " FROM new.flow; DETACH new",
	    new);
	sqlcheck_exec(path, sql);
	ck_assert_int_eq(unlink(new), 0);
}

/* The flow file of a record, less its packets. */
static void write_file(const char *index, const struct record *r)
{
	static struct flowfile f;
	char dir[512], name[LAYOUT_NAME_SIZE], json[RECORD_JSON_MAX];

	(void)snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(index, '/') - index), index);
	flowfile_begin(&f, &(struct frames_talk){.family = 4, .port = {1, 2}}, r->uuid);
	flowfile_end_text(&f, json, record_format(r, json));
	tempdir_write(tempdir_path(dir, layout_file_name(r->uuid, r->part, name)), f.bytes, f.len);
}

#define OLD_ROWS 40

/* An archive with an index of version 1: OLD_ROWS records, files of their own, and policies. */
static struct archive *old_archive(struct record *records, char **ret_index)
{
	struct archive *a = rows_archive("a", ret_index);

	for (uint64_t n = 0; n < OLD_ROWS; n++) {
		records_make(n, &records[n]);
		rows_place(n, &records[n]);
		records[n].segment = 0;
		records[n].offset = 0;
		records[n].part = (uint32_t)(n % 4);
		write_file(*ret_index, &records[n]);
	}
	rows_insert(a, records, OLD_ROWS);
	make_version_1(*ret_index);
	return a;
}

static void finish(struct archive *a, char *index)
{
	archive_close(a);
	free(index);
}

static void add_up(struct dayindex_summary *sum, const struct record *r)
{
	sum->parts++;
	sum->packets += r->tally.pkts[0] + r->tally.pkts[1];
	sum->bytes += r->tally.bytes[0] + r->tally.bytes[1];
	sum->length += r->length;
	sum->file_parts += r->segment == 0;
	sum->file_bytes += r->segment == 0 ? (r->length + 4095) & ~UINT64_C(4095) : 0;
	sum->segment_parts += r->segment != 0;
	if (r->tally.first_ns < sum->start_ns)
		sum->start_ns = r->tally.first_ns;
	if (r->tally.last_ns > sum->end_ns)
		sum->end_ns = r->tally.last_ns;
}

enum bounds { BOUNDS_EXACT, BOUNDS_LOOSE };

static void check_summary(
    const struct dayindex_summary *got, const struct dayindex_summary *want, enum bounds bounds)
{
	ck_assert_uint_eq(got->parts, want->parts);
	ck_assert_uint_eq(got->packets, want->packets);
	ck_assert_uint_eq(got->bytes, want->bytes);
	ck_assert_uint_eq(got->length, want->length);
	ck_assert_uint_eq(got->file_parts, want->file_parts);
	ck_assert_uint_eq(got->file_bytes, want->file_bytes);
	ck_assert_uint_eq(got->segment_parts, want->segment_parts);
	ck_assert_int_le(got->start_ns, want->start_ns);
	ck_assert_int_ge(got->end_ns, want->end_ns);
	if (bounds == BOUNDS_EXACT || want->parts == 0) {
		ck_assert_int_eq(got->start_ns, want->start_ns);
		ck_assert_int_eq(got->end_ns, want->end_ns);
	}
}

static const struct dayindex_summary nothing = {.start_ns = INT64_MAX, .end_ns = INT64_MIN};

static int by_uuid(const void *x, const void *y)
{
	return strcmp(((const struct record *)x)->uuid, ((const struct record *)y)->uuid);
}

/* All rows and their summary; policies only where they are to be known. */
static void check_all(struct archive *a, struct record *want, size_t count, bool policies)
{
	struct dayindex_summary sum = nothing, got;
	struct rows rows = {NULL, 0, 0};
	struct dayindex *x;

	ck_assert_int_eq(dayindex_open(a, RECORDS_DAY, DAYINDEX_READ, &x), 0);
	ck_assert_int_eq(dayindex_select(x, NULL, DAYINDEX_EXACT, rows_collect, &rows), 0);
	ck_assert_uint_eq(rows.count, count);
	qsort(want, count, sizeof(*want), by_uuid);
	for (size_t i = 0; i < count; i++) {
		struct record r = want[i];

		if (!policies) {
			r.policy = (struct policy){0};
			r.exempt = 0;
		}
		rows_check_equal(&rows.record[i], &r);
		add_up(&sum, &r);
	}
	ck_assert_int_eq(dayindex_summary(x, &got), 0);
	check_summary(&got, &sum, BOUNDS_EXACT);
	dayindex_close(x);
	rows_free(&rows);
}

START_TEST(version_1_is_read_as_it_is)
{
	struct record records[OLD_ROWS];
	struct dayindex_where open = {"state = 'open' AND segment IS NULL AND offset = 0", NULL, 0};
	struct dayindex_where known = {"policy IS NOT NULL", NULL, 0};
	struct rows rows = {NULL, 0, 0};
	char *index;
	struct archive *a = old_archive(records, &index);
	struct dayindex *x;
	uint64_t end = 1;

	check_all(a, records, OLD_ROWS, false);
	ck_assert_int_eq(dayindex_open(a, RECORDS_DAY, DAYINDEX_READ, &x), 0);
	ck_assert_int_eq(dayindex_select_where(x, &open, rows_collect, &rows), 0);
	ck_assert_uint_eq(rows.count, OLD_ROWS / 9);
	ck_assert_int_eq(rows.record[0].end_reason, END_CONTINUED);
	ck_assert_int_eq(dayindex_select_where(x, &known, rows_collect, &rows), 0);
	ck_assert_uint_eq(rows.count, OLD_ROWS / 9);
	rows_free(&rows);
	ck_assert_int_eq(dayindex_select_oldest(x, rows_collect, &rows), 0);
	ck_assert_uint_eq(rows.count, OLD_ROWS);
	rows_free(&rows);
	ck_assert_int_eq(dayindex_segment_end(x, 1, &end), 0);
	ck_assert_uint_eq(end, 0);
	dayindex_close(x);
	ck_assert_str_eq(sqlcheck_text(index, "PRAGMA user_version"), "1");
	ck_assert_str_eq(sqlcheck_text(index, "SELECT count(*) FROM sqlite_master"), "1");
	finish(a, index);
}
END_TEST

START_TEST(who_writes_makes_version_1_the_present_one_with_the_policies_of_the_records)
{
	struct record records[OLD_ROWS];
	char *index;
	struct archive *a = old_archive(records, &index);
	struct dayindex *x;

	ck_assert_int_eq(dayindex_open(a, RECORDS_DAY, DAYINDEX_WRITE, &x), 0);
	dayindex_close(x);
	ck_assert_str_eq(sqlcheck_text(index, "PRAGMA user_version"), "2");
	ck_assert_str_eq(sqlcheck_text(index, "PRAGMA integrity_check"), "ok");
	ck_assert_str_eq(
	    sqlcheck_text(index, "SELECT count(*) FROM sqlite_master WHERE type = 'table'"), "2");
	check_all(a, records, OLD_ROWS, true);
	ck_assert_int_eq(dayindex_open(a, RECORDS_DAY, DAYINDEX_WRITE, &x), 0); /* once is enough */
	dayindex_close(x);
	check_all(a, records, OLD_ROWS, true);
	finish(a, index);
}
END_TEST

START_TEST(what_the_files_do_not_tell_is_not_claimed)
{
	struct record records[OLD_ROWS], other;
	char *index, path[1024], name[LAYOUT_NAME_SIZE];
	struct archive *a = old_archive(records, &index);
	struct dayindex *x;

	for (size_t i = 0; i < 5;
	     i++) { /* the last five: gone, damaged, a link, a FIFO, another's */
		const struct record *r = &records[OLD_ROWS - 1 - i];

		(void)snprintf(path, sizeof(path), "%.*s%s", (int)(strrchr(index, '/') - index) + 1,
		    index, layout_file_name(r->uuid, r->part, name));
		other = *r;
		(void)strcpy(other.uuid, "another");
		if (i == 1)
			tempdir_write(path, "damage", 6);
		else
			ck_assert_int_eq(unlink(path), 0);
		if (i == 2)
			ck_assert_int_eq(symlink("/dev/null", path), 0);
		else if (i == 3)
			ck_assert_int_eq(mkfifo(path, 0600), 0);
		else if (i == 4) {
			write_file(index, &other);
			ck_assert_int_eq(
			    rename(tempdir_path(tempdir_path(archive_path(a), "2026/01/02"),
				       layout_file_name("another", r->part, name)),
				path),
			    0);
		}
	}
	ck_assert_int_eq(dayindex_open(a, RECORDS_DAY, DAYINDEX_WRITE, &x), 0);
	dayindex_close(x);
	check_all(a, records, OLD_ROWS - 5, true);
	finish(a, index);
}
END_TEST

/* Runs a writer that the kernel kills when a file would grow beyond `bytes`. Returns: was it? */
static bool killed_at(const char *archive, uint64_t bytes)
{
	struct rlimit limit = {bytes, bytes}, none = {0, 0};
	int status;
	pid_t pid = fork();

	quick_assert(pid >= 0);
	if (pid == 0) {
		struct archive *a;
		struct dayindex *x;

		(void)signal(SIGXFSZ, SIG_DFL);
		if (setrlimit(RLIMIT_CORE, &none) != 0 || setrlimit(RLIMIT_FSIZE, &limit) != 0 ||
		    archive_open(archive, ARCHIVE_READ, &a) != 0 ||
		    dayindex_open(a, RECORDS_DAY, DAYINDEX_WRITE, &x) != 0)
			_exit(1);
		dayindex_close(x);
		_exit(0);
	}
	quick_assert(waitpid(pid, &status, 0) == pid);
	quick_assert(WIFSIGNALED(status) ? WTERMSIG(status) == SIGXFSZ : status == 0);
	return WIFSIGNALED(status);
}

START_TEST(a_kill_leaves_the_old_index_or_the_new_one)
{
	struct record records[OLD_ROWS];
	char *index, log[600];
	struct archive *a = old_archive(records, &index);
	unsigned old = 0, new = 0;
	uint8_t *bytes;
	size_t len;

	bytes = tempdir_read(index, &len);
	(void)snprintf(log, sizeof(log), "%s-wal", index);
	for (uint64_t limit = 2000; killed_at(archive_path(a), limit); limit += 1500) {
		bool is_new = atoi(sqlcheck_text(index, "PRAGMA user_version")) == 2;

		check_all(a, records, OLD_ROWS, is_new);
		old += !is_new;
		new += is_new;
		(void)unlink(log); /* there is none, if the kill came before */
		(void)strcpy(strrchr(log, '-'), "-shm");
		(void)unlink(log);
		(void)strcpy(strrchr(log, '-'), "-wal");
		tempdir_write(index, bytes, len);
	}
	ck_assert_uint_gt(old, 10);
	ck_assert_uint_gt(new, 3); /* while the secondary indexes were made */
	check_all(a, records, OLD_ROWS, true);
	free(bytes);
	finish(a, index);
}
END_TEST

START_TEST(a_full_disk_leaves_the_old_index)
{
	struct record records[OLD_ROWS];
	char *index;
	struct archive *a = old_archive(records, &index);
	struct dayindex *x;
	int rv;

	tempdir_limit(30000);
	rv = dayindex_open(a, RECORDS_DAY, DAYINDEX_WRITE, &x);
	tempdir_limit(UINT64_MAX);
	ck_assert_int_lt(rv, 0);
	check_all(a, records, OLD_ROWS, false);
	ck_assert_int_eq(dayindex_open(a, RECORDS_DAY, DAYINDEX_WRITE, &x), 0);
	dayindex_close(x);
	check_all(a, records, OLD_ROWS, true);
	finish(a, index);
}
END_TEST

/* ---- the summary ------------------------------------------------------------------------------
 */

#define NAMES 60

/* What is in the index by the test's own account. */
struct model {
	struct record row[NAMES];
	bool present[NAMES];
};

static struct dayindex_summary model_sum(const struct model *m)
{
	struct dayindex_summary sum = nothing;

	for (size_t i = 0; i < NAMES; i++)
		if (m->present[i])
			add_up(&sum, &m->row[i]);
	return sum;
}

static void random_step(struct dayindex *x, struct model *m, struct random *rnd)
{
	size_t i = random_below(rnd, NAMES);
	uint64_t what = random_below(rnd, 100);
	struct record r;

	if (what < 60) { /* comes, or is replaced */
		records_make(random_below(rnd, 100000), &r);
		(void)snprintf(r.uuid, sizeof(r.uuid),
		    i % 2 ? "name%zu"
			  : "%08zx-0000-5000-8000-"
			    "000000000000",
		    i / 2);
		r.part = (uint32_t)(i % 3);
		rows_place(random_below(rnd, 1000), &r);
		quick_assert(dayindex_insert(x, &r) == 0);
		m->row[i] = r;
		m->present[i] = true;
	} else if (what < 95) {
		if (m->row[i].uuid[0] != '\0')
			quick_assert(dayindex_delete(x, m->row[i].uuid, m->row[i].part) == 0);
		m->present[i] = false;
	} else if (what < 99) {
		uint32_t segment = (uint32_t)(1 + random_below(rnd, 2));

		quick_assert(dayindex_delete_segment(x, segment) == 0);
		for (i = 0; i < NAMES; i++)
			m->present[i] &= m->row[i].segment != segment;
	} else {
		quick_assert(dayindex_delete_all(x) == 0);
		memset(m->present, 0, sizeof(m->present));
	}
}

START_TEST(the_summary_is_exact_whatever_comes_and_goes)
{
	static struct model model, before;
	struct random rnd = {4711};
	char *index;
	struct archive *a = rows_archive("a", &index);
	struct dayindex_summary sum, want;
	struct dayindex *x;

	ck_assert_int_eq(dayindex_open(a, RECORDS_DAY, DAYINDEX_WRITE, &x), 0);
	for (int round = 0; round < 60; round++) {
		before = model;
		ck_assert_int_eq(dayindex_begin(x), 0);
		for (uint64_t n = random_below(&rnd, 80); n > 0; n--)
			random_step(x, &model, &rnd);
		want = model_sum(&model);
		ck_assert_int_eq(dayindex_summary(x, &sum), 0); /* within */
		check_summary(&sum, &want, BOUNDS_LOOSE);
		if (round % 5 == 4) {
			dayindex_rollback(x);
			model = before;
		} else {
			ck_assert_int_eq(dayindex_commit(x), 0);
		}
		want = model_sum(&model);
		ck_assert_int_eq(dayindex_summary(x, &sum), 0);
		check_summary(&sum, &want, BOUNDS_LOOSE);
		if (round % 20 == 19) {
			dayindex_close(x);
			ck_assert_int_eq(dayindex_open(a, RECORDS_DAY, DAYINDEX_WRITE, &x), 0);
		}
	}
	dayindex_close(x);
	ck_assert_int_eq(dayindex_open(a, RECORDS_DAY, DAYINDEX_READ, &x), 0);
	ck_assert_int_eq(dayindex_summary(x, &sum), 0);
	want = model_sum(&model);
	check_summary(&sum, &want, BOUNDS_LOOSE);
	dayindex_close(x);
	finish(a, index);
}
END_TEST

START_TEST(an_empty_day_adds_up_to_nothing)
{
	char *index;
	struct archive *a = rows_archive("a", &index);
	struct record r;

	rows_insert(a, &r, 0);
	check_all(a, &r, 0, true);
	ck_assert_str_eq(sqlcheck_text(index, "SELECT parts || ifnull(start_ns, '-') ||"
					      " ifnull(end_ns, '-') FROM day"),
	    "0--");
	records_make(3, &r);
	rows_insert(a, &r, 1);
	check_all(a, &r, 1, true);
	finish(a, index);
}
END_TEST

/* ---- indexes and size -------------------------------------------------------------------------
 */

/* A flow as most are: two ends out of many, a short life, a segment. */
static void ordinary(uint64_t n, uint64_t *offset, struct random *rnd, struct record *r)
{
	struct tally *t = &r->tally;
	uint8_t uuid[16];

	records_make(n * 3 + 1, r);
	random_fill(rnd, uuid, sizeof(uuid));
	(void)snprintf(r->uuid, sizeof(r->uuid),
	    "%02x%02x%02x%02x-%02x%02x-5%01x%02x-8%01x%02x-%02x%02x%02x%02x%02x%02x", uuid[0],
	    uuid[1], uuid[2], uuid[3], uuid[4], uuid[5], uuid[6] & 15, uuid[7], uuid[8] & 15,
	    uuid[9], uuid[10], uuid[11], uuid[12], uuid[13], uuid[14], uuid[15]);
	random_fill(rnd, r->key.addr[SIDE_LOW] + 1, 3);
	r->key.port[SIDE_LOW] = (uint16_t)(32768 + random_below(rnd, 28000));
	r->uuid_source = UUID_GENERATED;
	r->end_reason = END_FIN;
	r->snaplen = PACKET_MAX_CAPLEN;
	r->lost_pkts = r->cut_duration_pkts = r->cut_bytes_pkts = 0;
	t->first_ns = RECORDS_DAY_NS + (int64_t)(n * 2600000000);
	t->last_ns = t->first_ns + (int64_t)random_below(rnd, 60000000000);
	for (int side = 0; side < 2; side++) {
		t->pkts[side] = 4 + random_below(rnd, 30);
		t->bytes[side] = 500 + random_below(rnd, 30000);
	}
	t->captured_bytes = t->bytes[0] + t->bytes[1];
	t->truncated_pkts = t->vlan = 0;
	r->length = 800 + random_below(rnd, 9000);
	r->segment = 1;
	r->offset = *offset;
	*offset += (r->length + 1023) / 512 * 512;
}

START_TEST(an_ordinary_flow_takes_less_than_300_bytes)
{
	enum { ROWS = 33000 };
	struct random rnd = {99};
	uint64_t offset = 512;
	char *index;
	struct archive *a = rows_archive("a", &index);
	struct dayindex *x;
	struct record r;
	struct stat st;

	ck_assert_int_eq(dayindex_open(a, RECORDS_DAY, DAYINDEX_WRITE, &x), 0);
	if (_i == 1)
		ck_assert_int_eq(dayindex_secondary(x, DAYINDEX_AT_ONCE), 0);
	else
		ck_assert_int_eq(dayindex_secondary(x, DAYINDEX_AT_CLOSE), 0);
	for (uint64_t n = 0; n < ROWS; n++) {
		if (n % 1000 == 0)
			quick_assert(dayindex_begin(x) == 0);
		ordinary(n, &offset, &rnd, &r);
		quick_assert(dayindex_insert(x, &r) == 0);
		if (n % 1000 == 999)
			quick_assert(dayindex_commit(x) == 0);
	}
	dayindex_close(x);
	ck_assert_int_eq(stat(index, &st), 0);
	(void)printf("%s: %.1f bytes a row\n", _i ? "indexes at once" : "indexes at close",
	    (double)st.st_size / ROWS);
	ck_assert_int_lt(st.st_size, ROWS * 300);
	finish(a, index);
}
END_TEST

static const struct {
	const char *where, *used, *used_too, *not_used;
} plans[] = {
    {"uuid = x'00112233445566778899aabbccddeeff'", "flow_uuid (uuid=?)", "", "SCAN"},
    {"uuid = 'name' AND part = 3", "flow_uuid (uuid=? AND part=?)", "", "SCAN"},
    {"uuid >= x'00' AND uuid <= x'ff'", "flow_uuid (uuid>? AND uuid<?)", "", "SCAN"},
    {"client_ip = ?1 OR server_ip = ?1", "flow_client_ip", "flow_server_ip", "SCAN"},
    {"client_ip BETWEEN ?1 AND ?2 OR server_ip BETWEEN ?1 AND ?2", "flow_client_ip",
	"flow_server_ip", "SCAN"},
    {"client_port = 443 OR server_port = 443", "flow_client_port", "flow_server_port", "SCAN"},
    {"(client_ip = ?1 OR server_ip = ?1) AND +end_ns >= ?2", "flow_client_ip", "flow_server_ip",
	"SCAN"},
    {"end_ns >= ?1", "flow_end", "", "SCAN"},
    {"1 ORDER BY end_ns", "flow_end", "", "TEMP B-TREE"},
    {DAYINDEX_SUSPECT, "flow_suspect", "", "TEMP"},
    {"+start_ns < 5 AND " DAYINDEX_SUSPECT, "flow_suspect", "", "TEMP"},
};

START_TEST(questions_are_answered_by_an_index)
{
	char *index, sql[1024];
	struct archive *a = rows_archive("a", &index);
	const char *plan;
	struct record r;

	records_make(1, &r);
	rows_insert(a, &r, 1);
	(void)snprintf(sql, sizeof(sql), "SELECT length FROM flow WHERE %s", plans[_i].where);
	plan = sqlcheck_plan(index, sql);
	ck_assert_msg(strstr(plan, plans[_i].used) != NULL &&
			  strstr(plan, plans[_i].used_too) != NULL &&
			  strstr(plan, plans[_i].not_used) == NULL,
	    "%s: %s", plans[_i].where, plan);
	finish(a, index);
}
END_TEST

#define COUNT_INDEXES "SELECT count(*) FROM sqlite_master WHERE type = 'index'"

START_TEST(secondary_indexes_are_made_at_once_or_at_the_close)
{
	char *index;
	struct archive *a = rows_archive("a", &index);
	struct dayindex *x;

	ck_assert_int_eq(dayindex_open(a, RECORDS_DAY, DAYINDEX_WRITE, &x), 0);
	ck_assert_str_eq(sqlcheck_text(index, COUNT_INDEXES), "1");
	ck_assert_int_eq(dayindex_secondary(x, DAYINDEX_AT_CLOSE), 0);
	ck_assert_str_eq(sqlcheck_text(index, COUNT_INDEXES), "0");
	if (_i == 1) {
		ck_assert_int_eq(dayindex_secondary(x, DAYINDEX_AT_ONCE), 0);
		ck_assert_str_eq(sqlcheck_text(index, COUNT_INDEXES), "7");
	}
	dayindex_close(x);
	ck_assert_str_eq(sqlcheck_text(index, COUNT_INDEXES), "7");
	finish(a, index);
}
END_TEST

static Suite *dayschema_suite(void)
{
	Suite *s = suite_create("dayschema");
	TCase *t = tcase_create("dayschema");

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_test(t, version_1_is_read_as_it_is);
	tcase_add_test(
	    t, who_writes_makes_version_1_the_present_one_with_the_policies_of_the_records);
	tcase_add_test(t, what_the_files_do_not_tell_is_not_claimed);
	tcase_add_test(t, a_kill_leaves_the_old_index_or_the_new_one);
	tcase_add_test(t, a_full_disk_leaves_the_old_index);
	tcase_add_test(t, the_summary_is_exact_whatever_comes_and_goes);
	tcase_add_test(t, an_empty_day_adds_up_to_nothing);
	tcase_add_loop_test(t, an_ordinary_flow_takes_less_than_300_bytes, 0, 2);
	tcase_add_loop_test(
	    t, questions_are_answered_by_an_index, 0, (int)(sizeof(plans) / sizeof(plans[0])));
	tcase_add_loop_test(t, secondary_indexes_are_made_at_once_or_at_the_close, 0, 2);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(dayschema_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
