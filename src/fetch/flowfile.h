/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gives the packets of one flow file, one after another, as the bytes that they are. The file is
 * read a few gzip members at a time and closed in between: as each member is whole in itself,
 * neither a descriptor nor the state of a codec is held, and thousands of files can be read side by
 * side.
 *
 * Of a damaged file the packets before the damage are given: none from a member that fails its
 * checksum, but the whole ones of a member that is cut.
 *
 * Life-cycle:  open, next until it does not return 1, close.
 * Threads:     a flowfile and its inflater belong to one thread.
 */
#ifndef FETCH_FLOWFILE_H
#define FETCH_FLOWFILE_H

#include <stdint.h>

#include "archive/archive.h"
#include "fetch/partlist.h"

/* What inflates, for any number of files that take turns. */
struct inflater;

/* inflater_new - Returns: 0; -ENOMEM. inflater_free - takes NULL. */
int flowfile_inflater_new(struct inflater **ret_inflater);
void flowfile_inflater_free(struct inflater *z);

struct flowfile;

/* A packet as it lies in the file: record header and captured bytes. */
struct flowfile_packet {
	const uint8_t *bytes; /* borrowed until the next call */
	uint32_t length;
	int64_t ts_ns;
};

/*
 * flowfile_open - begin to read a part's file. Nothing is opened yet.
 *
 * Takes:    a, p and z, borrowed until flowfile_close.
 * Returns:  0; -ENOMEM.
 */
int flowfile_open(
    const struct archive *a, const struct part *p, struct inflater *z, struct flowfile **ret_file);

/*
 * flowfile_next - the next packet.
 *
 * Returns:  1 and *ret_packet; 0 after the last, and the file is what the index says it is;
 *           -EBADMSG it is damaged, or not what the index says; -ENOENT it is missing; -ENOMEM;
 *           -errno of open(2) or read(2). After anything but 1, the same answer is given for ever.
 * Source:   RFC 1952, zlib.h.
 */
int flowfile_next(struct flowfile *f, struct flowfile_packet *ret_packet);

/* flowfile_error - what went wrong, in words, without the file's name; "" if nothing did. */
const char *flowfile_error(const struct flowfile *f);

/* flowfile_close - takes NULL. */
void flowfile_close(struct flowfile *f);

#endif
