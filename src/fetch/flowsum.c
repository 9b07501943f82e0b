/* SPDX-License-Identifier: BSD-2-Clause */
/* See flowsum.h. */
#include "fetch/flowsum.h"

#include <string.h>

void flowsum_make(const struct query_flow *f, struct flowsum *ret_sum)
{
	struct flowsum *s = ret_sum;

	memset(s, 0, sizeof(*s));
	s->first = f->parts[0];
	s->last = f->parts[f->count - 1];
	s->parts = f->count;
	s->start_ns = s->first->tally.first_ns;
	s->end_ns = s->last->tally.last_ns;
	s->client = (enum side)s->first->client;
	s->open = f->staged || s->last->end_reason == END_CONTINUED;
	for (size_t i = 0; i < f->count; i++) {
		const struct tally *t = &f->parts[i]->tally;

		s->client_pkts += t->pkts[s->client];
		s->client_bytes += t->bytes[s->client];
		s->server_pkts += t->pkts[!s->client];
		s->server_bytes += t->bytes[!s->client];
		s->captured_bytes += t->captured_bytes;
		s->truncated_pkts += t->truncated_pkts;
		s->lost_pkts += f->parts[i]->lost_pkts;
		s->tcp_flags |= t->tcp_flags[0] | t->tcp_flags[1];
	}
}

int64_t flowsum_duration_ns(const struct flowsum *s)
{
	int64_t ns;

	if (__builtin_sub_overflow(s->end_ns, s->start_ns, &ns))
		return s->end_ns < s->start_ns ? INT64_MIN : INT64_MAX;
	return ns;
}

/* From the lowest bit on, RFC 9293 section 3.1. */
char *flowsum_flags(uint8_t tcp_flags, char *buf)
{
	static const char letters[] = "FSRPAUEC";
	size_t n = 0;

	for (int bit = 0; bit < 8; bit++)
		if (tcp_flags & 1u << bit)
			buf[n++] = letters[bit];
	buf[n] = '\0';
	return buf;
}
