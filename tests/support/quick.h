/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests that do one thing a hundred thousand times: an assertion that costs little, and how
 * much of the work is done in this build. All of it in a plain one; under a sanitizer, which makes
 * each round slow, a sample that still takes every kind of thing.
 */
#ifndef SUPPORT_QUICK_H
#define SUPPORT_QUICK_H

#include <check.h>

/* Which sanitizer is it built with? gcc defines a macro for each, clang answers. */
#if defined(__SANITIZE_ADDRESS__)
#define QUICK_ASAN 1
#elif defined(__has_feature)
#define QUICK_ASAN __has_feature(address_sanitizer)
#else
#define QUICK_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__)
#define QUICK_TSAN 1
#elif defined(__has_feature)
#define QUICK_TSAN __has_feature(thread_sanitizer)
#else
#define QUICK_TSAN 0
#endif

#define QUICK_SANITIZED (QUICK_ASAN || QUICK_TSAN)

/*
 * One in so many is done. TSan has nothing to find in a test of one thread: there the sample only
 * shows that it runs. Odd primes, so that of things which take turns every kind has its turn.
 */
#define QUICK_STRIDE         (QUICK_TSAN ? 17u : QUICK_ASAN ? 5u : 1u)
#define QUICK_STRIDE_THREADS (QUICK_ASAN ? 5u : 1u)

/*
 * quick_rounds - how many rounds of `full` a test of one thread does in this build.
 *
 * Takes:    least, how many it takes for every kind to have its turn; at most `full`.
 */
static inline unsigned quick_rounds(unsigned full, unsigned least)
{
	return full / QUICK_STRIDE > least ? full / QUICK_STRIDE : least;
}

/* quick_rounds_threads - the same of a test with threads, of which TSan sees all. */
static inline unsigned quick_rounds_threads(unsigned full, unsigned least)
{
	return full / QUICK_STRIDE_THREADS > least ? full / QUICK_STRIDE_THREADS : least;
}

/* Check notes every ck_assert that it passes in a file, which the test's parent reads. */
#define quick_assert(condition)                         \
	do {                                            \
		if (!(condition))                       \
			ck_abort_msg("%s", #condition); \
	} while (0)

#endif
