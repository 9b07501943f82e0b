/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of fragments, against a model that knows what it was told.
 *
 * Input: steps. Each: what happens (2 bits), whether the clock jumps (1 bit), the datagram's number
 * (5 bits); then the clock's jump (32 bits, signed, ms) if it does; of FIRST and HOLD 16 bits that
 * become the packet's length.
 *
 * Holds: every packet that is held is given or lost, once, and as it was; what is given comes in
 * the order in which it was held, and belongs to the datagram; a flow that is found is the last
 * that the datagram's first fragment went to; and as long as nothing grew old or was too much, it
 * is found.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "flow/fragments.h"
#include "fuzz/fuzz_support.h"

#define DATAGRAMS 32u
#define STEPS_MAX 2048u
#define MS_NS     INT64_C(1000000)

enum step { FIRST, HOLD, FIND, GIVE };

struct model {
	struct fragments *table;
	uint64_t held, given, lost;
	uint64_t serial[DATAGRAMS];     /* 0: no first fragment was seen */
	uint32_t next_given[DATAGRAMS]; /* number of the packet that was given last */
	uint32_t packets;
	int64_t first_ns, now_ns;
	size_t held_bytes; /* in all */
	unsigned datagram; /* that is asked for */
	bool steady;       /* nothing was old enough to go, nor is too much held */
};

static void on_lost(void *arg)
{
	struct model *m = arg;

	m->lost++;
}

/* All that fragments.c looks at; a first fragment and its followers agree in it. */
static struct decoded decoded_of(unsigned datagram)
{
	struct decoded d = {.family = datagram & 1 ? 6 : 4,
	    .frag_proto = datagram & 2 ? DECODE_TCP : DECODE_UDP,
	    .frag_id = datagram >> 2 & 3,
	    .vlan = {datagram >> 4 & 1, 0}};

	d.src[0] = 1;
	d.dst[0] = 2;
	return d;
}

static const uint8_t *packet_bytes(void)
{
	static uint8_t bytes[65536 + 256];

	for (size_t i = 0; bytes[1] == 0 && i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	return bytes;
}

static void on_given(const struct packet *p, void *arg)
{
	struct model *m = arg;

	m->given++;
	fuzz_check(p->interface == m->datagram);
	fuzz_check(p->origlen > m->next_given[m->datagram]); /* its number, see make_packet */
	m->next_given[m->datagram] = p->origlen;
	fuzz_check(
	    p->caplen == 0 || memcmp(p->data, packet_bytes() + (p->origlen & 255), p->caplen) == 0);
}

/* What it tells of itself is for on_given: the table does not look at it. */
static struct packet make_packet(struct model *m, uint32_t length)
{
	m->packets++;
	return (struct packet){.caplen = length,
	    .origlen = m->packets,
	    .interface = m->datagram,
	    .linktype = 1,
	    .data = packet_bytes() + (m->packets & 255)};
}

static void move_clock(struct model *m, struct fuzz_input *in)
{
	int32_t ms = (int32_t)fuzz_u32(in);

	m->now_ns += ms * MS_NS;
	if (ms < 0 || m->now_ns - m->first_ns > FRAGMENTS_MAX_AGE_NS)
		m->steady = false;
}

static void step_first(struct model *m, const struct packet *p, const struct decoded *d)
{
	struct flow f = {.number = m->datagram, .serial = m->packets};

	fragments_add_first(m->table, p, d, &f, m->now_ns);
	m->serial[m->datagram] = m->packets;
}

static void step_hold(struct model *m, const struct packet *p, const struct decoded *d)
{
	fuzz_check(fragments_hold(m->table, p, d, m->now_ns) == 0);
	m->held++;
	m->held_bytes += p->caplen;
	if (m->held_bytes > FRAGMENTS_MAX_HELD_BYTES)
		m->steady = false;
}

static void step_find(struct model *m, const struct packet *p, const struct decoded *d)
{
	uint32_t number = FLOW_NONE;
	uint64_t serial = 0;
	int rv = fragments_find(m->table, p, d, m->now_ns, &number, &serial);

	fuzz_check(rv == 0 || rv == -ENOENT);
	if (rv == 0)
		fuzz_check(number == m->datagram && serial == m->serial[m->datagram]);
	else
		fuzz_check(!m->steady || m->serial[m->datagram] == 0);
}

static void step(struct model *m, struct fuzz_input *in)
{
	uint8_t what = fuzz_u8(in);
	struct decoded d;
	struct packet p;

	m->datagram = what & 31;
	if (what & 32)
		move_clock(m, in);
	d = decoded_of(m->datagram);
	p = make_packet(m, (what >> 6) <= HOLD ? fuzz_u16(in) : 0);
	switch ((enum step)(what >> 6)) {
	case FIRST:
		step_first(m, &p, &d);
		break;
	case HOLD:
		step_hold(m, &p, &d);
		break;
	case FIND:
		step_find(m, &p, &d);
		break;
	case GIVE:
		fragments_expire(m->table, m->now_ns);
		fragments_give_held(m->table, &p, &d, on_given, m);
		break;
	}
	fuzz_check(m->given + m->lost <= m->held);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct hash_key seed = {1, 2};
	struct fuzz_input in = {data, size};
	struct model m = {
	    .steady = true, .first_ns = 1000 * CLK_SECOND_NS, .now_ns = 1000 * CLK_SECOND_NS};

	fuzz_check(fragments_new(&seed, on_lost, &m, &m.table) == 0);
	for (unsigned i = 0; in.left > 0 && i < STEPS_MAX; i++)
		step(&m, &in);
	fragments_expire(m.table, INT64_MAX);
	fuzz_check(m.given + m.lost == m.held);
	fragments_free(m.table);
	return 0;
}
