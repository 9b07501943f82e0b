/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The index of a day that a stranger made.
 *
 * Input: flags (8 bits), then by the kind in them. RAW: the database file itself. PATCHED: what is
 * written over a sound index, piece by piece: where (16 bits of its size), length (8), bytes.
 * VALUES: what is put into its rows: column, row, type (8 bits each), a length (8) and bytes. SQL:
 * what is done to it. Where WRITTEN is set, it is opened for writing, and changed, as well.
 *
 * Holds: opening, reading and writing end, in a way that dayindex.h names; a row that is given is
 * one that we could have written, and is listed in every form; and where a filter of names was
 * made of it, it hides none of them.
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/dayfilter.h"
#include "archive/dayindex.h"
#include "base/clk.h"
#include "fetch/partlist.h"
#include "fuzz/fuzz_listing.h"
#include "fuzz/fuzz_support.h"

enum { RAW, PATCHED, VALUES, SQL, KINDS, WRITTEN = 8 };

#define DAY       20455 /* 2026-01-02 */
#define DAY_PATH  "2026/01/02/"
#define ROWS      8u
#define NAMES_MAX 64u
#define STEPS_MAX 10000 /* of SQLite's machine, thousands: no SQL of ours goes on for ever */

static void make_record(unsigned n, struct record *r)
{
	struct decoded d = {.family = n % 2 ? 6 : 4,
	    .proto = DECODE_TCP,
	    .src = {10, (uint8_t)n},
	    .dst = {192, 0, 2},
	    .sport = 40000,
	    .dport = 443};

	memset(r, 0, sizeof(*r));
	r->client = flowkey_make(&d, 1, VLAN_KEY_NO, &r->key);
	(void)snprintf(r->uuid, sizeof(r->uuid),
	    n % 3 ? "3f2a0000-0000-4000-8000-00000000000%x" : "host_%u", n & 15);
	r->day = DAY;
	r->part = n / 6;
	r->snaplen = PACKET_MAX_CAPLEN;
	r->tally = (struct tally){.first_ns = DAY * CLK_DAY_NS + n,
	    .last_ns = DAY * CLK_DAY_NS + 1000 * n,
	    .pkts = {n, 1},
	    .bytes = {100 * n, 60},
	    .captured_bytes = 100 * n + 60};
	r->segment = n % 4 == 1 ? 7 : 0;
	r->offset = r->segment != 0 ? 512 * n : 0;
	r->length = 1000 + n;
	if (n == 2)
		r->policy = (struct policy){.payload = PAYLOAD_BYTES, .payload_bytes = 20};
}

static struct archive *archive(void)
{
	static struct archive *a;

	if (a == NULL)
		fuzz_check(archive_open(fuzz_dir(), ARCHIVE_READ, &a) == 0);
	return a;
}

static const char *index_path(void)
{
	static char path[4096];

	(void)snprintf(path, sizeof(path), "%s/" DAY_PATH LAYOUT_INDEX, fuzz_dir());
	return path;
}

/* A sound index, as a writer leaves it. */
static const struct fuzz_bytes *sound(void)
{
	static struct fuzz_bytes bytes;
	struct dayindex *x;
	struct record r;
	uint8_t buf[4096];
	size_t n;
	FILE *f;

	if (bytes.len > 0)
		return &bytes;
	fuzz_write_at(DAY_PATH "x", "", 0);
	fuzz_check(dayindex_open(archive(), DAY, DAYINDEX_WRITE, &x) == 0);
	fuzz_check(dayindex_begin(x) == 0);
	for (unsigned i = 0; i < ROWS; i++) {
		make_record(i, &r);
		fuzz_check(dayindex_insert(x, &r) == 0);
	}
	fuzz_check(dayindex_commit(x) == 0);
	dayindex_close(x);
	f = fopen(index_path(), "re");
	fuzz_check(f != NULL);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		fuzz_put(&bytes, buf, n);
	(void)fclose(f);
	return &bytes;
}

static void put_index(const void *bytes, size_t len)
{
	fuzz_dir_clear(NULL);
	fuzz_write_at(DAY_PATH LAYOUT_INDEX, bytes, len);
}

static void put_patched(struct fuzz_input *in)
{
	uint8_t *copy = fuzz_copy(sound()->bytes, sound()->len);

	while (in->left > 0) {
		size_t at = fuzz_u16(in) % sound()->len, n;
		const uint8_t *bytes = fuzz_take(in, fuzz_u8(in), &n);

		if (n > sound()->len - at)
			n = sound()->len - at;
		if (n > 0)
			memcpy(copy + at, bytes, n);
	}
	put_index(copy, sound()->len);
	free(copy);
}

/* ---- by SQL ---- */

