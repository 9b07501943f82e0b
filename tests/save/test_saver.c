/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the saver threads: batches go in, flow files come out, with every packet in its place,
 * the record and the row that belong to them, and a ledger that adds up. For disks that fail see
 * test_saver_faults.c.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clk.h"
#include "support/gzcheck.h"
#include "support/quick.h"
#include "support/random.h"
#include "support/records.h"
#include "support/saverig.h"
#include "support/tempdir.h"

#define T0 (RECORDS_DAY_NS + INT64_C(3723123456789))

/* ---- a gate that holds savers up where they make a file ---------------------------------------
 */

static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_opened = PTHREAD_COND_INITIALIZER;
static bool gate_closed;

int openat(int fd, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if (flags & (O_CREAT | __O_TMPFILE)) {
		mode = va_arg(ap, mode_t);
		(void)pthread_mutex_lock(&gate_lock);
		while (gate_closed)
			(void)pthread_cond_wait(&gate_opened, &gate_lock);
		(void)pthread_mutex_unlock(&gate_lock);
	}
	va_end(ap);
	return (int)syscall(SYS_openat, fd, path, flags, mode);
}

static void set_gate(bool closed)
{
	(void)pthread_mutex_lock(&gate_lock);
	gate_closed = closed;
	(void)pthread_cond_broadcast(&gate_opened);
	(void)pthread_mutex_unlock(&gate_lock);
}

/* ---- one flow ---------------------------------------------------------------------------------
 */

/* The row of a flow that lost nothing: the sums of all its packets. */
static void check_whole(struct saverig *rig, const struct saverig_flow *flow, unsigned members)
{
	struct record row, want = flow->all;

	ck_assert_uint_eq(saverig_check(rig, flow, &row), members);
	if (want.uuid[0] == '\0')
		(void)strcpy(want.uuid, row.uuid);
	want.length = row.length;
	records_check_equal(&row, &want);
}

static void check_ledger(
    struct saverig *rig, uint64_t files, uint64_t archived_bytes, uint64_t written_bytes)
{
	ck_assert_uint_eq(ledger_get(&rig->ledger.files), files);
	ck_assert_uint_eq(
	    ledger_get(&rig->ledger.packets_archived), ledger_get(&rig->ledger.packets_read));
	ck_assert_uint_eq(ledger_get(&rig->ledger.bytes_archived), archived_bytes);
	ck_assert_uint_eq(ledger_get(&rig->ledger.bytes_written), written_bytes);
}

START_TEST(a_flow_closed_in_one_batch_is_a_file_of_three_members)
{
	static const char *const codecs[] = {"none", "zlib:1", "zlib:9", "zlib:6"};
	struct saverig rig;
	struct saverig_flow flow;
	struct record row;

	saverig_start(&rig, NULL, 1, codecs[_i % 4], (enum sync_mode)(_i % 3));
	saverig_flow_begin(&rig, &flow, (uint32_t)_i, T0);
	saverig_packets(&rig, &flow, 5, 100);
	saverig_end(&rig, &flow, END_RST);
	saverig_stop(&rig);
	check_whole(&rig, &flow, 3);
	(void)saverig_check(&rig, &flow, &row);
	check_ledger(&rig, 1, flow.all.tally.captured_bytes, row.length);
	ck_assert_uint_eq(tempdir_count(tempdir_path(rig.dir, ".staging")), 0);
	ck_assert(!tempdir_exists(tempdir_path(rig.dir, ".dirty")));
	saverig_flow_free(&flow);
	saverig_close(&rig);
}
END_TEST

START_TEST(each_flush_adds_a_member_and_the_close_adds_the_rest)
{
	struct saverig rig;
	struct saverig_flow flow;

	saverig_start(&rig, NULL, 2, "zlib:1", SYNC_NONE);
	saverig_flow_begin(&rig, &flow, 1, T0);
	for (int i = 0; i < 6; i++) {
		saverig_packets(&rig, &flow, 7, (uint16_t)(i * 200));
		saverig_flush(&rig, &flow);
	}
	if (_i)
		saverig_packets(&rig, &flow, 1, 5);
	saverig_end(&rig, &flow, END_IDLE);
	saverig_stop(&rig);
	check_whole(&rig, &flow, 8 + (unsigned)_i);
	ck_assert_uint_eq(tempdir_count(tempdir_path(rig.dir, ".staging")), 0);
	saverig_flow_free(&flow);
	saverig_close(&rig);
}
END_TEST

