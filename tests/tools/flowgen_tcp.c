/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP's states, as RFC 9293 and 5681 have them on a path without loss: slow start from ten segments
 * (RFC 6928) to what the flow's rate needs, one ACK for two segments, ACKs that clock the sending.
 */
#include <assert.h>
#include <string.h>

#include "flowgen_plan.h"
#include "flowgen_tcp.h"

#define ACK_ONLY    ((unsigned)FLOWGEN_TCP_ACK)
#define WINDOW_MAX  (4u << 20) /* half of what the window field can say at scale 7 */
#define SYNS_MAX    6          /* tcp_syn_retries of Linux and the first one: less than a minute */
#define SEGMENT_GAP 12000u     /* ns: 1500 bytes at 1 Gbit/s */

/* ---- the beginning --------------------------------------------------------------------------- */

static enum flowgen_end draw_end(const struct flowgen_options *o, struct flowgen_flow *f)
{
	const uint64_t *w = o->end_weight;
	uint64_t dice = flowgen_random_below(&f->random, w[0] + w[1] + w[2]);

	if (dice < w[FLOWGEN_END_FIN])
		return FLOWGEN_END_FIN;
	return dice < w[FLOWGEN_END_FIN] + w[FLOWGEN_END_RST] ? FLOWGEN_END_RST : FLOWGEN_END_NONE;
}

/* handshake: packets that the flow begins with, whatever it has */
static void choose_end(const struct flowgen_options *o, struct flowgen_flow *f, int handshake)
{
	static const int64_t packets[] = {3, 1, 0};
	bool resets = o->end_weight[FLOWGEN_END_RST] != 0;
	enum flowgen_end end = draw_end(o, f);

	if (f->traits & FLOWGEN_COUNTS) {
		if (end == FLOWGEN_END_FIN && handshake + packets[end] > f->left)
			end = resets ? FLOWGEN_END_RST : FLOWGEN_END_NONE;
		if (end == FLOWGEN_END_RST && handshake + packets[end] > f->left)
			end = FLOWGEN_END_NONE;
		if (handshake == 3 && f->left == 2 && resets)
			end = FLOWGEN_END_RST; /* refused */
		f->reserve = packets[end];
	} else {
		f->reserve = packets[end] * (f->overhead + flowgen_plan_header(f));
	}
	f->end = (uint8_t)end;
}

/* Twice the window that the flow's bytes need to fit in its life, for it also pauses. */
static void choose_window(struct flowgen_flow *f, uint64_t life_ns)
{
	uint64_t bytes = f->traits & FLOWGEN_COUNTS ? (uint64_t)f->left * 1000 : (uint64_t)f->left;
	uint64_t window = bytes * 2 * (f->rtt_ns / FLOWGEN_US) / (life_ns / FLOWGEN_US + 1);
	uint64_t gap = life_ns / (bytes / 1000 + 1) / 2;

	if (window < 10u * f->mss)
		window = 10u * f->mss;
	f->window_max = (uint32_t)(window < WINDOW_MAX ? window : WINDOW_MAX);
	if (gap < SEGMENT_GAP)
		gap = SEGMENT_GAP;
	f->gap_ns = (uint32_t)(gap < 50 * FLOWGEN_MS ? gap : 50 * FLOWGEN_MS);
}

static void choose_numbers(const struct flowgen_birth *birth, struct flowgen_flow *f)
{
	uint64_t bits = flowgen_random_next(&f->random);

	f->seq[FLOWGEN_CLIENT] = (uint32_t)bits;
	f->seq[FLOWGEN_SERVER] = (uint32_t)(bits >> 32);
	/* A stack takes a tuple again for an ISN above the last number (RFC 9293, 3.6.1). */
	if (birth->reused)
		f->seq[FLOWGEN_CLIENT] = birth->isn_above + 65536 + (uint32_t)(bits & 0xfffff);
}

