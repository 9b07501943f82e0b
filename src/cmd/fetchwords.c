/* SPDX-License-Identifier: BSD-2-Clause */
/* See fetchwords.h. */
#include "cmd/fetchwords.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "archive/layout.h"
#include "base/log.h"
#include "fetch/unindexed.h"

/* Flows that are named when a prefix fits several. */
#define CANDIDATES 10u

struct fetchwords {
	const char **words; /* sorted, each once */
	bool *exact;        /* per word: it is the whole UUID of a flow */
	size_t count;
};

/* Choosing among what was found. */
struct choosing {
	const struct fetchwords *w;
	const struct archive *archive;
	const struct query *query;
	struct reading_faults *faults;
	bool *chosen;    /* per flow of the query */
	bool incomplete; /* a word has no flow, or a flow is still open */
};

static int compare_words(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int check_word(const char *word)
{
	char printable[2 * LAYOUT_UUID_SIZE];

	if (layout_prefix_valid(word))
		return 0;
	log_error("options",
	    "fetch: not a UUID: '%s'; legal: 1 to %d characters of A-Z a-z 0-9 . _ -",
	    log_printable(printable, sizeof(printable), word), LAYOUT_UUID_MAX);
	return -EINVAL;
}

int fetchwords_new(char *const *args, unsigned count, struct fetchwords **ret_words)
{
	struct fetchwords *w = calloc(1, sizeof(*w));
	int rv = w != NULL ? 0 : -ENOMEM;
	size_t kept = 0;

	if (w != NULL) {
		w->words = malloc(count * sizeof(*w->words));
		w->exact = calloc(count, sizeof(*w->exact));
		if (w->words == NULL || w->exact == NULL)
			rv = -ENOMEM;
	}
	for (unsigned i = 0; i < count && rv == 0; i++) {
		rv = check_word(args[i]);
		w->words[i] = args[i];
	}
	if (rv != 0) {
		fetchwords_free(w);
		return rv;
	}
	qsort(w->words, count, sizeof(*w->words), compare_words);
	for (unsigned i = 0; i < count; i++)
		if (kept == 0 || strcmp(w->words[kept - 1], w->words[i]) != 0)
			w->words[kept++] = w->words[i];
	w->count = kept;
	*ret_words = w;
	return 0;
}

static const char *uuid_of(const struct query_flow *f, char *buf)
{
	return partlist_uuid(f->parts[0], buf);
}

/* Marks the words that are whole UUIDs, and gathers the others, which may be beginnings of some. */
static size_t find_exact(struct fetchwords *w, const struct query *q, const char **ret_others)
{
	char uuid[LAYOUT_UUID_SIZE];
	size_t flows, others = 0;
	const struct query_flow *f = query_flows(q, &flows);

	for (size_t i = 0; i < w->count; i++) {
		size_t at = query_lower_bound(q, w->words[i]);

		w->exact[i] = at < flows && strcmp(uuid_of(&f[at], uuid), w->words[i]) == 0;
		if (!w->exact[i])
			ret_others[others++] = w->words[i];
	}
	return others;
}

/* Looks for whole UUIDs; for what is none of them, as the beginning of one. */
int fetchwords_search(struct fetchwords *w, struct query *q)
{
	struct query_words sought = {w->words, w->count, DAYINDEX_EXACT};
	const char **others = malloc(w->count * sizeof(*others));
	int rv = others != NULL ? query_find(q, &sought) : -ENOMEM;

	if (rv == 0)
		rv = query_group(q);
	if (rv == 0) {
		sought = (struct query_words){others, find_exact(w, q, others), DAYINDEX_PREFIX};
		if (sought.count > 0)
			rv = query_find(q, &sought);
		if (rv == 0 && sought.count > 0)
			rv = query_group(q);
	}
	free(others);
	return rv;
}

static void say_ambiguous(const struct choosing *c, const char *word, size_t at)
{
	char uuid[LAYOUT_UUID_SIZE], last[LAYOUT_UUID_SIZE] = "";
	size_t flows, uuids = 0;
	const struct query_flow *f = query_flows(c->query, &flows);

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
static int choose(struct choosing *c, size_t word, struct chosen_word *ret_meant)
{
	struct chosen_word *m = ret_meant;
	const char *text = c->w->words[word];
	size_t len = strlen(text) + c->w->exact[word], flows,
	       first = query_lower_bound(c->query, text);
	const struct query_flow *f = query_flows(c->query, &flows);
	char uuid[LAYOUT_UUID_SIZE];

	for (size_t at = first; at < flows && strncmp(uuid_of(&f[at], uuid), text, len) == 0;
	     at++) {
		if (m->flows++ == 0)
			memcpy(m->uuid, uuid, sizeof(uuid));
		if (strcmp(uuid, m->uuid) != 0) {
			say_ambiguous(c, text, first);
			return -ENOTUNIQ;
		}
		c->chosen[at] = true;
	}
	if (m->flows > 1)
		log_warning("fetch",
		    "'%s' names %u flows with different ends; continuing with all of them", m->uuid,
		    m->flows);
	return 0;
}

/* What lies in the staging area of each word: of its very flow, or of one that begins so. */
static int look_at_staging(
    struct choosing *c, const char *const *words, enum dayindex_match match, bool *staged)
{
	struct query_words w = {words, c->w->count, match};
	int rv = unindexed_staged(c->archive, &w, staged);

	if (rv != 0 && rv != -ENOMEM) {
		reading_bad(".staging", strerror(-rv), c->faults);
		rv = 0;
	}
	return rv;
}

/* A word without a flow. */
static void say_missing(struct choosing *c, const char *word, bool staged)
{
	c->incomplete = true;
	if (!staged)
		log_error("fetch", "not found: '%s'", word);
	else if (archive_has_writer(c->archive))
		log_error("fetch", "still open: '%s'; nothing of it is published yet", word);
	else
		log_error(
		    "fetch", "left unfinished: '%s'; the next capture to start publishes it", word);
}

void fetchwords_say_open(const struct archive *a, const char *uuid)
{
	log_warning("fetch", "%s: '%s'; continuing with what is published",
	    archive_has_writer(a) ? "still open" : "left unfinished", uuid);
}

/* Says how the words stand that are not, or not completely, in the archive. */
static int say_incomplete(struct choosing *c, const struct chosen_word *chosen)
{
	bool *exact = calloc(c->w->count, sizeof(*exact)),
	     *begun = calloc(c->w->count, sizeof(*begun));
	const char **uuids = malloc(c->w->count * sizeof(*uuids));
	int rv = exact != NULL && begun != NULL && uuids != NULL ? 0 : -ENOMEM;

	for (size_t i = 0; i < c->w->count && rv == 0; i++)
		uuids[i] = chosen[i].uuid;
	if (rv == 0)
		rv = look_at_staging(c, uuids, DAYINDEX_EXACT, exact);
	if (rv == 0)
		rv = look_at_staging(c, c->w->words, DAYINDEX_PREFIX, begun);
	for (size_t i = 0; i < c->w->count && rv == 0; i++) {
		if (chosen[i].flows == 0) {
			say_missing(c, c->w->words[i], begun[i]);
		} else if (exact[i]) {
			c->incomplete = true;
			fetchwords_say_open(c->archive, uuids[i]);
		}
	}
	free(uuids);
	free(begun);
	free(exact);
	return rv;
}

int fetchwords_choose(const struct fetchwords *w, const struct archive *a, const struct query *q,
    struct reading_faults *faults, bool *ret_chosen)
{
	struct choosing c = {
	    .w = w, .archive = a, .query = q, .faults = faults, .chosen = ret_chosen};
	struct chosen_word *meant = calloc(w->count, sizeof(*meant));
	int rv = meant != NULL ? 0 : -ENOMEM;

	for (size_t i = 0; i < w->count && rv != -ENOMEM; i++)
		if (choose(&c, i, &meant[i]) != 0)
			rv = -ENOTUNIQ;
	if (rv == 0)
		rv = say_incomplete(&c, meant);
	free(meant);
	return rv == 0 && c.incomplete ? 1 : rv;
}

void fetchwords_free(struct fetchwords *w)
{
	if (w == NULL)
		return;
	free(w->words);
	free(w->exact);
	free(w);
}