START_TEST(a_chain_of_many_chunks_is_one_member)
{
	struct saverig rig;
	struct saverig_flow flow;
	unsigned chunks = 0;

	saverig_start(&rig, NULL, 1, "zlib:1", SYNC_NONE);
	saverig_flow_begin(&rig, &flow, 2, T0);
	saverig_packets(&rig, &flow, 40, 1);    /* small chunks */
	saverig_packets(&rig, &flow, 30, 1400); /* larger ones */
	for (struct chunk *c = flow.next.chunks; c != NULL; c = c->next)
		chunks++;
	ck_assert_uint_gt(chunks, 10);
	saverig_end(&rig, &flow, END_FIN);
	saverig_stop(&rig);
	check_whole(&rig, &flow, 3);
	saverig_flow_free(&flow);
	saverig_close(&rig);
}
END_TEST

START_TEST(a_name_from_an_event_is_the_name_of_the_file)
{
	struct saverig rig;
	struct saverig_flow flow;

	saverig_start(&rig, NULL, 1, "zlib:1", SYNC_NONE);
	saverig_flow_begin(&rig, &flow, 3, T0);
	(void)strcpy(flow.all.uuid, "host_1577836800_00000000000012AB");
	flow.all.uuid_source = UUID_EVENT;
	saverig_packets(&rig, &flow, 3, 10);
	saverig_flush(&rig, &flow);
	saverig_end(&rig, &flow, END_STOP);
	saverig_stop(&rig);
	check_whole(&rig, &flow, 3);
	ck_assert(tempdir_exists(
	    tempdir_path(rig.dir, "2026/01/02/host_1577836800_00000000000012AB.pcap.gz")));
	saverig_flow_free(&flow);
	saverig_close(&rig);
}
END_TEST

START_TEST(the_largest_record_of_all_fits)
{
	enum { CAPLEN = 262144 };
	struct saverig rig;
	struct saverig_flow flow;
	struct record *r = &flow.all;
	struct random random = {9};
	struct gzcheck *g = calloc(1, sizeof(*g));
	struct chunk *c;
	uint8_t *bytes, head[16] = {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 4, 0};
	char uuid[] = "big";
	size_t len;

	saverig_start(&rig, NULL, 1, "zlib:1", SYNC_NONE);
	saverig_flow_begin(&rig, &flow, 4, T0);
	(void)strcpy(r->uuid, uuid);
	ck_assert_int_eq(slab_get(rig.slab, CAPLEN + 16, &c), 0);
	memcpy(c->data, head, sizeof(head));
	random_fill(&random, c->data + 16, CAPLEN);
	bytes = malloc(CAPLEN);
	memcpy(bytes, c->data + 16, CAPLEN);
	c->used = CAPLEN + 16;
	c->records = 1;
	flow.next.chunks = c;
	r->tally.pkts[0] = 1;
	ledger_add(&rig.ledger.packets_read, 1);
	saverig_end(&rig, &flow, END_EOF);
	saverig_stop(&rig);
	{
		uint8_t *file = tempdir_read(tempdir_path(rig.dir, "2026/01/02/big.pcap.gz"), &len);

		ck_assert_int_eq(gzcheck_inflate(file, len, g), 0);
		free(file);
	}
	ck_assert_uint_eq(g->len, 24 + 16 + CAPLEN);
	ck_assert(memcmp(g->bytes + 40, bytes, CAPLEN) == 0);
	free(g->bytes);
	free(g);
	free(bytes);
	saverig_close(&rig);
}
END_TEST

/* ---- many flows -------------------------------------------------------------------------------
 */

#define FLOWS 120u

/* Feeds all flows, interleaved at random but the same for a seed. Some are flushed on the way. */
static void feed(struct saverig *rig, struct saverig_flow *flows, uint64_t seed)
{
	struct random r = {seed};
	unsigned open = FLOWS;

	for (uint32_t i = 0; i < FLOWS; i++)
		saverig_flow_begin(rig, &flows[i], i, T0 + (int64_t)i * 50000000000 * (i % 40));
	while (open > 0) {
		struct saverig_flow *f = &flows[random_below(&r, FLOWS)];
		uint64_t what = random_below(&r, 12);

		if (f->all.end_reason == END_EVICTED)
			continue; /* this one is closed */
		saverig_packets(rig, f, 1 + (unsigned)(what % 3), (uint16_t)(what * 100));
		if (what == 0) {
			saverig_end(rig, f, END_EVICTED);
			open--;
		} else if (what < 4) {
			saverig_flush(rig, f);
		}
	}
}

static void free_flows(struct saverig_flow *flows)
{
	for (uint32_t i = 0; i < FLOWS; i++)
		saverig_flow_free(&flows[i]);
	free(flows);
}

