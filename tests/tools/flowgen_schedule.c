/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flows begin at even distances, give or take; each open one has a slot in an array and an entry in
 * the heap of who speaks next. The first in the heap says its datagram, frame by frame, and goes
 * back with the time of its next one. A flow that has ended leaves its line in the list and, for a
 * while, its tuple to be taken again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flowgen_heap.h"
#include "flowgen_schedule.h"

#define ENDED     1024u             /* tuples that wait to be taken again */
#define REUSE_NS  (10 * FLOWGEN_MS) /* the least pause before that */
#define LIFE_MIN  (16 * FLOWGEN_MS) /* the shortest octave */
#define NS_PER_KB 80000u            /* no flow is planned faster than 100 Mbit/s */

struct ended {
	uint64_t ns;
	uint32_t tuple, isn_above;
};

struct schedule {
	const struct flowgen_options *o;
	struct flowgen_output *out;
	struct flowgen_random random;
	struct flowgen_heap heap;
	struct flowgen_flow *flows; /* the slots */
	uint32_t *free_slots;
	uint32_t slots, free_count, used; /* used: slots that were ever taken */
	uint64_t begun;                   /* flows so far */
	uint32_t tuples;                  /* numbers given so far */
	uint64_t pitch_ns;                /* from one beginning to the next */
	uint64_t next_ns;                 /* when the next flow begins */
	uint64_t largest;                 /* bytes of the flow of rank 1 */
	uint64_t rank_step, rank_shift;   /* rank = index * step + shift, modulo flows */
	struct ended ended[ENDED];        /* a ring */
	uint32_t ended_first, ended_count;
	struct flowgen_frame frame;
};

static uint64_t gcd(uint64_t a, uint64_t b)
{
	uint64_t rest;

	for (; b != 0; a = b, b = rest)
		rest = a % b;
	return a;
}

/* Zipf's law with exponent 1: the flow of rank r has 1/r of the largest, which is total / H(n). */
static void plan_sizes(struct schedule *s)
{
	const struct flowgen_options *o = s->o;
	uint64_t harmonic = 0, r;

	for (r = 1; r <= o->flows; r++)
		harmonic += (UINT64_C(1) << 40) / r; /* at most 2^40 * 20 */
	s->largest = (o->bytes << 16) / (harmonic >> 24);
	s->rank_step = 1 + o->flows / 8 * 5; /* about the golden ratio: neighbours differ much */
	while (gcd(s->rank_step, o->flows) != 1)
		s->rank_step++;
	s->rank_shift = flowgen_random_below(&s->random, o->flows);
}

static uint64_t budget(const struct schedule *s, uint64_t index)
{
	uint64_t n = s->o->flows;
	uint64_t rank = (index % n * (s->rank_step % n) + s->rank_shift) % n + 1;

	return s->largest / rank;
}

/*
 * At least --interleave beginnings long; where that was not given, each octave as likely, but not
 * beyond the planned end.
 */
static uint64_t life(struct schedule *s, uint64_t bytes)
{
	const struct flowgen_options *o = s->o;
	uint64_t rest = o->duration_ns > s->next_ns ? o->duration_ns - s->next_ns : 0;
	uint64_t least = o->packets_max != 0 ? 0 : bytes / 1000 * NS_PER_KB;
	uint64_t octaves = 0, ns;

	if (o->interleave != 0) {
		ns = (o->interleave + 1) * s->pitch_ns;
		ns += flowgen_random_below(&s->random, o->interleave * s->pitch_ns / 2);
	} else {
		while (LIFE_MIN << (octaves + 3) <= o->duration_ns)
			octaves++;
		ns = LIFE_MIN << flowgen_random_below(&s->random, octaves + 1);
		ns += flowgen_random_below(&s->random, ns);
		if (ns > rest)
			ns = rest;
	}
	return ns > least ? ns : least;
}

static void plan_times(struct schedule *s)
{
	const struct flowgen_options *o = s->o;

	if (o->interleave != 0) /* lives are at most 1.5 times interleave beginnings */
		s->pitch_ns = o->duration_ns * 2 / (2 * o->flows + 3 * o->interleave);
	else
		s->pitch_ns = o->duration_ns / o->flows / 10 * 9;
	if (s->pitch_ns == 0)
		s->pitch_ns = 1;
}

static void remember_tuple(struct schedule *s, const struct flowgen_flow *f, uint64_t now)
{
	uint32_t at = (s->ended_first + s->ended_count) % ENDED;

	if (s->ended_count == ENDED)
		s->ended_first = (s->ended_first + 1) % ENDED; /* the oldest waited in vain */
	else
		s->ended_count++;
	s->ended[at] = (struct ended){now, f->tuple, f->seq[FLOWGEN_CLIENT]};
}

