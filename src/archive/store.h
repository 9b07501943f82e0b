/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Puts flow files into the archive: each as a file, or many into a segment (see segment.h). A flow
 * that is complete is published in one go; one that is flushed while it lives is staged first,
 * where no reader looks. What is published never changes.
 *
 * Small parts that go into segments are gathered, and published together by store_flush.
 *
 * Life-cycle:  one store per saver: new, publish and stage, flush and tick, free (which flushes
 *              nothing: what is still gathered is lost).
 * Threads:     a store belongs to one saver.
 */
#ifndef ARCHIVE_STORE_H
#define ARCHIVE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "archive/archive.h"
#include "archive/layout.h"
#include "archive/names.h"
#include "archive/record.h"
#include "base/fileio.h"

enum sync_mode {
	SYNC_NONE,  /* the kernel writes when it likes */
	SYNC_GROUP, /* the catalog syncs whole groups before it indexes them */
	SYNC_EACH   /* each file is on disk before it is published */
};

struct store;

enum store_kind { STORE_FILES, STORE_SEGMENTS };

#define STORE_SEGMENT_BYTES  (UINT64_C(256) << 20)
#define STORE_SEGMENT_AGE_NS (INT64_C(3600) * 1000000000)
#define STORE_GATHER_BYTES   (256u << 10)
#define STORE_GATHER_PARTS   512u
#define STORE_GATHER_NS      INT64_C(200000000)

/* Staged parts from here on become segments of their own; copying smaller ones costs less. */
#define STORE_OWN_SEGMENT_BYTES (UINT64_C(256) << 10)

/* In segments a flow starts a new part when this much has come together, record headers included.
 */
#define STORE_PART_BYTES (((uint64_t)64 << 20) - (128u << 10))

enum store_result {
	STORE_PUBLISHED,
	STORE_GATHERED, /* store_flush publishes it, before others that come later */
	STORE_DUPLICATE /* the archive holds a part with the same bytes: the new one is gone */
};

#define STORE_UNNAMED LAYOUT_UNNAMED

/* A part on its way into the archive. */
struct store_part {
	const char *uuid; /* valid, see layout.h; STORE_UNNAMED while it is staged without a name */
	int32_t day;
	uint64_t serial;  /* of the flow, from archive_serial: names its staged file */
	uint32_t part;    /* in: first number to try; out: the number it got */
	int64_t mtime_ns; /* of the last packet */
	uint32_t segment; /* out: as in struct record */
	uint64_t offset;
	uint64_t length; /* out: bytes of the published file */
};

struct store_config {
	struct archive *archive; /* open for writing, outlives the store */
	enum store_kind kind;
	enum sync_mode sync;
	uint64_t segment_bytes; /* a segment that has come to this size is closed; 0: the default */
	int64_t segment_age_ns; /* and one that was begun so long ago; 0: the default */
	struct catalog *catalog; /* outlives the store; NULL: nobody is told of what is published */
	struct names *names;     /* outlives the store; NULL: only files are there */
	unsigned number;         /* of the saver, below NAMES_STORES */
};

/* store_new - Returns: 0; -ENOMEM. */
int store_new(const struct store_config *config, struct store **ret_store);

/*
 * store_publish - make a complete flow file visible under the first free number of its name.
 *
 * Takes:    *part; the whole file, data of len bytes.
 * Returns:  0, and *ret_result; -EAGAIN what is gathered must be flushed first; -ENOSPC, -EIO and
 *           so on: nothing is visible.
 * Threads:  the saver; may block on disk.
 * Source:   open(2) on O_TMPFILE, linkat(2).
 */
int store_publish(struct store *s, struct store_part *part, const void *data, size_t len,
    enum store_result *ret_result);

/* store_gathered - parts that wait for store_flush. */
unsigned store_gathered(const struct store *s);

/* store_flush - publish what is gathered. Returns: 0; -errno: all of it is lost. */
int store_flush(struct store *s);

/*
 * store_told - the catalog has been told of all that was published: until then other stores take
 * its names for gathered. Called when nothing is gathered; what is published next implies it.
 */
void store_told(struct store *s);

/*
 * store_tick - close segments that are old, and leave days that were not written to of late; what
 * is gathered must have been flushed.
 */
void store_tick(struct store *s, int64_t now_ns);

enum store_stage { STORE_STAGE_CREATE, STORE_STAGE_APPEND };

/*
 * store_stage - write to a flow's staged file.
 *
 * Returns:  0; -errno: the file is as it was before (whole members only).
 */
int store_stage(struct store *s, const struct store_part *part, enum store_stage how,
    const void *data, size_t len);

/*
 * store_rename_staged - give a staged file another name: that of a flow which has got its UUID.
 *
 * Takes:    part, with the new uuid; the one that the file was staged with.
 * Returns:  0, also where both are the same; -ENOENT no such staged file; -EEXIST the new name is
 *           taken; -errno of renameat2(2): the file has its old name.
 */
int store_rename_staged(struct store *s, const struct store_part *part, const char *from_uuid);

/* store_discard_staged - remove a staged file. Returns: 0; -errno of unlinkat(2). */
int store_discard_staged(struct store *s, const struct store_part *part);

/*
 * store_publish_staged - append the last bytes to a staged file and publish it.
 *
 * Returns:  as store_publish, but for STORE_GATHERED; on failure the staged file stays where it is.
 */
int store_publish_staged(struct store *s, struct store_part *part, const void *data, size_t len,
    enum store_result *ret_result);

/*
 * store_open_staged - a staged file for reading.
 *
 * Returns:  0, and *ret_extent is the flow file, whose descriptor the caller closes; -errno.
 */
int store_open_staged(struct store *s, const struct store_part *part, struct extent *ret_extent);

/*
 * store_staged_extent - where the flow file lies in a staged file: what is to go into a segment has
 * room for a tar header in front, blank until its length is known, and zeros behind it once it is.
 *
 * Takes:    fd, open for reading; its position does not change.
 * Returns:  0 and *ret_extent, with that fd; -errno of fstat(2), pread(2).
 */
int store_staged_extent(int fd, struct extent *ret_extent);

/* store_free - takes NULL. */
void store_free(struct store *s);

#endif
