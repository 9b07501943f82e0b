/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Publishes what an earlier run left in .staging when it was killed: flows that it was writing, up
 * to the last packet that is whole. Called at the start of the one writer. The mending of the days
 * that are dirty then writes the rows; where there are segments the days are mended before that,
 * too, for only the index tells which names are taken.
 *
 * Whatever lies in .staging and is not such a flow stays there, untouched.
 *
 * Threads:  one, before there are others.
 */
#ifndef ARCHIVE_ADOPT_H
#define ARCHIVE_ADOPT_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/archive.h"
#include "archive/record.h"
#include "archive/store.h"

enum adopt_result {
	ADOPT_PUBLISHED,
	ADOPT_DUPLICATE, /* the archive holds a part with the same bytes, or one that begins with
			    all that was whole of it: removed */
	ADOPT_EMPTY,     /* no whole packet was in it: removed */
	ADOPT_DAMAGED,   /* nothing of it can be used, or it is none of ours: left where it is */
	ADOPT_FAILED,    /* a file of ours, but the disk refused: left for the next start */
	ADOPT_LATER      /* its name was given away by this adoption: mend the days, adopt again;
			    or only what is published already was to go: left */
};

/*
 * adopt_fn - told of each file, in the order of their names.
 *
 * Takes:    its name in .staging, of any bytes; the record, NULL unless it is published; why, or
 *           what was cut off a file that is published, "" where there is nothing to say.
 */
typedef void adopt_fn(
    const char *name, enum adopt_result what, const struct record *r, const char *error, void *arg);

/* adopt_uuid_fn - the UUID that a saver would make, see uuidgen_flow. */
typedef char *adopt_uuid_fn(
    const struct flowkey *k, int64_t first_ns, uint32_t first_seq, char *buf);

struct adopt_config {
	enum store_kind store;
	enum sync_mode sync;
	struct names *names;    /* NULL: there are only files */
	bool tidy;              /* remove what is published already, and publish nothing */
	enum vlan_key vlan_key; /* whether VLAN ids tell flows apart, where the name does not say */
	adopt_uuid_fn *generate; /* buf has LAYOUT_UUID_SIZE bytes */
	adopt_fn *fn;            /* may be NULL */
	void *arg;
};

struct adopt_totals {
	uint64_t published, duplicate, empty, damaged, failed, later; /* files */
	uint64_t packets;                                             /* in the published ones */
};

/*
 * adopt_staged - go through .staging.
 *
 * Takes:    a, open for writing.
 * Returns:  0, and *ret_totals; -ENOMEM; -errno of reading .staging or of syncing: what was
 *           published stays so.
 */
int adopt_staged(
    struct archive *a, const struct adopt_config *config, struct adopt_totals *ret_totals);

#endif
