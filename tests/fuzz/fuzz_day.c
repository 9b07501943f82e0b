/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An archive that a stranger made, or a kill left: a day with flow files, segments, an index that
 * tells of other things, odd names, unfinished files; read, verified, indexed anew, repaired, and
 * taken over by a writer.
 *
 * Input: what is done (8 bits, enum below), then up to ENTRIES_MAX entries: a kind (8 bits), a name
 * (8 bits of length, text) and a piece (16 bits of length), which of flow files and segments is a
 * recipe, see fuzz_build.h. INDEX has neither: what is there so far is indexed, and what comes
 * after it differs from its rows.
 *
 * Holds: all of that ends; an index made anew twice holds the same, and where nothing was passed
 * over it tells the truth; a packet is the same when it is inflated again; what is fetched is a
 * capture of as many packets; a repair leaves an archive that is sound; and what a writer takes
 * over from .staging is sound.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/mend.h"
#include "base/log.h"
#include "cmd/recovery.h"
#include "fetch/fetch.h"
#include "fetch/flowfile.h"
#include "fetch/query.h"
#include "fetch/repair.h"
#include "fetch/verify.h"
#include "fuzz/fuzz_build.h"
#include "fuzz/fuzz_listing.h"
#include "pcapfile/capreader.h"

enum done {
	MENDED = 1,
	REPAIRED = 2,
	ADOPTED = 4,
	SEGMENTS = 8,  /* the writer that adopts writes such */
	BY_NAME = 16,  /* queries are for UUIDs */
	BY_EXPR = 32,  /* or by an expression */
	EVICTING = 64, /* what was inflated is given back after each packet */
	FETCHED = 128, /* what is found is merged into one capture */
};
enum entry { FLOWFILE, SEGMENT, STAGED, PINNED, OTHER, ODD, DIRTY, INDEX, ENTRIES };

#define DAY         20455 /* 2026-01-02 */
#define DAY_PATH    "2026/01/02/"
#define ENTRIES_MAX 24u
#define PARTS_MAX   64u /* that are read */
#define PACKETS_MAX 4096u

/* ---- making it ---- */

