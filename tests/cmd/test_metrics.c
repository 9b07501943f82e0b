/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of how metrics are shown: what stands in a snapshot, in a form that every scraper reads,
 * and in lines for people.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/metrics_families.h"
#include "cmd/metrics_lines.h"
#include "cmd/metrics_snapshot.h"
#include "cmd/metrics_text.h"
#include "cmd/exposition.h"

static char *shown(
    const struct metrics_snapshot *s, void (*fn)(const struct metrics_snapshot *s, FILE *out))
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	ck_assert_ptr_nonnull(out);
	fn(s, out);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

static void check_has(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no '%s' in:\n%s", part, text);
}

/* ---- the reader ------------------------------------------------------------------------------ */

START_TEST(the_linter_of_these_tests_finds_what_is_wrong)
{
	static const char *const bad[] = {
	    "# HELP a_total b\n# TYPE a_total counter\na_total 1", /* no line feed */
	    "a_total 1\n",
	    "# HELP a_total b\na_total 1\n",
	    "# TYPE a_total counter\na_total 1\n",
	    "# HELP a_total b\n",
	    "# HELP a_total \n# TYPE a_total counter\na_total 1\n",
	    "# HELP a b\n# TYPE a counter\na 1\n",
	    "# HELP a_total b\n# TYPE a_total gauge\na_total 1\n",
	    "# HELP a b\n# TYPE a number\na 1\n",
	    "# HELP a b\n# TYPE c gauge\nc 1\n",
	    "# HELP a b\n# TYPE a gauge\na 1\na 2\n",
	    "# HELP a b\n# TYPE a gauge\na{x=\"1\"} 1\na{x=\"1\"} 2\n",
	    "# HELP a b\n# TYPE a gauge\nb 1\n",
	    "# HELP a b\n# TYPE a gauge\na_c 1\n",
	    "# HELP a b\n# TYPE a gauge\na x\n",
	    "# HELP a b\n# TYPE a gauge\na 1,5\n",
	    "# HELP a b\n# TYPE a gauge\na -\n",
	    "# HELP a b\n# TYPE a gauge\na\n",
	    "# HELP a b\n# TYPE a gauge\na{x=1} 1\n",
	    "# HELP a b\n# TYPE a gauge\na{x=\"\\x\"} 1\n",
	    "# HELP a b\n# TYPE a gauge\na{x=\"\"\"} 1\n",
	    "# HELP a b\n# TYPE a gauge\na{x=\"\xff\"} 1\n",
	    "# HELP a b\n# TYPE a gauge\na{1x=\"1\"} 1\n",
	    "# HELP a b\n# TYPE a gauge\na 1\n\n",
	    "# HELP a b\n# TYPE a gauge\na 1\n# HELP a b\n# TYPE a gauge\n",
	    "# HELP a b\\x\n# TYPE a gauge\na 1\n",
	    "# HELP a b\n# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum 1\n",
	    "# HELP a b\n# TYPE a histogram\na_bucket{le=\"1\"} 1\na_sum 1\na_count 1\n",
	    "# HELP a b\n# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 2\n",
	    "# HELP a b\n# TYPE a histogram\na_bucket{le=\"1\"} 2\n"
	    "a_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
	    "# HELP a b\n# TYPE a histogram\na_bucket{le=\"2\"} 1\na_bucket{le=\"1\"} 1\n"
	    "a_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
	};
	char error[EXPOSITION_ERROR_SIZE];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(exposition_lint(bad[i], error) != NULL, "passed:\n%s", bad[i]);
	exposition_check(
	    "# HELP a b \\\\ \\n\n# TYPE a gauge\na{x=\"\\\"\\\\\\n\",y=\"\"} 1.5\na NaN\n"
	    "# HELP h b\n# TYPE h histogram\nh_bucket{le=\"1\"} 2\n"
	    "h_bucket{le=\"+Inf\"} 3\nh_sum 1e-05\nh_count 3\n");
}
END_TEST

/* ---- Prometheus ------------------------------------------------------------------------------ */