/* A flow of SYNs that nobody answers. */
static void start_unanswered(const struct flowgen_options *o, struct flowgen_flow *f)
{
	int64_t syns = 1 + (int64_t)flowgen_random_below(&f->random, 3);

	if (o->packets_max != 0)
		syns = f->left;
	f->traits |= FLOWGEN_UNANSWERED;
	f->end = FLOWGEN_END_NONE;
	f->reserve = 0;
	f->syns = (uint8_t)(syns < SYNS_MAX ? syns : SYNS_MAX);
}

void flowgen_tcp_start(
    const struct flowgen_options *o, const struct flowgen_birth *birth, struct flowgen_flow *f)
{
	unsigned scale = (unsigned)flowgen_random_below(&f->random, 7);
	bool midstream = flowgen_random_chance(&f->random, o->midstream_ppm);
	bool unanswered = flowgen_random_chance(&f->random, o->syn_only_ppm);
	bool retransmit = flowgen_random_chance(&f->random, o->syn_retransmit_ppm);

	/* 1 to 128 ms, each octave as likely as the others */
	f->rtt_ns = (uint32_t)(FLOWGEN_MS << scale);
	f->rtt_ns += (uint32_t)flowgen_random_below(&f->random, f->rtt_ns);
	if (flowgen_random_chance(&f->random, 950000))
		f->traits |= FLOWGEN_TIMESTAMPS;
	f->mss = (uint16_t)(f->mss - (f->traits & FLOWGEN_TIMESTAMPS ? 12 : 0));
	f->closer = (uint8_t)flowgen_random_below(&f->random, 2);
	choose_numbers(birth, f);
	choose_window(f, birth->life_ns);
	f->state = FLOWGEN_SYN;
	f->syns = 1;
	if (midstream && !birth->reused) { /* without a SYN it would go on with the old flow */
		choose_end(o, f, 1);       /* a request at least */
		f->state = FLOWGEN_LEAD;
		(void)flowgen_plan_exchange(f); /* sets the request even where no bulk fits */
	} else if (unanswered) {
		start_unanswered(o, f);
	} else {
		choose_end(o, f, 3);
		if (retransmit && (!(f->traits & FLOWGEN_COUNTS) || f->left > 3 + f->reserve))
			f->syns = 2;
	}
}

/* ---- what comes next ------------------------------------------------------------------------- */

static void describe(
    const struct flowgen_flow *f, struct flowgen_packet *p, unsigned side, unsigned flags)
{
	uint32_t window = f->window_max >> 6; /* twice that many bytes at scale 7 */

	p->side = side;
	p->flags = flags;
	p->seq = f->seq[side];
	p->ack = f->seq[!side];
	p->timestamps = f->traits & FLOWGEN_TIMESTAMPS;
	p->tsval = (uint32_t)flowgen_mix(f->key + side) + (uint32_t)(f->datagram_ns / FLOWGEN_MS);
	p->tsecr = f->tsval[!side];
	p->mss = f->mss_said;
	if (flags & FLOWGEN_TCP_RST)
		p->window = 0;
	else if (flags & FLOWGEN_TCP_SYN)
		p->window = side == FLOWGEN_CLIENT ? 64240 : 65160;
	else if (side == FLOWGEN_SERVER)
		p->window = 509;
	else
		p->window = (uint16_t)(window > 65535 ? 65535 : window);
}

/* Says len bytes of the flow's message, from the offset on. */
static void say(const struct flowgen_flow *f, struct flowgen_packet *p,
    enum flowgen_message_kind kind, uint32_t offset, uint32_t len)
{
	uint64_t part = (uint64_t)f->said * 4 + (f->state - FLOWGEN_LEAD);

	p->message.kind = f->traits & FLOWGEN_TEXT ? kind : FLOWGEN_RECORDS;
	p->message.key = flowgen_mix(f->key + part * UINT64_C(0x9e3779b97f4a7c15));
	p->message.total = len;
	p->offset = offset;
	p->len = len;
}

static bool may_send(const struct flowgen_flow *f)
{
	uint32_t in_flight = f->seq[f->bulk_side] - f->acked;

	return f->swap == 2 || (f->bulk_left != 0 && in_flight + f->mss <= f->window);
}

