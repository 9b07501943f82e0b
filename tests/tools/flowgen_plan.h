/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a TCP flow spends what it has: cutting its budget of packets or bytes into exchanges.
 */
#ifndef TOOLS_FLOWGEN_PLAN_H
#define TOOLS_FLOWGEN_PLAN_H

#include "flowgen_flow.h"

/*
 * flowgen_plan_exchange - size the next request and bulk.
 *
 * Takes:    f; sets its bulk_len, bulk_left, lead_len and upload trait.
 * Returns:  the share of f->left that the exchange will use; 0: too little is left for one.
 */
int64_t flowgen_plan_exchange(struct flowgen_flow *f);

/* flowgen_plan_tail_len - bytes of the server's answer to an upload. */
uint32_t flowgen_plan_tail_len(const struct flowgen_flow *f);

/* flowgen_plan_header - bytes of TCP header that the flow's segments carry. */
uint32_t flowgen_plan_header(const struct flowgen_flow *f);

#endif
