/* SPDX-License-Identifier: BSD-2-Clause */
/* See flow.h. The rules of flow identity that lie in the packets of one flow alone. */
#include "flow/flow.h"

static bool is_syn(const struct decoded *d)
{
	return d->has_tcp && (d->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

bool flow_is_reuse(const struct flow *f, const struct decoded *d, enum side sender)
{
	if (!is_syn(d))
		return false;
	if ((f->isn_known & 1 << sender) != 0 && f->isn[sender] != d->seq)
		return true;
	/* A refused SYN that is sent again is the same attempt: nobody has accepted it yet. */
	return flow_ended(f) && f->roles.synack_to != 0;
}

/* The first sequence number of a sender: its SYN's, or (seen from the middle on) the first we saw.
 */
static void see_isn(struct flow *f, const struct decoded *d, enum side sender)
{
	if ((f->isn_known & 1 << sender) != 0)
		return;
	f->isn[sender] = d->seq;
	f->isn_known |= (uint8_t)(1 << sender);
}

/* The first packet of a flow, or a SYN that is sent again after it was refused. */
static void see_syn(struct flow *f)
{
	f->half_open = true;
	f->rst_seen = false;
	f->fin_seen = 0;
}

void flow_see(struct flow *f, const struct decoded *d, enum side sender)
{
	bool first = f->roles.first_from == 0;

	tally_roles_add(&f->roles, d, sender);
	if (!d->has_tcp)
		return;
	see_isn(f, d, sender);
	if (is_syn(d) && (first || flow_ended(f)))
		see_syn(f);
	if ((d->tcp_flags & TCP_ACK) && f->roles.syn_from == sender + 1)
		f->half_open = false;
	if (d->tcp_flags & TCP_FIN)
		f->fin_seen |= (uint8_t)(1 << sender);
	if (d->tcp_flags & TCP_RST)
		f->rst_seen = true;
}

enum flow_list flow_list_for(const struct flow *f)
{
	if (flow_ended(f))
		return FLOW_ENDED;
	return f->half_open ? FLOW_HALF_OPEN : FLOW_OPEN;
}