static void next_bulk(const struct flowgen_flow *f, struct flowgen_packet *p)
{
	bool upload = f->traits & FLOWGEN_UPLOAD;
	uint32_t in_flight = f->seq[f->bulk_side] - f->acked;
	uint32_t offset = f->bulk_len - f->bulk_left;
	uint32_t len = f->bulk_left < f->mss ? f->bulk_left : f->mss;
	bool last = len == f->bulk_left;

	if (!may_send(f)) {
		describe(f, p, !f->bulk_side, ACK_ONLY);
		if (in_flight > 2u * f->mss)
			p->ack = f->acked + 2u * f->mss;
		return;
	}
	describe(f, p, f->bulk_side, FLOWGEN_TCP_ACK | (last ? FLOWGEN_TCP_PSH : 0u));
	if (f->swap == 1) {
		p->seq += f->mss;
		offset += f->mss;
	}
	say(f, p, upload ? FLOWGEN_BODY : FLOWGEN_REPLY, offset, len);
	p->message.total = f->bulk_len;
}

static void next_lead(const struct flowgen_flow *f, struct flowgen_packet *p)
{
	bool upload = f->traits & FLOWGEN_UPLOAD;

	describe(f, p, FLOWGEN_CLIENT, FLOWGEN_TCP_ACK | FLOWGEN_TCP_PSH);
	say(f, p, upload ? FLOWGEN_POST : FLOWGEN_GET, 0, f->lead_len);
	if (upload && p->message.kind == FLOWGEN_POST)
		p->message.total = f->bulk_len;
}

void flowgen_tcp_next(const struct flowgen_flow *f, struct flowgen_packet *ret_p)
{
	struct flowgen_packet *p = ret_p;

	switch ((enum flowgen_state)f->state) {
	case FLOWGEN_SYN:
		describe(f, p, FLOWGEN_CLIENT, FLOWGEN_TCP_SYN);
		p->tsecr = 0;
		break;
	case FLOWGEN_REFUSE:
		describe(f, p, FLOWGEN_SERVER, FLOWGEN_TCP_RST | FLOWGEN_TCP_ACK);
		p->seq = 0; /* RFC 9293, 3.5.2 */
		break;
	case FLOWGEN_SYN_ACK:
		describe(f, p, FLOWGEN_SERVER, FLOWGEN_TCP_SYN | FLOWGEN_TCP_ACK);
		break;
	case FLOWGEN_ACK:
		describe(f, p, FLOWGEN_CLIENT, ACK_ONLY);
		break;
	case FLOWGEN_LEAD:
		next_lead(f, p);
		break;
	case FLOWGEN_BULK:
		next_bulk(f, p);
		break;
	case FLOWGEN_TAIL:
		describe(f, p, FLOWGEN_SERVER, FLOWGEN_TCP_ACK | FLOWGEN_TCP_PSH);
		say(f, p, FLOWGEN_REPLY, 0, flowgen_plan_tail_len(f));
		break;
	case FLOWGEN_FIN:
		describe(f, p, f->closer, FLOWGEN_TCP_FIN | FLOWGEN_TCP_ACK);
		break;
	case FLOWGEN_FIN_BACK:
		describe(f, p, !f->closer, FLOWGEN_TCP_FIN | FLOWGEN_TCP_ACK);
		break;
	case FLOWGEN_LAST_ACK:
		describe(f, p, f->closer, ACK_ONLY);
		break;
	case FLOWGEN_RST:
		describe(f, p, f->closer,
		    FLOWGEN_TCP_RST | (f->key & 1 ? (unsigned)FLOWGEN_TCP_ACK : 0u));
		break;
	case FLOWGEN_DATAGRAM:
	case FLOWGEN_DONE:
		assert(!"a state of TCP");
	}
}

/* ---- going past it --------------------------------------------------------------------------- */

/* What the other side takes to answer, seen at the server. */
static uint64_t answer_ns(struct flowgen_flow *f, unsigned side)
{
	uint64_t jitter = flowgen_random_below(&f->random, 60 * FLOWGEN_US);

	return side == FLOWGEN_CLIENT ? f->rtt_ns + jitter : 20 * FLOWGEN_US + jitter;
}

