/* SPDX-License-Identifier: BSD-2-Clause */
/* flowkeep pin: keep flows for good, or no longer. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/dayindex.h"
#include "archive/layout.h"
#include "archive/pin.h"
#include "archive/rescan.h"
#include "archive/segment.h"
#include "base/fileio.h"
#include "base/log.h"
#include "cmd/commands.h"
#include "cmd/reading.h"
#include "fetch/query.h"
#include "fetch/unindexed.h"

struct pinning {
	const struct options *options;
	struct archive *archive;
	struct archive *pinned; /* NULL: nothing is, and nothing is to be */
	struct reading_faults faults;
	struct query *query;
	bool *staged; /* per word: more of it is to come */
	uint64_t parts, flows;
	bool incomplete; /* something was not found */
	bool failed;     /* something could not be done */
};

static int check_words(const struct options *o)
{
	char printable[2 * LAYOUT_UUID_SIZE];

	if (o->arg_count == 0) {
		log_error("options", "pin: no UUID is named");
		return -EINVAL;
	}
	for (unsigned i = 0; i < o->arg_count; i++) {
		if (layout_uuid_valid(o->args[i]))
			continue;
		log_error("options",
		    "pin: not a UUID: '%s'; legal: 1 to %d characters of A-Z a-z 0-9 . _ -",
		    log_printable(printable, sizeof(printable), o->args[i]), LAYOUT_UUID_MAX);
		return -EINVAL;
	}
	return 0;
}

static int search(struct pinning *x)
{
	const struct query_words w = {
	    (const char *const *)x->options->args, x->options->arg_count, DAYINDEX_EXACT};
	int rv = query_new(x->archive, reading_bad, &x->faults, &x->query);

	x->staged = calloc(w.count, sizeof(*x->staged));
	if (x->staged == NULL)
		return -ENOMEM;
	if (rv == 0)
		rv = query_find(x->query, &w);
	if (rv == 0)
		rv = query_group(x->query);
	/* Afterwards: what is published meanwhile was still open when we looked. */
	if (rv == 0)
		rv = unindexed_staged(x->archive, &w, x->staged);
	return rv;
}

/* ---- one part ---------------------------------------------------------------------------------
 */

static int record_of_row(const struct pinning *x, const struct part *p, struct record *r)
{
	char uuid[LAYOUT_UUID_SIZE];
	struct dayindex *index;
	int rv = dayindex_open(x->archive, p->day, DAYINDEX_READ, &index);

	if (rv != 0)
		return rv;
	rv = dayindex_find(index, partlist_uuid(p, uuid), p->number, r);
	dayindex_close(index);
	if (rv < 0)
		return rv;
	return rv == 1 ? 0 : -ENOENT;
}

