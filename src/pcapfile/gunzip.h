/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inflates a gzip file as it is read: any number of members one after the other, some of them
 * perhaps empty, padding of zero bytes after the last. What was whole before a tear or a damaged
 * place is given before the fault is.
 *
 * Life-cycle:  new, read until it does not return bytes, free.
 * Threads:     one at a time.
 */
#ifndef PCAPFILE_GUNZIP_H
#define PCAPFILE_GUNZIP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "pcapfile/fault.h"
#include "pcapfile/rawfile.h"

struct gunzip;

/*
 * gunzip_new - start inflating.
 *
 * Takes:    file, borrowed until gunzip_free; buffer, allocated with malloc, with room for
 *           capacity bytes, of which the first `filled` were already read from file.
 * Returns:  0 and *ret_gunzip; -ENOMEM.
 * Owner:    on 0 takes buffer, which becomes its input buffer; else the caller keeps it.
 */
int gunzip_new(struct rawfile *file, uint8_t *buffer, size_t capacity, size_t filled,
	       struct gunzip **ret_gunzip);

/*
 * gunzip_read - the next inflated bytes, as soon as there are any.
 *
 * Takes:    g; room for capacity bytes at buffer; where to write what is wrong.
 * Returns:  how many bytes there are, at most capacity; 0 after the last member;
 *           -ENODATA the file ends inside a member; -EBADMSG it is damaged, a checksum is wrong, or
 *           something that is no member follows the last; -ENOMEM; -errno of read(2). After
 *           anything but bytes, the same answer is given for ever.
 * Source:   RFC 1952, zlib.h.
 */
ssize_t gunzip_read(struct gunzip *g, uint8_t *buffer, size_t capacity, struct fault *fault);

/* gunzip_free - give everything back but the file. Takes NULL. */
void gunzip_free(struct gunzip *g);

#endif