static uint64_t finish(struct flowgen_flow *f, uint64_t now)
{
	uint64_t jitter = flowgen_random_below(&f->random, 2 * FLOWGEN_MS);

	if (f->end == FLOWGEN_END_NONE)
		f->state = FLOWGEN_DONE;
	else
		f->state = f->end == FLOWGEN_END_FIN ? FLOWGEN_FIN : FLOWGEN_RST;
	return (f->end_ns > now ? f->end_ns - now : 100 * FLOWGEN_US) + jitter;
}

/* A user reads before the next request, so exchanges spread over the flow's life. */
static uint64_t think_ns(struct flowgen_flow *f, uint64_t now, int64_t use)
{
	uint64_t rest = f->end_ns > now ? f->end_ns - now : 0;
	uint64_t span = rest / 1024 * ((uint64_t)use * 1024 / (uint64_t)f->left);
	uint64_t think = flowgen_random_below(&f->random, span / 2 + 1);
	bool at_once = flowgen_random_chance(&f->random, FLOWGEN_PPM / 2);
	bool last = use >= f->left - f->reserve;

	if (last && f->end == FLOWGEN_END_NONE)
		think = span; /* nothing else would mark the end of its life */
	else if (at_once && f->said == 0)
		think = 0;
	return think + 30 * FLOWGEN_US + flowgen_random_below(&f->random, 400 * FLOWGEN_US);
}

static uint64_t go_on(struct flowgen_flow *f, uint64_t now)
{
	int64_t use = flowgen_plan_exchange(f);

	if (use == 0)
		return finish(f, now);
	f->state = FLOWGEN_LEAD;
	return think_ns(f, now, use);
}

static uint64_t advance_syn(struct flowgen_flow *f)
{
	f->syns--;
	if (f->syns != 0) /* 1, 2, 4 ... seconds: RFC 6298, 2 and 5.5 */
		return (1000 * FLOWGEN_MS << f->said++) +
		       flowgen_random_below(&f->random, 4 * FLOWGEN_MS);
	f->said = 0;
	f->seq[FLOWGEN_CLIENT]++;
	f->state = FLOWGEN_SYN_ACK;
	if (f->traits & FLOWGEN_UNANSWERED)
		f->state = FLOWGEN_DONE;
	else if (f->end == FLOWGEN_END_RST && f->traits & FLOWGEN_COUNTS && f->left == 1)
		f->state = FLOWGEN_REFUSE;
	return answer_ns(f, FLOWGEN_SERVER);
}

static void maybe_swap(const struct flowgen_options *o, struct flowgen_flow *f)
{
	uint32_t in_flight = f->seq[f->bulk_side] - f->acked;

	f->swap = f->bulk_left > 2u * f->mss && in_flight + 2u * f->mss <= f->window &&
		  flowgen_random_chance(&f->random, o->out_of_order_ppm);
}

static uint64_t begin_bulk(const struct flowgen_options *o, struct flowgen_flow *f, uint64_t now)
{
	bool upload = f->traits & FLOWGEN_UPLOAD;
	uint64_t delay = 200 * FLOWGEN_US;

	if (upload)
		delay = f->gap_ns;
	else
		delay += flowgen_random_below(&f->random, 20 * FLOWGEN_MS);
	f->state = FLOWGEN_BULK;
	f->bulk_side = upload ? FLOWGEN_CLIENT : FLOWGEN_SERVER;
	f->acked = f->seq[f->bulk_side];
	f->window = (upload ? 2u : 10u) * f->mss;
	f->round_ns = now + delay;
	f->traits |= FLOWGEN_ROUND;
	maybe_swap(o, f);
	return delay;
}

static uint64_t end_exchange(struct flowgen_flow *f, uint64_t now)
{
	f->said++;
	return go_on(f, now);
}

