/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of what savers do with flows that have no name yet: staged without one, renamed when the
 * event has come, named at the end where none has, or thrown away; and that what half-open flows
 * are charged for is taken off again. For all else see test_saver.c.
 */
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "support/records.h"
#include "support/saverig.h"
#include "support/tempdir.h"

#define T0          (RECORDS_DAY_NS + INT64_C(3723123456789))
#define NAME        "host_1577836800_00000000000012AB"
#define DEADLINE_MS 60000 /* nothing waits that long unless it is broken */

static void start(struct saverig *rig, struct saverig_flow *flow)
{
	saverig_start(rig, NULL, 1, "zlib:1", SYNC_NONE);
	saverig_flow_begin(rig, flow, 2, T0);
}

/* Stages what the flow has, without a name. */
static void flush_unnamed(struct saverig *rig, struct saverig_flow *flow)
{
	flow->next.unnamed = true;
	saverig_flush(rig, flow);
	flow->next.unnamed = false;
	flow->next.staged_unnamed = true;
}

static void give_name(struct saverig_flow *flow)
{
	(void)strcpy(flow->all.uuid, NAME);
	flow->all.uuid_source = UUID_EVENT;
}

/* A batch without packets, for its name alone. */
static void put_name(struct saverig *rig, struct saverig_flow *flow)
{
	ck_assert_ptr_null(flow->next.chunks);
	saverig_flush(rig, flow);
	flow->next.staged_unnamed = false;
}

static void discard(struct saverig *rig, struct saverig_flow *flow)
{
	flow->next.kind = BATCH_DISCARD;
	flow->next.record = flow->all;
	ck_assert_int_eq(savers_put(rig->savers, &flow->next, SAVERS_WAIT), 0);
	ck_assert_ptr_null(flow->next.chunks);
}

static bool is_staged(const struct saverig *rig, const struct saverig_flow *flow, const char *uuid)
{
	char name[256];

	(void)snprintf(
	    name, sizeof(name), ".staging/%016llx.%s", (unsigned long long)flow->next.serial, uuid);
	return tempdir_exists(tempdir_path(rig->dir, name));
}

/* The saver tells nobody when it is done: we ask until it is. */
static void await_staged(
    const struct saverig *rig, const struct saverig_flow *flow, const char *uuid)
{
	struct timespec one_ms = {0, 1000000};

	for (int left = DEADLINE_MS; !is_staged(rig, flow, uuid); left--) {
		if (left == 0)
			ck_abort_msg("no staged file %s", uuid);
		(void)nanosleep(&one_ms, NULL); /* sooner is as good */
	}
}

static void end(struct saverig *rig, struct saverig_flow *flow)
{
	saverig_stop(rig);
	ck_assert_uint_eq(tempdir_count(tempdir_path(rig->dir, ".staging")), 0);
	saverig_flow_free(flow);
	saverig_close(rig);
}

static void check_published(struct saverig *rig, struct saverig_flow *flow, unsigned members)
{
	struct record row;

	saverig_stop(rig);
	ck_assert_uint_eq(saverig_check(rig, flow, &row), members);
	ck_assert_int_eq(row.uuid_source, flow->all.uuid_source);
	ck_assert_uint_eq(row.lost_pkts, 0);
	ck_assert_uint_eq(
	    ledger_get(&rig->ledger.packets_archived), ledger_get(&rig->ledger.packets_read));
	ck_assert_uint_eq(tempdir_count(tempdir_path(rig->dir, ".staging")), 0);
	saverig_flow_free(flow);
	saverig_close(rig);
}

/* ---- staged without a name ------------------------------------------------------------------- */

START_TEST(an_unnamed_flow_is_staged_without_a_name)
{
	struct saverig rig;
	struct saverig_flow flow;

	start(&rig, &flow);
	for (int i = 0; i < 3; i++) {
		saverig_packets(&rig, &flow, 2, 100);
		flush_unnamed(&rig, &flow);
	}
	await_staged(&rig, &flow, "-");
	ck_assert_uint_eq(tempdir_count(tempdir_path(rig.dir, ".staging")), 1);
	saverig_end(&rig, &flow, END_IDLE); /* and nobody has named it: the saver does */
	check_published(&rig, &flow, 5);
}
END_TEST

START_TEST(a_name_alone_renames_what_is_staged)
{
	struct saverig rig;
	struct saverig_flow flow;

	start(&rig, &flow);
	saverig_packets(&rig, &flow, 2, 100);
	flush_unnamed(&rig, &flow);
	give_name(&flow);
	put_name(&rig, &flow);
	await_staged(&rig, &flow, NAME);
	ck_assert(!is_staged(&rig, &flow, "-"));
	ck_assert_uint_eq(ledger_get(&rig.ledger.files), 0); /* it goes on */
	saverig_packets(&rig, &flow, 3, 10);
	saverig_flush(&rig, &flow);
	saverig_packets(&rig, &flow, 3, 10);
	saverig_end(&rig, &flow, END_FIN);
	check_published(&rig, &flow, 5);
}
END_TEST

START_TEST(a_name_that_comes_with_packets_renames_and_keeps_them)
{
	struct saverig rig;
	struct saverig_flow flow;

	start(&rig, &flow);
	saverig_packets(&rig, &flow, 2, 100);
	flush_unnamed(&rig, &flow);
	give_name(&flow);
	saverig_packets(&rig, &flow, 4, 100);
	if (_i) {
		saverig_flush(&rig, &flow);
		flow.next.staged_unnamed = false;
	}
	saverig_end(&rig, &flow, END_RST);
	check_published(&rig, &flow, 4);
}
END_TEST

