/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of what the listener on the event socket reads: lines cut anywhere, too long, of no use, by
 * the thousand. Each ends in exactly one counter.
 */
#include <check.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "flow/eventclient.h"
#include "flow/eventstage.h"
#include "support/quick.h"
#include "support/random.h"
#include "support/tempdir.h"

START_TEST(lines_may_be_cut_anywhere)
{
	static const char text[] =
	    "{\"Event\":0,\"Timestamp\":\"2024-03-04T05:06:07.12Z\",\"UUID\":\"first\",\"ID\":{"
	    "\"SPort\":443,\"DPort\":51000,\"SrcIP\":\"10.1.2.3\",\"DstIP\":\"2001:db8::1\","
	    "\"Interface\":33554432,\"Cookie\":34047}}\n"
	    "\r\n"
	    "{\"Event\":2}\n"
	    "{\"Event\":1,\"Timestamp\":\"2024-03-04T05:06:07.12Z\",\"UUID\":\"last\",\"ID\":null}"
	    "\n";
	struct stage *s = stage_connected();
	size_t len = strlen(text);
	uint64_t rounds = 0;

	for (size_t cut = 0; cut <= len; cut++) {
		s->last[0] = '\0';
		stage_send_bytes(s, text, cut);
		stage_settle(s);
		quick_assert(strcmp(s->last, "last") == 0 ? cut == len : cut < len);
		stage_send_bytes(s, text + cut, len - cut);
		stage_settle(s);
		quick_assert(strcmp(s->last, "last") == 0);
		quick_assert(s->events == ++rounds * 2);
	}
	for (int times = 0; times < 3; times++, rounds++) {
		for (size_t i = 0; i < len; i++) { /* byte by byte */
			stage_send_bytes(s, text + i, 1);
			stage_settle(s);
		}
	}
	ck_assert_uint_eq(s->events, rounds * 2);
	ck_assert_uint_eq(stage_value(&s->stats->lines), rounds * 4);
	ck_assert_uint_eq(stage_value(&s->stats->blank), rounds);
	ck_assert_uint_eq(stage_value(&s->stats->unknown), rounds);
	stage_free(s);
}
END_TEST

START_TEST(every_fault_has_its_counter)
{
	struct stage *s = stage_connected();
	const struct eventclient_stats *t = s->stats;

	stage_send(s, "\n" CLOSE_A " \n\r\n");
	stage_send(s, "{\"Event\":3}\nx\n{\n[]\n\"\n");
	stage_send(s, "{\"Event\":1,\"UUID\":\"../x\"}\n{\"Event\":1}\n");
	stage_send_bytes(s, "\0\n\0", 3);
	stage_send(s, "{}\n{\"UUID\":\"u\"}\n");
	stage_settle(s);
	ck_assert_uint_eq(stage_value(&t->events), 1);
	ck_assert_uint_eq(stage_value(&t->blank), 3);
	ck_assert_uint_eq(stage_value(&t->unknown), 1);
	ck_assert_uint_eq(stage_value(&t->malformed), 6);
	ck_assert_uint_eq(stage_value(&t->bad_uuid), 2);
	ck_assert_uint_eq(stage_value(&t->no_tuple), 1);
	ck_assert_uint_eq(stage_value(&t->too_long), 0);
	ck_assert_uint_eq(stage_value(&t->lines), 14);
	stage_free(s);
}
END_TEST

/* A close of this many bytes before its line feed, which is not sent. */
static void send_long(struct stage *s, size_t bytes)
{
	static const char head[] = "{\"Event\":1,\"UUID\":\"long\"", tail[] = "}";
	static char spaces[1 << 20];
	size_t n = bytes - strlen(head) - strlen(tail);

	quick_assert(n <= sizeof(spaces));
	memset(spaces, ' ', n);
	stage_send(s, head);
	stage_send_bytes(s, spaces, n);
	stage_send(s, tail);
}