/* A name of one component that a directory can hold, below `place`; NULL: there is none. */
static const char *path_of(const char *place, const char *name)
{
	static char path[512];
	char *at;

	if (name[0] == '\0' || strlen(name) > 200 || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return NULL;
	(void)snprintf(path, sizeof(path), "%s%s", place, name);
	for (at = path + strlen(place); *at != '\0'; at++)
		if (*at == '/')
			*at = '_';
	return path;
}

/* Something else may bear the name by now: then that stays. */
static void put(const char *place, const char *name, const struct fuzz_bytes *f)
{
	const char *path = path_of(place, name);
	char whole[4096 + 600];
	struct stat st;

	if (path == NULL)
		return;
	(void)snprintf(whole, sizeof(whole), "%s/%s", fuzz_dir(), path);
	if (lstat(whole, &st) != 0 || S_ISREG(st.st_mode))
		fuzz_write_at(path, f->bytes, f->len);
}

static void put_odd(const char *name, size_t kind)
{
	const char *path = path_of(DAY_PATH, name);
	char whole[4096 + 600];
	int rv;

	if (path == NULL)
		return;
	(void)snprintf(whole, sizeof(whole), "%s/%s", fuzz_dir(), path);
	if (kind % 3 == 0)
		rv = symlink("/nowhere", whole);
	else if (kind % 3 == 1)
		rv = mkfifo(whole, 0640);
	else
		rv = mkdir(whole, 0750);
	(void)rv; /* it may be there already */
}

static struct mend_totals mend(void)
{
	const struct mend_config c = {.how = MEND_ALL};
	struct mend_totals t = {0};
	struct archive *a;
	int rv;

	if (archive_open(fuzz_dir(), ARCHIVE_TEND, &a) != 0)
		return t;
	rv = archive_lock_day(a, DAY);
	if (rv == 0) {
		rv = mend_day(a, DAY, &c, &t);
		archive_unlock_day(a, DAY, rv == 0 ? ARCHIVE_UNLOCK_CLEAN : ARCHIVE_UNLOCK_DIRTY);
	}
	archive_close(a);
	return t;
}

static void put_entry(struct fuzz_input *in)
{
	unsigned kind = fuzz_u8(in) % ENTRIES;
	struct fuzz_bytes f = {0};
	struct fuzz_input part;
	char *name;

	if (kind == INDEX) {
		(void)mend();
		return;
	}
	name = fuzz_text(in, fuzz_u8(in));
	part = fuzz_build_part(in);
	if (kind == SEGMENT)
		fuzz_build_segment(&part, &f);
	else if (kind == FLOWFILE || kind == STAGED || kind == PINNED)
		fuzz_build_flowfile(&part, &f);
	else
		fuzz_put(&f, part.at, part.left);
	if (kind == ODD)
		put_odd(name, f.len);
	else if (kind == DIRTY)
		put("", ".dirty", &f);
	else
		put(kind == STAGED   ? ".staging/"
		    : kind == PINNED ? "pinned/" DAY_PATH
				     : DAY_PATH,
		    name, &f);
	fuzz_free(&f);
	free(name);
}

/* ---- reading it ---- */

static void ignore_bad(const char *path, const char *reason, void *arg)
{
	(void)arg;
	fuzz_check(path[0] != '\0' && reason[0] != '\0');
}

static int locate(struct part *p, void *query)
{
	return query_locate(query, p);
}

/* Inflated anew, a packet is what it was. */
static void read_again(struct flowfile *f, const struct flowfile_packet *packet)
{
	uint8_t *copy = fuzz_copy(packet->bytes, packet->length);
	struct flowfile_packet again;

	flowfile_evict(f);
	fuzz_check(flowfile_held(f) == 0);
	fuzz_check(flowfile_again(f, &again) == 1);
	fuzz_check(again.length == packet->length && again.ts_ns == packet->ts_ns);
	fuzz_check(memcmp(again.bytes, copy, again.length) == 0);
	free(copy);
}

static void read_part(struct flowfile_pool *pool, const struct part *p, unsigned done)
{
	char record[PARTFILE_RECORD_SIZE];
	struct flowfile_packet packet;
	struct flowfile *f;
	unsigned n = 0;
	int rv;

	fuzz_check(flowfile_open(pool, p, &f) == 0);
	while ((rv = flowfile_next(f, &packet)) == 1 && n++ < PACKETS_MAX)
		if (done & EVICTING)
			read_again(f, &packet);
	fuzz_check(rv == 1 || rv == 0 || rv == -EBADMSG || rv == -ENOENT || rv == -ELOOP ||
		   rv == -ENXIO || rv == -EISDIR);
	fuzz_check((rv < 0) == (flowfile_error(f)[0] != '\0'));
	(void)flowfile_record(f, record);
	flowfile_close(f);
}

static void read_flows(const struct archive *a, struct query *q, unsigned done)
{
	const struct partfile_places places = {a, locate, q};
	const struct query_flow *flows;
	struct flowfile_pool *pool;
	size_t count, parts = 0;

	flows = query_flows(q, &count);
	fuzz_check(flowfile_pool_new(&places, &pool) == 0);
	for (size_t i = 0; i < count; i++) {
		struct flowsum sum;

		fuzz_check(flows[i].count > 0);
		flowsum_make(&flows[i], &sum);
		for (size_t j = 0; j < flows[i].count; j++)
			if (parts++ < PARTS_MAX)
				read_part(pool, flows[i].parts[j], done);
	}
	flowfile_pool_free(pool);
	fuzz_listing(q);
}

/* What was written is a capture of as many packets. */
static void check_capture(const char *path, const struct fetch_totals *t)
{
	struct capreader *r = NULL;
	int rv = capreader_open(path, &r);
	struct packet p;
	uint64_t n = 0;

	fuzz_check(rv == 0 || (rv == -ENOENT && t->pkts == 0));
	while (rv == 0 && (rv = capreader_next(r, &p)) == 1) {
		n++;
		rv = 0;
	}
	fuzz_check(n == t->pkts && (rv == 0 || rv == -ENOENT));
	capreader_close(r);
}

/* As `flowkeep fetch` does it, with next to no memory. */
static void fetch(const struct archive *a, struct query *q, enum fetch_as as)
{
	const struct part *parts[PARTS_MAX];
	struct fetch_job job = {.places = {a, locate, q},
	    .parts = parts,
	    .as = as,
	    .budget_bytes = 4096,
	    .bad = ignore_bad};
	const struct query_flow *flows;
	struct fetch_totals t = {0};
	char path[4096 + 32];
	size_t count;
	int rv;

	flows = query_flows(q, &count);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < flows[i].count && job.count < PARTS_MAX; j++)
			parts[job.count++] = flows[i].parts[j];
	job.flows = count;
	if (job.count == 0)
		return;
	(void)snprintf(path, sizeof(path), "%s/capture", fuzz_dir());
	(void)unlink(path);
	fuzz_check(outfile_new(path, OUTFILE_PLAIN, &job.out) == 0);
	rv = fetch_parts(&job, &t);
	fuzz_check(rv == 0 || rv == -EMEDIUMTYPE || rv == -ENOTSUP);
	if (rv == 0)
		fuzz_check(outfile_commit(job.out) == 0);
	outfile_free(job.out);
	if (rv == 0)
		check_capture(path, &t);
}