/* Nothing but this file may be touched. */
static int allow(
    void *arg, int action, const char *a, const char *b, const char *c, const char *trigger)
{
	(void)arg;
	(void)c;
	(void)trigger;
	if (action == SQLITE_ATTACH || action == SQLITE_DETACH)
		return SQLITE_DENY;
	if (action == SQLITE_PRAGMA && strcasestr(a, "dir") != NULL)
		return SQLITE_DENY;
	if (action == SQLITE_FUNCTION && b != NULL && strcasestr(b, "load_extension") != NULL)
		return SQLITE_DENY;
	return SQLITE_OK;
}

static int give_up(void *left)
{
	return --*(int *)left < 0;
}

static sqlite3 *open_sound(int *steps)
{
	sqlite3 *db;

	put_index(sound()->bytes, sound()->len);
	fuzz_check(sqlite3_open(index_path(), &db) == SQLITE_OK);
	(void)sqlite3_set_authorizer(db, allow, NULL);
	(void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 1 << 20);
	sqlite3_progress_handler(db, 1000, give_up, steps);
	return db;
}

static void put_sql(struct fuzz_input *in)
{
	int steps = STEPS_MAX / 100;
	sqlite3 *db = open_sound(&steps);
	char *sql = fuzz_text(in, SIZE_MAX);

	(void)sqlite3_exec(db, sql, NULL, NULL, NULL); /* whatever comes of it */
	(void)sqlite3_close(db);
	free(sql);
}

static void bind_value(sqlite3_stmt *st, struct fuzz_input *in)
{
	uint8_t type = fuzz_u8(in);
	size_t n;
	const void *bytes;

	switch (type % 5) {
	case 0:
		(void)sqlite3_bind_int64(st, 1, (int64_t)fuzz_u64(in));
		return;
	case 1:
		(void)sqlite3_bind_double(st, 1, (double)(int64_t)fuzz_u64(in) / 3);
		return;
	case 2:
		(void)sqlite3_bind_null(st, 1); /* NOT NULL: only where that is legal */
		return;
	default:
		bytes = fuzz_take(in, fuzz_u8(in), &n);
		if (type % 5 == 3)
			(void)sqlite3_bind_text(
			    st, 1, n > 0 ? bytes : "", (int)n, SQLITE_TRANSIENT);
		else
			(void)sqlite3_bind_blob(
			    st, 1, n > 0 ? bytes : "", (int)n, SQLITE_TRANSIENT);
	}
}

static void put_value(sqlite3 *db, struct fuzz_input *in)
{
	static const char *const columns[] = {"uuid", "part", "proto", "linktype", "vlan",
	    "client_ip", "client_port", "server_ip", "server_port", "start_ns", "end_ns",
	    "client_packets", "client_bytes", "server_packets", "server_bytes", "captured_bytes",
	    "truncated", "client_flags", "server_flags", "end_reason", "uuid_source", "interface",
	    "snaplen", "lost_packets", "cut_duration", "cut_bytes", "vlan_key", "length", "segment",
	    "offset", "policy"};
	static const char *const sums[] = {"parts", "packets", "bytes", "length", "file_parts",
	    "file_bytes", "segment_parts", "start_ns", "end_ns"};
	uint8_t column = fuzz_u8(in), row = fuzz_u8(in);
	sqlite3_stmt *st;
	char sql[128];

	if (row >= 240)
		(void)snprintf(sql, sizeof(sql), "UPDATE day SET %s = ?1",
		    sums[column % (sizeof(sums) / sizeof(sums[0]))]);
	else
		(void)snprintf(sql, sizeof(sql), "UPDATE flow SET %s = ?1 WHERE rowid = %u",
		    columns[column % (sizeof(columns) / sizeof(columns[0]))], row % ROWS + 1);
	fuzz_check(sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK);
	bind_value(st, in);
	(void)sqlite3_step(st);
	(void)sqlite3_finalize(st); /* a constraint may be against it */
}

static void put_values(struct fuzz_input *in)
{
	int steps = STEPS_MAX;
	sqlite3 *db = open_sound(&steps);

	fuzz_check(sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK);
	while (in->left > 0)
		put_value(db, in);
	(void)sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	fuzz_check(sqlite3_close(db) == SQLITE_OK);
}

/* ---- reading ---- */

struct reading {
	struct partlist *parts;
	struct dayindex *index;
	char name[NAMES_MAX][LAYOUT_UUID_SIZE];
	uint32_t part[NAMES_MAX];
	unsigned count;
};