START_TEST(a_line_may_have_64_KiB_and_not_a_byte_more)
{
	static const size_t fit[] = {60000, 65534, 65535, 65536};
	static const size_t too_long[] = {65537, 65538, 70000, 131071, 131072, 131073, 1 << 20};
	struct stage *s = stage_connected();
	uint64_t events = 0;

	for (size_t i = 0; i < sizeof(fit) / sizeof(fit[0]); i++) {
		send_long(s, fit[i]);
		stage_send(s, "\n");
		stage_settle(s);
		ck_assert_str_eq(s->last, "long");
		stage_send(s, CLOSE_A);
		stage_settle(s);
		ck_assert_str_eq(s->last, "a");
		events += 2;
		ck_assert_uint_eq(s->events, events);
	}
	for (size_t i = 0; i < sizeof(too_long) / sizeof(too_long[0]); i++) {
		send_long(s, too_long[i]);
		stage_settle(s);
		ck_assert_uint_eq(
		    stage_value(&s->stats->too_long), i + 1); /* known before it ends */
		ck_assert_uint_eq(stage_value(&s->stats->lines), events + i + 1);
		stage_send(s, "\n" CLOSE_A);
		stage_settle(s);
		ck_assert_uint_eq(s->events, ++events);
		ck_assert_str_eq(s->last, "a");
	}
	stage_free(s);
}
END_TEST

START_TEST(a_line_without_end_ends_with_its_connection)
{
	struct stage *s = stage_connected();

	for (uint64_t round = 1; round <= 3; round++) {
		stage_send(s, CLOSE_A);
		send_long(s, 300000);
		stage_hang_up(s);
		stage_settle(s);
		ck_assert_uint_eq(stage_value(&s->stats->too_long), round);
		ck_assert_uint_eq(stage_value(&s->stats->lines), 2 * round);
		ck_assert_uint_eq(stage_value(&s->stats->malformed), 0);
		stage_await(s);
	}
	stage_send(s, CLOSE_A);
	stage_settle(s);
	ck_assert_uint_eq(s->events, 4);
	stage_free(s);
}
END_TEST

START_TEST(a_burst_of_thousands_of_lines_arrives_whole_and_in_order)
{
	enum { LINES = 20000 };
	struct stage *s = stage_connected();
	char *text = malloc(LINES * 64), *at = text, expected[32];

	ck_assert_ptr_nonnull(text);
	for (int i = 0; i < LINES; i++) {
		at += sprintf(at, "{\"Event\":1,\"UUID\":\"h_%08X\",\"ID\":null}\n", i);
		if (i % 5000 == 4999) { /* one write each, as far as the socket takes it */
			stage_send_bytes(s, text, (size_t)(at - text));
			at = text;
			stage_settle(s);
			(void)snprintf(expected, sizeof(expected), "h_%08X", i);
			ck_assert_str_eq(s->last, expected);
			ck_assert_uint_eq(s->events, i + 1);
		}
	}
	ck_assert_uint_eq(stage_value(&s->stats->lines), LINES);
	free(text);
	stage_free(s);
}
END_TEST

START_TEST(one_run_reads_a_bounded_amount)
{
	enum { LINES = 200, SIZE = sizeof(CLOSE_A) - 1 };
	struct stage *s = stage_connected();
	char block[LINES * SIZE];
	uint64_t sent = 0, runs = 0;
	ssize_t n;

	for (int i = 0; i < LINES; i++)
		memcpy(block + i * SIZE, CLOSE_A, SIZE);
	while ((n = send(s->peer, block, sizeof(block), 0)) > 0) /* until the socket is full */
		sent += (uint64_t)n;
	ck_assert_uint_gt(sent, 3 * EVENTCLIENT_MAX_LINE_BYTES / 2);
	for (; s->events < sent / SIZE; runs++) {
		uint64_t before = s->events;

		ck_assert(stage_readable(s, 0)); /* what is left makes it come back */
		eventclient_run(s->client);
		ck_assert_uint_le((s->events - before) * SIZE, EVENTCLIENT_MAX_LINE_BYTES + SIZE);
	}
	ck_assert_uint_ge(runs, 2);
	ck_assert(!stage_readable(s, 0));
	stage_free(s);
}
END_TEST

