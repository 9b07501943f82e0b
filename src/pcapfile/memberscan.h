/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goes through a gzip file member by member, and gives each in one piece once its checksum has been
 * compared: what it gave is whole, and where that ends is known to the byte. For files whose end
 * may be torn, and that anybody may have written: it holds the same memory whatever they say.
 *
 * Life-cycle:  new, then for each file begin and next until it does not return 1, free.
 * Threads:     a memberscan belongs to one thread.
 */
#ifndef PCAPFILE_MEMBERSCAN_H
#define PCAPFILE_MEMBERSCAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/fileio.h"
#include "pcapfile/fault.h"

struct memberscan;

struct memberscan_member {
	uint64_t offset;     /* where it begins in the file */
	uint64_t length;     /* its bytes there, header and trailer included */
	const uint8_t *data; /* inflated; borrowed until the next call */
	size_t data_len;
};

/*
 * memberscan_new - a scanner, used again for file after file.
 *
 * Takes:    the most bytes that a member may inflate to.
 * Returns:  0; -ENOMEM.
 */
int memberscan_new(size_t max_data_bytes, struct memberscan **ret_scan);

/*
 * memberscan_begin - go to the start of a flow file; its descriptor is borrowed, its position left
 * alone. Offsets are counted from that start.
 */
void memberscan_begin(struct memberscan *m, const struct extent *e);

/*
 * memberscan_next - the next whole member.
 *
 * Returns:  1 and *ret_member; 0 the file ends after the last one;
 *           -ENODATA it ends inside of one; -EBADMSG what comes is no member, is damaged or too
 *           large; -ENOMEM; -errno of pread(2); all but 0 with words in fault.
 * Source:   RFC 1952, zlib.h.
 */
int memberscan_next(
    struct memberscan *m, struct memberscan_member *ret_member, struct fault *fault);

/* memberscan_free - takes NULL. */
void memberscan_free(struct memberscan *m);

#endif
