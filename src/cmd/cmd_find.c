/* SPDX-License-Identifier: BSD-2-Clause */
/* flowkeep find: list the flows of an archive of which an expression is true, one per line. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/log.h"
#include "cmd/commands.h"
#include "cmd/exprtext.h"
#include "cmd/flowlist.h"
#include "cmd/reading.h"
#include "fetch/query.h"

/* The words as an expression; NULL where there are none. Says what is wrong with it. */
static int parse_words(const struct options *o, struct expr **ret_expr)
{
	char *text;
	int rv;

	*ret_expr = NULL;
	if (o->arg_count == 0)
		return 0;
	rv = exprtext_join(o->args, o->arg_count, &text);
	if (rv != 0) {
		log_error("find", "%s", strerror(-rv));
		return rv;
	}
	rv = exprtext_parse("find", text, ret_expr);
	free(text);
	return rv;
}

static int print_count(size_t n)
{
	errno = 0;
	if (printf("%zu\n", n) < 0 || fflush(stdout) != 0)
		return errno != 0 ? -errno : -EIO;
	return 0;
}

static int print_flows(struct query *q, const struct options *o)
{
	const struct flowlist_style style = {
	    .format = o->format, .relative = o->relative, .now_ns = clk_wall().ns};
	const struct query_flow *flows;
	size_t n;

	query_sort(q, o->order, o->descending);
	flows = query_flows(q, &n);
	if (n == 0)
		log_info("find", "no such flow");
	if (o->limit > 0 && n > o->limit)
		n = (size_t)o->limit;
	return flowlist_print(stdout, &style, flows, n);
}

static int list(struct query *q, const struct options *o)
{
	size_t n;
	int rv;

	(void)query_flows(q, &n);
	rv = o->count ? print_count(n) : print_flows(q, o);
	if (rv == -EPIPE)
		rv = 0; /* the reader has seen enough */
	if (rv != 0) {
		log_error("find", "cannot write to the standard output: %s", strerror(-rv));
		return EXIT_NOTHING;
	}
	return n > 0 ? EXIT_OK : EXIT_PARTLY;
}

static int find(const struct options *o, struct archive *a, const struct expr *e)
{
	struct reading_faults faults = {.component = "find"};
	struct query *q = NULL;
	int status = EXIT_NOTHING;
	int rv = query_new(a, reading_bad, &faults, &q);

	if (rv == 0)
		rv = query_select(q, e);
	if (rv == 0)
		rv = query_group(q);
	if (rv == 0)
		status = list(q, o);
	else
		log_error(
		    "find", "cannot search the archive: '%s': %s", archive_path(a), strerror(-rv));
	query_free(q);
	return faults.count > 0 ? EXIT_NOTHING : status;
}

int cmd_find(const struct options *o)
{
	struct archive *a;
	struct expr *e;
	int status = EXIT_NOTHING;
	int rv = parse_words(o, &e);

	if (rv != 0)
		return rv == -EINVAL ? EXIT_USAGE : EXIT_NOTHING;
	if (reading_open("find", o->dir, &a) == 0) {
		status = find(o, a, e);
		archive_close(a);
	}
	expr_free(e);
	return status;
}
