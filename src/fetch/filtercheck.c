/* SPDX-License-Identifier: BSD-2-Clause */
/* See filtercheck.h. */
#include "fetch/filtercheck.h"

#include "archive/dayfilter.h"

void filtercheck_begin(struct filtercheck *c, struct archive *a, int32_t day)
{
	*c = (struct filtercheck){.archive = a, .day = day};
	(void)dayfilter_open(a, day, &c->filter); /* none: the index is asked */
}

void filtercheck_row(struct filtercheck *c, const char *uuid)
{
	c->hidden += c->filter != NULL && dayfilter_lacks(c->filter, uuid);
}

/* Who changes an index takes its filter away first: one that counts now counted throughout. */
uint64_t filtercheck_end(struct filtercheck *c)
{
	struct dayfilter *now;

	dayfilter_free(c->filter); /* takes NULL */
	c->filter = NULL;
	if (c->hidden == 0 || dayfilter_open(c->archive, c->day, &now) != 0)
		return 0;
	dayfilter_free(now);
	return c->hidden;
}
