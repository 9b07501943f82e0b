/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flows that were found in a stranger's archive, put in every order and listed in every form.
 *
 * Threads:  one.
 */
#ifndef FUZZ_LISTING_H
#define FUZZ_LISTING_H

#include "fetch/query.h"

/*
 * fuzz_listing - Takes: q, after query_group.
 *
 * Holds: a line for each flow; no byte drives a terminal; each line of JSON is an object.
 */
void fuzz_listing(struct query *q);

#endif
