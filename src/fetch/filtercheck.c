/* SPDX-License-Identifier: BSD-2-Clause */
/* See filtercheck.h. */
#include "fetch/filtercheck.h"

#include "archive/dayfilter.h"

struct check {
	const struct dayfilter *filter;
	uint64_t hidden;
};

static int check_row(const struct record *r, void *arg)
{
	struct check *c = arg;

	c->hidden += dayfilter_lacks(c->filter, r->uuid);
	return 0;
}

/* Who changes an index takes its filter away first: one that counts afterwards counted throughout.
 */
int filtercheck(struct archive *a, int32_t day, struct dayindex *x, uint64_t *ret_hidden)
{
	struct dayfilter *before, *after;
	struct check c = {NULL, 0};
	int rv;

	*ret_hidden = 0;
	if (dayfilter_open(a, day, &before) != 0)
		return 0;
	c.filter = before;
	rv = dayindex_select(x, NULL, DAYINDEX_PREFIX, check_row, &c);
	if (rv == 0 && dayfilter_open(a, day, &after) == 0) {
		*ret_hidden = c.hidden;
		dayfilter_free(after);
	}
	dayfilter_free(before);
	return rv;
}
