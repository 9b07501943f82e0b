/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the operator is told of writes that fail. The disk without room is /proc: statvfs says that
 * it has none.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "save/health.h"

static mono_t at(int64_t seconds)
{
	return (mono_t){seconds * CLK_SECOND_NS};
}

START_TEST(what_succeeds_says_nothing)
{
	struct health h = {.dirfd = -1};

	for (int i = 0; i < HEALTH_WRITES; i++)
		ck_assert(!health_note(&h, (enum health_write)i, 0, at(1)));
	ck_assert(!h.suspended);
}
END_TEST

START_TEST(one_change_when_writes_fail_and_one_when_they_succeed_again)
{
	struct health h = {.dirfd = -1};

	ck_assert(health_note(&h, HEALTH_PUBLISH, -EIO, at(1)));
	ck_assert(h.suspended);
	for (int i = 0; i < 100; i++)
		ck_assert(!health_note(&h, HEALTH_PUBLISH, i % 2 ? -EIO : -EACCES, at(1)));
	ck_assert(health_note(&h, HEALTH_PUBLISH, 0, at(1)));
	ck_assert(!h.suspended);
	ck_assert(health_note(&h, HEALTH_PUBLISH, -EIO, at(1)));
}
END_TEST

START_TEST(a_kind_that_fails_for_good_is_told_once_while_others_succeed)
{
	struct health h = {.dirfd = -1};
	int changes = 0;

	for (int s = 0; s < 1000; s++) {
		changes += health_note(&h, HEALTH_STAGE, 0, at(s));
		changes += health_note(&h, HEALTH_PUBLISH_STAGED, -EPERM, at(s));
		ck_assert(h.suspended);
	}
	ck_assert_int_eq(changes, 1);
	ck_assert(!health_note(&h, HEALTH_STAGE, 0, at(1000)));
	ck_assert(health_note(&h, HEALTH_PUBLISH_STAGED, 0, at(1000)));
}
END_TEST

START_TEST(all_kinds_that_failed_must_succeed)
{
	struct health h = {.dirfd = -1};

	ck_assert(health_note(&h, HEALTH_STAGE, -EIO, at(1)));
	ck_assert(!health_note(&h, HEALTH_PUBLISH, -EIO, at(1)));
	ck_assert(!health_note(&h, HEALTH_PUBLISH, 0, at(2)));
	ck_assert(h.suspended);
	ck_assert(health_note(&h, HEALTH_STAGE, 0, at(2)));
}
END_TEST

START_TEST(a_kind_that_is_not_tried_any_more_is_not_waited_for)
{
	struct health h = {.dirfd = -1};

	ck_assert(health_note(&h, HEALTH_NAME_STAGED, -EIO, at(0)));
	ck_assert(!health_note(&h, HEALTH_NAME_STAGED, -EIO, at(10)));
	ck_assert(!health_note(&h, HEALTH_PUBLISH, 0, at(69)));
	ck_assert(health_note(&h, HEALTH_PUBLISH, 0, at(70)));
	ck_assert(!h.suspended);
}
END_TEST

START_TEST(want_of_room_is_over_for_all_kinds_once_there_is_room)
{
	static const int errors[] = {-ENOSPC, -EDQUOT};
	struct health h = {.dirfd = open("/proc", O_RDONLY | O_DIRECTORY)};
	int full = h.dirfd, roomy = open(".", O_RDONLY | O_DIRECTORY);

	ck_assert_int_ge(full, 0);
	ck_assert_int_ge(roomy, 0);
	ck_assert(health_note(&h, HEALTH_STAGE, errors[_i], at(1)));
	/* a small write finds room, and others would not */
	ck_assert(!health_note(&h, HEALTH_STAGE, 0, at(1)));
	ck_assert(!health_note(&h, HEALTH_PUBLISH, 0, at(1000)));
	ck_assert(h.suspended);
	h.dirfd = roomy;
	ck_assert(health_note(&h, HEALTH_PUBLISH, 0, at(1000)));
	ck_assert(!h.suspended);
	/* what fails next for another reason does not ask for room */
	h.dirfd = full;
	ck_assert(health_note(&h, HEALTH_STAGE, -EIO, at(1001)));
	ck_assert(health_note(&h, HEALTH_STAGE, 0, at(1001)));
	(void)close(full);
	(void)close(roomy);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("health");
	TCase *t = tcase_create("health");
	SRunner *runner;
	int failed;

	tcase_add_test(t, what_succeeds_says_nothing);
	tcase_add_test(t, one_change_when_writes_fail_and_one_when_they_succeed_again);
	tcase_add_test(t, a_kind_that_fails_for_good_is_told_once_while_others_succeed);
	tcase_add_test(t, all_kinds_that_failed_must_succeed);
	tcase_add_test(t, a_kind_that_is_not_tried_any_more_is_not_waited_for);
	tcase_add_loop_test(t, want_of_room_is_over_for_all_kinds_once_there_is_room, 0, 2);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
