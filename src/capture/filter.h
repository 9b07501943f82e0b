/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A BPF filter expression in tcpdump's language, compiled by libpcap for each link type that comes.
 *
 * Life-cycle:  new (which tells whether the expression is right), match, free.
 * Threads:     new: any; match and free: one.
 */
#ifndef CAPTURE_FILTER_H
#define CAPTURE_FILTER_H

#include <stdbool.h>

#include "packet/packet.h"

struct filter;

#define FILTER_ERROR_SIZE 256

/*
 * filter_new - check an expression.
 *
 * Takes:    text; ret_error of FILTER_ERROR_SIZE bytes.
 * Returns:  0; -EINVAL, -ELIBACC (there is no libpcap), and why in ret_error; -ENOMEM.
 * Source:   pcap-filter(7), pcap_compile(3PCAP).
 */
int filter_new(const char *text, struct filter **ret_filter, char *ret_error);

/*
 * filter_match - does a packet pass? On a link type that the expression cannot be compiled for,
 * none does, and a warning says so once.
 */
bool filter_match(struct filter *f, const struct packet *p);

/* filter_free - takes NULL. */
void filter_free(struct filter *f);

#endif