static int open_part(const struct pinning *x, const struct part *p, struct extent *ret_extent)
{
	char uuid[LAYOUT_UUID_SIZE], name[LAYOUT_NAME_SIZE];
	int dir = archive_open_day(x->archive, p->day), fd, rv;

	if (dir < 0)
		return dir;
	if (p->segment > 0)
		fd = segment_open(dir, p->segment);
	else
		fd = openat(dir, layout_file_name(partlist_uuid(p, uuid), p->number, name),
		    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	rv = fd >= 0 ? 0 : p->segment > 0 ? fd : -errno;
	fileio_close(dir);
	if (rv != 0)
		return rv;
	*ret_extent = (struct extent){fd, p->offset, p->length};
	rv = p->segment == 0 ? fileio_extent(fd, ret_extent) : 0;
	if (rv != 0)
		fileio_close(fd);
	return rv;
}

/* Of a part that no index tells of yet: its file does. */
static int record_of_file(const struct pinning *x, const struct part *p, struct record *r)
{
	char error[RESCAN_ERROR_SIZE];
	struct extent e;
	int rv = open_part(x, p, &e);

	if (rv != 0)
		return rv;
	rv = rescan_extent(&e, r, error);
	fileio_close(e.fd);
	r->day = p->day;
	r->part = p->number;
	r->segment = p->segment;
	r->offset = p->offset;
	r->length = p->segment > 0 ? p->length : e.length;
	return rv;
}

static int pin_one(const struct pinning *x, const struct part *p)
{
	struct record r;
	int rv;

	if (p->pinned)
		return 0;
	rv = record_of_row(x, p, &r);
	if (rv == -ENOENT)
		rv = record_of_file(x, p, &r);
	return rv == 0 ? pin_part(x->archive, x->pinned, &r) : rv;
}

/* It may have gone from a file into a segment since it was found: then it is looked up anew. */
static int pin_wherever(const struct pinning *x, const struct part *p)
{
	struct part now = *p;
	int rv = pin_one(x, p);

	if (rv == -ENOENT && query_locate(x->query, &now) == 0)
		rv = pin_one(x, &now);
	return rv;
}

static int unpin(const struct pinning *x, const struct part *p)
{
	struct record r = {.day = p->day, .part = p->number};

	(void)partlist_uuid(p, r.uuid);
	return x->pinned != NULL ? pin_remove(x->pinned, &r) : -ENOENT;
}

static const char *reason(const struct pinning *x, int rv)
{
	switch (rv) {
	case -ENOENT:
		return x->options->remove ? "it is not pinned" : "it is gone";
	case -EEXIST:
		return "another flow of its name is pinned";
	case -EBADMSG:
		return "it is damaged";
	default:
		return strerror(-rv);
	}
}

static void do_part(struct pinning *x, const struct part *p)
{
	int rv = x->options->remove ? unpin(x, p) : pin_wherever(x, p);
	char path[PARTLIST_PATH_SIZE];

	if (rv == 0) {
		x->parts++;
		return;
	}
	if (rv == -ENOENT)
		x->incomplete = true;
	else
		x->failed = true;
	log_error("pin", "cannot %s '%s': %s", x->options->remove ? "unpin" : "pin",
	    partlist_path(p, path), reason(x, rv));
}

/* ---- one word ---------------------------------------------------------------------------------
 */

static void say_missing(struct pinning *x, const char *word, bool staged)
{
	x->incomplete = true;
	if (!staged)
		log_error("pin", "not found: '%s'", word);
	else if (archive_has_writer(x->archive))
		log_error("pin", "still open: '%s'; nothing of it is published yet", word);
	else
		log_error(
		    "pin", "left unfinished: '%s'; the next capture to start publishes it", word);
}

static void say_open(struct pinning *x, const char *word)
{
	x->incomplete = true;
	log_warning("pin", "%s: '%s'; continuing with what is published",
	    archive_has_writer(x->archive) ? "still open" : "left unfinished", word);
}

static void do_word(struct pinning *x, const char *word, bool staged)
{
	size_t n, at = query_lower_bound(x->query, word), first = at;
	const struct query_flow *flows = query_flows(x->query, &n);
	char uuid[LAYOUT_UUID_SIZE];

	for (; at < n && strcmp(partlist_uuid(flows[at].parts[0], uuid), word) == 0; at++) {
		x->flows++;
		for (size_t i = 0; i < flows[at].count; i++)
			do_part(x, flows[at].parts[i]);
	}
	if (at == first)
		say_missing(x, word, staged);
	else if (staged && !x->options->remove)
		say_open(x, word);
}

static int pin(struct pinning *x)
{
	const struct options *o = x->options;
	int rv = search(x);

	if (rv == 0) {
		rv = pin_open(x->archive, !o->remove, &x->pinned);
		if (rv == -ENOENT && o->remove)
			rv = 0; /* every part will be said not to be pinned */
	}
	if (rv != 0) {
		log_error("pin", "cannot pin in '%s': %s", archive_path(x->archive), strerror(-rv));
		return EXIT_NOTHING;
	}
	for (unsigned i = 0; i < o->arg_count; i++)
		do_word(x, o->args[i], x->staged[i]);
	if (!o->quiet)
		(void)fprintf(stderr, "%s %" PRIu64 " parts of %" PRIu64 " flows\n",
		    o->remove ? "unpinned" : "pinned", x->parts, x->flows);
	if (x->failed || x->faults.count > 0)
		return EXIT_NOTHING;
	return x->incomplete ? EXIT_PARTLY : EXIT_OK;
}

int cmd_pin(const struct options *o)
{
	struct pinning x = {.options = o, .faults = {.component = "pin"}};
	int status;

	if (check_words(o) != 0)
		return EXIT_USAGE;
	if (reading_open("pin", o->dir, &x.archive) != 0)
		return EXIT_NOTHING;
	status = pin(&x);
	query_free(x.query);
	free(x.staged);
	archive_close(x.pinned);
	archive_close(x.archive);
	return status;
}
