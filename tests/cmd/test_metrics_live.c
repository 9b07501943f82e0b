/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of where metrics come from: what demux, savers and capture count is what is shown.
 */
#include <check.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "cmd/exposition.h"
#include "cmd/metricsrig.h"
#include "flow/frame.h"
#include "support/flowfile.h"
#include "support/tempdir.h"

#define INTERFACE(what, name) "flowkeep_interface_" what "{interface=\"" name "\"}"

static void check_has(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no '%s' in:\n%s", part, text);
}

/* An open event, told twice, and bad lines around it. */
static void send_events(struct metricsrig *rig)
{
	struct event e = {.kind = EVENT_OPEN, .uuid = "host_1_A"};

	flowfile_key(&e.key, &(struct frames_talk){.family = 4, .port = {4711, 443}});
	e.key.linktype = 0;
	rig->live.has_events = true;
	demux_stream(rig->demux, true);
	demux_event(rig->demux, &e);
	demux_event(rig->demux, &e);
	e = (struct event){.kind = EVENT_CLOSE, .uuid = "host_1_B"};
	demux_event(rig->demux, &e);
	ledger_add(&rig->live.events.events, 3);
	ledger_add(&rig->live.events.malformed, 1);
	ledger_add(&rig->live.events.blank, 2);
	ledger_add(&rig->live.events.too_long, 3);
	ledger_add(&rig->live.events.unknown, 4);
	ledger_add(&rig->live.events.bad_uuid, 5);
	ledger_add(&rig->live.events.no_tuple, 6);
	ledger_add(&rig->live.events.lines, 24);
	ledger_add(&rig->live.events.connects, 2);
	ledger_add(&rig->live.events.disconnects, 1);
	atomic_store(&rig->live.events.connected, true);
}

START_TEST(every_line_of_the_event_stream_is_in_one_outcome_or_pending)
{
	struct metricsrig rig;
	char *text;

	metricsrig_start(&rig);
	send_events(&rig);
	text = metricsrig_text(&rig);
	exposition_check(text);
	exposition_check_value(text, "flowkeep_events_total{outcome=\"malformed\"}", "1");
	exposition_check_value(text, "flowkeep_events_total{outcome=\"blank\"}", "2");
	exposition_check_value(text, "flowkeep_events_total{outcome=\"too_long\"}", "3");
	exposition_check_value(text, "flowkeep_events_total{outcome=\"unknown\"}", "4");
	exposition_check_value(text, "flowkeep_events_total{outcome=\"bad_uuid\"}", "5");
	exposition_check_value(text, "flowkeep_events_total{outcome=\"no_tuple\"}", "6");
	exposition_check_value(text, "flowkeep_events_total{outcome=\"repeated\"}", "1");
	exposition_check_value(text, "flowkeep_events_total{outcome=\"unknown_close\"}", "1");
	exposition_check_value(text, "flowkeep_events_pending", "1");
	exposition_check_value(text, "flowkeep_event_stream_configured", "1");
	exposition_check_value(text, "flowkeep_event_stream_connected", "1");
	exposition_check_value(text, "flowkeep_event_stream_connects_total", "2");
	exposition_check_value(text, "flowkeep_event_stream_disconnects_total", "1");
	ck_assert_double_eq(exposition_sum(text, "flowkeep_events_total") +
				exposition_number(text, "flowkeep_events_pending"),
	    exposition_number(text, "flowkeep_event_lines_total"));
	free(text);
	metricsrig_stop(&rig);
}
END_TEST

START_TEST(what_demux_and_savers_count_is_shown)
{
	struct conn c = {.family = 4, .host = {1, 2}, .port = {50000, 443}};
	struct frame f = {.conn = &c, .from = A, .tcp_flags = SYN, .seq = 1};
	struct saverig_flow flow;
	struct metricsrig rig;
	uint8_t *bytes = malloc(FRAME_MAX_BYTES);
	struct packet p = {.linktype = FRAME_ETHERNET, .data = bytes};
	char *text;

	ck_assert_ptr_nonnull(bytes);
	metricsrig_start(&rig);
	rig.live.beat_ns = clk_mono().ns;
	p.caplen = p.origlen = frame_make(&f, 0, bytes);
	p.ts_ns = clk_wall().ns;
	demux_packet(rig.demux, &p);
	f.conn = &(struct conn){.family = 4, .proto = 17, .host = {1, 2}, .port = {5, 6}};
	p.caplen = p.origlen = frame_make(&f, 0, bytes);
	demux_packet(rig.demux, &p);
	(void)demux_run(rig.demux, clk_mono().ns);

	text = metricsrig_text(&rig);
	exposition_check(text);
	exposition_check_value(text, "flowkeep_packets_read_total", "2");
	exposition_check_value(text, "flowkeep_packets_skipped_total{reason=\"not_tcp\"}", "1");
	exposition_check_value(text, "flowkeep_flows_begun_total", "1");
	exposition_check_value(text, "flowkeep_flows{state=\"half_open\"}", "1");
	exposition_check_value(text, "flowkeep_flows_limit", "1000");
	exposition_check_value(text, "flowkeep_buffer_limit_bytes", "67108864");
	exposition_check_value(text, "flowkeep_last_write_timestamp_seconds", "0");
	exposition_check_value(text, "flowkeep_event_stream_configured", "0");
	ck_assert_double_gt(exposition_number(text, "flowkeep_buffer_bytes"), 0);
	ck_assert_double_gt(exposition_number(text, "flowkeep_buffer_held_bytes"), 0);
	ck_assert_double_gt(exposition_number(text, "flowkeep_saver_queue_limit_batches"), 0);
	ck_assert_double_gt(exposition_number(text, "process_resident_memory_bytes"), 100000);
	ck_assert_double_gt(exposition_number(text, "process_start_time_seconds"), 1.7e9);
	ck_assert_double_ge(exposition_number(text, "flowkeep_archive_filesystem_size_bytes"),
	    exposition_number(text, "flowkeep_archive_filesystem_available_bytes"));
	free(text);

	saverig_flow_begin(&rig.savers, &flow, 1, INT64_C(1767323045000000000));
	saverig_packets(&rig.savers, &flow, 10, 100);
	saverig_end(&rig.savers, &flow, END_FIN);
	while (ledger_get(&rig.savers.ledger.files) == 0)
		(void)sched_yield(); /* the saver is at it */
	text = metricsrig_text(&rig);
	exposition_check(text);
	exposition_check_value(text, "flowkeep_files_published_total", "1");
	exposition_check_value(text, "flowkeep_packets_archived_total", "10");
	exposition_check_value(text, "flowkeep_write_failures_total", "0");
	free(text);
	metricsrig_stop(&rig);
	saverig_flow_free(&flow);
	free(bytes);
}
END_TEST

