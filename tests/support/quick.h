/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An assertion for loops that run a hundred thousand times: Check notes every ck_assert that it
 * passes in a file, which the test's parent reads.
 */
#ifndef SUPPORT_QUICK_H
#define SUPPORT_QUICK_H

#include <check.h>

#define quick_assert(condition)                         \
	do {                                            \
		if (!(condition))                       \
			ck_abort_msg("%s", #condition); \
	} while (0)

#endif
