/* SPDX-License-Identifier: BSD-2-Clause */
/* flowkeep fetch: give flows back, by UUID or by an expression, as one capture file. */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/commands.h"
#include "cmd/exprtext.h"
#include "cmd/fetchwords.h"
#include "cmd/reading.h"
#include "cmd/report.h"
#include "fetch/expr.h"
#include "fetch/fetch.h"
#include "fetch/query.h"

/* Open flows that are named where an expression finds many. */
#define OPEN_NAMED 10u

struct fetching {
	const struct options *options;
	struct archive *archive;
	struct reading_faults faults;
	struct query *query;
	struct fetchwords *words; /* NULL: an expression is asked for */
	struct expr *expression;
	bool *chosen;              /* per flow of the query */
	const struct part **parts; /* of the chosen flows */
	size_t part_count, flow_count;
	bool incomplete; /* a word has no flow, or a flow is still open; or nothing is found */
};

/* ---- what is asked for ---- */

/* An expression finds what is published: that more of it is to come is said, and no fault. */
static void say_open_flows(const struct fetching *x, const struct query_flow *f, size_t flows)
{
	char uuid[LAYOUT_UUID_SIZE];
	size_t open = 0;

	for (size_t i = 0; i < flows; i++)
		if (x->chosen[i] && f[i].staged && ++open <= OPEN_NAMED)
			fetchwords_say_open(x->archive, partlist_uuid(f[i].parts[0], uuid));
	if (open > OPEN_NAMED)
		log_warning("fetch", "%zu more flows are %s; continuing with what is published",
		    open - OPEN_NAMED,
		    archive_has_writer(x->archive) ? "still open" : "left unfinished");
}

/* All flows that the expression found, or the first of them. */
static int choose_found(struct fetching *x)
{
	uint64_t limit = x->options->limit;
	const struct query_flow *f;
	size_t flows;

	if (limit > 0)
		query_sort(x->query, QUERY_BY_START, false);
	f = query_flows(x->query, &flows);
	for (size_t i = 0; i < flows; i++)
		x->chosen[i] = limit == 0 || i < limit;
	if (flows == 0) {
		x->incomplete = true;
		log_error("fetch", "no flow fulfils the expression");
	}
	say_open_flows(x, f, flows);
	return 0;
}

/* Returns 0; -ENOMEM; -ENOTUNIQ after saying which words are ambiguous. */
static int choose_named(struct fetching *x)
{
	int rv = fetchwords_choose(x->words, x->archive, x->query, &x->faults, x->chosen);

	if (rv == 1)
		x->incomplete = true;
	return rv < 0 ? rv : 0;
}

static int choose(struct fetching *x)
{
	size_t flows;

	(void)query_flows(x->query, &flows);
	x->chosen = calloc(flows + 1, sizeof(*x->chosen));
	if (x->chosen == NULL)
		return -ENOMEM;
	return x->words != NULL ? choose_named(x) : choose_found(x);
}

static int search(struct fetching *x)
{
	int rv = query_new(x->archive, reading_bad, &x->faults, &x->query);

	if (rv == 0 && x->words != NULL)
		return fetchwords_search(x->words, x->query);
	if (rv == 0)
		rv = query_select(x->query, x->expression);
	if (rv == 0)
		rv = query_group(x->query);
	return rv;
}

static int parts_by_time(const void *x, const void *y)
{
	const struct part *a = *(const struct part *const *)x, *b = *(const struct part *const *)y;
	int order = partlist_by_time(a, b);

	return order != 0 ? order : partlist_by_flow(a, b);
}

static int gather_parts(struct fetching *x)
{
	size_t flows, n = 0;
	const struct query_flow *f = query_flows(x->query, &flows);

	for (size_t i = 0; i < flows; i++)
		n += x->chosen[i] ? f[i].count : 0;
	x->parts = malloc((n + 1) * sizeof(*x->parts));
	if (x->parts == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < flows; i++) {
		x->flow_count += x->chosen[i];
		for (size_t j = 0; x->chosen[i] && j < f[i].count; j++)
			x->parts[x->part_count++] = f[i].parts[j];
	}
	qsort(x->parts, n, sizeof(*x->parts), parts_by_time);
	return 0;
}

/* ---- giving it ---- */

static void say_linktypes(const struct fetching *x)
{
	const struct part *other = fetch_other_linktype(x->parts, x->part_count);
	char a[LAYOUT_UUID_SIZE], b[LAYOUT_UUID_SIZE];

	log_error("fetch",
	    "one pcap cannot hold two link types: %" PRIu32 " ('%s') and %" PRIu32
	    " ('%s'); fetch them one by one, or with --format pcapng",
	    x->parts[0]->key.linktype, partlist_uuid(x->parts[0], a), other->key.linktype,
	    partlist_uuid(other, b));
}

static int locate(struct part *p, void *query)
{
	return query_locate(query, p);
}

static enum fetch_as form_of(const struct options *o)
{
	if (o->raw)
		return FETCH_AS_RAW;
	return o->fetch_format == FETCH_PCAPNG ? FETCH_AS_PCAPNG : FETCH_AS_PCAP;
}

