/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records to test with, made up from a number.
 */
#ifndef SUPPORT_RECORDS_H
#define SUPPORT_RECORDS_H

#include "archive/record.h"

/* 2026-01-02, the day that records_make gives. */
#define RECORDS_DAY    20455
#define RECORDS_DAY_NS INT64_C(1767312000000000000)

/*
 * records_make - an ordinary TCP flow: UUID in the usual notation, IPv4 (even n) or IPv6 (odd n),
 * the client on either side, all counts different from each other and from those of other n.
 */
void records_make(uint64_t n, struct record *ret_record);

/* records_check_equal - all fields equal, or the test fails with the name of the first that is not.
 */
void records_check_equal(const struct record *a, const struct record *b);

#endif