static int take_row(const struct record *r, void *arg)
{
	struct reading *x = arg;
	char json[RECORD_JSON_MAX], words[RECORD_POLICY_SIZE];

	fuzz_check(layout_uuid_valid(r->uuid) && r->day == DAY);
	fuzz_check(r->key.family == 4 || r->key.family == 6);
	fuzz_check(r->client <= SIDE_HIGH && r->end_reason < END_REASONS);
	fuzz_check(r->uuid_source <= UUID_EVENT && r->snaplen <= PACKET_MAX_CAPLEN);
	fuzz_check(memchr(r->interface, '\0', sizeof(r->interface)) != NULL);
	fuzz_check(r->length <= INT64_MAX && r->offset <= INT64_MAX - r->length);
	fuzz_check((r->segment == 0) == (r->offset == 0));
	fuzz_check(record_format(r, json) <= sizeof(json));
	fuzz_check(strlen(record_policy_text(r, words)) < sizeof(words));
	fuzz_check(partlist_add(x->parts, r) == 0);
	if (x->count < NAMES_MAX) {
		memcpy(x->name[x->count], r->uuid, sizeof(r->uuid));
		x->part[x->count++] = r->part;
	}
	return 0;
}

static int ignore_row(const struct record *r, void *arg)
{
	(void)r;
	(void)arg;
	return 0;
}

static void check_result(int rv)
{
	fuzz_check(rv == 0 || rv == -EBADMSG || rv == -EIO || rv == -ENOENT || rv == -ENOTSUP ||
		   rv == -EACCES || rv == -EBUSY || rv == -ENOSPC || rv == -EINVAL);
}

static void ask(struct reading *x)
{
	static const char suspect[] = DAYINDEX_SUSPECT;
	const struct dayindex_where where = {suspect, NULL, 0};
	struct dayindex_summary s;
	uint64_t bytes, end;
	struct record r;

	check_result(dayindex_select(x->index, NULL, DAYINDEX_EXACT, take_row, x));
	check_result(dayindex_select(x->index, "3f", DAYINDEX_PREFIX, ignore_row, NULL));
	check_result(dayindex_select(x->index, "host_", DAYINDEX_PREFIX, ignore_row, NULL));
	check_result(dayindex_select_where(x->index, &where, ignore_row, NULL));
	check_result(dayindex_select_oldest(x->index, ignore_row, NULL));
	check_result(dayindex_summary(x->index, &s));
	check_result(dayindex_bytes(x->index, &bytes));
	check_result(dayindex_segment_end(x->index, 7, &end));
	for (unsigned i = 0; i < x->count; i++) {
		int rv = dayindex_find(x->index, x->name[i], x->part[i], &r);

		if (rv == 1) /* an index in the index may be wrong: then it is not found */
			fuzz_check(strcmp(r.uuid, x->name[i]) == 0 && r.part == x->part[i]);
		else
			check_result(rv);
	}
}

static void ignore_bad(const char *path, const char *reason, void *arg)
{
	(void)path;
	(void)reason;
	(void)arg;
}

/* As `flowkeep find` does it. */
static void find_flows(void)
{
	struct query *q;

	fuzz_check(query_new(archive(), ignore_bad, NULL, &q) == 0);
	fuzz_check(query_select(q, NULL) == 0);
	fuzz_check(query_group(q) == 0);
	fuzz_listing(q);
	query_free(q);
}

static void check_filter(const struct reading *x)
{
	struct dayfilter *f;

	if (dayfilter_open(archive(), DAY, &f) != 0)
		return;
	for (unsigned i = 0; i < x->count; i++)
		fuzz_check(!dayfilter_lacks(f, x->name[i]));
	dayfilter_free(f);
}

static void read_index(void)
{
	struct reading *x = calloc(1, sizeof(*x));
	int rv = dayindex_open(archive(), DAY, DAYINDEX_READ, &x->index);

	fuzz_check(x != NULL && partlist_new(&x->parts) == 0);
	check_result(rv);
	if (rv == 0) {
		ask(x);
		check_filter(x);
		dayindex_close(x->index);
	}
	partlist_free(x->parts);
	free(x);
	find_flows();
}

static void write_index(void)
{
	struct dayindex *x;
	struct record r;
	int rv = dayindex_open(archive(), DAY, DAYINDEX_WRITE, &x);

	check_result(rv);
	if (rv != 0)
		return;
	rv = dayindex_begin(x);
	check_result(rv);
	if (rv == 0) {
		make_record(20, &r);
		check_result(dayindex_insert(x, &r));
		make_record(1, &r);
		check_result(dayindex_delete(x, r.uuid, r.part));
		check_result(dayindex_delete_segment(x, 7));
		check_result(dayindex_commit(x));
	}
	dayindex_close(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	uint8_t flags = fuzz_u8(&in);

	switch (flags % KINDS) {
	case RAW:
		put_index(in.at, in.left);
		break;
	case PATCHED:
		put_patched(&in);
		break;
	case VALUES:
		put_values(&in);
		break;
	default:
		put_sql(&in);
	}
	read_index();
	if (flags & WRITTEN) {
		write_index();
		read_index();
	}
	return 0;
}