/* What was pruned meanwhile is no damage: it is not there any more. */
static void bad_part(const char *path, const char *reason, void *arg)
{
	struct fetching *x = arg;

	if (strstr(reason, PARTFILE_REMOVED) == NULL) {
		reading_bad(path, reason, &x->faults);
		return;
	}
	x->incomplete = true;
	log_error("fetch", "not found: '%s': %s", path, reason);
}

static int write_parts(struct fetching *x, struct fetch_totals *totals)
{
	const struct options *o = x->options;
	struct fetch_job job = {
	    .places = {.archive = x->archive, .locate = locate, .locate_arg = x->query},
	    .parts = x->parts,
	    .count = x->part_count,
	    .flows = x->flow_count,
	    .as = form_of(o),
	    .bad = bad_part,
	    .bad_arg = x};
	/* what is copied raw is gzip'd as it is */
	int rv =
	    outfile_new(o->write_path, o->gzip && !o->raw ? OUTFILE_GZIP : OUTFILE_PLAIN, &job.out);

	if (rv != 0)
		return rv;
	rv = fetch_parts(&job, totals);
	if (rv == 0)
		rv = outfile_commit(job.out);
	outfile_free(job.out);
	return rv;
}

/* Returns the exit status. */
static int deliver(struct fetching *x)
{
	const char *path = x->options->write_path;
	struct fetch_totals t = {0};
	char size[REPORT_BYTES_SIZE], printable[512];
	int rv = write_parts(x, &t);

	if (rv == -EMEDIUMTYPE) {
		say_linktypes(x);
		return EXIT_USAGE;
	}
	if (rv != 0 && rv != -EPIPE) { /* a reader that has seen enough is no fault */
		log_error("fetch", "cannot write: '%s': %s",
		    log_printable(printable, sizeof(printable), path != NULL ? path : "-"),
		    strerror(-rv));
		return EXIT_NOTHING;
	}
	if (rv == 0)
		log_info("fetch", "%zu part%s, %" PRIu64 " packet%s, %s", x->part_count,
		    x->part_count == 1 ? "" : "s", t.pkts, t.pkts == 1 ? "" : "s",
		    report_bytes(t.bytes, size));
	if (t.evictions > 0)
		log_debug("fetch", "%" PRIu64 " times a part was inflated again, to save memory",
		    t.evictions);
	return x->incomplete ? EXIT_PARTLY : EXIT_OK;
}

static int fetch(struct fetching *x)
{
	int rv = search(x), status = EXIT_PARTLY;

	if (rv == 0)
		rv = choose(x);
	if (rv == 0)
		rv = gather_parts(x);
	if (rv == -ENOTUNIQ)
		return EXIT_USAGE;
	if (rv != 0) {
		log_error("fetch", "cannot search the archive: '%s': %s", archive_path(x->archive),
		    strerror(-rv));
		return EXIT_NOTHING;
	}
	if (x->part_count > 0)
		status = deliver(x);
	return x->faults.count > 0 && status != EXIT_USAGE ? EXIT_NOTHING : status;
}

/* ---- the command line ---- */

static bool writes_to_terminal(const struct options *o)
{
	return (o->write_path == NULL || strcmp(o->write_path, "-") == 0) &&
	       isatty(STDOUT_FILENO) == 1;
}

/* Returns what is wrong with the command line, NULL for nothing. */
static const char *find_fault(const struct options *o)
{
	if (o->expression != NULL && o->arg_count > 0)
		return "fetch takes UUIDs or an expression (-e), not both";
	if (o->expression == NULL && o->arg_count == 0)
		return "fetch needs a UUID, or how one begins, or an expression (-e)";
	if (o->limit > 0 && o->expression == NULL)
		return "fetch takes --limit with an expression (-e) only";
	if (o->raw && o->fetch_format == FETCH_PCAPNG)
		return "fetch --raw gives what is stored, which is pcap: without --format pcapng";
	return NULL;
}

/* Returns 0; -EINVAL, -ENOMEM after saying what is wrong. */
static int take_arguments(struct fetching *x)
{
	const struct options *o = x->options;
	int rv;

	if (o->expression != NULL)
		return exprtext_parse("fetch", o->expression, &x->expression);
	rv = fetchwords_new(o->args, o->arg_count, &x->words);
	if (rv == -ENOMEM)
		log_error("fetch", "%s", strerror(-rv));
	return rv;
}

int cmd_fetch(const struct options *o)
{
	struct fetching x = {.options = o, .faults = {.component = "fetch"}};
	const char *fault = find_fault(o);
	int rv, status = EXIT_NOTHING;

	if (fault != NULL) {
		log_error("options", "%s", fault);
		return EXIT_USAGE;
	}
	if (writes_to_terminal(o)) {
		log_error("fetch", "a pcap is not for a terminal: use -w FILE, or a pipe");
		return EXIT_USAGE;
	}
	rv = take_arguments(&x);
	if (rv == -EINVAL)
		status = EXIT_USAGE;
	else if (rv == 0 && reading_open("fetch", o->dir, &x.archive) == 0)
		status = fetch(&x);
	query_free(x.query);
	archive_close(x.archive);
	expr_free(x.expression);
	fetchwords_free(x.words);
	free(x.parts);
	free(x.chosen);
	return status;
}