START_TEST(many_flows_keep_their_packets_in_order)
{
	struct saverig_flow *flows = calloc(FLOWS, sizeof(*flows));
	struct saverig rig;
	struct record row;
	uint64_t bytes = 0, written = 0;

	saverig_start(&rig, NULL, 4, "zlib:1", SYNC_NONE);
	feed(&rig, flows, 17);
	saverig_stop(&rig);
	for (uint32_t i = 0; i < FLOWS; i++) {
		(void)saverig_check(&rig, &flows[i], &row);
		ck_assert_uint_eq(row.tally.pkts[0] + row.tally.pkts[1],
		    flows[i].all.tally.pkts[0] + flows[i].all.tally.pkts[1]);
		ck_assert_uint_eq(row.lost_pkts, 0);
		bytes += row.tally.captured_bytes;
		written += row.length;
	}
	check_ledger(&rig, FLOWS, bytes, written);
	ck_assert_uint_eq(tempdir_count(tempdir_path(rig.dir, ".staging")), 0);
	free_flows(flows);
	saverig_close(&rig);
}
END_TEST

START_TEST(the_same_flows_again_are_duplicates_whatever_the_number_of_threads)
{
	struct saverig_flow *flows = calloc(FLOWS, sizeof(*flows));
	struct saverig rig;
	const char *dir;
	uint64_t archived;

	saverig_start(&rig, NULL, 1, "zlib:1", SYNC_NONE);
	feed(&rig, flows, 23);
	saverig_stop(&rig);
	archived = ledger_get(&rig.ledger.packets_archived);
	dir = rig.dir;
	free_flows(flows);
	saverig_close(&rig);
	flows = calloc(FLOWS, sizeof(*flows));
	saverig_start(&rig, dir, 5, "zlib:1", SYNC_NONE);
	feed(&rig, flows, 23);
	saverig_stop(&rig);
	ck_assert_uint_eq(ledger_get(&rig.ledger.skipped[SKIP_duplicate]), archived);
	ck_assert_uint_eq(ledger_get(&rig.ledger.packets_archived), 0);
	ck_assert_uint_eq(ledger_get(&rig.ledger.files), 0);
	ck_assert_uint_eq(ledger_get(&rig.ledger.bytes_written), 0);
	ck_assert_uint_eq(tempdir_count(tempdir_path(dir, ".staging")), 0);
	free_flows(flows);
	saverig_close(&rig);
}
END_TEST

START_TEST(whoever_does_not_wait_is_refused_by_a_full_queue_and_keeps_the_chunks)
{
	struct saverig_flow flows[1000], *refused;
	struct saverig rig;
	uint32_t n = 0;
	int rv = 0;

	saverig_start(&rig, NULL, 1, "none", SYNC_NONE);
	set_gate(true);
	for (n = 0; n < 1000; n++) {
		saverig_flow_begin(&rig, &flows[n], n, T0);
		saverig_packets(&rig, &flows[n], 1, 10);
		flows[n].next.kind = BATCH_CLOSE;
		flows[n].next.record = flows[n].all;
		rv = savers_put(rig.savers, &flows[n].next, SAVERS_TRY);
		if (rv != 0)
			break;
		quick_assert(flows[n].next.chunks == NULL);
	}
	ck_assert_int_eq(rv, -EAGAIN);
	refused = &flows[n];
	ck_assert_ptr_nonnull(refused->next.chunks);
	ck_assert_ptr_null(refused->next.chunks->next);
	set_gate(false);
	saverig_end(&rig, refused, END_EOF); /* waits */
	saverig_stop(&rig);
	ck_assert_uint_eq(ledger_get(&rig.ledger.files), n + 1);
	for (uint32_t i = 0; i <= n; i++)
		saverig_flow_free(&flows[i]);
	saverig_close(&rig);
}
END_TEST

/* ---- a disk without room ----------------------------------------------------------------------
 */

/* A catalog that is busy with a question, until `go_on` is posted: no look removes anything. */
static sem_t busy, go_on;

static int be_busy(const struct record *r, void *arg)
{
	(void)r;
	(void)arg;
	(void)sem_post(&busy);
	while (sem_wait(&go_on) != 0)
		;
	return -ECANCELED; /* once is enough */
}

static void *ask(void *catalog)
{
	(void)catalog_each_name(catalog, clk_day(T0), be_busy, NULL);
	return NULL;
}