START_TEST(all_series_are_there_from_the_start_and_zero)
{
	struct metrics_snapshot s;
	char *text, series[128];

	memset(&s, 0, sizeof(s));
	text = shown(&s, metrics_text_write);
	exposition_check(text);
	for (const struct metrics_family *f = metrics_families(); f->name != NULL; f++) {
		if (f->shape != METRICS_VALUES)
			continue;
		if (f->label == NULL)
			exposition_check_value(text, f->name, "0");
		for (unsigned i = 0; f->label != NULL && i < f->label->count; i++) {
			(void)snprintf(series, sizeof(series), "%s{%s=\"%s\"}", f->name,
			    f->label->name, f->label->value(i));
			exposition_check_value(text, series, "0");
		}
	}
	exposition_check_value(text, "flowkeep_packets_dropped_total{reason=\"half_open\"}", "0");
	exposition_check_value(text, "flowkeep_packets_skipped_total{reason=\"filtered\"}", "0");
	exposition_check_value(text, "flowkeep_events_total{outcome=\"unknown_close\"}", "0");
	exposition_check_value(text, "flowkeep_events_total{outcome=\"no_tuple\"}", "0");
	exposition_check_value(text, "flowkeep_flows{state=\"published\"}", "0");
	exposition_check_value(text, "flowkeep_flows_ended_total{reason=\"reused\"}", "0");
	exposition_check_value(text, "flowkeep_write_duration_seconds_count", "0");
	exposition_check_value(text, "flowkeep_write_duration_seconds_sum", "0");
	exposition_check_value(text, "flowkeep_last_write_timestamp_seconds", "0");
	check_has(text, "\nflowkeep_build_info{version=\"");
	check_has(text, "# TYPE flowkeep_interface_open gauge\n");
	free(text);
}
END_TEST

/* A number of its own for every field. */
static void fill(struct metrics_snapshot *s)
{
	memset(s, 0, sizeof(*s));
	s->packets_read = 101;
	s->packets_archived = 102;
	s->skipped_pkts[SKIP_not_ip] = 103;
	s->skipped_pkts[SKIP_bytes] = 104;
	s->dropped_pkts[DROP_memory] = 105;
	s->dropped_pkts[DROP_no_uuid] = 106;
	s->read_bytes = 107;
	s->archived_bytes = 108;
	s->written_bytes = 109;
	s->flows_begun = 110;
	s->flows_ended[END_FIN] = 111;
	s->flows_ended[END_STOP] = 112;
	s->flows_live[FLOW_PUBLISHED] = 113;
	s->flows_live[FLOW_OPEN] = 114;
	s->flows_limit = 115;
	s->files = 116;
	s->event_lines = 117;
	s->events[DEMUX_EVENT_named] = 118;
	s->events[DEMUX_EVENT_unknown_close] = 119;
	s->events[METRICS_EVENT_malformed] = 120;
	s->events[METRICS_EVENT_no_tuple] = 121;
	s->events_pending = 122;
	s->bindings = 123;
	s->uuid_collisions = 124;
	s->stream_configured = 1;
	s->stream_connected = 1;
	s->stream_connects = 127;
	s->stream_disconnects = 128;
	s->buffer_bytes = 129;
	s->held_bytes = 130;
	s->buffer_limit_bytes = 131;
	s->queue_batches = 132;
	s->queue_limit_batches = 133;
	s->failed_writes = 134;
	s->last_write_ns = UINT64_C(1767323045123456789);
	s->suspended = 141;
	s->removed_parts = 142;
	s->removed_bytes = 143;
	s->removed_days = 144;
	s->retention_failed = 145;
	s->archive_bytes = 146;
	s->retention_waits = 147;
	s->disk_bytes = 135;
	s->disk_available_bytes = 136;
	s->disk_inodes = 137;
	s->disk_available_inodes = 138;
	s->refused_calls = 139;
	s->resident_bytes = 140;
	s->start_ns = UINT64_C(1767323000500000000);
	s->now_ns = UINT64_C(1767323047123456789);
	s->loop_age_ns = 2500000;
	s->uptime_ns = UINT64_C(273906000000000);
	s->first_refused_call = -1;
}

