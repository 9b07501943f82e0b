/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of struct decoded that no scrubbing changes: all but the addresses.
 *
 *     #define SAME(word) check(a->word == b->word);
 *     DECODED_WORDS(SAME)
 */
#ifndef SUPPORT_DECODEDWORDS_H
#define SUPPORT_DECODEDWORDS_H

#define DECODED_WORDS(X)  \
	X(family)         \
	X(proto)          \
	X(sport)          \
	X(dport)          \
	X(has_tcp)        \
	X(tcp_flags)      \
	X(seq)            \
	X(ack)            \
	X(first_fragment) \
	X(frag_proto)     \
	X(frag_id)        \
	X(vlan[0])        \
	X(vlan[1])        \
	X(net_off)        \
	X(l4_off)         \
	X(payload_off)    \
	X(end_off)

#endif
