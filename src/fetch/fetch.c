/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See fetch.h. A heap of all parts, the one with the earliest next packet on top. A part that was
 * not opened yet stands there with the time that the index gives for its first packet; one that
 * gave back what it held, with the time of the packet that it gives again.
 */
#include "fetch/fetch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "fetch/flowfile.h"
#include "fetch/packetout.h"
#include "fetch/rawcopy.h"

/* So many times as much may be inflated as is given, when memory is short. */
#define WASTE 8

struct source {
	int64_t next_ns;       /* time of its next packet */
	uint32_t order;        /* its place in the job */
	uint32_t interface;    /* in the output */
	struct flowfile *file; /* NULL: not opened yet */
};

struct merge {
	const struct fetch_job *job;
	struct flowfile_pool *pool;
	struct packetout *out;
	struct source *heap;
	size_t count;
	size_t under_way; /* of these, those that are open */
	size_t budget;
	uint64_t given;                     /* bytes of packets, */
	uint64_t given_then, inflated_then; /* and what there was at the last eviction */
	bool sharing;                       /* see evict */
	struct fetch_totals totals;
};

const struct part *fetch_other_linktype(const struct part *const *parts, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (parts[i]->key.linktype != parts[0]->key.linktype)
			return parts[i];
	return NULL;
}

static int before(const struct source *a, const struct source *b)
{
	return a->next_ns != b->next_ns ? a->next_ns < b->next_ns : a->order < b->order;
}

static void sift_down(struct merge *m, size_t i)
{
	struct source moved = m->heap[i];

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= m->count)
			break;
		if (child + 1 < m->count && before(&m->heap[child + 1], &m->heap[child]))
			child++;
		if (!before(&m->heap[child], &moved))
			break;
		m->heap[i] = m->heap[child];
		i = child;
	}
	m->heap[i] = moved;
}

static int start_heap(struct merge *m)
{
	const struct fetch_job *j = m->job;

	m->heap = malloc((j->count + 1) * sizeof(*m->heap));
	if (m->heap == NULL)
		return -ENOMEM;
	m->count = j->count;
	for (size_t i = 0; i < j->count; i++)
		m->heap[i] =
		    (struct source){.next_ns = j->parts[i]->tally.first_ns, .order = (uint32_t)i};
	for (size_t i = m->count / 2; i > 0; i--)
		sift_down(m, i - 1);
	return 0;
}

/* ---- memory ---- */

/* The one whose next packet is the farthest in the future comes first. */
static int farthest_first(const void *x, const void *y)
{
	const struct source *a = *(const struct source *const *)x;
	const struct source *b = *(const struct source *const *)y;

	return before(b, a) ? -1 : 1;
}

/* Pointers to the parts that hold something. Returns how many, where there is room for them. */
static size_t list_holders(const struct merge *m, const struct source **ret_holders)
{
	size_t n = 0;

	for (size_t i = 0; i < m->count; i++)
		if (m->heap[i].file != NULL && flowfile_held(m->heap[i].file) > 0)
			ret_holders[n++] = &m->heap[i];
	return n;
}

/* Is much more inflated than given? Then what was evicted was needed soon. */
static bool is_wasteful(struct merge *m)
{
	uint64_t inflated = flowfile_pool_inflated(m->pool) - m->inflated_then;
	uint64_t given = m->given - m->given_then;

	m->inflated_then += inflated;
	m->given_then += given;
	return inflated / WASTE > given;
}

/*
 * Gets down to half of the budget, so that this is not done for every packet.
 *
 * Where flows come in bursts, those that wait long are evicted, and come back once. Where all of
 * them go on evenly, each part that comes back drives others out, and inflates a whole member for
 * the one packet that it gives before it is driven out again: then none takes more than its share
 * from there on.
 */
static int evict(struct merge *m)
{
	const struct source **holders = malloc((m->under_way + 1) * sizeof(*holders));
	size_t n;

	if (holders == NULL)
		return -ENOMEM;
	n = list_holders(m, holders);
	qsort(holders, n, sizeof(*holders), farthest_first);
	for (size_t i = 0; i + 1 < n && flowfile_pool_held(m->pool) > m->budget / 2; i++) {
		flowfile_evict(holders[i]->file);
		m->totals.evictions++;
	}
	free(holders);
	if (is_wasteful(m))
		m->sharing = true;
	return 0;
}

/* Before a part is asked for its next packet, which may fill its buffer. */
static void share_memory(struct merge *m)
{
	if (m->sharing)
		flowfile_pool_limit(m->pool, m->budget / 2 / m->under_way);
}

/* ---- merging ---- */

