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
#include "packet/ipaddr.h"

struct expression {
	struct query_words words;
	uint8_t host[16]; /* IPv4 as ::ffff:a.b.c.d */
	bool has_host;
};

static int parse_uuid(const char *word)
{
	char printable[2 * LAYOUT_UUID_SIZE];

	if (layout_prefix_valid(word))
		return 0;
	log_error("options",
	    "find: no UUID begins with '%s'; legal: 1 to %d characters of A-Z a-z 0-9 . _ -",
	    log_printable(printable, sizeof(printable), word), LAYOUT_UUID_MAX);
	return -EINVAL;
}

static int parse_host(const char *word, struct expression *e)
{
	char printable[2 * LAYOUT_UUID_SIZE];
	uint8_t addr[16];

	e->has_host = true;
	switch (ipaddr_parse(word, addr)) {
	case 4:
		ipaddr_map(addr, e->host);
		return 0;
	case 6:
		memcpy(e->host, addr, sizeof(e->host));
		return 0;
	}
	log_error("options", "find: '%s' is no address; legal: an IPv4 or IPv6 address",
	    log_printable(printable, sizeof(printable), word));
	return -EINVAL;
}

/* Nothing, "uuid PREFIX" or "host ADDRESS". */
static int parse_expression(const struct options *o, struct expression *ret_expression)
{
	char printable[2 * LAYOUT_UUID_SIZE];

	*ret_expression = (struct expression){.words = {.match = DAYINDEX_PREFIX}};
	if (o->arg_count == 0)
		return 0;
	if (o->arg_count == 2 && strcmp(o->args[0], "host") == 0)
		return parse_host(o->args[1], ret_expression);
	if (o->arg_count == 2 && strcmp(o->args[0], "uuid") == 0) {
		ret_expression->words.words = (const char *const *)&o->args[1];
		ret_expression->words.count = 1;
		return parse_uuid(o->args[1]);
	}
	log_error("options",
	    "find: not an expression: '%s'; legal: nothing, uuid PREFIX, or host ADDRESS",
	    log_printable(printable, sizeof(printable), o->args[0]));
	return -EINVAL;
}

static int list(struct query *q, const struct options *o, const struct expression *e)
{
	const struct query_flow *flows;
	size_t n;
	int rv;

	if (e->has_host)
		query_keep_host(q, e->host);
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

static int find(const struct options *o, struct archive *a, const struct expression *e)
{
	struct reading_faults faults = {.component = "find"};
	struct query *q = NULL;
	int status = EXIT_NOTHING;
	int rv = query_new(a, reading_bad, &faults, &q);

	if (rv == 0)
		rv = query_find(q, &e->words);
	if (rv == 0)
		rv = query_group(q);
	if (rv == 0)
		status = list(q, o, e);
	else
		log_error(
		    "find", "cannot search the archive: '%s': %s", archive_path(a), strerror(-rv));
	query_free(q);
	return faults.count > 0 ? EXIT_NOTHING : status;
}

int cmd_find(const struct options *o)
{
	struct expression e;
	struct archive *a;
	int status;

	if (parse_expression(o, &e) != 0)
		return EXIT_USAGE;
	if (reading_open("find", o->dir, &a) != 0)
		return EXIT_NOTHING;
	status = find(o, a, &e);
	archive_close(a);
	return status;
}
