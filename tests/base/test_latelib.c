/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of libraries that are loaded late: their functions are there, and what is missing is named,
 * now and whenever it is asked again.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/latelib.h"

/* They stand for what any library has; libc is in every process. */
struct functions {
	LATELIB_POINTER(strlen)
	LATELIB_POINTER(atoi)
};

#define LIBC "libc.so.6"

static const struct latelib_symbol symbols[] = {
    LATELIB_SYMBOL(functions, strlen) LATELIB_SYMBOL(functions, atoi)};

START_TEST(functions_of_the_library_are_in_the_table)
{
	static struct functions f;
	static struct latelib l = LATELIB_INIT(LIBC, symbols, &f);
	const struct functions *got;
	const char *why = NULL;

	got = latelib_load(&l, &why);
	ck_assert_ptr_eq(got, &f);
	ck_assert_ptr_null(why);
	ck_assert_uint_eq(got->strlen("four"), 4);
	ck_assert_int_eq(got->atoi("42"), 42);
}
END_TEST

START_TEST(a_library_is_loaded_once)
{
	static struct functions f;
	static struct latelib l = LATELIB_INIT(LIBC, symbols, &f);
	const char *why = NULL;

	ck_assert_ptr_nonnull(latelib_load(&l, &why));
	f.atoi = NULL; /* is not filled in again */
	ck_assert_ptr_eq(latelib_load(&l, &why), &f);
	ck_assert(f.atoi == NULL);
}
END_TEST

START_TEST(a_library_that_is_not_there_is_named_each_time)
{
	static struct functions f;
	static struct latelib l = LATELIB_INIT("libnowhere.so.77", symbols, &f);

	for (int i = 0; i < 2; i++) {
		const char *why = NULL;

		ck_assert_ptr_null(latelib_load(&l, &why));
		ck_assert_ptr_nonnull(why);
		ck_assert_ptr_nonnull(strstr(why, "libnowhere.so.77"));
	}
}
END_TEST

START_TEST(a_function_that_is_not_there_is_named_with_its_library)
{
	static const struct latelib_symbol strange[] = {
	    {"strlen", offsetof(struct functions, strlen)},
	    {"no_such_function", offsetof(struct functions, atoi)}};
	static struct functions f;
	static struct latelib l = LATELIB_INIT(LIBC, strange, &f);
	const char *why = NULL;

	ck_assert_ptr_null(latelib_load(&l, &why));
	ck_assert_ptr_nonnull(strstr(why, "no_such_function"));
	ck_assert_ptr_nonnull(strstr(why, LIBC));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("latelib");
	TCase *t = tcase_create("load");
	SRunner *runner;
	int failed;

	tcase_add_test(t, functions_of_the_library_are_in_the_table);
	tcase_add_test(t, a_library_is_loaded_once);
	tcase_add_test(t, a_library_that_is_not_there_is_named_each_time);
	tcase_add_test(t, a_function_that_is_not_there_is_named_with_its_library);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