START_TEST(every_number_stands_under_its_own_name)
{
	static const char *const want[][2] = {
	    {"flowkeep_packets_read_total", "101"},
	    {"flowkeep_packets_archived_total", "102"},
	    {"flowkeep_packets_skipped_total{reason=\"not_ip\"}", "103"},
	    {"flowkeep_packets_skipped_total{reason=\"bytes\"}", "104"},
	    {"flowkeep_packets_skipped_total{reason=\"not_tcp\"}", "0"},
	    {"flowkeep_packets_dropped_total{reason=\"memory\"}", "105"},
	    {"flowkeep_packets_dropped_total{reason=\"no_uuid\"}", "106"},
	    {"flowkeep_read_bytes_total", "107"},
	    {"flowkeep_archived_bytes_total", "108"},
	    {"flowkeep_written_bytes_total", "109"},
	    {"flowkeep_flows_begun_total", "110"},
	    {"flowkeep_flows_ended_total{reason=\"fin\"}", "111"},
	    {"flowkeep_flows_ended_total{reason=\"stop\"}", "112"},
	    {"flowkeep_flows{state=\"published\"}", "113"},
	    {"flowkeep_flows{state=\"open\"}", "114"},
	    {"flowkeep_flows_limit", "115"},
	    {"flowkeep_files_published_total", "116"},
	    {"flowkeep_event_lines_total", "117"},
	    {"flowkeep_events_total{outcome=\"named\"}", "118"},
	    {"flowkeep_events_total{outcome=\"unknown_close\"}", "119"},
	    {"flowkeep_events_total{outcome=\"malformed\"}", "120"},
	    {"flowkeep_events_total{outcome=\"no_tuple\"}", "121"},
	    {"flowkeep_events_pending", "122"},
	    {"flowkeep_bindings", "123"},
	    {"flowkeep_uuid_collisions_total", "124"},
	    {"flowkeep_event_stream_configured", "1"},
	    {"flowkeep_event_stream_connected", "1"},
	    {"flowkeep_event_stream_connects_total", "127"},
	    {"flowkeep_event_stream_disconnects_total", "128"},
	    {"flowkeep_buffer_bytes", "129"},
	    {"flowkeep_buffer_held_bytes", "130"},
	    {"flowkeep_buffer_limit_bytes", "131"},
	    {"flowkeep_saver_queue_batches", "132"},
	    {"flowkeep_saver_queue_limit_batches", "133"},
	    {"flowkeep_write_failures_total", "134"},
	    {"flowkeep_last_write_timestamp_seconds", "1767323045.123456789"},
	    {"flowkeep_savers_suspended", "141"},
	    {"flowkeep_retention_removed_parts_total", "142"},
	    {"flowkeep_retention_removed_bytes_total", "143"},
	    {"flowkeep_retention_removed_days_total", "144"},
	    {"flowkeep_retention_failures_total", "145"},
	    {"flowkeep_archive_bytes", "146"},
	    {"flowkeep_retention_waits_total", "147"},
	    {"flowkeep_archive_filesystem_size_bytes", "135"},
	    {"flowkeep_archive_filesystem_available_bytes", "136"},
	    {"flowkeep_archive_filesystem_inodes", "137"},
	    {"flowkeep_archive_filesystem_available_inodes", "138"},
	    {"flowkeep_refused_system_calls_total", "139"},
	    {"process_resident_memory_bytes", "140"},
	    {"process_start_time_seconds", "1767323000.5"},
	    {"flowkeep_loop_age_seconds", "0.0025"},
	};
	struct metrics_snapshot s;
	char *text;

	fill(&s);
	text = shown(&s, metrics_text_write);
	exposition_check(text);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		exposition_check_value(text, want[i][0], want[i][1]);
	free(text);
}
END_TEST

START_TEST(a_gauge_that_could_not_be_read_is_no_number_and_no_zero)
{
	struct metrics_snapshot s;
	char *text;

	fill(&s);
	s.resident_bytes = s.disk_bytes = s.disk_available_bytes = METRICS_UNKNOWN;
	text = shown(&s, metrics_text_write);
	exposition_check(text);
	exposition_check_value(text, "process_resident_memory_bytes", "NaN");
	exposition_check_value(text, "flowkeep_archive_filesystem_size_bytes", "NaN");
	free(text);
	text = shown(&s, metrics_lines_write);
	check_has(text, "unknown of unknown available");
	free(text);
}
END_TEST

