/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of how flows are listed: what stands in the fields, and that the table is aligned. */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "cmd/flowlist.h"
#include "packet/decode.h"

#define START INT64_C(1767268800000000000) /* 2026-01-01T12:00:00Z */
#define DAY   20454

static char *out;

/* Flows of one part each. */
static struct partlist *list;
static const struct part *parts[8];
static struct query_flow flows[8];
static size_t count;

static void set_up(void)
{
	count = 0;
	out = NULL;
	ck_assert_int_eq(partlist_new(&list), 0);
}

static void tear_down(void)
{
	partlist_free(list);
	free(out);
}

static struct record make(const char *uuid)
{
	struct record r = {.key.linktype = 1,
	    .key.family = 4,
	    .key.proto = DECODE_TCP,
	    .key.addr = {{10, 0, 0, 1}, {192, 0, 2, 1}},
	    .key.port = {50000, 443},
	    .tally.first_ns = START,
	    .tally.last_ns = START + CLK_SECOND_NS,
	    .tally.pkts = {3, 2},
	    .tally.bytes = {300, 200},
	    .day = DAY,
	    .length = 400};

	(void)snprintf(r.uuid, sizeof(r.uuid), "%s", uuid);
	return r;
}

static void add(const struct record *r)
{
	ck_assert_int_eq(partlist_add(list, r), 0);
	parts[count] = partlist_at(list, count);
	flows[count] = (struct query_flow){.parts = &parts[count], .count = 1};
	count++;
}

static const char *print(const struct flowlist_style *style)
{
	size_t size;
	FILE *f;

	free(out);
	f = open_memstream(&out, &size);
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(flowlist_print(f, style, flows, count), 0);
	(void)fclose(f);
	return out;
}

