/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Puts flow files into the archive. A flow that is complete is published in one go; one that is
 * flushed while it lives is staged first, where no reader looks. What is published never changes.
 *
 * Life-cycle:  one store per saver: open, publish and stage, close.
 * Threads:     a store belongs to one saver.
 */
#ifndef ARCHIVE_STORE_H
#define ARCHIVE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "archive/archive.h"
#include "archive/record.h"

enum sync_mode {
	SYNC_NONE,  /* the kernel writes when it likes */
	SYNC_GROUP, /* the catalog syncs whole groups before it indexes them */
	SYNC_EACH   /* each file is on disk before it is published */
};

struct store;

enum store_result {
	STORE_PUBLISHED,
	STORE_DUPLICATE /* the archive holds a file with the same bytes: the new one is gone */
};

/* What stands in the name of a staged file for the UUID of a flow that has none yet. */
#define STORE_UNNAMED "-"

/* A part on its way into the archive. */
struct store_part {
	const char *uuid; /* valid, see layout.h; STORE_UNNAMED while it is staged without a name */
	int32_t day;
	uint64_t serial; /* of the flow, from archive_serial: names its staged file */
	uint32_t part;   /* in: first number to try; out: the number it got */
	uint64_t length; /* out: bytes of the published file */
};

/* store_new - Returns: 0; -ENOMEM. The archive is open for writing and outlives the store. */
int store_new(struct archive *a, enum sync_mode sync, struct store **ret_store);

/*
 * store_publish - make a complete flow file visible under the first free number of its name.
 *
 * Takes:    *part; the whole file, data of len bytes.
 * Returns:  0, and *ret_result; -ENOSPC, -EIO and so on: nothing is visible.
 * Threads:  the saver; may block on disk.
 * Source:   open(2) on O_TMPFILE, linkat(2).
 */
int store_publish(struct store *s, struct store_part *part, const void *data, size_t len,
    enum store_result *ret_result);

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
 * Returns:  as store_publish; on failure the staged file stays where it is.
 */
int store_publish_staged(struct store *s, struct store_part *part, const void *data, size_t len,
    enum store_result *ret_result);

/*
 * store_open_staged - a staged file for reading.
 *
 * Returns:  a descriptor that the caller closes; -errno of openat(2).
 */
int store_open_staged(struct store *s, const struct store_part *part);

/* store_free - takes NULL. */
void store_free(struct store *s);

#endif