/* The part on top has no more, or no more that can be read. */
static void leave(struct merge *m, int answer)
{
	struct source *top = &m->heap[0];

	if (answer < 0) {
		m->totals.bad_parts++;
		partfile_complain(flowfile_part(top->file), flowfile_error(top->file), m->job->bad,
		    m->job->bad_arg);
	}
	flowfile_close(top->file);
	m->under_way--;
	m->heap[0] = m->heap[--m->count];
}

/* Gets the next packet of the part on top; one that has no more leaves. Returns 0; -ENOMEM. */
static int advance(struct merge *m)
{
	struct source *top = &m->heap[0];
	struct flowfile_packet next;
	int rv;

	share_memory(m);
	rv = flowfile_next(top->file, &next);
	if (rv == 1)
		top->next_ns = next.ts_ns;
	else
		leave(m, rv);
	if (m->count > 0)
		sift_down(m, 0);
	if (rv == -ENOMEM)
		return rv;
	return flowfile_pool_held(m->pool) > m->budget ? evict(m) : 0;
}

static int open_source(struct merge *m, struct source *s)
{
	const struct part *p = m->job->parts[s->order];
	int rv = flowfile_open(m->pool, p, &s->file);

	if (rv == 0) {
		m->under_way++;
		s->interface = packetout_interface(m->out, p);
	}
	return rv;
}

static int write_packet(struct merge *m, struct source *s, const struct flowfile_packet *packet)
{
	char record[PARTFILE_RECORD_SIZE] = "";
	struct packetout_packet p = {.part = m->job->parts[s->order],
	    .packet = packet,
	    .interface = s->interface,
	    .record = record};

	if (m->job->as == FETCH_AS_PCAPNG && flowfile_number(s->file) == 1)
		(void)flowfile_record(s->file, record);
	m->totals.pkts++;
	m->given += packet->length;
	return packetout_write(m->out, &p);
}

/* Writes the packet of the part on top, which may have to be inflated again, and goes on. */
static int give(struct merge *m)
{
	struct source *top = &m->heap[0];
	struct flowfile_packet packet;
	int rv;

	share_memory(m);
	rv = flowfile_again(top->file, &packet);
	if (rv != 1) {
		leave(m, rv);
		if (m->count > 0)
			sift_down(m, 0);
		return rv == -ENOMEM ? rv : 0;
	}
	rv = write_packet(m, top, &packet);
	return rv == 0 ? advance(m) : rv;
}

static int run(struct merge *m)
{
	int rv = 0;

	while (rv == 0 && m->count > 0) {
		struct source *top = &m->heap[0];

		if (top->file != NULL)
			rv = give(m);
		else if ((rv = open_source(m, top)) == 0)
			rv = advance(m);
	}
	return rv;
}

static int merge_parts(const struct fetch_job *job, struct fetch_totals *ret_totals)
{
	struct merge m = {
	    .job = job, .budget = job->budget_bytes > 0 ? job->budget_bytes : FETCH_BUDGET_BYTES};
	struct packetout_config out = {
	    .form = job->as == FETCH_AS_PCAPNG ? PACKETOUT_PCAPNG : PACKETOUT_PCAP,
	    .out = job->out,
	    .parts = job->parts,
	    .count = job->count,
	    .flows = job->flows};
	int rv = packetout_new(&out, &m.out);

	if (rv == 0)
		rv = flowfile_pool_new(&job->places, &m.pool);
	if (rv == 0)
		rv = start_heap(&m);
	if (rv == 0)
		rv = run(&m);
	for (size_t i = 0; i < m.count && m.heap != NULL; i++)
		flowfile_close(m.heap[i].file);
	m.totals.bytes = m.out != NULL ? packetout_bytes(m.out) : 0;
	free(m.heap);
	flowfile_pool_free(m.pool);
	packetout_free(m.out);
	if (rv == 0)
		*ret_totals = m.totals;
	return rv;
}

static int copy_parts(const struct fetch_job *job, struct fetch_totals *ret_totals)
{
	struct rawcopy copy = {.places = job->places,
	    .parts = job->parts,
	    .count = job->count,
	    .out = job->out,
	    .bad = job->bad,
	    .bad_arg = job->bad_arg};
	int rv = rawcopy_run(&copy);

	if (rv == 0)
		*ret_totals = (struct fetch_totals){
		    .pkts = copy.pkts, .bytes = copy.bytes, .bad_parts = copy.bad_parts};
	return rv;
}

int fetch_parts(const struct fetch_job *job, struct fetch_totals *ret_totals)
{
	if (job->as != FETCH_AS_PCAPNG && fetch_other_linktype(job->parts, job->count) != NULL)
		return -EMEDIUMTYPE;
	return job->as == FETCH_AS_RAW ? copy_parts(job, ret_totals) : merge_parts(job, ret_totals);
}