static uint64_t bulk_ack_ns(struct flowgen_flow *f, uint64_t now)
{
	uint64_t jitter = flowgen_random_below(&f->random, 8 * FLOWGEN_US);
	uint64_t due = f->round_ns + f->rtt_ns;

	if (f->bulk_side == FLOWGEN_CLIENT)
		return 10 * FLOWGEN_US + jitter;
	if (f->traits & FLOWGEN_ROUND) {
		f->traits &= (uint8_t)~FLOWGEN_ROUND;
		f->round_mark = f->seq[f->bulk_side];
		if (due > now)
			return due - now + jitter;
	}
	return SEGMENT_GAP + jitter;
}

static void take_ack(struct flowgen_flow *f, uint32_t ack, uint64_t now)
{
	f->acked = ack;
	if (f->bulk_side == FLOWGEN_CLIENT || f->traits & FLOWGEN_ROUND ||
	    (int32_t)(ack - f->round_mark) < 0)
		return;
	f->traits |= FLOWGEN_ROUND;
	f->round_ns = now;
	f->window = 2 * f->window < f->window_max ? 2 * f->window : f->window_max;
}

static uint64_t advance_bulk(const struct flowgen_options *o, struct flowgen_flow *f,
    const struct flowgen_packet *p, uint64_t now)
{
	uint64_t gap = SEGMENT_GAP + flowgen_random_below(&f->random, 4 * FLOWGEN_US);
	uint32_t sent;

	if (p->side != f->bulk_side) {
		take_ack(f, p->ack, now);
	} else if (f->swap == 1) {
		f->swap = 2;
		return 20 * FLOWGEN_US + flowgen_random_below(&f->random, FLOWGEN_MS);
	} else {
		sent = f->swap == 2 ? 2u * f->mss : p->len;
		f->seq[f->bulk_side] += sent;
		f->bulk_left -= sent;
	}
	f->swap = 0;
	maybe_swap(o, f);
	if (f->traits & FLOWGEN_COUNTS && f->bulk_left == 0 && f->left <= f->reserve)
		return finish(f, now); /* the end acknowledges what is left */
	if (f->bulk_left == 0 && f->acked == f->seq[f->bulk_side]) {
		if (!(f->traits & FLOWGEN_UPLOAD))
			return end_exchange(f, now);
		f->state = FLOWGEN_TAIL;
		return FLOWGEN_MS + flowgen_random_below(&f->random, 9 * FLOWGEN_MS);
	}
	if (!may_send(f))
		return bulk_ack_ns(f, now);
	return f->bulk_side == FLOWGEN_CLIENT ? f->gap_ns + gap - SEGMENT_GAP : gap;
}

uint64_t flowgen_tcp_advance(const struct flowgen_options *o, struct flowgen_flow *f,
    const struct flowgen_packet *p, uint64_t now_ns)
{
	f->tsval[p->side] = p->tsval;
	if (f->traits & FLOWGEN_COUNTS && f->left <= 0) {
		f->state = FLOWGEN_DONE;
		return 0;
	}
	switch ((enum flowgen_state)f->state) {
	case FLOWGEN_SYN:
		return advance_syn(f);
	case FLOWGEN_SYN_ACK:
		f->seq[FLOWGEN_SERVER]++;
		f->state = FLOWGEN_ACK;
		return answer_ns(f, FLOWGEN_CLIENT);
	case FLOWGEN_ACK:
		return go_on(f, now_ns);
	case FLOWGEN_LEAD:
		f->seq[FLOWGEN_CLIENT] += p->len;
		return f->bulk_len == 0 ? end_exchange(f, now_ns) : begin_bulk(o, f, now_ns);
	case FLOWGEN_BULK:
		return advance_bulk(o, f, p, now_ns);
	case FLOWGEN_TAIL:
		f->seq[FLOWGEN_SERVER] += p->len;
		return end_exchange(f, now_ns);
	case FLOWGEN_FIN:
		f->seq[f->closer]++;
		f->state = FLOWGEN_FIN_BACK;
		return answer_ns(f, !f->closer);
	case FLOWGEN_FIN_BACK:
		f->seq[!f->closer]++;
		f->state = FLOWGEN_LAST_ACK;
		return answer_ns(f, f->closer);
	default: /* REFUSE, LAST_ACK, RST; the other states are no sender's */
		f->state = FLOWGEN_DONE;
		return 0;
	}
}