static void choose_tuple(struct schedule *s, struct flowgen_birth *birth)
{
	const struct ended *first = &s->ended[s->ended_first];

	birth->reused = flowgen_random_chance(&s->random, s->o->reuse_ppm) && s->ended_count != 0 &&
			first->ns + REUSE_NS <= birth->now_ns;
	if (!birth->reused) {
		birth->tuple = s->tuples++;
		return;
	}
	birth->tuple = first->tuple;
	birth->isn_above = first->isn_above;
	s->ended_first = (s->ended_first + 1) % ENDED;
	s->ended_count--;
}

static int grow(struct schedule *s)
{
	uint32_t slots = s->slots != 0 ? 2 * s->slots : 1024;
	void *p = realloc(s->flows, slots * sizeof(*s->flows));

	if (p == NULL)
		return -ENOMEM;
	s->flows = p;
	p = realloc(s->free_slots, slots * sizeof(*s->free_slots));
	if (p == NULL)
		return -ENOMEM;
	s->free_slots = p;
	s->slots = slots;
	return 0;
}

static int begin_flow(struct schedule *s)
{
	struct flowgen_birth birth = {.now_ns = s->next_ns, .index = s->begun};
	struct flowgen_due due = {.ns = s->next_ns};
	uint64_t jitter = flowgen_random_below(&s->random, s->pitch_ns);
	int error;

	birth.budget_bytes = budget(s, s->begun);
	birth.life_ns = life(s, birth.budget_bytes);
	choose_tuple(s, &birth);
	if (s->free_count != 0) {
		due.slot = s->free_slots[--s->free_count];
	} else {
		if (s->used == s->slots && (error = grow(s)) != 0)
			return error;
		due.slot = s->used++;
	}
	flowgen_flow_start(s->o, &birth, &s->flows[due.slot]);
	s->begun++;
	s->next_ns = s->begun * s->pitch_ns + jitter;
	return flowgen_heap_push(&s->heap, due);
}

/* The first in the heap has said its last frame. */
static void end_flow(struct schedule *s, const struct flowgen_tuple *tuple, uint64_t now)
{
	uint32_t slot = s->heap.due[0].slot;
	const struct flowgen_flow *f = &s->flows[slot];

	flowgen_output_flow(s->out, f);
	if (!tuple->udp) /* nothing would tell the next flow of it from this one */
		remember_tuple(s, f, now);
	s->free_slots[s->free_count++] = slot;
	flowgen_heap_pop(&s->heap);
}

/* The first in the heap says one frame. */
static void speak(struct schedule *s)
{
	uint32_t slot = s->heap.due[0].slot;
	uint64_t now = s->heap.due[0].ns;
	uint64_t ns = flowgen_output_time(s->out, s->o->start_ns + now);
	struct flowgen_flow *f = &s->flows[slot];
	struct flowgen_frame *frame = &s->frame;
	struct flowgen_tuple tuple;
	struct flowgen_packet packet;
	uint64_t delay;

	if (f->piece == 0)
		f->datagram_ns = now;
	flowgen_flow_tuple(s->o, f, &tuple);
	flowgen_flow_next(f, &packet);
	flowgen_frame_datagram(frame, &tuple, &packet);
	flowgen_frame_piece(frame, &tuple, &packet, f->piece);
	flowgen_output_packet(s->out, ns, frame->data, (uint32_t)frame->len);
	flowgen_flow_charge(
	    f, ns, flowgen_output_caplen(s->out, (uint32_t)frame->len), (uint32_t)frame->len);
	if (frame->more) {
		f->piece = (uint16_t)frame->next;
		delay = 2 * FLOWGEN_US + flowgen_random_below(&s->random, 6 * FLOWGEN_US);
		flowgen_heap_defer(&s->heap, now + delay);
		return;
	}
	delay = flowgen_flow_advance(s->o, f, &packet, now);
	if (f->state == FLOWGEN_DONE)
		end_flow(s, &tuple, now);
	else
		flowgen_heap_defer(&s->heap, now + delay);
}

int flowgen_schedule_run(const struct flowgen_options *o, struct flowgen_output *out)
{
	struct schedule *s = calloc(1, sizeof(*s));
	int error = s != NULL ? 0 : -ENOMEM;

	if (error == 0) {
		s->o = o;
		s->out = out;
		s->random.state = flowgen_mix(o->seed + 0x7363686564);
		flowgen_payload_init(o->seed);
		plan_sizes(s);
		plan_times(s);
	}
	while (error == 0 && out->error == 0 && (s->begun < o->flows || s->heap.count != 0)) {
		if (s->begun < o->flows && (s->heap.count == 0 || s->next_ns <= s->heap.due[0].ns))
			error = begin_flow(s);
		else
			speak(s);
	}
	if (s != NULL) {
		free(s->heap.due);
		free(s->flows);
		free(s->free_slots);
	}
	free(s);
	return error;
}