static json_t *print_json(void)
{
	const struct flowlist_style style = {.format = FORMAT_JSON};
	json_t *o;

	(void)print(&style);
	o = json_loadb(out, strcspn(out, "\n"), JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(o);
	return o;
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	ck_assert_msg(text != NULL, "%s is no text", key);
	return text;
}

START_TEST(a_part_in_a_segment_is_told_by_segment_and_offset)
{
	struct record r = make("a");
	json_t *o;

	r.segment = 3;
	r.offset = 1536;
	add(&r);
	o = print_json();
	ck_assert_str_eq(text_of(o, "path"), "2026/01/01/flows-3.tar");
	ck_assert_int_eq(json_integer_value(json_object_get(o, "offset")), 1536);
	ck_assert_int_eq(json_integer_value(json_object_get(o, "length")), 400);
	json_decref(o);
}
END_TEST

START_TEST(a_flow_of_which_more_is_to_come_is_open)
{
	struct record r = make("a");
	json_t *o;

	r.end_reason = _i == 1 ? END_CONTINUED : END_IDLE;
	add(&r);
	flows[0].staged = _i == 2;
	o = print_json();
	ck_assert_str_eq(text_of(o, "state"), _i == 0 ? "closed" : "open");
	json_decref(o);
	(void)print(&(struct flowlist_style){.format = FORMAT_TABLE});
	ck_assert_ptr_nonnull(strstr(out, _i == 0 ? "  idle  " : "  open  "));
}
END_TEST

START_TEST(what_is_hidden_is_told_as_the_index_has_it)
{
	struct record r = make("a");
	char want[RECORD_POLICY_SIZE], quoted[RECORD_POLICY_SIZE + 4];
	json_t *o;

	r.policy = (struct policy){.payload = PAYLOAD_BYTES,
	    .payload_bytes = 64,
	    .addresses = ADDRESSES_NETBLOCK,
	    .v4_bits = 24,
	    .v6_bits = 48};
	r.exempt = 1;
	add(&r);
	o = print_json();
	ck_assert_str_eq(text_of(o, "policy"), record_policy_text(&r, want));
	json_decref(o);
	(void)print(&(struct flowlist_style){.format = FORMAT_CSV});
	(void)snprintf(quoted, sizeof(quoted), ",\"%s\"\n", want); /* there is a comma in it */
	ck_assert_ptr_nonnull(strstr(out, quoted));
}
END_TEST

START_TEST(state_and_policy_are_the_last_fields)
{
	struct record r = make("a");

	add(&r);
	(void)print(&(struct flowlist_style){.format = FORMAT_JSON});
	ck_assert_ptr_nonnull(
	    strstr(out, ",\"length\":400,\"state\":\"closed\",\"policy\":null}\n"));
	(void)print(&(struct flowlist_style){.format = FORMAT_CSV});
	ck_assert_ptr_nonnull(strstr(out, ",length,state,policy\n"));
	ck_assert_ptr_nonnull(strstr(out, ",400,closed,\n"));
}
END_TEST

START_TEST(a_relative_table_says_how_long_ago_a_flow_began)
{
	static const struct {
		int64_t ago_ns;
		const char *text;
	} cases[] = {{0, "   0s ago  "}, {59999999999, "  59s ago  "}, {60000000000, "   1m ago  "},
	    {INT64_C(3599) * CLK_SECOND_NS, "  59m ago  "},
	    {INT64_C(3) * 3600 * CLK_SECOND_NS, "   3h ago  "}, {CLK_DAY_NS - 1, "  23h ago  "},
	    {400 * CLK_DAY_NS, " 400d ago  "}, {-90 * CLK_SECOND_NS, "    in 1m  "}};
	struct flowlist_style style = {.format = FORMAT_TABLE, .relative = true};
	struct record r = make("a"), wide = make("b");
	const char *line;

	style.now_ns = START + cases[_i].ago_ns;
	wide.tally.first_ns = style.now_ns - 1000 * CLK_DAY_NS; /* the widest cell */
	add(&wide);
	add(&r);
	(void)print(&style);
	ck_assert_int_eq(strncmp(out, "    START  DURATION  ", 21), 0);
	line = strchr(strchr(out, '\n') + 1, '\n') + 1;
	ck_assert_msg(strncmp(line, cases[_i].text, strlen(cases[_i].text)) == 0, "%s", line);
}
END_TEST

START_TEST(times_at_the_ends_of_the_range_are_printed)
{
	struct flowlist_style style = {.format = FORMAT_TABLE, .relative = true, .now_ns = START};
	struct record r = make("a");

	r.tally.first_ns = r.tally.last_ns = _i == 0 ? INT64_MIN : INT64_MAX;
	add(&r);
	(void)print(&style);
	ck_assert_ptr_nonnull(strstr(out, _i == 0 ? "d ago  " : "in "));
}
END_TEST

START_TEST(columns_of_the_table_are_aligned)
{
	static const char *const columns[] = {"CLIENT", "SERVER", "END", "UUID"};
	struct record r = make("a-name"), s = make("another-name-that-is-longer");
	const char *second, *third;

	s.key.family = 6;
	memset(s.key.addr, 0xff, sizeof(s.key.addr));
	s.end_reason = END_CONTINUED;
	s.tally.pkts[0] = 123456789;
	add(&r);
	add(&s);
	(void)print(&(struct flowlist_style){.format = FORMAT_TABLE});
	second = strchr(out, '\n') + 1;
	third = strchr(second, '\n') + 1;
	for (size_t i = 0; i < 4; i++) {
		ptrdiff_t at = strstr(out, columns[i]) - out;

		ck_assert(second[at] != ' ' && second[at - 1] == ' ' && second[at - 2] == ' ');
		ck_assert(third[at] != ' ' && third[at - 1] == ' ' && third[at - 2] == ' ');
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cmd/flowlist");
	TCase *t = tcase_create("flowlist");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, a_part_in_a_segment_is_told_by_segment_and_offset);
	tcase_add_loop_test(t, a_flow_of_which_more_is_to_come_is_open, 0, 3);
	tcase_add_test(t, what_is_hidden_is_told_as_the_index_has_it);
	tcase_add_test(t, state_and_policy_are_the_last_fields);
	tcase_add_loop_test(t, a_relative_table_says_how_long_ago_a_flow_began, 0, 8);
	tcase_add_loop_test(t, times_at_the_ends_of_the_range_are_printed, 0, 2);
	tcase_add_test(t, columns_of_the_table_are_aligned);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
