/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of how faults in expressions are shown: under the right column, whatever the text holds. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/exprtext.h"

static char said[4096];

/* What is said on the standard error meanwhile ends up in `said`. */
static int parse(const char *text)
{
	struct expr *e = NULL;
	int kept = dup(STDERR_FILENO), ends[2], rv;
	ssize_t n;

	ck_assert_int_ge(kept, 0);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
	rv = exprtext_parse("find", text, &e);
	ck_assert_int_ge(dup2(kept, STDERR_FILENO), 0);
	n = read(ends[0], said, sizeof(said) - 1);
	said[n > 0 ? n : 0] = '\0';
	(void)close(ends[0]);
	(void)close(ends[1]);
	(void)close(kept);
	expr_free(e);
	return rv;
}

/* The lines behind the first: the text and the marks. */
static void check_shown(const char *text, const char *shown)
{
	ck_assert_int_eq(parse(text), -EINVAL);
	ck_assert_msg(strncmp(said, "flowkeep: options: error: find: ", 32) == 0, "%s", said);
	ck_assert_str_eq(strchr(said, '\n') + 1, shown);
}

START_TEST(a_good_expression_is_no_reason_to_talk)
{
	ck_assert_int_eq(parse("host 192.0.2.1 and port 80"), 0);
	ck_assert_str_eq(said, "");
	ck_assert_int_eq(parse(""), 0);
	ck_assert_str_eq(said, "");
}
END_TEST

START_TEST(a_fault_is_shown_in_its_place)
{
	ck_assert_int_eq(parse("host 300.1.1.1 and port 80"), -EINVAL);
	ck_assert_str_eq(said, "flowkeep: options: error: find: no address: '300.1.1.1'\n"
			       "  host 300.1.1.1 and port 80\n"
			       "       ^~~~~~~~~\n");
	check_shown("HOST 192.0.2.1", "  HOST 192.0.2.1\n  ^~~~\n");
	check_shown("tcp)", "  tcp)\n     ^\n");
	check_shown("net 10.0.0.0/33 or tcp", "  net 10.0.0.0/33 or tcp\n               ^~\n");
}
END_TEST

START_TEST(what_is_missing_is_shown_behind_the_last_word)
{
	check_shown("tcp and", "  tcp and\n         ^\n");
	check_shown("(tcp", "  (tcp\n      ^\n");
	check_shown("tcp and  ", "  tcp and\n           ^\n");
	check_shown("net 10.0.0.0/ or tcp", "  net 10.0.0.0/ or tcp\n               ^\n");
}
END_TEST

START_TEST(bytes_that_are_shown_wider_move_the_mark)
{
	check_shown("interface \x1b[1m\xff and host x",
	    "  interface \\x1b[1m\\xff and host x\n                                 ^\n");
	check_shown("host \x01y\n or tcp", "  host \\x01y\\x0a or tcp\n       ^~~~~\n");
	check_shown("host \\ or tcp", "  host \\x5c or tcp\n       ^~~~\n");
}
END_TEST

/* A long expression with a fault far from either end. */
START_TEST(of_a_long_expression_the_neighbourhood_is_shown)
{
	static char text[8192];
	const char *line, *marks, *p;
	size_t n = 0;

	for (int i = 0; i < 100; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "port %d or ", 1000 + i);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "host 300.1.1.1");
	for (int i = 0; i < 100; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, " or port %d", 2000 + i);
	ck_assert_int_eq(parse(text), -EINVAL);
	line = strchr(said, '\n') + 1;
	marks = strchr(line, '\n') + 1;
	ck_assert_ptr_nonnull(strstr(line, "  ..."));
	ck_assert_ptr_nonnull(strstr(line, "...\n"));
	ck_assert_int_le(marks - line, 2 + 72 + 6 + 4);
	p = strchr(marks, '^');
	ck_assert_ptr_nonnull(p);
	ck_assert_int_eq(strncmp(line + (p - marks), "300.1.1.1 ", 10), 0);
	ck_assert_str_eq(p, "^~~~~~~~~\n");
}
END_TEST

START_TEST(a_fault_at_the_end_of_a_long_expression_is_shown)
{
	static char text[8192];
	size_t n = 0, marks;

	for (int i = 0; i < 100; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "port %d or ", 1000 + i);
	ck_assert_int_eq(parse(text), -EINVAL);
	ck_assert_ptr_nonnull(strstr(said, "port 1099 or\n"));
	marks = strlen(said);
	ck_assert_str_eq(said + marks - 3, " ^\n");
}
END_TEST

START_TEST(a_fault_that_is_longer_than_a_line_is_cut)
{
	static char text[EXPR_MAX_BYTES + 2];

	memset(text, 'x', sizeof(text) - 1);
	ck_assert_int_eq(parse(text), -EINVAL); /* too long, whatever it says */
	ck_assert_ptr_nonnull(strstr(said, "^"));
	text[300] = '\0';
	ck_assert_int_eq(parse(text), -EINVAL);
	ck_assert_ptr_nonnull(strstr(said, "^~~~~~~~~~~~"));
	ck_assert_uint_lt(strlen(said), 300);
	memset(text, 0xff, 300);
	ck_assert_int_eq(parse(text), -EINVAL);
	ck_assert_uint_lt(strlen(said), 300);
}
END_TEST

START_TEST(words_are_joined_with_blanks)
{
	char *words[] = {
	    (char[]){"host"}, (char[]){"192.0.2.1 and"}, (char[]){""}, (char[]){"tcp"}};
	char *text = NULL;

	ck_assert_int_eq(exprtext_join(words, 4, &text), 0);
	ck_assert_str_eq(text, "host 192.0.2.1 and  tcp");
	free(text);
	ck_assert_int_eq(exprtext_join(NULL, 0, &text), 0);
	ck_assert_str_eq(text, "");
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cmd/exprtext");
	TCase *t = tcase_create("exprtext");
	SRunner *runner;
	int failed;

	tcase_add_test(t, a_good_expression_is_no_reason_to_talk);
	tcase_add_test(t, a_fault_is_shown_in_its_place);
	tcase_add_test(t, what_is_missing_is_shown_behind_the_last_word);
	tcase_add_test(t, bytes_that_are_shown_wider_move_the_mark);
	tcase_add_test(t, of_a_long_expression_the_neighbourhood_is_shown);
	tcase_add_test(t, a_fault_at_the_end_of_a_long_expression_is_shown);
	tcase_add_test(t, a_fault_that_is_longer_than_a_line_is_cut);
	tcase_add_test(t, words_are_joined_with_blanks);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