/* Lines of all kinds, and which counter each belongs to. */
static const struct {
	const char *line;
	size_t counter; /* offset in the statistics */
} kinds[] = {
    {CLOSE_A, offsetof(struct eventclient_stats, events)},
    {"{\"UUID\":\"u\",\"ID\":{\"SrcIP\":\"::1\",\"DstIP\":\"::1\"},\"Cookie\":-1}\n",
	offsetof(struct eventclient_stats, events)},
    {"\n", offsetof(struct eventclient_stats, blank)},
    {"   \r\n", offsetof(struct eventclient_stats, blank)},
    {"{\"Event\":1,\"UU\n", offsetof(struct eventclient_stats, malformed)},
    {"ID\":\"a\",\"ID\":null}\n", offsetof(struct eventclient_stats, malformed)},
    {"{\"Event\":7}\n", offsetof(struct eventclient_stats, unknown)},
    {"{\"Event\":1,\"UUID\":\"a\\u003cb\"}\n", offsetof(struct eventclient_stats, bad_uuid)},
    {"{\"UUID\":\"u\",\"ID\":null}\n", offsetof(struct eventclient_stats, no_tuple)},
    {NULL, offsetof(struct eventclient_stats, too_long)}, /* 65537 bytes and more */
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* Put a random mixture of n lines at text, and count what it holds. Returns: its end. */
static char *mix(struct random *r, char *text, int n, uint64_t *expected)
{
	for (; n > 0; n--) {
		size_t kind = random_below(r, KINDS);

		if (kinds[kind].line == NULL && random_below(r, 8) != 0)
			kind = 0; /* not so many of the long ones */
		expected[kind]++;
		if (kinds[kind].line != NULL) {
			text = stpcpy(text, kinds[kind].line);
		} else {
			size_t len = 65537 + random_below(r, 70000);

			memset(text, '{', len);
			text += len;
			*text++ = '\n';
		}
	}
	return text;
}

START_TEST(whatever_comes_in_whatever_pieces_the_sums_hold)
{
	enum { LINES = 40, ROOM = LINES * 140000 };
	struct random r = {(uint64_t)_i + 1};
	struct stage *s = stage_connected();
	uint64_t expected[KINDS] = {0}, cut_off = 0;
	char *text = malloc(ROOM);

	quick_assert(text != NULL);
	for (int round = 0; round < 60; round++) {
		size_t len = (size_t)(mix(&r, text, LINES, expected) - text), at = 0, n;

		for (; at < len; at += n) {
			n = 1 + random_below(&r, random_below(&r, 4) == 0 ? 100000 : 60);
			n = n < len - at ? n : len - at;
			stage_send_bytes(s, text + at, n);
			if (random_below(&r, 2) == 0)
				stage_settle(s);
		}
		if (random_below(&r, 6) == 0) {
			if (random_below(&r, 2) == 0) {
				stage_send(s, "{\"Event\":1,\"UUID\":\"a\"}");
				cut_off++;
			}
			stage_hang_up(s);
			stage_settle(s);
			stage_await(s);
		}
	}
	stage_settle(s);
	for (size_t i = 0; i < KINDS; i++) {
		const char *base = (const char *)s->stats;
		uint64_t sum = 0;

		for (size_t j = 0; j < KINDS; j++)
			if (kinds[j].counter == kinds[i].counter)
				sum += expected[j];
		if (kinds[i].counter == offsetof(struct eventclient_stats, malformed))
			sum += cut_off;
		ck_assert_uint_eq(
		    stage_value((const _Atomic uint64_t *)(const void *)(base + kinds[i].counter)),
		    sum);
	}
	ck_assert_uint_gt(cut_off, 0);
	free(text);
	stage_free(s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("eventclient_lines");
	TCase *t = tcase_create("eventclient_lines");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_unchecked_fixture(t, tempdir_setup, tempdir_teardown);
	tcase_add_test(t, lines_may_be_cut_anywhere);
	tcase_add_test(t, every_fault_has_its_counter);
	tcase_add_test(t, a_line_may_have_64_KiB_and_not_a_byte_more);
	tcase_add_test(t, a_line_without_end_ends_with_its_connection);
	tcase_add_test(t, a_burst_of_thousands_of_lines_arrives_whole_and_in_order);
	tcase_add_test(t, one_run_reads_a_bounded_amount);
	tcase_add_loop_test(t, whatever_comes_in_whatever_pieces_the_sums_hold, 0, 4);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