static pthread_t hold_catalog(struct saverig *rig)
{
	pthread_t asker;

	(void)sem_init(&busy, 0, 0);
	(void)sem_init(&go_on, 0, 0);
	ck_assert_int_eq(pthread_create(&asker, NULL, ask, rig->catalog), 0);
	while (sem_wait(&busy) != 0)
		;
	return asker;
}

static void start_savers(struct saverig *rig, struct retain *retain)
{
	const struct savers_config config = {.threads = 1,
	    .sync = SYNC_NONE,
	    .codec = {.kind = CODEC_ZLIB, .level = 1},
	    .retain = retain,
	    .archive = rig->archive,
	    .catalog = rig->catalog,
	    .slab = rig->slab,
	    .ledger = &rig->ledger};

	ck_assert_int_eq(savers_start(&config, &rig->savers), 0);
}

START_TEST(a_saver_without_room_writes_nothing_but_when_it_is_stopped)
{
	const struct prune_limits limits = {.max_disk_bytes = 1};
	struct saverig rig;
	struct saverig_flow flow[2];
	struct retain *retain;
	pthread_t asker;
	uint64_t before;

	saverig_start(&rig, NULL, 1, "zlib:1", SYNC_NONE);
	saverig_flow_begin(&rig, &flow[0], 0, T0);
	saverig_packets(&rig, &flow[0], 5, 100);
	saverig_end(&rig, &flow[0], END_FIN);
	savers_stop(rig.savers);
	before = ledger_get(&rig.ledger.packets_archived);
	ck_assert_int_eq(close(archive_touch_day(rig.archive, clk_day(T0))), 0);
	asker = hold_catalog(&rig);
	ck_assert_int_eq(retain_start(rig.archive, rig.catalog, &limits, &retain), 0);

	start_savers(&rig, retain);
	saverig_flow_begin(&rig, &flow[1], 1, T0);
	saverig_packets(&rig, &flow[1], 5, 100);
	if (_i == 1)
		saverig_flush(&rig, &flow[1]);
	saverig_end(&rig, &flow[1], END_FIN);
	while (atomic_load(&retain_stats(retain)->waits) == 0 &&
	       ledger_get(&rig.ledger.packets_archived) == before)
		(void)sched_yield();
	ck_assert_uint_eq(ledger_get(&rig.ledger.packets_archived), before);
	ck_assert_uint_eq(tempdir_count(tempdir_path(rig.dir, ".staging")), 0);
	savers_stop(rig.savers);
	rig.savers = NULL;
	ck_assert_uint_eq(
	    ledger_get(&rig.ledger.packets_archived), ledger_get(&rig.ledger.packets_read));

	(void)sem_post(&go_on);
	(void)pthread_join(asker, NULL);
	retain_stop(retain);
	archive_leave_day(rig.archive, clk_day(T0));
	saverig_stop(&rig);
	saverig_flow_free(&flow[0]);
	saverig_flow_free(&flow[1]);
	saverig_close(&rig);
}
END_TEST

START_TEST(no_savers_are_stopped_without_harm)
{
	savers_stop(NULL);
}
END_TEST

static void into_files(void)
{
	tempdir_setup();
	saverig_store = STORE_FILES;
}

static void into_segments(void)
{
	tempdir_setup();
	saverig_store = STORE_SEGMENTS;
}

/* What savers do is the same wherever the store puts it. */
static TCase *saver_tests(const char *name, SFun setup)
{
	TCase *t = tcase_create(name);

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, setup, tempdir_teardown);
	tcase_add_loop_test(t, a_flow_closed_in_one_batch_is_a_file_of_three_members, 0, 12);
	tcase_add_loop_test(t, each_flush_adds_a_member_and_the_close_adds_the_rest, 0, 2);
	tcase_add_test(t, a_chain_of_many_chunks_is_one_member);
	tcase_add_test(t, many_flows_keep_their_packets_in_order);
	tcase_add_test(t, the_same_flows_again_are_duplicates_whatever_the_number_of_threads);
	tcase_add_test(t, whoever_does_not_wait_is_refused_by_a_full_queue_and_keeps_the_chunks);
	return t;
}

static Suite *saver_suite(void)
{
	Suite *s = suite_create("saver");
	TCase *t = saver_tests("files", into_files);

	tcase_add_test(t, a_name_from_an_event_is_the_name_of_the_file);
	tcase_add_test(t, the_largest_record_of_all_fits);
	tcase_add_loop_test(t, a_saver_without_room_writes_nothing_but_when_it_is_stopped, 0, 2);
	tcase_add_test(t, no_savers_are_stopped_without_harm);
	suite_add_tcase(s, t);
	suite_add_tcase(s, saver_tests("segments", into_segments));
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(saver_suite());
	int failed;

	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