START_TEST(a_name_before_anything_is_staged_needs_no_file)
{
	struct saverig rig;
	struct saverig_flow flow;

	start(&rig, &flow);
	give_name(&flow);
	saverig_packets(&rig, &flow, 2, 100);
	saverig_end(&rig, &flow, END_FIN);
	check_published(&rig, &flow, 3);
}
END_TEST

START_TEST(many_unnamed_flows_do_not_meet_in_one_file)
{
	enum { FLOWS = 40 };
	struct saverig_flow flows[FLOWS];
	struct saverig rig;
	struct record row;

	saverig_start(&rig, NULL, 3, "zlib:1", SYNC_NONE);
	for (uint32_t i = 0; i < FLOWS; i++) {
		saverig_flow_begin(&rig, &flows[i], i, T0);
		flows[i].next.serial = 1000 + i;
		saverig_packets(&rig, &flows[i], 1 + i % 3, 10);
		flush_unnamed(&rig, &flows[i]);
	}
	for (uint32_t i = 0; i < FLOWS; i++) {
		if (i % 2) {
			(void)snprintf(flows[i].all.uuid, LAYOUT_UUID_SIZE, "name-%u", i);
			flows[i].all.uuid_source = UUID_EVENT;
		}
		saverig_packets(&rig, &flows[i], 1, 10);
		saverig_end(&rig, &flows[i], END_STOP);
	}
	saverig_stop(&rig);
	for (uint32_t i = 0; i < FLOWS; i++) {
		ck_assert_uint_eq(saverig_check(&rig, &flows[i], &row), 4);
		saverig_flow_free(&flows[i]);
	}
	ck_assert_uint_eq(tempdir_count(tempdir_path(rig.dir, ".staging")), 0);
	saverig_close(&rig);
}
END_TEST

/* ---- thrown away ----------------------------------------------------------------------------- */

START_TEST(what_is_discarded_leaves_nothing_and_is_counted)
{
	struct saverig rig;
	struct saverig_flow flow;

	start(&rig, &flow);
	saverig_packets(&rig, &flow, 3, 100);
	if (_i & 1) {
		flush_unnamed(&rig, &flow);
		await_staged(&rig, &flow, "-");
		if (_i & 2)
			saverig_packets(&rig, &flow, 4, 100);
	}
	discard(&rig, &flow);
	saverig_stop(&rig);
	ck_assert_uint_eq(
	    ledger_get(&rig.ledger.dropped[DROP_no_uuid]), ledger_get(&rig.ledger.packets_read));
	ck_assert_uint_eq(ledger_get(&rig.ledger.packets_archived), 0);
	ck_assert_uint_eq(ledger_get(&rig.ledger.files), 0);
	ck_assert(!tempdir_exists(tempdir_path(rig.dir, "2026")));
	ck_assert_uint_eq(tempdir_count(tempdir_path(rig.dir, ".staging")), 0);
	saverig_flow_free(&flow);
	saverig_close(&rig);
}
END_TEST

START_TEST(the_next_part_of_a_discarded_flow_is_kept)
{
	struct saverig rig;
	struct saverig_flow flow;

	start(&rig, &flow);
	saverig_packets(&rig, &flow, 3, 100);
	flush_unnamed(&rig, &flow);
	discard(&rig, &flow);
	flow.want_len = 0;
	memset(&flow.all.tally, 0, sizeof(flow.all.tally));
	flow.next.staged = flow.next.staged_unnamed = false;
	flow.all.tally.first_ns = T0;
	give_name(&flow);
	saverig_packets(&rig, &flow, 2, 100);
	saverig_end(&rig, &flow, END_FIN);
	saverig_stop(&rig);
	ck_assert_uint_eq(ledger_get(&rig.ledger.dropped[DROP_no_uuid]), 3);
	ck_assert_uint_eq(ledger_get(&rig.ledger.packets_archived), 2);
	ck_assert(tempdir_exists(tempdir_path(rig.dir, "2026/01/02/" NAME ".pcap.gz")));
	saverig_flow_free(&flow);
	saverig_close(&rig);
}
END_TEST

/* ---- charges --------------------------------------------------------------------------------- */

START_TEST(a_charge_is_taken_off_when_the_chunks_are_back)
{
	static _Atomic uint64_t charge;
	struct saverig rig;
	struct saverig_flow flow;

	start(&rig, &flow);
	atomic_store(&charge, 1000);
	saverig_packets(&rig, &flow, 3, 100);
	flow.next.charge = &charge;
	flow.next.charge_bytes = 900;
	switch (_i) {
	case 0:
		flush_unnamed(&rig, &flow);
		flow.next.charge = NULL;
		saverig_end(&rig, &flow, END_STOP);
		break;
	case 1:
		saverig_end(&rig, &flow, END_STOP);
		break;
	case 2:
		discard(&rig, &flow);
	}
	end(&rig, &flow);
	ck_assert_uint_eq(atomic_load(&charge), 100);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("saver, unnamed flows");
	TCase *t = tcase_create("unnamed");
	SRunner *sr;
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_test(t, an_unnamed_flow_is_staged_without_a_name);
	tcase_add_test(t, a_name_alone_renames_what_is_staged);
	tcase_add_loop_test(t, a_name_that_comes_with_packets_renames_and_keeps_them, 0, 2);
	tcase_add_test(t, a_name_before_anything_is_staged_needs_no_file);
	tcase_add_test(t, many_unnamed_flows_do_not_meet_in_one_file);
	tcase_add_loop_test(t, what_is_discarded_leaves_nothing_and_is_counted, 0, 4);
	tcase_add_test(t, the_next_part_of_a_discarded_flow_is_kept);
	tcase_add_loop_test(t, a_charge_is_taken_off_when_the_chunks_are_back, 0, 3);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
