/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The TCP part of a flow's life: handshake, exchanges of a request and a bulk, the end. Sequence
 * and acknowledgment numbers are what a stack would send, so that an analyser finds nothing to say
 * except what was asked for.
 */
#ifndef TOOLS_FLOWGEN_TCP_H
#define TOOLS_FLOWGEN_TCP_H

#include "flowgen_flow.h"

/* flowgen_tcp_start - the rest of flowgen_flow_start: budget and common fields are set. */
void flowgen_tcp_start(
    const struct flowgen_options *o, const struct flowgen_birth *birth, struct flowgen_flow *f);

/* flowgen_tcp_next, flowgen_tcp_advance - as their namesakes of flowgen_flow. */
void flowgen_tcp_next(const struct flowgen_flow *f, struct flowgen_packet *ret_p);
uint64_t flowgen_tcp_advance(const struct flowgen_options *o, struct flowgen_flow *f,
    const struct flowgen_packet *p, uint64_t now_ns);

#endif
