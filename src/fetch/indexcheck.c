/* SPDX-License-Identifier: BSD-2-Clause */
/* See indexcheck.h. */
#include "fetch/indexcheck.h"

#include <errno.h>

/* True of every row of an index whose tables and indexes contradict each other. */
#define DAMAGED "(SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok') > 0"

static int is_damaged(const struct record *row, void *arg)
{
	(void)row;
	(void)arg;
	return -EBADMSG;
}

/* Where there are no rows, nothing can be missed. */
int indexcheck_structure(struct dayindex *x)
{
	const struct dayindex_where w = {.sql = DAMAGED};

	return dayindex_select_where(x, &w, is_damaged, NULL);
}

void indexcheck_add(struct dayindex_summary *sum, const struct record *row)
{
	sum->parts++;
	sum->packets += row->tally.pkts[0] + row->tally.pkts[1];
	sum->bytes += row->tally.bytes[0] + row->tally.bytes[1];
	sum->length += row->length;
	sum->segment_parts += row->segment != 0;
}

bool indexcheck_same(const struct dayindex_summary *summary, const struct dayindex_summary *rows)
{
	return summary->parts == rows->parts && summary->packets == rows->packets &&
	       summary->bytes == rows->bytes && summary->length == rows->length &&
	       summary->segment_parts == rows->segment_parts;
}

static int add_row(const struct record *row, void *sum)
{
	indexcheck_add(sum, row);
	return 0;
}

int indexcheck(struct dayindex *x)
{
	struct dayindex_summary said, sum = {0}, again;
	int rv = indexcheck_structure(x);

	if (rv == 0)
		rv = dayindex_summary(x, &said);
	if (rv == 0)
		rv = dayindex_select(x, NULL, DAYINDEX_PREFIX, add_row, &sum);
	if (rv == 0)
		rv = dayindex_summary(x, &again);
	/* Somebody may pin a part in between, who holds no day. */
	if (rv == 0 && indexcheck_same(&said, &again) && !indexcheck_same(&said, &sum))
		rv = -EBADMSG;
	return rv;
}
