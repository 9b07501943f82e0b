/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What tests of the sandbox share: going in, and the end of a test that is inside.
 */
#ifndef TESTS_CMD_SANDBOXED_H
#define TESTS_CMD_SANDBOXED_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/sandbox.h"
#include "support/quick.h"

#define SANDBOXED_SKIP QUICK_SANITIZED

/*
 * The end of a test that went in: Check would now look for its clock by timer_create(2), which the
 * sandbox refuses. A status that nobody else uses says that the end was reached.
 */
#define SANDBOXED_END 7

static inline void sandboxed_leave(void)
{
	_exit(SANDBOXED_END);
}

static inline void sandboxed_enter(void)
{
	ck_assert_int_eq(sandbox_enter(), 0);
	ck_assert_uint_eq(sandbox_denied(), 0);
	ck_assert_int_eq(sandbox_first_denied(), -1);
}

static inline void sandboxed_check_nothing_denied(void)
{
	char name[32];

	ck_assert_msg(sandbox_denied() == 0, "%lu calls were refused, first %s",
	    (unsigned long)sandbox_denied(),
	    sandbox_call_name(sandbox_first_denied(), name, sizeof(name)));
}

/* Returns: the exit status of a test program whose suite has run. */
static inline int sandboxed_run(Suite *s)
{
	SRunner *r = srunner_create(s);
	int failed;

	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
