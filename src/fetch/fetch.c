/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See fetch.h. A heap of all parts, the one with the earliest next packet on top. A part that was
 * not opened yet stands there with the time that the index gives for its first packet.
 */
#include "fetch/fetch.h"

#include <errno.h>
#include <stdlib.h>

#include "fetch/flowfile.h"
#include "pcapfile/pcapfmt.h"

struct source {
	int64_t next_ns;             /* time of its next packet */
	uint32_t order;              /* its place in the job */
	struct flowfile *file;       /* NULL: not opened yet */
	struct flowfile_packet next; /* where it is open */
};

struct merge {
	const struct fetch_job *job;
	struct inflater *inflater;
	struct source *heap;
	size_t count;
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

static void complain(struct merge *m, const struct source *s)
{
	char path[PARTLIST_PATH_SIZE];

	m->totals.bad_parts++;
	m->job->bad(
	    partlist_path(m->job->parts[s->order], path), flowfile_error(s->file), m->job->bad_arg);
}

/* Gets the next packet of the part on top; one that has no more leaves. Returns 0; -ENOMEM. */
static int advance(struct merge *m)
{
	struct source *top = &m->heap[0];
	int rv = flowfile_next(top->file, &top->next);

	if (rv == 1) {
		top->next_ns = top->next.ts_ns;
	} else {
		if (rv < 0)
			complain(m, top);
		flowfile_close(top->file);
		m->heap[0] = m->heap[--m->count];
	}
	if (m->count > 0)
		sift_down(m, 0);
	return rv == -ENOMEM ? rv : 0;
}

static int write_packet(struct merge *m, const struct source *s)
{
	struct outfile *out = m->job->out;
	uint8_t header[PCAPFMT_FILE_HEADER_BYTES];
	int rv = 0;

	if (m->totals.pkts == 0) {
		pcapfmt_file_header(m->job->parts[0]->key.linktype, header);
		rv = outfile_write(out, header, sizeof(header));
		m->totals.bytes += sizeof(header);
	}
	if (rv == 0)
		rv = outfile_write(out, s->next.bytes, s->next.length);
	m->totals.pkts++;
	m->totals.bytes += s->next.length;
	return rv;
}

static int run(struct merge *m)
{
	int rv = 0;

	while (rv == 0 && m->count > 0) {
		struct source *top = &m->heap[0];

		if (top->file == NULL)
			rv = flowfile_open(
			    m->job->archive, m->job->parts[top->order], m->inflater, &top->file);
		else
			rv = write_packet(m, top);
		if (rv == 0)
			rv = advance(m);
	}
	return rv;
}

int fetch_parts(const struct fetch_job *job, struct fetch_totals *ret_totals)
{
	struct merge m = {.job = job};
	int rv;

	if (fetch_other_linktype(job->parts, job->count) != NULL)
		return -EMEDIUMTYPE;
	rv = flowfile_inflater_new(&m.inflater);
	if (rv == 0)
		rv = start_heap(&m);
	if (rv == 0)
		rv = run(&m);
	for (size_t i = 0; i < m.count && m.heap != NULL; i++)
		flowfile_close(m.heap[i].file);
	free(m.heap);
	flowfile_inflater_free(m.inflater);
	if (rv == 0)
		*ret_totals = m.totals;
	return rv;
}
