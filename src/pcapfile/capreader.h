/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads one capture file, whatever it is: pcap or pcapng, either byte order, any time resolution,
 * plain or gzip'd, from a file or from a pipe. Gives whole packets in the order of the file, and
 * says where and why it stopped when the file is cut short or damaged.
 *
 * Life-cycle:  open, next until it does not return 1, close.
 * Threads:     one at a time, but for capreader_progress.
 */
#ifndef PCAPFILE_CAPREADER_H
#define PCAPFILE_CAPREADER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fileio.h"
#include "packet/packet.h"

struct capreader;

/*
 * capreader_open - open a capture and read as much as tells its format.
 *
 * Takes:    path, or "-" for the standard input.
 * Returns:  0, and *ret_reader is to be given to capreader_close;
 *           -errno of open(2) or read(2); -EISDIR a directory; -ENODATA an empty file, or one cut
 *           inside its first header; -EBADMSG damaged there; -ENOTSUP not a capture format that we
 *           read. On failure *ret_reader is still set when there is memory for it, so that
 *           capreader_error can be asked; close it.
 * Source:   draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng, RFC 1952.
 */
int capreader_open(const char *path, struct capreader **ret_reader);

/*
 * capreader_open_extent - the same of a range of an open regular file.
 *
 * Takes:    e, whose descriptor stays the caller's, who may close it; its position does not change.
 * Returns:  as capreader_open.
 */
int capreader_open_extent(const struct extent *e, struct capreader **ret_reader);

/*
 * capreader_next - the next packet.
 *
 * Takes:    r.
 * Returns:  1 and *ret_packet, whose bytes are borrowed until the next call;
 *           0 the end of the file, cleanly;
 *           -ENODATA the file ends inside a packet, or its gzip stream is cut (all whole packets
 *           were given);
 *           -EBADMSG damaged beyond this point; -errno of read(2). After anything but 1, the
 *           same answer is given for ever.
 */
int capreader_next(struct capreader *r, struct packet *ret_packet);

/*
 * capreader_ready - is the next packet there already, so that capreader_next gives it at once and
 * what it lent before stays where it is?
 *
 * Returns:  true: the next capreader_next returns 1, and all that was lent since the last one that
 *           came without a true before it is lent on; false: perhaps, perhaps not (pcapng).
 */
bool capreader_ready(const struct capreader *r);

/*
 * capreader_error - what went wrong, in words.
 *
 * Returns:  one line such as "offset 4096: packet cut after 57 bytes", without the name of the
 *           file, or "" if nothing did. What stands in the file is not shown, see fault.h.
 *           Offsets count from the start of the (inflated) capture; where the gzip stream itself
 *           is at fault, the byte of the file is named too. Belongs to r.
 */
const char *capreader_error(const struct capreader *r);

/*
 * capreader_skipped - pcapng blocks that were damaged in themselves and passed over, so far:
 * packets that contradict themselves, packets whose time does not fit int64_t nanoseconds, and the
 * options of an interface where they cannot be read (its name and clock may then be missing).
 *
 * Returns:  their number; when it is not 0, capreader_skipped_error names the first of them.
 */
uint64_t capreader_skipped(const struct capreader *r);
const char *capreader_skipped_error(const struct capreader *r);

/*
 * capreader_interface_name - the name that the capture gives to interface number n, or NULL.
 *
 * Takes:    n, a packet's `interface`. Numbers go on over the sections of a file: they are unique
 *           within one reader.
 * Returns:  text that belongs to r, valid until capreader_close; control characters are not
 *           filtered. At most 255 bytes of a name are kept.
 */
const char *capreader_interface_name(const struct capreader *r, uint32_t n);

/*
 * capreader_interrupt - from now on a signal ends whatever waits for an input, with -EINTR.
 *
 * Threads:  any. For the whole process, for good; see rawfile_interrupt.
 */
void capreader_interrupt(void);

/*
 * capreader_progress - how far we are, in bytes of the file as it lies on disk.
 *
 * Takes:    r; ret_size_bytes may be NULL.
 * Returns:  bytes read so far; *ret_size_bytes is the file's size, 0 where it has none (a pipe).
 * Threads:  any, while another reads.
 */
uint64_t capreader_progress(const struct capreader *r, uint64_t *ret_size_bytes);

/* capreader_close - give everything back. Takes NULL and readers whose open failed. */
void capreader_close(struct capreader *r);

#endif