static void add_interface(struct metricsrig *rig, const char *name, uint64_t received)
{
	struct source_live_interface *n = &rig->live.interfaces[rig->live.count++];

	(void)snprintf(n->name, sizeof(n->name), "%s", name);
	ledger_add(&n->received, received);
	ledger_add(&n->dropped, received * 2);
	ledger_add(&n->removed, received * 3);
	ledger_add(&n->link_downs, received * 4);
	atomic_store(&n->open, true);
	atomic_store(&n->up, received % 2 == 0);
}

START_TEST(interfaces_of_the_capture_are_shown_and_each_name_once)
{
	struct metricsrig rig;
	char *text;

	metricsrig_start(&rig);
	add_interface(&rig, "eth0", 10);
	add_interface(&rig, "fifteen_letters", 21);
	add_interface(&rig, "eth0", 100);
	text = metricsrig_text(&rig);
	exposition_check(text);
	exposition_check_value(text, INTERFACE("packets_received_total", "eth0"), "110");
	exposition_check_value(text, INTERFACE("packets_received_total", "fifteen_letters"), "21");
	exposition_check_value(text, INTERFACE("packets_dropped_total", "fifteen_letters"), "42");
	exposition_check_value(text, INTERFACE("removals_total", "fifteen_letters"), "63");
	exposition_check_value(text, INTERFACE("link_downs_total", "fifteen_letters"), "84");
	exposition_check_value(text, INTERFACE("open", "fifteen_letters"), "1");
	exposition_check_value(text, INTERFACE("up", "fifteen_letters"), "0");
	exposition_check_value(text, INTERFACE("up", "eth0"), "1");
	free(text);
	text = metricsrig_lines(&rig);
	check_has(text, "\ninterface   eth0 (up): 110 packets received, 220 dropped ");
	check_has(text, "\ninterface   fifteen_letters (down): 21 packets ");
	free(text);
	metricsrig_stop(&rig);
}
END_TEST

START_TEST(an_archive_that_is_gone_gives_no_number)
{
	struct metricsrig rig;
	char *text;

	metricsrig_start(&rig);
	rig.src.dir = "/nowhere/at/all";
	text = metricsrig_text(&rig);
	exposition_check(text);
	exposition_check_value(text, "flowkeep_archive_filesystem_available_bytes", "NaN");
	exposition_check_value(text, "flowkeep_archive_filesystem_inodes", "NaN");
	free(text);
	metricsrig_stop(&rig);
}
END_TEST

START_TEST(the_start_time_is_the_same_in_every_scrape)
{
	struct metricsrig rig;
	char *first, *second;

	metricsrig_start(&rig);
	first = metricsrig_text(&rig);
	second = metricsrig_text(&rig);
	ck_assert_str_eq(exposition_value(first, "process_start_time_seconds"),
	    exposition_value(second, "process_start_time_seconds"));
	free(first);
	free(second);
	metricsrig_stop(&rig);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("metrics_live");
	TCase *live = tcase_create("live");

	tcase_add_unchecked_fixture(live, tempdir_setup, tempdir_teardown);
	tcase_add_test(live, every_line_of_the_event_stream_is_in_one_outcome_or_pending);
	tcase_add_test(live, what_demux_and_savers_count_is_shown);
	tcase_add_test(live, interfaces_of_the_capture_are_shown_and_each_name_once);
	tcase_add_test(live, an_archive_that_is_gone_gives_no_number);
	tcase_add_test(live, the_start_time_is_the_same_in_every_scrape);
	suite_add_tcase(s, live);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(suite());
	int failed;

	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