static void find(struct query *q, unsigned done)
{
	static const char *const words[] = {
	    "3f2a", "host_1", "3f2a0000-0000-4000-8000-000000000001"};
	const struct query_words w = {words, 3, done & BY_EXPR ? DAYINDEX_PREFIX : DAYINDEX_EXACT};
	static struct expr *e;
	struct expr_error error;

	if (e == NULL)
		fuzz_check(expr_parse("port 443 and packets > 2 and duration < 1h and after "
				      "2026-01-01T00:00:00Z",
			       0, &e, &error) == 0);
	if (done & BY_NAME)
		fuzz_check(query_find(q, &w) == 0);
	else
		fuzz_check(query_select(q, done & BY_EXPR ? e : NULL) == 0);
}

static void query(unsigned done)
{
	struct archive *a;
	struct query *q;

	if (archive_open(fuzz_dir(), ARCHIVE_READ, &a) != 0) /* .dirty may be a stranger's */
		return;
	fuzz_check(query_new(a, ignore_bad, NULL, &q) == 0);
	find(q, done);
	fuzz_check(query_group(q) == 0);
	read_flows(a, q, done);
	if (done & FETCHED) {
		fetch(a, q, FETCH_AS_PCAP);
		fetch(a, q, FETCH_AS_PCAPNG);
	}
	query_free(q);
	archive_close(a);
}

static void told(const char *path, const char *what, void *arg)
{
	(void)arg;
	fuzz_check(path[0] != '\0' && what[0] != '\0');
}

static void progress(const struct verify_totals *so_far, void *arg)
{
	(void)so_far;
	(void)arg;
}

/* Counts what is damaged in the day itself. */
static void count_damage(const char *path, const char *what, void *arg)
{
	uint64_t *in_day = arg;

	told(path, what, NULL);
	*in_day += strncmp(path, "pinned/", 7) != 0;
}

/* Returns: how much is damaged; of that, *ret_in_day is not what is pinned. */
static uint64_t verify(uint64_t *ret_in_day)
{
	const struct verify_hooks hooks = {
	    .damage = count_damage, .notice = told, .progress = progress, .arg = ret_in_day};
	struct verify_totals t = {0};
	struct archive *a;

	*ret_in_day = 0;
	if (archive_open(fuzz_dir(), ARCHIVE_READ, &a) != 0)
		return 0;
	fuzz_check(verify_archive(a, &hooks, &t) == 0);
	archive_close(a);
	return t.damage;
}

/* ---- changing it ---- */

static void mend_twice(void)
{
	struct mend_totals one = mend(), two = mend();
	uint64_t in_day;

	fuzz_check(one.rows == two.rows && one.damaged == two.damaged);
	fuzz_check(two.cut_bytes == 0 && two.segments == 0);
	(void)verify(&in_day);
	if (two.rows > 0 && two.damaged == 0) /* 0 rows: perhaps nobody may mend it */
		fuzz_check(in_day == 0);
}

static void repair(void)
{
	const struct repair_hooks hooks = {.done = told, .failed = told};
	struct repair *r;
	uint64_t in_day, damage = verify(&in_day);

	if (repair_open(fuzz_dir(), &hooks, &r) != 0)
		return;
	fuzz_check(repair_day(r, "", DAY, damage) == 0);
	fuzz_check(repair_day(r, "pinned/", DAY, damage) == 0);
	if (repair_totals(r)->failed == 0)
		fuzz_check(verify(&in_day) == 0);
	repair_close(r);
}

static void adopt(enum store_kind store)
{
	const struct options o = {.store = store, .sync = SYNC_NONE};
	uint64_t in_day, damage = verify(&in_day);
	struct archive *a;
	int rv;

	rv = archive_open(fuzz_dir(), ARCHIVE_WRITE, &a);
	if (rv != 0)
		return;
	rv = recovery_adopt(a, &o);
	archive_close(a);
	if (rv == 0 && damage == 0)
		fuzz_check(verify(&in_day) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	uint8_t done = fuzz_u8(&in);
	uint64_t in_day;

	log_set_level(LOG_ERROR);
	fuzz_dir_clear(NULL);
	fuzz_write_at(DAY_PATH "x", "", 0);
	fuzz_write_at(".staging/x", "", 0);
	fuzz_write_at("pinned/" DAY_PATH "x", "", 0);
	for (unsigned i = 0; in.left > 0 && i < ENTRIES_MAX; i++)
		put_entry(&in);
	query(done);
	(void)verify(&in_day);
	if (done & MENDED)
		mend_twice();
	if (done & ADOPTED)
		adopt(done & SEGMENTS ? STORE_SEGMENTS : STORE_FILES);
	if (done & REPAIRED)
		repair();
	if (done & (MENDED | ADOPTED | REPAIRED))
		query(done);
	return 0;
}