START_TEST(buckets_of_the_write_histogram_contain_those_before_them)
{
	struct metrics_snapshot s;
	uint64_t sum = 0;
	char *text;

	fill(&s);
	for (unsigned i = 0; i <= SAVERS_LATENCY_BOUNDS; i++)
		sum += s.writes[i] = (uint64_t)1 << i;
	s.write_ns = 12000000345;
	text = shown(&s, metrics_text_write);
	exposition_check(text);
	exposition_check_value(text, "flowkeep_write_duration_seconds_bucket{le=\"0.00005\"}", "1");
	exposition_check_value(text, "flowkeep_write_duration_seconds_bucket{le=\"0.0001\"}", "3");
	exposition_check_value(text, "flowkeep_write_duration_seconds_bucket{le=\"10\"}", "4095");
	exposition_check_value(text, "flowkeep_write_duration_seconds_bucket{le=\"+Inf\"}", "8191");
	exposition_check_value(text, "flowkeep_write_duration_seconds_count", "8191");
	exposition_check_value(text, "flowkeep_write_duration_seconds_sum", "12.000000345");
	ck_assert_uint_eq(sum, 8191);
	free(text);
}
END_TEST

START_TEST(interfaces_have_a_series_each_whatever_their_names)
{
	struct metrics_interface n[3] = {{"eth0", 1, 2, 3, 4, 1, 0}, {"a\"b\\c", 5, 6, 7, 8, 0, 1},
	    {"\xff\x01x", 9, 10, 11, 12, 1, 1}};
	struct metrics_snapshot s;
	char *text;

	fill(&s);
	s.interfaces = n;
	s.interface_count = 3;
	text = shown(&s, metrics_text_write);
	exposition_check(text);
#define INTERFACE(what, name) "flowkeep_interface_" what "{interface=\"" name "\"}"
	exposition_check_value(text, INTERFACE("packets_received_total", "eth0"), "1");
	exposition_check_value(text, INTERFACE("packets_dropped_total", "eth0"), "2");
	exposition_check_value(text, INTERFACE("removals_total", "eth0"), "3");
	exposition_check_value(text, INTERFACE("link_downs_total", "eth0"), "4");
	exposition_check_value(text, INTERFACE("open", "eth0"), "1");
	exposition_check_value(text, INTERFACE("up", "eth0"), "0");
	exposition_check_value(text, INTERFACE("packets_dropped_total", "a\\\"b\\\\x5cc"), "6");
	exposition_check_value(text, INTERFACE("open", "a\\\"b\\\\x5cc"), "0");
	exposition_check_value(text, INTERFACE("removals_total", "\\\\xff\\\\x01x"), "11");
	free(text);
}
END_TEST

START_TEST(help_says_what_each_value_of_a_label_means)
{
	struct metrics_snapshot s;
	char *text;

	fill(&s);
	text = shown(&s, metrics_text_write);
	check_has(text, "Values of reason: memory: no memory within --max-memory; half_open: ");
	check_has(text, "; no_tuple: open: does not say between whom.\n");
	check_has(text, "Values of state: published: ");
	for (const struct metrics_family *f = metrics_families(); f->name != NULL; f++) {
		size_t len = strlen(f->help);

		ck_assert_msg(len > 20 && f->help[len - 1] == '.', "%s: %s", f->name, f->help);
		for (unsigned i = 0; f->label != NULL && i < f->label->count; i++)
			ck_assert_msg(f->label->text(i) != NULL && f->label->value(i) != NULL,
			    "%s: value %u has no text", f->name, i);
	}
	free(text);
}
END_TEST

/* ---- lines for a reader ---------------------------------------------------------------------- */

