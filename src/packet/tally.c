/* SPDX-License-Identifier: BSD-2-Clause */
/* See tally.h. */
#include "packet/tally.h"

void tally_add(struct tally *t, const struct packet *p, uint32_t kept_bytes,
    const struct decoded *d, enum side sender)
{
	if (t->pkts[0] + t->pkts[1] == 0) {
		t->first_ns = p->ts_ns;
		t->vlan = d->vlan[0];
	}
	t->last_ns = p->ts_ns;
	t->pkts[sender]++;
	t->bytes[sender] += p->origlen;
	t->captured_bytes += kept_bytes;
	if (kept_bytes < p->origlen)
		t->truncated_pkts++;
	if (d->has_tcp)
		t->tcp_flags[sender] |= d->tcp_flags;
}

void tally_roles_add(struct tally_roles *r, const struct decoded *d, enum side sender)
{
	if (r->first_from == 0)
		r->first_from = (uint8_t)(sender + 1);
	if (!d->has_tcp || !(d->tcp_flags & TCP_SYN))
		return;
	if (!(d->tcp_flags & TCP_ACK)) {
		if (r->syn_from == 0)
			r->syn_from = (uint8_t)(sender + 1);
	} else if (r->synack_to == 0) {
		r->synack_to = (uint8_t)(!sender + 1);
	}
}

enum side tally_client(const struct tally_roles *r, const struct flowkey *k)
{
	/* Connected to itself: there is one sender, and flowkey_make calls it the low side. */
	if (flowkey_ends_equal(k))
		return SIDE_LOW;
	if (r->syn_from != 0)
		return (enum side)(r->syn_from - 1);
	if (r->synack_to != 0)
		return (enum side)(r->synack_to - 1);
	if (k->port[SIDE_LOW] != k->port[SIDE_HIGH])
		return k->port[SIDE_HIGH] > k->port[SIDE_LOW] ? SIDE_HIGH : SIDE_LOW;
	return r->first_from == SIDE_HIGH + 1 ? SIDE_HIGH : SIDE_LOW;
}
