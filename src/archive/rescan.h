/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads a flow file from end to end and makes its record anew: what the packets add up to, joined
 * with what the record member says. With that the index is rebuilt, and checked.
 */
#ifndef ARCHIVE_RESCAN_H
#define ARCHIVE_RESCAN_H

#include <stddef.h>

#include "archive/archive.h"
#include "archive/record.h"
#include "base/fileio.h"

#define RESCAN_ERROR_SIZE 256

/*
 * rescan_file - read one flow file of a day.
 *
 * Takes:    dirfd of the day; day; name, as layout_parse_file_name accepts it; ret_error of
 *           RESCAN_ERROR_SIZE bytes.
 * Returns:  0 and *ret_record, as the index should hold it;
 *           -EBADMSG the file is damaged or its record and its packets disagree: ret_error says
 *           how; -errno of open(2) or read(2), and ret_error.
 * Threads:  any.
 */
int rescan_file(
    int dirfd, int32_t day, const char *name, struct record *ret_record, char *ret_error);

/*
 * rescan_extent - the same of a flow file wherever it lies: part, day, segment and offset are left
 * zero.
 */
int rescan_extent(const struct extent *e, struct record *ret_record, char *ret_error);

/* What the name of a flow file or a member says. */
struct rescan_name {
	char uuid[LAYOUT_UUID_SIZE];
	uint32_t part;
};

/*
 * rescan_part - as rescan_file, of a flow file of that name wherever it lies: segment and offset
 * are left zero.
 */
int rescan_part(const struct extent *e, int32_t day, const struct rescan_name *name,
    struct record *ret_record, char *ret_error);

/*
 * rescan_record - the record at the end of a flow file, without looking at its packets.
 *
 * Returns:  as record_parse and rescan_file, and the same fields.
 */
int rescan_record(
    const struct extent *e, struct record *ret_record, int *ret_has_client, char *ret_error);

/*
 * rescan_open - open the flow file of a record, wherever it lies: by its name, or in its segment.
 *
 * Returns:  0 and *ret_extent, as long as the record says, whose descriptor the caller closes;
 *           -errno of openat(2) or as segment_open.
 */
int rescan_open(int dirfd, const struct record *r, struct extent *ret_extent);

/* What the packets of a flow come to, added up one by one. */
struct rescan_sums {
	struct flowkey key; /* set before the first is added */
	struct tally tally;
	struct tally_roles roles;
};

/*
 * rescan_add - add the next packet of a flow file.
 *
 * Takes:    s, zero but for its key; p, in the order of the file; ret_error as above.
 * Returns:  0; -EBADMSG the packet does not belong there: ret_error says why.
 */
int rescan_add(struct rescan_sums *s, const struct packet *p, char *ret_error);

/*
 * rescan_packets - what the packets of a flow file, published or staged, add up to.
 *
 * Takes:    e, open for reading, left where it is; k, the key of the flow; ret_error as above.
 * Returns:  0 and *ret_tally; -EBADMSG, -errno as above.
 */
int rescan_packets(
    const struct extent *e, const struct flowkey *k, struct tally *ret_tally, char *ret_error);

/*
 * rescan_day - call fn with the name of every flow file of a day, in the order of the directory.
 *
 * Returns:  0; -errno; a negative result of fn ends the walk and is returned.
 */
typedef int rescan_fn(int dirfd, const char *name, void *arg);

int rescan_day(const struct archive *a, int32_t day, rescan_fn *fn, void *arg);

#endif
