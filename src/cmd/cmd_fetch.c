/* SPDX-License-Identifier: BSD-2-Clause */
/* flowkeep fetch: give flows back by UUID, as one pcap. */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/layout.h"
#include "base/log.h"
#include "cmd/commands.h"
#include "cmd/reading.h"
#include "cmd/report.h"
#include "fetch/fetch.h"
#include "fetch/query.h"
#include "fetch/unindexed.h"

/* Flows that are named when a prefix fits several. */
#define CANDIDATES 10u

struct fetching {
	const struct options *options;
	struct archive *archive;
	struct reading_faults faults;
	struct query *query;
	const char **words; /* what was asked for, sorted, each once */
	bool *exact;        /* per word: it is the whole UUID of a flow */
	size_t word_count;
	bool *chosen;              /* per flow of the query */
	const struct part **parts; /* of the chosen flows */
	size_t part_count;
	bool incomplete; /* a word has no flow, or a flow is still open */
};

static int compare_words(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Returns 0; -ENOMEM; -EINVAL after saying which word is no UUID. */
static int take_words(struct fetching *x)
{
	const struct options *o = x->options;
	size_t kept = 0;

	x->words = malloc(o->arg_count * sizeof(*x->words));
	x->exact = calloc(o->arg_count, sizeof(*x->exact));
	if (x->words == NULL || x->exact == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < o->arg_count; i++) {
		char printable[2 * LAYOUT_UUID_SIZE];

		if (!layout_prefix_valid(o->args[i])) {
			log_error("options",
			    "fetch: not a UUID: '%s'; legal: 1 to %d characters of A-Z a-z 0-9 . _ "
			    "-",
			    log_printable(printable, sizeof(printable), o->args[i]),
			    LAYOUT_UUID_MAX);
			return -EINVAL;
		}
		x->words[i] = o->args[i];
	}
	qsort(x->words, o->arg_count, sizeof(*x->words), compare_words);
	for (unsigned i = 0; i < o->arg_count; i++)
		if (kept == 0 || strcmp(x->words[kept - 1], x->words[i]) != 0)
			x->words[kept++] = x->words[i];
	x->word_count = kept;
	return 0;
}

static const char *uuid_of(const struct query_flow *f, char *buf)
{
	return partlist_uuid(f->parts[0], buf);
}

/* Marks the words that are whole UUIDs, and gathers the others, which may be beginnings of some. */
static size_t find_exact(struct fetching *x, const char **ret_others)
{
	char uuid[LAYOUT_UUID_SIZE];
	size_t flows, others = 0;
	const struct query_flow *f = query_flows(x->query, &flows);

	for (size_t i = 0; i < x->word_count; i++) {
		size_t at = query_lower_bound(x->query, x->words[i]);

		x->exact[i] = at < flows && strcmp(uuid_of(&f[at], uuid), x->words[i]) == 0;
		if (!x->exact[i])
			ret_others[others++] = x->words[i];
	}
	return others;
}

/* Looks for whole UUIDs; for what is none of them, as the beginning of one. */
static int search(struct fetching *x)
{
	struct query_words w = {x->words, x->word_count, DAYINDEX_EXACT};
	const char **others = malloc(x->word_count * sizeof(*others));
	int rv = others != NULL ? query_find(x->query, &w) : -ENOMEM;

	if (rv == 0)
		rv = query_group(x->query);
	if (rv == 0) {
		w = (struct query_words){others, find_exact(x, others), DAYINDEX_PREFIX};
		if (w.count > 0)
			rv = query_find(x->query, &w);
		if (rv == 0 && w.count > 0)
			rv = query_group(x->query);
	}
	free(others);
	return rv;
}

static void say_ambiguous(const struct fetching *x, const char *word, size_t at)
{
	char uuid[LAYOUT_UUID_SIZE], last[LAYOUT_UUID_SIZE] = "";
	size_t flows, uuids = 0;
	const struct query_flow *f = query_flows(x->query, &flows);

	log_error("fetch", "ambiguous: '%s' begins several UUIDs:", word);
	for (; at < flows && strncmp(uuid_of(&f[at], uuid), word, strlen(word)) == 0; at++) {
		if (strcmp(uuid, last) != 0 && ++uuids <= CANDIDATES)
			log_error("fetch", "  %s", uuid);
		memcpy(last, uuid, sizeof(last));
	}
	if (uuids > CANDIDATES)
		log_error("fetch", "  and %zu more", uuids - CANDIDATES);
}

/* What a word means: all flows of one UUID, be it whole or the only one that begins so. */
struct chosen_word {
	unsigned flows;
	char uuid[LAYOUT_UUID_SIZE]; /* of the flows; "" where there are none */
};

/* Returns 0; -ENOTUNIQ after saying which flows it could be. */
static int choose(struct fetching *x, size_t word, struct chosen_word *c)
{
	const char *text = x->words[word];
	size_t len = strlen(text) + x->exact[word], flows,
	       first = query_lower_bound(x->query, text);
	const struct query_flow *f = query_flows(x->query, &flows);
	char uuid[LAYOUT_UUID_SIZE];

	for (size_t at = first; at < flows && strncmp(uuid_of(&f[at], uuid), text, len) == 0;
	     at++) {
		if (c->flows++ == 0)
			memcpy(c->uuid, uuid, sizeof(uuid));
		if (strcmp(uuid, c->uuid) != 0) {
			say_ambiguous(x, text, first);
			return -ENOTUNIQ;
		}
		x->chosen[at] = true;
	}
	if (c->flows > 1)
		log_warning("fetch",
		    "'%s' names %u flows with different ends; continuing with all of them", c->uuid,
		    c->flows);
	return 0;
}

/* What lies in the staging area of each word: of its very flow, or of one that begins so. */
static int look_at_staging(
    struct fetching *x, const char *const *words, enum dayindex_match match, bool *staged)
{
	struct query_words w = {words, x->word_count, match};
	int rv = unindexed_staged(x->archive, &w, staged);

	if (rv != 0 && rv != -ENOMEM) {
		reading_bad(".staging", strerror(-rv), &x->faults);
		rv = 0;
	}
	return rv;
}

/* A word without a flow. */
static void say_missing(struct fetching *x, const char *word, bool staged)
{
	x->incomplete = true;
	if (!staged)
		log_error("fetch", "not found: '%s'", word);
	else if (archive_has_writer(x->archive))
		log_error("fetch", "still open: '%s'; nothing of it is published yet", word);
	else
		log_error(
		    "fetch", "left unfinished: '%s'; the next capture to start publishes it", word);
}

/* A flow of which more is to come. */
static void say_open(struct fetching *x, const char *uuid)
{
	x->incomplete = true;
	log_warning("fetch", "%s: '%s'; continuing with what is published",
	    archive_has_writer(x->archive) ? "still open" : "left unfinished", uuid);
}

/* Says how the words stand that are not, or not completely, in the archive. */
static int say_incomplete(struct fetching *x, const struct chosen_word *chosen)
{
	bool *exact = calloc(x->word_count, sizeof(*exact)),
	     *begun = calloc(x->word_count, sizeof(*begun));
	const char **uuids = malloc(x->word_count * sizeof(*uuids));
	int rv = exact != NULL && begun != NULL && uuids != NULL ? 0 : -ENOMEM;

	for (size_t i = 0; i < x->word_count && rv == 0; i++)
		uuids[i] = chosen[i].uuid;
	if (rv == 0)
		rv = look_at_staging(x, uuids, DAYINDEX_EXACT, exact);
	if (rv == 0)
		rv = look_at_staging(x, x->words, DAYINDEX_PREFIX, begun);
	for (size_t i = 0; i < x->word_count && rv == 0; i++) {
		if (chosen[i].flows == 0)
			say_missing(x, x->words[i], begun[i]);
		else if (exact[i])
			say_open(x, uuids[i]);
	}
	free(uuids);
	free(begun);
	free(exact);
	return rv;
}

/* From words to flows. Returns 0; -ENOMEM; -ENOTUNIQ after saying which words are ambiguous. */
static int choose_all(struct fetching *x)
{
	struct chosen_word *chosen = calloc(x->word_count, sizeof(*chosen));
	int rv = chosen != NULL ? 0 : -ENOMEM;
	size_t flows;

	(void)query_flows(x->query, &flows);
	x->chosen = calloc(flows + 1, sizeof(*x->chosen));
	if (x->chosen == NULL)
		rv = -ENOMEM;
	for (size_t i = 0; i < x->word_count && rv != -ENOMEM; i++)
		if (choose(x, i, &chosen[i]) != 0)
			rv = -ENOTUNIQ;
	if (rv == 0)
		rv = say_incomplete(x, chosen);
	free(chosen);
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
	for (size_t i = 0; i < flows; i++)
		for (size_t j = 0; x->chosen[i] && j < f[i].count; j++)
			x->parts[x->part_count++] = f[i].parts[j];
	qsort(x->parts, n, sizeof(*x->parts), parts_by_time);
	return 0;
}

static void say_linktypes(const struct fetching *x)
{
	const struct part *other = fetch_other_linktype(x->parts, x->part_count);
	char a[LAYOUT_UUID_SIZE], b[LAYOUT_UUID_SIZE];

	log_error("fetch",
	    "one pcap cannot hold two link types: %" PRIu32 " ('%s') and %" PRIu32
	    " ('%s'); fetch them one by one",
	    x->parts[0]->key.linktype, partlist_uuid(x->parts[0], a), other->key.linktype,
	    partlist_uuid(other, b));
}

static int write_parts(struct fetching *x, struct fetch_totals *totals)
{
	struct fetch_job job = {.archive = x->archive,
	    .parts = x->parts,
	    .count = x->part_count,
	    .bad = reading_bad,
	    .bad_arg = &x->faults};
	int rv = outfile_new(x->options->write_path, &job.out);

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
	return x->incomplete ? EXIT_PARTLY : EXIT_OK;
}

static int fetch(struct fetching *x)
{
	int rv = query_new(x->archive, reading_bad, &x->faults, &x->query), status = EXIT_PARTLY;

	if (rv == 0)
		rv = search(x);
	if (rv == 0)
		rv = choose_all(x);
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

static bool writes_to_terminal(const struct options *o)
{
	return (o->write_path == NULL || strcmp(o->write_path, "-") == 0) &&
	       isatty(STDOUT_FILENO) == 1;
}

int cmd_fetch(const struct options *o)
{
	struct fetching x = {.options = o, .faults = {.component = "fetch"}};
	int rv, status = EXIT_NOTHING;

	if (o->arg_count == 0) {
		log_error("options", "fetch needs a UUID, or how one begins");
		return EXIT_USAGE;
	}
	if (writes_to_terminal(o)) {
		log_error("fetch", "a pcap is not for a terminal: use -w FILE, or a pipe");
		return EXIT_USAGE;
	}
	rv = take_words(&x);
	if (rv == -ENOMEM)
		log_error("fetch", "%s", strerror(-rv));
	else if (rv != 0)
		status = EXIT_USAGE;
	else if (reading_open("fetch", o->dir, &x.archive) == 0)
		status = fetch(&x);
	query_free(x.query);
	archive_close(x.archive);
	free(x.parts);
	free(x.chosen);
	free(x.exact);
	free(x.words);
	return status;
}
