/* SPDX-License-Identifier: BSD-2-Clause */
/* flowkeep find: list the flows of an archive, one per line. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "archive/layout.h"
#include "base/log.h"
#include "cmd/commands.h"
#include "cmd/flowlist.h"
#include "cmd/reading.h"
#include "fetch/query.h"

/* Nothing, or "uuid PREFIX". */
static int parse_expression(const struct options *o, struct query_words *ret_words)
{
	char printable[2 * LAYOUT_UUID_SIZE];

	*ret_words = (struct query_words){.match = DAYINDEX_PREFIX};
	if (o->arg_count == 0)
		return 0;
	if (o->arg_count != 2 || strcmp(o->args[0], "uuid") != 0) {
		log_error("options",
		    "find: not an expression: '%s'; legal: nothing, or uuid PREFIX",
		    log_printable(printable, sizeof(printable), o->args[0]));
		return -EINVAL;
	}
	if (!layout_prefix_valid(o->args[1])) {
		log_error("options",
		    "find: no UUID begins with '%s'; legal: 1 to %d characters of A-Z a-z 0-9 . _ "
		    "-",
		    log_printable(printable, sizeof(printable), o->args[1]), LAYOUT_UUID_MAX);
		return -EINVAL;
	}
	ret_words->words = (const char *const *)&o->args[1];
	ret_words->count = 1;
	return 0;
}

static int list(struct query *q, const struct options *o)
{
	const struct query_flow *flows;
	size_t n;
	int rv;

	query_sort_by_start(q);
	flows = query_flows(q, &n);
	if (n == 0)
		log_info("find", "no such flow");
	if (o->limit > 0 && n > o->limit)
		n = (size_t)o->limit;
	rv = flowlist_print(stdout, o->format, flows, n);
	if (rv == -EPIPE)
		rv = 0; /* the reader has seen enough */
	if (rv != 0) {
		log_error("find", "cannot write to the standard output: %s", strerror(-rv));
		return EXIT_NOTHING;
	}
	return n > 0 ? EXIT_OK : EXIT_PARTLY;
}

static int find(const struct options *o, struct archive *a, const struct query_words *w)
{
	struct reading_faults faults = {.component = "find"};
	struct query *q = NULL;
	int status = EXIT_NOTHING;
	int rv = query_new(a, reading_bad, &faults, &q);

	if (rv == 0)
		rv = query_find(q, w);
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
	struct query_words w;
	struct archive *a;
	int status;

	if (parse_expression(o, &w) != 0)
		return EXIT_USAGE;
	if (reading_open("find", o->dir, &a) != 0)
		return EXIT_NOTHING;
	status = find(o, a, &w);
	archive_close(a);
	return status;
}
