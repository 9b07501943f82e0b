/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Budgets to exchanges. Where packets are counted, the count must come out exact: the bulk's
 * segments are chosen so that they, their ACKs (one for two segments, one for a last odd one) and
 * their fragments make up the number wanted.
 */
#include <stdbool.h>

#include "flowgen_plan.h"

#define BULK_MIN    300 /* more than the head of an HTTP reply */
#define BULK_MAX    (INT64_C(1) << 30)
#define PACKETS_MAX 700000 /* of an exchange: stays below BULK_MAX */

uint32_t flowgen_plan_header(const struct flowgen_flow *f)
{
	return f->traits & FLOWGEN_TIMESTAMPS ? 32 : 20;
}

uint32_t flowgen_plan_tail_len(const struct flowgen_flow *f)
{
	uint32_t vary = (uint32_t)(f->key >> 7 & 63);

	return (f->traits & FLOWGEN_TEXT ? FLOWGEN_HEAD_BYTES : 80) + vary;
}

static void choose_lead(struct flowgen_flow *f)
{
	if (!(f->traits & FLOWGEN_TEXT))
		f->lead_len = (uint16_t)(120 + flowgen_random_below(&f->random, 500));
	else if (f->traits & FLOWGEN_UPLOAD)
		f->lead_len = FLOWGEN_POST_BYTES;
	else
		f->lead_len = FLOWGEN_GET_BYTES;
}

/* A TLS record must not be cut in its head by the end of the bulk; keeps the segments' number. */
static void whole_records(struct flowgen_flow *f)
{
	uint32_t last = f->bulk_len % f->mss;

	if (f->traits & FLOWGEN_TEXT || f->bulk_len % FLOWGEN_RECORD_BYTES >= 22)
		return;
	if (last != 0 && last + 22u <= f->mss)
		f->bulk_len += 22;
	else
		f->bulk_len -= 22;
}

/* Size of the last of some segments; fragments: two of them are wanted, else one. */
static uint32_t last_segment(struct flowgen_flow *f, bool only, bool fragments)
{
	if (fragments)
		return 1300 + (uint32_t)flowgen_random_below(&f->random, f->mss - 1300u + 1);
	if (only || f->traits & FLOWGEN_FRAGMENTS)
		return BULK_MIN + (uint32_t)flowgen_random_below(&f->random, 800);
	return 1 + (uint32_t)flowgen_random_below(&f->random, f->mss);
}

static int64_t plan_packets(struct flowgen_flow *f, int64_t spare)
{
	bool fragments = f->traits & FLOWGEN_FRAGMENTS;
	int64_t use = spare < PACKETS_MAX ? spare : PACKETS_MAX;
	int64_t cycle, rest, segments;

	if (spare > 12 && flowgen_random_chance(&f->random, FLOWGEN_PPM / 2))
		use = 4 + (int64_t)flowgen_random_below(&f->random, (uint64_t)use - 8);
	if (use >= 6 && flowgen_random_chance(&f->random, FLOWGEN_PPM / 8))
		f->traits |= FLOWGEN_UPLOAD;
	rest = use - (f->traits & FLOWGEN_UPLOAD ? 2 : 1);
	cycle = fragments ? 5 : 3; /* two segments and their ACK */
	segments = rest / cycle * 2;
	rest %= cycle;
	if (rest != 0)
		segments += fragments && rest == 4 ? 2 : 1;
	if (segments == 0)
		f->bulk_len = 0;
	else
		f->bulk_len = (uint32_t)(segments - 1) * f->mss +
			      last_segment(f, segments == 1, fragments && rest != 1);
	return use;
}

static int64_t plan_bytes(struct flowgen_flow *f, int64_t spare)
{
	int64_t frame = f->overhead + flowgen_plan_header(f);
	int64_t segment = f->mss + frame + frame / 2; /* with half an ACK */
	int64_t use = spare < BULK_MAX ? spare : BULK_MAX;
	int64_t fixed, room;

	if (f->traits & FLOWGEN_FRAGMENTS)
		segment += f->overhead + 8;
	if (spare > 8000 && flowgen_random_chance(&f->random, FLOWGEN_PPM / 2))
		use = use / 8 + (int64_t)flowgen_random_below(&f->random, (uint64_t)use / 4 * 3);
	if (use > 4000 && flowgen_random_chance(&f->random, FLOWGEN_PPM / 8))
		f->traits |= FLOWGEN_UPLOAD;
	choose_lead(f);
	fixed = f->lead_len + frame;
	if (f->traits & FLOWGEN_UPLOAD)
		fixed += flowgen_plan_tail_len(f) + frame;
	if (use < fixed + BULK_MIN + 2 * frame)
		return 0;
	room = use - fixed;
	f->bulk_len = (uint32_t)(room / segment * f->mss);
	room = room % segment - 2 * frame; /* what the last segment and its own ACK leave */
	if (room > 0)
		f->bulk_len += (uint32_t)(room < f->mss ? room : f->mss);
	if (f->bulk_len < BULK_MIN)
		f->bulk_len = BULK_MIN;
	return use;
}

int64_t flowgen_plan_exchange(struct flowgen_flow *f)
{
	int64_t spare = f->left - f->reserve;
	int64_t use;

	if (spare <= 0)
		return 0;
	f->traits &= (uint8_t)~FLOWGEN_UPLOAD;
	if (f->traits & FLOWGEN_COUNTS) {
		use = plan_packets(f, spare);
		choose_lead(f);
	} else {
		use = plan_bytes(f, spare);
	}
	if (f->bulk_len != 0)
		whole_records(f);
	f->bulk_left = f->bulk_len;
	return use;
}