START_TEST(a_reader_gets_aligned_lines_without_what_is_zero)
{
	struct metrics_interface n[1] = {{"eth0", 1, 2, 3, 4, 1, 1}};
	struct metrics_snapshot s;
	char *text;
	unsigned lines = 0;

	fill(&s);
	s.interfaces = n;
	s.interface_count = 1;
	s.writes[0] = 3;
	s.write_ns = 6000000;
	text = shown(&s, metrics_lines_write);
	check_has(text, "up 3 d 04:05:06 since 2026-01-02T03:03:20Z, 140 B resident, ");
	check_has(text, "\ninterface   eth0 (up): 1 packets received, 2 dropped by the kernel, ");
	check_has(text, "\npackets     101 read: 102 archived, 207 skipped, 211 dropped, 0 in ");
	check_has(text, "\n  skipped   103 not_ip, 104 bytes\n");
	check_has(text, "\n  dropped   105 memory, 106 no_uuid\n");
	check_has(text, "\n  now       113 published, 114 open\n");
	check_has(text, "\n  ended by  111 fin, 112 stop\n");
	check_has(text, "\nevents      connected (127 times connected, 128 disconnected): 117 ");
	check_has(
	    text, "\n  outcomes  118 named, 119 unknown_close, 120 malformed, 121 no_tuple\n");
	check_has(text, "\nwrites      3, of which 134 failed, 2.000 ms each, the last that ");
	check_has(text, " succeeded 2.0 s ago\n");
	check_has(text, "\ndisk        136 B of 135 B available, 138 of 137 inodes\n");
	for (const char *c = text; *c != '\0'; c += strcspn(c, "\n") + 1) {
		ck_assert_uint_lt(strcspn(c, "\n"), 160);
		ck_assert_msg(c[11] == ' ' && c[12] != ' ', "not aligned: %s", c);
		lines++;
	}
	ck_assert_uint_ge(lines, 10);
	ck_assert_uint_le(lines, 20);
	free(text);
}
END_TEST

START_TEST(a_capture_that_has_seen_nothing_has_lines_too)
{
	struct metrics_snapshot s;
	char *text;

	memset(&s, 0, sizeof(s));
	s.first_refused_call = -1;
	text = shown(&s, metrics_lines_write);
	check_has(text, "\n  skipped   none\n");
	check_has(text, "\nevents      not asked for\n");
	check_has(text, "\nwrites      0, of which 0 failed, none succeeded yet\n");
	check_has(text, "\ndisk        0 B of 0 B available\n");
	check_has(text, "\nsandbox     0 system calls refused\n");
	free(text);
}
END_TEST

START_TEST(a_hundred_interfaces_do_not_make_a_hundred_lines)
{
	struct metrics_interface n[100];
	struct metrics_snapshot s;
	unsigned lines = 0;
	char *text;

	fill(&s);
	memset(n, 0, sizeof(n));
	for (unsigned i = 0; i < 100; i++) {
		(void)snprintf(n[i].name, IFNAMSIZ, "veth%u", i);
		n[i].received_pkts = 1;
		n[i].dropped_pkts = i;
	}
	s.interfaces = n;
	s.interface_count = 100;
	text = shown(&s, metrics_lines_write);
	check_has(text, "\ninterface   veth7 (gone): 1 packets received, 7 dropped ");
	check_has(text, "\ninterfaces  92 others: 92 packets received, 4922 dropped ");
	for (const char *c = text; *c != '\0'; c++)
		lines += *c == '\n';
	ck_assert_uint_le(lines, 28);
	free(text);
}
END_TEST

START_TEST(a_name_that_could_drive_a_terminal_is_shown_escaped)
{
	struct metrics_interface n[1] = {{"\033[2J", 1, 2, 3, 4, 1, 1}};
	struct metrics_snapshot s;
	char *text;

	fill(&s);
	s.interfaces = n;
	s.interface_count = 1;
	text = shown(&s, metrics_lines_write);
	ck_assert_ptr_null(strchr(text, '\033'));
	free(text);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("metrics");
	TCase *text = tcase_create("text"), *lines = tcase_create("lines");

	tcase_add_test(text, the_linter_of_these_tests_finds_what_is_wrong);
	tcase_add_test(text, all_series_are_there_from_the_start_and_zero);
	tcase_add_test(text, every_number_stands_under_its_own_name);
	tcase_add_test(text, a_gauge_that_could_not_be_read_is_no_number_and_no_zero);
	tcase_add_test(text, buckets_of_the_write_histogram_contain_those_before_them);
	tcase_add_test(text, interfaces_have_a_series_each_whatever_their_names);
	tcase_add_test(text, help_says_what_each_value_of_a_label_means);
	suite_add_tcase(s, text);
	tcase_add_test(lines, a_reader_gets_aligned_lines_without_what_is_zero);
	tcase_add_test(lines, a_capture_that_has_seen_nothing_has_lines_too);
	tcase_add_test(lines, a_hundred_interfaces_do_not_make_a_hundred_lines);
	tcase_add_test(lines, a_name_that_could_drive_a_terminal_is_shown_escaped);
	suite_add_tcase(s, lines);
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
